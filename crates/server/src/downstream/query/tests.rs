//! Statements and their answers. What MySQL answers was seen on a 9.7 server.

use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use tokio_util::sync::CancellationToken;

use super::super::facts::{PurgeError, PurgeOutcome, PurgeTarget};
use super::super::registry::{Registration, Replica};
use super::super::server::Server;
use super::super::state::{SessionState, TlsFacts};
use super::super::testing::{ask, server, session};
use crate::config::Rights;

mod nothing_to_do;

const MYSQL: &str = "9.7.4";
const MARIADB: &str = "11.8.3-MariaDB-log";

/// Statements of one session, in order, each with its answer.
fn talk(version: &'static str, lines: &[(&str, &str)]) {
    let (server, _) = server(version);
    let mut session = session();
    for (sql, expected) in lines {
        assert_eq!(ask(&server, &mut session, sql), *expected, "{sql}");
    }
}

fn register(server: &Server, user: &str) -> Registration {
    let token = CancellationToken::new();
    let limits = crate::config::Limits::default();
    let mut registration = server.registry.register("10.0.0.2".into(), token, &limits).unwrap();
    registration.logged_in(user);
    registration
}

#[test]
fn a_mysql_replica_hears_what_it_needs() {
    talk(
        MYSQL,
        &[
            ("SELECT @@GLOBAL.SERVER_ID", "@@GLOBAL.SERVER_ID\n4000"),
            (
                "SET @master_heartbeat_period = 30000001024, @source_heartbeat_period = 30000001024",
                "OK",
            ),
            ("SELECT @source_heartbeat_period", "@source_heartbeat_period\n30000001024"),
            (
                "SET @master_binlog_checksum = @@global.binlog_checksum, @source_binlog_checksum = \
             @@global.binlog_checksum",
                "OK",
            ),
            ("SELECT @source_binlog_checksum", "@source_binlog_checksum\nCRC32"),
            ("SELECT @@GLOBAL.GTID_MODE", "@@GLOBAL.GTID_MODE\nON"),
            (
                "SELECT @@GLOBAL.SERVER_UUID",
                "@@GLOBAL.SERVER_UUID\n11111111-2222-3333-4444-555555555555",
            ),
            (
                "SELECT @@global.rpl_semi_sync_source_enabled",
                "ERROR 1193: Unknown system variable 'rpl_semi_sync_source_enabled'",
            ),
            ("SELECT @never_set", "@never_set\nNULL"),
            ("SHOW VARIABLES LIKE 'SERVER_ID'", "Variable_name | Value\nserver_id | 4000"),
            ("SHOW VARIABLES LIKE 'rpl_semi_sync_master_enabled'", "Variable_name | Value"),
            (
                "SHOW VARIABLES WHERE Variable_name IN ('rpl_semi_sync_master_enabled', \
             'rpl_semi_sync_source_enabled')",
                "Variable_name | Value",
            ),
            ("show variables like 'maxscale%'", "Variable_name | Value"),
            (
                "SELECT @@GLOBAL.gtid_domain_id",
                "ERROR 1193: Unknown system variable 'gtid_domain_id'",
            ),
            ("SELECT VERSION() AS version", "version\n9.7.4"),
        ],
    );
}

#[test]
fn a_mariadb_replica_hears_what_it_needs() {
    talk(
        MARIADB,
        &[
            ("SELECT VERSION()", "VERSION()\n11.8.3-MariaDB-log"),
            ("SELECT @@GLOBAL.gtid_domain_id", "@@GLOBAL.gtid_domain_id\n0"),
            ("SET skip_replication=1", "OK"),
            ("SELECT @@skip_replication", "@@skip_replication\n1"),
            (
                "SELECT binlog_gtid_pos('binlog.000001',4)",
                "binlog_gtid_pos('binlog.000001',4)\n0-1-7",
            ),
            (
                "SELECT binlog_gtid_pos('binlog.000001',5)",
                "binlog_gtid_pos('binlog.000001',5)\nNULL",
            ),
            ("SELECT @@gtid_mode", "ERROR 1193: Unknown system variable 'gtid_mode'"),
            ("SELECT @@server_uuid", "ERROR 1193: Unknown system variable 'server_uuid'"),
            (
                "SHOW MASTER STATUS",
                "File | Position | Binlog_Do_DB | Binlog_Ignore_DB\nbinlog.000002 | 157 |  | ",
            ),
            ("SHOW BINARY LOGS", "Log_name | File_size\nbinlog.000001 | 1000\nbinlog.000002 | 157"),
            ("SELECT @@tx_isolation", "@@tx_isolation\nREPEATABLE-READ"),
        ],
    );
}

