//! Times as people write and read them, in UTC.

use binlogd_decode::Timestamp;

/// `2026-01-31 12:34:56`, of seconds since 1970.
pub(crate) fn show(seconds: u32) -> String {
    let mut text = Vec::new();
    let time = Timestamp { seconds, microseconds: 0, decimals: 0 };
    time.to_utc().write(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// Reads a time in UTC: `2026-01-31`, `2026-01-31 12:34[:56]` (also with a `T`, and a `Z` behind),
/// or seconds since 1970.
pub(crate) fn parse(text: &str) -> Result<u32, String> {
    let wrong = || {
        format!(
            "{text:?} is no time: write 2026-01-31, '2026-01-31 12:34:56' or seconds since 1970"
        )
    };
    if text.bytes().all(|b| b.is_ascii_digit()) && !text.is_empty() {
        return text.parse().map_err(|_| wrong());
    }
    let text = text.strip_suffix('Z').unwrap_or(text);
    let (date, time) = text.split_once([' ', 'T']).unwrap_or((text, "0:0"));
    let numbers = |text: &str, by: char| -> Option<Vec<i64>> {
        let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit()) && part.len() <= 4;
        text.split(by).map(|part| part.parse().ok().filter(|_| digits(part))).collect()
    };
    let (date, time) = (numbers(date, '-'), numbers(time, ':'));
    let (Some([year, month @ 1..=12, day @ 1..=31]), Some(time)) = (date.as_deref(), time) else {
        return Err(wrong());
    };
    let seconds = match time[..] {
        [hour @ 0..=23, minute @ 0..=59] => hour * 3600 + minute * 60,
        [hour @ 0..=23, minute @ 0..=59, second @ 0..=59] => hour * 3600 + minute * 60 + second,
        _ => return Err(wrong()),
    };
    u32::try_from(days(*year, *month, *day) * 86_400 + seconds).map_err(|_| wrong())
}

/// Days since 1970 of a date of the Gregorian calendar, whose years begin in March here, so that the
/// leap day is the last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_utc_and_come_back() {
        for (text, seconds) in [
            ("1970-01-01 00:00:01", 1),
            ("2000-02-29 12:34:56", 951_827_696),
            ("2024-12-31 23:59:59", 1_735_689_599),
            ("2106-02-07 06:28:15", u32::MAX),
        ] {
            assert_eq!(parse(text), Ok(seconds));
            assert_eq!(show(seconds), text);
        }
        assert_eq!(parse("2000-02-29T12:34Z"), Ok(951_827_640));
        assert_eq!(parse("1970-01-02"), Ok(86_400));
        assert_eq!(parse("951827696"), Ok(951_827_696));
    }

    #[test]
    fn what_is_no_time_is_an_error() {
        for text in ["", "yesterday", "2024-13-01", "2024-01-01 25:00", "1969-12-31", "+1-1-1"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
