//! One run: a primary, a store on a bad disk, and somebody who remembers what was promised.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use binlogd_event::GtidSet;
use binlogd_store::{Batch, Cursor, LogName, Read, Remedy, SourceId, Store, StoreError, Writer};
use testkit::binlog_gen::Options;
use testkit::rng::Rng;
use testkit::sim_disk::{ERRORS, Fault, Op, SimDisk};

use crate::flaws::{Flaw, FlawedFs};
use crate::primary::{Place, Primary};
use crate::tally::Tally;

const DIR: &str = "/var/data/stream";
const STEPS: usize = 160;
const LOG_LEN: usize = 60;
/// So often a recovery may fail before the disk is well again.
const HEALED_AFTER: usize = 4;

/// What a run found wrong.
type Checked<T> = Result<T, String>;

pub(crate) struct World {
    rng: Rng,
    flaw: Flaw,
    disk: SimDisk,
    primary: Primary,
    process: Option<Process>,
    /// Whole events up to here were handed to the writer and taken.
    taken: Place,
    /// Whole events up to here may be somewhere on the disk, though their write failed.
    tried: Place,
    /// The furthest place that was ever reported durable.
    reported: Place,
    /// Whether a sync has failed since the last restart, so that a kill may lose bytes too.
    sync_failed: bool,
    mark_every: u64,
    journal: u64,
    index_distance: u64,
    log: VecDeque<String>,
    tally: Tally,
}

/// What ends with the process.
struct Process {
    store: Store,
    writer: Writer,
    /// Bytes of the event behind `taken` that were written.
    part: usize,
}

impl World {
    /// Runs a seed; the error says what was wrong and how it came about.
    pub(crate) fn run(seed: u64, flaw: Flaw) -> Checked<Tally> {
        let mut rng = Rng::new(seed);
        let options = Options {
            checksums: rng.percent(80),
            row_len_max: rng.pick(&[50, 400, 3000, 20_000]),
            ..Options::default()
        };
        let mut world = Self {
            flaw,
            disk: SimDisk::new(rng.bits()),
            primary: Primary::new(rng.fork(), options),
            process: None,
            taken: Place::default(),
            tried: Place::default(),
            reported: Place::default(),
            sync_failed: false,
            mark_every: rng.pick(&[1, 3000, 30_000, 16 << 20]),
            journal: rng.pick(&[0, 8192, 40_000, 100_000]),
            index_distance: rng.pick(&[1, 700, 5000, 30_000]),
            log: VecDeque::new(),
            tally: Tally::default(),
            rng,
        };
        world.note(format!("{options:?}"));
        let outcome = world.live();
        outcome.map_err(|violation| {
            let log = Vec::from(std::mem::take(&mut world.log)).join("\n  ");
            format!("{violation}\nafter:\n  {log}")
        })?;
        Ok(world.tally)
    }

    fn live(&mut self) -> Checked<()> {
        self.restart(false)?;
        for _ in 0..STEPS {
            self.step()?;
            if self.disk.is_off() {
                self.note("the power went");
                self.crash(false)?;
            }
        }
        self.crash(true)
    }

    fn step(&mut self) -> Checked<()> {
        match self.rng.below(100) {
            0..50 => self.write(),
            50..75 => self.sync(),
            75..78 => self.disconnect(),
            78..80 => self.read(),
            80..82 => self.seek(),
            82..84 => self.mark(),
            84..87 => self.crash(true),
            87..89 => self.kill(true),
            89..92 => {
                let fault = self.random_fault();
                self.note(format!("{fault:?}"));
                self.disk.fail(fault);
                Ok(())
            }
            92..95 => {
                let changes = self.rng.below(12) as u64;
                self.note(format!("power off after {changes}"));
                self.disk.power_off_after(changes);
                Ok(())
            }
            95..98 => {
                let room = self.rng.between(0, 20_000);
                self.note(format!("room for {room}"));
                self.disk.set_capacity(Some(self.disk.used() + room));
                Ok(())
            }
            _ => {
                self.note("room for all");
                self.disk.set_capacity(None);
                Ok(())
            }
        }
    }

