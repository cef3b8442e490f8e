//! A dump from binlogd is the primary's, event for event and byte for byte.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use binlogd_client::wire::dump::DumpFlags;
use common::dumps::{Ask, assert_same};
use common::{PATIENCE, follow, follow_semi_sync, primary};
use testkit::{Flavour, Server, workload};

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_reader_asks_it_gets_what_the_primary_sends() {
    let primary = primary();
    let daemon = follow_semi_sync(&primary);
    // The large scenario would only add time: mysqlbinlog's test has it.
    for scenario in &workload::ALL[..8] {
        scenario.run(&primary).unwrap();
    }
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    let uuid = primary.sql("select @@server_uuid").unwrap();
    let all = primary.executed_gtids().unwrap();
    let events = primary.query_rows("show binlog events in 'binlog.000002'").unwrap();
    let inside: u64 = events[events.len() / 2][1].parse().unwrap();

    primary.sql("set global binlog_checksum = NONE; create database unchecked").unwrap();
    let (unchecked, _) = primary.binlog_end().unwrap();
    primary.sql("set global binlog_checksum = CRC32").unwrap();
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    let events = primary.query_rows(&format!("show binlog events in '{unchecked}'")).unwrap();
    let inside_unchecked: u64 = events[2][1].parse().unwrap();

    const CRC32: &str = "set @source_binlog_checksum = 'CRC32', @master_binlog_checksum = 'CRC32'";
    const NONE: &str = "set @source_binlog_checksum = 'NONE', @master_binlog_checksum = 'NONE'";
    let ask = |file: &str, position: u64, has: Option<&str>, says: &str| Ask {
        file: file.to_owned(),
        position,
        has: has.map(str::to_owned),
        flags: DumpFlags::default(),
        says: says.to_owned(),
    };
    let half = format!("{uuid}:1-7:11-20");
    let not_first = format!("{uuid}:2-9");
    let v2 = |a: Ask| Ask { flags: DumpFlags::ANNOTATE_OR_HEARTBEAT_V2, ..a };
    let asks = [
        ask("", 4, None, CRC32),
        ask("binlog.000001", 4, None, NONE),
        ask("binlog.000001", 4, None, "set @master_binlog_checksum = 'ALL'"),
        ask("binlog.000001", 4, None, ""),
        ask("binlog.000002", inside, None, CRC32),
        ask("binlog.000002", inside, None, NONE),
        ask("binlog.000002", inside + 1, None, CRC32),
        ask(&unchecked, inside_unchecked, None, CRC32),
        ask(&unchecked, inside_unchecked, None, NONE),
        ask(&unchecked, inside_unchecked, None, ""),
        ask(&unchecked, 4, None, ""),
        ask("binlog.000001", 3, None, CRC32),
        ask("binlog.000001", 1 << 30, None, CRC32),
        ask("binlog.999999", 4, None, CRC32),
        ask("", 4, Some(""), CRC32),
        ask("", 4, Some(&half), CRC32),
        ask("", 4, Some(&not_first), NONE),
        ask("", 4, Some(&all), CRC32),
        v2(ask("", 4, Some(&half), CRC32)),
        v2(ask("", 4, Some(&all), NONE)),
        ask("binlog.000002", 4, Some(&half), CRC32),
        ask("binlog.000002", inside, Some(""), CRC32),
    ];
    for ask in asks {
        assert_same(&primary.endpoint(), &daemon.endpoint(), &ask).await;
    }
}

mod on_mariadb {
    use super::*;

    /// Two domains, every kind of group, files without the first ones.
    fn written(flavour: Flavour) -> Server {
        let server = Server::builder(flavour).start().unwrap();
        server
            .sql(
                "create database d; create table d.t (a int primary key, b text) engine = innodb;
                 insert into d.t values (1, 'x'); flush binary logs;
                 insert into d.t values (2, 'x'); set gtid_domain_id = 1;
                 insert into d.t values (3, 'y'); set gtid_domain_id = 0;
                 insert into d.t values (4, 'z'); flush binary logs;
                 set skip_replication = 1; insert into d.t values (5, 'skip');
                 set skip_replication = 0; insert into d.t values (6, 'z');
                 create table d.m (a int) engine = myisam; insert into d.m values (1);
                 create or replace table d.w select 1 a; drop table d.w;
                 begin; insert into d.t values (7, 'z'); savepoint s;
                 insert into d.t values (8, 'z'); rollback to s; commit;
                 insert into d.t values (9, 'z') /*!99999 a comment that is quite a bit longer than
                   any text that would be put in the place of this statement in a binlog */;
                 flush binary logs;
                 set binlog_format = statement; insert into d.t (a, b) values (10, @@server_id);
                 set binlog_format = row; set global log_bin_compress = 1;
                 insert into d.t values (11, repeat('compress', 1000));
                 update d.t set b = repeat('me', 1000) where a < 9;
                 delete from d.t where a = 11;
                 purge binary logs to 'binlog.000002'",
            )
            .unwrap();
        if flavour == Flavour::Mariadb118 {
            // For old readers 10.11 cannot make a BEGIN of this, and ends the dump.
            let xa = "xa start 'a'; insert into d.t values (99, 'q'); xa end 'a'; xa prepare 'a'; \
                      xa commit 'a'";
            server.sql(xa).unwrap();
        }
        server
    }

