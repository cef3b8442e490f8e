//! Dates and times, in the formats since MySQL 5.6 and before.
//!
//! [Formats](https://dev.mysql.com/doc/dev/mysql-server/latest/field__types_8h.html). Since 5.6 the
//! parts are bit fields, big-endian so that they sort, with the fraction behind in one byte for
//! every two digits; before, they were the digits of a decimal number.

use crate::ValueError;
use crate::cursor::Cursor;

/// A date. Year, month and day may be 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Date {
    /// 0 to 9999.
    pub year: u16,
    /// 0 to 12.
    pub month: u8,
    /// 0 to 31.
    pub day: u8,
}

/// A time of day, or a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Time {
    /// Whether it is negative.
    pub negative: bool,
    /// 0 to 838.
    pub hours: u16,
    /// 0 to 59.
    pub minutes: u8,
    /// 0 to 59.
    pub seconds: u8,
    /// 0 to 999999.
    pub microseconds: u32,
    /// How many digits of the fraction the column has, 0 to 6.
    pub decimals: u8,
}

/// A date and a time of day, of no particular time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct DateTime {
    /// The date.
    pub date: Date,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 59.
    pub second: u8,
    /// 0 to 999999.
    pub microseconds: u32,
    /// How many digits of the fraction the column has, 0 to 6.
    pub decimals: u8,
}

/// A moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp {
    /// Seconds since 1970 in UTC; 0 stands for the date of zeros.
    pub seconds: u32,
    /// 0 to 999999.
    pub microseconds: u32,
    /// How many digits of the fraction the column has, 0 to 6.
    pub decimals: u8,
}

impl Date {
    /// Five bits of day, four of month, the rest is the year.
    #[inline]
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<Self, ValueError> {
        let bits = cursor.u24()?;
        Self::new(bits >> 9, bits >> 5 & 15, bits & 31)
    }

    #[inline]
    fn new(year: u32, month: u32, day: u32) -> Result<Self, ValueError> {
        if year > 9999 || month > 12 || day > 31 {
            return Err(ValueError::bad("date", year * 10000 + month * 100 + day));
        }
        Ok(Self { year: low16(year), month: low8(month), day: low8(day) })
    }
}

impl Time {
    /// 1 bit of sign, 1 unused, 10 of hours, 6 of minutes, 6 of seconds, then the fraction: as one
    /// number, from which 2 to the power of its highest bit was taken.
    #[inline]
    pub(super) fn read(cursor: &mut Cursor<'_>, decimals: u8) -> Result<Self, ValueError> {
        let fraction_len = usize::from(decimals.div_ceil(2));
        let shift = 8 * fraction_len;
        let stored = cursor.big_endian(3 + fraction_len)?;
        let zero = 0x80_0000_u64 << shift;
        let size = stored.abs_diff(zero);
        let whole = low32(size >> shift);
        let fraction = low32(size & ((1 << shift) - 1));
        Self::new(
            stored < zero,
            whole >> 12,
            whole >> 6 & 63,
            whole & 63,
            microseconds(fraction, fraction_len)?,
            decimals,
        )
    }

    pub(super) fn read_old(cursor: &mut Cursor<'_>) -> Result<Self, ValueError> {
        let bits = cursor.u24()?;
        let negative = bits & 0x80_0000 != 0;
        let digits = if negative { 0x100_0000 - bits } else { bits };
        Self::new(negative, digits / 10000, digits / 100 % 100, digits % 100, 0, 0)
    }

    /// In JSON: as in a column of six decimals, but eight bytes, little-endian and signed.
    pub(crate) fn from_packed(packed: i64) -> Result<Self, ValueError> {
        let size = packed.unsigned_abs();
        let whole = low32(size >> 24 & 0xffff_ffff);
        let micros = microseconds(low32(size & 0xff_ffff), 3)?;
        Self::new(packed < 0, whole >> 12, whole >> 6 & 63, whole & 63, micros, 6)
    }

    #[inline]
    fn new(
        negative: bool,
        hours: u32,
        minutes: u32,
        seconds: u32,
        microseconds: u32,
        decimals: u8,
    ) -> Result<Self, ValueError> {
        if hours > 838 || minutes > 59 || seconds > 59 {
            return Err(ValueError::bad(
                "time",
                u64::from(hours) * 10000 + u64::from(minutes) * 100 + u64::from(seconds),
            ));
        }
        Ok(Self {
            negative,
            hours: low16(hours),
            minutes: low8(minutes),
            seconds: low8(seconds),
            microseconds,
            decimals,
        })
    }
}

impl DateTime {
    /// 1 bit of sign, 17 of year × 13 + month, 5 of day, 5 of hour, 6 of minute, 6 of second, then
    /// the fraction.
    #[inline]
    pub(super) fn read(cursor: &mut Cursor<'_>, decimals: u8) -> Result<Self, ValueError> {
        let stored = cursor.big_endian(5)?;
        let Some(bits) = stored.checked_sub(0x80_0000_0000) else {
            return Err(ValueError::bad("date and time", stored));
        };
        let fraction_len = usize::from(decimals.div_ceil(2));
        let fraction = low32(cursor.big_endian(fraction_len)?);
        Self::from_bits(bits, microseconds(fraction, fraction_len)?, decimals)
    }

