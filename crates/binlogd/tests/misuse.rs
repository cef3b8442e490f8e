//! Wrong usage: exit code 2, whoever notices it, and before anything is opened.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::fs;
use std::process::{Command, Output};

use common::BINLOGD;

fn binlogd(args: &[&str]) -> Output {
    Command::new(BINLOGD).args(args).output().unwrap()
}

fn refused(args: &[&str], words: &str) {
    let output = binlogd(args);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{args:?}: {said}");
    assert!(said.contains(words) && !said.contains("secret"), "{args:?}: {said}");
}

/// Nobody listens there.
const URL: &str = "mysql://repl@127.0.0.1:1";

#[test]
fn options_that_do_not_go_together_are_wrong_usage() {
    let tail = |args: &[&str], words: &str| {
        refused(&[&["tail"], args, &["/nowhere"]].concat(), words);
    };
    tail(&["--option=include.query=true"], "--option is for --format debezium, maxwell and canal");
    tail(&["--format=maxwell", "--option=output_ddl"], "write NAME=VALUE");
    tail(&["--format=maxwell", "--option=ddl=true"], "--option: no option 'ddl'; there are ");
    tail(
        &["--format=debezium", "--option=decimal.handling.mode=exact"],
        "can be 'precise', 'double' or 'string', not 'exact'",
    );
    tail(&["--table=orders"], "write DB.TABLE, such as shop.orders or *.orders");
    tail(&["--gtids"], "--gtids is for --format sql");
    tail(&["--local-load=/tmp"], "--local-load is for --format sql and json");
    tail(&["--format=raw", "--allow-unknown-tables"], "--allow-unknown-tables is for formats");
    let dir = tempfile::tempdir().unwrap();
    let quoted = dir.path().join("it's");
    fs::create_dir(&quoted).unwrap();
    fs::write(dir.path().join("file"), "").unwrap();
    let load = |path: &str| format!("--local-load={}", dir.path().join(path).display());
    tail(&["--format=sql", &load("it's")], "cannot stand in a statement: name a folder whose path");
    tail(&["--format=sql", &load("file")], "is not a folder");
    tail(&["--format=sql", &load("nothing")], "name a folder that exists");
    tail(&["--format=raw", "--kind=insert"], "whose bytes belong together");
    tail(&["--include-gtids=1-2-3-4"], "--include-gtids");
    tail(&["--start-position=4", "--from=end"], "cannot be used with");
    let set = "--gtid=3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5";
    refused(&["find", set, "/nowhere"], "is not one transaction's GTID");
    for command in ["tail", "stats", "undo"] {
        let times = [command, "--start-time=2026-01-31", "--stop-time=2026-01-31", "/nowhere"];
        refused(&times, "--stop-time is not after --start-time");
    }
    refused(&["tail", "--follow", "-"], "standard input is read from its beginning");
}

#[test]
fn sources_that_cannot_be_meant_are_wrong_usage() {
    refused(&["events", &format!("{URL}/shop")], "'shop' is no binlog file");
    refused(&["undo", URL, "mysql-bin.000001"], "a server can only be read alone");
    refused(&["ls", "--register-id=7", "."], "--register-id is for a server");
    let file = format!("{URL}/binlog.000001");
    refused(&["tail", "--from=binlog.000001", &file], "name a file each");
    refused(&["stats", "mysql://repl@127.0.0.1:port"], "port");
    for place in ["mysql://repl:secret@127.0.0.1", "-"] {
        refused(&["verify", place], "only files and folders can be checked");
    }
}

