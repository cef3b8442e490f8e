//! Drivers: whether their users get from binlogd what they get from the primary, before and beside any dump.
//!
//! Each has a small program in `xtask/compat` that connects, pings, sends the statements of `statements.mysql` or
//! `statements.mariadb` as text and prepared, begins and ends transactions, and prints a line for each answer.

use std::path::Path;

use anyhow::Result;
use testkit::{Daemon, Endpoint, Flavour, Server};

use super::client::{Client, Kind, RUST, Said, run};

const PYTHON: &[&[&str]] = &[
    &["python3", "-m", "venv", "venv"],
    &["venv/bin/pip", "install", "--quiet", "--requirement", "requirements.txt"],
];
const NODE: &[&[&str]] = &[&["npm", "ci", "--silent", "--no-audit", "--no-fund"]];

/// A driver for JDBC, whose jar is in a folder of its own.
macro_rules! jdbc {
    ($name:literal, $scheme:literal, $folder:literal, $artifact:literal) => {
        driver(
            $name,
            "jdbc",
            &[
                &["javac", "-d", "classes", "Drive.java"],
                &[
                    "mvn",
                    "--quiet",
                    "--batch-mode",
                    "--strict-checksums",
                    "dependency:copy",
                    concat!("-Dartifact=", $artifact),
                    concat!("-DoutputDirectory=", $folder),
                ],
            ],
            &["java", "-cp", concat!("classes:", $folder, "/*"), "Drive", $scheme],
        )
    };
}

const fn driver(
    name: &'static str,
    folder: &'static str,
    make: &'static [&'static [&'static str]],
    run: &'static [&'static str],
) -> Client {
    Client { name, kind: Kind::Program { folder, make, run } }
}

pub(super) const ALL: &[Client] = &[
    driver("PyMySQL", "python", PYTHON, &["venv/bin/python", "drive.py", "pymysql"]),
    driver(
        "mysql-connector-python",
        "python",
        PYTHON,
        &["venv/bin/python", "drive.py", "connector"],
    ),
    driver("mysql2 (npm)", "node", NODE, &["node", "drive.mjs", "mysql2"]),
    driver("mariadb (npm)", "node", NODE, &["node", "drive.mjs", "mariadb"]),
    driver(
        "go-sql-driver",
        "gosql",
        &[&["go", "build", "-mod=readonly", "-o", "drive", "."]],
        &["./drive"],
    ),
    driver("sqlx", "rust", RUST, &["target/debug/clients", "sqlx"]),
    jdbc!("MySQL Connector/J 8", "mysql", "mysql8", "com.mysql:mysql-connector-j:8.4.0"),
    jdbc!("MySQL Connector/J 9", "mysql", "mysql9", "com.mysql:mysql-connector-j:9.7.0"),
    jdbc!(
        "MariaDB Connector/J 3",
        "mariadb",
        "mariadb3",
        "org.mariadb.jdbc:mariadb-java-client:3.5.11"
    ),
    jdbc!(
        "MariaDB Connector/J 4",
        "mariadb",
        "mariadb4",
        "org.mariadb.jdbc:mariadb-java-client:4.0.0"
    ),
];

/// The primaries that drivers are tried with.
const FLAVOURS: [Flavour; 3] = [Flavour::Mysql97, Flavour::Mariadb118, Flavour::Mariadb114];

/// What a driver's user got.
enum Outcome {
    /// The same from both.
    Same,
    /// The same error from both: the driver's own.
    Refuses(String),
    Differs(String),
    Missing(String),
}

/// Runs the drivers with this in their names, and prints a table; `false` if one was answered otherwise.
pub(super) fn run_all(
    name: Option<&str>,
    cache: &Path,
    sources: &Path,
    binlogd: &Path,
    fails_if_missing: bool,
) -> Result<bool> {
    let mut drivers = Vec::new();
    for driver in ALL.iter().filter(|driver| name.is_none_or(|part| driver.name.contains(part))) {
        eprintln!("{}: fetching …", driver.name);
        drivers.push((driver, driver.fetch(sources, cache)));
    }
    if drivers.is_empty() {
        return Ok(true);
    }
    let (mut rows, mut is_same) = (Vec::new(), true);
    let mut columns = Vec::new();
    for flavour in FLAVOURS {
        let primary = Server::start_new(flavour)?;
        let account = primary.endpoint();
        let daemon = Daemon::new(binlogd, &account)?
            .arg(format!("--user={}:{}", account.user, account.password))
            .started()?;
        daemon.wait_for_all_of(&primary, super::PATIENCE)?;
        for security in ["plain", "tls"] {
            let mut column = Vec::new();
            for (driver, fetched) in &drivers {
                let outcome = match fetched {
                    Err(error) => Outcome::Missing(format!("{error:#}")),
                    Ok(()) => compare(driver, cache, sources, &primary, &daemon, security)?,
                };
                is_same &= match &outcome {
                    Outcome::Differs(_) => false,
                    Outcome::Missing(_) => !fails_if_missing,
                    _ => true,
                };
                eprintln!("{flavour}: {security}: {}: {}", driver.name, outcome.text());
                column.push(outcome);
            }
            rows.push(format!("{flavour}, {security}"));
            columns.push(column);
        }
    }
    println!("\ndrivers:\n\n| driver | {} |\n|-|{}", rows.join(" | "), "-|".repeat(rows.len()));
    for (row, (driver, _)) in drivers.iter().enumerate() {
        let cells: Vec<String> =
            columns.iter().filter_map(|column| column.get(row)).map(Outcome::text).collect();
        println!("| {} | {} |", driver.name, cells.join(" | "));
    }
    Ok(is_same)
}

impl Outcome {
    fn text(&self) -> String {
        match self {
            Self::Same => "the same".to_owned(),
            Self::Refuses(error) => format!("refuses both: {error}"),
            Self::Differs(how) => format!("**FAIL** {how}"),
            Self::Missing(why) => format!("not tried: {why}"),
        }
    }
}

fn compare(
    driver: &Client,
    cache: &Path,
    sources: &Path,
    primary: &Server,
    daemon: &Daemon,
    security: &str,
) -> Result<Outcome> {
    let kind = if primary.flavour().is_mariadb() { "mariadb" } else { "mysql" };
    let statements = sources.join(format!("statements.{kind}"));
    let said = |port: u16| -> Result<Said> {
        // Both know the primary's account.
        let Endpoint { host, user, password, .. } = primary.endpoint();
        let mut command = driver.command(cache)?;
        command.args([&host, &port.to_string(), &user, &password, security]).arg(&statements);
        run(&mut command)
    };
    let (theirs, ours) = (said(primary.port())?, said(daemon.endpoint().port)?);
    Ok(match (theirs.error, ours.error) {
        (Some(theirs), Some(_)) => Outcome::Refuses(theirs),
        (_, Some(error)) => Outcome::Differs(error),
        (Some(error), None) => Outcome::Differs(format!("the primary only: {error}")),
        (None, None) => match theirs.lines.iter().zip(&ours.lines).find(|(a, b)| a != b) {
            Some((a, b)) => Outcome::Differs(format!("{b}, the primary: {a}").replace('|', "/")),
            None if theirs.lines.len() == ours.lines.len() => Outcome::Same,
            None => Outcome::Differs("fewer or more lines".to_owned()),
        },
    })
}
