//! Which statements go to the primary's session: those that read or change data there, or its session.
//!
//! Only the words that a statement begins with decide. They are read strictly: what two servers could
//! read differently is refused. The rest of the text is the primary's to parse; it gets one statement
//! at a time, since several were never agreed on with it. What would act on other sessions or on the
//! account itself is refused wherever it stands in the text.

/// Where a statement goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::downstream) enum Route {
    /// To the primary's session.
    Through,
    /// There; the answer says how far the primary's binlog goes, so it waits until that is stored here.
    Position,
    /// There if there is a session, else it is answered here as long as that can be done.
    Lazy,
    /// As `Lazy`, and a new session gets it too.
    Set,
    /// It is answered, or refused, here.
    Local,
    /// It is refused.
    Refused(&'static str),
}

/// Words of the text that are refused or decide. ASCII words have one form, whatever the character set.
fn has(sql: &[u8], word: &str) -> bool {
    sql.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word.as_bytes()))
}

/// Decides on a statement.
#[must_use]
pub(in crate::downstream) fn route(sql: &[u8]) -> Route {
    let Some(words) = Words::of(sql) else {
        return Route::Refused("statements whose beginning servers may read differently");
    };
    let route = by_words(sql, &words);
    if !matches!(route, Route::Local | Route::Refused(_)) {
        // Sessions share an account there, whose own sessions a server shows to each of them.
        if has(sql, "processlist") {
            return Route::Refused("PROCESSLIST through the primary");
        }
    }
    route
}

fn by_words(sql: &[u8], words: &Words) -> Route {
    let word = |index: usize| words.0.get(index).map_or("", String::as_str);
    match word(0) {
        "SELECT" if has(sql, "gtid_purged") || has(sql, "connection_id") => {
            if has(sql, "FROM") {
                Route::Through
            } else {
                Route::Local
            }
        }
        "SELECT" if has(sql, "gtid_") => Route::Position,
        // Without tables binlogd can compute it.
        "SELECT" if has(sql, "FROM") || has(sql, "WAIT") => Route::Through,
        "SELECT" => Route::Lazy,
        "TABLE" | "VALUES" | "WITH" | "(" | "INSERT" | "REPLACE" | "UPDATE" | "DELETE" | "DO"
        | "CALL" | "HANDLER" | "SAVEPOINT" | "CHECKSUM" => Route::Through,
        "DESC" | "DESCRIBE" | "EXPLAIN" if has(sql, "CONNECTION") => {
            Route::Refused("EXPLAIN FOR CONNECTION")
        }
        "DESC" | "DESCRIBE" | "EXPLAIN" => Route::Through,
        "USE" => Route::Lazy,
        "COMMIT" | "ROLLBACK" if words.0.len() == 1 => Route::Lazy,
        "COMMIT" | "ROLLBACK" => Route::Through,
        "BEGIN" if words.0.len() == 1 || (words.0.len() == 2 && word(1) == "WORK") => {
            Route::Through
        }
        "START" if word(1) == "TRANSACTION" => Route::Through,
        "RELEASE" if word(1) == "SAVEPOINT" => Route::Through,
        "LOCK" | "UNLOCK" if matches!(word(1), "TABLE" | "TABLES" | "INSTANCE") => Route::Through,
        "FLUSH" => flush(words),
        "CREATE" | "ALTER" | "DROP" | "TRUNCATE" | "RENAME" => definition(words),
        "ANALYZE" | "CHECK" | "OPTIMIZE" if matches!(word(1), "TABLE" | "TABLES") => Route::Through,
        "SET" => set(sql, words),
        "SHOW" => show(sql, words),
        "PREPARE" => Route::Refused("PREPARE in a session that may query the primary"),
        _ => Route::Local,
    }
}

fn flush(words: &Words) -> Route {
    let mut rest = words.0.iter().skip(1).map(String::as_str);
    match rest.find(|word| !matches!(*word, "LOCAL" | "NO_WRITE_TO_BINLOG")) {
        Some("TABLE" | "TABLES") => Route::Through,
        _ => Route::Local,
    }
}

