//! Reading commands on a server: they say what they say of its files, also when it restarts meanwhile.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use common::{BINLOGD, PATIENCE};
use serde_json::Value;
use testkit::proxy::Proxy;
use testkit::server::Server;
use testkit::{Flavour, wait_until, workload};

fn binlogd(args: &[&str]) -> Output {
    Command::new(BINLOGD).args(args).output().unwrap()
}

/// What it prints; it must end well.
fn printed(args: &[&str]) -> Vec<u8> {
    let output = binlogd(args);
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), &*err), (Some(0), ""), "{args:?}");
    output.stdout
}

fn complaint(args: &[&str]) -> String {
    let output = binlogd(args);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{args:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// Objects, with files called as servers call them.
fn objects(json: &[u8]) -> Vec<Value> {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(object) => {
                if let Some(Value::String(file)) = object.get_mut("file") {
                    *file = Path::new(&*file).file_name().unwrap().to_str().unwrap().to_owned();
                }
                object.values_mut().for_each(strip);
            }
            Value::Array(list) => list.iter_mut().for_each(strip),
            _ => {}
        }
    }
    let lines = std::str::from_utf8(json).unwrap().lines();
    lines
        .map(|line| {
            let mut object = serde_json::from_str(line).unwrap();
            strip(&mut object);
            object
        })
        .collect()
}

/// SQL says in comments where its transactions are from.
fn without_folder(sql: Vec<u8>, file: &Path) -> Vec<u8> {
    let folder = format!("-- {}/", file.parent().unwrap().display());
    String::from_utf8(sql).unwrap().replace(&folder, "-- ").into_bytes()
}

fn url(server: &Server, port: u16) -> String {
    let endpoint = server.endpoint();
    format!("mysql://{}:{}@127.0.0.1:{port}", endpoint.user, endpoint.password)
}

fn start(flavour: Flavour) -> Server {
    let builder = Server::builder(flavour).arg("--binlog-format=ROW");
    let builder = match flavour {
        Flavour::Mysql56 => builder,
        _ => builder.arg("--binlog-row-metadata=FULL"),
    };
    builder.start().unwrap()
}

/// A server with closed files, and the newest, which says of itself that it is open.
fn with_files(flavour: Flavour) -> (Server, Vec<PathBuf>) {
    let server = start(flavour);
    for scenario in [workload::ROW_IMAGES, workload::TRANSACTIONS, workload::COMPRESSION] {
        scenario.run(&server).unwrap();
    }
    let mut files = server.binlog_files().unwrap();
    files.pop();
    assert!(files.len() > 2);
    (server, files)
}

fn a_server_says_what_its_files_say(flavour: Flavour) {
    let (server, files) = with_files(flavour);
    let all = url(&server, server.port());
    let names: Vec<&str> = files.iter().map(|path| path.to_str().unwrap()).collect();
    let one = |path: &Path| format!("{all}/{}", path.file_name().unwrap().to_str().unwrap());
    let of = |args: &[&str], sources: &[&str]| objects(&printed(&[args, sources].concat()));

    for long in [&["ls", "--json"][..], &["ls", "--json", "--long"]] {
        let mut theirs = of(long, &[&all]);
        let newest = theirs.pop().unwrap();
        assert!(newest["size"].as_u64().unwrap() > 100, "{newest}");
        let mut ours = of(long, &names);
        // It is told from MySQL 8.0.14 on.
        if flavour != Flavour::Mysql97 {
            assert!(theirs.iter().all(|file| file["encrypted"].is_null()));
            ours.iter_mut().for_each(|file| file["encrypted"] = Value::Null);
        }
        assert_eq!(theirs, ours);
        assert_eq!(of(long, &[&one(&files[1])]), [ours[1].clone()]);
    }
    for file in &files {
        let path = file.to_str().unwrap();
        assert_eq!(of(&["events", "--json"], &[&one(file)]), of(&["events", "--json"], &[path]));
        let copy = printed(&["tail", "--format=raw", &one(file)]);
        assert!(copy == fs::read(file).unwrap(), "{path}");
    }
    let events = of(&["events", "--json"], &names);
    assert_eq!(of(&["events", "--json"], &[&all])[..events.len()], events);

    let transactions = of(&["tail", "--format=json"], &names);
    assert_eq!(of(&["tail", "--format=json"], &[&all]), transactions);
    let begin = transactions.iter().rfind(|object| object["type"] == "begin").unwrap();
    let (time, position) = (begin["time"].to_string(), begin["pos"].to_string());
    let gtid = begin["gtid"].as_str().unwrap_or_default();
    for what in [
        &["--table=images.no_key", "--all"][..],
        &["--time", &time],
        &["--position", &position],
        &["--gtid", gtid],
    ] {
        if *what != ["--gtid", ""] {
            let find = [&["find", "--json"], what].concat();
            assert_eq!(of(&find, &[&all]), of(&find, &names), "{what:?}");
        }
    }
    let stats = of(&["stats", "--json"], &[&all]);
    assert!(stats[0]["total"]["inserts"].as_u64().unwrap() > 10, "{stats:?}");
    assert_eq!(stats, of(&["stats", "--json"], &names));
    let page = tempfile::tempdir().unwrap().path().join("page.html");
    fs::create_dir_all(page.parent().unwrap()).unwrap();
    let noted = binlogd(&["stats", "--html", page.to_str().unwrap(), &all]);
    let note = format!("binlogd: note: the report is in {}\n", page.display());
    assert_eq!((noted.status.code(), noted.stdout.len()), (Some(0), 0));
    assert_eq!(String::from_utf8_lossy(&noted.stderr), note);
    let page = fs::read_to_string(&page).unwrap();
    let password = format!(":{}@", server.endpoint().password);
    assert!(page.contains("@127.0.0.1:") && !page.contains(&password));

    let chosen = ["undo", "--table=images.no_key", "--kind=insert"];
    if flavour != Flavour::Mysql56 {
        let undone = printed(&[&chosen[..], &[&all]].concat());
        assert!(undone.len() > 100);
        assert_eq!(undone, without_folder(printed(&[&chosen[..], &names].concat()), &files[0]));
    }
    what_is_not_there_is_said(&all);
}

