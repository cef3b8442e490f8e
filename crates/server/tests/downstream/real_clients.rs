//! The command line clients of real servers.

use std::io::{Seek, Write};
use std::process::Output;

use testkit::{Flavour, Pki, testbed};

use crate::support::{Fixture, Setup};

/// Runs a client program, which speaks while the server is served in this runtime.
async fn run(flavour: Flavour, program: &str, args: &[String]) -> Output {
    run_with(flavour, program, args, "").await
}

/// As [`run`], with something to read.
async fn run_with(flavour: Flavour, program: &str, args: &[String], input: &str) -> Output {
    let prefix = testbed::ensure(flavour).unwrap();
    let mut command = match program {
        "mysql" => prefix.mysql(),
        "mysqlbinlog" => prefix.mysqlbinlog(),
        "mysqladmin" => {
            let mysql = prefix.mysql();
            let mut admin = std::process::Command::new(
                std::path::Path::new(mysql.get_program()).with_file_name("mysqladmin"),
            );
            admin.arg("--no-defaults");
            admin
        }
        other => panic!("{other}"),
    };
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(input.as_bytes()).unwrap();
    file.rewind().unwrap();
    command.args(args).stdin(file);
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

fn args(list: &[&str]) -> Vec<String> {
    list.iter().map(|arg| (*arg).to_owned()).collect()
}

/// Arguments for TCP as `user`, whose password is its name.
fn tcp(fixture: &Fixture, user: &str, more: &[&str]) -> Vec<String> {
    let mut list = args(&["--host=127.0.0.1", "--protocol=tcp"]);
    list.push(format!("--port={}", fixture.port));
    list.push(format!("--user={user}"));
    list.push(format!("--password={}", if user == "native" { "repl" } else { user }));
    list.extend(args(more));
    list
}

fn says(output: &Output, expected: &str) {
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && stdout.contains(expected), "{stdout}{stderr}");
}

