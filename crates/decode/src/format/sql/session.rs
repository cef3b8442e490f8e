//! The session that replayed statements and rows need, as far as it differs from what was set before.
//!
//! A statement's event carries its session in status variables. What becomes of each:
//!
//! | code | status variable | in the output |
//! |-|-|-|
//! | 0 | flags | `foreign_key_checks`, `unique_checks`, `sql_auto_is_null`; of MariaDB also `check_constraint_checks`, `sql_if_exists`, `explicit_defaults_for_timestamp`, `system_versioning_insert_history`; not `autocommit`, as the output has `BEGIN` and `COMMIT` where the log has them |
//! | 1 | `sql_mode` | set |
//! | 2, 6 | catalog | not set: it is always `std` |
//! | 3 | `auto_increment_increment`, `auto_increment_offset` | set; 1 if absent |
//! | 4 | character sets | set, and the client program's character set where its characters may contain ASCII bytes |
//! | 5 | `time_zone` | set; if absent the statement does not depend on it |
//! | 7 | `lc_time_names` | set; 0 if absent |
//! | 8 | `collation_database` | set; the default if absent |
//! | 9 | tables of a multi-table update | not set: only replicas' filters use it |
//! | 10 | length on the first server | not set: it describes the event |
//! | 11 | invoker | not set: servers write the account into the statement where it is stored |
//! | 12 | databases | not set: only replicas' parallel appliers use it |
//! | 13, 128 | microseconds | a part of `timestamp` |
//! | 14, 15 | commit timestamps | not set: no release writes them |
//! | 16 | `explicit_defaults_for_timestamp` | set |
//! | 17, 129 | transaction id of DDL | not set: it is for crash recovery |
//! | 18 | `default_collation_for_utf8mb4` | set |
//! | 19 | `sql_require_primary_key` | set |
//! | 20 | `default_table_encryption` | set |
//! | 21 | `enable_cascade_triggers` | set |
//! | 130 | flags of a two-phase `ALTER TABLE` | not set: such statements are run once, when they are committed |
//! | 131 | `character_set_collations` | set; the default if absent |
//! | other | | an error: the statement could do something else without it |
//!
//! Beside these an event's header and fixed part have `timestamp` and `pseudo_thread_id`, and the
//! events before a statement the variables of its [context](Statement::context).

use std::collections::BTreeMap;
use std::fmt::Write as _;

use binlogd_event::body::StatusVar;

use super::super::FormatError;
use crate::Charset;
use crate::changes::Statement;
use crate::write::{sql_identifier, sql_text};

/// What a session was set to.
#[derive(Debug, Default)]
pub(super) struct Session {
    began: bool,
    /// The variables' values as they were written.
    set: BTreeMap<&'static str, String>,
    /// What the client program takes its input for.
    client: Option<Charset>,
    /// The checks with which it is ready for rows.
    for_rows: Option<Checks>,
    schema: Vec<u8>,
}

/// Which checks a session has turned off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Checks {
    no_foreign_keys: bool,
    relaxed_unique: bool,
    /// Only in MariaDB.
    no_constraints: bool,
}

impl Checks {
    /// Those of the session that an event of rows comes from.
    pub(crate) fn of_rows(flags: u16) -> Self {
        Self {
            no_foreign_keys: flags & 2 != 0,
            relaxed_unique: flags & 4 != 0,
            no_constraints: flags & 0x80 != 0,
        }
    }

    fn of_statement(flags: u32, is_mariadb: bool) -> Self {
        Self {
            no_foreign_keys: flags & 1 << 26 != 0,
            relaxed_unique: flags & 1 << 27 != 0,
            no_constraints: is_mariadb && flags & 1 << 15 != 0,
        }
    }

    /// The statement that makes a session's checks these; `before` are those that it has, if known.
    pub(crate) fn set(self, before: Option<Self>, out: &mut Vec<u8>) {
        let (keys, unique) = (u8::from(!self.no_foreign_keys), u8::from(!self.relaxed_unique));
        let mut text = format!("SET foreign_key_checks={keys}, unique_checks={unique}");
        // MySQL has no such variable, and no session of MariaDB begins without these checks.
        if self.no_constraints != before.is_some_and(|before| before.no_constraints) {
            let constraints = u8::from(!self.no_constraints);
            text.push_str(&format!(", check_constraint_checks={constraints}"));
        }
        out.extend_from_slice(text.as_bytes());
        out.extend_from_slice(b";\n");
    }
}

/// Makes a session one in which literals hold and rows are stored as they were.
pub(crate) const FOR_ROWS: &str = "/*!\\C utf8mb4 */;\nSET NAMES utf8mb4;\nSET time_zone='+00:00', \
    sql_mode='NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES';\n";

/// The variables that [`FOR_ROWS`] changes.
const OF_ROWS: [&str; 5] =
    [CLIENT, "collation_connection", "time_zone", "sql_mode", "sql_auto_is_null"];

const CLIENT: &str = "character_set_client";

/// What a variable of a statement's session must be.
struct Wanted {
    variable: &'static str,
    value: String,
    /// Whether a session that was not set has this value.
    is_default: bool,
    /// Where only servers from some version on have the variable, the mark of a comment that only they
    /// run.
    only_for: &'static str,
}

