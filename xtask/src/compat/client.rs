//! The clients: how to get them, and how to let them stream a server's binlog from its start.
//!
//! Those that are libraries have a small program around them in `xtask/compat`.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use testkit::{Endpoint, Flavour, Server, testbed, wait_until};

/// The first file of every test's primary.
pub(super) const FIRST_FILE: &str = "binlog.000001";

/// How long a client that does not end may take for all that there is.
const WAITING_MAX: Duration = Duration::from_secs(30);

/// How much of an error the table shows, in characters.
const ERROR_LEN_MAX: usize = 100;

/// A client.
pub(super) struct Client {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
}

pub(super) enum Kind {
    /// mysqlbinlog of a flavour, with these options before the file's name.
    Tool(Flavour, &'static [&'static str]),
    /// mysqlbinlog that copies files; or with these options, which let it wait at the end, until it has
    /// copied all closed files.
    Raw(Flavour, &'static [&'static str]),
    /// mysqlbinlog that leaves out the first transactions by their GTIDs.
    ByGtid(Flavour),
    /// A program of ours in this folder: how it is made there, and run.
    Program {
        folder: &'static str,
        make: &'static [&'static [&'static str]],
        run: &'static [&'static str],
    },
}

const STOP_NEVER: &[&str] = &["--stop-never"];
const DECODED: &[&str] = &["--base64-output=decode-rows", "-vv", "--to-last-log"];

pub(super) const RUST: &[&[&str]] = &[&["cargo", "build", "--quiet", "--locked"]];