    fn random_fault(&mut self) -> Fault {
        let op = match self.rng.one_in(2) {
            true => self.rng.pick(&[Op::Write, Op::WriteDurable, Op::Sync, Op::Sync, Op::Create]),
            false => self.rng.pick(&Op::ALL),
        };
        let error = self.rng.pick(&ERRORS);
        let skip = self.rng.below(4) as u64;
        Fault::new(op, error).after(skip)
    }

    /// Hands over the rest of an event, some whole ones, and the beginning of another; or begins
    /// the next file.
    fn write(&mut self) -> Checked<()> {
        let Some(process) = &mut self.process else { return Ok(()) };
        let mut batch = Batch::default();
        let (mut taken, mut part) = (self.taken, process.part);
        let count = self.rng.pick(&[0, 1, 1, 2, 3, 10]);
        for _ in 0..count {
            let Some(event) = self.primary.event(taken) else { break };
            batch.bytes.extend_from_slice(&event.bytes[part..]);
            batch.verified_end = event.end;
            event.commits.into_iter().for_each(|gtid| batch.gtids.insert(gtid));
            taken.events += 1;
            part = 0;
        }
        if self.rng.one_in(3)
            && let Some(event) = self.primary.event(taken)
        {
            let more = self.rng.between(part, event.bytes.len() - 1);
            batch.bytes.extend_from_slice(&event.bytes[part..more]);
            part = more;
        }
        if batch.bytes.is_empty() {
            return if self.primary.is_end_of_file(taken) { self.start_file() } else { Ok(()) };
        }
        self.tried = self.tried.max(taken);
        match process.writer.write(&batch) {
            Ok(()) => {
                process.part = part;
                self.taken = taken;
                Ok(())
            }
            Err(error) => {
                self.tally.writes_failed += 1;
                self.failed("write", &error)
            }
        }
    }

    fn start_file(&mut self) -> Checked<()> {
        let Some(process) = &mut self.process else { return Ok(()) };
        let next = Place { file: self.taken.file + 1, events: 0 };
        let name = LogName::new(self.primary.name(next.file)).unwrap();
        match process.writer.start_file(&name) {
            Ok(_) => {
                self.note(format!("began {name}"));
                self.tally.files += 1;
                self.promise()?;
                (self.taken, self.tried) = (next, next);
                Ok(())
            }
            Err(error) => {
                self.tally.starts_failed += 1;
                self.failed("start file", &error)
            }
        }
    }

    fn sync(&mut self) -> Checked<()> {
        let Some(process) = &mut self.process else { return Ok(()) };
        match process.writer.sync() {
            Ok(durable) => {
                self.tally.syncs += 1;
                let durable = durable.map(|position| position.offset);
                if self.taken.events > 0 {
                    if durable != Some(self.primary.offset(self.taken)) {
                        return Err(format!("durable is {durable:?} at {:?}", self.taken));
                    }
                    self.note(format!("durable: {:?} {durable:?}", self.reported));
                }
                self.tried = self.taken;
                self.promise()?;
                self.check_executed(self.reported)
            }
            Err(error) => {
                self.tally.syncs_failed += 1;
                self.failed("sync", &error)
            }
        }
    }

    /// Remembers what the store reports durable.
    fn promise(&mut self) -> Checked<()> {
        let Some(process) = &self.process else { return Ok(()) };
        let durable = process.store.catalog().frontier().durable;
        let Some(file) = process.store.catalog().files().pop() else { return Ok(()) };
        if file.id != durable.file {
            return Err(format!("{durable:?} is durable, but {} is the last file", file.name));
        }
        let place = self.place(file.name.as_str(), durable.offset)?;
        if place < self.reported || place > self.taken {
            return Err(format!("{place:?} is reported durable after {:?}", self.reported));
        }
        self.reported = place;
        Ok(())
    }

    /// An error of the writer: cut the tail and go on, or recover, or start over.
    fn failed(&mut self, what: &str, error: &StoreError) -> Checked<()> {
        self.note(format!("{what}: {error}"));
        // What was durable in the journal alone is not served any more, but found again.
        if !matches!(error, StoreError::SyncFailed { .. }) {
            self.promise()?;
        }
        if self.disk.is_off() {
            return Ok(());
        }
        let Some(process) = &mut self.process else { return Ok(()) };
        match error {
            StoreError::SyncFailed { .. } | StoreError::Poisoned => {
                self.sync_failed = true;
                if !matches!(process.writer.sync(), Err(StoreError::Poisoned)) {
                    return Err("the writer goes on after a failed sync".to_owned());
                }
                match error.remedy() {
                    Remedy::Stop if self.rng.one_in(2) => self.kill(true),
                    Remedy::Stop => self.crash(true),
                    _ => self.recover_in_place(),
                }
            }
            StoreError::Io { .. } => match self.rng.below(3) {
                0 => self.recover_in_place(),
                _ => self.disconnect(),
            },
            error => Err(format!("{what}: {error:?}")),
        }
    }