    pub(super) fn read_old(cursor: &mut Cursor<'_>) -> Result<Self, ValueError> {
        let digits = cursor.u64()?;
        let (date, time) = (digits / 1_000_000, digits % 1_000_000);
        let date = u32::try_from(date).map_err(|_| ValueError::bad("date and time", digits))?;
        let time = low32(time);
        Self::new(
            Date::new(date / 10000, date / 100 % 100, date % 100)?,
            [time / 10000, time / 100 % 100, time % 100],
            0,
            0,
        )
    }

    /// In JSON: eight bytes, little-endian.
    pub(crate) fn from_packed(packed: i64) -> Result<Self, ValueError> {
        let size = packed.unsigned_abs();
        Self::from_bits(size >> 24, microseconds(low32(size & 0xff_ffff), 3)?, 6)
    }

    #[inline]
    fn from_bits(bits: u64, microseconds: u32, decimals: u8) -> Result<Self, ValueError> {
        let months = low32(bits >> 22 & 0xffff_ffff);
        let rest = low32(bits & 0x3f_ffff);
        let date = Date::new(months / 13, months % 13, rest >> 17)?;
        Self::new(date, [rest >> 12 & 31, rest >> 6 & 63, rest & 63], microseconds, decimals)
    }

    #[inline]
    fn new(
        date: Date,
        [hour, minute, second]: [u32; 3],
        microseconds: u32,
        decimals: u8,
    ) -> Result<Self, ValueError> {
        if hour > 23 || minute > 59 || second > 59 {
            return Err(ValueError::bad("time", hour * 10000 + minute * 100 + second));
        }
        Ok(Self {
            date,
            hour: low8(hour),
            minute: low8(minute),
            second: low8(second),
            microseconds,
            decimals,
        })
    }
}

impl Timestamp {
    #[inline]
    pub(super) fn read(cursor: &mut Cursor<'_>, decimals: u8) -> Result<Self, ValueError> {
        let seconds = u32::from_be_bytes(cursor.array()?);
        let fraction_len = usize::from(decimals.div_ceil(2));
        let fraction = low32(cursor.big_endian(fraction_len)?);
        Ok(Self { seconds, microseconds: microseconds(fraction, fraction_len)?, decimals })
    }

    pub(super) fn read_old(cursor: &mut Cursor<'_>) -> Result<Self, ValueError> {
        Ok(Self { seconds: cursor.u32()?, microseconds: 0, decimals: 0 })
    }

    /// The date and time in UTC. The date of zeros stays that.
    #[must_use]
    pub fn to_utc(&self) -> DateTime {
        let Self { seconds, microseconds, decimals } = *self;
        if seconds == 0 && microseconds == 0 {
            return DateTime { decimals, ..DateTime::default() };
        }
        let time = seconds % 86400;
        DateTime {
            date: date_of_day(seconds / 86400),
            hour: low8(time / 3600),
            minute: low8(time / 60 % 60),
            second: low8(time % 60),
            microseconds,
            decimals,
        }
    }
}

/// The date of a day since 1970, by counting years from March on, at whose end leap days stand.
fn date_of_day(day: u32) -> Date {
    let day = day + 719_468; // from 0000-03-01
    let era = day / 146_097; // 400 years
    let of_era = day % 146_097;
    let year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u32::from(month <= 2);
    Date { year: low16(year), month: low8(month), day: low8(day) }
}

/// A fraction of `len` bytes has two digits in each.
#[inline]
fn microseconds(fraction: u32, len: usize) -> Result<u32, ValueError> {
    let scale = [0, 10_000, 100, 1][len];
    let microseconds = fraction.saturating_mul(scale);
    if microseconds > 999_999 {
        return Err(ValueError::bad("fraction of a second", fraction));
    }
    Ok(microseconds)
}

// Parts are checked or masked before they get here.
fn low8(n: u32) -> u8 {
    n.to_le_bytes()[0]
}

fn low16(n: u32) -> u16 {
    let [a, b, ..] = n.to_le_bytes();
    u16::from_le_bytes([a, b])
}

fn low32(n: u64) -> u32 {
    let [a, b, c, d, ..] = n.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_become_dates_over_leap_years() {
        let date = |year, month, day| Date { year, month, day };
        assert_eq!(date_of_day(0), date(1970, 1, 1));
        assert_eq!(date_of_day(11_016), date(2000, 2, 29));
        assert_eq!(date_of_day(11_017), date(2000, 3, 1));
        assert_eq!(date_of_day(19_782), date(2024, 2, 29));
        assert_eq!(date_of_day(u32::MAX / 86400), date(2106, 2, 7));
    }

    #[test]
    fn negative_times_count_down_with_their_fraction() {
        // -00:00:00.1 in time(1): one hundredth short of ten below zero.
        let mut cursor = Cursor::new(&[0x7f, 0xff, 0xff, 0xf6]);
        let time = Time::read(&mut cursor, 1).unwrap();
        assert_eq!((time.negative, time.seconds, time.microseconds), (true, 0, 100_000));
    }

    #[test]
    fn impossible_parts_are_errors() {
        assert!(Date::read(&mut Cursor::new(&[0xff, 0xff, 0xff])).is_err());
        assert!(DateTime::read(&mut Cursor::new(&[0; 5]), 0).is_err());
        assert!(DateTime::read(&mut Cursor::new(&[0x99, 0, 0, 0x0f, 0xff]), 0).is_err());
        assert!(Time::read(&mut Cursor::new(&[0, 0, 0]), 0).is_err());
        assert!(Timestamp::read(&mut Cursor::new(&[0, 0, 0, 0, 0xff]), 2).is_err());
    }
}
