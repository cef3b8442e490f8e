use super::*;
use crate::error::WireError;

/// Feeds `bytes` in pieces of `step` bytes and collects the payloads.
fn payloads(bytes: &[u8], step: usize, limit: usize) -> Result<Vec<Vec<u8>>, WireError> {
    let mut receiver = PacketReceiver::new(100, limit);
    let mut found = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let spare = receiver.spare();
        let len = step.min(rest.len()).min(spare.len());
        spare[..len].copy_from_slice(&rest[..len]);
        receiver.filled(len);
        rest = &rest[len..];
        while receiver.poll()? {
            found.push(receiver.payload().to_vec());
        }
    }
    assert!(!receiver.is_mid_packet(), "incomplete");
    Ok(found)
}

#[test]
fn a_header_is_length_then_sequence() {
    // Length 0x030201, sequence id 9.
    let header = PacketHeader::parse(&[1, 2, 3, 9, 0xaa]).unwrap();
    assert_eq!(header, PacketHeader { len: 0x03_0201, sequence: 9 });
    assert_eq!(header.encode(), [1, 2, 3, 9]);
    assert_eq!(PacketHeader::parse(&[1, 2, 3]), None);
}

#[test]
fn payloads_survive_any_fragmentation() {
    let sent: Vec<Vec<u8>> = (0..300usize).map(|len| vec![len.to_le_bytes()[0]; len]).collect();
    let mut bytes = Vec::new();
    let mut writer = PacketWriter::default();
    for payload in &sent {
        writer.write(&mut bytes, payload);
    }
    assert_eq!(writer.sequence(), 44, "sequence ids run modulo 256");
    for step in [1, 2, 3, 4, 5, 7, 64, 100] {
        assert_eq!(payloads(&bytes, step, 300).unwrap(), sent, "pieces of {step}");
    }
}

#[test]
fn a_payload_of_the_longest_body_ends_with_an_empty_packet() {
    let mut bytes = Vec::new();
    PacketWriter::default().write(&mut bytes, &vec![7; MAX_BODY_LEN]);
    assert_eq!(bytes[..5], [0xff, 0xff, 0xff, 0, 7]);
    assert_eq!(bytes[4 + MAX_BODY_LEN..], [0, 0, 0, 1]);
    assert_eq!(payloads(&bytes, 1 << 20, MAX_BODY_LEN).unwrap(), [vec![7; MAX_BODY_LEN]]);
}

#[test]
fn building_in_place_gives_the_same_bytes_as_writing() {
    for len in [0, 1, MAX_BODY_LEN - 1, MAX_BODY_LEN, MAX_BODY_LEN + 1, 2 * MAX_BODY_LEN + 5] {
        let payload: Vec<u8> = (0..len).map(|i| (i % 251).to_le_bytes()[0]).collect();
        let (mut written, mut built) = (vec![1], vec![1]);
        let (mut a, mut b) = (PacketWriter::new(254), PacketWriter::new(254));
        a.write(&mut written, &payload);
        b.build(&mut built, |out| out.extend_from_slice(&payload));
        assert!(written == built, "payload of {len}");
        assert_eq!(a.sequence(), b.sequence());
    }
}

#[test]
fn a_wrong_sequence_id_is_an_error() {
    let bytes = [1, 0, 0, 0, b'a', 1, 0, 0, 2, b'b'];
    assert_eq!(payloads(&bytes, 100, 10), Err(WireError::OutOfOrder { expected: 1, found: 2 }));
}

#[test]
fn too_long_a_payload_is_refused_from_its_header() {
    let mut decoder = PacketDecoder::new(10);
    assert_eq!(decoder.decode(&[11, 0, 0, 0]), Err(WireError::TooLarge { size: 11, limit: 10 }));

    // Neither may it grow over the limit packet by packet.
    let mut decoder = PacketDecoder::new(MAX_BODY_LEN + 1);
    let mut bytes = vec![0xff, 0xff, 0xff, 0];
    bytes.resize(HEADER_LEN + MAX_BODY_LEN, 0);
    assert_eq!(decoder.decode(&bytes).unwrap().payload, None);
    assert_eq!(
        decoder.decode(&[2, 0, 0, 1]),
        Err(WireError::TooLarge { size: 0x100_0001, limit: 0x100_0000 })
    );
}

#[test]
fn a_whole_payload_is_not_copied() {
    let mut decoder = PacketDecoder::new(10);
    let decoded = decoder.decode(&[2, 0, 0, 0, b'a', b'b', 9]).unwrap();
    assert_eq!(decoded, Decoded { consumed: 6, payload: Some(Payload::InBuffer(4..6)) });
}
