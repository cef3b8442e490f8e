//! The decoder against mysqlbinlog -vv: it shows the same events, and the same values of the same rows.

use std::collections::{BTreeSet, VecDeque};
use std::fs;
use std::path::Path;
use std::process::Command;

use binlogd_decode::{Body, Column, ColumnType, DecodeError, Decoder, Event, Events, Value};
use binlogd_event::{CHECKSUM_LEN, EventHeader, EventKind};
use testkit::Flavour;
use testkit::server::Server;
use testkit::testbed;

use crate::model::{self, Subject, quoted};

/// A row event's table, and the columns that one of its images has, as they are shown.
#[derive(Debug, Default)]
struct ShownRow {
    table: String,
    /// The columns' numbers, from 1, and their values.
    values: Vec<(usize, Vec<u8>)>,
}

/// What mysqlbinlog says of a file.
#[derive(Debug, Default)]
struct Shown {
    /// Where each event begins, and what is said of it in a line.
    events: Vec<(u64, String)>,
    rows: Vec<ShownRow>,
    /// Tables with geometries, at which MySQL's tool gives up an event.
    given_up: BTreeSet<String>,
}

impl Shown {
    fn of(mut tool: Command) -> Self {
        let output = tool.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let (mut shown, mut inside) = (Self::default(), false);
        // Of rows the places of several events come before what is said of them.
        let mut places = VecDeque::new();
        for line in output.stdout.split(|&byte| byte == b'\n') {
            if let Some(row) = line.strip_prefix(b"### ") {
                shown.row_line(row);
                continue;
            }
            let line = String::from_utf8_lossy(line);
            // What is in a compressed transaction stands nowhere in the file.
            inside |= line.starts_with("# Start of compressed events");
            inside &= !line.starts_with("# End of compressed events");
            if let Some(offset) = line.strip_prefix("# at ").filter(|_| !inside) {
                places.push_back(offset.parse().unwrap());
            } else if line.starts_with('#') && line.contains(" server id ") && !inside {
                shown.events.extend(places.pop_front().map(|place| (place, line.into_owned())));
            }
        }
        shown.rows.retain(|row| !shown.given_up.contains(&row.table));
        shown
    }

    /// A line about a row: its table, the words WHERE and SET before an image, or a value.
    fn row_line(&mut self, line: &[u8]) {
        for start in ["INSERT INTO ", "UPDATE ", "DELETE FROM "] {
            if let Some(table) = line.strip_prefix(start.as_bytes()) {
                let table = String::from_utf8(table.to_vec()).unwrap();
                return self.rows.push(ShownRow { table, values: Vec::new() });
            }
        }
        let Some(row) = self.rows.last_mut() else { return };
        let Some(value) = line.strip_prefix(b"  @") else {
            // The rest of a function that changes a document.
            if let (b"     ", Some((_, value))) =
                (&line[..line.len().min(5)], row.values.last_mut())
            {
                value.extend_from_slice(line);
            }
            return;
        };
        let equals = value.iter().position(|&byte| byte == b'=').unwrap();
        let (column, value) = (String::from_utf8_lossy(&value[..equals]), &value[equals + 1..]);
        if value.starts_with(b"!! Don't know how to handle column type=255") {
            self.given_up.insert(row.table.clone());
        }
        let comment = value.windows(4).rposition(|four| four == b" /* ");
        let value = value[..comment.unwrap_or(value.len())].trim_ascii_end();
        row.values.push((column.parse().unwrap(), value.to_vec()));
    }
}

/// Compares all files; the number of values compared.
fn compare(subject: &Subject) -> usize {
    let flavour = subject.server.flavour();
    let (mut compared, mut gave_up) = (0, false);
    for (path, bytes) in &subject.files {
        let mut tool = subject.server.mysqlbinlog();
        tool.args(SHOW).arg(path);
        let shown = Shown::of(tool);
        gave_up |= !shown.given_up.is_empty();
        compared += compare_file(path, bytes, &shown, flavour.client_flavour());
    }
    // MySQL's tool does, at geometries: MariaDB's is asked for those below.
    assert_eq!(gave_up, flavour == Flavour::Mysql97);
    compared
}

