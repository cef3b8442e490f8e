//! The options that tell of tables what binlogs do not.

mod live;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use binlogd_decode::format::ColumnTest;
use binlogd_decode::{Decoder, Fits, FollowedSchema, Schema, SchemaAnswer, SchemaDump};
use clap::ValueHint;

use super::filter::Pattern;
use super::left_out::UnknownTables;
use crate::sources::{ServerArgs, is_server};
use live::LiveSchema;

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Tables")]
pub(crate) struct SchemaArgs {
    /// A file of CREATE TABLE statements, as mysqldump --no-data --databases or SHOW CREATE TABLE print
    /// them, of tables as they were where what is chosen of the binlog begins: tells names and types that
    /// it does not. Or a server, as mysql://USER:PASSWORD@HOST:PORT, that has these tables and can be asked. May
    /// be given several times
    #[arg(long, value_name = "FILE|URL", value_hint = ValueHint::FilePath)]
    schema: Vec<PathBuf>,

    /// The database of tables that such a file does not say it of
    #[arg(long, value_name = "DB", requires = "schema")]
    schema_database: Option<String>,

    /// Continue where the columns of a table are not known: its changes are left out, and a note names it.
    /// Without this that is an error
    #[arg(long)]
    allow_unknown_tables: bool,
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
    /// The tables that are known, and a decoder that asks for them if any were named, or if it `asks` of
    /// those that statements in the binlog make.
    pub(crate) fn decoder(
        &self,
        servers: &ServerArgs,
        asks: bool,
    ) -> Result<(Decoder, Arc<FollowedSchema>)> {
        if self.schema.is_empty() && !asks {
            return Ok((Decoder::new(), Arc::default()));
        }
        let (mut files, mut current) = (SchemaDump::default(), Servers(Vec::new()));
        for place in &self.schema {
            if is_server(place) {
                current.0.push(LiveSchema::connect(servers.options(place)?)?);
                continue;
            }
            let name = || place.display().to_string();
            let sql = std::fs::read(place).with_context(name)?;
            let database = self.schema_database.as_deref();
            let dump =
                SchemaDump::parse(&String::from_utf8_lossy(&sql), database).with_context(name)?;
            files.extend(dump);
        }
        let mut followed = FollowedSchema::new(files);
        if !current.0.is_empty() {
            followed = followed.with_current(current);
        }
        let followed = Arc::new(followed);
        Ok((Decoder::new().with_schema(followed.clone()), followed))
    }

    /// Whether changes of tables whose columns are not known may be left out.
    pub(crate) fn allows_unknown_tables(&self) -> bool {
        self.allow_unknown_tables
    }

    /// What becomes of such changes: this, unless they may be left out.
    pub(crate) fn unknown_tables(&self, otherwise: UnknownTables) -> UnknownTables {
        if self.allow_unknown_tables { UnknownTables::Allow } else { otherwise }
    }

    /// Whether anything tells of tables.
    pub(crate) fn is_given(&self) -> bool {
        !self.schema.is_empty()
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

/// The servers that were named. Files come before them: they may say how a table was, which servers cannot.
struct Servers(Vec<LiveSchema>);

impl Schema for Servers {
    fn table(&self, schema: &str, table: &str, fits: &Fits<'_>) -> SchemaAnswer {
        for server in &self.0 {
            if let Some(known) = server.table(schema, table, fits)? {
                return Ok(Some(known));
            }
        }
        Ok(None)
    }
}
