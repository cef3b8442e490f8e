//! Prepared statements: what they answer is what queries answer, and what a primary answers to them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{PATIENCE, follow};
use mysql_async::consts::{ColumnFlags, ColumnType};
use mysql_async::prelude::Queryable;
use mysql_async::{Column, Conn, Error, OptsBuilder, Params, Row, Value};
use testkit::{Daemon, Endpoint, Flavour, Server};

/// Statements that binlogd answers by itself, and that give the same each time.
const OWN: &[&str] = &[
    "SELECT 1, -5, 18446744073709551615, 1.50, 'x', NULL, ''",
    "SELECT @@server_id, @@global.gtid_mode, @@version_comment LIMIT 1",
    "SELECT @a, @b, DATABASE(), VERSION() AS v",
    "SELECT CONNECTION_ID(), USER(), CURRENT_USER, LAST_INSERT_ID()",
    "SELECT version() LIMIT 0",
    "SELECT 1 + 1, 1 / 3, 2e0 * 1.5, CONCAT('a', 1), IF(1, 'x', 'y'), 1 = 2, x'4142', -1.5",
    "SELECT CAST('2026-12-01' AS DATE), CAST('2026-12-01 01:02:03.5' AS DATETIME(1)), CAST('-26:00:01' AS TIME)",
    "SHOW VARIABLES LIKE 'character%'",
    "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('server_id', 'wait_timeout') AND NOT Value = 'x'",
    "SHOW STATUS LIKE 'Aborted_connects'",
    "SHOW BINARY LOGS",
    "SHOW MASTER STATUS",
    "SHOW BINLOG EVENTS LIMIT 3",
    "SHOW BINLOG EVENTS FROM 4 LIMIT 1, 2",
    "SHOW SLAVE HOSTS",
    "SHOW REPLICAS",
    "SHOW GRANTS",
    "SET @a = 1, @b = 'two'",
    "SET NAMES utf8mb4",
    "COMMIT",
    "SELECT USER, DB FROM information_schema.PROCESSLIST WHERE USER = 'nobody'",
    "SELECT nope",
    "SELECT @@nope",
    "SELECT nope()",
    "SHOW BINLOG EVENTS IN 'nope'",
];

/// Tables that only binlogd has, or not every server.
const OWN_TABLES: &[&str] = &[
    "SELECT * FROM information_schema.BINLOG_READERS",
    "SELECT CHANNEL_NAME, HOST FROM performance_schema.replication_connection_configuration",
    "SELECT * FROM performance_schema.replication_connection_status",
    "SELECT * FROM performance_schema.replication_applier_status_by_worker ORDER BY WORKER_ID",
    "SELECT * FROM performance_schema.log_status",
    "SELECT user, COUNT(*) AS n, SUM(id) > 0 AS s, MAX(host IS NULL) FROM information_schema.PROCESSLIST WHERE ID = CONNECTION_ID() GROUP BY 1",
    "SELECT NAME, TYPE FROM performance_schema.threads LIMIT 1",
    "SELECT * FROM performance_schema.global_variables WHERE VARIABLE_NAME LIKE 'server%'",
    "SELECT * FROM information_schema.session_variables WHERE VARIABLE_NAME LIKE 'server%'",
];

/// Of those, the ones that only some servers know, or for which they have another error.
const NOT_EVERYWHERE: &[&str] = &[
    "SHOW MASTER STATUS",
    "SHOW SLAVE HOSTS",
    "SHOW SLAVE STATUS",
    "SHOW REPLICAS",
    "SELECT nope()",
];

