//! What an output has no record for, and what would be too much to keep: said, with its place.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::fs::{self, File};
use std::io::Seek;
use std::path::Path;
use std::process::{Command, Output};

use common::BINLOGD;
use common::crafted::Crafted;
use expect_test::expect;

fn binlogd(args: &[&str], path: &Path) -> Output {
    Command::new(BINLOGD).args(args).arg(path).output().unwrap()
}

/// What it says beside its output.
fn said(args: &[&str], path: &Path, code: i32) -> String {
    let output = binlogd(args, path);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
    said.replace(&path.display().to_string(), "FILE")
}

/// What only some forms have a record for.
fn with_everything() -> Crafted {
    let mut file = Crafted::new();
    file.statement("create table t (a int)");
    file.statement("INSERT INTO t VALUES (1)");
    file.statement("with c as (select 1) delete from t");
    file.statement("truncate table t");
    file.statement("SELECT `d`.`f`()");
    file.incident("lost\nhere");
    file.event(200, 0, b"new");
    // A type that may be ignored.
    file.event(201, 0x80, b"new");
    file.incident("and here");
    file.statement("xa rollback X'78',X'',1");
    file
}

#[test]
fn an_incident_of_an_impossible_kind_is_damage() {
    let mut file = Crafted::new();
    file.event(26, 0, &[2, 0, 1, b'x']);
    let path = file.path();
    for command in ["tail", "events", "stats"] {
        let said = said(&[command], &path, 1);
        assert!(said.contains("Incident event") && said.contains("incident code"), "{said}");
    }
    let output = binlogd(&["verify"], &path);
    let found = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{found}");
    assert!(found.contains("incident code") && !found.contains("warning"), "{found}");
}

