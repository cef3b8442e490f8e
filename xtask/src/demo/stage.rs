//! The three servers, and how a person reaches them.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use testkit::{Daemon, Endpoint, Flavour, Server, SourceSpec, daemon};

use super::PATIENCE;

/// A primary, binlogd behind it, a replica behind that.
pub(super) struct Stage {
    // Dropped in this order: who reads goes before who is read.
    pub(super) replica: Server,
    pub(super) binlogd: Daemon,
    pub(super) primary: Server,
}

impl Stage {
    /// Starts all three and has each follow the one before.
    ///
    /// # Errors
    /// If one does not start or follow.
    pub(super) fn new(binary: &Path) -> Result<Self> {
        let primary = Server::builder(Flavour::Mysql97)
            .semi_sync()
            .arg("--rpl-semi-sync-source-timeout=10000")
            .start()
            .context("start the primary")?;
        let binlogd = Daemon::new(binary, &primary.endpoint())?.arg("--semi-sync=on").started()?;
        primary.wait_for_semi_sync(1, PATIENCE)?;
        let replica = Server::start_new(Flavour::Mysql97).context("start the replica")?;
        let endpoint = binlogd.endpoint();
        let source = SourceSpec { endpoint, ..SourceSpec::local(0) }.workers(4);
        replica.replicate_from(&source)?;
        Ok(Self { replica, binlogd, primary })
    }

    pub(super) fn introduce(&self) {
        let version = self.primary.prefix().version();
        println!(
            "
  primary  MySQL {version}, port {}  where clients write
  binlogd  port {}               keeps the primary's log of changes (binlog)
  replica  MySQL {version}, port {}  reads from binlogd, not from the primary

The primary confirms a commit to its client only when binlogd has it on disk and
has acknowledged it (semi-synchronous replication). One acknowledgement serves
all commits that wait together. After 10 s without any, the primary would go on
alone; the table counts that as \"without\".
",
            self.primary.port(),
            self.binlogd.endpoint().port,
            self.replica.port(),
        );
    }

    /// Prints commands to paste into a shell.
    pub(super) fn say_how_to_connect(&self) {
        let prefix = self.primary.prefix();
        let as_user = |to: &Endpoint, command: &Command| {
            format!("MYSQL_PWD={} {}", to.password, shown(command))
        };
        println!("\nEverything stays up until Ctrl-C. From another terminal:\n");
        for (name, to) in [
            ("the primary", self.primary.endpoint()),
            ("binlogd (try SHOW BINARY LOGS, SHOW REPLICAS, SHOW STATUS)", self.binlogd.endpoint()),
            ("the replica (try SHOW REPLICA STATUS\\G)", self.replica.endpoint()),
        ] {
            println!("# {name}\n{}\n", as_user(&to, &prefix.mysql_to(&to)));
        }
        let from = self.binlogd.endpoint();
        let mut dump = prefix.mysqlbinlog_from(&from);
        dump.args(["--verbose", "binlog.000001"]);
        println!("# a binlog file, read from binlogd\n{} | less\n", as_user(&from, &dump));
        println!("# the files themselves, and binlogd's log");
        println!("ls -l {}", self.binlogd.stream_dir().display());
        println!("less {}\n", self.binlogd.log_path().display());
        println!("binlogd's account is {} with password {}.", daemon::USER, daemon::PASSWORD);
    }
}

fn shown(command: &Command) -> String {
    let words = [command.get_program()].into_iter().chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}
