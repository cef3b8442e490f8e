//! The Info column of `SHOW BINLOG EVENTS`: what an event says, in a line.
//!
//! The texts are those of MySQL 9.7 and MariaDB 11.8, seen on real servers. No row is decoded, and
//! what is inside of a compressed transaction is not listed.

use std::fmt::Write as _;

use crate::{
    EventHeader, EventKind, FormatDescription, GtidSet, HEADER_LEN, Rotate, gtid_of, previous_gtids,
};

/// A header's flag: a statement does not depend on the default database.
const SUPPRESS_USE: u16 = 0x8;

/// What an event, without its checksum and maybe cut short, says in the column Info of MySQL's
/// `SHOW BINLOG EVENTS`, in the session's character set. What cannot be read is left out.
#[must_use]
pub fn info(header: &EventHeader, event: &[u8], format: &FormatDescription) -> Vec<u8> {
    let body = Bytes(event.get(HEADER_LEN..).unwrap_or_default());
    let post_header = format.post_header_len(header.kind);
    let text = match header.kind {
        EventKind::FORMAT_DESCRIPTION => {
            Some(format!("Server ver: {}, Binlog ver: 4", format.server_version))
        }
        EventKind::ROTATE => rotate(event),
        // Each source server on a line of its own.
        EventKind::PREVIOUS_GTIDS => {
            previous_gtids(event).ok().map(|set: GtidSet| set.to_string().replace(',', ",\n"))
        }
        EventKind::GTID | EventKind::GTID_TAGGED => gtid_of(header, event)
            .ok()
            .flatten()
            .map(|gtid| format!("SET @@SESSION.GTID_NEXT= '{gtid}'")),
        EventKind::ANONYMOUS_GTID => Some("SET @@SESSION.GTID_NEXT= 'ANONYMOUS'".to_owned()),
        EventKind::QUERY => return query(header, body).unwrap_or_default(),
        EventKind::EXECUTE_LOAD_QUERY => return load_query(header, body).unwrap_or_default(),
        EventKind::XID => xid(body),
        EventKind::TABLE_MAP => table_map(body, post_header),
        EventKind::INTVAR => intvar(body),
        EventKind::RAND => rand(body),
        EventKind::USER_VAR => return user_var(body).unwrap_or_default(),
        EventKind::ROWS_QUERY => {
            let text = body.0.get(1..).unwrap_or_default();
            return [b"# ", text].concat();
        }
        EventKind::ANNOTATE_ROWS | EventKind::BINLOG_CHECKPOINT => return plain(header, body),
        EventKind::BEGIN_LOAD_QUERY | EventKind::APPEND_BLOCK => load_block(body),
        EventKind::DELETE_FILE => load_file(body),
        EventKind::XA_PREPARE => xa_prepare(body),
        EventKind::TRANSACTION_PAYLOAD => payload(body),
        EventKind::INCIDENT => incident(body),
        EventKind::MARIADB_GTID => mariadb_gtid(header, body),
        EventKind::GTID_LIST => gtid_list(body),
        kind if kind.is_rows() => rows(body, post_header, format),
        _ => None,
    };
    text.unwrap_or_default().into_bytes()
}

/// Little-endian fields from the front of bytes.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    /// An integer of `len` bytes, at most 8.
    fn int(&mut self, len: usize) -> Option<u64> {
        let mut bytes = [0; 8];
        bytes.get_mut(..len)?.copy_from_slice(self.take(len)?);
        Some(u64::from_le_bytes(bytes))
    }

    fn len(&mut self, bytes: usize) -> Option<usize> {
        usize::try_from(self.int(bytes)?).ok()
    }

    /// A length-encoded integer.
    fn lenenc(&mut self) -> Option<u64> {
        match self.int(1)? {
            small @ 0..=250 => Some(small),
            252 => self.int(2),
            253 => self.int(3),
            254 => self.int(8),
            _ => None,
        }
    }
}

