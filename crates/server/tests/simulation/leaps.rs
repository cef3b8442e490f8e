//! Readers of a history with an index, which leads them past what they are not sent, and without one: packet for
//! packet they must get the same.

use std::path::Path;
use std::sync::Arc;

use binlogd_event::{ChecksumAlgorithm, EventHeader, EventKind, FIRST_EVENT, GtidSet};
use binlogd_server::dump::{
    DumpError, MariadbWishes, Options, Progress, Sender, Start, StartPoint, find,
};
use binlogd_store::{Batch, Catalog, LogName, SourceId, Store};
use testkit::rng::Rng;
use testkit::sim_disk::SimDisk;

use crate::history::{History, Kind, position};

/// What came of readers.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Those to whom more than the first packets came.
    served: u64,
    /// Those who were told an error.
    refused: u64,
    /// Those for whom less was read with an index, of MySQL's and of MariaDB's.
    led: [u64; 2],
    /// Those who began behind the file's head.
    begun_further: u64,
}

impl Tally {
    pub(crate) fn check_busy(&self) {
        let [mysql, mariadb] = self.led;
        let counts = [
            ("readers served", self.served, 2_000),
            ("readers refused", self.refused, 200),
            ("of MySQL's led", mysql, 200),
            ("of MariaDB's led", mariadb, 400),
            ("begun further", self.begun_further, 150),
        ];
        for (what, count, at_least) in counts {
            assert!(count >= at_least, "only {count} {what}");
        }
    }
}

/// No file is as long.
const NO_INDEX: u64 = u64::MAX;

const READERS: usize = 12;

/// One history, and some readers of it.
pub(crate) fn run(seed: u64, tally: &mut Tally) -> Result<(), String> {
    let mut rng = Rng::new(seed);
    let history = History::new(&mut rng);
    let distance = rng.pick(&[1, 500, 3_000, 20_000]);
    let with = Stored::new(&history, distance, rng.bits());
    let without = Stored::new(&history, NO_INDEX, rng.bits());
    for _ in 0..READERS {
        let (start, options) = reader(&history, &mut rng);
        let (led, plain) = (with.begin(&start), without.begin(&start));
        let (led, plain) = match (led, plain) {
            (Ok(led), Ok(mut plain)) => {
                let is_same_file = led.file.id == plain.file.id;
                let may_begin_further = history.kind == Kind::Mariadb11;
                if !is_same_file || led.offset != plain.offset && !may_begin_further {
                    return Err(format!("{start:?} begins at {led:?}, not {plain:?}"));
                }
                if led.offset != plain.offset {
                    tally.begun_further += 1;
                    lacks_nothing(&with, &led, &without, &plain, &start, options)?;
                }
                (plain.offset, plain.before) = (led.offset, led.before.clone());
                (with.serve(led, &start, options), without.serve(plain, &start, options))
            }
            (led, plain) => {
                let refusal = |begun: Result<StartPoint, DumpError>| Served {
                    end: format!("{:?}", begun.map(|point| point.offset)),
                    ..Served::default()
                };
                (refusal(led), refusal(plain))
            }
        };
        tally.refused += u64::from(plain.end.contains("Err"));
        tally.served += u64::from(plain.packets.len() > 1_000);
        tally.led[usize::from(history.is_mariadb())] += u64::from(led.read < plain.read);
        if (&led.packets, &led.end) != (&plain.packets, &plain.end) {
            let at = led.packets.iter().zip(&plain.packets).position(|(led, plain)| led != plain);
            return Err(format!(
                "{start:?}\nis served {} bytes and {}, not {} and {}; unlike from {at:?}",
                led.packets.len(),
                led.end,
                plain.packets.len(),
                plain.end
            ));
        }
    }
    Ok(())
}

/// Who begins further on, as by the index that MariaDB 11 has itself, gets the same transactions.
fn lacks_nothing(
    with: &Stored,
    led: &StartPoint,
    without: &Stored,
    plain: &StartPoint,
    start: &Start,
    options: Options,
) -> Result<(), String> {
    // Others are sent what looks like a transaction's, in the place of what they do not know.
    if start.mariadb.as_ref().is_some_and(|wishes| wishes.capability == 4) {
        let further = with.serve(led.clone(), start, options);
        let all = without.serve(plain.clone(), start, options);
        if further.transactions(options) != all.transactions(options) {
            return Err(format!("{start:?} gets others from {}", led.offset));
        }
    }
    Ok(())
}

/// A history on a disk.
struct Stored {
    disk: SimDisk,
    store: Store,
}

/// What a reader got.
#[derive(Debug, Default)]
struct Served {
    packets: Vec<u8>,
    end: String,
    /// Bytes that were read for it.
    read: u64,
}

