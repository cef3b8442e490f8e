//! Real replicas of other flavours than MySQL 9.7 behind binlogd end with the primary's tables.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use common::{BINLOGD, PATIENCE};
use testkit::daemon::compare_files;
use testkit::workload::{self, Scenario};
use testkit::{Daemon, Endpoint, Flavour, Server, SourceSpec, testbed, wait_until};

/// Applying everything takes a while on two busy cores.
const APPLY: Duration = Duration::from_secs(240);

/// The large scenario would only add time: it is mirrored elsewhere.
const SCENARIOS: &[Scenario] = workload::ALL.split_at(8).0;

/// A binlogd that lets replicas acknowledge.
fn follow(primary: &Server) -> Daemon {
    let daemon = Daemon::new(BINLOGD, &primary.endpoint()).unwrap();
    daemon.configured("[stream.ack]\noffer = true").unwrap().started().unwrap()
}

fn replica(flavour: Flavour) -> Server {
    let builder = Server::builder(flavour);
    // MySQL 5.6 as it is fetched has no plugins.
    let builder = if flavour == Flavour::Mysql56 { builder } else { builder.semi_sync() };
    builder.start().unwrap()
}

/// Lets a stopped replica acknowledge, or not, where it can.
fn acknowledge(replica: &Server, wanted: bool) {
    let role = match replica.flavour() {
        Flavour::Mysql56 => return,
        Flavour::Mysql97 => "replica",
        _ => "slave",
    };
    replica.sql(&format!("set global rpl_semi_sync_{role}_enabled = {wanted}")).unwrap();
}

/// Waits until a replica says that it acknowledges, or not.
fn wait_until_acknowledging(replica: &Server, wanted: bool) {
    let (name, wanted) = match replica.flavour() {
        Flavour::Mysql56 => return,
        Flavour::Mysql97 => ("Rpl_semi_sync_replica_status", wanted),
        _ => ("Rpl_semi_sync_slave_status", wanted),
    };
    let wanted = if wanted { "ON" } else { "OFF" };
    let waited =
        replica.wait_for(name, PATIENCE, |replica| Ok(replica.status_var(name)? == wanted));
    waited.unwrap();
}

fn source(daemon: &Daemon) -> SourceSpec {
    SourceSpec { endpoint: daemon.endpoint(), ..SourceSpec::local(0) }.workers(4)
}

fn assert_equal(primary: &Server, replica: &Server) {
    let waited = replica.wait_for_replica_of(primary, APPLY);
    waited.unwrap_or_else(|error| panic!("{:?}: {error:#}", replica.flavour()));
    let tables = |server: &Server| {
        let mut tables = workload::checksums(server).unwrap();
        if primary.flavour() != replica.flavour() {
            // Versions of MariaDB count a table with generated columns differently.
            let (table, rows) = ("columns_.derived", "select * from columns_.derived");
            tables.insert(table.to_owned(), server.sql(rows).unwrap());
        }
        tables
    };
    let on_primary = tables(primary);
    assert!(!on_primary.is_empty());
    assert_eq!(tables(replica), on_primary, "{:?}", replica.flavour());
    let status = replica.replica_status().unwrap();
    assert!(status.io_running() && status.sql_running(), "{}", status.errors());
}

