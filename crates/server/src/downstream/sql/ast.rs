//! What a statement says, once read.

use super::{Expr, Inquiry, SelectOwn};
use crate::downstream::SourceChange;

/// A statement that binlogd answers, or refuses in a way that needs the session to say how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Statement {
    /// `SET …, …`
    Set(Vec<Assignment>),
    /// `SELECT …` without a table (or from `DUAL`).
    Select(Select),
    /// A question about tables, which the primary answers.
    Inquiry(Inquiry),
    /// `SELECT … FROM` a table whose rows are made here.
    SelectOwn(SelectOwn),
    /// `SELECT … FROM` another table: there are none, the session says which error that is.
    SelectFrom {
        /// The database, where one is named.
        schema: Option<String>,
        /// The table.
        table: String,
    },
    /// `SHOW …`
    Show(Show),
    /// `KILL …`
    Kill(Kill),
    /// `PURGE BINARY LOGS …`
    Purge(Purge),
    /// `START REPLICA`, `STOP REPLICA`, `CHANGE REPLICATION SOURCE TO`, `RESET REPLICA ALL`
    Replica {
        /// What is to be done.
        verb: Replica,
        /// The channel that is named.
        channel: Channel,
    },
    /// `FLUSH …`
    Flush(Vec<Flush>),
    /// `LOCK TABLES …`
    LockTables {
        /// Whether one of them is to be written to.
        writes: bool,
    },
    /// `LOCK INSTANCE FOR BACKUP`
    LockInstance,
    /// `UNLOCK TABLES`, `UNLOCK INSTANCE`
    Unlock,
    /// `SAVEPOINT name`
    Savepoint(String),
    /// `RELEASE SAVEPOINT name`
    ReleaseSavepoint(String),
    /// `ROLLBACK TO [SAVEPOINT] name`
    RollbackTo(String),
    /// `CALL procedure`: there are none.
    Call(String),
    /// `DO value, …`
    Do(Vec<Expr>),
    /// `SET ROLE …`: with a role, or `NONE`, `DEFAULT`, `ALL`.
    SetRole(Option<String>),
    /// `PREPARE name FROM source`
    Prepare {
        /// The name, in lower case.
        name: String,
        /// The statement's text.
        source: Expr,
    },
    /// `EXECUTE name USING …`
    Execute {
        /// The name, in lower case.
        name: String,
        /// A value for each parameter.
        using: Vec<Expr>,
    },
    /// MariaDB's `EXECUTE IMMEDIATE source USING …`
    ExecuteImmediate {
        /// The statement's text.
        source: Expr,
        /// A value for each parameter.
        using: Vec<Expr>,
    },
    /// `DEALLOCATE PREPARE name`, with the name in lower case.
    Deallocate(String),
    /// `USE db`
    Use(String),
    /// `START TRANSACTION`, `BEGIN`, `COMMIT`, `ROLLBACK`: nothing to do on a server without tables.
    Transaction(TransactionVerb),
}

impl Statement {
    /// Calls `visit` with all expressions of the statement whose values it needs.
    pub fn each_expr<'a>(&'a self, visit: &mut dyn FnMut(&'a Expr)) {
        match self {
            Self::Select(select) => select.items.iter().for_each(|item| item.expr.each(visit)),
            Self::SelectOwn(select) => select.each_expr(visit),
            Self::Set(list) => {
                for assignment in list {
                    match assignment {
                        Assignment::User { value, .. }
                        | Assignment::System { value: SetValue::Expr(value), .. } => {
                            value.each(visit);
                        }
                        _ => {}
                    }
                }
            }
            Self::Do(values) => values.iter().for_each(|value| value.each(visit)),
            _ => {}
        }
    }
}

/// What is to be flushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flush {
    /// Who has failed to log in.
    Hosts,
    /// Tables, with a lock or without: there are none.
    Tables,
    /// Something else that is not here.
    Nothing,
}

/// What is to be done with binlogd as a replica.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replica {
    /// `START REPLICA`
    Start,
    /// `STOP REPLICA`
    Stop,
    /// `RESET REPLICA ALL`
    Reset,
    /// `CHANGE REPLICATION SOURCE TO`
    Change(Box<SourceChange>),
}