#[test]
fn flags_of_serve_that_say_nothing_are_wrong_usage() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let data = format!("--data-dir={}", data.display());
    let serve = |args: &[&str], words: &str| {
        refused(&[&["serve", &data, "--upstream", URL], args].concat(), words);
    };
    serve(&["--retention-max-age=soon"], "soon");
    serve(&["--user=nobody"], "user: write name:password");
    serve(&["--retention-max-bytes=500"], "is no size");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn errors_about_servers_show_how_one_is_named_and_no_password() {
    for (source, words) in [
        ("127.0.0.1:3306", "write mysql://USER:PASSWORD@HOST:PORT"),
        ("repl:secret@db:3306", "does not begin with mysql://"),
        ("repl:secret@db", "does not begin with mysql://"),
        ("http://repl:secret@db", "its scheme is \"http\"; write mysql://"),
        ("mysql:/repl:secret@db", "two slashes must follow the colon"),
        ("mysql://repl:secret@::1", "stands in brackets"),
        ("mysql://repl:sec/ret@db", "write %2F for '/'"),
        ("mysql://repl:secret@db/x?ssl=1", "unknown option"),
    ] {
        for command in ["tail", "ls", "undo"] {
            refused(&[command, source], words);
        }
        refused(&["serve", "--data-dir=/nowhere", "--upstream", source], words);
    }
    refused(
        &["serve", "--data-dir=/nowhere", "--upstream", URL, "--start=latest"],
        "write \"earliest\"",
    );
}

#[test]
fn files_for_tls_that_are_not_what_they_should_be_are_wrong_usage() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(path("cert.pem"), made.cert.pem()).unwrap();
    fs::write(path("key.pem"), made.signing_key.serialize_pem()).unwrap();
    fs::write(path("text"), "nothing").unwrap();
    let data = format!("--data-dir={}", path("data"));
    let serve = |cert: &str, key: &str, words: &str| {
        let output = binlogd(&[
            "serve",
            &data,
            "--upstream",
            URL,
            "--listen=127.0.0.1:0",
            "--user=a:b",
            "--tls-cert",
            &path(cert),
            "--tls-key",
            &path(key),
        ]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(words), "{said}");
    };
    serve(
        "key.pem",
        "cert.pem",
        "key.pem: holds a private key and no certificate: are certificate",
    );
    serve(
        "cert.pem",
        "cert.pem",
        "cert.pem: holds a certificate and no private key: are certificate",
    );
    serve("text", "key.pem", "text: holds no certificate (PEM, -----BEGIN CERTIFICATE-----)");
    serve("cert.pem", "text", "text: holds no private key (PEM");
    serve("nowhere", "key.pem", "nowhere: ");

    // Those of a connection are read before it is made: no server listens there.
    for (options, words) in [
        (format!("ssl-cert={}&ssl-key={}", path("key.pem"), path("cert.pem")), "are ssl-cert and"),
        (format!("ssl-cert={}", path("cert.pem")), "ssl-cert and ssl-key go together"),
        (format!("server-public-key-path={}", path("nowhere")), "server-public-key-path "),
    ] {
        for command in ["tail", "ls"] {
            refused(&[command, &format!("{URL}?ssl-mode=required&{options}")], words);
        }
    }
    for ca in ["text", "nowhere"] {
        let url = format!("{URL}?ssl-mode=verify_ca&ssl-ca={}", path(ca));
        refused(&["undo", &url], &format!("ssl-ca {}", path(ca)));
    }
}

#[test]
fn a_configuration_and_the_environment_do_not_both_hold() {
    let output = Command::new(BINLOGD)
        .args(["serve", "--config", "/nowhere/binlogd.toml"])
        .env("BINLOGD_UPSTREAM", "mysql://repl:s3cret@db")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("unset BINLOGD_UPSTREAM") && !said.contains("s3cret"), "{said}");
    refused(
        &["serve", "--config", "/nowhere", "--user=a:b"],
        "--user cannot be used with --config",
    );
    refused(&["serve", "--config", "/nowhere/binlogd.toml"], "cannot read /nowhere/binlogd.toml");
}

#[test]
fn what_is_asked_for_well_and_not_there_is_no_misuse() {
    for args in [&["tail", "/nowhere"][..], &["find", "--position=4", "/nowhere"]] {
        assert_eq!(binlogd(args).status.code(), Some(1), "{args:?}");
    }
}
