//! `binlogd ls`, `events` and `tail` on binlog files: of real servers, damaged, and none at all.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use common::corpus::{GENERATED, run_scenarios};
use common::{BINLOGD, peak_kib};
use serde_json::{Value, json};
use testkit::binlog_gen::{BinlogGen, Options};
use testkit::server::Server;
use testkit::{Flavour, workload};

fn binlogd(args: &[&str], paths: &[PathBuf]) -> Output {
    Command::new(BINLOGD).args(args).args(paths).output().unwrap()
}

/// What it prints; it must end well.
fn printed(args: &[&str], paths: &[PathBuf]) -> Vec<u8> {
    let output = binlogd(args, paths);
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), &*err), (Some(0), ""), "{args:?}");
    output.stdout
}

fn objects(args: &[&str], paths: &[PathBuf]) -> Vec<Value> {
    let out = String::from_utf8(printed(args, paths)).unwrap();
    out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What it says on stderr; it must fail.
fn complaint(args: &[&str], path: &Path) -> String {
    let output = binlogd(args, &[path.to_owned()]);
    assert_eq!(output.status.code(), Some(1));
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(err.starts_with("binlogd: ") && err.lines().count() == 1, "{err}");
    err.replace(&path.display().to_string(), "FILE")
}

fn tables(server: &Server) -> BTreeMap<String, String> {
    let tables = workload::checksums(server).unwrap();
    assert!(tables.len() > 25, "{tables:?}");
    tables
}

#[test]
fn a_real_servers_binlogs_are_listed_decoded_and_replayed() {
    let server = Server::builder(Flavour::Mysql97).arg("--binlog-row-metadata=FULL").start();
    let server = server.unwrap();
    run_scenarios(&server);
    let files = server.binlog_files().unwrap();
    let files = &files[..files.len() - 1];
    events_are_those_of_show_binlog_events(&server, files);
    files_are_listed_with_their_gtids(&server, files);
    rows_are_as_many_as_mysqlbinlog_has(&server, files);
    what_is_chosen_comes_alone(files);
    debezium_has_an_envelope_for_each_insert(files);
    what_is_looked_for_is_found(files);
    replays_give_the_same_tables(&server, files);
    json_has_the_values_that_select_has(&server);
}

fn events_are_those_of_show_binlog_events(server: &Server, files: &[PathBuf]) {
    let (mut count, mut compressed) = (0, false);
    for file in files {
        let name = file.file_name().unwrap().to_str().unwrap();
        let theirs = server.query_rows(&format!("show binlog events in '{name}'")).unwrap();
        let ours = objects(&["events", "--json"], std::slice::from_ref(file));
        compressed |= theirs.iter().any(|row| row[2] == "Transaction_payload");
        assert_eq!(ours.len(), theirs.len());
        for (ours, theirs) in ours.iter().zip(&theirs) {
            let shown = [&ours["position"], &ours["server_id"], &ours["end"]];
            let shown = shown.map(Value::to_string);
            assert_eq!(shown, [&theirs[1], &theirs[3], &theirs[4]].map(String::as_str));
            assert_eq!(ours["type"], theirs[2]);
            assert_eq!(ours["info"], theirs[5]);
        }
        let text = String::from_utf8(printed(&["events"], std::slice::from_ref(file))).unwrap();
        assert_eq!(text.lines().count(), theirs.len() + 2);
        count += theirs.len();
    }
    assert!(count > 500 && compressed, "{count}");
}

fn files_are_listed_with_their_gtids(server: &Server, files: &[PathBuf]) {
    let ours = objects(&["ls", "--long", "--json"], files);
    let sizes: Vec<u64> = files.iter().map(|file| fs::metadata(file).unwrap().len()).collect();
    assert_eq!(ours.iter().map(|file| file["size"].as_u64().unwrap()).collect::<Vec<_>>(), sizes);
    let mut transactions = 0;
    for (file, next) in ours.iter().zip(&ours[1..]) {
        assert!(next["previous_gtids"].as_str().unwrap().len() > 30, "{next}");
        assert!(file["first_time"].as_u64().unwrap() <= file["last_time"].as_u64().unwrap());
        transactions += file["transactions"].as_u64().unwrap();
    }
    transactions += ours.last().unwrap()["transactions"].as_u64().unwrap();
    // Every transaction has a GTID in its file.
    let gtids = objects(&["events", "--json"], files);
    let is_gtid = |event: &&Value| event["type"].as_str().unwrap().starts_with("Gtid");
    assert_eq!(transactions, gtids.iter().filter(is_gtid).count() as u64);
    let dir = files[0].parent().unwrap().to_owned();
    let table = String::from_utf8(printed(&["ls"], std::slice::from_ref(&dir))).unwrap();
    // The heading, the folder, and the file that has begun since.
    assert_eq!(table.lines().count(), files.len() + 3, "{table}");
    assert!(table.contains(&format!("\n# {}\n", dir.display())), "{table}");
    assert_eq!(server.binlog_files().unwrap().len(), files.len() + 1);
}

fn rows_are_as_many_as_mysqlbinlog_has(server: &Server, files: &[PathBuf]) {
    let theirs =
        server.mysqlbinlog().args(["-v", "--base64-output=decode-rows"]).args(files).output();
    let theirs = String::from_utf8_lossy(&theirs.unwrap().stdout).into_owned();
    let ours = objects(&["tail", "--format=json"], files);
    for (kind, words) in
        [("insert", "### INSERT INTO"), ("update", "### UPDATE `"), ("delete", "### DELETE FROM")]
    {
        // mysqlbinlog gives up at geometries.
        let is = |object: &&Value| object["type"] == kind && object["table"] != "shapes";
        let ours = ours.iter().filter(is).count();
        let is = |line: &&str| line.starts_with(words) && !line.contains("`shapes`");
        assert_eq!(ours, theirs.lines().filter(is).count(), "{kind}");
        assert!(ours > 5);
    }
    // A transaction that begins also ends.
    let of = |kinds: &[&str]| {
        ours.iter().filter(|object| kinds.contains(&object["type"].as_str().unwrap())).count()
    };
    assert_eq!(of(&["begin"]), of(&["commit", "rollback", "prepare"]));
    let text = String::from_utf8(printed(&["tail"], files)).unwrap();
    let (names, lines): (Vec<_>, Vec<_>) = text.lines().partition(|line| line.starts_with('#'));
    assert_eq!((lines.len(), names.len()), (ours.len(), files.len()));
    assert!(names[0] == format!("# {}", files[0].display()), "{}", names[0]);
}

fn what_is_chosen_comes_alone(files: &[PathBuf]) {
    let chosen = |args: &[&str]| objects(&[&["tail", "--format=json"], args].concat(), files);
    let all = chosen(&[]);
    let rows = chosen(&["--table=images.no_*", "--kind=update,delete"]);
    let kinds: Vec<&str> = rows.iter().map(|object| object["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["begin", "update", "commit", "begin", "delete", "commit"]);
    assert!(rows.iter().filter_map(|o| o.get("table")).all(|table| table == "no_key"));
    let ddl = chosen(&["--kind=ddl", "--database=trx"]);
    assert!(ddl.iter().all(|object| object["type"] != "insert"));
    assert!(ddl.iter().any(|object| object["sql"].as_str().unwrap_or("").contains("table m ")));

    let gtid = all.iter().filter_map(|object| object.get("gtid")).nth(100).unwrap();
    let gtid = gtid.as_str().unwrap();
    let one = chosen(&["--include-gtids", gtid]);
    assert!(!one.is_empty() && one.iter().all(|object| object["gtid"] == gtid));
    assert_eq!(chosen(&["--exclude-gtids", gtid]).len(), all.len() - one.len());
    let session = &one[0]["thread_id"];
    let of_session = chosen(&["--thread-id", &session.to_string()]);
    assert!(of_session.len() >= one.len() && of_session.len() < all.len());
    assert!(of_session.iter().all(|object| object["thread_id"] == *session));
    nothing_is_chosen(&["--server-id=4711"], files);

    let (first, last) = (all[0]["time"].as_u64().unwrap(), all[all.len() - 1]["time"].as_u64());
    let behind = (last.unwrap() + 1).to_string();
    let first = first.to_string();
    assert_eq!(chosen(&["--start-time", &first, "--stop-time", &behind]).len(), all.len());
    nothing_is_chosen(&["--stop-time", &first], files);
    nothing_is_chosen(&["--start-time", &behind], files);

    // Two halves of a file are the file.
    let file = &files[..1];
    let at = |args: &[&str]| objects(&[&["tail", "--format=json"], args].concat(), file);
    let whole = at(&[]);
    let middle = whole[whole.len() / 2]["pos"].to_string();
    let front = at(&["--stop-position", &middle]);
    let back = at(&["--start-position", &middle]);
    assert!(!front.is_empty() && !back.is_empty());
    assert_eq!([front, back].concat(), whole);
}

fn nothing_is_chosen(args: &[&str], files: &[PathBuf]) {
    let output = binlogd(&[&["tail"], args].concat(), files);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(0), 0), "{args:?}: {said}");
    assert!(said.starts_with("binlogd: note: nothing was chosen: "), "{args:?}: {said}");
}

/// What it leaves a server with that had nothing.
fn debezium_has_an_envelope_for_each_insert(files: &[PathBuf]) {
    let inserts = |args: &[&str]| {
        let args = [&["tail", "--kind", "insert", "--table", "columns_.*"][..], args].concat();
        objects(&args, files)
    };
    let envelopes = inserts(&["--format", "debezium", "--option", "decimal.handling.mode=string"]);
    let rows = inserts(&["--format", "json"]);
    let rows: Vec<_> = rows.iter().filter(|row| row["type"] == "insert").collect();
    assert_eq!(envelopes.len(), rows.len());
    assert!(rows.len() > 20, "{}", rows.len());
    for (envelope, row) in envelopes.iter().zip(rows) {
        assert_eq!((&envelope["op"], &envelope["before"]), (&json!("c"), &Value::Null));
        let names = |image: &Value| image.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&envelope["after"]), names(&row["after"]));
        assert_eq!(envelope["source"]["pos"], row["pos"]);
        let (short, full) = (&envelope["source"]["file"], row["file"].as_str().unwrap());
        assert_eq!(short, Path::new(full).file_name().unwrap().to_str().unwrap());
    }
}