#[test]
fn the_logs_are_shown_as_the_version_does() {
    let status = "File | Position | Binlog_Do_DB | Binlog_Ignore_DB | Executed_Gtid_Set\n\
                  binlog.000002 | 157 |  |  | aaaaaaaa-0000-0000-0000-000000000000:1-9";
    talk(
        MYSQL,
        &[
            (
                "SHOW BINARY LOGS",
                "Log_name | File_size | Encrypted\nbinlog.000001 | 1000 | No\nbinlog.000002 | 157 | No",
            ),
            ("SHOW MASTER STATUS", status),
            ("show binary log status", status),
        ],
    );
    talk(
        "5.6.24-log",
        &[
            ("SHOW MASTER LOGS", "Log_name | File_size\nbinlog.000001 | 1000\nbinlog.000002 | 157"),
            ("SHOW MASTER STATUS", status),
        ],
    );
}

#[test]
fn a_set_list_is_done_whole_or_not_at_all() {
    talk(
        MYSQL,
        &[
            ("SET @a = 1", "OK"),
            ("SET @a = 2, @b = @a", "OK"),
            ("SELECT @a, @b", "@a | @b\n2 | 1"),
            ("SET @a = 3, @@nope = 1", "ERROR 1193: Unknown system variable 'nope'"),
            ("SET wait_timeout = 5, @a = foo", "ERROR 1054: Unknown column 'foo' in 'field list'"),
            ("SELECT @a, @@wait_timeout", "@a | @@wait_timeout\n2 | 28800"),
            ("SELECT @A, @`a`, @'a'", "@A | @`a` | @'a'\n2 | 2 | 2"),
        ],
    );
}

#[test]
fn system_variables_are_set_as_far_as_a_session_may() {
    talk(
        MYSQL,
        &[
            ("SET AUTOCOMMIT = 0", "OK"),
            (
                "SELECT @@autocommit, @@global.autocommit",
                "@@autocommit | @@global.autocommit\n0 | 1",
            ),
            (
                "SET SESSION wait_timeout = 5, net_read_timeout = 0, @@session.net_write_timeout := 7",
                "OK",
            ),
            (
                "SELECT @@wait_timeout, @@net_read_timeout, @@session.net_write_timeout",
                "@@wait_timeout | @@net_read_timeout | @@session.net_write_timeout\n5 | 1 | 7",
            ),
            ("SHOW VARIABLES LIKE 'wait_timeout'", "Variable_name | Value\nwait_timeout | 5"),
            (
                "SHOW GLOBAL VARIABLES LIKE 'wait_timeout'",
                "Variable_name | Value\nwait_timeout | 28800",
            ),
            ("SET wait_timeout = DEFAULT", "OK"),
            ("SELECT @@wait_timeout", "@@wait_timeout\n28800"),
            (
                "SET wait_timeout='x'",
                "ERROR 1232: Incorrect argument type to variable 'wait_timeout'",
            ),
            (
                "SET autocommit=2",
                "ERROR 1231: Variable 'autocommit' can't be set to the value of '2'",
            ),
            ("SET server_uuid='x'", "ERROR 1238: Variable 'server_uuid' is a read only variable"),
            (
                "SET server_id=1",
                "ERROR 1229: Variable 'server_id' is a GLOBAL variable and should be set with SET GLOBAL",
            ),
            (
                "SET GLOBAL server_id=1",
                "ERROR 1227: Access denied; you need (at least one of) the SUPER or \
             SYSTEM_VARIABLES_ADMIN privilege(s) for this operation",
            ),
            ("SELECT @@session.server_id", "ERROR 1238: Variable 'server_id' is a GLOBAL variable"),
            (
                "SELECT @@global.pseudo_thread_id",
                "ERROR 1238: Variable 'pseudo_thread_id' is a SESSION variable",
            ),
            (
                "SET sql_mode='STRICT'",
                "ERROR 1231: Variable 'sql_mode' can't be set to the value of 'STRICT'",
            ),
            ("SET sql_mode=''", "OK"),
            ("SELECT @@sql_mode, @@global.sql_mode", "@@sql_mode | @@global.sql_mode\n | ANSI"),
            ("SET time_zone='+02:00'", "OK"),
            ("SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE", "OK"),
            ("SELECT @@transaction_isolation", "@@transaction_isolation\nSERIALIZABLE"),
            ("SELECT @@tx_isolation", "ERROR 1193: Unknown system variable 'tx_isolation'"),
            ("START TRANSACTION", "OK"),
            ("COMMIT", "OK"),
        ],
    );
}

