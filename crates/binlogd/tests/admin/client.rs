//! An administrator's clients, and what they see.

use std::process::Output;

use testkit::{Daemon, Flavour, Server, testbed, wait_until};

use crate::common::{BINLOGD, PATIENCE};

pub(crate) fn with_admin(primary: &Server) -> Daemon {
    Daemon::new(BINLOGD, &primary.endpoint()).unwrap().arg("--admin=dba:pw")
}

/// Runs SQL as an administrator, with a client of its own choice; one row a line.
pub(crate) fn client(flavour: Flavour, daemon: &Daemon, more: &[&str], sql: &str) -> Output {
    let mut client = testbed::ensure(flavour).unwrap().mysql();
    client.arg("--user=dba").arg("--password=pw").arg("--protocol=tcp").arg("--host=127.0.0.1");
    client.arg(format!("--port={}", daemon.endpoint().port));
    client.args(more).arg("-e").arg(sql).output().unwrap()
}

pub(crate) fn rows(daemon: &Daemon, sql: &str) -> String {
    let output = client(Flavour::Mysql97, daemon, &["-NBr", "--show-warnings"], sql);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{sql}: {}", text(&output.stderr));
    text(&output.stdout)
}

pub(crate) fn error(daemon: &Daemon, sql: &str) -> String {
    let output = client(Flavour::Mysql97, daemon, &[], sql);
    assert!(!output.status.success(), "{sql} was taken");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A result, or the error that a client shows.
pub(crate) fn outcome(result: anyhow::Result<String>) -> String {
    match result {
        Ok(rows) => rows.trim().to_owned(),
        Err(error) => {
            let text = error.to_string();
            let found = text.find("ERROR ").unwrap_or_else(|| panic!("{text}"));
            text[found..].lines().next().unwrap().replace(" at line 1", "")
        }
    }
}

/// The id of the connection whose statement begins so, once there is one.
pub(crate) fn connection_of(daemon: &Daemon, statement: &str) -> String {
    let mut id = String::new();
    wait_until(statement, PATIENCE, || {
        let list = rows(daemon, "show full processlist");
        let found = list
            .lines()
            .find(|line| line.split('\t').nth(7).is_some_and(|info| info.starts_with(statement)));
        id = found.and_then(|line| line.split('\t').next()).unwrap_or_default().to_owned();
        Ok(!id.is_empty())
    })
    .unwrap();
    id
}
