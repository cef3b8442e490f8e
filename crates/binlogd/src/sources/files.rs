//! The events of inputs, one after the other; of the last one and those behind it also as they come.

use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Result, bail};
use binlogd_store::LogName;

use super::{Input, RawEvent, Reader, Unwanted, paths};
use crate::progress::Progress;

/// How often a file that is followed is looked at.
const POLL: Duration = Duration::from_millis(100);

/// The events of inputs, one after the other.
pub(crate) struct Files {
    inputs: Vec<Input>,
    next: usize,
    reader: Option<Reader>,
    progress: Progress,
    /// Bytes of the inputs before.
    before: u64,
    /// What is passed over where an index tells where it ends.
    unwanted: Unwanted,
    /// How many of a store's timelines have begun.
    timeline: usize,
    /// Where files appear behind the last one, if that is waited for.
    follow: Option<PathBuf>,
}

impl Files {
    pub(crate) fn new(inputs: Vec<Input>) -> Self {
        // How long a compressed file is when it is decompressed is not known.
        let is_known = !inputs.iter().any(|input| paths::is_named_compressed(&input.path));
        let len = inputs.iter().map(|input| input.len).sum();
        let progress = Progress::new(if is_known { len } else { 0 });
        Self {
            inputs,
            next: 0,
            reader: None,
            progress,
            before: 0,
            unwanted: Unwanted::default(),
            timeline: 0,
            follow: None,
        }
    }

    /// Goes on with what comes to the last input, and with the files behind it in `place`: the folder
    /// that was named, or that file itself.
    pub(crate) fn following(inputs: Vec<Input>, place: PathBuf) -> Self {
        Self { follow: Some(place), progress: Progress::new(0), ..Self::new(inputs) }
    }

    /// Passes over what nobody wants, as far as the indexes that a store has beside its files tell.
    pub(crate) fn pass_over(&mut self, unwanted: Unwanted) {
        self.unwanted = unwanted;
    }

    /// Reads the next event, of the next input where one ends; `false` behind the last one.
    /// [`event`](Self::event) has it then.
    pub(crate) fn advance(&mut self) -> Result<bool> {
        loop {
            let next = self.inputs.get(self.next);
            if let Some(reader) = &mut self.reader {
                if reader.advance(self.follow.is_some() && next.is_none())? {
                    self.progress.at(self.before + reader.offset());
                    return Ok(true);
                }
                if next.is_some() {
                    self.before += reader.offset();
                }
            }
            let Some(input) = next else { return Ok(false) };
            let mut reader = Reader::open(input)?;
            if let Some(offset) = self.unwanted.end_in(input, self.next == 0) {
                reader.skip_to(offset);
            }
            let folder = input.path.parent();
            let before = self.next.checked_sub(1).and_then(|last| self.inputs[last].path.parent());
            if folder != before && folder.is_some_and(paths::is_timeline) {
                self.timeline += 1;
            }
            self.reader = Some(reader);
            self.next += 1;
        }
    }

    /// Waits a moment, and looks for the next file.
    pub(crate) fn wait(&mut self) -> Result<()> {
        sleep(POLL);
        let (Some(place), Some(reader), Some(last)) =
            (&self.follow, &mut self.reader, self.inputs.last())
        else {
            return Ok(());
        };
        reader.look_again(&last.path)?;
        if let Some(input) = behind(&last.path, place)? {
            // What the last one has got until now is read first: it gets no more.
            self.inputs.push(input);
        }
        Ok(())
    }

    /// Whether it waits for more at the end.
    pub(crate) fn follows(&self) -> bool {
        self.follow.is_some()
    }

    /// The event that was read last.
    pub(crate) fn event(&self) -> Option<RawEvent<'_>> {
        self.reader.as_ref().and_then(Reader::event)
    }

    pub(crate) fn is_compressed(&self) -> bool {
        self.reader.as_ref().is_some_and(Reader::is_compressed)
    }

    /// Which of a store's timelines it is of, from 1 on; 0 if it is not of a store.
    pub(crate) fn timeline(&self) -> usize {
        self.timeline
    }

    /// Whether it is of the first input.
    pub(crate) fn is_first(&self) -> bool {
        self.next <= 1
    }

    /// Whether it is of the last input.
    pub(crate) fn is_last(&self) -> bool {
        self.next == self.inputs.len()
    }
}

/// The file that comes after `last`, once it has begun.
fn behind(last: &Path, place: &Path) -> Result<Option<Input>> {
    let Some((folder, name)) = paths::folder_and_name(last) else { return Ok(None) };
    let is_behind = |input: &Input| {
        paths::folder_and_name(&input.path).is_some_and(|(other_folder, other)| {
            // A store's timelines lie one behind the other.
            other_folder > folder || other_folder == folder && other > name
        })
    };
    let files =
        if place.is_dir() { paths::folder(place)? } else { paths::log(folder, name.base())? };
    let Some(input) = files.into_iter().find(is_behind) else { return Ok(None) };
    if input.len < binlogd_event::FIRST_EVENT {
        return Ok(None);
    }
    let next = input.path.file_name().and_then(|text| text.to_str()).and_then(LogName::new);
    let is_near = |next: &LogName| next.number() == name.number() + 1;
    if input.path.parent() == Some(folder) && !next.as_ref().is_some_and(is_near) {
        bail!(
            "the files between {} and {} are gone: they were removed before they were read",
            last.display(),
            input.path.display()
        );
    }
    Ok(Some(input))
}
