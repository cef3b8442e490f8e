//! Sessions on the primary through binlogd: snapshots for CDC clients.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::time::Duration;

use binlogd_client::{ClientError, ConnectOptions, Connection};
use common::{BINLOGD, PATIENCE, peak_kib, primary};
use testkit::rng::Rng;
use testkit::server::Server;
use testkit::{Daemon, wait_until};

const GRANTS: &str = "create user pass identified by 'secret'; \
    grant select, insert, create, execute, lock tables on d.* to pass; \
    grant reload, replication client on *.* to pass;";

const SECTIONS: &str = "[stream.passthrough]\nuser = 'pass'\npassword = 'secret'\n\
    [[stream.user]]\nname = 'snap'\npassword = 'pw'\nrights = ['query', 'replicate']\n\
    [[stream.user]]\nname = 'reader'\npassword = 'pw'\n";

fn served(primary: &Server) -> Daemon {
    let daemon = Daemon::new(BINLOGD, &primary.endpoint()).unwrap();
    daemon.configured(SECTIONS).unwrap().started().unwrap()
}

fn options(daemon: &Daemon, user: &str) -> ConnectOptions {
    ConnectOptions::new("127.0.0.1").port(daemon.endpoint().port).user(user).password("pw")
}

async fn connect(daemon: &Daemon, user: &str) -> Connection {
    Connection::connect(&options(daemon, user)).await.unwrap()
}

