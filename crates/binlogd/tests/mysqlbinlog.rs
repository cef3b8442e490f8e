//! The real mysqlbinlog reads from binlogd what it reads from the primary.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use common::{PATIENCE, follow, follow_semi_sync, primary};
use testkit::server::Server;
use testkit::{Daemon, Flavour, wait_until, workload};

/// What a command prints; it must succeed.
fn output(command: &mut Command) -> Vec<u8> {
    let out = command.output().unwrap();
    assert!(out.status.success(), "{command:?}: {}", String::from_utf8_lossy(&out.stderr));
    out.stdout
}

/// Without the checksums of events made for the reader, which hold the server's id.
fn comparable(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let is_made = line.contains(" end_log_pos 0 ") || line.starts_with("#700101 ");
        match line.split_once(" CRC32 0x").filter(|_| is_made) {
            Some((before, rest)) => format!("{before} {}\n", rest.get(8..).unwrap_or_default()),
            None => format!("{line}\n"),
        }
    });
    lines.collect()
}

fn names(server: &Server) -> Vec<String> {
    let files = server.binlog_files().unwrap();
    files.iter().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect()
}

fn mirrored() -> (Server, Daemon) {
    let primary = primary();
    let daemon = follow_semi_sync(&primary);
    for scenario in workload::ALL {
        scenario.run(&primary).unwrap();
    }
    primary.sql("flush binary logs").unwrap();
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    (primary, daemon)
}

#[test]
fn by_file_position_gtid_and_raw_it_equals_the_primarys() {
    let (primary, daemon) = mirrored();
    let names = names(&primary);
    let own_id =
        format!("server id {} ", daemon.sql(primary.prefix(), "select @@server_id").unwrap());
    let primary_id = format!("server id {} ", primary.variable("server_id").unwrap());
    let ask = |options: &[&str]| {
        let from = |endpoint| {
            // Files that LOAD DATA needs are written there, and named in the output.
            let loads = tempfile::tempdir().unwrap();
            let mut tool = primary.prefix().mysqlbinlog_from(&endpoint);
            tool.arg(format!("--local-load={}", loads.path().display()));
            let text = String::from_utf8_lossy(&output(tool.args(options))).into_owned();
            comparable(&text.replace(&*loads.path().to_string_lossy(), "LOADS"))
        };
        let (theirs, ours) = (from(primary.endpoint()), from(daemon.endpoint()));
        // The server id of events made for the reader is that of the server that makes them.
        let ours = ours.replace(&own_id, &primary_id);
        assert!(ours.len() > 200);
        if ours != theirs {
            let differs = ours.lines().zip(theirs.lines()).find(|(a, b)| a != b);
            panic!("{options:?}: first difference (ours, theirs): {differs:?}");
        }
    };
    for name in &names {
        ask(&["--base64-output=decode-rows", "-vv", name]);
    }
    ask(&["--to-last-log", &names[0]]);
    ask(&["--start-position=158", "--base64-output=decode-rows", "-v", &names[0]]);
    let uuid = primary.sql("select @@server_uuid").unwrap();
    ask(&["--exclude-gtids", &format!("{uuid}:1-9"), "--to-last-log", &names[0]]);

    let dir = tempfile::tempdir().unwrap();
    let mut tool = primary.prefix().mysqlbinlog_from(&daemon.endpoint());
    let prefix = format!("--result-file={}/", dir.path().display());
    output(tool.args(["--raw", "--to-last-log", &prefix, &names[0]]));
    assert!(has_copies(&primary, dir.path()));
    copies_what_comes_while_it_waits(&primary, &daemon);
}

/// Whether all closed files are there, byte for byte. The last one is the active one, whose in-use flag is
/// set on the primary's disk only.
fn has_copies(primary: &Server, dir: &Path) -> bool {
    primary.binlog_files().unwrap().iter().rev().skip(1).all(|path| {
        let copy = fs::read(dir.join(path.file_name().unwrap())).unwrap_or_default();
        fs::read(path).unwrap() == copy
    })
}

