//! Statements that do something on a server with tables only, and who may say them.

use super::*;

#[test]
fn what_has_nothing_to_do_here_is_done_by_those_who_may() {
    talk(
        MYSQL,
        &[
            ("FLUSH TABLES WITH READ LOCK", "OK"),
            ("LOCK TABLES a READ, b.c AS d READ LOCAL", "OK"),
            ("UNLOCK TABLES", "OK"),
            ("BEGIN", "OK"),
            ("SAVEPOINT a", "OK"),
            ("SAVEPOINT b", "OK"),
            ("ROLLBACK TO A", "OK"),
            ("RELEASE SAVEPOINT b", "ERROR 1305: SAVEPOINT b does not exist"),
            ("RELEASE SAVEPOINT a", "OK"),
            ("COMMIT", "OK"),
            ("SAVEPOINT a", "OK"),
            ("ROLLBACK TO a", "ERROR 1305: SAVEPOINT a does not exist"),
            ("DO 1, SLEEP(0)", "OK"),
            ("SET ROLE DEFAULT", "OK"),
            (
                "SET SESSION max_allowed_packet = 1",
                "ERROR 1621: SESSION variable 'max_allowed_packet' is read-only. Use SET GLOBAL to assign the value",
            ),
            (
                "SET SESSION binlog_row_metadata = 'FULL'",
                "ERROR 1229: Variable 'binlog_row_metadata' is a GLOBAL variable and should be set with SET GLOBAL",
            ),
            ("SET timestamp = 1.5", "OK"),
            ("SELECT @@timestamp", "@@timestamp\n1.5"),
        ],
    );
    let (server, _) = server(MYSQL);
    let mut reader = session();
    let needs = |answer: String| answer.starts_with("ERROR 1227");
    assert!(needs(ask(&server, &mut reader, "FLUSH PRIVILEGES")));
    assert!(needs(ask(&server, &mut reader, "SET GLOBAL read_only = 1")));
    reader.rights = Rights { admin: true, ..Rights::default() };
    assert_eq!(ask(&server, &mut reader, "FLUSH PRIVILEGES, STATUS"), "OK");
    assert_eq!(ask(&server, &mut reader, "SET GLOBAL read_only = 1"), "OK", "it is");
    assert!(ask(&server, &mut reader, "SET GLOBAL read_only = 0").starts_with("ERROR 1290"));
    reader.rights = Rights::default();
    assert!(needs(ask(&server, &mut reader, "FLUSH TABLES")));
}
