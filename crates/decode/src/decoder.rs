//! Takes events in their order and remembers what later ones need: the format, the tables.

use std::collections::BTreeMap;

use binlogd_event::body::{self, CompressedQuery, RowsBody, TableMapBody};
use binlogd_event::{EventHeader, EventKind, FormatDescription, HEADER_LEN};

use crate::inflate::{event_parts, inflate};
use crate::payload::Payload;
use crate::rows::Rows;
use crate::schema::{Fits, Schema};
use crate::table::Table;
use crate::{Charset, DecodeError, Flaw, Place};

/// What a decoder may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Tables of one statement; more are an error. Each keeps its table map.
    pub tables_max: usize,
    /// The length in bytes of an event after decompression.
    pub inflated_event_max: usize,
    /// The length in bytes of all events of a compressed transaction. They are never in memory
    /// together: this only bounds time.
    pub payload_max: u64,
}

impl Default for Limits {
    /// 4096 tables, events of 1 GiB as the protocol has it, transactions of 64 GiB.
    fn default() -> Self {
        Self { tables_max: 4096, inflated_event_max: 1 << 30, payload_max: 64 << 30 }
    }
}

/// An event with all that is needed to make sense of it.
#[derive(Debug)]
pub struct Event<'a> {
    /// Its header.
    pub header: EventHeader,
    /// Where it is.
    pub place: Place,
    /// What it says.
    pub body: Body<'a>,
}

