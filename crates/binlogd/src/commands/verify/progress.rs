//! What a check shows while it goes on and when it ends.

use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use binlogd_store::verify::{Finding, Observer, Report, Severity};
use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Args, report};

/// Shorter work has no progress bar.
const MOMENT: Duration = Duration::from_millis(500);

const BAR: &str = "{bar:40} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left";

/// Prints findings as they come.
pub(super) struct Console {
    json: bool,
    quiet: bool,
    bar: ProgressBar,
    is_bar_wanted: bool,
    begin: Instant,
    /// The first error of stdout; what comes later is not printed.
    failed: Mutex<Option<io::Error>>,
}

impl Console {
    pub(super) fn new(args: &Args, bytes: u64) -> Self {
        let bar = ProgressBar::with_draw_target(Some(bytes), ProgressDrawTarget::hidden());
        if let Ok(style) = ProgressStyle::with_template(BAR) {
            bar.set_style(style);
        }
        Self {
            json: args.json,
            quiet: args.quiet,
            bar,
            is_bar_wanted: !args.quiet && io::stderr().is_terminal(),
            begin: Instant::now(),
            failed: Mutex::new(None),
        }
    }

    /// Says what came of it, and whether everything could be said.
    pub(super) fn finish(self, report: &Report, elapsed: Duration) -> io::Result<()> {
        self.bar.finish_and_clear();
        if !self.quiet {
            // There is nobody left to tell if stderr is gone.
            let _ = writeln!(io::stderr(), "{}", summary(report, elapsed));
        }
        if self.json {
            let mut out = io::stdout().lock();
            serde_json::to_writer(&mut out, &report::document(report, elapsed, self.quiet))?;
            writeln!(out)?;
            return out.flush();
        }
        match self.failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}

impl Observer for Console {
    fn checked(&self, bytes: u64) {
        self.bar.inc(bytes);
        if self.is_bar_wanted && self.bar.is_hidden() && self.begin.elapsed() > MOMENT {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
    }

    fn found(&self, finding: &Finding) {
        if self.json || self.quiet && finding.severity() == Severity::Note {
            return;
        }
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        if failed.is_none() {
            *failed = self.bar.suspend(|| writeln!(io::stdout(), "{finding}")).err();
        }
    }
}

fn summary(report: &Report, elapsed: Duration) -> String {
    let total = report.total();
    let files = report.files.len();
    let seconds = elapsed.as_secs_f64();
    let verdict = match report.problems() {
        0 => "no problems".to_owned(),
        1 => "1 PROBLEM".to_owned(),
        problems => format!("{problems} PROBLEMS"),
    };
    let warnings = match report.warnings() {
        0 => String::new(),
        1 => ", 1 warning".to_owned(),
        warnings => format!(", {warnings} warnings"),
    };
    let mut text = format!(
        "{verdict}{warnings} in {files} file{}, {}: {} events, {} transactions, in {seconds:.1} s",
        if files == 1 { "" } else { "s" },
        HumanBytes(total.bytes),
        HumanCount(total.events),
        HumanCount(total.transactions),
    );
    if elapsed > MOMENT {
        let speed = report::bytes_per_second(total.bytes, elapsed);
        text.push_str(&format!(" ({:.0} MB/s)", speed / 1e6));
    }
    if !total.gtids.is_empty() {
        text.push_str(&format!("\nGTIDs: {}", total.gtids));
    }
    text
}
