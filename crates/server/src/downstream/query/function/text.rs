//! Functions over texts. What they make is bounded by `Query::may_compute`.

use super::super::super::error::SqlError;
use super::super::super::sql::Value;
use super::super::Query;
use super::Found;
use crate::downstream::query::eval::compare::folded;

pub(super) fn call(query: &mut Query<'_>, name: &str, args: &[Value]) -> Found {
    match name {
        "CONCAT" | "CONCAT_WS" => return concat(query, name, args),
        "FIELD" | "ELT" | "FIND_IN_SET" | "STRCMP" | "GREATEST" | "LEAST" => {
            return choose(query, name, args);
        }
        _ => {}
    }
    if !KNOWN
        .iter()
        .any(|(known, least, most)| *known == name && (*least..=*most).contains(&args.len()))
    {
        let known = KNOWN.iter().any(|(known, ..)| *known == name);
        return if known { Err(SqlError::wrong_parameter_count(name)) } else { Ok(None) };
    }
    if args.contains(&Value::Null) && name != "QUOTE" {
        return Ok(Some(Value::Null));
    }
    let text = args.first().and_then(Value::to_bytes).unwrap_or_default().into_owned();
    let is_binary = matches!(args.first(), Some(Value::Binary(_)));
    Ok(Some(match name {
        "LENGTH" | "OCTET_LENGTH" => count(text.len()),
        "BIT_LENGTH" => count(text.len().saturating_mul(8)),
        "CHAR_LENGTH" | "CHARACTER_LENGTH" if is_binary => count(text.len()),
        "CHAR_LENGTH" | "CHARACTER_LENGTH" => count(String::from_utf8_lossy(&text).chars().count()),
        "ASCII" => Value::Int(text.first().map_or(0, |byte| i64::from(*byte))),
        "LOWER" | "LCASE" | "UPPER" | "UCASE" if is_binary => Value::Binary(text),
        "LOWER" | "LCASE" => Value::text(String::from_utf8_lossy(&text).to_lowercase()),
        "UPPER" | "UCASE" => Value::text(String::from_utf8_lossy(&text).to_uppercase()),
        "HEX" => hex(query, args, &text),
        "UNHEX" => unhex(&text).map_or(Value::Null, Value::Binary),
        "SUBSTRING" | "SUBSTR" | "MID" | "LEFT" | "RIGHT" => part(query, name, args, &text),
        "SUBSTRING_INDEX" => substring_index(query, args, &text),
        "REPLACE" => replace(query, args, &text),
        "REPEAT" | "SPACE" | "LPAD" | "RPAD" => grow(query, name, args, &text),
        "REVERSE" if is_binary => Value::Binary(text.into_iter().rev().collect()),
        "REVERSE" => Value::text(String::from_utf8_lossy(&text).chars().rev().collect::<String>()),
        "TRIM" | "LTRIM" | "RTRIM" => trim(name, args, &text),
        "INSTR" | "LOCATE" => locate(query, name, args),
        _ => quote(args.first()),
    }))
}

/// Functions, and how many arguments they take at least and at most.
const KNOWN: &[(&str, usize, usize)] = &[
    ("ASCII", 1, 1),
    ("BIT_LENGTH", 1, 1),
    ("CHARACTER_LENGTH", 1, 1),
    ("CHAR_LENGTH", 1, 1),
    ("HEX", 1, 1),
    ("INSTR", 2, 2),
    ("LCASE", 1, 1),
    ("LEFT", 2, 2),
    ("LENGTH", 1, 1),
    ("LOCATE", 2, 3),
    ("LOWER", 1, 1),
    ("LPAD", 3, 3),
    ("LTRIM", 1, 2),
    ("MID", 2, 3),
    ("OCTET_LENGTH", 1, 1),
    ("QUOTE", 1, 1),
    ("REPEAT", 2, 2),
    ("REPLACE", 3, 3),
    ("REVERSE", 1, 1),
    ("RIGHT", 2, 2),
    ("RPAD", 3, 3),
    ("RTRIM", 1, 2),
    ("SPACE", 1, 1),
    ("SUBSTR", 2, 3),
    ("SUBSTRING", 2, 3),
    ("SUBSTRING_INDEX", 3, 3),
    ("TRIM", 1, 2),
    ("UCASE", 1, 1),
    ("UNHEX", 1, 1),
    ("UPPER", 1, 1),
];

fn count(number: usize) -> Value {
    Value::Int(i64::try_from(number).unwrap_or(i64::MAX))
}

