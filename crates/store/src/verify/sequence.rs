//! Each file against the one before: numbers, the name in the Rotate, GTIDs; and each timeline
//! against those before.

use std::path::PathBuf;

use binlogd_event::{EventKind, GtidSet};

use super::file::Checked;
use super::finding::{Fault, Finding};
use super::plan::{Plan, PlannedFile, Sequence};
use super::{FileEnd, Observer, Report};
use crate::{FileBefore, LogName, Order, Seam};

/// Takes files in order.
pub(super) struct Sequences<'a> {
    plan: &'a Plan,
    observer: &'a dyn Observer,
    report: Report,
    /// Where the next file is: its sequence, and its place in that.
    sequence: usize,
    file: usize,
    last: Option<Last<'a>>,
    older: Older,
}

/// The file before.
struct Last<'a> {
    file: &'a PlannedFile,
    checked: Checked,
    /// All GTIDs up to its end, if it says.
    executed: Option<GtidSet>,
}

/// What earlier timelines of the same stream have.
#[derive(Default)]
struct Older {
    stream: Option<PathBuf>,
    executed: GtidSet,
    /// Whether that is all: no file of theirs is damaged.
    is_complete: bool,
    /// Whether they have files. If not, they were purged, and maybe files of the next timeline, too.
    has_files: bool,
}

impl<'a> Sequences<'a> {
    pub(super) fn new(plan: &'a Plan, observer: &'a dyn Observer) -> Self {
        let (report, older) = (Report::default(), Older::default());
        let mut new = Self { plan, observer, report, sequence: 0, file: 0, last: None, older };
        for finding in &plan.findings {
            new.found(finding.clone());
        }
        new
    }

    /// Takes the next file.
    pub(super) fn take(&mut self, mut checked: Checked) {
        let Some(sequence) = self.plan.sequences.get(self.sequence) else { return };
        let Some(file) = sequence.files.get(self.file) else { return };
        match self.last.take() {
            Some(last) if self.file > 0 => self.compare(sequence, &last, file, &checked),
            _ => self.begin(sequence, file, &checked),
        }
        for finding in std::mem::take(&mut checked.findings) {
            self.found(finding);
        }
        self.report.files.push(checked.summary.clone());
        let executed = checked.previous.clone().map(|mut all| {
            all.extend(&checked.summary.gtids);
            all
        });
        self.last = Some(Last { file, checked, executed });
        self.file += 1;
        if self.file == sequence.files.len() {
            self.end(sequence);
            (self.sequence, self.file) = (self.sequence + 1, 0);
        }
    }

    pub(super) fn finish(self) -> Report {
        self.report
    }

    /// The first file of a sequence.
    fn begin(&mut self, sequence: &Sequence, file: &PlannedFile, checked: &Checked) {
        if self.older.stream.is_none() || self.older.stream != sequence.stream {
            let stream = sequence.stream.clone();
            self.older = Older { stream, is_complete: true, ..Older::default() };
        }
        if let Some(timeline) = &sequence.timeline {
            self.older.executed = self.older.executed.difference(&timeline.forked);
            self.older.executed.extend(&timeline.inherited);
        }
        // Without GTIDs nothing ties timelines to each other.
        if let Some(previous) = &checked.previous
            && self.older.is_complete
            && self.older.has_files
            && !self.older.executed.is_empty()
        {
            let gtids = previous.difference(&self.older.executed);
            self.found_gtids(file, gtids, |gtids| Fault::GtidGap { gtids });
        }
    }