/// Replicas of these flavours, by GTID and by file and position, are started in the middle; first the
/// ones acknowledge, then the others.
fn end_with_equal_tables(primary: &Server, flavours: &[Flavour]) {
    let daemon = follow(primary);
    let (file, pos) = primary.binlog_end().unwrap();
    for scenario in &SCENARIOS[..4] {
        scenario.run(primary).unwrap();
    }
    daemon.wait_for_all_of(primary, PATIENCE).unwrap();
    let mut replicas = Vec::new();
    for flavour in flavours {
        for (from, acks) in
            [(source(&daemon), false), (source(&daemon).at(file.as_str(), pos), true)]
        {
            let replica = replica(*flavour);
            acknowledge(&replica, acks);
            replica.replicate_from(&from).unwrap();
            wait_until_acknowledging(&replica, acks);
            replicas.push((replica, acks));
        }
    }
    for scenario in SCENARIOS[4..].iter().filter(|scenario| scenario.name != "gtids") {
        scenario.run(primary).unwrap();
    }
    if primary.flavour().is_mariadb() {
        // Domains are applied in parallel, also where one needs what another does.
        for (replica, _) in &replicas {
            replica.wait_for_replica_of(primary, APPLY).unwrap();
            replica.sql("stop slave; set global slave_parallel_threads = 0; start slave").unwrap();
        }
    }
    workload::GTIDS.run(primary).unwrap();
    for (replica, _) in &replicas {
        assert_equal(primary, replica);
        replica.stop_replica().unwrap();
    }
    // And on, after all were away.
    let more = "create database more; create table more.t (a int primary key); \
                insert into more.t values (1), (2)";
    primary.sql(more).unwrap();
    for (replica, acked) in &replicas {
        acknowledge(replica, !acked);
        replica.start_replica().unwrap();
        wait_until_acknowledging(replica, !acked);
        replica.wait_for_replica_of(primary, APPLY).unwrap();
        assert_eq!(
            replica.checksum_tables("more").unwrap(),
            primary.checksum_tables("more").unwrap()
        );
    }
}

mod on_mariadb {
    use super::*;

    #[test]
    fn of_10_11_behind_10_11_and_11_8() {
        let primary = Server::start_new(Flavour::Mariadb1011).unwrap();
        end_with_equal_tables(&primary, &[Flavour::Mariadb1011, Flavour::Mariadb118]);
    }

    #[test]
    fn of_11_8_with_compressed_events() {
        let primary =
            Server::builder(Flavour::Mariadb118).arg("--log-bin-compress=1").start().unwrap();
        end_with_equal_tables(&primary, &[Flavour::Mariadb118]);
    }

    #[test]
    fn a_replica_that_lacks_what_was_purged_or_has_more_is_told_so() {
        let primary = Server::start_new(Flavour::Mariadb118).unwrap();
        primary.sql("create database d; flush binary logs; create database e").unwrap();
        primary.sql("purge binary logs to 'binlog.000002'").unwrap();
        let daemon = follow(&primary);
        daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
        let replica = Server::start_new(Flavour::Mariadb118).unwrap();
        replica.replicate_from(&source(&daemon)).unwrap();
        let hears = |text: &str| {
            let heard = replica.wait_for("the replica's error", PATIENCE, |replica| {
                let status = replica.replica_status()?;
                Ok(status.column("Last_IO_Errno") == "1236"
                    && status.column("Last_IO_Error").contains(text))
            });
            heard.unwrap();
        };
        hears("Could not find GTID state requested by slave in any binlog files");
        replica.sql("stop slave; set global gtid_slave_pos = '0-99-7'; start slave").unwrap();
        hears("requested to start from GTID 0-99-7, which is not in the master's binlog");
    }

