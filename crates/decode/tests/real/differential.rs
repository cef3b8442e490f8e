//! The decoder against mysql_common: the values of all rows.

use std::io::{self, BufRead};

use binlogd_decode::{Body, Column, ColumnType, DecodeError, Decoder, Event, Events, Value};
use mysql_common::Value as Theirs;
use mysql_common::binlog::EventStreamReader;
use mysql_common::binlog::consts::BinlogVersion;
use mysql_common::binlog::events::{EventData, TransactionPayloadEvent};
use mysql_common::binlog::row::BinlogRow;
use mysql_common::binlog::value::BinlogValue;
use testkit::Flavour;

use crate::model::{self, Subject};

/// One row event: each value in a form that both sides can be put into.
type Images = Vec<Vec<String>>;

fn ours(bytes: &[u8]) -> Vec<Images> {
    let mut decoder = Decoder::new();
    let mut all = Vec::new();
    for (offset, event) in Events::new(bytes) {
        let see = |event: Event<'_>| {
            let Body::Rows(rows) = event.body else { return Ok(()) };
            let mut images = Vec::new();
            let columns = rows.table().columns();
            for row in rows {
                let row = row?;
                for image in [row.before, row.after].into_iter().flatten() {
                    let values: Result<_, DecodeError> = image
                        .values()
                        .map(|item| item.map(|(index, value)| our_form(&columns[index], &value)))
                        .collect();
                    images.push(values?);
                }
            }
            all.push(images);
            Ok::<(), DecodeError>(())
        };
        decoder.walk(offset, event.unwrap(), see).unwrap();
    }
    all
}

/// The same by mysql_common, but for what it cannot decode.
fn theirs(bytes: &[u8]) -> Vec<Option<Images>> {
    let mut reader = EventStreamReader::new(BinlogVersion::Version4);
    let mut all = Vec::new();
    let mut rest = &bytes[4..];
    while let Some(event) = reader.read(&mut rest).unwrap() {
        if let Ok(Some(EventData::TransactionPayloadEvent(payload))) = event.read_data() {
            read_payload(&mut reader, &payload, &mut all).unwrap();
        } else {
            read_rows(&reader, &event, &mut all);
        }
    }
    all
}

fn read_payload(
    reader: &mut EventStreamReader,
    payload: &TransactionPayloadEvent<'_>,
    all: &mut Vec<Option<Images>>,
) -> io::Result<()> {
    let mut inner = io::BufReader::new(payload.decompressed()?);
    while !inner.fill_buf()?.is_empty() {
        if let Some(event) = reader.read_decompressed(&mut inner)? {
            read_rows(reader, &event, all);
        }
    }
    Ok(())
}

fn read_rows(
    reader: &EventStreamReader,
    event: &mysql_common::binlog::events::Event,
    all: &mut Vec<Option<Images>>,
) {
    // MariaDB's compressed events are unknown to it.
    if (166..=171).contains(&event.header().event_type_raw()) {
        return all.push(None);
    }
    let Ok(Some(EventData::RowsEvent(rows))) = event.read_data() else { return };
    let table = reader.get_tme(rows.table_id()).unwrap();
    let form = |row: BinlogRow| row.unwrap().iter().map(their_form).collect::<Vec<_>>();
    // It also panics, at dates of zeros and some negative times.
    let images = std::panic::catch_unwind(|| {
        let images = rows
            .rows(table)
            .map(|row| row.map(|(before, after)| [before, after].into_iter().flatten().map(form)));
        images.collect::<io::Result<Vec<_>>>().map(|rows| rows.into_iter().flatten().collect())
    });
    all.push(images.ok().and_then(Result::ok));
}

fn bytes_form(bytes: &[u8]) -> String {
    format!("{bytes:02x?}")
}

fn our_form(column: &Column, value: &Value<'_>) -> String {
    let text = || {
        let mut out = Vec::new();
        value.write_text(&mut out).unwrap();
        out
    };
    match value {
        Value::Null => "null".into(),
        Value::Int(n) => n.to_string(),
        Value::UInt(n) => n.to_string(),
        Value::AmbiguousInt { signed, .. } => signed.to_string(),
        Value::Float(n) => format!("f{:x}", n.to_bits()),
        Value::Double(n) => format!("d{:x}", n.to_bits()),
        Value::Enum(value) => value.number.to_string(),
        Value::Set(value) => {
            let ColumnType::Set { len, .. } = column.kind() else { panic!("no SET") };
            bytes_form(&value.bits.to_le_bytes()[..usize::from(*len)])
        }
        Value::DateTime(t) => format!(
            "{:?}",
            (t.date.year, t.date.month, t.date.day, t.hour, t.minute, t.second, t.microseconds)
        ),
        Value::Time(t) if t.negative && *column.kind() == ColumnType::OldTime => WRONG.into(),
        Value::Time(t) => format!(
            "{:?}",
            (t.negative, t.hours / 24, t.hours % 24, t.minutes, t.seconds, t.microseconds)
        ),
        Value::Timestamp(t) if t.seconds > i32::MAX.cast_unsigned() => WRONG.into(),
        Value::Timestamp(t) if *column.kind() == ColumnType::OldTimestamp => t.seconds.to_string(),
        Value::Timestamp(t) if t.microseconds == 0 => bytes_form(t.seconds.to_string().as_bytes()),
        Value::Timestamp(t) => {
            bytes_form(format!("{}.{:06}", t.seconds, t.microseconds).as_bytes())
        }
        Value::Date(d) => format!("{:?}", (d.year, d.month, d.day, 0, 0, 0, 0)),
        Value::Year(0) => bytes_form(b"1900"),
        Value::Text(text) => bytes_form(text.bytes),
        Value::Bytes(bytes) => bytes_form(bytes.stored()),
        Value::Json(_) => serde_json::from_slice::<serde_json::Value>(&text()).unwrap().to_string(),
        Value::JsonDiffs(diffs) if diffs.is_empty() => AS_BEFORE.into(),
        Value::JsonDiffs(diffs) => {
            let diffs = diffs.iter().map(|d| d.unwrap().path.to_owned());
            diffs.collect::<Vec<_>>().join(" ")
        }
        _ => bytes_form(&text()),
    }
}