#[test]
fn character_sets_go_together() {
    let shown = "SELECT @@character_set_client c, @@character_set_connection n, \
                 @@character_set_results r, @@collation_connection l";
    talk(
        MYSQL,
        &[
            (shown, "c | n | r | l\nutf8mb4 | utf8mb4 | utf8mb4 | utf8mb4_0900_ai_ci"),
            ("SET NAMES utf8", "OK"),
            (shown, "c | n | r | l\nutf8mb3 | utf8mb3 | utf8mb3 | utf8mb3_general_ci"),
            ("SET NAMES utf8mb4 COLLATE utf8mb4_bin", "OK"),
            (shown, "c | n | r | l\nutf8mb4 | utf8mb4 | utf8mb4 | utf8mb4_bin"),
            ("SET CHARACTER SET latin1", "OK"),
            (shown, "c | n | r | l\nlatin1 | utf8mb4 | latin1 | utf8mb4_0900_ai_ci"),
            ("SET character_set_results = NULL, collation_connection = 'latin1_bin'", "OK"),
            (shown, "c | n | r | l\nlatin1 | latin1 | NULL | latin1_bin"),
            (
                "SHOW VARIABLES LIKE 'character_set_results'",
                "Variable_name | Value\ncharacter_set_results | ",
            ),
            ("SET NAMES DEFAULT", "OK"),
            (shown, "c | n | r | l\nutf8mb4 | utf8mb4 | utf8mb4 | utf8mb4_0900_ai_ci"),
            ("SET NAMES klingon", "ERROR 1115: Unknown character set: 'klingon'"),
            (
                "SET NAMES utf8mb4 COLLATE latin1_bin",
                "ERROR 1253: COLLATION 'latin1_bin' is not valid for CHARACTER SET 'utf8mb4'",
            ),
        ],
    );
}

#[test]
fn functions_tell_of_the_session() {
    talk(
        MYSQL,
        &[
            (
                "SELECT CONNECTION_ID(), DATABASE(), USER(), current_user",
                "CONNECTION_ID() | DATABASE() | USER() | current_user\n7 | NULL | repl@10.0.0.1 | repl@%",
            ),
            ("USE shop", "OK"),
            (
                "SELECT database() d, 'x' AS y, -5, 1.50, TRUE",
                "d | y | -5 | 1.50 | TRUE\nshop | x | -5 | 1.50 | 1",
            ),
            ("SELECT version() LIMIT 0", "version()"),
            ("SELECT nope(1)", "ERROR 1305: FUNCTION shop.nope does not exist"),
            (
                "SELECT version(1)",
                "ERROR 1582: Incorrect parameter count in the call to native function 'version'",
            ),
            (
                "SELECT binlog_gtid_pos('f',4)",
                "ERROR 1305: FUNCTION shop.binlog_gtid_pos does not exist",
            ),
            (
                "SELECT GTID_SUBTRACT('aaaaaaaa-0000-0000-0000-000000000000:1-9', @@global.gtid_purged) s",
                "s\naaaaaaaa-0000-0000-0000-000000000000:4-9",
            ),
            ("SELECT GTID_SUBSET(@@global.gtid_purged, @@global.gtid_executed) s", "s\n1"),
            ("SELECT GTID_SUBTRACT(NULL, '')", "GTID_SUBTRACT(NULL, '')\nNULL"),
            ("SELECT GTID_SUBTRACT('x', '')", "ERROR 1772: Malformed GTID set specification 'x'."),
        ],
    );
    let (server, _) = server(MYSQL);
    let now = ask(&server, &mut session(), "SELECT UNIX_TIMESTAMP()");
    let seconds: u64 = now.lines().last().unwrap().parse().unwrap();
    assert!(seconds > 1_700_000_000, "{now}");
    assert_eq!(ask(&server, &mut session(), "SELECT NOW()").lines().last().unwrap().len(), 19);
}

