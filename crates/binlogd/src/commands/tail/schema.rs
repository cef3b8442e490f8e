//! The options that tell of tables what binlogs do not.

use std::path::PathBuf;

use anyhow::{Context, Result};
use binlogd_decode::format::ColumnTest;
use binlogd_decode::{Decoder, SchemaDump};
use clap::ValueHint;

use super::filter::Pattern;

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Tables")]
pub(crate) struct SchemaArgs {
    /// A file of CREATE TABLE statements, as mysqldump --no-data --databases or SHOW CREATE TABLE print
    /// them, of tables as they were when the binlog was written: tells names and types that it does
    /// not. May be given several times
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    schema: Vec<PathBuf>,

    /// The database of tables that such a file does not say it of
    #[arg(long, value_name = "DB", requires = "schema")]
    schema_database: Option<String>,

    /// With SQL: leave out a generated column, as DB.TABLE.COLUMN (* and ? stand for any)
    #[arg(long = "generated-column", value_name = "PATTERN")]
    generated: Vec<Pattern>,
}

impl SchemaArgs {
    /// A decoder that knows the tables.
    pub(crate) fn decoder(&self) -> Result<Decoder> {
        let mut all: Option<SchemaDump> = None;
        for file in &self.schema {
            let name = || file.display().to_string();
            let sql = std::fs::read(file).with_context(name)?;
            let database = self.schema_database.as_deref();
            let dump =
                SchemaDump::parse(&String::from_utf8_lossy(&sql), database).with_context(name)?;
            all.get_or_insert_default().extend(dump);
        }
        let decoder = Decoder::new();
        Ok(match all {
            Some(schema) => decoder.with_schema(schema),
            None => decoder,
        })
    }

    /// What says which columns were called generated.
    pub(crate) fn into_generated(self) -> Box<ColumnTest> {
        Box::new(move |schema: &str, table: &str, column: &str| {
            !self.generated.is_empty() && {
                let name = format!("{schema}.{table}.{column}");
                self.generated.iter().any(|pattern| pattern.matches(&name))
            }
        })
    }
}
