//! Functions over GTID sets and positions.

use binlogd_event::GtidSet;

use super::super::super::error::SqlError;
use super::super::super::sql::Value;
use super::super::Query;
use super::Found;

pub(super) fn call(query: &mut Query<'_>, name: &str, args: &[Value]) -> Found {
    let dialect = query.server.dialect();
    let mysql_56 = !dialect.mariadb && dialect.version >= 50_605;
    Ok(Some(match name {
        "GTID_SUBTRACT" if mysql_56 => match gtid_sets(name, args)? {
            [Some(a), Some(b)] => Value::text(a.difference(&b).to_lines()),
            _ => Value::Null,
        },
        "GTID_SUBSET" if mysql_56 => match gtid_sets(name, args)? {
            [Some(a), Some(b)] => Value::Int(i64::from(a.is_subset(&b))),
            _ => Value::Null,
        },
        "BINLOG_GTID_POS" if dialect.mariadb => {
            let [file, position] = args else { return Err(SqlError::wrong_parameter_count(name)) };
            let Some(position) = position.to_u64() else { return Ok(Some(Value::Null)) };
            let found = query.server.facts.binlog_gtid_pos(&file.to_text(), position);
            let found = found.map_err(|error| SqlError::ambiguous_log(&error.to_string()))?;
            found.map_or(Value::Null, Value::text)
        }
        _ => return Ok(None),
    }))
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
