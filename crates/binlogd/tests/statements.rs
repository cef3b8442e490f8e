//! The statements that products send before and beside a dump get the same kind of answer as from the primary.
//!
//! `data/statements/PRODUCT.mysql` and `.mariadb` hold them, a line each, in the order in which a real server logged
//! them (`general_log`). `docs/reference/compatibility.md` lists the products. `probe.mysql` is no product's: it has two hundred
//! statements of all kinds.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use binlogd_client::wire::StatusFlags;
use binlogd_client::{ClientError, ConnectOptions, Connection};
use common::{BINLOGD, PATIENCE};
use testkit::{Daemon, Endpoint, Flavour, Server, wait_until};

/// What a statement is answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Answer {
    Ok,
    /// The beginning or end of a transaction.
    Transaction {
        is_open: bool,
    },
    /// Rows with these columns.
    Rows(Vec<String>),
    Error(u16),
}

/// Statements whose answers differ, by what they contain, and why.
const DIFFERENT: &[(&str, &str)] = &[
    // What tables hold is at the primary.
    ("FROM `shop`.", "a table"),
    ("FROM `percona`.", "a table"),
    ("from `percona`.", "a table"),
    ("FROM mysql.user", "accounts of the primary"),
    ("EXPLAIN SELECT", "a plan for a table"),
    ("SHOW GRANTS FOR", "accounts of the primary"),
    ("SHOW CREATE USER", "accounts of the primary"),
    // binlogd can be read only.
    ("INSERT INTO `percona`.", "a write"),
    ("REPLACE INTO `percona`.", "a write"),
    ("DELETE FROM `percona`.", "a write"),
    ("UPDATE `percona`.", "a write"),
    ("CREATE DATABASE", "a write"),
    ("CREATE TABLE", "a write"),
    ("binlog_format := 'STATEMENT'", "a way of writing"),
    // It has no storage engines.
    ("INNODB STATUS", "the state of an engine"),
    ("NDB STATUS", "the state of an engine"),
    ("information_schema.innodb_cmp", "the state of an engine"),
    // It applies nothing.
    ("SHOW ALL SLAVES STATUS", "the columns of another version"),
    // MySQL 9.7 refuses its old words, and binlogd takes them for older clients.
    ("SHOW MASTER STATUS", "old words"),
    ("SHOW SLAVE STATUS", "old words"),
    // A column that is named after the account.
    ("SHOW GRANTS", "the name of another account"),
];

/// The same of MariaDB alone.
const DIFFERENT_ON_MARIADB: &[(&str, &str)] = &[
    // Asked of MySQL's tables: these are errors there as well, of the first thing that is missing.
    ("replication_group_member_stats", "another error"),
    ("LAST_APPLIED_TRANSACTION", "another error"),
];

/// The tables that the products were given.
const TABLES: &str = "create database shop; create database percona;
    create table shop.orders (id int primary key, state varchar(20), total decimal(10,2));
    create table percona.heartbeat (ts varchar(26) not null, server_id int unsigned primary key,
        file varchar(255), position bigint unsigned);";

#[tokio::test]
async fn of_products_for_mysql_are_answered_as_by_the_primary() {
    replay(Flavour::Mysql97, "mysql").await;
}

mod on_mariadb {
    use super::*;

    #[tokio::test]
    async fn of_products_for_mariadb_are_answered_as_by_the_primary() {
        replay(Flavour::Mariadb118, "mariadb").await;
    }
}

/// Sends every product's statements to a primary and to binlogd, in a session of each.
async fn replay(flavour: Flavour, kind: &str) {
    let primary = Server::builder(flavour).performance_schema().start().unwrap();
    primary.sql(TABLES).unwrap();
    let daemon = Daemon::new(BINLOGD, &primary.endpoint()).unwrap();
    let daemon = daemon.configured("").unwrap().started().unwrap();
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();

    // Its variables are known some seconds after it is followed.
    wait_until("the primary's variables are known", PATIENCE, || {
        Ok(daemon.sql(primary.prefix(), "SELECT @@log_bin_basename").is_ok())
    })
    .unwrap();

    let (mut sent, mut differences) = (0, String::new());
    let mut seen = BTreeSet::new();
    for (product, statements) in recorded(kind) {
        let mut there = connect(&primary.endpoint()).await;
        let mut here = connect(&daemon.endpoint()).await;
        for sql in statements.lines() {
            let (theirs, ours) = (answer(&mut there, sql).await, answer(&mut here, sql).await);
            sent += 1;
            let only = if kind == "mariadb" { DIFFERENT_ON_MARIADB } else { &[] };
            let is_known = DIFFERENT.iter().chain(only).any(|(part, _)| sql.contains(part));
            if theirs != ours && !is_known && seen.insert(sql.to_owned()) {
                writeln!(differences, "{product}: {sql}\n  primary {theirs:?}\n  binlogd {ours:?}")
                    .unwrap();
            }
        }
    }
    assert!(sent >= 100, "only {sent} statements");
    assert!(differences.is_empty(), "of {sent} statements:\n{differences}");
}

/// The products with their statements.
fn recorded(kind: &str) -> Vec<(String, String)> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/statements");
    let mut products = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == kind) {
            let product = path.file_stem().unwrap().to_string_lossy().into_owned();
            products.push((product, fs::read_to_string(path).unwrap()));
        }
    }
    products.sort();
    products
}

async fn connect(to: &Endpoint) -> Connection {
    let Endpoint { host, port, user, password } = to.clone();
    let options = ConnectOptions::new(host).port(port).user(user).password(password.as_str());
    Connection::connect(&options).await.unwrap()
}

async fn answer(connection: &mut Connection, sql: &str) -> Answer {
    let answered = async {
        let mut result = connection.query(sql).await?;
        let names: Vec<String> =
            result.columns().iter().map(|column| column.name.clone()).collect();
        while result.next().await?.is_some() {}
        Ok::<_, ClientError>((names, result.status().contains(StatusFlags::IN_TRANSACTION)))
    };
    match answered.await {
        Ok((_, is_open)) if is_about_transactions(sql) => Answer::Transaction { is_open },
        Ok((names, _)) if names.is_empty() => Answer::Ok,
        Ok((names, _)) => Answer::Rows(names),
        Err(error) => match error.server_error() {
            Some(error) => Answer::Error(error.code.0),
            None => panic!("{sql}: {error}"),
        },
    }
}

/// Elsewhere a server may have opened one for the tables that were read.
fn is_about_transactions(sql: &str) -> bool {
    let word = sql.split_whitespace().next().unwrap_or_default().to_uppercase();
    ["BEGIN", "START", "COMMIT", "ROLLBACK"].contains(&word.as_str())
}
