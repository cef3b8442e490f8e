//! Functions about the server and the session.

use super::super::super::sql::Value;
use super::super::Query;
use super::{Found, none};

pub(super) fn call(query: &mut Query<'_>, name: &str, args: &[Value]) -> Found {
    let session = &*query.session;
    let dialect = query.server.dialect();
    Ok(Some(match name {
        "VERSION" => {
            none(name, args)?;
            Value::text(query.server.facts.server_version())
        }
        "CONNECTION_ID" => {
            none(name, args)?;
            Value::UInt(u64::from(session.id))
        }
        "DATABASE" | "SCHEMA" => {
            none(name, args)?;
            session.db.as_ref().map_or(Value::Null, |db| Value::text(db.as_str()))
        }
        "USER" | "SESSION_USER" | "SYSTEM_USER" => {
            none(name, args)?;
            Value::text(session.account())
        }
        // The account is known from any host.
        "CURRENT_USER" => {
            none(name, args)?;
            Value::text(format!("{}@%", session.user))
        }
        "CURRENT_ROLE" if dialect.mariadb => Value::Null,
        "CURRENT_ROLE" if dialect.version >= 80_000 => Value::text("NONE"),
        "LAST_INSERT_ID" if args.is_empty() => Value::UInt(0),
        "LAST_INSERT_ID" => args.first().and_then(Value::to_u64).map_or(Value::Null, Value::UInt),
        "ROW_COUNT" => Value::Int(-1),
        "FOUND_ROWS" => Value::Int(1),
        "CHARSET" => Value::text(match args {
            [Value::Text(_)] => "utf8mb4",
            _ => "binary",
        }),
        "COLLATION" => match args {
            [Value::Text(_)] => {
                super::super::super::variables::select(&query.view(), None, "collation_connection")?
            }
            _ => Value::text("binary"),
        },
        "UUID" => {
            none(name, args)?;
            Value::text(uuid())
        }
        "UUID_SHORT" => Value::UInt(rand_u64() >> 1),
        _ => return Ok(None),
    }))
}

/// A version 4 UUID: unlike that of a server it names neither a time nor an address.
fn uuid() -> String {
    let (high, low) = (rand_u64(), rand_u64());
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xfff,
        (low >> 48) & 0x3fff | 0x8000,
        low & 0xffff_ffff_ffff
    )
}

pub(super) fn rand_u64() -> u64 {
    let mut bytes = [0u8; 8];
    // Without a source of randomness no TLS would work either.
    let _ = aws_lc_rs::rand::fill(&mut bytes);
    u64::from_ne_bytes(bytes)
}
