//! A dump from binlogd is the primary's, event for event and byte for byte.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use binlogd_client::wire::dump::DumpFlags;
use common::dumps::{Ask, assert_all_same, assert_same_after_waiting, assert_same_heartbeats};
use common::{BINLOGD, PATIENCE, follow, follow_semi_sync, logs, primary};
use testkit::{Daemon, Flavour, Server, wait_until, workload};

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
    let mut asks = vec![
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
    let odd = odd_positions(&primary).into_iter();
    asks.extend(odd.map(|(file, position)| ask(&file, position, None, CRC32)));
    assert_all_same(&primary.endpoint(), &daemon.endpoint(), &asks).await;
    // The newest file has a transaction that the reader has.
    primary.sql("create database skipped").unwrap();
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    let now = primary.executed_gtids().unwrap();
    for flags in [DumpFlags::default(), DumpFlags::ANNOTATE_OR_HEARTBEAT_V2] {
        let says = &format!("{CRC32}, @source_heartbeat_period = 500000000");
        // Such a reader gets its position at once, and not with the next periodic heartbeat.
        let hourly = &format!("{CRC32}, @source_heartbeat_period = 3600000000000");
        let asks = [
            ask("", 4, Some(&all), says),
            ask(&unchecked, inside_unchecked, None, says),
            ask("", 4, Some(&now), hourly),
            ask("", 4, Some(&now), CRC32),
        ];
        let asks = asks.map(|ask| Ask { flags, ..ask });
        assert_same_heartbeats(&primary.endpoint(), &daemon.endpoint(), &asks).await;
    }
}

/// A reader by GTID that has these.
fn by_gtid(has: String) -> Ask {
    Ask {
        file: String::new(),
        position: 4,
        has: Some(has),
        flags: DumpFlags::default(),
        says: "set @master_binlog_checksum = 'CRC32'".to_owned(),
    }
}

/// Readers by GTID that have more than the primary, lack what it purged, or both, and some that fit: each is
/// told the same. `UUID` is the primary's.
async fn readers_that_do_not_fit(flavour: Flavour, sets: &[&str]) {
    let primary = Server::start_new(flavour).unwrap();
    primary.sql("create database d; create database e; flush binary logs").unwrap();
    primary.sql("create database f; purge binary logs to 'binlog.000002'").unwrap();
    let daemon = follow(&primary);
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    let uuid = primary.sql("select @@server_uuid").unwrap();
    assert_eq!(primary.executed_gtids().unwrap(), format!("{uuid}:1-3"));
    let asks: Vec<_> = sets.iter().map(|has| by_gtid(has.replace("UUID", &uuid))).collect();
    assert_all_same(&primary.endpoint(), &daemon.endpoint(), &asks).await;
}

/// A server that nobody knows.
const OTHER: &str = "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa:1-5";
/// More than there is, less than there is, and both.
const UNFIT: [&str; 7] = ["UUID:1-4", "UUID:1-3:90", "UUID:2-4", "UUID:90", "UUID:1", OTHER, ""];