fn replay(args: &[&str], files: &[PathBuf]) -> Server {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("replay.sql");
    fs::write(&path, printed(&[args, &GENERATED].concat(), files)).unwrap();
    let target = Server::start_new(Flavour::Mysql97).unwrap();
    target.sql_file(&path, false).unwrap();
    target
}

fn replays_give_the_same_tables(server: &Server, files: &[PathBuf]) {
    let expected = tables(server);
    assert_eq!(tables(&replay(&["tail", "--format=sql"], files)), expected);

    // A table that is created with its rows can have no GTID.
    let said = binlogd(&["tail", "--format=sql", "--gtids"], files);
    let said = String::from_utf8(said.stderr).unwrap();
    assert!(said.contains("Query event: CREATE TABLE … SELECT is one transaction"), "{said}");
    // What comes before tables that cannot roll back, of which each statement is a transaction.
    let target = replay(&["tail", "--format=sql", "--gtids"], &files[..2]);
    for schema in ["columns_", "images"] {
        let theirs = server.checksum_tables(schema).unwrap();
        assert!(!theirs.is_empty());
        assert_eq!(target.checksum_tables(schema).unwrap(), theirs);
    }
    let next = &objects(&["ls", "--json"], &files[2..3])[0];
    let gtids = "select replace(@@gtid_executed, '\n', '')";
    assert_eq!(target.sql(gtids).unwrap(), *next["previous_gtids"].as_str().unwrap());
}

