//! Transactions that a primary has and that stand in none of its binlog files: those of a backup, and those
//! named by `SET GLOBAL gtid_purged`. binlogd accepts and refuses readers as the primary does.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use binlogd_client::wire::dump::DumpFlags;
use common::dumps::{Ask, answers, assert_all_same, assert_answers, dump};
use common::{PATIENCE, follow, logs};
use testkit::{Daemon, Flavour, Server, wait_until};

const ELSEWHERE: &str = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee";

fn by_gtid(has: &str) -> Ask {
    Ask {
        file: String::new(),
        position: 4,
        has: Some(has.to_owned()),
        flags: DumpFlags::default(),
        says: "set @master_binlog_checksum = 'CRC32'".to_owned(),
    }
}

/// What a server, or binlogd, says of executed and purged transactions.
fn variables(sql: impl Fn(&str) -> anyhow::Result<String>) -> anyhow::Result<String> {
    let said = sql("select @@global.gtid_executed, @@global.gtid_purged")?;
    // The client may write the end of a line so.
    Ok(said.replace("\\n", "").replace('\n', ""))
}

/// A binlogd whose account may purge.
fn with_admin(primary: &Server) -> Daemon {
    let daemon = Daemon::new(common::BINLOGD, &primary.endpoint()).unwrap();
    daemon.configured("").unwrap().started().unwrap()
}

fn variables_of(daemon: &Daemon, client: &Server) -> anyhow::Result<String> {
    variables(|query| daemon.sql(client.prefix(), query))
}

/// Waits until binlogd says the same of executed and purged transactions as the primary; returns that.
fn wait_for_same_variables(daemon: &Daemon, primary: &Server) -> String {
    let theirs = variables(|query| primary.sql(query)).unwrap();
    wait_until("gtid_executed and gtid_purged are the primary's", PATIENCE, || {
        Ok(variables_of(daemon, primary)? == theirs)
    })
    .unwrap_or_else(|error| {
        panic!("{error}: {theirs}; {:?}\n{}", variables_of(daemon, primary), daemon.log())
    });
    theirs
}

fn verifies(daemon: &Daemon) {
    let mut verify = std::process::Command::new(common::BINLOGD);
    let verified = verify.arg("verify").arg(daemon.stream_dir()).output().unwrap();
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
}

/// What readers have: of the primary's own transactions, and of those that it was told.
const SETS: [&str; 5] = ["", "UUID:1-2", "X:1-5", "X:1-4,UUID:1-3", "X:1-6"];

/// A reader with a transaction of the primary that this has yet to commit.
const EARLY: &str = "X:1-5,UUID:1-4";

/// A primary that is told of transactions while it is followed.
async fn purged_while_followed(flavour: Flavour, set_purged: &str, sets: &[&str]) {
    let mut primary = Server::start_new(flavour).unwrap();
    primary.sql("reset master").or_else(|_| primary.sql("reset binary logs and gtids")).unwrap();
    let uuid = primary.sql("select @@server_uuid").unwrap();
    let mut daemon = with_admin(&primary);
    primary.sql(&format!("{set_purged}; create database d")).unwrap();
    wait_for_same_variables(&daemon, &primary);
    logs(&daemon, &["stand in none of its binlog files", ELSEWHERE]);
    primary.sql("create database e; flush binary logs; create database f").unwrap();
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    wait_for_same_variables(&daemon, &primary);
    let gtids = |set: &&str| set.replace('X', ELSEWHERE).replace("UUID", &uuid);
    let asks: Vec<_> = sets.iter().map(|set| by_gtid(&gtids(set))).collect();
    assert_all_same(&primary.endpoint(), &daemon.endpoint(), &asks).await;

    // Both remove their first file.
    let second = primary.query_rows("show binary logs").unwrap().last().unwrap()[0].clone();
    let purge = format!("purge binary logs to '{second}'");
    primary.sql(&purge).unwrap();
    daemon.sql(primary.prefix(), &purge).unwrap();
    let said = wait_for_same_variables(&daemon, &primary);
    let theirs = answers(&primary.endpoint(), &asks).await;
    assert_answers(&theirs, &daemon.endpoint(), &asks).await;
    verifies(&daemon);

    // Years later there is only binlogd.
    primary.kill().unwrap();
    daemon.stop().unwrap();
    daemon.start().unwrap();
    assert_eq!(variables_of(&daemon, &primary).unwrap(), said);
    // Without the primary binlogd cannot know that it lacks a reader's transactions.
    let is_known = |ask: &&Ask| ask.has.as_deref() != Some(&gtids(&EARLY));
    let known = asks.iter().zip(theirs).filter(|(ask, _)| is_known(ask));
    let (asks, theirs): (Vec<_>, Vec<_>) = known.map(|(ask, answer)| (ask.clone(), answer)).unzip();
    assert_answers(&theirs, &daemon.endpoint(), &asks).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_that_become_purged_are_needed_by_readers_as_at_the_primary() {
    let set_purged = format!("set global gtid_purged = '+{ELSEWHERE}:1-5'");
    let more = ["X:1-5,UUID:1", "X:1-5,UUID:1-3", EARLY];
    purged_while_followed(Flavour::Mysql97, &set_purged, &[&SETS[..], &more].concat()).await;
}

/// Readers by GTID that come to a new binlogd at once must not be served before it knows what they need.
#[tokio::test(flavor = "multi_thread")]
async fn a_restored_primarys_readers_are_accepted_and_refused_from_the_first_moment() {
    let mut primary = Server::start_new(Flavour::Mysql97).unwrap();
    let uuid = primary.sql("select @@server_uuid").unwrap();
    // As a copy of a data directory without its binlogs is.
    primary.sql("create database a; create database b; flush binary logs").unwrap();
    primary.stop().unwrap();
    for entry in std::fs::read_dir(primary.datadir()).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_str().unwrap().starts_with("binlog.") {
            std::fs::remove_file(path).unwrap();
        }
    }
    primary.start().unwrap();
    primary.sql("create database c").unwrap();
    assert_eq!(primary.sql("select @@global.gtid_purged").unwrap(), format!("{uuid}:1-2"));
    let mut daemon = follow(&primary);
    let asks = ["", "UUID:1", "UUID:1-2", "UUID:1-3", "UUID:1-4", "UUID:2-3"];
    let asks = asks.map(|set| by_gtid(&set.replace("UUID", &uuid)));
    wait_until("a file is stored", PATIENCE, || {
        Ok(!daemon.sql(primary.prefix(), "show binary logs")?.is_empty())
    })
    .unwrap();
    assert_all_same(&primary.endpoint(), &daemon.endpoint(), &asks).await;
    wait_for_same_variables(&daemon, &primary);

    // A binlogd that does not know yet lets a reader wait. Here the primary accepts no second connection.
    daemon.stop().unwrap();
    std::fs::remove_file(daemon.timeline_dir(&primary).unwrap().join("UNLOGGED")).unwrap();
    primary.sql("alter user repl@'%' with max_user_connections 1").unwrap();
    daemon.start().unwrap();
    wait_until("the dump has begun", PATIENCE, || {
        Ok(daemon.status_var(primary.prefix(), "Binlogd_upstream_connects")? == "1")
    })
    .unwrap();
    dump(&daemon.endpoint(), &asks[2]).await;
    logs(&daemon, &["WARN", "has not yet answered which transactions stand in none"]);
    primary.sql("alter user repl@'%' with max_user_connections 0").unwrap();
    wait_for_same_variables(&daemon, &primary);
    assert_all_same(&primary.endpoint(), &daemon.endpoint(), &asks).await;
}