fn rotate(event: &[u8]) -> Option<String> {
    let rotate = Rotate::parse(event).ok()?;
    Some(format!("{};pos={}", rotate.file, rotate.position))
}

fn xid(mut body: Bytes<'_>) -> Option<String> {
    Some(format!("COMMIT /* xid={} */", body.int(8)?))
}

/// MariaDB: a text, or a file's name behind its length.
fn plain(header: &EventHeader, mut body: Bytes<'_>) -> Vec<u8> {
    if header.kind == EventKind::BINLOG_CHECKPOINT {
        body.take(4);
    }
    body.0.to_vec()
}

/// A Query event's parts.
struct Query<'a> {
    database: &'a [u8],
    status: &'a [u8],
    rest: &'a [u8],
}

/// `more` is how much longer the fixed part is than a Query event's.
fn query_parts(mut body: Bytes<'_>, more: usize) -> Option<(Query<'_>, &[u8])> {
    body.take(8)?;
    let database_len = body.len(1)?;
    body.take(2)?;
    let status_len = body.len(2)?;
    let fixed = body.take(more)?;
    let status = body.take(status_len)?;
    let database = body.take(database_len)?;
    body.take(1)?;
    Some((Query { database, status, rest: body.0 }, fixed))
}

impl Query<'_> {
    /// The statement with what it depends on.
    fn text(&self, header: &EventHeader) -> Vec<u8> {
        let mut text = Vec::new();
        if !self.database.is_empty() && header.flags.0 & SUPPRESS_USE == 0 {
            text.extend_from_slice(b"use `");
            text.extend_from_slice(&self.database.to_vec().escape_backticks());
            text.extend_from_slice(b"`; ");
        }
        text.extend_from_slice(self.rest);
        text
    }
}

trait EscapeBackticks {
    fn escape_backticks(self) -> Vec<u8>;
}

impl EscapeBackticks for Vec<u8> {
    fn escape_backticks(self) -> Vec<u8> {
        self.into_iter().flat_map(|b| std::iter::repeat_n(b, 1 + usize::from(b == b'`'))).collect()
    }
}

fn query(header: &EventHeader, body: Bytes<'_>) -> Option<Vec<u8>> {
    let (query, _) = query_parts(body, 0)?;
    let mut text = query.text(header);
    if let Some(xid) = ddl_xid(Bytes(query.status)) {
        text.extend_from_slice(format!(" /* xid={xid} */").as_bytes());
    }
    Some(text)
}

/// The transaction's number in a Query event that commits by itself (MySQL 8): one of the status
/// variables, which have no length each. Manual: "Query_event", its table of status variables.
fn ddl_xid(mut status: Bytes<'_>) -> Option<u64> {
    const DDL_LOGGED_WITH_XID: u64 = 17;
    loop {
        let len = match status.int(1)? {
            DDL_LOGGED_WITH_XID => return status.int(8),
            0 | 3 | 10 => 4,
            1 | 9 => 8,
            // The old form of a catalog ends with a NUL.
            2 => status.len(1)? + 1,
            4 => 6,
            5 | 6 => status.len(1)?,
            7 | 8 | 18 => 2,
            // The invoker: user and host.
            11 => {
                let user = status.len(1)?;
                status.take(user)?;
                status.len(1)?
            }
            12 => {
                let databases = status.int(1)?;
                // 254 stands for too many.
                for _ in 0..if databases == 254 { 0 } else { databases } {
                    let end = status.0.iter().position(|byte| *byte == 0)?;
                    status.take(end + 1)?;
                }
                0
            }
            13 => 3,
            16 | 19 | 20 => 1,
            _ => return None,
        };
        status.take(len)?;
    }
}