    /// Behind MySQL the greeting names another plugin than behind MariaDB.
    #[test]
    fn who_signs_logs_in_and_follows() {
        let dir = testbed::mariadb_client_plugins(Flavour::Mariadb118).unwrap();
        let dir = format!("--plugin-dir={}", dir.display());
        let client = testbed::ensure(Flavour::Mariadb118).unwrap();
        let users = format!(
            "[[stream.user]]\nname = 'hash'\n{}\n\
             [[stream.user]]\nname = 'plain'\npassword = 's3cret'\nplugin = 'ed25519'\n",
            hash_of("s3cret", "--ed25519")
        );
        let as_user = |daemon: &Daemon, user: &str, password: &str| Endpoint {
            user: user.into(),
            password: password.into(),
            ..daemon.endpoint()
        };
        let signed_in = |primary: &Server| {
            let daemon = Daemon::new(BINLOGD, &primary.endpoint()).unwrap();
            let daemon = daemon.configured(&users).unwrap().started().unwrap();
            let log_in = |user: &str, password: &str| {
                let mut client = client.mysql_to(&as_user(&daemon, user, password));
                let output = client.args([&dir, "-NBe", "select current_user()"]).output().unwrap();
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                (text(&output.stdout), text(&output.stderr))
            };
            for user in ["hash", "plain"] {
                assert_eq!(log_in(user, "s3cret"), (format!("{user}@%\n"), String::new()));
            }
            for user in ["hash", "plain", "nobody"] {
                let (rows, error) = log_in(user, "S3cret");
                let denied = format!("ERROR 1045 (28000): Access denied for user '{user}'@");
                assert!(rows.is_empty() && error.starts_with(&denied), "{rows}{error}");
            }
            daemon
        };
        signed_in(&Server::start_new(Flavour::Mysql97).unwrap());

        let primary = Server::start_new(Flavour::Mariadb118).unwrap();
        let daemon = signed_in(&primary);
        let replica = Server::builder(Flavour::Mariadb118).arg(&dir).start().unwrap();
        let endpoint = as_user(&daemon, "hash", "s3cret");
        replica.replicate_from(&SourceSpec { endpoint, ..SourceSpec::local(0) }).unwrap();
        primary.sql("create database d; create table d.t (a int) select 1 as a").unwrap();
        replica.wait_for_replica_of(&primary, PATIENCE).unwrap();
        assert_eq!(replica.sql("select a from d.t").unwrap().trim(), "1");
    }

    /// From 11.4 on replicas of MariaDB verify their source by default, on every address but 127.0.0.1. They
    /// take a certificate of no known authority if the server proves that it knows the password.
    #[test]
    fn of_11_8_that_verifies_the_server_by_the_password() {
        const HOST: &str = "127.0.0.2";
        let plugins = testbed::mariadb_client_plugins(Flavour::Mariadb118).unwrap();
        let plugins = format!("--plugin-dir={}", plugins.display());
        let primary = Server::start_new(Flavour::Mariadb118).unwrap();
        let daemon = Daemon::new(BINLOGD, &primary.endpoint()).unwrap();
        let there = Endpoint { host: HOST.into(), ..daemon.endpoint() };
        let signs = Endpoint { user: "signs".into(), password: "s3cret".into(), ..there.clone() };
        let users = "[[stream.user]]\nname = 'signs'\npassword = 's3cret'\nplugin = 'ed25519'\n";
        let listen = format!("--listen={HOST}:{}", there.port);
        let _daemon = daemon.arg(listen).configured(users).unwrap().started().unwrap();

        let replica = Server::builder(Flavour::Mariadb118).arg(&plugins).start().unwrap();
        for (row, account) in [there, signs].into_iter().enumerate() {
            let spec = SourceSpec { endpoint: account, ..SourceSpec::local(0) };
            replica.sql("stop slave").unwrap();
            replica.replicate_from(&SourceSpec { tls: true, ..spec }).unwrap();
            primary.sql(&format!("create database d{row}")).unwrap();
            replica.wait_for_replica_of(&primary, PATIENCE).unwrap();
        }
    }

    /// The line that `binlogd hash-password` makes of a password.
    fn hash_of(password: &str, option: &str) -> String {
        let mut command = Command::new(BINLOGD);
        let command = command.args(["hash-password", option]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        writeln!(child.stdin.take().unwrap(), "{password}").unwrap();
        String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
    }
}

mod on_mariadb_11_4 {
    use super::*;

