//! What of a session's settings changes how a definition is read.

use binlogd_event::body::StatusVar;

use crate::changes::Statement;

/// The settings by which a statement means something else, `sql_mode` most of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct SqlMode {
    /// Names stand in double quotes.
    pub(crate) ansi_quotes: bool,
    /// `\` in a string is itself.
    pub(crate) no_backslash_escapes: bool,
    /// `REAL` is `FLOAT`.
    pub(crate) real_as_float: bool,
    /// A `TIMESTAMP` that does not say so may be NULL, as any other column.
    pub(crate) explicit_timestamps: bool,
    /// MariaDB's names of types are Oracle's.
    pub(crate) oracle: bool,
}

impl SqlMode {
    /// That of a statement's session.
    pub(crate) fn of(statement: &Statement<'_>) -> Self {
        let (mut mode, mut explicit_timestamps) = (Self::default(), false);
        for item in statement.settings.iter() {
            match item {
                Ok(StatusVar::SqlMode(bits)) => mode = Self::from_bits(bits),
                Ok(StatusVar::ExplicitDefaultsForTimestamp(is_on)) => explicit_timestamps = is_on,
                _ => {}
            }
        }
        Self { explicit_timestamps, ..mode }
    }

    /// Bits are the same in MySQL and MariaDB.
    fn from_bits(bits: u64) -> Self {
        Self {
            real_as_float: bits & 1 != 0,
            ansi_quotes: bits & 1 << 2 != 0,
            oracle: bits & 1 << 9 != 0,
            no_backslash_escapes: bits & 1 << 20 != 0,
            explicit_timestamps: false,
        }
    }

    /// From a list such as `ANSI_QUOTES,STRICT_TRANS_TABLES`.
    pub(crate) fn from_names(names: &str) -> Self {
        let is = |wanted: &[&str]| {
            names.split(',').any(|n| wanted.iter().any(|w| n.trim().eq_ignore_ascii_case(w)))
        };
        Self {
            real_as_float: is(&["REAL_AS_FLOAT", "ANSI"]),
            ansi_quotes: is(&[
                "ANSI_QUOTES",
                "ANSI",
                "ORACLE",
                "MSSQL",
                "DB2",
                "POSTGRESQL",
                "MAXDB",
            ]),
            oracle: is(&["ORACLE"]),
            no_backslash_escapes: is(&["NO_BACKSLASH_ESCAPES"]),
            explicit_timestamps: false,
        }
    }
}
