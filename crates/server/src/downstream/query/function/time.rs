//! Functions over dates and times. The time that a statement knows is that of its beginning.

use jiff::Span;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;

use super::super::super::error::SqlError;
use super::super::super::sql::{MICROS, TIME_MAX, Temporal, Unit, Value};
use super::super::super::zone;
use super::super::Query;
use super::super::eval::{Number, time_of};
use super::Found;

const SECONDS_OF_DAY: i64 = 86_400;
/// Days from the year 0 to 1970.
const DAYS_TO_1970: i64 = 719_528;

pub(super) fn call(query: &mut Query<'_>, name: &str, args: &[Value]) -> Found {
    if let Some(now) = current(query, name, args)? {
        return Ok(Some(now));
    }
    let is_known = FIELDS.iter().any(|(known, _)| *known == name) || OTHERS.contains(&name);
    if !is_known {
        return Ok(None);
    }
    if args.contains(&Value::Null) {
        return Ok(Some(Value::Null));
    }
    if let Some((_, field)) = FIELDS.iter().find(|(known, _)| *known == name) {
        let [value] = args else { return Err(SqlError::wrong_parameter_count(name)) };
        let today = query.now().date();
        let time = query.temporal(value);
        return Ok(Some(time.map_or(Value::Null, |time| field(time.datetime(today)))));
    }
    Ok(Some(match (name, args) {
        ("UNIX_TIMESTAMP", []) => Value::Int(seconds(query.utc_now())),
        ("UNIX_TIMESTAMP", [value]) => unix_timestamp(query, value),
        ("FROM_UNIXTIME", [value, format @ ..]) => {
            let time = from_unix_time(query, value);
            match (time, format) {
                (None, _) => Value::Null,
                (Some(time), [format]) => date_format(query, time, &format.to_text()),
                (Some(time), _) => Value::Temporal(time),
            }
        }
        ("TIMEDIFF", [a, b]) => time_diff(query, a, b),
        ("TIME_TO_SEC", [value]) => {
            let time = time_of(query, value);
            time.map_or(Value::Null, |time| Value::Int(time.time_micros() / MICROS))
        }
        ("SEC_TO_TIME", [value]) => sec_to_time(query, value),
        ("TIME", [value]) => time_of(query, value).map_or(Value::Null, Value::Temporal),
        ("HOUR" | "MINUTE" | "SECOND" | "MICROSECOND", [value]) => {
            let Some(time) = time_of(query, value) else { return Ok(Some(Value::Null)) };
            let micros = time.time_micros().abs();
            let seconds = micros / MICROS;
            Value::Int(match name {
                "HOUR" => seconds / 3_600,
                "MINUTE" => seconds / 60 % 60,
                "SECOND" => seconds % 60,
                _ => micros % MICROS,
            })
        }
        ("TIMESTAMP", [value]) => {
            let today = query.now().date();
            let time = query.temporal(value);
            time.map_or(Value::Null, |time| {
                Value::Temporal(Temporal::DateTime(time.datetime(today), time.decimals()))
            })
        }
        ("DATEDIFF", [a, b]) => {
            let today = query.now().date();
            let times = query.temporal(a).zip(query.temporal(b));
            times.map_or(Value::Null, |(a, b)| {
                Value::Int(days(a.datetime(today).date()) - days(b.datetime(today).date()))
            })
        }
        ("DATE_FORMAT", [value, format]) => match query.temporal(value) {
            None => Value::Null,
            Some(time) => date_format(query, time, &format.to_text()),
        },
        ("CONVERT_TZ", [value, from, to]) => convert_tz(query, value, from, to),
        _ => return Err(SqlError::wrong_parameter_count(name)),
    }))
}

const OTHERS: &[&str] = &[
    "CONVERT_TZ",
    "DATEDIFF",
    "DATE_FORMAT",
    "FROM_UNIXTIME",
    "HOUR",
    "MICROSECOND",
    "MINUTE",
    "SECOND",
    "SEC_TO_TIME",
    "TIME",
    "TIMEDIFF",
    "TIMESTAMP",
    "TIME_TO_SEC",
    "UNIX_TIMESTAMP",
];

type Field = fn(DateTime) -> Value;

