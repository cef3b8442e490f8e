//! Making one server follow another, or follow anything that claims to be a source.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::{Endpoint, Flavour, Server};

/// What a replica is told about its source.
#[derive(Clone, Debug)]
pub struct SourceSpec {
    /// Where the source listens, and the account to log in with.
    pub endpoint: Endpoint,
    /// Where to begin.
    pub from: Coordinates,
    /// Connect by TLS, which also checks the source's certificate if [`ca`](Self::ca) is given.
    pub tls: bool,
    /// The certificate authority that must have signed the source's certificate.
    pub ca: Option<PathBuf>,
    /// Ask for the source's RSA key, without which MySQL's default authentication method refuses
    /// to send a password over plain TCP. Only MySQL 8.0 and later know this.
    pub public_key: bool,
    /// Applier threads; `None` leaves the replica's default.
    pub workers: Option<u32>,
    /// Seconds of silence after which the source is to send a heartbeat.
    pub heartbeat_s: Option<u32>,
    /// MySQL 8.0.18 and later: `SOURCE_COMPRESSION_ALGORITHMS`.
    pub compression: Option<String>,
}

/// Where a replica begins to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Coordinates {
    /// By GTID: whatever the replica has not executed yet.
    Gtid,
    /// By binlog file and position.
    File {
        /// The file's name on the source.
        file: String,
        /// The position in it; 4 is its first event.
        pos: u64,
    },
}

impl SourceSpec {
    /// A source on a port of this machine, by GTID, over plain TCP.
    pub fn local(port: u16) -> Self {
        Self {
            endpoint: Endpoint::local(port),
            from: Coordinates::Gtid,
            tls: false,
            ca: None,
            public_key: true,
            workers: None,
            heartbeat_s: None,
            compression: None,
        }
    }

    /// Begins at a file and position instead of by GTID.
    #[must_use]
    pub fn at(mut self, file: impl Into<String>, pos: u64) -> Self {
        self.from = Coordinates::File { file: file.into(), pos };
        self
    }

    /// Sets the number of applier threads.
    #[must_use]
    pub fn workers(mut self, workers: u32) -> Self {
        self.workers = Some(workers);
        self
    }

    /// Uses TLS, checking the source's certificate against `ca` if there is one.
    #[must_use]
    pub fn tls(mut self, ca: Option<PathBuf>) -> Self {
        self.tls = true;
        self.ca = ca;
        self
    }

    /// The statement for MySQL 8.0.26 and later.
    fn change_source(&self) -> Result<String> {
        let mut sql = self.options("change replication source to", "source")?;
        match &self.from {
            Coordinates::Gtid => sql.push_str(", source_auto_position=1"),
            Coordinates::File { .. } => sql.push_str(", source_auto_position=0"),
        }
        if self.public_key {
            sql.push_str(", get_source_public_key=1");
        }
        if let Some(algorithms) = &self.compression {
            write!(sql, ", source_compression_algorithms='{algorithms}'")?;
        }
        Ok(sql)
    }

    /// The older statement, with each product's way of saying "by GTID".
    fn change_master(&self, mariadb: bool) -> Result<String> {
        let mut sql = self.options("change master to", "master")?;
        sql.push_str(match (&self.from, mariadb) {
            (Coordinates::Gtid, true) => ", master_use_gtid=slave_pos",
            (Coordinates::File { .. }, true) => ", master_use_gtid=no",
            (Coordinates::Gtid, false) => ", master_auto_position=1",
            (Coordinates::File { .. }, false) => ", master_auto_position=0",
        });
        Ok(sql)
    }

    fn options(&self, verb: &str, role: &str) -> Result<String> {
        let Endpoint { host, port, user, password } = &self.endpoint;
        let mut sql = format!(
            "{verb} {role}_host='{host}', {role}_port={port}, {role}_user='{user}', \
             {role}_password='{password}', {role}_connect_retry=1, {role}_ssl={}",
            u8::from(self.tls)
        );
        if let Some(ca) = &self.ca {
            write!(sql, ", {role}_ssl_ca='{}', {role}_ssl_verify_server_cert=1", ca.display())?;
        }
        if let Coordinates::File { file, pos } = &self.from {
            write!(sql, ", {role}_log_file='{file}', {role}_log_pos={pos}")?;
        }
        if let Some(seconds) = self.heartbeat_s {
            write!(sql, ", {role}_heartbeat_period={seconds}")?;
        }
        Ok(sql)
    }
}

/// `SHOW REPLICA STATUS`, with MySQL 8's column names for all servers.
#[derive(Clone, Debug)]
pub struct ReplicaStatus {
    columns: BTreeMap<String, String>,
}

impl ReplicaStatus {
    fn new(columns: BTreeMap<String, String>) -> Self {
        let modern = |name: String| name.replace("Slave", "Replica").replace("Master", "Source");
        Self { columns: columns.into_iter().map(|(name, value)| (modern(name), value)).collect() }
    }

