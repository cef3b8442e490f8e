//! Numbers that stand for bits or strings.

use crate::table::Members;

/// The value of a `BIT` column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bits {
    /// The bits as a number.
    pub value: u64,
    /// How many bits the column has.
    pub len: u8,
}

/// The value of an `ENUM` column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EnumValue<'a> {
    /// The string's number, from 1; 0 stands for a value that the column did not allow.
    pub number: u64,
    /// The column's strings, if they are known.
    pub members: Option<&'a Members>,
}

/// The value of a `SET` column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetValue<'a> {
    /// A bit for each string, the first one's lowest.
    pub bits: u64,
    /// The column's strings, if they are known.
    pub members: Option<&'a Members>,
}

impl<'a> EnumValue<'a> {
    /// The string's bytes, if it is known; those of number 0 are empty.
    #[must_use]
    pub fn name(&self) -> Option<&'a [u8]> {
        let members = self.members?;
        match usize::try_from(self.number).ok()?.checked_sub(1) {
            None => Some(&[]),
            Some(index) => members.name(index),
        }
    }
}

impl<'a> SetValue<'a> {
    /// The strings' bytes in their order, if all are known.
    #[must_use]
    pub fn names(&self) -> Option<impl Iterator<Item = &'a [u8]> + use<'a>> {
        let members = self.members?;
        let bits = self.bits;
        let known = members.names().len().min(64);
        if known < 64 && bits >> known != 0 {
            return None;
        }
        Some(
            members
                .names()
                .take(64)
                .enumerate()
                .filter_map(move |(i, name)| (bits >> i & 1 != 0).then_some(name)),
        )
    }
}
