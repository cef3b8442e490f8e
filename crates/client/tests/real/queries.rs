//! Result sets of every shape, and what cancellation and errors leave behind.

use std::time::Duration;

use binlogd_client::wire::{ErrorCode, WireError};
use binlogd_client::{ClientError, Connection};

use crate::support::{MYSQL, by_socket, connect, fresh_name};

fn texts(row: &binlogd_client::Row) -> Vec<Option<String>> {
    row.values().map(|v| v.map(|v| String::from_utf8(v.to_vec()).unwrap())).collect()
}

#[tokio::test]
async fn rows_come_one_by_one_with_nulls() {
    let mut connection = connect(&MYSQL).await;
    let sql = "select 1 as one, null as nothing, '' as blank, 'zwölf' as text \
               union all select 2, 'x', null, 'y'";
    let mut result = connection.query(sql).await.unwrap();
    let names: Vec<_> = result.columns().iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["one", "nothing", "blank", "text"]);

    let row = result.next().await.unwrap().unwrap();
    assert_eq!(row.get(0), Some(&b"1"[..]));
    assert_eq!(row.get(1), None);
    assert_eq!(row.get(2), Some(&b""[..]));
    assert_eq!(row.by_name("TEXT").unwrap(), "zwölf");
    assert_eq!(row.by_name("no such column"), None);
    assert_eq!(row.get(4), None);
    let row = result.next().await.unwrap().unwrap();
    assert_eq!(
        format!("{row:?}"),
        r#"{"one": Some("2"), "nothing": Some("x"), "blank": None, "text": Some("y")}"#
    );
    assert!(result.next().await.unwrap().is_none());
    assert!(result.next().await.unwrap().is_none(), "and stays at the end");
}

#[tokio::test]
async fn an_empty_set_has_columns() {
    let mut connection = connect(&MYSQL).await;
    let mut result = connection.query("select 1 as one from dual where false").await.unwrap();
    assert_eq!(result.columns().len(), 1);
    assert!(result.next().await.unwrap().is_none());
    assert!(connection.query_first("select 1 from dual where false").await.unwrap().is_none());
    let error = connection.scalar("select 1 from dual where false").await.unwrap_err();
    assert!(matches!(error, ClientError::NoRow { .. }), "{error}");
    assert_eq!(connection.scalar("select null").await.unwrap(), None);
}

#[tokio::test]
async fn changes_are_counted() {
    let mut connection = connect(&MYSQL).await;
    let db = fresh_name("db");
    connection.execute(&format!("create database {db}")).await.unwrap();
    connection.use_database(&db).await.unwrap();
    connection.execute("create table t (a int primary key auto_increment, b int)").await.unwrap();
    let result = connection.query("insert into t (b) values (1), (2), (3)").await.unwrap();
    assert_eq!((result.affected_rows(), result.last_insert_id()), (3, 1));
    assert_eq!(result.info(), "Records: 3  Duplicates: 0  Warnings: 0");
    let result = connection.query("update t set b = 2").await.unwrap();
    assert_eq!(result.affected_rows(), 2);
    assert_eq!(result.info(), "Rows matched: 3  Changed: 2  Warnings: 0");
    let result = connection.query("drop table if exists nothing").await.unwrap();
    assert_eq!(result.warnings(), 1);
    assert_eq!(connection.execute("delete from t").await.unwrap(), 3);
}

#[tokio::test]
async fn an_error_leaves_the_connection_usable() {
    let mut connection = connect(&MYSQL).await;
    for _ in 0..2 {
        let error = connection.query("selekt 1").await.unwrap_err();
        assert_eq!(error.code(), Some(ErrorCode::PARSE));
        assert!(error.to_string().contains("ERROR 1064 (42000)"), "{error}");
        let error = connection.use_database("nowhere").await.unwrap_err();
        assert_eq!(error.code(), Some(ErrorCode::BAD_DB));
        assert_eq!(connection.scalar("select 1").await.unwrap().unwrap(), "1");
        connection.ping().await.unwrap();
    }
}

#[tokio::test]
async fn an_error_among_the_rows_ends_them() {
    let mut connection = connect(&MYSQL).await;
    // The hundredth row is an error.
    let sql = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 200) \
               select i, repeat('x', 2000), if(i < 100, 1, (select i union select 0)) from n";
    let mut result = connection.query(sql).await.unwrap();
    let mut rows = 0;
    let error = loop {
        match result.next().await {
            Ok(Some(_)) => rows += 1,
            Ok(None) => panic!("no error"),
            Err(error) => break error,
        }
    };
    assert_eq!(rows, 99);
    assert_eq!(error.code(), Some(ErrorCode(1242)), "Subquery returns more than 1 row");
    assert!(result.next().await.unwrap().is_none());
    assert_eq!(connection.scalar("select 1").await.unwrap().unwrap(), "1");
}