    /// A column's text by MySQL 8's name (`Replica_IO_Running`, `Source_Log_File`); empty if the
    /// server has no such column.
    pub fn column(&self, name: &str) -> &str {
        self.columns.get(name).map_or("", String::as_str)
    }

    /// The receiver is connected to the source.
    pub fn io_running(&self) -> bool {
        self.column("Replica_IO_Running") == "Yes"
    }

    /// The applier runs.
    pub fn sql_running(&self) -> bool {
        self.column("Replica_SQL_Running") == "Yes"
    }

    /// The receiver's and the applier's last errors, or an empty string.
    pub fn errors(&self) -> String {
        let errors = [self.column("Last_IO_Error"), self.column("Last_SQL_Error")];
        errors.into_iter().filter(|e| !e.is_empty()).collect::<Vec<_>>().join("; ")
    }

    /// The source's file and position up to which everything is applied.
    pub fn applied(&self) -> Result<(String, u64)> {
        let pos = self.column("Exec_Source_Log_Pos");
        let pos = pos.parse().with_context(|| format!("Exec_Source_Log_Pos is {pos:?}"))?;
        Ok((self.column("Relay_Source_Log_File").to_owned(), pos))
    }

    /// All columns.
    pub fn columns(&self) -> &BTreeMap<String, String> {
        &self.columns
    }
}

impl Server {
    /// Makes this server a replica of `source` and starts replication, which has not connected
    /// yet when this returns.
    ///
    /// # Errors
    /// If the server refuses the statements.
    pub fn replicate_from(&self, source: &SourceSpec) -> Result<()> {
        let sql = if self.says_master() {
            let change = source.change_master(self.flavour().is_mariadb())?;
            let workers = match (source.workers, self.flavour().is_mariadb()) {
                (Some(n), true) => format!("set global slave_parallel_threads={n};"),
                (Some(n), false) => format!("set global slave_parallel_workers={n};"),
                (None, _) => String::new(),
            };
            format!("stop slave; {workers} {change}; start slave")
        } else {
            let change = source.change_source()?;
            let workers = source
                .workers
                .map(|n| format!("set global replica_parallel_workers={n};"))
                .unwrap_or_default();
            format!("stop replica; {workers} {change}; start replica")
        };
        self.sql(&sql).context("start replication")?;
        Ok(())
    }

    /// Starts the replication threads.
    ///
    /// # Errors
    /// If the server refuses.
    pub fn start_replica(&self) -> Result<()> {
        self.sql(if self.says_master() { "start slave" } else { "start replica" })?;
        Ok(())
    }

    /// Stops the replication threads.
    ///
    /// # Errors
    /// If the server refuses.
    pub fn stop_replica(&self) -> Result<()> {
        self.sql(if self.says_master() { "stop slave" } else { "stop replica" })?;
        Ok(())
    }

    /// How replication is going.
    ///
    /// # Errors
    /// If the server is not a replica.
    pub fn replica_status(&self) -> Result<ReplicaStatus> {
        let show = if self.says_master() { "show slave status" } else { "show replica status" };
        let rows = self.query_maps(show)?;
        let row = rows.into_iter().next().context("the server is not a replica")?;
        Ok(ReplicaStatus::new(row))
    }

    /// Waits until this replica has applied all that `source` has written by now: by GTID where
    /// replication goes by GTID, else by file and position. The source may be further up the
    /// chain, if what lies between keeps its file names or GTIDs.
    ///
    /// # Errors
    /// When time is up or the applier stops, with the replica's errors.
    pub fn wait_for_replica_of(&self, source: &Server, timeout: Duration) -> Result<()> {
        let by_gtid = match self.flavour().is_mariadb() {
            true => self.replica_status()?.column("Using_Gtid") != "No",
            false => self.replica_status()?.column("Auto_Position") == "1",
        };
        let outcome = match (by_gtid, self.flavour().is_mariadb()) {
            (true, false) => self.wait_for_gtids(&source.executed_gtids()?, timeout),
            (true, true) => {
                let pos = source.sql("select @@gtid_binlog_pos")?;
                let seconds = timeout.as_secs();
                match self.sql(&format!("select master_gtid_wait('{pos}', {seconds})"))?.as_str() {
                    "0" => Ok(()),
                    _ => bail!("GTID {pos} not reached after {timeout:?}"),
                }
            }
            (false, _) => {
                let (file, pos) = source.binlog_end()?;
                self.wait_for_position(&file, pos, timeout)
            }
        };
        outcome.with_context(|| match self.replica_status() {
            Ok(status) => format!("replica on port {}: {}", self.port(), status.errors()),
            Err(error) => format!("replica on port {}: {error:#}", self.port()),
        })
    }

    /// Waits until this MySQL server has executed all of a GTID set.
    ///
    /// # Errors
    /// When time is up.
    pub fn wait_for_gtids(&self, gtids: &str, timeout: Duration) -> Result<()> {
        let done = format!("select gtid_subset('{gtids}', @@global.gtid_executed)");
        self.wait_unless_applier_stops("executed GTID set", timeout, |server| {
            Ok(server.sql(&done)? == "1")
        })
    }

