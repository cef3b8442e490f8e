//! A primary with one large closed binlog file to fetch.
//!
//! A server takes minutes to write a gibibyte of small transactions. So it writes a few thousand
//! of them, like sysbench's oltp_write_only, and while it is down they are repeated until the
//! file is long enough: each repetition with GTIDs, positions and checksums of its own. When the
//! server is back, it counts the file among its own, as if it had written every byte. A MariaDB writes all
//! of it, since it makes an index of what it writes.

use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Read, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use binlogd_event::{EventHeader, Gtid, gtid_of};
use testkit::{Daemon, Flavour, Server};

use super::sink::USER;

/// The one file that is fetched.
const FILE: &str = "binlog.000002";

/// Transactions to repeat: few enough to be quick, enough not to fit a processor's cache whole.
const SEED_TRANSACTIONS: u32 = 2000;

/// Rows of sysbench's shape, and its write-only transaction.
const SCHEMA: &str = "
create database sbtest;
create table sbtest.sbtest1 (id int not null auto_increment primary key, k int not null,
    c char(120) not null, pad char(60) not null, key (k));
use sbtest;
delimiter //
create procedure fill_it() begin
    declare n int default 1;
    start transaction;
    while n <= 5000 do
        insert into sbtest1 values (n, n, rpad(n, 119, '-0123456789'), rpad(n, 59, '-0123456789'));
        set n = n + 1;
    end while;
    commit;
end//
create procedure load_it(transactions int) begin
    declare i int default 0;
    declare a int;
    while i < transactions do
        set a = 1 + floor(rand() * 5000);
        start transaction;
        update sbtest1 set k = k + 1 where id = a;
        update sbtest1 set c = rpad(a * i, 119, '-0123456789') where id = 1 + a % 5000;
        delete from sbtest1 where id = a;
        insert into sbtest1 values (a, i, rpad(i, 119, '-0123456789'), rpad(a, 59, '-0123456789'));
        commit;
        set i = i + 1;
    end while;
end//
delimiter ;
call fill_it();
flush binary logs;
";

const MIRROR_PATIENCE: Duration = Duration::from_secs(300);

/// The primary, and what there is to fetch from it.
#[derive(Debug)]
pub(super) struct Corpus {
    pub(super) primary: Server,
    /// The file's name and path.
    pub(super) file: String,
    pub(super) path: PathBuf,
    /// Its length in bytes.
    pub(super) len: u64,
    pub(super) events: u64,
}

/// A place in the middle of the file, where a transaction begins.
#[derive(Debug)]
pub(super) struct Middle {
    pub(super) offset: u64,
    /// All GTIDs before it: a set of MySQL's, a position of MariaDB's.
    pub(super) before: String,
}

impl Corpus {
    /// A file of at least `len` bytes of small transactions; a MariaDB's is no longer than a GiB.
    ///
    /// # Errors
    /// If the server does not do what it should.
    pub(super) fn small_events(flavour: Flavour, len: u64) -> Result<Self> {
        let primary = start(flavour, &[])?;
        if flavour.is_mariadb() {
            Self::written(primary, len)
        } else {
            Self::repeated(primary, len)
        }
    }

    /// The same with the names of columns, which SQL needs.
    ///
    /// # Errors
    /// If the server does not do what it should.
    pub(super) fn rows_with_names(len: u64) -> Result<Self> {
        Self::repeated(start(Flavour::Mysql97, &["--binlog-row-metadata=FULL"])?, len)
    }

    fn written(primary: Server, len: u64) -> Result<Self> {
        primary.sql(SCHEMA)?;
        loop {
            primary.sql(&format!("call sbtest.load_it({})", 10 * SEED_TRANSACTIONS))?;
            let (file, end) = primary.binlog_end()?;
            if file != FILE || end >= len {
                break;
            }
        }
        primary.sql("flush binary logs")?;
        let events = Events::of(&primary.datadir().join(FILE))?.count();
        Self::new(primary, u64::try_from(events)?)
    }

    fn repeated(mut primary: Server, len: u64) -> Result<Self> {
        primary.sql(SCHEMA)?;
        primary.sql(&format!("call sbtest.load_it({SEED_TRANSACTIONS})"))?;
        primary.stop()?;
        let path = primary.datadir().join(FILE);
        let seed = Seed::parse(fs::read(&path)?)?;
        let mut out = BufWriter::with_capacity(1 << 20, File::create(&path)?);
        let events = seed.repeat(len, &mut out)?;
        out.into_inner()?.sync_all()?;
        primary.start()?;
        Self::new(primary, events)
    }

    /// A file with one event of `len` bytes and little else.
    ///
    /// # Errors
    /// If the server does not do what it should.
    pub(super) fn one_large_event(len: u64) -> Result<Self> {
        let primary = start(Flavour::Mysql97, &[])?;
        primary.sql("create database d; create table d.t (id int primary key, b longblob)")?;
        primary.sql("flush binary logs")?;
        primary.sql(&format!("insert into d.t values (1, repeat('binlogd ', {}))", len / 8))?;
        primary.sql("flush binary logs")?;
        let events = Seed::parse(fs::read(primary.datadir().join(FILE))?)?.events.len();
        Self::new(primary, u64::try_from(events)?)
    }

