//! What a test may ask of a server before it starts.

use std::fs;

use anyhow::{Context, Result};

use super::config::Config;
use super::{Server, ServerDir};
use crate::ports::PortLease;
use crate::{Flavour, Pki, Prefix, template, testbed};

/// How often another port is tried when the first turns out to be taken after all.
const PORT_ATTEMPTS: usize = 5;

/// A server to be started; made by [`Server::builder`].
#[derive(Clone, Debug)]
pub struct Builder {
    flavour: Flavour,
    args: Vec<String>,
    server_id: Option<u32>,
    performance_schema: bool,
    gtid: bool,
    keyring: bool,
}

impl Builder {
    pub(super) fn new(flavour: Flavour) -> Self {
        Self {
            flavour,
            args: Vec::new(),
            server_id: None,
            performance_schema: false,
            gtid: true,
            keyring: false,
        }
    }

    /// Adds an argument for the server program, like `--binlog-checksum=NONE`. It prevails over
    /// what the option file says.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<String>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Adds several arguments.
    #[must_use]
    pub fn args<S: Into<String>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets the server id, which otherwise is the port and so unique on this machine.
    #[must_use]
    pub fn server_id(mut self, server_id: u32) -> Self {
        self.server_id = Some(server_id);
        self
    }

    /// Switches the performance schema on, which costs memory and starting time.
    #[must_use]
    pub fn performance_schema(mut self) -> Self {
        self.performance_schema = true;
        self
    }

    /// Switches MySQL's GTIDs off, as its default was until 9. MariaDB has its own always on.
    #[must_use]
    pub fn without_gtid(mut self) -> Self {
        self.gtid = false;
        self
    }

    /// Gives MySQL 9.7 a keyring, which `--binlog-encryption=ON` needs.
    #[must_use]
    pub fn keyring(mut self) -> Self {
        self.keyring = true;
        self
    }

    /// Lets the server offer semi-synchronous replication in both roles, with the plugins that
    /// MySQL needs for it. A source then waits for a replica only while one is connected; see
    /// [`Server::wait_for_semi_sync`] for why not to write before.
    #[must_use]
    pub fn semi_sync(self) -> Self {
        if self.flavour.is_mariadb() {
            self.args(["--rpl-semi-sync-master-enabled=ON", "--rpl-semi-sync-slave-enabled=ON"])
        } else {
            self.args([
                "--plugin-load-add=semisync_source.so",
                "--plugin-load-add=semisync_replica.so",
                "--rpl-semi-sync-source-enabled=ON",
                "--rpl-semi-sync-replica-enabled=ON",
            ])
        }
    }

    /// Gives the server the certificate of `pki` instead of one that it makes itself. MySQL 5.6
    /// is too old for its kind of key.
    #[must_use]
    pub fn tls(self, pki: &Pki) -> Self {
        self.args([
            format!("--ssl-ca={}", pki.ca().display()),
            format!("--ssl-cert={}", pki.server_cert().display()),
            format!("--ssl-key={}", pki.server_key().display()),
        ])
    }

    /// Starts the server and waits until it answers.
    ///
    /// # Errors
    /// If the programs cannot be had, or the server does not start; then with its error log's end.
    pub fn start(self) -> Result<Server> {
        let prefix = testbed::ensure(self.flavour)?;
        let template = template::ensure(&prefix)?;
        let mut attempt = 1;
        loop {
            let mut server = self.prepare(prefix.clone())?;
            template::copy(&template, &server.datadir())?;
            match server.start() {
                Ok(()) => return Ok(server),
                Err(_) if attempt < PORT_ATTEMPTS && port_was_taken(&server) => attempt += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// A server with a port, a directory and an option file, but no data yet.
    pub(crate) fn prepare(&self, prefix: Prefix) -> Result<Server> {
        let lease = PortLease::take()?;
        let dir = ServerDir::new()?;
        let config = Config {
            flavour: self.flavour,
            port: lease.port(),
            server_id: self.server_id.unwrap_or(u32::from(lease.port())),
            performance_schema: self.performance_schema,
            gtid: self.gtid,
        };
        config.write(dir.path()).context("write the option file")?;
        let prefix = match self.keyring {
            true => prefix.with_keyring(&dir.path().join("programs"))?,
            false => prefix,
        };
        Ok(Server { prefix, dir, lease, args: self.args.clone(), process: None })
    }
}

/// Between choosing a port and binding it, somebody outside our tests may have taken it.
fn port_was_taken(server: &Server) -> bool {
    fs::read(server.error_log())
        .is_ok_and(|log| String::from_utf8_lossy(&log).contains("Address already in use"))
}
