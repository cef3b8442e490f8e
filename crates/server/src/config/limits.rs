//! The limits on what readers may ask for.

use std::time::Duration;

use serde::Deserialize;

/// What a stream allows its readers. Every field is a key of `[limits]`, durations with `_s` behind
/// their name, in seconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Connections of a stream, logged in or not.
    pub connections_max: usize,
    /// Of these, the ones that have not logged in yet.
    pub logins_max: usize,
    /// Connections of one account; 0 for as many as there may be. An account may have its own limit.
    pub connections_per_user_max: usize,
    /// Connections from one address; 0 for as many as there may be.
    pub connections_per_address_max: usize,
    /// How long the answer to one more failed login from an address is delayed at most.
    pub login_delay_max: Duration,
    /// Failed logins in a row from one address, until it is blocked; 0 for never.
    pub login_failures_max: u32,
    /// How long it is blocked.
    pub login_block: Duration,
    /// How long a login may take, TLS included.
    pub login_timeout: Duration,
    /// The longest payload taken before a login is complete, in bytes.
    pub login_packet_bytes_max: usize,
    /// The longest payload taken from a client, in bytes: a GTID set can be long.
    pub packet_bytes_max: usize,
    /// How long a client may say nothing; it can set another value for itself.
    pub wait_timeout: Duration,
    /// How long a client may take nothing of what it is sent; it can set another value for itself.
    pub write_timeout: Duration,
    /// User variables of one session.
    pub user_variables_max: usize,
    /// The bytes of their names and values together.
    pub user_variables_bytes_max: usize,
    /// Prepared statements of one session.
    pub prepared_statements_max: usize,
    /// The bytes of their texts and of the long data for their parameters together.
    pub prepared_statements_bytes_max: usize,
    /// Bytes of a stream's end that are kept in memory for the readers there; 0 is none.
    pub tail_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 1_000,
            logins_max: 200,
            connections_per_user_max: 0,
            connections_per_address_max: 0,
            login_delay_max: Duration::from_secs(4),
            login_failures_max: 100,
            login_block: Duration::from_secs(600),
            login_timeout: Duration::from_secs(10),
            login_packet_bytes_max: 16 << 10,
            packet_bytes_max: 16 << 20,
            wait_timeout: Duration::from_secs(28_800),
            write_timeout: Duration::from_secs(60),
            user_variables_max: 256,
            user_variables_bytes_max: 1 << 20,
            prepared_statements_max: 16_382,
            prepared_statements_bytes_max: 4 << 20,
            tail_bytes_max: 8 << 20,
        }
    }
}

/// `[limits]` as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LimitsSection {
    connections_max: Option<usize>,
    logins_max: Option<usize>,
    connections_per_user_max: Option<usize>,
    connections_per_address_max: Option<usize>,
    login_delay_max_s: Option<u64>,
    login_failures_max: Option<u32>,
    login_block_s: Option<u64>,
    login_timeout_s: Option<u64>,
    login_packet_bytes_max: Option<usize>,
    packet_bytes_max: Option<usize>,
    wait_timeout_s: Option<u64>,
    write_timeout_s: Option<u64>,
    user_variables_max: Option<usize>,
    user_variables_bytes_max: Option<usize>,
    prepared_statements_max: Option<usize>,
    prepared_statements_bytes_max: Option<usize>,
    tail_bytes_max: Option<usize>,
}

/// The smallest limit for packets that lets every known client log in.
const LOGIN_PACKET_BYTES_MIN: usize = 1024;

impl LimitsSection {
    /// Fills what is not given from the defaults.
    ///
    /// # Errors
    /// A limit that would keep everybody out: its key and what is wrong.
    pub(super) fn resolve(self) -> Result<Limits, (&'static str, String)> {
        let defaults = Limits::default();
        let seconds = |given: Option<u64>, default| given.map_or(default, Duration::from_secs);
        let login_timeout = seconds(self.login_timeout_s, defaults.login_timeout);
        let limits = Limits {
            connections_max: self.connections_max.unwrap_or(defaults.connections_max),
            logins_max: self.logins_max.unwrap_or(defaults.logins_max),
            connections_per_user_max: self
                .connections_per_user_max
                .unwrap_or(defaults.connections_per_user_max),
            connections_per_address_max: self
                .connections_per_address_max
                .unwrap_or(defaults.connections_per_address_max),
            // An answer that comes after the timeout would never come.
            login_delay_max: match self.login_delay_max_s {
                Some(given) => Duration::from_secs(given),
                None => defaults.login_delay_max.min(login_timeout / 2),
            },
            login_failures_max: self.login_failures_max.unwrap_or(defaults.login_failures_max),
            login_block: seconds(self.login_block_s, defaults.login_block),
            login_timeout,
            login_packet_bytes_max: self
                .login_packet_bytes_max
                .unwrap_or(defaults.login_packet_bytes_max),
            packet_bytes_max: self.packet_bytes_max.unwrap_or(defaults.packet_bytes_max),
            wait_timeout: seconds(self.wait_timeout_s, defaults.wait_timeout),
            write_timeout: seconds(self.write_timeout_s, defaults.write_timeout),
            user_variables_max: self.user_variables_max.unwrap_or(defaults.user_variables_max),
            user_variables_bytes_max: self
                .user_variables_bytes_max
                .unwrap_or(defaults.user_variables_bytes_max),
            prepared_statements_max: self
                .prepared_statements_max
                .unwrap_or(defaults.prepared_statements_max),
            prepared_statements_bytes_max: self
                .prepared_statements_bytes_max
                .unwrap_or(defaults.prepared_statements_bytes_max),
            tail_bytes_max: self.tail_bytes_max.unwrap_or(defaults.tail_bytes_max),
        };
        let at_least = |key, value: u64, least: u64| {
            if value >= least { Ok(()) } else { Err((key, format!("must be at least {least}"))) }
        };
        let size = |size: usize| u64::try_from(size).unwrap_or(u64::MAX);
        let login_packet = size(limits.login_packet_bytes_max);
        at_least("limits.connections_max", size(limits.connections_max), 1)?;
        at_least("limits.logins_max", size(limits.logins_max), 1)?;
        at_least("limits.login_timeout_s", limits.login_timeout.as_secs(), 1)?;
        if limits.login_delay_max >= limits.login_timeout {
            let message = "must be less than login_timeout_s, or nobody would hear why";
            return Err(("limits.login_delay_max_s", message.into()));
        }
        at_least("limits.login_packet_bytes_max", login_packet, size(LOGIN_PACKET_BYTES_MIN))?;
        at_least("limits.packet_bytes_max", size(limits.packet_bytes_max), login_packet)?;
        at_least("limits.wait_timeout_s", limits.wait_timeout.as_secs(), 1)?;
        at_least("limits.write_timeout_s", limits.write_timeout.as_secs(), 1)?;
        Ok(limits)
    }
}