    fn new(primary: Server, events: u64) -> Result<Self> {
        // A sink logs in without a password, which takes one round trip and no cryptography.
        primary.sql("set sql_log_bin = 0; create user sink; grant all on *.* to sink")?;
        let path = primary.datadir().join(FILE);
        let len = fs::metadata(&path)?.len();
        Ok(Self { primary, file: FILE.to_owned(), path, len, events })
    }

    /// A binlogd that has mirrored the file, and was started again: what it needed to receive is
    /// not what is measured.
    ///
    /// # Errors
    /// If it does not get all of the file in five minutes.
    pub(super) fn mirrored_by(&self, binary: &Path) -> Result<Daemon> {
        let mut daemon = Daemon::new(binary, &self.primary.endpoint())?
            .of_any_version()
            .arg(format!("--start={}", self.file))
            .arg(format!("--user={USER}:"))
            .started()?;
        daemon.wait_for_all_of(&self.primary, MIRROR_PATIENCE)?;
        daemon.stop()?;
        daemon.start()?;
        Ok(daemon)
    }

    /// The first transaction of the file's second half.
    ///
    /// # Errors
    /// If there is none with a GTID.
    pub(super) fn middle(&self) -> Result<Middle> {
        for event in Events::of(&self.path)? {
            let (offset, front) = event?;
            let gtid = gtid_of(&EventHeader::parse(&front)?, &front)?;
            if let Some(gtid) = gtid.filter(|_| offset >= self.len / 2) {
                let last = Gtid { number: gtid.number - 1, ..gtid };
                let before = match last.domain() {
                    Some(_) => last.to_string(),
                    None => last.to_string().replace(':', ":1-"),
                };
                return Ok(Middle { offset, before });
            }
        }
        bail!("no transaction begins in the second half of {}", self.path.display());
    }

    /// The average length of an event in bytes.
    pub(super) fn event_len(&self) -> u64 {
        self.len / self.events.max(1)
    }
}

fn start(flavour: Flavour, args: &[&str]) -> Result<Server> {
    let log_size = match flavour {
        Flavour::Mysql97 => "--innodb-redo-log-capacity=2G",
        _ => "--innodb-log-file-size=512M",
    };
    Server::builder(flavour)
        .args(args.iter().copied())
        .args(["--sync-binlog=0", "--innodb-flush-log-at-trx-commit=0"])
        .args([log_size, "--innodb-buffer-pool-size=256M"])
        .start()
}

/// Where the events of a file begin, and their fronts.
struct Events {
    file: BufReader<File>,
    offset: u64,
}

impl Events {
    /// Enough of an event to read its GTID, in bytes.
    const FRONT_LEN: u64 = 128;

    fn of(path: &Path) -> Result<Self> {
        let mut file = BufReader::with_capacity(1 << 20, File::open(path)?);
        file.read_exact(&mut [0; MAGIC_LEN])?;
        Ok(Self { file, offset: u64::try_from(MAGIC_LEN)? })
    }

    fn read(&mut self) -> Result<Option<(u64, Vec<u8>)>> {
        let mut front = Vec::new();
        (&mut self.file).take(Self::FRONT_LEN).read_to_end(&mut front)?;
        if front.is_empty() {
            return Ok(None);
        }
        let size = u64::from(EventHeader::parse(&front)?.size);
        let read = i64::try_from(front.len())?;
        self.file.seek_relative(i64::try_from(size)? - read)?;
        front.truncate(usize::try_from(size)?);
        let at = self.offset;
        self.offset += size;
        Ok(Some((at, front)))
    }
}

impl Iterator for Events {
    type Item = Result<(u64, Vec<u8>)>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}

const MAGIC_LEN: usize = 4;
const HEADER_LEN: usize = 19;
const CRC_LEN: usize = 4;
const STOP_EVENT: u8 = 3;
const GTID_EVENT: u8 = 33;

/// A closed binlog file in its parts.
#[derive(Debug)]
struct Seed {
    bytes: Vec<u8>,
    /// Where each event lies.
    events: Vec<Range<usize>>,
}

impl Seed {
    fn parse(bytes: Vec<u8>) -> Result<Self> {
        let mut events = Vec::new();
        let mut at = MAGIC_LEN;
        while at < bytes.len() {
            let header = bytes.get(at..at + HEADER_LEN).context("a torn header")?;
            let len = usize::try_from(u32_at(header, 9))?;
            if len < HEADER_LEN || at + len > bytes.len() {
                bail!("an event of {len} bytes at {at}");
            }
            events.push(at..at + len);
            at += len;
        }
        Ok(Self { bytes, events })
    }

