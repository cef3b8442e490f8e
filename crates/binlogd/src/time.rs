//! Times as people write and read them. They are shown in UTC.

use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

use binlogd_decode::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::temporal::DateTimeParser;
use jiff::tz::TimeZone;
use jiff::{Span, ZonedDateTime};

/// `2026-01-31 12:34:56`, of seconds since 1970.
pub(crate) fn show(seconds: u32) -> String {
    let mut text = Vec::new();
    let time = Timestamp { seconds, microseconds: 0, decimals: 0 };
    time.to_utc().write(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// A time as a person wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Time {
    /// Seconds since 1970.
    Unix(u32),
    /// A date and time without an offset from UTC, which the time zone gives.
    Civil(DateTime),
}

/// The time zone of times that are written without an offset.
#[derive(Debug, Clone)]
pub(crate) struct Zone(TimeZone);

const FORMS: &str = "write 2026-01-31, '2026-01-31 12:34:56', 2026-01-31T12:34:56+02:00, now, -1h, \
                     '1 hour ago' or seconds since 1970";

impl FromStr for Time {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let wrong = || format!("{text:?} is not a time: {FORMS}");
        let unix = |seconds: i64| {
            let range =
                || format!("{text:?} is not a time from 1970 to 2106, as binlogs have them");
            u32::try_from(seconds).map(Self::Unix).map_err(|_| range())
        };
        if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
            return unix(text.parse().map_err(|_| wrong())?);
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_err(|_| wrong())?;
        let now = jiff::Timestamp::new(i64::try_from(now.as_secs()).map_err(|_| wrong())?, 0);
        let now = now.map_err(|_| wrong())?;
        if text.eq_ignore_ascii_case("now") {
            return unix(now.as_second());
        }
        if let Ok(span) = text.parse::<Span>() {
            if !span.is_negative() && !span.is_zero() {
                return Err(format!("{text:?} is a length of time: write -{text} or '{text} ago'"));
            }
            // A day has 24 hours there.
            let then = now.to_zoned_datetime(TimeZone::UTC).checked_add(span);
            return unix(then.map_err(|_| wrong())?.timestamp().as_second());
        }
        if let Ok(time) = text.parse::<jiff::Timestamp>() {
            return unix(time.as_second());
        }
        if let Ok(time) = text.parse::<ZonedDateTime>() {
            return unix(time.timestamp().as_second());
        }
        text.parse().map(Self::Civil).map_err(|_| wrong())
    }
}

impl Time {
    /// Seconds since 1970.
    pub(crate) fn in_zone(&self, zone: &Zone) -> Result<u32, String> {
        let civil = match self {
            Self::Unix(seconds) => return Ok(*seconds),
            Self::Civil(civil) => *civil,
        };
        let found = zone.0.to_ambiguous_timestamp(civil);
        if found.is_ambiguous() {
            return Err(format!(
                "{civil} is skipped or comes twice in this time zone, where clocks change: write the \
                 offset from UTC, as in {civil}+02:00"
            ));
        }
        let seconds = found.compatible().ok().and_then(|time| u32::try_from(time.as_second()).ok());
        seconds
            .ok_or_else(|| format!("{civil} is not a time from 1970 to 2106, as binlogs have them"))
    }
}

impl FromStr for Zone {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.eq_ignore_ascii_case("local") {
            return TimeZone::try_system().map(Self).map_err(|error| error.to_string());
        }
        static PARSER: DateTimeParser = DateTimeParser::new();
        PARSER.parse_time_zone(text).map(Self).map_err(|_| {
            format!(
                "{text:?} is not a time zone that this system knows: write UTC, local, +02:00 or a name \
                 such as Europe/Berlin (names need /usr/share/zoneinfo, which the package tzdata has)"
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, zone: &str) -> Result<u32, String> {
        text.parse::<Time>()?.in_zone(&zone.parse()?)
    }

    #[test]
    fn times_are_utc_and_come_back() {
        for (text, seconds) in [
            ("1970-01-01 00:00:01", 1),
            ("2000-02-29 12:34:56", 951_827_696),
            ("2024-12-31 23:59:59", 1_735_689_599),
            ("2106-02-07 06:28:15", u32::MAX),
        ] {
            assert_eq!(parse(text, "UTC"), Ok(seconds));
            assert_eq!(show(seconds), text);
        }
        assert_eq!(parse("2000-02-29T12:34Z", "UTC"), Ok(951_827_640));
        assert_eq!(parse("2000-02-29 12:34", "UTC"), Ok(951_827_640));
        assert_eq!(parse("1970-01-02", "UTC"), Ok(86_400));
        assert_eq!(parse("951827696", "+05:00"), Ok(951_827_696));
    }

    #[test]
    fn an_offset_is_part_of_a_time_or_of_the_time_zone() {
        let noon = parse("2026-01-31 12:00:00", "UTC");
        assert!(noon.is_ok());
        for (text, zone) in [
            ("2026-01-31T14:00:00+02:00", "UTC"),
            ("2026-01-31 14:00:00+02:00", "+05:00"),
            ("2026-01-31 13:00+01", "UTC"),
            ("2026-01-31T12:00:00.5Z", "-03:00"),
            ("2026-01-31 17:30", "+05:30"),
        ] {
            assert_eq!(parse(text, zone), noon, "{text} {zone}");
        }
        let error = "tomorrow".parse::<Zone>().unwrap_err();
        assert!(error.contains("Europe/Berlin"), "{error}");
    }

    #[test]
    fn times_can_be_relative_to_now() {
        let now = parse("now", "UTC").unwrap();
        for (text, ago) in [
            ("-1h", 3600),
            ("1 hour ago", 3600),
            ("-90m", 5400),
            ("1h 30m ago", 5400),
            ("2 days ago", 172_800),
            ("-1w", 604_800),
            ("30 min ago", 1800),
        ] {
            let then = parse(text, "+02:00").unwrap();
            let difference = i64::from(then) + ago - i64::from(now);
            assert!((0..60).contains(&difference), "{text}: {difference}");
        }
        let error = parse("1h", "UTC").unwrap_err();
        assert!(error.contains("write -1h or '1h ago'"), "{error}");
    }

    #[test]
    fn what_is_no_time_is_an_error() {
        for text in
            ["", "lately", "2024-13-01", "2024-01-01 25:00", "1969-12-31", "+1-1-1", "2200-01-01"]
        {
            assert!(parse(text, "UTC").is_err(), "{text}");
        }
    }
}