/// Functions that read one field of a date.
const FIELDS: &[(&str, Field)] = &[
    ("DATE", |time| Value::Temporal(Temporal::Date(time.date()))),
    ("DAY", |time| Value::Int(i64::from(time.day()))),
    ("DAYNAME", |time| Value::text(DAYS[index(time.weekday().to_sunday_zero_offset())])),
    ("DAYOFMONTH", |time| Value::Int(i64::from(time.day()))),
    ("DAYOFWEEK", |time| Value::Int(i64::from(time.weekday().to_sunday_one_offset()))),
    ("DAYOFYEAR", |time| Value::Int(i64::from(time.day_of_year()))),
    ("LAST_DAY", |time| Value::Temporal(Temporal::Date(time.date().last_of_month()))),
    ("MONTH", |time| Value::Int(i64::from(time.month()))),
    ("MONTHNAME", |time| Value::text(MONTHS[index(time.month() - 1)])),
    ("QUARTER", |time| Value::Int(i64::from((time.month() + 2) / 3))),
    ("TO_DAYS", |time| Value::Int(days(time.date()))),
    ("TO_SECONDS", |time| Value::Int(seconds(time) + DAYS_TO_1970 * SECONDS_OF_DAY)),
    ("WEEKDAY", |time| Value::Int(i64::from(time.weekday().to_monday_zero_offset()))),
    ("YEAR", |time| Value::Int(i64::from(time.year()))),
];

const DAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

fn index(number: i8) -> usize {
    usize::try_from(number).unwrap_or(0)
}

/// The functions that say what time it is.
fn current(query: &mut Query<'_>, name: &str, args: &[Value]) -> Found {
    const DECIMALS_MAX: u8 = 6;
    let is_utc = name.starts_with("UTC_");
    let kind = match name {
        "NOW" | "CURRENT_TIMESTAMP" | "LOCALTIME" | "LOCALTIMESTAMP" | "SYSDATE"
        | "UTC_TIMESTAMP" => "DATETIME",
        "CURDATE" | "CURRENT_DATE" | "UTC_DATE" => "DATE",
        "CURTIME" | "CURRENT_TIME" | "UTC_TIME" => "TIME",
        _ => return Ok(None),
    };
    let decimals = match args {
        [] => 0,
        [decimals] => {
            let decimals = decimals.to_u64().and_then(|decimals| u8::try_from(decimals).ok());
            let decimals = decimals.filter(|decimals| *decimals <= DECIMALS_MAX);
            decimals.ok_or_else(|| SqlError::too_big_precision(DECIMALS_MAX))?
        }
        _ => return Err(SqlError::wrong_parameter_count(name)),
    };
    let now = if is_utc { query.utc_now() } else { query.now() };
    let truncated = truncated(now, decimals);
    Ok(Some(Value::Temporal(match kind {
        "DATE" => Temporal::Date(now.date()),
        "TIME" => Temporal::Time(Temporal::DateTime(truncated, 6).time_micros(), decimals),
        _ => Temporal::DateTime(truncated, decimals),
    })))
}

/// Digits that are not shown do not exist.
fn truncated(time: DateTime, decimals: u8) -> DateTime {
    let unit = 10i32.pow(9 - u32::from(decimals.min(6)));
    let nanos = time.subsec_nanosecond() / unit * unit;
    time.with().subsec_nanosecond(nanos).build().unwrap_or(time)
}

/// Days since the year 0.
fn days(date: Date) -> i64 {
    seconds(date.to_datetime(Time::midnight())).div_euclid(SECONDS_OF_DAY) + DAYS_TO_1970
}

/// Seconds since 1970, without regard to time zones.
fn seconds(time: DateTime) -> i64 {
    time.to_zoned_datetime(TimeZone::UTC).map_or(0, |time| time.timestamp().as_second())
}

/// Microseconds since 1970, without regard to time zones.
fn micros(time: DateTime) -> i64 {
    time.to_zoned_datetime(TimeZone::UTC).map_or(0, |time| time.timestamp().as_microsecond())
}

