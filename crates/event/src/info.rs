//! The Info column of `SHOW BINLOG EVENTS`: what an event says, in a line.
//!
//! The texts are those of MySQL 9.7 and MariaDB 11.8, seen on real servers. No row is decoded, and
//! what is inside of a compressed transaction is not listed.

use std::fmt::Write as _;

use crate::body::{Body, IntvarKind, MariadbGtidBody, PayloadCompression, Query, StatusVar};
use crate::body::{TransactionPayload, UserVar, UserVarType, UserVarValue};
use crate::{EventHeader, EventKind, FormatDescription, HEADER_LEN};

/// A header's flag: a statement does not depend on the default database.
const SUPPRESS_USE: u16 = 0x8;

/// What an event, without its checksum and maybe cut short, says in the column Info of MySQL's
/// `SHOW BINLOG EVENTS`, in the session's character set. What cannot be read is left out.
#[must_use]
pub fn info(header: &EventHeader, event: &[u8], format: &FormatDescription) -> Vec<u8> {
    if header.kind == EventKind::TRANSACTION_PAYLOAD {
        // The largest of all, which is often cut short; its head says all.
        let head = TransactionPayload::head(event.get(HEADER_LEN..).unwrap_or_default());
        return head.map(|head| payload(&head).into_bytes()).unwrap_or_default();
    }
    let Ok(body) = Body::parse(header, event, format) else { return Vec::new() };
    match body {
        Body::Query(query) => statement(header, &query, format),
        Body::ExecuteLoadQuery(load) => {
            let mut text = use_and_statement(header, &load.query);
            text.extend_from_slice(format!(" ;file_id={}", load.file_id).as_bytes());
            text
        }
        Body::UserVar(var) => user_var(&var),
        Body::RowsQuery(text) if header.kind == EventKind::ANNOTATE_ROWS => text.to_vec(),
        Body::RowsQuery(text) => [b"# ", text].concat(),
        Body::BinlogCheckpoint { file } => file.to_vec(),
        other => short(&other, format).unwrap_or_default().into_bytes(),
    }
}

/// What is never more than some words.
fn short(body: &Body<'_>, format: &FormatDescription) -> Option<String> {
    Some(match body {
        Body::FormatDescription(_) => {
            format!("Server ver: {}, Binlog ver: 4", format.server_version)
        }
        Body::Rotate(rotate) => format!("{};pos={}", rotate.file, rotate.position),
        Body::PreviousGtids(gtids) => gtids.set().ok()?.to_lines(),
        Body::Gtid(gtid) => match gtid.gtid {
            Some(gtid) => format!("SET @@SESSION.GTID_NEXT= '{gtid}'"),
            None => "SET @@SESSION.GTID_NEXT= 'ANONYMOUS'".to_owned(),
        },
        Body::Xid(xid) => format!("COMMIT /* xid={} */", xid.xid),
        Body::TableMap(map) => format!("table_id: {} ({}.{})", map.table_id, map.schema, map.table),
        Body::Rows(rows) => {
            format!("table_id: {}{}", rows.table_id, row_flags(rows.flags, format))
        }
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
            let colon = if incident.message.is_empty() { "" } else { ": " };
            let message = String::from_utf8_lossy(incident.message);
            format!("#{} ({name}){colon}{message}", incident.code)
        }
        Body::MariadbGtid(gtid) => mariadb_gtid(gtid),
        Body::GtidList(list) => {
            let gtids: Vec<_> = list.iter().map(|gtid| gtid.to_string()).collect();
            format!("[{}]", gtids.join(", "))
        }
        _ => return None,
    })
}

fn statement(header: &EventHeader, query: &Query<'_>, format: &FormatDescription) -> Vec<u8> {
    let mut text = use_and_statement(header, query);
    if format.server_version.is_mariadb() {
        return text;
    }
    // MySQL 8: it commits by itself.
    let xid = query.status_vars.iter().find_map(|item| match item {
        Ok(StatusVar::DdlXid(xid)) => Some(xid),
        _ => None,
    });
    if let Some(xid) = xid {
        text.extend_from_slice(format!(" /* xid={xid} */").as_bytes());
    }
    text
}

