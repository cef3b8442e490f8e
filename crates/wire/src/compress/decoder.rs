//! From frames to the bytes that they carry, a piece at a time.

use flate2::{Decompress, FlushDecompress, Status};
use zstd::stream::raw::{Decoder as ZstdDecoder, InBuffer, Operation, OutBuffer};
use zstd::zstd_safe::DParameter;

use super::{Compression, FRAME_HEADER_LEN, FRAME_LEN_MAX, FrameHeader};
use crate::error::WireError;

const STRUCTURE: &str = "compressed frame";

/// No window larger than a frame is ever needed: two to this power is 16 MiB.
const ZSTD_WINDOW_LOG_MAX: u32 = 24;

/// Incremental decoder of frames into the caller's buffer.
///
/// It holds neither a frame nor what comes out of one, only the decompressor's window, so what a frame
/// declares costs nothing. More than it declares never comes out.
#[derive(Debug)]
pub struct FrameDecoder {
    compression: Compression,
    sequence: u8,
    restarts: &'static [u8],
    plain_len_max: usize,
    state: State,
    inflater: Option<Inflater>,
    failed: Option<WireError>,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// So many bytes of a header have come.
    Header { bytes: [u8; FRAME_HEADER_LEN], have: usize },
    /// So many bytes are due, as they are.
    Stored { left: usize },
    /// Inside of compressed bytes.
    Compressed {
        /// Bytes due from the peer.
        input_left: usize,
        /// Bytes still to come out.
        output_left: usize,
        /// Whether more may come out without further input.
        pending: bool,
    },
}

const BETWEEN_FRAMES: State = State::Header { bytes: [0; FRAME_HEADER_LEN], have: 0 };

enum Inflater {
    Zlib(Decompress),
    Zstd(ZstdDecoder<'static>),
}

/// What a decompressor did in one step.
struct Stepped {
    read: usize,
    written: usize,
    finished: bool,
}

/// What [`FrameDecoder::decode`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inflated {
    /// How many bytes of the input are used up.
    pub read: usize,
    /// How many bytes of the output were filled.
    pub written: usize,
}

impl FrameDecoder {
    /// A decoder that expects sequence id 0 first, of frames with at most `plain_len_max` bytes inside
    /// (and never more than [`FRAME_LEN_MAX`]).
    #[must_use]
    pub fn new(compression: Compression, plain_len_max: usize) -> Self {
        Self {
            compression,
            sequence: 0,
            restarts: &[],
            plain_len_max: plain_len_max.min(FRAME_LEN_MAX),
            state: BETWEEN_FRAMES,
            inflater: None,
            failed: None,
        }
    }

    /// The sequence id that the next frame must have.
    #[must_use]
    pub fn sequence(&self) -> u8 {
        self.sequence
    }

    /// Sets the sequence id that the next frame must have. A frame that has begun is not affected.
    pub fn set_sequence(&mut self, sequence: u8) {
        self.sequence = sequence;
    }

    /// Also accepts these sequence ids from a frame at any time: in a dump, acknowledgements start
    /// sequences again.
    pub fn set_restarts(&mut self, restarts: &'static [u8]) {
        self.restarts = restarts;
    }

    /// Whether a frame has begun and is not complete.
    #[must_use]
    pub fn is_mid_frame(&self) -> bool {
        !matches!(self.state, State::Header { have: 0, .. })
    }

    /// Decodes from the front of `input` into `output`, until one of them is used up. Call it with all
    /// input there is, even none, before asking the peer for more.
    ///
    /// # Errors
    /// A sequence id out of order, a frame that is empty or declares too much, or compressed bytes that
    /// are damaged or do not come out at the length declared. Nothing can be decoded after that.
    pub fn decode(&mut self, input: &[u8], output: &mut [u8]) -> Result<Inflated, WireError> {
        let mut done = Inflated { read: 0, written: 0 };
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        loop {
            let (input, output) = (&input[done.read..], &mut output[done.written..]);
            match self.step(input, output) {
                Ok(Some(step)) => {
                    done.read += step.read;
                    done.written += step.written;
                }
                Ok(None) => return Ok(done),
                Err(error) => {
                    self.failed = Some(error.clone());
                    // What came before the error counts.
                    return if done.written > 0 { Ok(done) } else { Err(error) };
                }
            }
        }
    }

    /// Does what can be done next; `None` if that is nothing.
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Option<Inflated>, WireError> {
        Ok(match self.state {
            State::Header { .. } if input.is_empty() => None,
            State::Header { bytes, have } => Some(self.header(bytes, have, input)?),
            _ if output.is_empty() => None,
            State::Stored { .. } if input.is_empty() => None,
            State::Stored { left } => Some(self.stored(left, input, output)),
            State::Compressed { pending: false, .. } if input.is_empty() => None,
            State::Compressed { .. } => Some(self.compressed(input, output)?),
        })
    }

