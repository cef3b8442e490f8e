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
