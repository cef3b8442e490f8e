//! How far each of the three is, asked ten times a second.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use binlogd_client::{ConnectOptions, Connection, Row};
use binlogd_event::GtidSet;
use testkit::daemon;
use tokio::runtime::Runtime;

use super::clients::as_root;
use super::stage::Stage;

/// How often each is asked.
pub(super) const INTERVAL: Duration = Duration::from_millis(100);

/// A place in the binlog. Files of one server are ordered by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position {
    pub(super) file: String,
    pub(super) offset: u64,
}

/// What was last seen.
#[derive(Clone, Debug, Default)]
pub(super) struct Reading {
    pub(super) primary: Position,
    /// Transactions committed since the start.
    pub(super) committed: u64,
    /// Acknowledgements of binlogd that commits waited for. One serves all that wait together.
    pub(super) acknowledged: u64,
    /// Commits confirmed to their clients although nobody had acknowledged them in time.
    pub(super) without: u64,
    /// What is durable in binlogd.
    pub(super) durable: Position,
    pub(super) binlogd: BinlogdState,
    pub(super) replica: Position,
    /// Transactions that the replica has applied.
    pub(super) applied: u64,
    /// How long ago the primary was where the replica is.
    pub(super) lag: Duration,
    pub(super) commits_per_s: f64,
}

/// What binlogd is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum BinlogdState {
    #[default]
    Starting,
    Running,
    Killed,
}

/// Readings, shared between those who take and those who show them.
#[derive(Default)]
pub(super) struct Gauges(Mutex<State>);

#[derive(Default)]
struct State {
    reading: Reading,
    history: History,
}

impl Gauges {
    pub(super) fn read(&self) -> Reading {
        let mut reading = self.lock().reading.clone();
        // They are asked one after the other. Who was asked before others were further has gone on
        // with them since.
        reading.committed = reading.committed.max(reading.applied);
        if reading.durable > reading.primary {
            reading.primary = reading.durable.clone();
        }
        reading
    }

    pub(super) fn binlogd_is_killed(&self) {
        self.lock().reading.binlogd = BinlogdState::Killed;
    }

