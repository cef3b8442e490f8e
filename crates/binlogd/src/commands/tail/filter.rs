//! Which transactions and changes are wanted.

use std::str::FromStr;

use anyhow::{Result, anyhow};
use binlogd_decode::changes::{At, NamedTables, Statement, Transaction};
use binlogd_decode::{Rows, RowsChange};
use binlogd_event::GtidSet;
use binlogd_event::body::StatusVar;
use clap::ValueEnum;

use crate::misuse::misuse;
use crate::sources::Unwanted;
use crate::time::{self, Time, Zone};

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Choose")]
pub(crate) struct FilterArgs {
    /// Only changes in this database (* and ? stand for any); may be given several times
    #[arg(long, value_name = "PATTERN")]
    database: Vec<Pattern>,

    /// Only changes of this table, as DB.TABLE (* and ? stand for any); may be given several times
    #[arg(long, value_name = "PATTERN", value_parser = table_pattern)]
    table: Vec<Pattern>,

    /// Only changes of this kind; may be given several times, or with commas between
    #[arg(long, value_enum, value_delimiter = ',')]
    kind: Vec<Kind>,

    /// Only transactions from this time on: 2026-01-31, '2026-01-31 12:34:56',
    /// 2026-01-31T12:34:56+02:00, now, -1h, '1 hour ago' or seconds since 1970
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    start_time: Option<Time>,

    /// Only transactions before this time
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    stop_time: Option<Time>,

    /// The time zone of these times, where they have no offset of their own: UTC, local, +02:00,
    /// Europe/Berlin
    #[arg(long, value_name = "ZONE", default_value = "UTC", allow_hyphen_values = true)]
    timezone: Zone,

    /// Only transactions that begin at this offset of the first file, or behind it
    #[arg(long, value_name = "OFFSET")]
    start_position: Option<u64>,

    /// Only transactions that begin before this offset of the last file
    #[arg(long, value_name = "OFFSET")]
    stop_position: Option<u64>,

    /// Only transactions with these GTIDs
    #[arg(long, value_name = "SET")]
    include_gtids: Option<GtidSet>,

    /// No transactions with these GTIDs
    #[arg(long, value_name = "SET")]
    exclude_gtids: Option<GtidSet>,

    /// Only transactions that were committed first on the server with this id
    #[arg(long, value_name = "ID")]
    server_id: Option<u32>,

    /// Only transactions of the session with this id; MariaDB before 11.5 does not log it
    #[arg(long, value_name = "ID")]
    thread_id: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    Insert,
    Update,
    Delete,
    /// Statements that are none of the others.
    Ddl,
}

impl FilterArgs {
    /// Whether some changes of a transaction may be wanted and others not.
    pub(super) fn chooses_changes(&self) -> bool {
        !(self.database.is_empty() && self.table.is_empty() && self.kind.is_empty())
    }
}

/// What is wanted.
pub(crate) struct Filter {
    args: FilterArgs,
    /// In seconds since 1970.
    start_time: Option<u32>,
    stop_time: Option<u32>,
    /// Whether it begins where the last file ends, of which a note has been printed.
    is_at_end: bool,
}

impl Filter {
    pub(crate) fn new(args: FilterArgs) -> Result<Self> {
        let resolve = |option: &str, time: &Option<Time>| match time {
            None => Ok(None),
            Some(time) => time
                .in_zone(&args.timezone)
                .map(Some)
                .map_err(|error| misuse(anyhow!("{option}: {error}"))),
        };
        let start_time = resolve("--start-time", &args.start_time)?;
        let stop_time = resolve("--stop-time", &args.stop_time)?;
        if let (Some(start), Some(stop)) = (start_time, stop_time)
            && start >= stop
        {
            return Err(misuse(anyhow!(
                "--stop-time is not after --start-time: they are {} and {} (UTC)",
                time::show(stop),
                time::show(start)
            )));
        }
        Ok(Self { args, start_time, stop_time, is_at_end: false })
    }

    /// Whether it leaves anything out of what is read.
    pub(crate) fn is_given(&self) -> bool {
        let args = &self.args;
        let is_given = self.chooses_changes()
            || self.is_by_time()
            || args.start_position.is_some()
            || args.stop_position.is_some()
            || self.is_by_gtid()
            || args.server_id.is_some()
            || args.thread_id.is_some();
        is_given && !self.is_at_end
    }

