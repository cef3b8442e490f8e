//! Names of binlog files: a base, a dot, and a number that counts up.

use std::cmp::Ordering;
use std::fmt;

/// The name of a binlog file, such as `mysql-bin.000123`, without a folder.
///
/// Names of one base sort by number, also where the number has outgrown its six digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LogName {
    text: String,
    dot: usize,
    number: u64,
}

impl LogName {
    /// The longest name, in bytes: what a directory entry holds.
    pub const LEN_MAX: usize = 255;

    /// Takes a name as a server gives it; `None` unless it is a plain file name that ends in a dot
    /// and at least six digits. It comes from a network and becomes a path, so nothing else will do.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let dot = text.rfind('.')?;
        let digits = &text[dot + 1..];
        let plain = dot > 0
            && text.len() <= Self::LEN_MAX
            && !text.starts_with('.')
            && !text.contains(['/', '\0', '\n', '\r'])
            && digits.len() >= 6
            && digits.bytes().all(|b| b.is_ascii_digit());
        let number = digits.parse().ok().filter(|_| plain)?;
        Some(Self { text: text.to_owned(), dot, number })
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What stands before the number.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.text[..self.dot]
    }

    /// The name of the file after this one.
    #[must_use]
    pub(crate) fn next(&self) -> Self {
        let number = self.number.saturating_add(1);
        let text = format!("{}.{number:06}", self.base());
        Self { text, dot: self.dot, number }
    }

    /// The file's number.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }
}

impl Ord for LogName {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.base(), self.number, &self.text).cmp(&(other.base(), other.number, &other.text))
    }
}

impl PartialOrd for LogName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for LogName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_by_number() {
        let name = |text| LogName::new(text).unwrap();
        assert!(name("b.999999") < name("b.1000000"));
        assert_eq!((name("my.bin.000007").base(), name("my.bin.000007").number()), ("my.bin", 7));
    }

    #[test]
    fn only_plain_names_pass() {
        for bad in [
            "",
            "binlog",
            "binlog.",
            ".000001",
            "binlog.1",
            "binlog.00000x",
            "../b.000001",
            "a/b.000001",
            "..000001",
            "b.000001\n",
            "b.000001/",
            "b.99999999999999999999999",
        ] {
            assert_eq!(LogName::new(bad), None, "{bad:?}");
        }
        assert_eq!(LogName::new(&format!("{}.000001", "x".repeat(249))), None);
    }
}