/// Prepared statements with their parameters, and the queries that say the same.
fn with_parameters() -> Vec<(&'static str, Vec<Value>, &'static str)> {
    vec![
        ("SELECT ? AS a, ?", vec![5.into(), "it's".into()], "SELECT 5 AS a, 'it''s' AS `?`"),
        ("SELECT ? AS a", vec![Value::NULL], "SELECT NULL AS a"),
        ("SELECT ? AS a", vec![u64::MAX.into()], "SELECT 18446744073709551615 AS a"),
        ("SELECT ? AS a", vec![i64::MIN.into()], "SELECT -9223372036854775808 AS a"),
        (
            "SELECT ? + 1 AS a, CONCAT(?, 'b') AS b",
            vec![2.5f64.into(), "a".into()],
            "SELECT 2.5e0 + 1 AS a, CONCAT('a', 'b') AS b",
        ),
        (
            "SELECT ? AS a, ? AS b",
            vec![Value::Date(2026, 12, 1, 1, 2, 3, 0), Value::Time(true, 1, 2, 0, 1, 0)],
            "SELECT CAST('2026-12-01 01:02:03' AS DATETIME) AS a, CAST('-26:00:01' AS TIME) AS b",
        ),
        (
            "SELECT COUNT(*), ? FROM information_schema.PROCESSLIST WHERE USER = ? AND DB IS NULL LIMIT ?",
            vec![1.into(), "nobody".into(), 5.into()],
            "SELECT COUNT(*), 1 AS `?` FROM information_schema.PROCESSLIST WHERE USER = 'nobody' LIMIT 5",
        ),
        ("SELECT 1 LIMIT ?", vec![0.into()], "SELECT 1 LIMIT 0"),
        ("SET @a = ?, @b = ?", vec!["x".into(), 7.into()], "SET @a = 'x', @b = 7"),
        ("SELECT @a, @b", vec![], "SELECT @a, @b"),
        (
            "SHOW VARIABLES WHERE Variable_name = ? OR Variable_name LIKE ?",
            vec!["server_id".into(), "wait\\_time%".into()],
            "SHOW VARIABLES WHERE Variable_name = 'server_id' OR Variable_name LIKE 'wait\\_time%'",
        ),
        (
            "SHOW VARIABLES WHERE NOT (Variable_name IN (?, ?) OR Variable_name <> ?)",
            vec!["a".into(), Value::NULL, "server_id".into()],
            "SHOW VARIABLES WHERE Variable_name = 'nope'",
        ),
        (
            "SHOW BINLOG EVENTS LIMIT ?, ?",
            vec![1.into(), 2.into()],
            "SHOW BINLOG EVENTS LIMIT 1, 2",
        ),
    ]
}

/// Questions that the primary answers; its answer comes as text.
fn forwarded() -> Vec<(&'static str, Vec<Value>)> {
    vec![
        ("SHOW FULL COLUMNS FROM shop.types", vec![]),
        ("SHOW INDEX FROM shop.types", vec![]),
        ("SHOW CREATE TABLE shop.types", vec![]),
        ("SHOW TABLES FROM shop", vec![]),
        (
            "SELECT COLUMN_NAME, ORDINAL_POSITION, CHARACTER_MAXIMUM_LENGTH, IS_NULLABLE FROM \
             information_schema.columns WHERE table_schema = ? AND table_name = ? ORDER BY \
             ordinal_position LIMIT ?",
            vec!["shop".into(), "types".into(), 20.into()],
        ),
        (
            "SELECT * FROM information_schema.tables WHERE table_schema IN (?, ?) AND NOT table_name \
             = ?",
            vec!["shop".into(), Value::NULL, "it's".into()],
        ),
        (
            "SELECT table_name FROM information_schema.tables WHERE table_name = ?",
            vec![Value::NULL],
        ),
        (
            "SELECT column_name FROM information_schema.columns WHERE column_comment = ?",
            vec!["zwölf \\ 'quoted'".into()],
        ),
        ("SHOW COLUMNS FROM shop.nope", vec![]),
        ("SELECT nope FROM information_schema.columns WHERE table_name = ?", vec!["x".into()]),
    ]
}

const TABLES: &str = "create database shop; create table shop.types (id int unsigned primary key \
    comment 'zwölf \\\\ ''quoted''', b bit(9), d decimal(10,2), t time, y year, f float, s set('a','b'))";

