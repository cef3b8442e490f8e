//! Dates and times, as SQL writes and reads them.

use std::fmt;

use jiff::civil::{Date, DateTime};

/// A date, a time or both, with so many digits after the second's point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Temporal {
    /// `2026-01-02`
    Date(Date),
    /// `2026-01-02 03:04:05.678`
    DateTime(DateTime, u8),
    /// `-12:34:56.789`, in microseconds
    Time(i64, u8),
}

/// Microseconds of a second, and of the longest time, `838:59:59`.
pub(crate) const MICROS: i64 = 1_000_000;
pub(crate) const TIME_MAX: i64 = (838 * 3600 + 59 * 60 + 59) * MICROS;

impl Temporal {
    /// Reads `YYYY-MM-DD`, with a time or without; other delimiters and no delimiters are read as well.
    pub fn datetime_of_text(text: &str) -> Option<Self> {
        let (datetime, decimals, _) = datetime(text)?;
        Some(Self::DateTime(datetime, decimals))
    }

    /// Reads a date; a time after it is left out.
    pub fn date_of_text(text: &str) -> Option<Self> {
        datetime(text).map(|(datetime, ..)| Self::Date(datetime.date()))
    }

    /// Reads `[-][days ][h]hh:mm[:ss[.fraction]]`, `hhmmss`; of a date with a time the time.
    pub fn time_of_text(text: &str) -> Option<Self> {
        if let Some((datetime, decimals, true)) = datetime(text).filter(|_| text.contains('-')) {
            return Some(Self::Time(micros_of_day(datetime), decimals));
        }
        time(text)
    }

    /// The fractional digits.
    pub fn decimals(&self) -> u8 {
        match self {
            Self::Date(_) => 0,
            Self::DateTime(_, decimals) | Self::Time(_, decimals) => *decimals,
        }
    }

    /// The date and the time; a time is one of `today`.
    pub(crate) fn datetime(&self, today: Date) -> DateTime {
        match self {
            Self::Date(date) => date.to_datetime(jiff::civil::Time::midnight()),
            Self::DateTime(datetime, _) => *datetime,
            Self::Time(micros, _) => {
                let midnight = today.to_datetime(jiff::civil::Time::midnight());
                midnight.saturating_add(jiff::Span::new().microseconds(*micros))
            }
        }
    }

    /// The time of day in microseconds; of a date midnight.
    pub(crate) fn time_micros(&self) -> i64 {
        match self {
            Self::Date(_) => 0,
            Self::DateTime(datetime, _) => micros_of_day(*datetime),
            Self::Time(micros, _) => *micros,
        }
    }

    /// As the number whose digits it is written with.
    pub fn to_number(&self) -> String {
        let text = self.to_string();
        text.chars()
            .filter(|c| !matches!(c, ':' | ' ') && (*c != '-' || text.starts_with('-')))
            .collect()
    }

    /// With this many digits, rounded or cut off.
    pub(crate) fn with_decimals(self, decimals: u8, rounds: bool) -> Self {
        let round_to = |micros: i64, unit: i64| {
            if rounds { round_to(micros, unit) } else { micros / unit * unit }
        };
        let unit = 10i64.pow(6 - u32::from(decimals.min(6)));
        match self {
            Self::Date(_) => self,
            Self::DateTime(datetime, _) => {
                let micros = micros_of_day(datetime);
                let shift = round_to(micros, unit) - micros;
                let rounded = datetime.saturating_add(jiff::Span::new().microseconds(shift));
                Self::DateTime(rounded, decimals)
            }
            Self::Time(micros, _) => Self::Time(round_to(micros, unit), decimals),
        }
    }
}

impl fmt::Display for Temporal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let date = |f: &mut fmt::Formatter<'_>, date: Date| {
            write!(f, "{:04}-{:02}-{:02}", date.year(), date.month(), date.day())
        };
        let (micros, decimals) = match self {
            Self::Date(of) => return date(f, *of),
            Self::DateTime(datetime, decimals) => {
                date(f, datetime.date())?;
                f.write_str(" ")?;
                (micros_of_day(*datetime), *decimals)
            }
            Self::Time(micros, decimals) => (*micros, *decimals),
        };
        if micros < 0 {
            f.write_str("-")?;
        }
        let micros = micros.unsigned_abs();
        let seconds = micros / 1_000_000;
        write!(f, "{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)?;
        if decimals > 0 {
            let fraction = format!("{:06}", micros % 1_000_000);
            write!(f, ".{}", &fraction[..usize::from(decimals.min(6))])?;
        }
        Ok(())
    }
}

fn round_to(micros: i64, unit: i64) -> i64 {
    let half = if micros < 0 { -unit / 2 } else { unit / 2 };
    (micros + half) / unit * unit
}

fn micros_of_day(datetime: DateTime) -> i64 {
    let seconds = (i64::from(datetime.hour()) * 60 + i64::from(datetime.minute())) * 60
        + i64::from(datetime.second());
    seconds * MICROS + i64::from(datetime.subsec_nanosecond()) / 1000
}

