//! Turns events into what they do: transactions with statements and changes of rows.
//!
//! What carries no data, such as the file's format, is left out. Nothing is written here: that is
//! for [`format`](crate::format).

mod context;
mod statement;

use binlogd_event::body::{self, ExecuteLoadQuery, Query, StatusVars};
use binlogd_event::{EventFlags, EventHeader, Gtid};

use crate::{Body, Event, Rows};
use context::Context;
pub use context::{CONTEXT_BYTES_MAX, ContextError};
pub use statement::{LoadedFile, NamedTables, RowsQuery, Statement};

/// Where an event stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct At<'a> {
    /// The file as it is to be shown.
    pub file: &'a str,
    /// Where the event begins there, in bytes; events of a compressed transaction have its place.
    pub offset: u64,
    /// Where it ends, in bytes.
    pub end: u64,
    /// The event's header.
    pub header: EventHeader,
}

impl<'a> At<'a> {
    /// The file's name without its folder, by which servers know it.
    #[must_use]
    pub fn file_name(&self) -> &'a str {
        self.file.rsplit('/').next().unwrap_or(self.file)
    }
}

/// The transaction that is under way.
#[derive(Debug, Clone, Default)]
pub struct Transaction {
    /// Its identifier, if it has one.
    pub gtid: Option<Gtid>,
    /// The file in which it begins.
    pub file: String,
    /// Where it begins there, in bytes.
    pub offset: u64,
    /// When it began, in seconds since 1970.
    pub time: u32,
    /// The id of the server that committed it first.
    pub server_id: u32,
    /// The session that ran it, if that is known yet: it comes with the first statement.
    pub thread_id: Option<u32>,
    /// The `XA START` that begins it, if it is a distributed one.
    pub xa_start: Option<String>,
    /// Its number in the server's log of transactions, once it is known.
    pub xid: Option<u64>,
    /// When it was committed first, in microseconds since 1970, if the server tells it (MySQL from 8.0
    /// on).
    pub commit_us: Option<u64>,
    /// Which part of an `ALTER TABLE` it is, of one that MariaDB logs in two (`binlog_alter_two_phase`).
    pub alter: Option<AlterPhase>,
}

/// A part of an `ALTER TABLE`; each has the whole statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlterPhase {
    /// It begins, so that replicas can begin too.
    Start,
    /// It is done.
    Commit,
    /// It failed.
    Rollback,
}

impl Transaction {
    /// Whether its statement is to be run: not if it only says that an `ALTER TABLE` begins or failed.
    #[must_use]
    pub fn takes_effect(&self) -> bool {
        !matches!(self.alter, Some(AlterPhase::Start | AlterPhase::Rollback))
    }
}

/// What an event does.
#[derive(Debug)]
#[non_exhaustive]
pub enum Change<'a> {
    /// A statement.
    Statement(Statement<'a>),
    /// Rows of one table change.
    Rows {
        /// The rows.
        rows: Rows<'a>,
        /// The statement that changed them, if the server tells it.
        query: Option<RowsQuery<'a>>,
        /// The number of that statement, which others do not have.
        statement: u64,
    },
    /// The transaction ends.
    End(End),
    /// `LOAD DATA`. The statement is of no use without its [file](Statement::file).
    Load(Statement<'a>),
    /// The server says that it made changes here which are not in the binlog. It is no part of a
    /// transaction but where it has a GTID.
    Incident(body::Incident<'a>),
    /// An event of a type that is not known here and must not be ignored: it may change anything.
    Unknown {
        /// Whether it is no part of a transaction.
        alone: bool,
    },
}

impl Change<'_> {
    /// Whether it is a transaction by itself, or part of none.
    #[must_use]
    pub fn is_alone(&self) -> bool {
        match self {
            Self::Statement(statement) => statement.alone,
            Self::Unknown { alone } => *alone,
            _ => false,
        }
    }
}

/// How a transaction ends.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum End {
    /// By commit.
    Commit,
    /// By rollback, which is logged if tables were changed that cannot roll back.
    Rollback,
    /// By the first phase of a distributed commit.
    Prepared(
        /// The statement: `XA PREPARE` or `XA COMMIT … ONE PHASE`.
        String,
    ),
}

/// In the flags of an event of rows: the statement ends with it.
const STATEMENT_END: u16 = 1;

