//! What clients ask about tables, which binlogd asks the primary.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use binlogd_client::{Column, ConnectOptions, Connection};
use common::{BINLOGD, PATIENCE, follow};
use rustix::process::{Pid, Signal, kill_process};
use testkit::{Daemon, Endpoint, Flavour, Server};

/// Tables with something of everything that is asked about.
const TABLES: &str = "create database shop; create database `a``b'c`; use shop; create table o_rders (
    id int unsigned auto_increment primary key comment 'zwölf \\\\ ''quoted''', state enum('new','paid') \
    character set latin1 not null default 'new', total decimal(10,2), note text, u varchar(7) character \
    set utf8 collate utf8_bin, g int as (length(note)) virtual, key by_total (total, note(10)), unique (u));
    create table orders (a int, `b``c` blob); create view v as select a from orders;
    create trigger tr before insert on orders for each row set new.a = 1;
    create table `a``b'c`.t (x int primary key)";

/// The same where there are no generated columns.
fn tables_of(flavour: Flavour) -> String {
    match flavour {
        Flavour::Mysql56 => TABLES.replace("as (length(note)) virtual", ""),
        _ => TABLES.to_owned(),
    }
}

/// What clients ask, in this order on one connection.
const QUESTIONS: &[&str] = &[
    "show full columns from `shop`.`o_rders`",
    "SHOW COLUMNS IN o_rders FROM shop LIKE 'n_te'",
    "show fields from shop.o_rders where Field in ('id', 'u') or not (Type like 'int%') and `Null` <> 'NO';",
    "show index from `shop`.`o_rders`",
    "show keys in shop.o_rders where Key_name = 'by_total'",
    "show create table shop.o_rders",
    "show create table shop.v",
    "show tables from shop",
    "show tables from shop like 'o\\_%'",
    "show full tables in shop where Table_type = 'BASE TABLE'",
    "show databases like 's%p'",
    "show create table `a``b'c`.t",
    "SELECT \n  COLUMN_NAME, COLLATION_NAME, CHARACTER_SET_NAME, \n  COLUMN_COMMENT, COLUMN_TYPE \n  FROM \
     INFORMATION_SCHEMA.COLUMNS WHERE TABLE_SCHEMA='shop' AND TABLE_NAME='o_rders' \n  ORDER BY \
     ORDINAL_POSITION",
    "SELECT COLUMN_NAME, COLUMN_KEY, ORDINAL_POSITION, DATA_TYPE, CHARACTER_OCTET_LENGTH FROM \
     information_schema.columns WHERE table_schema = 'shop' AND table_name = 'orders'",
    "SELECT * FROM INFORMATION_SCHEMA.TABLES WHERE TABLE_SCHEMA = 'shop' and TABLE_NAME = 'nope' LIMIT 1",
    "select distinct table_name as `a table`, Index_Name from information_schema.statistics where \
     table_schema in ('shop', 'a`b''c') and column_name like '%' order by index_name desc, table_name \
     limit 1, 3",
    "select constraint_name from information_schema.key_column_usage where table_schema = 'a`b\\'c'",
    "select column_name from information_schema.columns where column_comment = 'zwölf \\\\ ''quoted'''",
    "desc shop.o_rders",
    "DESCRIBE `shop`.o_rders 'n%'",
    "explain shop.o_rders state",
    "show table status from shop like 'o\\_rder%'",
    "show table status from shop where Name = 'nope'",
    "show create database `a``b'c`",
    "show create schema if not exists shop",
    "show create view shop.v",
    "show create trigger shop.tr",
    "show triggers from shop like 'o%'",
    "show triggers in `a``b'c`",
    "show events from shop",
    "show procedure status where Db = 'shop'",
    "show function status like 'nope'",
    "show engines",
    "show storage engines",
    "show charset like 'utf8%'",
    "show character set where Charset = 'latin1'",
    "show collation like 'latin1%'",
    "show plugins",
    "show privileges",
    "select engine, support from information_schema.engines where engine = 'InnoDB'",
    "select trigger_name, action_statement from information_schema.triggers where trigger_schema = 'shop'",
    "select * from information_schema.character_sets where character_set_name in ('latin1', 'utf8mb4')",
    "select count(*), COUNT( * ) as `n` from information_schema.columns where table_schema = 'shop'",
    "show columns from shop.nope",
    "describe shop.nope",
    "show create table nope.nope",
    "select nope from information_schema.columns",
    "use information_schema",
    "select SCHEMA_NAME from schemata where schema_name like 'sho_' or schema_name = 'a`b''c'",
    "select SCHEMA_NAME from schemata where schema_name like 'sho_' order by schema_name asc",
    "use shop",
    "show index from orders",
    "set character_set_results = utf8",
    "show index from o_rders",
    "set character_set_client = latin1",
    "select column_name from information_schema.columns where column_comment like 'zwölf%'",
    "set names latin1",
    "show full columns from o_rders",
    "set character_set_results = null",
    "show full columns from o_rders",
    "show tables",
];