#[test]
fn there_are_no_tables_and_each_way_to_ask_for_one_has_its_error() {
    talk(
        MYSQL,
        &[
            ("SELECT 1 FROM t", "ERROR 1046: No database selected"),
            ("SELECT * FROM nope.t WHERE a = b", "ERROR 1146: Table 'nope.t' doesn't exist"),
            (
                "SELECT * FROM information_schema.INNODB_TRX",
                "ERROR 1109: Unknown table 'INNODB_TRX' in information_schema",
            ),
            (
                "SELECT * FROM information_schema.GLOBAL_STATUS",
                "ERROR 1109: Unknown table 'GLOBAL_STATUS' in information_schema",
            ),
            (
                "SELECT * FROM performance_schema.events_waits_current",
                "ERROR 1146: Table 'performance_schema.events_waits_current' doesn't exist",
            ),
            ("SELECT TABLE_NAME FROM tables", "ERROR 1046: No database selected"),
            ("SHOW TABLES", "ERROR 1046: No database selected"),
            ("USE shop", "OK"),
            ("SELECT a.* FROM t", "ERROR 1146: Table 'shop.t' doesn't exist"),
            ("SELECT a FROM columns", "ERROR 1146: Table 'shop.columns' doesn't exist"),
        ],
    );
}

#[test]
fn the_primary_is_asked_in_words_of_our_own() {
    talk(
        MYSQL,
        &[
            (
                "show /* a */ full\nfields in `a``b`.t where Field<>'it''s' or not type in (1, \"\\\\\")",
                "ASKS in utf8mb4: SHOW FULL COLUMNS FROM `a``b`.`t` WHERE (NOT (`Field` = \
                 _utf8mb4 x'69742773')) OR (NOT (`type` IN ('1', _utf8mb4 x'5c')))",
            ),
            ("DESC `a`.t `x_`", "ASKS in utf8mb4: SHOW COLUMNS FROM `a`.`t` LIKE 'x_'"),
            (
                "show create schema if not exists `a``b`",
                "ASKS in utf8mb4: SHOW CREATE DATABASE IF NOT EXISTS `a``b`",
            ),
            (
                "show full triggers in a where Event = 'INSERT'",
                "ASKS in utf8mb4: SHOW TRIGGERS FROM `a` WHERE `Event` = 'INSERT'",
            ),
            (
                "select count( * ), Count(*) `n` from information_schema.columns where a = 'x'",
                "ASKS in utf8mb4: SELECT COUNT(*) AS `count( * )`, COUNT(*) AS `n` FROM \
                 `information_schema`.`columns` WHERE `a` = 'x'",
            ),
            ("show charset like 'x'", "ASKS in utf8mb4: SHOW CHARACTER SET LIKE 'x'"),
            ("show table status", "ERROR 1046: No database selected"),
            ("SHOW DATABASES LIKE 'a\\_%\\0'", "ASKS in utf8mb4: SHOW DATABASES LIKE 'a\\\\_%\\0'"),
            (
                "select distinct Table_Name as `t``1`, * from Information_Schema.`TABLES` where \
                 (a = 'x' and b like 'y%') and c = 2 order by a desc, b asc limit 3 offset 1;",
                "ASKS in utf8mb4: SELECT DISTINCT `Table_Name` AS `t``1`, * FROM \
                 `Information_Schema`.`TABLES` WHERE ((`a` = 'x') AND (`b` LIKE 'y%')) AND (`c` = '2') \
                 ORDER BY `a` DESC, `b` LIMIT 1, 3",
            ),
            ("USE information_schema", "OK"),
            ("SET NAMES latin1", "OK"),
            (
                "SELECT a FROM columns",
                "ASKS in latin1: SELECT `a` FROM `information_schema`.`columns`",
            ),
            ("SET character_set_results = NULL", "OK"),
            ("SHOW TABLES FROM `x`", "ASKS in NULL: SHOW TABLES FROM `x`"),
            ("SHOW TABLES FROM `ü`", "ASKS from latin1 in NULL: SHOW TABLES FROM `ü`"),
            (
                "SELECT a FROM columns WHERE a = 'ü' AND b = 'a b'",
                "ASKS in NULL: SELECT `a` FROM `information_schema`.`columns` WHERE (`a` = _latin1 \
                 x'c3bc') AND (`b` = 'a b')",
            ),
            ("SET character_set_client = utf8", "OK"),
            (
                "SHOW TABLES FROM x WHERE a LIKE 'ü'",
                "ASKS in NULL: SHOW TABLES FROM `x` WHERE `a` LIKE _utf8mb4 x'c3bc'",
            ),
            (
                "SHOW TABLES FROM x LIKE 'ü'''",
                "ASKS from utf8mb3 in NULL: SHOW TABLES FROM `x` LIKE 'ü'''",
            ),
            ("SET character_set_client = gbk", "OK"),
            (
                "SHOW TABLES FROM `ü`",
                "ERROR 1235: This version of MySQL doesn't yet support 'questions about tables in \
                 this character set'",
            ),
            (
                "SHOW TABLES FROM x WHERE a = 'ü'",
                "ERROR 1235: This version of MySQL doesn't yet support 'questions about tables in \
                 this character set'",
            ),
            ("SHOW TABLES FROM `x`", "ASKS in NULL: SHOW TABLES FROM `x`"),
            ("SHOW CREATE TABLE t", "ASKS in NULL: SHOW CREATE TABLE `information_schema`.`t`"),
            ("SHOW KEYS FROM a.t IN b", "ASKS in NULL: SHOW INDEX FROM `b`.`t`"),
        ],
    );
    let (server, _) = server(MYSQL);
    let mut watcher = session();
    watcher.rights = Rights { monitor: true, admin: true, ..Rights::default() };
    let answer = ask(&server, &mut watcher, "SHOW DATABASES");
    assert!(answer.starts_with("ERROR 1227"), "{answer}");
    let error = super::run(
        &server,
        &mut session(),
        &super::Request::text(b"SHOW CREATE TABLE `\xe4\xf6`.t"),
    )
    .unwrap_err();
    assert_eq!((error.code, error.message.contains("'\\xe4\\xf6`.t'")), (1300, true), "{error}");
}

