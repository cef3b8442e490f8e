//! The Info column of `SHOW BINLOG EVENTS`: what an event says, in a line.
//!
//! The texts are those of MySQL 9.7 and MariaDB 11.8, seen on real servers. No row is decoded.

use std::io::Write as _;

use binlogd_event::body::{
    Body, IntvarKind, MariadbGtidBody, PayloadCompression, Query, StatusVar,
};
use binlogd_event::body::{TransactionPayload, UserVar, UserVarType, UserVarValue};
use binlogd_event::{
    EventError, EventFlags, EventHeader, EventKind, FormatDescription, HEADER_LEN,
};

use crate::write::{hex_upper, signed, sql_identifier, unsigned};
use crate::{Decimal, ValueError};

/// What an event, without its checksum and maybe cut short, says in the column Info of MySQL's
/// `SHOW BINLOG EVENTS`, in the session's character set. What cannot be read is left out.
#[must_use]
pub fn info(header: &EventHeader, event: &[u8], format: &FormatDescription) -> Vec<u8> {
    let mut text = Vec::new();
    // What could be read before is the best that there is.
    let _ = write_info(header, event, format, &mut text);
    text
}

/// Appends what [`info`] returns for a whole event.
///
/// # Errors
/// If the event cannot be read. Where events have no checksum nothing else shows that it is damaged.
pub fn write_info(
    header: &EventHeader,
    event: &[u8],
    format: &FormatDescription,
    out: &mut Vec<u8>,
) -> Result<(), EventError> {
    if header.kind == EventKind::TRANSACTION_PAYLOAD {
        // The largest of all, which is often cut short; its head says all.
        let (head, _) = TransactionPayload::front(event.get(HEADER_LEN..).unwrap_or_default())?;
        payload(&head, out);
        return Ok(());
    }
    match Body::parse(header, event, format)? {
        Body::TableMap(map) => {
            numbered("table_id: ", map.table_id, out);
            put(&[" (", map.schema, ".", map.table, ")"], out);
        }
        Body::Rows(rows) => {
            numbered("table_id: ", rows.table_id, out);
            row_flags(rows.flags, format, out);
        }
        Body::Query(query) => statement(header, &query, format, out),
        Body::Xid(xid) => {
            numbered("COMMIT /* xid=", xid.xid, out);
            put(&[" */"], out);
        }
        Body::UserVar(var) => user_var(&var, out),
        Body::ExecuteLoadQuery(load) => {
            use_and_statement(header, &load.query, out);
            numbered(" ;file_id=", load.file_id.into(), out);
        }
        Body::RowsQuery(text) if header.kind == EventKind::ANNOTATE_ROWS => {
            out.extend_from_slice(text);
        }
        Body::RowsQuery(text) => {
            put(&["# "], out);
            out.extend_from_slice(text);
        }
        Body::BinlogCheckpoint { file } => out.extend_from_slice(file),
        Body::PreviousGtids(gtids) => out.extend_from_slice(gtids.set()?.to_lines().as_bytes()),
        other => out.extend_from_slice(words(&other, format).unwrap_or_default().as_bytes()),
    }
    Ok(())
}

/// What is never more than some words, of events that are not many.
fn words(body: &Body<'_>, format: &FormatDescription) -> Option<String> {
    Some(match body {
        Body::FormatDescription(_) => {
            format!("Server ver: {}, Binlog ver: 4", format.server_version)
        }
        Body::Rotate(rotate) => format!("{};pos={}", rotate.file, rotate.position),
        Body::Gtid(gtid) => match gtid.gtid {
            Some(gtid) => format!("SET @@SESSION.GTID_NEXT= '{gtid}'"),
            None => "SET @@SESSION.GTID_NEXT= 'ANONYMOUS'".to_owned(),
        },
        Body::Intvar(intvar) => {
            let name = match intvar.kind {
                IntvarKind::LAST_INSERT_ID => "LAST_INSERT_ID",
                IntvarKind::INSERT_ID => "INSERT_ID",
                _ => "INVALID_INT",
            };
            format!("{name}={}", intvar.value)
        }
        Body::Rand(rand) => format!("rand_seed1={},rand_seed2={}", rand.seed1, rand.seed2),
        Body::BeginLoadQuery(block) | Body::AppendBlock(block) => {
            format!(";file_id={};block_len={}", block.file_id, block.data.len())
        }
        Body::DeleteFile { file_id } => format!(";file_id={file_id}"),
        Body::XaPrepare(prepare) if prepare.one_phase => {
            format!("XA COMMIT {} ONE PHASE", prepare.xid)
        }
        Body::XaPrepare(prepare) => format!("XA PREPARE {}", prepare.xid),
        Body::Incident(incident) => {
            let name = if incident.code == 1 { "LOST_EVENTS" } else { "NOTHING" };
            // Without the message, as servers have it.
            format!("#{} ({name})", incident.code)
        }
        Body::MariadbGtid(gtid) => mariadb_gtid(gtid),
        Body::GtidList(list) => {
            let gtids: Vec<_> = list.iter().map(|gtid| gtid.to_string()).collect();
            format!("[{}]", gtids.join(", "))
        }
        _ => return None,
    })
}

