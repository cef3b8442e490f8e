//! Answers statements: what `sql` has read is done here, with the session's state and the stream's
//! facts, into a [`Reply`].
//!
//! How a reply travels is `reply`'s business; where values of variables come from, `variables`'.

mod eval;
mod function;
mod prepared;
mod purge;
mod replica;
mod show;
mod tables;

use super::answer::Question;
use super::error::SqlError;
use super::prepared::Bound;
use super::reply::{Column, Kind, Reply, ResultSet};
use super::server::Server;
use super::sql::{
    Assignment, Expr, Flush, Inquiry, Kill, Limit, Select, SetValue, Show, Statement,
    TransactionVerb, Value, parse, parse_prepared,
};
use super::state::SessionState;
use super::variables::{self, View};

/// Runs one statement.
///
/// # Errors
/// MySQL's own; the session lives on, and `SHOW WARNINGS` tells the error again.
pub(super) fn run(
    server: &Server,
    session: &mut SessionState,
    request: &Request<'_>,
) -> Result<Reply, SqlError> {
    let result = read(server, session, request).and_then(|statement| {
        let keeps_errors =
            matches!(statement, Statement::Show(Show::Warnings { .. } | Show::WarningCount { .. }));
        let mut query = Query::new(server, &mut *session);
        let reply = query.statement(statement)?;
        Ok((reply, query.warnings, keeps_errors))
    });
    match result {
        Ok((reply, warnings, keeps_errors)) => {
            if !keeps_errors {
                session.last_error = None;
                session.warnings = match &reply {
                    Reply::Warned(warnings) => warnings.clone(),
                    _ => warnings,
                };
            }
            Ok(reply)
        }
        Err(error) => {
            session.last_error = Some(error.clone());
            session.warnings.clear();
            Err(error)
        }
    }
}

/// A statement as it was sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request<'a> {
    pub(super) sql: &'a [u8],
    /// The values of its parameters, if it is a prepared one.
    values: Option<&'a [Value]>,
}

impl<'a> Request<'a> {
    /// A query.
    pub(super) fn text(sql: &'a [u8]) -> Self {
        Self { sql, values: None }
    }

    /// A prepared statement.
    pub(super) fn bound(bound: &'a Bound) -> Self {
        Self { sql: &bound.sql, values: Some(&bound.values) }
    }

    fn parse(&self, server: &Server) -> Result<Statement, SqlError> {
        match self.values {
            None => parse(self.sql, server.dialect()),
            Some(values) => {
                parse_prepared(self.sql, server.dialect(), Some(values)).map(|(read, _)| read)
            }
        }
    }
}

/// The statement that is to be run: of an `EXECUTE` the one that was prepared.
fn read(
    server: &Server,
    session: &mut SessionState,
    request: &Request<'_>,
) -> Result<Statement, SqlError> {
    let statement = request.parse(server)?;
    match Query::new(server, session).executed(&statement)? {
        Some(bound) => Request::bound(&bound).parse(server),
        None => Ok(statement),
    }
}

/// A statement that is being answered.
struct Query<'a> {
    server: &'a Server,
    session: &'a mut SessionState,
    /// What there is to be said of the values.
    warnings: Vec<SqlError>,
    /// How many bytes of text may still be computed.
    bytes_left: usize,
    /// When it began, in UTC; `None` until it is asked for.
    began: Option<jiff::civil::DateTime>,
    /// Whether only the columns are wanted, so that nothing may be set.
    is_trial: bool,
    /// The rows that columns are of, if there are any.
    scope: tables::Scope,
}

impl<'a> Query<'a> {
    fn new(server: &'a Server, session: &'a mut SessionState) -> Self {
        let bytes_left = eval::COMPUTED_BYTES_MAX;
        Self {
            server,
            session,
            warnings: Vec::new(),
            bytes_left,
            began: None,
            is_trial: false,
            scope: tables::Scope::default(),
        }
    }

