//! Servers that are restored, cloned and promoted, that lose files or their tail, purge, and change the
//! names of their files; readers by GTID and by position, which come and go, also from these servers.
//!
//! Whatever happens, what a reader got is a part of one of the histories that there were, from its begin on,
//! without a gap, a duplicate or a mixture; or it was told an error.

mod node;
mod reader;
mod server;

use std::sync::Arc;

use binlogd_server::config::OnFork;
use binlogd_store::{LogFile, LogName};
use testkit::rng::Rng;
use testkit::sim_disk::SimDisk;

use crate::primary::Primary;
use node::{Halt, Node};
use reader::Reader;
use server::{Ledger, Server};

/// A rule that is broken on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    None,
    /// New files are stored whatever comes before them.
    NoContinuity,
    /// Another history of the same server is followed as if it were another server's.
    SameServerByGtid,
    /// A name that files of several timelines have means the newest one.
    AmbiguousIsNewest,
    /// A reader by position goes on with the next timeline where its own history ends.
    LedToOtherTimeline,
    /// A reader by GTID that has what the newest timeline lacks is served.
    ForkedServed,
    /// A reader by GTID never gets what some timeline lacked, also where a later one has it.
    ForkedForGood,
    /// Transactions that are in no file of their server count for nothing.
    UnloggedIgnored,
    /// A reader by position that goes on with the next timeline is told the begin of the file.
    BegunAnew,
}

/// What happened.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    restores: u64,
    failovers: u64,
    renames: u64,
    renames_followed: u64,
    purges: u64,
    lost_files: u64,
    timelines: u64,
    other_histories: u64,
    forks: u64,
    gaps: u64,
    refused: [u64; 2],
    transactions: [u64; 2],
    /// How often nobody could have told one history from another.
    alike: u64,
    followed: u64,
}

impl Tally {
    pub(crate) fn check_busy(&self) {
        let counts = [
            ("restores", self.restores, 150),
            ("failovers", self.failovers, 250),
            ("renames", self.renames, 25),
            ("renames followed", self.renames_followed, 10),
            ("purges", self.purges, 150),
            ("lost files", self.lost_files, 25),
            ("timelines", self.timelines, 150),
            ("other histories of a server", self.other_histories, 100),
            ("forks", self.forks, 50),
            ("gaps", self.gaps, 25),
            ("readers by GTID refused", self.refused[0], 50),
            ("readers by position refused", self.refused[1], 50),
            ("transactions by GTID", self.transactions[0], 2_500),
            ("transactions by position", self.transactions[1], 2_500),
            ("stories that came to their end", self.followed, 100),
        ];
        for (what, count, at_least) in counts {
            assert!(count >= at_least, "only {count} {what}: {self:?}");
        }
    }
}

pub(crate) struct Story {
    rng: Rng,
    flaw: Flaw,
    disk: SimDisk,
    servers: Vec<Server>,
    /// The one that is the primary.
    current: usize,
    /// What servers were once, and can be again.
    saved: Vec<(usize, Server)>,
    /// The histories that servers have given up.
    given_up: Vec<Ledger>,
    has_lost_files: bool,
    node: Node,
    readers: Vec<Reader>,
}

const STEPS: usize = 140;
const SERVERS_MAX: usize = 5;
const SAVED_MAX: usize = 4;

impl Story {
    pub(crate) fn new(seed: u64, flaw: Flaw) -> Self {
        let mut rng = Rng::new(seed);
        let disk = SimDisk::new(rng.bits());
        let mut first = Server::new(Primary::new(rng.bits(), &mut rng));
        if !first.primary.is_mariadb && rng.one_in(4) {
            first.restore_backup(&mut rng);
        }
        first.write(&mut rng);
        let on_fork = if rng.percent(60) { OnFork::NewTimeline } else { OnFork::Halt };
        let node = Node::open(&disk, on_fork, flaw);
        let is_mariadb = first.primary.is_mariadb;
        Self {
            flaw,
            disk,
            saved: vec![(0, first.clone())],
            servers: vec![first],
            current: 0,
            given_up: Vec::new(),
            has_lost_files: false,
            node,
            readers: (0..4).map(|index| Reader::new(is_mariadb, index % 2 == 1)).collect(),
            rng,
        }
    }

    pub(crate) fn run(mut self, tally: &mut Tally) -> Result<(), String> {
        // Not everything happens to everybody.
        let (restores, fails_over) = (self.rng.one_in(2), self.rng.percent(70));
        for _ in 0..STEPS {
            match self.rng.below(100) {
                0..=31 => self.servers[self.current].write(&mut self.rng),
                32..=61 => _ = self.follow(tally)?,
                62..=79 => self.read(tally)?,
                80..=82 => self.save(),
                83..=84 if restores => self.restore(tally),
                85..=86 => self.purge(tally),
                87 => self.lose_file(tally),
                88..=89 => self.restart(tally),
                90..=92 if fails_over => self.fail_over(tally),
                93 => self.node.purge(&mut self.rng),
                94 => self.adopt(),
                95..=96 => self.node.disconnect(),
                97..=98 => self.reopen(),
                _ => {
                    let index = self.rng.below(self.readers.len());
                    self.readers[index].disconnect();
                }
            }
        }
        self.end(tally)
    }