    /// Two files that follow each other.
    fn compare(
        &mut self,
        sequence: &Sequence,
        last: &Last<'_>,
        file: &PlannedFile,
        checked: &Checked,
    ) {
        let (Some(before), Some(name)) = (&last.file.name, &file.name) else { return };
        if last.checked.is_relay_log || checked.is_relay_log {
            return;
        }
        let logged = last.checked.is_complete.then_some(&last.checked.logged);
        let (end, unlogged) = (&last.checked.summary.end, &sequence.unlogged);
        let end = FileBefore { name: before, end, logged, unlogged };
        let seam = Seam::new(end, name, checked.previous.as_ref());
        match &seam.order {
            Order::Unrelated => return,
            Order::Missing { first, last: last_missing } => {
                let is_purged = matches!(self.plan.fs.len(&last.file.path), Ok(None));
                // Or they have been purged meanwhile, oldest first.
                if sequence.is_whole && !is_purged {
                    let (first, last) = (first.clone(), last_missing.clone());
                    let fault = match seam.is_whole(false) {
                        true => Fault::EmptyFilesMissing { first, last },
                        false => Fault::MissingFiles { first, last, gtids: seam.gtids.missing },
                    };
                    self.found(Finding::of_path(&file.path, fault));
                    self.found_gtids(file, seam.gtids.unknown, |gtids| Fault::GtidsUnknown {
                        gtids,
                    });
                }
                return;
            }
            Order::WrongNext { named } => {
                let (named, found) = (named.clone(), name.clone());
                self.found_at_end(last, Fault::WrongNext { named, found });
            }
            Order::Next if last.checked.summary.end == FileEnd::Open => {
                if last.checked.is_complete && last.checked.last_event.is_some() {
                    let in_transaction = last.checked.in_transaction;
                    self.found(Finding::of_path(
                        &last.file.path,
                        Fault::NotEnded { in_transaction },
                    ));
                }
            }
            Order::Next => {}
        }
        self.found_gtids(file, seam.gtids.missing, |gtids| Fault::GtidGap { gtids });
        let unknown = seam.gtids.unknown;
        // Those that its list lacks were found in the file itself.
        let twice = unknown.difference(&unknown.difference(&checked.summary.gtids));
        self.found_gtids(file, unknown, |gtids| Fault::GtidsUnknown { gtids });
        self.found_gtids(file, twice, |gtids| Fault::GtidsTwice { gtids });
    }

    /// The last file of a sequence.
    fn end(&mut self, sequence: &Sequence) {
        let Some(last) = self.last.take() else { return };
        if sequence.is_whole
            && let (FileEnd::Rotate(next), Some(name)) =
                (&last.checked.summary.end, &last.file.name)
        {
            let named = next.clone();
            let may_follow = LogName::new(next).is_some_and(|next| next > *name);
            self.found_at_end(
                &last,
                if may_follow {
                    Fault::NextNotThere { named }
                } else {
                    Fault::ImpossibleNext { named }
                },
            );
        }
        let (is_complete, executed) = (last.checked.is_complete, last.executed.unwrap_or_default());
        if let Some(timeline) = &sequence.timeline
            && self.older.is_complete
            && is_complete
        {
            // What is inherited may still be coming.
            let forked = self.older.executed.difference(&executed);
            let forked = forked.difference(&timeline.inherited);
            if !forked.is_empty() {
                self.found(Finding::of_path(&sequence.dir, Fault::Forked { gtids: forked }));
            }
        }
        self.older.is_complete &= is_complete;
        self.older.has_files = true;
        self.older.executed.extend(&executed);
    }

    fn found_gtids(
        &mut self,
        file: &PlannedFile,
        gtids: GtidSet,
        fault: impl FnOnce(GtidSet) -> Fault,
    ) {
        if !gtids.is_empty() {
            self.found(Finding::of_path(&file.path, fault(gtids)));
        }
    }

    fn found_at_end(&mut self, last: &Last<'_>, fault: Fault) {
        let path = last.file.path.clone();
        let offset = last.checked.last_event.unwrap_or(0);
        self.found(Finding::of_event(path, offset, EventKind::ROTATE, fault));
    }

    fn found(&mut self, finding: Finding) {
        self.observer.found(&finding);
        self.report.findings.push(finding);
    }
}
