//! Two servers with files of one name, before and after a failover: readers by file and position, and
//! people who name a file.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::collections::BTreeSet;
use std::process::{Command, Output};

use common::{BINLOGD, PATIENCE, logs};
use testkit::{Daemon, Endpoint, Flavour, Server, SourceSpec};

/// Two servers, of which the second has taken over from the first, their binlogd, and two readers by
/// position: one that was connected throughout, and one that was away meanwhile.
struct Failover {
    new: Server,
    daemon: Daemon,
    steady: Server,
    away: Server,
    /// The file at whose beginning the reader stands that was away.
    stands_in: String,
    /// The next row to insert.
    row: u32,
}

fn server(flavour: Flavour) -> Server {
    let builder = Server::builder(flavour).semi_sync();
    if !flavour.is_mariadb() {
        return builder.arg("--rpl-semi-sync-source-timeout=1000").start().unwrap();
    }
    let args = ["--rpl-semi-sync-master-wait-point=AFTER_SYNC", "--gtid-strict-mode=1"];
    builder.args(args).arg("--rpl-semi-sync-master-timeout=1000").start().unwrap()
}

/// A row in each file.
fn insert(server: &Server, rows: impl IntoIterator<Item = u32>) {
    for row in rows {
        server.sql(&format!("insert into s.t values ({row}); flush binary logs")).unwrap();
    }
}

fn rows(server: &Server) -> String {
    server.sql("select group_concat(i order by i) from s.t").unwrap()
}

fn wait_for_rows(replica: &Server, wanted: &str) {
    let reached = replica.wait_for("all rows, each once", PATIENCE, |replica| {
        let errors = replica.replica_status()?.errors();
        anyhow_if(replica.replica_status()?.column("Last_SQL_Error"), &errors)?;
        Ok(rows(replica) == wanted)
    });
    reached.unwrap_or_else(|error| {
        panic!(
            "{error:#}: {} of {wanted}; {}",
            rows(replica),
            replica.replica_status().unwrap().errors()
        )
    });
}

fn anyhow_if(error: &str, all: &str) -> std::io::Result<()> {
    if error.is_empty() { Ok(()) } else { Err(std::io::Error::other(all.to_owned())) }
}

fn file_of(server: &Server) -> String {
    server.binlog_end().unwrap().0
}

fn number(name: &str) -> u32 {
    name.rsplit('.').next().unwrap().parse().unwrap()
}

impl Failover {
    fn new(flavour: Flavour) -> Self {
        let mut old = server(flavour);
        let new = server(flavour);
        new.replicate_from(&SourceSpec::local(old.port())).unwrap();
        let Endpoint { host, port, user, password } = new.endpoint();
        let url = format!("--upstream=mysql://{user}:{password}@{host}:{port}");
        new.sql("set global read_only=1").unwrap();
        let daemon = Daemon::new(BINLOGD, &old.endpoint()).unwrap().arg(url);
        let daemon = daemon.configured("").unwrap().started().unwrap();
        old.sql("create database s; create table s.t (i int primary key)").unwrap();
        let first = file_of(&old);
        let reader = || {
            let reader = Server::start_new(flavour).unwrap();
            let source = SourceSpec { endpoint: daemon.endpoint(), ..daemon.as_source() };
            reader.replicate_from(&source.at(&first, 4)).unwrap();
            reader
        };
        let (steady, away) = (reader(), reader());
        insert(&old, 1..=3);
        let stands_in = file_of(&old);
        wait_for_rows(&away, "1,2,3");
        away.wait_for("it stands in the next file", PATIENCE, |away| {
            Ok(away.replica_status()?.applied()?.0 == stands_in)
        })
        .unwrap();
        away.stop_replica().unwrap();
        insert(&old, 4..=6);
        wait_for_rows(&steady, "1,2,3,4,5,6");
        new.wait_for_replica_of(&old, PATIENCE).unwrap();
        daemon.wait_for_all_of(&old, PATIENCE).unwrap();
        old.kill().unwrap();
        let (stop, reset) = match flavour.is_mariadb() {
            true => ("stop slave", "reset slave all"),
            false => ("stop replica", "reset replica all"),
        };
        new.sql(&format!("{stop}; {reset}; set global read_only=0")).unwrap();
        insert(&new, 7..=8);
        logs(&daemon, &["beginning a new timeline"]);
        Self { new, daemon, steady, away, stands_in, row: 9 }
    }

    fn shown(&self) -> Vec<String> {
        let logs = self.daemon.sql(self.new.prefix(), "show binary logs").unwrap();
        logs.lines().map(|line| line.split('\t').next().unwrap().to_owned()).collect()
    }

