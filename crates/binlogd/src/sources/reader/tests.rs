//! Small files of real servers with every bit flipped and cut everywhere, read as commands read them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use binlogd_decode::{DecodeError, Decoder, Events};
use binlogd_event::ChecksumAlgorithm;
use testkit::Flavour;
use testkit::server::Server;

use super::*;

/// Longer files have nothing that these do not have.
const LEN_MAX: usize = 2000;

/// A file's bytes, and whether its events have checksums.
struct Sample {
    bytes: Vec<u8>,
    has_checksums: bool,
}

impl Sample {
    fn of(path: &Path) -> Self {
        let bytes = fs::read(path).unwrap();
        let (_, first) = Events::new(&bytes).next().unwrap();
        let format = FormatDescription::parse(first.unwrap()).unwrap();
        Self { bytes, has_checksums: format.checksum == ChecksumAlgorithm::Crc32 }
    }
}

/// Files that MySQL 9.7 wrote.
fn stored() -> Vec<Sample> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../event/tests/data/mysql-9.7");
    let mut files: Vec<PathBuf> =
        fs::read_dir(data).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension != "events"));
    let samples = files.iter().map(|path| Sample::of(path));
    let samples: Vec<_> = samples.filter(|sample| sample.bytes.len() < LEN_MAX).collect();
    assert!(samples.len() > 2 && samples.iter().any(|sample| !sample.has_checksums));
    samples
}

/// A small file that a server writes now.
fn written_by(flavour: Flavour) -> Sample {
    let args = ["--binlog-format=ROW", "--binlog-checksum=CRC32"];
    let server = Server::builder(flavour).args(args).start().unwrap();
    let sql =
        "create database d; flush logs; create table d.t (a int, b varchar(9)) engine = InnoDB;
               insert into d.t values (1, 'x'); flush logs";
    server.sql(sql).unwrap();
    let files = server.binlog_files().unwrap();
    let sample = Sample::of(&files[files.len() - 2]);
    assert!(sample.has_checksums && sample.bytes.len() < LEN_MAX);
    let kind = |event: &[u8]| EventHeader::parse(event).unwrap().kind;
    assert!(Events::new(&sample.bytes).any(|(_, event)| kind(event.unwrap()) == EventKind::XID));
    sample
}

/// A file that is made anew for each damage.
struct Scratch {
    _dir: tempfile::TempDir,
    path: PathBuf,
}

impl Scratch {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { path: dir.path().join("mysql-bin.000001"), _dir: dir }
    }

    /// What is said of these bytes, without the file's name, and how many events come before.
    fn read(&self, bytes: &[u8]) -> (usize, Result<(), String>) {
        fs::write(&self.path, bytes).unwrap();
        let mut count = 0;
        let outcome = (|| {
            let input = Input { path: self.path.clone(), len: bytes.len() as u64 };
            let (mut reader, mut decoder) = (Reader::open(&input)?, Decoder::new());
            while reader.advance(false)? {
                let event = reader.event().unwrap();
                decoder
                    .walk(event.offset, event.bytes, |_| Ok::<(), DecodeError>(()))
                    .map_err(|error| anyhow!("{}: {error}", event.file))?;
                count += 1;
            }
            Ok::<(), anyhow::Error>(())
        })();
        let name = self.path.display().to_string();
        let said = outcome.map_err(|error| {
            let said = format!("{error:#}");
            said.strip_prefix(&name).expect("it begins with the file's name").to_owned()
        });
        (count, said)
    }
}

/// Where each event begins, and the end.
fn borders(bytes: &[u8]) -> Vec<usize> {
    let starts = Events::new(bytes).map(|(offset, _)| usize::try_from(offset).unwrap());
    starts.chain([bytes.len()]).collect()
}

/// Each says its place and the type of the event that it is in.
fn every_flipped_bit_is_found(samples: &[Sample]) {
    let scratch = Scratch::new();
    for Sample { bytes, has_checksums } in samples {
        assert_eq!(scratch.read(bytes), (borders(bytes).len() - 1, Ok(())));
        // In the format description's header: servers set it without touching the checksum.
        let in_use = (MAGIC.len() + 17) * 8;
        for bit in (0..bytes.len() * 8).filter(|&bit| bit != in_use) {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let (before, said) = scratch.read(&damaged);
            let starts = borders(bytes);
            let event = starts.iter().rposition(|&start| start <= bit / 8);
            let Some(event) = event else {
                let said = said.unwrap_err();
                assert!(
                    said.starts_with(": not a binlog") || said.starts_with(": encrypted"),
                    "{said}"
                );
                continue;
            };
            // Without checksums a bit may be another value, or change what later events mean.
            if !has_checksums && event > 0 {
                assert!(before >= event || said.is_err());
                continue;
            }
            let said = said.expect_err(&format!("bit {bit}"));
            let kind = EventKind(damaged[starts[event] + 4]);
            let place = format!(":{}: {kind} event: ", starts[event]);
            assert!(before == event && said.starts_with(&place), "bit {bit}: {said}");
        }
    }
}

fn a_file_that_is_cut_anywhere_is_read_up_to_there(samples: &[Sample]) {
    let scratch = Scratch::new();
    for Sample { bytes, .. } in samples {
        let borders = borders(bytes);
        for len in 0..bytes.len() {
            let (before, said) = scratch.read(&bytes[..len]);
            let Some(event) = borders.iter().rposition(|&start| start <= len) else {
                let wanted = if len == 0 { ": is empty" } else { ": not a binlog" };
                assert!(said.unwrap_err().starts_with(wanted));
                continue;
            };
            assert_eq!(before, event);
            let (start, there) = (borders[event], len - borders[event]);
            let header = EventHeader::parse(&bytes[start..]).unwrap();
            let wanted = match there {
                0 => {
                    assert_eq!(said, Ok(()));
                    continue;
                }
                1..HEADER_LEN => format!(":{start}: event: the file ends after {there} of its 19 "),
                _ => format!(
                    ":{start}: {} event: the file ends after {there} of its {} ",
                    header.kind, header.size
                ),
            };
            let said = said.unwrap_err();
            assert!(said.starts_with(&wanted), "{said} {wanted}");
        }
    }
}

#[test]
fn every_flipped_bit_of_stored_files_is_found() {
    every_flipped_bit_is_found(&stored());
}

#[test]
fn stored_files_that_are_cut_anywhere_are_read_up_to_there() {
    a_file_that_is_cut_anywhere_is_read_up_to_there(&stored());
}

mod on_mysql_5_6 {
    use super::*;

    #[test]
    fn every_damage_to_its_files_is_found() {
        let samples = [written_by(Flavour::Mysql56)];
        every_flipped_bit_is_found(&samples);
        a_file_that_is_cut_anywhere_is_read_up_to_there(&samples);
    }
}

mod on_mariadb {
    use super::*;

    #[test]
    fn every_damage_to_files_of_11_8_and_10_11_is_found() {
        let samples = [Flavour::Mariadb118, Flavour::Mariadb1011].map(written_by);
        every_flipped_bit_is_found(&samples);
        a_file_that_is_cut_anywhere_is_read_up_to_there(&samples);
    }
}