#[test]
fn the_last_error_can_be_asked_for() {
    talk(
        MYSQL,
        &[
            ("SHOW WARNINGS", "Level | Code | Message"),
            ("SELECT @@nope", "ERROR 1193: Unknown system variable 'nope'"),
            ("SHOW COUNT(*) ERRORS", "@@session.error_count\n1"),
            (
                "SHOW WARNINGS",
                "Level | Code | Message\nError | 1193 | Unknown system variable 'nope'",
            ),
            ("SHOW WARNINGS LIMIT 0", "Level | Code | Message"),
            (
                "SHOW ERRORS",
                "Level | Code | Message\nError | 1193 | Unknown system variable 'nope'",
            ),
            ("SELECT 1", "1\n1"),
            ("SHOW WARNINGS", "Level | Code | Message"),
        ],
    );
}

#[test]
fn long_gtid_sets_are_computed_only_when_asked_for() {
    let (server, facts) = server(MYSQL);
    let mut session = session();
    let mut computed = |sql: &str| {
        facts.gtid_sets_computed.store(0, Ordering::Relaxed);
        ask(&server, &mut session, sql);
        facts.gtid_sets_computed.load(Ordering::Relaxed)
    };
    assert_eq!(computed("SHOW VARIABLES LIKE 'server%'"), 0);
    assert_eq!(computed("SHOW VARIABLES WHERE Variable_name = 'port' AND Value <> 'x'"), 0);
    assert_eq!(computed("SELECT @@server_id, @@gtid_mode"), 0);
    assert_eq!(computed("SHOW GLOBAL VARIABLES LIKE 'gtid_purged'"), 1);
    assert_eq!(computed("SHOW VARIABLES"), 2);
}