const SHOW: [&str; 2] = ["-vv", "--base64-output=DECODE-ROWS"];

/// Compares a file with what the tool of a flavour shows; the number of values compared.
fn compare_file(path: &Path, bytes: &[u8], shown: &Shown, tool: Flavour) -> usize {
    let file = path.display();
    compare_events(bytes, shown, &file.to_string());
    let mut compared = 0;
    let mut theirs = shown.rows.iter();
    let mut decoder = Decoder::new();
    let escapes_all = tool == Flavour::Mysql97;
    let mut see = |event: Event<'_>| {
        let Body::Rows(rows) = event.body else { return Ok(()) };
        let table = rows.table();
        let name = format!("{}.{}", quoted(table.schema()), quoted(table.name()));
        for row in rows {
            let row = row?;
            if shown.given_up.contains(&name) {
                continue;
            }
            let theirs = theirs.next().unwrap_or_else(|| panic!("{file}: no row of {name}"));
            assert_eq!(theirs.table, name, "{file}");
            let mut values = theirs.values.iter();
            for image in [row.before, row.after].into_iter().flatten() {
                for item in image.values() {
                    let (index, value) = item?;
                    let (number, text) = values.next().expect("a value");
                    let column = &table.columns()[index];
                    let shown = String::from_utf8_lossy(text);
                    // A document without differences is shown as the column itself. It is the one before, as
                    // far as the event has that.
                    let is_same = match shown == format!("@{}", index + 1) {
                        true => match row.before.unwrap().value(index)? {
                            Some(before) => value == before,
                            None => matches!(value, Value::JsonDiffs(diffs) if diffs.is_empty()),
                        },
                        false => agree(column, &value, text, escapes_all),
                    };
                    assert!(
                        *number == index + 1 && is_same,
                        "{file}: {name} @{}: {value:.300?}, shown as @{number}={shown:.300}",
                        index + 1
                    );
                    compared += 1;
                }
            }
            assert!(values.next().is_none(), "{file}: more values in a row of {name}");
        }
        Ok::<(), DecodeError>(())
    };
    for (offset, event) in Events::new(bytes) {
        decoder.walk(offset, event.unwrap(), &mut see).unwrap();
    }
    assert!(theirs.next().is_none(), "{file}: more rows");
    compared
}

/// Every event is shown where it is, with what its header and its end say.
fn compare_events(bytes: &[u8], shown: &Shown, file: &str) {
    let mut theirs = shown.events.iter();
    for (offset, event) in Events::new(bytes) {
        let event = event.unwrap();
        let header = EventHeader::parse(event).unwrap();
        let (at, line) = theirs.next().unwrap_or_else(|| panic!("{file}: no event at {offset}"));
        let kind = header.kind;
        assert_eq!(*at, offset, "{file}: {kind} {line}");
        let (id, end) = (header.server_id, header.log_pos);
        assert!(line.contains(&format!(" server id {id}  end_log_pos {end} ")), "{kind}: {line}");
        if line.contains(" CRC32 0x") {
            let crc = u32::from_le_bytes(event[event.len() - CHECKSUM_LEN..].try_into().unwrap());
            assert!(line.contains(&format!(" CRC32 {crc:#010x} ")), "{kind}: {line}");
        }
        let said = line.split('\t').nth(1).unwrap_or_default();
        assert!(words(kind).iter().any(|word| said.starts_with(word)), "{kind}: {line}");
    }
    // MariaDB may have noted a checkpoint since the file was read.
    let is_later = |(at, _): &(u64, String)| *at >= bytes.len() as u64;
    assert!(theirs.all(is_later), "{file}: more events");
}

