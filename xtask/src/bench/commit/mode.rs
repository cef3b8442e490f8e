//! Who acknowledges commits, and how that is arranged.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use testkit::{Daemon, Flavour, Server};

use super::floor::Floor;
use super::load;
use crate::bench::upstream;

/// For what takes a moment on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A way to run the primary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Nobody acknowledges.
    Alone,
    /// A MySQL replica that syncs its relay log for each event, as durable as binlogd.
    ReplicaSynced,
    /// A MySQL replica as it comes: it acknowledges what it has written but not synced.
    ReplicaDefault,
    /// The same, but its applier stopped: no replica then, but as little work as binlogd has.
    ReplicaReceiving,
    /// binlogd.
    Binlogd,
    /// Another binlogd, to compare with.
    Before,
    /// The least that can acknowledge what is durable.
    FloorDurable,
    /// The least that can acknowledge.
    FloorVolatile,
}

impl Mode {
    pub(super) const PEERS: [Self; 5] = [
        Self::Alone,
        Self::ReplicaSynced,
        Self::ReplicaDefault,
        Self::ReplicaReceiving,
        Self::Binlogd,
    ];
    /// What nobody can be faster than.
    pub(super) const FLOORS: [Self; 2] = [Self::FloorDurable, Self::FloorVolatile];

    /// For tables.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Alone => "no semi-sync",
            Self::ReplicaSynced => "replica, synced",
            Self::ReplicaDefault => "replica, default",
            Self::ReplicaReceiving => "replica, receiving",
            Self::Binlogd => "binlogd",
            Self::Before => "binlogd, before",
            Self::FloorDurable => "a write and an ACK",
            Self::FloorVolatile => "an ACK",
        }
    }

    /// For programs.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Alone => "none",
            Self::ReplicaSynced => "replica_synced",
            Self::ReplicaDefault => "replica_default",
            Self::ReplicaReceiving => "replica_receiving",
            Self::Binlogd => "binlogd",
            Self::Before => "binlogd_before",
            Self::FloorDurable => "floor_durable",
            Self::FloorVolatile => "floor_volatile",
        }
    }
}

/// How the primary treats its own files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Setting {
    /// Each commit is synced: `sync_binlog` and `innodb_flush_log_at_trx_commit` are 1, else 0.
    pub(super) durable: bool,
    /// Clients writing at once.
    pub(super) clients: u32,
}

impl Setting {
    pub(super) const ALL: [Self; 4] = [
        Self { durable: true, clients: 1 },
        Self { durable: true, clients: 16 },
        Self { durable: false, clients: 1 },
        Self { durable: false, clients: 16 },
    ];

    pub(super) fn name(self) -> String {
        let clients = if self.clients == 1 { "client" } else { "clients" };
        format!("{}, {} {clients}", self.durability(), self.clients)
    }

    pub(super) fn durability(self) -> &'static str {
        if self.durable { "durable" } else { "relaxed" }
    }

    pub(super) fn json(self) -> Value {
        json!({ "durability": self.durability(), "clients": self.clients })
    }
}

/// A primary and a replica.
pub(super) struct Servers {
    pub(super) primary: Server,
    replica: Server,
}

/// Somebody at work, until it is [let go](Servers::leave).
pub(super) enum Acknowledger {
    Nobody,
    Replica { pid: u32 },
    Binlogd(Box<Daemon>),
    Floor(Floor),
}

impl Acknowledger {
    pub(super) fn pid(&self) -> Option<u32> {
        match self {
            Self::Nobody | Self::Floor(_) => None,
            Self::Replica { pid } => Some(*pid),
            Self::Binlogd(daemon) => daemon.pid(),
        }
    }
}

impl Servers {
    pub(super) fn start() -> Result<Self> {
        let server = || {
            Server::builder(Flavour::Mysql97)
                .semi_sync()
                .args(["--innodb-redo-log-capacity=1G", "--innodb-buffer-pool-size=256M"])
        };
        let primary = server()
            .args(["--rpl-semi-sync-source-enabled=OFF", "--rpl-semi-sync-source-timeout=10000"])
            .start()?;
        let replica = server().start()?;
        // The replica finds what is updated by its key; what else is in the row does not matter.
        for server in [&primary, &replica] {
            load::create_table(server)?;
        }
        Ok(Self { primary, replica })
    }

