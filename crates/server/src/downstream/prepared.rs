//! The prepared statements of a session: by id those of the protocol, by name those of SQL's `PREPARE`.
//!
//! A statement is kept as its text. Executing reads it again, with values in the places of its parameters.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use binlogd_wire::Capabilities;
use binlogd_wire::statement::{
    BinaryValue, Execute, LAST_STATEMENT, LongData, ParameterType, Parameters,
};

use super::error::SqlError;
use super::sql::{Temporal, Value};
use crate::config::Limits;

/// What a statement takes beside its text, in bytes, about.
const STATEMENT_BYTES: usize = 128;

/// All prepared statements of a session.
#[derive(Debug)]
pub(crate) struct PreparedStatements {
    by_id: BTreeMap<u32, PreparedStatement>,
    /// Names in lower case: case does not count.
    by_name: HashMap<String, Arc<[u8]>>,
    last_id: u32,
    /// The one that was prepared last; none if that failed.
    last: Option<u32>,
    /// The bytes of all texts and long data.
    bytes: usize,
    count_max: usize,
    bytes_max: usize,
}

/// A statement that the protocol names by an id.
#[derive(Debug)]
struct PreparedStatement {
    sql: Arc<[u8]>,
    parameters: u16,
    /// As the client declared them last.
    types: Vec<ParameterType>,
    /// Values that came in pieces.
    long_data: BTreeMap<u16, Vec<u8>>,
    /// What was wrong with a piece, which only the execution can say.
    failed: Option<SqlError>,
}

/// A statement to run, with values for its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bound {
    pub(crate) sql: Arc<[u8]>,
    pub(crate) values: Vec<Value>,
}

impl PreparedStatements {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            by_id: BTreeMap::new(),
            by_name: HashMap::new(),
            last_id: 0,
            last: None,
            bytes: 0,
            count_max: limits.prepared_statements_max,
            bytes_max: limits.prepared_statements_bytes_max,
        }
    }

    /// Takes a statement in, and gives it an id.
    ///
    /// # Errors
    /// There would be more of them, or more bytes, than is allowed.
    pub(crate) fn insert(&mut self, sql: &[u8], parameters: u16) -> Result<u32, SqlError> {
        self.last = None;
        self.charge(sql)?;
        // Ids go up, and around before the one that stands for the last statement.
        loop {
            self.last_id = (self.last_id % (LAST_STATEMENT - 1)) + 1;
            if !self.by_id.contains_key(&self.last_id) {
                break;
            }
        }
        let statement = PreparedStatement {
            sql: sql.into(),
            parameters,
            types: Vec::new(),
            long_data: BTreeMap::new(),
            failed: None,
        };
        self.by_id.insert(self.last_id, statement);
        self.last = Some(self.last_id);
        Ok(self.last_id)
    }

    /// Preparing has failed: there is no last statement.
    pub(crate) fn none_is_last(&mut self) {
        self.last = None;
    }

    /// Takes a statement in under a name.
    ///
    /// # Errors
    /// As [`insert`](Self::insert).
    pub(crate) fn insert_named(&mut self, name: String, sql: &[u8]) -> Result<(), SqlError> {
        self.charge(sql)?;
        self.by_name.insert(name, sql.into());
        Ok(())
    }

    /// Forgets the statement of a name; `false` if there is none.
    pub(crate) fn remove_named(&mut self, name: &str) -> bool {
        let removed = self.by_name.remove(name);
        if let Some(sql) = &removed {
            self.bytes -= sql.len() + STATEMENT_BYTES;
        }
        removed.is_some()
    }

    /// The text of the statement of a name.
    pub(crate) fn named(&self, name: &str) -> Option<Arc<[u8]>> {
        self.by_name.get(name).cloned()
    }

    /// The text of a statement.
    pub(crate) fn sql(&self, id: u32) -> Option<&[u8]> {
        self.by_id.get(&self.resolve(id)).map(|statement| &*statement.sql)
    }

    /// Forgets a statement; one that is not known is nothing to tell of.
    pub(crate) fn close(&mut self, id: u32) {
        let id = self.resolve(id);
        self.drop_long_data(id);
        if let Some(statement) = self.by_id.remove(&id) {
            self.bytes -= statement.sql.len() + STATEMENT_BYTES;
        }
        if self.last == Some(id) {
            self.last = None;
        }
    }

    /// Drops the long data of a statement; `false` if there is no such statement.
    pub(crate) fn reset(&mut self, id: u32) -> bool {
        let id = self.resolve(id);
        self.drop_long_data(id);
        self.by_id.contains_key(&id)
    }

    /// Appends a piece of a value. What is wrong with it the execution says; no more than is allowed is kept.
    pub(crate) fn append(&mut self, piece: &LongData<'_>) {
        let id = self.resolve(piece.statement_id);
        let room = self.bytes_max - self.bytes;
        let Some(statement) = self.by_id.get_mut(&id) else { return };
        if piece.parameter >= statement.parameters {
            statement.failed = Some(SqlError::wrong_arguments("mysqld_stmt_send_long_data"));
        } else if piece.data.len() > room {
            statement.failed = Some(SqlError::long_data_too_long());
        } else {
            self.bytes += piece.data.len();
            statement.long_data.entry(piece.parameter).or_default().extend_from_slice(piece.data);
        }
    }

    /// Reads the parameters of an execution. Long data serve once.
    ///
    /// # Errors
    /// No such statement, malformed parameters, or long data failed.
    pub(crate) fn bind(
        &mut self,
        execute: &Execute<'_>,
        capabilities: Capabilities,
    ) -> Result<Bound, SqlError> {
        let id = self.resolve(execute.statement_id);
        let statement = self.by_id.get_mut(&id);
        let statement = statement
            .ok_or_else(|| SqlError::unknown_statement(&id.to_string(), "mysqld_stmt_execute"))?;
        let long_data_bytes = statement.long_data_bytes();
        let bound = statement.bind(execute, capabilities);
        statement.long_data.clear();
        self.bytes -= long_data_bytes;
        bound
    }

    fn drop_long_data(&mut self, id: u32) {
        let Some(statement) = self.by_id.get_mut(&id) else { return };
        self.bytes -= statement.long_data_bytes();
        statement.long_data.clear();
        statement.failed = None;
    }

    fn resolve(&self, id: u32) -> u32 {
        match self.last {
            Some(last) if id == LAST_STATEMENT => last,
            _ => id,
        }
    }

    fn charge(&mut self, sql: &[u8]) -> Result<(), SqlError> {
        if self.by_id.len() + self.by_name.len() >= self.count_max {
            return Err(SqlError::too_many_prepared_statements(self.count_max));
        }
        let bytes = sql.len() + STATEMENT_BYTES;
        if bytes > self.bytes_max - self.bytes {
            return Err(SqlError::out_of_memory());
        }
        self.bytes += bytes;
        Ok(())
    }
}