    fn sql(&self, statement: &str) -> Result<String, String> {
        let result = self.daemon.sql(self.new.prefix(), statement);
        result.map_err(|error| error.to_string())
    }

    /// What is refused, with both files named.
    fn is_ambiguous(&self, error: &str, file: &str) {
        for timeline in ["0001", "0002"] {
            let name = format!("'{timeline}@{file}' of server ");
            assert!(error.contains(&name), "no {name} in: {error}");
        }
    }

    fn mysqlbinlog(&self, args: &[&str]) -> Output {
        self.new.prefix().mysqlbinlog_from(&self.daemon.endpoint()).args(args).output().unwrap()
    }

    /// Another row, in the new server's next file.
    fn insert(&mut self) {
        insert(&self.new, [self.row]);
        self.row += 1;
        self.daemon.wait_for_all_of(&self.new, PATIENCE).unwrap();
    }

    /// Both readers end with what the new server has, each row once.
    fn readers_get_their_own_history(&mut self) {
        wait_for_rows(&self.steady, &rows(&self.new));
        let (file, _) = self.steady.replica_status().unwrap().applied().unwrap();
        assert!(file.starts_with("0002@"), "{file}");
        // With that name it comes back.
        self.daemon.kill().unwrap();
        self.daemon.start().unwrap();
        while number(&file_of(&self.new)) <= number(&self.stands_in) {
            self.insert();
        }
        wait_for_rows(&self.steady, &rows(&self.new));

        // The other one comes with a bare name, and a position that is one of the old file only.
        self.away.start_replica().unwrap();
        wait_for_rows(&self.away, &rows(&self.new));
        self.away.stop_replica().unwrap();
        let (file, position) = self.away.replica_status().unwrap().applied().unwrap();
        // Where each file begins nobody knows which is meant.
        self.away.replicate_from(&self.daemon.as_source().at(&self.stands_in, 4)).unwrap();
        self.away
            .wait_for("the receiver stops", PATIENCE, |away| {
                let status = away.replica_status()?;
                Ok(["1236", "13114"].contains(&status.column("Last_IO_Errno")))
            })
            .unwrap();
        let status = self.away.replica_status().unwrap();
        self.is_ambiguous(status.column("Last_IO_Error"), &self.stands_in);
        self.away.replicate_from(&self.daemon.as_source().at(&file, position)).unwrap();

        // Behind the names of the old server the new one's are its own again.
        while !self.shown().last().unwrap().starts_with("binlog.") {
            self.insert();
        }
        self.insert();
        for reader in [&self.steady, &self.away] {
            wait_for_rows(reader, &rows(&self.new));
            let newest = file_of(&self.new);
            reader
                .wait_for("the bare name", PATIENCE, |reader| {
                    Ok(reader.replica_status()?.applied()?.0 == newest)
                })
                .unwrap();
        }
    }

    fn files_are_shown_and_read_by_qualified_names(&self) {
        let shown = self.shown();
        assert_eq!(shown.iter().collect::<BTreeSet<_>>().len(), shown.len(), "{shown:?}");
        let file = &self.stands_in;
        for timeline in ["0001", "0002"] {
            let name = format!("{timeline}@{file}");
            assert!(shown.contains(&name), "{name} in {shown:?}");
            let events = self.sql(&format!("show binlog events in '{name}' limit 3")).unwrap();
            assert!(events.lines().count() == 3 && events.starts_with(&name), "{events}");
            // Byte for byte, and under a name that is no other's.
            let dir = tempfile::tempdir().unwrap();
            let into = format!("--result-file={}/", dir.path().display());
            let out = self.mysqlbinlog(&["--raw", &into, &name]);
            assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
            let copy = std::fs::read(dir.path().join(&name)).unwrap();
            let folders = std::fs::read_dir(self.daemon.stream_dir()).unwrap();
            let folder = folders
                .map(|entry| entry.unwrap().path())
                .find(|path| path.file_name().unwrap().to_str().unwrap().starts_with(timeline))
                .unwrap();
            assert!(copy == std::fs::read(folder.join(file)).unwrap(), "{name}");
        }
        self.a_store_is_read_by_the_same_names();
        let error = self.sql(&format!("show binlog events in '{file}'")).unwrap_err();
        self.is_ambiguous(&error, file);
        let out = self.mysqlbinlog(&[file]);
        assert!(!out.status.success());
        self.is_ambiguous(&String::from_utf8_lossy(&out.stderr), file);
    }

