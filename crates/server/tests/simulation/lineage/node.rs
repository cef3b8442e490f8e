//! The process under test: a store, and what follows a primary into it. It decides as `Follower` does, with
//! the parts of which that is made.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use binlogd_event::{
    CHECKSUM_LEN, ChecksumAlgorithm, EventPart, Gtid, GtidSet, ServerVersion, Verifier,
    previous_gtids,
};
use binlogd_server::config::{OnFork, StartAt};
use binlogd_server::follow::{Divergence, Plan, Stored, plan_by_list};
use binlogd_server::ingest::{
    Committer, Intake, IntakeError, NotNext, Overlap, Predecessor, Tail, apply_all,
};
use binlogd_server::upstream::{PrimaryLog, UpstreamError};
use binlogd_store::{LogFile, LogName, Store};
use testkit::rng::Rng;
use testkit::sim_disk::SimDisk;

use super::Flaw;
use super::server::{Ledger, Server, Transactions};
use crate::primary::{BinlogFile, Dump, Primary};

pub(super) struct Node {
    pub(super) store: Store,
    committer: Option<Committer>,
    tail: Option<Tail>,
    link: Option<(Dump, Intake)>,
    /// The file to go on with, since the primary has no more of the last one.
    next_file: Option<LogName>,
    must_recover: bool,
    on_fork: OnFork,
    flaw: Flaw,
    /// What it was sent, as a seer knows it: which transaction a GTID means here.
    received: Received,
    /// How many timelines were begun.
    pub(super) timelines_begun: u64,
    /// How many of them since files had another name.
    pub(super) renames_followed: u64,
}

/// Why it does not go on. It says so, and tries again later.
#[derive(Debug)]
pub(super) enum Halt {
    /// Stored transactions are not in the primary's history, which is that of the same server.
    AnotherHistory(String),
    /// The same of another server.
    Fork(String),
    /// Something is missing between what is stored and what comes.
    Gap(String),
}

const DIR: &str = "/data/default";

impl Node {
    pub(super) fn open(disk: &SimDisk, on_fork: OnFork, flaw: Flaw) -> Self {
        let store = Store::open(Arc::new(disk.clone()), Path::new(DIR)).unwrap();
        let tail = store.resume().map(Tail::from);
        Self {
            store,
            committer: None,
            tail,
            link: None,
            next_file: None,
            must_recover: false,
            on_fork,
            flaw,
            received: Received::default(),
            timelines_begun: 0,
            renames_followed: 0,
        }
    }

    /// Ends the process and starts it again.
    pub(super) fn reopen(&mut self, disk: &SimDisk) {
        self.disconnect();
        let (on_fork, flaw) = (self.on_fork, self.flaw);
        let (received, begun) = (std::mem::take(&mut self.received), self.timelines_begun);
        let renames = self.renames_followed;
        // The lock is that of the process before.
        *self = Self::open(&SimDisk::new(1), on_fork, flaw);
        *self = Self::open(disk, on_fork, flaw);
        (self.received, self.timelines_begun) = (received, begun);
        self.renames_followed = renames;
    }

    /// Connects if it must, and receives up to so many events.
    pub(super) fn follow(&mut self, server: &Server, events: usize) -> Result<(), Halt> {
        if self.link.is_none() {
            self.connect(server)?;
        }
        for _ in 0..events {
            let Some((dump, intake)) = &mut self.link else { break };
            let Some(sent) = dump.next(&server.primary) else { break };
            let part = EventPart { first: true, last: true, bytes: &sent.bytes };
            if let Err(error) = intake.part(part, sent.wants_ack) {
                self.disconnect();
                return self.failed(error, server);
            }
            self.received.take(&sent.bytes);
        }
        self.commit();
        self.note_unlogged(&server.primary);
        Ok(())
    }