mod on_mariadb {
    use super::*;

    /// A primary that was restored to a place in another server's binlog, which it has in `gtid_slave_pos` only,
    /// and one whose binlog was told where it stands.
    async fn restored(flavour: Flavour) {
        let mut primary = Server::start_new(flavour).unwrap();
        primary
            .sql(
                "reset master; set global gtid_binlog_state = '3-55-7,4-55-9';
                 set global gtid_slave_pos = '0-77-100,5-78-50,6-79-1'; create database d;
                 set gtid_domain_id = 6; create database e",
            )
            .unwrap();
        let mut daemon = follow(&primary);
        daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
        primary.sql("flush binary logs; create database f; create database g").unwrap();
        daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
        let id = primary.sql("select @@server_id").unwrap();
        let by_state = |state: &str, more: &str| Ask {
            has: None,
            says: format!(
                "set @master_binlog_checksum = @@global.binlog_checksum, @mariadb_slave_capability = 4, \
                 @slave_connect_state = '{}'{more}",
                state.replace('S', &id)
            ),
            ..by_gtid("")
        };
        let strict = ", @slave_gtid_strict_mode = 1";
        let all = primary.sql("select @@gtid_binlog_pos").unwrap();
        let logged = "3-55-7,4-55-9";
        let mut asks = Vec::new();
        for state in [
            "",
            "0-77-100",
            logged,
            &format!("0-77-100,{logged}"),
            &format!("0-77-99,{logged}"),
            &format!("0-77-101,{logged}"),
            &format!("0-S-101,{logged}"),
            &format!("0-77-100,6-79-1,{logged}"),
            &format!("0-77-100,5-78-50,6-79-1,{logged}"),
            &format!("0-77-100,5-78-49,6-79-1,{logged}"),
            &format!("0-77-100,6-79-2,{logged}"),
            "0-77-100,3-55-7,4-55-8",
            "0-77-100,3-55-7,4-55-10",
            &all,
            &format!("{all},5-78-50"),
        ] {
            asks.push(by_state(state, ""));
            asks.push(by_state(state, strict));
        }
        assert_all_same(&primary.endpoint(), &daemon.endpoint(), &asks).await;
        let position = |query| daemon.sql(primary.prefix(), query);
        assert_eq!(position("select @@gtid_binlog_pos").unwrap(), all);
        verifies(&daemon);

        let theirs = answers(&primary.endpoint(), &asks).await;
        primary.kill().unwrap();
        daemon.stop().unwrap();
        daemon.start().unwrap();
        assert_answers(&theirs, &daemon.endpoint(), &asks).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn readers_at_the_place_of_a_restored_11_8_are_served_as_by_it() {
        restored(Flavour::Mariadb118).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn readers_at_the_place_of_a_restored_10_11_are_served_as_by_it() {
        restored(Flavour::Mariadb1011).await;
    }
}

mod on_mysql_5_6 {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn transactions_that_become_purged_are_needed_by_readers_as_at_the_primary() {
        let set_purged = format!("set global gtid_purged = '{ELSEWHERE}:1-5'");
        // Its heartbeats after what is left out have other positions.
        purged_while_followed(Flavour::Mysql56, &set_purged, &SETS).await;
    }
}
