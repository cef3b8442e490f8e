//! sqlx: does with a server what its users do, and prints a line for each answer.

use std::error::Error;
use std::fs;

use futures_util::TryStreamExt;
use sqlx::mysql::{
    MySqlConnectOptions, MySqlConnection, MySqlDatabaseError, MySqlRow, MySqlSslMode,
};
use sqlx::{Column, ConnectOptions, Connection, Executor, Row, Statement, ValueRef};

/// Arguments: HOST PORT USER PASSWORD plain|tls STATEMENTS
pub(crate) async fn run(args: &[String]) -> Result<(), Box<dyn Error>> {
    let [host, port, user, password, security, statements] = args else {
        return Err("six arguments are needed".into());
    };
    let mode = if security == "tls" { MySqlSslMode::Required } else { MySqlSslMode::Disabled };
    let mut connection = MySqlConnectOptions::new()
        .host(host)
        .port(port.parse()?)
        .username(user)
        .password(password)
        .ssl_mode(mode)
        .connect()
        .await?;
    connection.ping().await?;
    println!("ping");
    for line in fs::read_to_string(statements)?.lines() {
        let Some((kind, sql)) = line.split_once(' ') else { continue };
        if kind == "parameters" {
            let query = sqlx::query(sql).bind(7).bind("it's\u{fc}").bind(None::<String>);
            println!("prepared {sql} {}", answer(&mut connection, kind, query).await?);
            continue;
        }
        println!("text {sql} {}", answer(&mut connection, kind, sqlx::raw_sql(sql)).await?);
        println!("prepared {sql} {}", answer(&mut connection, kind, sqlx::query(sql)).await?);
    }
    for commits in [true, false] {
        let mut transaction = connection.begin().await?;
        println!(
            "transaction {}",
            answer(&mut transaction, "values", sqlx::query("SELECT 1")).await?
        );
        if commits { transaction.commit().await? } else { transaction.rollback().await? }
    }
    let statement = connection.prepare("SELECT 1").await?;
    println!("described {}", statement.columns().len());
    connection.close().await?;
    println!("closed");
    Ok(())
}

async fn answer<'q, E>(
    connection: &mut MySqlConnection,
    kind: &str,
    query: E,
) -> Result<String, sqlx::Error>
where
    E: sqlx::Execute<'q, sqlx::MySql> + 'q,
{
    let rows: Vec<MySqlRow> = match connection.fetch(query).try_collect().await {
        Ok(rows) => rows,
        Err(sqlx::Error::Database(error)) => {
            let number = error.downcast_ref::<MySqlDatabaseError>().number();
            return Ok(format!("error {number}"));
        }
        Err(error) => return Err(error),
    };
    if kind == "columns" {
        // They are known by a row, if there is one.
        return Ok("rows".to_owned());
    }
    let Some(first) = rows.first() else { return Ok("no rows".to_owned()) };
    let mut shown: Vec<&str> = first.columns().iter().map(Column::name).collect();
    let values: Vec<String> = rows.iter().map(values).collect::<Result<_, _>>()?;
    shown.extend(values.iter().map(String::as_str));
    Ok(shown.join(" "))
}

/// A row's values, as far as they have a text.
fn values(row: &MySqlRow) -> Result<String, sqlx::Error> {
    let mut shown = String::new();
    for index in 0..row.len() {
        let is_null = row.try_get_raw(index)?.is_null();
        let text = row.try_get_unchecked::<String, _>(index);
        shown.push_str(if is_null { "NULL" } else { text.as_deref().unwrap_or("(no text)") });
        shown.push(',');
    }
    Ok(format!("[{shown}]"))
}