/// What a statement is answered with: an error's number and text, or columns and rows.
type Answer = Result<(Vec<Column>, Vec<Vec<Option<Vec<u8>>>>), (u16, String)>;

async fn connect(to: &Endpoint) -> Connection {
    let options = ConnectOptions::new(to.host.clone()).port(to.port).user(to.user.clone());
    Connection::connect(&options.password(to.password.as_str())).await.unwrap()
}

async fn ask(connection: &mut Connection, sql: &str) -> Answer {
    let told = |error: binlogd_client::ClientError| {
        let error = error.server_error().unwrap_or_else(|| panic!("{sql}: {error}"));
        (error.code.0, error.message.to_string())
    };
    let mut result = connection.query(sql).await.map_err(told)?;
    let columns = result.columns().to_vec();
    let mut rows = Vec::new();
    while let Some(row) = result.next().await.map_err(told)? {
        rows.push(row.values().map(|value| value.map(<[u8]>::to_vec)).collect());
    }
    Ok((columns, rows))
}

/// Asks a primary and binlogd all of them, and compares the answers to the last flag.
async fn answers_are_the_primarys(flavour: Flavour) {
    let primary = Server::start_new(flavour).unwrap();
    primary.sql(&tables_of(flavour)).unwrap();
    // Modes in which a primary takes backslashes and quotes in another way.
    primary
        .sql("set global sql_mode = concat(@@global.sql_mode, ',ANSI_QUOTES,NO_BACKSLASH_ESCAPES')")
        .unwrap();
    let daemon = follow(&primary);
    let mut direct = connect(&primary.endpoint()).await;
    let escapes = "set sql_mode = replace(@@sql_mode, 'NO_BACKSLASH_ESCAPES', '')";
    direct.execute(escapes).await.unwrap();
    let mut through = connect(&daemon.endpoint()).await;
    let (mut rows, mut errors) = (0, 0);
    for sql in QUESTIONS {
        let ours = ask(&mut through, sql).await;
        let theirs = ask(&mut direct, sql).await;
        match &ours {
            Ok((_, found)) => rows += found.len(),
            Err(_) => errors += 1,
        }
        assert_eq!(ours, theirs, "{sql}");
    }
    assert!(rows > 50, "{rows}");
    assert_eq!(errors, 4);
}

#[tokio::test]
async fn answers_about_tables_are_the_primarys() {
    answers_are_the_primarys(Flavour::Mysql97).await;
}