impl PreparedStatement {
    fn long_data_bytes(&self) -> usize {
        self.long_data.values().map(Vec::len).sum()
    }

    fn bind(
        &mut self,
        execute: &Execute<'_>,
        capabilities: Capabilities,
    ) -> Result<Bound, SqlError> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        let count = usize::from(self.parameters);
        let is_long = |i| u16::try_from(i).is_ok_and(|i| self.long_data.contains_key(&i));
        let parameters = execute.read(count, &self.types, is_long, capabilities);
        let Parameters { types, values } =
            parameters.map_err(|_| SqlError::wrong_arguments("mysqld_stmt_execute"))?;
        let mut bound = Vec::with_capacity(values.len());
        for (i, value) in (0..=u16::MAX).zip(values) {
            bound.push(match value {
                Some(value) => from_binary(value)?,
                None => Value::Text(self.long_data.remove(&i).unwrap_or_default()),
            });
        }
        self.types = types;
        Ok(Bound { sql: Arc::clone(&self.sql), values: bound })
    }
}

/// The value of a parameter. A time that is none in the calendar, such as MySQL's day 0, is its text.
fn from_binary(value: BinaryValue<'_>) -> Result<Value, SqlError> {
    let temporal = |read: Option<Temporal>, text: String| {
        read.map_or_else(|| Value::text(text), Value::Temporal)
    };
    Ok(match value {
        BinaryValue::Null => Value::Null,
        BinaryValue::Int(number) => Value::Int(number),
        BinaryValue::UInt(number) => Value::UInt(number),
        BinaryValue::Float(number) => float(f64::from(number))?,
        BinaryValue::Double(number) => float(number)?,
        BinaryValue::Date(date) => temporal(Temporal::date_of_text(&date.date()), date.date()),
        BinaryValue::DateTime(date) => {
            temporal(Temporal::datetime_of_text(&date.to_string()), date.to_string())
        }
        BinaryValue::Time(time) => {
            temporal(Temporal::time_of_text(&time.to_string()), time.to_string())
        }
        BinaryValue::Bytes(bytes) => Value::Text(bytes.to_vec()),
    })
}

fn float(number: f64) -> Result<Value, SqlError> {
    if number.is_finite() {
        return Ok(Value::double(number));
    }
    Err(SqlError::wrong_arguments("mysqld_stmt_execute"))
}

#[cfg(test)]
mod tests {
    use binlogd_wire::statement::{DateTime, Time};

