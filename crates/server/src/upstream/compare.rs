//! Compares a stored file with the primary's file of that name, event by event.

use std::sync::Arc;
use std::time::Duration;

use binlogd_client::{BinlogStream, ClientError, ConnectOptions, Connection, DumpOptions};
use binlogd_event::{EventHeader, EventKind, FIRST_EVENT, Rotate};
use binlogd_store::{Catalog, Cursor, LogFile, LogName, Read};
use binlogd_wire::dump::{BinlogDump, DumpFlags};

use super::error::explain;
use super::{Primary, UpstreamError};

/// How the primary's file of a stored file's name compares. Offsets are in bytes from the file's start.
#[derive(Debug)]
pub(crate) enum Compared {
    /// It begins with all that is stored.
    Same,
    /// The first event that differs begins at this offset.
    DiffersAt(u64),
    /// It ends at this offset, and more is stored.
    EndsAt(u64),
    /// It is the same up to this offset, and the primary refuses to send more.
    RefusedAt(u64),
}

/// How long the primary may send nothing.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// Stored bytes are read so many at a time.
const CHUNK: usize = 64 << 10;

/// Compares a stored file with what the primary sends of its own file of that name, over a connection
/// of its own.
///
/// # Errors
/// If the connection fails, or the stored file cannot be read.
pub(crate) async fn compare(
    options: &ConnectOptions,
    primary: &Primary,
    server_id: u32,
    catalog: &Arc<Catalog>,
    file: &Arc<LogFile>,
) -> Result<Compared, UpstreamError> {
    let mut comparison = Comparison::of(catalog, file)?;
    let mut stream = match open_dump(options, primary, server_id, &file.name).await {
        Ok(stream) => stream,
        Err(UpstreamError::Client(error)) => return comparison.refused(error, primary),
        Err(error) => return Err(error),
    };
    loop {
        let part = match tokio::time::timeout(SILENCE_MAX, stream.next_part()).await {
            Ok(Ok(part)) => part,
            Ok(Err(error)) => return comparison.refused(error, primary),
            Err(_) => return Err(UpstreamError::Silent(options.address(), SILENCE_MAX.as_secs())),
        };
        let Some(part) = part else { return Ok(comparison.ended()) };
        if let Some(compared) = comparison.part(part.bytes, part.first)? {
            return Ok(compared);
        }
    }
}

/// A dump of a file from its start, which ends at the end of what there is.
///
/// # Errors
/// If the connection fails, or the primary refuses.
async fn open_dump(
    options: &ConnectOptions,
    primary: &Primary,
    server_id: u32,
    file: &LogName,
) -> Result<BinlogStream, UpstreamError> {
    let mut connection = Connection::connect(options).await?;
    let checksum = primary.checksum.name();
    connection
        .execute(&format!(
            "SET @master_binlog_checksum = '{checksum}', @source_binlog_checksum = '{checksum}'"
        ))
        .await?;
    let mut flags = DumpFlags::NON_BLOCKING;
    if primary.is_mariadb() {
        connection.execute("SET @mariadb_slave_capability = 4").await?;
        flags = flags | DumpFlags::ANNOTATE_OR_HEARTBEAT_V2;
    }
    let command = BinlogDump { position: 4, flags, server_id, file: file.as_str().as_bytes() };
    Ok(connection.dump(&command, &DumpOptions::default()).await?)
}

struct Comparison {
    cursor: Cursor,
    /// How many bytes are stored.
    end: u64,
    /// Up to where both are the same, and where the event there begins.
    same: u64,
    event: u64,
    /// The event that is coming is no part of the file.
    is_artificial: bool,
}

impl Comparison {
    fn of(catalog: &Arc<Catalog>, file: &Arc<LogFile>) -> Result<Self, UpstreamError> {
        let cursor = Cursor::open(catalog.clone(), file.clone(), FIRST_EVENT)?;
        let end = FIRST_EVENT + cursor.available();
        let (same, event) = (FIRST_EVENT, FIRST_EVENT);
        Ok(Self { cursor, end, same, event, is_artificial: false })
    }

    /// Takes an event or a part of one; `Some` if that decides.
    fn part(&mut self, bytes: &[u8], is_first: bool) -> Result<Option<Compared>, UpstreamError> {
        if is_first {
            let header = EventHeader::parse(bytes).ok();
            self.is_artificial = header.is_some_and(|header| header.is_artificial());
            self.event = self.same;
            // Behind the file's end another one is announced.
            let names_file = header.is_some_and(|header| header.kind == EventKind::ROTATE)
                && Rotate::parse(bytes).is_ok();
            if self.is_artificial && names_file && self.same > FIRST_EVENT {
                return Ok(Some(self.ended()));
            }
        }
        if self.is_artificial {
            return Ok(None);
        }
        let left = usize::try_from(self.end - self.same).unwrap_or(usize::MAX);
        let (compared, behind) = bytes.split_at(bytes.len().min(left));
        let mut stored = vec![0; compared.len().min(CHUNK)];
        let mut rest = compared;
        while !rest.is_empty() {
            let len = rest.len().min(CHUNK);
            let got = match self.cursor.read(&mut stored[..len], false)? {
                Read::Bytes(got) => got,
                _ => 0,
            };
            if got == 0 || stored[..got] != rest[..got] {
                return Ok(Some(Compared::DiffersAt(self.event)));
            }
            rest = &rest[got..];
        }
        self.same += compared.len() as u64;
        if self.same < self.end {
            return Ok(None);
        }
        // What is stored ends with an event, so theirs must end there, too.
        let is_same = behind.is_empty() || self.event == self.end;
        Ok(Some(if is_same { Compared::Same } else { Compared::DiffersAt(self.event) }))
    }

    fn ended(&self) -> Compared {
        if self.same == self.end { Compared::Same } else { Compared::EndsAt(self.same) }
    }

    fn refused(&self, error: ClientError, primary: &Primary) -> Result<Compared, UpstreamError> {
        match error.server_error() {
            Some(_) => Ok(Compared::RefusedAt(self.event.max(self.same))),
            None => Err(explain(error, &primary.version)),
        }
    }
}