/// What an event says.
#[derive(Debug)]
#[non_exhaustive]
pub enum Body<'a> {
    /// A table that following row events refer to.
    Table(&'a Table),
    /// Rows.
    Rows(Rows<'a>),
    /// A compressed transaction. Its events are to be taken out and given to
    /// [`Decoder::inner`], one by one.
    Payload(Payload<'a>),
    /// Anything else. Compressed statements come as [`body::Body::Query`].
    Other(body::Body<'a>),
}

/// Decodes events one after the other.
///
/// Rows make sense only by the table map before them, which the decoder keeps. It reads the format
/// description at a file's beginning, and must be given one if reading begins elsewhere.
///
/// ```
/// use binlogd_decode::{Body, DecodeError, Decoder, Events};
///
/// /// Prints every row of a file as JSON.
/// fn print(file: &[u8]) -> Result<(), Box<dyn std::error::Error>> {
///     let mut decoder = Decoder::new();
///     let mut line = Vec::new();
///     for (offset, event) in Events::new(file) {
///         let Body::Rows(rows) = decoder.event(offset, event?)?.body else { continue };
///         for row in rows {
///             let row = row?;
///             if let Some(after) = row.after {
///                 after.write_json(&mut line)?;
///                 line.push(b'\n');
///             }
///         }
///     }
///     Ok(())
/// }
/// # print(&binlogd_event::MAGIC).unwrap();
/// ```
pub struct Decoder {
    format: Option<FormatDescription>,
    tables: BTreeMap<u64, Known>,
    /// Counts statements, to know the tables of the one under way.
    statement: u64,
    nothing: Table,
    inflated: Vec<u8>,
    limits: Limits,
    schema: Option<Box<dyn Schema + Send + Sync>>,
    assumed_charset: Option<Charset>,
    encrypted: bool,
}

struct Known {
    table: Table,
    statement: u64,
}

impl Decoder {
    /// A decoder for the start of a file.
    #[must_use]
    pub fn new() -> Self {
        Self::with_limits(Limits::default())
    }

    /// A decoder with limits of one's own.
    #[must_use]
    pub fn with_limits(limits: Limits) -> Self {
        Self {
            format: None,
            tables: BTreeMap::new(),
            statement: 0,
            nothing: Table::nothing(),
            inflated: Vec::new(),
            limits,
            schema: None,
            assumed_charset: None,
            encrypted: false,
        }
    }

    /// Tells what the file's format description event says, to begin inside of the file.
    #[must_use]
    pub fn with_format(mut self, format: FormatDescription) -> Self {
        self.format = Some(format);
        self
    }

    /// Asks `schema` for what table maps leave out.
    #[must_use]
    pub fn with_schema(mut self, schema: impl Schema + Send + Sync + 'static) -> Self {
        self.schema = Some(Box::new(schema));
        self
    }

    /// Takes text of unknown character set, as MySQL before 8.0 writes it, for this one. Bytes then
    /// look like text as well: only the user can know whether that does.
    #[must_use]
    pub fn with_assumed_charset(mut self, charset: Charset) -> Self {
        self.assumed_charset = Some(charset);
        self
    }

    /// The format description that came last.
    #[must_use]
    pub fn format(&self) -> Option<&FormatDescription> {
        self.format.as_ref()
    }

    /// The limits.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Decodes an event of a file or stream, given whole with its checksum, which is not looked at.
    ///
    /// `offset` is where it begins in its file, in bytes, for errors.
    ///
    /// # Errors
    /// If the event is damaged, rows have no table map, or the file is encrypted. The decoder can be
    /// used further: the next event may be good.
    pub fn event<'a>(&'a mut self, offset: u64, event: &'a [u8]) -> Result<Event<'a>, DecodeError> {
        let header = header(offset, event)?;
        let place = Place { offset, kind: header.kind };
        if header.kind == EventKind::FORMAT_DESCRIPTION {
            self.begin_file(place, event)?;
        }
        if self.encrypted {
            return Err(DecodeError::new(place, None, Flaw::Encrypted));
        }
        let Some(format) = &self.format else {
            return Err(DecodeError::new(place, None, Flaw::NoFormat));
        };
        let crc = format.checksum.len();
        let cut =
            event.len().checked_sub(crc).filter(|&len| len >= HEADER_LEN).ok_or_else(|| {
                DecodeError::new(
                    place,
                    None,
                    Flaw::Size { header: header.size, actual: event.len() },
                )
            })?;
        self.decode(header, place, &event[..cut])
    }

    /// Decodes an event of a compressed transaction, which has no checksum.
    ///
    /// # Errors
    /// As [`event`](Self::event).
    pub fn inner<'a>(&'a mut self, offset: u64, event: &'a [u8]) -> Result<Event<'a>, DecodeError> {
        let header = header(offset, event)?;
        let place = Place { offset, kind: header.kind };
        if header.kind == EventKind::TRANSACTION_PAYLOAD {
            let reason = "a compressed transaction inside of another one".to_owned();
            return Err(DecodeError::new(place, None, Flaw::Compressed { reason }));
        }
        self.decode(header, place, event)
    }

    /// Decodes an event and, if it is a compressed transaction, those in it: `see` gets the
    /// transaction itself first.
    ///
    /// # Errors
    /// What `see` returns, or, turned into that, as [`event`](Self::event).
    pub fn walk<E: From<DecodeError>>(
        &mut self,
        offset: u64,
        event: &[u8],
        mut see: impl FnMut(Event<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let seen = self.event(offset, event)?;
        let (header, place) = (seen.header, seen.place);
        see(seen)?;
        if header.kind != EventKind::TRANSACTION_PAYLOAD {
            return Ok(());
        }
        // The transaction's own bytes are not the decoder's, so that both can be used.
        let crc = self.format.as_ref().map_or(0, |format| format.checksum.len());
        let mut payload = self.payload(header, place, &event[..event.len() - crc])?;
        while let Some(inner) = payload.next()? {
            see(self.inner(offset, inner)?)?;
        }
        Ok(())
    }

    fn payload<'e>(
        &self,
        header: EventHeader,
        place: Place,
        event: &'e [u8],
    ) -> Result<Payload<'e>, DecodeError> {
        let at = |flaw: Flaw| DecodeError::new(place, None, flaw);
        let format = self.format.as_ref().ok_or_else(|| at(Flaw::NoFormat))?;
        match body::Body::parse(&header, event, format).map_err(|e| at(e.into()))? {
            body::Body::TransactionPayload(payload) => Payload::new(&payload, &self.limits, place),
            _ => Err(at(Flaw::NoFormat)),
        }
    }

    fn begin_file(&mut self, place: Place, event: &[u8]) -> Result<(), DecodeError> {
        let format = FormatDescription::parse(event)
            .map_err(|error| DecodeError::new(place, None, error))?;
        self.format = Some(format);
        self.tables.clear();
        self.encrypted = false;
        Ok(())
    }

    fn decode<'a>(
        &'a mut self,
        header: EventHeader,
        place: Place,
        event: &'a [u8],
    ) -> Result<Event<'a>, DecodeError> {
        let at = |flaw: Flaw| DecodeError::new(place, None, flaw);
        let format = self.format.as_ref().ok_or_else(|| at(Flaw::NoFormat))?;
        if header.kind.changes_rows() {
            let rows = RowsBody::parse(&header, event, format).map_err(|e| at(e.into()))?;
            return Ok(Event { header, place, body: Body::Rows(self.rows(rows, place)?) });
        }
        let parsed = body::Body::parse(&header, event, format).map_err(|e| at(e.into()))?;
        let body = match parsed {
            body::Body::TableMap(map) => Body::Table(self.table(&map, event, place)?),
            body::Body::TransactionPayload(payload) => {
                Body::Payload(Payload::new(&payload, &self.limits, place)?)
            }
            body::Body::QueryCompressed(CompressedQuery(query)) => {
                let statement = self.inflate(query.statement, place)?;
                Body::Other(body::Body::Query(body::Query { statement, ..query }))
            }
            other => {
                self.note(&other);
                Body::Other(other)
            }
        };
        Ok(Event { header, place, body })
    }

    /// What later events need of those without rows.
    fn note(&mut self, body: &body::Body<'_>) {
        match body {
            body::Body::StartEncryption(_) => self.encrypted = true,
            // Behind a transaction no table map holds any more.
            body::Body::Xid(_) | body::Body::Gtid(_) | body::Body::MariadbGtid(_) => {
                self.statement += 1;
            }
            _ => {}
        }
    }

    fn table(
        &mut self,
        map: &TableMapBody<'_>,
        event: &[u8],
        place: Place,
    ) -> Result<&Table, DecodeError> {
        let body = &event[HEADER_LEN..];
        let id = map.table_id;
        let statement = self.statement;
        // The same table comes again with every statement: it needs no second look.
        let known = self.tables.get(&id).is_some_and(|known| known.table.is_of(body));
        if !known {
            self.make_room(place)?;
            let ask = self.schema.as_ref().map(|schema| {
                |fits: &Fits<'_>| {
                    schema.table(map.schema, map.table, fits).map_err(|error| {
                        let table = format!("{}.{}", map.schema, map.table);
                        let flaw = Flaw::Schema { table, reason: error.to_string() };
                        DecodeError::new(place, None, flaw)
                    })
                }
            });
            let is_mariadb = self.format.as_ref().is_some_and(|f| f.server_version.is_mariadb());
            let charset = self.assumed_charset;
            let table = Table::new(map, body, ask, charset, is_mariadb, place)?;
            self.tables.insert(id, Known { table, statement });
        }
        match self.tables.get_mut(&id) {
            Some(known) => {
                known.statement = statement;
                Ok(&known.table)
            }
            None => Err(DecodeError::new(place, None, Flaw::NoTableMap { table_id: id })),
        }
    }

    /// Forgets tables of earlier statements when there are too many.
    fn make_room(&mut self, place: Place) -> Result<(), DecodeError> {
        let limit = self.limits.tables_max;
        if self.tables.len() >= limit {
            let statement = self.statement;
            self.tables.retain(|_, known| known.statement == statement);
        }
        match self.tables.len() >= limit {
            true => Err(DecodeError::new(place, None, Flaw::TooManyTables { limit })),
            false => Ok(()),
        }
    }

    #[inline]
    fn rows<'a>(
        &'a mut self,
        mut body: RowsBody<'a>,
        place: Place,
    ) -> Result<Rows<'a>, DecodeError> {
        if body.ends_statement() {
            self.statement += 1;
        }
        if body.compressed {
            let Self { inflated, limits, .. } = self;
            body.rows = inflate_event(body.rows, limits, inflated, place)?;
            body.compressed = false;
        }
        let id = body.table_id;
        let table = match self.tables.get(&id) {
            Some(known) => &known.table,
            None if id == RowsBody::DUMMY_TABLE_ID => &self.nothing,
            None => {
                return Err(DecodeError::new(place, None, Flaw::NoTableMap { table_id: id }));
            }
        };
        Rows::new(table, &body, place)
    }

    fn inflate(&mut self, bytes: &[u8], place: Place) -> Result<&[u8], DecodeError> {
        inflate_event(bytes, &self.limits, &mut self.inflated, place)
    }
}

