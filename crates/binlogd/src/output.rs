//! Data on stdout: buffered, and quiet when nobody reads it any more.

use std::io::{self, StdoutLock, Write};
use std::process::ExitCode;

use anyhow::Result;

/// When so much has gathered it is written, in bytes.
const BUFFER_LEN: usize = 256 << 10;

/// What a command prints. Add to `buffer`, then call [`flush_full`](Self::flush_full).
pub(crate) struct Output {
    stdout: StdoutLock<'static>,
    pub(crate) buffer: Vec<u8>,
}

impl Output {
    pub(crate) fn new() -> Self {
        Self { stdout: io::stdout().lock(), buffer: Vec::new() }
    }

    /// Writes what has gathered if it is much.
    pub(crate) fn flush_full(&mut self) -> Result<()> {
        if self.buffer.len() >= BUFFER_LEN { self.flush() } else { Ok(()) }
    }

    /// Writes what has gathered.
    pub(crate) fn flush(&mut self) -> Result<()> {
        let written = self.stdout.write_all(&self.buffer).and_then(|()| self.stdout.flush());
        self.buffer.clear();
        written.map_err(|error| anyhow::Error::new(error).context("stdout"))
    }
}

/// Lets `work` print, also what it had before it failed. A reader that goes away ends it quietly.
pub(crate) fn print(work: impl FnOnce(&mut Output) -> Result<()>) -> Result<ExitCode> {
    let mut output = Output::new();
    let done = work(&mut output);
    let flushed = output.flush();
    match done.and(flushed) {
        Err(error) if is_broken_pipe(&error) => Ok(ExitCode::SUCCESS),
        outcome => outcome.map(|()| ExitCode::SUCCESS),
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