    /// Has the primary run so.
    ///
    /// # Errors
    /// If somebody does not come up.
    pub(super) fn enter(
        &self,
        mode: Mode,
        setting: Setting,
        binlogd: &Path,
    ) -> Result<Acknowledger> {
        let (semi_sync, durable) = (mode != Mode::Alone, u8::from(setting.durable));
        self.primary.sql(&format!(
            "set global rpl_semi_sync_source_enabled = {semi_sync}, sync_binlog = {durable},
                innodb_flush_log_at_trx_commit = {durable};
             flush binary logs"
        ))?;
        let acknowledger = match mode {
            Mode::Alone => return Ok(Acknowledger::Nobody),
            Mode::ReplicaSynced => self.start_replica("1", "")?,
            Mode::ReplicaDefault => self.start_replica("default", "")?,
            Mode::ReplicaReceiving => self.start_replica("default", "io_thread")?,
            Mode::Binlogd | Mode::Before => start_binlogd(&self.primary, binlogd)?,
            Mode::FloorDurable => Acknowledger::Floor(Floor::start(&self.primary, true)?),
            Mode::FloorVolatile => Acknowledger::Floor(Floor::start(&self.primary, false)?),
        };
        self.primary.wait_for_semi_sync(1, PATIENCE).with_context(|| mode.name())?;
        Ok(acknowledger)
    }

    /// Starts to replicate from where the primary is now.
    fn start_replica(&self, sync_relay_log: &str, threads: &str) -> Result<Acknowledger> {
        let gtids = self.primary.executed_gtids()?;
        let port = self.primary.port();
        self.replica.sql(&format!(
            "reset binary logs and gtids;
             set global gtid_purged = '{gtids}';
             set global sync_relay_log = {sync_relay_log};
             change replication source to source_host = '127.0.0.1', source_port = {port},
                source_user = 'repl', source_password = 'repl', source_auto_position = 1,
                get_source_public_key = 1, source_ssl = 0;
             start replica {threads}"
        ))?;
        let pid = self.replica.pid().context("the replica does not run")?;
        Ok(Acknowledger::Replica { pid })
    }

    /// Leaves the primary alone again.
    ///
    /// # Errors
    /// If somebody does not go.
    pub(super) fn leave(&self, acknowledger: Acknowledger) -> Result<()> {
        match acknowledger {
            Acknowledger::Nobody => return Ok(()),
            Acknowledger::Replica { .. } => {
                self.replica.sql("stop replica; reset replica all")?;
            }
            Acknowledger::Binlogd(mut daemon) => daemon.stop()?,
            Acknowledger::Floor(floor) => floor.stop()?,
        }
        // The primary notices only when it next sends something, and would count it until then.
        let dumps = "select id from information_schema.processlist where command like 'Binlog%'";
        for dump in self.primary.query_rows(dumps)?.into_iter().flatten() {
            // It may be ending just now.
            let _ = self.primary.sql(&format!("kill {dump}"));
        }
        self.primary.wait_for("the acknowledger to be gone", PATIENCE, |primary| {
            Ok(primary.status_var("Rpl_semi_sync_source_clients")? == "0")
        })
    }

    /// Commits that went through without an acknowledgement since the server's start.
    pub(super) fn unacknowledged(&self) -> Result<u64> {
        Ok(self.primary.status_var("Rpl_semi_sync_source_no_tx")?.parse()?)
    }

    /// Fails unless every commit since `before` that had to be was acknowledged.
    ///
    /// # Errors
    /// If one was not.
    pub(super) fn check_acknowledged(&self, before: u64) -> Result<()> {
        match self.unacknowledged()? - before {
            0 => Ok(()),
            count => bail!("{count} commits were not acknowledged within 10 s"),
        }
    }
}

fn start_binlogd(primary: &Server, binary: &Path) -> Result<Acknowledger> {
    let daemon = Daemon::new(binary, &primary.endpoint())?
        .of_any_version()
        .upstream(&upstream::url(primary, false)?)
        .arg("--start=current")
        .arg("--semi-sync=on")
        .started()?;
    Ok(Acknowledger::Binlogd(Box::new(daemon)))
}
