//! The progress bar of long work: on stderr, if that is a terminal and stdout is not.

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Shorter work has no progress bar.
const MOMENT: Duration = Duration::from_millis(500);
/// How often the bar is told, in bytes: looking at the clock for each event would take longer than
/// the event.
const STEP: u64 = 4 << 20;

const BAR: &str = "{bar:40} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left";

/// How far reading has come.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    begin: Instant,
    told: u64,
}

impl Progress {
    /// For so many bytes; none if 0, which says that it is not known.
    pub(crate) fn new(bytes: u64) -> Self {
        let wanted = bytes > 0 && io::stderr().is_terminal() && !io::stdout().is_terminal();
        let bar = wanted
            .then(|| ProgressBar::with_draw_target(Some(bytes), ProgressDrawTarget::hidden()));
        if let (Some(bar), Ok(style)) = (&bar, ProgressStyle::with_template(BAR)) {
            bar.set_style(style);
        }
        Self { bar, begin: Instant::now(), told: 0 }
    }

    /// So many bytes were read.
    pub(crate) fn at(&mut self, bytes: u64) {
        let Some(bar) = self.bar.as_ref().filter(|_| bytes >= self.told + STEP) else { return };
        self.told = bytes;
        bar.set_position(bytes);
        if bar.is_hidden() && self.begin.elapsed() > MOMENT {
            bar.set_draw_target(ProgressDrawTarget::stderr());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
