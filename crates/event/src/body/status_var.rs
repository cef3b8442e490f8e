//! The session settings that a Query event carries.

use crate::EventError;
use crate::fields::Fields;

/// The settings of a Query event, read one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StatusVars<'a> {
    bytes: &'a [u8],
}

/// One setting. Codes and layouts are those of MySQL's [Query_event] page; from 128 MariaDB's.
///
/// [Query_event]: https://dev.mysql.com/doc/dev/mysql-server/latest/classbinary__log_1_1Query__event.html
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum StatusVar<'a> {
    /// 0: options of the session as bits, such as `autocommit` and `foreign_key_checks`.
    Flags2(u32),
    /// 1: `sql_mode` as bits.
    SqlMode(u64),
    /// 2 and 6: the catalog, always `std`.
    Catalog(&'a [u8]),
    /// 3: `auto_increment_increment` and `auto_increment_offset`.
    AutoIncrement {
        /// The step between numbers.
        increment: u16,
        /// The first number.
        offset: u16,
    },
    /// 4: collation ids of the session.
    Charset {
        /// `character_set_client`, as a collation id.
        client: u16,
        /// `collation_connection`.
        connection: u16,
        /// `collation_server`.
        server: u16,
    },
    /// 5: `time_zone`.
    TimeZone(&'a [u8]),
    /// 7: `lc_time_names` by number.
    LcTimeNames(u16),
    /// 8: `collation_database`.
    CharsetDatabase(u16),
    /// 9: which tables of a multi-table update are updated, as bits.
    TableMapForUpdate(u64),
    /// 10: the event's length on the first server, before it was relayed.
    SourceDataWritten(u32),
    /// 11: the account that runs it, for `CURRENT_USER`.
    Invoker {
        /// The account's user name.
        user: &'a [u8],
        /// The account's host.
        host: &'a [u8],
    },
    /// 12: the schemas that the statement touches, NUL behind each; `None` if they are too many.
    UpdatedSchemas(Option<&'a [u8]>),
    /// 13, and 128 of MariaDB: microseconds of the statement's time.
    Microseconds(u32),
    /// 14 and 15, never written by a release: commit timestamps.
    CommitTimestamp(u64),
    /// 16: `explicit_defaults_for_timestamp`.
    ExplicitDefaultsForTimestamp(bool),
    /// 17: the transaction id of a DDL statement that is logged with one; also 129 of MariaDB.
    DdlXid(u64),
    /// 18: `default_collation_for_utf8mb4`.
    DefaultCollationForUtf8mb4(u16),
    /// 19: `sql_require_primary_key`.
    SqlRequirePrimaryKey(bool),
    /// 20: `default_table_encryption`.
    DefaultTableEncryption(bool),
    /// 21: `enable_cascade_triggers` (MySQL 9.7).
    EnableCascadeTriggers(bool),
    /// 130, MariaDB: flags of a two-phase `ALTER TABLE`, with the GTID number it began with.
    MariadbGtidFlags {
        /// The flags.
        flags: u8,
        /// The number of the GTID at which the `ALTER` began, where the flags ask for it.
        start_alter_sequence: Option<u64>,
    },
    /// 131, MariaDB: `character_set_collations`: pairs of ids, of a character set's default
    /// collation and of the collation to use in its place, two bytes each.
    CharacterSetCollations(&'a [u8]),
    /// A code that is not known here. As its length is not known either, it takes all that is left.
    Unknown {
        /// The code.
        code: u8,
        /// What is left of the settings.
        rest: &'a [u8],
    },
}

impl<'a> StatusVars<'a> {
    /// Of an event's bytes.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// The settings' bytes.
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The settings in their order. Nothing comes after an error.
    pub fn iter(&self) -> impl Iterator<Item = Result<StatusVar<'a>, EventError>> + use<'a> {
        let mut f = Fields::new(self.bytes);
        std::iter::from_fn(move || {
            if f.is_empty() {
                return None;
            }
            let item = StatusVar::read(&mut f);
            if item.is_err() {
                f = Fields::new(&[]);
            }
            Some(item)
        })
    }
}

/// In place of the number of schemas: more than the event has room for.
const TOO_MANY_SCHEMAS: u8 = 254;
/// MariaDB's flags of a committed or rolled back two-phase `ALTER TABLE`.
const ENDS_ALTER: u8 = 4 | 8;

impl<'a> StatusVar<'a> {
    fn read(f: &mut Fields<'a>) -> Result<Self, EventError> {
        Ok(match f.u8("status variable code")? {
            0 => Self::Flags2(f.u32("session flags")?),
            1 => Self::SqlMode(f.u64("sql_mode")?),
            2 => {
                let catalog = f.short_bytes("catalog")?;
                f.u8("NUL behind the catalog")?;
                Self::Catalog(catalog)
            }
            3 => Self::AutoIncrement {
                increment: f.u16("auto_increment_increment")?,
                offset: f.u16("auto_increment_offset")?,
            },
            4 => Self::Charset {
                client: f.u16("character_set_client")?,
                connection: f.u16("collation_connection")?,
                server: f.u16("collation_server")?,
            },
            5 => Self::TimeZone(f.short_bytes("time_zone")?),
            6 => Self::Catalog(f.short_bytes("catalog")?),
            7 => Self::LcTimeNames(f.u16("lc_time_names")?),
            8 => Self::CharsetDatabase(f.u16("collation_database")?),
            9 => Self::TableMapForUpdate(f.u64("tables to update")?),
            10 => Self::SourceDataWritten(f.u32("length on the first server")?),
            11 => Self::Invoker {
                user: f.short_bytes("invoker's user")?,
                host: f.short_bytes("invoker's host")?,
            },
            12 => Self::UpdatedSchemas(updated_schemas(f)?),
            13 | 128 => Self::Microseconds(narrow(f.uint::<3>("microseconds")?)),
            14 | 15 => Self::CommitTimestamp(f.u64("commit timestamp")?),
            16 => Self::ExplicitDefaultsForTimestamp(f.u8("explicit_defaults_for_timestamp")? != 0),
            17 | 129 => Self::DdlXid(f.u64("DDL transaction id")?),
            18 => Self::DefaultCollationForUtf8mb4(f.u16("default_collation_for_utf8mb4")?),
            19 => Self::SqlRequirePrimaryKey(f.u8("sql_require_primary_key")? != 0),
            20 => Self::DefaultTableEncryption(f.u8("default_table_encryption")? != 0),
            21 => Self::EnableCascadeTriggers(f.u8("enable_cascade_triggers")? != 0),
            130 => {
                let flags = f.u8("GTID flags")?;
                let start_alter_sequence = match flags & ENDS_ALTER {
                    0 => None,
                    _ => Some(f.u64("GTID number at which ALTER began")?),
                };
                Self::MariadbGtidFlags { flags, start_alter_sequence }
            }
            131 => {
                let count = f.u8("number of character_set_collations")?;
                let len = usize::from(count) * 4;
                Self::CharacterSetCollations(f.take("character_set_collations", len)?)
            }
            code => {
                let rest = f.take("unknown status variable", f.rest().len())?;
                Self::Unknown { code, rest }
            }
        })
    }
}

/// The names with a NUL behind each.
fn updated_schemas<'a>(f: &mut Fields<'a>) -> Result<Option<&'a [u8]>, EventError> {
    const FIELD: &str = "updated schemas";
    let count = f.u8("number of updated schemas")?;
    if count == TOO_MANY_SCHEMAS {
        return Ok(None);
    }
    let mut len = 0;
    for _ in 0..count {
        let name = f.rest()[len..].iter().position(|&b| b == 0);
        len += 1 + name.ok_or(EventError::Truncated {
            field: FIELD,
            needed: f.rest().len() + 1,
            available: f.rest().len(),
        })?;
    }
    f.take(FIELD, len).map(Some)
}

fn narrow(three_bytes: u64) -> u32 {
    u32::try_from(three_bytes).unwrap_or(u32::MAX)
}
