//! The options that tell of tables what binlogs do not.

mod live;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use binlogd_decode::format::ColumnTest;
use binlogd_decode::{Decoder, Schema, SchemaDump, SchemaFailure, TableSchema};
use clap::ValueHint;

use super::filter::Pattern;
use crate::sources::{ServerArgs, is_server};
use live::LiveSchema;

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Tables")]
pub(crate) struct SchemaArgs {
    /// A file of CREATE TABLE statements, as mysqldump --no-data --databases or SHOW CREATE TABLE print
    /// them, of tables as they were when the binlog was written: tells names and types that it does
    /// not. Or a server, as mysql://USER:PASSWORD@HOST:PORT, that has these tables and can be asked. May
    /// be given several times
    #[arg(long, value_name = "FILE|URL", value_hint = ValueHint::FilePath)]
    schema: Vec<PathBuf>,

    /// The database of tables that such a file does not say it of
    #[arg(long, value_name = "DB", requires = "schema")]
    schema_database: Option<String>,
}

/// What statements have to leave out.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Tables")]
pub(crate) struct GeneratedArgs {
    /// With SQL: leave out a generated column, as DB.TABLE.COLUMN (* and ? stand for any)
    #[arg(long = "generated-column", value_name = "PATTERN")]
    generated: Vec<Pattern>,
}

impl SchemaArgs {
    /// A decoder that knows the tables.
    pub(crate) fn decoder(&self, servers: &ServerArgs) -> Result<Decoder> {
        let decoder = Decoder::new();
        if self.schema.is_empty() {
            return Ok(decoder);
        }
        let mut known = Known { files: SchemaDump::default(), servers: Vec::new() };
        for place in &self.schema {
            if is_server(place) {
                known.servers.push(LiveSchema::connect(servers.options(place)?)?);
                continue;
            }
            let name = || place.display().to_string();
            let sql = std::fs::read(place).with_context(name)?;
            let database = self.schema_database.as_deref();
            let dump =
                SchemaDump::parse(&String::from_utf8_lossy(&sql), database).with_context(name)?;
            known.files.extend(dump);
        }
        Ok(decoder.with_schema(known))
    }
}

impl GeneratedArgs {
    /// What says which columns were called generated.
    pub(crate) fn test(&self) -> Box<ColumnTest> {
        let generated = self.generated.clone();
        Box::new(move |schema: &str, table: &str, column: &str| {
            !generated.is_empty() && {
                let name = format!("{schema}.{table}.{column}");
                generated.iter().any(|pattern| pattern.matches(&name))
            }
        })
    }
}

/// All that was named. Files come first: they may say how a table was, which servers cannot.
struct Known {
    files: SchemaDump,
    servers: Vec<LiveSchema>,
}

impl Schema for Known {
    fn table(&self, schema: &str, table: &str) -> Result<Option<Arc<TableSchema>>, SchemaFailure> {
        if let Some(known) = self.files.find(schema, table) {
            return Ok(Some(known));
        }
        for server in &self.servers {
            if let Some(known) = server.table(schema, table)? {
                return Ok(Some(known));
            }
        }
        Ok(None)
    }
}