#[test]
fn rights_decide_what_is_shown() {
    let (server, _) = server(MYSQL);
    let mut nobody = SessionState { rights: Rights::default(), ..session() };
    let denied = |privileges: &str| {
        format!(
            "ERROR 1227: Access denied; you need (at least one of) the {privileges} privilege(s) \
             for this operation"
        )
    };
    for sql in ["SHOW BINARY LOGS", "SHOW MASTER STATUS"] {
        assert_eq!(ask(&server, &mut nobody, sql), denied("SUPER, REPLICATION CLIENT"));
    }
    assert_eq!(ask(&server, &mut nobody, "SHOW REPLICAS"), denied("REPLICATION SLAVE"));
    let grants = |session: &mut SessionState| ask(&server, session, "SHOW GRANTS");
    assert_eq!(grants(&mut nobody), "Grants for repl@%\nGRANT USAGE ON *.* TO `repl`@`%`");
    let monitor = Rights { monitor: true, ..Rights::default() };
    let mut monitor = SessionState { rights: monitor, ..session() };
    assert!(grants(&mut monitor).contains("GRANT PROCESS, REPLICATION CLIENT ON"));
    assert!(ask(&server, &mut monitor, "SHOW BINARY LOGS").contains("binlog.000001"));
    let all = Rights { replicate: true, admin: true, ..Rights::default() };
    assert_eq!(
        grants(&mut SessionState { rights: all, ..session() }),
        "Grants for repl@%\nGRANT PROCESS, SUPER, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO \
         `repl`@`%`"
    );
}

#[test]
fn sessions_and_replicas_are_listed() {
    let (server, _) = server(MYSQL);
    let mine = register(&server, "repl");
    let other = register(&server, "other");
    mine.session().begin("Query", Some("x".repeat(200)));
    other.session().begin("Binlog Dump", None);
    other.session().update(|state| {
        state.status = "Sending";
        state.replica =
            Some(Replica { server_id: 5, host: "r1".into(), port: 3306, uuid: "u-5".into() });
    });
    let head = "Id | User | Host | db | Command | Time | State | Info";
    let x = |count| "x".repeat(count);
    let own = |info: String| format!("{head}\n1 | repl | 10.0.0.2 | NULL | Query | 0 |  | {info}");
    let mut session = session();
    assert_eq!(ask(&server, &mut session, "SHOW PROCESSLIST"), own(x(100)));
    assert_eq!(ask(&server, &mut session, "SHOW FULL PROCESSLIST"), own(x(200)));
    session.rights.admin = true;
    assert_eq!(
        ask(&server, &mut session, "SHOW PROCESSLIST"),
        own(x(100)) + "\n2 | other | 10.0.0.2 | NULL | Binlog Dump | 0 | Sending | NULL"
    );
    assert_eq!(
        ask(&server, &mut session, "SHOW REPLICAS"),
        "Server_Id | Host | Port | Source_Id | Replica_UUID\n5 | r1 | 3306 | 4000 | u-5"
    );
    assert_eq!(
        ask(&server, &mut session, "SHOW SLAVE HOSTS"),
        "Server_id | Host | Port | Master_id | Slave_UUID\n5 | r1 | 3306 | 4000 | u-5"
    );
}

#[test]
fn kill_ends_own_sessions_and_admins_end_all() {
    let (server, _) = server(MYSQL);
    let own = register(&server, "repl");
    let other = register(&server, "other");
    let mut session = session();
    assert_eq!(ask(&server, &mut session, "KILL 99"), "ERROR 1094: Unknown thread id: 99");
    assert_eq!(ask(&server, &mut session, "KILL 'a'"), "ERROR 1094: Unknown thread id: 0");
    assert_eq!(ask(&server, &mut session, "KILL 2"), "ERROR 1095: You are not owner of thread 2");
    assert_eq!(ask(&server, &mut session, "SET @id = 1"), "OK");
    assert_eq!(ask(&server, &mut session, "KILL QUERY @id"), "OK");
    assert!(!own.session().killed.is_cancelled());
    assert_eq!(ask(&server, &mut session, "KILL @id"), "OK");
    assert!(own.session().killed.is_cancelled());
    session.rights.admin = true;
    assert_eq!(ask(&server, &mut session, "KILL CONNECTION 2"), "OK");
    assert!(other.session().killed.is_cancelled());
}

