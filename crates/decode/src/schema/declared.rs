//! What a definition says of a column as it is written there, where servers make something else of it:
//! `INTEGER` is `INT`, `BOOLEAN` is `TINYINT(1)`. Formats of tools that read definitions need it.

/// A column's definition as it is written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Declared {
    /// The type's words in capital letters, such as `DOUBLE PRECISION` or `INT UNSIGNED ZEROFILL`.
    pub type_name: String,
    /// The first number in parentheses after that.
    pub size: Option<u64>,
    /// The second one.
    pub scale: Option<u64>,
    /// The strings of an `ENUM` or `SET`, in single quotes.
    pub members: Vec<String>,
    /// The literal after `DEFAULT`; of the time of the change, [`Declared::NOW`].
    pub default: Option<String>,
    /// The comment, with what is escaped in it.
    pub comment: Option<String>,
    /// Whether the server sets it to the time of each change.
    pub on_update: bool,
}

impl Declared {
    /// Stands for the time of a change.
    pub const NOW: &str = "1970-01-01 00:00:00";

    /// What it takes in memory, about.
    pub(super) fn bytes(&self) -> usize {
        let strings = [Some(&self.type_name), self.default.as_ref(), self.comment.as_ref()];
        let members = self.members.iter().map(|member| size_of::<String>() + member.len());
        strings.into_iter().flatten().map(String::len).sum::<usize>() + members.sum::<usize>()
    }
}

impl Declared {
    /// Adds the words after the type that belong to it.
    pub(super) fn modify(&mut self, sign: Option<&str>, is_zerofill: bool, is_binary: bool) {
        // ZEROFILL makes a column unsigned.
        let sign = if is_zerofill { Some("UNSIGNED ZEROFILL") } else { sign };
        for word in sign.into_iter().chain(is_binary.then_some("BINARY")) {
            self.type_name.push(' ');
            self.type_name.push_str(word);
        }
    }
}

/// A string as it stands in a statement, in single quotes.
pub(super) fn single_quoted(raw: &str) -> String {
    match raw.strip_prefix('"') {
        Some(rest) => format!("'{}'", rest.strip_suffix('"').unwrap_or(rest).replace('\'', "''")),
        None => raw.to_owned(),
    }
}

/// The same without its quotes; what is escaped stays so.
pub(super) fn unquoted(raw: &str) -> String {
    let quoted = single_quoted(raw);
    let text = quoted.strip_prefix('\'').unwrap_or(&quoted);
    text.strip_suffix('\'').unwrap_or(text).to_owned()
}

#[cfg(test)]
mod tests {
    use crate::{SchemaDump, TableSchema};

    fn parsed(sql: &str) -> TableSchema {
        let dump = SchemaDump::parse(sql, Some("s")).unwrap();
        TableSchema::clone(&dump.find("s", "t").unwrap())
    }

    #[test]
    fn types_are_kept_as_they_are_spelled() {
        let table = parsed(
            "create table t (a integer(6) zerofill signed, b bool, c double precision unsigned, d char(0) binary,
              e nvarchar(9), f text(100), g long varbinary, h decimal(5) signed, i serial, j binary(3))",
        );
        let spelled: Vec<_> = table
            .columns
            .iter()
            .map(|c| (&*c.declared.type_name, c.declared.size, c.declared.scale))
            .collect();
        assert_eq!(
            spelled,
            [
                ("INTEGER UNSIGNED ZEROFILL", Some(6), None),
                ("BOOL", None, None),
                ("DOUBLE PRECISION UNSIGNED", None, None),
                ("CHAR BINARY", Some(0), None),
                ("NVARCHAR", Some(9), None),
                ("TEXT", Some(100), None),
                ("LONG VARBINARY", None, None),
                ("DECIMAL SIGNED", Some(5), None),
                ("SERIAL", None, None),
                ("BINARY", Some(3), None),
            ]
        );
    }

    #[test]
    fn defaults_and_comments_are_kept_as_they_are_written() {
        let default = |text: &str| {
            let table =
                parsed(&format!("create table t (a int default {text} comment 'it''s', b int)"));
            assert_eq!(table.columns.len(), 2, "{text}");
            assert_eq!(table.columns[0].declared.comment.as_deref(), Some("it''s"), "{text}");
            table.columns[0].declared.default.clone()
        };
        for (text, wanted) in [
            ("-1.50", Some("-1.50")),
            ("+.5", Some("+.5")),
            ("1e3", Some("1e3")),
            ("1.5E-3", Some("1.5E-3")),
            ("7", Some("7")),
            ("'it''s'", Some("it''s")),
            ("\"say 'it'\"", Some("say ''it''")),
            ("TRUE", Some("TRUE")),
            ("_utf8mb4'x'", Some("x")),
            ("b'01'", Some("01")),
            ("x'4142'", Some("4142")),
            ("now(3) on update now(3)", Some(super::Declared::NOW)),
            ("null", None),
            ("(1 + 2)", None),
            ("0x4142", None),
        ] {
            assert_eq!(default(text).as_deref(), wanted, "{text}");
        }
        let table = parsed(
            "create table t (a timestamp default 0 on update current_timestamp, b int references u (c) on update cascade)
             comment = 'of \"all\"' partition by hash (b) (partition p comment 'of one')",
        );
        let updated: Vec<bool> = table.columns.iter().map(|c| c.declared.on_update).collect();
        assert_eq!((updated, table.comment.as_deref()), (vec![true, false], Some("of \"all\"")));
    }

    #[test]
    fn the_first_unique_key_without_null_is_known() {
        let key = |columns: &str| {
            let table = parsed(&format!("create table t ({columns})"));
            table.row_key().to_vec()
        };
        assert_eq!(key("a int, b int not null, unique (a), unique k (b), unique (b)"), ["b"]);
        assert_eq!(
            key("a int not null, unique ((a + 1)), unique key k using btree (a desc)"),
            ["a"]
        );
        assert_eq!(key("a int unique, b int not null unique"), ["a"]);
        assert_eq!(key("a int not null unique, b int, primary key (b)"), ["b"]);
        assert_eq!(key("a int not null, unique (a(3), c)"), [""; 0]);
    }
}
