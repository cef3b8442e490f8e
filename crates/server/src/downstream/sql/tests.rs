//! The front as a whole: what clients are known to send, what they might, and what nobody should.

use proptest::prelude::*;

use super::*;

mod clients;

const DIALECT: Dialect = Dialect { version: 90_704, mariadb: false };

fn read(sql: &str) -> Statement {
    parse(sql.as_bytes(), DIALECT).unwrap_or_else(|error| panic!("{sql}: {error}"))
}

fn refused(sql: &str) -> (u16, String) {
    match parse(sql.as_bytes(), DIALECT) {
        Ok(statement) => panic!("{sql} was read as {statement:?}"),
        Err(error) => (error.code, error.message),
    }
}

fn set_user(pairs: &[(&str, Expr)]) -> Statement {
    let assign = |(name, value): &(&str, Expr)| Assignment::User {
        name: name.as_bytes().to_vec(),
        value: value.clone(),
    };
    Statement::Set(pairs.iter().map(assign).collect())
}

fn set_system(pairs: &[(Option<Scope>, &str, SetValue)]) -> Statement {
    let assign = |(scope, name, value): &(Option<Scope>, &str, SetValue)| Assignment::System {
        scope: *scope,
        name: (*name).to_owned(),
        value: value.clone(),
    };
    Statement::Set(pairs.iter().map(assign).collect())
}

fn select(items: &[(Expr, &str)]) -> Statement {
    let item = |(expr, name): &(Expr, &str)| SelectItem {
        expr: expr.clone(),
        name: name.as_bytes().to_vec(),
        // A variable is written with @@, a function with parentheses.
        is_alias: match expr {
            Expr::System { .. } => !name.starts_with("@@"),
            Expr::Call { .. } => !name.contains('('),
            _ => false,
        },
    };
    Statement::Select(Select {
        items: items.iter().map(item).collect(),
        condition: None,
        limit: None,
    })
}

fn int(number: i64) -> Expr {
    Expr::Literal(Value::Int(number))
}

fn text(text: &str) -> Expr {
    Expr::Literal(Value::text(text))
}

fn user(name: &str) -> Expr {
    Expr::User(name.as_bytes().to_vec())
}

fn global(name: &str) -> Expr {
    Expr::System { scope: Some(Scope::Global), name: name.to_owned() }
}

fn system(name: &str) -> Expr {
    Expr::System { scope: None, name: name.to_owned() }
}

fn call(function: &str, args: &[Expr]) -> Expr {
    Expr::Call { function: function.to_owned(), args: args.to_vec() }
}

fn names(charset: Option<&str>) -> Statement {
    Statement::Set(vec![Assignment::Names { charset: charset.map(str::to_owned), collation: None }])
}

fn variables(scope: Scope, pattern: &str) -> Statement {
    let filter = Filter::Like(pattern.as_bytes().to_vec());
    Statement::Show(Show::Variables { scope, filter })
}

fn name_is(texts: &[&str]) -> Condition {
    let texts = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    Condition::Compare(Comparison { field: Field::Name, operator: Operator::In, texts })
}

#[test]
fn a_column_is_named_as_the_client_wrote_it() {
    let cases: &[(&str, &[&str])] = &[
        ("select  @@Global.server_id  ,  @X ", &["@@Global.server_id", "@X"]),
        ("select CONNECTION_ID( ) , now()", &["CONNECTION_ID( )", "now()"]),
        ("select 'it''s', \"a b\", 'a' 'b'", &["it's", "a b", "a"]),
        (
            "select 1 as 'foo', 2 \"bar\", 3 as `b``z`, 4 quux, 5\n as\n A",
            &["foo", "bar", "b`z", "quux", "A"],
        ),
        ("select -5, - 5, (1), NULL, true", &["-5", "- 5", "(1)", "NULL", "true"]),
        ("select @'a b', @`c`, @@`server_id`", &["@'a b'", "@`c`", "@@`server_id`"]),
        ("select/**/current_user/**/", &["current_user"]),
    ];
    for (sql, expected) in cases {
        let Statement::Select(select) = read(sql) else { panic!("{sql}") };
        let names: Vec<_> =
            select.items.iter().map(|item| String::from_utf8_lossy(&item.name)).collect();
        assert_eq!(names, *expected, "{sql}");
    }
}