#[test]
fn what_a_form_has_no_record_for_is_said_once_or_counted() {
    let file = with_everything();
    let path = file.path();
    let notes = |format: &str| said(&["tail", format], &path, 0);
    expect![[r#"
        binlogd: note: FILE:210: Query event: `INSERT INTO t VALUES (1)` changes rows and does not say which, so the output tells nothing of it; further ones are counted. Servers log rows with binlog_format=ROW
        binlogd: note: FILE:436: Incident event: the server says that changes are missing here, of which the output tells nothing: lost here
        binlogd: note: FILE:467: unknown event type 200: what it changes is not known here, and the output tells nothing of it
        binlogd: note: FILE:511: Incident event: the server says that changes are missing here, of which the output tells nothing: and here
        binlogd: note: FILE:541: Query event: rows that were told before are rolled back here, of which the output tells nothing; further ones are counted
        binlogd: note: the output tells nothing of 4 statements that change rows
    "#]]
    .assert_eq(&notes("--format=debezium"));
    assert!(notes("--format=maxwell").ends_with("nothing of 4 statements that change rows\n"));
    let canal = notes("--format=canal");
    assert!(canal.contains("FILE:436: Incident event: ") && canal.contains("FILE:511: Incident"));
    // Statements of a kind have records there, whatever stands in front of their verbs.
    assert!(canal.contains("`SELECT `d`.`f`()` changes rows"), "{canal}");
    assert!(!canal.contains("INSERT") && !canal.contains("with c"), "{canal}");
    // What was not chosen is not missed.
    let chosen = said(&["tail", "--format=debezium", "--stop-position=210"], &path, 0);
    assert_eq!(chosen, "");
}

#[test]
fn forms_with_a_record_for_everything_use_it() {
    let file = with_everything();
    let path = file.path();
    let text = binlogd(&["tail"], &path);
    assert!(text.stderr.is_empty());
    let text = String::from_utf8(text.stdout).unwrap();
    assert_eq!(text.matches(" incident ").count(), 2);
    assert_eq!(text.matches(" unknown event type ").count(), 1, "{text}");
    assert!(text.contains(":467 unknown event type 200\n"), "{text}");
    let json = binlogd(&["tail", "--format=json"], &path);
    assert!(json.stderr.is_empty());
    let json = String::from_utf8(json.stdout).unwrap();
    assert!(json.contains(r#","pos":467,"#) && json.contains(r#","event_type":200}"#), "{json}");
}

#[test]
fn sql_ends_where_something_unknown_was_changed() {
    let mut file = Crafted::new();
    file.event(200, 0, b"new");
    for command in [&["tail", "--format=sql"][..], &["undo"]] {
        let said = said(command, &file.path(), 1);
        assert!(said.starts_with("binlogd: FILE:154: unknown event type 200: what "), "{said}");
        assert!(said.contains("--start-position"), "{said}");
    }
}

#[test]
fn searches_and_counts_say_what_they_do_not_know() {
    let file = with_everything();
    let path = file.path();
    let counted = said(&["stats"], &path, 0);
    assert_eq!(counted.matches("changes are missing here").count(), 2, "{counted}");
    let searched = said(&["find", "--table=d.t", "--all"], &path, 1);
    assert!(searched.contains("FILE:210: Query event: `INSERT INTO t VALUES (1)` changes rows"));
    assert!(searched.contains("tells nothing of 3 statements that change rows\n"), "{searched}");
    assert!(searched.contains("binlogd: not found: "), "{searched}");
    let elsewhere = said(&["find", "--table=e.t"], &path, 1);
    assert!(!elsewhere.contains("INSERT"), "{elsewhere}");
}

#[test]
fn an_undo_of_nothing_says_so() {
    let file = with_everything();
    let none = said(&["undo", "--stop-position=154"], &file.path(), 0);
    assert_eq!(none, "binlogd: note: nothing was chosen: no transaction was read\n");
    let file = Crafted::new();
    let none = said(&["undo"], &file.path(), 0);
    assert_eq!(none, "binlogd: note: no change of rows was chosen, so there is nothing to undo\n");
}

#[test]
fn variables_before_a_statement_have_a_limit() {
    let mut file = Crafted::new();
    // A string of 129 MiB, twice as long in hex.
    let len: u32 = 129 << 20;
    let head = [&[1, 0, 0, 0, b'v', 0, 0, 63, 0, 0, 0][..], &len.to_le_bytes()].concat();
    file.sparse_event(14, 0, &head, len);
    for args in
        [&["tail"][..], &["stats"], &["undo"], &["find", "--table=d.t"], &["tail", "--format=raw"]]
    {
        let said = said(args, &file.path(), 1);
        assert!(
            said.starts_with(
                "binlogd: FILE:154: User var event: variables of more than 268435456 "
            ),
            "{said}"
        );
        assert!(said.contains("limit context_bytes_max"), "{said}");
    }
}

#[test]
fn what_raw_holds_back_has_a_limit() {
    let mut file = Crafted::new();
    let mut offset = 0;
    for id in 0..4_u32 {
        offset = file.file.stream_position().unwrap();
        // A piece of a file to be loaded.
        file.sparse_event(17, 0, &id.to_le_bytes(), 64 << 20);
    }
    let said = said(&["tail", "--format=raw", "--thread-id=9"], &file.path(), 1);
    assert!(
        said.starts_with(&format!("binlogd: FILE:{offset}: Begin_load_query event: ")),
        "{said}"
    );
    assert!(said.contains("limit held_bytes_max"), "{said}");
    // It ends where it must, not before.
    let path = file.path();
    let end = File::options().write(true).open(&path).unwrap();
    end.set_len(offset).unwrap();
    let copied = binlogd(&["tail", "--format=raw", "--thread-id=9"], &path);
    assert_eq!((copied.status.code(), copied.stdout.len()), (Some(0), 154));
}

#[test]
fn verify_warns_of_lost_changes_and_calls_the_file_good() {
    let file = with_everything();
    let path = file.path();
    let verify = |args: &[&str]| {
        let output = binlogd(&[&["verify"], args].concat(), &path);
        assert_eq!(output.status.code(), Some(0));
        let text = |bytes: Vec<u8>| {
            String::from_utf8(bytes).unwrap().replace(&path.display().to_string(), "FILE")
        };
        (text(output.stdout), text(output.stderr))
    };
    let (out, err) = verify(&[]);
    expect![[r#"
        FILE:436: warning: Incident event: the server says that changes are missing here: lost here, and once more in this file. The file is as its server wrote it; replicas stop here: copy tables to them anew from the server, and do not restore across this place
    "#]]
    .assert_eq(&out);
    assert!(err.starts_with("no problems, 1 warning in 1 file, "), "{err}");
    // Who is told of problems alone is told of this as well.
    assert_eq!(verify(&["--quiet"]), (out, String::new()));
    let (json, _) = verify(&["--quiet", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&json["ok"], &json["problems"], &json["warnings"]),
        (&true.into(), &0.into(), &1.into())
    );
    assert_eq!(json["findings"][0]["severity"], "warning");
    assert_eq!(json["findings"][0]["code"], "incident");
    assert!(fs::metadata(&path).unwrap().len() > 500);
}
