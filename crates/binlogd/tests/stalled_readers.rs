//! Readers that take nothing cost little, however much is written meanwhile.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use binlogd_client::wire::dump::{BinlogDump, DumpFlags};
use binlogd_client::{ConnectOptions, Connection, DumpOptions};
use common::{PATIENCE, follow, peak_kib, primary};
use testkit::Endpoint;

const READERS: u32 = 300;
/// What flows past them, in MiB.
const FLOW_MIB: usize = 200;
/// What a process without readers may take, and what each of them.
const MEMORY_KIB_MAX: u64 = (64 << 10) + READERS as u64 * 64;

#[tokio::test(flavor = "multi_thread")]
async fn memory_stays_flat_while_hundreds_of_readers_take_nothing() {
    let primary = primary();
    primary.sql("create database d; create table d.t (a longblob)").unwrap();
    let daemon = follow(&primary);
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    let Endpoint { host, port, user, password } = daemon.endpoint();
    let options = ConnectOptions::new(host).port(port).user(user).password(password.as_str());
    let mut stalled = Vec::new();
    for server_id in 1000..1000 + READERS {
        let mut connection = Connection::connect(&options).await.unwrap();
        connection.execute("set @source_binlog_checksum = 'CRC32'").await.unwrap();
        let file = b"binlog.000001".as_slice();
        let dump = BinlogDump { position: 4, flags: DumpFlags::default(), server_id, file };
        let mut stream = connection.dump(&dump, &DumpOptions::default()).await.unwrap();
        stream.next_event(&mut Vec::new()).await.unwrap();
        stalled.push(stream);
    }
    let megabytes = "insert into d.t values (repeat('x', 1 << 20));".repeat(FLOW_MIB / 10);
    for _ in 0..10 {
        primary.sql(&megabytes).unwrap();
    }
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    let list = daemon.sql(primary.prefix(), "show processlist").unwrap();
    let dumps = list.lines().filter(|line| line.contains("Binlog Dump")).count();
    assert_eq!(dumps, usize::try_from(READERS).unwrap(), "they have not left");
    let peak = peak_kib(daemon.pid().unwrap()).unwrap();
    assert!(peak < MEMORY_KIB_MAX, "{peak} KiB");
    drop(stalled);
}
