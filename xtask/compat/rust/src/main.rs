//! Rust clients for `cargo xtask compat`.
//!
//! `clients sqlx HOST PORT USER PASSWORD plain|tls STATEMENTS` sends statements with sqlx.
//! `clients mysql_async HOST PORT USER PASSWORD PRODUCT FILE END` streams a binlog with mysql_async.

mod mysql_async;
mod sqlx;

use std::env;
use std::panic;
use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let [client, args @ ..] = args.as_slice() else {
        eprintln!("usage: clients sqlx|mysql_async …");
        return ExitCode::FAILURE;
    };
    // A panic is the client's error, in one line as every other.
    panic::set_hook(Box::new(|panic| eprintln!("{}", panic.to_string().replace('\n', " "))));
    let outcome = match client.as_str() {
        "sqlx" => sqlx::run(args).await,
        "mysql_async" => mysql_async::run(args).await,
        other => Err(format!("unknown client {other}").into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}", chain(&*error));
            ExitCode::FAILURE
        }
    }
}

/// An error with its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text.replace('\n', " ")
}
