//! Replicas of the node, by GTID and by file and position, that come and go.

use std::collections::BTreeSet;
use std::sync::Arc;

use binlogd_event::{ChecksumAlgorithm, EventHeader, EventKind, FIRST_EVENT, GtidSet, Rotate};
use binlogd_server::dump::{
    DumpError, MariadbWishes, Options, Progress, Sender, Start, ahead, find,
};
use binlogd_store::{Catalog, LogFile, LogName};
use testkit::rng::Rng;

use super::Flaw;
use super::server::{Ledger, Transaction, Transactions};

pub(super) struct Reader {
    is_mariadb: bool,
    /// The file and the position after its last transaction, if it reads by these.
    place: Option<(String, u64)>,
    has: GtidSet,
    /// What it has, in the order in which it came.
    pub(super) got: Ledger,
    dump: Option<Receiving>,
    /// It was told an error.
    pub(super) is_refused: bool,
}

/// One connection.
struct Receiving {
    sender: Sender,
    /// Packets that have not come as a whole.
    bytes: Vec<u8>,
    transactions: Transactions,
}

impl Reader {
    /// One that has nothing. By position it begins at the oldest file.
    pub(super) fn new(is_mariadb: bool, by_position: bool) -> Self {
        let place = by_position.then(|| (String::new(), FIRST_EVENT));
        Self::with(is_mariadb, place, &[])
    }

    /// One that has these transactions, maybe from a server itself, and then stood at a place in its files.
    pub(super) fn with(
        is_mariadb: bool,
        place: Option<(String, u64)>,
        got: &[Transaction],
    ) -> Self {
        let mut has = GtidSet::new();
        got.iter().for_each(|(gtid, _)| has.insert(*gtid));
        let got = got.to_vec();
        Self { is_mariadb, place, has, got, dump: None, is_refused: false }
    }

    pub(super) fn is_by_position(&self) -> bool {
        self.place.is_some()
    }

    pub(super) fn place(&self) -> Option<&(String, u64)> {
        self.place.as_ref()
    }

    pub(super) fn has(&self) -> &GtidSet {
        &self.has
    }

    /// Its connection breaks.
    pub(super) fn disconnect(&mut self) {
        self.dump = None;
    }

    /// Reads on, up to the end or not so far. Returns how many transactions came.
    ///
    /// # Errors
    /// What it was told.
    pub(super) fn read(
        &mut self,
        catalog: &Arc<Catalog>,
        rng: &mut Rng,
        flaw: Flaw,
    ) -> Result<usize, String> {
        let before = self.got.len();
        for _ in 0..rng.pick(&[1, 3, 1_000]) {
            match self.receive(catalog, flaw) {
                Ok(Progress::More) => {}
                Ok(_) => break,
                // It connects anew by itself.
                Err(DumpError::CutBack(_)) => self.dump = None,
                Err(error) if flaw == Flaw::LedToOtherTimeline && self.is_by_position() => {
                    self.dump = None;
                    let next = first_of_newest(catalog)
                        .filter(|_| error.to_string().contains("ends here"));
                    let Some(next) = next else { return Err(error.to_string()) };
                    self.place = Some((next.qualified_name(), FIRST_EVENT));
                }
                Err(error) => {
                    (self.dump, self.is_refused) = (None, true);
                    return Err(error.to_string());
                }
            }
        }
        Ok(self.got.len() - before)
    }

    fn receive(&mut self, catalog: &Arc<Catalog>, flaw: Flaw) -> Result<Progress, DumpError> {
        if self.dump.is_none() {
            self.begin(catalog, flaw)?;
        }
        let Some(dump) = &mut self.dump else { return Ok(Progress::CaughtUp) };
        let progress = match dump.sender.fill(&mut dump.bytes, false) {
            Ok(Progress::OnDisk) => dump.sender.fill(&mut dump.bytes, true),
            progress => progress,
        };
        self.take_packets(flaw);
        progress
    }

