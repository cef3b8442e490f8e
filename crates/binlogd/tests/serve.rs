//! Ways of running binlogd, and of reaching the primary.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::fs;
use std::process::{Command, Stdio};

use common::{BINLOGD, PATIENCE, primary, primary_with};
use testkit::daemon::{PASSWORD, USER, compare_files};
use testkit::{Daemon, Endpoint, Pki, wait_until, workload};

#[test]
fn a_full_disk_is_said_and_passes_when_there_is_space() {
    let primary = primary_with(&["--rpl-semi-sync-source-timeout=500"]);
    let daemon =
        Daemon::new(BINLOGD, &primary.endpoint()).unwrap().small_disk(64, 48).started().unwrap();
    primary.wait_for_semi_sync(1, PATIENCE).unwrap();
    primary.sql("create database d; create table d.t (a int primary key, b longblob)").unwrap();
    for n in 0..6 {
        primary.sql(&format!("insert into d.t values ({n}, repeat('x', 5 << 20))")).unwrap();
    }
    wait_until("the error", PATIENCE, || Ok(daemon.log().contains("Free some space"))).unwrap();
    let durable = daemon.sql(primary.prefix(), "show binary log status").unwrap();
    assert!(durable.starts_with("binlog.000001\t"), "readers are served on: {durable}");
    compare_files(&primary, &daemon.timeline_dir(&primary).unwrap()).unwrap();

    daemon.free_disk().unwrap();
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    primary.wait_for_semi_sync(1, PATIENCE).unwrap();
    primary.sql("insert into d.t values (100, 'acknowledged again'); flush binary logs").unwrap();
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    compare_files(&primary, &daemon.timeline_dir(&primary).unwrap()).unwrap();
}

#[test]
fn a_file_configures_several_streams_by_socket_and_by_tls() {
    let pki = Pki::new().unwrap();
    let by_tls = testkit::Server::builder(testkit::Flavour::Mysql97).tls(&pki).start().unwrap();
    let by_socket = primary();
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    fs::write(path("repl.pw"), "repl\n").unwrap();
    let config = format!(
        r#"
        data_dir = "data"

        [[stream]]
        name = "by-tls"
        upstream = "mysql://repl@127.0.0.1:{tls_port}/?ssl-mode=VERIFY_CA&ssl-ca={ca}"
        password_file = "repl.pw"
        listen = ["unix:{sock_a}"]
        [[stream.user]]
        name = "{USER}"
        password = "{PASSWORD}"

        [[stream]]
        name = "by-socket"
        upstream = "mysql://repl:repl@localhost/?socket={socket}"
        listen = ["unix:{sock_b}"]
        [[stream.user]]
        name = "{USER}"
        password = "{PASSWORD}"
        "#,
        tls_port = by_tls.port(),
        ca = pki.ca().display(),
        socket = by_socket.socket().display(),
        sock_a = path("a"),
        sock_b = path("b"),
    );
    fs::write(path("binlogd.toml"), config).unwrap();
    let log = fs::File::create(path("log")).unwrap();
    let mut binlogd = Command::new(BINLOGD)
        .args(["serve", "--config", &path("binlogd.toml")])
        .stderr(log)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();

    for (server, name, socket) in [(&by_tls, "by-tls", "a"), (&by_socket, "by-socket", "b")] {
        workload::TRANSACTIONS.run(server).unwrap();
        let (file, position) = server.binlog_end().unwrap();
        wait_until(&format!("{name} has all"), PATIENCE, || {
            let mut client = server.prefix().mysql();
            client.arg(format!("--user={USER}")).arg(format!("--password={PASSWORD}"));
            client.arg(format!("--socket={}", path(socket)));
            let out = client.args(["-Nse", "show binary log status"]).output()?;
            Ok(String::from_utf8_lossy(&out.stdout).starts_with(&format!("{file}\t{position}")))
        })
        .unwrap_or_else(|e| panic!("{e:#}\n{}", fs::read_to_string(path("log")).unwrap()));
        let uuid = server.sql("select @@server_uuid").unwrap();
        let files = dir.path().join("data").join(name).join(format!("0001-{uuid}"));
        compare_files(server, &files).unwrap();
    }
    let pid = rustix::process::Pid::from_child(&binlogd);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert!(binlogd.wait().unwrap().success());
}

#[test]
fn usage_errors_are_told_from_failures() {
    let run = |args: &[&str]| {
        let out = Command::new(BINLOGD).args(args).output().unwrap();
        (out.status.code(), String::from_utf8_lossy(&out.stderr).into_owned())
    };
    let (code, text) = run(&["serve"]);
    assert_eq!(code, Some(2));
    assert!(text.contains("--data-dir") && text.contains("--upstream"), "{text}");
    let (code, text) = run(&["serve", "--data-dir=/tmp/x", "--upstream=nonsense"]);
    assert_eq!(code, Some(2));
    assert!(text.contains("mysql://"), "{text}");
    let (code, text) = run(&["serve", "--config=/nonexistent.toml"]);
    assert_eq!(code, Some(2));
    assert!(text.contains("/nonexistent.toml"), "{text}");
}

#[test]
fn passwords_do_not_show_in_logs() {
    let primary = primary();
    let to = Endpoint { password: "hunter2".into(), ..primary.endpoint() };
    let mut daemon = Daemon::new(BINLOGD, &to).unwrap().arg("--user=other:hunter3");
    daemon.spawn().unwrap();
    common::logs(&daemon, &["ERROR", "Access denied"]);
    daemon.stop().unwrap();
    let log = daemon.log();
    assert!(!log.contains("hunter"), "{log}");
}