fn fraction_text(micros: i64, decimals: u8) -> Value {
    let (whole, part) = (micros.div_euclid(MICROS), micros.rem_euclid(MICROS));
    if decimals == 0 {
        return Value::Int(whole);
    }
    let part = format!("{part:06}");
    Value::Decimal(format!("{whole}.{}", &part[..usize::from(decimals.min(6))]))
}

fn unix_timestamp(query: &mut Query<'_>, value: &Value) -> Value {
    let today = query.now().date();
    let Some(time) = query.temporal(value) else { return Value::Int(0) };
    let zoned = time.datetime(today).to_zoned_datetime(query.zone());
    let micros = zoned.map_or(0, |zoned| zoned.timestamp().as_microsecond()).max(0);
    fraction_text(micros, time.decimals())
}

fn from_unix_time(query: &mut Query<'_>, value: &Value) -> Option<Temporal> {
    let number = query.number_of(value);
    let decimals = match &number {
        Number::Decimal(number) => {
            u8::try_from(number.fractional_digit_count()).unwrap_or(6).min(6)
        }
        Number::Double(_) => 6,
        _ => 0,
    };
    let micros = Number::Decimal(number.to_decimal() * 1_000_000u32).to_integer()?;
    // MariaDB knows no time 0.
    let least = i64::from(query.server.dialect().mariadb);
    let micros = i64::try_from(micros).ok().filter(|micros| *micros >= least)?;
    let time = jiff::Timestamp::from_microsecond(micros).ok()?;
    Some(Temporal::DateTime(time.to_zoned_datetime(query.zone()).datetime(), decimals))
}

/// The difference of two times, or of two dates with times.
fn time_diff(query: &mut Query<'_>, a: &Value, b: &Value) -> Value {
    let read = |value: &Value| match value {
        Value::Temporal(time) => Some(*time),
        other => {
            let text = other.to_text();
            match Temporal::datetime_of_text(&text)
                .filter(|_| text.contains('-') && text.contains(':'))
            {
                Some(datetime) => Some(datetime),
                None => Temporal::time_of_text(&text),
            }
        }
    };
    let (Some(a), Some(b)) = (read(a), read(b)) else { return Value::Null };
    let decimals = a.decimals().max(b.decimals());
    let difference = match (a, b) {
        (Temporal::Time(a, _), Temporal::Time(b, _)) => a - b,
        (Temporal::DateTime(..), Temporal::DateTime(..)) => {
            let today = query.now().date();
            micros(a.datetime(today)) - micros(b.datetime(today))
        }
        _ => return Value::Null,
    };
    if difference.abs() > TIME_MAX {
        query.warn(SqlError::truncated_value("time", &difference.to_string()));
    }
    Value::Temporal(Temporal::Time(difference.clamp(-TIME_MAX, TIME_MAX), decimals))
}

fn sec_to_time(query: &mut Query<'_>, value: &Value) -> Value {
    let number = query.number_of(value);
    let decimals = match &number {
        Number::Decimal(number) => {
            u8::try_from(number.fractional_digit_count()).unwrap_or(6).min(6)
        }
        Number::Double(_) => 6,
        _ => 0,
    };
    let micros = Number::Decimal(number.to_decimal() * 1_000_000u32).to_integer().unwrap_or(0);
    let limit = i128::from(TIME_MAX);
    let micros = i64::try_from(micros.clamp(-limit, limit)).unwrap_or(0);
    Value::Temporal(Temporal::Time(micros, decimals))
}

fn convert_tz(query: &mut Query<'_>, value: &Value, from: &Value, to: &Value) -> Value {
    let today = query.now().date();
    let Some(time) = query.temporal(value) else { return Value::Null };
    let own = query.zone();
    let read = |name: &Value| match name.to_text() {
        name if name.eq_ignore_ascii_case("SYSTEM") => Some(own.clone()),
        name => zone::of_name(&name),
    };
    let (Some(from), Some(to)) = (read(from), read(to)) else { return Value::Null };
    match time.datetime(today).to_zoned_datetime(from) {
        Ok(zoned) => {
            let converted = zoned.with_time_zone(to).datetime();
            Value::Temporal(Temporal::DateTime(converted, time.decimals()))
        }
        Err(_) => Value::Null,
    }
}

