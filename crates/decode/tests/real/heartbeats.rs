//! Heartbeats as servers send them: they stand in no file.

use binlogd_client::DumpOptions;
use binlogd_client::wire::dump::{BinlogDump, DumpFlags};
use binlogd_decode::{Body, Decoder};
use binlogd_event::body::Body as Plain;
use binlogd_event::{EventHeader, EventKind};
use testkit::Flavour;
use testkit::server::Server;

use crate::model;

/// Waits at the end of the last file until the server says that it is still there, and where.
async fn comes(flavour: Flavour, kinds: &[EventKind]) {
    let server = Server::start_new(flavour).unwrap();
    server.sql("create database d; flush logs; create database e").unwrap();
    let logs = server.query_rows("show binary logs").unwrap();
    let (file, end) = (logs.last().unwrap()[0].clone(), logs.last().unwrap()[1].parse().unwrap());
    for (server_id, &wanted) in (4700..).zip(kinds) {
        let flags = match wanted {
            EventKind::HEARTBEAT_V2 => DumpFlags::ANNOTATE_OR_HEARTBEAT_V2,
            _ => DumpFlags::default(),
        };
        let mut connection = model::connect(&server).await;
        for setting in ["heartbeat_period = 100000000", "binlog_checksum = 'CRC32'"] {
            let both = format!("set @master_{setting}, @source_{setting}");
            connection.execute(&both).await.unwrap();
        }
        connection.execute("set @mariadb_slave_capability = 4").await.unwrap();
        let dump = BinlogDump { position: end, flags, server_id, file: file.as_bytes() };
        let mut stream = connection.dump(&dump, &DumpOptions::default()).await.unwrap();
        let (mut decoder, mut event) = (Decoder::new(), Vec::new());
        loop {
            event.clear();
            stream.next_event(&mut event).await.unwrap().expect("it waits for more");
            let kind = EventHeader::parse(&event).unwrap().kind;
            if decoder.format().is_none() && kind != EventKind::FORMAT_DESCRIPTION {
                // The name of the file comes before its format.
                continue;
            }
            let said = decoder.event(0, &event).unwrap();
            if let Body::Other(Plain::Heartbeat(heartbeat)) = said.body {
                assert_eq!(kind, wanted);
                let place = (heartbeat.file, heartbeat.position);
                assert_eq!(place, (file.as_bytes(), u64::from(end)));
                break;
            }
        }
    }
}

#[tokio::test]
async fn mysql_9_7_says_where_it_is_in_either_form() {
    comes(Flavour::Mysql97, &[EventKind::HEARTBEAT, EventKind::HEARTBEAT_V2]).await;
}

mod on_mysql_5_6 {
    use super::*;

    #[tokio::test]
    async fn mysql_5_6_says_where_it_is() {
        comes(Flavour::Mysql56, &[EventKind::HEARTBEAT]).await;
    }
}

mod on_mariadb {
    use super::*;

    #[tokio::test]
    async fn mariadb_11_8_says_where_it_is() {
        comes(Flavour::Mariadb118, &[EventKind::HEARTBEAT]).await;
    }

    #[tokio::test]
    async fn mariadb_10_11_says_where_it_is() {
        comes(Flavour::Mariadb1011, &[EventKind::HEARTBEAT]).await;
    }
}