/// `--stop-never`: the tool waits at the end, while the primary goes on.
fn copies_what_comes_while_it_waits(primary: &Server, daemon: &Daemon) {
    let dir = tempfile::tempdir().unwrap();
    let mut tool = primary.prefix().mysqlbinlog_from(&daemon.endpoint());
    tool.arg(format!("--result-file={}/", dir.path().display()));
    tool.args(["--raw", "--stop-never", names(primary)[0].as_str()]);
    let mut tool = tool.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut waited = Ok(());
    for round in 0..2 {
        waited = waited
            .and(wait_until("all is copied", PATIENCE, || Ok(has_copies(primary, dir.path()))));
        primary.sql(&format!("create database later_{round}; flush binary logs")).unwrap();
    }
    waited = waited
        .and(wait_until("the rest is copied", PATIENCE, || Ok(has_copies(primary, dir.path()))));
    tool.kill().unwrap();
    tool.wait().unwrap();
    waited.unwrap();
}

#[test]
fn errors_are_the_primarys_own() {
    let (primary, daemon) = mirrored();
    let first = &names(&primary)[0];
    for options in [
        &["nosuch.000001"][..],
        &["--start-position=99999999", first],
        &["--start-position=160", first],
    ] {
        let error = |endpoint| {
            let mut tool = primary.prefix().mysqlbinlog_from(&endpoint);
            let out = tool.args(options).output().unwrap();
            assert!(!out.status.success(), "{options:?}");
            String::from_utf8_lossy(&out.stderr).into_owned()
        };
        let (theirs, ours) = (error(primary.endpoint()), error(daemon.endpoint()));
        let text = |error: &str| {
            let error = error.lines().rfind(|line| line.contains("ERROR")).unwrap().to_owned();
            error.split(';').next().unwrap().to_owned()
        };
        assert_eq!(text(&ours), text(&theirs), "{options:?}");
    }
}

mod on_mariadb {
    use super::*;

    fn by_file_position_gtid_and_waiting(flavour: Flavour) {
        let primary = Server::start_new(flavour).unwrap();
        let daemon = follow(&primary);
        for scenario in [workload::TRANSACTIONS, workload::ROW_IMAGES, workload::COMPRESSION] {
            scenario.run(&primary).unwrap();
        }
        daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
        let id = |id: String| format!("server id {id} ");
        let own_id = id(daemon.sql(primary.prefix(), "select @@server_id").unwrap());
        let primary_id = id(primary.variable("server_id").unwrap());
        let names = names(&primary);
        let behind = format!("--start-position=0-{}-5", primary.variable("server_id").unwrap());
        let events = primary.query_rows("show binlog events in 'binlog.000001'").unwrap();
        let inside = events.iter().filter(|event| event[2] == "Gtid").nth(2).unwrap()[1].clone();
        let inside = format!("--start-position={inside}");
        for options in [
            &["--base64-output=decode-rows", "-vv", "--to-last-log"][..],
            &["--to-last-log"],
            &[inside.as_str()],
            &[behind.as_str()],
        ] {
            let read = |endpoint| {
                let mut tool = primary.prefix().mysqlbinlog_from(&endpoint);
                let out = output(tool.args(options).arg(&names[0]));
                comparable(&String::from_utf8_lossy(&out))
            };
            let ours = read(daemon.endpoint()).replace(&own_id, &primary_id);
            assert!(ours.len() > 1000, "{ours}");
            assert_eq!(ours, read(primary.endpoint()), "{options:?}");
        }
        copies_what_comes_while_it_waits(&primary, &daemon);
    }

    #[test]
    fn the_tool_of_11_8_gets_what_the_primary_gives() {
        by_file_position_gtid_and_waiting(Flavour::Mariadb118);
    }

    #[test]
    fn the_tool_of_10_11_gets_what_the_primary_gives() {
        by_file_position_gtid_and_waiting(Flavour::Mariadb1011);
    }
}
