//! Says on stderr what the output has no record for: nothing is passed over in silence.

use std::collections::BTreeMap;

use binlogd_decode::changes::At;
use binlogd_decode::format::{FormatError, Untold};

use crate::logging::print_note;
use crate::sink::event_at;

/// Of a statement or message so many characters are shown.
const SHOWN_MAX: usize = 60;

/// Changes of so many tables are counted for each table; those of others are counted together.
const TABLES_MAX: usize = 1000;
/// So many of them are shown at the end.
const TABLES_SHOWN: usize = 20;

/// What becomes of changes of tables whose columns are not known, in a format that needs their names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum UnknownTables {
    /// The first one is an error.
    #[default]
    Refuse,
    /// They are left out, and the command fails at its end.
    Fail,
    /// They are left out, as the user has allowed.
    Allow,
}

/// What was left out so far. Incidents are said one by one; of what may come in great numbers the first
/// is said at once, and at the end how many there were.
#[derive(Debug, Default)]
pub(crate) struct LeftOut {
    statements: u64,
    rollbacks: u64,
    unknown: UnknownTables,
    /// How many events with rows of unknown tables there were, by the table's name.
    tables: BTreeMap<String, u64>,
    /// How many there were of still other tables.
    of_others: u64,
}

impl LeftOut {
    pub(crate) fn new(unknown: UnknownTables) -> Self {
        Self { unknown, ..Self::default() }
    }

    /// Whether an event with rows of a table is left out, since its columns are not known.
    pub(crate) fn table(&mut self, at: &At<'_>, table: &str, why: &FormatError) -> bool {
        if self.unknown == UnknownTables::Refuse {
            return false;
        }
        if let Some(count) = self.tables.get_mut(table) {
            *count += 1;
        } else if self.tables.len() < TABLES_MAX {
            self.tables.insert(table.to_owned(), 1);
            let place = event_at(at);
            print_note(&format!("{place}: changes of {table} are left out from here on: {why}"));
        } else {
            self.of_others += 1;
        }
        true
    }

    /// Whether anything was left out.
    pub(crate) fn has_any(&self) -> bool {
        self.statements > 0 || self.rollbacks > 0 || !self.tables.is_empty()
    }

    /// Says of which tables changes are missing, if that is an error.
    pub(crate) fn missing(&self) -> Option<String> {
        let tables = self.unknown_tables().filter(|_| self.unknown == UnknownTables::Fail)?;
        Some(format!(
            "changes are missing in the output, of tables whose columns are not known: {tables}. Give their \
             definitions (--schema), or continue without them (--allow-unknown-tables)"
        ))
    }

    /// Names the tables whose changes were left out; `None` if there are none.
    fn unknown_tables(&self) -> Option<String> {
        let events = |count: u64| match count {
            1 => "1 event".to_owned(),
            count => format!("{count} events"),
        };
        let shown = self.tables.iter().take(TABLES_SHOWN);
        let mut shown: Vec<String> =
            shown.map(|(table, count)| format!("{table} ({})", events(*count))).collect();
        let others: u64 = self.tables.values().skip(TABLES_SHOWN).sum::<u64>() + self.of_others;
        if others > 0 {
            shown.push(format!("other tables ({})", events(others)));
        }
        (!shown.is_empty()).then(|| shown.join(", "))
    }

    pub(crate) fn note(&mut self, at: &At<'_>, what: &Untold<'_>) {
        let place = event_at(at);
        match what {
            Untold::Incident(incident) => {
                let message = String::from_utf8_lossy(incident.message);
                let message: String =
                    message.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
                print_note(&format!(
                    "{place}: the server says that changes are missing here, of which the output \
                     tells nothing: {message}"
                ));
            }
            Untold::Statement(statement) => {
                self.statements += 1;
                if self.statements == 1 {
                    print_note(&format!(
                        "{place}: `{}` changes rows and does not say which, so the output tells \
                         nothing of it; further ones are counted. Servers log rows with \
                         binlog_format=ROW",
                        statement.beginning(SHOWN_MAX)
                    ));
                }
            }
            Untold::RolledBack => {
                self.rollbacks += 1;
                if self.rollbacks == 1 {
                    print_note(&format!(
                        "{place}: rows that were told before are rolled back here, of which the \
                         output tells nothing; further ones are counted"
                    ));
                }
            }
            _ => print_note(&format!(
                "{place}: what it changes is not known here, and the output tells nothing of it"
            )),
        }
    }

    /// Nothing follows.
    pub(crate) fn finish(&self) {
        let Self { statements, rollbacks, .. } = *self;
        if statements > 1 {
            print_note(&format!(
                "the output tells nothing of {statements} statements that change rows"
            ));
        }
        if rollbacks > 1 {
            print_note(&format!(
                "the output tells as done what {rollbacks} transactions rolled back"
            ));
        }
        if self.unknown == UnknownTables::Allow
            && let Some(tables) = self.unknown_tables()
        {
            print_note(&format!(
                "changes of tables whose columns are not known were left out \
                 (--allow-unknown-tables): {tables}"
            ));
        }
    }
}
