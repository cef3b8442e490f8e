//! Where the answer to a command ends, for a relay that passes packets on without holding them.
//!
//! A relay sees of each payload its beginning and whether it is a long one; that is enough to follow an
//! answer through columns, rows and further results to its last payload.
//! Manual: "Command Phase", "Text Resultset", "Prepared Statements".

use crate::capability::Capabilities;
use crate::command::CommandKind;
use crate::error::WireError;
use crate::reader::Reader;
use crate::response::{EOF, ERR, LOCAL_INFILE, OK};
use crate::resultset::MAX_COLUMNS;
use crate::status::StatusFlags;

/// How many bytes of a payload's beginning decide what it is: a marker, two numbers, the status.
pub const PREFIX_LEN: usize = 32;

/// An EOF payload is shorter than this; a row that starts with the same byte is longer.
const EOF_LEN_MAX: usize = 8;

/// What follows a payload of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// More of the answer.
    More,
    /// Nothing: the answer is complete.
    End,
    /// The server waits for a file of the client.
    LocalInfile,
}

/// Follows the answer to one command.
#[derive(Debug, Clone)]
pub struct AnswerTracker {
    deprecate_eof: bool,
    kind: CommandKind,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The first payload of a result.
    First,
    /// Definitions of columns or parameters; then those of columns, if the first were parameters.
    Definitions { left: usize, then: Then },
    /// The EOF after them.
    DefinitionsEnd { then: Then },
    /// Rows or their end.
    Rows,
    /// Nothing.
    Ended,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    Rows,
    Columns(usize),
    End,
}

impl AnswerTracker {
    /// Expects the answer to a command of this kind. `capabilities` are those agreed on with both sides.
    #[must_use]
    pub fn new(kind: CommandKind, capabilities: Capabilities) -> Self {
        let state = match kind {
            kind if kind.is_unanswered() => State::Ended,
            CommandKind::STMT_FETCH => State::Rows,
            _ => State::First,
        };
        let deprecate_eof = capabilities.contains(Capabilities::DEPRECATE_EOF);
        Self { deprecate_eof, kind, state }
    }

    /// Whether nothing (more) is expected.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.state == State::Ended
    }

    /// Whether an error may be the next payload, for a client that has seen the answer so far.
    #[must_use]
    pub fn takes_error(&self) -> bool {
        matches!(self.state, State::First | State::Rows)
    }

    /// Takes the beginning of the next payload: all of it, or at least [`PREFIX_LEN`] bytes of one that is
    /// longer. `len` is the length of its first packet, so that of a long payload it is
    /// [`MAX_BODY_LEN`](crate::packet::MAX_BODY_LEN).
    ///
    /// # Errors
    /// The payload is none that can come here.
    pub fn on_payload(&mut self, prefix: &[u8], len: usize) -> Result<Step, WireError> {
        let next = match self.state {
            State::Ended => return Err(bad("answer", prefix)),
            State::First => match prefix.first() {
                Some(&ERR) => State::Ended,
                Some(&OK) if self.kind == CommandKind::STMT_PREPARE => self.prepared(prefix)?,
                Some(&OK) => after_result(ok_status(prefix)?),
                Some(&LOCAL_INFILE) if self.kind == CommandKind::QUERY => {
                    return Ok(Step::LocalInfile);
                }
                _ if self.has_rows() => columns(prefix)?,
                _ => return Err(bad("answer", prefix)),
            },
            State::Definitions { left, then } => match left.saturating_sub(1) {
                0 => self.definitions_end(then),
                left => State::Definitions { left, then },
            },
            State::DefinitionsEnd { then } => {
                if prefix.first() != Some(&EOF) || len > EOF_LEN_MAX {
                    return Err(bad("end of column definitions", prefix));
                }
                match then {
                    // With a cursor the rows come when they are fetched.
                    Then::Rows if eof_status(prefix)?.contains(StatusFlags::CURSOR_EXISTS) => {
                        State::Ended
                    }
                    then => self.after_definitions(then),
                }
            }
            State::Rows => match prefix.first() {
                Some(&ERR) => State::Ended,
                Some(&EOF) if self.deprecate_eof && len < crate::packet::MAX_BODY_LEN => {
                    after_result(ok_status(prefix)?)
                }
                Some(&EOF) if !self.deprecate_eof && len <= EOF_LEN_MAX => {
                    after_result(eof_status(prefix)?)
                }
                _ => State::Rows,
            },
        };
        self.state = next;
        Ok(if self.is_ended() { Step::End } else { Step::More })
    }

    fn has_rows(&self) -> bool {
        matches!(self.kind, CommandKind::QUERY | CommandKind::STMT_EXECUTE)
    }

    /// The OK of COM_STMT_PREPARE: definitions of parameters follow, then those of columns.
    fn prepared(&self, prefix: &[u8]) -> Result<State, WireError> {
        let prepared = Prepared::parse(prefix)?;
        let (columns, parameters) =
            (usize::from(prepared.columns), usize::from(prepared.parameters));
        Ok(match parameters {
            0 => self.after_definitions(Then::Columns(columns)),
            left => State::Definitions { left, then: Then::Columns(columns) },
        })
    }

    fn definitions_end(&self, then: Then) -> State {
        if self.deprecate_eof {
            self.after_definitions(then)
        } else {
            State::DefinitionsEnd { then }
        }
    }

    fn after_definitions(&self, then: Then) -> State {
        match then {
            Then::Rows => State::Rows,
            Then::Columns(0) | Then::End => State::Ended,
            Then::Columns(left) => State::Definitions { left, then: Then::End },
        }
    }
}

