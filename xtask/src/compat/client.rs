//! The clients: how to get them, and how to let them stream a server's binlog from its start.
//!
//! Those that are libraries have a small program around them in `xtask/compat`.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use testkit::{Endpoint, Flavour, Server, testbed};

use super::mysql_async;

/// The first file of every test's primary.
pub(super) const FIRST_FILE: &str = "binlog.000001";

/// How much of an error the table shows, in characters.
const ERROR_LEN_MAX: usize = 100;

/// A client.
pub(super) struct Client {
    pub(super) name: &'static str,
    kind: Kind,
}

enum Kind {
    /// mysqlbinlog of a flavour, with these options before the file's name.
    Tool(Flavour, &'static [&'static str]),
    /// mysqlbinlog that copies files.
    Raw(Flavour),
    MysqlAsync,
    /// A program of ours in this folder: how it is made there, and run.
    Program {
        folder: &'static str,
        make: &'static [&'static [&'static str]],
        run: &'static [&'static str],
    },
}

const DECODED: &[&str] = &["--base64-output=decode-rows", "-vv", "--to-last-log"];

pub(super) const ALL: &[Client] = &[
    Client { name: "mysqlbinlog 9.7", kind: Kind::Tool(Flavour::Mysql97, DECODED) },
    Client { name: "mysqlbinlog 9.7 --raw", kind: Kind::Raw(Flavour::Mysql97) },
    Client { name: "mysqlbinlog 11.8", kind: Kind::Tool(Flavour::Mariadb118, DECODED) },
    Client { name: "mysqlbinlog 11.8 --raw", kind: Kind::Raw(Flavour::Mariadb118) },
    Client { name: "mysql_async", kind: Kind::MysqlAsync },
    Client {
        name: "python-mysql-replication",
        kind: Kind::Program {
            folder: "python",
            make: &[
                &["python3", "-m", "venv", "venv"],
                &["venv/bin/pip", "install", "--quiet", "--requirement", "requirements.txt"],
            ],
            run: &["venv/bin/python", "stream.py"],
        },
    },
    Client {
        name: "zongji",
        kind: Kind::Program {
            folder: "node",
            make: &[&["npm", "install", "--silent", "--no-audit", "--no-fund"]],
            run: &["node", "stream.mjs"],
        },
    },
    Client {
        name: "go-mysql",
        kind: Kind::Program {
            folder: "go",
            make: &[&["go", "mod", "tidy"], &["go", "build", "-o", "stream", "."]],
            run: &["./stream"],
        },
    },
    Client {
        name: "mysql-binlog-connector-java",
        kind: Kind::Program {
            folder: "java",
            make: &[&["mvn", "--quiet", "--batch-mode", "compile", "dependency:copy-dependencies"]],
            run: &["java", "-cp", "target/classes:target/dependency/*", "Stream"],
        },
    },
];

/// What a client has said.
pub(super) struct Said {
    /// A line an event.
    pub(super) lines: Vec<String>,
    /// Why it ended, if not at the end.
    pub(super) error: Option<String>,
}

impl Client {
    /// Makes the client's program in `cache`, from its sources.
    pub(super) fn fetch(&self, sources: &Path, cache: &Path) -> Result<()> {
        let Kind::Program { folder, make, .. } = &self.kind else { return Ok(()) };
        let dir = cache.join(folder);
        copy_files(&sources.join(folder), &dir)?;
        for step in *make {
            let [program, args @ ..] = step else { continue };
            let mut command = Command::new(program_path(program, &dir));
            let out = command.args(args).current_dir(&dir).output();
            let out = out.with_context(|| format!("{program} is not there"))?;
            if !out.status.success() {
                bail!("{}: {}", step.join(" "), last_line(&out.stderr));
            }
        }
        Ok(())
    }

    /// Streams the binlog of `primary` from whoever listens at `from`.
    pub(super) fn stream(&self, cache: &Path, primary: &Server, from: &Endpoint) -> Result<Said> {
        match &self.kind {
            Kind::MysqlAsync => Ok(mysql_async::stream(from)),
            Kind::Tool(flavour, options) => {
                let mut tool = testbed::ensure(*flavour)?.mysqlbinlog_from(from);
                let mut said = run(tool.args(*options).arg(FIRST_FILE))?;
                // Checksums of events made for the reader hold the server's id.
                said.lines.retain(|line| !line.contains(" end_log_pos 0 "));
                Ok(said)
            }
            Kind::Raw(flavour) => raw(*flavour, primary, from),
            Kind::Program { folder, run: [program, args @ ..], .. } => {
                let dir = cache.join(folder);
                let product = if primary.flavour().is_mariadb() { "mariadb" } else { "mysql" };
                let mut command = Command::new(program_path(program, &dir));
                command.args(args).current_dir(&dir);
                command.args([&from.host, &from.port.to_string(), &from.user, &from.password]);
                run(command.args([product, FIRST_FILE]))
            }
            Kind::Program { .. } => bail!("{} has no program", self.name),
        }
    }
}

/// Says of each closed file whether the copy is the primary's.
fn raw(flavour: Flavour, primary: &Server, from: &Endpoint) -> Result<Said> {
    let dir = tempfile::tempdir()?;
    let mut tool = testbed::ensure(flavour)?.mysqlbinlog_from(from);
    tool.arg(format!("--result-file={}/", dir.path().display()));
    let mut said = run(tool.args(["--raw", "--to-last-log", FIRST_FILE]))?;
    for path in primary.binlog_files()?.iter().rev().skip(1) {
        let name = path.file_name().unwrap_or_default();
        let copy = fs::read(dir.path().join(name)).unwrap_or_default();
        let same = if copy == fs::read(path)? { "the same" } else { "other bytes" };
        said.lines.push(format!("{} {same}", name.display()));
    }
    Ok(said)
}

fn run(command: &mut Command) -> Result<Said> {
    let out = command.output().with_context(|| format!("run {command:?}"))?;
    let lines = String::from_utf8_lossy(&out.stdout).lines().map(str::to_owned).collect();
    let error = (!out.status.success()).then(|| last_line(&out.stderr));
    Ok(Said { lines, error })
}

/// The end of what a program has complained.
pub(super) fn last_line(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let line = text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it does not say why");
    line.trim().replace('|', "/").chars().take(ERROR_LEN_MAX).collect()
}

/// A program that lies in the folder, or one of the system's.
fn program_path(program: &str, dir: &Path) -> std::path::PathBuf {
    if program.contains('/') { dir.join(program) } else { program.into() }
}

fn copy_files(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("read {}", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_files(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