    fn wait_for_position(&self, file: &str, pos: u64, timeout: Duration) -> Result<()> {
        let wanted = (file.to_owned(), pos);
        // Files of one server are ordered by name as long as their numbers have as many digits.
        self.wait_unless_applier_stops("applied position", timeout, |replica| {
            Ok(replica.replica_status()?.applied()? >= wanted)
        })
    }

    /// Waits, but reports an applier's error at once rather than when time is up. The receiver's
    /// errors do not end the wait: it connects again.
    fn wait_unless_applier_stops(
        &self,
        what: &str,
        timeout: Duration,
        mut reached: impl FnMut(&Self) -> Result<bool>,
    ) -> Result<()> {
        let mut stopped = false;
        self.wait_for(what, timeout, |server| {
            stopped = server.replica_status().is_ok_and(|s| !s.column("Last_SQL_Error").is_empty());
            Ok(stopped || reached(server)?)
        })?;
        if stopped {
            // Of a worker's error the status names only the place; the log has the text.
            bail!("{what}: the applier stopped:\n{}", self.error_log_tail(5));
        }
        Ok(())
    }

    /// Everything that this MySQL server has executed, as a GTID set in one line.
    ///
    /// # Errors
    /// If it does not answer, or is no MySQL server.
    pub fn executed_gtids(&self) -> Result<String> {
        Ok(self.sql("select @@global.gtid_executed")?.replace('\n', ""))
    }

    /// The file being written and the position where it ends.
    ///
    /// # Errors
    /// If the binlog is off.
    pub fn binlog_end(&self) -> Result<(String, u64)> {
        let version = self.prefix().version();
        let old = self.says_master() || (version.major, version.minor) < (8, 2);
        let show = if old { "show master status" } else { "show binary log status" };
        let rows = self.query_rows(show)?;
        let Some([file, pos, ..]) = rows.first().map(Vec::as_slice) else {
            bail!("the binlog is off");
        };
        Ok((file.clone(), pos.parse().with_context(|| format!("position {pos:?}"))?))
    }

    /// Waits until the server writes nothing into its binlog by itself: a MariaDB notes there, when it has
    /// the time, that it needs none of the files before any more, and then no more until the next file.
    ///
    /// # Errors
    /// When time is up.
    pub fn wait_for_checkpoint(&self, timeout: Duration) -> Result<()> {
        if !self.flavour().is_mariadb() {
            return Ok(());
        }
        self.wait_for("the newest file's checkpoint", timeout, |server| {
            let (file, _) = server.binlog_end()?;
            let is_noted = |limit: &str| -> Result<bool> {
                let events =
                    server.query_rows(&format!("show binlog events in '{file}'{limit}"))?;
                let mut notes = events.iter().filter(|event| event[2] == "Binlog_checkpoint");
                Ok(notes.any(|event| event[5] == file))
            };
            // Mostly it is in front, and not all of a large file must be listed.
            Ok(is_noted(" limit 20")? || is_noted("")?)
        })
    }

    /// Waits until this source waits for `replicas` semi-synchronous replicas at each commit. A
    /// commit before that would wait for the whole timeout, then switch semi-sync off.
    ///
    /// # Errors
    /// When time is up.
    pub fn wait_for_semi_sync(&self, replicas: u32, timeout: Duration) -> Result<()> {
        let role = if self.flavour().is_mariadb() { "master" } else { "source" };
        self.wait_for("semi-synchronous replicas", timeout, |source| {
            let clients = source.status_var(&format!("Rpl_semi_sync_{role}_clients"))?;
            let status = source.status_var(&format!("Rpl_semi_sync_{role}_status"))?;
            Ok(clients == replicas.to_string() && status == "ON")
        })
    }

    /// Whether the server knows only the old words: MySQL 5.6, and MariaDB.
    fn says_master(&self) -> bool {
        self.flavour() != Flavour::Mysql97
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_product_is_told_in_its_own_words() {
        let by_gtid = SourceSpec::local(3307);
        let by_file = SourceSpec::local(3307).at("binlog.000002", 4);
        assert!(by_gtid.change_source().unwrap().contains("source_auto_position=1"));
        assert!(by_gtid.change_master(true).unwrap().contains("master_use_gtid=slave_pos"));
        assert!(by_gtid.change_master(false).unwrap().contains("master_auto_position=1"));
        let sql = by_file.change_source().unwrap();
        assert!(sql.contains("source_log_file='binlog.000002', source_log_pos=4"), "{sql}");
    }

    #[test]
    fn old_column_names_are_read_as_the_new_ones() {
        let old = [("Slave_IO_Running", "Yes"), ("Exec_Master_Log_Pos", "157")];
        let old = old.map(|(k, v)| (k.to_owned(), v.to_owned()));
        let status = ReplicaStatus::new(BTreeMap::from(old));
        assert!(status.io_running() && !status.sql_running());
        assert_eq!(status.applied().unwrap().1, 157);
    }
}
