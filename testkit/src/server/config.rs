//! A server's option file and the names in its directory.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::Result;

use crate::Flavour;

pub(crate) const OPTION_FILE: &str = "my.cnf";
pub(super) const DATA: &str = "data";
pub(super) const TMP: &str = "tmp";
pub(super) const SOCKET: &str = "sock";
pub(super) const ERROR_LOG: &str = "error.log";
pub(super) const BINLOG_INDEX: &str = "binlog.index";

/// What differs from server to server.
#[derive(Clone, Debug)]
pub(super) struct Config {
    pub(super) flavour: Flavour,
    pub(super) port: u16,
    pub(super) server_id: u32,
    pub(super) performance_schema: bool,
    pub(super) gtid: bool,
}

impl Config {
    /// Writes the option file into `dir`, and makes the directory for temporary files.
    pub(super) fn write(&self, dir: &Path) -> Result<()> {
        fs::create_dir(dir.join(TMP))?;
        fs::write(dir.join(OPTION_FILE), self.text(dir)?)?;
        Ok(())
    }

    /// Loopback only, light in memory, able to write events of up to 1 GiB, otherwise a server as
    /// it comes: in particular each commit is flushed.
    fn text(&self, dir: &Path) -> Result<String> {
        let dir = dir.display();
        let mut text = format!(
            "[mysqld]\n\
             datadir = {dir}/{DATA}\n\
             tmpdir = {dir}/{TMP}\n\
             secure-file-priv = {dir}/{TMP}\n\
             socket = {dir}/{SOCKET}\n\
             pid-file = {dir}/pid\n\
             log-error = {dir}/{ERROR_LOG}\n\
             bind-address = 127.0.0.1\n\
             port = {}\n\
             server-id = {}\n\
             skip-name-resolve\n\
             log-bin = binlog\n\
             log-bin-index = {BINLOG_INDEX}\n\
             binlog-format = ROW\n\
             max-allowed-packet = 1G\n\
             innodb-buffer-pool-size = 64M\n\
             innodb-use-native-aio = OFF\n\
             innodb-doublewrite = OFF\n\
             table-open-cache = 400\n\
             performance-schema = {}\n",
            self.port,
            self.server_id,
            if self.performance_schema { "ON" } else { "OFF" },
        );
        if rustix::process::getuid().is_root() {
            text.push_str("user = root\n");
        }
        match self.flavour {
            Flavour::Mysql97 => text.push_str("mysqlx = OFF\ninnodb-redo-log-capacity = 32M\n"),
            Flavour::Mysql56 => text.push_str("log-slave-updates\nrelay-log = relay\n"),
            Flavour::Mariadb118 | Flavour::Mariadb1011 | Flavour::Mariadb114 => {
                text.push_str("log-slave-updates\nrelay-log = relay\ninnodb-log-file-size = 32M\n");
            }
        }
        if !self.flavour.is_mariadb() {
            // Both, since the defaults differ between series.
            let mode = if self.gtid { "ON" } else { "OFF" };
            writeln!(text, "gtid-mode = {mode}\nenforce-gtid-consistency = {mode}")?;
        }
        Ok(text)
    }
}