    pub(super) fn disconnect(&mut self) {
        self.next_file = None;
        let Some((_, mut intake)) = self.link.take() else { return };
        let Some(committer) = &mut self.committer else { return };
        intake.settle();
        apply_all(&mut intake, committer).unwrap();
        committer.settle().unwrap();
        let newest = self.store.catalog().newest();
        let is_ours = |f: &Arc<LogFile>| f.name == *intake.file() && self.is_in_timeline(f);
        if let Some(file) = newest.filter(is_ours) {
            self.tail = Some(Tail { file, verifier: intake.verifier().clone() });
            self.must_recover = false;
        }
    }

    /// Whether everything of the newest timeline's files is what the server has now, up to its end.
    pub(super) fn has_all_of(&self, server: &Server) -> bool {
        let (Some(file), Some(last)) = (self.store.catalog().newest(), server.primary.files.last())
        else {
            return false;
        };
        let is_mariadb = server.primary.is_mariadb;
        file.timeline.source == server.primary.id()
            && file.name.as_str() == last.name
            && self.store.catalog().readable_len(&file) == last.servable_len(is_mariadb)
    }

    /// Whether a server has given GTIDs of stored transactions to others, and nobody could see that: neither
    /// by the GTIDs, nor by the bytes of a file that both have.
    pub(super) fn cannot_know(&self, server: &Server) -> bool {
        let Some(tail) = self.tail.as_ref().filter(|_| self.link.is_none()) else { return false };
        if !self.received.differs_from(&server.ledger) {
            return false;
        }
        let files = &server.primary.files;
        if !self.is_same_history(&server.primary) {
            return true;
        }
        let has_base = |file: &BinlogFile| log_name(&file.name).base() == tail.file.name.base();
        if !files.iter().any(has_base) {
            return true;
        }
        let has_file = files.iter().any(|file| file.name == tail.file.name.as_str());
        let is_alike = |list: GtidSet| tail.verifier.logged().compare(&list).is_empty();
        !has_file && files.first().and_then(listed).is_some_and(is_alike)
    }

    fn is_same_history(&self, primary: &Primary) -> bool {
        self.tail.as_ref().is_none_or(|tail| {
            tail.file.timeline.source == primary.id() && self.is_in_timeline(&tail.file)
        })
    }

    fn connect(&mut self, server: &Server) -> Result<(), Halt> {
        let primary = &server.primary;
        if std::mem::take(&mut self.must_recover) {
            self.close_committer();
            self.tail = self.store.recover().unwrap().map(Tail::from);
        }
        let source = primary.id();
        if self.tail.is_none() && self.store.source().is_some_and(|begun| *begun != source) {
            self.close_committer();
            let nothing = Verifier::at_start(ChecksumAlgorithm::None);
            self.store.begin_timeline(&source, &nothing, GtidSet::new()).unwrap();
        }
        let is_same = self.is_same_history(primary);
        let checksum = ChecksumAlgorithm::Crc32;
        let next_file = self.next_file.take();
        let intake = match (&self.tail, next_file) {
            _ if !is_same => return self.begin_timeline(primary, None),
            (Some(_), Some(next)) => Intake::at_file(next, self.predecessor(), checksum),
            (Some(tail), None) => {
                let overlap = Overlap::at(self.store.catalog(), tail).unwrap();
                Intake::at_tail(tail, overlap, checksum)
            }
            (None, _) => {
                Intake::at_file(log_name(&primary.files[0].name), Predecessor::None, checksum)
            }
        };
        if self.dump(intake, primary) {
            return Ok(());
        }
        self.explain(server)
    }

    fn dump(&mut self, intake: Intake, primary: &Primary) -> bool {
        let Some(dump) = Dump::begin(primary, intake.file().as_str(), intake.start()) else {
            return false;
        };
        if self.committer.is_none() {
            self.committer = Some(Committer::new(self.store.writer(&primary.id()).unwrap()));
        }
        self.link = Some((dump, intake));
        true
    }

    fn predecessor(&self) -> Predecessor {
        match (&self.tail, self.flaw) {
            (_, Flaw::NoContinuity) | (None, _) => Predecessor::None,
            (Some(tail), _) => Predecessor::from(tail),
        }
    }