fn fails(output: &Output, expected: &str) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && stderr.contains(expected), "{stderr}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_mysql_client_logs_in_every_way() {
    let fixture = Fixture::start().await;
    let ca = format!("--ssl-ca={}", fixture.tls_dir.join("ca.pem").display());
    let query = "--execute=select current_user()";
    let ways: &[(&str, &[&str])] = &[
        ("repl", &["--ssl-mode=DISABLED"]),
        // The hash alone is known: the password comes by RSA, then the fast proof does.
        ("native", &["--ssl-mode=DISABLED", "--get-server-public-key"]),
        ("native", &["--ssl-mode=DISABLED"]),
        ("tls", &["--ssl-mode=REQUIRED"]),
        ("repl", &["--ssl-mode=REQUIRED", "--tls-version=TLSv1.2"]),
        (
            "repl",
            &[
                "--ssl-mode=VERIFY_CA",
                &ca,
                "--tls-version=TLSv1.2",
                "--ssl-cipher=ECDHE-RSA-AES128-GCM-SHA256",
            ],
        ),
        ("repl", &["--ssl-mode=VERIFY_CA", &ca]),
        ("repl", &["--ssl-mode=VERIFY_IDENTITY", &ca]),
        ("repl", &[]),
    ];
    for (user, more) in ways {
        let more = [more, &[query][..]].concat();
        let output = run(Flavour::Mysql97, "mysql", &tcp(&fixture, user, &more)).await;
        says(&output, &format!("{user}@%"));
    }
    let mut socket = args(&["--user=repl", "--password=repl", query]);
    socket.push(format!("--socket={}", fixture.socket.display()));
    says(&run(Flavour::Mysql97, "mysql", &socket).await, "repl@%");

    let wrong = args(&["--password=wrong", query]);
    let wrong = [tcp(&fixture, "repl", &[]), wrong].concat();
    fails(
        &run(Flavour::Mysql97, "mysql", &wrong).await,
        "ERROR 1045 (28000): Access denied for user 'repl'@'127.0.0.1' (using password: YES)",
    );
    let plain = tcp(&fixture, "tls", &["--ssl-mode=DISABLED", query]);
    fails(&run(Flavour::Mysql97, "mysql", &plain).await, "ERROR 1045");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_mysql_client_compresses_as_it_likes() {
    let fixture = Fixture::start().await;
    let sql = "--execute=show status like 'Compression%'; show variables; select 1";
    for (algorithms, more, shown) in [
        ("zlib", "--ssl-mode=DISABLED", "zlib"),
        ("zlib", "--ssl-mode=REQUIRED", "zlib"),
        ("zstd", "--zstd-compression-level=22", "zstd"),
        ("zstd,uncompressed", "--ssl-mode=REQUIRED", "zstd"),
        ("uncompressed", "--ssl-mode=REQUIRED", ""),
    ] {
        let algorithms = format!("--compression-algorithms={algorithms}");
        let args = tcp(&fixture, "repl", &[&algorithms, more, sql]);
        let output = run(Flavour::Mysql97, "mysql", &args).await;
        says(&output, &format!("Compression_algorithm\t{shown}\n"));
    }
    let level = tcp(&fixture, "repl", &["--compression-algorithms=zstd", sql]);
    says(&run(Flavour::Mysql97, "mysql", &level).await, "Compression_level\t3\n");
    for version in ["11.8.3-MariaDB-log", "5.6.24-log"] {
        let fixture = Fixture::with(Setup { version, ..Setup::default() }).await;
        let args = tcp(&fixture, "repl", &["--compress", "--skip-ssl", sql]);
        for flavour in [Flavour::Mariadb118, Flavour::Mariadb1011] {
            says(&run(flavour, "mysql", &args).await, "Compression\tON\n");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_mysql_client_shows_what_it_is_told() {
    let fixture = Fixture::start().await;
    let script = "select @@version_comment limit 1; select 1 as connected; \
                  show variables like 'server_id'; show binary logs; show binary log status; \
                  show processlist";
    let script = format!("--execute={script}");
    let shown = run(Flavour::Mysql97, "mysql", &tcp(&fixture, "repl", &["-t", &script])).await;
    for expected in [
        "| binlogd ",
        "| connected |",
        "| server_id     | 4000  |",
        "| binlog.000001 |       157 | No        |",
        "aaaaaaaa-0000-0000-0000-000000000000:1-9",
        "| repl | 127.0.0.1:",
    ] {
        says(&shown, expected);
    }
    let report = tcp(&fixture, "repl", &["--commands"]);
    let report = run_with(Flavour::Mysql97, "mysql", &report, "\\s\n").await;
    says(&report, "Server version:\t\t9.7.4 binlogd");
    says(&report, "Cipher in use is TLS_AES_");
    for (sql, error) in [
        ("nonsense here", "ERROR 1064 (42000) at line 1: You have an error in your SQL syntax"),
        ("select @@nope", "ERROR 1193 (HY000) at line 1: Unknown system variable 'nope'"),
        (
            "create table t (a int)",
            "ERROR 1290 (HY000) at line 1: The MySQL server is running with",
        ),
    ] {
        let execute = format!("--execute={sql}");
        let output = run(Flavour::Mysql97, "mysql", &tcp(&fixture, "repl", &[&execute])).await;
        fails(&output, error);
    }
    // Auto-rehash asks for tables; a database's name is taken as it is.
    let rehash = tcp(&fixture, "repl", &["--auto-rehash", "--execute=use shop; select database()"]);
    says(&run(Flavour::Mysql97, "mysql", &rehash).await, "shop");
    let status = run(Flavour::Mysql97, "mysqladmin", &tcp(&fixture, "repl", &["status"])).await;
    says(&status, "Uptime: ");
    let ping = run(Flavour::Mysql97, "mysqladmin", &tcp(&fixture, "repl", &["ping"])).await;
    says(&ping, "mysqld is alive");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_mariadb_client_logs_in_every_way() {
    let version = "11.8.3-MariaDB-log";
    let fixture = Fixture::with(Setup { version, ..Setup::default() }).await;
    let ca = format!("--ssl-ca={}", fixture.tls_dir.join("ca.pem").display());
    let ways: &[(&str, &[&str])] = &[
        ("repl", &["--skip-ssl"]),
        ("native", &["--skip-ssl"]),
        ("repl", &["--ssl", "--skip-ssl-verify-server-cert"]),
        ("tls", &["--ssl", &ca]),
    ];
    for flavour in [Flavour::Mariadb118, Flavour::Mariadb1011] {
        for (user, more) in ways {
            let more = [more, &["--execute=select current_user()"][..]].concat();
            let output = run(flavour, "mysql", &tcp(&fixture, user, &more)).await;
            says(&output, &format!("{user}@%"));
        }
    }
}

/// Each of them prefers another plugin than the greeting's, and has not got that one.
#[tokio::test(flavor = "multi_thread")]
async fn clients_of_one_product_log_in_to_a_stream_of_another() {
    let query = "--execute=select current_user()";
    for (flavour, version, ssl) in [
        (Flavour::Mariadb118, "9.7.4", "--skip-ssl"),
        (Flavour::Mariadb1011, "9.7.4", "--skip-ssl"),
        (Flavour::Mysql97, "11.8.3-MariaDB-log", "--ssl-mode=DISABLED"),
        (Flavour::Mysql97, "5.6.24-log", "--ssl-mode=DISABLED"),
    ] {
        let fixture = Fixture::with(Setup { version, ..Setup::default() }).await;
        let more = [ssl, query, "--get-server-public-key"];
        let more = if flavour == Flavour::Mysql97 { &more[..] } else { &more[..2] };
        for user in ["repl", "native"] {
            let output = run(flavour, "mysql", &tcp(&fixture, user, more)).await;
            says(&output, &format!("{user}@%"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_mysql_client_shows_its_certificate() {
    let pki = Pki::new().unwrap();
    let tls = format!(
        "cert = '{}'\nkey = '{}'\nclient_ca = '{}'",
        pki.server_cert().display(),
        pki.server_key().display(),
        pki.ca().display()
    );
    let fixture = Fixture::with(Setup { tls, ..Setup::default() }).await;
    let ca = format!("--ssl-ca={}", pki.ca().display());
    let certificate = format!("--ssl-cert={}", pki.client_cert().display());
    let key = format!("--ssl-key={}", pki.client_key().display());
    let query = "--execute=select current_user()";
    let with = tcp(&fixture, "repl", &["--ssl-mode=VERIFY_CA", &ca, &certificate, &key, query]);
    says(&run(Flavour::Mysql97, "mysql", &with).await, "repl@%");
    let without = tcp(&fixture, "repl", &["--ssl-mode=VERIFY_CA", &ca, query]);
    fails(&run(Flavour::Mysql97, "mysql", &without).await, "ERROR");
}

#[tokio::test(flavor = "multi_thread")]
async fn mysqlbinlog_gets_to_its_dump_and_hears_its_error() {
    for (flavour, version, ssl) in [
        (Flavour::Mysql97, "9.7.4", "--ssl-mode=PREFERRED"),
        (Flavour::Mariadb118, "11.8.3-MariaDB-log", "--skip-ssl-verify-server-cert"),
    ] {
        let setup = Setup { version, refuse_all: true, ..Setup::default() };
        let fixture = Fixture::with(setup).await;
        let more = ["--read-from-remote-server", ssl, "binlog.000001"];
        let output = run(flavour, "mysqlbinlog", &tcp(&fixture, "repl", &more)).await;
        fails(&output, crate::support::REFUSAL);
    }
}
