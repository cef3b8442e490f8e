//! Where each reader is, as an administrator sees it in SQL.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use binlogd_client::wire::dump::{BinlogDump, DumpFlags};
use binlogd_client::{BinlogStream, ConnectOptions, Connection, DumpOptions};
use common::{PATIENCE, follow};
use testkit::{Daemon, Endpoint, Flavour, Server, wait_until};

/// A reader by file and position that takes nothing of what it is sent.
async fn reader(from: &Endpoint, server_id: u32, file: &str) -> BinlogStream {
    let options = ConnectOptions::new(from.host.clone()).port(from.port).user(from.user.clone());
    let options = options.password(from.password.as_str());
    let mut connection = Connection::connect(&options).await.unwrap();
    connection.execute("set @master_binlog_checksum = 'CRC32'").await.unwrap();
    let flags = DumpFlags::default();
    let command = BinlogDump { position: 4, flags, server_id, file: file.as_bytes() };
    connection.dump(&command, &DumpOptions::default()).await.unwrap()
}

/// The columns of the reader with this server id.
fn columns(daemon: &Daemon, primary: &Server, columns: &str, server_id: u32) -> Vec<String> {
    let sql = format!(
        "select {columns} from information_schema.BINLOG_READERS where server_id = {server_id}"
    );
    let row = daemon.sql(primary.prefix(), &sql).unwrap();
    row.trim_end().split('\t').map(|value| value.replace("\\n", "")).collect()
}

async fn places_are_shown(flavour: Flavour, position: &str) {
    let primary = Server::start_new(flavour).unwrap();
    primary.sql("create database d; create table d.t (a int primary key, b longblob)").unwrap();
    let daemon = follow(&primary);
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    let file = primary.query_rows("show binary logs").unwrap()[0][0].clone();
    let mut quick = reader(&daemon.endpoint(), 77, &file).await;
    let taking = tokio::spawn(async move {
        let mut event = Vec::new();
        while let Ok(Some(_)) = quick.next_event(&mut event).await {
            event.clear();
        }
    });
    let _slow = reader(&daemon.endpoint(), 78, &file).await;
    // More than the buffers of a connection hold.
    for n in 0..24 {
        let insert = format!("insert into d.t values ({n}, repeat('x', 1000000))");
        primary.sql(&insert).unwrap();
    }
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    let shown = |which: &str, server_id| columns(&daemon, &primary, which, server_id);
    wait_until("the quick reader has all", PATIENCE, || Ok(shown("lag_bytes", 77) == ["0"]))
        .unwrap();
    let end = daemon.sql(primary.prefix(), "show binary logs").unwrap();
    let size: u64 = end.split_whitespace().nth(1).unwrap().parse().unwrap();
    let executed = primary.query_rows(position).unwrap()[0][0].replace('\n', "");
    let quick = shown("file, position, gtids, lag_seconds", 77);
    assert_eq!(quick, [file.as_str(), &size.to_string(), &executed, "0"]);
    let slow = shown("file, position, gtids, lag_bytes, sent_bytes, lag_seconds", 78);
    let number = |at: usize| slow[at].parse::<u64>().unwrap();
    assert_eq!(slow[0], file);
    assert_eq!(number(1) + number(3), size);
    assert!(number(3) > 1_000_000 && number(4) > 0 && number(4) < size, "{slow:?}");
    assert_ne!(slow[2], executed, "a part of it");
    assert!(number(5) < PATIENCE.as_secs() * 2, "{slow:?}");
    taking.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_place_of_each_reader_is_shown() {
    places_are_shown(Flavour::Mysql97, "select @@global.gtid_executed").await;
}

mod on_mariadb {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn the_place_of_each_reader_is_shown() {
        places_are_shown(Flavour::Mariadb118, "select @@gtid_binlog_pos").await;
    }
}
