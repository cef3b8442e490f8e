use super::*;
use crate::error::WireError;

const BOTH: [Compression; 2] = [Compression::Zlib, Compression::Zstd { level: 3 }];

/// All that comes out of `frames`, given in pieces of `step` and taken in pieces of `room`.
fn decoded(
    decoder: &mut FrameDecoder,
    frames: &[u8],
    step: usize,
    room: usize,
) -> Result<Vec<u8>, WireError> {
    let (mut out, mut buffer) = (Vec::new(), vec![0; room]);
    for piece in frames.chunks(step) {
        let mut piece = piece;
        loop {
            let Inflated { read, written } = decoder.decode(piece, &mut buffer)?;
            out.extend_from_slice(&buffer[..written]);
            piece = &piece[read..];
            if read + written == 0 {
                assert!(piece.is_empty(), "stuck");
                break;
            }
        }
    }
    Ok(out)
}

fn whole(how: Compression, frames: &[u8]) -> Result<Vec<u8>, WireError> {
    let mut decoder = FrameDecoder::new(how, FRAME_LEN_MAX);
    let out = decoded(&mut decoder, frames, 1 << 20, 1 << 16)?;
    Ok(if decoder.is_mid_frame() { Vec::new() } else { out })
}

/// Compressible to about a half.
fn plain(len: usize) -> Vec<u8> {
    let mut state = 7_u32;
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let [.., byte] = state.to_le_bytes();
        b'a' + byte % 16
    };
    (0..len).map(next).collect()
}

fn noise(len: usize) -> Vec<u8> {
    let mut state = 7_u64;
    let next = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let [.., byte] = state.to_le_bytes();
        byte
    };
    (0..len).map(next).collect()
}

#[test]
fn whatever_is_framed_comes_out_in_any_fragmentation() {
    for how in BOTH {
        let mut encoder = FrameEncoder::new();
        let (mut frames, mut sent) = (Vec::new(), Vec::new());
        for (sequence, len) in [1, 49, 50, 51, 1000, 70_000, 3, 300_000].into_iter().enumerate() {
            let bytes = plain(len);
            encoder.encode(how, u8::try_from(sequence).unwrap(), &bytes, &mut frames);
            sent.extend(bytes);
        }
        for (step, room) in [(1, 1), (1, 1000), (7, 64), (1000, 1), (1 << 20, 1 << 20)] {
            let mut decoder = FrameDecoder::new(how, FRAME_LEN_MAX);
            let out = decoded(&mut decoder, &frames, step, room).unwrap();
            assert!(out == sent, "{how} {step} {room}");
            assert!(!decoder.is_mid_frame());
            assert_eq!(decoder.sequence(), 8);
        }
    }
}

#[test]
fn what_is_short_or_would_not_shrink_travels_as_it_is() {
    for how in BOTH {
        for bytes in [plain(49), noise(50), noise(100_000)] {
            let mut frame = Vec::new();
            FrameEncoder::new().encode(how, 5, &bytes, &mut frame);
            let header = FrameHeader::parse(*frame.first_chunk().unwrap());
            assert_eq!(header, FrameHeader { len: bytes.len(), sequence: 5, plain_len: 0 });
            assert_eq!(&frame[FRAME_HEADER_LEN..], bytes);
        }
        let mut frame = Vec::new();
        FrameEncoder::new().encode(how, 5, &plain(200), &mut frame);
        let header = FrameHeader::parse(*frame.first_chunk().unwrap());
        assert!(header.len < 200 && header.plain_len == 200);
        assert_eq!(frame.len(), FRAME_HEADER_LEN + header.len);
    }
}

#[test]
fn a_frame_may_be_as_large_as_its_header_can_say() {
    for how in BOTH {
        let bytes = plain(FRAME_LEN_MAX);
        let mut frame = Vec::new();
        FrameEncoder::new().encode(how, 0, &bytes, &mut frame);
        assert!(whole(how, &frame).unwrap() == bytes);
    }
}