/// How mysqlbinlog may call an event.
fn words(kind: EventKind) -> &'static [&'static str] {
    match kind {
        EventKind::FORMAT_DESCRIPTION => &["Start: binlog v 4"],
        EventKind::QUERY => &["Query"],
        EventKind::XID => &["Xid = "],
        EventKind::TABLE_MAP => &["Table_map: "],
        EventKind::ROTATE => &["Rotate to "],
        EventKind::WRITE_ROWS | EventKind::WRITE_ROWS_V1 => &["Write_rows: "],
        EventKind::UPDATE_ROWS | EventKind::UPDATE_ROWS_V1 => &["Update_rows: "],
        EventKind::DELETE_ROWS | EventKind::DELETE_ROWS_V1 => &["Delete_rows: "],
        // MariaDB's tool knows nothing of MySQL's.
        EventKind::GTID => &["GTID", "Ignorable"],
        EventKind::MARIADB_GTID => &["GTID"],
        EventKind::GTID_LIST => &["Gtid list"],
        _ => &[""],
    }
}

/// Whether a value is what is shown.
fn agree(column: &Column, value: &Value<'_>, shown: &[u8], escapes_all: bool) -> bool {
    let text = || {
        let mut out = Vec::new();
        value.write_text(&mut out).unwrap();
        out
    };
    let number = || std::str::from_utf8(shown).ok().and_then(|text| text.parse::<f64>().ok());
    let quoted = |bytes: &[u8]| in_quotes(bytes, escapes_all) == shown;
    let is = |text: String| text.as_bytes() == shown;
    match value {
        Value::Null => shown == b"NULL",
        Value::Int(n) => is(both_signs(column, *n)),
        Value::UInt(n) => is(both_signs(column, n.cast_signed())),
        Value::AmbiguousInt { signed, .. } => is(both_signs(column, *signed)),
        // Six digits.
        Value::Float(n) => {
            number().is_some_and(|shown| format!("{shown:.5e}") == format!("{n:.5e}"))
        }
        Value::Double(n) => number().is_some_and(|shown| shown.to_bits() == n.to_bits()),
        Value::Bit(bits) => is(format!("b'{:0len$b}'", bits.value, len = usize::from(bits.len))),
        Value::Enum(value) => is(value.number.to_string()),
        Value::Set(value) => {
            let ColumnType::Set { len, .. } = column.kind() else { panic!("no SET") };
            // Byte by byte, the lowest first.
            let bytes = &value.bits.to_le_bytes()[..usize::from(*len)];
            is(format!("b'{}'", bytes.iter().map(|byte| format!("{byte:08b}")).collect::<String>()))
        }
        Value::Year(0) => shown == b"1900",
        Value::Year(_) | Value::Decimal(_) => shown == text(),
        Value::Date(d) => is(format!("'{:04}:{:02}:{:02}'", d.year, d.month, d.day)),
        Value::Time(_) | Value::DateTime(_) => quoted(&text()),
        Value::Timestamp(t) if t.decimals == 0 => is(t.seconds.to_string()),
        Value::Timestamp(t) => {
            let fraction = format!("{:06}", t.microseconds);
            is(format!("{}.{}", t.seconds, &fraction[..usize::from(t.decimals)]))
        }
        Value::Text(text) => quoted(text.bytes),
        Value::Bytes(bytes) => quoted(bytes.stored()),
        Value::TextOrBytes(bytes) => quoted(bytes),
        Value::Geometry(geometry) => quoted(geometry.stored()),
        Value::Json(_) => match serde_json::from_slice(&text()).unwrap() {
            serde_json::Value::String(plain) => quoted(plain.as_bytes()),
            _ => quoted(&text()),
        },
        Value::JsonDiffs(diffs) => {
            let ours: Vec<_> =
                diffs.iter().map(|diff| format!("'{}'", diff.unwrap().path)).collect();
            let shown = String::from_utf8_lossy(shown);
            let paths = shown.split(['(', ',']).map(|part| part.trim_matches([' ', '#', ')']));
            ours == paths.filter(|part| part.starts_with("'$")).collect::<Vec<_>>()
        }
        Value::Vector(vector) => {
            let numbers: Vec<_> = vector.iter().map(exponential).collect();
            is(format!("[{}]", numbers.join(",")))
        }
        // It does not decompress them.
        Value::Compressed(value) => quoted(value.stored()),
        other => panic!("{other:?}"),
    }
}