/// A replication channel's name, which MariaDB calls a connection's; there is one here, without a name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Channel(pub String);

/// Which files are to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purge {
    /// Those before this one.
    To(String),
    /// Those that were finished before this time.
    Before(Expr),
}

/// What a transaction statement does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransactionVerb {
    /// `BEGIN`, `START TRANSACTION`
    Begin,
    /// `COMMIT`
    Commit,
    /// `ROLLBACK`
    Rollback,
}

/// Which of a system variable's values is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// `@@global.x`, `SHOW GLOBAL VARIABLES`, `SET GLOBAL x` (also `PERSIST`).
    Global,
    /// `@@session.x` and `@@local.x`.
    Session,
}

/// One member of a `SET` list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Assignment {
    /// `@name = expr`
    User {
        /// The name without `@`, in lower case: case does not count.
        name: Vec<u8>,
        /// What is assigned.
        value: Expr,
    },
    /// `@@name = …`, `name = …`, `GLOBAL name = …`
    System {
        /// The scope, if one is named.
        scope: Option<Scope>,
        /// The name as written, in lower case.
        name: String,
        /// What is assigned.
        value: SetValue,
    },
    /// `NAMES x [COLLATE y]`; no charset means `DEFAULT`.
    Names {
        /// The character set.
        charset: Option<String>,
        /// The collation.
        collation: Option<String>,
    },
    /// `CHARACTER SET x`; `None` means `DEFAULT`.
    CharacterSet(Option<String>),
}

/// What is assigned to a system variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SetValue {
    /// `DEFAULT`
    Default,
    /// A bare word: `ON`, `utf8mb4`.
    Word(String),
    /// Anything else.
    Expr(Expr),
}

/// `SELECT` of a list of values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Select {
    /// The columns, at least one.
    pub items: Vec<SelectItem>,
    /// `WHERE`, if there is one.
    pub condition: Option<Expr>,
    /// `LIMIT`, if there is one.
    pub limit: Option<Limit>,
}

/// A column of a `SELECT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelectItem {
    /// What is computed.
    pub expr: Expr,
    /// The name of the result's column: the alias, else the text as the client wrote it.
    pub name: Vec<u8>,
    /// Whether that is an alias.
    pub is_alias: bool,
}

/// `LIMIT [offset,] count`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Rows to leave out first.
    pub offset: u64,
    /// Rows to return at most.
    pub count: u64,
}

impl Limit {
    /// Cuts `rows` to what the limit lets through.
    pub fn apply<T>(limit: Option<Self>, rows: Vec<T>) -> Vec<T> {
        let Some(limit) = limit else { return rows };
        let bounded = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        rows.into_iter().skip(bounded(limit.offset)).take(bounded(limit.count)).collect()
    }
}

/// What `SHOW` is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Show {
    /// `SHOW [GLOBAL|SESSION] VARIABLES`
    Variables {
        /// Global or the session's values.
        scope: Scope,
        /// Which of them.
        filter: Filter,
    },
    /// `SHOW [GLOBAL|SESSION] STATUS`
    Status {
        /// Global or the session's values.
        scope: Scope,
        /// Which of them.
        filter: Filter,
    },
    /// `SHOW BINARY LOGS`, `SHOW MASTER LOGS`
    BinaryLogs,
    /// `SHOW BINARY LOG STATUS`, `SHOW MASTER STATUS`
    BinaryLogStatus,
    /// `SHOW BINLOG EVENTS`
    BinlogEvents {
        /// `IN`; otherwise the oldest file.
        file: Option<String>,
        /// `FROM`; otherwise the file's start.
        from: u64,
        /// `LIMIT`, if there is one.
        limit: Option<Limit>,
    },
    /// `SHOW REPLICA STATUS`, `SHOW SLAVE STATUS`, `SHOW ALL SLAVES STATUS`
    ReplicaStatus {
        /// `REPLICA`, not `SLAVE`: it decides the columns' names.
        new_words: bool,
        /// MariaDB's `ALL`, with further columns.
        all: bool,
        /// The channel that is named.
        channel: Channel,
    },
    /// `SHOW REPLICAS`
    Replicas,
    /// `SHOW SLAVE HOSTS`: the same with the older column names.
    SlaveHosts,
    /// `SHOW [FULL] PROCESSLIST`
    ProcessList {
        /// Whether statements are shown whole.
        full: bool,
    },
    /// `SHOW WARNINGS`, `SHOW ERRORS`
    Warnings {
        /// `LIMIT`, if there is one.
        limit: Option<Limit>,
    },
    /// `SHOW COUNT(*) WARNINGS`, `SHOW COUNT(*) ERRORS`
    WarningCount {
        /// Whether errors alone are counted.
        errors: bool,
    },
    /// `SHOW GRANTS [FOR CURRENT_USER]`
    Grants,
    /// `SHOW OPEN TABLES`: there are none.
    OpenTables,
    /// `SHOW PROFILES`: nothing is profiled.
    Profiles,
    /// `XA RECOVER`: there are no transactions.
    XaRecover,
}

