//! Runs a query and prints its rows, separated by tabs.
//!
//! `cargo run -p binlogd-client --example query -- mysql://repl:repl@127.0.0.1/ "SHOW BINARY LOGS"`
#![expect(clippy::print_stdout, reason = "it is what the example does")]

use anyhow::{Context, Result};
use binlogd_client::{ConnectOptions, Connection};

#[tokio::main]
async fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let url = args.next().context("a mysql:// URL is missing")?;
    let sql = args.next().context("a query is missing")?;
    let mut connection = Connection::connect(&ConnectOptions::from_url(&url)?).await?;
    let mut result = connection.query(&sql).await?;
    while let Some(row) = result.next().await? {
        let values = row.values().map(|v| v.map_or("NULL".into(), String::from_utf8_lossy));
        println!("{}", values.collect::<Vec<_>>().join("\t"));
    }
    connection.quit().await?;
    Ok(())
}
