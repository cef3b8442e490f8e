//! Exact numbers, as servers store them.
//!
//! Nine digits take four bytes, big-endian; what is left of the digits before and behind the point
//! takes as few bytes as it needs. The highest bit of all is inverted, and all bits of negative
//! numbers are. [Decimals](https://dev.mysql.com/doc/refman/9.1/en/precision-math-decimal-characteristics.html)

use crate::cursor::Cursor;
use crate::{ValueError, write};

/// An exact number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decimal<'a> {
    bytes: &'a [u8],
    precision: u8,
    scale: u8,
}

const GROUP: u8 = 9;
/// The bytes of zero to nine digits.
const GROUP_LEN: [u8; 10] = [0, 1, 1, 2, 2, 3, 3, 4, 4, 4];

/// The bytes that a number takes.
pub(crate) fn stored_len(precision: u8, scale: u8) -> u8 {
    let side = |digits: u8| digits / GROUP * 4 + GROUP_LEN[usize::from(digits % GROUP)];
    side(precision - scale) + side(scale)
}

/// A number's digits, and how many of them stand behind the point, in the limits that servers have.
pub(crate) fn precision_and_scale(cursor: &mut Cursor<'_>) -> Result<(u8, u8), ValueError> {
    let [precision, scale] = cursor.array()?;
    if precision == 0 || precision > 65 || scale > 30 || scale > precision {
        return Err(ValueError::bad("decimal precision", precision));
    }
    Ok((precision, scale))
}

impl<'a> Decimal<'a> {
    #[inline]
    pub(crate) fn new(bytes: &'a [u8], precision: u8, scale: u8) -> Self {
        Self { bytes, precision, scale }
    }

    /// A number of which precision and scale stand in front, as in JSON and user variables.
    pub(crate) fn with_head(cursor: &mut Cursor<'a>) -> Result<Self, ValueError> {
        let (precision, scale) = precision_and_scale(cursor)?;
        let bytes = cursor.take(usize::from(stored_len(precision, scale)))?;
        Ok(Self { bytes, precision, scale })
    }

    /// A number as user variables of Query events have it: precision, scale, then the digits.
    ///
    /// # Errors
    /// If the bytes are too few or precision and scale are impossible.
    pub fn from_user_var(bytes: &'a [u8]) -> Result<Self, ValueError> {
        Self::with_head(&mut Cursor::new(bytes))
    }

    /// The number of digits.
    #[must_use]
    pub fn precision(&self) -> u8 {
        self.precision
    }

    /// How many digits stand behind the point.
    #[must_use]
    pub fn scale(&self) -> u8 {
        self.scale
    }

    /// Appends the number as MySQL prints it: all digits behind the point, no zeros in front.
    ///
    /// # Errors
    /// If a group of digits is too large; `out` then ends in the middle.
    pub fn write(&self, out: &mut Vec<u8>) -> Result<(), ValueError> {
        let mut groups = Groups::new(self.bytes)?;
        if groups.negative {
            out.push(b'-');
        }
        let before = self.precision - self.scale;
        let mut blank = true;
        for digits in std::iter::once(before % GROUP).chain(full_groups(before)) {
            if digits == 0 {
                continue;
            }
            let group = groups.take(digits)?;
            if !blank {
                write::padded(group, usize::from(digits), out);
            } else if group != 0 {
                write::unsigned(u64::from(group), out);
                blank = false;
            }
        }
        if blank {
            out.push(b'0');
        }
        if self.scale > 0 {
            out.push(b'.');
        }
        for digits in full_groups(self.scale).chain(std::iter::once(self.scale % GROUP)) {
            if digits > 0 {
                write::padded(groups.take(digits)?, usize::from(digits), out);
            }
        }
        Ok(())
    }
}

fn full_groups(digits: u8) -> impl Iterator<Item = u8> {
    std::iter::repeat_n(GROUP, usize::from(digits / GROUP))
}

/// The groups of digits, with the inversions undone.
struct Groups<'a> {
    cursor: Cursor<'a>,
    negative: bool,
    first: bool,
}

impl<'a> Groups<'a> {
    fn new(bytes: &'a [u8]) -> Result<Self, ValueError> {
        let cursor = Cursor::new(bytes);
        let mut peek = cursor;
        let negative = peek.u8()? & 0x80 == 0;
        Ok(Self { cursor, negative, first: true })
    }

    fn take(&mut self, digits: u8) -> Result<u32, ValueError> {
        let len = usize::from(GROUP_LEN[usize::from(digits)]);
        let mut bytes = [0; 4];
        bytes[4 - len..].copy_from_slice(self.cursor.take(len)?);
        if self.negative {
            bytes[4 - len..].iter_mut().for_each(|byte| *byte = !*byte);
        }
        if self.first {
            bytes[4 - len] ^= 0x80;
            self.first = false;
        }
        let group = u32::from_be_bytes(bytes);
        if group >= 10_u32.pow(u32::from(digits)) {
            return Err(ValueError::bad("group of decimal digits", group));
        }
        Ok(group)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8], precision: u8, scale: u8) -> Result<String, ValueError> {
        assert_eq!(bytes.len(), usize::from(stored_len(precision, scale)));
        let mut out = Vec::new();
        Decimal::new(bytes, precision, scale).write(&mut out)?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn signs_groups_and_rests_are_put_together() {
        // 1234567890.1234 in decimal(14,4): 1 | 234567890 | 1234, the manual's example.
        let positive = [0x81, 0x0d, 0xfb, 0x38, 0xd2, 0x04, 0xd2];
        assert_eq!(text(&positive, 14, 4).unwrap(), "1234567890.1234");
        let negative = positive.map(|byte| !byte);
        assert_eq!(text(&negative, 14, 4).unwrap(), "-1234567890.1234");
        assert_eq!(text(&[0x80, 0, 0, 0], 9, 9).unwrap(), "0.000000000");
        assert_eq!(text(&[0x80], 1, 0).unwrap(), "0");
    }

    #[test]
    fn a_group_that_is_too_large_is_an_error() {
        assert!(text(&[0xff], 1, 0).is_err());
        assert!(text(&[0xff, 0xff, 0xff, 0xff], 9, 0).is_err());
    }
}