/// Text like the first argument's.
fn like_first(args: &[Value], bytes: Vec<u8>) -> Value {
    match args.first() {
        Some(Value::Binary(_)) => Value::Binary(bytes),
        _ => Value::Text(bytes),
    }
}

fn number(args: &[Value], index: usize) -> i64 {
    let rounded = args.get(index).map(|value| super::super::eval::Number::of(value).0.to_integer());
    let number = rounded.flatten().unwrap_or(0);
    i64::try_from(number).unwrap_or(if number < 0 { i64::MIN } else { i64::MAX })
}

fn concat(query: &mut Query<'_>, name: &str, args: &[Value]) -> Found {
    let (separator, parts) = match (name, args) {
        ("CONCAT_WS", [separator, parts @ ..]) if !parts.is_empty() => (Some(separator), parts),
        ("CONCAT", parts @ [_, ..]) => (None, parts),
        _ => return Err(SqlError::wrong_parameter_count(name)),
    };
    let separator = match separator {
        None => Vec::new(),
        Some(Value::Null) => return Ok(Some(Value::Null)),
        Some(separator) => separator.to_bytes().unwrap_or_default().into_owned(),
    };
    let is_concat = name == "CONCAT";
    if is_concat && parts.contains(&Value::Null) {
        return Ok(Some(Value::Null));
    }
    let parts: Vec<_> = parts.iter().filter_map(Value::to_bytes).collect();
    let len: usize = parts.iter().map(|part| part.len() + separator.len()).sum();
    if !query.may_compute(name, len) {
        return Ok(Some(Value::Null));
    }
    let joined = parts.join(separator.as_slice());
    let is_binary = args.iter().any(|arg| matches!(arg, Value::Binary(_)));
    Ok(Some(if is_binary { Value::Binary(joined) } else { Value::Text(joined) }))
}

/// Functions that choose one of their arguments.
fn choose(query: &mut Query<'_>, name: &str, args: &[Value]) -> Found {
    let Some((first, rest)) = args.split_first().filter(|(_, rest)| !rest.is_empty()) else {
        return Err(SqlError::wrong_parameter_count(name));
    };
    Ok(Some(match name {
        "FIELD" => {
            let mut places = rest.iter().zip(1..);
            let place = places.find(|(value, _)| {
                query.compare_values(first, value).is_some_and(std::cmp::Ordering::is_eq)
            });
            Value::Int(place.map_or(0, |(_, place)| place))
        }
        "ELT" => match usize::try_from(number(args, 0)) {
            Ok(index @ 1..) => match rest.get(index - 1) {
                None | Some(Value::Null) => Value::Null,
                Some(value) => Value::Text(value.to_bytes().unwrap_or_default().into_owned()),
            },
            _ => Value::Null,
        },
        "STRCMP" if rest.len() == 1 => {
            let text =
                |value: &Value| value.to_bytes().map(|bytes| Value::Text(bytes.into_owned()));
            let order = match (text(first), rest.first().and_then(text)) {
                (Some(a), Some(b)) => query.compare_values(&a, &b),
                _ => None,
            };
            order.map_or(Value::Null, |order| Value::Int(order as i64))
        }
        "FIND_IN_SET" if rest.len() == 1 => {
            let (Some(wanted), Some(list)) =
                (first.to_bytes(), rest.first().and_then(Value::to_bytes))
            else {
                return Ok(Some(Value::Null));
            };
            let (wanted, list) = (folded(&wanted), folded(&list));
            let place = list.split(|byte| *byte == b',').position(|member| member == wanted);
            count(place.filter(|_| !list.is_empty()).map_or(0, |place| place + 1))
        }
        "GREATEST" | "LEAST" => {
            if args.contains(&Value::Null) {
                return Ok(Some(Value::Null));
            }
            let wanted = if name == "LEAST" {
                std::cmp::Ordering::Less
            } else {
                std::cmp::Ordering::Greater
            };
            let mut best = first;
            for value in rest {
                if query.compare_values(value, best) == Some(wanted) {
                    best = value;
                }
            }
            best.clone()
        }
        _ => return Err(SqlError::wrong_parameter_count(name)),
    }))
}

fn hex(query: &mut Query<'_>, args: &[Value], text: &[u8]) -> Value {
    let number = match args.first() {
        Some(Value::Int(number)) => Some(number.cast_unsigned()),
        Some(Value::UInt(number)) => Some(*number),
        Some(value @ (Value::Decimal(_) | Value::Double(_))) => {
            let number = super::super::eval::Number::of(value).0.to_integer();
            number.and_then(|number| i64::try_from(number).ok()).map(i64::cast_unsigned)
        }
        _ => None,
    };
    if let Some(number) = number {
        return Value::text(format!("{number:X}"));
    }
    if !query.may_compute("hex", text.len().saturating_mul(2)) {
        return Value::Null;
    }
    let mut out = Vec::with_capacity(text.len() * 2);
    for byte in text {
        for digit in [byte >> 4, byte & 15] {
            out.push(b"0123456789ABCDEF"[usize::from(digit)]);
        }
    }
    Value::Text(out)
}

