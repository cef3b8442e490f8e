//! Capability flags of the handshake.

use std::fmt;
use std::ops::{BitAnd, BitOr, BitOrAssign, Not};

/// What one side of a connection can do. The low 32 bits are MySQL's, the high 32 bits MariaDB's
/// extension. Unknown bits survive. Manual: "Capabilities Flags".
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Capabilities(pub u64);

macro_rules! capabilities {
    ($($(#[$doc:meta])* $name:ident = $bit:expr;)*) => {
        impl Capabilities {
            $($(#[$doc])* pub const $name: Self = Self(1 << $bit);)*
            const NAMES: &'static [(Self, &'static str)] = &[$((Self::$name, stringify!($name))),*];
        }
    };
}

capabilities! {
    /// MySQL's own; MariaDB leaves it out of its greeting to announce its extension.
    LONG_PASSWORD = 0;
    /// Affected rows counts the rows found, not those changed.
    FOUND_ROWS = 1;
    /// Column flags have two bytes.
    LONG_FLAG = 2;
    /// The handshake response names a database.
    CONNECT_WITH_DB = 3;
    /// zlib compression.
    COMPRESS = 5;
    /// LOAD DATA LOCAL.
    LOCAL_FILES = 7;
    /// The 4.1 protocol.
    PROTOCOL_41 = 9;
    /// The client is a person at a terminal.
    INTERACTIVE = 10;
    /// TLS: as a request it is sent before the handshake response.
    SSL = 11;
    /// OK and EOF packets carry the status.
    TRANSACTIONS = 13;
    /// The 4.1 authentication; always set.
    SECURE_CONNECTION = 15;
    /// Several statements in one COM_QUERY.
    MULTI_STATEMENTS = 16;
    /// Several result sets for one COM_QUERY.
    MULTI_RESULTS = 17;
    /// Several result sets for a prepared statement.
    PS_MULTI_RESULTS = 18;
    /// Authentication plugins have names.
    PLUGIN_AUTH = 19;
    /// Connection attributes follow in the handshake response.
    CONNECT_ATTRS = 20;
    /// The authentication data has a length-encoded length.
    PLUGIN_AUTH_LENENC_DATA = 21;
    /// The client can handle an expired password.
    CAN_HANDLE_EXPIRED_PASSWORDS = 22;
    /// OK packets carry session state changes.
    SESSION_TRACK = 23;
    /// A result set ends with an OK packet, and no EOF follows its columns.
    DEPRECATE_EOF = 24;
    /// Result sets may come without metadata.
    OPTIONAL_RESULTSET_METADATA = 25;
    /// zstd compression.
    ZSTD_COMPRESSION = 26;
    /// COM_QUERY carries attributes before its text.
    QUERY_ATTRIBUTES = 27;
    /// Several authentication factors.
    MULTI_FACTOR_AUTHENTICATION = 28;
}

impl Capabilities {
    /// No capability.
    pub const NONE: Self = Self(0);

    /// Whether all bits of `other` are set.
    #[inline]
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The bits of `self` without those of `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The bits of both, usable in constants.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// MySQL's 32 bits.
    #[must_use]
    pub fn low(self) -> u32 {
        let [a, b, c, d, ..] = self.0.to_le_bytes();
        u32::from_le_bytes([a, b, c, d])
    }

    /// MariaDB's 32 bits.
    #[must_use]
    pub fn high(self) -> u32 {
        let [.., a, b, c, d] = self.0.to_le_bytes();
        u32::from_le_bytes([a, b, c, d])
    }

    /// Both halves joined.
    #[must_use]
    pub fn from_halves(low: u32, high: u32) -> Self {
        Self(u64::from(low) | u64::from(high) << 32)
    }
}

impl BitOr for Capabilities {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        self.with(other)
    }
}

impl BitOrAssign for Capabilities {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

impl BitAnd for Capabilities {
    type Output = Self;
    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl Not for Capabilities {
    type Output = Self;
    fn not(self) -> Self {
        Self(!self.0)
    }
}

impl fmt::Debug for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = *self;
        let mut separator = "";
        for &(flag, name) in Self::NAMES {
            if rest.contains(flag) {
                write!(f, "{separator}{name}")?;
                rest = rest.without(flag);
                separator = " | ";
            }
        }
        match rest.0 {
            0 if separator.is_empty() => f.write_str("NONE"),
            0 => Ok(()),
            bits => write!(f, "{separator}{bits:#x}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_names_what_is_known_and_keeps_the_rest() {
        let caps = Capabilities::SSL | Capabilities::DEPRECATE_EOF | Capabilities(1 << 40);
        assert_eq!(format!("{caps:?}"), "SSL | DEPRECATE_EOF | 0x10000000000");
        assert_eq!(format!("{:?}", Capabilities::NONE), "NONE");
    }

    #[test]
    fn halves_join() {
        let caps = Capabilities::from_halves(0x0102_0304, 0x0506_0708);
        assert_eq!((caps.low(), caps.high()), (0x0102_0304, 0x0506_0708));
    }
}