    fn header(
        &mut self,
        mut bytes: [u8; FRAME_HEADER_LEN],
        have: usize,
        input: &[u8],
    ) -> Result<Inflated, WireError> {
        let read = input.len().min(FRAME_HEADER_LEN - have);
        bytes[have..have + read].copy_from_slice(&input[..read]);
        self.state = if have + read < FRAME_HEADER_LEN {
            State::Header { bytes, have: have + read }
        } else {
            self.begin(FrameHeader::parse(bytes))?
        };
        Ok(Inflated { read, written: 0 })
    }

    fn begin(&mut self, header: FrameHeader) -> Result<State, WireError> {
        let FrameHeader { len, sequence, plain_len } = header;
        if sequence != self.sequence && !self.restarts.contains(&sequence) {
            return Err(WireError::OutOfOrder { expected: self.sequence, found: sequence });
        }
        self.sequence = sequence.wrapping_add(1);
        if len == 0 {
            return Err(WireError::BadValue { structure: STRUCTURE, field: "length", value: 0 });
        }
        let declared = if plain_len == 0 { len } else { plain_len };
        if declared > self.plain_len_max {
            let (size, limit) = (declared as u64, self.plain_len_max as u64);
            return Err(WireError::TooLarge { size, limit });
        }
        if plain_len == 0 {
            return Ok(State::Stored { left: len });
        }
        match &mut self.inflater {
            Some(inflater) => inflater.reset()?,
            None => self.inflater = Some(Inflater::new(self.compression)?),
        }
        Ok(State::Compressed { input_left: len, output_left: plain_len, pending: false })
    }

    fn stored(&mut self, left: usize, input: &[u8], output: &mut [u8]) -> Inflated {
        let len = left.min(input.len()).min(output.len());
        output[..len].copy_from_slice(&input[..len]);
        self.state = if len == left { BETWEEN_FRAMES } else { State::Stored { left: left - len } };
        Inflated { read: len, written: len }
    }

    fn compressed(&mut self, input: &[u8], output: &mut [u8]) -> Result<Inflated, WireError> {
        let State::Compressed { input_left, output_left, .. } = self.state else {
            return Ok(Inflated { read: 0, written: 0 });
        };
        let Some(inflater) = &mut self.inflater else { return Err(damaged("state")) };
        let input = &input[..input.len().min(input_left)];
        // When all has come out the end of the compressed bytes may still be due. Room for one byte
        // more shows when it is not the end.
        let mut beyond = [0];
        let room = output.len().min(output_left);
        let output = if room == 0 { &mut beyond[..] } else { &mut output[..room] };
        let Stepped { read, written, finished } = inflater.step(input, output)?;
        if written > output_left {
            return Err(damaged("more bytes inside than declared"));
        }
        let (input_left, output_left) = (input_left - read, output_left - written);
        if finished {
            if output_left > 0 {
                return Err(damaged("fewer bytes inside than declared"));
            }
            if input_left > 0 {
                return Err(damaged("bytes behind the end"));
            }
            self.state = BETWEEN_FRAMES;
        } else {
            if read == 0 && written == 0 && (!input.is_empty() || input_left == 0) {
                return Err(damaged("no end"));
            }
            let pending = written == output.len() || input_left == 0;
            self.state = State::Compressed { input_left, output_left, pending };
        }
        Ok(Inflated { read, written })
    }
}

impl Inflater {
    fn new(compression: Compression) -> Result<Self, WireError> {
        let unavailable = |_| damaged("no decompressor");
        match compression {
            Compression::Zlib => Ok(Self::Zlib(Decompress::new(true))),
            Compression::Zstd { .. } => {
                let mut decoder = ZstdDecoder::new().map_err(unavailable)?;
                let limit = DParameter::WindowLogMax(ZSTD_WINDOW_LOG_MAX);
                decoder.set_parameter(limit).map_err(unavailable)?;
                Ok(Self::Zstd(decoder))
            }
        }
    }

    fn reset(&mut self) -> Result<(), WireError> {
        match self {
            Self::Zlib(inflater) => inflater.reset(true),
            Self::Zstd(decoder) => decoder.reinit().map_err(|_| damaged("state"))?,
        }
        Ok(())
    }

    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Stepped, WireError> {
        match self {
            Self::Zlib(inflater) => {
                let (read, written) = (inflater.total_in(), inflater.total_out());
                let status = inflater.decompress(input, output, FlushDecompress::None);
                let status = status.map_err(|_| damaged("zlib data"))?;
                let since = |now: u64, before| usize::try_from(now - before).unwrap_or(usize::MAX);
                Ok(Stepped {
                    read: since(inflater.total_in(), read),
                    written: since(inflater.total_out(), written),
                    finished: status == Status::StreamEnd,
                })
            }
            Self::Zstd(decoder) => {
                let mut input = InBuffer::around(input);
                let mut output = OutBuffer::around(output);
                let left = decoder.run(&mut input, &mut output);
                let left = left.map_err(|_| damaged("zstd data"))?;
                Ok(Stepped { read: input.pos(), written: output.pos(), finished: left == 0 })
            }
        }
    }
}

impl std::fmt::Debug for Inflater {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Zlib(_) => "Zlib",
            Self::Zstd(_) => "Zstd",
        })
    }
}

fn damaged(what: &'static str) -> WireError {
    WireError::Damaged { structure: STRUCTURE, what }
}
