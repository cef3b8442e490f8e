//! What one sees: on a terminal a small table drawn again and again with events above it, else
//! a line each second.

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::gauges::{BinlogdState, Gauges, Position, Reading};
use crate::units::{bytes, seconds, thousands};

/// How often a terminal is drawn.
const REDRAW: Duration = Duration::from_millis(200);
/// How often a line is written where there is no terminal.
const LINE: Duration = Duration::from_secs(1);

/// Shows readings until it is stopped or dropped.
pub(super) struct Screen {
    started: Instant,
    table: Option<MultiProgress>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Screen {
    pub(super) fn start(gauges: Arc<Gauges>, clients: u32, total: Duration) -> Self {
        let (started, stop) = (Instant::now(), Arc::new(AtomicBool::new(false)));
        let table = io::stdout()
            .is_terminal()
            .then(|| MultiProgress::with_draw_target(ProgressDrawTarget::stdout()));
        let mut view: Box<dyn View> = match &table {
            Some(table) => Box::new(TableView::new(table, clients, total)),
            None => Box::new(LineView::new(clients)),
        };
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                view.show(started.elapsed(), &gauges.read());
                thread::sleep(REDRAW);
            }
            view.end(started.elapsed(), &gauges.read());
        });
        Self { started, table, stop, thread: Some(thread) }
    }

    /// Says what has happened.
    pub(super) fn event(&self, what: &str) {
        let line = format!("{:>6}  {what}", seconds(self.started.elapsed()));
        match &self.table {
            // It fails only if the terminal does, and then nobody is looking.
            Some(table) => drop(table.println(line)),
            None => println!("{line}"),
        }
    }

    /// Shows the last readings and leaves them there.
    pub(super) fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
            if self.table.is_some() {
                // The cursor still stands at the table's end.
                println!();
            }
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.end();
    }
}

/// A way to show readings.
trait View: Send {
    /// Called every [`REDRAW`].
    fn show(&mut self, elapsed: Duration, reading: &Reading);
    /// Called at the end.
    fn end(&mut self, elapsed: Duration, reading: &Reading);
}

/// Lines, and a bar of time.
struct TableView {
    bars: Vec<ProgressBar>,
    time: ProgressBar,
    clients: u32,
}

impl TableView {
    fn new(table: &MultiProgress, clients: u32, total: Duration) -> Self {
        let line = || {
            let bar = table.add(ProgressBar::new(1));
            bar.set_style(style("{wide_msg}"));
            bar
        };
        let bars = (0..5).map(|_| line()).collect();
        let time = table.add(ProgressBar::new(u64::try_from(total.as_millis()).unwrap_or(1)));
        time.set_style(style("  {msg}  {wide_bar:.green}  "));
        Self { bars, time, clients }
    }
}

/// The templates are our own, and one that is wrong would only look plain.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

impl View for TableView {
    fn show(&mut self, elapsed: Duration, reading: &Reading) {
        for (bar, line) in self.bars.iter().zip(table_lines(reading)) {
            bar.set_message(line);
        }
        let done = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        let total = self.time.length().unwrap_or(done);
        self.time.set_position(done.min(total));
        self.time.set_message(match done < total {
            true => format!("{} clients write, {:>6}", self.clients, seconds(elapsed)),
            false => format!("catching up, {:>6}", seconds(elapsed)),
        });
    }

    fn end(&mut self, elapsed: Duration, reading: &Reading) {
        self.show(elapsed, &Reading { commits_per_s: 0.0, ..reading.clone() });
        for bar in &self.bars {
            bar.abandon();
        }
        self.time.finish_and_clear();
    }
}