    async fn whatever_a_reader_asks(flavour: Flavour) {
        let primary = written(flavour);
        let daemon = follow(&primary);
        daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
        let id = primary.sql("select @@server_id").unwrap();
        let gtids = |text: &str| text.replace('S', &id);
        let crc = "set @master_binlog_checksum = @@global.binlog_checksum";
        let by_state = |state: &str, more: &str| Ask {
            file: String::new(),
            position: 4,
            has: None,
            flags: DumpFlags::default(),
            says: gtids(&format!(
                "{crc}, @mariadb_slave_capability = 4, @slave_connect_state = '{state}'{more}"
            )),
        };
        let by_file = |file: &str, position: u64, says: &str| Ask {
            file: file.to_owned(),
            position,
            has: None,
            flags: DumpFlags::default(),
            says: says.to_owned(),
        };
        let annotated = |ask: Ask| Ask { flags: DumpFlags::ANNOTATE_OR_HEARTBEAT_V2, ..ask };
        let all = primary.sql("select @@gtid_binlog_pos").unwrap();
        let mut asks = vec![
            by_state("0-S-3", ""),
            annotated(by_state("0-S-3", "")),
            by_state("0-S-4", ""),
            by_state("0-S-4,1-S-1", ""),
            by_state("0-S-5,1-S-1", ""),
            by_state("0-S-3,1-S-1", ""),
            by_state(&all, ""),
            by_state("0-S-3,5-9-3", ""),
            // What cannot be.
            by_state("", ""),
            by_state("0-S-2", ""),
            by_state("1-S-1", ""),
            by_state("0-S-1000,1-S-1", ""),
            by_state("0-9-3,1-S-1", ""),
            by_state("nonsense", ""),
            by_state("0-S-3,0-9-1", ""),
            by_state("0-S-1000", ", @slave_gtid_strict_mode = 1"),
            // Ends.
            by_state("0-S-3", ", @slave_until_gtid = '0-S-4'"),
            by_state("0-S-3", ", @slave_until_gtid = '0-S-4,1-S-1'"),
            by_state("0-S-4", ", @slave_until_gtid = '0-S-3'"),
            by_state("0-S-3,1-S-1", ", @slave_until_gtid = '0-S-8'"),
            by_state("0-S-3", ", @slave_until_gtid = '7-1-1'"),
            by_state("0-S-3", ", @slave_until_gtid = 'zz'"),
            // Files and positions.
            by_file("binlog.000002", 4, ""),
            by_file("binlog.000003", 4, "set @master_binlog_checksum = 'NONE'"),
            by_file("binlog.000003", 4, "set @master_binlog_checksum = 'ALL'"),
            by_file("binlog.000002", 3, crc),
            by_file("binlog.000002", 1 << 30, crc),
            by_file("binlog.000002", 300, crc),
            by_file("binlog.000009", 4, crc),
            by_file("", 4, crc),
            by_file("binlog.000003", 4, &format!("{crc}, skip_replication = 1")),
        ];
        for capability in 0..=4 {
            let says = format!("{crc}, @mariadb_slave_capability = {capability}");
            for file in ["binlog.000002", "binlog.000003", "binlog.000004"] {
                asks.push(by_file(file, 4, &says));
            }
            asks.push(annotated(by_file("binlog.000003", 4, &says)));
            let old = by_state("0-S-3", &format!(", @mariadb_slave_capability = {capability}"));
            asks.push(old);
        }
        for ask in asks {
            assert_same(&primary.endpoint(), &daemon.endpoint(), &ask).await;
        }
        let events = primary.query_rows("show binlog events in 'binlog.000002'").unwrap();
        let ends = events.iter().map(|event| event[4].parse::<u64>().unwrap()).filter(|&p| p > 0);
        for position in ends.chain([4, 5, 256, 400, 1 << 30]) {
            let query = format!("select binlog_gtid_pos('binlog.000002', {position})");
            let ours = daemon.sql(primary.prefix(), &query).unwrap();
            let sorted = |text: &str| {
                let mut gtids: Vec<_> = text.split(',').map(str::to_owned).collect();
                gtids.sort();
                gtids
            };
            assert_eq!(sorted(&ours), sorted(&primary.sql(&query).unwrap()), "{position}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn whatever_a_reader_asks_it_gets_what_mariadb_11_8_sends() {
        whatever_a_reader_asks(Flavour::Mariadb118).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn whatever_a_reader_asks_it_gets_what_mariadb_10_11_sends() {
        whatever_a_reader_asks(Flavour::Mariadb1011).await;
    }
}