#[test]
fn numbers_keep_their_value() {
    let cases = [
        ("0", Value::Int(0)),
        ("-1", Value::Int(-1)),
        ("- -7", Value::Int(7)),
        ("9223372036854775807", Value::Int(i64::MAX)),
        ("-9223372036854775808", Value::Int(i64::MIN)),
        ("18446744073709551615", Value::UInt(u64::MAX)),
        ("-18446744073709551615", Value::Decimal("-18446744073709551615".into())),
        ("18446744073709551616", Value::Decimal("18446744073709551616".into())),
        ("1.50", Value::Decimal("1.50".into())),
        ("TRUE", Value::Int(1)),
        ("-null", Value::Null),
    ];
    for (sql, value) in cases {
        assert_eq!(
            read(&format!("set @a={sql}")),
            set_user(&[("a", Expr::Literal(value))]),
            "{sql}"
        );
    }
}

#[test]
fn set_lists_mix_every_kind_of_variable() {
    let word = |word: &str| SetValue::Word(word.into());
    let checksum = global("binlog_checksum");
    let expr = SetValue::Expr;
    let (global, session) = (Some(Scope::Global), Some(Scope::Session));
    assert_eq!(
        read("SET @a = 1, @@session.b := DEFAULT, @x = @@global.binlog_checksum, c=on"),
        Statement::Set(vec![
            Assignment::User { name: b"a".to_vec(), value: int(1) },
            Assignment::System { scope: session, name: "b".into(), value: SetValue::Default },
            Assignment::User { name: b"x".to_vec(), value: checksum },
            Assignment::System { scope: None, name: "c".into(), value: word("ON") },
        ])
    );
    // A scope word holds for the plain names that follow, not for those with @@.
    assert_eq!(
        read("SET GLOBAL a=1, b=utf8mb4, SESSION c=x, d=OFF, @@e='y', @@persist.f=2, k.g=3"),
        set_system(&[
            (global, "a", expr(int(1))),
            (global, "b", word("utf8mb4")),
            (session, "c", word("x")),
            (session, "d", word("OFF")),
            (None, "e", expr(text("y"))),
            (global, "f", expr(int(2))),
            (session, "k.g", expr(int(3))),
        ])
    );
    assert_eq!(
        read("set session transaction isolation level read committed, read only"),
        set_system(&[
            (session, "transaction_isolation", word("READ-COMMITTED")),
            (session, "transaction_read_only", word("ON")),
        ])
    );
    assert_eq!(read("set transaction read write"), Statement::Set(vec![]));
    assert_eq!(read("set names default, @a=1"), {
        let Statement::Set(mut list) = names(None) else { unreachable!() };
        list.push(Assignment::User { name: b"a".to_vec(), value: int(1) });
        Statement::Set(list)
    });
    assert_eq!(
        read("SET NAMES 'UTF8MB4' COLLATE utf8mb4_bin"),
        Statement::Set(vec![Assignment::Names {
            charset: Some("utf8mb4".into()),
            collation: Some("utf8mb4_bin".into()),
        }])
    );
    assert_eq!(
        read("set charset latin1, character set default"),
        Statement::Set(vec![
            Assignment::CharacterSet(Some("latin1".into())),
            Assignment::CharacterSet(None),
        ])
    );
}

