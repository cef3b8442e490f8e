//! Who begins in the middle of a file is led there by an index, and gets what the file has from there.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use binlogd_client::wire::dump::DumpFlags;
use common::dumps::{Ask, assert_same, dump};
use common::{BINLOGD, PATIENCE, follow};
use testkit::{Daemon, Flavour, Server, wait_until};

const COUNT: u32 = 60;

/// A small file, and one of three MB: transactions a minute apart, of which some are large; in MariaDB
/// some of another domain.
fn write(server: &Server, flavour: Flavour) {
    let domain = |id: u32| match flavour {
        Flavour::Mysql97 | Flavour::Mysql56 => String::new(),
        _ => format!("set gtid_domain_id = {id};"),
    };
    let mut sql = "set timestamp = 1700000000; create database d; flush binary logs;
        create table d.t (a int auto_increment primary key, b mediumtext);"
        .to_owned();
    for n in 0..COUNT {
        let (time, len) = (1_700_000_000 + 60 * n, if n % 4 == 0 { 150_000 } else { 20_000 });
        sql += &domain(u32::from([5, 20].contains(&n)));
        sql += &format!("set timestamp = {time}; insert into d.t (b) values (repeat('x', {len}));");
        sql += &domain(0);
    }
    server.sql(&sql).unwrap();
}

/// Begins a new file, and waits until the index of the last one is there.
fn close(server: &Server, dir: &Path) {
    server.sql("flush binary logs; create database e").unwrap();
    let index = dir.join("binlog.000002.idx");
    wait_until("the closed file has an index", PATIENCE, || Ok(index.exists())).unwrap();
}

