//! Changes as SQL that the client `mysql` runs, so that another server gets the same tables.

mod session;

use std::fmt;

use binlogd_event::GtidSource;
use binlogd_event::body::{RowsBody, RowsChange};

use super::names::Names;
use super::{Format, FormatError, comment_left_out, whole};
use crate::changes::{At, Change, End, LoadedFile, Statement, Transaction};
use crate::{Row, Rows};
use session::Session;
pub(super) use session::{Checks, FOR_ROWS};

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
                    // One by one: with gtid_strict_mode the number is judged by the domain that is set.
                    "SET @@session.gtid_domain_id={domain};\nSET @@session.server_id={server_id};\n\
                     SET @@session.gtid_seq_no={};\n",
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
            let row = row?;
            whole(out, |out| match (change, row) {
                (RowsChange::Insert, Row { after: Some(after), .. }) => names.insert(&after, out),
                (RowsChange::Update, Row { before: Some(before), after: Some(after) }) => {
                    names.update(&before, &after, out)
                }
                (_, Row { before: Some(before), .. }) => names.delete(&before, out),
                _ => Ok(()),
            })?;
        }
        Ok(())
    }

    /// `CREATE TABLE … SELECT` is logged as one transaction: the table, then its rows. Only a replica
    /// can do both at once, so that here the table is a transaction of its own.
    fn create_select(
        &mut self,
        at: &At<'_>,
        transaction: &Transaction,
        statement: &Statement<'_>,
        create: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), FormatError> {
        if self.options.gtids {
            return Err(FormatError::CreateSelect);
        }
        self.statement(at, transaction, &Statement { text: create, ..*statement }, out)?;
        out.extend_from_slice(b"BEGIN;\n");
        Ok(())
    }

    /// `LOAD DATA LOCAL` of the file that was written. The client program sends it to the server.
    fn load(
        &mut self,
        at: &At<'_>,
        transaction: &Transaction,
        statement: &Statement<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), FormatError> {
        let file = statement.file.ok_or(FormatError::LoadData)?;
        let path = file.path.filter(|path| LoadedFile::can_be_named(path));
        let path = path.ok_or(FormatError::LoadData)?;
        if statement.error_code != 0 {
            return Err(FormatError::LoadFailed(statement.error_code));
        }
        let (front, back) = (statement.text.get(..file.start), statement.text.get(file.end..));
        let (front, back) = front.zip(back).ok_or(FormatError::LoadData)?;
        let mut text = front.trim_ascii_end().to_vec();
        text.extend_from_slice(format!(" LOCAL INFILE '{path}'").as_bytes());
        // With LOCAL rows that exist already are left, unless they are replaced.
        text.extend_from_slice(if file.duplicates == 2 { b" REPLACE" } else { b"" });
        text.extend_from_slice(b" INTO ");
        text.extend_from_slice(back.trim_ascii_start());
        self.statement(at, transaction, &Statement { text: &text, ..*statement }, out)
    }

    fn statement(
        &mut self,
        at: &At<'_>,
        transaction: &Transaction,
        statement: &Statement<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), FormatError> {
        let session = &mut self.session;
        let uses_schema = at.header.flags.0 & SUPPRESS_USE == 0 && !statement.schema.is_empty();
        let time = at.header.timestamp;
        session.prepare_statement(statement, time, uses_schema, is_mariadb(transaction), out)?;
        if statement.text.contains(&b';') {
            let delimiter = delimiter(statement.text);
            out.extend_from_slice(format!("DELIMITER {delimiter}\n").as_bytes());
            out.extend_from_slice(statement.text);
            out.extend_from_slice(format!("\n{delimiter}\nDELIMITER ;\n").as_bytes());
        } else {
            out.extend_from_slice(statement.text);
            // On a line of its own, as the statement may end with a comment.
            out.extend_from_slice(b"\n;\n");
        }
        if statement.alone {
            // It may have dropped the schema that is in use.
            session.forget_schema();
        }
        Ok(())
    }
}

/// Whether MariaDB has logged it.
fn is_mariadb(transaction: &Transaction) -> bool {
    transaction.gtid.is_some_and(|gtid| gtid.domain().is_some())
}

/// What can end a statement that has semicolons: nothing that stands in it. The client program reads a
/// delimiter up to the first space.
fn delimiter(statement: &[u8]) -> String {
    let has = |text: &str| statement.windows(text.len()).any(|part| part == text.as_bytes());
    let mut delimiter = "/*binlogd*/;;".to_owned();
    let mut number = 1_u32;
    while has(&delimiter) {
        number = number.saturating_add(1);
        delimiter = format!("/*binlogd{number}*/;;");
    }
    delimiter
}

impl Format for SqlFormat {
    fn begin(&mut self, transaction: &Transaction, out: &mut Vec<u8>) -> Result<(), FormatError> {
        self.session.begin(out);
        self.gtid(transaction, out);
        let xa_start = transaction.xa_start.as_deref();
        if xa_start.is_some() && is_mariadb(transaction) {
            // MariaDB keeps a prepared transaction attached to its session, which can run nothing else until
            // that transaction ends. It detaches the transaction only in this mode.
            out.extend_from_slice(b"SET pseudo_slave_mode=1;\n");
        }
        out.extend_from_slice(xa_start.unwrap_or("BEGIN").as_bytes());
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
                        self.create_select(at, transaction, &statement, create, out)?;
                    }
                    _ => self.statement(at, transaction, &statement, out)?,
                }
            }
            Change::Load(statement) => self.load(at, transaction, &statement, out)?,
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
                if matches!(end, End::Prepared(_)) && is_mariadb(transaction) {
                    out.extend_from_slice(b"SET pseudo_slave_mode=0;\n");
                }
            }
        }
        Ok(())
    }

    fn takes_parts(&self) -> bool {
        true
    }

    fn is_replayed(&self) -> bool {
        true
    }

    fn leave_out(&mut self, table: &str, out: &mut Vec<u8>) {
        out.extend_from_slice(comment_left_out(table).as_bytes());
        out.push(b'\n');
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        if self.gtid_was_set {
            out.extend_from_slice(b"SET @@session.gtid_next='AUTOMATIC';\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delimiter_is_one_word_that_the_statement_does_not_have() {
        assert_eq!(delimiter(b"a; b"), "/*binlogd*/;;");
        assert_eq!(delimiter(b"a '/*binlogd*/;;' /*binlogd2*/;;"), "/*binlogd3*/;;");
    }
}