/// SQL's own statements about prepared statements, in one session.
const BY_NAME: &[&str] = &[
    "SET @x = 1, @y = 'it''s'",
    "PREPARE `S` FROM 'SELECT ? AS a, ? AS b, @x'",
    "EXECUTE s USING @x, @y",
    "EXECUTE s USING @x, @unset",
    "EXECUTE s",
    "EXECUTE s USING @x",
    "EXECUTE s USING @x, @x, @x",
    "SELECT ?",
    "PREPARE s FROM 'SELECT nope'",
    "EXECUTE s USING @x, @y",
    "EXECUTE nope",
    "SET @sql = 'SELECT `2'",
    "PREPARE s FROM @sql",
    "SET @sql = 'SELECT 2 AS c'",
    "PREPARE s FROM @sql",
    "EXECUTE s",
    "DEALLOCATE PREPARE s",
    "DROP PREPARE s",
    "EXECUTE s",
    "PREPARE s FROM 'PREPARE t FROM \"SELECT 1\"'",
    "PREPARE s FROM 'EXECUTE s'",
    "PREPARE s FROM 'DEALLOCATE PREPARE s'",
    "PREPARE s FROM 'USE mysql'",
    "PREPARE s FROM 'START TRANSACTION'",
    "PREPARE s FROM 'BEGIN'",
    "PREPARE s FROM 'COMMIT'",
    "PREPARE s FROM 'SHOW COUNT(*) WARNINGS'",
    "PREPARE s FROM 'SHOW WARNINGS'",
    "PREPARE s FROM 'ROLLBACK'",
    "PREPARE s FROM 'SET @z = ?'",
    "EXECUTE s USING @y",
    "SELECT @z",
    "PREPARE s FROM 'PURGE BINARY LOGS TO \"x\"'",
    "PREPARE s FROM 'SHOW BINARY LOGS'",
    "PREPARE s FROM 'SELECT 1; SELECT 2'",
    "PREPARE s FROM 'SELECT 1;'",
    "PREPARE s FROM ''",
    "PREPARE s FROM @unset",
    "PREPARE s FROM 1",
    "PREPARE s FROM 'SHOW TABLES LIKE ?'",
    "PREPARE s FROM 'SELECT 1 FROM shop.nope WHERE a = ?'",
    "EXECUTE IMMEDIATE 'SELECT 1 AS d'",
    "EXECUTE IMMEDIATE 'SELECT ? AS d' USING 'x'",
];

/// Columns as a client sees them.
type Columns = Vec<(String, ColumnType, u16, ColumnFlags, u8)>;
/// What a statement is answered with: columns and rows of text, or an error.
type Answer = Result<(Columns, Vec<Vec<Option<String>>>), u16>;

async fn connect(to: &Endpoint) -> Conn {
    let options = OptsBuilder::default()
        .ip_or_hostname(to.host.clone())
        .tcp_port(to.port)
        .user(Some(to.user.clone()))
        .pass(Some(to.password.clone()))
        .prefer_socket(false);
    Conn::new(options).await.unwrap()
}

fn columns(columns: &[Column]) -> Columns {
    let seen = |column: &Column| {
        let name = column.name_str().into_owned();
        let kind = column.column_type();
        (name, kind, column.character_set(), column.flags(), column.decimals())
    };
    columns.iter().map(seen).collect()
}

/// A value as text, whichever way it came.
fn text(value: &Value, column: &Column) -> Option<String> {
    let fraction = |micros: &u32| {
        let digits = usize::from(column.decimals());
        if digits == 0 { String::new() } else { format!(".{}", &format!("{micros:06}")[..digits]) }
    };
    Some(match value {
        Value::NULL => return None,
        Value::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::Date(year, month, day, hour, minute, second, micros) => {
            let date = format!("{year:04}-{month:02}-{day:02}");
            let time = format!(" {hour:02}:{minute:02}:{second:02}{}", fraction(micros));
            let has_time = column.column_type() != ColumnType::MYSQL_TYPE_DATE;
            if has_time { date + &time } else { date }
        }
        Value::Time(negative, days, hours, minute, second, micros) => {
            let (sign, hours) = (if *negative { "-" } else { "" }, days * 24 + u32::from(*hours));
            format!("{sign}{hours:02}:{minute:02}:{second:02}{}", fraction(micros))
        }
        other => other.as_sql(true),
    })
}

fn rows(rows: &[Row]) -> Vec<Vec<Option<String>>> {
    let cells = |row: &Row| {
        let columns = row.columns_ref().iter().enumerate();
        columns.map(|(i, column)| text(&row[i], column)).collect()
    };
    rows.iter().map(cells).collect()
}

fn code(error: &Error) -> u16 {
    match error {
        Error::Server(error) => error.code,
        other => panic!("{other}"),
    }
}

async fn query(conn: &mut Conn, sql: &str) -> Answer {
    let mut result = conn.query_iter(sql).await.map_err(|error| code(&error))?;
    let columns = columns(result.columns_ref());
    let collected: Vec<Row> = result.collect().await.map_err(|error| code(&error))?;
    Ok((columns, rows(&collected)))
}

