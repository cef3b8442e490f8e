//! One seed's story, and what is checked all the while.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use binlogd_event::{ChecksumAlgorithm, EventPart, MAGIC, Splitter};
use binlogd_server::ingest::{
    Committer, Intake, IntakeError, Overlap, Predecessor, Tail, apply_all,
};
use binlogd_store::{Cursor, LogName, Read, Remedy, SourceId, Store, StoreError};
use testkit::rng::Rng;
use testkit::sim_disk::{ERRORS, Fault, Op, SimDisk};

use crate::primary::{BinlogFile, Dump, Primary};

/// A rule that is broken on purpose, to see that the checker notices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    None,
    /// What the primary waits for is acknowledged when it was written.
    AckBeforeSync,
    /// A damaged event is stored all the same.
    StoreUnverified,
}

/// What happened, so that one sees that enough did.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    acks: u64,
    crashes: u64,
    kills: u64,
    faults: u64,
    garbled: u64,
    forks: u64,
    served: u64,
    files: u64,
    torn: u64,
    healed: u64,
}

impl Tally {
    pub(crate) fn add(&mut self, other: &Self) {
        self.acks += other.acks;
        self.crashes += other.crashes;
        self.kills += other.kills;
        self.faults += other.faults;
        self.garbled += other.garbled;
        self.forks += other.forks;
        self.served += other.served;
        self.files += other.files;
        self.torn += other.torn;
        self.healed += other.healed;
    }

    pub(crate) fn check_busy(&self) {
        let counts = [
            ("acknowledgements", self.acks, 2_000),
            ("crashes", self.crashes, 500),
            ("kills", self.kills, 200),
            ("faults", self.faults, 200),
            ("garbled events", self.garbled, 200),
            ("forks", self.forks, 1),
            ("bytes served", self.served, 1_000_000),
            ("files", self.files, 500),
            ("torn files left", self.torn, 100),
            ("failures that healed", self.healed, 200),
        ];
        for (what, count, at_least) in counts {
            assert!(count >= at_least, "only {count} {what}");
        }
    }
}

pub(crate) struct World {
    rng: Rng,
    flaw: Flaw,
    disk: SimDisk,
    primary: Primary,
    node: Option<Node>,
    /// The newest acknowledged event: file and end.
    acked: Option<(String, u64)>,
    /// Of each file, as far as any reader was served.
    served: HashMap<String, u64>,
    /// A file that is stored and of which the primary has another one now.
    old: Option<BinlogFile>,
    tally: Tally,
}

/// The process under test.
struct Node {
    store: Store,
    committer: Option<Committer>,
    tail: Option<Tail>,
    link: Option<Link>,
    must_recover: bool,
    /// The file behind a torn one, to go on with.
    next_file: Option<LogName>,
}

/// A connection.
struct Link {
    dump: Dump,
    intake: Intake,
}

/// What is wrong, in words.
pub(crate) type Violation = String;

const DIR: &str = "/data/default";
const UUID: &str = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
const STEPS: usize = 220;

impl World {
    pub(crate) fn new(seed: u64, flaw: Flaw) -> Self {
        let mut rng = Rng::new(seed);
        let disk = SimDisk::new(rng.bits());
        let primary = Primary::new(rng.bits(), &mut rng);
        let served = HashMap::new();
        Self {
            rng,
            flaw,
            disk,
            primary,
            node: None,
            acked: None,
            served,
            old: None,
            tally: Tally::default(),
        }
    }

    pub(crate) fn run(mut self) -> Result<Tally, Violation> {
        for _ in 0..STEPS {
            self.step()?;
        }
        // At last everything is well again, and everything must arrive.
        self.disk.clear_faults();
        self.disk.set_capacity(None);
        if self.node.is_none() || self.rng.one_in(2) {
            self.restart(false)?;
        }
        for _ in 0..10_000 {
            if self.node.as_ref().is_some_and(|node| node.link.is_none()) {
                self.connect()?;
            }
            if self.node.is_none() || self.old.is_some() || !self.receive(false)? {
                break;
            }
        }
        self.commit()?;
        self.check_files()?;
        self.check_all_there()?;
        self.tally.files += self.primary.files.len() as u64;
        Ok(self.tally)
    }