/// Which rows of a `SHOW` are wanted; `F` is how the columns are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter<F = Field> {
    /// All of them.
    All,
    /// `LIKE 'pattern'`
    Like(Vec<u8>),
    /// `WHERE condition`
    Where(Condition<F>),
}

impl Filter {
    /// Whether a row of this name can pass, whatever its value: lets expensive values stay uncomputed.
    pub fn may_match_name(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Like(pattern) => super::like(name.as_bytes(), pattern),
            Self::Where(condition) => condition.eval(name.as_bytes(), None).unwrap_or(true),
        }
    }

    /// Whether a row passes.
    pub fn matches(&self, name: &str, value: &[u8]) -> bool {
        match self {
            Self::All => true,
            Self::Like(pattern) => super::like(name.as_bytes(), pattern),
            Self::Where(condition) => condition.eval(name.as_bytes(), Some(value)).unwrap_or(false),
        }
    }
}

/// A condition over a row's columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition<F = Field> {
    /// All hold.
    And(Vec<Self>),
    /// At least one holds.
    Or(Vec<Self>),
    /// It does not hold.
    Not(Box<Self>),
    /// One comparison.
    Compare(Comparison<F>),
    /// A comparison with NULL: neither true nor false.
    Unknown,
}

/// `Variable_name = 'x'` and its like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison<F = Field> {
    /// What is compared.
    pub field: F,
    /// How.
    pub operator: Operator,
    /// With what: one text, or for `IN` any number.
    pub texts: Vec<Vec<u8>>,
}

/// The columns of `SHOW VARIABLES` and `SHOW STATUS`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// `Variable_name`
    Name,
    /// `Value`
    Value,
}

/// How a comparison compares; case does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `=` and `IN`: equal to one of the texts.
    In,
    /// `LIKE`
    Like,
}

impl Condition {
    /// Whether the condition holds; `None` if that hangs on a value not given.
    fn eval(&self, name: &[u8], value: Option<&[u8]>) -> Option<bool> {
        match self {
            Self::And(all) => join(all, true, name, value),
            Self::Or(any) => join(any, false, name, value),
            Self::Not(inner) => inner.eval(name, value).map(|holds| !holds),
            Self::Unknown => None,
            Self::Compare(comparison) => {
                let text = match comparison.field {
                    Field::Name => name,
                    Field::Value => value?,
                };
                let mut texts = comparison.texts.iter();
                Some(match comparison.operator {
                    Operator::In => texts.any(|other| super::eq_ignore_case(text, other)),
                    Operator::Like => texts.any(|pattern| super::like(text, pattern)),
                })
            }
        }
    }
}

/// AND (`neutral` true) and OR (`neutral` false) over three values: true, false, not known.
fn join(list: &[Condition], neutral: bool, name: &[u8], value: Option<&[u8]>) -> Option<bool> {
    let mut result = Some(neutral);
    for condition in list {
        match condition.eval(name, value) {
            Some(holds) if holds != neutral => return Some(holds),
            Some(_) => {}
            None => result = None,
        }
    }
    result
}

/// `KILL [CONNECTION|QUERY] id`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kill {
    /// The connection's id.
    pub id: Expr,
    /// `QUERY`: what it does ends, the connection stays.
    pub query_only: bool,
}
