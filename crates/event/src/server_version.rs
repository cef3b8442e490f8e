//! The server version in a format description event, and what it says of the format.

use std::fmt;

/// A server's version, such as `9.7.4` or `11.8.3-MariaDB-log`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerVersion {
    text: String,
    numbers: [u32; 3],
    is_mariadb: bool,
}

impl ServerVersion {
    /// Takes a version as a server writes it. What is not a number counts as 0.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        let is_mariadb = text.contains("MariaDB") || text.contains("mariadb");
        // MariaDB 10 and 11 put "5.5.5-" in front in their greeting, for old replicas.
        let plain = text.strip_prefix("5.5.5-").filter(|_| is_mariadb);
        let mut numbers = [0; 3];
        for (number, part) in numbers.iter_mut().zip(plain.unwrap_or(&text).split('.')) {
            let digits = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
            *number = part[..digits].parse().unwrap_or(0);
        }
        Self { text, numbers, is_mariadb }
    }

    /// The version as the server writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the server is a MariaDB.
    #[must_use]
    pub fn is_mariadb(&self) -> bool {
        self.is_mariadb
    }

    /// Whether the version is at least `major.minor.patch`.
    #[must_use]
    pub fn at_least(&self, major: u32, minor: u32, patch: u32) -> bool {
        self.numbers >= [major, minor, patch]
    }

    /// Whether the server may have logged changes of rows outside of transactions: MySQL 5.1 and the
    /// MariaDBs made of it do so for tables without transactions, such as those of MyISAM.
    #[must_use]
    pub fn logs_rows_alone(&self) -> bool {
        !self.at_least(5, 5, 0)
    }

    /// Whether the server knows checksums, so that its format description events name an
    /// algorithm and carry a CRC32: MySQL from 5.6.1, MariaDB from 5.3.0.
    #[must_use]
    pub fn knows_checksums(&self) -> bool {
        if self.is_mariadb() { self.at_least(5, 3, 0) } else { self.at_least(5, 6, 1) }
    }
}

impl fmt::Display for ServerVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_came_with_mysql_5_6_1_and_mariadb_5_3() {
        for (version, knows) in [
            ("5.5.62-log", false),
            ("5.6.0", false),
            ("5.6.1", true),
            ("9.7.4-2", true),
            ("5.2.14-MariaDB", false),
            ("5.3.0-MariaDB", true),
            ("5.5.5-10.11.6-MariaDB-log", true),
            ("11.8.3-MariaDB-1-log", true),
            ("", false),
        ] {
            assert_eq!(ServerVersion::new(version).knows_checksums(), knows, "{version}");
        }
    }
}
