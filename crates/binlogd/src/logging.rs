//! What goes to stderr: the log, and the last words of a command.

mod filter;
mod stderr;

use std::io::{IsTerminal, Write};
use std::sync::OnceLock;

use binlogd_decode::shown_on_terminal;
use stderr::Stderr;

/// The queue of a process that logs.
static STDERR: OnceLock<Stderr> = OnceLock::new();

/// Sends logs to stderr: `RUST_LOG` says which, by default `info`. Panics are logged, too.
pub(crate) fn init() {
    let stderr = STDERR.get_or_init(|| Stderr::to(std::io::stderr()));
    let (filter, complaint) = filter::from_environment();
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(stderr.clone())
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        // It would print to stderr, and panic if that fails.
        .log_internal_errors(false);
    if subscriber.try_init().is_err() {
        return print("a log is set up already");
    }
    std::panic::set_hook(Box::new(log_panic));
    if let Some(complaint) = complaint {
        tracing::warn!("{complaint}");
    }
}

/// Waits until what was logged is written, but not for a reader that takes nothing.
pub(crate) fn flush() {
    if let Some(stderr) = STDERR.get() {
        stderr.flush();
    }
}

fn log_panic(panic: &std::panic::PanicHookInfo<'_>) {
    let payload = panic.payload();
    let message = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    let thread = std::thread::current();
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let backtrace = std::backtrace::Backtrace::capture();
    let backtrace = match backtrace.status() {
        std::backtrace::BacktraceStatus::Captured => format!("\n{backtrace}"),
        _ => String::new(),
    };
    tracing::error!(
        "thread '{}' panicked at {place}: {message}. This is a bug in binlogd{backtrace}",
        thread.name().unwrap_or("unnamed"),
    );
    // The process may be about to end.
    flush();
}

/// Prints why a command failed, with all that led to it.
pub(crate) fn print_error(error: &anyhow::Error) {
    print(&with_causes(error));
}

/// Prints what somebody should know who gets what they asked for.
pub(crate) fn print_note(text: &str) {
    print(&format!("note: {text}"));
}

/// Prints a line, behind those of the log.
fn print(text: &str) {
    // Names and messages come from files and servers.
    let lines: Vec<_> = text.split('\n').map(shown_on_terminal).collect();
    let line = format!("binlogd: {}\n", lines.join("\n"));
    match STDERR.get() {
        Some(stderr) => stderr.put(line.as_bytes()),
        // Nobody can be informed if stderr is gone.
        None => _ = std::io::stderr().write_all(line.as_bytes()),
    }
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
    use anyhow::anyhow;

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