/// Prepares and executes; also returns the names of the columns before the execution.
async fn prepare_and_execute(
    conn: &mut Conn,
    sql: &str,
    values: Vec<Value>,
) -> (Vec<String>, Answer) {
    let params = if values.is_empty() { Params::Empty } else { Params::Positional(values) };
    let statement = match conn.prep(sql).await {
        Ok(statement) => statement,
        Err(error) => return (Vec::new(), Err(code(&error))),
    };
    // Executing replaces these columns.
    let names = statement.columns().iter().map(|c| c.name_str().into_owned()).collect();
    let answered = async {
        let mut result = conn.exec_iter(&statement, params).await?;
        let columns = columns(result.columns_ref());
        let collected: Vec<Row> = result.collect().await?;
        Ok((columns, rows(&collected)))
    };
    (names, answered.await.map_err(|error: Error| code(&error)))
}

async fn execute(conn: &mut Conn, sql: &str, values: Vec<Value>) -> Answer {
    prepare_and_execute(conn, sql, values).await.1
}

/// The same of binlogd, which always says the columns before: some clients take their names from there.
async fn execute_here(conn: &mut Conn, sql: &str, values: Vec<Value>) -> Answer {
    let (names, answer) = prepare_and_execute(conn, sql, values).await;
    if let Ok((columns, _)) = &answer {
        let executed: Vec<_> = columns.iter().map(|column| column.0.clone()).collect();
        assert_eq!(names, executed, "{sql}");
    }
    answer
}

/// A kind of answer: how many columns, or which error.
fn kind(answer: &Answer) -> Result<usize, u16> {
    answer.as_ref().map(|(columns, _)| columns.len()).map_err(|code| *code)
}

fn rows_of(answer: &Answer) -> Result<&[Vec<Option<String>>], u16> {
    answer.as_ref().map(|(_, rows)| rows.as_slice()).map_err(|code| *code)
}

fn start(flavour: Flavour) -> (Server, Daemon) {
    let primary = Server::start_new(flavour).unwrap();
    primary.sql(TABLES).unwrap();
    let daemon = follow(&primary);
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    (primary, daemon)
}

async fn answers_are_equal(flavour: Flavour) {
    let (primary, daemon) = start(flavour);
    let mut through = connect(&daemon.endpoint()).await;
    let mut direct = connect(&primary.endpoint()).await;
    // It says how old the newest event is.
    let status = "SHOW SLAVE STATUS";
    let (executed, queried) =
        (execute_here(&mut through, status, vec![]).await, query(&mut through, status).await);
    assert_eq!(executed.unwrap().0, queried.unwrap().0);
    for sql in OWN_TABLES {
        let executed = execute_here(&mut through, sql, Vec::new()).await;
        assert_eq!(executed, query(&mut through, sql).await, "{sql}");
    }
    for sql in OWN {
        let queried = query(&mut through, sql).await;
        let executed = execute_here(&mut through, sql, Vec::new()).await;
        assert_eq!(executed, queried, "{sql}");
        if !NOT_EVERYWHERE.contains(sql) {
            let theirs = execute(&mut direct, sql, Vec::new()).await;
            assert_eq!(kind(&executed), kind(&theirs), "{sql}");
        }
    }
    for (sql, values, same) in with_parameters() {
        let executed = execute_here(&mut through, sql, values).await;
        assert!(executed.is_ok(), "{sql}: {executed:?}");
        assert_eq!(executed, query(&mut through, same).await, "{sql}");
    }
    for (sql, values) in forwarded() {
        let ours = execute_here(&mut through, sql, values.clone()).await;
        assert_eq!(ours, execute(&mut direct, sql, values).await, "{sql}");
    }
    for sql in BY_NAME {
        let (ours, theirs) = (query(&mut through, sql).await, query(&mut direct, sql).await);
        assert_eq!(rows_of(&ours), rows_of(&theirs), "{sql}");
    }
}

#[tokio::test]
async fn prepared_answers_are_those_of_queries_and_of_the_primary() {
    answers_are_equal(Flavour::Mysql97).await;
}

mod on_mariadb {
    use super::*;

    #[tokio::test]
    async fn prepared_answers_are_those_of_queries_and_of_the_primary() {
        answers_are_equal(Flavour::Mariadb118).await;
    }
}
