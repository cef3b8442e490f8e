//! The one list of system variables: which exist, where a value comes from, what may set it.
//!
//! Sorted by name. Defaults are those of the servers' manuals and hold where the upstream has not
//! been asked yet.

use super::super::charset;
use super::super::sql::{Dialect, Value};
use super::View;
use super::check::{Check, ISOLATION_LEVELS};

/// A system variable.
pub(super) struct Variable {
    pub(super) name: &'static str,
    pub(super) place: Place,
    pub(super) kind: Kind,
    pub(super) source: Source,
    pub(super) setting: Setting,
    flavor: Flavor,
}

/// Where a variable has values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Global,
    Both,
    Session,
}

/// How `SELECT` shows what `SHOW` writes as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    /// NULL where `SHOW` shows nothing.
    TextOrNull,
    Number,
    /// An approximate number.
    Double,
    /// `ON` and `OFF`, 1 and 0.
    Bool,
}

/// Where a global value comes from.
pub(super) enum Source {
    /// Always this.
    Fixed(&'static str),
    /// The upstream's value, or this.
    Upstream(&'static str),
    /// The upstream's value; without it there is no such variable.
    UpstreamOnly,
    /// Computed when asked for.
    Computed(fn(&View<'_>) -> String),
    /// `ON` if this holds; if not, there is no such variable.
    OnIf(fn(&View<'_>) -> bool),
}

/// Who may set a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Setting {
    /// Nobody, on any server.
    ReadOnly,
    /// An administrator of a server with tables, so nobody here.
    Privileged,
    /// Each session for itself.
    Session(Check),
    /// Sessions begin with the global value, and keep it.
    GlobalOnly,
}

/// Which presented servers have the variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flavor {
    Any,
    MySql,
    /// MySQL from this version on.
    MySqlFrom(u32),
    MariaDb,
    /// MariaDB, and MySQL up to 8.0.2.
    Older,
}

impl Variable {
    const fn global(name: &'static str, kind: Kind, source: Source) -> Self {
        let (place, setting) = (Place::Global, Setting::ReadOnly);
        Self { name, place, kind, source, setting, flavor: Flavor::Any }
    }

    const fn both(name: &'static str, kind: Kind, source: Source, setting: Setting) -> Self {
        Self { name, place: Place::Both, kind, source, setting, flavor: Flavor::Any }
    }

    const fn session(name: &'static str, kind: Kind, source: Source, setting: Setting) -> Self {
        Self { name, place: Place::Session, kind, source, setting, flavor: Flavor::Any }
    }

    /// A global variable that an administrator of a server with tables could set.
    const fn dynamic(mut self) -> Self {
        self.setting = Privileged;
        self
    }

    const fn only(mut self, flavor: Flavor) -> Self {
        self.flavor = flavor;
        self
    }

    /// Whether the presented server has the variable.
    pub(super) fn exists(&self, dialect: Dialect) -> bool {
        match self.flavor {
            Flavor::Any => true,
            MySql => !dialect.mariadb,
            MySqlFrom(version) => !dialect.mariadb && dialect.version >= version,
            MariaDb => dialect.mariadb,
            Older => dialect.mariadb || dialect.version < 80_003,
        }
    }
}

impl Kind {
    /// The value that `SELECT` gives; `None` is NULL.
    pub(super) fn value(self, shown: Option<String>) -> Value {
        let Some(shown) = shown else { return Value::Null };
        match self {
            Self::Bool => match shown.to_ascii_uppercase().as_str() {
                "ON" | "1" | "YES" => Value::Int(1),
                _ => Value::Int(0),
            },
            Self::Number => match shown.parse() {
                Ok(number) => Value::UInt(number),
                Err(_) => match shown.parse() {
                    Ok(negative) => Value::Int(negative),
                    Err(_) => Value::text(shown),
                },
            },
            Self::TextOrNull if shown.is_empty() => Value::Null,
            Self::TextOrNull => Value::text(shown),
            // With the digits that servers show.
            Self::Double => Value::Decimal(shown),
            Self::Text => Value::text(shown),
        }
    }
}

use Flavor::{MariaDb, MySql, MySqlFrom, Older};
use Kind::{Bool, Number, Text};
use Setting::Privileged;
use Source::{Computed, Fixed, OnIf, Upstream, UpstreamOnly};

const ON_OFF: Setting = Setting::Session(Check::Bool);
const TIMEOUT: Setting = Setting::Session(Check::Number(1, 31_536_000));
const CHARSET: Setting = Setting::Session(Check::Charset);
const COLLATION: Setting = Setting::Session(Check::Collation);
const ISOLATION: Setting = Setting::Session(Check::OneOf(ISOLATION_LEVELS));

/// The upstream's variables from which values here are computed.
pub(super) const COMPUTED_FROM_UPSTREAM: [&str; 6] = [
    "binlog_checksum",
    "character_set_server",
    "collation_connection",
    "collation_server",
    "enforce_gtid_consistency",
    "gtid_mode",
];

/// All of them, by name.
pub(super) static TABLE: &[Variable] = &[
    Variable::both(
        "auto_increment_increment",
        Number,
        Upstream("1"),
        Setting::Session(Check::Number(1, 65_535)),
    ),
    Variable::both(
        "auto_increment_offset",
        Number,
        Upstream("1"),
        Setting::Session(Check::Number(1, 65_535)),
    ),
    Variable::both("autocommit", Bool, Fixed("ON"), ON_OFF),
    Variable::both("binlog_annotate_row_events", Bool, UpstreamOnly, Privileged).only(MariaDb),
    Variable::global("binlog_checksum", Text, Computed(|v| v.server.facts.binlog_checksum()))
        .dynamic(),
    Variable::both("binlog_format", Text, Upstream("ROW"), Privileged),
    Variable::both("binlog_row_image", Text, Upstream("FULL"), Privileged),
    Variable::global("binlog_row_metadata", Text, UpstreamOnly).dynamic(),
    Variable::both("binlog_row_value_options", Text, UpstreamOnly, Privileged),
    Variable::both("binlog_rows_query_log_events", Bool, UpstreamOnly, Privileged),
    Variable::both("binlog_transaction_compression", Bool, UpstreamOnly, Privileged),
    Variable::both("character_set_client", Text, Upstream("utf8mb4"), CHARSET),
    Variable::both("character_set_connection", Text, Upstream("utf8mb4"), CHARSET),
    Variable::both("character_set_database", Text, Computed(server_charset), CHARSET),
    Variable::both("character_set_filesystem", Text, Fixed("binary"), CHARSET),
    Variable::both(
        "character_set_results",
        Text,
        Upstream("utf8mb4"),
        Setting::Session(Check::CharsetOrNull),
    ),
    Variable::both("character_set_server", Text, Computed(server_charset), CHARSET),
    Variable::global("character_set_system", Text, Upstream("utf8mb3")),
    Variable::both("collation_connection", Text, Computed(connection_collation), COLLATION),
    Variable::both("collation_database", Text, Computed(server_collation), COLLATION),
    Variable::both("collation_server", Text, Computed(server_collation), COLLATION),
    Variable::global(
        "connect_timeout",
        Number,
        Computed(|v| v.server.limits.login_timeout.as_secs().to_string()),
    )
    .dynamic(),
    Variable::both("default_storage_engine", Text, Upstream("InnoDB"), Privileged),
    Variable::global("enforce_gtid_consistency", Text, Computed(gtid_consistency))
        .dynamic()
        .only(MySql),
    Variable::session("error_count", Number, Computed(error_count), Setting::ReadOnly),
    Variable::both("explicit_defaults_for_timestamp", Bool, UpstreamOnly, Privileged),
    Variable::both("foreign_key_checks", Bool, Fixed("ON"), ON_OFF),
    Variable::global("gtid_binlog_pos", Text, Computed(|v| v.server.facts.gtid_binlog_pos()))
        .only(MariaDb),
    Variable::global("gtid_binlog_state", Text, Computed(|v| v.server.facts.gtid_binlog_state()))
        .dynamic()
        .only(MariaDb),
    Variable::global("gtid_current_pos", Text, Computed(|v| v.server.facts.gtid_binlog_pos()))
        .only(MariaDb),
    Variable::both("gtid_domain_id", Number, Upstream("0"), Privileged).only(MariaDb),
    Variable::global("gtid_executed", Text, Computed(|v| v.server.facts.gtid_executed()))
        .only(MySql),
    Variable::global("gtid_mode", Text, Computed(gtid_mode)).dynamic().only(MySql),
    Variable::global("gtid_owned", Text, Fixed("")).only(MySql),
    Variable::global("gtid_purged", Text, Computed(|v| v.server.facts.gtid_purged()))
        .dynamic()
        .only(MySql),
    Variable::global("gtid_slave_pos", Text, Fixed("")).dynamic().only(MariaDb),
    Variable::global("gtid_strict_mode", Bool, Upstream("OFF")).dynamic().only(MariaDb),
    Variable::global("have_openssl", Text, Computed(have_ssl)),
    Variable::global("have_ssl", Text, Computed(have_ssl)),
    Variable::global("hostname", Text, Computed(|v| v.server.hostname.clone())),
    Variable::session("identity", Number, Fixed("0"), Privileged),
    Variable::global("init_connect", Text, Fixed("")).dynamic(),
    Variable::both("interactive_timeout", Number, Computed(wait_timeout), TIMEOUT),
    Variable::session("last_insert_id", Number, Fixed("0"), Privileged),
    Variable::global("license", Text, Upstream("GPL")),
    Variable::global("local_infile", Bool, Fixed("OFF")).dynamic(),
    Variable::global("log_bin", Bool, Fixed("ON")),
    Variable::global("log_replica_updates", Bool, Fixed("ON")).only(MySqlFrom(80_026)),
    Variable::global("log_slave_updates", Bool, Fixed("ON")),
    Variable::global("lower_case_table_names", Number, Upstream("0")),
    Variable::both("max_allowed_packet", Number, Upstream("67108864"), Setting::GlobalOnly),
    Variable::global(
        "max_connections",
        Number,
        Computed(|v| v.server.limits.connections_max.to_string()),
    )
    .dynamic(),
    Variable::both("net_buffer_length", Number, Fixed("16384"), Setting::GlobalOnly),
    Variable::both("net_read_timeout", Number, Fixed("30"), TIMEOUT),
    Variable::both(
        "net_write_timeout",
        Number,
        Computed(|v| v.server.limits.write_timeout.as_secs().to_string()),
        TIMEOUT,
    ),
    Variable::global("performance_schema", Bool, Fixed("OFF")),
    Variable::global("port", Number, Computed(|v| v.session.endpoint.port.to_string())),
    Variable::global("protocol_compression_algorithms", Text, Fixed("uncompressed"))
        .dynamic()
        .only(MySqlFrom(80_018)),
    Variable::global("protocol_version", Number, Fixed("10")),
    Variable::session(
        "pseudo_thread_id",
        Number,
        Computed(|v| v.session.id.to_string()),
        Privileged,
    ),
    Variable::global("query_cache_size", Number, Fixed("0")).dynamic().only(Older),
    Variable::both("query_cache_type", Text, Fixed("OFF"), Privileged).only(Older),
    Variable::global("read_only", Bool, Fixed("ON")).dynamic(),
    Variable::global("require_secure_transport", Bool, Computed(requires_tls)).dynamic(),
    // Replicas that find these ask for semi-sync even where they are OFF, and then need its headers. One of
    // MySQL 9.7 looks for the newer name alone, so where it may ask it finds that in an older stream, too.
    Variable::global("rpl_semi_sync_master_enabled", Bool, OnIf(semi_sync)).dynamic(),
    Variable::global("rpl_semi_sync_source_enabled", Bool, OnIf(semi_sync)).dynamic().only(MySql),
    Variable::global("server_id", Number, Computed(|v| v.server.facts.server_id().to_string()))
        .dynamic(),
    Variable::global("server_uuid", Text, Computed(|v| v.server.facts.server_uuid())).only(MySql),
    Variable::session("skip_replication", Bool, Fixed("OFF"), ON_OFF).only(MariaDb),
    Variable::global(
        "socket",
        Text,
        Computed(|v| v.session.endpoint.socket.clone().unwrap_or_default()),
    ),
    Variable::both("sql_auto_is_null", Bool, Fixed("OFF"), ON_OFF),
    Variable::both("sql_log_bin", Bool, Fixed("ON"), Privileged),
    Variable::both("sql_mode", Text, Upstream(""), Setting::Session(Check::SqlMode)),
    Variable::both("sql_notes", Bool, Fixed("ON"), ON_OFF),
    Variable::both("sql_safe_updates", Bool, Fixed("OFF"), ON_OFF),
    Variable::both("sql_warnings", Bool, Fixed("OFF"), ON_OFF),
    Variable::global("super_read_only", Bool, Fixed("ON")).dynamic().only(MySql),
    Variable::global("sync_binlog", Number, Fixed("1")).dynamic(),
    Variable::global("system_time_zone", Text, Upstream("UTC")),
    Variable::both("time_zone", Text, Upstream("SYSTEM"), Setting::Session(Check::TimeZone)),
    Variable::session(
        "timestamp",
        Kind::Double,
        Computed(timestamp),
        Setting::Session(Check::AnyDouble),
    ),
    Variable::global("tls_version", Text, Fixed("TLSv1.2,TLSv1.3")),
    Variable::both("transaction_isolation", Text, Upstream("REPEATABLE-READ"), ISOLATION),
    Variable::both("transaction_read_only", Bool, Fixed("OFF"), ON_OFF),
    Variable::both("tx_isolation", Text, Upstream("REPEATABLE-READ"), ISOLATION).only(Older),
    Variable::both("tx_read_only", Bool, Fixed("OFF"), ON_OFF).only(Older),
    Variable::both("unique_checks", Bool, Fixed("ON"), ON_OFF),
    Variable::global("version", Text, Computed(|v| v.server.facts.server_version())),
    Variable::global(
        "version_comment",
        Text,
        Fixed(concat!("binlogd ", env!("CARGO_PKG_VERSION"))),
    ),
    Variable::global("version_compile_machine", Text, Upstream(std::env::consts::ARCH)),
    Variable::global("version_compile_os", Text, Upstream(std::env::consts::OS)),
    Variable::both("wait_timeout", Number, Computed(wait_timeout), TIMEOUT),
    Variable::session("warning_count", Number, Computed(warning_count), Setting::ReadOnly),
];

/// Seconds since 1970.
fn timestamp(_: &View<'_>) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = now.unwrap_or_default();
    format!("{}.{:06}", now.as_secs(), now.subsec_micros())
}

fn on_off(on: bool) -> String {
    if on { "ON" } else { "OFF" }.to_owned()
}

fn gtid_mode(view: &View<'_>) -> String {
    view.server.facts.gtid_mode()
}

fn gtid_consistency(view: &View<'_>) -> String {
    let upstream = view.server.facts.upstream_variable("enforce_gtid_consistency");
    upstream.unwrap_or_else(|| on_off(view.server.facts.gtid_mode() == "ON"))
}

fn semi_sync(view: &View<'_>) -> bool {
    view.server.facts.semi_sync_offered()
}

fn requires_tls(view: &View<'_>) -> String {
    on_off(view.server.requires_tls)
}

fn have_ssl(view: &View<'_>) -> String {
    if view.server.offers_tls { "YES" } else { "DISABLED" }.to_owned()
}

fn wait_timeout(view: &View<'_>) -> String {
    view.server.limits.wait_timeout.as_secs().to_string()
}

fn error_count(view: &View<'_>) -> String {
    u8::from(view.session.last_error.is_some()).to_string()
}

fn warning_count(view: &View<'_>) -> String {
    let session = view.session;
    (session.warnings.len() + usize::from(session.last_error.is_some())).to_string()
}

fn server_charset(view: &View<'_>) -> String {
    let upstream = view.server.facts.upstream_variable("character_set_server");
    upstream.unwrap_or_else(|| "utf8mb4".into())
}

fn server_collation(view: &View<'_>) -> String {
    let upstream = view.server.facts.upstream_variable("collation_server");
    upstream.unwrap_or_else(|| default_collation(view).into())
}

fn connection_collation(view: &View<'_>) -> String {
    let upstream = view.server.facts.upstream_variable("collation_connection");
    upstream.unwrap_or_else(|| default_collation(view).into())
}

fn default_collation(view: &View<'_>) -> &'static str {
    charset::default_utf8mb4_collation(view.server.dialect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_in_lower_case() {
        for pair in TABLE.windows(2) {
            assert!(pair[0].name < pair[1].name, "{} before {}", pair[0].name, pair[1].name);
        }
        assert!(TABLE.iter().all(|v| v.name == v.name.to_ascii_lowercase()));
    }

    #[test]
    fn select_shows_numbers_and_switches_as_numbers() {
        assert_eq!(Bool.value(Some("ON".into())), Value::Int(1));
        assert_eq!(Bool.value(Some("OFF".into())), Value::Int(0));
        assert_eq!(Number.value(Some("7".into())), Value::UInt(7));
        assert_eq!(Number.value(Some("-1".into())), Value::Int(-1));
        assert_eq!(Text.value(Some("ON".into())), Value::text("ON"));
        assert_eq!(Text.value(None), Value::Null);
    }
}