/// A date and time, its fractional digits, and whether there is a time.
fn datetime(text: &str) -> Option<(DateTime, u8, bool)> {
    const TEXT_LEN_MAX: usize = 64;
    let text = text.trim();
    if text.len() > TEXT_LEN_MAX || !text.is_ascii() {
        return None;
    }
    let digits = text.split('.').next().unwrap_or_default();
    let is_compact = digits.bytes().all(|byte| byte.is_ascii_digit());
    let (fields, fraction): (Vec<u32>, &str) = if is_compact && matches!(digits.len(), 8 | 14) {
        let field = |at: usize, len: usize| digits.get(at..at + len)?.parse().ok();
        let mut fields = vec![field(0, 4)?];
        fields.extend((4..digits.len()).step_by(2).filter_map(|at| field(at, 2)));
        (fields, text.get(digits.len() + 1..).unwrap_or_default())
    } else {
        let (whole, fraction) = match text.rsplit_once('.') {
            Some((whole, fraction)) if whole.contains(':') => (whole, fraction),
            _ => (text, ""),
        };
        let parts = whole.split(|c: char| !c.is_ascii_digit()).filter(|part| !part.is_empty());
        let fields: Option<Vec<u32>> = parts.map(|part| part.parse().ok()).collect();
        if !whole.starts_with(|c: char| c.is_ascii_digit())
            || whole.contains(char::is_alphabetic) && !whole.contains('T')
        {
            return None;
        }
        (fields?, fraction)
    };
    if !(3..=6).contains(&fields.len()) || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let field = |index: usize| fields.get(index).copied().unwrap_or(0);
    let small = |index: usize| i8::try_from(field(index)).ok();
    let year = match field(0) {
        year @ 0..70
            if fields.len() >= 3 && text.find(|c: char| !c.is_ascii_digit()) == Some(2) =>
        {
            2000 + year
        }
        year @ 70..100 => 1900 + year,
        year => year,
    };
    let (nanos, decimals) = fraction_of(fraction)?;
    let datetime = DateTime::new(
        i16::try_from(year).ok()?,
        small(1)?,
        small(2)?,
        small(3)?,
        small(4)?,
        small(5)?,
        nanos,
    );
    Some((datetime.ok()?, decimals, fields.len() > 3))
}

/// Nanoseconds (whole microseconds) of the digits after a point, and how many of these count.
fn fraction_of(digits: &str) -> Option<(i32, u8)> {
    let used = digits.get(..digits.len().min(6))?;
    let micros = format!("{used:0<6}").parse::<i32>().ok()?;
    Some((micros * 1000, u8::try_from(used.len()).ok()?))
}

fn time(text: &str) -> Option<Temporal> {
    let text = text.trim();
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    let (days, rest) = match rest.split_once(' ') {
        Some((days, rest)) => {
            (days.parse::<i64>().ok().filter(|days| (0..=34).contains(days))?, rest)
        }
        None => (0, rest),
    };
    let (whole, fraction) = rest.split_once('.').unwrap_or((rest, ""));
    let number = |text: &str| {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<i64>().ok().filter(|_| is_number)
    };
    let parts: Vec<&str> = whole.split(':').collect();
    let (hours, minutes, seconds) = match parts.as_slice() {
        [digits] if days > 0 => (number(digits)?, 0, 0),
        [digits] => {
            let number = number(digits).filter(|number| *number <= 8_385_959)?;
            (number / 10_000, number / 100 % 100, number % 100)
        }
        [hours, minutes] => (number(hours)?, number(minutes)?, 0),
        [hours, minutes, seconds] => (number(hours)?, number(minutes)?, number(seconds)?),
        _ => return None,
    };
    if hours > 10_000
        || minutes > 59
        || seconds > 59
        || !fraction.bytes().all(|b| b.is_ascii_digit())
    {
        return None;
    }
    let (nanos, decimals) = fraction_of(fraction)?;
    let micros =
        (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * MICROS + i64::from(nanos) / 1000;
    Some(Temporal::Time((sign * micros).clamp(-TIME_MAX, TIME_MAX), decimals))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_and_written() {
        let datetime = |text| Temporal::datetime_of_text(text).map(|t| t.to_string());
        assert_eq!(datetime("2026-1-2").as_deref(), Some("2026-01-02 00:00:00"));
        assert_eq!(datetime("20260102030405").as_deref(), Some("2026-01-02 03:04:05"));
        assert_eq!(datetime("2026-01-02T03:04:05.67").as_deref(), Some("2026-01-02 03:04:05.67"));
        assert_eq!(datetime("2026-02-30"), None);
        assert_eq!(datetime("x"), None);
        let time = |text| Temporal::time_of_text(text).map(|t| t.to_string());
        assert_eq!(time("-1:02:03.5").as_deref(), Some("-01:02:03.5"));
        assert_eq!(time("2 03:00").as_deref(), Some("51:00:00"));
        assert_eq!(time("10203").as_deref(), Some("01:02:03"));
        assert_eq!(time("999:00:00").as_deref(), Some("838:59:59"));
        assert_eq!(time("2026-01-02 03:04:05").as_deref(), Some("03:04:05"));
        assert_eq!(time("1:99:00"), None);
    }
}
