//! What events before a statement set for it: variables, automatic numbers, the seeds of `RAND()`.

use binlogd_event::body::{Intvar, IntvarKind, Rand, UserVar, UserVarType, UserVarValue};

use crate::cursor::Cursor;
use crate::{Charset, Decimal, Value, ValueError, write};

/// How much a statement's context may take in memory, in bytes, unless something else is said.
pub const CONTEXT_BYTES_MAX: usize = 256 << 20;

/// What is wrong with what comes before a statement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ContextError {
    /// The value of a user variable is damaged.
    #[error(transparent)]
    Value(#[from] ValueError),
    /// An automatic number of a kind that no server writes.
    #[error("an automatic number of the unknown kind {0}: the event is damaged")]
    Kind(
        /// The kind.
        u8,
    ),
    /// The name of a user variable, which servers write in UTF-8.
    #[error("the name of a user variable that is no UTF-8: the event is damaged")]
    Name,
    /// There is more of it than is taken into memory.
    #[error(
        "variables of more than {limit} bytes for one statement (limit context_bytes_max): the file is \
         damaged or made up, or begin behind the statement (--start-position)"
    )]
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
}

/// The `SET` statements for the next statement.
#[derive(Debug)]
pub(super) struct Context {
    sets: Vec<String>,
    /// What they take in memory, in bytes.
    len: usize,
    bytes_max: usize,
}

impl Context {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { sets: Vec::new(), len: 0, bytes_max }
    }

    pub(super) fn sets(&self) -> &[String] {
        &self.sets
    }

    pub(super) fn clear(&mut self) {
        self.sets.clear();
        self.len = 0;
    }

    pub(super) fn intvar(&mut self, intvar: &Intvar) -> Result<(), ContextError> {
        let name = match intvar.kind {
            IntvarKind::LAST_INSERT_ID => "last_insert_id",
            IntvarKind::INSERT_ID => "insert_id",
            IntvarKind(kind) => return Err(ContextError::Kind(kind)),
        };
        self.push(format!("SET {name}={}", intvar.value))
    }

    pub(super) fn rand(&mut self, rand: &Rand) -> Result<(), ContextError> {
        let (one, two) = (rand.seed1, rand.seed2);
        self.push(format!("SET rand_seed1={one}, rand_seed2={two}"))
    }

    pub(super) fn user_var(&mut self, var: &UserVar<'_>) -> Result<(), ContextError> {
        if std::str::from_utf8(var.name).is_err() {
            return Err(ContextError::Name);
        }
        // In hex a value's bytes are at least twice as many.
        self.must_fit(var.value.map_or(0, |value| value.bytes.len().saturating_mul(2)))?;
        match var.value.filter(|value| is_text(value)) {
            Some(value) => {
                self.push(format!("SET collation_connection={}", value.collation))?;
                self.push(text_var(var.name, value.bytes))
            }
            None => self.push(user_var(var)?),
        }
    }

    fn push(&mut self, set: String) -> Result<(), ContextError> {
        let len = set.len().saturating_add(size_of::<String>());
        self.must_fit(len)?;
        self.len += len;
        self.sets.push(set);
        Ok(())
    }

    fn must_fit(&self, more: usize) -> Result<(), ContextError> {
        let limit = self.bytes_max;
        match self.len.checked_add(more) {
            Some(len) if len <= limit => Ok(()),
            _ => Err(ContextError::TooLarge { limit }),
        }
    }
}

/// Whether a variable's value is text, and not bytes or a number.
fn is_text(value: &UserVarValue<'_>) -> bool {
    let numbers = [UserVarType::REAL, UserVarType::INTEGER, UserVarType::DECIMAL];
    !numbers.contains(&value.kind)
        && Charset::of_collation(u64::from(value.collation)) != Some(Charset::BINARY)
}

/// A user variable of the connection's collation as a statement. (A cast gives that; names of collations
/// differ from server to server.)
fn text_var(name: &[u8], bytes: &[u8]) -> String {
    let mut out = b"SET @".to_vec();
    write::sql_identifier(name, &mut out);
    out.extend_from_slice(b"=CAST(X'");
    write::hex(bytes.iter().copied(), &mut out);
    out.extend_from_slice(b"' AS CHAR)");
    String::from_utf8_lossy(&out).into_owned()
}

/// A user variable that is a number or bytes as a statement.
fn user_var(var: &UserVar<'_>) -> Result<String, ValueError> {
    let mut out = b"SET @".to_vec();
    write::sql_identifier(var.name, &mut out);
    out.push(b'=');
    let mut cursor = Cursor::new(var.value.map_or(&[], |value| value.bytes));
    match var.value {
        None => out.extend_from_slice(b"NULL"),
        Some(value) => match value.kind {
            UserVarType::REAL => {
                Value::Double(f64::from_bits(cursor.little_endian(8)?)).write_sql(&mut out)?;
            }
            UserVarType::INTEGER if value.unsigned => {
                Value::UInt(cursor.little_endian(8)?).write_sql(&mut out)?;
            }
            UserVarType::INTEGER => {
                let number = cursor.little_endian(8)?;
                Value::Int(i64::from_le_bytes(number.to_le_bytes())).write_sql(&mut out)?;
            }
            UserVarType::DECIMAL => {
                Value::Decimal(Decimal::with_head(&mut cursor)?).write_sql(&mut out)?;
            }
            _ => {
                out.extend_from_slice(b"X'");
                write::hex(value.bytes.iter().copied(), &mut out);
                out.push(b'\'');
            }
        },
    }
    Ok(String::from_utf8_lossy(&out).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_server_writes_is_an_error() {
        let mut context = Context::new(1000);
        let intvar = |kind| Intvar { kind: IntvarKind(kind), value: 7 };
        context.intvar(&intvar(1)).unwrap();
        context.intvar(&intvar(2)).unwrap();
        assert_eq!(context.sets(), ["SET last_insert_id=7", "SET insert_id=7"]);
        assert_eq!(context.intvar(&intvar(3)), Err(ContextError::Kind(3)));
        let var = UserVar { name: b"a\xff", value: None };
        assert_eq!(context.user_var(&var), Err(ContextError::Name));
        assert_eq!(context.sets().len(), 2);
    }

    #[test]
    fn a_statements_context_has_a_limit_for_all_of_it_together() {
        let rand = Rand { seed1: 1, seed2: 2 };
        let one = "SET rand_seed1=1, rand_seed2=2".len() + size_of::<String>();
        let mut context = Context::new(2 * one);
        for _ in 0..3 {
            context.rand(&rand).unwrap();
            context.rand(&rand).unwrap();
            assert_eq!(context.rand(&rand), Err(ContextError::TooLarge { limit: 2 * one }));
            assert_eq!(context.sets().len(), 2);
            // The next statement may have as much again.
            context.clear();
        }
    }
}