#[tokio::test]
async fn a_primary_that_cannot_be_asked_is_an_error_and_no_end() {
    let mut primary = Server::start_new(Flavour::Mysql97).unwrap();
    primary.sql("create database shop; create table shop.t (a int)").unwrap();
    let daemon = follow(&primary);
    let mut through = connect(&daemon.endpoint()).await;
    let question = "show columns from shop.t";
    assert_eq!(ask(&mut through, question).await.unwrap().1.len(), 1);
    primary.stop().unwrap();
    let (code, text) = ask(&mut through, question).await.unwrap_err();
    let address = format!("cannot connect to 127.0.0.1:{}", primary.port());
    assert_eq!((code, text.contains(&address)), (1429, true), "{text}");
    let (_, warnings) = ask(&mut through, "show warnings").await.unwrap();
    assert_eq!(warnings[0][2].as_deref(), Some(text.as_bytes()));
    primary.start().unwrap();
    assert_eq!(ask(&mut through, question).await.unwrap().1.len(), 1);
}

/// It has accepted the connection, and says nothing.
#[tokio::test]
async fn a_question_that_is_not_answered_can_be_taken_back() {
    let primary = Server::start_new(Flavour::Mysql97).unwrap();
    let daemon = follow(&primary);
    let (mut through, mut other) =
        (connect(&daemon.endpoint()).await, connect(&daemon.endpoint()).await);
    let pid = Pid::from_raw(primary.pid().unwrap().cast_signed()).unwrap();
    let id = through.id();
    kill_process(pid, Signal::STOP).unwrap();
    let asking = tokio::spawn(async move {
        let answer = ask(&mut through, "show databases").await;
        (answer, ask(&mut through, "select 1").await)
    });
    let is_asking = async {
        loop {
            let list = ask(&mut other, "show processlist").await.unwrap().1;
            if list.iter().any(|row| row[7].as_deref() == Some(b"show databases")) {
                break;
            }
        }
    };
    tokio::time::timeout(PATIENCE, is_asking).await.unwrap();
    other.execute(&format!("kill query {id}")).await.unwrap();
    let (answer, next) = tokio::time::timeout(PATIENCE, asking).await.unwrap().unwrap();
    kill_process(pid, Signal::CONT).unwrap();
    assert_eq!(answer.unwrap_err(), (1317, "Query execution was interrupted".to_owned()));
    next.unwrap();
}

#[tokio::test]
async fn what_the_upstream_account_may_not_see_nobody_sees() {
    let primary = Server::start_new(Flavour::Mysql97).unwrap();
    primary
        .sql(
            "create database shop; create table shop.t (a int primary key); create user slim \
             identified by 'pw'; grant replication slave, replication client on *.* to slim",
        )
        .unwrap();
    let url = format!("mysql://slim:pw@127.0.0.1:{}", primary.port());
    let daemon = Daemon::new(BINLOGD, &primary.endpoint()).unwrap().upstream(&url);
    let daemon = daemon.started().unwrap();
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    let mut through = connect(&daemon.endpoint()).await;
    let selected = "select column_name from information_schema.columns where table_name = 't'";
    for question in ["show full columns from shop.t", "show index from shop.t"] {
        assert_eq!(ask(&mut through, question).await.unwrap_err().0, 1142, "{question}");
    }
    assert_eq!(ask(&mut through, selected).await.unwrap().1.len(), 0);
    primary.sql("grant select on *.* to slim").unwrap();
    for question in ["show full columns from shop.t", "show index from shop.t", selected] {
        assert_eq!(ask(&mut through, question).await.unwrap().1.len(), 1, "{question}");
    }
}