fn json_has_the_values_that_select_has(server: &Server) {
    server
        .sql(
            "set time_zone = '+00:00', global binlog_row_metadata = FULL;
             create database types; use types; create table t (id int primary key, i8 bigint, u8 bigint unsigned,
             i3 mediumint, f double, n varchar(20) character set latin1, e enum('a', 'ü'), s set('x', 'y'),
             d date, w datetime(3), m timestamp(6), y year, j json);
             insert into t values (1, -9223372036854775808, 18446744073709551615, -8388608, 1.5e300, 'é\\'\"', 'ü', 'x,y',
             '2024-02-29', '2024-02-29 12:34:56.789', '2024-02-29 12:34:56.789012', 2024,
             '{\"a\": [1, null, \"🐬\"]}'), (2, null, null, null, null, null, null, null, null, null, null, null, null)",
        )
        .unwrap();
    let file = server.binlog_files().unwrap().pop().unwrap();
    let rows = objects(&["tail", "--format=json", "--table=types.t", "--kind=insert"], &[file]);
    let after: Vec<&Value> = rows.iter().filter_map(|object| object.get("after")).collect();
    let select = server
        .sql(
            "set time_zone = '+00:00'; select json_object('id', id, 'i8', i8, 'u8', u8, 'i3', i3, 'f', f, 'n', n,
             'e', e, 's', s, 'd', d, 'w', cast(w as char), 'm', cast(m as char), 'y', y, 'j', j)
             from types.t order by id",
        )
        .unwrap();
    let select: Vec<Value> =
        select.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(after, select.iter().collect::<Vec<_>>());
    assert_eq!((&rows[1]["v"], &rows[1]["key"]), (&json!(1), &json!(["id"])));
}

