//! The SQL that binlogd answers itself, asked of it and of its primary.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../common/mod.rs"]
mod common;

mod expressions;
mod probe;
mod variables;

use binlogd_client::{Column, ConnectOptions, Connection};
use testkit::server::{Endpoint, Server};
use testkit::{Daemon, Flavour, wait_until};

/// What a statement is answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Answer {
    Ok,
    Error(u16),
    Rows(Vec<Column>, Vec<Vec<Option<Vec<u8>>>>),
}

/// A connection on which statements are asked one after the other.
struct Session {
    runtime: tokio::runtime::Runtime,
    connection: Connection,
}

impl Session {
    fn new(endpoint: &Endpoint) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let options = ConnectOptions::new(&*endpoint.host)
            .port(endpoint.port)
            .user(&*endpoint.user)
            .password(endpoint.password.as_str())
            .fetch_public_key(true);
        let connection = runtime.block_on(Connection::connect(&options)).unwrap();
        Self { runtime, connection }
    }

    fn ask(&mut self, sql: &str) -> Answer {
        let connection = &mut self.connection;
        self.runtime.block_on(async {
            let mut result = match connection.query(sql).await {
                Ok(result) => result,
                Err(error) => return Answer::Error(error.code().unwrap().0),
            };
            if result.columns().is_empty() {
                return Answer::Ok;
            }
            let columns = result.columns().to_vec();
            let mut rows = Vec::new();
            loop {
                match result.next().await {
                    Ok(Some(row)) => {
                        rows.push(row.values().map(|value| value.map(<[u8]>::to_vec)).collect());
                    }
                    Ok(None) => return Answer::Rows(columns, rows),
                    Err(error) => return Answer::Error(error.code().unwrap().0),
                }
            }
        })
    }
}

/// A primary, and a binlogd with an administrator's account that follows it.
fn primary_and_binlogd(flavour: Flavour) -> (Server, Daemon) {
    let primary = Server::builder(flavour).start().unwrap();
    let daemon = Daemon::new(common::BINLOGD, &primary.endpoint()).unwrap();
    let daemon = daemon.configured("").unwrap().started().unwrap();
    (primary, daemon)
}

fn answers_like_its_primary(flavour: Flavour) {
    let (primary, daemon) = primary_and_binlogd(flavour);
    let mut theirs = Session::new(&primary.endpoint());
    let mut ours = Session::new(&daemon.endpoint());
    let failures = expressions::compare(flavour, &mut theirs, &mut ours);
    assert!(failures.is_empty(), "{} differ:\n{}", failures.len(), failures.join("\n"));
    // Its variables are known some seconds after it is followed.
    wait_until("the primary's variables are known", common::PATIENCE, || {
        Ok(matches!(ours.ask("SELECT @@log_bin_basename"), Answer::Rows(..)))
    })
    .unwrap();
    let failures = variables::compare(&mut theirs, &mut ours);
    assert!(failures.is_empty(), "{} differ:\n{}", failures.len(), failures.join("\n"));
    let probe = probe::probe(flavour, &mut theirs, &mut ours);
    let failures = probe.failures.join("\n");
    assert!(failures.is_empty(), "{} differ:\n{failures}", probe.failures.len());
    waits_for_positions(&primary, &mut ours);
    assert!(probe.asked >= 200, "{}", probe.asked);
    assert!(probe.same * 10 >= probe.asked * 9, "{} of {}", probe.same, probe.asked);
}

/// A position is waited for until it is here, or until the time is over.
fn waits_for_positions(primary: &Server, ours: &mut Session) {
    primary.sql("create database waited_for").unwrap();
    let is_mariadb = primary.flavour().is_mariadb();
    let status = if is_mariadb { "show master status" } else { "show binary log status" };
    let status = primary.query_rows(status).unwrap();
    let (file, position) = (&status[0][0], status[0][1].parse::<u64>().unwrap());
    let mut wait = |position: u64, timeout: &str| {
        let sql = format!("SELECT MASTER_POS_WAIT('{file}', {position}, {timeout})");
        let Answer::Rows(_, rows) = ours.ask(&sql) else { panic!("no rows") };
        rows[0][0].clone().map(|value| String::from_utf8(value).unwrap())
    };
    // NULL while nothing is followed: the stream was stopped and started before.
    wait_until("the position is here", common::PATIENCE, || {
        Ok(wait(position, "60").as_deref() == Some("0"))
    })
    .unwrap();
    assert_eq!(wait(position + 1_000_000, "0.1").as_deref(), Some("-1"));
}

#[test]
fn statements_are_answered_as_by_the_primary() {
    answers_like_its_primary(Flavour::Mysql97);
}

mod on_mariadb {
    use super::*;

    #[test]
    fn statements_are_answered_as_by_the_primary() {
        answers_like_its_primary(Flavour::Mariadb118);
    }
}
