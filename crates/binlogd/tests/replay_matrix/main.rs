//! What several sessions do, logged by every server in every format and replayed into an empty server of the
//! same kind: by `tail --format sql`, and by the server's own mysqlbinlog. Both must give the same tables.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../common/mod.rs"]
mod common;
mod session;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Command, Output};

use common::{BINLOGD, PATIENCE};
use session::{CHARSETS, Session};
use tempfile::TempDir;
use testkit::Flavour;
use testkit::server::{Endpoint, Server};
use testkit::workload::for_flavour;

/// Every line is a session's name and what it runs.
const WORKLOAD: &str = include_str!("workload.txt");

/// What `LOAD DATA` reads.
const ROWS: &str = "101,l\u{f6}ad\n102,\\N\n101,again\n";

const FORMATS: [&str; 3] = ["STATEMENT", "MIXED", "ROW"];

/// The schemas that tests make are all others.
const SYSTEM: &str = "('information_schema', 'mysql', 'performance_schema', 'sys', 'test')";

/// How a binlog becomes SQL.
#[derive(Debug, Clone, Copy)]
enum Tool {
    Tail,
    Mysqlbinlog,
}

struct Matrix {
    source: Server,
    target: Server,
    with_gtids: bool,
    /// Where both tools write the files of `LOAD DATA`.
    loads: TempDir,
}

impl Matrix {
    fn new(flavour: Flavour) -> Self {
        let mut source = Server::builder(flavour);
        if flavour != Flavour::Mysql56 {
            source = source.arg("--binlog-row-metadata=FULL");
        }
        let (source, target) = (source.start().unwrap(), Server::start_new(flavour).unwrap());
        target.sql("set global local_infile = 1").unwrap();
        fs::write(source.tmpdir().join("rows"), ROWS).unwrap();
        Self { source, target, with_gtids: true, loads: tempfile::tempdir().unwrap() }
    }

    fn flavour(&self) -> Flavour {
        self.source.flavour()
    }

    /// The tools that read this server's files and write what its own kind replays.
    fn tools(&self) -> &'static [Tool] {
        match self.flavour() {
            // There is no mysqlbinlog of its series here, and the others set variables that it lacks.
            Flavour::Mysql56 => &[Tool::Tail],
            _ => &[Tool::Mysqlbinlog, Tool::Tail],
        }
    }

    /// Runs the workload in this format, then replays its log with each tool.
    fn compare(&self, format: &str) {
        self.fill(format);
        let expected = tables(&self.source);
        assert!(expected.len() > 40, "only {} tables", expected.len());
        let executed = executed_gtids(&self.source);
        for tool in self.tools() {
            let what =
                format!("{} {format} gtids={} {tool:?}", self.flavour().name(), self.with_gtids);
            self.replay(*tool, &what);
            assert_same(&tables(&self.target), &expected, &what);
            if self.with_gtids {
                assert_eq!(executed_gtids(&self.target), executed, "{what}");
            }
        }
    }

    fn fill(&self, format: &str) {
        empty(&self.source);
        let mut sessions: BTreeMap<&str, Session> =
            ["A", "B", "C"].map(|name| (name, Session::open(&self.source, format))).into();
        // MariaDB has the German names only if it is built with them.
        let locale = if self.flavour().is_mariadb() { "'en_GB'" } else { "'de_DE'" };
        let rows = self.source.tmpdir().join("rows").display().to_string();
        for line in for_flavour(WORKLOAD, self.flavour()).lines() {
            let (name, statements) = line.split_once(' ').unwrap();
            let statements = statements.replace("{LOCALE}", locale).replace("{ROWS}", &rows);
            sessions.get_mut(name).unwrap().run(&statements);
        }
        let session = sessions.get_mut("C").unwrap();
        for (charset, text) in CHARSETS {
            let is_known = *charset != "gb18030" || self.flavour() == Flavour::Mysql97;
            // MariaDB's client cannot read what MariaDB's mysqlbinlog writes of such a variable.
            let with_variable = *charset != "cp1256" || !self.flavour().is_mariadb();
            if is_known {
                session.write_in(charset, text, with_variable);
            }
        }
        for session in sessions.into_values() {
            session.close();
        }
        // A session that ends drops its temporary tables, and that is logged.
        let others = "select count(*) from information_schema.processlist where user = 'root'";
        let have_ended = |server: &Server| Ok(server.sql(others)? == "1");
        self.source.wait_for("the sessions end", PATIENCE, have_ended).unwrap();
        // MariaDB knows only the last GTID, and the target does not log what it does to temporary tables.
        self.source.sql("create table m.end_ (a int); flush binary logs").unwrap();
    }

    fn replay(&self, tool: Tool, what: &str) {
        let output = self.run(tool);
        assert!(output.status.success(), "{what}: {}", String::from_utf8_lossy(&output.stderr));
        empty(&self.target);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("replay.sql");
        fs::write(&path, &output.stdout).unwrap();
        let mut client = self.target.client();
        client.args(["--binary-mode", "--local-infile=1"]);
        let replayed = client.stdin(File::open(&path).unwrap()).output().unwrap();
        let error = String::from_utf8_lossy(&replayed.stderr);
        assert!(replayed.status.success(), "{what}: {error}");
    }

    fn run(&self, tool: Tool) -> Output {
        let mut files = self.source.binlog_files().unwrap();
        files.pop();
        match tool {
            Tool::Mysqlbinlog => self.run_mysqlbinlog(&files),
            Tool::Tail => self.run_tail(&files),
        }
    }

    fn local_load(&self) -> String {
        format!("--local-load={}", self.loads.path().display())
    }

    fn run_mysqlbinlog(&self, files: &[PathBuf]) -> Output {
        let mut tool = self.source.mysqlbinlog();
        if !self.with_gtids && !self.flavour().is_mariadb() {
            tool.arg("--skip-gtids");
        }
        tool.arg(self.local_load());
        tool.args(files).output().unwrap()
    }

    fn run_tail(&self, files: &[PathBuf]) -> Output {
        let Endpoint { user, password, host, port, .. } = self.source.endpoint();
        let mut tail = Command::new(BINLOGD);
        tail.args(["tail", "--format=sql"]).arg(self.local_load());
        tail.arg(format!("--schema=mysql://{user}:{password}@{host}:{port}"));
        if self.with_gtids {
            tail.arg("--gtids");
        }
        tail.args(files).output().unwrap()
    }
}