/// A transaction, or the event at a position, is found in the file and at the place where it is listed.
fn what_is_looked_for_is_found(files: &[PathBuf]) {
    let find = |args: &[&str]| objects(&[&["find", "--json"], args].concat(), files);
    let all = objects(&["tail", "--format=json"], files);
    let begins: Vec<&Value> = all.iter().filter(|object| object["type"] == "begin").collect();
    for begin in [begins[0], begins[begins.len() / 2], begins[begins.len() - 1]] {
        let found = find(&["--gtid", begin["gtid"].as_str().unwrap()]);
        assert_eq!(found.len(), 1);
        for (ours, theirs) in [("file", "file"), ("position", "pos"), ("gtid", "gtid")] {
            assert_eq!(found[0][ours], begin[theirs]);
        }
    }
    let row = all.iter().find(|object| object["table"] == "no_key").unwrap();
    let by_table = find(&["--table=images.no_key", "--all"]);
    assert_eq!((&by_table[0]["gtid"], by_table.len()), (&row["gtid"], 3));
    assert_eq!(find(&["--table=images.no_key"]), by_table[..1]);
    let time = begins[begins.len() / 2]["time"].as_u64().unwrap();
    let found = &find(&["--time", &time.to_string()])[0];
    let first = all.iter().find(|object| object["time"].as_u64().unwrap() >= time).unwrap();
    assert_eq!(found["gtid"], first["gtid"]);

    let row = all.iter().find(|object| object["type"] == "insert").unwrap();
    let inside = (row["pos"].as_u64().unwrap() + 1).to_string();
    let found = &objects(&["find", "--json", "--position", &inside], &files[..1])[0];
    assert_eq!((&found["event"]["position"], &found["event"]["end"]), (&row["pos"], &row["end"]));
    assert_eq!((&found["event"]["type"], &found["gtid"]), (&json!("Write_rows"), &row["gtid"]));
    assert!(
        complaint(&["find", "--gtid=00000000-0000-0000-0000-000000000001:1"], &files[0])
            .contains("not found")
    );
    assert_eq!(binlogd(&["find"], files).status.code(), Some(2));
}