    /// The connection is lost: what is not a whole event goes, and the primary may have lost what
    /// it did not yet send wholly. (It loses no more than that: what was sent, but not made durable
    /// by either side, would be a fork, which the store cannot see.)
    fn disconnect(&mut self) -> Checked<()> {
        let Some(process) = &mut self.process else { return Ok(()) };
        match process.writer.rollback() {
            Ok(()) => {
                process.part = 0;
                self.note(format!("rolled back to {:?}", self.taken));
                self.maybe_fork();
                Ok(())
            }
            Err(_) if self.disk.is_off() => Ok(()),
            Err(_) => self.recover_in_place(),
        }
    }

    fn maybe_fork(&mut self) {
        if self.rng.one_in(2) {
            self.note(format!("another history behind {:?}", self.tried));
            self.tally.forks += 1;
            self.primary.fork(self.tried);
        }
    }

    fn mark(&mut self) -> Checked<()> {
        let Some(process) = &mut self.process else { return Ok(()) };
        // Whether it works or not must not matter.
        match process.writer.mark_durable() {
            Err(error @ StoreError::SyncFailed { .. }) => self.failed("mark", &error),
            Err(error) => {
                self.note(format!("mark: {error}"));
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// A reader gets what is durable, from any file on.
    fn read(&mut self) -> Checked<()> {
        let Some(process) = &self.process else { return Ok(()) };
        let catalog = process.store.catalog();
        let files = catalog.files();
        if files.is_empty() || self.disk.is_off() {
            return Ok(());
        }
        let file = files[self.rng.below(files.len())].clone();
        let Some(index) = self.primary.index_of(file.name.as_str()) else {
            return Err(format!("listed: {}", file.name));
        };
        let hits = self.disk.faults_hit();
        let failed = |error: StoreError| match self.disk.faults_hit() > hits {
            // It comes again.
            true => Ok(()),
            false => Err(format!("reading: {error:?}")),
        };
        let mut cursor = match Cursor::open(catalog.clone(), file, 0) {
            Ok(cursor) => cursor,
            Err(error) => return failed(error),
        };
        let (mut index, mut bytes) = (index, Vec::new());
        let mut buf = vec![0; self.rng.pick(&[100, 5000, 100_000])];
        loop {
            let durable = self.end_in(index);
            match cursor.read(&mut buf, false) {
                Ok(Read::Bytes(len)) => bytes.extend_from_slice(&buf[..len]),
                Ok(Read::EndOfFile) => {
                    self.compare(durable, &bytes, "what a reader got")?;
                    match cursor.next_file() {
                        Ok(true) => {}
                        Ok(false) => return Err("the next file is there and is not".to_owned()),
                        Err(error) => return failed(error),
                    }
                    index += 1;
                    bytes = self.primary.bytes(Place { file: index, events: 0 });
                }
                Ok(Read::Frontier) => return self.compare(durable, &bytes, "what a reader got"),
                Ok(Read::NotCached) => return Err("not asked for".to_owned()),
                Err(_) if self.disk.is_off() => return Ok(()),
                Err(error) => return failed(error),
            }
        }
    }

    /// Who seeks finds the last checkpoint before which there is only what it has.
    fn seek(&mut self) -> Checked<()> {
        let Some(process) = &self.process else { return Ok(()) };
        let catalog = process.store.catalog();
        let files = catalog.files();
        if files.is_empty() || self.disk.is_off() {
            return Ok(());
        }
        let file = files[self.rng.below(files.len())].clone();
        let index = self.primary.index_of(file.name.as_str());
        let index = index.ok_or_else(|| format!("listed: {}", file.name))?;
        let end = self.end_in(index);
        let has = Place { file: index, events: self.rng.below(end.events + 1) };
        let has = self.primary.executed(has);
        let hits = self.disk.faults_hit();
        let begins = catalog.head(&file).map_or(0, |head| head.events_start);
        let found = match catalog.seek_on(&file, begins, |next| next.is_subset(&has)) {
            _ if self.disk.faults_hit() > hits => return Ok(()),
            Ok(found) => found,
            Err(_) if self.disk.is_off() => return Ok(()),
            Err(error) => return Err(format!("seeking: {error:?}")),
        };
        let wanted = self.primary.checkpoint(end, self.index_distance, &has);
        self.tally.seeks += u64::from(wanted.is_some());
        let found = found.map(|found| (found.offset, found.gtids()));
        let wanted = wanted.map(|(offset, gtids)| (offset, Some(gtids)));
        if found != wanted {
            return Err(format!("'{has}' leads in {} to {found:?}, not {wanted:?}", file.name));
        }
        Ok(())
    }

    /// How far a file is reported durable.
    fn end_in(&self, file: usize) -> Place {
        if file < self.reported.file { self.primary.end_of(file) } else { self.reported }
    }

    fn compare(&self, place: Place, bytes: &[u8], what: &str) -> Checked<()> {
        let expected = self.primary.bytes(place);
        if expected == bytes {
            return Ok(());
        }
        let at = expected.iter().zip(bytes).position(|(a, b)| a != b);
        Err(format!(
            "{what} of {} differs: {} bytes, not {}, unlike from {at:?}",
            self.primary.name(place.file),
            bytes.len(),
            expected.len()
        ))
    }

    fn crash(&mut self, on_purpose: bool) -> Checked<()> {
        if on_purpose {
            self.note("crash");
        }
        self.tally.crashes += 1;
        self.disk = self.disk.crash();
        self.process = None;
        self.sync_failed = false;
        self.restart(false)
    }

    fn kill(&mut self, on_purpose: bool) -> Checked<()> {
        if on_purpose {
            self.note("kill");
        }
        self.tally.kills += 1;
        self.disk = self.disk.kill();
        self.process = None;
        let nothing_lost = !std::mem::take(&mut self.sync_failed);
        self.restart(nothing_lost)
    }

    /// Opens the store, maybe on a disk that fails meanwhile, until that works.
    fn restart(&mut self, nothing_lost: bool) -> Checked<()> {
        let mut nothing_lost = nothing_lost;
        for attempt in 0.. {
            let is_bad = attempt < 3 && self.rng.one_in(4);
            if is_bad && self.rng.one_in(2) {
                let fault = self.random_fault();
                self.disk.fail(fault);
            } else if is_bad {
                self.disk.power_off_after(self.rng.below(15) as u64);
            }
            let error = match self.open() {
                Ok(process) => {
                    self.disk.clear_faults();
                    return self.opened(process, nothing_lost);
                }
                Err(error) => error,
            };
            self.tally.opens_failed += 1;
            self.note(format!("open: {error}"));
            match &error {
                StoreError::Io { .. } | StoreError::SyncFailed { .. } if is_bad => {}
                error if error.is_full() => self.disk.set_capacity(None),
                error => return Err(format!("cannot open: {error:?}")),
            }
            if self.disk.is_off() || self.rng.one_in(2) {
                nothing_lost = false;
                self.disk = self.disk.crash();
            } else {
                nothing_lost &= !matches!(error, StoreError::SyncFailed { .. });
                self.disk = self.disk.kill();
            }
        }
        Ok(())
    }

    fn open(&mut self) -> Result<Process, StoreError> {
        let fs = Arc::new(FlawedFs { disk: self.disk.clone(), flaw: self.flaw });
        let mut store = Store::open(fs, Path::new(DIR))?;
        let mut writer = store.writer(&SourceId::new("a-primary").unwrap())?;
        writer.mark_every(self.mark_every);
        writer.journal_capacity(self.journal);
        store.catalog().set_index_distance(self.index_distance);
        if store.resume().is_none() {
            writer.start_file(&LogName::new(self.primary.name(0)).unwrap())?;
        }
        Ok(Process { store, writer, part: 0 })
    }

    /// Judges what a restart has found.
    fn opened(&mut self, process: Process, nothing_lost: bool) -> Checked<()> {
        let found = match process.store.resume() {
            None => Place::default(),
            Some(resume) => {
                self.tally.bytes_cut += resume.cut;
                self.place(resume.file.name.as_str(), resume.end())?
            }
        };
        self.process = Some(process);
        self.judge(found, nothing_lost)
    }

    fn place(&self, file: &str, offset: u64) -> Checked<Place> {
        let place = self.primary.index_of(file).and_then(|file| self.primary.place(file, offset));
        place.ok_or_else(|| format!("no event ends at {offset} of {file}"))
    }

    fn judge(&mut self, found: Place, nothing_lost: bool) -> Checked<()> {
        self.note(format!("found {found:?}, reported {:?}, taken {:?}", self.reported, self.taken));
        if found < self.reported {
            return Err(format!(
                "{:?} was reported durable, but {found:?} is there",
                self.reported
            ));
        }
        if nothing_lost && self.primary.has_checksums() && found < self.taken {
            return Err(format!("{:?} was written, but {found:?} is there", self.taken));
        }
        let events = |from: Place, to: Place| to.events.saturating_sub(from.events) as u64;
        self.tally.events_lost += events(found, self.taken);
        self.tally.events_kept_unsynced += events(self.reported, found);
        (self.taken, self.tried) = (found, found);
        self.promise()?;
        self.check_files(found)?;
        self.check_executed(found)?;
        self.read()?;
        self.seek()?;
        self.maybe_fork();
        Ok(())
    }

    /// The files on the disk are the primary's up to `found`, and no more.
    fn check_files(&self, found: Place) -> Checked<()> {
        let Some(process) = &self.process else { return Ok(()) };
        let dir = Path::new(DIR).join("0001-a-primary");
        for file in 0..=found.file {
            let place = if file < found.file { self.primary.end_of(file) } else { found };
            let name = self.primary.name(file);
            let Some(bytes) = self.disk.contents(&dir.join(name)) else {
                return Err(format!("{name} was reported durable, but is not there"));
            };
            self.compare(place, &bytes, "the file")?;
        }
        let listed = process.store.catalog().files().len();
        let expected = if found.events > 0 { found.file + 1 } else { found.file };
        if listed != expected {
            return Err(format!("{listed} files are listed, not {expected}"));
        }
        Ok(())
    }

    fn check_executed(&self, place: Place) -> Checked<()> {
        let Some(process) = &self.process else { return Ok(()) };
        let (executed, expected) =
            (process.store.catalog().executed(), self.primary.executed(place));
        let gone: GtidSet = expected.difference(&executed);
        let extra = executed.difference(&expected);
        if !gone.is_empty() || !extra.is_empty() {
            return Err(format!("at {place:?} executed lacks '{gone}' and has '{extra}' too much"));
        }
        Ok(())
    }

    /// The same process gets a new writer, as often as it takes.
    fn recover_in_place(&mut self) -> Checked<()> {
        let Some(Process { mut store, writer, .. }) = self.process.take() else { return Ok(()) };
        self.tally.recoveries += 1;
        drop(writer);
        for attempt in 0..=HEALED_AFTER {
            if attempt == HEALED_AFTER {
                self.disk.clear_faults();
                self.disk.set_capacity(None);
            }
            let recovered = store.recover().map(|_| ());
            let writer =
                recovered.and_then(|()| store.writer(&SourceId::new("a-primary").unwrap()));
            match writer {
                Ok(mut writer) => {
                    writer.mark_every(self.mark_every);
                    writer.journal_capacity(self.journal);
                    self.note("recovered");
                    return self.opened(Process { store, writer, part: 0 }, false);
                }
                Err(_) if self.disk.is_off() => return Ok(()),
                Err(error @ (StoreError::Io { .. } | StoreError::SyncFailed { .. })) => {
                    self.note(format!("recover: {error}"));
                    self.sync_failed |= matches!(error, StoreError::SyncFailed { .. });
                    if error.remedy() == Remedy::Stop {
                        return self.kill(true);
                    }
                }
                Err(error) => return Err(format!("cannot recover: {error:?}")),
            }
        }
        Err("it does not recover on a disk that is well again".to_owned())
    }

    fn note(&mut self, text: impl Into<String>) {
        if self.log.len() == LOG_LEN {
            self.log.pop_front();
        }
        self.log.push_back(text.into());
    }
}
