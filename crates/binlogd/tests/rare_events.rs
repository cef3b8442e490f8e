//! Events that servers write rarely, and what the commands make of them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use common::{BINLOGD, PATIENCE, with_keys};
use serde_json::Value;
use testkit::Flavour;
use testkit::server::{Endpoint, Server};

fn binlogd(args: &[&str], files: &[PathBuf]) -> Output {
    Command::new(BINLOGD).args(args).args(files).output().unwrap()
}

fn objects(args: &[&str], files: &[PathBuf]) -> Vec<Value> {
    let output = binlogd(args, files);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let out = String::from_utf8(output.stdout).unwrap();
    out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What it says when it ends with an error.
fn complaint(args: &[&str], files: &[PathBuf]) -> String {
    let output = binlogd(args, files);
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8(output.stderr).unwrap()
}

/// Events of these types of all of a server's files, with their Info, and the server's own list of them.
fn listed(server: &Server, kinds: &[&str]) -> (Vec<String>, Vec<String>) {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for file in server.binlog_files().unwrap() {
        let name = file.file_name().unwrap().to_str().unwrap();
        let rows = server.query_rows(&format!("show binlog events in '{name}'")).unwrap();
        let is = |kind: &str| kinds.contains(&kind);
        let rows = rows.iter().filter(|row| is(&row[2]));
        theirs.extend(rows.map(|row| format!("{name} {} {}: {}", row[1], row[2], row[5])));
        for event in objects(&["events", "--json"], std::slice::from_ref(&file)) {
            let text = |key: &str| event[key].as_str().unwrap().to_owned();
            if is(&text("type")) {
                let (position, kind) = (&event["position"], text("type"));
                ours.push(format!("{name} {position} {kind}: {}", text("info")));
            }
        }
    }
    (ours, theirs)
}

/// A statement on a table that cannot roll back is done, but needs more room than the server gives it for
/// the binlog.
fn an_incident_is_told(flavour: Flavour) {
    let server = Server::start_new(flavour).unwrap();
    server
        .sql(
            "create database d; create table d.m (b longblob) engine = MyISAM; create table d.t (a int) engine = InnoDB;
             set global max_binlog_stmt_cache_size = 4096, global binlog_stmt_cache_size = 4096; insert into d.t values (1)",
        )
        .unwrap();
    let failed =
        server.sql("insert into d.m values (repeat('x', 100000))").unwrap_err().to_string();
    assert!(failed.contains("max_binlog_stmt_cache_size"), "{failed}");
    server.sql("insert into d.t values (2)").unwrap();
    let (ours, theirs) = listed(&server, &["Incident"]);
    assert_eq!(ours, theirs);
    assert!(ours.len() == 1 && ours[0].ends_with(" Incident: #1 (LOST_EVENTS)"), "{ours:?}");

    let files = server.binlog_files().unwrap();
    let changes = objects(&["tail", "--format=json"], &files);
    let at = changes.iter().position(|change| change["type"] == "incident").unwrap();
    assert_eq!(changes[at]["code"], 1);
    let message = changes[at]["message"].as_str().unwrap();
    assert!(message.contains("writ") && message.contains("bin"));
    // It stands between whole transactions.
    assert_eq!(changes[at - 1]["type"], "commit");
    assert_eq!(changes[at + 1]["type"], "begin");
    let text = String::from_utf8(binlogd(&["tail"], &files).stdout).unwrap();
    assert!(text.contains(&format!(" incident {message}\n")), "{text}");

    // Others have no record for it.
    let file = changes[at]["file"].as_str().unwrap();
    let note = format!("binlogd: note: {file}:{}: Incident event: ", changes[at]["pos"]);
    for format in ["--format=debezium", "--format=maxwell", "--format=canal"] {
        // Without names there are no rows for some of them.
        let told = binlogd(&["tail", format, "--kind=ddl"], &files);
        let said = String::from_utf8(told.stderr).unwrap();
        assert!(said.starts_with(&note) && said.contains(message), "{said}");
        assert_eq!((told.status.code(), said.lines().count()), (Some(0), 1), "{said}");
    }
    let checked = binlogd(&["verify", "--quiet"], &files);
    let said = String::from_utf8(checked.stdout).unwrap();
    assert!(said.contains(" warning: Incident event: ") && said.contains(message), "{said}");
    assert_eq!(checked.status.code(), Some(0));

    // What was lost cannot be said in SQL.
    let place = format!("binlogd: {file}:{}: Incident event: ", changes[at]["pos"]);
    let schema = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(schema.path(), "USE d; CREATE TABLE `t` (`a` int);").unwrap();
    let schema = ["--kind=insert", "--schema", schema.path().to_str().unwrap()];
    for command in [&["tail", "--format=sql"][..], &["undo"]] {
        let said = complaint(&[command, &schema].concat(), &[PathBuf::from(file)]);
        assert!(said.starts_with(&place) && said.contains(message), "{said}");
    }
    let behind = changes[at]["end"].to_string();
    let behind = ["tail", "--format=json", "--start-position", &behind];
    let behind = objects(&behind, &[PathBuf::from(file)]);
    assert!(behind.iter().all(|change| change["type"] != "incident"));
}

/// The file of `LOAD DATA` comes in pieces.
fn a_loaded_file_is_listed_piece_by_piece(flavour: Flavour) {
    let server = Server::start_new(flavour).unwrap();
    let path = server.tmpdir().join("rows.txt");
    let rows: String =
        (0..20_000).map(|n| format!("{n}\tsome text that is long enough\n")).collect();
    std::fs::write(&path, rows).unwrap();
    server
        .sql(&format!(
            "create database d; use d; set binlog_format = STATEMENT;
             create table t (n int, v varchar(50)) engine = MyISAM; load data infile '{path}' into table t;
             create table k (n int primary key) engine = MyISAM",
            path = path.display()
        ))
        .unwrap();
    // The second row is a duplicate, behind which nothing is loaded.
    std::fs::write(&path, "1\n1\n2\n").unwrap();
    let load = format!(
        "use d; set binlog_format = STATEMENT; load data infile '{}' into table k",
        path.display()
    );
    assert!(server.sql(&load).unwrap_err().to_string().contains("Duplicate entry"));
    // Now the first row is one: what the server has logged of the file is for nothing.
    assert!(server.sql(&load).unwrap_err().to_string().contains("Duplicate entry"));
    let kinds = ["Begin_load_query", "Append_block", "Execute_load_query", "Delete_file"];
    let (ours, theirs) = listed(&server, &kinds);
    assert_eq!(ours, theirs);
    let count = |kind: &str| ours.iter().filter(|line| line.contains(kind)).count();
    assert!(count("Begin_load_query") == 3 && count("Append_block") > 2, "{ours:?}");
    assert_eq!(count("Execute_load_query"), 2, "{ours:?}");
    assert!(count("Delete_file") == 1 && ours.last().unwrap().contains("Delete_file: ;file_id="));

    let files = server.binlog_files().unwrap();
    let changes = objects(&["tail", "--format=json"], &files);
    let loads: Vec<_> = changes.iter().filter(|change| change["type"] == "load").collect();
    assert!(loads.len() == 2 && loads[0]["sql"].as_str().unwrap().contains("INTO TABLE `t`"));
    let said = complaint(&["tail", "--format=sql", "--kind=insert"], &files);
    assert!(said.contains("Execute_load_query event: LOAD DATA in statement format"), "{said}");
    assert!(said.contains("--local-load DIR"), "{said}");
    let dir = tempfile::tempdir().unwrap();
    let option = format!("--local-load={}", dir.path().display());
    let said = complaint(&["tail", "--format=sql", "--kind=insert", &option], &files);
    assert!(said.contains("Execute_load_query event: LOAD DATA ended with error 1062"), "{said}");
    a_loaded_file_is_replayed(&server);
}

/// The names of the files in a folder.
fn names_in(dir: &Path) -> Vec<String> {
    let name = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name();
    let mut names: Vec<_> =
        std::fs::read_dir(dir).unwrap().map(|e| name(e).into_string().unwrap()).collect();
    names.sort();
    names
}

/// Files in several ways, replayed into the server that they come from.
fn a_loaded_file_is_replayed(server: &Server) {
    let file = |name: &str, bytes: &[u8]| {
        let path = server.tmpdir().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.display().to_string()
    };
    // Larger than an event.
    let many: String = (0..9_000).map(|n| format!("{n};tëxt; that is long enough\n")).collect();
    let many = file("many", many.as_bytes());
    let few = file("few", "1;zwei\n2;zw\\ei\n9001;neu\n".as_bytes());
    let latin = file("latin", b"9002;\xe9\n");
    server
        .sql(&format!(
            "set global local_infile = 1; flush logs; create database l; use l; set binlog_format = STATEMENT;
             create table t (n int primary key, v varchar(60) charset utf8mb4, w int) engine = InnoDB;
             load data infile '{many}' into table t character set utf8mb4 fields terminated by ';' (n, v, @x)
                 set w = n * 2;
             load data infile '{few}' replace into table t fields terminated by ';' (n, v);
             load data infile '{few}' ignore into table t fields terminated by ';' (n, v) set w = 7;
             set names latin1; load data infile '{latin}' into table t character set latin1
                 fields terminated by ';' (n, v); set names utf8mb4;
             create table u like t; begin; insert into u (n) values (-1);
             load data infile '{few}' into table u fields terminated by ';' (n, v);
             load data infile '{latin}' into table u character set latin1 fields terminated by ';' (n, v); commit;
             set sql_mode = 'ANSI_QUOTES'; create table \"q\" like t;
             load data infile '{few}' into table \"q\" fields terminated by ';' (n, v); set sql_mode = default;
             create database other; create table other.t like t; use other;
             load data infile '{few}' into table t fields terminated by ';' (n, v); flush logs",
        ))
        .unwrap();
    let loads = 8;
    let local = format!(
        "use l; set binlog_format = STATEMENT;
         load data local infile '{few}' into table u fields terminated by ';' (n, v) set n = n + 100; flush logs"
    );
    let mut client = server.client();
    assert!(client.args(["--local-infile=1", "-e", &local]).status().unwrap().success());
    let tables = ["l.t", "l.u", "l.q", "other.t"];
    let sums = || server.sql(&format!("checksum table {}", tables.join(", "))).unwrap();
    let expected = sums();
    let files = server.binlog_files().unwrap();
    let files = &files[files.len() - 3..files.len() - 1];

    // Files whose statements are not printed do not stay.
    let dir = tempfile::tempdir().unwrap();
    let option = format!("--local-load={}", dir.path().display());
    let tail = |args: &[&str]| {
        let output = binlogd(&[&["tail", "--format=sql", &option], args].concat(), files);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    let none = tail(&["--database=other", "--stop-time=2001-01-01"]);
    assert_eq!((none.len(), names_in(dir.path())), (0, Vec::new()));
    tail(&["--database=other"]);
    assert_eq!(names_in(dir.path()).len(), 1, "{:?}", names_in(dir.path()));

    json_names_the_loaded_files(
        files,
        &[many.as_str(), &few, &few, &latin, &few, &latin, &few, &few, &few],
    );

    let sql = tail(&[]);
    let names = names_in(dir.path());
    assert_eq!(names.len(), 1 + loads + 1, "{names:?}");
    assert!(names.iter().all(|name| name.starts_with("load-binlog.0000")), "{names:?}");
    // The one that was there keeps its name.
    assert_eq!(names.iter().filter(|name| name.ends_with("-2")).count(), 1, "{names:?}");
    server.sql("drop database l; drop database other").unwrap();
    let path = dir.path().join("replay.sql");
    std::fs::write(&path, sql).unwrap();
    let mut client = server.client();
    client.args(["--local-infile=1", "--binary-mode"]);
    let replayed = client.stdin(std::fs::File::open(&path).unwrap()).output().unwrap();
    assert!(replayed.status.success(), "{}", String::from_utf8_lossy(&replayed.stderr));
    assert_eq!(sums(), expected);
    // What rows were cannot be said.
    let said = complaint(&["undo", "--database=other", "--kind=insert"], files);
    assert!(said.contains("was logged as a statement"), "{said}");
    for format in ["--format=debezium", "--format=maxwell"] {
        let output = binlogd(&["tail", format, "--database=other", "--kind=insert"], files);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(
            said.contains("`LOAD DATA ") && said.contains("changes rows and does not"),
            "{said}"
        );
    }
}

/// `tail --format json` writes the files that were loaded, byte for byte, if a folder is given.
fn json_names_the_loaded_files(files: &[PathBuf], loaded: &[&str]) {
    let dir = tempfile::tempdir().unwrap();
    let option = format!("--local-load={}", dir.path().display());
    let loads = |args: &[&str]| {
        let mut changes = objects(&[&["tail", "--format=json"], args].concat(), files);
        changes.retain(|change| change["type"] == "load");
        assert_eq!(changes.len(), loaded.len());
        changes
    };
    for change in loads(&[]) {
        assert!(change["loaded"]["path"].is_null(), "{change}");
    }
    for (change, original) in loads(&[&option]).iter().zip(loaded) {
        let copy = std::fs::read(change["loaded"]["path"].as_str().unwrap()).unwrap();
        assert_eq!(copy, std::fs::read(original).unwrap(), "{change}");
        let sql = change["sql"].as_str().unwrap();
        let duplicates = match () {
            () if sql.contains("REPLACE INTO") => "replace",
            () if sql.contains("IGNORE INTO") || sql.contains("LOCAL") => "ignore",
            () => "error",
        };
        assert_eq!(change["loaded"]["duplicates"], duplicates, "{sql}");
    }
    assert_eq!(names_in(dir.path()).len(), loaded.len());
}

#[test]
fn an_incident_of_mysql_9_7_is_told() {
    an_incident_is_told(Flavour::Mysql97);
}

#[test]
fn a_file_loaded_by_mysql_9_7_is_listed_piece_by_piece() {
    a_loaded_file_is_listed_piece_by_piece(Flavour::Mysql97);
}

const READERS: [&[&str]; 6] = [
    &["events"],
    &["tail"],
    &["tail", "--format=raw"],
    &["undo"],
    &["stats"],
    &["find", "--all", "--table=d.t"],
];

/// What all reading commands say of a file that only its server can read.
fn is_named_as_encrypted(place: &str, file: &Path) {
    for command in READERS {
        let said = complaint(command, &[file.to_owned()]);
        let wanted = format!("binlogd: {}:{place} encrypted: ", file.display());
        assert!(said.starts_with(&wanted) && said.contains("mysql://USER@HOST"), "{said}");
    }
}

/// From the server itself they get it decrypted, with the same files and positions.
fn is_read_from_the_server(server: &Server, file: &str) {
    let Endpoint { host, port, user, password } = server.endpoint();
    let url = [PathBuf::from(format!("mysql://{user}:{password}@{host}:{port}/{file}"))];
    let rows = server.query_rows(&format!("show binlog events in '{file}'")).unwrap();
    let theirs = rows.iter().filter(|row| row[2] != "Start_encryption");
    let theirs: Vec<_> = theirs.map(|row| (row[1].clone(), row[2].clone())).collect();
    let ours = objects(&["events", "--json"], &url);
    let place =
        |event: &Value| (event["position"].to_string(), event["type"].as_str().unwrap().to_owned());
    assert_eq!(ours.iter().map(place).collect::<Vec<_>>(), theirs);
    let changes = objects(&["tail", "--format=json"], &url);
    assert_eq!(changes.iter().filter(|change| change["type"] == "insert").count(), 2);
}

const ROWS: &str = "create database d; create table d.t (a int) engine = InnoDB;
                    insert into d.t values (1); insert into d.t values (2); flush binary logs";

#[test]
fn an_encrypted_file_of_mysql_9_7_is_named_as_one() {
    let server =
        Server::builder(Flavour::Mysql97).keyring().arg("--binlog-encryption=ON").start().unwrap();
    server.sql(ROWS).unwrap();
    let logs = server.query_rows("show binary logs").unwrap();
    assert!(logs.iter().all(|log| log[2] == "Yes"), "{logs:?}");
    let file = server.binlog_files().unwrap().remove(0);
    is_named_as_encrypted("", &file);
    is_read_from_the_server(&server, "binlog.000001");
    let verified = binlogd(&["verify"], std::slice::from_ref(&file));
    assert_eq!(verified.status.code(), Some(1));
    assert!(
        String::from_utf8_lossy(&verified.stdout).contains("encrypted, so it cannot be checked")
    );

    // What is sent and kept is what it was before it was encrypted.
    let daemon = common::follow(&server);
    daemon.wait_for_all_of(&server, PATIENCE).unwrap();
    let kept = [daemon.timeline_dir(&server).unwrap().join("binlog.000001")];
    let changes = objects(&["tail", "--format=json"], &kept);
    assert_eq!(changes.iter().filter(|change| change["type"] == "insert").count(), 2);
    assert!(binlogd(&["verify"], &kept).status.success());
}

/// What an index adds to a table, among that columns of the type "typed array", is not in its row events.
#[test]
fn a_multi_valued_index_changes_no_rows() {
    let server =
        Server::builder(Flavour::Mysql97).arg("--binlog-row-metadata=FULL").start().unwrap();
    server
        .sql(
            "create database d; create table d.t (id int primary key, j json,
                 index zips ((cast(j->'$.zip' as unsigned array))), index names ((lower(cast(j->>'$.n' as char(10))))));
             insert into d.t values (1, '{\"zip\": [1, 2], \"n\": \"A\"}'); update d.t set j = '{\"zip\": [3]}'",
        )
        .unwrap();
    let changes =
        objects(&["tail", "--format=json", "--kind=update"], &server.binlog_files().unwrap());
    let update = changes.iter().find(|change| change["type"] == "update").unwrap();
    assert_eq!(update["before"], serde_json::json!({"id": 1, "j": {"zip": [1, 2], "n": "A"}}));
    assert_eq!(update["after"], serde_json::json!({"id": 1, "j": {"zip": [3]}}));
}

mod on_mysql_5_6 {
    use super::*;

    #[test]
    fn an_incident_is_told() {
        super::an_incident_is_told(Flavour::Mysql56);
    }

    #[test]
    fn a_loaded_file_is_listed_piece_by_piece() {
        super::a_loaded_file_is_listed_piece_by_piece(Flavour::Mysql56);
    }
}

mod on_mariadb {
    use super::*;

    #[test]
    fn an_incident_is_told() {
        super::an_incident_is_told(Flavour::Mariadb118);
    }

    #[test]
    fn a_loaded_file_of_11_8_is_listed_piece_by_piece() {
        a_loaded_file_is_listed_piece_by_piece(Flavour::Mariadb118);
    }

    #[test]
    fn a_loaded_file_of_10_11_is_listed_piece_by_piece() {
        a_loaded_file_is_listed_piece_by_piece(Flavour::Mariadb1011);
    }

    #[test]
    fn an_encrypted_file_is_named_as_one() {
        let keys = tempfile::NamedTempFile::new().unwrap();
        let args = with_keys(keys.path());
        let server = Server::builder(Flavour::Mariadb118)
            .args(args)
            .arg("--encrypt-binlog=ON")
            .start()
            .unwrap();
        server.sql(ROWS).unwrap();
        let file = server.binlog_files().unwrap().remove(0);
        let rows = server.query_rows("show binlog events in 'binlog.000001'").unwrap();
        assert_eq!(rows[1][2], "Start_encryption");
        is_named_as_encrypted(&format!("{}: Start_encryption event:", rows[1][1]), &file);
        is_read_from_the_server(&server, "binlog.000001");
    }
}
