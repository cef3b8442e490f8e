//! Two timelines of one server, which may be two histories of it: a restored server, or one that lost
//! its tail, gives GTIDs to other transactions. Where that was not found out, or files of the new
//! history are missing, readers would be given a mixture.
//!
//! The files of both are compared by their bytes. From the first difference on nothing is common, so
//! a GTID that comes behind it in both must be among those that the later timeline calls forked.

use binlogd_event::{
    ChecksumAlgorithm, EventHeader, EventKind, FIRST_EVENT, GtidSet, HEADER_LEN, Verifier,
};

use super::finding::{Fault, Finding};
use super::plan::{Plan, PlannedFile, Sequence};
use crate::catalog::read_full;
use crate::recovery::scan::{CHUNK, scan_with};
use crate::{File, StoreError};

/// Compares each timeline with the one before it, if that is of the same server.
pub(super) fn compare(plan: &Plan) -> Vec<Finding> {
    let pairs = plan.sequences.windows(2);
    let found = pairs.filter_map(|pair| match compare_two(plan, &pair[0], &pair[1]) {
        Ok(finding) => finding,
        // What cannot be read was found where the file itself was checked.
        Err(error) => {
            tracing::debug!("{error}");
            None
        }
    });
    found.collect()
}

fn compare_two(plan: &Plan, old: &Sequence, new: &Sequence) -> Result<Option<Finding>, StoreError> {
    let (Some(old_timeline), Some(timeline)) = (&old.timeline, &new.timeline) else {
        return Ok(None);
    };
    if old_timeline.source != timeline.source || old.stream.is_none() || old.stream != new.stream {
        return Ok(None);
    }
    let Some((first_new, differing)) = first_difference(plan, old, new)? else { return Ok(None) };
    let of_new = gtids(plan, first_new, differing.new_until)?;
    let of_old = match differing.old {
        Some(file) => gtids(plan, file, differing.old_until)?,
        None => of_new.clone(),
    };
    let end = |sequence: &Sequence| match sequence.files.last() {
        Some(last) => gtids(plan, last, u64::MAX),
        None => Ok(GtidSet::new()),
    };
    let (only_old, only_new) = (end(old)?.difference(&of_old), end(new)?.difference(&of_new));
    let both = only_old.difference(&only_old.difference(&only_new));
    let gtids = both.difference(&timeline.forked);
    let fault = |gtids| Fault::OtherHistory { gtids, timeline: old_timeline.name() };
    Ok((!gtids.is_empty()).then(|| Finding::of_path(&first_new.path, fault(gtids))))
}

/// Where two histories part.
struct Difference<'a> {
    /// The old timeline's file; `None` if it has none of that name.
    old: Option<&'a PlannedFile>,
    /// Up to where the files are to be read for what is common.
    old_until: u64,
    new_until: u64,
}

/// The first file of the new timeline that is not as the old one's, or that the old one lacks.
fn first_difference<'a>(
    plan: &Plan,
    old: &'a Sequence,
    new: &'a Sequence,
) -> Result<Option<(&'a PlannedFile, Difference<'a>)>, StoreError> {
    let is_of_one_log = |a: &PlannedFile, b: &PlannedFile| match (&a.name, &b.name) {
        (Some(a), Some(b)) => a.base() == b.base(),
        _ => false,
    };
    for (at, file) in new.files.iter().enumerate() {
        let same = |other: &&PlannedFile| other.name == file.name;
        let Some(other) = old.files.iter().find(same) else {
            let is_related = old.files.iter().any(|other| is_of_one_log(other, file));
            let head = head_end(plan, file)?;
            let difference = Difference { old: None, old_until: 0, new_until: head };
            return Ok((at == 0 && is_related).then_some((file, difference)));
        };
        if let Some(offset) = difference(plan, other, file)? {
            let old_until = offset.max(head_end(plan, other)?);
            let new_until = offset.max(head_end(plan, file)?);
            return Ok(Some((file, Difference { old: Some(other), old_until, new_until })));
        }
    }
    Ok(None)
}

/// Where two files differ; `None` if one is the beginning of the other.
fn difference(plan: &Plan, a: &PlannedFile, b: &PlannedFile) -> Result<Option<u64>, StoreError> {
    let (a_file, b_file) = (open(plan, a)?, open(plan, b)?);
    let (mut a_bytes, mut b_bytes) = (vec![0; CHUNK], vec![0; CHUNK]);
    let mut offset = 0;
    loop {
        let a_len =
            read_full(&*a_file, &mut a_bytes, offset).map_err(StoreError::io("read", &a.path))?;
        let b_len =
            read_full(&*b_file, &mut b_bytes, offset).map_err(StoreError::io("read", &b.path))?;
        let len = a_len.min(b_len);
        let equal = a_bytes[..len].iter().zip(&b_bytes[..len]).take_while(|(a, b)| a == b).count();
        offset += equal as u64;
        if equal < len {
            return Ok(Some(offset));
        }
        if len < CHUNK {
            return Ok(None);
        }
    }
}

/// The GTIDs before a file, and those of its transactions that end before `until`.
fn gtids(plan: &Plan, file: &PlannedFile, until: u64) -> Result<GtidSet, StoreError> {
    let handle = open(plan, file)?;
    let mut verifier = Verifier::at_start(ChecksumAlgorithm::None);
    let until = until.min(file.len);
    // What is bad was found where the file itself was checked.
    scan_with(&*handle, &file.path, &mut verifier, until, &mut vec![0; CHUNK], |_, _, _| {})?;
    Ok(verifier.take_committed())
}

/// Where the events end that each file begins with, or what there is of them.
fn head_end(plan: &Plan, file: &PlannedFile) -> Result<u64, StoreError> {
    let handle = open(plan, file)?;
    let mut end = FIRST_EVENT;
    for is_wanted in [|kind| kind == EventKind::FORMAT_DESCRIPTION, EventKind::is_previous_gtids] {
        let mut bytes = [0; HEADER_LEN];
        let len =
            read_full(&*handle, &mut bytes, end).map_err(StoreError::io("read", &file.path))?;
        match EventHeader::parse(&bytes[..len]) {
            Ok(header) if is_wanted(header.kind) => end += u64::from(header.size),
            _ => break,
        }
    }
    Ok(end.min(file.len))
}

fn open(plan: &Plan, file: &PlannedFile) -> Result<Box<dyn File>, StoreError> {
    plan.fs.open(&file.path).map_err(StoreError::io("open", &file.path))
}
