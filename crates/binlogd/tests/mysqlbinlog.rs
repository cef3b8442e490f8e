//! The real mysqlbinlog reads from binlogd what it reads from the primary.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::fs;
use std::process::Command;

use common::{PATIENCE, follow_semi_sync, primary};
use testkit::server::Server;
use testkit::{Daemon, workload};

/// What a command prints; it must succeed.
fn output(command: &mut Command) -> Vec<u8> {
    let out = command.output().unwrap();
    assert!(out.status.success(), "{command:?}: {}", String::from_utf8_lossy(&out.stderr));
    out.stdout
}

/// Without the checksums of events made for the reader, which hold the server's id.
fn comparable(text: &str) -> String {
    let made = "end_log_pos 0 CRC32 0x";
    let mut lines = text.lines().map(|line| match line.split_once(made) {
        Some((before, rest)) => format!("{before}{made}{}", rest.get(8..).unwrap_or_default()),
        None => line.to_owned(),
    });
    let mut all = lines.next().unwrap_or_default();
    for line in lines {
        all.push('\n');
        all.push_str(&line);
    }
    all
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
    // The last file is the active one, whose in-use flag is set on the primary's disk only.
    for path in primary.binlog_files().unwrap().iter().rev().skip(1) {
        let copy = dir.path().join(path.file_name().unwrap());
        assert!(fs::read(path).unwrap() == fs::read(&copy).unwrap(), "{}", copy.display());
    }
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
