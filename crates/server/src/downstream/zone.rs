//! Time zones, by the names that sessions give them.

use jiff::tz::{Offset, TimeZone};

/// `+hh:mm` from -13:59 to +14:00, `UTC`, or a name of the system's database, which servers know by tables.
pub(crate) fn of_name(name: &str) -> Option<TimeZone> {
    const NAME_LEN_MAX: usize = 64;
    if let Some(digits) = name.strip_prefix(['+', '-']) {
        let minutes = offset_minutes(digits)?;
        let sign = if name.starts_with('-') { -1 } else { 1 };
        return Offset::from_seconds(sign * minutes * 60).ok().map(TimeZone::fixed);
    }
    if name.eq_ignore_ascii_case("UTC") {
        return Some(TimeZone::UTC);
    }
    if name.len() > NAME_LEN_MAX || name.contains("..") || name.starts_with('/') {
        return None;
    }
    TimeZone::get(name).ok()
}

fn offset_minutes(digits: &str) -> Option<i32> {
    let (hours, minutes) = digits.split_once(':')?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b':') {
        return None;
    }
    let (hours, minutes) = (hours.parse::<i32>().ok()?, minutes.parse::<i32>().ok()?);
    let fits = minutes < 60 && (hours < 14 || (hours == 14 && minutes == 0));
    fits.then_some(hours * 60 + minutes)
}
