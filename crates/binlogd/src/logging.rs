//! What goes to stderr.

use std::io::{IsTerminal, Write};

use tracing_subscriber::EnvFilter;

/// Sends logs to stderr: `RUST_LOG` says which, by default `info`.
pub(crate) fn init() -> anyhow::Result<()> {
    let filter = match std::env::var("RUST_LOG") {
        Ok(filter) if !filter.is_empty() => EnvFilter::try_new(&filter)
            .map_err(|error| anyhow::anyhow!("RUST_LOG is '{filter}': {error}"))?,
        _ => EnvFilter::new("info"),
    };
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .init();
    Ok(())
}

/// Prints why a command failed, with all that led to it.
pub(crate) fn print_error(error: &anyhow::Error) {
    // There is nobody left to tell if stderr is gone.
    let _ = writeln!(std::io::stderr(), "binlogd: {error:#}");
}
