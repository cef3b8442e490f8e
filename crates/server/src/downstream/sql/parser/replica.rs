//! binlogd as a replica: `START`, `STOP` and `RESET REPLICA`, `CHANGE REPLICATION SOURCE TO`, in the
//! old and the new words.

use super::super::lexer::Kind;
use super::super::{Channel, Replica, Statement};
use super::{LIST_LEN_MAX, Parser};
use crate::config::Secret;
use crate::downstream::SourceChange;
use crate::downstream::error::SqlError;

/// Options of `CHANGE REPLICATION SOURCE TO` that say how relay logs are applied, or what binlogd
/// decides by itself.
const NOT_HERE: &[&str] = &[
    "ASSIGN_GTIDS_TO_ANONYMOUS_TRANSACTIONS",
    "DO_DOMAIN_IDS",
    "GTID_ONLY",
    "IGNORE_DOMAIN_IDS",
    "IGNORE_SERVER_IDS",
    "MASTER_DEMOTE_TO_SLAVE",
    "NETWORK_NAMESPACE",
    "PRIVILEGE_CHECKS_USER",
    "RELAY_LOG_FILE",
    "RELAY_LOG_POS",
    "REQUIRE_ROW_FORMAT",
    "REQUIRE_TABLE_PRIMARY_KEY_CHECK",
    "SOURCE_BIND",
    "SOURCE_COMPRESSION_ALGORITHMS",
    "SOURCE_CONNECTION_AUTO_FAILOVER",
    "SOURCE_CONNECT_RETRY",
    "SOURCE_DELAY",
    "SOURCE_HEARTBEAT_PERIOD",
    "SOURCE_RETRY_COUNT",
    "SOURCE_SSL_CAPATH",
    "SOURCE_SSL_CIPHER",
    "SOURCE_SSL_CRL",
    "SOURCE_SSL_CRLPATH",
    "SOURCE_TLS_CIPHERSUITES",
    "SOURCE_TLS_VERSION",
    "SOURCE_ZSTD_COMPRESSION_LEVEL",
];

