//! Definitions of tables as a server has them now.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Result, anyhow};
use binlogd_client::{ClientError, ConnectOptions, Connection};
use binlogd_decode::{Fits, Schema, SchemaAnswer, SchemaDump};
use binlogd_wire::ErrorCode;
use tokio::runtime::Runtime;
use tokio::time::timeout;

/// How long a server may take for an answer. It says nothing while the table is being changed.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// Asks a server for a table's definition. Nothing is remembered here.
pub(super) struct LiveSchema {
    asking: Mutex<Asking>,
}

struct Asking {
    runtime: Runtime,
    options: ConnectOptions,
    connection: Option<Connection>,
}

impl LiveSchema {
    /// Connects, so that a server that cannot be asked is found out at once.
    pub(super) fn connect(options: ConnectOptions) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let connection = Some(runtime.block_on(connect(&options))?);
        Ok(Self { asking: Mutex::new(Asking { runtime, options, connection }) })
    }
}

impl Schema for LiveSchema {
    fn table(&self, schema: &str, table: &str, _: &Fits<'_>) -> SchemaAnswer {
        let mut asking = self.asking.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(sql) = asking.definition(schema, table)? else { return Ok(None) };
        // It says of no table in which database it is.
        let dump = SchemaDump::parse(&sql, Some(schema))?;
        Ok(dump.find(schema, table))
    }
}

impl Asking {
    /// The `CREATE TABLE` of a table; `None` if there is none.
    fn definition(&mut self, schema: &str, table: &str) -> Result<Option<String>> {
        let quoted = |name: &str| format!("`{}`", name.replace('`', "``"));
        let query = format!("SHOW CREATE TABLE {}.{}", quoted(schema), quoted(table));
        let mut answer = self.ask(&query);
        if matches!(answer, Err(ClientError::Closed { .. } | ClientError::Io { .. })) {
            // The server has closed a connection that was idle for long, or was restarted.
            self.connection = None;
            answer = self.ask(&query);
        }
        match answer {
            Ok(sql) => Ok(sql),
            Err(error) => match error.server_error().map(|error| error.code) {
                Some(ErrorCode::NO_SUCH_TABLE | ErrorCode::BAD_DB) => Ok(None),
                Some(ErrorCode::TABLE_ACCESS_DENIED | ErrorCode::DBACCESS_DENIED) => Err(anyhow!(
                    "{error}. The account needs a right on the table: GRANT SELECT ON {}.{} TO it",
                    quoted(schema),
                    quoted(table)
                )),
                _ => Err(error.into()),
            },
        }
    }

    fn ask(&mut self, query: &str) -> Result<Option<String>, ClientError> {
        self.runtime.block_on(async {
            let connection = match &mut self.connection {
                Some(connection) => connection,
                none => none.insert(connect(&self.options).await?),
            };
            let answer = timeout(ANSWER_TIMEOUT, connection.query_first(query)).await;
            let row = answer.unwrap_or_else(|_| Err(silent(&self.options)))?;
            Ok(row.and_then(|row| row.by_name("Create Table").map(Into::into)))
        })
    }
}

fn silent(options: &ConnectOptions) -> ClientError {
    ClientError::Closed { address: options.address(), during: "by saying nothing for too long" }
}

/// With settings under which definitions are what a dump has.
async fn connect(options: &ConnectOptions) -> Result<Connection, ClientError> {
    let mut connection = Connection::connect(options).await?;
    let set = async {
        connection.execute("SET sql_mode = '', sql_quote_show_create = 1").await?;
        // Names of tables come from a binlog, and need not be ASCII.
        connection.verify_charset("utf8mb4").await
    };
    timeout(ANSWER_TIMEOUT, set).await.unwrap_or_else(|_| Err(silent(options)))?;
    Ok(connection)
}
