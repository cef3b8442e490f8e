//! What the connector sends to its schema change topic: statements that define tables and databases,
//! with the tables that they leave.

use super::super::json::{field, null_field, number_field, text_field};
use super::super::now_us;
use super::record::Record;
use super::table_change::TableWriter;
use super::{DebeziumFormat, Origin, commit_time_us};
use crate::changes::{At, Statement, Transaction};
use crate::schema::definition::{Action, Definition, Name};
use crate::schema::effect::pass_attributes;
use crate::schema::lexer::{Lexer, Token};
use crate::schema::mode::SqlMode;
use crate::{NamedTable, TableChange};

/// The verbs of statements that the connector leaves out.
const VERBS_LEFT_OUT: &[&str] =
    &["analyze", "grant", "optimize", "repair", "revoke", "savepoint", "truncate", "xa"];
/// What it leaves out of what is created, altered and dropped.
const OBJECTS_LEFT_OUT: &[&str] =
    &["function", "procedure", "role", "temporary", "trigger", "user", "view"];

/// Whether the connector sends a statement.
pub(super) fn is_sent(statement: &Statement<'_>) -> bool {
    let text = statement.to_text();
    let mut lexer = statement.lexer(&text);
    if statement.changes_rows() && !lexer.is_next(&["create"]) || lexer.is_next(VERBS_LEFT_OUT) {
        return false;
    }
    if lexer.take_any(&["create", "alter", "drop"]) {
        pass_attributes(&mut lexer);
        return !lexer.is_next(OBJECTS_LEFT_OUT);
    }
    true
}

/// What a message says.
struct Message<'a> {
    database: &'a str,
    ddl: String,
    change: Option<Change<'a>>,
}

/// What becomes of a table.
struct Change<'a> {
    kind: &'static str,
    schema: &'a str,
    table: &'a str,
    /// What it is made of, unless it is gone.
    after: Option<&'a NamedTable>,
}

impl DebeziumFormat {
    /// A message for each table that a statement defines; one if there is none.
    pub(super) fn schema_changes(
        &self,
        at: &At<'_>,
        transaction: &Transaction,
        statement: &Statement<'_>,
        out: &mut Vec<u8>,
    ) {
        let text = statement.to_text();
        let text = text.trim();
        // Statements have a time in milliseconds. The session is known by the transaction's BEGIN, which most
        // of them have none of.
        let time_us = commit_time_us(at, transaction) / 1000 * 1000;
        let thread_id = transaction.thread_id.filter(|_| !statement.alone);
        let origin = Origin { at, transaction, time_us, thread_id, schema: "" };
        let definitions = Definition::of(statement);
        let parts = Parts::of(text);
        let mut messages = Vec::new();
        for (index, definition) in definitions.iter().enumerate() {
            let ddl = match definition.action {
                Action::RenameTable { .. } => parts.with_names(index),
                Action::DropTable => parts.with_table(&definition.name),
                _ => text.to_owned(),
            };
            messages.extend(Message::of(definition, statement.tables.get(index), ddl));
        }
        if messages.is_empty() {
            let database = &*String::from_utf8_lossy(statement.schema);
            let message = Message { database, ddl: text.to_owned(), change: None };
            return self.message(&origin, "", &message, out);
        }
        // Tables of a database that follow each other are named together.
        for group in messages.chunk_by(|one, next| one.database == next.database) {
            let tables = group.iter().filter_map(|message| Some(message.change.as_ref()?.table));
            let tables: Vec<&str> = tables.collect();
            for message in group {
                self.message(&origin, &tables.join(","), message, out);
            }
        }
    }

    fn message(&self, origin: &Origin<'_>, tables: &str, message: &Message<'_>, out: &mut Vec<u8>) {
        let Message { database, ddl, change } = message;
        let record = Record::of_statements(&self.options);
        record.begin_statement(database, out);
        out.extend_from_slice(b"{\"source\":");
        self.source_head(&Origin { schema: database, ..*origin }, out);
        match tables {
            "" => null_field("table", out),
            tables => text_field("table", tables, out),
        }
        number_field("row", 0, out);
        null_field("query", out);
        out.push(b'}');
        number_field("ts_ms", now_us() / 1000, out);
        text_field("databaseName", database, out);
        null_field("schemaName", out);
        text_field("ddl", ddl, out);
        field("tableChanges", out);
        out.push(b'[');
        if let Some(Change { kind, schema, table, after }) = change {
            out.extend_from_slice(b"{\"type\":\"");
            out.extend_from_slice(kind.as_bytes());
            out.push(b'"');
            text_field("id", &format!("\"{schema}\".\"{table}\""), out);
            match after {
                Some(after) => {
                    field("table", out);
                    let with_comments = self.options.include_schema_comments;
                    TableWriter { table: &after.definition, with_comments }.write(out);
                }
                None => null_field("table", out),
            }
            out.push(b'}');
        }
        out.extend_from_slice(b"]}");
        record.end(out);
    }
}

impl<'a> Message<'a> {
    /// What is said of a definition, if anything is but the statement.
    fn of(
        definition: &'a Definition,
        change: Option<&'a TableChange>,
        ddl: String,
    ) -> Option<Self> {
        let Definition { action, name } = definition;
        if let Action::CreateDatabase { .. } | Action::DropDatabase = action {
            return Some(Self { database: &name.schema, ddl, change: None });
        }
        let change = match action {
            Action::DropTable => {
                Change { kind: "DROP", schema: &name.schema, table: &name.table, after: None }
            }
            _ => Change::of(action, change?)?,
        };
        Some(Self { database: change.schema, ddl, change: Some(change) })
    }
}

impl<'a> Change<'a> {
    fn of(action: &Action, change: &'a TableChange) -> Option<Self> {
        let after = change.after.as_ref()?;
        let is_new = change.before.is_none();
        let kind = match action {
            Action::CreateTable { may_exist, .. } if !may_exist || is_new => "CREATE",
            Action::AlterTable(_) | Action::RenameTable { .. } => "ALTER",
            // One that may be taken for the primary key.
            Action::CreateIndex { unique: Some(_) }
                if change.before.as_ref().is_some_and(|before| !before.definition.has_key()) =>
            {
                "ALTER"
            }
            _ => return None,
        };
        Some(Self { kind, schema: &after.schema, table: &after.table, after: Some(after) })
    }
}

/// A statement that names several tables, to make one of it for each.
struct Parts<'a> {
    /// `DROP TABLE IF EXISTS `, as it is written.
    head: &'a str,
    /// What stands between the commas after it.
    names: Vec<&'a str>,
}

impl<'a> Parts<'a> {
    fn of(text: &'a str) -> Self {
        let mut lexer = Lexer::at_verb(text, SqlMode::default());
        lexer.pass(&["drop", "rename", "table", "tables", "if", "exists"]);
        let head = lexer.before_next();
        let (mut names, mut start) = (Vec::new(), head.len());
        while lexer.peek().is_some() {
            if lexer.take_symbol(',') {
                start = lexer.before_next().len();
                continue;
            }
            lexer.next();
            if matches!(lexer.peek(), None | Some(Token::Symbol(','))) {
                let end = lexer.before_next().len();
                names.push(text.get(start..end).unwrap_or_default().trim());
            }
        }
        Self { head, names }
    }

    fn with_names(&self, index: usize) -> String {
        format!("{}{}", self.head, self.names.get(index).unwrap_or(&""))
    }

    fn with_table(&self, Name { schema, table }: &Name) -> String {
        format!("{}`{schema}`.`{table}`", self.head)
    }
}