fn load_query(header: &EventHeader, body: Bytes<'_>) -> Option<Vec<u8>> {
    // File id, start and end of the file's name in the statement, handling of duplicates.
    let (query, fixed) = query_parts(body, 13)?;
    let mut text = query.text(header);
    let file_id = Bytes(fixed).int(4)?;
    text.extend_from_slice(format!(" ;file_id={file_id}").as_bytes());
    Some(text)
}

fn load_block(mut body: Bytes<'_>) -> Option<String> {
    let file_id = body.int(4)?;
    Some(format!(";file_id={file_id};block_len={}", body.0.len()))
}

fn load_file(mut body: Bytes<'_>) -> Option<String> {
    Some(format!(";file_id={}", body.int(4)?))
}

/// Table ids have 6 bytes, 4 in the oldest versions.
fn table_id(body: &mut Bytes<'_>, post_header: Option<usize>) -> Option<u64> {
    body.int(if post_header == Some(6) { 4 } else { 6 })
}

fn table_map(mut body: Bytes<'_>, post_header: Option<usize>) -> Option<String> {
    let id = table_id(&mut body, post_header)?;
    body.take(2)?;
    let mut name = || {
        let len = usize::try_from(body.lenenc()?).ok()?;
        let name = String::from_utf8_lossy(body.take(len)?).into_owned();
        body.take(1)?;
        Some(name)
    };
    Some(format!("table_id: {id} ({}.{})", name()?, name()?))
}

/// A row event's flags. Servers before MySQL 9 show the first alone.
const ROW_FLAGS: &[(u64, &str)] = &[
    (1, "STMT_END_F"),
    (2, "NO_FOREIGN_KEY_CHECKS_F"),
    (4, "RELAXED_UNIQUE_CHECKS_F"),
    (8, "COMPLETE_ROWS_F"),
    (16, "USE_SQL_FOREIGN_KEY_F"),
];

fn rows(
    mut body: Bytes<'_>,
    post_header: Option<usize>,
    format: &FormatDescription,
) -> Option<String> {
    let id = table_id(&mut body, post_header)?;
    let flags = body.int(2)?;
    let mut text = format!("table_id: {id}");
    let version = &format.server_version;
    let shown =
        if version.at_least(9, 0, 0) && !version.is_mariadb() { ROW_FLAGS.len() } else { 1 };
    let mut names = ROW_FLAGS[..shown].iter().filter(|(flag, _)| flags & flag != 0).peekable();
    if names.peek().is_some() {
        text.push_str(" flags:");
        names.for_each(|(_, name)| {
            text.push(' ');
            text.push_str(name);
        });
    }
    Some(text)
}

fn intvar(mut body: Bytes<'_>) -> Option<String> {
    let name = match body.int(1)? {
        1 => "LAST_INSERT_ID",
        2 => "INSERT_ID",
        _ => "INVALID_INT",
    };
    Some(format!("{name}={}", body.int(8)?))
}

fn rand(mut body: Bytes<'_>) -> Option<String> {
    Some(format!("rand_seed1={},rand_seed2={}", body.int(8)?, body.int(8)?))
}

/// `@name=value`. A decimal and a string of a rare collation are shown as `???`.
fn user_var(mut body: Bytes<'_>) -> Option<Vec<u8>> {
    let name_len = body.len(4)?;
    let name = body.take(name_len)?.to_vec();
    let mut text = [b"@`", name.escape_backticks().as_slice(), b"`="].concat();
    if body.int(1)? != 0 {
        text.extend_from_slice(b"NULL");
        return Some(text);
    }
    let kind = body.int(1)?;
    let collation = body.int(4)?;
    let len = body.len(4)?;
    let value = body.take(len)?;
    let is_unsigned = body.int(1).unwrap_or(0) & 1 != 0;
    let shown = match kind {
        // STRING_RESULT
        0 => string(value, collation),
        // REAL_RESULT
        1 => Some(f64::from_bits(Bytes(value).int(8)?).to_string()),
        // INT_RESULT
        2 if is_unsigned => Some(Bytes(value).int(8)?.to_string()),
        2 => Some(Bytes(value).int(8)?.cast_signed().to_string()),
        _ => None,
    };
    text.extend_from_slice(shown.as_deref().unwrap_or("???").as_bytes());
    Some(text)
}