impl Parser<'_> {
    /// What follows `START` or `STOP`, from `REPLICA`, `SLAVE` or `ALL` on.
    pub(super) fn replica_threads(&mut self, start: bool) -> Result<Statement, SqlError> {
        let all = self.eat("ALL")?;
        if all {
            if !self.eat("SLAVES")? {
                self.expect("REPLICAS")?;
            }
        } else {
            self.bump()?;
        }
        let mut channel = self.connection_name()?;
        let mut only_applier = false;
        if self.is_any(&["IO_THREAD", "SQL_THREAD"]) {
            only_applier = true;
            loop {
                only_applier &= !self.is("IO_THREAD");
                if !self.eat("IO_THREAD")? {
                    self.expect("SQL_THREAD")?;
                }
                if !self.eat_punct(b',')? {
                    break;
                }
            }
        }
        for word in ["UNTIL", "USER", "PASSWORD", "DEFAULT_AUTH", "PLUGIN_DIR"] {
            if self.is(word) {
                return Err(SqlError::not_supported(&format!("START REPLICA {word}")));
            }
        }
        if channel == Channel::default() {
            channel = self.for_channel()?;
        }
        if only_applier {
            return Err(SqlError::not_supported("SQL_THREAD alone: binlogd applies nothing"));
        }
        let verb = if start { Replica::Start } else { Replica::Stop };
        Ok(Statement::Replica { verb, channel })
    }

    /// `RESET {REPLICA | SLAVE} ALL`; others of its kind are refused.
    pub(super) fn reset(&mut self) -> Result<Statement, SqlError> {
        self.bump()?;
        if self.is_any(&["MASTER", "BINARY", "PERSIST", "QUERY"]) {
            let what = String::from_utf8_lossy(&self.word()).to_ascii_uppercase();
            return Err(SqlError::not_supported(&format!(
                "RESET {what}: the files are copies of the primary's"
            )));
        }
        if !self.eat("REPLICA")? {
            self.expect("SLAVE")?;
        }
        let mut channel = self.connection_name()?;
        if !self.eat("ALL")? {
            return Err(SqlError::not_supported(
                "RESET REPLICA without ALL: what is stored stays; ALL goes back to the configuration",
            ));
        }
        if channel == Channel::default() {
            channel = self.for_channel()?;
        }
        Ok(Statement::Replica { verb: Replica::Reset, channel })
    }

    /// `CHANGE REPLICATION SOURCE TO …`, `CHANGE MASTER ['name'] TO …`
    pub(super) fn change(&mut self) -> Result<Statement, SqlError> {
        self.bump()?;
        let mut channel = Channel::default();
        if self.eat("REPLICATION")? {
            if self.is("FILTER") {
                return Err(SqlError::not_supported("CHANGE REPLICATION FILTER"));
            }
            self.expect("SOURCE")?;
        } else {
            self.expect("MASTER")?;
            channel = self.connection_name()?;
        }
        self.expect("TO")?;
        let mut change = SourceChange::default();
        for count in 0.. {
            if count >= LIST_LEN_MAX {
                return Err(SqlError::not_supported("this many options"));
            }
            self.source_option(&mut change)?;
            if !self.eat_punct(b',')? {
                break;
            }
        }
        if channel == Channel::default() {
            channel = self.for_channel()?;
        }
        Ok(Statement::Replica { verb: Replica::Change(Box::new(change)), channel })
    }

    fn source_option(&mut self, change: &mut SourceChange) -> Result<(), SqlError> {
        let at = self.token.start;
        let name = String::from_utf8_lossy(&self.word()).to_ascii_uppercase();
        let name = name.replace("GET_MASTER_", "GET_SOURCE_");
        let name = match name.strip_prefix("MASTER_") {
            Some(rest) => format!("SOURCE_{rest}"),
            None => name,
        };
        if NOT_HERE.contains(&name.as_str()) {
            return Err(SqlError::not_supported(&name));
        }
        let known = [
            "SOURCE_HOST",
            "SOURCE_PORT",
            "SOURCE_USER",
            "SOURCE_PASSWORD",
            "SOURCE_SSL",
            "SOURCE_SSL_CA",
            "SOURCE_SSL_CERT",
            "SOURCE_SSL_KEY",
            "SOURCE_SSL_VERIFY_SERVER_CERT",
            "GET_SOURCE_PUBLIC_KEY",
            "SOURCE_PUBLIC_KEY_PATH",
            "SOURCE_LOG_FILE",
            "SOURCE_LOG_POS",
            "SOURCE_AUTO_POSITION",
            "SOURCE_USE_GTID",
        ];
        if !known.contains(&name.as_str()) {
            return Err(self.lexer.error_at(at));
        }
        self.bump()?;
        self.expect_punct(b'=')?;
        match name.as_str() {
            "SOURCE_HOST" => change.host = Some(self.string()?),
            "SOURCE_PORT" => change.port = Some(self.number_below(u64::from(u16::MAX))?),
            "SOURCE_USER" => change.user = Some(self.string()?),
            "SOURCE_PASSWORD" => change.password = Some(Secret::new(self.string()?)),
            "SOURCE_SSL" => change.ssl = Some(self.switch()?),
            "SOURCE_SSL_CA" => change.ssl_ca = Some(self.string()?),
            "SOURCE_SSL_CERT" => change.ssl_cert = Some(self.string()?),
            "SOURCE_SSL_KEY" => change.ssl_key = Some(self.string()?),
            "SOURCE_SSL_VERIFY_SERVER_CERT" => change.ssl_verify = Some(self.switch()?),
            "GET_SOURCE_PUBLIC_KEY" => change.fetch_public_key = Some(self.switch()?),
            "SOURCE_PUBLIC_KEY_PATH" => change.public_key_path = Some(self.string()?),
            "SOURCE_LOG_FILE" => change.log_file = Some(self.string()?),
            "SOURCE_LOG_POS" => change.log_pos = Some(self.number_below(u64::MAX)?),
            // binlogd goes on where its files end, on another server by GTID: nothing to choose.
            "SOURCE_AUTO_POSITION" => drop(self.switch()?),
            _ => drop(self.name()?),
        }
        Ok(())
    }

    fn string(&mut self) -> Result<String, SqlError> {
        Ok(String::from_utf8_lossy(&self.text()?).into_owned())
    }

    fn switch(&mut self) -> Result<bool, SqlError> {
        self.number_below(1).map(|number: u8| number != 0)
    }

    /// A number that is not larger than `most`, which fits.
    pub(super) fn number_below<T: TryFrom<u64>>(&mut self, most: u64) -> Result<T, SqlError> {
        let number = match self.token.kind {
            Kind::Number(digits) => digits.parse::<u64>().ok().filter(|number| *number <= most),
            _ => None,
        };
        let number = number.and_then(|number| T::try_from(number).ok());
        let number = number.ok_or_else(|| self.error())?;
        self.bump()?;
        Ok(number)
    }

    /// The word in hand; empty if it is none.
    fn word(&self) -> Vec<u8> {
        match self.token.kind {
            Kind::Word(word) => word.to_vec(),
            _ => Vec::new(),
        }
    }

    /// MariaDB's name of a connection: `'name'` behind `SLAVE`.
    pub(super) fn connection_name(&mut self) -> Result<Channel, SqlError> {
        match self.token.kind {
            Kind::Text(_) => self.string().map(Channel),
            _ => Ok(Channel::default()),
        }
    }

    /// `[FOR CHANNEL 'name']`
    pub(super) fn for_channel(&mut self) -> Result<Channel, SqlError> {
        if !self.eat("FOR")? {
            return Ok(Channel::default());
        }
        self.expect("CHANNEL")?;
        match self.token.kind {
            Kind::Text(_) => self.string().map(Channel),
            _ => self.name().map(Channel),
        }
    }
}