    fn statement(&mut self, statement: Statement) -> Result<Reply, SqlError> {
        match statement {
            Statement::Set(list) => self.set(list),
            Statement::Select(select) => self.select(&select),
            Statement::SelectFrom { schema, table } => Err(self.no_table(schema, &table)),
            Statement::SelectOwn(select) => self.select_own(&select).map(Reply::Rows),
            Statement::Inquiry(inquiry) => self.inquire(&inquiry).map(Reply::Asked),
            Statement::Show(Show::BinlogEvents { file, from, limit }) => {
                show::binlog_events(&self.view(), file.as_deref(), from, limit)
            }
            Statement::Show(show) => show::run(&self.view(), &show).map(Reply::Rows),
            Statement::Kill(kill) => self.kill(&kill),
            Statement::Purge(purge) => purge::run(self, &purge),
            Statement::Replica { verb, channel } => replica::run(self, verb, &channel),
            Statement::Flush(all) => self.flush(&all),
            Statement::LockTables { writes: true } => Err(SqlError::read_only()),
            Statement::LockTables { .. } | Statement::LockInstance | Statement::Unlock => {
                Ok(Reply::Ok)
            }
            Statement::Savepoint(name) => self.savepoint(name),
            Statement::ReleaseSavepoint(name) => self.cut_savepoints(&name, true),
            Statement::RollbackTo(name) => self.cut_savepoints(&name, false),
            Statement::Do(values) => self.eval_all(&values).map(|_| Reply::Ok),
            Statement::Call(name) => Err(match (&self.session.db, name.contains('.')) {
                (None, false) => SqlError::no_database(),
                (Some(db), false) => SqlError::no_such_procedure(&format!("{db}.{name}")),
                (_, true) => SqlError::no_such_procedure(&name),
            }),
            Statement::SetRole(None) => Ok(Reply::Ok),
            Statement::SetRole(Some(role)) => {
                let dialect = self.server.dialect();
                Err(SqlError::role_not_granted(&role, &self.session.user, dialect.mariadb))
            }
            Statement::Prepare { name, source } => self.prepare_named(name, &source),
            Statement::Deallocate(name) => self.deallocate(&name),
            // Resolved before, and none of them can be prepared.
            Statement::Execute { .. } | Statement::ExecuteImmediate { .. } => {
                Err(SqlError::cannot_be_prepared())
            }
            Statement::Use(db) => {
                self.session.db = Some(db);
                Ok(Reply::Ok)
            }
            Statement::Transaction(verb) => {
                let begins = verb == TransactionVerb::Begin;
                self.session.savepoints = begins.then(Vec::new);
                Ok(Reply::Ok)
            }
        }
    }

    fn view(&self) -> View<'_> {
        View { server: self.server, session: self.session }
    }

    /// First everything is computed and checked, then set: an error leaves all as it was, and a
    /// member of the list does not see what another one sets.
    fn set(&mut self, list: Vec<Assignment>) -> Result<Reply, SqlError> {
        let mut user = Vec::new();
        let mut changes = Vec::new();
        for assignment in list {
            match assignment {
                Assignment::User { name, value } => user.push((name, self.eval(&value)?)),
                Assignment::System { scope, name, value } => {
                    let computed = match &value {
                        SetValue::Expr(expr) => Some(self.eval(expr)?),
                        SetValue::Default | SetValue::Word(_) => None,
                    };
                    let view = self.view();
                    changes.extend(variables::check(&view, scope, &name, &value, computed)?);
                }
                Assignment::Names { charset, collation } => {
                    let (charset, collation) = (charset.as_deref(), collation.as_deref());
                    let dialect = self.server.dialect();
                    changes.extend(variables::check_names(charset, collation, dialect)?);
                }
                Assignment::CharacterSet(charset) => {
                    changes.extend(variables::check_character_set(charset.as_deref())?);
                }
            }
        }
        for (name, value) in user {
            self.session.user_variables.set(name, value)?;
        }
        for change in changes {
            variables::apply(self.session, change);
        }
        Ok(Reply::Ok)
    }

    fn select(&mut self, select: &Select) -> Result<Reply, SqlError> {
        let mut columns = Vec::with_capacity(select.items.len());
        let mut row = Vec::with_capacity(select.items.len());
        for item in &select.items {
            let value = self.eval(&item.expr)?;
            columns.push(Column { name: item.name.clone(), kind: Kind::of(&value) });
            row.push(value);
        }
        let is_chosen = match &select.condition {
            Some(condition) => self.truth(condition)? == Some(true),
            None => true,
        };
        let rows = if is_chosen { vec![row] } else { Vec::new() };
        Ok(Reply::Rows(ResultSet { columns, rows: Limit::apply(select.limit, rows) }))
    }

    /// What is to be asked of the primary, whose tables a reader of its binlog may know.
    fn inquire(&self, inquiry: &Inquiry) -> Result<Question, SqlError> {
        let db = self.session.db.as_deref();
        if let Inquiry::Select(selection) = inquiry
            && !selection.is_primarys(db)
        {
            let table = &selection.table;
            return Err(self.no_table(table.schema.clone(), &table.name));
        }
        if !self.session.rights.replicate {
            return Err(SqlError::privilege_needed("REPLICATION SLAVE"));
        }
        let charset = |name| {
            let charset = variables::select(&self.view(), None, name)?;
            Ok((charset != Value::Null).then(|| charset.to_text()))
        };
        let client = charset("character_set_client")?;
        let sql = inquiry.to_sql(db, client.as_deref())?;
        let asked_in = client.filter(|_| !sql.is_ascii());
        Ok(Question { sql, asked_in, answered_in: charset("character_set_results")? })
    }

    fn kill(&mut self, kill: &Kill) -> Result<Reply, SqlError> {
        let id = self.eval(&kill.id)?.to_u64().unwrap_or(0);
        self.kill_id(id, kill.query_only)
    }

    fn kill_id(&self, id: u64, query_only: bool) -> Result<Reply, SqlError> {
        let Self { server, session, .. } = self;
        server.registry.kill(id, &session.user, session.rights.admin, query_only)?;
        if id == u64::from(session.id) {
            return Err(SqlError::interrupted());
        }
        Ok(Reply::Ok)
    }

    /// There is nothing to flush or to lock but the memory of who has failed to log in. Readers may lock tables, as
    /// those do that begin with a snapshot: it is their account at the primary that has the right for it.
    fn flush(&self, all: &[Flush]) -> Result<Reply, SqlError> {
        let may_lock = self.session.rights.replicate && all == [Flush::Tables];
        if !self.session.rights.admin && !may_lock {
            return Err(SqlError::privilege_needed("RELOAD"));
        }
        if all.contains(&Flush::Hosts) {
            self.server.registry.forget_failures();
        }
        Ok(Reply::Ok)
    }

    /// Outside of a transaction a savepoint ends with its statement.
    fn savepoint(&mut self, name: String) -> Result<Reply, SqlError> {
        const SAVEPOINTS_MAX: usize = 64;
        if let Some(savepoints) = &mut self.session.savepoints {
            savepoints.retain(|known| !known.eq_ignore_ascii_case(&name));
            if savepoints.len() >= SAVEPOINTS_MAX {
                return Err(SqlError::not_supported("this many savepoints"));
            }
            savepoints.push(name);
        }
        Ok(Reply::Ok)
    }

    /// Forgets the savepoints after this one, and this one too.
    fn cut_savepoints(&mut self, name: &str, this_too: bool) -> Result<Reply, SqlError> {
        let savepoints = self.session.savepoints.as_mut();
        let found = savepoints.and_then(|savepoints| {
            let place = savepoints.iter().position(|known| known.eq_ignore_ascii_case(name))?;
            savepoints.truncate(place + usize::from(!this_too));
            Some(())
        });
        found.map(|()| Reply::Ok).ok_or_else(|| SqlError::no_such_savepoint(name))
    }

    /// Which error a server without that table has.
    fn no_table(&self, schema: Option<String>, table: &str) -> SqlError {
        match schema.or_else(|| self.session.db.clone()) {
            None => SqlError::no_database(),
            Some(schema) if schema.eq_ignore_ascii_case("information_schema") => {
                SqlError::unknown_schema_table(table, "information_schema")
            }
            Some(schema) => SqlError::no_such_table(&schema, table),
        }
    }
}