#[test]
fn filters_pick_rows_by_name_and_value() {
    let rows = [("port", "3307"), ("server_id", "7"), ("binlog_format", "ROW")];
    let cases: &[(&str, &[&str])] = &[
        ("", &["port", "server_id", "binlog_format"]),
        ("LIKE 'SERVER\\_ID'", &["server_id"]),
        ("LIKE \"%o%\"", &["port", "binlog_format"]),
        ("WHERE variable_name='PORT'", &["port"]),
        ("WHERE `Variable_name` IN ('port', 'server_id') AND value <> 7", &["port"]),
        (
            "WHERE variable_name not in ('port') and (value='7' or not value like 'r%')",
            &["server_id"],
        ),
        ("WHERE variable_name like 'binlog%' OR value = 7", &["server_id", "binlog_format"]),
        ("WHERE NOT variable_name != 'port'", &["port"]),
        ("WHERE variable_name NOT LIKE '%o%'", &["server_id"]),
    ];
    for (filter, expected) in cases {
        let Statement::Show(Show::Variables { filter, .. }) =
            read(&format!("SHOW VARIABLES {filter}"))
        else {
            panic!("{filter}")
        };
        let pass = |(name, value): &&(&str, &str)| {
            let passes = filter.matches(name, value.as_bytes());
            assert!(!passes || filter.may_match_name(name), "{name} was left uncomputed");
            passes
        };
        let names: Vec<_> = rows.iter().filter(pass).map(|(name, _)| *name).collect();
        assert_eq!(names, *expected, "{filter:?}");
    }
}

#[test]
fn names_that_cannot_match_need_no_value() {
    let filter = |sql: &str| match read(&format!("SHOW VARIABLES WHERE {sql}")) {
        Statement::Show(Show::Variables { filter, .. }) => filter,
        other => panic!("{other:?}"),
    };
    assert!(!filter("variable_name='a'").may_match_name("gtid_executed"));
    assert!(!filter("variable_name='a' and value='x'").may_match_name("gtid_executed"));
    assert!(filter("variable_name='a' or value='x'").may_match_name("gtid_executed"));
    assert!(filter("not value='x'").may_match_name("gtid_executed"));
}

#[test]
fn other_statements_are_read_by_grammar() {
    let kill = |id: i64, query_only| Statement::Kill(Kill { id: int(id), query_only });
    let cases = [
        ("kill connection 5", kill(5, false)),
        ("KILL QUERY 5;", kill(5, true)),
        ("use `my db`", Statement::Use("my db".into())),
        ("begin work", Statement::Transaction(TransactionVerb::Begin)),
        (
            "start transaction read only, with consistent snapshot",
            Statement::Transaction(TransactionVerb::Begin),
        ),
        ("COMMIT AND NO CHAIN NO RELEASE", Statement::Transaction(TransactionVerb::Commit)),
        ("rollback work", Statement::Transaction(TransactionVerb::Rollback)),
        ("show master logs", Statement::Show(Show::BinaryLogs)),
        ("SHOW REPLICAS", Statement::Show(Show::Replicas)),
        ("show full processlist", Statement::Show(Show::ProcessList { full: true })),
        ("show processlist", Statement::Show(Show::ProcessList { full: false })),
        ("truncate table performance_schema.host_cache", Statement::Flush(vec![Flush::Hosts])),
        ("show count(*) errors", Statement::Show(Show::WarningCount { errors: true })),
        (
            "show warnings limit 2, 3",
            Statement::Show(Show::Warnings { limit: Some(Limit { offset: 2, count: 3 }) }),
        ),
        ("show grants for current_user()", Statement::Show(Show::Grants)),
        (
            "select a.*, b, *, `c`.d from x.`y z` where a = b group by 1",
            Statement::SelectFrom { schema: Some("x".into()), table: "y z".into() },
        ),
        ("select 1 from t;", Statement::SelectFrom { schema: None, table: "t".into() }),
        ("select sql_no_cache 1 from dual", select(&[(int(1), "1")])),
        ("/*!50000 select */ 1", select(&[(int(1), "1")])),
    ];
    for (sql, expected) in cases {
        assert_eq!(read(sql), expected, "{sql}");
    }
}