    /// Whether it chooses transactions by their time.
    pub(super) fn is_by_time(&self) -> bool {
        self.start_time.is_some() || self.stop_time.is_some()
    }

    /// Whether it chooses transactions by their GTIDs.
    pub(super) fn is_by_gtid(&self) -> bool {
        self.args.include_gtids.is_some() || self.args.exclude_gtids.is_some()
    }

    /// Whether it chooses transactions by their server's id.
    pub(super) fn is_by_server(&self) -> bool {
        self.args.server_id.is_some()
    }

    /// Wants no transaction that begins before `offset` of the first file.
    pub(crate) fn start_at(&mut self, offset: u64) {
        self.args.start_position = Some(offset);
    }

    /// What it begins with is the end of what there is.
    pub(crate) fn start_at_end(&mut self) {
        self.is_at_end = true;
    }

    /// What need not be read.
    pub(crate) fn unwanted(&self) -> Unwanted {
        Unwanted {
            before_offset: self.args.start_position,
            before_time: self.start_time,
            without: None,
            outside: self.args.include_gtids.clone(),
        }
    }

    /// Whether it matters which session a transaction is of.
    pub(crate) fn asks_for_session(&self) -> bool {
        self.args.thread_id.is_some()
    }

    /// Whether some changes of a transaction may be wanted and others not.
    pub(crate) fn chooses_changes(&self) -> bool {
        self.args.chooses_changes()
    }

    /// Whether no transaction of the last file from `at` on is wanted.
    pub(crate) fn ends_before(&self, at: &At<'_>) -> bool {
        self.args.stop_position.is_some_and(|stop| at.offset >= stop)
    }

    pub(crate) fn wants(&self, transaction: &Transaction, first: bool, last: bool) -> bool {
        let args = &self.args;
        let Transaction { offset, time, .. } = *transaction;
        let of = |set: &GtidSet| transaction.gtid.is_some_and(|gtid| set.contains(&gtid));
        self.start_time.is_none_or(|start| time >= start)
            && self.stop_time.is_none_or(|stop| time < stop)
            && args.start_position.is_none_or(|start| !first || offset >= start)
            && args.stop_position.is_none_or(|stop| !last || offset < stop)
            && args.server_id.is_none_or(|id| transaction.server_id == id)
            && args.thread_id.is_none_or(|id| transaction.thread_id == Some(id))
            && args.include_gtids.as_ref().is_none_or(of)
            && !args.exclude_gtids.as_ref().is_some_and(of)
    }

    pub(crate) fn wants_rows(&self, rows: &Rows<'_>) -> bool {
        let names = rows.table();
        self.wants_kind(rows.change()) && self.wants_names(names.schema(), names.name())
    }

    /// Whether changes of rows of this kind are wanted.
    pub(crate) fn wants_kind(&self, change: RowsChange) -> bool {
        let is = match change {
            RowsChange::Insert => Kind::Insert,
            RowsChange::Update => Kind::Update,
            RowsChange::Delete => Kind::Delete,
        };
        self.args.kind.is_empty() || self.args.kind.contains(&is)
    }

    /// Whether changes of this table are wanted.
    pub(crate) fn wants_names(&self, schema: &str, name: &str) -> bool {
        let FilterArgs { database, table, .. } = &self.args;
        (database.is_empty() || database.iter().any(|p| p.matches(schema)))
            && (table.is_empty() || {
                let name = format!("{schema}.{name}");
                table.iter().any(|pattern| pattern.matches(&name))
            })
    }

