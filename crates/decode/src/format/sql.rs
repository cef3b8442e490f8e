//! Changes as SQL that the client `mysql` runs, so that another server gets the same tables.

use std::fmt;

use binlogd_event::body::{RowsBody, RowsChange};
use binlogd_event::{GtidSource, body::StatusVar};

use super::names::Names;
use super::{Format, FormatError};
use crate::changes::{At, Change, End, Statement, Transaction};
use crate::write::sql_identifier;
use crate::{Charset, Row, Rows};

/// Whether a column, by schema, table and name, is of some kind.
pub type ColumnTest = dyn Fn(&str, &str, &str) -> bool + Send;

/// How SQL is written.
pub struct SqlOptions {
    /// Whether transactions keep their GTIDs.
    pub gtids: bool,
    /// Says which columns are left out, by schema, table and name, beside those that a schema calls
    /// generated: no statement may set them, and binlogs do not tell them from others.
    pub is_generated: Box<ColumnTest>,
}

impl fmt::Debug for SqlOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqlOptions").field("gtids", &self.gtids).finish_non_exhaustive()
    }
}

/// Writes statements for `mysql --binary-mode`.
///
/// Rows of tables without a known primary key are found by all their values. Triggers of the other
/// server see the statements, which what they did on the first one is part of: it must have none.
#[derive(Debug)]
pub struct SqlFormat {
    options: SqlOptions,
    session: Session,
    gtid_was_set: bool,
}

/// What the session has been set to.
#[derive(Debug, Default)]
struct Session {
    began: bool,
    /// Whether it is ready for rows.
    for_rows: bool,
    /// Foreign key checks off, unique checks off.
    checks: Option<(bool, bool)>,
    settings: Vec<u8>,
    schema: Vec<u8>,
}

/// What ends statements that have a semicolon.
const DELIMITER: &str = "/*binlogd*/;;";

/// In an event's header: the statement does not depend on the default schema.
const SUPPRESS_USE: u16 = 8;

impl SqlFormat {
    /// A writer.
    #[must_use]
    pub fn new(options: SqlOptions) -> Self {
        Self { options, session: Session::default(), gtid_was_set: false }
    }

    fn gtid(&mut self, transaction: &Transaction, out: &mut Vec<u8>) {
        if !self.options.gtids {
            return;
        }
        self.gtid_was_set |= transaction.gtid.is_none_or(|gtid| gtid.domain().is_none());
        let text = match transaction.gtid {
            None => "SET @@session.gtid_next='ANONYMOUS';\n".to_owned(),
            Some(gtid) => match gtid.source {
                GtidSource::Server { .. } => format!("SET @@session.gtid_next='{gtid}';\n"),
                GtidSource::Domain { domain, server_id } => format!(
                    "SET @@session.gtid_domain_id={domain}, @@session.server_id={server_id}, \
                     @@session.gtid_seq_no={};\n",
                    gtid.number
                ),
            },
        };
        out.extend_from_slice(text.as_bytes());
    }