    fn step(&mut self) -> Result<(), Violation> {
        match self.rng.below(100) {
            0..=29 => {
                for _ in 0..self.rng.between(1, 12) {
                    self.primary.write(&mut self.rng);
                }
            }
            30..=69 => {
                for _ in 0..self.rng.between(1, 20) {
                    let garbles = self.rng.one_in(40);
                    if !self.receive(garbles)? {
                        break;
                    }
                }
            }
            70..=83 => self.commit()?,
            84..=87 => self.read()?,
            88..=89 => _ = self.disconnect(),
            90 => self.fault(),
            91..=92 => self.restart(true)?,
            93 => self.restart(false)?,
            94 if self.rng.one_in(8) => self.fork(),
            95 => {
                self.disconnect();
                self.primary.die(&mut self.rng);
            }
            _ => self.connect()?,
        }
        Ok(())
    }

    /// Dies and comes back: with the machine, or alone.
    fn restart(&mut self, with_machine: bool) -> Result<(), Violation> {
        self.node = None;
        self.disk = if with_machine { self.disk.crash() } else { self.disk.kill() };
        self.disk.clear_faults();
        self.disk.set_capacity(None);
        let count = if with_machine { &mut self.tally.crashes } else { &mut self.tally.kills };
        *count += 1;
        let store = Store::open(Arc::new(self.disk.clone()), Path::new(DIR))
            .map_err(|error| format!("it does not start: {error}"))?;
        let tail = store.resume().map(Tail::from);
        let (committer, link, must_recover, next_file) = (None, None, false, None);
        self.node = Some(Node { store, committer, tail, link, must_recover, next_file });
        self.check_files()
    }

    fn connect(&mut self) -> Result<(), Violation> {
        let Some(node) = &mut self.node else { return self.restart(false) };
        if node.link.is_some() {
            return Ok(());
        }
        if node.must_recover {
            node.committer = None;
            match node.store.recover() {
                Ok(resume) => node.tail = resume.map(Tail::from),
                Err(error) if error.remedy() == Remedy::Stop => return self.restart(false),
                Err(_) => return Ok(()),
            }
            node.must_recover = false;
        }
        let checksum = ChecksumAlgorithm::Crc32;
        let next_file = node.next_file.take();
        let intake = match &node.tail {
            Some(tail) if next_file.is_some() => {
                Intake::at_file(next_file.unwrap(), Predecessor::from(tail), checksum)
            }
            None => {
                let first = LogName::new(&self.primary.files[0].name).unwrap();
                Intake::at_file(first, Predecessor::None, checksum)
            }
            Some(tail) => match Overlap::at(node.store.catalog(), tail) {
                Ok(overlap) => Intake::at_tail(tail, overlap, checksum),
                Err(_) => return Ok(()),
            },
        };
        let name = intake.file().to_string();
        // A primary that lost its tail answers with an error.
        let Some(dump) = Dump::begin(&self.primary, &name, intake.start()) else {
            return Ok(());
        };
        if node.committer.is_none() {
            match node.store.writer(&SourceId::new(UUID).unwrap()) {
                Ok(writer) => node.committer = Some(Committer::new(writer)),
                Err(error) if error.remedy() == Remedy::Stop => return self.restart(false),
                Err(_) => return Ok(()),
            }
        }
        node.link = Some(Link { dump, intake });
        Ok(())
    }

