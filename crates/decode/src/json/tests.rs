use super::*;

fn text(bytes: &[u8]) -> Result<String, ValueError> {
    let mut out = Vec::new();
    Json::new(bytes).write(&mut out)?;
    Ok(String::from_utf8(out).unwrap())
}

/// `{"a": [true, "x"]}`.
const NESTED: &[u8] = &[
    0x00, // small object
    1, 0, // members
    28, 0, // size
    11, 0, 1, 0, // key: offset, length
    0x02, 12, 0,    // value: small array at 12
    b'a', // the key
    2, 0, // members
    12, 0, // size
    0x04, 1, 0, // true, in place
    0x0c, 10, 0, // text at 10
    1, b'x', // the text
    0, 0, 0, 0, // left over by an update in place
];

#[test]
fn a_document_is_printed_as_mysql_does() {
    assert_eq!(text(NESTED).unwrap(), r#"{"a": [true, "x"]}"#);
    let mut out = Vec::new();
    Json::new(NESTED).write_compact(&mut out).unwrap();
    assert_eq!(out, br#"{"a":[true,"x"]}"#);
    assert_eq!(text(&[]).unwrap(), "null");
}

#[test]
fn members_are_found_by_name_and_index() {
    let JsonValue::Object(object) = Json::new(NESTED).root().unwrap() else { panic!() };
    assert_eq!(object.get("b"), Ok(None));
    let Some(JsonValue::Array(array)) = object.get("a").unwrap() else { panic!() };
    assert_eq!(array.get(0), Some(Ok(JsonValue::Bool(true))));
    assert_eq!(array.get(1), Some(Ok(JsonValue::String("x"))));
    assert_eq!(array.get(2), None);
}

#[test]
fn cut_documents_are_errors() {
    for cut in 1..NESTED.len() {
        assert!(text(&NESTED[..cut]).is_err(), "{cut}");
    }
}

/// Arrays of two members, both of which are the next array.
fn bomb(levels: usize) -> Vec<u8> {
    let mut bytes = vec![2, 0, 10, 0, 0x04, 0, 0, 0x04, 0, 0];
    for _ in 0..levels {
        let len = u16::try_from(bytes.len() + 10).unwrap().to_le_bytes();
        let mut outer = vec![2, 0, len[0], len[1], 0x02, 10, 0, 0x02, 10, 0];
        outer.extend_from_slice(&bytes);
        bytes = outer;
    }
    bytes.insert(0, 0x02);
    bytes
}

#[test]
fn a_document_whose_parts_overlap_is_refused_and_not_written() {
    assert_eq!(text(&bomb(0)).unwrap(), "[null, null]");
    assert_eq!(text(&bomb(50)), Err(ValueError::JsonOverlap));
}

#[test]
fn nesting_is_bounded() {
    let mut bytes = vec![0, 0, 4, 0];
    for _ in 0..120 {
        let len = u16::try_from(bytes.len() + 7).unwrap().to_le_bytes();
        let mut outer = vec![1, 0, len[0], len[1], 0x02, 7, 0];
        outer.extend_from_slice(&bytes);
        bytes = outer;
    }
    bytes.insert(0, 0x02);
    assert_eq!(text(&bytes), Err(ValueError::JsonDepth { limit: 100 }));
}

#[test]
fn a_container_cannot_be_in_itself() {
    // An array whose only member is at offset 0: the array.
    assert!(text(&[0x02, 1, 0, 7, 0, 0x02, 0, 0]).is_err());
}

#[test]
fn lengths_of_text_take_seven_bits_a_byte() {
    let mut bytes = vec![0x0c, 0xac, 0x02];
    bytes.extend_from_slice(&[b'z'; 300]);
    assert_eq!(text(&bytes).unwrap().len(), 302);
    assert!(text(&[0x0c, 0xff, 0xff, 0xff, 0xff, 0xff]).is_err());
}

#[test]
fn differences_become_json_and_nested_calls() {
    let mut bytes = vec![0, 3];
    bytes.extend_from_slice(b"$.a");
    bytes.extend_from_slice(&[3, 0x05, 7, 0]); // the number 7
    bytes.extend_from_slice(&[2, 6]);
    bytes.extend_from_slice(b"$.b[0]");
    let diffs = JsonDiffs::new(&bytes);
    let mut out = Vec::new();
    diffs.write_json(&mut out).unwrap();
    assert_eq!(
        String::from_utf8(out).unwrap(),
        r#"[{"op":"replace","path":"$.a","value":7},{"op":"remove","path":"$.b[0]"}]"#
    );
    let mut out = Vec::new();
    diffs.write_sql(b"`doc`", &mut out).unwrap();
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "JSON_REMOVE(JSON_REPLACE(`doc`, '$.a', CAST('7' AS JSON)), '$.b[0]')"
    );
    for cut in 1..bytes.len() {
        let whole = cut == 9;
        assert_eq!(JsonDiffs::new(&bytes[..cut]).write_json(&mut Vec::new()).is_ok(), whole);
    }
}
