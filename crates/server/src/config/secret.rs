//! Values that must not show up in logs.

use std::fmt;

/// A password or a hash. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides `secret`.
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    /// The secret itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// A server's URL, which may hold a password. `Debug` and `Display` do not show that.
#[derive(Clone, PartialEq, Eq)]
pub struct UpstreamUrl(String);

impl UpstreamUrl {
    /// Takes a URL as it is.
    pub(super) fn new(url: impl Into<String>) -> Self {
        Self(url.into())
    }

    /// The whole URL.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether there is a password in it.
    pub(super) fn has_password(&self) -> bool {
        self.password_range().is_some()
    }

    fn password_range(&self) -> Option<std::ops::Range<usize>> {
        let start = self.0.find("://")? + 3;
        let authority = &self.0[start..];
        let authority = &authority[..authority.find(['/', '?', '#']).unwrap_or(authority.len())];
        let at = authority.rfind('@')?;
        let colon = authority[..at].find(':')?;
        Some(start + colon + 1..start + at)
    }
}

impl fmt::Display for UpstreamUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.password_range() {
            None => f.write_str(&self.0),
            Some(range) => write!(f, "{}…{}", &self.0[..range.start], &self.0[range.end..]),
        }
    }
}

impl fmt::Debug for UpstreamUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UpstreamUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_shown() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "Secret(…)");
        let cases = [
            ("mysql://repl:hunter2@db:3306/?x=1", "mysql://repl:…@db:3306/?x=1"),
            ("mysql://repl:p@ss:w@db", "mysql://repl:…@db"),
            ("mysql://repl@db:3306", "mysql://repl@db:3306"),
            ("mysql://db:3306/@x", "mysql://db:3306/@x"),
            ("mysql://repl:@db", "mysql://repl:…@db"),
        ];
        for (url, shown) in cases {
            assert_eq!(UpstreamUrl::new(url).to_string(), shown);
        }
    }
}