    /// Takes the next event, whole or in parts; `false` if none is there.
    fn receive(&mut self, garbles: bool) -> Result<bool, Violation> {
        let Some(node) = &mut self.node else { return Ok(false) };
        let Some(link) = &mut node.link else { return Ok(false) };
        let Some(mut sent) = link.dump.next(&self.primary) else {
            if link.dump.is_refused(&self.primary) {
                return self.leave_torn_file();
            }
            return Ok(false);
        };
        if garbles {
            let at = self.rng.below(sent.bytes.len());
            sent.bytes[at] ^= 1 << self.rng.below(8);
            self.tally.garbled += 1;
        }
        // Small events come whole, as the client's buffer has it.
        let cut = match sent.bytes.len() {
            len if len > 2_000 && self.rng.one_in(2) => self.rng.between(1_000, len - 1),
            len => len,
        };
        let (head, rest) = sent.bytes.split_at(cut);
        let hits = self.disk.faults_hit();
        let first = EventPart { first: true, last: rest.is_empty(), bytes: head };
        let mut outcome = link.intake.part(first, sent.wants_ack);
        if outcome.is_ok() && !rest.is_empty() {
            if self.rng.one_in(10) {
                // The connection breaks inside of the event.
                self.disconnect();
                return Ok(true);
            }
            let last = EventPart { first: false, last: true, bytes: rest };
            outcome = link.intake.part(last, sent.wants_ack);
        }
        match &outcome {
            Ok(()) => {}
            Err(IntakeError::Fork { .. }) if self.old.is_some() => self.tally.forks += 1,
            Err(_) if garbles || self.old.is_some() => {}
            Err(IntakeError::Store(_)) if self.disk.faults_hit() > hits => {}
            Err(error) => return Err(format!("a good event was refused: {error}")),
        }
        match (outcome, self.flaw) {
            (Ok(()), _) => {}
            (Err(IntakeError::Verify { .. }), Flaw::StoreUnverified) => {
                self.store_anyway(&sent.bytes)?;
                self.disconnect();
            }
            _ => _ = self.disconnect(),
        }
        Ok(true)
    }

    fn commit(&mut self) -> Result<(), Violation> {
        let Some(node) = &mut self.node else { return Ok(()) };
        let (Some(link), Some(committer)) = (&mut node.link, &mut node.committer) else {
            return Ok(());
        };
        link.intake.flush();
        if self.flaw == Flaw::AckBeforeSync {
            let end = link.intake.verifier().offset();
            self.acked = Some((link.intake.file().to_string(), end));
        }
        match apply_all(&mut link.intake, committer).and_then(|()| committer.commit()) {
            Ok(None) => Ok(()),
            Ok(Some(point)) => {
                self.tally.acks += 1;
                self.acked = Some((point.file.to_string(), point.offset));
                Ok(())
            }
            Err(error) => self.store_failed(&error),
        }
    }

    fn store_failed(&mut self, error: &StoreError) -> Result<(), Violation> {
        let Some(node) = &mut self.node else { return Ok(()) };
        node.link = None;
        if let Some(committer) = node.committer.take() {
            committer.give_up(error);
        }
        node.must_recover = true;
        if error.remedy() == Remedy::Stop {
            // Only a restart helps, which is not a crash of the machine.
            return self.restart(false);
        }
        self.tally.healed += 1;
        self.disk.set_capacity(None);
        Ok(())
    }

    /// Says whether what had come is stored.
    fn disconnect(&mut self) -> bool {
        let Some(node) = &mut self.node else { return false };
        let (Some(mut link), Some(committer)) = (node.link.take(), &mut node.committer) else {
            return false;
        };
        link.intake.settle();
        let settled = apply_all(&mut link.intake, committer).and_then(|()| committer.settle());
        match settled {
            Ok(()) => {
                let newest = node.store.catalog().newest();
                if let Some(file) = newest.filter(|file| file.name == *link.intake.file()) {
                    node.tail = Some(Tail { file, verifier: link.intake.verifier().clone() });
                }
            }
            Err(error) => {
                // What comes of it is judged at the next step.
                let _ = self.store_failed(&error);
                return false;
            }
        }
        true
    }

