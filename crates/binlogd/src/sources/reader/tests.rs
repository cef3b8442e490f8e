//! Small files of a real server with every bit flipped and cut everywhere, read as commands read them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use binlogd_decode::{DecodeError, Decoder, Events};
use binlogd_event::ChecksumAlgorithm;

use super::*;

/// Longer files have nothing that these do not have.
const LEN_MAX: usize = 2000;

/// The files, and whether their events have checksums.
fn files() -> Vec<(Vec<u8>, bool)> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../event/tests/data/mysql-9.7");
    let mut files: Vec<PathBuf> =
        fs::read_dir(data).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension != "events"));
    let with_checksums = |path: PathBuf| {
        let bytes = fs::read(path).unwrap();
        let (_, first) = Events::new(&bytes).next().unwrap();
        let format = FormatDescription::parse(first.unwrap()).unwrap();
        (bytes, format.checksum == ChecksumAlgorithm::Crc32)
    };
    let files = files.into_iter().map(with_checksums);
    let files: Vec<_> = files.filter(|(bytes, _)| bytes.len() < LEN_MAX).collect();
    assert!(files.len() > 2 && files.iter().any(|(_, has)| !has));
    files
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

#[test]
fn every_flipped_bit_is_found_and_said_with_its_place_and_event_type() {
    let scratch = Scratch::new();
    for (bytes, has_checksums) in files() {
        assert_eq!(scratch.read(&bytes), (borders(&bytes).len() - 1, Ok(())));
        // In the format description's header: servers set it without touching the checksum.
        let in_use = (MAGIC.len() + 17) * 8;
        for bit in (0..bytes.len() * 8).filter(|&bit| bit != in_use) {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let (before, said) = scratch.read(&damaged);
            let starts = borders(&bytes);
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

#[test]
fn a_file_that_is_cut_anywhere_is_read_up_to_there() {
    let scratch = Scratch::new();
    for (bytes, _) in files() {
        let borders = borders(&bytes);
        for len in 0..bytes.len() {
            let (before, said) = scratch.read(&bytes[..len]);
            let Some(event) = borders.iter().rposition(|&start| start <= len) else {
                assert!(said.unwrap_err().starts_with(": not a binlog"));
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