impl Wanted {
    fn new(variable: &'static str, value: &dyn ToString) -> Self {
        Self { variable, value: value.to_string(), is_default: false, only_for: "" }
    }

    fn or_default(self, is_default: bool) -> Self {
        Self { is_default, ..self }
    }
}

impl Session {
    pub(super) fn begin(&mut self, out: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.began, true) {
            out.extend_from_slice(b"-- written by binlogd tail --format sql\n");
        }
    }

    pub(super) fn prepare_rows(&mut self, flags: u16, out: &mut Vec<u8>) {
        let checks = Checks::of_rows(flags);
        if self.for_rows == Some(checks) {
            return;
        }
        if self.for_rows.is_none() {
            out.extend_from_slice(FOR_ROWS.as_bytes());
            self.client = Some(Charset::UTF8MB4);
            for variable in OF_ROWS {
                self.set.remove(variable);
            }
        }
        self.for_rows = Some(checks);
        let checks = [
            Wanted::new("foreign_key_checks", &u8::from(!checks.no_foreign_keys)),
            Wanted::new("unique_checks", &u8::from(!checks.relaxed_unique)),
            constraints(checks),
        ];
        self.change(Vec::new(), checks, out);
    }

    /// Makes the session that of the statement, which then can follow.
    pub(super) fn prepare_statement(
        &mut self,
        statement: &Statement<'_>,
        time: u32,
        uses_schema: bool,
        is_mariadb: bool,
        out: &mut Vec<u8>,
    ) -> Result<(), FormatError> {
        self.for_rows = None;
        self.use_schema(statement.schema, uses_schema, out);
        self.context(statement.context, out);
        let mut micros = 0;
        let mut all = defaults();
        for item in statement.settings.iter() {
            let item = item.map_err(|error| FormatError::Settings(error.to_string().into()))?;
            match item {
                StatusVar::Microseconds(us) => micros = us,
                StatusVar::Unknown { code, .. } => {
                    let why = format!("a setting that is not known here (code {code})");
                    return Err(FormatError::Settings(why.into()));
                }
                item => wanted(&item, is_mariadb, &mut all),
            }
        }
        if let Some(client) = statement.charset() {
            self.client_reads(client, out);
        }
        let first = format!("timestamp={time}.{micros:06}");
        let thread = Wanted::new("pseudo_thread_id", &statement.thread_id);
        let all = all.into_values().chain([thread]);
        self.change(vec![first], all, out);
        Ok(())
    }

    /// Sets those variables that have other values.
    fn change(
        &mut self,
        mut list: Vec<String>,
        wanted: impl IntoIterator<Item = Wanted>,
        out: &mut Vec<u8>,
    ) {
        let mut only = String::new();
        for Wanted { variable, value, is_default, only_for } in wanted {
            let known = self.set.get(variable);
            if known == Some(&value) || known.is_none() && is_default {
                continue;
            }
            let set = format!("{variable}={value}");
            match only_for {
                "" => list.push(set),
                mark => _ = writeln!(only, "{mark} SET {set}*/;"),
            }
            self.set.insert(variable, value);
        }
        if !list.is_empty() {
            out.extend_from_slice(format!("SET {};\n", list.join(", ")).as_bytes());
        }
        out.extend_from_slice(only.as_bytes());
    }

    fn use_schema(&mut self, schema: &[u8], is_used: bool, out: &mut Vec<u8>) {
        if !is_used || self.schema == schema {
            return;
        }
        self.read_utf8(schema, out);
        out.extend_from_slice(b"USE ");
        sql_identifier(schema, out);
        out.extend_from_slice(b";\n");
        self.schema = schema.to_vec();
        // It is the schema's now.
        self.set.remove("collation_database");
    }

    /// The schema that is in use may be gone.
    pub(super) fn forget_schema(&mut self) {
        self.schema.clear();
    }

    fn context(&mut self, sets: &[String], out: &mut Vec<u8>) {
        for set in sets {
            self.read_utf8(set.as_bytes(), out);
            out.extend_from_slice(set.as_bytes());
            out.extend_from_slice(b";\n");
            if set.starts_with("SET collation_connection=") {
                self.set.remove("collation_connection");
            }
        }
    }

    /// Sees that text in UTF-8 is taken for that.
    fn read_utf8(&mut self, text: &[u8], out: &mut Vec<u8>) {
        let is_utf8 = self.client == Some(Charset::UTF8MB4)
            && self.set.get(CLIENT).is_some_and(|client| client == "utf8mb4");
        if !text.is_ascii() && !is_utf8 {
            self.client = None;
            self.client_reads(Charset::UTF8MB4, out);
        }
    }

    /// Lets the client program know the character set if it could find ASCII in the middle of characters,
    /// such as the backslash that is the second byte of some in sjis.
    fn client_reads(&mut self, charset: Charset, out: &mut Vec<u8>) {
        let charset = if charset.hides_ascii() { charset } else { Charset::UTF8MB4 };
        if self.client == Some(charset) {
            return;
        }
        out.extend_from_slice(format!("/*!\\C {charset} */;\n").as_bytes());
        self.client = Some(charset);
        // The program sets these, too.
        self.set.insert(CLIENT, charset.name().to_owned());
        self.set.remove("collation_connection");
    }
}