#[test]
fn status_shows_the_session_and_the_stream() {
    let (server, _) = server(MYSQL);
    let _registration = register(&server, "repl");
    let mut session = session();
    session.tls = Some(TlsFacts { version: "TLSv1.3", cipher: "TLS_AES_128_GCM_SHA256".into() });
    let mut status = |sql: &str| ask(&server, &mut session, sql);
    assert_eq!(
        status("SHOW SESSION STATUS LIKE 'Ssl_version'"),
        "Variable_name | Value\nSsl_version | TLSv1.3"
    );
    assert_eq!(status("SHOW GLOBAL STATUS LIKE 'uptime'"), "Variable_name | Value\nUptime | 0");
    assert_eq!(
        status("show status where variable_name in ('binlogd_lag_bytes', 'threads_connected')"),
        "Variable_name | Value\nBinlogd_lag_bytes | 0\nThreads_connected | 1"
    );
}

/// An administrator's session, and what was asked of the stream behind it.
fn purge(version: &'static str, sql: &str) -> (String, Vec<PurgeTarget>) {
    let (server, facts) = server(version);
    let mut session = session();
    session.rights = Rights { admin: true, ..Rights::default() };
    let answer = ask(&server, &mut session, sql);
    let purges = facts.purges.lock().unwrap().clone();
    (answer, purges)
}

#[test]
fn files_are_purged_by_name_and_by_time() {
    let at = |s| PurgeTarget::Before(SystemTime::UNIX_EPOCH + Duration::from_secs(s));
    let to = |name: &str| PurgeTarget::To(name.into());
    for (sql, target) in [
        ("PURGE BINARY LOGS TO 'binlog.000002'", to("binlog.000002")),
        ("purge master logs to './binlog.000002';", to("binlog.000002")),
        ("PURGE BINARY LOGS BEFORE '2024-02-29 12:00:00'", at(1_709_208_000)),
        ("PURGE BINARY LOGS BEFORE '2024-02-29'", at(1_709_164_800)),
        ("PURGE BINARY LOGS BEFORE 20240229120000", at(1_709_208_000)),
        ("PURGE BINARY LOGS BEFORE '2024-02-29' - INTERVAL 1 DAY", at(1_709_078_400)),
        (
            "PURGE BINARY LOGS BEFORE DATE_SUB('2024-02-29', INTERVAL '2' WEEK) + interval 90 minute \
             - interval 1 second",
            at(1_709_164_800 - 1_209_600 + 5_400 - 1),
        ),
        (
            "PURGE BINARY LOGS BEFORE (adddate(('2024-02-29'), INTERVAL -1 HOUR))",
            at(1_709_164_800 - 3_600),
        ),
        ("PURGE BINARY LOGS BEFORE '1969-12-31'", at(0)),
        ("PURGE BINARY LOGS BEFORE '1970-01-02' - INTERVAL 3 MONTH", at(0)),
    ] {
        let (answer, purges) = purge(MYSQL, sql);
        assert_eq!((answer.as_str(), &purges[..]), ("OK", &[target][..]), "{sql}");
    }
    // Nothing is before a time that there is not.
    let beyond = "PURGE BINARY LOGS BEFORE '1970-01-02' - INTERVAL 9223372036854775807 WEEK";
    assert_eq!(purge(MYSQL, beyond), ("OK".into(), Vec::new()));
}

#[test]
fn now_is_the_time_of_the_statement() {
    for (sql, ago_s) in [
        ("PURGE BINARY LOGS BEFORE NOW()", 0),
        ("PURGE BINARY LOGS BEFORE CURRENT_TIMESTAMP - INTERVAL 3 DAY", 259_200),
        ("PURGE BINARY LOGS BEFORE DATE_SUB(NOW(), INTERVAL 1 HOUR)", 3_600),
    ] {
        let before = SystemTime::now() - Duration::from_secs(ago_s + 1);
        let (answer, purges) = purge(MYSQL, sql);
        let after = SystemTime::now() - Duration::from_secs(ago_s);
        let [PurgeTarget::Before(time)] = purges[..] else { panic!("{answer}") };
        assert!(before <= time && time <= after, "{sql}: {time:?}");
    }
}

