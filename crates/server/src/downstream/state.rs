//! What a session remembers between commands.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use binlogd_wire::compress::Compression;

use super::error::SqlError;
use super::prepared::PreparedStatements;
use super::sql::Value;
use crate::config::{Limits, Rights};

/// A session after its login.
#[derive(Debug)]
pub(crate) struct SessionState {
    pub(crate) id: u32,
    pub(crate) user: String,
    /// The client's host, as accounts are shown with it.
    pub(crate) host: String,
    pub(crate) rights: Rights,
    /// The database named last. There are none here, so any name is taken and nothing follows from it.
    pub(crate) db: Option<String>,
    pub(crate) endpoint: Endpoint,
    /// The TLS version and cipher suite in use.
    pub(crate) tls: Option<TlsFacts>,
    /// How the connection is compressed.
    pub(crate) compression: Option<Compression>,
    pub(crate) user_variables: UserVariables,
    pub(crate) prepared: PreparedStatements,
    pub(crate) system: SystemValues,
    /// The savepoints of the transaction that is open; `None` outside of one.
    pub(crate) savepoints: Option<Vec<String>>,
    /// The error of the statement before, for `SHOW WARNINGS`.
    pub(crate) last_error: Option<SqlError>,
    /// Its warnings, if it was none.
    pub(crate) warnings: Vec<SqlError>,
}

/// Which of the listeners the client came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Endpoint {
    /// The TCP port; 0 on a unix socket.
    pub(crate) port: u16,
    /// The unix socket's path.
    pub(crate) socket: Option<String>,
}

/// The TLS that a session uses, as MySQL names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TlsFacts {
    /// `TLSv1.3`
    pub(crate) version: &'static str,
    /// `TLS_AES_256_GCM_SHA384`
    pub(crate) cipher: String,
}

/// System variables that the session has values of its own for; `None` is NULL.
#[derive(Debug, Default)]
pub(crate) struct SystemValues(pub(crate) BTreeMap<Cow<'static, str>, Option<String>>);

/// `@name = value`, names in lower case.
#[derive(Debug)]
pub(crate) struct UserVariables {
    values: HashMap<Vec<u8>, Value>,
    /// The bytes of all names and values.
    bytes: usize,
    count_max: usize,
    bytes_max: usize,
}

impl UserVariables {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            values: HashMap::new(),
            bytes: 0,
            count_max: limits.user_variables_max,
            bytes_max: limits.user_variables_bytes_max,
        }
    }

    /// A variable's value; NULL if it was never set.
    pub(crate) fn value(&self, name: &[u8]) -> Value {
        self.values.get(name).cloned().unwrap_or(Value::Null)
    }

    /// The first of `names` that was set to something.
    pub(crate) fn first_of(&self, names: &[&str]) -> Option<&Value> {
        names.iter().find_map(|name| self.values.get(name.as_bytes()))
    }

    /// Sets a variable.
    ///
    /// # Errors
    /// There would be more of them, or more bytes in them, than is allowed.
    pub(crate) fn set(&mut self, name: Vec<u8>, value: Value) -> Result<(), SqlError> {
        let size = |value: &Value| name.len() + value.to_bytes().map_or(0, |bytes| bytes.len());
        let old = self.values.get(&name);
        let count = self.values.len() + usize::from(old.is_none());
        let bytes = self.bytes - old.map_or(0, size) + size(&value);
        if count > self.count_max || bytes > self.bytes_max {
            return Err(SqlError::out_of_memory());
        }
        self.bytes = bytes;
        self.values.insert(name, value);
        Ok(())
    }
}

impl SessionState {
    /// Forgets what the client has set, as COM_RESET_CONNECTION wants it.
    pub(crate) fn reset(&mut self, limits: &Limits) {
        self.user_variables = UserVariables::new(limits);
        self.prepared = PreparedStatements::new(limits);
        self.system = SystemValues::default();
        self.savepoints = None;
        self.last_error = None;
        self.warnings.clear();
    }

    /// `user@host` as `USER()` shows it.
    pub(crate) fn account(&self) -> String {
        format!("{}@{}", self.user, self.host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_variables_are_limited_by_count_and_size() {
        let limits =
            Limits { user_variables_max: 2, user_variables_bytes_max: 10, ..Limits::default() };
        let mut variables = UserVariables::new(&limits);
        variables.set(b"a".to_vec(), Value::Int(1)).unwrap();
        variables.set(b"b".to_vec(), Value::text("1234567")).unwrap();
        assert!(variables.set(b"c".to_vec(), Value::Null).is_err(), "a third");
        assert!(variables.set(b"a".to_vec(), Value::Int(12)).is_err(), "an eleventh byte");
        assert_eq!(variables.value(b"a"), Value::Int(1));
        variables.set(b"b".to_vec(), Value::Null).unwrap();
        variables.set(b"a".to_vec(), Value::Int(12)).unwrap();
        assert_eq!(variables.value(b"c"), Value::Null);
    }
}