    fn begin(&mut self, catalog: &Arc<Catalog>, flaw: Flaw) -> Result<(), DumpError> {
        let is_unknown = !self.is_mariadb && catalog.unlogged().is_none();
        if self.place.is_none() && is_unknown && flaw != Flaw::UnloggedIgnored {
            // It waits until the primary was asked.
            return Ok(());
        }
        if self.place.is_none() && ahead(catalog, &self.has).is_some() {
            // It waits for these.
            return Ok(());
        }
        let options = Options {
            server_id: 4711,
            checksum: Some(ChecksumAlgorithm::Crc32),
            heartbeat_v2: false,
            semi_sync: false,
            non_blocking: false,
        };
        let by_gtid = self.place.is_none();
        let mariadb = self.is_mariadb.then(|| MariadbWishes {
            capability: 4,
            annotate: true,
            skip_replication: false,
            strict: false,
            lenient_domains: BTreeSet::new(),
            state: by_gtid.then(|| self.has.position()),
            until: None,
        });
        let mut has = (by_gtid && !self.is_mariadb).then(|| self.has.clone());
        if let (Some(has), Flaw::ForkedServed) = (&mut has, flaw) {
            catalog.timelines().iter().for_each(|line| *has = has.difference(&line.forked));
        }
        let (mut file, offset) = self.place.clone().unwrap_or((String::new(), FIRST_EVENT));
        if flaw == Flaw::AmbiguousIsNewest
            && let Some(newest) = newest_of_name(catalog, &file)
        {
            file = newest.qualified_name();
        }
        let start = Start { file, offset, has, mariadb };
        let mut point = find(catalog, &start)?;
        if let (Some(has), Flaw::ForkedForGood) = (&mut point.has, flaw) {
            has.extend(&catalog.forked());
        }
        let mut bytes = Vec::new();
        let sender = Sender::begin(catalog, point, options, start.mariadb, &mut bytes)?;
        self.dump = Some(Receiving { sender, bytes, transactions: Transactions::default() });
        self.take_packets(flaw);
        Ok(())
    }

    fn take_packets(&mut self, flaw: Flaw) {
        let Some(dump) = &mut self.dump else { return };
        let mut left = &dump.bytes[..];
        while let Some((&[a, b, c, _], rest)) = left.split_first_chunk() {
            let len = usize::try_from(u32::from_le_bytes([a, b, c, 0])).unwrap();
            let Some((packet, behind)) = rest.split_at_checked(len) else { break };
            left = behind;
            let (0, event) = (packet[0], &packet[1..]) else { continue };
            let header = EventHeader::parse(event).unwrap();
            if header.kind == EventKind::ROTATE {
                let rotate = Rotate::parse(&event[..event.len() - 4]).unwrap();
                let is_new = self.place.as_ref().is_some_and(|(file, _)| file != rotate.file);
                let position = match flaw {
                    Flaw::BegunAnew if is_new => FIRST_EVENT,
                    _ => rotate.position,
                };
                let here = (rotate.file.to_owned(), position);
                self.place = self.place.is_some().then_some(here);
            }
            if header.is_artificial() || header.kind.is_heartbeat() {
                continue;
            }
            dump.transactions.take(event);
            for (gtid, hash) in dump.transactions.whole.drain(..) {
                self.has.insert(gtid);
                self.got.push((gtid, hash));
                if let Some((_, offset)) = &mut self.place {
                    *offset = u64::from(header.log_pos.0);
                }
            }
        }
        dump.bytes = left.to_vec();
    }
}

fn first_of_newest(catalog: &Catalog) -> Option<Arc<LogFile>> {
    let files = catalog.files();
    let newest = files.last()?.timeline.number;
    files.into_iter().find(|file| file.timeline.number == newest)
}

fn newest_of_name(catalog: &Catalog, name: &str) -> Option<Arc<LogFile>> {
    let name = LogName::new(name)?;
    catalog.files().into_iter().rev().find(|file| file.name == name)
}
