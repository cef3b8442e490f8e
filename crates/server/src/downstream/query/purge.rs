//! `PURGE BINARY LOGS`: who may, what is meant, and what is said of what stays.

use std::time::{Duration, SystemTime};

use super::super::error::SqlError;
use super::super::facts::{PurgeError, PurgeOutcome, PurgeTarget};
use super::super::reply::Reply;
use super::super::sql::{Expr, Purge, Temporal, Value};
use super::Query;

pub(super) fn run(query: &mut Query<'_>, purge: &Purge) -> Result<Reply, SqlError> {
    if !query.session.rights.admin {
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
    let session = &*query.session;
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

/// The time that is meant, in the session's time zone, or the warnings about what is none.
fn time(
    query: &mut Query<'_>,
    before: &Expr,
) -> Result<Result<SystemTime, Vec<SqlError>>, SqlError> {
    let value = query.eval(before)?;
    let temporal = match &value {
        Value::Null => return Ok(Err(Vec::new())),
        Value::Temporal(temporal) => Some(*temporal),
        other => Temporal::datetime_of_text(&other.to_text()),
    };
    let incorrect = || vec![SqlError::incorrect_datetime(&value.to_text())];
    let Some(temporal) = temporal else { return Ok(Err(incorrect())) };
    let zoned = temporal.datetime(query.now().date()).to_zoned_datetime(query.zone());
    let seconds = zoned.map(|zoned| zoned.timestamp().as_second().max(0)).ok();
    let since = seconds.and_then(|seconds| u64::try_from(seconds).ok()).map(Duration::from_secs);
    let time = since.and_then(|since| SystemTime::UNIX_EPOCH.checked_add(since));
    Ok(time.ok_or_else(incorrect))
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