/// Many readers at once, each with an answer of many rows.
#[tokio::test(flavor = "multi_thread")]
async fn many_may_ask_at_once_and_some_may_leave() {
    let primary = Server::start_new(Flavour::Mysql97).unwrap();
    let daemon = follow(&primary);
    let question = "select * from information_schema.columns";
    let mut direct = connect(&primary.endpoint()).await;
    let expected = ask(&mut direct, question).await.unwrap().1.len();
    assert!(expected > 1000, "{expected}");
    let mut asking = Vec::new();
    for reader in 0..24 {
        let to = daemon.endpoint();
        asking.push(tokio::spawn(async move {
            let mut connection = connect(&to).await;
            let mut result = connection.query(question).await.unwrap();
            if reader % 3 == 0 {
                result.next().await.unwrap().unwrap();
                return None;
            }
            let mut rows = 0;
            while result.next().await.unwrap().is_some() {
                rows += 1;
            }
            Some(rows)
        }));
    }
    for task in asking {
        let rows = task.await.unwrap();
        assert_eq!(rows.unwrap_or(expected), expected);
    }
    // Whoever left has left room to ask.
    let mut through = connect(&daemon.endpoint()).await;
    let question = ask(&mut through, "show databases");
    let answer = tokio::time::timeout(PATIENCE, question).await.unwrap().unwrap();
    assert_eq!(answer.1.len(), 4, "its own schemas: {answer:?}");
}

/// A primary that makes every session speak a character set in which bytes of UTF-8 swallow a backslash or
/// a backquote. What is asked for is only looked for, and never part of a statement.
async fn a_forced_character_set_changes_nothing(flavour: Flavour, argument: &str) {
    let primary = Server::builder(flavour).arg(argument).start().unwrap();
    primary
        .sql(
            "create database secret; create table secret.cards (no varchar(30)); create user slim \
             identified by 'pw'; grant select, replication slave, replication client on *.* to slim",
        )
        .unwrap();
    primary.sql("set names utf8mb4; create table secret.`丂` (丂 int comment 'ä丂')").unwrap();
    let url = format!("mysql://slim:pw@127.0.0.1:{}", primary.port());
    let daemon = Daemon::new(BINLOGD, &primary.endpoint()).unwrap().upstream(&url);
    let daemon = daemon.started().unwrap();
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    let mut through = connect(&daemon.endpoint()).await;
    // The last byte of 乁 begins a character that the backslash, doubled, would end.
    let tables = "select table_name from information_schema.tables where table_schema = ";
    let union = "乁\\\\\\' union select no from secret.cards #";
    for question in [
        format!("{tables}'{union}'"),
        format!("show tables from secret like '{union}'"),
        "show tables from secret like '乁\\\\\\' or 1=1 #'".to_owned(),
    ] {
        let (_, rows) = ask(&mut through, &question).await.unwrap();
        assert!(rows.is_empty(), "{question}: {rows:?}");
    }
    for (question, column) in [
        ("show columns from secret.丂", 0),
        ("show tables from secret like '丂'", 0),
        ("show create table secret.`丂`", 0),
        ("select column_name from information_schema.columns where column_comment = 'ä丂'", 0),
    ] {
        let (_, rows) = ask(&mut through, question).await.unwrap();
        assert_eq!(rows.len(), 1, "{question}");
        assert_eq!(rows[0][column].as_deref(), Some("丂".as_bytes()), "{question}");
    }
}

#[tokio::test]
async fn a_character_set_that_the_primary_forces_changes_nothing() {
    a_forced_character_set_changes_nothing(Flavour::Mysql97, "--init-connect=SET NAMES gbk").await;
}

mod on_mariadb {
    use super::{Flavour, a_forced_character_set_changes_nothing, answers_are_the_primarys};

    #[tokio::test]
    async fn a_character_set_that_the_primary_forces_changes_nothing() {
        let argument = "--init-connect=SET NAMES sjis";
        a_forced_character_set_changes_nothing(Flavour::Mariadb1011, argument).await;
    }

    #[tokio::test]
    async fn answers_about_tables_are_mariadbs() {
        answers_are_the_primarys(Flavour::Mariadb118).await;
    }

    #[tokio::test]
    async fn answers_about_tables_are_an_older_mariadbs() {
        answers_are_the_primarys(Flavour::Mariadb1011).await;
    }
}

mod on_mysql_5_6 {
    use super::{Flavour, answers_are_the_primarys};

    #[tokio::test]
    async fn answers_about_tables_are_the_primarys() {
        answers_are_the_primarys(Flavour::Mysql56).await;
    }
}
