//! Accounts and their connections: rights, passwords as hashes, who is ended by whom.

use std::io::Write;
use std::process::{Command, Stdio};

use binlogd_client::wire::dump::{BinlogDump, DumpFlags};
use binlogd_client::{BinlogStream, ClientError, ConnectOptions, Connection, DumpOptions};
use testkit::daemon::{PASSWORD, USER};
use testkit::{Daemon, Endpoint, wait_until};

use crate::client::{error, rows, with_admin};
use crate::common::{BINLOGD, PATIENCE, follow, primary};

#[test]
fn files_are_purged_and_connections_killed_by_flags_alone() {
    let primary = primary();
    primary.sql("flush binary logs; flush binary logs").unwrap();
    let daemon = follow(&primary);
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    let denied = daemon.sql(primary.prefix(), "purge binary logs to 'binlog.000002'").unwrap_err();
    assert!(denied.to_string().contains("1227"), "{denied}");
    drop(daemon);
    let daemon = with_admin(&primary).started().unwrap();
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    rows(&daemon, "purge binary logs to 'binlog.000002'");
    assert!(rows(&daemon, "show binary logs").starts_with("binlog.000002\t"));
    let flush = error(&daemon, "flush binary logs");
    assert!(flush.contains("ERROR 1235") && flush.contains("flush them there"), "{flush}");

    // A dump is killed by its id, as the process list shows it.
    let Endpoint { host, port, .. } = daemon.endpoint();
    let mut reader = primary.prefix().mysqlbinlog();
    let mut reader = reader
        .args(["--read-from-remote-server", "--stop-never", "--raw", "--result-file=/dev/null"])
        .arg(format!("--host={host}"))
        .arg(format!("--port={port}"))
        .args([format!("--user={USER}"), format!("--password={PASSWORD}")])
        .arg("binlog.000002")
        .spawn()
        .unwrap();
    let mut dump = String::new();
    wait_until("the dump", PATIENCE, || {
        let list = rows(&daemon, "show processlist");
        let found = list.lines().find(|line| {
            line.contains("Binlog Dump") && line.contains("Source has sent all binlog to replica")
        });
        dump = found.unwrap_or_default().to_owned();
        Ok(!dump.is_empty())
    })
    .unwrap();
    let id = dump.split('\t').next().unwrap();
    rows(&daemon, &format!("kill {id}"));
    wait_until("the reader ends", PATIENCE, || Ok(reader.try_wait()?.is_some())).unwrap();
    assert!(error(&daemon, &format!("kill {id}")).contains("ERROR 1094"));
}

/// A dump of the replica with this UUID, which waits at the end.
async fn replica(daemon: &Daemon, uuid: &str) -> BinlogStream {
    let Endpoint { host, port, user, password } = daemon.endpoint();
    let options = ConnectOptions::new(host).port(port).user(user).password(password.as_str());
    let mut connection = Connection::connect(&options).await.unwrap();
    connection.execute("set @source_binlog_checksum = 'CRC32'").await.unwrap();
    connection
        .execute(&format!("set @replica_uuid = '{uuid}', @slave_uuid = '{uuid}'"))
        .await
        .unwrap();
    let file = b"binlog.000001".as_slice();
    let dump = BinlogDump { position: 4, flags: DumpFlags::default(), server_id: 77, file };
    connection.dump(&dump, &DumpOptions::default()).await.unwrap()
}

async fn next(stream: &mut BinlogStream) -> Result<Option<Vec<u8>>, ClientError> {
    let mut event = Vec::new();
    Ok(stream.next_event(&mut event).await?.map(|_| event))
}

#[tokio::test]
async fn a_replica_that_comes_again_replaces_its_older_connection() {
    const ONE: &str = "5b7adad5-e532-11f1-9117-000000000001";
    const TWO: &str = "5b7adad5-e532-11f1-9117-000000000002";
    let primary = primary();
    let daemon = follow(&primary);
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    let (mut older, mut other) = (replica(&daemon, ONE).await, replica(&daemon, TWO).await);
    for stream in [&mut older, &mut other] {
        next(stream).await.unwrap().unwrap();
    }
    let caught_up = || {
        let list = daemon.sql(primary.prefix(), "show processlist")?;
        Ok(list.matches("waiting for more updates").count() == 2)
    };
    wait_until("both have all", PATIENCE, caught_up).unwrap();
    let mut newer = replica(&daemon, &ONE.to_uppercase()).await;
    next(&mut newer).await.unwrap().unwrap();
    let told = loop {
        match next(&mut older).await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("an end without a word"),
            Err(error) => break error.to_string(),
        }
    };
    let expected = "A replica with the same server_uuid/server_id as this replica has connected to \
                    the source; the first event 'binlog.000001' at 4, the last event read from \
                    './binlog.000001' at ";
    assert!(told.contains("1236") && told.contains(expected), "{told}");
    primary.sql("create database d").unwrap();
    for stream in [&mut newer, &mut other] {
        next(stream).await.unwrap().unwrap();
    }
}

#[test]
fn a_hash_stands_for_its_password() {
    let hash = |flags: &[&str]| {
        let mut command = Command::new(BINLOGD);
        let command = command.arg("hash-password").args(flags);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(b"s3cret\n").unwrap();
        String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
    };
    assert!(hash(&["--native"]).starts_with("auth_string = \"*"));
    assert!(hash(&[]).starts_with("auth_string = \"0x24412430303524"));
    let primary = primary();
    let users = format!(
        "[[stream.user]]\nname = 'new'\n{}\n[[stream.user]]\nname = 'old'\n{}\n",
        hash(&[]),
        hash(&["--native"])
    );
    let daemon = Daemon::new(BINLOGD, &primary.endpoint()).unwrap().configured(&users).unwrap();
    let daemon = daemon.started().unwrap();
    let log_in = |user: &str, password: &str| {
        let to = Endpoint { user: user.into(), password: password.into(), ..daemon.endpoint() };
        primary.prefix().mysql_to(&to).args(["-e", "select 1"]).output().unwrap().status.success()
    };
    for user in ["new", "old"] {
        assert!(log_in(user, "s3cret"), "{user}");
        assert!(!log_in(user, "other"), "{user}");
    }
}
