//! Rows, documents, compressed transactions and schema dumps: what is said in a binlog.

use binlogd_decode::changes::{At, Change, Changes};
use binlogd_decode::format::{
    CanalFormat, CanalOptions, DebeziumFormat, DebeziumOptions, Format, JsonFormat, MaxwellFormat,
    MaxwellOptions, SqlFormat, SqlOptions, TextFormat,
};
use binlogd_decode::{
    Body, DecodeError, Decoder, Event, Events, FollowedSchema, Json, JsonDiffs, Limits, Payload,
    PayloadPieces, Place, SchemaDump, Value,
};
use binlogd_event::body::{PayloadCompression, TransactionPayload};
use binlogd_event::{EventHeader, EventKind, MAGIC};

/// What a decoder of these targets may use: little, so that the limits are met.
const LIMITS: Limits =
    Limits { tables_max: 8, inflated_event_max: 64 << 10, payload_max: 256 << 10 };

/// How much may be written of an input: a byte of it can make some of text, and compression more.
fn output_max(data: &[u8]) -> usize {
    const OF_A_BYTE: usize = 256;
    const AT_LEAST: usize = 8 << 20;
    AT_LEAST.max(data.len() * OF_A_BYTE)
}

/// A file's events, with or without its head, decoded and written in all forms.
pub fn decode(data: &[u8]) {
    let head = FormatAndEvents::of(data);
    let mut decoder = Decoder::with_limits(LIMITS);
    if let Some(format) = head.format {
        decoder = decoder.with_format(format);
    }
    let mut writers = [
        Writer::text(),
        Writer::json(),
        Writer::sql(),
        Writer::maxwell(),
        Writer::canal(),
        Writer::debezium(),
    ];
    for (offset, event) in head.events {
        let Ok(event) = event else { return };
        for writer in &mut writers {
            // A damaged event does not end a file: the next may be good.
            let _ = decoder.walk(offset, event, |event| writer.write(offset, event));
            assert!(writer.out.len() <= output_max(data), "{} bytes", writer.out.len());
        }
        let _ = decoder.walk(offset, event, |event| values(event, &mut writers[0].out));
    }
    writers.iter_mut().for_each(Writer::finish);
}

struct FormatAndEvents<'a> {
    format: Option<binlogd_event::FormatDescription>,
    events: Events<'a>,
}

impl<'a> FormatAndEvents<'a> {
    fn of(data: &'a [u8]) -> Self {
        if data.starts_with(&MAGIC) {
            return Self { format: None, events: Events::new(data) };
        }
        Self { format: super::format(), events: Events::at(4, data) }
    }
}

/// One form in which changes are written.
struct Writer {
    format: Box<dyn Format>,
    changes: Changes,
    followed: FollowedSchema,
    out: Vec<u8>,
    /// The largest event that is written by itself, if each of its rows has much text around it.
    alone_max: Option<u32>,
}

impl Writer {
    fn new(format: impl Format + 'static) -> Self {
        let (changes, followed) = (Changes::new(), FollowedSchema::default());
        Self { format: Box::new(format), changes, followed, out: Vec::new(), alone_max: None }
    }

    fn text() -> Self {
        Self::new(TextFormat::new(false))
    }

    fn json() -> Self {
        Self::new(JsonFormat::new())
    }

    fn maxwell() -> Self {
        let options = MaxwellOptions {
            ddl: true,
            primary_keys: true,
            null_zerodates: true,
            camel_case: true,
            ..MaxwellOptions::default()
        };
        Self::new(MaxwellFormat::new(options))
    }

    fn canal() -> Self {
        Self::new(CanalFormat::new(CanalOptions::default()))
    }

    fn debezium() -> Self {
        let options = DebeziumOptions {
            keys: true,
            include_query: true,
            include_schema_comments: true,
            ..DebeziumOptions::default()
        };
        Self { alone_max: Some(4096), ..Self::new(DebeziumFormat::new(options)) }
    }

    fn sql() -> Self {
        Self::new(SqlFormat::new(SqlOptions {
            gtids: true,
            is_generated: Box::new(|_, _, _| false),
        }))
    }

    fn write(&mut self, offset: u64, event: Event<'_>) -> Result<(), DecodeError> {
        if let Some(size_max) = self.alone_max {
            self.out.clear();
            if event.header.size > size_max {
                return Ok(());
            }
        }
        let end = offset + u64::from(event.header.size);
        let at = At { file: "binlog.000001", offset, end, header: event.header };
        let taken = self.changes.take(&at, event);
        let Ok(Some((transaction, mut change))) = taken else { return Ok(()) };
        let tables;
        if let Change::Statement(statement) = &mut change {
            tables = self.followed.follow(statement);
            statement.tables = &tables;
        }
        if !matches!(&change, Change::Statement(statement) if statement.alone) {
            let _ = self.format.begin(transaction, &mut self.out);
        }
        let _ = self.format.change(&at, transaction, change, &mut self.out);
        Ok(())
    }