    /// The primary refused to send from where it was asked to: its list of files shows why.
    fn explain(&mut self, server: &Server) -> Result<(), Halt> {
        let primary = &server.primary;
        let logs = primary.files.iter().map(|file| PrimaryLog {
            name: log_name(&file.name),
            size: file.bytes().len() as u64,
            encrypted: None,
        });
        let logs: Vec<_> = logs.collect();
        let version = ServerVersion::new("9.7.4".to_owned());
        match plan_by_list(&version, &logs, self.tail.as_ref(), &StartAt::Earliest) {
            Ok(Plan::Begin(file)) => {
                self.next_file = Some(file);
                Ok(())
            }
            // The comparison of the file with the stored one, event by event, finds the difference.
            Ok(_) => {
                self.another_history("no event begins at the stored place".to_owned(), primary)
            }
            Err(error @ UpstreamError::LostTail { .. }) => {
                self.another_history(error.to_string(), primary)
            }
            Err(UpstreamError::OtherNames { oldest, .. }) => {
                self.renamed(primary, &log_name(&oldest))
            }
            Err(error) => Err(Halt::Gap(error.to_string())),
        }
    }

    /// Goes on with files of another name, of the same server, if GTIDs show that nothing is missing.
    fn renamed(&mut self, primary: &Primary, file: &LogName) -> Result<(), Halt> {
        let text = format!("it is not certain that {file} follows");
        let Some(tail) = self.tail.as_ref().filter(|_| self.flaw != Flaw::NoContinuity) else {
            return Err(Halt::Gap(text));
        };
        let has_gtids = !tail.verifier.logged().all().is_empty();
        let stored = Stored::of(&tail.file.timeline.source, self.store.catalog());
        let theirs = (&primary.id(), &primary.executed());
        match Divergence::new(&stored, theirs, OnFork::Halt) {
            Ok(found) if found.is_whole && has_gtids => self.begin_timeline(primary, Some(file)),
            Ok(_) => Err(Halt::Gap(text)),
            Err(error) => self.another_history(error.to_string(), primary),
        }
    }

    fn failed(&mut self, error: IntakeError, server: &Server) -> Result<(), Halt> {
        let text = error.to_string();
        match error {
            IntakeError::NotNext(_) if self.flaw == Flaw::NoContinuity => {
                self.next_file = match error {
                    IntakeError::NotNext(
                        NotNext::Gap { file, .. } | NotNext::Fork { file, .. },
                    ) => Some(file),
                    _ => None,
                };
                Ok(())
            }
            IntakeError::Fork { .. }
            | IntakeError::LostTail { .. }
            | IntakeError::NotNext(NotNext::Fork { .. }) => {
                self.another_history(text, &server.primary)
            }
            IntakeError::NotNext(NotNext::Gap { file, .. })
                if self.tail.as_ref().is_some_and(|tail| tail.file.name.base() != file.base()) =>
            {
                self.renamed(&server.primary, &file)
            }
            IntakeError::NotNext(NotNext::Gap { .. }) => Err(Halt::Gap(text)),
            _ => panic!("a good event was refused: {text}"),
        }
    }

    fn another_history(&mut self, text: String, primary: &Primary) -> Result<(), Halt> {
        if self.flaw == Flaw::SameServerByGtid && self.on_fork == OnFork::NewTimeline {
            return self.begin_timeline(primary, None);
        }
        Err(Halt::AnotherHistory(text))
    }

