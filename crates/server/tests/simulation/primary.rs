//! A primary that writes generated files and sends them as a real one does.

use std::sync::Arc;

use binlogd_event::{
    CHECKSUM_LEN, EventFlags, EventHeader, EventKind, FormatDescription, LogPos, MAGIC, ServerUuid,
    event_crc32,
};
use testkit::binlog_gen::{BinlogGen, Options};
use testkit::rng::Rng;

/// An event of a file: where it begins, its bytes, whether a client waits for it.
#[derive(Debug, Clone)]
pub(crate) struct Written {
    pub(crate) start: u64,
    pub(crate) bytes: Arc<[u8]>,
    pub(crate) commits: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct BinlogFile {
    pub(crate) name: String,
    pub(crate) events: Vec<Written>,
}

impl BinlogFile {
    /// The file as it is on the primary's disk.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let events = self.events.iter().flat_map(|event| event.bytes.iter().copied());
        MAGIC.into_iter().chain(events).collect()
    }
}

#[derive(Debug)]
pub(crate) struct Primary {
    source: BinlogGen,
    pub(crate) files: Vec<BinlogFile>,
}

impl Primary {
    pub(crate) fn new(seed: u64, rng: &mut Rng) -> Self {
        let row_len_max = rng.pick(&[60, 400, 40_000]);
        let source = BinlogGen::new(seed, Options { row_len_max, ..Options::default() });
        let name = source.file_name();
        Self { source, files: vec![BinlogFile { name, events: Vec::new() }] }
    }

    /// Writes an event, now and then the end of a file.
    pub(crate) fn write(&mut self, rng: &mut Rng) {
        let start = self.source.offset();
        let at_boundary = self.source.is_boundary();
        let event =
            if at_boundary && rng.one_in(12) { self.source.rotate() } else { self.source.event() };
        let file = self.files.last_mut().unwrap();
        let commits = event.commits.is_some();
        file.events.push(Written { start, bytes: event.bytes.into(), commits });
        if self.source.file_name() != file.name {
            let name = self.source.file_name();
            self.files.push(BinlogFile { name, events: Vec::new() });
        }
    }

    /// Has another last file from now on, as one that was restored; returns the old one.
    pub(crate) fn fork(&mut self, rng: &mut Rng) -> BinlogFile {
        let options = Options { uuid: ServerUuid([7; 16]), ..Options::default() };
        let mut other = BinlogGen::new(rng.bits(), options);
        let last = self.files.last_mut().unwrap();
        while other.file_name() != last.name {
            other.begin_file();
        }
        self.source = other;
        let name = last.name.clone();
        std::mem::replace(last, BinlogFile { name, events: Vec::new() })
    }

    pub(crate) fn file(&self, name: &str) -> Option<&BinlogFile> {
        self.files.iter().find(|file| file.name == name)
    }
}

/// What a dump sends, in order.
#[derive(Debug)]
pub(crate) struct Dump {
    file: usize,
    next: usize,
    /// Events that the primary makes for the reader.
    made: Vec<Vec<u8>>,
}

/// The next thing that a dump sends.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) bytes: Vec<u8>,
    pub(crate) wants_ack: bool,
}

impl Dump {
    /// `None` if there is no such file or event.
    pub(crate) fn begin(primary: &Primary, name: &str, offset: u64) -> Option<Self> {
        let file = primary.files.iter().position(|file| file.name == name)?;
        let events = &primary.files[file].events;
        let next = match offset {
            4 => 0,
            _ => events.iter().position(|event| event.start == offset)?,
        };
        let mut made = vec![rotate(name, offset)];
        if offset > 4 {
            let mut format = events[0].bytes.to_vec();
            FormatDescription::make_artificial(&mut format).unwrap();
            made.push(format);
        }
        made.reverse();
        Some(Self { file, next, made })
    }

    pub(crate) fn next(&mut self, primary: &Primary) -> Option<Sent> {
        if let Some(bytes) = self.made.pop() {
            return Some(Sent { bytes, wants_ack: false });
        }
        if let Some(event) = primary.files[self.file].events.get(self.next) {
            self.next += 1;
            return Some(Sent { bytes: event.bytes.to_vec(), wants_ack: event.commits });
        }
        let next = primary.files.get(self.file + 1)?;
        (self.file, self.next) = (self.file + 1, 0);
        Some(Sent { bytes: rotate(&next.name, 4), wants_ack: false })
    }
}

fn rotate(name: &str, position: u64) -> Vec<u8> {
    let body = [&position.to_le_bytes()[..], name.as_bytes()].concat();
    let header = EventHeader {
        timestamp: 0,
        kind: EventKind::ROTATE,
        server_id: 4711,
        size: u32::try_from(19 + body.len() + CHECKSUM_LEN).unwrap(),
        log_pos: LogPos(0),
        flags: EventFlags::ARTIFICIAL,
    };
    let event = [&header.to_bytes()[..], &body].concat();
    let crc = event_crc32(&event).to_le_bytes();
    [&event[..], &crc].concat()
}