/// What the OK of COM_STMT_PREPARE says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prepared {
    /// The statement's number.
    pub id: u32,
    /// How many columns its rows have.
    pub columns: u16,
    /// How many parameters it takes.
    pub parameters: u16,
}

impl Prepared {
    /// Parses the beginning of the payload.
    ///
    /// # Errors
    /// Not such a payload, or truncated.
    pub fn parse(payload: &[u8]) -> Result<Self, WireError> {
        let mut r = Reader::new(payload, "COM_STMT_PREPARE response");
        match r.u8("marker")? {
            OK => {}
            other => return Err(r.bad_value("marker", u64::from(other))),
        }
        Ok(Self {
            id: r.u32("statement id")?,
            columns: r.u16("number of columns")?,
            parameters: r.u16("number of parameters")?,
        })
    }
}

fn columns(prefix: &[u8]) -> Result<State, WireError> {
    let mut r = Reader::new(prefix, "result set");
    let count = r.lenenc_int("column count")?;
    match usize::try_from(count).ok().filter(|count| (1..=MAX_COLUMNS).contains(count)) {
        Some(left) => Ok(State::Definitions { left, then: Then::Rows }),
        None => Err(r.bad_value("column count", count)),
    }
}

fn after_result(status: StatusFlags) -> State {
    if status.contains(StatusFlags::MORE_RESULTS) { State::First } else { State::Ended }
}

fn ok_status(prefix: &[u8]) -> Result<StatusFlags, WireError> {
    let mut r = Reader::new(prefix, "OK packet");
    r.u8("marker")?;
    r.lenenc_int("affected rows")?;
    r.lenenc_int("last insert id")?;
    Ok(StatusFlags(r.u16("status")?))
}

fn eof_status(prefix: &[u8]) -> Result<StatusFlags, WireError> {
    let mut r = Reader::new(prefix, "EOF packet");
    r.u8("marker")?;
    r.u16("warnings")?;
    Ok(StatusFlags(r.u16("status")?))
}

