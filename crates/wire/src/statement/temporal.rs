//! Dates and times: their binary form, and the text that stands for the same.
//! Manual: "Binary Protocol Value".

use std::fmt;

use crate::error::WireError;
use crate::reader::Reader;
use crate::writer::Put;

/// A date with a time of day. Any field may be 0, and a month can have 31 days: MySQL has such dates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DateTime {
    /// The year, at most 9999 in a text.
    pub year: u16,
    /// The month, from 1.
    pub month: u8,
    /// The day, from 1.
    pub day: u8,
    /// The hour.
    pub hour: u8,
    /// The minute.
    pub minute: u8,
    /// The second.
    pub second: u8,
    /// Millionths of a second.
    pub micros: u32,
}

impl DateTime {
    /// Parses a value: one byte of length, then 0, 4, 7 or 11 bytes.
    ///
    /// # Errors
    /// Truncated, or of another length.
    pub fn parse(r: &mut Reader<'_>) -> Result<Self, WireError> {
        const FIELD: &str = "date";
        let value = r.short_bytes(FIELD)?;
        let mut v = Reader::new(value, FIELD);
        let mut date = Self::default();
        match value.len() {
            0 => return Ok(date),
            4 | 7 | 11 => {}
            other => return Err(r.bad_value(FIELD, other as u64)),
        }
        date.year = v.u16(FIELD)?;
        [date.month, date.day] = v.array(FIELD)?;
        if value.len() > 4 {
            [date.hour, date.minute, date.second] = v.array(FIELD)?;
        }
        if value.len() > 7 {
            date.micros = v.u32(FIELD)?;
        }
        Ok(date)
    }

    /// Appends the value, as short as it can be.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let Self { year, month, day, hour, minute, second, micros } = *self;
        let len = match self {
            _ if micros != 0 => 11,
            _ if (hour, minute, second) != (0, 0, 0) => 7,
            _ if (year, month, day) != (0, 0, 0) => 4,
            _ => 0,
        };
        out.put_u8(len);
        if len >= 4 {
            out.put_u16(year);
            out.put_bytes(&[month, day]);
        }
        if len >= 7 {
            out.put_bytes(&[hour, minute, second]);
        }
        if len == 11 {
            out.put_u32(micros);
        }
    }

    /// Reads `YYYY-MM-DD`, or `YYYY-MM-DD hh:mm:ss` with up to six digits of a fraction.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        let (date, time) = text.split_once(' ').unwrap_or((text, "00:00:00"));
        let mut parts = date.split('-');
        let (year, month) = (digits(parts.next()?)?, digits(parts.next()?)?);
        let day = digits(parts.next()?)?;
        let Time { negative: false, days: 0, hour, minute, second, micros } =
            Time::from_text(time)?
        else {
            return None;
        };
        let whole = parts.next().is_none();
        whole.then_some(Self { year, month, day, hour, minute, second, micros })
    }

    /// The date alone, as a DATE is shown.
    #[must_use]
    pub fn date(&self) -> String {
        format!("{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl fmt::Display for DateTime {
    /// `YYYY-MM-DD hh:mm:ss`, and six digits of a fraction that is not 0.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { hour, minute, second, micros, .. } = self;
        write!(f, "{} {hour:02}:{minute:02}:{second:02}", self.date())?;
        fraction(f, *micros)
    }
}

/// A length of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Time {
    /// Whether it is less than 0.
    pub negative: bool,
    /// Days of 24 hours.
    pub days: u32,
    /// Hours.
    pub hour: u8,
    /// Minutes.
    pub minute: u8,
    /// Seconds.
    pub second: u8,
    /// Millionths of a second.
    pub micros: u32,
}

impl Time {
    /// Parses a value: one byte of length, then 0, 8 or 12 bytes.
    ///
    /// # Errors
    /// Truncated, or of another length.
    pub fn parse(r: &mut Reader<'_>) -> Result<Self, WireError> {
        const FIELD: &str = "time";
        let value = r.short_bytes(FIELD)?;
        let mut v = Reader::new(value, FIELD);
        let mut time = Self::default();
        match value.len() {
            0 => return Ok(time),
            8 | 12 => {}
            other => return Err(r.bad_value(FIELD, other as u64)),
        }
        time.negative = v.u8(FIELD)? != 0;
        time.days = v.u32(FIELD)?;
        [time.hour, time.minute, time.second] = v.array(FIELD)?;
        if value.len() > 8 {
            time.micros = v.u32(FIELD)?;
        }
        Ok(time)
    }

    /// Appends the value, as short as it can be.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let Self { negative, days, hour, minute, second, micros } = *self;
        let len = match self {
            _ if micros != 0 => 12,
            _ if (days, hour, minute, second) != (0, 0, 0, 0) => 8,
            _ => 0,
        };
        out.put_u8(len);
        if len >= 8 {
            out.put_u8(u8::from(negative));
            out.put_u32(days);
            out.put_bytes(&[hour, minute, second]);
        }
        if len == 12 {
            out.put_u32(micros);
        }
    }

    /// Reads `[-]hh:mm:ss`, of any number of hours, with up to six digits of a fraction.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        let (negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (text, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let mut parts = text.split(':');
        let hours: u32 = digits(parts.next()?)?;
        let (minute, second) = (digits(parts.next()?)?, digits(parts.next()?)?);
        if parts.next().is_some() || fraction.len() > 6 {
            return None;
        }
        let micros = digits::<u32>(&format!("{fraction:0<6}"))?;
        let hour = u8::try_from(hours % 24).ok()?;
        Some(Self { negative, days: hours / 24, hour, minute, second, micros })
    }
}

impl fmt::Display for Time {
    /// `[-]hh:mm:ss`, and six digits of a fraction that is not 0.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hours = u64::from(self.days) * 24 + u64::from(self.hour);
        let sign = if self.negative { "-" } else { "" };
        write!(f, "{sign}{hours:02}:{:02}:{:02}", self.minute, self.second)?;
        fraction(f, self.micros)
    }
}

fn fraction(f: &mut fmt::Formatter<'_>, micros: u32) -> fmt::Result {
    if micros == 0 { Ok(()) } else { write!(f, ".{micros:06}") }
}

/// A number of nothing but digits.
fn digits<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}