fn unhex(text: &[u8]) -> Option<Vec<u8>> {
    let digit =
        |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let digits: Vec<u8> = text.iter().map(digit).collect::<Option<_>>()?;
    let (first, pairs) = digits.split_at(digits.len() % 2);
    let mut bytes = first.to_vec();
    bytes.extend(pairs.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]));
    Some(bytes)
}

/// Where each character begins, and the end; of a binary string each byte.
fn boundaries(args: &[Value], text: &[u8]) -> Vec<usize> {
    match std::str::from_utf8(text) {
        Ok(valid) if !matches!(args.first(), Some(Value::Binary(_))) => {
            valid.char_indices().map(|(at, _)| at).chain([text.len()]).collect()
        }
        _ => (0..=text.len()).collect(),
    }
}

/// `SUBSTRING`, `LEFT` and `RIGHT`.
fn part(query: &mut Query<'_>, name: &str, args: &[Value], text: &[u8]) -> Value {
    const BYTES_PER_BOUNDARY: usize = 8;
    if !query.may_compute(name, text.len().saturating_mul(BYTES_PER_BOUNDARY)) {
        return Value::Null;
    }
    let at = boundaries(args, text);
    let len = i64::try_from(at.len() - 1).unwrap_or(i64::MAX);
    let (start, wanted) = match name {
        "LEFT" => (0, number(args, 1)),
        "RIGHT" => {
            let wanted = number(args, 1).clamp(0, len);
            (len - wanted, wanted)
        }
        _ => {
            let start = match number(args, 1) {
                start @ 1.. => start - 1,
                0 => len,
                back if back >= -len => len + back,
                _ => len,
            };
            (start, if args.len() > 2 { number(args, 2) } else { i64::MAX })
        }
    };
    let (start, end) = (start.min(len), start.saturating_add(wanted.max(0)).min(len));
    let place = |index: i64| usize::try_from(index).ok().and_then(|index| at.get(index).copied());
    let bytes = place(start).zip(place(end)).and_then(|(start, end)| text.get(start..end));
    like_first(args, bytes.unwrap_or_default().to_vec())
}

fn bytes(args: &[Value], index: usize) -> Vec<u8> {
    args.get(index).and_then(Value::to_bytes).unwrap_or_default().into_owned()
}

/// Where `part` begins in `whole`.
fn find(whole: &[u8], part: &[u8]) -> Option<usize> {
    if part.is_empty() {
        return Some(0);
    }
    let (first, rest) = part.split_first()?;
    let mut from = 0;
    while let Some(step) = whole.get(from..)?.iter().position(|byte| byte == first) {
        if whole.get(from + step + 1..)?.starts_with(rest) {
            return Some(from + step);
        }
        from += step + 1;
    }
    None
}

fn substring_index(query: &mut Query<'_>, args: &[Value], text: &[u8]) -> Value {
    const BYTES_PER_PLACE: usize = 8;
    let (delimiter, wanted) = (bytes(args, 1), number(args, 2));
    if delimiter.is_empty() || wanted == 0 {
        return like_first(args, Vec::new());
    }
    if !query.may_compute("substring_index", text.len().saturating_mul(BYTES_PER_PLACE)) {
        return Value::Null;
    }
    let mut places = Vec::new();
    let mut from = 0;
    while let Some(place) = text.get(from..).and_then(|rest| find(rest, &delimiter)) {
        places.push(from + place);
        from += place + delimiter.len();
    }
    let count = usize::try_from(wanted.unsigned_abs()).unwrap_or(usize::MAX);
    let part = if wanted > 0 {
        places.get(count - 1).and_then(|end| text.get(..*end))
    } else {
        let index = places.len().checked_sub(count);
        index.and_then(|index| places.get(index)).and_then(|at| text.get(at + delimiter.len()..))
    };
    like_first(args, part.unwrap_or(text).to_vec())
}

