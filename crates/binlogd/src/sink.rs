//! Where a source's events go: decoded, and as the bytes that they are.

use anyhow::{Result, anyhow};
use binlogd_decode::changes::At;
use binlogd_decode::{DecodeError, Decoder, Event};

use crate::sources::{Next, RawEvent, Source};

/// Takes events in their order and makes output of them.
pub(crate) trait Sink {
    /// What follows is of the first and of the last file, or is not, and of this one of a store's
    /// timelines (0 if it is of none).
    fn enter(&mut self, is_first: bool, is_last: bool, timeline: usize);

    /// Whether nothing from `at` on can be wanted.
    fn is_done(&self, at: &At<'_>) -> bool;

    /// An event; also each of those in a compressed transaction, after that.
    fn see(&mut self, at: &At<'_>, event: Event<'_>, out: &mut Out<'_>) -> Result<()>;

    /// An event as it stands in the file, once [`see`](Self::see) had all that is in it.
    fn see_bytes(&mut self, _raw: &RawEvent<'_>, _out: &mut Vec<u8>) -> Result<()> {
        Ok(())
    }

    /// Nothing follows.
    fn finish(&mut self, _out: &mut Vec<u8>) {}
}

/// What a sink appends its output to.
pub(crate) struct Out<'p> {
    pub(crate) buffer: Vec<u8>,
    put: &'p mut Put<'p>,
}

/// Takes output, and is told whether to put it out at once.
type Put<'p> = dyn FnMut(&mut Vec<u8>, bool) -> Result<()> + 'p;

impl Out<'_> {
    /// Lets go of what there is: whole lines, or pieces of one that can be written to its end.
    pub(crate) fn put(&mut self, now: bool) -> Result<()> {
        (self.put)(&mut self.buffer, now)
    }
}

/// Where an event stands.
pub(crate) fn place<'a>(raw: &RawEvent<'a>) -> At<'a> {
    At { file: raw.file, offset: raw.offset, end: raw.end(), header: *raw.header }
}

/// An event by its place and type, for a message about it.
pub(crate) fn event_at(at: &At<'_>) -> String {
    let At { file, offset, header, .. } = at;
    match header.kind.name() {
        Some(kind) => format!("{file}:{offset}: {kind} event"),
        None => format!("{file}:{offset}: {}", header.kind),
    }
}

/// Gives what `sink` makes of a source to `put`, and with it whether to put it out at once.
pub(crate) fn drain(
    source: &mut Source,
    decoder: &mut Decoder,
    sink: &mut dyn Sink,
    put: &mut dyn FnMut(&mut Vec<u8>, bool) -> Result<()>,
) -> Result<()> {
    let mut out = Out { buffer: Vec::new(), put };
    loop {
        match source.advance()? {
            Next::Event => {}
            Next::End => break,
            Next::Wait => {
                out.put(true)?;
                source.wait()?;
                continue;
            }
        }
        let (is_first, is_last) = source.is_first_and_last();
        let Some(raw) = source.event() else { break };
        let at = place(&raw);
        sink.enter(is_first, is_last, source.timeline());
        if sink.is_done(&at) {
            break;
        }
        let is_repeated = source.is_repeated();
        let seen = decoder.walk(raw.offset, raw.bytes, |event| {
            if is_repeated {
                return Ok(());
            }
            let at = At { header: event.header, ..at };
            sink.see(&at, event, &mut out)?;
            // A compressed transaction may be large.
            out.put(false)
        });
        let seen = seen.map_err(|error| match error.downcast::<DecodeError>() {
            Ok(error) => anyhow!("{}: {error}", raw.file),
            Err(error) => error,
        });
        let seen = match is_repeated {
            true => seen,
            false => seen.and_then(|()| sink.see_bytes(&raw, &mut out.buffer)),
        };
        out.put(false)?;
        seen?;
    }
    sink.finish(&mut out.buffer);
    out.put(false)
}