    /// The primary cannot send the rest of a file: whoever has what it committed goes on with the next.
    fn leave_torn_file(&mut self) -> Result<bool, Violation> {
        let link = self.node.as_ref().and_then(|node| node.link.as_ref());
        let is_following = link.is_some_and(|link| link.intake.is_following());
        if !self.disconnect() {
            // It may have been started anew.
            return Ok(true);
        }
        let Some(node) = &mut self.node else { return Ok(true) };
        let Some(tail) = node.tail.as_ref().filter(|_| is_following && !node.must_recover) else {
            return Ok(true);
        };
        let files = &self.primary.files;
        let torn = files.iter().position(|file| file.name == tail.file.name.as_str()).unwrap();
        let wanted = files[torn].servable_len(true);
        let end = tail.verifier.offset();
        if end != wanted {
            return Err(format!("{} is left at {end} instead of {wanted}", files[torn].name));
        }
        node.next_file = LogName::new(&files[torn + 1].name);
        self.tally.torn += 1;
        self.connect()?;
        Ok(true)
    }

    fn fault(&mut self) {
        self.tally.faults += 1;
        if self.rng.one_in(5) {
            let room = self.rng.below(20_000);
            return self.disk.set_capacity(Some(self.disk.used() + room));
        }
        let op = match self.rng.one_in(2) {
            true => self.rng.pick(&[Op::Sync, Op::Write, Op::Create, Op::SetLen]),
            false => self.rng.pick(&Op::ALL),
        };
        let fault = Fault::new(op, self.rng.pick(&ERRORS));
        self.disk.fail(fault.after(self.rng.below(4) as u64));
    }

    /// The primary is not what it was. What is stored of its last file must stay.
    fn fork(&mut self) {
        self.disconnect();
        let Some(node) = self.node.as_ref().filter(|node| !node.must_recover) else { return };
        let Some(tail) = &node.tail else { return };
        let last = &self.primary.files.last().unwrap().name;
        let is_stored = tail.file.name.as_str() == last && tail.verifier.last_gtid().is_some();
        if is_stored && self.old.is_none() {
            self.old = Some(self.primary.fork(&mut self.rng));
        }
    }

    /// Reads a file to the frontier, as a dump does.
    fn read(&mut self) -> Result<(), Violation> {
        let Some(node) = &self.node else { return Ok(()) };
        let catalog = node.store.catalog();
        let files = catalog.files();
        if files.is_empty() {
            return Ok(());
        }
        let file = files[self.rng.below(files.len())].clone();
        let name = file.name.to_string();
        let hits = self.disk.faults_hit();
        let mut bytes = Vec::new();
        let mut chunk = vec![0; self.rng.between(1, 5_000)];
        let mut read_all = || -> Result<(), StoreError> {
            let mut cursor = Cursor::open(catalog.clone(), file.clone(), 0)?;
            while let Read::Bytes(len) = cursor.read(&mut chunk, false)? {
                bytes.extend_from_slice(&chunk[..len]);
            }
            Ok(())
        };
        match read_all() {
            Ok(()) => {}
            // It comes again.
            Err(_) if self.disk.faults_hit() > hits => return Ok(()),
            Err(error) => return Err(error.to_string()),
        }
        self.tally.served += bytes.len() as u64;
        let end = self.served.entry(name.clone()).or_default();
        *end = (*end).max(bytes.len() as u64);
        check_whole_events(&name, &bytes)?;
        let old = self.old.as_ref().filter(|old| old.name == name);
        let file = old.or_else(|| self.primary.file(&name));
        let is_mariadb = self.primary.is_mariadb;
        if file.is_some_and(|file| !file.is_servable(bytes.len() as u64, is_mariadb)) {
            return Err(format!(
                "{name} was served up to {}, inside of a transaction",
                bytes.len()
            ));
        }
        self.check_bytes(&name, &bytes)
    }