fn bad(structure: &'static str, prefix: &[u8]) -> WireError {
    let value = prefix.first().map_or(0, |byte| u64::from(*byte));
    WireError::BadValue { structure, field: "first byte", value }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEW: Capabilities = Capabilities::DEPRECATE_EOF;
    const OLD: Capabilities = Capabilities::NONE;
    const COLUMN: &[u8] = b"\x03def";
    const ROW: &[u8] = b"\x01x";

    fn ok(marker: u8, status: u16) -> Vec<u8> {
        let [low, high] = status.to_le_bytes();
        vec![marker, 0xfc, 0x00, 0x01, 0x07, low, high, 0, 0]
    }

    fn eof(status: u16) -> Vec<u8> {
        let [low, high] = status.to_le_bytes();
        vec![EOF, 0, 0, low, high]
    }

    /// Only the last of the payloads ends the answer.
    fn ends_with_the_last(kind: CommandKind, capabilities: Capabilities, payloads: &[Vec<u8>]) {
        let mut tracker = AnswerTracker::new(kind, capabilities);
        let (last, others) = payloads.split_last().unwrap();
        for payload in others {
            assert_eq!(tracker.on_payload(payload, payload.len()), Ok(Step::More), "{payload:x?}");
        }
        assert_eq!(tracker.on_payload(last, last.len()), Ok(Step::End), "{payloads:x?}");
        assert!(tracker.is_ended());
        assert!(tracker.on_payload(ROW, 2).is_err(), "nothing follows");
    }

    #[test]
    fn an_answer_ends_with_its_last_payload() {
        let (query, execute) = (CommandKind::QUERY, CommandKind::STMT_EXECUTE);
        let (fetch, prepare) = (CommandKind::STMT_FETCH, CommandKind::STMT_PREPARE);
        let two = || vec![2];
        let column = || COLUMN.to_vec();
        let row = || ROW.to_vec();
        let error = || b"\xff\x28\x04#42000no".to_vec();
        let prepared =
            |columns: u8, parameters: u8| vec![OK, 1, 0, 0, 0, columns, 0, parameters, 0, 0, 0, 0];
        for kind in [query, execute] {
            ends_with_the_last(kind, NEW, &[ok(OK, 2)]);
            ends_with_the_last(kind, OLD, &[error()]);
            let set = [two(), column(), column(), row(), row(), ok(EOF, 2)];
            ends_with_the_last(kind, NEW, &set);
            let set = [two(), column(), column(), eof(2), row(), eof(2)];
            ends_with_the_last(kind, OLD, &set);
            // Two result sets, and the OK of the CALL that made them.
            let more = [vec![1], column(), eof(10), row(), eof(10)];
            ends_with_the_last(kind, OLD, &[&more[..], &more, &[ok(OK, 2)]].concat());
            let more = [vec![1], column(), row(), ok(EOF, 10)];
            ends_with_the_last(kind, NEW, &[&more[..], &more, &[ok(OK, 2)]].concat());
            ends_with_the_last(kind, NEW, &[vec![1], column(), row(), error()]);
        }
        // A cursor is open: 0x40.
        ends_with_the_last(execute, OLD, &[vec![1], column(), eof(0x42)]);
        ends_with_the_last(execute, NEW, &[vec![1], column(), ok(EOF, 0x42)]);
        ends_with_the_last(fetch, OLD, &[row(), row(), eof(0xc2)]);
        ends_with_the_last(fetch, NEW, &[row(), ok(EOF, 0x42)]);
        ends_with_the_last(prepare, NEW, &[prepared(0, 0)]);
        ends_with_the_last(prepare, NEW, &[prepared(1, 2), column(), column(), column()]);
        ends_with_the_last(prepare, OLD, &[prepared(1, 1), column(), eof(2), column(), eof(2)]);
        ends_with_the_last(prepare, OLD, &[prepared(1, 0), column(), eof(2)]);
        ends_with_the_last(prepare, OLD, &[prepared(0, 1), column(), eof(2)]);
        ends_with_the_last(CommandKind::PING, NEW, &[ok(OK, 2)]);
        assert!(AnswerTracker::new(CommandKind::STMT_CLOSE, NEW).is_ended());
    }

    #[test]
    fn a_long_row_that_begins_as_an_end_is_a_row() {
        for capabilities in [NEW, OLD] {
            let mut tracker = AnswerTracker::new(CommandKind::STMT_FETCH, capabilities);
            let mut row = vec![EOF];
            row.resize(PREFIX_LEN, 0);
            assert_eq!(tracker.on_payload(&row, crate::packet::MAX_BODY_LEN), Ok(Step::More));
        }
        let mut tracker = AnswerTracker::new(CommandKind::STMT_FETCH, OLD);
        assert_eq!(tracker.on_payload(&[EOF, 0, 0, 2, 0, 1, 1, 1, 1], 9), Ok(Step::More));
    }

    #[test]
    fn a_wish_for_a_file_and_nonsense_are_noticed() {
        let mut tracker = AnswerTracker::new(CommandKind::QUERY, NEW);
        assert_eq!(tracker.on_payload(b"\xfb/etc/passwd", 12), Ok(Step::LocalInfile));
        for kind in [CommandKind::PING, CommandKind::STMT_EXECUTE, CommandKind::QUERY] {
            for payload in [&b"\xfe"[..], b"", b"\xfd\xff\xff\xff", b"\x00\xfc"] {
                let mut tracker = AnswerTracker::new(kind, NEW);
                assert!(tracker.on_payload(payload, payload.len()).is_err(), "{payload:x?}");
            }
        }
        let mut tracker = AnswerTracker::new(CommandKind::PING, NEW);
        assert!(tracker.on_payload(b"\xfbfile", 5).is_err());
    }
}
