//! Decoded values are what `SELECT` answers.

use std::fmt::Write as _;

use binlogd_client::Connection;
use binlogd_decode::SchemaDump;
use testkit::Flavour;

use crate::model::{self, ModelTable, Subject, TextRow, quoted};

/// Tables that row events alone do not lead to: changed by statements, rolled back by XA, or with
/// rows that `SELECT` does not show.
const LEFT_OUT: [&str; 5] =
    ["columns_.versioned", "columns_.numbers_seq", "trx.a", "trx.scratch", "packed.t"];

/// Tables with columns that cannot be written.
const GENERATED: [&str; 1] = ["columns_.derived"];

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

async fn compare(subject: &Subject, schema: Option<SchemaDump>) {
    let mut connection = model::connect(&subject.server).await;
    let (model, rows) = model::replay(subject, &mut connection, schema).await;
    let mut compared = 0;
    for (name, table) in &model {
        let full = format!("{}.{}", name.0, name.1);
        let query = format!(
            "select 1 from information_schema.tables \
             where table_schema = '{}' and table_name = '{}'",
            name.0, name.1
        );
        if LEFT_OUT.contains(&full.as_str())
            || connection.query_first(&query).await.unwrap().is_none()
        {
            continue;
        }
        let ours = table.rows.iter().map(|row| row.text.clone()).collect();
        let theirs = model::select(&mut connection, name, table.names.as_ref()).await;
        assert_same(&full, ours, theirs.clone());
        if !GENERATED.contains(&full.as_str()) {
            let copied = copy(&mut connection, name, table).await;
            assert_same(&format!("{full} by SQL"), copied, theirs);
        }
        compared += 1;
    }
    assert!(compared >= 10 && rows >= 60, "{compared} tables, {rows} rows");
}

fn assert_same(name: &str, mut ours: Vec<TextRow>, mut theirs: Vec<TextRow>) {
    ours.sort();
    theirs.sort();
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert!(ours == theirs, "{name}\n ours: {}\n theirs: {}", shown(ours), shown(theirs));
    }
    assert_eq!(ours.len(), theirs.len(), "{name}");
}

/// Inserts what was decoded into a new table, as SQL literals, and answers what is in there.
async fn copy(
    connection: &mut Connection,
    name: &(String, String),
    table: &ModelTable,
) -> Vec<TextRow> {
    let (schema, source) = (quoted(&name.0), quoted(&name.1));
    let copy = (name.0.clone(), format!("{}_copy", name.1));
    let target = quoted(&copy.1);
    let prepare = [
        "set sql_mode = '', sql_log_bin = 0".to_owned(),
        format!("create table {schema}.{target} like {schema}.{source}"),
    ];
    for sql in prepare {
        connection.execute(&sql).await.unwrap();
    }
    let columns = match &table.names {
        Some(names) => {
            format!("({})", names.iter().map(|n| quoted(n)).collect::<Vec<_>>().join(", "))
        }
        None => String::new(),
    };
    for row in &table.rows {
        let values: Vec<_> = row.sql.iter().map(|v| String::from_utf8_lossy(v)).collect();
        let values = values.join(", ");
        let sql = format!("insert into {schema}.{target} {columns} values ({values})");
        if let Err(error) = connection.execute(&sql).await {
            panic!("{error}: {sql:.2000}");
        }
    }
    let rows = model::select(connection, &copy, table.names.as_ref()).await;
    connection.execute(&format!("drop table {schema}.{target}")).await.unwrap();
    connection.execute("set sql_mode = default, sql_log_bin = 1").await.unwrap();
    rows
}

#[tokio::test]
async fn mysql_9_7() {
    compare(model::of(Flavour::Mysql97), None).await;
}

/// The definitions of all tables that the scenarios fill, as the server writes them.
async fn dump(subject: &Subject) -> SchemaDump {
    let mut connection = model::connect(&subject.server).await;
    let list = "select table_schema, table_name from information_schema.tables \
                where table_type = 'BASE TABLE' and table_schema not in \
                ('mysql', 'sys', 'information_schema', 'performance_schema', 'ddl')";
    let mut dump = SchemaDump::default();
    for row in connection.query_all(list).await.unwrap() {
        let (schema, table) = (row.text(0).unwrap(), row.text(1).unwrap());
        let show = format!("show create table {}.{}", quoted(&schema), quoted(&table));
        let row = connection.query_first(&show).await.unwrap().unwrap();
        dump.extend(SchemaDump::parse(&row.text(1).unwrap(), Some(&schema)).unwrap());
    }
    dump
}

mod on_mysql_5_6 {
    use super::*;

    /// Its table maps tell neither names nor signs nor character sets.
    #[tokio::test]
    async fn mysql_5_6_with_the_tables_definitions() {
        let subject = model::of(Flavour::Mysql56);
        let dump = dump(subject).await;
        compare(subject, Some(dump)).await;
    }
}

mod on_mariadb {
    use super::*;

    #[tokio::test]
    async fn mariadb_11_8() {
        compare(model::of(Flavour::Mariadb118), None).await;
    }

    #[tokio::test]
    async fn mariadb_10_11() {
        compare(model::of(Flavour::Mariadb1011), None).await;
    }
}
