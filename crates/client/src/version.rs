//! Which server and which version.

use std::fmt;

/// A server's product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flavour {
    /// MySQL, Percona Server, and whatever else does not say that it is MariaDB.
    MySql,
    /// MariaDB.
    MariaDb,
}

/// A server's version, as its greeting names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerVersion {
    text: String,
    flavour: Flavour,
    number: (u16, u16, u16),
}

/// What MariaDB puts before its version so that old MySQL replicas accept it.
const MARIADB_PREFIX: &str = "5.5.5-";

impl ServerVersion {
    /// Parses a greeting's version. Whatever is no number counts as 0.
    #[must_use]
    pub fn parse(greeted: &str) -> Self {
        let is_mariadb = greeted.to_ascii_lowercase().contains("mariadb");
        let flavour = if is_mariadb { Flavour::MariaDb } else { Flavour::MySql };
        let text = match greeted.strip_prefix(MARIADB_PREFIX) {
            Some(own) if is_mariadb => own,
            _ => greeted,
        };
        let mut parts = text.split(|c: char| !c.is_ascii_digit()).map(|n| n.parse().unwrap_or(0));
        let mut next = || parts.next().unwrap_or(0);
        let number = (next(), next(), next());
        Self { text: text.to_owned(), flavour, number }
    }

    /// The product.
    #[must_use]
    pub fn flavour(&self) -> Flavour {
        self.flavour
    }

    /// Whether it is MariaDB.
    #[must_use]
    pub fn is_mariadb(&self) -> bool {
        self.flavour == Flavour::MariaDb
    }

    /// Major, minor and patch number.
    #[must_use]
    pub fn number(&self) -> (u16, u16, u16) {
        self.number
    }
}

impl fmt::Display for ServerVersion {
    /// The version as the server names it, without MariaDB's prefix.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_name_product_and_number() {
        for (greeted, flavour, number, text) in [
            ("9.7.4-2", Flavour::MySql, (9, 7, 4), "9.7.4-2"),
            ("5.6.24-log", Flavour::MySql, (5, 6, 24), "5.6.24-log"),
            ("8.0.36-28", Flavour::MySql, (8, 0, 36), "8.0.36-28"),
            ("11.8.3-MariaDB-1-log", Flavour::MariaDb, (11, 8, 3), "11.8.3-MariaDB-1-log"),
            ("5.5.5-10.11.6-MariaDB", Flavour::MariaDb, (10, 11, 6), "10.11.6-MariaDB"),
            ("5.5.5-log", Flavour::MySql, (5, 5, 5), "5.5.5-log"),
            ("strange", Flavour::MySql, (0, 0, 0), "strange"),
        ] {
            let version = ServerVersion::parse(greeted);
            assert_eq!(version.flavour(), flavour, "{greeted}");
            assert_eq!(version.number(), number, "{greeted}");
            assert_eq!(version.to_string(), text);
        }
        assert!(ServerVersion::parse("8.4.0").number() >= (8, 4, 0));
    }
}