/// What statements mean that leave a variable out.
fn defaults() -> BTreeMap<&'static str, Wanted> {
    [
        ("auto_increment_increment", "1"),
        ("auto_increment_offset", "1"),
        ("lc_time_names", "0"),
        ("collation_database", "DEFAULT"),
        ("character_set_collations", "DEFAULT"),
    ]
    .map(|(variable, value)| {
        let is_default = value == "DEFAULT";
        (variable, Wanted::new(variable, &value).or_default(is_default))
    })
    .into()
}

/// Adds the variables that a status variable stands for, as the table above has it.
fn wanted(item: &StatusVar<'_>, is_mariadb: bool, all: &mut BTreeMap<&'static str, Wanted>) {
    let mut add = |wanted: Wanted| drop(all.insert(wanted.variable, wanted));
    let mut set = |variable, value: &dyn ToString| add(Wanted::new(variable, value));
    match *item {
        StatusVar::Flags2(flags) => of_flags(flags, is_mariadb, add),
        StatusVar::SqlMode(mode) => set("sql_mode", &mode),
        StatusVar::AutoIncrement { increment, offset } => {
            set("auto_increment_increment", &increment);
            set("auto_increment_offset", &offset);
        }
        StatusVar::Charset { client, connection, server } => {
            // MariaDB does not take its newer collations' numbers for a character set, and MySQL 5.6
            // calls utf8mb3 by another name.
            match Charset::of_collation(u64::from(client)) {
                Some(Charset::UTF8MB3) => set(CLIENT, &33),
                Some(charset) => set(CLIENT, &charset.name()),
                None => set(CLIENT, &client),
            }
            set("collation_connection", &connection);
            set("collation_server", &server);
        }
        StatusVar::TimeZone(zone) => {
            let mut text = Vec::new();
            sql_text(&String::from_utf8_lossy(zone), &mut text);
            set("time_zone", &String::from_utf8_lossy(&text));
        }
        StatusVar::LcTimeNames(number) => set("lc_time_names", &number),
        StatusVar::CharsetDatabase(id) => set("collation_database", &id),
        StatusVar::DefaultCollationForUtf8mb4(id) => set("default_collation_for_utf8mb4", &id),
        StatusVar::ExplicitDefaultsForTimestamp(on) => {
            set("explicit_defaults_for_timestamp", &u8::from(on));
        }
        StatusVar::SqlRequirePrimaryKey(on) => set("sql_require_primary_key", &u8::from(on)),
        StatusVar::DefaultTableEncryption(on) => set("default_table_encryption", &u8::from(on)),
        StatusVar::EnableCascadeTriggers(on) => set("enable_cascade_triggers", &u8::from(on)),
        StatusVar::CharacterSetCollations(pairs) => {
            set("character_set_collations", &collations(pairs));
        }
        // Catalog, TableMapForUpdate, SourceDataWritten, Invoker, UpdatedSchemas, CommitTimestamp,
        // DdlXid, MariadbGtidFlags. Microseconds and Unknown are the caller's.
        _ => {}
    }
}

fn of_flags(flags: u32, is_mariadb: bool, mut add: impl FnMut(Wanted)) {
    let is = |bit: u32| u8::from(flags & 1 << bit != 0);
    let checks = Checks::of_statement(flags, is_mariadb);
    add(Wanted::new("foreign_key_checks", &u8::from(!checks.no_foreign_keys)));
    add(Wanted::new("unique_checks", &u8::from(!checks.relaxed_unique)));
    add(Wanted::new("sql_auto_is_null", &is(14)));
    add(constraints(checks));
    if is_mariadb {
        add(Wanted::new("sql_if_exists", &is(28)).or_default(is(28) == 0));
        add(Wanted::new("system_versioning_insert_history", &is(30)).or_default(is(30) == 0));
        // Sessions can set it from then on.
        let explicit = Wanted::new("explicit_defaults_for_timestamp", &is(24));
        add(Wanted { only_for: "/*M!101000", ..explicit });
    }
}

/// MySQL has no such variable, and no session of MariaDB begins without these checks.
fn constraints(checks: Checks) -> Wanted {
    let value = u8::from(!checks.no_constraints);
    Wanted::new("check_constraint_checks", &value).or_default(!checks.no_constraints)
}

/// The names of collations are in the server.
fn collations(pairs: &[u8]) -> String {
    let ids = pairs.chunks_exact(4).map(|pair| u16::from_le_bytes([pair[2], pair[3]]).to_string());
    let ids: Vec<String> = ids.collect();
    if ids.is_empty() {
        return "''".to_owned();
    }
    format!(
        "(SELECT GROUP_CONCAT(CHARACTER_SET_NAME, '=', FULL_COLLATION_NAME) FROM \
         information_schema.COLLATION_CHARACTER_SET_APPLICABILITY WHERE ID IN ({}))",
        ids.join(",")
    )
}
