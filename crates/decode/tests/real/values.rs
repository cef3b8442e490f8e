//! Decoded values are what `SELECT` answers.

use std::fmt::Write as _;

use testkit::workload::{self, Scenario};
use testkit::{Flavour, Server};

use crate::model::{self, Definitions, ModelTable, TextRow};

/// What makes every type and every kind of row event.
const SCENARIOS: [Scenario; 6] = [
    workload::COLUMNS,
    workload::ROW_IMAGES,
    workload::TRANSACTIONS,
    workload::GTIDS,
    workload::COMPRESSION,
    workload::CHECKSUMS,
];

/// Tables that row events alone do not lead to: changed by statements, rolled back by XA, or with
/// rows that `SELECT` does not show.
const LEFT_OUT: [&str; 5] =
    ["columns_.versioned", "columns_.numbers_seq", "trx.a", "trx.scratch", "packed.t"];

fn shown(row: &TextRow) -> String {
    let mut text = String::new();
    for value in row {
        match value {
            None => text.push_str("NULL"),
            Some(bytes) => match std::str::from_utf8(bytes) {
                Ok(utf8) => write!(text, "{:.200}", utf8.escape_debug()).unwrap(),
                Err(_) => write!(text, "{:02x?}", &bytes[..bytes.len().min(40)]).unwrap(),
            },
        }
        text.push_str(" | ");
    }
    text
}

async fn compare(server: &Server, schema: Option<Definitions>) {
    let mut connection = model::connect(server).await;
    let (model, rows) = model::replay(server, &mut connection, schema).await;
    let mut compared = 0;
    for (name, table) in &model {
        let ModelTable { names, rows } = table;
        let full = format!("{}.{}", name.0, name.1);
        let exists = connection
            .query_first(&format!(
                "select 1 from information_schema.tables where table_schema = '{}' and table_name = '{}'",
                name.0, name.1
            ))
            .await
            .unwrap();
        if exists.is_none() || LEFT_OUT.contains(&full.as_str()) {
            continue;
        }
        let mut ours = rows.clone();
        let mut theirs = model::select(&mut connection, name, names.as_ref()).await;
        ours.sort();
        theirs.sort();
        for (ours, theirs) in ours.iter().zip(&theirs) {
            assert!(ours == theirs, "{full}\n ours: {}\n theirs: {}", shown(ours), shown(theirs));
        }
        assert_eq!(ours.len(), theirs.len(), "{full}");
        compared += 1;
    }
    assert!(compared >= 12 && rows >= 80, "{compared} tables, {rows} rows");
}

fn run(server: &Server) {
    for scenario in SCENARIOS {
        scenario.run(server).unwrap();
    }
}

#[tokio::test]
async fn mysql_9_7() {
    let server = Server::start_new(Flavour::Mysql97).unwrap();
    run(&server);
    compare(&server, None).await;
}

mod on_mariadb {
    use super::*;

    #[tokio::test]
    async fn mariadb_11_8() {
        let server = Server::start_new(Flavour::Mariadb118).unwrap();
        run(&server);
        compare(&server, None).await;
    }

    #[tokio::test]
    async fn mariadb_10_11() {
        let server = Server::start_new(Flavour::Mariadb1011).unwrap();
        run(&server);
        compare(&server, None).await;
    }
}
