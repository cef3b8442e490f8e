//! The functions that replicas and clients call.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use binlogd_event::{GtidPosition, GtidSet};

use super::super::error::SqlError;
use super::super::facts::Gtids;
use super::super::replica::Running;
use super::super::sql::{Dialect, Value};
use super::super::variables::View;

/// Calls a function by its name, in any case.
pub(super) fn call(view: &View<'_>, name: &str, args: &[Value]) -> Result<Value, SqlError> {
    let upper = name.to_ascii_uppercase();
    let session = view.session;
    match upper.as_str() {
        "UNIX_TIMESTAMP" => none(name, args).map(|()| Value::UInt(now_s())),
        "VERSION" => none(name, args).map(|()| Value::text(view.server.facts.server_version())),
        "CONNECTION_ID" => none(name, args).map(|()| Value::UInt(u64::from(session.id))),
        "DATABASE" | "SCHEMA" => {
            none(name, args)?;
            Ok(session.db.as_ref().map_or(Value::Null, |db| Value::text(db.as_str())))
        }
        "USER" | "SESSION_USER" | "SYSTEM_USER" => {
            none(name, args).map(|()| Value::text(session.account()))
        }
        // The account is known from any host.
        "CURRENT_USER" => none(name, args).map(|()| Value::text(format!("{}@%", session.user))),
        "LAST_INSERT_ID" => none(name, args).map(|()| Value::UInt(0)),
        _ if is_datetime(name) => none(name, args).map(|()| Value::text(datetime(now_s()))),
        "GTID_SUBTRACT" => {
            let [a, b] = gtid_sets(name, args)?;
            Ok(match (a, b) {
                (Some(a), Some(b)) => Value::text(a.difference(&b).to_lines()),
                _ => Value::Null,
            })
        }
        "GTID_SUBSET" => {
            let [a, b] = gtid_sets(name, args)?;
            Ok(match (a, b) {
                (Some(a), Some(b)) => Value::Int(i64::from(a.is_subset(&b))),
                _ => Value::Null,
            })
        }
        _ if let Some(wait) = wait(view, name, args) => {
            let Some(wait) = wait? else { return Ok(Value::Null) };
            let is_there = view.server.facts.has_executed(&wait.gtids);
            Ok(Value::Int(if is_there { 0 } else { wait.late }))
        }
        "BINLOG_GTID_POS" if view.server.dialect().mariadb => {
            let [file, position] = args else { return Err(SqlError::wrong_parameter_count(name)) };
            let Some(position) = position.to_u64() else { return Ok(Value::Null) };
            let found = view.server.facts.binlog_gtid_pos(&file.to_text(), position);
            let found = found.map_err(|error| SqlError::ambiguous_log(&error.to_string()))?;
            Ok(found.map_or(Value::Null, Value::text))
        }
        _ => Err(SqlError::unknown_function(&match &session.db {
            Some(db) => format!("{db}.{name}"),
            None => name.to_owned(),
        })),
    }
}

/// What a function waits for.
#[derive(Debug, PartialEq, Eq)]
pub(in super::super) struct Wait {
    pub(in super::super) gtids: Gtids,
    /// `None` is for ever.
    pub(in super::super) timeout: Option<Duration>,
    /// What is answered when the time is over.
    late: i64,
}

/// What a call waits for, if it is of a function that waits; `None` inside is NULL. The rules are those
/// seen on MySQL 9.7 and 5.6, and MariaDB 10.11.
pub(super) fn wait(
    view: &View<'_>,
    name: &str,
    args: &[Value],
) -> Option<Result<Option<Wait>, SqlError>> {
    match view.server.dialect() {
        Dialect { mariadb: true, .. } if name.eq_ignore_ascii_case("MASTER_GTID_WAIT") => {
            Some(master_gtid_wait(name, args))
        }
        Dialect { mariadb: false, version: 50_705.., .. }
            if name.eq_ignore_ascii_case("WAIT_FOR_EXECUTED_GTID_SET") =>
        {
            Some(wait_for_executed(view, name, args).map(Some))
        }
        Dialect { mariadb: false, version: 50_605..80_400 }
            if name.eq_ignore_ascii_case("WAIT_UNTIL_SQL_THREAD_AFTER_GTIDS") =>
        {
            Some(wait_for_applier(view, name, args))
        }
        _ => None,
    }
}

fn wait_for_executed(view: &View<'_>, name: &str, args: &[Value]) -> Result<Wait, SqlError> {
    const NAME: &str = "WAIT_FOR_EXECUTED_GTID_SET";
    let (set, timeout) = match args {
        [set] => (set, Some(0.0)),
        [set, timeout] => (set, timeout.to_f64()),
        _ => return Err(SqlError::wrong_parameter_count(name)),
    };
    if view.server.facts.gtid_mode() == "OFF" {
        return Err(SqlError::needs_gtid_mode(NAME));
    }
    let timeout = timeout.filter(|seconds| *seconds >= 0.0);
    let seconds = timeout.ok_or_else(|| SqlError::wrong_arguments(&format!("{NAME}.")))?;
    let text = if *set == Value::Null { "NULL".to_owned() } else { set.to_text() };
    let gtids = text.parse().map_err(|_| SqlError::malformed_gtid_set(&text))?;
    // Without a limit it waits for ever.
    let timeout = (seconds > 0.0).then(|| duration(seconds));
    Ok(Wait { gtids: Gtids::Set(gtids), timeout, late: 1 })
}