    fn end(&mut self, tally: &mut Tally) -> Result<(), String> {
        let mut is_followed = true;
        for _ in 0..400 {
            is_followed = self.follow(tally)?;
            if !is_followed || self.node.has_all_of(&self.servers[self.current]) {
                break;
            }
        }
        tally.timelines += self.node.timelines_begun;
        tally.renames_followed += self.node.renames_followed;
        for _ in 0..12 {
            self.read(tally)?;
        }
        if !is_followed {
            return Ok(());
        }
        if !self.node.has_all_of(&self.servers[self.current]) {
            return Err("it reports nothing, and lacks what the primary has".to_owned());
        }
        tally.followed += 1;
        Ok(())
    }
}

/// What happens to servers.
impl Story {
    fn save(&mut self) {
        if self.saved.len() < SAVED_MAX {
            self.saved.push((self.current, self.servers[self.current].clone()));
        }
    }

    /// A server is again what it was, and goes on otherwise, in a new file or in the last one.
    fn restore(&mut self, tally: &mut Tally) {
        let (index, saved) = self.saved[self.rng.below(self.saved.len())].clone();
        self.node.disconnect();
        tally.restores += 1;
        let old = std::mem::replace(&mut self.servers[index], saved);
        self.given_up.push(old.ledger);
        let server = &mut self.servers[index];
        server.is_restored = true;
        server.primary.reseed(self.rng.bits());
        if self.rng.one_in(2) {
            server.restart(None, &mut self.rng);
        }
        for _ in 0..self.rng.below(4) {
            server.write(&mut self.rng);
        }
    }

    /// Now and then all but the newest file.
    fn purge(&mut self, tally: &mut Tally) {
        let count = self.servers[self.current].primary.files.len();
        if count > 1 {
            self.node.disconnect();
            let purged =
                if self.rng.one_in(3) { count - 1 } else { self.rng.between(1, count - 1) };
            self.servers[self.current].purge(purged);
            tally.purges += 1;
            self.has_lost_files = true;
        }
    }

    /// A file in the middle is removed by hand.
    fn lose_file(&mut self, tally: &mut Tally) {
        let count = self.servers[self.current].primary.files.len();
        if count > 2 && self.rng.one_in(3) {
            self.node.disconnect();
            self.servers[self.current].lose_file(self.rng.between(1, count - 2));
            tally.lost_files += 1;
            self.has_lost_files = true;
        }
    }

    /// Also with empty files, and files of other names.
    fn restart(&mut self, tally: &mut Tally) {
        self.node.disconnect();
        let server = &mut self.servers[self.current];
        if self.rng.one_in(3) {
            // Never one that it has had.
            let base = ["other", "another", "third"].get(server.renames);
            if let Some(base) = base {
                tally.renames += 1;
                server.renames += 1;
                self.has_lost_files = true;
                server.restart(Some(base), &mut self.rng);
                if self.rng.one_in(2) {
                    // With a list of its own.
                    server.purge(server.primary.files.len() - 1);
                }
            }
        }
        for _ in 0..self.rng.below(3) {
            server.restart(None, &mut self.rng);
        }
    }

    /// Another server is the primary: a copy of this one as it is or was, a replica, or one that was the primary
    /// before.
    fn fail_over(&mut self, tally: &mut Tally) {
        let number = u8::try_from(self.servers.len()).unwrap();
        let server = &self.servers[self.current];
        let has_all_files = server.primary.files[0].name.ends_with(".000001")
            && !self.has_lost_files
            && server.primary.files[0].events.len() > 2;
        let next = match self.rng.below(10) {
            _ if self.servers.len() >= SERVERS_MAX => None,
            0..=3 => Some(server.copy(number, &mut self.rng)),
            4..=5 => {
                let (_, saved) = &self.saved[self.rng.below(self.saved.len())];
                Some(saved.copy(number, &mut self.rng))
            }
            6 if !server.primary.is_mariadb => Some(server.provisioned(number, &mut self.rng)),
            6..=7 if has_all_files && server.primary.unlogged.is_empty() => {
                let base = self.rng.pick(&["mysql-bin", "mysql-bin", "replica"]);
                Some(server.replica(number, base, &mut self.rng))
            }
            _ => None,
        };
        self.node.disconnect();
        tally.failovers += 1;
        match next {
            Some(mut server) => {
                server.write(&mut self.rng);
                self.current = self.servers.len();
                self.servers.push(server);
            }
            None => self.current = self.rng.below(self.servers.len()),
        }
    }
}