    /// At the end: every file is there, up to where it can be served.
    fn check_all_there(&self) -> Result<(), Violation> {
        let Some(node) = self.node.as_ref().filter(|_| self.old.is_none()) else { return Ok(()) };
        let catalog = node.store.catalog();
        // Of a file that only has its first event nobody knows yet whether it follows.
        for file in self.primary.files.iter().filter(|file| file.events.len() > 1) {
            let wanted = file.servable_len(self.primary.is_mariadb);
            let files = catalog.files();
            let newest = files.iter().rev().find(|stored| stored.name.as_str() == file.name);
            let len = newest.map(|file| catalog.readable_len(file));
            if len != Some(wanted) {
                return Err(format!("of {} there is {len:?} instead of {wanted}", file.name));
            }
        }
        Ok(())
    }

    /// After a start: everything acknowledged or served is there, and all of it the primary's.
    fn check_files(&self) -> Result<(), Violation> {
        let Some(node) = &self.node else { return Ok(()) };
        let files = node.store.catalog().files();
        let len_of = |name: &str| {
            let file = files.iter().find(|file| file.name.as_str() == name);
            file.map_or(0, |file| node.store.catalog().readable_len(file))
        };
        if let Some((name, end)) = &self.acked
            && len_of(name) < *end
        {
            let len = len_of(name);
            return Err(format!("{name} was acknowledged up to {end}, but ends at {len}"));
        }
        for (name, end) in &self.served {
            if len_of(name) < *end {
                return Err(format!("{name} was served up to {end}, but ends at {}", len_of(name)));
            }
        }
        for file in &files {
            let bytes = self.disk.contents(&file.path).unwrap_or_default();
            let len = usize::try_from(node.store.catalog().readable_len(file)).unwrap();
            self.check_bytes(file.name.as_str(), &bytes[..len.min(bytes.len())])?;
        }
        Ok(())
    }

    fn check_bytes(&self, name: &str, bytes: &[u8]) -> Result<(), Violation> {
        let old = self.old.as_ref().filter(|old| old.name == name);
        let Some(theirs) = old.or_else(|| self.primary.file(name)) else {
            return Err(format!("the primary never had {name}"));
        };
        if theirs.bytes().starts_with(bytes) {
            return Ok(());
        }
        let wanted = theirs.bytes();
        let at = bytes.iter().zip(&wanted).position(|(ours, theirs)| ours != theirs);
        Err(format!(
            "{name}: of its {} bytes byte {at:?} is not the primary's ({} bytes, forked: {})",
            bytes.len(),
            wanted.len(),
            self.old.is_some(),
        ))
    }

    fn store_anyway(&mut self, bytes: &[u8]) -> Result<(), Violation> {
        let Some(node) = &mut self.node else { return Ok(()) };
        let (Some(link), Some(committer)) = (&mut node.link, &mut node.committer) else {
            return Ok(());
        };
        let end = link.intake.verifier().offset() + bytes.len() as u64;
        let batch =
            binlogd_store::Batch { bytes: bytes.to_vec(), verified_end: end, ..Default::default() };
        link.intake.flush();
        let command = binlogd_server::ingest::Command::Write { batch, ack: None };
        let stored = apply_all(&mut link.intake, committer)
            .and_then(|()| committer.apply(command).map(drop))
            .and_then(|()| committer.commit().map(drop));
        stored.or_else(|error| self.store_failed(&error))?;
        self.read()?;
        self.check_files()
    }
}

/// What a reader gets never ends inside of an event.
fn check_whole_events(name: &str, bytes: &[u8]) -> Result<(), Violation> {
    let mut rest = bytes.get(MAGIC.len()..).unwrap_or_default();
    let mut splitter = Splitter::new();
    while !rest.is_empty() {
        match splitter.next(rest, false) {
            Ok(Some(part)) => rest = &rest[part.bytes.len()..],
            _ => return Err(format!("{name} was served up to inside of an event")),
        }
    }
    Ok(())
}