fn replace(query: &mut Query<'_>, args: &[Value], text: &[u8]) -> Value {
    let (from, to) = (bytes(args, 1), bytes(args, 2));
    if from.is_empty() {
        return like_first(args, text.to_vec());
    }
    let (mut count, mut at) = (0usize, 0);
    while let Some(place) = text.get(at..).and_then(|rest| find(rest, &from)) {
        count += 1;
        at += place + from.len();
    }
    let len = (text.len() - count * from.len()).saturating_add(count.saturating_mul(to.len()));
    if !query.may_compute("replace", len) {
        return Value::Null;
    }
    let (mut out, mut at) = (Vec::with_capacity(len), 0);
    while let Some(place) = text.get(at..).and_then(|rest| find(rest, &from)) {
        out.extend_from_slice(&text[at..at + place]);
        out.extend_from_slice(&to);
        at += place + from.len();
    }
    out.extend_from_slice(text.get(at..).unwrap_or_default());
    like_first(args, out)
}

/// `REPEAT`, `SPACE`, `LPAD`, `RPAD`.
fn grow(query: &mut Query<'_>, name: &str, args: &[Value], text: &[u8]) -> Value {
    if name == "REPEAT" || name == "SPACE" {
        let (text, index) = if name == "SPACE" { (b" ".as_slice(), 0) } else { (text, 1) };
        let times = usize::try_from(number(args, index).max(0)).unwrap_or(usize::MAX);
        if !query.may_compute(name, text.len().saturating_mul(times)) {
            return Value::Null;
        }
        let repeated = text.repeat(if text.is_empty() { 0 } else { times });
        return if name == "SPACE" { Value::Text(repeated) } else { like_first(args, repeated) };
    }
    let Ok(wanted) = usize::try_from(number(args, 1)) else { return Value::Null };
    // A character has four bytes at most.
    if !query.may_compute(name, wanted.saturating_mul(4)) {
        return Value::Null;
    }
    let text: Vec<char> = String::from_utf8_lossy(text).chars().collect();
    let pad = String::from_utf8_lossy(&bytes(args, 2)).into_owned();
    if pad.is_empty() && wanted > text.len() {
        return Value::text("");
    }
    let missing = wanted.saturating_sub(text.len());
    let kept = text.into_iter().take(wanted);
    let padding = pad.chars().cycle().take(missing);
    let padded: String =
        if name == "LPAD" { padding.chain(kept).collect() } else { kept.chain(padding).collect() };
    like_first(args, padded.into_bytes())
}

fn trim(name: &str, args: &[Value], text: &[u8]) -> Value {
    let what = if args.len() > 1 { bytes(args, 1) } else { b" ".to_vec() };
    let mut text = text;
    if !what.is_empty() {
        while name != "RTRIM" && text.starts_with(&what) {
            text = &text[what.len()..];
        }
        while name != "LTRIM" && text.ends_with(&what) {
            text = &text[..text.len() - what.len()];
        }
    }
    like_first(args, text.to_vec())
}

/// `INSTR(text, part)`, `LOCATE(part, text, from)`
fn locate(query: &mut Query<'_>, name: &str, args: &[Value]) -> Value {
    let (whole, part) = if name == "INSTR" { (0, 1) } else { (1, 0) };
    let is_binary = args.iter().any(|arg| matches!(arg, Value::Binary(_)));
    let text = |index| if is_binary { bytes(args, index) } else { folded(&bytes(args, index)) };
    let (whole, part) = (text(whole), text(part));
    const BYTES_PER_BOUNDARY: usize = 8;
    if !query.may_compute(name, whole.len().saturating_mul(BYTES_PER_BOUNDARY)) {
        return Value::Null;
    }
    let kind = if is_binary { Value::Binary(Vec::new()) } else { Value::Null };
    let at = boundaries(&[kind], &whole);
    let from = if args.len() > 2 { number(args, 2) } else { 1 };
    let Ok(from) = usize::try_from(from.saturating_sub(1)) else { return Value::Int(0) };
    let Some(start) = at.get(from).copied() else { return Value::Int(0) };
    let found = whole.get(start..).and_then(|rest| find(rest, &part)).map(|place| start + place);
    let place = found.map(|found| at.partition_point(|boundary| *boundary < found) + 1);
    count(place.unwrap_or(0))
}

/// A text as a literal.
fn quote(value: Option<&Value>) -> Value {
    let Some(text) = value.and_then(Value::to_bytes) else { return Value::text("NULL") };
    let mut out = vec![b'\''];
    for byte in text.iter() {
        match byte {
            b'\'' | b'\\' => out.extend_from_slice(&[b'\\', *byte]),
            0 => out.extend_from_slice(b"\\0"),
            0x1a => out.extend_from_slice(b"\\Z"),
            byte => out.push(*byte),
        }
    }
    out.push(b'\'');
    Value::Text(out)
}