/// The GTIDs that the server has logged.
fn executed_gtids(server: &Server) -> String {
    let variable = if server.flavour().is_mariadb() { "gtid_binlog_pos" } else { "gtid_executed" };
    server.sql(&format!("select @@global.{variable}")).unwrap()
}

/// Takes away all that was made, and begins the binlog anew.
fn empty(server: &Server) {
    let list = format!(
        "select schema_name from information_schema.schemata where schema_name not in {SYSTEM}"
    );
    let mut sql = "set foreign_key_checks = 0;\n".to_owned();
    for row in server.query_rows(&list).unwrap() {
        writeln!(sql, "drop database `{}`;", row[0]).unwrap();
    }
    sql.push_str(match server.flavour() {
        Flavour::Mysql97 => "reset binary logs and gtids",
        Flavour::Mysql56 => "reset master",
        _ => "reset master; set global gtid_slave_pos = ''",
    });
    server.sql(&sql).unwrap();
}

/// Each table with its definition, its rows' checksum and its rows.
fn tables(server: &Server) -> BTreeMap<String, String> {
    let list = format!(
        "select concat('`', table_schema, '`.`', replace(table_name, '`', '``'), '`') from \
         information_schema.tables where table_schema not in {SYSTEM} order by 1"
    );
    let names = server.sql(&list).unwrap();
    let ask = |name: &str| {
        format!(
            "select '== {name}'; checksum table {name}; show create table {name}; select * from {name};\n"
        )
    };
    let answers = server.sql(&names.lines().map(ask).collect::<String>()).unwrap();
    let answers = answers.split("== ").skip(1).map(|answer| answer.split_once('\n').unwrap());
    answers.map(|(name, answer)| (name.to_owned(), comparable(answer))).collect()
}

/// What a server answers of a table, without what is no part of its rows: their order, and how far its
/// counter has run.
fn comparable(answer: &str) -> String {
    let (before, after) = answer.split_once(" AUTO_INCREMENT=").unwrap_or((answer, ""));
    let answer = before.to_owned() + after.trim_start_matches(|c: char| c.is_ascii_digit());
    let mut lines: Vec<&str> = answer.lines().collect();
    lines.sort_unstable();
    lines.join("\n")
}

fn assert_same(ours: &BTreeMap<String, String>, expected: &BTreeMap<String, String>, what: &str) {
    let names: BTreeSet<&String> = ours.keys().chain(expected.keys()).collect();
    for name in names {
        assert_eq!(ours.get(name), expected.get(name), "{what}: {name}");
    }
}

#[test]
fn a_replay_gives_the_tables_of_9_7() {
    let mut matrix = Matrix::new(Flavour::Mysql97);
    FORMATS.iter().for_each(|format| matrix.compare(format));
    matrix.with_gtids = false;
    for mode in ["ON_PERMISSIVE", "OFF_PERMISSIVE", "OFF"] {
        matrix.source.sql(&format!("set global gtid_mode = {mode}")).unwrap();
    }
    FORMATS.iter().for_each(|format| matrix.compare(format));
}

mod on_mysql_5_6 {
    use super::*;

    #[test]
    fn a_replay_gives_the_tables_of_5_6() {
        let mut matrix = Matrix::new(Flavour::Mysql56);
        for with_gtids in [true, false] {
            matrix.with_gtids = with_gtids;
            FORMATS.iter().for_each(|format| matrix.compare(format));
        }
    }
}

mod on_mariadb {
    use super::*;

    fn compare_all(flavour: Flavour) {
        let mut matrix = Matrix::new(flavour);
        for with_gtids in [true, false] {
            matrix.with_gtids = with_gtids;
            FORMATS.iter().for_each(|format| matrix.compare(format));
        }
    }

    #[test]
    fn a_replay_gives_the_tables_of_11_8() {
        compare_all(Flavour::Mariadb118);
    }

    #[test]
    fn a_replay_gives_the_tables_of_10_11() {
        compare_all(Flavour::Mariadb1011);
    }
}
