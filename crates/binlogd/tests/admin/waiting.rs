//! Functions that wait for transactions, beside the primary's or a replica's.

use testkit::{Flavour, Server, SourceSpec};

use crate::client::{connection_of, outcome, rows, with_admin};
use crate::common::{PATIENCE, primary};

#[test]
fn who_waits_for_transactions_is_answered_as_by_the_primary() {
    let primary = primary();
    let daemon = with_admin(&primary).started().unwrap();
    primary.sql("create database d").unwrap();
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    let uuid = primary.sql("select @@server_uuid").unwrap().trim().to_owned();
    let function = "select wait_for_executed_gtid_set";
    for args in [
        format!("'{uuid}:1'"),
        format!("'{uuid}:1', 5"),
        format!("'{uuid}:1', 0"),
        format!("'{uuid}:1-100000', 0.2"),
        format!("'{uuid}:1-100000', '0.1'"),
        format!("'{uuid}:1', -1"),
        format!("'{uuid}:1', null"),
        "''".to_owned(),
        "null".to_owned(),
        "'nonsense', 1".to_owned(),
        "5, 1".to_owned(),
        "'nonsense', -1".to_owned(),
        String::new(),
        "'a', 1, 2".to_owned(),
    ] {
        let sql = format!("{function}({args})");
        let theirs = outcome(primary.sql(&sql));
        assert_eq!(outcome(daemon.sql(primary.prefix(), &sql)), theirs, "{sql}");
    }
    // One that comes while somebody waits, and one that never does.
    let next = format!("{function}('{uuid}:1-2')");
    let never = format!("{function}('{uuid}:1-100000')");
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| outcome(daemon.sql(primary.prefix(), &next)));
        connection_of(&daemon, &next);
        primary.sql("create database e").unwrap();
        assert_eq!(waits.join().unwrap(), "0");
        let waits = scope.spawn(|| outcome(daemon.sql(primary.prefix(), &never)));
        let id = connection_of(&daemon, &never);
        rows(&daemon, &format!("kill query {id}"));
        assert_eq!(waits.join().unwrap(), "ERROR 1317 (70100): Query execution was interrupted");
    });
}

mod on_mariadb {
    use super::*;

    #[test]
    fn who_waits_for_transactions_is_answered_as_by_a_replica() {
        let primary = Server::start_new(Flavour::Mariadb118).unwrap();
        let daemon = with_admin(&primary).started().unwrap();
        primary.sql("create database d; set gtid_domain_id = 1; create database e").unwrap();
        daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
        let id = primary.sql("select @@server_id").unwrap().trim().to_owned();
        // As if it had replicated all of it.
        primary.sql("set global gtid_slave_pos = @@gtid_binlog_pos").unwrap();
        for args in [
            "'0-S-1'",
            "'0-S-1,1-S-1', 5",
            "'0-9-1', 5",
            "'0-S-5', 0",
            "'0-S-5', 0.2",
            "'0-S-1', -1",
            "'0-S-1', null",
            "'0-S-1,7-1-1', 0.2",
            "'', 1",
            "null, 1",
            "'nonsense', 1",
            "",
            "'a', 1, 2",
        ] {
            let sql =
                format!("select master_gtid_wait({})", args.replace("-S-", &format!("-{id}-")));
            let theirs = outcome(primary.sql(&sql));
            assert_eq!(outcome(daemon.sql(primary.prefix(), &sql)), theirs, "{sql}");
        }
        assert_eq!(
            outcome(daemon.sql(primary.prefix(), "select wait_for_executed_gtid_set('')")),
            "ERROR 1305 (42000): FUNCTION wait_for_executed_gtid_set does not exist"
        );
    }
}

mod on_mysql_5_6 {
    use super::*;

    #[test]
    fn who_waits_for_transactions_is_answered_as_by_a_replica() {
        let primary = Server::start_new(Flavour::Mysql56).unwrap();
        let daemon = with_admin(&primary).started().unwrap();
        let replica = Server::start_new(Flavour::Mysql56).unwrap();
        primary.sql("create database d").unwrap();
        daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
        let uuid = primary.sql("select @@server_uuid").unwrap().trim().to_owned();
        let ask = |args: &str| {
            format!("select wait_until_sql_thread_after_gtids({})", args.replace("UUID", &uuid))
        };
        let same = |args: &str| {
            let theirs = outcome(replica.sql(&ask(args)));
            assert_eq!(outcome(daemon.sql(primary.prefix(), &ask(args))), theirs, "{args}");
        };
        replica.replicate_from(&SourceSpec::local(primary.port())).unwrap();
        replica.wait_for_replica_of(&primary, PATIENCE).unwrap();
        for args in [
            "'UUID:1'",
            "'UUID:1', 5",
            "'UUID:1', 0",
            "'UUID:1', -1",
            "'UUID:1', null",
            "'UUID:1', 'x'",
            "'UUID:1-100000', 1",
            "'UUID:1-100000', 0.6",
            "'UUID:1-100000', '1'",
            "''",
            "null, 1",
            "'nonsense', 1",
            "",
            "'a', 1, 2",
        ] {
            same(args);
        }
        let sql = ask("'UUID:1-2'");
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| outcome(daemon.sql(primary.prefix(), &sql)));
            connection_of(&daemon, &sql);
            primary.sql("create database e").unwrap();
            assert_eq!(waits.join().unwrap(), "0");
        });
        replica.sql("stop slave").unwrap();
        rows(&daemon, "stop slave");
        same("'UUID:1', 1");
        same("'nonsense', 1");
    }
}
