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
    pieces: PayloadPieces,
    input: &'a [u8],
    done: bool,
}

impl<'a> Payload<'a> {
    /// The events of a payload.
    ///
    /// # Errors
    /// As those of [`PayloadPieces::new`].
    pub fn new(
        payload: &TransactionPayload<'a>,
        limits: &Limits,
        place: Place,
    ) -> Result<Self, DecodeError> {
        let pieces = PayloadPieces::new(payload, limits, place)?;
        Ok(Self { pieces, input: payload.payload, done: false })
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
        match self.pieces.advance(&mut self.input) {
            Ok(true) => return Ok(Some(self.pieces.event())),
            Ok(false) => {}
            Err(error) => {
                self.done = true;
                return Err(error);
            }
        }
        self.done = true;
        self.pieces.finish().map(|()| None)
    }
}

impl fmt::Debug for Payload<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Payload").field(&self.pieces).finish()
    }
}

/// The same of a payload that comes piece by piece.
pub struct PayloadPieces {
    source: Source,
    /// The event under way, as far as it is kept.
    event: Vec<u8>,
    /// How much of it has come, in bytes.
    come: usize,
    /// Its size, once that is known.
    size: Option<usize>,
    place: Place,
    event_max: usize,
    kept_max: usize,
    /// How much of all events has come, in bytes.
    total: u64,
    total_max: u64,
    /// How much there is of them by what the payload says, in bytes.
    said: Option<u64>,
}

enum Source {
    Plain,
    Zstd(Box<Zstd<'static>>),
}

/// The largest window that MySQL's highest level of compression asks for, as a power of 2.
const WINDOW_LOG_MAX: u32 = 27;
/// What is made room for before anything came out.
const STEP: usize = 16 * 1024;

impl PayloadPieces {
    /// The events of the payload with this head.
    ///
    /// # Errors
    /// If they are compressed in an unknown way, or are more than
    /// [`Limits::payload_max`] by what the event says. What comes out is compared with that, too.
    pub fn new(
        head: &TransactionPayload<'_>,
        limits: &Limits,
        place: Place,
    ) -> Result<Self, DecodeError> {
        let fail = |flaw| DecodeError::new(place, None, flaw);
        if head.uncompressed_len.is_some_and(|len| len > limits.payload_max) {
            return Err(fail(too_large(limits.payload_max)));
        }
        let source = match head.compression {
            PayloadCompression::NONE => Source::Plain,
            PayloadCompression::ZSTD => {
                let mut decoder = Zstd::new().map_err(|error| fail(damaged(&error)))?;
                decoder
                    .set_parameter(DParameter::WindowLogMax(WINDOW_LOG_MAX))
                    .map_err(|error| fail(damaged(&error)))?;
                Source::Zstd(Box::new(decoder))
            }
            PayloadCompression(other) => {
                return Err(fail(damaged(&format_args!("unknown method {other}"))));
            }
        };
        Ok(Self {
            source,
            event: Vec::new(),
            come: 0,
            size: None,
            place,
            event_max: limits.inflated_event_max,
            kept_max: usize::MAX,
            total: 0,
            total_max: limits.payload_max,
            said: head.uncompressed_len.filter(|_| head.compression == PayloadCompression::ZSTD),
        })
    }

    /// Keeps only the front of each event, of so many bytes, a header at least.
    #[must_use]
    pub fn fronts(self, len_max: usize) -> Self {
        Self { kept_max: len_max.max(HEADER_LEN), ..self }
    }

    /// Goes on to the next event; `false` if it takes more input than there is. What is used of the input is
    /// taken from its front: all of it where `false` is returned.
    ///
    /// # Errors
    /// If the payload is damaged or larger than the limits; then it is of no more use.
    pub fn advance(&mut self, input: &mut &[u8]) -> Result<bool, DecodeError> {
        if self.size == Some(self.come) {
            (self.come, self.size) = (0, None);
            self.event.clear();
        }
        self.fill(input).map_err(|flaw| self.fail(flaw))
    }

    /// The event that it has come to, or its front.
    #[must_use]
    pub fn event(&self) -> &[u8] {
        &self.event
    }

    /// Sees that the input did not end within an event, nor before all that the payload says.
    ///
    /// # Errors
    /// It did.
    pub fn finish(&self) -> Result<(), DecodeError> {
        let is_between = self.come == self.size.unwrap_or(0);
        if let Some(said) = self.said.filter(|&said| is_between && self.total < said) {
            let total = self.total;
            return Err(self.fail(damaged(&format_args!(
                "there are {total} of the {said} bytes that it says"
            ))));
        }
        match self.size {
            None if self.come == 0 => Ok(()),
            Some(size) if size == self.come => Ok(()),
            None => EventHeader::parse(&self.event).map(drop).map_err(|e| self.fail(e.into())),
            Some(size) => {
                let header = u32::try_from(size).unwrap_or(u32::MAX);
                Err(self.fail(Flaw::Size { header, actual: self.come }))
            }
        }
    }

    fn fail(&self, flaw: Flaw) -> DecodeError {
        DecodeError::new(self.place, None, flaw)
    }