#[tokio::test(flavor = "multi_thread")]
async fn readers_that_do_not_fit_are_told_so() {
    let other = format!("UUID:1-3,{OTHER}");
    let more = ["UUID:1-3", &other, "UUID:1-3:tag:1-2", "UUID:tag:1-2"];
    readers_that_do_not_fit(Flavour::Mysql97, &[&UNFIT[..], &more].concat()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_is_waited_for_whose_transactions_are_still_on_their_way() {
    let primary = primary();
    let daemon = Daemon::new(BINLOGD, &primary.endpoint()).unwrap();
    let daemon = daemon.configured("").unwrap().started().unwrap();
    primary.sql("create database d").unwrap();
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    daemon.sql(primary.prefix(), "stop replica").unwrap();
    primary.sql("create database e").unwrap();
    let uuid = primary.sql("select @@server_uuid").unwrap();
    let mut ask = by_gtid(primary.executed_gtids().unwrap());
    ask.says += ", @source_heartbeat_period = 500000000";
    let (theirs, ours) = (primary.endpoint(), daemon.endpoint());
    let reader = tokio::spawn(async move { assert_same_after_waiting(&theirs, &ours, &ask).await });
    wait_until("the reader waits", PATIENCE, || {
        let shown = daemon.sql(primary.prefix(), "show processlist")?;
        Ok(shown.contains("Waiting for transactions that the replica has"))
    })
    .unwrap();
    // The primary is asked, and has them.
    logs(&daemon, &["INFO", "a reader waits", &format!("{uuid}:2"), "with server id 4242"]);
    assert!(!reader.is_finished());
    daemon.sql(primary.prefix(), "start replica").unwrap();
    reader.await.unwrap();
}

/// Places in a closed file and in the last one where no event begins, or none that a reader may begin
/// with.
fn odd_positions(primary: &Server) -> Vec<(String, u64)> {
    let files = primary.binlog_files().unwrap();
    let mut odd = Vec::new();
    for path in [&files[files.len() - 2], &files[files.len() - 1]] {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let events = primary.query_rows(&format!("show binlog events in '{name}'")).unwrap();
        let begins: Vec<u64> = events.iter().map(|event| event[1].parse().unwrap()).collect();
        let end: u64 = events.last().unwrap()[4].parse().unwrap();
        let (second, last) = (begins[1], begins[begins.len() - 1]);
        let places = [0, 1, 3, 5, 23, second - 1, second, second + 1, last, last + 1, end - 1, end];
        odd.extend(
            places.into_iter().chain([end + 1, end + 19, 1 << 31]).map(|at| (name.clone(), at)),
        );
    }
    odd
}

mod on_mysql_5_6 {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn readers_that_do_not_fit_are_told_so() {
        // Of what it leaves out, its heartbeat tells where the last one's GTID ends; ours, where all of it does.
        readers_that_do_not_fit(Flavour::Mysql56, &UNFIT).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn odd_positions_and_heartbeats_are_the_same() {
        let primary = Server::start_new(Flavour::Mysql56).unwrap();
        primary.sql("create database d; flush binary logs; create database e").unwrap();
        let daemon = follow(&primary);
        daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
        let says = "set @master_binlog_checksum = 'CRC32', @master_heartbeat_period = 500000000";
        let ask = |file: String, position| Ask {
            file,
            position,
            has: None,
            flags: DumpFlags::default(),
            says: says.to_owned(),
        };
        let odd = odd_positions(&primary).into_iter();
        let asks: Vec<_> = odd.map(|(file, position)| ask(file, position)).collect();
        assert_all_same(&primary.endpoint(), &daemon.endpoint(), &asks).await;
        let ask = ask("binlog.000002".to_owned(), 4);
        let newer = Ask { flags: DumpFlags::ANNOTATE_OR_HEARTBEAT_V2, ..ask.clone() };
        let mut leaves_out = by_gtid(primary.executed_gtids().unwrap());
        leaves_out.says += ", @master_heartbeat_period = 3600000000000";
        let asks = [ask, newer, leaves_out];
        assert_same_heartbeats(&primary.endpoint(), &daemon.endpoint(), &asks).await;
    }
}

mod on_mariadb {
    use super::*;

    /// Two domains, every kind of group, files without the first ones.
    fn written(flavour: Flavour) -> Server {
        let mut server = Server::builder(flavour).start().unwrap();
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
                 purge binary logs to 'binlog.000002';
                 set gtid_seq_no = 900; insert into d.t values (50, 'far');
                 insert into d.t values (51, 'near')",
            )
            .unwrap();
        if flavour == Flavour::Mariadb118 {
            // For old readers 10.11 cannot make a BEGIN of this, and ends the dump.
            let xa = "xa start 'a'; insert into d.t values (99, 'q'); xa end 'a'; xa prepare 'a'; \
                      xa commit 'a'";
            server.sql(xa).unwrap();
        }
        // A format description that says when the server started.
        server.restart().unwrap();
        server.sql("insert into d.t values (60, 'after')").unwrap();
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
            by_state("0-S-3", ", @slave_until_gtid = ''"),
            by_state("0-S-3", ", @slave_until_gtid = '0-9-4'"),
            by_state("0-S-3", ", @slave_until_gtid = '0-9-1000'"),
            by_state("0-S-3,1-S-1", ", @slave_until_gtid = '0-S-1000'"),
            by_state("0-S-3", ", @slave_until_gtid = '0-S-5,7-1-1'"),
            by_state("0-S-3", ", @slave_until_gtid = '0-S-5,1-9-1'"),
            by_state("0-S-3", ", @slave_until_gtid = '0-S-5,0-S-6'"),
            // A number that was never given away, with others behind it.
            by_state("0-S-500,1-S-1", ""),
            by_state("0-S-500,1-S-1", ", @slave_gtid_strict_mode = 1"),
            by_state("0-S-500,1-S-1", ", @slave_until_gtid = '0-S-900'"),
            by_state("0-S-500,1-S-1", ", @slave_until_gtid = '0-S-600'"),
            by_state("0-9-500,1-S-1", ", @slave_gtid_strict_mode = 1"),
            by_state(
                "0-S-500,1-S-1",
                ", @slave_gtid_strict_mode = 1, @slave_until_gtid = '0-S-1000'",
            ),
            by_state("0-S-3,1-S-1", ", @slave_gtid_strict_mode = 1, @slave_until_gtid = '0-S-500'"),
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
        for (file, position) in odd_positions(&primary) {
            asks.push(by_file(&file, position, crc));
            asks.push(by_file(&file, position, &format!("{crc}, @mariadb_slave_capability = 4")));
        }
        assert_all_same(&primary.endpoint(), &daemon.endpoint(), &asks).await;
        let period = ", @master_heartbeat_period = 500000000";
        let silent = [
            by_state(&all, period),
            annotated(by_state(&all, period)),
            by_file("binlog.000004", 4, &format!("{crc}{period}")),
            by_file("binlog.000004", 4, &format!("set @master_binlog_checksum = 'NONE'{period}")),
        ];
        assert_same_heartbeats(&primary.endpoint(), &daemon.endpoint(), &silent).await;
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