/// What a statement's functions wait for, in order; nothing for one that fails anyway.
pub(super) fn waits(
    server: &Server,
    session: &mut SessionState,
    request: &Request<'_>,
) -> Vec<Wait> {
    /// One of these is in the name of every function that waits.
    const WAITING: [&str; 2] = ["WAIT", "SLEEP"];
    let has = |word: &str| {
        request.sql.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word.as_bytes()))
    };
    if !WAITING.iter().any(|word| has(word)) && !has("EXECUTE") {
        return Vec::new();
    }
    let Ok(statement) = read(server, session, request) else { return Vec::new() };
    let mut calls = Vec::new();
    statement.each_expr(&mut |expr| {
        if let Expr::Call { function, args } = expr {
            calls.push((function.to_ascii_uppercase(), args));
        }
    });
    let mut query = Query::new(server, session);
    // The statement itself comes later, and sets what it sets.
    query.is_trial = true;
    let mut waits = Vec::new();
    for (function, args) in calls {
        if !WAITING.iter().any(|word| function.contains(word)) {
            continue;
        }
        let Ok(args) = query.eval_all(args) else { return Vec::new() };
        match function::wait::wait(&query.view(), &function, &args) {
            Some(Ok(wait)) => waits.extend(wait),
            None => {}
            Some(Err(_)) => return Vec::new(),
        }
    }
    waits
}

pub(super) use function::wait::{Until, Wait};
pub(super) use prepared::{Columns, prepare};
pub(super) use show::events_failed;

/// COM_REFRESH, by which older clients send `FLUSH`: each bit is something to flush.
pub(super) fn refresh(
    server: &Server,
    session: &mut SessionState,
    what: u8,
) -> Result<Reply, SqlError> {
    const LOG: u8 = 2;
    const HOSTS: u8 = 8;
    if what & LOG != 0 {
        return Err(SqlError::not_supported("FLUSH LOGS: the files are copies of the primary's"));
    }
    let flush = if what & HOSTS != 0 { Flush::Hosts } else { Flush::Nothing };
    Query::new(server, session).flush(&[flush])
}

/// COM_PROCESS_KILL: as `KILL id`.
pub(super) fn kill(
    server: &Server,
    session: &mut SessionState,
    id: u32,
) -> Result<Reply, SqlError> {
    Query::new(server, session).kill_id(u64::from(id), false)
}

#[cfg(test)]
mod clients;
#[cfg(test)]
mod tests;