/// `value ± INTERVAL count unit`. A text stays one.
pub(in super::super) fn add_interval(
    query: &mut Query<'_>,
    value: &Value,
    count: &Value,
    unit: Unit,
    sign: i64,
) -> Result<Value, SqlError> {
    if *value == Value::Null || *count == Value::Null {
        return Ok(Value::Null);
    }
    let (span, fraction) = span(query, count, unit, sign);
    let Some(span) = span else { return Ok(Value::Null) };
    let today = query.now().date();
    let Some(time) = query.temporal(value) else { return Ok(Value::Null) };
    if let Temporal::Time(micros, decimals) = time {
        let shift = match unit {
            Unit::Month | Unit::Quarter | Unit::Year => return Ok(Value::Null),
            _ => i64::from(span.get_days()) * SECONDS_OF_DAY * MICROS + span.get_microseconds(),
        };
        let shifted = micros.saturating_add(shift).clamp(-TIME_MAX, TIME_MAX);
        return Ok(Value::Temporal(Temporal::Time(shifted, decimals.max(fraction))));
    }
    let Ok(shifted) = time.datetime(today).checked_add(span) else { return Ok(Value::Null) };
    let is_of_days =
        matches!(unit, Unit::Day | Unit::Week | Unit::Month | Unit::Quarter | Unit::Year);
    let text_has_time = !matches!(value, Value::Temporal(_)) && value.to_text().contains(':');
    let result = match time {
        Temporal::Date(_) if is_of_days => Temporal::Date(shifted.date()),
        Temporal::DateTime(..)
            if is_of_days && !matches!(value, Value::Temporal(_)) && !text_has_time =>
        {
            Temporal::Date(shifted.date())
        }
        other => Temporal::DateTime(shifted, other.decimals().max(fraction)),
    };
    Ok(match value {
        Value::Temporal(_) => Value::Temporal(result),
        _ => Value::text(result.to_string()),
    })
}

/// So many units, and the digits of a second that they have.
fn span(query: &mut Query<'_>, count: &Value, unit: Unit, sign: i64) -> (Option<Span>, u8) {
    let number = query.number_of(count);
    let whole = number.to_integer().and_then(|number| i64::try_from(number).ok());
    let Some(whole) = whole.and_then(|number| number.checked_mul(sign)) else { return (None, 0) };
    let of_micros = |per_unit: i64| {
        whole.checked_mul(per_unit).and_then(|micros| Span::new().try_microseconds(micros).ok())
    };
    match unit {
        Unit::Microsecond => (of_micros(1), 6),
        Unit::Second => {
            let decimals = match &number {
                Number::Decimal(number) => number.fractional_digit_count().clamp(0, 6),
                _ => 0,
            };
            let micros = Number::Decimal(number.to_decimal() * 1_000_000u32).to_integer();
            let micros = micros.and_then(|micros| i64::try_from(micros).ok()?.checked_mul(sign));
            let span = micros.and_then(|micros| Span::new().try_microseconds(micros).ok());
            (span, u8::try_from(decimals).unwrap_or(6))
        }
        Unit::Minute => (of_micros(60 * MICROS), 0),
        Unit::Hour => (of_micros(3_600 * MICROS), 0),
        Unit::Day => (Span::new().try_days(whole).ok(), 0),
        Unit::Week => (whole.checked_mul(7).and_then(|days| Span::new().try_days(days).ok()), 0),
        Unit::Month => (Span::new().try_months(whole).ok(), 0),
        Unit::Quarter => {
            (whole.checked_mul(3).and_then(|months| Span::new().try_months(months).ok()), 0)
        }
        Unit::Year => (Span::new().try_years(whole).ok(), 0),
    }
}