#[test]
fn what_is_no_sql_is_a_syntax_error_near_the_place() {
    let cases = [
        ("foo bar", "'foo bar' at line 1"),
        ("select", "'' at line 1"),
        ("select 1,,2", "',2' at line 1"),
        ("select 1 as", "'' at line 1"),
        ("select \n1\nfrom", "'' at line 3"),
        ("select a b c", "'c' at line 1"),
        ("select 'a", "''a' at line 1"),
        ("select /* foo", "'/* foo' at line 1"),
        ("select 1; select 2", "'select 2' at line 1"),
        ("select 1;;", "';' at line 1"),
        ("select @@", "'' at line 1"),
        ("select @@ global.x", "'global.x' at line 1"),
        ("select 1 limit x", "'x' at line 1"),
        ("select 1 limit -1", "'-1' at line 1"),
        ("set", "'' at line 1"),
        ("set x", "'' at line 1"),
        ("set @x", "'' at line 1"),
        ("set @x=", "'' at line 1"),
        ("set @x=on", "'on' at line 1"),
        ("set names utf8 collate", "'' at line 1"),
        ("kill", "'' at line 1"),
        ("kill 1 2", "'2' at line 1"),
        ("purge binary logs", "'' at line 1"),
        ("purge logs to 'x'", "'logs to 'x'' at line 1"),
        ("purge binary logs to binlog", "'binlog' at line 1"),
        ("purge binary logs to 'x' 1", "'1' at line 1"),
        ("purge binary logs before", "'' at line 1"),
        ("purge binary logs before now() - interval day", "'' at line 1"),
        ("purge binary logs before now() - interval 1 x", "'x' at line 1"),
        ("purge binary logs before date_sub(now(), 3)", "'3)' at line 1"),
        ("show", "'' at line 1"),
        ("show nonsense", "'nonsense' at line 1"),
        ("show binary logs limit 1", "'limit 1' at line 1"),
        ("show variables like server_id", "'server_id' at line 1"),
        ("show variables like 'x' where 1", "'where 1' at line 1"),
        ("show variables where variable_name", "'' at line 1"),
        ("use 'x'", "''x'' at line 1"),
        ("\\", "'\\' at line 1"),
    ];
    for (sql, near) in cases {
        let (code, message) = refused(sql);
        assert_eq!(code, 1064, "{sql}: {message}");
        assert!(message.ends_with(&format!("near {near}")), "{sql}: {message}");
    }
}

#[test]
fn sql_that_is_not_ours_is_refused_by_its_kind() {
    let cases = [
        ("", 1065),
        (" ; ", 1065),
        ("/* only a comment */ -- and another", 1065),
        ("insert into t values (1)", 1290),
        ("CREATE TABLE t (a int)", 1290),
        ("drop database x", 1290),
        ("purge binary logs before now() - interval '1:1' minute_second", 1235),
        ("purge binary logs before now() - interval 1 day_hour", 1235),
        ("flush logs", 1235),
        ("show table types", 1064),
        ("show full table status", 1064),
        ("show function code f", 1064),
        ("show engines like 'x'", 1064),
        ("explain select 1", 1235),
        ("desc", 1064),
        ("describe format = json select 1", 1235),
        ("desc t a b", 1064),
        ("show full index from t", 1064),
        ("show columns", 1064),
        ("show index from t like 'x'", 1064),
        ("show create user u", 1235),
        ("show create database if exists d", 1064),
        ("show columns from t where length(Field) = 1", 1235),
        ("select a from information_schema.columns group by a", 1235),
        ("select a from information_schema.columns c where c.a = 1", 1235),
        ("select a from information_schema.columns, t", 1235),
        ("select count(a) from information_schema.columns", 1235),
        ("select c.a from information_schema.columns", 1235),
        ("select a from information_schema.columns where a = b", 1064),
        ("select a from information_schema.columns order by 1", 1235),
        ("select a from information_schema.columns order", 1064),
        ("select a from information_schema.columns limit 1 into outfile 'x'", 1235),
        ("select a from information_schema.columns; select 2", 1064),
        ("set password = 'x'", 1290),
        ("flush tables with lock", 1064),
        ("lock tables t", 1064),
        ("release x", 1064),
        ("(select 1)", 1235),
        ("select 1 +", 1064),
        ("select 1 regexp 2", 1235),
        ("select (1, 2) = (1, 2)", 1235),
        ("select 1 in (select 2)", 1235),
        ("select (select 1, 2)", 1241),
        ("select cast(1 as decimal(66))", 1426),
        ("select case end", 1064),
        ("select 1 union select 2", 1235),
        ("select * from (select 1) x", 1235),
        ("show variables where variable_name regexp 'x'", 1235),
        ("show variables where concat(1)", 1054),
    ];
    for (sql, code) in cases {
        assert_eq!(refused(sql).0, code, "{sql}: {}", refused(sql).1);
    }
}