#[test]
fn columns_without_names_are_no_sql_unless_a_schema_names_them() {
    let server = Server::builder(Flavour::Mysql97).arg("--binlog-row-metadata=MINIMAL").start();
    let server = server.unwrap();
    server.sql("create database d; create table d.t (a int, twice int as (a * 2)); flush binary logs; insert into d.t (a) values (1)").unwrap();
    let file = server.binlog_files().unwrap().pop().unwrap();
    let said = complaint(&["tail", "--format=sql"], &file);
    assert!(
        said.contains("Write_rows event: the binlog does not name the columns of d.t"),
        "{said}"
    );
    assert!(said.contains("binlog_row_metadata=FULL"), "{said}");
    let text = String::from_utf8(printed(&["tail"], &[file])).unwrap();
    assert!(text.contains(" insert d.t @1=1 @2=2\n"), "{text}");

    // Its definition makes it so, and tells what is generated.
    let definition = server.query_rows("show create table d.t").unwrap()[0][1].clone();
    let dir = tempfile::tempdir().unwrap();
    let schema = dir.path().join("schema.sql");
    fs::write(&schema, definition).unwrap();
    let schema = ["--schema", schema.to_str().unwrap(), "--schema-database=d"];
    let file = server.binlog_files().unwrap().pop().unwrap();
    let tail = ["tail", "--format=sql", "--kind=insert"];
    let sql = printed(&[&tail, &schema[..]].concat(), std::slice::from_ref(&file));
    let text = String::from_utf8_lossy(&sql);
    assert!(text.contains("INSERT INTO `d`.`t` (`a`) VALUES (1);\n"), "{text}");
    a_server_tells_what_its_tables_are_now(&server, &file, &sql);
}

/// Of a file with one insert, which is this SQL.
fn a_server_tells_what_its_tables_are_now(server: &Server, file: &Path, sql: &[u8]) {
    let as_user = |user: &str| format!("--schema=mysql://{user}@127.0.0.1:{}", server.port());
    let repl = server.endpoint();
    let url = as_user(&format!("{}:{}", repl.user, repl.password));
    let tail = |url: &str| binlogd(&["tail", "--format=sql", "--kind=insert", url], &[file.into()]);
    let refused = |url: &str| {
        let output = tail(url);
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    assert_eq!(tail(&url).stdout, sql);

    server.sql("set sql_log_bin = 0; create user nobody identified by ''; grant replication client on *.* to nobody").unwrap();
    let said = refused(&as_user("nobody"));
    assert!(said.contains("Table_map event at offset "), "{said}");
    assert!(said.contains("the definition of d.t cannot be had: "), "{said}");
    assert!(said.contains("GRANT SELECT ON `d`.`t` TO it"), "{said}");
    let said = refused(&as_user("nobody:wrong"));
    assert!(said.contains("Access denied"), "{said}");

    // Another table has its name by now, or none.
    server.sql("set sql_log_bin = 0; alter table d.t add column b int").unwrap();
    let said = refused(&url);
    assert!(
        said.contains("the columns of d.t, and its definition that was given does not fit"),
        "{said}"
    );
    server.sql("set sql_log_bin = 0; drop table d.t").unwrap();
    let said = refused(&url);
    assert!(
        said.contains(
            "the columns of d.t, and what was given to tell them (--schema) has no such table"
        ),
        "{said}"
    );
}

/// A file with some transactions, and its bytes.
fn generated(dir: &Path) -> (PathBuf, Vec<u8>) {
    let mut source = BinlogGen::new(1, Options::default());
    let path = dir.join(source.file_name());
    let bytes = source.file(3);
    fs::write(&path, &bytes).unwrap();
    (path, bytes)
}

#[test]
fn damage_is_said_with_its_place_and_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let (path, bytes) = generated(dir.path());
    let events = objects(&["events", "--json"], std::slice::from_ref(&path));
    let last = events.last().unwrap()["position"].as_u64().unwrap();
    let size = bytes.len() as u64 - last;
    for command in ["events", "tail"] {
        fs::write(&path, &bytes[..bytes.len() - 5]).unwrap();
        let said = complaint(&[command], &path);
        let expected = format!(
            "FILE:{last}: Rotate event: the file ends after {} of its {size} bytes",
            size - 5
        );
        assert!(said.contains(&expected) && said.contains("Fetch the file again"), "{said}");

        fs::write(&path, &bytes[..usize::try_from(last).unwrap() + 10]).unwrap();
        assert!(complaint(&[command], &path).contains("the file ends after 10 of its 19 bytes"));

        let mut flipped = bytes.clone();
        flipped[usize::try_from(last).unwrap() + 20] ^= 1;
        fs::write(&path, flipped).unwrap();
        let said = complaint(&[command], &path);
        assert!(said.contains(&format!("FILE:{last}: Rotate event: checksum is ")), "{said}");

        fs::write(&path, [b"\xfd", &bytes[1..]].concat()).unwrap();
        assert!(complaint(&[command], &path).contains("FILE: encrypted: "));
        fs::write(&path, "./mysql-bin.000001\n").unwrap();
        assert!(complaint(&[command], &path).contains("FILE: not a binlog"));
        assert!(complaint(&[command], Path::new("/nowhere")).contains("FILE: No such file"));
        assert_eq!(binlogd(&[command, "--no-such"], &[]).status.code(), Some(2));
    }
    fs::remove_file(&path).unwrap();
    assert!(complaint(&["ls"], dir.path()).contains("FILE holds no binlog files"));
}