fn their_form(value: &BinlogValue<'static>) -> String {
    match value {
        BinlogValue::Value(Theirs::NULL) => "null".into(),
        BinlogValue::Value(Theirs::Int(n)) => n.to_string(),
        BinlogValue::Value(Theirs::UInt(n)) => n.to_string(),
        BinlogValue::Value(Theirs::Float(n)) => format!("f{:x}", n.to_bits()),
        BinlogValue::Value(Theirs::Double(n)) => format!("d{:x}", n.to_bits()),
        BinlogValue::Value(Theirs::Bytes(bytes)) => bytes_form(bytes),
        BinlogValue::Value(Theirs::Date(y, m, d, h, min, s, us)) => {
            format!("{:?}", (y, m, d, h, min, s, us))
        }
        BinlogValue::Value(Theirs::Time(n, d, h, m, s, us)) => {
            format!("{:?}", (n, d, h, m, s, us))
        }
        BinlogValue::Jsonb(json) => match serde_json::Value::try_from(json.clone()) {
            Ok(json) => json.to_string(),
            Err(error) => format!("not JSON: {error}"),
        },
        BinlogValue::JsonDiff(diffs) if diffs.is_empty() => AS_BEFORE.into(),
        BinlogValue::JsonDiff(diffs) => {
            diffs.iter().map(|d| d.path_str().into_owned()).collect::<Vec<_>>().join(" ")
        }
    }
}

/// What mysql_common gets wrong: TIMESTAMPs after 2038 and negative TIMEs of the old format.
const WRONG: &str = "wrong";

/// A document without differences, which is the one before as far as the event has that.
const AS_BEFORE: &str = "as before";

/// Beside [`WRONG`] it takes negative MEDIUMINTs for positive ones, and does not turn all documents
/// into JSON. What is right was seen by what servers answer.
fn theirs_is_wrong(ours: &str, theirs: &str) -> bool {
    if ours == WRONG || theirs.starts_with("not JSON") {
        return true;
    }
    let (ours, theirs) = (ours.parse::<i64>(), theirs.parse::<i64>());
    matches!((ours, theirs), (Ok(ours), Ok(theirs)) if ours < 0 && theirs == ours + (1 << 24))
}

/// Compares all files; the number of values compared.
fn compare(subject: &Subject) -> usize {
    let mut compared = 0;
    for (path, bytes) in &subject.files {
        let (ours, theirs) = (ours(bytes), theirs(bytes));
        assert_eq!(ours.len(), theirs.len(), "{}", path.display());
        for (index, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
            let Some(theirs) = theirs else { continue };
            for (image, theirs) in theirs.iter().enumerate() {
                for (column, (now, theirs)) in ours[image].iter().zip(theirs).enumerate() {
                    let (ours, theirs) = match theirs == AS_BEFORE && now != AS_BEFORE {
                        true => (now, &ours[image - 1][column]),
                        false => (now, theirs),
                    };
                    if theirs_is_wrong(ours, theirs) {
                        continue;
                    }
                    assert!(
                        ours == theirs,
                        "{} rows event {index}: {ours:.300} {theirs:.300}",
                        path.display()
                    );
                    compared += 1;
                }
                assert_eq!(ours[image].len(), theirs.len());
            }
            assert_eq!(ours.len(), theirs.len(), "{}", path.display());
        }
    }
    compared
}

#[test]
fn values_of_mysql_9_7_are_those_of_mysql_common() {
    assert!(compare(model::of(Flavour::Mysql97)) > 500);
}

mod on_mysql_5_6 {
    use super::*;

    #[test]
    fn values_of_mysql_5_6_are_those_of_mysql_common() {
        assert!(compare(model::of(Flavour::Mysql56)) > 300);
    }
}

mod on_mariadb {
    use super::*;

    #[test]
    fn values_of_mariadb_11_8_are_those_of_mysql_common() {
        assert!(compare(model::of(Flavour::Mariadb118)) > 300);
    }

    #[test]
    fn values_of_mariadb_10_11_are_those_of_mysql_common() {
        assert!(compare(model::of(Flavour::Mariadb1011)) > 300);
    }
}