    pub(super) fn binlogd_is_started(&self) {
        self.lock().reading.binlogd = BinlogdState::Starting;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where the primary was when.
#[derive(Debug, Default)]
struct History(VecDeque<(Instant, Position, u64)>);

impl History {
    fn add(&mut self, at: Instant, position: Position, committed: u64) {
        self.0.push_back((at, position, committed));
        // An hour at ten a second; a longer lag is shown as an hour.
        if self.0.len() > 36_000 {
            self.0.pop_front();
        }
    }

    /// How long ago the primary went beyond `applied`; nothing if it has not.
    fn lag(&self, now: Instant, applied: &Position) -> Duration {
        let beyond = self.0.partition_point(|(_, position, _)| position <= applied);
        self.0.get(beyond).map_or(Duration::ZERO, |(at, ..)| now.saturating_duration_since(*at))
    }

    /// Commits in the last second.
    fn commits_per_s(&self, now: Instant) -> f64 {
        let second = Duration::from_secs(1);
        let recent = self.0.partition_point(|(at, ..)| now.saturating_duration_since(*at) > second);
        match (self.0.get(recent), self.0.back()) {
            (Some((from, _, before)), Some((to, _, after))) if to > from => {
                crate::units::float(after - before) / (*to - *from).as_secs_f64()
            }
            _ => 0.0,
        }
    }
}

/// Asks all three in the background for as long as the runtime lives.
pub(super) fn watch(runtime: &Runtime, stage: &Stage, gauges: &Arc<Gauges>) {
    let binlogd = ConnectOptions::default()
        .socket(stage.binlogd.socket())
        .user(daemon::USER)
        .password(daemon::PASSWORD);
    runtime.spawn(ask_again(as_root(&stage.primary), Arc::clone(gauges), ask_primary));
    runtime.spawn(ask_again(as_root(&stage.replica), Arc::clone(gauges), ask_replica));
    runtime.spawn(ask_again(binlogd, Arc::clone(gauges), ask_binlogd));
}

/// Connects, asks until that fails, and begins again: binlogd will be away for a while.
async fn ask_again(
    options: ConnectOptions,
    gauges: Arc<Gauges>,
    ask: impl AsyncFn(&mut Connection, &Gauges) -> Result<()>,
) {
    loop {
        if let Ok(mut connection) = Connection::connect(&options).await {
            while ask(&mut connection, &gauges).await.is_ok() {
                tokio::time::sleep(INTERVAL).await;
            }
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

async fn ask_primary(connection: &mut Connection, gauges: &Gauges) -> Result<()> {
    let row = one_row(connection, "show binary log status").await?;
    let primary = position(&row, 0, 1)?;
    let committed = count_gtids(&row.by_name("Executed_Gtid_Set").context("no GTIDs")?)?;
    let acknowledged = status(connection, "Rpl_semi_sync_source_yes_tx").await?;
    let without = status(connection, "Rpl_semi_sync_source_no_tx").await?;
    let mut state = gauges.lock();
    let now = Instant::now();
    state.history.add(now, primary.clone(), committed);
    let commits_per_s = state.history.commits_per_s(now);
    let reading = &mut state.reading;
    (reading.primary, reading.committed) = (primary, committed);
    (reading.acknowledged, reading.without) = (acknowledged, without);
    reading.commits_per_s = commits_per_s;
    Ok(())
}

async fn ask_binlogd(connection: &mut Connection, gauges: &Gauges) -> Result<()> {
    let row = one_row(connection, "show binary log status").await?;
    let durable = position(&row, 0, 1)?;
    let mut state = gauges.lock();
    state.reading.durable = durable;
    // An answer from just before the end comes late.
    if state.reading.binlogd != BinlogdState::Killed {
        state.reading.binlogd = BinlogdState::Running;
    }
    Ok(())
}

async fn ask_replica(connection: &mut Connection, gauges: &Gauges) -> Result<()> {
    let row = one_row(connection, "show replica status").await?;
    let column = |name: &str| row.by_name(name).with_context(|| format!("no {name}"));
    let replica = Position {
        file: column("Relay_Source_Log_File")?.into_owned(),
        offset: column("Exec_Source_Log_Pos")?.parse()?,
    };
    let applied = count_gtids(&column("Executed_Gtid_Set")?)?;
    let mut state = gauges.lock();
    let lag = state.history.lag(Instant::now(), &replica);
    let reading = &mut state.reading;
    (reading.replica, reading.applied, reading.lag) = (replica, applied, lag);
    Ok(())
}

async fn one_row(connection: &mut Connection, sql: &str) -> Result<Row> {
    connection.query_first(sql).await?.with_context(|| format!("{sql}: no row"))
}

fn position(row: &Row, file: usize, offset: usize) -> Result<Position> {
    let file = row.text(file).context("no file")?.into_owned();
    let offset = row.text(offset).context("no position")?.parse()?;
    Ok(Position { file, offset })
}

async fn status(connection: &mut Connection, name: &str) -> Result<u64> {
    let row = one_row(connection, &format!("show global status like '{name}'")).await?;
    Ok(row.text(1).context("no value")?.parse()?)
}

/// How many transactions a GTID set names.
pub(super) fn count_gtids(text: &str) -> Result<u64> {
    Ok(u64::try_from(text.parse::<GtidSet>()?.count())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(file: u32, offset: u64) -> Position {
        Position { file: format!("binlog.{file:06}"), offset }
    }

    #[test]
    fn lag_is_the_time_since_the_primary_went_further() {
        let start = Instant::now();
        let after = |ms: u64| start + Duration::from_millis(ms);
        let mut history = History::default();
        history.add(after(0), at(1, 100), 1);
        history.add(after(100), at(1, 200), 2);
        history.add(after(200), at(2, 50), 3);
        let lag = |position: &Position| history.lag(after(300), position).as_millis();
        assert_eq!(lag(&at(1, 50)), 300);
        assert_eq!(lag(&at(1, 100)), 200);
        assert_eq!(lag(&at(1, 250)), 100, "the next file is further");
        assert_eq!(lag(&at(2, 50)), 0, "caught up");
    }

    #[test]
    fn the_rate_is_that_of_the_last_second() {
        let start = Instant::now();
        let mut history = History::default();
        assert_eq!(history.commits_per_s(start), 0.0);
        for tenth in 0..=20 {
            let committed = if tenth < 10 { tenth } else { 10 + (tenth - 10) * 50 };
            history.add(start + INTERVAL * u32::try_from(tenth).unwrap(), at(1, tenth), committed);
        }
        let rate = history.commits_per_s(start + INTERVAL * 20);
        assert!((rate - 500.0).abs() < 1e-6, "{rate}");
    }

    #[test]
    fn transactions_are_counted_over_all_intervals() {
        let uuid = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
        assert_eq!(count_gtids(&format!("{uuid}:1-10:15")).unwrap(), 11);
        assert_eq!(count_gtids("").unwrap(), 0);
    }
}