fn put(texts: &[&str], out: &mut Vec<u8>) {
    for text in texts {
        out.extend_from_slice(text.as_bytes());
    }
}

fn numbered(text: &str, number: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(text.as_bytes());
    unsigned(number, out);
}

fn statement(
    header: &EventHeader,
    query: &Query<'_>,
    format: &FormatDescription,
    out: &mut Vec<u8>,
) {
    use_and_statement(header, query, out);
    if format.server_version.is_mariadb() {
        return;
    }
    // MySQL 8: it commits by itself.
    let xid = query.status_vars.iter().find_map(|item| match item {
        Ok(StatusVar::DdlXid(xid)) => Some(xid),
        _ => None,
    });
    if let Some(xid) = xid {
        numbered(" /* xid=", xid, out);
        put(&[" */"], out);
    }
}

fn use_and_statement(header: &EventHeader, query: &Query<'_>, out: &mut Vec<u8>) {
    if !query.schema.is_empty() && !header.flags.contains(EventFlags::SUPPRESS_USE) {
        put(&["use "], out);
        sql_identifier(query.schema, out);
        put(&["; "], out);
    }
    out.extend_from_slice(query.statement);
}

/// A row event's flags. Servers before MySQL 9 show the first alone.
const ROW_FLAGS: &[(u16, &str)] = &[
    (1, "STMT_END_F"),
    (2, "NO_FOREIGN_KEY_CHECKS_F"),
    (4, "RELAXED_UNIQUE_CHECKS_F"),
    (8, "COMPLETE_ROWS_F"),
    (16, "USE_SQL_FOREIGN_KEY_F"),
];

fn row_flags(flags: u16, format: &FormatDescription, out: &mut Vec<u8>) {
    let version = &format.server_version;
    let shows_all = version.at_least(9, 0, 0) && !version.is_mariadb();
    let shown = if shows_all { ROW_FLAGS } else { &ROW_FLAGS[..1] };
    let mut before = " flags: ";
    for (_, name) in shown.iter().filter(|(flag, _)| flags & flag != 0) {
        put(&[before, name], out);
        before = " ";
    }
}

/// `@name=value`. A string of a rare collation is shown as `???`.
fn user_var(var: &UserVar<'_>, out: &mut Vec<u8>) {
    put(&["@"], out);
    sql_identifier(var.name, out);
    put(&["="], out);
    let start = out.len();
    let known = match &var.value {
        None => {
            put(&["NULL"], out);
            true
        }
        Some(value) => user_var_value(value, out).is_ok_and(|known| known),
    };
    if !known {
        out.truncate(start);
        put(&["???"], out);
    }
}

/// Whether it could be written.
fn user_var_value(value: &UserVarValue<'_>, out: &mut Vec<u8>) -> Result<bool, ValueError> {
    let number = value.bytes.first_chunk().map(|bytes| u64::from_le_bytes(*bytes));
    match (value.kind, number) {
        (UserVarType::STRING, _) => return Ok(string(value.bytes, value.collation, out)),
        (UserVarType::DECIMAL, _) => Decimal::from_user_var(value.bytes)?.write(out)?,
        (UserVarType::REAL, Some(bits)) => {
            // Without exponents, as Rust has it.
            let _ = write!(out, "{}", f64::from_bits(bits));
        }
        (UserVarType::INTEGER, Some(n)) if value.unsigned => unsigned(n, out),
        (UserVarType::INTEGER, Some(n)) => signed(n.cast_signed(), out),
        _ => return Ok(false),
    }
    Ok(true)
}

fn string(value: &[u8], collation: u32, out: &mut Vec<u8>) -> bool {
    let (charset, collation) = match collation {
        8 => ("latin1", "latin1_swedish_ci"),
        33 => ("utf8mb3", "utf8mb3_general_ci"),
        45 => ("utf8mb4", "utf8mb4_general_ci"),
        46 => ("utf8mb4", "utf8mb4_bin"),
        63 => ("binary", "binary"),
        224 => ("utf8mb4", "utf8mb4_unicode_ci"),
        255 => ("utf8mb4", "utf8mb4_0900_ai_ci"),
        2304 => ("utf8mb4", "utf8mb4_uca1400_ai_ci"),
        _ => return false,
    };
    put(&["_", charset, " 0x"], out);
    hex_upper(value, out);
    put(&[" COLLATE ", collation], out);
    true
}

fn payload(head: &TransactionPayload<'_>, out: &mut Vec<u8>) {
    let compression = if head.compression == PayloadCompression::NONE { "NONE" } else { "ZSTD" };
    put(&["compression='", compression, "', decompressed_size="], out);
    unsigned(head.uncompressed_len.unwrap_or(0), out);
    put(&[" bytes"], out);
}

fn mariadb_gtid(body: &MariadbGtidBody<'_>) -> String {
    /// The group is one event.
    const STANDALONE: u8 = 1;
    const PREPARED_XA: u8 = 64;
    match body.xid {
        Some(xid) if body.flags & PREPARED_XA != 0 => format!("XA START {xid} GTID {}", body.gtid),
        _ if body.flags & STANDALONE != 0 => format!("GTID {}", body.gtid),
        _ => format!("BEGIN GTID {}", body.gtid),
    }
}