    /// A statement is of the tables that it names. Of one that may change any table only the databases
    /// are known.
    pub(crate) fn wants_statement(&self, statement: &Statement<'_>) -> bool {
        let FilterArgs { database, table, kind, .. } = &self.args;
        if !kind.is_empty() && !kind.contains(&Kind::of(statement)) {
            return false;
        }
        if database.is_empty() && table.is_empty() {
            return true;
        }
        let tables = statement.named_tables();
        let schemas = match &tables {
            NamedTables::These(tables) => tables.iter().map(|(s, _)| s.clone()).collect(),
            NamedTables::Schema(schema) => vec![schema.clone()],
            _ => schemas(statement),
        };
        let is_in = |patterns: &[Pattern]| {
            schemas.iter().any(|schema| patterns.iter().any(|p| p.may_be_in(schema)))
        };
        let is_of = |pattern: &Pattern, (schema, name): &(String, String)| match name.is_empty() {
            true => pattern.may_be_in(schema),
            false => pattern.matches(&format!("{schema}.{name}")),
        };
        (database.is_empty() || schemas.iter().any(|s| database.iter().any(|p| p.matches(s))))
            && (table.is_empty()
                || match &tables {
                    NamedTables::These(tables) => {
                        tables.iter().any(|named| table.iter().any(|p| is_of(p, named)))
                    }
                    NamedTables::Schema(_) | NamedTables::None => false,
                    NamedTables::Control | NamedTables::Any => is_in(table),
                })
    }
}

/// The databases that a statement changes, if it says so, else the default one.
fn schemas(statement: &Statement<'_>) -> Vec<String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let updated = statement.settings.iter().find_map(|item| match item {
        Ok(StatusVar::UpdatedSchemas(Some(names))) if !names.is_empty() => Some(names),
        _ => None,
    });
    match updated {
        Some(names) => {
            names.split(|&byte| byte == 0).filter(|name| !name.is_empty()).map(text).collect()
        }
        None => vec![text(statement.schema)],
    }
}

impl Kind {
    fn of(statement: &Statement<'_>) -> Self {
        match statement.kind() {
            Some(RowsChange::Insert) => Self::Insert,
            Some(RowsChange::Update) => Self::Update,
            Some(RowsChange::Delete) => Self::Delete,
            None => Self::Ddl,
        }
    }
}

/// A name in which `*` stands for any characters and `?` for one.
#[derive(Debug, Clone)]
pub(crate) struct Pattern(Vec<char>);

/// A pattern for tables; one without room for a database would match none.
pub(crate) fn table_pattern(text: &str) -> Result<Pattern, String> {
    match text.contains(['.', '*', '?']) {
        true => Ok(Pattern(text.chars().collect())),
        false => Err(format!("write DB.TABLE, such as shop.{text} or *.{text}")),
    }
}

impl FromStr for Pattern {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.chars().collect()))
    }
}

impl Pattern {
    pub(crate) fn matches(&self, name: &str) -> bool {
        let name: Vec<char> = name.chars().collect();
        matches(&self.0, &name)
    }

    /// Whether a statement may change a table that matches.
    pub(crate) fn may_be_of(&self, statement: &Statement<'_>) -> bool {
        schemas(statement).iter().any(|schema| self.may_be_in(schema))
    }

    /// Whether a table in this database can match.
    fn may_be_in(&self, schema: &str) -> bool {
        let end = self.0.iter().position(|&c| c == '.').unwrap_or(self.0.len());
        matches(&self.0[..end], &schema.chars().collect::<Vec<_>>())
    }
}

/// Goes back to the last `*` only, so that it takes no more than the product of both lengths.
fn matches(pattern: &[char], name: &[char]) -> bool {
    let (mut at, mut taken) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while taken < name.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, taken));
                at += 1;
            }
            Some(&c) if c == '?' || c == name[taken] => {
                at += 1;
                taken += 1;
            }
            _ => {
                let Some((back, from)) = star else { return false };
                star = Some((back, from + 1));
                (at, taken) = (back + 1, from + 1);
            }
        }
    }
    pattern[at..].iter().all(|&c| c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_names() {
        for (pattern, name, is) in [
            ("shop.orders", "shop.orders", true),
            ("shop.orders", "shop.orders2", false),
            ("shop.*", "shop.", true),
            ("*.log_*", "a.b.log_2024", true),
            ("*a*b", "xaxbxb", true),
            ("*a*b", "xaxbxbx", false),
            ("t?", "tü", true),
            ("", "", true),
            ("", "a", false),
        ] {
            assert_eq!(pattern.parse::<Pattern>().unwrap().matches(name), is, "{pattern} {name}");
        }
    }
}