/// A blank, a head and rows: who, where in the binlog, what is done, how well.
fn table_lines(reading: &Reading) -> [String; 5] {
    let row = |who: &str, place: &str, done: &str, how: &str| {
        format!("  {who:<8} {place:<24} {done:<22} {how}").trim_end().to_owned()
    };
    let durable = match reading.binlogd {
        BinlogdState::Running => shown(&reading.durable),
        BinlogdState::Killed => "killed".into(),
        BinlogdState::Starting => "starting".into(),
    };
    let without = match reading.binlogd {
        BinlogdState::Killed => "commits wait".into(),
        _ => format!("{} without", thousands(reading.without)),
    };
    [
        " ".into(),
        row("", "binlog position", "commits", ""),
        row(
            "primary",
            &shown(&reading.primary),
            &format!("{} written", thousands(reading.committed)),
            &format!("{:.0} per second", reading.commits_per_s),
        ),
        row(
            "binlogd",
            &durable,
            &format!("{} acknowledged", thousands(reading.acknowledged)),
            &without,
        ),
        row(
            "replica",
            &shown(&reading.replica),
            &format!("{} applied", thousands(reading.applied)),
            &format!("{} behind", seconds(reading.lag)),
        ),
    ]
}

fn shown(position: &Position) -> String {
    format!("{}  {:>9}", position.file, bytes(position.offset))
}

/// A line each second.
struct LineView {
    clients: u32,
    next: Duration,
}

impl LineView {
    fn new(clients: u32) -> Self {
        Self { clients, next: Duration::ZERO }
    }
}

impl View for LineView {
    fn show(&mut self, elapsed: Duration, reading: &Reading) {
        if self.next.is_zero() {
            println!("{} clients write; the columns are:", self.clients);
            println!(
                "  time  commits and their rate | acknowledged, without | position in the \
                 binlog: primary, binlogd, replica | replica's commits and delay"
            );
            self.next = LINE;
        } else if elapsed >= self.next {
            println!("{}", line(elapsed, reading));
            self.next += LINE;
        }
    }

    fn end(&mut self, elapsed: Duration, reading: &Reading) {
        println!("{}", line(elapsed, reading));
    }
}

fn line(elapsed: Duration, reading: &Reading) -> String {
    let short = |position: &Position| {
        let number = position.file.rsplit('.').next().unwrap_or_default().trim_start_matches('0');
        format!("file {number} {}", bytes(position.offset))
    };
    let durable = match reading.binlogd {
        BinlogdState::Running => short(&reading.durable),
        BinlogdState::Killed => "killed".into(),
        BinlogdState::Starting => "starting".into(),
    };
    format!(
        "{:>6}  {} commits {:.0}/s | {} acknowledged {} without | {}, {durable}, {} | {} applied, {} behind",
        seconds(elapsed),
        thousands(reading.committed),
        reading.commits_per_s,
        thousands(reading.acknowledged),
        thousands(reading.without),
        short(&reading.primary),
        short(&reading.replica),
        thousands(reading.applied),
        seconds(reading.lag),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading() -> Reading {
        let at = |offset| Position { file: "binlog.000002".into(), offset };
        Reading {
            primary: at(123_400_000),
            committed: 1_234_567,
            acknowledged: 1_234_560,
            durable: at(123_400_000),
            binlogd: BinlogdState::Running,
            replica: at(999_900_000),
            applied: 1_234_000,
            lag: Duration::from_millis(1234),
            commits_per_s: 12_345.6,
            ..Reading::default()
        }
    }

    #[test]
    fn the_table_fits_80_columns() {
        for line in table_lines(&reading()) {
            assert!(line.chars().count() < 80, "{line}");
        }
    }

    #[test]
    fn a_dead_binlogd_is_shown_as_such_and_not_by_its_last_position() {
        let lines = table_lines(&Reading { binlogd: BinlogdState::Killed, ..reading() });
        assert!(lines[3].contains("killed") && !lines[3].contains("123.4 MB"), "{}", lines[3]);
        let line = line(LINE, &Reading { binlogd: BinlogdState::Killed, ..reading() });
        assert!(line.contains(", killed,"), "{line}");
    }
}