fn string(value: &[u8], collation: u64) -> Option<String> {
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

fn xa_prepare(mut body: Bytes<'_>) -> Option<String> {
    let one_phase = body.int(1)? != 0;
    let xid = xa_xid(&mut body)?;
    Some(if one_phase { format!("XA COMMIT {xid} ONE PHASE") } else { format!("XA PREPARE {xid}") })
}

/// Format id, both lengths, both parts.
fn xa_xid(body: &mut Bytes<'_>) -> Option<String> {
    let format_id = body.int(4)?;
    let (global, branch) = (body.len(4)?, body.len(4)?);
    let mut hex = |len| {
        let part = body.take(len)?;
        let digits: String = part.iter().map(|byte| format!("{byte:02x}")).collect();
        Some(format!("X'{digits}'"))
    };
    Some(format!("{},{},{format_id}", hex(global)?, hex(branch)?))
}

/// Manual: "Transaction_payload_event", its fields.
fn payload(mut body: Bytes<'_>) -> Option<String> {
    let (mut compression, mut size) = ("ZSTD", 0);
    loop {
        let field = body.lenenc()?;
        if field == 0 {
            return Some(format!("compression='{compression}', decompressed_size={size} bytes"));
        }
        let len = usize::try_from(body.lenenc()?).ok()?;
        let mut value = Bytes(body.take(len)?);
        match field {
            2 if value.lenenc()? == 255 => compression = "NONE",
            3 => size = value.lenenc()?,
            _ => {}
        }
    }
}

fn incident(mut body: Bytes<'_>) -> Option<String> {
    let number = body.int(2)?;
    let name = if number == 1 { "LOST_EVENTS" } else { "NOTHING" };
    let len = body.len(1).unwrap_or(0);
    let message = String::from_utf8_lossy(body.take(len).unwrap_or_default()).into_owned();
    let message = if message.is_empty() { message } else { format!(": {message}") };
    Some(format!("#{number} ({name}){message}"))
}

fn mariadb_gtid(header: &EventHeader, mut body: Bytes<'_>) -> Option<String> {
    /// The group is one event.
    const STANDALONE: u64 = 1;
    const PREPARED_XA: u64 = 64;
    const GROUP_COMMIT_ID: u64 = 2;
    let number = body.int(8)?;
    let domain = body.int(4)?;
    let flags = body.int(1)?;
    let gtid = format!("GTID {domain}-{}-{number}", header.server_id);
    if flags & PREPARED_XA != 0 {
        if flags & GROUP_COMMIT_ID != 0 {
            body.take(8)?;
        }
        let format_id = body.int(4)?;
        let (global, branch) = (body.len(1)?, body.len(1)?);
        let mut hex = |len| {
            let part = body.take(len)?;
            let digits: String = part.iter().map(|byte| format!("{byte:02x}")).collect();
            Some(format!("X'{digits}'"))
        };
        return Some(format!("XA START {},{},{format_id} {gtid}", hex(global)?, hex(branch)?));
    }
    Some(if flags & STANDALONE != 0 { gtid } else { format!("BEGIN {gtid}") })
}

fn gtid_list(mut body: Bytes<'_>) -> Option<String> {
    // The upper bits are flags.
    let count = body.int(4)? & 0x0fff_ffff;
    let mut text = String::from("[");
    for index in 0..count {
        let (domain, server) = (body.int(4)?, body.int(4)?);
        let number = body.int(8)?;
        let comma = if index == 0 { "" } else { ", " };
        let _ = write!(text, "{comma}{domain}-{server}-{number}");
    }
    text.push(']');
    Some(text)
}
