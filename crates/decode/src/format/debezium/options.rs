//! What can be set of what is written.

use super::super::switch;
use super::value::{BinaryMode, DecimalMode, TimeMode, UnsignedMode};
use crate::value::Date;

/// The connector's settings that change what is written; its names, and its defaults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DebeziumOptions {
    /// `topic.prefix`: the name of the server in `source`.
    pub topic_prefix: String,
    /// `decimal.handling.mode`.
    pub decimals: DecimalMode,
    /// `time.precision.mode`.
    pub times: TimeMode,
    /// `enable.time.adjuster`: years of two digits, which MySQL itself takes for 1970 to 2069, become those.
    pub time_adjuster: bool,
    /// `bigint.unsigned.handling.mode`.
    pub unsigned: UnsignedMode,
    /// `binary.handling.mode`.
    pub binaries: BinaryMode,
    /// `include.query`: the statement that changed the rows, where the server logs it.
    pub include_query: bool,
    /// `include.schema.changes`: statements that define tables.
    pub include_schema_changes: bool,
    /// `include.schema.comments`: comments of tables and columns with these statements.
    pub include_schema_comments: bool,
    /// `keys`, which the connector always sends: each line has the record's topic, key and value.
    pub keys: bool,
    /// `tombstones.on.delete`: with keys a record without a value follows the one of a deleted row.
    pub tombstones: bool,
}

impl Default for DebeziumOptions {
    fn default() -> Self {
        Self {
            topic_prefix: "binlogd".to_owned(),
            decimals: DecimalMode::default(),
            times: TimeMode::default(),
            time_adjuster: true,
            unsigned: UnsignedMode::default(),
            binaries: BinaryMode::default(),
            include_query: false,
            include_schema_changes: true,
            include_schema_comments: false,
            keys: false,
            tombstones: true,
        }
    }
}

impl DebeziumOptions {
    /// A date with the year that is meant by one of two digits.
    pub(super) fn adjusted(&self, date: Date) -> Date {
        let century = match date.year {
            0..70 if self.time_adjuster => 2000,
            70..100 if self.time_adjuster => 1900,
            _ => 0,
        };
        Date { year: date.year + century, ..date }
    }

    /// Sets an option by the connector's own name.
    ///
    /// # Errors
    /// If there is no such option or value here; the text says which there are.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        let done = match name {
            "topic.prefix" => {
                value.clone_into(&mut self.topic_prefix);
                Ok(())
            }
            "decimal.handling.mode" => DecimalMode::parse(value).map(|mode| self.decimals = mode),
            "time.precision.mode" => TimeMode::parse(value).map(|mode| self.times = mode),
            "enable.time.adjuster" => switch(value).map(|on| self.time_adjuster = on),
            "bigint.unsigned.handling.mode" => {
                UnsignedMode::parse(value).map(|mode| self.unsigned = mode)
            }
            "binary.handling.mode" => BinaryMode::parse(value).map(|mode| self.binaries = mode),
            "include.query" => switch(value).map(|on| self.include_query = on),
            "include.schema.changes" => switch(value).map(|on| self.include_schema_changes = on),
            "include.schema.comments" => switch(value).map(|on| self.include_schema_comments = on),
            "keys" => switch(value).map(|on| self.keys = on),
            "tombstones.on.delete" => switch(value).map(|on| self.tombstones = on),
            _ => {
                return Err(format!(
                    "no option '{name}'; there are topic.prefix, decimal.handling.mode, \
                     time.precision.mode, enable.time.adjuster, bigint.unsigned.handling.mode, binary.handling.mode, \
                     include.query, include.schema.changes, include.schema.comments, keys and \
                     tombstones.on.delete"
                ));
            }
        };
        done.map_err(|known| format!("{name} can be {known}, not '{value}'"))
    }
}