/// Tables and databases only: no account, routine or event.
fn definition(words: &Words) -> Route {
    let mut rest = words.0.iter().skip(1).map(String::as_str).skip_while(|word| {
        matches!(*word, "OR" | "REPLACE" | "TEMPORARY" | "UNIQUE" | "FULLTEXT" | "SPATIAL")
    });
    match rest.next() {
        Some("TABLE" | "TABLES" | "DATABASE" | "SCHEMA" | "INDEX") => Route::Through,
        _ if words.0.first().is_some_and(|word| word == "TRUNCATE") => Route::Through,
        _ => Route::Local,
    }
}

fn set(sql: &[u8], words: &Words) -> Route {
    if words.0.get(1).is_some_and(|word| word == "STATEMENT") {
        return Route::Refused("SET STATEMENT");
    }
    let others = ["global", "persist", "password", "role"];
    if others.iter().any(|word| has(sql, word)) { Route::Local } else { Route::Set }
}

fn show(sql: &[u8], words: &Words) -> Route {
    let rest: Vec<&str> = words.0.iter().skip(1).map(String::as_str).collect();
    match rest.as_slice() {
        ["BINARY", "LOG", "STATUS", ..] | ["MASTER" | "BINLOG", "STATUS", ..] => Route::Position,
        ["GLOBAL" | "SESSION" | "LOCAL", "VARIABLES", ..] | ["VARIABLES", ..] => {
            if has(sql, "gtid_purged") {
                Route::Local
            } else if has(sql, "gtid") {
                Route::Position
            } else {
                Route::Lazy
            }
        }
        ["GLOBAL" | "SESSION" | "LOCAL", "STATUS", ..] | ["STATUS" | "WARNINGS" | "ERRORS", ..] => {
            Route::Lazy
        }
        [
            "FULL" | "EXTENDED" | "COLUMNS" | "FIELDS" | "INDEX" | "INDEXES" | "KEYS" | "TABLES"
            | "TABLE" | "DATABASES" | "SCHEMAS" | "TRIGGERS" | "ENGINES" | "CHARSET" | "CHARACTER"
            | "COLLATION" | "OPEN",
            ..,
        ] => Route::Through,
        ["CREATE", "TABLE" | "DATABASE" | "SCHEMA" | "VIEW" | "TRIGGER", ..] => Route::Through,
        _ => Route::Local,
    }
}

/// The words at a statement's beginning, in upper case, up to the first thing that is none.
#[derive(Debug, PartialEq, Eq)]
struct Words(Vec<String>);

/// No decision needs more.
const WORDS_MAX: usize = 6;

impl Words {
    /// `None` if servers may read the beginning differently: NUL bytes, other bytes than ASCII, comments
    /// that count for some versions only.
    fn of(sql: &[u8]) -> Option<Self> {
        let mut words = Vec::new();
        let mut rest = sql;
        let mut in_comment = false;
        while words.len() < WORDS_MAX {
            match rest {
                [] | [b';', ..] => break,
                [b' ' | b'\t' | b'\n' | b'\r', after @ ..] => rest = after,
                [b'*', b'/', after @ ..] if in_comment => (in_comment, rest) = (false, after),
                [b'/', b'*', b'!', after @ ..] if !in_comment => {
                    rest = counts_everywhere(after)?;
                    in_comment = true;
                }
                [b'/', b'*', b'M', b'!', ..] => return None,
                [b'/', b'*', ..] if in_comment => return None,
                [b'/', b'*', after @ ..] => {
                    let end = after.windows(2).position(|pair| pair == b"*/")?;
                    let (comment, after) = after.split_at(end);
                    // Within some character sets the end could be a part of another character.
                    if comment.windows(2).any(|pair| pair == b"/*") || !comment.is_ascii() {
                        return None;
                    }
                    rest = after.get(2..)?;
                }
                [b'-', b'-', b' ' | b'\t' | b'\n', ..] | [b'#', ..] => {
                    let end = rest.iter().position(|byte| *byte == b'\n')?;
                    let (comment, after) = rest.split_at(end);
                    if !comment.is_ascii() {
                        return None;
                    }
                    rest = after;
                }
                [b'(', ..] if words.is_empty() => {
                    words.push("(".to_owned());
                    break;
                }
                [byte, ..] if byte.is_ascii_alphabetic() || *byte == b'_' => {
                    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
                    let end = rest.iter().position(|byte| !is_word(byte)).unwrap_or(rest.len());
                    let (word, after) = rest.split_at(end);
                    if after.first().is_some_and(|byte| *byte >= 0x80 || *byte == 0) {
                        return None;
                    }
                    words.push(String::from_utf8_lossy(word).to_ascii_uppercase());
                    rest = after;
                }
                [0x80.. | 0..0x20, ..] => return None,
                _ => break,
            }
        }
        (!words.is_empty() || sql.iter().all(u8::is_ascii)).then_some(Self(words))
    }
}