    use super::*;

    fn statements(count: usize, bytes: usize) -> PreparedStatements {
        PreparedStatements::new(&Limits {
            prepared_statements_max: count,
            prepared_statements_bytes_max: bytes,
            ..Limits::default()
        })
    }

    fn piece(statement_id: u32, parameter: u16, data: &[u8]) -> LongData<'_> {
        LongData { statement_id, parameter, data }
    }

    /// One parameter of BLOB without a value.
    fn execute(statement_id: u32) -> Execute<'static> {
        Execute { statement_id, flags: 0, iterations: 1, parameters: b"\x00\x01\xfc\x00" }
    }

    #[test]
    fn statements_are_limited_by_count_and_size_and_freed() {
        let mut all = statements(2, 300);
        let first = all.insert(b"SELECT 1", 0).unwrap();
        all.insert_named("s".into(), b"SELECT 2").unwrap();
        assert_eq!(all.insert(b"SELECT 3", 0).unwrap_err().code, 1461);
        assert_eq!(all.insert_named("t".into(), b"SELECT 3").unwrap_err().code, 1461);
        assert!(all.remove_named("s") && !all.remove_named("s"));
        assert_eq!(all.insert(&[b' '; 100], 0).unwrap_err().code, 1037);
        all.close(first);
        all.close(first);
        let second = all.insert(&[b' '; 100], 0).unwrap();
        assert_ne!(first, second, "an id is not used again");
        all.close(second);
        assert_eq!(all.bytes, 0);
    }

    #[test]
    fn long_data_serve_once_and_are_limited() {
        let mut all = statements(10, 200);
        let id = all.insert(b"SELECT ?", 1).unwrap();
        all.append(&piece(id, 0, b"abc"));
        all.append(&piece(id, 0, b"def"));
        let bound = all.bind(&execute(id), Capabilities::NONE).unwrap();
        assert_eq!(bound.values, [Value::text("abcdef")]);
        let no_value = all.bind(&execute(id), Capabilities::NONE);
        assert_eq!(no_value.unwrap_err().code, 1210, "they are used up");
        all.append(&piece(id, 0, &[0; 100]));
        let too_long = all.bind(&execute(id), Capabilities::NONE);
        assert_eq!(too_long.unwrap_err().code, 1105);
        all.append(&piece(id, 1, b"no such parameter"));
        assert_eq!(all.bind(&execute(id), Capabilities::NONE).unwrap_err().code, 1210);
        all.append(&piece(id, 0, b"dropped"));
        assert!(all.reset(id) && !all.reset(id + 1));
        assert!(all.bind(&execute(id), Capabilities::NONE).is_err());
        all.append(&piece(99, 0, b"of no statement"));
        all.append(&piece(id, 0, b"of a closed one"));
        all.close(id);
        assert_eq!(all.bytes, 0);
    }

    #[test]
    fn the_statement_prepared_last_has_a_second_id() {
        let mut all = statements(10, 1000);
        let last = Execute { parameters: b"", ..execute(LAST_STATEMENT) };
        assert_eq!(all.bind(&last, Capabilities::NONE).unwrap_err().code, 1243);
        all.insert(b"SELECT 1", 0).unwrap();
        all.insert(b"SELECT 2", 0).unwrap();
        assert_eq!(&*all.bind(&last, Capabilities::NONE).unwrap().sql, b"SELECT 2");
        all.none_is_last();
        assert_eq!(all.bind(&last, Capabilities::NONE).unwrap_err().code, 1243);
    }

    #[test]
    fn parameters_keep_their_types() {
        let value = |value| from_binary(value).unwrap();
        assert_eq!(value(BinaryValue::Double(-0.5)), Value::double(-0.5));
        assert_eq!(value(BinaryValue::Float(1.5)), Value::double(1.5));
        assert_eq!(from_binary(BinaryValue::Double(f64::NAN)).unwrap_err().code, 1210);
        let date = DateTime { year: 2026, month: 12, day: 1, micros: 5, ..DateTime::default() };
        let kept = value(BinaryValue::DateTime(date));
        assert!(matches!(kept, Value::Temporal(Temporal::DateTime(_, 6))), "{kept:?}");
        assert_eq!(kept.to_text(), "2026-12-01 00:00:00.000005");
        assert_eq!(value(BinaryValue::Date(date)).to_text(), "2026-12-01");
        assert_eq!(value(BinaryValue::Date(DateTime::default())), Value::text("0000-00-00"));
        let time = Time { negative: true, days: 1, hour: 2, ..Time::default() };
        assert_eq!(value(BinaryValue::Time(time)).to_text(), "-26:00:00");
    }
}