    fn rows(&mut self, rows: Rows<'_>, out: &mut Vec<u8>) -> Result<(), FormatError> {
        let table = rows.table();
        if rows.body().table_id == RowsBody::DUMMY_TABLE_ID && table.columns().is_empty() {
            return Ok(());
        }
        let names = Names::of(table, &self.options.is_generated)?;
        self.session.prepare_rows(rows.body().flags, out);
        let change = rows.change();
        for row in rows {
            match (change, row?) {
                (RowsChange::Insert, Row { after: Some(after), .. }) => {
                    names.insert(&after, out)?;
                }
                (RowsChange::Update, Row { before: Some(before), after: Some(after) }) => {
                    names.update(&before, &after, out)?;
                }
                (_, Row { before: Some(before), .. }) => names.delete(&before, out)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// `CREATE TABLE … SELECT` is logged as one transaction: the table, then its rows. Only a replica
    /// can do both at once, so that here the table is a transaction of its own.
    fn create_select(
        &mut self,
        at: &At<'_>,
        statement: &Statement<'_>,
        create: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), FormatError> {
        if self.options.gtids {
            return Err(FormatError::CreateSelect);
        }
        self.statement(at, &Statement { text: create, ..*statement }, out);
        out.extend_from_slice(b"BEGIN;\n");
        Ok(())
    }

    fn statement(&mut self, at: &At<'_>, statement: &Statement<'_>, out: &mut Vec<u8>) {
        let session = &mut self.session;
        session.prepare_statement(statement, at.header.timestamp, out);
        let uses = at.header.flags.0 & SUPPRESS_USE == 0 && !statement.schema.is_empty();
        if uses && session.schema != statement.schema {
            out.extend_from_slice(b"USE ");
            sql_identifier(statement.schema, out);
            out.extend_from_slice(b";\n");
            session.schema = statement.schema.to_vec();
        }
        for set in statement.context {
            out.extend_from_slice(set.as_bytes());
            out.extend_from_slice(b";\n");
        }
        if statement.text.contains(&b';') {
            out.extend_from_slice(format!("DELIMITER {DELIMITER}\n").as_bytes());
            out.extend_from_slice(statement.text);
            out.extend_from_slice(format!("\n{DELIMITER}\nDELIMITER ;\n").as_bytes());
        } else {
            out.extend_from_slice(statement.text);
            // On a line of its own, as the statement may end with a comment.
            out.extend_from_slice(b"\n;\n");
        }
        if statement.alone {
            // It may have dropped the schema that is in use.
            session.schema.clear();
        }
    }
}

/// Makes a session one in which literals hold and rows are stored as they were.
pub(super) const FOR_ROWS: &[u8] = b"SET NAMES utf8mb4;\nSET time_zone='+00:00', \
    sql_mode='NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES';\n";

/// Whether the session that a row event comes from had foreign key checks off, and unique checks off.
pub(super) fn checks_of(flags: u16) -> (bool, bool) {
    const NO_FOREIGN_KEY_CHECKS: u16 = 2;
    const RELAXED_UNIQUE_CHECKS: u16 = 4;
    (flags & NO_FOREIGN_KEY_CHECKS != 0, flags & RELAXED_UNIQUE_CHECKS != 0)
}

pub(super) fn set_checks((no_foreign_keys, relaxed): (bool, bool), out: &mut Vec<u8>) {
    let (keys, unique) = (u8::from(!no_foreign_keys), u8::from(!relaxed));
    let text = format!("SET foreign_key_checks={keys}, unique_checks={unique};\n");
    out.extend_from_slice(text.as_bytes());
}

impl Format for SqlFormat {
    fn begin(&mut self, transaction: &Transaction, out: &mut Vec<u8>) -> Result<(), FormatError> {
        self.session.begin(out);
        self.gtid(transaction, out);
        out.extend_from_slice(transaction.xa_start.as_deref().unwrap_or("BEGIN").as_bytes());
        out.extend_from_slice(b";\n");
        Ok(())
    }

    fn change(
        &mut self,
        at: &At<'_>,
        transaction: &Transaction,
        change: Change<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), FormatError> {
        match change {
            Change::Rows { rows, .. } => self.rows(rows, out)?,
            Change::Statement(_) if !transaction.takes_effect() => {}
            Change::Statement(statement) => {
                if statement.alone {
                    self.session.begin(out);
                    self.gtid(transaction, out);
                }
                match statement.text.strip_suffix(b" START TRANSACTION") {
                    Some(create) if !statement.alone => {
                        self.create_select(at, &statement, create, out)?;
                    }
                    _ => self.statement(at, &statement, out),
                }
            }
            Change::Load(_) => return Err(FormatError::LoadData),
            Change::Incident(incident) => return Err(FormatError::incident(&incident)),
            Change::Unknown { .. } => return Err(FormatError::Unknown),
            Change::End(end) => {
                let statement = match &end {
                    End::Commit => "COMMIT",
                    End::Rollback => "ROLLBACK",
                    End::Prepared(statement) => statement,
                };
                out.extend_from_slice(statement.as_bytes());
                out.extend_from_slice(b";\n");
            }
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        if self.gtid_was_set {
            out.extend_from_slice(b"SET @@session.gtid_next='AUTOMATIC';\n");
        }
    }
}

impl Session {
    fn begin(&mut self, out: &mut Vec<u8>) {
        if !self.began {
            out.extend_from_slice(b"-- written by binlogd tail --format sql\n");
            self.began = true;
        }
    }

    fn prepare_rows(&mut self, flags: u16, out: &mut Vec<u8>) {
        if !self.for_rows {
            out.extend_from_slice(FOR_ROWS);
            self.for_rows = true;
            self.settings.clear();
        }
        let (no_foreign_keys, relaxed) = checks_of(flags);
        self.check(no_foreign_keys, relaxed, out);
    }

    fn check(&mut self, no_foreign_keys: bool, relaxed: bool, out: &mut Vec<u8>) {
        if self.checks != Some((no_foreign_keys, relaxed)) {
            set_checks((no_foreign_keys, relaxed), out);
            self.checks = Some((no_foreign_keys, relaxed));
        }
    }

    /// Makes the session that of the statement.
    fn prepare_statement(&mut self, statement: &Statement<'_>, time: u32, out: &mut Vec<u8>) {
        const NO_FOREIGN_KEY_CHECKS: u32 = 1 << 26;
        const RELAXED_UNIQUE_CHECKS: u32 = 1 << 27;
        const AUTO_IS_NULL: u32 = 1 << 14;
        let settings = statement.settings;
        let micros = settings.iter().find_map(|item| match item {
            Ok(StatusVar::Microseconds(us)) => Some(us),
            _ => None,
        });
        out.extend_from_slice(
            format!("SET timestamp={time}.{:06}", micros.unwrap_or(0)).as_bytes(),
        );
        if self.for_rows || self.settings != settings.bytes() {
            for item in settings.iter().map_while(Result::ok) {
                let set = match item {
                    StatusVar::SqlMode(mode) => format!(", sql_mode={mode}"),
                    StatusVar::AutoIncrement { increment, offset } => format!(
                        ", auto_increment_increment={increment}, auto_increment_offset={offset}"
                    ),
                    StatusVar::Charset { client, connection, server } => {
                        // MariaDB does not take its newer collations' numbers for a character set.
                        let client = match Charset::of_collation(u64::from(client)) {
                            Some(charset) => charset.name().to_owned(),
                            None => client.to_string(),
                        };
                        format!(
                            ", character_set_client={client}, collation_connection={connection}, \
                             collation_server={server}"
                        )
                    }
                    StatusVar::TimeZone(zone) => {
                        format!(", time_zone='{}'", String::from_utf8_lossy(zone))
                    }
                    StatusVar::LcTimeNames(number) => format!(", lc_time_names={number}"),
                    StatusVar::CharsetDatabase(id) => format!(", collation_database={id}"),
                    StatusVar::DefaultCollationForUtf8mb4(id) => {
                        format!(", default_collation_for_utf8mb4={id}")
                    }
                    StatusVar::ExplicitDefaultsForTimestamp(on) => {
                        format!(", explicit_defaults_for_timestamp={}", u8::from(on))
                    }
                    _ => continue,
                };
                out.extend_from_slice(set.as_bytes());
            }
            self.settings = settings.bytes().to_vec();
            self.for_rows = false;
        }
        out.extend_from_slice(b";\n");
        for item in settings.iter().map_while(Result::ok) {
            if let StatusVar::Flags2(flags) = item {
                let auto_is_null = u8::from(flags & AUTO_IS_NULL != 0);
                out.extend_from_slice(format!("SET sql_auto_is_null={auto_is_null};\n").as_bytes());
                let (no_keys, relaxed) =
                    (flags & NO_FOREIGN_KEY_CHECKS != 0, flags & RELAXED_UNIQUE_CHECKS != 0);
                self.check(no_keys, relaxed, out);
            }
        }
    }
}
