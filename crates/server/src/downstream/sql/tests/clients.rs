//! The statements of real replicas and clients, word for word.

use super::*;

/// Every statement that replicas, `mysqlbinlog` and CDC clients were seen or are known to send.
#[test]
fn what_replicas_and_clients_send_is_read() {
    let uuid = "edf4abad-e500-11f1-890f-02fc00000001";
    let checksum = global("binlog_checksum");
    let session = Scope::Session;
    let cases: Vec<(&str, Statement)> = vec![
        // MySQL 9.7 replica
        ("SELECT UNIX_TIMESTAMP()", select(&[(call("UNIX_TIMESTAMP", &[]), "UNIX_TIMESTAMP()")])),
        ("SELECT @@GLOBAL.SERVER_ID", select(&[(global("SERVER_ID"), "@@GLOBAL.SERVER_ID")])),
        (
            "SET @master_heartbeat_period = 30000001024, @source_heartbeat_period = 30000001024",
            set_user(&[
                ("master_heartbeat_period", int(30_000_001_024)),
                ("source_heartbeat_period", int(30_000_001_024)),
            ]),
        ),
        (
            "SET @master_binlog_checksum = @@global.binlog_checksum, @source_binlog_checksum = \
             @@global.binlog_checksum",
            set_user(&[
                ("master_binlog_checksum", checksum.clone()),
                ("source_binlog_checksum", checksum.clone()),
            ]),
        ),
        (
            "SELECT @source_binlog_checksum",
            select(&[(user("source_binlog_checksum"), "@source_binlog_checksum")]),
        ),
        ("SELECT @@GLOBAL.GTID_MODE", select(&[(global("GTID_MODE"), "@@GLOBAL.GTID_MODE")])),
        ("SELECT @@GLOBAL.SERVER_UUID", select(&[(global("SERVER_UUID"), "@@GLOBAL.SERVER_UUID")])),
        (
            "SET @slave_uuid = 'edf4abad-e500-11f1-890f-02fc00000001', @replica_uuid = \
             'edf4abad-e500-11f1-890f-02fc00000001'",
            set_user(&[("slave_uuid", text(uuid)), ("replica_uuid", text(uuid))]),
        ),
        (
            "SELECT @@global.rpl_semi_sync_source_enabled",
            select(&[(
                global("rpl_semi_sync_source_enabled"),
                "@@global.rpl_semi_sync_source_enabled",
            )]),
        ),
        ("SET @rpl_semi_sync_replica = 1", set_user(&[("rpl_semi_sync_replica", int(1))])),
        (
            "SET @rpl_semi_sync_replica = 1, @rpl_semi_sync_slave = 1",
            set_user(&[("rpl_semi_sync_replica", int(1)), ("rpl_semi_sync_slave", int(1))]),
        ),
        ("SET NAMES utf8mb4", names(Some("utf8mb4"))),
        // MySQL 5.6 and 5.7 replicas
        ("SHOW VARIABLES LIKE 'SERVER_ID'", variables(session, "SERVER_ID")),
        ("SHOW VARIABLES LIKE 'SERVER_UUID'", variables(session, "SERVER_UUID")),
        (
            "SET @master_heartbeat_period= 30000001024",
            set_user(&[("master_heartbeat_period", int(30_000_001_024))]),
        ),
        (
            "SET @master_binlog_checksum= @@global.binlog_checksum",
            set_user(&[("master_binlog_checksum", checksum.clone())]),
        ),
        (
            "SELECT @master_binlog_checksum",
            select(&[(user("master_binlog_checksum"), "@master_binlog_checksum")]),
        ),
        (
            "SET @slave_uuid= 'edf4abad-e500-11f1-890f-02fc00000001'",
            set_user(&[("slave_uuid", text(uuid))]),
        ),
        (
            "SHOW VARIABLES LIKE 'rpl_semi_sync_master_enabled'",
            variables(session, "rpl_semi_sync_master_enabled"),
        ),
        ("SET @rpl_semi_sync_slave= 1", set_user(&[("rpl_semi_sync_slave", int(1))])),
        // MariaDB replica
        ("KILL 8", Statement::Kill(Kill { id: int(8), query_only: false })),
        ("SET @mariadb_slave_capability=4", set_user(&[("mariadb_slave_capability", int(4))])),
        (
            "SET skip_replication=1",
            set_system(&[(None, "skip_replication", SetValue::Expr(int(1)))]),
        ),
        (
            "SELECT @@GLOBAL.gtid_domain_id",
            select(&[(global("gtid_domain_id"), "@@GLOBAL.gtid_domain_id")]),
        ),
        (
            "SET @slave_connect_state='0-23308-6'",
            set_user(&[("slave_connect_state", text("0-23308-6"))]),
        ),
        ("SET @slave_gtid_strict_mode=0", set_user(&[("slave_gtid_strict_mode", int(0))])),
        (
            "SET @slave_gtid_ignore_duplicates=0",
            set_user(&[("slave_gtid_ignore_duplicates", int(0))]),
        ),
        ("SET @slave_until_gtid='0-1-5'", set_user(&[("slave_until_gtid", text("0-1-5"))])),
        (
            "SELECT binlog_gtid_pos('f',4)",
            select(&[(call("binlog_gtid_pos", &[text("f"), int(4)]), "binlog_gtid_pos('f',4)")]),
        ),
        ("SET NAMES latin1", names(Some("latin1"))),
        // mysqlbinlog
        ("SELECT VERSION()", select(&[(call("VERSION", &[]), "VERSION()")])),
        (
            "SET @master_binlog_checksum = 'NONE', @source_binlog_checksum = 'NONE'",
            set_user(&[
                ("master_binlog_checksum", text("NONE")),
                ("source_binlog_checksum", text("NONE")),
            ]),
        ),
        (
            "SET @master_binlog_checksum='NONE'",
            set_user(&[("master_binlog_checksum", text("NONE"))]),
        ),
        // mysql
        (
            "select @@version_comment limit 1",
            Statement::Select(Select {
                items: vec![SelectItem {
                    expr: system("version_comment"),
                    name: b"@@version_comment".to_vec(),
                    is_alias: false,
                }],
                condition: None,
                limit: Some(Limit { offset: 0, count: 1 }),
            }),
        ),
        ("select @@server_uuid", select(&[(system("server_uuid"), "@@server_uuid")])),
        // Java connectors and Debezium
        ("show global variables like 'gtid_purged'", variables(Scope::Global, "gtid_purged")),
        ("show master status", Statement::Show(Show::BinaryLogStatus)),
        ("show binary log status", Statement::Show(Show::BinaryLogStatus)),
        ("SHOW BINARY LOGS", Statement::Show(Show::BinaryLogs)),
        (
            "set net_write_timeout=60",
            set_system(&[(None, "net_write_timeout", SetValue::Expr(int(60)))]),
        ),
        ("select @@server_id", select(&[(system("server_id"), "@@server_id")])),
        (
            "SHOW VARIABLES",
            Statement::Show(Show::Variables { scope: session, filter: Filter::All }),
        ),
        (
            "SHOW SESSION STATUS LIKE 'Ssl_version'",
            Statement::Show(Show::Status {
                scope: session,
                filter: Filter::Like(b"Ssl_version".to_vec()),
            }),
        ),
        ("SHOW GRANTS FOR CURRENT_USER", Statement::Show(Show::Grants)),
        (
            "SELECT GTID_SUBTRACT('a','b')",
            select(&[(call("GTID_SUBTRACT", &[text("a"), text("b")]), "GTID_SUBTRACT('a','b')")]),
        ),
        (
            "SELECT @@session.auto_increment_increment AS auto_increment_increment",
            select(&[(
                Expr::System {
                    scope: Some(Scope::Session),
                    name: "auto_increment_increment".into(),
                },
                "auto_increment_increment",
            )]),
        ),
        (
            "SHOW VARIABLES WHERE Variable_name ='language' OR Variable_name = 'timezone'",
            Statement::Show(Show::Variables {
                scope: session,
                filter: Filter::Where(Condition::Or(vec![
                    name_is(&["language"]),
                    name_is(&["timezone"]),
                ])),
            }),
        ),
        (
            "SET character_set_results = NULL",
            set_system(&[(
                None,
                "character_set_results",
                SetValue::Expr(Expr::Literal(Value::Null)),
            )]),
        ),
        // go-mysql
        (
            "SHOW GLOBAL VARIABLES LIKE 'BINLOG_CHECKSUM'",
            variables(Scope::Global, "BINLOG_CHECKSUM"),
        ),
        (
            "SHOW VARIABLES WHERE Variable_name IN ('rpl_semi_sync_master_enabled', \
             'rpl_semi_sync_source_enabled')",
            Statement::Show(Show::Variables {
                scope: session,
                filter: Filter::Where(name_is(&[
                    "rpl_semi_sync_master_enabled",
                    "rpl_semi_sync_source_enabled",
                ])),
            }),
        ),
        (
            "SET @rpl_semi_sync_slave = 1, @rpl_semi_sync_replica = 1;",
            set_user(&[("rpl_semi_sync_slave", int(1)), ("rpl_semi_sync_replica", int(1))]),
        ),
        // python-mysql-replication, zongji, mysql_async
        ("SET NAMES utf8", names(Some("utf8"))),
        ("SET AUTOCOMMIT = 0", set_system(&[(None, "autocommit", SetValue::Expr(int(0)))])),
        ("SELECT VERSION() AS version", select(&[(call("VERSION", &[]), "version")])),
        ("select @@GLOBAL.binlog_checksum as checksum", select(&[(checksum, "checksum")])),
        (
            "SELECT @@max_allowed_packet, @@wait_timeout",
            select(&[
                (system("max_allowed_packet"), "@@max_allowed_packet"),
                (system("wait_timeout"), "@@wait_timeout"),
            ]),
        ),
        ("SET @master_binlog_checksum='ALL'", set_user(&[("master_binlog_checksum", text("ALL"))])),
        // orchestrator
        ("show variables like 'maxscale%'", variables(session, "maxscale%")),
        ("show slave hosts", Statement::Show(Show::SlaveHosts)),
        (
            "show global status like 'Uptime'",
            Statement::Show(Show::Status {
                scope: Scope::Global,
                filter: Filter::Like(b"Uptime".to_vec()),
            }),
        ),
    ];
    for (sql, expected) in cases {
        assert_eq!(read(sql), expected, "{sql}");
        // The same with other spacing and another case, where case does not count.
        let spaced = sql.trim_end_matches(';').replace(' ', "\n /* x */\t");
        let alike = |a: &Statement, b: &Statement| {
            let plain = |s: &Statement| format!("{s:?}").to_lowercase();
            plain(a) == plain(b)
        };
        let respaced = read(&format!("-- hello\n  {spaced} ; "));
        if !matches!(expected, Statement::Select(_)) {
            assert_eq!(respaced, expected, "{sql}");
        }
        if !sql.contains('\'') && !matches!(expected, Statement::Select(_)) {
            assert!(alike(&read(&sql.to_uppercase()), &expected), "{sql}");
            assert!(alike(&read(&sql.to_lowercase()), &expected), "{sql}");
        }
    }
}