    /// Goes on with another server, or with files of another name.
    fn begin_timeline(&mut self, primary: &Primary, renamed: Option<&LogName>) -> Result<(), Halt> {
        let Some(tail) = self.tail.clone() else { return Ok(()) };
        let catalog = self.store.catalog();
        let stored = Stored::of(&tail.file.timeline.source, catalog);
        let theirs = (&primary.id(), &primary.executed());
        let Divergence { forked, shared, is_whole } =
            Divergence::new(&stored, theirs, self.on_fork)
                .map_err(|error| Halt::Fork(error.to_string()))?;
        let is_subset = |list: &GtidSet| list.is_subset(&shared);
        let Some(file) =
            primary.files.iter().rfind(|file| listed(file).as_ref().is_some_and(is_subset))
        else {
            return Err(Halt::Gap(format!("the primary cannot send what follows {shared}")));
        };
        let file = log_name(&file.name);
        if !primary.unlogged.is_subset(&shared) {
            return Err(Halt::Gap("the primary has purged what comes next".to_owned()));
        }
        let is_its = tail.file.timeline.source == primary.id();
        if is_its && !is_whole && self.flaw != Flaw::SameServerByGtid {
            return Err(Halt::AnotherHistory(format!("the same server lacks {forked}")));
        }
        if renamed.is_some_and(|renamed| renamed.base() != file.base()) {
            return Err(Halt::Gap(format!("transactions after {} are not stored", tail.file.name)));
        }
        self.renames_followed += u64::from(renamed.is_some());
        self.close_committer();
        self.must_recover = true;
        self.timelines_begun += 1;
        self.store.begin_timeline(&primary.id(), &tail.verifier, forked).unwrap();
        let before = Predecessor::Transactions(shared);
        self.dump(Intake::at_file(file, before, ChecksumAlgorithm::Crc32), primary);
        Ok(())
    }

    fn is_in_timeline(&self, file: &LogFile) -> bool {
        self.store.timeline().is_some_and(|timeline| timeline.number == file.timeline.number)
    }

    fn commit(&mut self) {
        let (Some((_, intake)), Some(committer)) = (&mut self.link, &mut self.committer) else {
            return;
        };
        intake.flush();
        apply_all(intake, committer).unwrap();
        committer.commit().unwrap();
    }

    /// Asks the primary which transactions are in none of its files, once the dump has shown that it continues
    /// what is stored.
    fn note_unlogged(&self, primary: &Primary) {
        let is_proven = self.link.as_ref().is_some_and(|(_, intake)| intake.is_following());
        let catalog = self.store.catalog();
        let Some(newest) = catalog.newest().filter(|_| is_proven && !primary.is_mariadb) else {
            return;
        };
        let has_stored_end = newest.id == catalog.frontier().durable.file
            && primary.files.iter().any(|file| file.name == newest.name.as_str());
        if has_stored_end && self.is_in_timeline(&newest) && self.flaw != Flaw::UnloggedIgnored {
            let unlogged = primary.unlogged.difference(&catalog.logged());
            catalog.add_unlogged(&newest.timeline, &unlogged).unwrap();
        }
    }

    fn close_committer(&mut self) {
        if let Some(committer) = self.committer.take() {
            committer.close().unwrap();
        }
    }

    /// Removes the oldest files.
    pub(super) fn purge(&self, rng: &mut Rng) {
        let catalog = self.store.catalog();
        let files = catalog.files();
        if let Some(keep) = files.get(rng.below(files.len())) {
            catalog.purge(keep.id, binlogd_store::Holds::Ignore).unwrap();
        }
    }
}

#[derive(Default)]
struct Received {
    known: HashMap<Gtid, u64>,
    transactions: Transactions,
}

impl Received {
    fn take(&mut self, event: &[u8]) {
        self.transactions.take(event);
        self.known.extend(self.transactions.whole.drain(..));
    }

    fn differs_from(&self, ledger: &Ledger) -> bool {
        ledger.iter().any(|(gtid, hash)| self.known.get(gtid).is_some_and(|known| known != hash))
    }
}

fn log_name(name: &str) -> LogName {
    LogName::new(name).unwrap()
}

/// What a file's head lists, if it has one.
fn listed(file: &BinlogFile) -> Option<GtidSet> {
    let list = &file.events.get(1)?.bytes;
    previous_gtids(&list[..list.len() - CHECKSUM_LEN]).ok()
}