/// `TIMESTAMPDIFF(unit, from, to)`
pub(in super::super) fn timestamp_diff(
    query: &mut Query<'_>,
    unit: Unit,
    from: &crate::downstream::sql::Expr,
    to: &crate::downstream::sql::Expr,
) -> Result<Value, SqlError> {
    let (from, to) = (query.eval(from)?, query.eval(to)?);
    let today = query.now().date();
    let (Some(from), Some(to)) = (query.temporal(&from), query.temporal(&to)) else {
        return Ok(Value::Null);
    };
    let (from, to) = (from.datetime(today), to.datetime(today));
    let micros = micros(to) - micros(from);
    let months = || {
        let whole = (i64::from(to.year()) - i64::from(from.year())) * 12 + i64::from(to.month())
            - i64::from(from.month());
        let in_month = |time: DateTime| (time.day(), time.time());
        // The last month counts only if it is over.
        match whole {
            1.. if in_month(to) < in_month(from) => whole - 1,
            ..=-1 if in_month(to) > in_month(from) => whole + 1,
            _ => whole,
        }
    };
    Ok(Value::Int(match unit {
        Unit::Microsecond => micros,
        Unit::Second => micros / MICROS,
        Unit::Minute => micros / MICROS / 60,
        Unit::Hour => micros / MICROS / 3_600,
        Unit::Day => micros / MICROS / SECONDS_OF_DAY,
        Unit::Week => micros / MICROS / SECONDS_OF_DAY / 7,
        Unit::Month => months(),
        Unit::Quarter => months() / 3,
        Unit::Year => months() / 12,
    }))
}

/// `EXTRACT(unit FROM value)`
pub(in super::super) fn extract(
    query: &mut Query<'_>,
    unit: Unit,
    value: &crate::downstream::sql::Expr,
) -> Result<Value, SqlError> {
    let value = query.eval(value)?;
    let name = match unit {
        Unit::Microsecond => "MICROSECOND",
        Unit::Second => "SECOND",
        Unit::Minute => "MINUTE",
        Unit::Hour => "HOUR",
        Unit::Day => "DAY",
        Unit::Month => "MONTH",
        Unit::Quarter => "QUARTER",
        Unit::Year => "YEAR",
        Unit::Week => return Err(SqlError::not_supported("EXTRACT of WEEK")),
    };
    Ok(call(query, name, &[value])?.unwrap_or(Value::Null))
}

fn date_format(query: &mut Query<'_>, time: Temporal, format: &str) -> Value {
    const DIRECTIVE_LEN_MAX: usize = 9;
    if !query.may_compute("date_format", format.len().saturating_mul(DIRECTIVE_LEN_MAX)) {
        return Value::Null;
    }
    let today = query.now().date();
    let at = time.datetime(today);
    let micros = at.subsec_nanosecond() / 1000;
    let (hour, twelve) = (at.hour(), (at.hour() + 11) % 12 + 1);
    let half = if hour < 12 { "AM" } else { "PM" };
    let (month, day) =
        (MONTHS[index(at.month() - 1)], DAYS[index(at.weekday().to_sunday_zero_offset())]);
    let (minute, second) = (at.minute(), at.second());
    let mut out = String::new();
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('Y') => out.push_str(&format!("{:04}", at.year())),
            Some('y') => out.push_str(&format!("{:02}", at.year() % 100)),
            Some('m') => out.push_str(&format!("{:02}", at.month())),
            Some('c') => out.push_str(&at.month().to_string()),
            Some('M') => out.push_str(month),
            Some('b') => out.push_str(&month[..3]),
            Some('d') => out.push_str(&format!("{:02}", at.day())),
            Some('e') => out.push_str(&at.day().to_string()),
            Some('j') => out.push_str(&format!("{:03}", at.day_of_year())),
            Some('W') => out.push_str(day),
            Some('a') => out.push_str(&day[..3]),
            Some('w') => out.push_str(&at.weekday().to_sunday_zero_offset().to_string()),
            Some('H') => out.push_str(&format!("{hour:02}")),
            Some('k') => out.push_str(&hour.to_string()),
            Some('h' | 'I') => out.push_str(&format!("{twelve:02}")),
            Some('l') => out.push_str(&twelve.to_string()),
            Some('i') => out.push_str(&format!("{minute:02}")),
            Some('s' | 'S') => out.push_str(&format!("{second:02}")),
            Some('f') => out.push_str(&format!("{micros:06}")),
            Some('p') => out.push_str(half),
            Some('T') => out.push_str(&format!("{hour:02}:{minute:02}:{second:02}")),
            Some('r') => out.push_str(&format!("{twelve:02}:{minute:02}:{second:02} {half}")),
            Some(other) => out.push(other),
            None => {}
        }
    }
    Value::text(out)
}
