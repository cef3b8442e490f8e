//! What stands before a statement so that it gives the same on a replica, and XA's first phase.

use std::fmt;

use crate::EventError;
use crate::fields::Fields;

/// An automatically generated number for the statement that follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Intvar {
    /// What the number is for.
    pub kind: IntvarKind,
    /// The number.
    pub value: u64,
}

/// What an [`Intvar`] sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IntvarKind(pub u8);

impl IntvarKind {
    /// `LAST_INSERT_ID()`.
    pub const LAST_INSERT_ID: Self = Self(1);
    /// The next number of an auto-increment column.
    pub const INSERT_ID: Self = Self(2);
}

/// The seeds of `RAND()` for the statement that follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rand {
    /// `rand_seed1`.
    pub seed1: u64,
    /// `rand_seed2`.
    pub seed2: u64,
}

/// A user variable for the statement that follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserVar<'a> {
    /// Its name, in UTF-8.
    pub name: &'a [u8],
    /// Its value, unless it is NULL.
    pub value: Option<UserVarValue<'a>>,
}

/// The type of a user variable's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserVarType(pub u8);

impl UserVarType {
    /// Text or bytes.
    pub const STRING: Self = Self(0);
    /// A double, eight bytes.
    pub const REAL: Self = Self(1);
    /// A 64-bit integer.
    pub const INTEGER: Self = Self(2);
    /// An exact number: precision, scale, then as in a row.
    pub const DECIMAL: Self = Self(4);
}

/// A user variable's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserVarValue<'a> {
    /// Its type.
    pub kind: UserVarType,
    /// The collation's id.
    pub collation: u32,
    /// Whether an integer is unsigned.
    pub unsigned: bool,
    /// The value's bytes, little-endian for numbers.
    pub bytes: &'a [u8],
}

/// The first phase of a distributed transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct XaPrepare<'a> {
    /// Whether it commits at once (`XA COMMIT … ONE PHASE`).
    pub one_phase: bool,
    /// The transaction's identifier.
    pub xid: XaXid<'a>,
}

/// The identifier that a transaction manager gives to a distributed transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct XaXid<'a> {
    /// The format of the other two.
    pub format_id: u32,
    /// The global transaction identifier.
    pub gtrid: &'a [u8],
    /// The branch qualifier.
    pub bqual: &'a [u8],
}

impl fmt::Display for XaXid<'_> {
    /// As servers write it behind `XA`: `X'…',X'…',1`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in [self.gtrid, self.bqual] {
            f.write_str("X'")?;
            for byte in part {
                write!(f, "{byte:02x}")?;
            }
            f.write_str("',")?;
        }
        write!(f, "{}", self.format_id)
    }
}

impl Intvar {
    pub(super) fn read(mut f: Fields<'_>) -> Result<Self, EventError> {
        Ok(Self { kind: IntvarKind(f.u8("kind of number")?), value: f.u64("number")? })
    }
}

impl Rand {
    pub(super) fn read(mut f: Fields<'_>) -> Result<Self, EventError> {
        Ok(Self { seed1: f.u64("first seed")?, seed2: f.u64("second seed")? })
    }
}

impl<'a> UserVar<'a> {
    pub(super) fn read(mut f: Fields<'a>) -> Result<Self, EventError> {
        let name_len = f.length("variable name length")?;
        let name = f.take("variable name", name_len)?;
        if f.u8("NULL flag")? != 0 {
            return Ok(Self { name, value: None });
        }
        let kind = UserVarType(f.u8("variable type")?);
        let collation = f.u32("variable collation")?;
        let len = f.length("variable length")?;
        let bytes = f.take("variable value", len)?;
        // Servers before 5.6 end here.
        let unsigned = !f.is_empty() && f.u8("variable flags")? & 1 != 0;
        Ok(Self { name, value: Some(UserVarValue { kind, collation, unsigned, bytes }) })
    }
}

impl<'a> XaPrepare<'a> {
    pub(super) fn read(mut f: Fields<'a>) -> Result<Self, EventError> {
        let one_phase = f.u8("one phase")? != 0;
        let format_id = f.u32("XID format")?;
        let gtrid_len = f.length("gtrid length")?;
        let bqual_len = f.length("bqual length")?;
        let gtrid = f.take("gtrid", gtrid_len)?;
        let bqual = f.take("bqual", bqual_len)?;
        Ok(Self { one_phase, xid: XaXid { format_id, gtrid, bqual } })
    }
}