/// Follows events through their transactions.
#[derive(Debug)]
pub struct Changes {
    transaction: Transaction,
    /// Whether the transaction was given its identity, but nothing of it has come yet.
    announced: bool,
    /// Whether statements belong to a transaction, and not each to one of its own.
    open: bool,
    /// The statement that changes the rows under way, if the server tells it.
    query: Option<Vec<u8>>,
    /// The status variables of the transaction's beginning, which tell its session's character set.
    settings: Vec<u8>,
    /// How many statements changed rows up to that one.
    statements: u64,
    /// Whether that statement's last rows have come.
    statement_ended: bool,
    context: Context,
    /// Whether the context's statement has come.
    context_used: bool,
}

/// What an event does, without what the events before it have said.
enum Step<'a> {
    Nothing,
    Statement(Query<'a>, bool),
    Load(ExecuteLoadQuery<'a>),
    Rows(Rows<'a>),
    End(End),
    Incident(body::Incident<'a>),
    Unknown,
}

impl Changes {
    /// Before the first event.
    #[must_use]
    pub fn new() -> Self {
        Self::with_context_bytes_max(CONTEXT_BYTES_MAX)
    }

    /// Before the first event, with a limit of one's own for what statements [depend
    /// on](Statement::context), in bytes of memory.
    #[must_use]
    pub fn with_context_bytes_max(context_bytes_max: usize) -> Self {
        Self {
            transaction: Transaction::default(),
            announced: false,
            open: false,
            query: None,
            settings: Vec::new(),
            statements: 0,
            statement_ended: false,
            context: Context::new(context_bytes_max),
            context_used: false,
        }
    }

    /// Whether no transaction is under way.
    #[must_use]
    pub fn is_outside(&self) -> bool {
        !self.announced && !self.open
    }

    /// The transaction that came last; it may have ended.
    #[must_use]
    pub fn last(&self) -> &Transaction {
        &self.transaction
    }

    /// Takes the next event; says what it does, if it does anything, and in which transaction.
    ///
    /// # Errors
    /// If the value of a user variable is damaged, or a statement has too many variables.
    pub fn take<'a>(
        &'a mut self,
        at: &At<'_>,
        event: Event<'a>,
    ) -> Result<Option<(&'a Transaction, Change<'a>)>, ContextError> {
        if std::mem::take(&mut self.context_used) {
            self.context.clear();
        }
        let step = match event.body {
            Body::Rows(rows) => {
                self.ensure(at);
                if self.statement_ended {
                    self.next_statement(None);
                }
                self.statement_ended = rows.body().flags & STATEMENT_END != 0;
                Step::Rows(rows)
            }
            Body::Other(body) => self.other(at, body)?,
            Body::Table(_) | Body::Payload(_) => Step::Nothing,
        };
        self.context_used = matches!(step, Step::Statement(..) | Step::Load(_));
        let change = match step {
            Step::Nothing => return Ok(None),
            Step::Rows(rows) => {
                let settings = StatusVars::new(&self.settings);
                let query = self
                    .query
                    .as_deref()
                    .map(|text| RowsQuery { text, charset: statement::charset_of(settings) });
                Change::Rows { rows, query, statement: self.statements }
            }
            Step::Statement(query, alone) => Change::Statement(self.statement(&query, alone)),
            Step::Load(load) => Change::Load(self.load(&load)),
            Step::End(end) => Change::End(end),
            Step::Incident(incident) => Change::Incident(incident),
            Step::Unknown => Change::Unknown { alone: self.is_outside() },
        };
        Ok(Some((&self.transaction, change)))
    }

    fn other<'a>(&mut self, at: &At<'_>, body: body::Body<'a>) -> Result<Step<'a>, ContextError> {
        use body::Body as B;
        match body {
            B::Gtid(gtid) => {
                let commit_us = gtid.original_commit_us.filter(|&us| us > 0);
                self.announce(Transaction { gtid: gtid.gtid, commit_us, ..begin(at) }, false);
            }
            B::MariadbGtid(gtid) => {
                const STANDALONE: u8 = 1;
                const PREPARED_XA: u8 = 64;
                let xid = gtid.xid.filter(|_| gtid.flags & PREPARED_XA != 0);
                let transaction = Transaction {
                    gtid: Some(gtid.gtid),
                    thread_id: gtid.thread_id,
                    xa_start: xid.map(|xid| format!("XA START {xid}")),
                    alter: alter_phase(gtid.flags_extra),
                    ..begin(at)
                };
                self.announce(transaction, gtid.flags & STANDALONE == 0);
            }
            B::Query(query) => return Ok(self.query(at, query)),
            B::ExecuteLoadQuery(load) => {
                self.ensure(at);
                return Ok(Step::Load(load));
            }
            B::Xid(xid) => {
                self.ensure(at);
                self.transaction.xid = Some(xid.xid);
                return Ok(self.end(End::Commit));
            }
            B::XaPrepare(prepare) => {
                self.ensure(at);
                let xid = prepare.xid;
                return Ok(self.end(End::Prepared(match prepare.one_phase {
                    true => format!("XA COMMIT {xid} ONE PHASE"),
                    false => format!("XA PREPARE {xid}"),
                })));
            }
            B::Incident(incident) => {
                self.ensure(at);
                return Ok(Step::Incident(incident));
            }
            B::RowsQuery(text) => self.next_statement(Some(text.to_vec())),
            B::Intvar(intvar) => self.context.intvar(&intvar)?,
            B::Rand(rand) => self.context.rand(&rand)?,
            B::UserVar(var) => self.context.user_var(&var)?,
            B::Unknown(_) if !at.header.flags.contains(EventFlags::IGNORABLE) => {
                if self.is_outside() {
                    self.transaction = begin(at);
                }
                return Ok(Step::Unknown);
            }
            _ => {}
        }
        Ok(Step::Nothing)
    }

    /// Of the rows that follow.
    fn next_statement(&mut self, query: Option<Vec<u8>>) {
        self.statements += 1;
        self.statement_ended = false;
        self.query = query;
    }

    fn announce(&mut self, transaction: Transaction, open: bool) {
        self.transaction = transaction;
        self.announced = true;
        self.open = open;
        self.statement_ended = true;
        self.settings.clear();
        self.context.clear();
    }

    /// Begins a transaction that nothing has announced, as servers without GTIDs write them.
    fn ensure(&mut self, at: &At<'_>) {
        if self.is_outside() {
            self.transaction = begin(at);
        }
        self.announced = false;
    }

    fn query<'a>(&mut self, at: &At<'_>, query: Query<'a>) -> Step<'a> {
        self.ensure(at);
        self.transaction.thread_id = Some(query.thread_id);
        self.settings.clear();
        self.settings.extend_from_slice(query.status_vars.bytes());
        match query.statement {
            b"BEGIN" => self.open = true,
            text if text.starts_with(b"XA START") => {
                self.transaction.xa_start = Some(String::from_utf8_lossy(text).into_owned());
                self.open = true;
            }
            b"COMMIT" => return self.end(End::Commit),
            b"ROLLBACK" => return self.end(End::Rollback),
            _ => return Step::Statement(query, !self.open),
        }
        Step::Nothing
    }

    fn statement<'a>(&'a self, query: &Query<'a>, alone: bool) -> Statement<'a> {
        Statement {
            text: query.statement,
            schema: query.schema,
            settings: query.status_vars,
            error_code: query.error_code,
            thread_id: query.thread_id,
            context: self.context.sets(),
            alone,
            tables: &[],
            file: None,
        }
    }

    fn load<'a>(&'a self, load: &ExecuteLoadQuery<'a>) -> Statement<'a> {
        let file = LoadedFile {
            id: load.file_id,
            start: load.file_name.start,
            end: load.file_name.end,
            duplicates: load.duplicates,
            path: None,
        };
        Statement { file: Some(file), ..self.statement(&load.query, false) }
    }

    fn end<'a>(&mut self, end: End) -> Step<'a> {
        self.open = false;
        self.statement_ended = true;
        self.context.clear();
        Step::End(end)
    }
}

impl Default for Changes {
    fn default() -> Self {
        Self::new()
    }
}

fn begin(at: &At<'_>) -> Transaction {
    Transaction {
        file: at.file.to_owned(),
        offset: at.offset,
        time: at.header.timestamp,
        server_id: at.header.server_id,
        ..Transaction::default()
    }
}

fn alter_phase(flags: u8) -> Option<AlterPhase> {
    match flags & 0x0e {
        0x02 => Some(AlterPhase::Start),
        0x04 => Some(AlterPhase::Commit),
        0x08 => Some(AlterPhase::Rollback),
        _ => None,
    }
}