    fn finish(&mut self) {
        self.format.finish(&mut self.out);
    }
}

/// Every value by itself, as a program that uses the crate asks for them.
fn values(event: Event<'_>, out: &mut Vec<u8>) -> Result<(), DecodeError> {
    let Body::Rows(rows) = event.body else { return Ok(()) };
    for row in rows {
        let row = row?;
        for image in [row.before, row.after].into_iter().flatten() {
            for item in image {
                let (_, value) = item?;
                out.clear();
                let _ = value.write_text(out);
                let _ = value.write_sql(out);
                if let Value::Geometry(geometry) = value {
                    let _ = geometry.write_wkt(out);
                }
            }
        }
    }
    Ok(())
}

/// A JSON document in MySQL's binary form, and the same bytes as changes of one.
pub fn json(data: &[u8]) {
    let json = Json::new(data);
    let (mut spaced, mut compact, mut out) = (Vec::new(), Vec::new(), Vec::new());
    let outcomes = (json.write(&mut spaced), json.write_compact(&mut compact));
    assert_eq!(outcomes.0.is_ok(), outcomes.1.is_ok(), "the same document");
    assert!(compact.len() <= spaced.len() || outcomes.0.is_err());
    let _ = Value::Json(json).write_sql(&mut out);
    let diffs = JsonDiffs::new(data);
    let _ = diffs.write_json(&mut out);
    let _ = diffs.write_sql(b"doc", &mut out);
    for written in [&spaced, &compact, &out] {
        assert!(written.len() <= output_max(data), "{} bytes", written.len());
    }
}

/// A compressed transaction: the first byte says whether it is compressed at all.
pub fn payload(data: &[u8]) {
    let Some((&first, payload)) = data.split_first() else { return };
    let compression =
        if first & 1 == 0 { PayloadCompression::ZSTD } else { PayloadCompression::NONE };
    let body = TransactionPayload { compression, uncompressed_len: None, payload };
    let place = Place { offset: 4, kind: EventKind::TRANSACTION_PAYLOAD };
    let Ok(mut events) = Payload::new(&body, &LIMITS, place) else { return };
    let mut total = 0;
    let mut lens = Vec::new();
    let end = loop {
        match events.next() {
            Ok(Some(event)) => {
                assert!(event.len() <= LIMITS.inflated_event_max, "an event within the limit");
                total += event.len() as u64;
                lens.push(event.len());
            }
            Ok(None) => break true,
            Err(_) => break false,
        }
    };
    let piece_len = usize::from(first >> 1) + 1;
    let (mut in_pieces, end_in_pieces) = in_pieces(&body, place, piece_len);
    if !end {
        // A flaw may be met later, when the event before it is out.
        in_pieces.truncate(lens.len());
        lens.truncate(in_pieces.len());
    }
    assert_eq!((in_pieces, end_in_pieces), (lens, end), "the same in pieces of {piece_len}");
    assert!(
        total <= LIMITS.payload_max.max(payload.len() as u64),
        "no more than may come out of it"
    );
    assert!(matches!(events.next(), Ok(None)), "nothing comes after the end");
}

/// The sizes of a payload's events as they come from pieces of it, and whether it ended well.
fn in_pieces(body: &TransactionPayload<'_>, place: Place, len: usize) -> (Vec<usize>, bool) {
    const KEPT: usize = 32;
    let Ok(pieces) = PayloadPieces::new(body, &LIMITS, place) else { return (Vec::new(), false) };
    let mut pieces = pieces.fronts(KEPT);
    let mut lens = Vec::new();
    for mut piece in body.payload.chunks(len) {
        loop {
            match pieces.advance(&mut piece) {
                Ok(true) => {
                    let front = pieces.event();
                    let header = EventHeader::parse(front);
                    let size = header.map_or(0, |header| header.size as usize);
                    assert_eq!(front.len(), size.min(KEPT), "as much as is kept");
                    lens.push(size);
                }
                Ok(false) => break,
                Err(_) => return (lens, false),
            }
        }
        assert!(piece.is_empty(), "all of a piece is used");
    }
    (lens, pieces.finish().is_ok())
}

/// Table definitions as mysqldump writes them, and statements that change these tables.
pub fn schema(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(dump) = SchemaDump::parse(text, Some("d")) else { return };
    assert!(dump.names().count() <= data.len());
    let followed = FollowedSchema::new(dump);
    for statement in text.split(';') {
        let changes = followed.follow_sql(statement, "d");
        assert!(changes.len() <= statement.len());
        for after in changes.iter().filter_map(|change| change.after.as_ref()) {
            assert!(after.definition.columns.len() <= text.len());
        }
    }
    assert!(followed.take_lost().len() <= text.len());
}
