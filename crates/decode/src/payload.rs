//! The events of a compressed transaction, one after the other with bounded memory.

use std::fmt;

use binlogd_event::body::{PayloadCompression, TransactionPayload};
use binlogd_event::{EventHeader, HEADER_LEN};
use zstd::stream::raw::{DParameter, Decoder as Zstd, InBuffer, Operation, OutBuffer};

use crate::{DecodeError, Flaw, Limits, Place};

/// The events of a [`TransactionPayload`], each with its header but without a checksum.
///
/// At no time there is more of them in memory than one event, and what zstd needs.
pub struct Payload<'a> {
    source: Source<'a>,
    buffer: Vec<u8>,
    place: Place,
    event_max: usize,
    /// How much of all events may still come.
    left: u64,
    done: bool,
}

enum Source<'a> {
    Plain(&'a [u8]),
    Zstd { decoder: Box<Zstd<'static>>, input: &'a [u8] },
}

/// The largest window that MySQL's highest level of compression asks for, as a power of 2.
const WINDOW_LOG_MAX: u32 = 27;
/// What is made room for before anything came out.
const STEP: usize = 16 * 1024;

impl<'a> Payload<'a> {
    /// The events of a payload.
    ///
    /// # Errors
    /// If they are compressed in an unknown way, or are more than
    /// [`Limits::payload_max`] by what the event says.
    pub fn new(
        payload: &TransactionPayload<'a>,
        limits: &Limits,
        place: Place,
    ) -> Result<Self, DecodeError> {
        let fail = |flaw| DecodeError::new(place, None, flaw);
        if payload.uncompressed_len.is_some_and(|len| len > limits.payload_max) {
            return Err(fail(too_large(limits.payload_max)));
        }
        let source = match payload.compression {
            PayloadCompression::NONE => Source::Plain(payload.payload),
            PayloadCompression::ZSTD => {
                let mut decoder = Zstd::new().map_err(|error| fail(damaged(&error)))?;
                decoder
                    .set_parameter(DParameter::WindowLogMax(WINDOW_LOG_MAX))
                    .map_err(|error| fail(damaged(&error)))?;
                Source::Zstd { decoder: Box::new(decoder), input: payload.payload }
            }
            PayloadCompression(other) => {
                return Err(fail(damaged(&format_args!("unknown method {other}"))));
            }
        };
        Ok(Self {
            source,
            buffer: Vec::new(),
            place,
            event_max: limits.inflated_event_max,
            left: limits.payload_max,
            done: false,
        })
    }

    /// The next event, or `None` behind the last one.
    ///
    /// # Errors
    /// If the payload is damaged or larger than the limits. Nothing comes after an error.
    #[expect(clippy::should_implement_trait, reason = "what it lends lives until the next call")]
    pub fn next(&mut self) -> Result<Option<&[u8]>, DecodeError> {
        if self.done {
            return Ok(None);
        }
        match self.fill() {
            Ok(true) => Ok(Some(&self.buffer)),
            Ok(false) => {
                self.done = true;
                Ok(None)
            }
            Err(flaw) => {
                self.done = true;
                Err(DecodeError::new(self.place, None, flaw))
            }
        }
    }

    /// Puts the next event into the buffer; `false` at the end.
    fn fill(&mut self) -> Result<bool, Flaw> {
        self.buffer.clear();
        let head = self.read(HEADER_LEN)?;
        if head == 0 {
            return Ok(false);
        }
        let header = EventHeader::parse(&self.buffer)?;
        let size = header.size as usize;
        if size < HEADER_LEN {
            return Err(Flaw::Size { header: header.size, actual: head });
        }
        if size > self.event_max {
            let limit = self.event_max as u64;
            return Err(Flaw::TooLarge { limit, name: "inflated_event_max" });
        }
        let body = self.read(size - HEADER_LEN)?;
        if body < size - HEADER_LEN {
            return Err(Flaw::Size { header: header.size, actual: head + body });
        }
        Ok(true)
    }

    /// Appends `len` bytes to the buffer, or less at the end. Memory grows with what comes.
    fn read(&mut self, len: usize) -> Result<usize, Flaw> {
        let Self { source, buffer, left, .. } = self;
        let start = buffer.len();
        let (decoder, input) = match source {
            Source::Plain(rest) => {
                let (taken, behind) = rest.split_at(len.min(rest.len()));
                buffer.extend_from_slice(taken);
                *rest = behind;
                return Ok(taken.len());
            }
            Source::Zstd { decoder, input } => (decoder, input),
        };
        while buffer.len() < start + len {
            let at = buffer.len();
            let room = (start + len - at).min(STEP.max(at));
            buffer.resize(at + room, 0);
            let mut from = InBuffer::around(input);
            let mut to = OutBuffer::around(&mut buffer[at..]);
            let result = decoder.run(&mut from, &mut to);
            let (consumed, written) = (from.pos(), to.pos());
            buffer.truncate(at + written);
            result.map_err(|error| damaged(&error))?;
            *input = &input[consumed..];
            let Some(rest) = left.checked_sub(written as u64) else {
                return Err(too_large(*left));
            };
            *left = rest;
            if consumed == 0 && written == 0 {
                break;
            }
        }
        Ok(buffer.len() - start)
    }
}

fn too_large(limit: u64) -> Flaw {
    Flaw::TooLarge { limit, name: "payload_max" }
}

fn damaged(reason: &dyn fmt::Display) -> Flaw {
    Flaw::Compressed { reason: reason.to_string() }
}

impl fmt::Debug for Payload<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Payload").field("place", &self.place).finish_non_exhaustive()
    }
}
