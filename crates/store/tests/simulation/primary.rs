//! The history that is to be stored: a primary's files, event by event, which it may still change
//! where nobody has seen them.

use binlogd_event::GtidSet;
use testkit::binlog_gen::{BinlogGen, GenEvent, MAGIC, Options};
use testkit::rng::Rng;

/// Behind so many events of that file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Place {
    pub(crate) file: usize,
    pub(crate) events: usize,
}

pub(crate) struct Primary {
    rng: Rng,
    source: BinlogGen,
    files: Vec<PrimaryFile>,
    options: Options,
    /// One file in so many events.
    file_len: usize,
}

struct PrimaryFile {
    name: String,
    events: Vec<GenEvent>,
    /// The source before each event.
    before: Vec<BinlogGen>,
    has_ended: bool,
}

impl Primary {
    pub(crate) fn new(mut rng: Rng, options: Options) -> Self {
        let source = BinlogGen::new(rng.bits(), options).with_file_number(999_990);
        let file_len = rng.pick(&[8, 40, 200]);
        let files = vec![PrimaryFile::new(&source)];
        Self { rng, source, files, options, file_len }
    }

    pub(crate) fn has_checksums(&self) -> bool {
        self.options.checksums
    }

    pub(crate) fn name(&self, file: usize) -> &str {
        &self.files[file].name
    }

    pub(crate) fn index_of(&self, name: &str) -> Option<usize> {
        self.files.iter().position(|file| file.name == name)
    }

    /// The event at a place, which may be made only now; `None` where the file has ended.
    pub(crate) fn event(&mut self, place: Place) -> Option<GenEvent> {
        if place.events == self.files[place.file].events.len() {
            self.grow(place.file);
        }
        self.files[place.file].events.get(place.events).cloned()
    }

    fn grow(&mut self, last: usize) {
        let file = &mut self.files[last];
        if file.has_ended {
            return;
        }
        let may_end = file.events.len() > 2 && self.rng.one_in(self.file_len);
        if may_end && self.rng.one_in(4) {
            // A server that dies, perhaps in the middle of a transaction.
            self.source.begin_file();
            file.has_ended = true;
        } else {
            file.before.push(self.source.clone());
            file.has_ended = may_end && self.source.is_boundary();
            let event = if file.has_ended { self.source.rotate() } else { self.source.event() };
            file.events.push(event);
        }
        if self.files[last].has_ended {
            self.files.push(PrimaryFile::new(&self.source));
        }
    }

    /// Goes back to a place and makes another history from there on.
    pub(crate) fn fork(&mut self, place: Place) {
        let file = &mut self.files[place.file];
        let ends_here = file.has_ended && place.events == file.events.len();
        if !ends_here {
            if let Some(before) = file.before.get(place.events) {
                self.source = before.clone();
            }
            file.events.truncate(place.events);
            file.before.truncate(place.events);
            file.has_ended = false;
        } else if let Some(next) = self.files.get(place.file + 1) {
            self.source = next.before.first().unwrap_or(&self.source).clone();
        }
        self.files.truncate(place.file + 1);
        if ends_here {
            self.files.push(PrimaryFile::new(&self.source));
        }
        self.source.reseed(self.rng.bits());
    }

    /// Where a place is in its file, in bytes.
    pub(crate) fn offset(&self, place: Place) -> u64 {
        match place.events.checked_sub(1) {
            Some(last) => self.files[place.file].events[last].end,
            None => MAGIC.len() as u64,
        }
    }

    /// The place at an offset, if an event that was made ends there.
    pub(crate) fn place(&self, file: usize, offset: u64) -> Option<Place> {
        if offset == MAGIC.len() as u64 {
            return Some(Place { file, events: 0 });
        }
        let ends_at = |event: &GenEvent| event.end == offset;
        let last = self.files[file].events.iter().position(ends_at)?;
        Some(Place { file, events: last + 1 })
    }

    pub(crate) fn is_end_of_file(&self, place: Place) -> bool {
        let file = &self.files[place.file];
        file.has_ended && place.events == file.events.len()
    }

    /// A file's bytes up to a place.
    pub(crate) fn bytes(&self, place: Place) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        for event in &self.files[place.file].events[..place.events] {
            bytes.extend_from_slice(&event.bytes);
        }
        bytes
    }

    /// The end of a file that has ended.
    pub(crate) fn end_of(&self, file: usize) -> Place {
        Place { file, events: self.files[file].events.len() }
    }

    /// The last of a file's checkpoints, up to a place in it, before which there is nothing but `has`,
    /// and the GTIDs before it.
    pub(crate) fn checkpoint(
        &self,
        end: Place,
        distance: u64,
        has: &GtidSet,
    ) -> Option<(u64, GtidSet)> {
        /// Of a format description and a list of earlier GTIDs.
        const HEAD_EVENTS: usize = 2;
        const GTID: u8 = 33;
        let (mut found, mut last) = (None, None);
        for events in HEAD_EVENTS..end.events {
            let place = Place { events, ..end };
            let offset = self.offset(place);
            let last = last.get_or_insert(offset);
            let is_gtid = self.files[end.file].events[events].bytes[4] == GTID;
            if is_gtid && offset - *last >= distance {
                *last = offset;
                let before = self.executed(place);
                found = before.is_subset(has).then_some((offset, before)).or(found);
            }
        }
        found
    }

    /// The transactions that are complete at a place.
    pub(crate) fn executed(&self, place: Place) -> GtidSet {
        let mut executed = GtidSet::new();
        for (index, file) in self.files[..=place.file].iter().enumerate() {
            let events = if index == place.file { place.events } else { file.events.len() };
            let committed = file.events[..events].iter().filter_map(|event| event.commits);
            committed.for_each(|gtid| executed.insert(gtid));
        }
        executed
    }
}

impl PrimaryFile {
    fn new(source: &BinlogGen) -> Self {
        let name = source.file_name();
        Self { name, events: Vec::new(), before: Vec::new(), has_ended: false }
    }
}
