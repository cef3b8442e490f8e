//! Says on stderr what the output has no record for: nothing is passed over in silence.

use binlogd_decode::changes::At;
use binlogd_decode::format::Untold;

use crate::logging::print_note;
use crate::sink::event_at;

/// Of a statement or message so many characters are shown.
const SHOWN_MAX: usize = 60;

/// What was left out so far. Incidents are said one by one; of what may come in great numbers the first
/// is said at once, and at the end how many there were.
#[derive(Debug, Default)]
pub(crate) struct LeftOut {
    statements: u64,
    rollbacks: u64,
}

impl LeftOut {
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
        let Self { statements, rollbacks } = *self;
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
    }
}
