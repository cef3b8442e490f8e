//! Files that are missing between two that are read.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use binlogd_event::{ChecksumAlgorithm, EventPart, FileEnd, GtidSet, Verifier, previous_gtids};
use binlogd_store::{FileBefore, Order, Seam, unlogged_in};

use super::paths::{folder_and_name, is_timeline};
use super::{Input, Reader};
use crate::logging::print_note;

/// Two files in a row with others missing between them.
struct Gap<'a> {
    before: &'a Input,
    after: &'a Input,
    /// The names of the first and the last that are missing.
    first: String,
    last: String,
}

/// Refuses inputs between which files are missing, unless GTIDs prove that no transaction was in them.
/// If gaps are allowed they are only reported.
pub(super) fn check(inputs: &[Input], allow_gaps: bool) -> Result<()> {
    for pair in inputs.windows(2) {
        let Some(gap) = find(&pair[0], &pair[1]) else { continue };
        if gap.is_empty() {
            continue;
        }
        if !allow_gaps {
            bail!(
                "{gap}: the changes in them would be left out. Fetch them, or continue without \
                 them (--allow-gaps)"
            );
        }
        print_note(&format!("{gap}; continuing without them (--allow-gaps)"));
    }
    Ok(())
}

fn find<'a>(before: &'a Input, after: &'a Input) -> Option<Gap<'a>> {
    let ((folder, name), (other_folder, other)) =
        (folder_and_name(&before.path)?, folder_and_name(&after.path)?);
    let unlogged = GtidSet::new();
    let end = FileBefore { name: &name, end: &FileEnd::Open, logged: None, unlogged: &unlogged };
    match Seam::new(end, &other, None).order {
        Order::Missing { first, last } if folder == other_folder => {
            Some(Gap { before, after, first, last })
        }
        _ => None,
    }
}

impl Gap<'_> {
    /// Whether the file after the gap lists exactly the GTIDs that the one before it accounts for. A
    /// store has such gaps where a primary had purged files without transactions.
    fn is_empty(&self) -> bool {
        let seam = || -> Result<bool> {
            let (folder, name) = folder_and_name(&self.before.path).context("no name")?;
            let (_, other) = folder_and_name(&self.after.path).context("no name")?;
            let Some(listed) = listed(self.after)? else { return Ok(false) };
            let mut reader = Reader::open(self.before)?;
            let mut verifier = Verifier::at_start(ChecksumAlgorithm::None);
            while reader.advance(false)? {
                let Some(event) = reader.event() else { break };
                verifier.check(EventPart::whole(event.bytes))?;
                let _ = verifier.take_committed();
            }
            let logged = verifier.logged();
            // A file's head may list transactions that are in no file.
            let unlogged = match is_timeline(folder) {
                true => unlogged_in(folder)?,
                false => GtidSet::new(),
            };
            let end = FileBefore::at(&name, &verifier, &logged, &unlogged);
            Ok(Seam::new(end, &other, Some(&listed)).is_whole(false))
        };
        // What cannot be read proves nothing.
        seam().unwrap_or(false)
    }
}

impl std::fmt::Display for Gap<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { before, after, first, last } = self;
        let folder = before.path.parent().filter(|path| !path.as_os_str().is_empty());
        match (first == last, folder) {
            (true, Some(folder)) => write!(f, "{} is missing in {}", first, folder.display())?,
            (true, None) => write!(f, "{first} is missing")?,
            (false, Some(folder)) => {
                write!(f, "{first} to {last} are missing in {}", folder.display())?;
            }
            (false, None) => write!(f, "{first} to {last} are missing")?,
        }
        let name = |input: &Input| input.path.file_name().map(|name| name.display().to_string());
        let (before, after) = (name(before).unwrap_or_default(), name(after).unwrap_or_default());
        write!(f, ", between {before} and {after}")?;
        match in_another_form(folder.unwrap_or(Path::new(".")), first) {
            Some(other) => write!(f, " ({other} is there: decompress it)"),
            None => Ok(()),
        }
    }
}

/// A file in a folder that is called as one that is missing, with something after it.
fn in_another_form(folder: &Path, missing: &str) -> Option<String> {
    let names = fs::read_dir(folder).ok()?.flatten().map(|entry| entry.file_name());
    names.filter_map(|name| name.into_string().ok()).find(|name| {
        const COMPRESSED: [&str; 6] = ["bz2", "xz", "lz4", "lzo", "7z", "zip"];
        let ending = name.strip_prefix(missing).and_then(|rest| rest.strip_prefix('.'));
        ending.is_some_and(|ending| COMPRESSED.contains(&ending))
    })
}

/// The GTIDs that a file lists as those of earlier files.
fn listed(input: &Input) -> Result<Option<GtidSet>> {
    let mut reader = Reader::open(input)?;
    // The format description, and the list, perhaps with an event between.
    for _ in 0..4 {
        if !reader.advance(false)? {
            break;
        }
        if let Some(event) = reader.event().filter(|event| event.header.kind.is_previous_gtids()) {
            return Ok(Some(previous_gtids(event.body())?));
        }
    }
    Ok(None)
}