#[test]
fn a_stream_of_bytes_is_read_as_a_file_and_a_reader_that_goes_away_is_no_error() {
    let dir = tempfile::tempdir().unwrap();
    let (path, _) = generated(dir.path());
    for command in ["ls", "events"] {
        let from_file = printed(&[command, "--json"], std::slice::from_ref(&path));
        let stdin = Command::new(BINLOGD)
            .args([command, "--json", "-"])
            .stdin(fs::File::open(&path).unwrap())
            .output()
            .unwrap();
        let lines = String::from_utf8(from_file).unwrap().lines().count();
        assert_eq!(String::from_utf8(stdin.stdout).unwrap().lines().count(), lines);

        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut gone = Command::new(BINLOGD);
        let gone = gone.arg(command).arg(&path).stdout(writer).stderr(Stdio::piped());
        let output = gone.spawn().unwrap().wait_with_output().unwrap();
        assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0));
    }
}

#[test]
fn folders_of_a_store_are_read_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let timeline = dir.path().join("default").join("0001-3e11fa47-71ca-11e1-9e33-c80aa9429562");
    fs::create_dir_all(&timeline).unwrap();
    let mut source = BinlogGen::new(1, Options::default());
    for _ in 0..3 {
        let path = timeline.join(source.file_name());
        fs::write(path, source.file(2)).unwrap();
    }
    let expected: Vec<String> =
        (1..=3).map(|n| timeline.join(format!("mysql-bin.{n:06}")).display().to_string()).collect();
    for path in [dir.path(), &dir.path().join("default"), &timeline] {
        let files = objects(&["ls", "--json"], &[path.to_owned()]);
        let files: Vec<&str> = files.iter().map(|file| file["file"].as_str().unwrap()).collect();
        assert_eq!(files, expected);
    }
}

#[test]
fn a_compressed_transaction_is_printed_while_it_is_opened() {
    const ROWS: usize = 96;
    let server = Server::builder(Flavour::Mysql97)
        .args(["--binlog-transaction-compression=ON", "--binlog-row-metadata=FULL"])
        .start();
    let server = server.unwrap();
    let insert = "insert into d.t values (repeat('x', 1 << 20));".repeat(ROWS);
    server
        .sql(&format!("create database d; create table d.t (a longblob); begin; {insert} commit"))
        .unwrap();
    for format in ["json", "debezium", "raw"] {
        let mut child = Command::new(BINLOGD)
            .args(["tail", "--format", format])
            .args(server.binlog_files().unwrap())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (mut out, mut buffer) = (child.stdout.take().unwrap(), vec![0; 1 << 20]);
        let (mut len, mut peak) = (0, 0);
        loop {
            let got = out.read(&mut buffer).unwrap();
            if got == 0 {
                break;
            }
            len += got;
            peak = peak_kib(child.id()).unwrap_or(peak);
        }
        assert!(child.wait().unwrap().success());
        assert!(format == "raw" || len > ROWS << 20, "{format}: {len} bytes");
        assert!(peak < 40 << 10, "{format}: {peak} KiB");
    }
}