/// An integer as if it had a sign, and if that is negative also as if it had none.
fn both_signs(column: &Column, n: i64) -> String {
    let ColumnType::Integer { len, .. } = column.kind() else { panic!("no integer") };
    let unused = 64 - 8 * u32::from(*len);
    let (signed, unsigned) = (n << unused >> unused, n.cast_unsigned() << unused >> unused);
    if signed < 0 { format!("{signed} ({unsigned})") } else { signed.to_string() }
}

/// As C writes `%.5e`.
fn exponential(n: f32) -> String {
    let text = format!("{n:.5e}");
    let (digits, exponent) = text.split_once('e').unwrap();
    let exponent: i32 = exponent.parse().unwrap();
    format!("{digits}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
}

/// In MySQL's tool everything that must be is escaped, in MariaDB's nothing but control characters.
fn in_quotes(bytes: &[u8], escapes_all: bool) -> Vec<u8> {
    let mut out = b"'".to_vec();
    for &byte in bytes {
        match (byte, escapes_all) {
            (b'\n', true) => out.extend_from_slice(b"\\n"),
            (b'\r', true) => out.extend_from_slice(b"\\r"),
            (b'\t', true) => out.extend_from_slice(b"\\t"),
            (0x08, true) => out.extend_from_slice(b"\\b"),
            (0x0c, true) => out.extend_from_slice(b"\\f"),
            (b'\'' | b'\\', true) => out.extend_from_slice(&[b'\\', byte]),
            (0..0x20, _) => out.extend_from_slice(format!("\\x{byte:02x}").as_bytes()),
            _ => out.push(byte),
        }
    }
    out.push(b'\'');
    out
}

#[test]
fn events_and_values_of_mysql_9_7_are_those_that_mysqlbinlog_shows() {
    assert!(compare(model::of(Flavour::Mysql97)) > 500);
}

mod on_mysql_5_6 {
    use super::*;

    /// By MariaDB's tool: it has none of its own.
    #[test]
    fn events_and_values_of_mysql_5_6_are_those_that_mysqlbinlog_shows() {
        assert!(compare(model::of(Flavour::Mysql56)) > 300);
    }
}

mod on_mariadb {
    use super::*;

    #[test]
    fn events_and_values_of_mariadb_11_8_are_those_that_mysqlbinlog_shows() {
        assert!(compare(model::of(Flavour::Mariadb118)) > 500);
    }

    #[test]
    fn events_and_values_of_mariadb_10_11_are_those_that_mysqlbinlog_shows() {
        assert!(compare(model::of(Flavour::Mariadb1011)) > 500);
    }

    /// MySQL's own tool shows none of an event behind the first geometry.
    #[test]
    fn geometries_of_mysql_9_7_are_those_that_mariadbs_tool_shows() {
        let server = Server::start_new(Flavour::Mysql97).unwrap();
        let sql = "create database g; create table g.shapes (id int, g geometry, p polygon srid 4326, v varchar(9));
                   insert into g.shapes values (1, point(1, -2.5), null, 'behind'),
                       (2, st_geomfromtext('geometrycollection(point(1 1),linestring(0 0,1 2))'), null, 'it'),
                       (3, null, st_geomfromtext('polygon((0 0,0 5,5 5,0 0))', 4326), null);
                   update g.shapes set g = st_geomfromtext('multipoint(1 2,3 4)', 3857) where id = 3; flush binary logs";
        server.sql(sql).unwrap();
        let file = server.binlog_files().unwrap().remove(0);
        let mut tool = testbed::ensure(Flavour::Mariadb118).unwrap().mysqlbinlog();
        tool.args(SHOW).arg(&file);
        let (bytes, shown) = (fs::read(&file).unwrap(), Shown::of(tool));
        assert_eq!(compare_file(&file, &bytes, &shown, Flavour::Mariadb118), 5 * 4);
    }
}
