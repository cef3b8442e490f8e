//! Where events come from: binlog files, folders of them, standard input.
//!
//! What is named becomes a list of inputs in [`paths`]; [`reader`] reads one of them, event by event.
//! Nothing here decodes an event.

mod paths;
mod reader;

use anyhow::Result;

pub(crate) use paths::{Input, inputs};
pub(crate) use reader::{RawEvent, Reader};

use crate::progress::Progress;

/// The events of inputs, one after the other.
pub(crate) struct Files {
    inputs: Vec<Input>,
    next: usize,
    reader: Option<Reader>,
    progress: Progress,
    /// Bytes of the inputs before.
    before: u64,
}

impl Files {
    pub(crate) fn new(inputs: Vec<Input>) -> Self {
        let progress = Progress::new(inputs.iter().map(|input| input.len).sum());
        Self { inputs, next: 0, reader: None, progress, before: 0 }
    }

    /// Reads the next event, of the next input where one ends; `false` behind the last one.
    /// [`event`](Self::event) has it then.
    pub(crate) fn advance(&mut self) -> Result<bool> {
        loop {
            if let Some(reader) = &mut self.reader {
                if reader.advance()? {
                    self.progress.at(self.before + reader.offset());
                    return Ok(true);
                }
                self.before += reader.offset();
            }
            let Some(input) = self.inputs.get(self.next) else { return Ok(false) };
            self.reader = Some(Reader::open(input)?);
            self.next += 1;
        }
    }

    /// The event that was read last.
    pub(crate) fn event(&self) -> Option<RawEvent<'_>> {
        self.reader.as_ref().and_then(Reader::event)
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
