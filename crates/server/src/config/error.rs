//! What can be wrong with a configuration.

use std::fmt;
use std::path::PathBuf;

/// Why a configuration is not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The configuration file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not TOML, lacks a key or has one that does not exist.
    #[error("{place}: {message}")]
    Parse {
        /// Where.
        place: Place,
        /// What the parser says.
        message: String,
    },
    /// A key's value cannot be.
    #[error("{place}: {key}: {message}")]
    Invalid {
        /// Where.
        place: Place,
        /// The key, with its section: `stream.listen`.
        key: &'static str,
        /// What is wrong, and what to do.
        message: String,
    },
}

/// A line of a file, or the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file; `None` is the command line.
    pub file: Option<PathBuf>,
    /// Counted from 1; 0 if no line can be named.
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.file, self.line) {
            (None, _) => f.write_str("command line"),
            (Some(file), 0) => write!(f, "{}", file.display()),
            (Some(file), line) => write!(f, "{}:{line}", file.display()),
        }
    }
}
