//! What replicas, tools and drivers say before and beside a dump, and the shape of their answers.
//!
//! One file for each client, statement by statement: `=> OK`, `=> ERROR number`, or `=> rows: columns`.
//! The statements were seen on real servers or are in the clients' sources.

use super::super::testing::{ask, server, session};
use crate::downstream::replica::ReplicaStatus;

const CLIENTS: &[(&str, &str, &str)] = &[
    ("9.7.4", "MySQL 9.7 replica", include_str!("clients/mysql-9.txt")),
    ("8.0.36", "MySQL 8.0 replica", include_str!("clients/mysql-9.txt")),
    ("5.6.24-log", "MySQL 5.6 replica", include_str!("clients/mysql-5.6.txt")),
    ("5.7.44-log", "MySQL 5.7 replica", include_str!("clients/mysql-5.7.txt")),
    ("11.8.3-MariaDB-log", "MariaDB replica", include_str!("clients/mariadb.txt")),
    ("9.7.4", "mysqlbinlog", include_str!("clients/mysqlbinlog.txt")),
    ("9.7.4", "mysql", include_str!("clients/mysql-client.txt")),
    ("11.8.3-MariaDB-log", "mariadb", include_str!("clients/mariadb-client.txt")),
    ("9.7.4", "Connector/J and Debezium", include_str!("clients/java.txt")),
    ("9.7.4", "Maxwell", include_str!("clients/maxwell.txt")),
    ("9.7.4", "go-mysql", include_str!("clients/go-mysql.txt")),
    ("9.7.4", "python-mysql-replication", include_str!("clients/python.txt")),
    ("9.7.4", "mysql_async", include_str!("clients/mysql-async.txt")),
    ("9.7.4", "zongji", include_str!("clients/zongji.txt")),
    ("8.0.36", "orchestrator", include_str!("clients/orchestrator.txt")),
];

/// An answer without its values.
fn shape(answer: &str) -> String {
    if let Some(error) = answer.strip_prefix("ERROR ") {
        return format!("ERROR {}", error.split(':').next().unwrap());
    }
    if answer.starts_with("ASKS ") {
        return "ASKS".into();
    }
    if answer.starts_with("OK") {
        return answer.into();
    }
    let columns = answer.lines().next().unwrap();
    // A value with a line end in it would count twice; none has one here.
    let rows = match answer.lines().count() - 1 {
        0 => "none".to_owned(),
        1 => "one".to_owned(),
        2 => "two".to_owned(),
        _ => "many".to_owned(),
    };
    format!("{rows}: {columns}")
}

#[test]
fn every_client_gets_answers_of_the_shape_that_it_expects() {
    let mut statements = 0;
    for (version, client, script) in CLIENTS {
        let (server, facts) = server(version);
        *facts.replica.lock().unwrap() = Some(ReplicaStatus::default());
        let mut session = session();
        let lines = script.lines().filter(|line| !line.is_empty() && !line.starts_with("## "));
        let mut statement = String::new();
        for line in lines {
            match line.strip_prefix("=> ") {
                None => statement = line.replace("\\n", "\n"),
                Some(expected) => {
                    let answer = ask(&server, &mut session, &statement);
                    assert_eq!(shape(&answer), expected, "{client}: {statement}\n{answer}");
                    statements += 1;
                }
            }
        }
    }
    assert!(statements > 120, "{statements}");
}
