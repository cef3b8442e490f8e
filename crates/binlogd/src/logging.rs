//! What goes to stderr.

use std::io::{IsTerminal, Write};

use anyhow::anyhow;
use tracing_subscriber::EnvFilter;

use crate::misuse::misuse;

/// Sends logs to stderr: `RUST_LOG` says which, by default `info`.
pub(crate) fn init() -> anyhow::Result<()> {
    let filter = match std::env::var("RUST_LOG") {
        Ok(filter) if !filter.is_empty() => EnvFilter::try_new(&filter)
            .map_err(|error| misuse(anyhow!("RUST_LOG is '{filter}': {error}")))?,
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
    let _ = writeln!(std::io::stderr(), "binlogd: {}", with_causes(error));
}

/// Prints what somebody should know who gets what they asked for.
pub(crate) fn print_note(text: &str) {
    // There is nobody left to tell if stderr is gone.
    let _ = writeln!(std::io::stderr(), "binlogd: note: {text}");
}

/// An error and what led to it. Many errors tell their cause themselves: it is not told again.
fn with_causes(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for part in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = part;
        } else if !text.ends_with(&part) {
            text = format!("{text}: {part}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_told_once() {
        let cause = || std::io::Error::other("the disk is full");
        let told = anyhow::Error::new(cause()).context("stream s: the disk is full");
        assert_eq!(with_causes(&told), "stream s: the disk is full");
        let untold = anyhow::Error::new(cause()).context("write a file").context("serve");
        assert_eq!(with_causes(&untold), "serve: write a file: the disk is full");
        assert_eq!(with_causes(&anyhow!("alone")), "alone");
    }
}
