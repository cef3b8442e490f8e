//! Expressions that go wrong, or too far. Their values are compared with those of servers in `tests/sql` of the binary.

use proptest::prelude::*;

use super::super::super::testing::{ask, server, session};

const MYSQL: &str = "9.7.4";

#[test]
fn what_a_statement_computes_is_bounded() {
    let (server, _) = server(MYSQL);
    let mut session = session();
    let mut answer = |sql: &str| {
        let answer = ask(&server, &mut session, sql);
        answer.lines().last().unwrap_or_default().to_owned()
    };
    for (sql, value) in [
        ("SELECT REPEAT('a', 18446744073709551615)", "NULL"),
        ("SELECT REPEAT(REPEAT(REPEAT('aaaaaaaaaa', 1000), 1000), 1000)", "NULL"),
        ("SELECT LENGTH(REPEAT('a', 1000000))", "1000000"),
        ("SELECT LPAD('a', 99999999999, 'b')", "NULL"),
        ("SELECT SPACE(99999999999)", "NULL"),
        ("SELECT CAST('a' AS BINARY(4294967295))", "NULL"),
        ("SELECT REPLACE(REPEAT('a', 8000000), 'a', 'bbbb')", "NULL"),
        ("SELECT CONCAT(REPEAT('a', 9000000), REPEAT('a', 9000000)) IS NULL", "1"),
        (
            "SHOW WARNINGS LIMIT 1",
            "Warning | 1301 | Result of repeat() was larger than max_allowed_packet (16777216) - truncated",
        ),
        ("SELECT 1e308 * 10", "ERROR 1690: DOUBLE value is out of range in 'inf'"),
        (
            "SELECT 99999999999999999999999999999999999999999999999999999999999999999 * 10",
            "ERROR 1690: DECIMAL value is out of range in '999999999999999999999999999999999999999999999999999999999999999990'",
        ),
        ("SELECT 1e308 + 0 = CAST('1e999' AS DOUBLE)", "0"),
        ("SELECT CAST(1e300 AS DECIMAL(65)) > 1", "1"),
        ("SELECT DATE_ADD('9999-12-31', INTERVAL 1 DAY)", "NULL"),
        ("SELECT 1 / 0", "NULL"),
        ("SHOW WARNINGS", "Warning | 1365 | Division by 0"),
        ("SELECT 'x' + 1", "1"),
        ("SHOW WARNINGS", "Warning | 1292 | Truncated incorrect DOUBLE value: 'x'"),
        ("SELECT 1", "1"),
        ("SHOW WARNINGS", "Level | Code | Message"),
    ] {
        assert_eq!(answer(sql), value, "{sql}");
    }
    let many = vec!["@big"; 40].join(", ");
    answer("SET @big = REPEAT('a', 500000)");
    assert!(answer(&format!("SELECT {many}")).starts_with("ERROR 1037"));
}

/// Values, operators and functions in any order.
fn expression_soup() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "1",
        "-1",
        "0",
        "2.5",
        "1e300",
        "1e-300",
        "9223372036854775807",
        "18446744073709551615",
        "99999999999999999999.99999",
        "NULL",
        "'a'",
        "''",
        "'2026-01-31'",
        "'10:11:12.5'",
        "'\u{e4}%'",
        "x'ff00'",
        "b'1'",
        "@a",
        "@@port",
        "DATE'2026-01-02'",
        "TIME'-838:59:59'",
        "NOW(6)",
        "+",
        "-",
        "*",
        "/",
        "%",
        " DIV ",
        "^",
        "<<",
        ">>",
        "&",
        "|",
        "~",
        "!",
        "=",
        "<=>",
        "<",
        ">=",
        "<>",
        " AND ",
        " OR ",
        " XOR ",
        " NOT ",
        " IS NULL",
        " IS NOT TRUE",
        " LIKE ",
        " BETWEEN ",
        " IN (",
        "CASE ",
        " WHEN ",
        " THEN ",
        " ELSE ",
        " END",
        "IF(",
        "COALESCE(",
        "CONCAT(",
        "SUBSTRING(",
        "SUBSTRING_INDEX(",
        "LOCATE(",
        "LPAD(",
        "REPEAT(",
        "REPLACE(",
        "TRIM(",
        "ROUND(",
        "FLOOR(",
        "TRUNCATE(",
        "POW(",
        "MOD(",
        "HEX(",
        "UNHEX(",
        "TIMEDIFF(",
        "TIME_TO_SEC(",
        "SEC_TO_TIME(",
        "FROM_UNIXTIME(",
        "UNIX_TIMESTAMP(",
        "DATE_FORMAT(",
        "DATE_ADD(",
        ", INTERVAL 1 MONTH)",
        " + INTERVAL 99999999999 SECOND",
        "TIMESTAMPDIFF(MONTH, ",
        "CONVERT_TZ(",
        "CAST(",
        " AS SIGNED)",
        " AS DECIMAL(65,30))",
        " AS CHAR(2))",
        " AS DATETIME(6))",
        " AS TIME)",
        ",",
        ")",
        "(",
        "(SELECT ",
        "LAST_DAY(",
        "MAKETIME(",
        "TO_SECONDS(",
        "@a := ",
    ]);
    prop::collection::vec(words, 1..12).prop_map(|words| words.concat())
}

proptest! {
    #[test]
    fn any_expression_is_computed_or_refused(soup in expression_soup(), maria: bool) {
        let (server, _) = server(if maria { "11.8.3-MariaDB" } else { MYSQL });
        let mut session = session();
        let closed = format!("SELECT {soup}{}", ")".repeat(soup.matches('(').count()));
        for sql in [format!("SELECT {soup}"), closed] {
            let answer = ask(&server, &mut session, &sql);
            prop_assert!(!answer.is_empty(), "{sql}");
        }
    }
}
