//! Where to listen.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// An address that readers connect to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ListenAddr {
    /// TCP. The host may be a name, which is resolved when listening begins; port 0 takes any.
    Tcp {
        /// Name or address, IPv6 without brackets.
        host: String,
        /// The port.
        port: u16,
    },
    /// A unix socket.
    Unix(PathBuf),
}

impl FromStr for ListenAddr {
    type Err = String;

    /// Reads `host:port`, `[::1]:port` or `unix:/path`.
    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            if path.is_empty() {
                return Err("unix: wants a path behind it".into());
            }
            return Ok(Self::Unix(path.into()));
        }
        let example = "write host:port, [ipv6]:port or unix:/path";
        let Some((host, port)) = text.rsplit_once(':') else {
            return Err(format!("{text:?} has no port: {example}"));
        };
        let Ok(port) = port.parse() else {
            return Err(format!("{port:?} is no port: {example}"));
        };
        let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            Some(ipv6) => ipv6,
            None if host.contains(':') => {
                return Err(format!("IPv6 addresses want brackets: [{host}]:{port}"));
            }
            None => host,
        };
        if host.is_empty() {
            return Err(format!("{text:?} has no host: {example}"));
        }
        Ok(Self::Tcp { host: host.to_owned(), port })
    }
}

impl fmt::Display for ListenAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_written_back() {
        for text in ["127.0.0.1:3307", "localhost:0", "[::1]:3307", "unix:/run/binlogd.sock"] {
            assert_eq!(text.parse::<ListenAddr>().unwrap().to_string(), text);
        }
        for text in ["", "3307", "127.0.0.1", ":3307", "a:b", "::1:3307", "a:99999", "unix:"] {
            assert!(text.parse::<ListenAddr>().is_err(), "{text}");
        }
    }
}