fn use_and_statement(header: &EventHeader, query: &Query<'_>) -> Vec<u8> {
    let mut text = Vec::new();
    if !query.schema.is_empty() && header.flags.0 & SUPPRESS_USE == 0 {
        text.extend_from_slice(b"use `");
        text.extend(in_backticks(query.schema));
        text.extend_from_slice(b"`; ");
    }
    text.extend_from_slice(query.statement);
    text
}

/// An identifier with its backticks doubled.
fn in_backticks(name: &[u8]) -> impl Iterator<Item = u8> {
    name.iter().flat_map(|&b| std::iter::repeat_n(b, 1 + usize::from(b == b'`')))
}

/// A row event's flags. Servers before MySQL 9 show the first alone.
const ROW_FLAGS: &[(u16, &str)] = &[
    (1, "STMT_END_F"),
    (2, "NO_FOREIGN_KEY_CHECKS_F"),
    (4, "RELAXED_UNIQUE_CHECKS_F"),
    (8, "COMPLETE_ROWS_F"),
    (16, "USE_SQL_FOREIGN_KEY_F"),
];

fn row_flags(flags: u16, format: &FormatDescription) -> String {
    let version = &format.server_version;
    let shows_all = version.at_least(9, 0, 0) && !version.is_mariadb();
    let shown = if shows_all { ROW_FLAGS } else { &ROW_FLAGS[..1] };
    let mut text = String::new();
    for (_, name) in shown.iter().filter(|(flag, _)| flags & flag != 0) {
        text.push_str(if text.is_empty() { " flags: " } else { " " });
        text.push_str(name);
    }
    text
}

/// `@name=value`. A decimal, which it takes `binlogd-decode` to read, and a string of a rare collation
/// are shown as `???`.
fn user_var(var: &UserVar<'_>) -> Vec<u8> {
    let mut text = b"@`".to_vec();
    text.extend(in_backticks(var.name));
    text.extend_from_slice(b"`=");
    let shown = match &var.value {
        None => Some("NULL".to_owned()),
        Some(value) => value_text(value),
    };
    text.extend_from_slice(shown.as_deref().unwrap_or("???").as_bytes());
    text
}

fn value_text(value: &UserVarValue<'_>) -> Option<String> {
    let number = || value.bytes.first_chunk().map(|bytes| u64::from_le_bytes(*bytes));
    match value.kind {
        UserVarType::STRING => string(value.bytes, value.collation),
        UserVarType::REAL => Some(f64::from_bits(number()?).to_string()),
        UserVarType::INTEGER if value.unsigned => Some(number()?.to_string()),
        UserVarType::INTEGER => Some(number()?.cast_signed().to_string()),
        _ => None,
    }
}

fn string(value: &[u8], collation: u32) -> Option<String> {
    let (charset, collation) = match collation {
        8 => ("latin1", "latin1_swedish_ci"),
        33 => ("utf8mb3", "utf8mb3_general_ci"),
        45 => ("utf8mb4", "utf8mb4_general_ci"),
        46 => ("utf8mb4", "utf8mb4_bin"),
        63 => ("binary", "binary"),
        224 => ("utf8mb4", "utf8mb4_unicode_ci"),
        255 => ("utf8mb4", "utf8mb4_0900_ai_ci"),
        2304 => ("utf8mb4", "utf8mb4_uca1400_ai_ci"),
        _ => return None,
    };
    let mut text = format!("_{charset} 0x");
    for byte in value {
        // Writing to a String does not fail.
        let _ = write!(text, "{byte:02X}");
    }
    Some(format!("{text} COLLATE {collation}"))
}

fn payload(head: &TransactionPayload<'_>) -> String {
    let compression = if head.compression == PayloadCompression::NONE { "NONE" } else { "ZSTD" };
    let size = head.uncompressed_len.unwrap_or(0);
    format!("compression='{compression}', decompressed_size={size} bytes")
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