async fn code(connection: &mut Connection, sql: &str) -> Option<u16> {
    match connection.execute(sql).await {
        Ok(_) => None,
        Err(error) => Some(error.code().map_or(0, |code| code.0)),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_is_read_at_the_position_where_a_dump_begins() {
    let primary = primary();
    let setup = "create database d; create table d.t (id int primary key, v longtext); \
        insert into d.t values (1, 'a'), (2, 'b'); \
        \ndelimiter //\ncreate procedure d.p() begin select 1; select 2; end//\ndelimiter ;\n";
    primary.sql(&format!("{GRANTS} {setup}")).unwrap();
    let daemon = served(&primary);
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    let mut app = connect(&daemon, "snap").await;

    app.execute("SET @x = 7, SESSION sort_buffer_size = 123456").await.unwrap();
    app.execute("FLUSH TABLES WITH READ LOCK").await.unwrap();
    let set = app.scalar("SELECT CONCAT(@x, ' ', @@sort_buffer_size) FROM d.t LIMIT 1").await;
    assert_eq!(set.unwrap().as_deref(), Some("7 123456"), "what was set before");
    app.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT").await.unwrap();
    let mut rows = app.query("SHOW BINARY LOG STATUS").await.unwrap();
    let row = rows.next().await.unwrap().unwrap();
    let shown = (row.text(0).unwrap().into_owned(), row.text(1).unwrap().into_owned());
    drop(rows);
    let theirs = primary.query_rows("show binary log status").unwrap();
    assert_eq!(shown, (theirs[0][0].clone(), theirs[0][1].clone()));
    let size = app.query("SHOW BINARY LOGS").await.unwrap().next().await.unwrap();
    assert!(size.is_some(), "binlogd's own files");
    app.execute("UNLOCK TABLES").await.unwrap();
    primary.sql("insert into d.t values (3, 'later')").unwrap();
    let count = app.scalar("SELECT COUNT(*) FROM d.t").await.unwrap();
    assert_eq!(count.as_deref(), Some("2"), "the snapshot");
    app.execute("COMMIT").await.unwrap();

    // A position is shown once it is stored, also while commits come.
    let gtids = app.scalar("SELECT @@GLOBAL.gtid_executed").await.unwrap().unwrap();
    let mut reader = connect(&daemon, "reader").await;
    let stored = reader.scalar("SELECT @@GLOBAL.gtid_executed").await.unwrap().unwrap();
    assert_eq!(gtids, stored);

    let mut results = app.query("CALL d.p()").await.unwrap();
    let first = results.next().await.unwrap().unwrap().text(0).unwrap().into_owned();
    while results.next().await.unwrap().is_some() {}
    assert!(results.next_set().await.unwrap());
    let second = results.next().await.unwrap().unwrap().text(0).unwrap().into_owned();
    assert_eq!((first.as_str(), second.as_str()), ("1", "2"));
    drop(results);
    assert_eq!(
        app.scalar("SELECT v FROM d.t WHERE id = 3").await.unwrap().as_deref(),
        Some("later")
    );

    // Without the right there are no tables; errors of the primary are its own.
    assert!(matches!(code(&mut reader, "SELECT * FROM d.t").await, Some(1046 | 1146)));
    assert_eq!(code(&mut app, "SELECT * FROM d.nope").await, Some(1146));
    assert_eq!(code(&mut app, "SELECT 1; SELECT 2 FROM d.t").await, Some(1064));
    app.quit().await.unwrap();
    wait_until("the session ends", PATIENCE, || {
        Ok(daemon.log().contains("ended a session on the"))
    })
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn large_answers_are_streamed_and_can_be_killed_or_lost() {
    let mut primary = primary();
    let rows = "insert into d.t select null, repeat('x', 1000000) from seq limit 64";
    primary
        .sql(&format!(
            "{GRANTS} create database d; set sql_log_bin = 0; \
             create table d.t (id int primary key auto_increment, v longtext); \
             create table d.seq (n int); use d; \
             insert into seq with recursive s as (select 1 n union all select n+1 from s where n < 64) \
             select n from s; {rows}"
        ))
        .unwrap();
    let mut daemon = served(&primary);
    let mut app = connect(&daemon, "snap").await;
    app.execute("SELECT 1 FROM d.t").await.unwrap();
    let before = peak_kib(daemon.pid().unwrap()).unwrap();
    let mut answer = app.query("SELECT v FROM d.t").await.unwrap();
    let mut bytes = 0;
    while let Some(row) = answer.next().await.unwrap() {
        bytes += row.get(0).map_or(0, <[u8]>::len);
    }
    drop(answer);
    assert_eq!(bytes, 64_000_000);
    let grown = peak_kib(daemon.pid().unwrap()).unwrap() - before;
    assert!(grown < 16 << 10, "{grown} KiB more for an answer of 64 MB");

    // KILL QUERY of another connection, by the id of the greeting.
    let (id, mut other) = (app.id(), connect(&daemon, "snap").await);
    let sleeping = tokio::spawn(async move {
        let slept = app.scalar("SELECT SLEEP(100) FROM d.seq").await;
        (app, slept)
    });
    wait_until("it sleeps", PATIENCE, || {
        let list = primary.sql("select info from information_schema.processlist")?;
        Ok(list.contains("SELECT SLEEP(100) FROM"))
    })
    .unwrap();
    other.execute(&format!("KILL QUERY {id}")).await.unwrap();
    let (mut app, slept) = sleeping.await.unwrap();
    assert!(matches!(slept, Err(ClientError::Server { .. }) | Ok(Some(_))), "{slept:?}");
    assert_eq!(app.scalar("SELECT COUNT(*) FROM d.seq").await.unwrap().as_deref(), Some("64"));

    // The primary goes while rows come: an error, never an end.
    let mut answer = app.query("SELECT v, SLEEP(0.05) FROM d.t").await.unwrap();
    answer.next().await.unwrap().unwrap();
    primary.kill().unwrap();
    let mut failed = None;
    loop {
        match answer.next().await {
            Ok(Some(_)) => {}
            Ok(None) => break,
            Err(error) => {
                failed = Some(error);
                break;
            }
        }
    }
    assert!(failed.is_some(), "an answer that was cut off looked whole");
    daemon.stop().unwrap();
}

/// What would leave the session if it got through.
const ATTACKS: [&str; 14] = [
    "KILL {victim}",
    "KILL QUERY {victim}",
    "SET PASSWORD = 'stolen'",
    "ALTER USER USER() IDENTIFIED BY 'stolen'",
    "LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE d.t",
    "PREPARE s FROM 'KILL {victim}'",
    "EXECUTE IMMEDIATE 'KILL {victim}'",
    "CREATE PROCEDURE d.k() KILL {victim}",
    "SELECT * FROM information_schema.processlist",
    "SHUTDOWN",
    "STOP REPLICA",
    "PURGE BINARY LOGS BEFORE NOW()",
    "EXPLAIN FOR CONNECTION {victim}",
    "RESET REPLICA ALL",
];

/// What may hide it.
const BEFORE: [&str; 16] = [
    "",
    "SELECT 1 FROM d.t; ",
    "SELECT '¿\\; ",
    "SELECT \"\\\"; ",
    "/*! ",
    "/*!99999 ",
    "/*!50000 ",
    "/*M! ",
    "/* /* */ ",
    "SELECT 1 FROM d.t\0; ",
    "\0",
    "-- \n",
    "#\r",
    "BEGIN; ",
    "SET @a = 1; ",
    "DO 1; ",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_attempts_leave_no_session() {
    const SEED: u64 = 20_261_201;
    let primary = primary();
    primary.sql(&format!("{GRANTS} create database d; create table d.t (a text)")).unwrap();
    let daemon = served(&primary);
    let endpoint = primary.endpoint();
    let own = ConnectOptions::new("127.0.0.1").port(endpoint.port).user("pass").password("secret");
    let mut victim = Connection::connect(&own).await.unwrap();
    victim.execute("SET @mine = 'still here'").await.unwrap();
    let mut rng = Rng::new(SEED);
    let mut app = connect(&daemon, "snap").await;
    for attempt in 0..1000 {
        let attack = rng.pick(&ATTACKS).replace("{victim}", &victim.id().to_string());
        let mut sql = rng.pick(&BEFORE).to_owned();
        sql.push_str(&attack);
        sql.push_str(rng.pick(&["", " */", ";", "\0", " -- x"]));
        let setting =
            rng.pick(&["SET NAMES gbk", "SET NAMES utf8mb4", "SET sql_mode = 'ANSI_QUOTES'"]);
        if app.execute(setting).await.is_err() {
            app = connect(&daemon, "snap").await;
        }
        let result = app.execute(&sql).await;
        assert!(result.is_err(), "seed {SEED}, attempt {attempt}: {sql:?}");
        if result.is_err_and(|error| error.code().is_none()) {
            app = connect(&daemon, "snap").await;
        }
    }
    let mine = victim.scalar("SELECT @mine").await.unwrap();
    assert_eq!(mine.as_deref(), Some("still here"));
    tokio::time::timeout(Duration::from_secs(60), Connection::connect(&own))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(primary.sql("select count(*) from d.t").unwrap().trim(), "0");
}