    fn kind(&self, event: &Range<usize>) -> u8 {
        self.bytes[event.start + 4]
    }

    /// Writes the file's beginning, its transactions until there are `len` bytes of them, and its
    /// end. Returns the number of events.
    fn repeat(&self, len: u64, out: &mut impl Write) -> Result<u64> {
        let first = self.events.iter().position(|event| self.kind(event) == GTID_EVENT);
        let first = first.context("the file has no transactions")?;
        let (beginning, rest) = self.events.split_at(first);
        let (stop, transactions) = rest.split_last().context("the file is empty")?;
        if self.kind(stop) != STOP_EVENT {
            bail!("the file does not end with a clean shutdown");
        }
        let gtids = transactions.iter().filter(|event| self.kind(event) == GTID_EVENT).count();
        let gtids = u64::try_from(gtids)?;

        let begin = beginning.last().map_or(MAGIC_LEN, |event| event.end);
        out.write_all(&self.bytes[..begin])?;
        let mut offset = u64::try_from(begin)?;
        let mut count = u64::try_from(beginning.len() + 1)?;
        let mut bytes = self.bytes.clone();
        for round in 0.. {
            for range in transactions {
                let event = &mut bytes[range.clone()];
                if round > 0 && self.kind(range) == GTID_EVENT {
                    advance_gtid(event, gtids);
                }
                offset = place(event, offset)?;
                out.write_all(event)?;
            }
            count += u64::try_from(transactions.len())?;
            if offset >= len {
                break;
            }
        }
        let event = &mut bytes[stop.clone()];
        place(event, offset)?;
        out.write_all(event)?;
        Ok(count)
    }
}

/// Gives an event that starts at `offset` its position and checksum; returns where it ends.
fn place(event: &mut [u8], offset: u64) -> Result<u64> {
    let end = offset + u64::try_from(event.len())?;
    let [low @ .., _, _, _, _] = end.to_le_bytes();
    event[13..17].copy_from_slice(&low);
    let (body, crc) = event.split_at_mut(event.len() - CRC_LEN);
    crc.copy_from_slice(&crc32fast::hash(body).to_le_bytes());
    Ok(end)
}

/// Moves the transaction number of a GTID event: eight bytes behind flags and UUID.
fn advance_gtid(event: &mut [u8], by: u64) {
    let number = &mut event[HEADER_LEN + 17..HEADER_LEN + 25];
    let mut bytes = [0; 8];
    bytes.copy_from_slice(number);
    number.copy_from_slice(&(u64::from_le_bytes(bytes) + by).to_le_bytes());
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut four = [0; 4];
    four.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(four)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An event of this type with a body, before it is placed.
    fn event(kind: u8, body: &[u8]) -> Vec<u8> {
        let mut event = vec![0; HEADER_LEN];
        event[4] = kind;
        event.extend_from_slice(body);
        event.extend_from_slice(&[0; CRC_LEN]);
        let len = u32::try_from(event.len()).unwrap();
        event[9..13].copy_from_slice(&len.to_le_bytes());
        event
    }

    fn gtid(number: u64) -> Vec<u8> {
        let mut body = vec![0; 17];
        body.extend_from_slice(&number.to_le_bytes());
        event(GTID_EVENT, &body)
    }

    #[test]
    fn transactions_are_repeated_with_their_own_gtids_positions_and_checksums() {
        let parts = [event(15, b"fde"), gtid(8), event(16, b"x"), gtid(9), event(STOP_EVENT, b"")];
        let mut bytes = b"\xfebin".to_vec();
        parts.iter().for_each(|part| bytes.extend_from_slice(part));
        let seed = Seed::parse(bytes).unwrap();
        let mut out = Vec::new();
        let count = seed.repeat(300, &mut out).unwrap();

        let made = Seed::parse(out).unwrap();
        assert_eq!(u64::try_from(made.events.len()).unwrap(), count);
        assert_eq!(made.kind(made.events.last().unwrap()), STOP_EVENT);
        let mut numbers = Vec::new();
        for range in &made.events[1..] {
            let event = &made.bytes[range.clone()];
            assert_eq!(usize::try_from(u32_at(event, 13)).unwrap(), range.end);
            let (body, crc) = event.split_at(event.len() - CRC_LEN);
            assert_eq!(crc32fast::hash(body), u32_at(crc, 0));
            if made.kind(range) == GTID_EVENT {
                numbers.push(event[HEADER_LEN + 17]);
            }
        }
        assert_eq!(numbers, [8, 9, 10, 11, 12, 13]);
    }

    #[test]
    fn a_file_that_was_not_closed_is_refused() {
        let mut bytes = b"\xfebin".to_vec();
        bytes.extend(gtid(1));
        let seed = Seed::parse(bytes.clone()).unwrap();
        assert!(seed.repeat(1000, &mut Vec::new()).is_err());
        bytes.pop();
        assert!(Seed::parse(bytes).is_err());
    }
}
