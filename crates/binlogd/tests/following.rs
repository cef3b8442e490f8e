//! `binlogd tail` that follows a server, its files, or a store: what comes over a connection, and over
//! several, is what the files say.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use common::{BINLOGD, PATIENCE, follow};
use serde_json::Value;
use testkit::binlog_gen::{BinlogGen, Options};
use testkit::proxy::Proxy;
use testkit::server::Server;
use testkit::{Flavour, SourceSpec, wait_until};

/// A tail that follows, killed when dropped.
struct Tail {
    process: Child,
    dir: tempfile::TempDir,
}

impl Tail {
    fn start(args: &[&str], source: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let process = Command::new(BINLOGD)
            .args(["tail", "--follow", "--format=json"])
            .args(args)
            .arg(source)
            .stdout(File::create(dir.path().join("out")).unwrap())
            .stderr(File::create(dir.path().join("log")).unwrap())
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        Self { process, dir }
    }

    fn out(&self) -> String {
        fs::read_to_string(self.dir.path().join("out")).unwrap()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap()
    }

    /// Waits for a row with this text, and the end of its transaction.
    fn wait_for(&self, text: &str) {
        let is_there = || {
            let out = self.out();
            let row = out.find(&format!("\"{text}\""));
            Ok(row.is_some_and(|at| out[at..].contains("\"type\":\"commit\"")))
        };
        wait_until(text, PATIENCE, is_there)
            .unwrap_or_else(|error| panic!("{error}: {}", self.log()));
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

fn url(server: &Server, port: u16) -> String {
    let endpoint = server.endpoint();
    format!("mysql://{}:{}@127.0.0.1:{port}", endpoint.user, endpoint.password)
}

/// Without the folders of files.
fn objects(json: &str) -> Vec<Value> {
    let object = |line: &str| {
        let mut object: Value = serde_json::from_str(line).unwrap();
        let file = Path::new(object["file"].as_str().unwrap()).file_name().unwrap();
        object["file"] = file.to_str().unwrap().into();
        object
    };
    json.lines().map(object).collect()
}

fn of_files(files: &[PathBuf]) -> Vec<Value> {
    let tail = Command::new(BINLOGD).args(["tail", "--format=json"]).args(files).output().unwrap();
    assert!(tail.status.success(), "{}", String::from_utf8_lossy(&tail.stderr));
    objects(&String::from_utf8(tail.stdout).unwrap())
}

fn assert_same(ours: &[Value], theirs: &[Value]) {
    for (ours, theirs) in ours.iter().zip(theirs) {
        assert_eq!(ours, theirs);
    }
    assert_eq!(ours.len(), theirs.len());
}

fn insert(server: &Server, text: &str) {
    server.sql(&format!("insert into d.t (v) values ('{text}')")).unwrap();
}

/// Breaks connections somewhere in transactions of many events.
fn break_connections(server: &Server, proxy: &Proxy, tail: &Tail) {
    let rows = "select repeat('x', 9000) from d.numbers a, d.numbers b, d.numbers c";
    for round in 0..3 {
        let before = tail.out().len();
        server.sql(&format!("insert into d.t (v) {rows}")).unwrap();
        wait_until("some of it has come", PATIENCE, || Ok(tail.out().len() > before)).unwrap();
        proxy.cut();
        proxy.mend();
        insert(server, &format!("round {round}"));
    }
    tail.wait_for("round 2");
    assert!(tail.log().contains("trying again"), "{}", tail.log());
}

fn prepare(server: &Server) {
    let sql = "create database d; create table d.t (id int auto_increment primary key, v text);
               create table d.numbers (n int); insert into d.numbers values (1), (2), (3), (4), (5), (6), (7)";
    server.sql(sql).unwrap();
}

#[test]
fn nothing_is_missing_or_doubled_when_connections_break_and_the_server_restarts() {
    let mut server = Server::start_new(Flavour::Mysql97).unwrap();
    let proxy = Proxy::to(server.port()).unwrap();
    let daemon = follow(&server);
    prepare(&server);
    let first = server.binlog_files().unwrap().remove(0);
    let tail = Tail::start(&[], &url(&server, proxy.port()));
    let of_file = Tail::start(&[], first.to_str().unwrap());
    let of_store = Tail::start(&[], daemon.stream_dir().to_str().unwrap());
    insert(&server, "first");
    let all = [&tail, &of_file, &of_store];
    all.iter().for_each(|tail| tail.wait_for("first"));
    break_connections(&server, &proxy, &tail);
    server.restart().unwrap();
    insert(&server, "restarted");
    all.iter().for_each(|tail| tail.wait_for("restarted"));
    server.kill().unwrap();
    server.start().unwrap();
    // What is there already is not wanted.
    let late = Tail::start(&["--from=end"], &url(&server, proxy.port()));
    let late_file = Tail::start(
        &["--from=end"],
        server.binlog_files().unwrap().last().unwrap().to_str().unwrap(),
    );
    wait_until("they have begun", PATIENCE, || {
        insert(&server, "again");
        Ok(late.out().contains("again") && late_file.out().contains("again"))
    })
    .unwrap();
    insert(&server, "last");
    let theirs = of_files(&server.binlog_files().unwrap());
    for tail in all {
        tail.wait_for("last");
        assert_same(&objects(&tail.out()), &theirs);
    }
    for tail in [&late, &late_file] {
        tail.wait_for("last");
        let ours = objects(&tail.out());
        assert_same(&ours, &theirs[theirs.len() - ours.len()..]);
        assert!(ours.len() < theirs.len() / 2);
        assert_eq!(ours[0]["type"], "begin");
    }
    what_a_server_has_is_read_to_its_end(&server, &theirs);
}

fn what_a_server_has_is_read_to_its_end(server: &Server, theirs: &[Value]) {
    let tail = |args: &[&str]| {
        let mut command = Command::new(BINLOGD);
        let output = command.args(["tail", "--format=json"]).args(args).output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        (output.status.code(), objects(&String::from_utf8(output.stdout).unwrap()), err)
    };
    let url = url(server, server.port());
    let (code, all, err) = tail(&[&url]);
    assert_eq!(code, Some(0), "{err}");
    assert_same(&all, theirs);
    let (code, none, said) = tail(&["--from=end", &url]);
    assert_eq!((code, none.len()), (Some(0), 0));
    let newest = server.query_rows("show binary logs").unwrap().pop().unwrap();
    let end = format!("reading begins at the end, which is {}:{} now", newest[0], newest[1]);
    assert!(
        said.contains(&end) && said.contains("--follow") && said.lines().count() == 1,
        "{said}"
    );
    // From a transaction's beginning in the middle of a file.
    let begin = theirs.iter().rposition(|object| object["type"] == "begin").unwrap();
    let file = theirs[begin]["file"].as_str().unwrap();
    let from = format!("--from={file}:{}", theirs[begin]["pos"]);
    assert_same(&tail(&[&from, &url]).1, &theirs[begin..]);
    let datadir = server.binlog_files().unwrap()[0].parent().unwrap().to_owned();
    assert_same(&tail(&[&from, datadir.to_str().unwrap()]).1, &theirs[begin..]);

    // The password from a file, which the URL does not have.
    let dir = tempfile::tempdir().unwrap();
    let password = dir.path().join("password");
    fs::write(&password, format!("{}\n", server.endpoint().password)).unwrap();
    let without = url.replace(&format!(":{}@", server.endpoint().password), "@");
    let (code, all, err) = tail(&["--password-file", password.to_str().unwrap(), &from, &without]);
    assert_eq!((code, all.len()), (Some(0), theirs.len() - begin), "{err}");
    fs::write(&password, "wrong").unwrap();
    let (code, _, err) =
        tail(&["--follow", "--password-file", password.to_str().unwrap(), &without]);
    assert!(code == Some(1) && err.contains("Access denied"), "{err}");

    let (code, _, err) = tail(&["--follow", "--from=binlog.999999", &url]);
    assert!(code == Some(1) && err.contains("Could not find first log file"), "{err}");
    let (code, _, err) = tail(&["--from=binlog.999999", datadir.to_str().unwrap()]);
    assert!(code == Some(1) && err.contains("there is no binlog.999999"), "{err}");
    assert_eq!(tail(&["--from=nowhere", &url]).0, Some(2));
    assert_eq!(tail(&["--follow", "-"]).0, Some(2));
}

/// What was done, without where it stands and who did it there.
fn done(objects: &[Value]) -> Vec<[Value; 4]> {
    let fields = ["type", "gtid", "table", "after"];
    objects.iter().map(|object| fields.map(|field| object[field].clone())).collect()
}

/// The primary dies, and a replica of it, with files of its own, has its address.
fn who_takes_over_is_followed_by_gtid(flavour: Flavour) {
    let builder =
        || Server::builder(flavour).args(["--binlog-format=ROW", "--binlog-row-metadata=FULL"]);
    let [mut primary, mut replica] = [(); 2].map(|()| builder().start().unwrap());
    let stranger = builder().start().unwrap();
    replica.replicate_from(&SourceSpec::local(primary.port())).unwrap();
    let proxy = Proxy::to(primary.port()).unwrap();
    prepare(&primary);
    replica.wait_for_replica_of(&primary, PATIENCE).unwrap();
    // Its next file has transactions that come before the change, and one that comes with it.
    replica.sql("flush local binary logs").unwrap();
    let begun = of_files(&primary.binlog_files().unwrap());
    let begin = begun.iter().rfind(|object| object["type"] == "begin").unwrap();
    let middle = format!("--from={}:{}", begin["file"].as_str().unwrap(), begin["pos"]);
    let url = url(&primary, proxy.port());
    let [all, late, middle] = [&[][..], &["--from=end"], &[&middle]].map(|a| Tail::start(a, &url));
    wait_until("all are connected", PATIENCE, || {
        let threads = primary.query_rows("show processlist")?;
        Ok(threads.iter().filter(|row| row[4].starts_with("Binlog Dump")).count() == 4)
    })
    .unwrap();
    insert(&primary, "seen");
    [&all, &late, &middle].iter().for_each(|tail| tail.wait_for("seen"));
    replica.wait_for_replica_of(&primary, PATIENCE).unwrap();
    proxy.cut();
    insert(&primary, "behind the cut");
    replica.wait_for_replica_of(&primary, PATIENCE).unwrap();
    primary.kill().unwrap();
    proxy.lead_to(replica.port());
    proxy.mend();
    replica
        .sql("stop slave; reset slave all")
        .or_else(|_| replica.sql("stop replica; reset replica all"))
        .unwrap();
    insert(&replica, "last");
    let theirs = done(&of_files(&replica.binlog_files().unwrap()));
    for tail in [&all, &late] {
        tail.wait_for("last");
        let ours = done(&objects(&tail.out()));
        assert!(theirs.ends_with(&ours), "{ours:?}\n{theirs:?}\n{}", tail.log());
        assert!(tail.log().contains("going on by GTID in its "), "{}", tail.log());
    }
    assert_eq!(objects(&all.out()).len(), theirs.len());
    ends_saying(&middle, "reading began in the middle of a file");
    replica.kill().unwrap();
    proxy.lead_to(stranger.port());
    for tail in [&all, &late] {
        ends_saying(tail, "it lacks transactions that were read: ");
    }
}

fn ends_saying(tail: &Tail, words: &str) {
    wait_until(words, PATIENCE, || Ok(tail.log().contains(words)))
        .unwrap_or_else(|error| panic!("{error}: {}", tail.log()));
}

#[test]
fn a_mysql_that_takes_over_is_followed_by_gtid() {
    who_takes_over_is_followed_by_gtid(Flavour::Mysql97);
}

#[test]
fn an_event_is_printed_once_it_is_whole_and_the_next_file_when_it_has_begun() {
    let dir = tempfile::tempdir().unwrap();
    let mut source = BinlogGen::new(1, Options::default());
    let mut path = dir.path().join(source.file_name());
    let first = source.file(3);
    let end = first.len() - 30;
    fs::write(&path, &first[..end]).unwrap();
    let tail = Tail::start(&[], dir.path().to_str().unwrap());
    let whole = || of_files(&[path.clone()]).len();
    wait_until("what is whole is there", PATIENCE, || Ok(!tail.out().is_empty())).unwrap();
    let append = |path: &Path, bytes: &[u8]| {
        OpenOptions::new().append(true).create(true).open(path).unwrap().write_all(bytes).unwrap();
    };
    append(&path, &first[end..]);
    let expected = whole();
    wait_until("the rest has come", PATIENCE, || Ok(tail.out().lines().count() == expected))
        .unwrap();

    let next = dir.path().join(source.file_name());
    assert_ne!(next, path);
    let second = source.file(2);
    append(&next, &[]);
    append(&next, &second[..50]);
    append(&next, &second[50..]);
    path.clone_from(&next);
    let expected = expected + of_files(&[path]).len();
    wait_until("the next file", PATIENCE, || Ok(tail.out().lines().count() == expected)).unwrap();

    // A file that becomes shorter is not what it was.
    OpenOptions::new().write(true).open(&next).unwrap().set_len(60).unwrap();
    wait_until("it is said", PATIENCE, || Ok(tail.log().contains("was cut to 60 bytes"))).unwrap();
}

mod on_mariadb {
    use super::*;

    #[test]
    fn who_takes_over_is_followed_by_gtid() {
        super::who_takes_over_is_followed_by_gtid(Flavour::Mariadb118);
    }

    #[test]
    fn nothing_is_missing_or_doubled_when_connections_break_and_the_server_restarts() {
        let server = Server::builder(Flavour::Mariadb118)
            .args(["--binlog-format=ROW", "--binlog-row-metadata=FULL"])
            .start();
        let mut server = server.unwrap();
        let proxy = Proxy::to(server.port()).unwrap();
        prepare(&server);
        let tail = Tail::start(&[], &url(&server, proxy.port()));
        insert(&server, "first");
        tail.wait_for("first");
        break_connections(&server, &proxy, &tail);
        server.restart().unwrap();
        insert(&server, "last");
        tail.wait_for("last");
        assert_same(&objects(&tail.out()), &of_files(&server.binlog_files().unwrap()));
    }
}