    /// A replica of it as it comes: it verifies its source on every address but 127.0.0.1.
    #[test]
    fn of_11_4_that_verifies_the_server_behind_11_4() {
        const HOST: &str = "127.0.0.2";
        let primary = Server::builder(Flavour::Mariadb114).semi_sync().start().unwrap();
        let daemon = Daemon::new(BINLOGD, &primary.endpoint()).unwrap();
        let there = Endpoint { host: HOST.into(), ..daemon.endpoint() };
        let listen = format!("--listen={HOST}:{}", there.port);
        let daemon = daemon.arg(listen).configured("").unwrap().started().unwrap();
        primary.wait_for_semi_sync(1, PATIENCE).unwrap();

        let replica = Server::start_new(Flavour::Mariadb114).unwrap();
        let from = SourceSpec { endpoint: there, ..SourceSpec::local(0) };
        replica.replicate_from(&SourceSpec { tls: true, ..from }).unwrap();
        for scenario in [workload::TRANSACTIONS, workload::GTIDS] {
            scenario.run(&primary).unwrap();
        }
        assert_equal(&primary, &replica);
        primary.sql("flush binary logs").unwrap();
        daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
        let files = compare_files(&primary, &daemon.timeline_dir(&primary).unwrap()).unwrap();
        assert!(files >= 2, "{files}");
    }
}

mod on_mysql_5_6 {
    use super::*;

    /// Without semi-sync: the 5.6 that can be fetched has no plugin for it, in either role.
    #[test]
    fn of_5_6_behind_5_6() {
        let primary = Server::start_new(Flavour::Mysql56).unwrap();
        end_with_equal_tables(&primary, &[Flavour::Mysql56]);
    }

    /// Some of what 5.6 writes is more than 9.7 can apply, from 5.6 itself as from binlogd.
    #[test]
    fn of_9_7_behind_5_6() {
        let primary = Server::start_new(Flavour::Mysql56).unwrap();
        let daemon = follow(&primary);
        let received = || -> u64 {
            let count = daemon.status_var(primary.prefix(), "Binlogd_reader_acks").unwrap();
            count.parse().unwrap()
        };
        let (file, pos) = primary.binlog_end().unwrap();
        primary
            .sql(
                "create database d; create table d.t (a int primary key, b text) engine = innodb;
                 insert into d.t values (1, 'one'), (2, 'two'); delete from d.t where a = 1;
                 begin; insert into d.t values (3, 'three'); update d.t set b = 'x'; commit",
            )
            .unwrap();
        daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
        let by_position = source(&daemon).at(file, pos);
        let ways = [source(&daemon), by_position].map(|from| [(from.clone(), false), (from, true)]);
        for (from, acks) in ways.into_iter().flatten() {
            let replica = replica(Flavour::Mysql97);
            acknowledge(&replica, acks);
            replica.replicate_from(&SourceSpec { heartbeat_s: Some(1), ..from }).unwrap();
            wait_until_acknowledging(&replica, acks);
            replica.wait_for_replica_of(&primary, APPLY).unwrap();
            let before = received();
            for n in 0..10 {
                primary
                    .sql(&format!("insert into d.t values (floor(rand() * 2e9), '{n}')"))
                    .unwrap();
                replica.wait_for_replica_of(&primary, APPLY).unwrap();
            }
            let table = |server: &Server| server.checksum_tables("d").unwrap();
            assert_eq!(table(&replica), table(&primary));
            if acks {
                let all = || Ok(received() >= before + 10);
                wait_until("each commit is acknowledged", PATIENCE, all).unwrap();
            } else {
                assert_eq!(received(), before);
            }
            // It would end at a heartbeat that 5.6's format descriptions do not know.
            let count = "select count_received_heartbeats from \
                         performance_schema.replication_connection_status";
            let waited = replica.wait_for("heartbeats", PATIENCE, |replica| {
                Ok(replica.sql(count)?.parse::<u64>()? > 1)
            });
            waited.unwrap();
            let status = replica.replica_status().unwrap();
            assert!(status.io_running() && status.sql_running(), "{}", status.errors());
        }
    }
}