/// The memory that is kept for the next compressed event, in bytes: a few are much larger than the others.
const INFLATED_KEPT_MAX: usize = 1 << 20;

/// Decompresses a part of an event into a buffer that is used again.
fn inflate_event<'b>(
    bytes: &[u8],
    limits: &Limits,
    buffer: &'b mut Vec<u8>,
    place: Place,
) -> Result<&'b [u8], DecodeError> {
    let at = |flaw: Flaw| DecodeError::new(place, None, flaw);
    let (len, data) = event_parts(bytes).map_err(|error| at(error.into()))?;
    let limit = limits.inflated_event_max;
    let len = usize::try_from(len)
        .ok()
        .filter(|&len| len <= limit)
        .ok_or_else(|| at(Flaw::TooLarge { limit: limit as u64, name: "inflated_event_max" }))?;
    buffer.clear();
    buffer.shrink_to(INFLATED_KEPT_MAX);
    inflate(data, false, len, buffer)
        .map_err(|_| at(Flaw::Compressed { reason: "zlib's bytes are damaged".to_owned() }))?;
    Ok(buffer)
}

/// The header, if the event is as long as it says.
fn header(offset: u64, event: &[u8]) -> Result<EventHeader, DecodeError> {
    let header = EventHeader::parse(event)
        .map_err(|error| DecodeError::new(Place { offset, kind: EventKind(0) }, None, error))?;
    if header.size as usize != event.len() {
        let place = Place { offset, kind: header.kind };
        let flaw = Flaw::Size { header: header.size, actual: event.len() };
        return Err(DecodeError::new(place, None, flaw));
    }
    Ok(header)
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoder")
            .field("format", &self.format)
            .field("tables", &self.tables.len())
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
