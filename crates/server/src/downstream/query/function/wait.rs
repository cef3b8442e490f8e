//! Functions that wait for transactions, for a position, or for a time.

use std::time::Duration;

use binlogd_event::GtidPosition;

use super::super::super::error::SqlError;
use super::super::super::facts::Gtids;
use super::super::super::replica::Running;
use super::super::super::sql::{Dialect, Value};
use super::super::super::variables::View;

/// What a function waits for.
#[derive(Debug, PartialEq, Eq)]
pub(in super::super::super) struct Wait {
    pub(in super::super::super) until: Until,
    /// `None` is for ever.
    pub(in super::super::super) timeout: Option<Duration>,
    /// What is answered when the time is over.
    late: i64,
}

/// What ends a wait before its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super::super) enum Until {
    /// These transactions are here.
    Gtids(Gtids),
    /// The primary's file is here up to a position.
    Position(String, u64),
    /// Nothing.
    Never,
}

impl Wait {
    /// What the function answers after the wait.
    pub(super) fn outcome(&self, view: &View<'_>) -> Value {
        let facts = &view.server.facts;
        let is_over = match &self.until {
            Until::Gtids(gtids) => facts.has_executed(gtids),
            Until::Position(file, position) => facts.has_position(file, *position),
            Until::Never => false,
        };
        Value::Int(if is_over { 0 } else { self.late })
    }
}

/// What a call waits for, if it is of a function that waits; `None` inside is NULL. The rules are those
/// seen on MySQL 9.7 and 5.6, and MariaDB 10.11.
pub(in super::super) fn wait(
    view: &View<'_>,
    name: &str,
    args: &[Value],
) -> Option<Result<Option<Wait>, SqlError>> {
    match view.server.dialect() {
        Dialect { mariadb: true, .. } if name.eq_ignore_ascii_case("MASTER_GTID_WAIT") => {
            Some(master_gtid_wait(name, args))
        }
        Dialect { mariadb: false, version: 50_705.., .. }
            if name.eq_ignore_ascii_case("WAIT_FOR_EXECUTED_GTID_SET") =>
        {
            Some(wait_for_executed(view, name, args).map(Some))
        }
        Dialect { mariadb: false, version: 50_605..80_400 }
            if name.eq_ignore_ascii_case("WAIT_UNTIL_SQL_THREAD_AFTER_GTIDS") =>
        {
            Some(wait_for_applier(view, name, args))
        }
        _ if name == "SLEEP" => Some(sleep(name, args).map(Some)),
        Dialect { mariadb, version } => {
            let is_known = match name {
                "MASTER_POS_WAIT" => true,
                "SOURCE_POS_WAIT" => !mariadb && version >= 80_026,
                _ => false,
            };
            is_known.then(|| position_wait(view, name, args))
        }
    }
}

fn sleep(name: &str, args: &[Value]) -> Result<Wait, SqlError> {
    let [seconds] = args else { return Err(SqlError::wrong_parameter_count(name)) };
    let seconds = seconds.to_f64().filter(|seconds| *seconds >= 0.0);
    let seconds = seconds.ok_or_else(|| SqlError::wrong_arguments("sleep."))?;
    Ok(Wait { until: Until::Never, timeout: Some(duration(seconds)), late: 0 })
}

/// `SOURCE_POS_WAIT(file, position [, timeout [, channel]])`: NULL where nothing is received. It counts
/// events that it waited for, which is always 0 here.
fn position_wait(view: &View<'_>, name: &str, args: &[Value]) -> Result<Option<Wait>, SqlError> {
    let (file, position, timeout) = match args {
        [file, position] => (file, position, None),
        [file, position, timeout] | [file, position, timeout, _] => {
            (file, position, timeout.to_f64())
        }
        _ => return Err(SqlError::wrong_parameter_count(name)),
    };
    if timeout.is_some_and(|seconds| seconds < 0.0) && !view.server.dialect().mariadb {
        return Err(SqlError::wrong_arguments(&format!("{name}.")));
    }
    let status = view.server.facts.replica_status();
    if *file == Value::Null || status.is_none_or(|status| status.running == Running::No) {
        return Ok(None);
    }
    let Some(position) = position.to_u64() else { return Ok(None) };
    let timeout = timeout.filter(|seconds| *seconds > 0.0).map(duration);
    Ok(Some(Wait { until: Until::Position(file.to_text(), position), timeout, late: -1 }))
}

fn wait_for_executed(view: &View<'_>, name: &str, args: &[Value]) -> Result<Wait, SqlError> {
    const NAME: &str = "WAIT_FOR_EXECUTED_GTID_SET";
    let (set, timeout) = match args {
        [set] => (set, Some(0.0)),
        [set, timeout] => (set, timeout.to_f64()),
        _ => return Err(SqlError::wrong_parameter_count(name)),
    };
    if view.server.facts.gtid_mode() == "OFF" {
        return Err(SqlError::needs_gtid_mode(NAME));
    }
    let timeout = timeout.filter(|seconds| *seconds >= 0.0);
    let seconds = timeout.ok_or_else(|| SqlError::wrong_arguments(&format!("{NAME}.")))?;
    let text = if *set == Value::Null { "NULL".to_owned() } else { set.to_text() };
    let gtids = text.parse().map_err(|_| SqlError::malformed_gtid_set(&text))?;
    // Without a limit it waits for ever.
    let timeout = (seconds > 0.0).then(|| duration(seconds));
    Ok(Wait { until: Until::Gtids(Gtids::Set(gtids)), timeout, late: 1 })
}

/// The older function, which the newer MySQLs have no more: NULL where nothing is applied. Of what it waited
/// for it counts something that is not defined; here that is always 0.
fn wait_for_applier(view: &View<'_>, name: &str, args: &[Value]) -> Result<Option<Wait>, SqlError> {
    let (set, timeout) = match args {
        [set] => (set, None),
        [set, timeout] => (set, timeout.to_f64()),
        _ => return Err(SqlError::wrong_parameter_count(name)),
    };
    if *set == Value::Null {
        return Ok(None);
    }
    let text = set.to_text();
    let gtids = text.parse().map_err(|_| SqlError::malformed_gtid_set(&text))?;
    let status = view.server.facts.replica_status();
    if status.is_none_or(|status| status.running == Running::No) {
        return Ok(None);
    }
    // It counts whole seconds; none are no limit.
    let timeout = timeout.map(f64::round).filter(|seconds| *seconds > 0.0).map(duration);
    Ok(Some(Wait { until: Until::Gtids(Gtids::Set(gtids)), timeout, late: -1 }))
}

fn master_gtid_wait(name: &str, args: &[Value]) -> Result<Option<Wait>, SqlError> {
    let (position, timeout) = match args {
        [position] => (position, None),
        [position, timeout] => (position, timeout.to_f64()),
        _ => return Err(SqlError::wrong_parameter_count(name)),
    };
    if *position == Value::Null {
        return Ok(None);
    }
    let malformed = |_| SqlError::new(1941, b"HY000", "Could not parse GTID list");
    let position = position.to_text().parse::<GtidPosition>().map_err(malformed)?;
    // Here it is the limit below 0, or NULL, that is none.
    let timeout = timeout.filter(|seconds| *seconds >= 0.0).map(duration);
    Ok(Some(Wait { until: Until::Gtids(Gtids::Position(position)), timeout, late: -1 }))
}

/// At most some years.
fn duration(seconds: f64) -> Duration {
    const MAX: Duration = Duration::from_secs(1 << 28);
    Duration::try_from_secs_f64(seconds).map_or(MAX, |duration| duration.min(MAX))
}