#[test]
fn what_a_client_writes_is_in_its_time_zone_and_what_functions_say_is_not() {
    let (server, facts) = server(MYSQL);
    let mut session = session();
    session.rights.admin = true;
    ask(&server, &mut session, "SET time_zone = '+02:00'");
    ask(&server, &mut session, "PURGE BINARY LOGS BEFORE '1970-01-01 03:00:00'");
    ask(&server, &mut session, "PURGE BINARY LOGS BEFORE NOW()");
    let purges = facts.purges.lock().unwrap();
    let [PurgeTarget::Before(written), PurgeTarget::Before(now)] = purges[..] else { panic!() };
    assert_eq!(written, SystemTime::UNIX_EPOCH + Duration::from_secs(3_600));
    assert!(SystemTime::now().duration_since(now).unwrap() < Duration::from_secs(600));
}

#[test]
fn what_is_no_time_purges_nothing() {
    for (sql, answer) in [
        ("PURGE BINARY LOGS BEFORE 'garbage'", "OK, 1 warnings"),
        ("PURGE BINARY LOGS BEFORE '2024-02-30'", "OK, 1 warnings"),
        ("PURGE BINARY LOGS BEFORE NULL", "OK"),
        ("PURGE BINARY LOGS BEFORE @never_set", "OK"),
        (
            "PURGE BINARY LOGS BEFORE tomorrow",
            "ERROR 1054: Unknown column 'tomorrow' in 'field list'",
        ),
    ] {
        assert_eq!(purge(MYSQL, sql), (answer.to_owned(), Vec::new()), "{sql}");
    }
}

#[test]
fn purging_needs_the_right_of_an_administrator() {
    let denied = |privileges: &str| {
        format!(
            "ERROR 1227: Access denied; you need (at least one of) the {privileges} privilege(s) \
             for this operation"
        )
    };
    for (version, privileges) in
        [(MYSQL, "SUPER or BINLOG_ADMIN"), ("5.7.44", "SUPER"), (MARIADB, "SUPER, BINLOG ADMIN")]
    {
        let (server, facts) = server(version);
        let answer = ask(&server, &mut session(), "PURGE BINARY LOGS TO 'binlog.000002'");
        assert_eq!(answer, denied(privileges));
        assert!(facts.purges.lock().unwrap().is_empty());
    }
}

#[test]
fn what_stays_of_a_purge_is_said_in_warnings() {
    let (server, facts) = server(MYSQL);
    let mut session = session();
    session.rights.admin = true;
    let mut say = |outcome, sql: &str| {
        *facts.purged.lock().unwrap() = outcome;
        ask(&server, &mut session, sql)
    };
    let sql = "PURGE BINARY LOGS TO 'binlog.000009'";
    let none = Err(PurgeError::NoSuchFile);
    assert_eq!(say(none, sql), "ERROR 1373: Target log not found in binlog index");
    let failed = Err(PurgeError::Failed("the disk".into()));
    assert_eq!(say(failed, sql), "ERROR 1377: Fatal error during log purge: the disk");
    let outcome = PurgeOutcome {
        removed: 4,
        wanted: 5,
        in_use: Some(("binlog.000009".into(), 1)),
        active: Some("binlog.000010".into()),
    };
    assert_eq!(say(Ok(outcome), sql), "OK, 2 warnings");
    let nothing = || Ok(PurgeOutcome::default());
    let warnings = "Level | Code | Message\n\
        Warning | 1867 | file ./binlog.000009 was not purged because it was being read by 1 \
        thread(s), purged only 4 out of 5 files.\n\
        Warning | 1868 | file ./binlog.000010 was not purged because it is the active log file.";
    assert_eq!(say(nothing(), "SHOW WARNINGS"), warnings);
    assert_eq!(say(nothing(), "SHOW COUNT(*) WARNINGS"), "@@session.warning_count\n2");
    assert_eq!(say(nothing(), "SHOW COUNT(*) ERRORS"), "@@session.error_count\n0");
    assert_eq!(say(nothing(), sql), "OK");
    assert_eq!(say(nothing(), "SHOW WARNINGS"), "Level | Code | Message");
}
