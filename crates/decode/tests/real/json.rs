//! What the JSON of a value says, read as its documentation has it.

use binlogd_decode::Value;
use serde_json::Value as Json;

/// The text that `SELECT` would answer for a value, from its JSON alone; but for what JSON does not tell
/// of its column: that it is a `BIT`, a vector, a number of 32 bits.
pub(crate) fn text(value: &Value<'_>, json: &Json) -> Vec<u8> {
    match (value, json) {
        (Value::Int(_) | Value::UInt(_), Json::Number(n)) => n.to_string().into_bytes(),
        (Value::Year(_), Json::Number(n)) => format!("{:0>4}", n.to_string()).into_bytes(),
        (Value::AmbiguousInt { .. }, Json::Object(both)) => both["signed"].to_string().into_bytes(),
        (Value::Float(_), Json::Number(_)) => written(&Value::Float(float(json))),
        (Value::Double(_), Json::Number(n)) => written(&Value::Double(n.as_f64().unwrap())),
        (Value::Bit(bits), Json::Number(n)) => {
            let len = usize::from(bits.len.div_ceil(8));
            n.as_u64().unwrap().to_be_bytes()[8 - len..].to_vec()
        }
        // Of unknown names.
        (Value::Enum(_) | Value::Set(_), Json::Number(n)) => n.to_string().into_bytes(),
        (Value::Json(_), document) => document_text(value, document),
        (Value::Geometry(_), Json::Object(geometry)) => {
            let srid = u32::try_from(geometry["srid"].as_u64().unwrap()).unwrap();
            [&srid.to_le_bytes()[..], &base64(&geometry["wkb"])].concat()
        }
        (Value::Vector(_), Json::Array(numbers)) => {
            numbers.iter().flat_map(|n| float(n).to_le_bytes()).collect()
        }
        (_, Json::String(text)) => text.clone().into_bytes(),
        (_, Json::Object(bytes)) if bytes.len() == 1 => base64(&bytes["$base64"]),
        _ => panic!("{value:?} is {json}"),
    }
}

fn float(json: &Json) -> f32 {
    json.to_string().parse().unwrap()
}

fn written(value: &Value<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    value.write_text(&mut out).unwrap();
    out
}

/// The document's own text, if that says the same.
fn document_text(value: &Value<'_>, document: &Json) -> Vec<u8> {
    let text = written(value);
    let said: Json = serde_json::from_slice(&text).unwrap();
    if said == *document { text } else { Vec::new() }
}

pub(crate) fn base64(json: &Json) -> Vec<u8> {
    let digit = |byte: u8| match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let (mut out, mut bits, mut held) = (Vec::new(), 0_u32, 0);
    for byte in json.as_str().unwrap().bytes().filter(|&byte| byte != b'=') {
        (bits, held) = (bits << 6 | u32::from(digit(byte)), held + 6);
        if held >= 8 {
            held -= 8;
            out.push((bits >> held).to_le_bytes()[0]);
        }
    }
    out
}
