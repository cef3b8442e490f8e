//! `binlogd tail --format sql` of everything that a server writes, into an empty server of its kind.
//! (MySQL 9.7's is replayed where it is read, in `reading.rs`.)
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::fs;
use std::process::Command;

use common::BINLOGD;
use common::corpus::{GENERATED, run_scenarios, run_scenarios_without_ddl};
use serde_json::Value;
use testkit::server::Server;
use testkit::{Flavour, workload};

/// Replays a server's closed files, with what `schema` says of its tables.
fn replay(server: &Server, args: &[&str]) -> Server {
    let files = server.binlog_files().unwrap();
    let mut tail = Command::new(BINLOGD);
    tail.args(["tail", "--format=sql"]).args(GENERATED).args(args).args(&files[..files.len() - 1]);
    let output = tail.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("replay.sql");
    fs::write(&path, &output.stdout).unwrap();
    let target = Server::start_new(server.flavour()).unwrap();
    target.sql_file(&path, false).unwrap();
    target
}

fn assert_equal_tables(server: &Server, replayed: &Server) {
    let (theirs, ours) =
        (workload::checksums(server).unwrap(), workload::checksums(replayed).unwrap());
    assert!(theirs.len() > 13, "{theirs:?}");
    assert_eq!(ours, theirs);
}

mod on_mysql_5_6 {
    use super::*;

    /// What its binlogs do not say of tables.
    fn definitions(server: &Server) -> String {
        let create = |table: &String| {
            let (schema, _) = table.split_once('.').unwrap();
            let row = &server.query_rows(&format!("show create table {table}")).unwrap()[0];
            format!("USE {schema};\n{};\n", row[1].replace("\\n", "\n"))
        };
        workload::checksums(server).unwrap().keys().map(create).collect()
    }

    #[test]
    fn a_replay_gives_the_same_tables() {
        let server = Server::start_new(Flavour::Mysql56).unwrap();
        run_scenarios_without_ddl(&server);
        let dir = tempfile::tempdir().unwrap();
        let schema = dir.path().join("schema.sql");
        fs::write(&schema, definitions(&server)).unwrap();
        assert_equal_tables(&server, &replay(&server, &["--schema", schema.to_str().unwrap()]));
    }
}

mod on_mariadb {
    use super::*;

    fn filled(flavour: Flavour) -> Server {
        let server = Server::builder(flavour).arg("--binlog-row-metadata=FULL").start().unwrap();
        run_scenarios(&server);
        server
    }

    #[test]
    fn a_replay_of_10_11_gives_the_same_tables() {
        let server = filled(Flavour::Mariadb1011);
        assert_equal_tables(&server, &replay(&server, &[]));
    }

    /// An `ALTER TABLE` may be logged when it begins, and again when it is done or has failed.
    #[test]
    fn a_replay_of_11_8_gives_the_same_tables_and_alters_them_once() {
        let server = filled(Flavour::Mariadb118);
        server
            .sql("create table ddl.twins (a int); insert into ddl.twins values (1), (1)")
            .unwrap();
        let alter = "set binlog_alter_two_phase = ON; alter table ddl.twins add unique (a)";
        let failed = server.sql(alter).unwrap_err().to_string();
        assert!(failed.contains("Duplicate entry"), "{failed}");
        server.sql("flush binary logs").unwrap();
        assert_equal_tables(&server, &replay(&server, &[]));

        let mut tail = Command::new(BINLOGD);
        tail.args(["tail", "--format=json"]).args(server.binlog_files().unwrap());
        let out = String::from_utf8(tail.output().unwrap().stdout).unwrap();
        let phases = |table: &str| {
            let lines = out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
            let alters = lines.filter(|line| {
                line["sql"]
                    .as_str()
                    .is_some_and(|sql| sql.starts_with(&format!("alter table {table} ")))
            });
            alters
                .map(|line| line["alter"].as_str().unwrap_or("none").to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(phases("copied"), ["start", "commit"]);
        assert_eq!(phases("ddl.twins"), ["start", "rollback"]);
    }
}