fn printed(args: &[&str], dir: &Path) -> String {
    let file = dir.join("binlog.000002");
    let output = Command::new(BINLOGD).args(args).arg(file).output().unwrap();
    let text =
        |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(&dir.display().to_string(), "DIR");
    assert!(output.status.success(), "{args:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// The command line finds the same with the index and without, and with it reads nothing before.
fn command_line_seeks(server: &Server, timeline: &Path, by_gtid: Option<&str>) {
    let copies = server.tmpdir();
    let (plain, damaged) = (copies.join("plain"), copies.join("damaged"));
    let name = "binlog.000002";
    for dir in [&plain, &damaged] {
        fs::create_dir(dir).unwrap();
        fs::copy(timeline.join(name), dir.join(name)).unwrap();
    }
    let index = format!("{name}.idx");
    fs::copy(timeline.join(&index), damaged.join(&index)).unwrap();
    let mut bytes = fs::read(damaged.join(name)).unwrap();
    bytes[50_000] ^= 1;
    fs::write(damaged.join(name), bytes).unwrap();
    let events = server.query_rows(&format!("show binlog events in '{name}'")).unwrap();
    let late = &events[events.len() * 3 / 4][1];

    let mut asks = vec![
        vec!["tail", "--format=json", "--start-time", "2023-11-14 22:55"],
        vec!["tail", "--format=json", "--start-position", late],
        vec!["find", "--json", "--time", "2023-11-14 22:55"],
        vec!["find", "--json", "--position", late],
    ];
    if let Some(gtid) = by_gtid {
        asks.push(vec!["find", "--json", "--gtid", gtid]);
        asks.push(vec!["tail", "--format=json", "--include-gtids", gtid]);
    }
    for args in &asks {
        let (with, without) = (printed(args, timeline), printed(args, &plain));
        assert!(!without.is_empty() && with == without, "{args:?}:\n{with}\n{without}");
        // What is before is not read, so this ends well.
        assert_eq!(printed(args, &damaged), without, "{args:?}");
    }
    let early = printed(&["find", "--json", "--time", "2023-11-14 22:13:20"], timeline);
    assert_eq!(early, printed(&["find", "--json", "--time", "2023-11-14 22:13:20"], &plain));
}

/// What a process has read of files so far, in bytes.
fn read_by(daemon: &Daemon) -> u64 {
    let io = fs::read_to_string(format!("/proc/{}/io", daemon.pid().unwrap())).unwrap();
    io.lines().find_map(|line| line.strip_prefix("rchar: ")).unwrap().parse().unwrap()
}

/// A reader gets what the primary sends, and of the file little more is read than that: no further than
/// checkpoints are apart at each of so many `places` where it is sent or told something behind what it is
/// not sent.
async fn costs_no_scan(primary: &Server, daemon: &Daemon, ask: &Ask, places: u64, distance: u64) {
    /// A reader's chunk, and what is before a checkpoint of the transaction behind which it is taken.
    const MORE_LEN: u64 = (48 + 48) << 10;
    // This also has all of a file indexed that is written to.
    assert_same(&primary.endpoint(), &daemon.endpoint(), ask).await;
    let before = read_by(daemon);
    let (events, _) = dump(&daemon.endpoint(), ask).await;
    let read = read_by(daemon) - before;
    let sent: usize = events.iter().map(Vec::len).sum();
    // What is not whole at a chunk's end is read again.
    let most = sent as u64 * 5 / 4 + places * (distance + MORE_LEN);
    assert!(read <= most, "{ask:?}: {read} bytes read to send {sent}, at most {most} wanted");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_lacks_a_few_transactions_between_costs_no_scan() {
    let primary = Server::start_new(Flavour::Mysql97).unwrap();
    let mut sql = "create database d; flush binary logs;
        create table d.t (a int auto_increment primary key, b mediumtext);"
        .to_owned();
    sql += &"insert into d.t (b) values (repeat('x', 20000));".repeat(1000);
    primary.sql(&sql).unwrap();
    let daemon = follow(&primary);
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    let timeline = daemon.timeline_dir(&primary).unwrap();
    let executed = primary.executed_gtids().unwrap();
    let uuid = executed.split(':').next().unwrap();
    for closes in [true, false] {
        for (places, numbers) in [(2, "1-200:202-980"), (3, "1-200:202-600:602-980"), (1, "1-1001")]
        {
            let ask = Ask {
                file: String::new(),
                position: 4,
                has: Some(format!("{uuid}:{numbers}")),
                flags: DumpFlags::THROUGH_GTID,
                says: "set @source_binlog_checksum = @@global.binlog_checksum".to_owned(),
            };
            // One distance behind what it was sent, to the next checkpoint, one before what it is.
            costs_no_scan(&primary, &daemon, &ask, places, 2 << 20).await;
        }
        if closes {
            close(&primary, &timeline);
            daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
        }
    }
}

#[test]
fn anonymous_transactions_are_found_by_time_and_position() {
    let primary = Server::builder(Flavour::Mysql97)
        .args(["--gtid-mode=OFF", "--enforce-gtid-consistency=OFF"])
        .start()
        .unwrap();
    write(&primary, Flavour::Mysql97);
    let daemon = follow(&primary);
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    let timeline = daemon.timeline_dir(&primary).unwrap();
    close(&primary, &timeline);
    command_line_seeks(&primary, &timeline, None);
}

mod on_mariadb {
    use super::*;

    /// A reader at `state`, in which `-S-` stands for the server's id.
    fn at(state: &str, until: &str, id: &str) -> Ask {
        let until = match until {
            "" => String::new(),
            _ => format!(", @slave_until_gtid = '{until}'"),
        };
        let says = format!(
            "set @master_binlog_checksum = @@global.binlog_checksum, @mariadb_slave_capability = 4, \
             @slave_connect_state = '{state}'{until}"
        );
        let says = says.replace("-S-", &format!("-{id}-"));
        Ask { file: String::new(), position: 4, has: None, flags: DumpFlags::default(), says }
    }

    async fn a_reader_gets_what_the_primary_sends(flavour: Flavour) {
        let primary = Server::start_new(flavour).unwrap();
        write(&primary, flavour);
        let daemon = follow(&primary);
        daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
        let id = primary.sql("select @@server_id").unwrap();
        let id = id.trim();
        let mut asks = Vec::new();
        for number in [1, 2, 10, 15, 24, 30, 31, 44, 57, 60] {
            for other in ["", ",1-S-1", ",1-S-2", ",7-9-3"] {
                for until in ["", "0-S-4", "0-S-50", "0-S-50,1-S-2", "1-S-2"] {
                    // Elsewhere there are enough of these.
                    if until.is_empty() || [10, 31].contains(&number) {
                        asks.push(at(&format!("0-S-{number}{other}"), until, id));
                    }
                }
            }
        }
        // In the file that is written to, and in the closed one.
        let timeline = daemon.timeline_dir(&primary).unwrap();
        for closes in [true, false] {
            for ask in &asks {
                assert_same(&primary.endpoint(), &daemon.endpoint(), ask).await;
            }
            let events = primary.query_rows("show binlog events in 'binlog.000002'").unwrap();
            for position in events.iter().skip(4).step_by(17).map(|event| &event[1]) {
                let query = format!("select binlog_gtid_pos('binlog.000002', {position})");
                let ours = daemon.sql(primary.prefix(), &query).unwrap();
                let sorted = |text: &str| {
                    let mut gtids: Vec<_> = text.trim().split(',').map(str::to_owned).collect();
                    gtids.sort();
                    gtids
                };
                assert_eq!(sorted(&ours), sorted(&primary.sql(&query).unwrap()), "{position}");
            }
            if closes {
                close(&primary, &timeline);
                daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
            }
        }
        command_line_seeks(&primary, &timeline, Some(&format!("0-{id}-50")));
    }

    /// A file of 14 MB, and domains that are reached far apart: 1 at its head, 2 in its middle, 0 all over.
    fn write_domains(server: &Server) {
        let mut sql = "create database d; flush binary logs;
            create table d.t (a int auto_increment primary key, b mediumtext);"
            .to_owned();
        for n in 0..700 {
            let domain = match n {
                3 | 5 | 500 => 1,
                300..320 => 2,
                _ => 0,
            };
            sql += &format!("set gtid_domain_id = {domain};");
            sql += "insert into d.t (b) values (repeat('x', 20000));";
        }
        server.sql(&sql).unwrap();
    }

    async fn a_reader_of_several_domains_costs_no_scan(flavour: Flavour) {
        let primary = Server::start_new(flavour).unwrap();
        write_domains(&primary);
        let daemon = follow(&primary);
        daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
        let id = primary.sql("select @@server_id").unwrap();
        let timeline = daemon.timeline_dir(&primary).unwrap();
        let asks = [
            // Nothing of domain 1 is left.
            (2, "0-S-650,1-S-3", ""),
            (3, "0-S-650,1-S-3,2-S-20", ""),
            // What is lacked of 2 comes behind where it was reached.
            (3, "0-S-650,1-S-3,2-S-7", ""),
            // And some of 1 comes while 0 is left out.
            (4, "0-S-650,1-S-2,2-S-20", ""),
            (4, "0-S-650,1-S-1,2-S-20", ""),
            (4, "0-S-650,1-S-2", "2-S-10,0-S-660"),
            (3, "0-S-650,1-S-2,2-S-20", "1-S-3"),
        ];
        for closes in [true, false] {
            for (places, state, until) in asks {
                let ask = at(state, until, id.trim());
                costs_no_scan(&primary, &daemon, &ask, places, 64 << 10).await;
            }
            if closes {
                close(&primary, &timeline);
                daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
            }
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_reader_of_several_domains_costs_no_scan_as_mariadb_11_8() {
        a_reader_of_several_domains_costs_no_scan(Flavour::Mariadb118).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_reader_of_several_domains_costs_no_scan_as_mariadb_10_11() {
        a_reader_of_several_domains_costs_no_scan(Flavour::Mariadb1011).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_reader_that_starts_in_the_middle_gets_what_mariadb_11_8_sends() {
        a_reader_gets_what_the_primary_sends(Flavour::Mariadb118).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_reader_that_starts_in_the_middle_gets_what_mariadb_10_11_sends() {
        a_reader_gets_what_the_primary_sends(Flavour::Mariadb1011).await;
    }
}