fn what_is_not_there_is_said(url: &str) {
    let said = complaint(&["stats", &format!("{url}/binlog.999999")]);
    assert!(said.contains("no binlog file binlog.999999; it has "), "{said}");
}

/// A command that stands still, as a cut cable carries nothing more.
fn stopped_in_the_middle(args: &[&str], proxy: &Proxy, bytes: u64) -> Child {
    proxy.cut_after(bytes);
    let command = Command::new(BINLOGD)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_until("the cable is cut", PATIENCE, || Ok(proxy.is_cut())).unwrap();
    command
}

fn a_server_that_restarts_is_read_to_its_end(flavour: Flavour) {
    let mut server = start(flavour);
    let rows = "select repeat('x', 9000) from d.numbers a, d.numbers b, d.numbers c";
    server
        .sql(&format!(
            "create database d; create table d.t (id int auto_increment primary key, v text);
             create table d.numbers (n int); insert into d.numbers values (1), (2), (3), (4), (5), (6), (7);
             flush logs; insert into d.t (v) {rows}; update d.t set v = concat(v, 'y') where id % 7 = 0; flush logs"
        ))
        .unwrap();
    let file = server.binlog_files().unwrap().remove(1);
    let file = file.to_str().unwrap();
    let proxy = Proxy::to(server.port()).unwrap();
    let url = format!("{}/{}", url(&server, proxy.port()), file.rsplit('/').next().unwrap());
    let schema = tempfile::tempdir().unwrap();
    let schema = schema.path().join("schema.sql");
    fs::create_dir_all(schema.parent().unwrap()).unwrap();
    fs::write(&schema, "create table d.t (id int primary key, v text)").unwrap();
    let schema = format!("--schema={}", schema.display());
    for args in [&["stats", "--json"][..], &["undo", &schema], &["tail", "--format=raw"]] {
        let expected = printed(&[args, &[file]].concat());
        assert!(expected.len() > 500);
        let command = stopped_in_the_middle(&[args, &[&url]].concat(), &proxy, 2_000_000);
        server.restart().unwrap();
        proxy.mend();
        let output = command.wait_with_output().unwrap();
        let log = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success() && log.contains("trying again"), "{args:?}: {log}");
        match args[0] {
            "stats" => assert_eq!(objects(&output.stdout), objects(&expected)),
            "undo" => {
                assert!(output.stdout == without_folder(expected, Path::new(file)), "{args:?}");
            }
            _ => assert!(output.stdout == expected, "{args:?}"),
        }
    }
    what_is_damaged_on_the_way_is_asked_for_again(&proxy, &url, file);
    what_is_damaged_on_the_server_is_an_error(&url, file);
    server.kill().unwrap();
    assert!(complaint(&["stats", &url]).contains("127.0.0.1"));
}

fn what_is_damaged_on_the_way_is_asked_for_again(proxy: &Proxy, url: &str, file: &str) {
    // TLS finds it out itself, where there is it; else the event's checksum does.
    for (way, says) in [("preferred", "again in"), ("disabled", "asking again")] {
        proxy.flip_bit_after(2_000_000);
        let copy = binlogd(&[
            "tail",
            "--format=raw",
            &format!("{url}?ssl-mode={way}&get-server-public-key=true"),
        ]);
        let log = String::from_utf8(copy.stderr).unwrap();
        assert!(proxy.has_flipped() && copy.status.success(), "{log}");
        assert!(log.contains(says), "{log}");
        assert!(copy.stdout == fs::read(file).unwrap());
    }
}

/// A server sends what it has.
fn what_is_damaged_on_the_server_is_an_error(url: &str, file: &str) {
    let mut bytes = fs::read(file).unwrap();
    bytes[2_000_000] ^= 1;
    fs::write(file, bytes).unwrap();
    let output = binlogd(&["stats", url]);
    let log = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
    assert_eq!(log.matches("its checksum is wrong").count(), 4, "{log}");
    assert!(log.lines().last().unwrap().starts_with("binlogd: asked again 3 times: "), "{log}");
}

#[test]
fn a_server_says_what_mysqls_files_say() {
    a_server_says_what_its_files_say(Flavour::Mysql97);
}

#[test]
fn a_mysql_that_restarts_is_read_to_its_end() {
    a_server_that_restarts_is_read_to_its_end(Flavour::Mysql97);
}

mod on_mysql_5_6 {
    use super::*;

    #[test]
    fn a_server_says_what_its_files_say() {
        super::a_server_says_what_its_files_say(Flavour::Mysql56);
    }

    #[test]
    fn a_server_that_restarts_is_read_to_its_end() {
        super::a_server_that_restarts_is_read_to_its_end(Flavour::Mysql56);
    }
}

mod on_mariadb {
    use super::*;

    #[test]
    fn a_server_says_what_its_files_say() {
        super::a_server_says_what_its_files_say(Flavour::Mariadb118);
    }

    #[test]
    fn a_server_that_restarts_is_read_to_its_end() {
        super::a_server_that_restarts_is_read_to_its_end(Flavour::Mariadb118);
    }
}