pub(super) const ALL: &[Client] = &[
    Client { name: "mysqlbinlog 9.7", kind: Kind::Tool(Flavour::Mysql97, DECODED) },
    Client { name: "mysqlbinlog 9.7 --raw", kind: Kind::Raw(Flavour::Mysql97, &[]) },
    Client { name: "mysqlbinlog 9.7 --exclude-gtids", kind: Kind::ByGtid(Flavour::Mysql97) },
    Client { name: "mysqlbinlog 9.7 --stop-never", kind: Kind::Raw(Flavour::Mysql97, STOP_NEVER) },
    Client { name: "mysqlbinlog 11.8", kind: Kind::Tool(Flavour::Mariadb118, DECODED) },
    Client { name: "mysqlbinlog 11.8 --raw", kind: Kind::Raw(Flavour::Mariadb118, &[]) },
    Client { name: "mysqlbinlog 11.8 by GTID", kind: Kind::ByGtid(Flavour::Mariadb118) },
    Client {
        name: "mysqlbinlog 11.8 --stop-never",
        kind: Kind::Raw(Flavour::Mariadb118, STOP_NEVER),
    },
    Client {
        name: "mysql_async",
        kind: Kind::Program {
            folder: "rust",
            make: RUST,
            run: &["target/debug/clients", "mysql_async"],
        },
    },
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
            make: &[&["npm", "ci", "--silent", "--no-audit", "--no-fund"]],
            run: &["node", "stream.mjs"],
        },
    },
    Client {
        name: "go-mysql",
        kind: Kind::Program {
            folder: "go",
            make: &[&["go", "build", "-mod=readonly", "-o", "stream", "."]],
            run: &["./stream", "syncer"],
        },
    },
    Client {
        name: "go-mysql's canal",
        kind: Kind::Program {
            folder: "go",
            make: &[&["go", "build", "-mod=readonly", "-o", "stream", "."]],
            run: &["./stream", "canal"],
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

/// Debezium's connector, which is compared with `tail`.
pub(super) const DEBEZIUM: Client = Client {
    name: "debezium",
    kind: Kind::Program {
        folder: "debezium",
        make: &[&["mvn", "--quiet", "--batch-mode", "compile", "dependency:copy-dependencies"]],
        run: &[
            "java",
            "-Duser.timezone=UTC",
            "-cp",
            "target/classes:target/dependency/*",
            "Connector",
        ],
    },
};

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

    /// Streams the binlog of `primary` from whoever listens at `from`, to the statement that holds `end`.
    pub(super) fn stream(
        &self,
        cache: &Path,
        primary: &Server,
        from: &Endpoint,
        end: &str,
    ) -> Result<Said> {
        match &self.kind {
            Kind::Tool(flavour, options) => {
                let tool = testbed::ensure(*flavour)?.mysqlbinlog_from(from);
                Ok(run_tool(tool, options)?.up_to(end))
            }
            Kind::Raw(flavour, options) => raw(*flavour, options, primary, from),
            Kind::ByGtid(flavour) => {
                let mut tool = testbed::ensure(*flavour)?.mysqlbinlog_from(from);
                tool.arg(behind_first(*flavour, primary)?);
                Ok(run_tool(tool, DECODED)?.up_to(end))
            }
            Kind::Program { .. } => {
                let product = if primary.flavour().is_mariadb() { "mariadb" } else { "mysql" };
                let mut command = self.command(cache)?;
                // Both know the primary's account.
                let Endpoint { host, user, password, .. } = primary.endpoint();
                command.args([&host, &from.port.to_string(), &user, &password]);
                Ok(run(command.args([product, FIRST_FILE, end]))?.up_to(end))
            }
        }
    }

    /// Its program, to be given arguments.
    pub(super) fn command(&self, cache: &Path) -> Result<Command> {
        let Kind::Program { folder, run: [program, args @ ..], .. } = &self.kind else {
            bail!("{} has no program", self.name)
        };
        let dir = cache.join(folder);
        let mut command = Command::new(program_path(program, &dir));
        command.args(args).current_dir(&dir);
        Ok(command)
    }
}

impl Said {
    /// Without what mysqlbinlog tells of events that were made for it: their checksums hold the server's id;
    /// and without what it says at its end, if that is none.
    fn of_tool(mut self) -> Self {
        self.lines.retain(|line| !is_made(line));
        if self.error.is_some() {
            let last = self.lines.iter().rposition(|line| line == "DELIMITER ;");
            self.lines.truncate(last.unwrap_or(self.lines.len()));
            self.lines.pop_if(|line| line.starts_with("SET @@SESSION.GTID_NEXT= 'AUTOMATIC'"));
        }
        self
    }

    /// Without what comes behind the statement that holds `end`, which must have come.
    fn up_to(mut self, end: &str) -> Self {
        match self.lines.iter().position(|line| line.contains(end)) {
            Some(last) => self.lines.truncate(last + 1),
            None => _ = self.error.get_or_insert_with(|| "it ended before the end".to_owned()),
        }
        self
    }
}

/// Runs mysqlbinlog, which writes files that were loaded: in a folder of its own, which it names.
fn run_tool(mut tool: Command, options: &[&str]) -> Result<Said> {
    let loaded = tempfile::tempdir()?;
    let dir = loaded.path().display().to_string();
    tool.arg(format!("--local-load={dir}")).args(options).arg(FIRST_FILE);
    let mut said = run(&mut tool)?.of_tool();
    for line in said.lines.iter_mut().filter(|line| line.contains(&dir)) {
        *line = line.replace(&dir, "loaded");
    }
    Ok(said)
}

/// Whether mysqlbinlog speaks of an event that was made for it.
fn is_made(line: &str) -> bool {
    line.contains(" end_log_pos 0 ") || line.starts_with("#700101 ")
}

/// The option that leaves out a primary's first transactions. One that is of no use to the primary is for
/// the tool to refuse.
fn behind_first(tool: Flavour, primary: &Server) -> Result<String> {
    const FIRST: u32 = 5;
    let primary_is_mariadb = primary.flavour().is_mariadb();
    let id =
        primary.sql(if primary_is_mariadb { "select @@server_id" } else { "select @@server_uuid" });
    let id = id.context("ask the primary")?;
    Ok(match (tool.is_mariadb(), primary_is_mariadb) {
        (true, true) => format!("--start-position=0-{id}-{FIRST}"),
        (true, false) => format!("--start-position={id}:1-{FIRST}"),
        (false, true) => format!("--exclude-gtids=0-{id}-{FIRST}"),
        (false, false) => format!("--exclude-gtids={id}:1-{FIRST}"),
    })
}

/// Says which closed files' copies are the primary's.
fn raw(flavour: Flavour, options: &[&str], primary: &Server, from: &Endpoint) -> Result<Said> {
    let dir = tempfile::tempdir()?;
    let mut tool = testbed::ensure(flavour)?.mysqlbinlog_from(from);
    tool.arg(format!("--result-file={}/", dir.path().display())).arg("--raw");
    let files = primary.binlog_files()?;
    let closed = files.split_last().map_or(&files[..], |(_, closed)| closed);
    let copy_of = |path: &Path| dir.path().join(path.file_name().unwrap_or_default());
    let mut said = if options.is_empty() {
        run(tool.args(["--to-last-log", FIRST_FILE]))?
    } else {
        run_until(tool.args(options).arg(FIRST_FILE), || {
            let len = |path: &Path| fs::metadata(path).map_or(0, |metadata| metadata.len());
            closed.iter().all(|path| len(&copy_of(path)) == len(path))
        })?
    };
    for path in closed {
        let copy = fs::read(copy_of(path)).unwrap_or_default();
        let name = path.file_name().unwrap_or_default().display();
        if copy != fs::read(path)? {
            said.error.get_or_insert_with(|| format!("{name} is not the primary's"));
            break;
        }
        said.lines.push(format!("{name} is the primary's"));
    }
    Ok(said)
}

/// Runs a program that does not end by itself until it has done what is wanted, or for too long.
fn run_until(command: &mut Command, is_done: impl Fn() -> bool) -> Result<Said> {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    let mut has_ended = false;
    let waited = wait_until("it has done all", WAITING_MAX, || {
        has_ended = child.try_wait()?.is_some();
        Ok(has_ended || is_done())
    });
    child.kill()?;
    let out = child.wait_with_output()?;
    let error = match waited {
        Ok(()) if !has_ended => None,
        Ok(()) => Some(last_line(&out.stderr)),
        Err(error) => Some(format!("{error:#}")),
    };
    Ok(Said { lines: Vec::new(), error })
}

pub(super) fn run(command: &mut Command) -> Result<Said> {
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
