//! Finds the events in a file's bytes, chunk by chunk.

use crate::{EVENT_SIZE_MAX, EventHeader, HEADER_LEN, Violation};

/// An event, or a piece of one that was too large for the reader's buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventPart<'a> {
    /// Whether the event begins here. The first part holds the whole header.
    pub first: bool,
    /// Whether the event ends here.
    pub last: bool,
    /// The bytes.
    pub bytes: &'a [u8],
}

impl<'a> EventPart<'a> {
    /// An event that is whole.
    #[must_use]
    pub fn whole(bytes: &'a [u8]) -> Self {
        Self { first: true, last: true, bytes }
    }
}

/// Cuts a sequence of chunks into events by the sizes in their headers.
///
/// Most events come whole. One larger than what is buffered comes in parts once the caller says
/// that its buffer cannot hold more.
#[derive(Debug, Clone, Default)]
pub struct Splitter {
    /// Bytes that are still to come of an event whose first part was returned.
    missing: u32,
}

impl Splitter {
    /// A splitter at the start of an event.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next event or part from the front of `buffered`, which the caller then skips by
    /// the part's length. `None` asks for more bytes behind those that are there.
    ///
    /// # Errors
    /// If a header's size is smaller than a header or larger than [`EVENT_SIZE_MAX`].
    #[inline]
    pub fn next<'a>(
        &mut self,
        buffered: &'a [u8],
        buffer_is_full: bool,
    ) -> Result<Option<EventPart<'a>>, Violation> {
        if self.missing > 0 {
            return Ok(self.continued(buffered));
        }
        let Ok(header) = EventHeader::parse(buffered) else { return Ok(None) };
        if (header.size as usize) < HEADER_LEN || header.size > EVENT_SIZE_MAX {
            return Err(Violation::ImpossibleSize { size: header.size });
        }
        match buffered.get(..header.size as usize) {
            Some(event) => Ok(Some(EventPart::whole(event))),
            None if buffer_is_full => {
                #[expect(clippy::cast_possible_truncation, reason = "less than header.size")]
                let here = buffered.len() as u32;
                self.missing = header.size - here;
                Ok(Some(EventPart { first: true, last: false, bytes: buffered }))
            }
            None => Ok(None),
        }
    }

    fn continued<'a>(&mut self, buffered: &'a [u8]) -> Option<EventPart<'a>> {
        if buffered.is_empty() {
            return None;
        }
        let len = buffered.len().min(self.missing as usize);
        #[expect(clippy::cast_possible_truncation, reason = "at most self.missing")]
        {
            self.missing -= len as u32;
        }
        Some(EventPart { first: false, last: self.missing == 0, bytes: &buffered[..len] })
    }
}