    fn fill(&mut self, input: &mut &[u8]) -> Result<bool, Flaw> {
        if self.size.is_none() {
            self.read_up_to(HEADER_LEN, input)?;
            if self.come < HEADER_LEN {
                return Ok(false);
            }
            self.size = Some(self.size_of(&EventHeader::parse(&self.event)?)?);
        }
        let size = self.size.unwrap_or(HEADER_LEN);
        self.read_up_to(size, input)?;
        Ok(self.come == size)
    }

    fn size_of(&self, header: &EventHeader) -> Result<usize, Flaw> {
        let size = header.size as usize;
        if size < HEADER_LEN {
            return Err(Flaw::Size { header: header.size, actual: HEADER_LEN });
        }
        if size > self.event_max {
            let limit = self.event_max as u64;
            return Err(Flaw::TooLarge { limit, name: "inflated_event_max" });
        }
        Ok(size)
    }

    /// Reads on until so much of the event has come, or the input is used up. Memory grows with what comes.
    fn read_up_to(&mut self, len: usize, input: &mut &[u8]) -> Result<(), Flaw> {
        while self.come < len {
            let kept = self.event.len();
            let room = (len - self.come).min(STEP.max(kept));
            let come = match &mut self.source {
                Source::Plain => {
                    let (taken, behind) = input.split_at(room.min(input.len()));
                    self.event.extend_from_slice(taken);
                    *input = behind;
                    taken.len()
                }
                Source::Zstd(decoder) => {
                    self.event.resize(kept + room, 0);
                    let come = inflate(decoder, input, &mut self.event[kept..])?;
                    self.total = self.total.saturating_add(come as u64);
                    if self.total > self.total_max {
                        return Err(too_large(self.total_max));
                    }
                    if let Some(said) = self.said.filter(|&said| self.total > said) {
                        return Err(damaged(&format_args!(
                            "there are more than the {said} bytes that it says"
                        )));
                    }
                    come
                }
            };
            self.event.truncate((kept + come).min(self.kept_max));
            self.come += come;
            if come == 0 && input.is_empty() {
                break;
            }
        }
        Ok(())
    }
}

/// Decompresses into `output`; returns how much has come. Nothing comes only where all input is used.
fn inflate(
    decoder: &mut Zstd<'static>,
    input: &mut &[u8],
    output: &mut [u8],
) -> Result<usize, Flaw> {
    loop {
        let mut from = InBuffer::around(input);
        let mut to = OutBuffer::around(&mut *output);
        let result = decoder.run(&mut from, &mut to);
        let (used, come) = (from.pos(), to.pos());
        result.map_err(|error| damaged(&error))?;
        *input = input.get(used..).unwrap_or_default();
        match (used, come) {
            (0, 0) if !input.is_empty() => return Err(damaged(&"it does not go on")),
            (1.., 0) if !input.is_empty() => {}
            _ => return Ok(come),
        }
    }
}

fn too_large(limit: u64) -> Flaw {
    Flaw::TooLarge { limit, name: "payload_max" }
}

fn damaged(reason: &dyn fmt::Display) -> Flaw {
    Flaw::Compressed { reason: reason.to_string() }
}

impl fmt::Debug for PayloadPieces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PayloadPieces").field("place", &self.place).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use binlogd_event::EventKind;

    use super::*;

    /// How many events come of a payload of `count`, by a head that says `said` bytes.
    fn events(count: usize, said: u64, payload_max: u64) -> Result<usize, DecodeError> {
        // A time, a type, an id, the size, a position and flags: no more than a header.
        let event = [1, 0, 0, 0, 29, 7, 0, 0, 0, 19, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let packed = zstd::encode_all(&event.repeat(count)[..], 3).unwrap();
        let head = TransactionPayload {
            compression: PayloadCompression::ZSTD,
            uncompressed_len: Some(said),
            payload: &packed,
        };
        let place = Place { offset: 0, kind: EventKind::TRANSACTION_PAYLOAD };
        let mut payload = Payload::new(&head, &Limits { payload_max, ..Limits::default() }, place)?;
        let mut found = 0;
        while payload.next()?.is_some() {
            found += 1;
        }
        Ok(found)
    }

    #[test]
    fn a_payload_has_as_many_bytes_as_it_says() {
        let wrong = |said| events(1000, said, 1 << 20).unwrap_err().to_string();
        assert_eq!(events(1000, 19_000, 1 << 20), Ok(1000));
        assert!(wrong(18_999).contains("more than the 18999 bytes"), "{}", wrong(18_999));
        assert!(wrong(19_001).contains("19000 of the 19001 bytes"), "{}", wrong(19_001));
    }

    #[test]
    fn a_payload_over_the_limit_is_an_error_that_names_it() {
        for said in [10_000, 19_000] {
            let error = events(1000, said, 18_000).unwrap_err().to_string();
            let wanted =
                if said > 18_000 { "18000 bytes (limit payload_max)" } else { "10000 bytes" };
            assert!(error.contains(wanted), "{error}");
        }
    }
}