    /// By binlogd's own commands, from the folder and from the running binlogd.
    fn a_store_is_read_by_the_same_names(&self) {
        let stream = self.daemon.stream_dir();
        let run = |args: &[&str]| Command::new(BINLOGD).args(args).output().unwrap();
        let path = |name: &str| stream.join(name).display().to_string();
        let Endpoint { host, port, user, password } = self.daemon.endpoint();
        let server = format!("mysql://{user}:{password}@{host}:{port}");
        let mut told = Vec::new();
        for timeline in ["0001", "0002"] {
            let name = format!("{timeline}@{}", self.stands_in);
            let events = run(&["events", &path(&name)]);
            assert!(events.status.success(), "{}", String::from_utf8_lossy(&events.stderr));
            let remote = run(&["events", &format!("{server}/{name}")]);
            assert!(remote.status.success(), "{}", String::from_utf8_lossy(&remote.stderr));
            let lines = |out: &Output| out.stdout.iter().filter(|byte| **byte == b'\n').count();
            assert_eq!(lines(&events), lines(&remote), "{name}");
            told.push(events.stdout);
            let from = format!("--from={name}:4");
            let tail = run(&["tail", "--format=json", &from, &stream.display().to_string()]);
            assert!(tail.status.success(), "{}", String::from_utf8_lossy(&tail.stderr));
        }
        assert_ne!(told[0], told[1]);
        let stream = stream.display().to_string();
        let from = format!("--from={}", self.stands_in);
        for args in [&["events", &path(&self.stands_in)][..], &["tail", &from, &stream]] {
            let out = run(args);
            let error = String::from_utf8_lossy(&out.stderr);
            assert_eq!(out.status.code(), Some(1), "{args:?}: {error}");
            let names = ["0001", "0002"].map(|number| format!("{number}@{}", self.stands_in));
            assert!(names.iter().all(|name| error.contains(name)), "{args:?}: {error}");
        }
    }

    /// Across both servers' files each transaction comes once, and each file has its own name.
    fn all_is_read_once(&self) {
        let first = &self.shown()[0];
        let dir = tempfile::tempdir().unwrap();
        let into = format!("--result-file={}/", dir.path().display());
        let out = self.mysqlbinlog(&["--raw", &into, "--to-last-log", first]);
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        let copies = std::fs::read_dir(dir.path()).unwrap().count();
        assert_eq!(copies, self.shown().len());
        let out = self.mysqlbinlog(&["--to-last-log", "--base64-output=decode-rows", "-v", first]);
        let text = String::from_utf8_lossy(&out.stdout);
        let read: Vec<u32> =
            text.lines().filter_map(|line| line.strip_prefix("###   @1=")?.parse().ok()).collect();
        let wanted: Vec<u32> = rows(&self.new).split(',').map(|row| row.parse().unwrap()).collect();
        assert_eq!(read, wanted);
    }

    fn a_purge_takes_what_is_meant(&self) {
        let shown = self.shown();
        let error = self.sql(&format!("purge binary logs to '{}'", self.stands_in)).unwrap_err();
        assert!(error.contains("1373"), "{error}");
        self.is_ambiguous(&error, &self.stands_in);
        assert_eq!(self.shown(), shown);
        let keep = |name: &str| {
            self.sql(&format!("purge binary logs to '{name}'")).unwrap();
            assert_eq!(self.shown()[0], name);
            let verify = Command::new(BINLOGD).arg("verify").arg(self.daemon.stream_dir()).output();
            let verify = verify.unwrap();
            assert!(verify.status.success(), "{}", String::from_utf8_lossy(&verify.stdout));
        };
        keep(&format!("0001@{}", self.stands_in));
        // Of the new server's files the first goes, too.
        let of_new: Vec<_> = shown.iter().filter(|name| name.starts_with("0002@")).collect();
        keep(of_new[1]);
        // The old server's files are gone, and their names are still known.
        let error = self.sql(&format!("purge binary logs to '{}'", self.stands_in)).unwrap_err();
        self.is_ambiguous(&error, &self.stands_in);
    }
}

fn one_name_in_two_timelines(flavour: Flavour) {
    let mut failover = Failover::new(flavour);
    failover.readers_get_their_own_history();
    failover.files_are_shown_and_read_by_qualified_names();
    failover.all_is_read_once();
    failover.a_purge_takes_what_is_meant();
}

#[test]
fn a_name_that_two_servers_have_given_is_never_taken_for_the_wrong_one() {
    one_name_in_two_timelines(Flavour::Mysql97);
}

mod on_mariadb {
    use super::*;

    #[test]
    fn a_name_that_two_servers_have_given_is_never_taken_for_the_wrong_one() {
        one_name_in_two_timelines(Flavour::Mariadb118);
    }
}