/// The node and its readers.
impl Story {
    fn reopen(&mut self) {
        self.readers.iter_mut().for_each(Reader::disconnect);
        self.node.reopen(&self.disk);
    }

    /// Connects if it must, and receives a while; `false` if it reports that it cannot.
    fn follow(&mut self, tally: &mut Tally) -> Result<bool, String> {
        let events = self.rng.between(1, 60);
        if self.node.cannot_know(&self.servers[self.current]) {
            tally.alike += 1;
            return Ok(false);
        }
        let halt = self.node.follow(&self.servers[self.current], events);
        let (text, is_possible) = match halt {
            Ok(()) => return Ok(true),
            Err(Halt::AnotherHistory(text)) => {
                tally.other_histories += 1;
                (text, !self.given_up.is_empty())
            }
            Err(Halt::Fork(text)) => {
                tally.forks += 1;
                (text, self.servers.len() > 1)
            }
            Err(Halt::Gap(text)) => {
                tally.gaps += 1;
                let is_provisioned = self.servers.iter().any(|s| !s.primary.unlogged.is_empty());
                (text, self.has_lost_files || !self.given_up.is_empty() || is_provisioned)
            }
        };
        if is_possible { Ok(false) } else { Err(format!("reported without a cause: {text}")) }
    }

    /// A replica of one of the followed servers comes, which it has followed itself.
    fn adopt(&mut self) {
        let server = &self.servers[self.rng.below(self.servers.len())];
        let lines = self.node.store.catalog().timelines();
        let id = server.primary.id();
        if server.is_restored || server.has_hole || !lines.iter().any(|line| line.source == id) {
            return;
        }
        let (file, offset, count) = server.place(&mut self.rng);
        let by_position = self.rng.one_in(2);
        let place = by_position.then_some((file, offset));
        let got = &server.ledger[..count];
        let reader = Reader::with(server.primary.is_mariadb, place, got);
        let catalog = self.node.store.catalog();
        let mut known = catalog.executed();
        lines.iter().for_each(|line| known.extend(&line.forked));
        // A server that was left may have begun files that nobody here knows of.
        let is_known = reader.place().is_none_or(|(name, _)| {
            let (name, files) = (LogName::new(name).unwrap(), catalog.files());
            let its = |file: &&Arc<LogFile>| file.timeline.source == id;
            files.iter().filter(its).any(|file| file.name >= name)
        });
        // It would wait until they come.
        if is_known && (by_position || reader.has().is_subset(&known)) {
            self.replace(reader);
        }
    }

    fn replace(&mut self, reader: Reader) {
        let same = |other: &&mut Reader| other.is_by_position() == reader.is_by_position();
        if let Some(old) = self.readers.iter_mut().find(same) {
            *old = reader;
        }
        self.readers.rotate_left(1);
    }

    /// A reader comes for what it lacks.
    fn read(&mut self, tally: &mut Tally) -> Result<(), String> {
        let index = self.rng.below(self.readers.len());
        let is_mariadb = self.servers[0].primary.is_mariadb;
        let reader = &mut self.readers[index];
        if reader.is_refused {
            if self.rng.one_in(3) {
                *reader = Reader::new(is_mariadb, reader.is_by_position());
            }
            reader.is_refused = false;
        }
        let kind = usize::from(reader.is_by_position());
        let outcome = reader.read(self.node.store.catalog(), &mut self.rng, self.flaw);
        match outcome {
            Ok(count) => tally.transactions[kind] += count as u64,
            Err(_) => tally.refused[kind] += 1,
        }
        let reader = &self.readers[index];
        let mut histories = self.given_up.iter().chain(self.servers.iter().map(|s| &s.ledger));
        if histories.any(|history| is_part(&reader.got, history, reader.is_by_position())) {
            return Ok(());
        }
        let histories = self.given_up.iter().chain(self.servers.iter().map(|s| &s.ledger));
        let common = |history: &Ledger| {
            let begin = history.iter().position(|one| Some(one) == reader.got.first())?;
            Some(history[begin..].iter().zip(&reader.got).take_while(|(a, b)| a == b).count())
        };
        let common = histories.filter_map(common).max().unwrap_or(0);
        let (reads, has) = (if kind == 1 { "position" } else { "GTID" }, reader.has());
        let wrong = reader.got.get(common).map_or("the begin".to_owned(), |one| one.0.to_string());
        Err(format!("a reader by {reads} got what is no history: {has}, wrong from {wrong} on"))
    }
}

/// Whether these are the transactions of a history from some place on; or from the begin, if they must be.
fn is_part(got: &Ledger, history: &Ledger, anywhere: bool) -> bool {
    let Some(first) = got.first() else { return true };
    let begin = if anywhere { history.iter().position(|one| one == first) } else { Some(0) };
    begin.is_some_and(|begin| history[begin..].starts_with(got))
}
