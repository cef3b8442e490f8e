//! The server status that OK and EOF packets carry.

use std::ops::{BitOr, BitOrAssign};

/// Status bits of a session. Unknown bits survive.
/// Manual: "Status Flags" (`SERVER_STATUS_flags_enum`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct StatusFlags(pub u16);

impl StatusFlags {
    /// A transaction is open.
    pub const IN_TRANSACTION: Self = Self(0x0001);
    /// Autocommit is on.
    pub const AUTOCOMMIT: Self = Self(0x0002);
    /// Another result set follows.
    pub const MORE_RESULTS: Self = Self(0x0008);
    /// A cursor is open: rows come when they are fetched.
    pub const CURSOR_EXISTS: Self = Self(0x0040);
    /// The session tracks state; an OK packet carries it.
    pub const SESSION_STATE_CHANGED: Self = Self(0x4000);

    /// Whether all bits of `other` are set.
    #[must_use]
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl BitOr for StatusFlags {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for StatusFlags {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}
