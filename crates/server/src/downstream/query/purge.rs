//! `PURGE BINARY LOGS`: who may, what is meant, and what is said of what stays.

use std::time::{Duration, SystemTime};

use super::super::error::SqlError;
use super::super::facts::{PurgeError, PurgeOutcome, PurgeTarget};
use super::super::reply::Reply;
use super::super::sql::{Expr, Moment, Purge, Scope, Value};
use super::super::variables;
use super::{Query, function};

pub(super) fn run(query: &Query<'_>, purge: &Purge) -> Result<Reply, SqlError> {
    let session = &*query.session;
    if !session.rights.admin {
        return Err(SqlError::privilege_needed(privileges(query)));
    }
    let target = match purge {
        Purge::To(name) => PurgeTarget::To(name.strip_prefix("./").unwrap_or(name).to_owned()),
        Purge::Before(moment) => match time(query, moment)? {
            Ok(time) => PurgeTarget::Before(time),
            // As MySQL has it: nothing is before no time.
            Err(warnings) => return Ok(Reply::warned(warnings)),
        },
    };
    let outcome = query.server.facts.purge(&target).map_err(|error| match error {
        PurgeError::NoSuchFile => SqlError::unknown_target_log(),
        PurgeError::Ambiguous(ambiguous) => SqlError::ambiguous_log(&ambiguous.to_string()),
        PurgeError::Failed(why) => SqlError::purge_failed(&why),
    })?;
    let (to, older_than_s) = match &target {
        PurgeTarget::To(name) => (Some(name.as_str()), None),
        PurgeTarget::Before(time) => (None, time.elapsed().ok().map(|age| age.as_secs())),
    };
    tracing::info!(
        connection = session.id,
        user = session.user,
        to,
        older_than_s,
        removed = outcome.removed,
        of = outcome.wanted,
        "PURGE BINARY LOGS"
    );
    Ok(Reply::warned(warnings(&outcome)))
}

fn privileges(query: &Query<'_>) -> &'static str {
    let dialect = query.server.dialect();
    match (dialect.mariadb, dialect.version) {
        (true, _) => "SUPER, BINLOG ADMIN",
        (false, 80_000..) => "SUPER or BINLOG_ADMIN",
        _ => "SUPER",
    }
}

/// The time that is meant, or the warnings about what is none.
fn time(query: &Query<'_>, moment: &Moment) -> Result<Result<SystemTime, Vec<SqlError>>, SqlError> {
    let value = query.eval(&moment.base)?;
    if value == Value::Null {
        return Ok(Err(Vec::new()));
    }
    let text = value.to_text();
    let Some(local_s) = datetime_s(&text) else {
        return Ok(Err(vec![SqlError::incorrect_datetime(&text)]));
    };
    // Functions tell UTC here; what a client writes is in its time zone.
    let offset_s = match &moment.base {
        Expr::Call { function, .. } if function::is_datetime(function) => 0,
        _ => zone_offset_s(query)?,
    };
    let since_epoch_s = local_s.saturating_sub(offset_s).saturating_add(moment.shift_s);
    let since_epoch_s = u64::try_from(since_epoch_s).unwrap_or(0);
    let time = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(since_epoch_s));
    Ok(time.ok_or_else(|| vec![SqlError::incorrect_datetime(&text)]))
}

/// How far the session's clocks are ahead of UTC. Names other than UTC stand for the system's,
/// which is taken for the same.
fn zone_offset_s(query: &Query<'_>) -> Result<i64, SqlError> {
    let zone = variables::select(&query.view(), Some(Scope::Session), "time_zone")?.to_text();
    Ok(offset_s(&zone).unwrap_or(0))
}

/// `+02:00` in seconds.
fn offset_s(zone: &str) -> Option<i64> {
    let digits = zone.strip_prefix(['+', '-'])?;
    let (hours, minutes) = digits.split_once(':')?;
    let offset = hours.parse::<i64>().ok()? * 3_600 + minutes.parse::<i64>().ok()? * 60;
    Some(if zone.starts_with('-') { -offset } else { offset })
}