#[test]
fn sequence_ids_must_be_the_next_or_start_again() {
    let frame = |sequence| {
        let mut frame = Vec::new();
        FrameEncoder::new().encode(Compression::Zlib, sequence, b"x", &mut frame);
        frame
    };
    let mut decoder = FrameDecoder::new(Compression::Zlib, 100);
    decoder.set_sequence(255);
    assert!(decoded(&mut decoder, &frame(255), 100, 100).is_ok());
    assert!(decoded(&mut decoder, &frame(0), 100, 100).is_ok());
    decoder.set_restarts(&[0, 7]);
    assert!(decoded(&mut decoder, &frame(7), 100, 100).is_ok());
    let error = decoded(&mut decoder, &frame(9), 100, 100).unwrap_err();
    assert_eq!(error, WireError::OutOfOrder { expected: 8, found: 9 });
    assert!(decoded(&mut decoder, &frame(8), 100, 100).is_err(), "nothing comes behind an error");
}

/// A frame around these bytes that declares so many inside.
fn forged(body: &[u8], plain_len: usize) -> Vec<u8> {
    let header = FrameHeader { len: body.len(), sequence: 0, plain_len };
    [&header.encode()[..], body].concat()
}

#[test]
fn what_comes_out_must_be_what_was_declared() {
    for how in BOTH {
        let mut frame = Vec::new();
        FrameEncoder::new().encode(how, 0, &plain(5000), &mut frame);
        let body = &frame[FRAME_HEADER_LEN..];
        assert_eq!(whole(how, &forged(body, 5000)).unwrap(), plain(5000));
        let message = |frame: &[u8]| whole(how, frame).unwrap_err().to_string();
        assert!(message(&forged(body, 4999)).contains("more bytes inside"));
        assert!(message(&forged(body, 5001)).contains("fewer bytes inside"));
        assert!(message(&forged(&[body, b"x"].concat(), 5000)).contains("behind the end"));
        assert!(message(&forged(&body[..body.len() - 1], 5000)).contains("no end"));
        assert!(message(&forged(b"not compressed at all", 5000)).contains("data"));
        assert!(message(&forged(b"", 5000)).contains("bad value 0x0 in length"));
        assert!(message(&forged(b"", 0)).contains("bad value 0x0 in length"));
    }
}

#[test]
fn a_declared_length_over_the_limit_is_refused_before_its_bytes() {
    for frame in [forged(b"x", 101), forged(&[0; 101], 0)] {
        let mut decoder = FrameDecoder::new(Compression::Zlib, 100);
        let error = decoded(&mut decoder, &frame[..FRAME_HEADER_LEN], 100, 100).unwrap_err();
        assert_eq!(error, WireError::TooLarge { size: 101, limit: 100 });
    }
}

#[test]
fn a_bomb_stops_at_the_length_declared() {
    // 16 MB of zeros in some hundred bytes, declared as 100.
    for how in BOTH {
        let mut frame = Vec::new();
        FrameEncoder::new().encode(how, 0, &vec![0; FRAME_LEN_MAX], &mut frame);
        let mut decoder = FrameDecoder::new(how, 1000);
        let mut out = [0; 4096];
        let bomb = forged(&frame[FRAME_HEADER_LEN..], 100);
        let done = decoder.decode(&bomb, &mut out);
        assert!(done.is_ok_and(|done| done.written <= 100));
        assert!(decoder.decode(&bomb[7..], &mut out).is_err());
        assert!(out[101..].iter().all(|&byte| byte == 0));
    }
    // A zstd frame that wants a window of 2 GiB: magic, no flags, window descriptor 21 << 3.
    let greedy = forged(b"\x28\xb5\x2f\xfd\x00\xa8\x01\x00\x00", 100);
    assert!(whole(Compression::Zstd { level: 3 }, &greedy).is_err());
}

#[test]
fn any_flipped_bit_is_an_error_or_harmless() {
    for how in BOTH {
        let sent = plain(300);
        let mut frame = Vec::new();
        FrameEncoder::new().encode(how, 0, &sent, &mut frame);
        for at in 0..frame.len() * 8 {
            let mut bad = frame.clone();
            bad[at / 8] ^= 1 << (at % 8);
            // zstd has no checksum here: what matters is the length.
            if let Ok(out) = whole(how, &bad) {
                assert!(out.len() <= frame.len().max(sent.len()), "bit {at}");
            }
        }
    }
}
