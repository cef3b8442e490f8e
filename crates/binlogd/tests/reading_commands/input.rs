//! What reading commands take as files: complete sequences, compressed files, relay logs.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use crate::common::crafted::Crafted;
use crate::common::{BINLOGD, PATIENCE};
use binlogd_event::GtidSet;
use binlogd_store::{OsFs, Store};
use flate2::write::GzEncoder;
use serde_json::Value;
use tempfile::TempDir;
use testkit::server::Server;
use testkit::{Flavour, SourceSpec};

fn binlogd(args: &[&str], files: &[&Path]) -> Output {
    Command::new(BINLOGD).args(args).args(files).output().unwrap()
}

fn printed(args: &[&str], files: &[&Path]) -> String {
    let output = binlogd(args, files);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// What a command that fails says.
fn failed(args: &[&str], files: &[&Path]) -> String {
    let output = binlogd(args, files);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{args:?}: {said}");
    if args[0] != "ls" {
        assert_eq!(String::from_utf8_lossy(&output.stdout), "", "{args:?}");
    }
    said
}

/// Copies of a server's files in a folder, each but the last with a row of `d.t` or a table; the one
/// before the last has no transaction.
struct Files {
    dir: TempDir,
    files: Vec<PathBuf>,
}

impl Files {
    fn of(server: &Server) -> Self {
        let sql = "create database d; create table d.t (a int primary key); flush logs;
                   insert into d.t values (1); flush logs; insert into d.t values (2); flush logs;
                   insert into d.t values (3); flush logs; flush logs";
        server.sql(sql).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let copy = |path: PathBuf| {
            let copy = dir.path().join(path.file_name().unwrap());
            fs::copy(&path, &copy).unwrap();
            copy
        };
        let files: Vec<_> = server.binlog_files().unwrap().into_iter().map(copy).collect();
        assert!(files.len() >= 6);
        Self { dir, files }
    }

    /// The file at this place, from the end.
    fn last(&self, place: usize) -> &Path {
        &self.files[self.files.len() - 1 - place]
    }

    fn name(&self, place: usize) -> String {
        self.last(place).file_name().unwrap().to_str().unwrap().to_owned()
    }
}

/// The commands that read sequences of files, with what they need to succeed.
const COMMANDS: [&[&str]; 6] = [
    &["tail", "--table=d.t"],
    &["stats"],
    &["undo", "--table=d.t", "--kind=insert", "--generated-column=no.such.column"],
    &["events"],
    &["find", "--table=d.t", "--all"],
    &["ls"],
];

fn a_missing_file_is_an_error(flavour: Flavour) {
    let server = Server::builder(flavour).args(["--binlog-row-metadata=FULL"]).start().unwrap();
    let files = Files::of(&server);
    let uuid = (!flavour.is_mariadb()).then(|| server.variable("server_uuid").unwrap());
    drop(server);
    let dir = files.dir.path();
    let hidden = dir.join("elsewhere");
    // One without transactions: GTIDs prove that nothing is left out.
    fs::rename(files.last(1), &hidden).unwrap();
    for command in COMMANDS {
        printed(command, &[dir]);
    }
    fs::rename(&hidden, files.last(1)).unwrap();

    fs::rename(files.last(3), &hidden).unwrap();
    let missing = format!("{} is missing in {}", files.name(3), dir.display());
    for command in COMMANDS {
        let said = failed(command, &[dir]);
        assert!(said.contains(&missing) && said.contains("--allow-gaps"), "{command:?}: {said}");
        failed(command, &[files.last(4), files.last(2)]);
        let output = binlogd(&[command, &["--allow-gaps"]].concat(), &[dir]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{command:?}: {said}");
        assert!(said.contains("note: ") && said.contains(&missing), "{command:?}: {said}");
    }
    // What is before the place where reading begins is not read.
    printed(&["tail", "--from", &files.name(2)], &[dir]);
    fs::rename(&hidden, dir.join(format!("{}.xz", files.name(3)))).unwrap();
    let said = failed(&["tail"], &[dir]);
    assert!(said.contains(&format!("{}.xz is there: decompress it", files.name(3))), "{said}");
    if let Some(uuid) = uuid {
        what_is_in_no_file_is_not_missing(&files, &uuid);
    }
}

/// Makes a store of the files, in which is noted that the transactions of the missing one are in no file.
fn what_is_in_no_file_is_not_missing(files: &Files, uuid: &str) {
    let stream = files.dir.path().join("stream");
    let timeline = stream.join(format!("0001-{uuid}"));
    fs::create_dir_all(&timeline).unwrap();
    for file in [5, 4, 2, 1, 0] {
        fs::rename(files.last(file), timeline.join(files.name(file))).unwrap();
    }
    assert!(failed(&["tail"], &[&stream]).contains("--allow-gaps"));
    let listed = |place| {
        let head = objects(&printed(&["events", "--json"], &[&timeline.join(files.name(place))]));
        let list = head.iter().find(|event| event["type"] == "Previous_gtids").unwrap();
        list["info"].as_str().unwrap().parse::<GtidSet>().unwrap()
    };
    let mut of_last = listed(4);
    for object in objects(&printed(&["tail", "--format=json"], &[&timeline.join(files.name(4))])) {
        of_last.extend(&object["gtid"].as_str().unwrap().parse().unwrap());
    }
    let missing = listed(2).difference(&of_last);
    assert!(!missing.is_empty());
    let store = Store::open(Arc::new(OsFs), &stream).unwrap();
    store.catalog().add_unlogged(store.timeline().unwrap(), &missing).unwrap();
    drop(store);
    for command in [&["tail"][..], &["events"], &["ls"]] {
        let output = binlogd(command, &[&stream]);
        assert!(output.status.success() && output.stderr.is_empty(), "{command:?}: {output:?}");
    }
}

#[test]
fn a_missing_file_is_an_error_in_every_reading_command() {
    a_missing_file_is_an_error(Flavour::Mysql97);
}

fn gzip(bytes: &[u8], path: &Path) {
    let mut encoder = GzEncoder::new(File::create(path).unwrap(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap();
}

/// The JSON objects of lines, without the file that they name.
fn objects(text: &str) -> Vec<Value> {
    let object = |line: &str| {
        let mut object: Value = serde_json::from_str(line).unwrap();
        object.as_object_mut().unwrap().remove("file");
        object
    };
    text.lines().map(object).collect()
}

#[test]
fn compressed_files_are_read_as_they_are() {
    let files = Files::of(&Server::start_new(Flavour::Mysql97).unwrap());
    let dir = files.dir.path();
    let tail = ["tail", "--format=json"];
    let plain = [&tail[..], &["events", "--json"], &["ls", "--json", "--long"]]
        .map(|command| (command, objects(&printed(command, &[dir]))));
    let bytes = fs::read(files.last(3)).unwrap();
    let zst = dir.join(format!("{}.zst", files.name(3)));
    // Of several frames, as pzstd writes them.
    let (front, back) = bytes.split_at(200);
    let frames = [front, back].map(|part| zstd::encode_all(part, 3).unwrap());
    fs::write(&zst, frames.concat()).unwrap();
    fs::remove_file(files.last(3)).unwrap();
    // One that is there twice is read once.
    let gz = dir.join(format!("{}.gz", files.name(2)));
    gzip(&fs::read(files.last(2)).unwrap(), &gz);
    for (command, plain) in &plain {
        assert_eq!(&objects(&printed(command, &[dir])), plain, "{command:?}");
    }
    fs::remove_file(files.last(2)).unwrap();
    for (command, plain) in &plain {
        assert_eq!(&objects(&printed(command, &[dir])), plain, "{command:?}");
    }
    let name = files.name(2);
    let from = [&tail[..], &["--from", &name]].concat();
    assert!(!objects(&printed(&from, &[dir])).is_empty());

    // By the bytes, whatever the name is.
    let other = dir.join("backup");
    fs::rename(&gz, &other).unwrap();
    let of_gz = objects(&printed(&tail, &[&other]));
    assert!(of_gz.iter().any(|object| object["after"]["@1"] == 2 || object["type"] == "insert"));
    let piped = Command::new(BINLOGD)
        .args(tail)
        .arg("-")
        .stdin(Stdio::from(File::open(&other).unwrap()))
        .output()
        .unwrap();
    assert_eq!(objects(std::str::from_utf8(&piped.stdout).unwrap()), of_gz);

    for (path, len) in [(&zst, frames.concat().len() - 3), (&other, 100)] {
        File::options().write(true).open(path).unwrap().set_len(len as u64).unwrap();
        let output = binlogd(&["events"], &[path]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("the compressed file is damaged, or was cut"), "{said}");
    }
}

#[test]
fn the_end_of_a_compressed_file_is_that_of_what_is_in_it() {
    let mut file = Crafted::new();
    file.statement(&format!("create table t (a int comment '{}')", "a".repeat(900)));
    // It begins after as many bytes as the compressed file has.
    file.statement("create table u (a int)");
    let dir = tempfile::tempdir().unwrap();
    let gz = dir.path().join("binlog.000001.gz");
    let bytes = fs::read(file.path()).unwrap();
    gzip(&bytes, &gz);
    assert!(fs::metadata(&gz).unwrap().len() < 900);
    let output = binlogd(&["tail", "--from=end"], &[&gz]);
    let said = String::from_utf8(output.stderr).unwrap();
    let place = format!("the end, which is that of {} now", gz.display());
    assert!(output.status.success() && said.contains(&place), "{said}");
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "");
}

#[test]
fn files_that_are_no_binlogs_are_named_as_what_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("binlog.000001");
    for (bytes, words) in [
        (&b""[..], "binlog.000001: is empty"),
        (b"\xfd7zXZ\0\0", "decompress it, and name - for standard input: xzcat "),
        (b"BZh91AY&SY", "bzcat "),
        (b"./binlog.000001\n", "not a binlog"),
        (b"\xfeb", "not a binlog"),
    ] {
        fs::write(&path, bytes).unwrap();
        for command in ["tail", "events", "ls", "stats", "undo"] {
            let said = failed(&[command], &[&path]);
            assert!(said.contains(words), "{command}: {said}");
        }
    }
    fs::write(dir.path().join("relay.000001"), b"").unwrap();
    for command in ["tail", "events", "ls", "stats", "undo"] {
        let said = failed(&[command], &[dir.path()]);
        assert!(
            said.contains("holds the files of several logs (") && said.contains("relay"),
            "{said}"
        );
    }
}

fn a_relay_log_is_healthy(flavour: Flavour) {
    let source = Server::start_new(flavour).unwrap();
    let replica = Server::start_new(flavour).unwrap();
    replica.replicate_from(&SourceSpec::local(source.port())).unwrap();
    source.sql("create database d; create table d.t (a int primary key); flush logs").unwrap();
    source.sql("insert into d.t values (1), (2); insert into d.t values (3)").unwrap();
    replica.wait_for_replica_of(&source, PATIENCE).unwrap();
    // A new connection, and a new file.
    replica.stop_replica().unwrap();
    source.sql("insert into d.t values (4)").unwrap();
    replica.start_replica().unwrap();
    replica.wait_for_replica_of(&source, PATIENCE).unwrap();
    let mut relay_logs: Vec<PathBuf> = fs::read_dir(replica.datadir())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.display().to_string().contains("relay"))
        .filter(|path| path.extension().is_some_and(|end| end.len() == 6 && end != "000000"))
        .filter(|path| path.extension().unwrap().to_str().unwrap().parse::<u32>().is_ok())
        .collect();
    relay_logs.sort();
    assert!(!relay_logs.is_empty());
    let paths: Vec<&Path> = relay_logs.iter().map(PathBuf::as_path).collect();
    let output = binlogd(&["verify"], &paths);
    let said = String::from_utf8_lossy(&output.stderr).into_owned()
        + &String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    assert!(!said.contains("note: ") && !said.contains("warning: "), "{said}");
    printed(&["events"], &paths);
    let event = objects(&printed(&["tail", "--format=json", "--allow-gaps"], &paths));
    assert!(event.iter().all(|object| object["type"] != "unknown"));

    // Damage is found all the same.
    let dir = tempfile::tempdir().unwrap();
    let copy = dir.path().join("relay.000001");
    let mut bytes = fs::read(paths[paths.len() - 1]).unwrap();
    let last = bytes.len() - 10;
    bytes[last] ^= 1;
    fs::write(&copy, bytes).unwrap();
    assert_eq!(binlogd(&["verify"], &[&copy]).status.code(), Some(1));
}

#[test]
fn a_relay_log_of_mysql_is_healthy() {
    a_relay_log_is_healthy(Flavour::Mysql97);
}

#[test]
fn an_event_that_cannot_be_read_is_not_listed() {
    let server = Server::builder(Flavour::Mysql97).arg("--binlog-checksum=NONE").start().unwrap();
    server.sql("create database d; flush logs").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("binlog.000001");
    let files = server.binlog_files().unwrap();
    let mut bytes = fs::read(&files[files.len() - 2]).unwrap();
    let events = objects(&printed(&["events", "--json"], &[&files[files.len() - 2]]));
    let query = events.iter().find(|event| event["type"] == "Query").unwrap();
    let position = query["position"].as_u64().unwrap();
    // The length of the status variables.
    let at = usize::try_from(position).unwrap() + 19 + 11;
    bytes[at..at + 2].copy_from_slice(&[0xff, 0x7f]);
    fs::write(&path, bytes).unwrap();
    for form in [&["events"][..], &["events", "--json"]] {
        let output = binlogd(form, &[&path]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        let place = format!("binlog.000001:{position}: Query event: ");
        assert!(said.contains(&place) && said.contains("damaged"), "{said}");
        assert!(!String::from_utf8_lossy(&output.stdout).contains("Query"));
    }
}

mod on_mysql_5_6 {
    use super::*;

    /// Makes a file as MySQL 5.1 wrote it: without `BEGIN` and `COMMIT` around rows of tables that have no
    /// transactions.
    fn as_mysql_5_1(bytes: &[u8]) -> Vec<u8> {
        let mut file = bytes[..4].to_vec();
        let mut at = 4;
        while at < bytes.len() {
            let size = u32::from_le_bytes(bytes[at + 9..at + 13].try_into().unwrap());
            let mut event = bytes[at..at + usize::try_from(size).unwrap()].to_vec();
            at += event.len();
            let is_query = event[4] == 2;
            if is_query && (event.ends_with(b"BEGIN") || event.ends_with(b"COMMIT")) {
                continue;
            }
            if event[4] == 15 {
                let mut version = b"5.1.73-log".to_vec();
                version.resize(50, 0);
                event[21..71].copy_from_slice(&version);
                // It knew 27 types of events, and no checksums.
                event.truncate(76 + 27);
                let size = u32::try_from(event.len()).unwrap();
                event[9..13].copy_from_slice(&size.to_le_bytes());
            }
            let end = u32::try_from(file.len() + event.len()).unwrap();
            event[13..17].copy_from_slice(&end.to_le_bytes());
            file.extend(event);
        }
        file
    }

    #[test]
    fn rows_outside_of_transactions_are_healthy_in_files_of_mysql_5_1() {
        let server = Server::builder(Flavour::Mysql56)
            .without_gtid()
            .args(["--binlog-checksum=NONE", "--binlog-format=ROW"])
            .arg("--log-bin-use-v1-row-events=1")
            .start()
            .unwrap();
        let sql = "create database d; create table d.t (a int) engine = MyISAM;
                   flush logs; insert into d.t values (1), (2); delete from d.t where a = 1; flush logs";
        server.sql(sql).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("binlog.000001");
        let files = server.binlog_files().unwrap();
        let bytes = fs::read(&files[files.len() - 2]).unwrap();
        fs::write(&path, as_mysql_5_1(&bytes)).unwrap();
        printed(&["verify"], &[&path]);
        let events = objects(&printed(&["tail", "--format=json"], &[&path]));
        let count = |kind: &str| events.iter().filter(|event| event["type"] == kind).count();
        assert_eq!((count("insert"), count("delete")), (2, 1), "{events:?}");
        // A newer server writes none.
        let mut newer = fs::read(&path).unwrap();
        newer[4 + 21..4 + 24].copy_from_slice(b"5.5");
        fs::write(&path, newer).unwrap();
        assert_eq!(binlogd(&["verify"], &[&path]).status.code(), Some(1));
    }
}

mod on_mariadb {
    use super::*;

    #[test]
    fn a_missing_file_is_an_error_in_every_reading_command() {
        a_missing_file_is_an_error(Flavour::Mariadb118);
    }

    #[test]
    fn a_relay_log_is_healthy() {
        super::a_relay_log_is_healthy(Flavour::Mariadb118);
    }
}
