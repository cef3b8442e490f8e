//! Maxwell's settings that change what is written.

use std::borrow::Cow;

use crate::Column;
use crate::format::switch;
use crate::write::json_string;

/// Maxwell's settings that change what is written; its names, and its defaults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaxwellOptions {
    /// `output_binlog_position`: where the event begins.
    pub binlog_position: bool,
    /// `output_gtid_position`: the transaction's GTID.
    pub gtid_position: bool,
    /// `output_commit_info`: the transaction's number, and which of its rows is the last.
    pub commit_info: bool,
    /// `output_xoffset`: the row's number in its transaction.
    pub xoffset: bool,
    /// `output_push_timestamp`: when the row was written.
    pub push_timestamp: bool,
    /// `output_nulls`: columns that are NULL.
    pub nulls: bool,
    /// `output_server_id`: the server that committed first.
    pub server_id: bool,
    /// `output_thread_id`: the session.
    pub thread_id: bool,
    /// `output_row_query`: the statement that changed the rows, where the server logs it.
    pub row_query: bool,
    /// `row_query_max_length`: as many characters of it; 0 for all.
    pub row_query_max_length: usize,
    /// `output_primary_keys`: the values of the primary key.
    pub primary_keys: bool,
    /// `output_primary_key_columns`: the names of its columns.
    pub primary_key_columns: bool,
    /// `output_ddl`: statements that define databases and tables.
    pub ddl: bool,
    /// `output_null_zerodates`: dates with a zero as `null`.
    pub null_zerodates: bool,
    /// `output_naming_strategy=underscore_to_camelcase`: names of fields and columns in that form.
    pub camel_case: bool,
}

impl Default for MaxwellOptions {
    fn default() -> Self {
        Self {
            binlog_position: false,
            gtid_position: false,
            commit_info: true,
            xoffset: false,
            push_timestamp: false,
            nulls: true,
            server_id: false,
            thread_id: false,
            row_query: false,
            row_query_max_length: 0,
            primary_keys: false,
            primary_key_columns: false,
            ddl: false,
            null_zerodates: false,
            camel_case: false,
        }
    }
}

impl MaxwellOptions {
    /// Sets an option by Maxwell's own name.
    ///
    /// # Errors
    /// If there is no such option or value here; the text says which there are.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        let wrong = |known: &str| format!("{name} can be {known}, not '{value}'");
        if name == "row_query_max_length" {
            self.row_query_max_length = value.parse().map_err(|_| wrong("a number"))?;
            return Ok(());
        }
        if name == "output_naming_strategy" {
            self.camel_case = match value {
                "underscore_to_camelcase" => true,
                "none" => false,
                _ => return Err(wrong("'none' or 'underscore_to_camelcase'")),
            };
            return Ok(());
        }
        let mut switches = self.switches();
        let Some((_, on)) = switches.iter_mut().find(|(known, _)| *known == name) else {
            let known = switches.map(|(known, _)| known).join(", ");
            return Err(format!(
                "no option '{name}'; there are {known}, row_query_max_length and \
                 output_naming_strategy"
            ));
        };
        **on = switch(value).map_err(|known| wrong(&known))?;
        Ok(())
    }

    fn switches(&mut self) -> [(&'static str, &mut bool); 13] {
        [
            ("output_binlog_position", &mut self.binlog_position),
            ("output_gtid_position", &mut self.gtid_position),
            ("output_commit_info", &mut self.commit_info),
            ("output_xoffset", &mut self.xoffset),
            ("output_push_timestamp", &mut self.push_timestamp),
            ("output_nulls", &mut self.nulls),
            ("output_server_id", &mut self.server_id),
            ("output_thread_id", &mut self.thread_id),
            ("output_row_query", &mut self.row_query),
            ("output_primary_keys", &mut self.primary_keys),
            ("output_primary_key_columns", &mut self.primary_key_columns),
            ("output_ddl", &mut self.ddl),
            ("output_null_zerodates", &mut self.null_zerodates),
        ]
    }

    /// A field's name as it is to be written.
    pub(super) fn field<'n>(&self, name: &'n str) -> Cow<'n, str> {
        if self.camel_case { Cow::Owned(camel_case(name)) } else { Cow::Borrowed(name) }
    }

    /// A column's name as JSON, with a colon behind.
    pub(super) fn key<'c>(&self, column: &'c Column) -> Cow<'c, [u8]> {
        if !self.camel_case {
            return Cow::Borrowed(&column.json_key);
        }
        let mut key = Vec::new();
        json_string(&camel_case(column.name().unwrap_or_default()), &mut key);
        key.push(b':');
        Cow::Owned(key)
    }
}

/// `user_id` as `userId`. An underscore in front goes away, one at the end stays away too; a name of
/// nothing else is left as it is.
fn camel_case(name: &str) -> String {
    let mut camel = String::with_capacity(name.len());
    let mut chars = name.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '_' if camel.is_empty() => {}
            '_' => camel.extend(chars.next().into_iter().flat_map(char::to_uppercase)),
            c => camel.push(c),
        }
    }
    if camel.is_empty() { name.to_owned() } else { camel }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_maxwells() {
        let mut options = MaxwellOptions::default();
        for (name, value) in [
            ("output_nulls", "false"),
            ("output_xoffset", "true"),
            ("row_query_max_length", "10"),
            ("output_naming_strategy", "underscore_to_camelcase"),
        ] {
            options.set(name, value).unwrap();
        }
        let wanted = MaxwellOptions {
            nulls: false,
            xoffset: true,
            row_query_max_length: 10,
            camel_case: true,
            ..MaxwellOptions::default()
        };
        assert_eq!(options, wanted);
        assert_eq!(
            options.set("output_ddl", "yes").unwrap_err(),
            "output_ddl can be 'true' or 'false', not 'yes'"
        );
        let unknown = options.set("output_schema_id", "true").unwrap_err();
        assert!(unknown.contains("output_server_id, "), "{unknown}");
    }

    #[test]
    fn names_become_camels() {
        for (name, wanted) in
            [("user_id", "userId"), ("_id", "id"), ("a__b", "a_b"), ("a_", "a"), ("__", "__")]
        {
            assert_eq!(camel_case(name), wanted, "{name}");
        }
    }
}