/// `YYYY-MM-DD[ hh:mm[:ss[.ffffff]]]`, or only digits of it, as seconds since 1970 without regard
/// to time zones.
fn datetime_s(text: &str) -> Option<i64> {
    let text = text.trim();
    let parts: Vec<&str> = if text.bytes().all(|byte| byte.is_ascii_digit()) {
        match text.len() {
            8 => vec![&text[..4], &text[4..6], &text[6..]],
            14 => {
                let mut parts = vec![&text[..4]];
                parts.extend((4..14).step_by(2).map(|at| &text[at..at + 2]));
                parts
            }
            _ => return None,
        }
    } else {
        let (date, time) = match text.split_once([' ', 'T']) {
            Some((date, time)) => (date, Some(time)),
            None => (text, None),
        };
        let time = time.map(|time| match time.split_once('.') {
            Some((whole, fraction)) if fraction.bytes().all(|byte| byte.is_ascii_digit()) => whole,
            _ => time,
        });
        let date: Vec<&str> = date.split('-').collect();
        let time: Vec<&str> = time.map(|time| time.split(':').collect()).unwrap_or_default();
        if date.len() != 3 || date[0].len() != 4 || !matches!(time.len(), 0 | 2 | 3) {
            return None;
        }
        [date, time].concat()
    };
    let mut numbers = [0; 6];
    for (number, part) in numbers.iter_mut().zip(&parts) {
        let is_number = matches!(part.len(), 1..=4) && part.bytes().all(|b| b.is_ascii_digit());
        *number = part.parse::<i64>().ok().filter(|_| is_number)?;
    }
    let [year, month, day, hour, minute, second] = numbers;
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap => 29,
        2 => 28,
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        _ => return None,
    };
    if !(1..=days).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    Some(days_since_1970(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second)
}

/// Years are counted from March, as in `function::datetime`.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = (month + 9) % 12;
    let of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year;
    era * 146_097 + of_era - 719_468
}

fn warnings(outcome: &PurgeOutcome) -> Vec<SqlError> {
    let mut warnings = Vec::new();
    if let Some((file, readers)) = &outcome.in_use {
        let PurgeOutcome { removed, wanted, .. } = outcome;
        warnings.push(SqlError::log_in_use(file, *readers, *removed, *wanted));
    }
    if let Some(file) = &outcome.active {
        warnings.push(SqlError::log_active(file));
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_become_seconds_as_seconds_become_dates() {
        for seconds in (0..5_000_000_000_u64).step_by(86_400 * 13 + 4_321) {
            let text = function::datetime(seconds);
            assert_eq!(datetime_s(&text), i64::try_from(seconds).ok(), "{text}");
        }
    }

    #[test]
    fn dates_are_written_in_several_ways() {
        let noon = datetime_s("2024-02-29 12:00:00").unwrap();
        for text in [
            "2024-02-29 12:00",
            "2024-2-29 12:0:0",
            "2024-02-29T12:00:00",
            "20240229120000",
            "2024-02-29 12:00:00.999999",
            " 2024-02-29 12:00:00 ",
        ] {
            assert_eq!(datetime_s(text), Some(noon), "{text}");
        }
        let midnight = Some(noon - 43_200);
        assert_eq!((datetime_s("2024-02-29"), datetime_s("20240229")), (midnight, midnight));
        for text in [
            "",
            "x",
            "2023-02-29",
            "2024-13-01",
            "2024-00-01",
            "2024-01-00",
            "24-01-01",
            "2024-01-01 24:00:00",
            "2024-01-01 1",
            "2024-01-01 1:60",
            "2024-01-01 1:2:60",
            "2024-01-01 1:2:3:4",
            "2024-01",
            "2024-01-01 +1:02",
            "2024-01-01-",
            "2024-01-01 1:2:x",
            "202401",
            "2024-01-01 10:00:00.x",
            "2024-1é-01",
        ] {
            assert_eq!(datetime_s(text), None, "{text}");
        }
    }

    #[test]
    fn zones_are_offsets() {
        assert_eq!(offset_s("+02:00"), Some(7_200));
        assert_eq!(offset_s("-13:30"), Some(-48_600));
        assert_eq!(offset_s("SYSTEM"), None);
    }
}