impl Served {
    /// The events that are a transaction's: not those of a file, nor those made for the reader.
    fn transactions(&self, options: Options) -> Vec<&[u8]> {
        let marker_len = if options.semi_sync { 3 } else { 1 };
        let (mut left, mut events) = (&self.packets[..], Vec::new());
        while let Some((&[a, b, c, _], rest)) = left.split_first_chunk() {
            let len = usize::try_from(u32::from_le_bytes([a, b, c, 0])).unwrap();
            let (packet, behind) = rest.split_at(len);
            left = behind;
            // Others are an error, or the end.
            if packet[0] == 0 {
                events.push(&packet[marker_len..]);
            }
        }
        events.retain(|event| {
            let header = EventHeader::parse(event).unwrap();
            let of_files = [
                EventKind::FORMAT_DESCRIPTION,
                EventKind::GTID_LIST,
                EventKind::BINLOG_CHECKPOINT,
                EventKind::ROTATE,
            ];
            !of_files.contains(&header.kind) && !header.is_artificial()
        });
        events
    }
}

impl Stored {
    fn new(history: &History, index_distance: u64, seed: u64) -> Self {
        let disk = SimDisk::new(seed);
        let mut store = Store::open(Arc::new(disk.clone()), Path::new("/s")).unwrap();
        store.catalog().set_index_distance(index_distance);
        let mut end = None;
        for (timeline, number) in history.timelines.iter().zip(1..) {
            let source = SourceId::of_server_id(number);
            if let Some(end) = end {
                store.begin_timeline(&source, end, timeline.forked.clone()).unwrap();
            }
            let mut writer = store.writer(&source).unwrap();
            for file in &timeline.files {
                writer.start_file(&LogName::new(&file.name).unwrap()).unwrap();
                let verified_end = FIRST_EVENT + file.bytes.len() as u64;
                let (bytes, gtids) = (file.bytes.clone(), file.gtids.clone());
                writer.write(&Batch { bytes, verified_end, gtids }).unwrap();
                end = Some(&file.end);
            }
            writer.sync().unwrap();
            drop(writer);
            store.recover().unwrap();
        }
        Self { disk, store }
    }

    fn catalog(&self) -> &Arc<Catalog> {
        self.store.catalog()
    }

    fn begin(&self, start: &Start) -> Result<StartPoint, DumpError> {
        find(self.catalog(), start)
    }

    fn serve(&self, point: StartPoint, start: &Start, options: Options) -> Served {
        let before = self.disk.bytes_read();
        let mut packets = Vec::new();
        let mut sender =
            Sender::begin(self.catalog(), point, options, start.mariadb.clone(), &mut packets)
                .unwrap();
        let end = loop {
            let mut out = Vec::new();
            let progress = match sender.fill(&mut out, false) {
                Ok(Progress::OnDisk) => sender.fill(&mut out, true),
                progress => progress,
            };
            if let Err(error) = &progress {
                sender.error(&mut out, &error.to_server_error());
            }
            packets.extend(out);
            sender.take_asked();
            match progress {
                Ok(Progress::More) => {}
                end => break format!("{end:?}"),
            }
        };
        Served { packets, end, read: self.disk.bytes_read() - before }
    }
}

/// Somebody who wants to read a history from some place.
fn reader(history: &History, rng: &mut Rng) -> (Start, Options) {
    let checksum = match (rng.one_in(20), history.checksums) {
        (true, _) => None,
        (_, true) => Some(ChecksumAlgorithm::Crc32),
        (_, false) => Some(ChecksumAlgorithm::None),
    };
    let options = Options {
        server_id: 4711,
        checksum,
        heartbeat_v2: rng.one_in(2),
        semi_sync: rng.one_in(2),
        non_blocking: true,
    };
    let mut start = Start { file: String::new(), offset: FIRST_EVENT, has: None, mariadb: None };
    let by_gtid = rng.percent(75);
    if !by_gtid || rng.one_in(10) {
        let timeline = &history.timelines[rng.below(history.timelines.len())];
        let file = &timeline.files[rng.below(timeline.files.len())];
        start.file.clone_from(&file.name);
        start.offset = match rng.below(10) {
            0 => rng.below(500) as u64,
            1..=5 => FIRST_EVENT,
            _ => file.events[rng.below(file.events.len())],
        };
    }
    if history.is_mariadb() {
        start.mariadb = Some(MariadbWishes {
            capability: if rng.one_in(4) { rng.below(5) as u64 } else { 4 },
            annotate: rng.one_in(2),
            skip_replication: rng.one_in(3),
            strict: rng.one_in(4),
            lenient_domains: std::collections::BTreeSet::new(),
            state: by_gtid.then(|| position(history, rng)),
            until: rng.one_in(3).then(|| position(history, rng)),
        });
    } else if by_gtid {
        start.has = Some(subset(history, rng));
    }
    (start, options)
}

/// Runs of a history's transactions.
fn subset(history: &History, rng: &mut Rng) -> GtidSet {
    let mut has = GtidSet::new();
    let run_len = rng.pick(&[3, 20, 100, 1000]);
    let mut is_in = rng.percent(80);
    for gtid in &history.gtids {
        is_in ^= rng.one_in(run_len);
        if is_in {
            has.insert(*gtid);
        }
    }
    has
}
