//! Which server: the product and series that a test asks for.

use std::fmt;
use std::str::FromStr;

/// A server product and series that the testbed can run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Flavour {
    /// MySQL 9.7, or the newest 9.x that Debian's unstable suite has.
    Mysql97,
    /// MySQL 5.6.24: version 1 GTIDs, `mysql_native_password`, no semi-sync plugin, no client.
    Mysql56,
    /// MariaDB 11.8, from Debian's unstable suite.
    Mariadb118,
    /// MariaDB 10.11, from Debian 12.
    Mariadb1011,
    /// MariaDB 11.4.5, the first series whose clients verify servers by default. The server program alone: no
    /// client, no plugins that are not built in.
    Mariadb114,
}

impl Flavour {
    /// Every flavour, the default one first.
    pub const ALL: [Self; 5] =
        [Self::Mysql97, Self::Mysql56, Self::Mariadb118, Self::Mariadb1011, Self::Mariadb114];

    /// The name used for directories and on the command line, like `mysql-9.7`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mysql97 => "mysql-9.7",
            Self::Mysql56 => "mysql-5.6",
            Self::Mariadb118 => "mariadb-11.8",
            Self::Mariadb1011 => "mariadb-10.11",
            Self::Mariadb114 => "mariadb-11.4",
        }
    }

    /// MariaDB, with its own GTIDs and variable names, rather than MySQL.
    pub fn is_mariadb(self) -> bool {
        matches!(self, Self::Mariadb118 | Self::Mariadb1011 | Self::Mariadb114)
    }

    /// Whose client programs talk to this server. MySQL 5.6 comes without any, and MySQL 9's
    /// no longer know its authentication method; MariaDB's do. Of MariaDB 11.4 only the server can be had.
    pub fn client_flavour(self) -> Self {
        match self {
            Self::Mysql56 | Self::Mariadb114 => Self::Mariadb118,
            other => other,
        }
    }
}

impl fmt::Display for Flavour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Flavour {
    type Err = anyhow::Error;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|f| f.name() == name).ok_or_else(|| {
            let known = Self::ALL.map(Self::name).join(", ");
            anyhow::anyhow!("no flavour {name:?}: there are {known}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_parses_back_to_its_flavour() {
        for flavour in Flavour::ALL {
            assert_eq!(flavour.name().parse::<Flavour>().unwrap(), flavour);
        }
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_known_ones() {
        let error = "mysql-4.1".parse::<Flavour>().unwrap_err().to_string();
        assert!(error.contains("mysql-9.7") && error.contains("mariadb-10.11"), "{error}");
    }
}
