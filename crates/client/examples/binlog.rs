//! Lists the events of a server's binlog from a file on: type, length, end position.
//!
//! `cargo run -p binlogd-client --example binlog -- mysql://repl:repl@127.0.0.1/ binlog.000001`
#![expect(clippy::print_stdout, reason = "it is what the example does")]

use anyhow::{Context, Result};
use binlogd_client::wire::dump::{BinlogDump, DumpFlags};
use binlogd_client::{ConnectOptions, Connection, DumpOptions};

#[tokio::main]
async fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let url = args.next().context("a mysql:// URL is missing")?;
    let file = args.next().context("a file's name is missing")?;
    let mut connection = Connection::connect(&ConnectOptions::from_url(&url)?).await?;
    // The old name of the variable is understood by every server.
    connection.execute("SET @master_binlog_checksum = @@global.binlog_checksum").await?;

    let flags = DumpFlags::NON_BLOCKING;
    let dump = BinlogDump { position: 4, flags, server_id: 4711, file: file.as_bytes() };
    let mut stream = connection.dump(&dump, &DumpOptions::default()).await?;
    while let Some(part) = stream.next_part().await? {
        if let (true, Some(header)) = (part.first, part.bytes.first_chunk::<19>()) {
            let [_, _, _, _, kind, _, _, _, _, a, b, c, d, e, f, g, h, _, _] = *header;
            let len = u32::from_le_bytes([a, b, c, d]);
            let end = u32::from_le_bytes([e, f, g, h]);
            println!("type {kind:3}  {len:10} bytes  ends at {end}");
        }
    }
    Ok(())
}