#[tokio::test]
async fn what_is_not_read_is_skipped() {
    let mut connection = connect(&MYSQL).await;
    let sql = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 900) \
               select i, repeat('x', 2000) from n";
    let mut result = connection.query(sql).await.unwrap();
    result.next().await.unwrap().unwrap();
    assert_eq!(connection.scalar("select 7").await.unwrap().unwrap(), "7");
    drop(connection.query(sql).await.unwrap());
    connection.ping().await.unwrap();
}

#[tokio::test]
async fn several_statements_give_several_sets() {
    let options = by_socket(&MYSQL).multi_statements(true);
    let mut connection = Connection::connect(&options).await.unwrap();
    let sql = "select 1; do 1; select 2, 3; select 4 from dual where false";
    let mut result = connection.query(sql).await.unwrap();
    assert_eq!(texts(&result.next().await.unwrap().unwrap()), [Some("1".into())]);
    assert!(result.next().await.unwrap().is_none());
    assert!(result.next_set().await.unwrap());
    assert!(result.columns().is_empty());
    assert!(result.next().await.unwrap().is_none());
    assert!(result.next_set().await.unwrap());
    assert_eq!(result.columns().len(), 2);
    // The rest is skipped, here and by the next command.
    assert!(result.next_set().await.unwrap());
    assert!(!result.next_set().await.unwrap());
    drop(connection.query(sql).await.unwrap());
    assert_eq!(connection.scalar("select 5").await.unwrap().unwrap(), "5");

    let error = connection.execute("select 1; selekt 2").await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::PARSE));
    connection.ping().await.unwrap();
    // And without leave it is an error.
    let error = connect(&MYSQL).await.execute(sql).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::PARSE));
}

#[tokio::test]
async fn rows_and_statements_may_be_longer_than_a_packet() {
    let mut connection = connect(&MYSQL).await;
    for len in [0xff_ffff - 5, 0xff_ffff - 4, 0xff_ffff, 17 << 20] {
        let row = connection.query_first(&format!("select repeat('x', {len}), 1")).await.unwrap();
        let row = row.unwrap();
        assert_eq!(row.get(0).unwrap().len(), len);
        assert!(row.get(0).unwrap().iter().all(|&b| b == b'x'));
        assert_eq!(row.get(1), Some(&b"1"[..]));
    }
    let sql = format!("select length('{}')", "y".repeat(17 << 20));
    assert_eq!(connection.scalar(&sql).await.unwrap().unwrap(), (17 << 20).to_string());
}

#[tokio::test]
async fn a_row_over_the_limit_is_refused_and_ends_the_connection() {
    let options = by_socket(&MYSQL).max_payload_len(1000);
    let mut connection = Connection::connect(&options).await.unwrap();
    assert!(connection.scalar("select repeat('x', 900)").await.is_ok());
    let error = connection.scalar("select repeat('x', 1000)").await.unwrap_err();
    assert!(
        matches!(
            error,
            ClientError::Protocol { error: WireError::TooLarge { size: 1003, limit: 1000 }, .. }
        ),
        "{error}"
    );
    let error = connection.ping().await.unwrap_err();
    assert!(matches!(error, ClientError::Unusable { .. }), "{error}");
}

#[tokio::test]
async fn a_cancelled_query_is_skipped_by_the_next() {
    let mut connection = connect(&MYSQL).await;
    let cancelled =
        tokio::time::timeout(Duration::from_millis(20), connection.scalar("select sleep(1)"));
    assert!(cancelled.await.is_err());
    assert_eq!(connection.scalar("select 8").await.unwrap().unwrap(), "8");
}

#[tokio::test]
async fn a_killed_connection_says_so() {
    let mut connection = connect(&MYSQL).await;
    let mut other = connect(&MYSQL).await;
    other.execute(&format!("kill {}", connection.id())).await.unwrap();
    let error = connection.ping().await.unwrap_err();
    assert!(matches!(error, ClientError::Closed { .. }), "{error}");
    assert!(error.to_string().contains("closed the connection during a command"), "{error}");
    let error = connection.ping().await.unwrap_err();
    assert!(matches!(error, ClientError::Unusable { .. }), "{error}");
}

#[tokio::test]
async fn a_reset_session_is_a_new_one() {
    let mut connection = connect(&MYSQL).await;
    connection.execute("set @a = 1").await.unwrap();
    assert_eq!(connection.scalar("select @a").await.unwrap().unwrap(), "1");
    connection.reset().await.unwrap();
    assert_eq!(connection.scalar("select @a").await.unwrap(), None);
    connection.quit().await.unwrap();
}