/// What follows the version of an executable comment that every server executes.
fn counts_everywhere(body: &[u8]) -> Option<&[u8]> {
    /// The oldest server that binlogd serves. Later versions of MySQL mean another thing to MariaDB.
    const OLDEST: u32 = 50_600;
    let digits = body.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (version, rest) = body.split_at(digits);
    let version = std::str::from_utf8(version).ok()?;
    match digits {
        0 => Some(rest),
        5 if version.parse::<u32>().ok()? <= OLDEST => Some(rest),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_about_data_go_through_and_administration_stays() {
        use Route::{Lazy, Local, Position, Set, Through};
        for (sql, expected) in [
            ("select * from t", Through),
            ("select 1", Lazy),
            ("/* c */ -- x\n SELECT /*!40001 SQL_NO_CACHE */ * FROM t", Through),
            ("/*!40101 SET NAMES utf8 */", Set),
            ("SET @x = 1", Set),
            ("set global x = 1", Local),
            ("set @a = 1, password = 'x'", Local),
            ("FLUSH TABLES WITH READ LOCK", Through),
            ("FLUSH /*!40101 LOCAL */ TABLES", Through),
            ("flush hosts", Local),
            ("flush local privileges", Local),
            ("START TRANSACTION WITH CONSISTENT SNAPSHOT", Through),
            ("start replica", Local),
            ("start slave", Local),
            ("BEGIN", Through),
            ("begin not atomic kill 5; end", Local),
            ("BEGIN /*!50000 NOT ATOMIC KILL 5; END */", Local),
            ("SHOW MASTER STATUS", Position),
            ("SHOW BINARY LOG STATUS", Position),
            ("show binary logs", Local),
            ("show grants", Local),
            ("show replica status", Local),
            ("select @@global.gtid_executed", Position),
            ("select @@global.gtid_purged", Local),
            ("select connection_id()", Local),
            ("kill 5", Local),
            ("/*!50000 kill 5 */", Local),
            ("purge binary logs to 'x'", Local),
            ("create table t (a int)", Through),
            ("create temporary table t (a int)", Through),
            ("create user x", Local),
            ("create procedure p() kill 5", Local),
            ("alter user user() identified by 'x'", Local),
            ("drop prepare x", Local),
            ("load data local infile 'x' into table t", Local),
            ("shutdown", Local),
            ("change master to master_host='x'", Local),
            ("x: begin kill 5; end", Local),
            ("execute immediate 'kill 5'", Local),
            ("execute s", Local),
            ("", Local),
        ] {
            assert_eq!(route(sql.as_bytes()), expected, "{sql}");
        }
    }

    #[test]
    fn what_servers_may_read_differently_is_refused() {
        for sql in [
            &b"/*!99999 kill 5 */ select 1"[..],
            b"/*!80000 select 1 */",
            b"/*!400010 select 1 */",
            b"/*M! kill 5 */ select 1",
            b"/*! select /* x */ 1 */",
            b"/* /* */ select 1 */",
            b"\0select 1",
            b"select\xa0kill",
            b"\xbf\x5c select",
            b"/*\xbf*/ kill 5 */ select 1",
            b"/* never closed",
            b"prepare s from 'kill 5'",
            b"set statement x=1 for kill 5",
            b"explain for connection 5",
            b"select * from information_schema.processlist",
            b"SELECT * FROM `PROCESSLIST`",
        ] {
            let sql_text = String::from_utf8_lossy(sql);
            assert!(matches!(route(sql), Route::Refused(_)), "{sql_text}: {:?}", route(sql));
        }
    }
}