#[test]
fn nesting_and_lists_are_bounded() {
    for deep in ["(", "-", "f("] {
        assert_eq!(refused(&format!("select {}1", deep.repeat(100_000))).0, 1235, "{deep}");
    }
    for deep in ["not ", "("] {
        let sql = format!("show variables where {}value='x'", deep.repeat(100_000));
        assert_eq!(refused(&sql).0, 1235, "{deep}");
    }
    for chain in ["+1", " or 1", " is null", "*-1"] {
        assert_eq!(refused(&format!("select 1{}", chain.repeat(100_000))).0, 1235, "{chain}");
        read(&format!("select 1{}", chain.repeat(100)));
    }
    assert_eq!(refused(&format!("select 1{}", ",1".repeat(5_000))).0, 1117);
    assert_eq!(refused(&format!("set @a=1{}", ",@a=1".repeat(5_000))).0, 1235);
    let sql = format!("show variables where value in ('x'{})", ",'x'".repeat(5_000));
    assert_eq!(refused(&sql).0, 1235);
}

#[test]
fn presented_versions_become_comment_versions() {
    let cases = [
        ("9.7.4-2", 90_704, false),
        ("8.0.36-28", 80_036, false),
        ("5.6.24-log", 50_624, false),
        ("11.8.3-MariaDB-log", 110_803, true),
        ("5.5.5-10.11.6-MariaDB-1", 101_106, true),
        ("5.5.5", 50_505, false),
        ("", 0, false),
        ("99999999999.1", 100, false),
    ];
    for (presented, version, mariadb) in cases {
        assert_eq!(Dialect::of_version(presented), Dialect { version, mariadb }, "{presented}");
    }
}

/// Words and marks of the grammar in any order: gets deeper than bytes at random.
fn sql_soup() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "SELECT",
        "SET",
        "SHOW",
        "KILL",
        "USE",
        "@@",
        "@",
        "@a",
        "global",
        "session",
        ".",
        ",",
        "=",
        ":=",
        "(",
        ")",
        "*",
        "-",
        "'x'",
        "\"y\"",
        "`z`",
        "1",
        ".5",
        "1e9",
        "NULL",
        "LIKE",
        "WHERE",
        "Variable_name",
        "value",
        "IN",
        "NOT",
        "AND",
        "OR",
        "VARIABLES",
        "STATUS",
        "BINARY",
        "LOGS",
        "NAMES",
        "utf8",
        "DEFAULT",
        "FROM",
        "dual",
        "LIMIT",
        "/*!",
        "*/",
        "/*",
        "--",
        "#",
        "\n",
        ";",
        "'",
        "TRANSACTION",
        "READ",
        "ONLY",
        "AS",
        "COLLATE",
        "\u{e9}",
        "BEGIN",
        "GRANTS",
        "COUNT",
    ]);
    prop::collection::vec(words, 0..24).prop_map(|words| words.join(" "))
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(sql in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&sql, DIALECT);
        let _ = parse(&[b"select ", sql.as_slice()].concat(), DIALECT);
    }

    #[test]
    fn any_words_are_read_or_refused_with_a_mysql_error(sql in sql_soup()) {
        if let Err(error) = parse(sql.as_bytes(), DIALECT) {
            prop_assert!([1054, 1064, 1065, 1235, 1241, 1273].contains(&error.code), "{sql}: {error}");
        }
    }

    #[test]
    fn a_string_written_with_escapes_is_read_back(text in prop::collection::vec(any::<u8>(), 0..40)) {
        let mut sql = b"set @a='".to_vec();
        for byte in &text {
            if matches!(byte, b'\\' | b'\'') {
                sql.push(b'\\');
            }
            sql.push(*byte);
        }
        sql.push(b'\'');
        let expected = set_user(&[("a", Expr::Literal(Value::Text(text)))]);
        prop_assert_eq!(parse(&sql, DIALECT), Ok(expected));
    }
}