/// The older function, which the newer MySQLs have no more: NULL where nothing is applied. Of what it waited
/// for it counts something that nobody has defined; here that is always 0.
fn wait_for_applier(view: &View<'_>, name: &str, args: &[Value]) -> Result<Option<Wait>, SqlError> {
    let (set, timeout) = match args {
        [set] => (set, None),
        [set, timeout] => (set, timeout.to_f64()),
        _ => return Err(SqlError::wrong_parameter_count(name)),
    };
    if *set == Value::Null {
        return Ok(None);
    }
    let text = set.to_text();
    let gtids = text.parse().map_err(|_| SqlError::malformed_gtid_set(&text))?;
    let status = view.server.facts.replica_status();
    if status.is_none_or(|status| status.running == Running::No) {
        return Ok(None);
    }
    // It counts whole seconds; none are no limit.
    let timeout = timeout.map(f64::round).filter(|seconds| *seconds > 0.0).map(duration);
    Ok(Some(Wait { gtids: Gtids::Set(gtids), timeout, late: -1 }))
}

fn master_gtid_wait(name: &str, args: &[Value]) -> Result<Option<Wait>, SqlError> {
    let (position, timeout) = match args {
        [position] => (position, None),
        [position, timeout] => (position, timeout.to_f64()),
        _ => return Err(SqlError::wrong_parameter_count(name)),
    };
    if *position == Value::Null {
        return Ok(None);
    }
    let malformed = |_| SqlError::new(1941, b"HY000", "Could not parse GTID list");
    let position = position.to_text().parse::<GtidPosition>().map_err(malformed)?;
    // Here it is the limit below 0, or NULL, that is none.
    let timeout = timeout.filter(|seconds| *seconds >= 0.0).map(duration);
    Ok(Some(Wait { gtids: Gtids::Position(position), timeout, late: -1 }))
}

/// At most some years.
fn duration(seconds: f64) -> Duration {
    const MAX: Duration = Duration::from_secs(1 << 28);
    Duration::try_from_secs_f64(seconds).map_or(MAX, |duration| duration.min(MAX))
}

/// Whether a function tells the time of day. All of them tell UTC.
pub(super) fn is_datetime(name: &str) -> bool {
    const NAMES: &[&str] =
        &["NOW", "CURRENT_TIMESTAMP", "LOCALTIME", "LOCALTIMESTAMP", "SYSDATE", "UTC_TIMESTAMP"];
    NAMES.iter().any(|known| known.eq_ignore_ascii_case(name))
}

fn none(name: &str, args: &[Value]) -> Result<(), SqlError> {
    if args.is_empty() { Ok(()) } else { Err(SqlError::wrong_parameter_count(name)) }
}

/// Two GTID sets; `None` for NULL.
fn gtid_sets(name: &str, args: &[Value]) -> Result<[Option<GtidSet>; 2], SqlError> {
    let [a, b] = args else { return Err(SqlError::wrong_parameter_count(name)) };
    let read = |value: &Value| match value {
        Value::Null => Ok(None),
        value => {
            let text = value.to_text();
            let set = text.parse().map_err(|_| SqlError::malformed_gtid_set(&text))?;
            Ok(Some(set))
        }
    };
    Ok([read(a)?, read(b)?])
}

fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Seconds since 1970 as `YYYY-MM-DD hh:mm:ss`, UTC.
pub(super) fn datetime(seconds: u64) -> String {
    let (days, of_day) = (seconds / 86_400, seconds % 86_400);
    // Years are counted from March, so that the leap day is their last: Howard Hinnant's
    // "chrono-Compatible Low-Level Date Algorithms".
    let since_0000_03_01 = days + 719_468;
    let (era, of_era) = (since_0000_03_01 / 146_097, since_0000_03_01 % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_become_dates() {
        let cases = [
            (0, "1970-01-01 00:00:00"),
            (951_782_399, "2000-02-28 23:59:59"),
            (951_782_400, "2000-02-29 00:00:00"),
            (1_709_251_199, "2024-02-29 23:59:59"),
            (1_795_202_687, "2026-11-20 19:24:47"),
            (4_102_444_800, "2100-01-01 00:00:00"),
            (4_107_542_400, "2100-03-01 00:00:00"),
        ];
        for (seconds, date) in cases {
            assert_eq!(datetime(seconds), date);
        }
    }
}
