//! GTID sets as text, in MySQL's syntax.

use std::fmt;
use std::str::FromStr;

use super::set::{Interval, NUMBER_MAX};
use super::{Gtid, GtidSet, GtidTag, ServerUuid};

/// A text that is no GTID or GTID set; carries the part that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseGtidError {
    /// Not a UUID.
    #[error("'{0}' is not a server UUID")]
    Uuid(String),
    /// Not a tag.
    #[error(
        "'{0}' is not a GTID tag (at most 32 letters, digits and _, not beginning with a digit)"
    )]
    Tag(String),
    /// Not a number or an interval of numbers from 1 on.
    #[error("'{0}' is not an interval of transaction numbers, such as 1-5")]
    Interval(String),
}

impl FromStr for ServerUuid {
    type Err = ParseGtidError;

    /// Takes 32 hexadecimal digits, with or without hyphens in the usual places.
    fn from_str(text: &str) -> Result<Self, ParseGtidError> {
        let error = || ParseGtidError::Uuid(text.to_owned());
        let mut digits = text.bytes().enumerate().filter(|&(index, byte)| {
            !(byte == b'-' && text.len() == 36 && matches!(index, 8 | 13 | 18 | 23))
        });
        let mut uuid = [0; 16];
        for byte in &mut uuid {
            let mut digit = || {
                let (_, c) = digits.next()?;
                u8::try_from(char::from(c).to_digit(16)?).ok()
            };
            *byte = (|| Some(digit()? << 4 | digit()?))().ok_or_else(error)?;
        }
        digits.next().is_none().then_some(Self(uuid)).ok_or_else(error)
    }
}

impl FromStr for GtidSet {
    type Err = ParseGtidError;

    /// Takes `uuid:1-5:7:tag:1-3,…`; white space and empty parts do no harm, as in MySQL.
    fn from_str(text: &str) -> Result<Self, ParseGtidError> {
        let mut set = GtidSet::new();
        for source in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let mut parts = source.split(':').map(str::trim);
            let uuid: ServerUuid = parts.next().unwrap_or_default().parse()?;
            let mut tag = GtidTag::NONE;
            for part in parts.filter(|part| !part.is_empty()) {
                if part.starts_with(|c: char| c.is_ascii_digit()) {
                    if let Some(interval) = parse_interval(part)? {
                        set.insert_interval(uuid, tag, interval);
                    }
                } else {
                    tag = GtidTag::new(part.as_bytes())?;
                }
            }
        }
        Ok(set)
    }
}

impl FromStr for Gtid {
    type Err = ParseGtidError;

    fn from_str(text: &str) -> Result<Self, ParseGtidError> {
        let set: GtidSet = text.parse()?;
        let mut sources = set.sources.iter();
        match (sources.next(), sources.next()) {
            (Some((&(uuid, tag), intervals)), None) if set.count() == 1 => {
                Ok(Gtid { uuid, tag, number: intervals[0].start })
            }
            _ => Err(ParseGtidError::Interval(text.to_owned())),
        }
    }
}

/// `7` or `1-5`. An interval that ends before it begins is empty.
fn parse_interval(text: &str) -> Result<Option<Interval>, ParseGtidError> {
    let number = |digits: &str| {
        let number = digits.trim().parse::<u64>().ok()?;
        (1..=NUMBER_MAX).contains(&number).then_some(number)
    };
    let bounds = match text.split_once('-') {
        Some((start, end)) => number(start).zip(number(end)),
        None => number(text).map(|n| (n, n)),
    };
    let (start, last) = bounds.ok_or_else(|| ParseGtidError::Interval(text.to_owned()))?;
    Ok((start <= last).then_some(Interval { start, end: last + 1 }))
}

impl fmt::Display for GtidSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut before: Option<ServerUuid> = None;
        for (&(uuid, tag), intervals) in &self.sources {
            if before != Some(uuid) {
                let comma = if before.is_some() { "," } else { "" };
                write!(f, "{comma}{uuid}")?;
            }
            before = Some(uuid);
            if !tag.is_empty() {
                write!(f, ":{tag}")?;
            }
            for interval in intervals {
                write!(f, ":{}", interval.start)?;
                if interval.end - interval.start > 1 {
                    write!(f, "-{}", interval.end - 1)?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
    const B: &str = "4e11fa47-71ca-11e1-9e33-c80aa9429562";

    #[test]
    fn text_is_brought_into_mysqls_normal_form() {
        for (given, normal) in [
            (String::new(), String::new()),
            (format!("{A}:1"), format!("{A}:1")),
            (format!(" {A} : 1-3 : 4 : 9-8 "), format!("{A}:1-4")),
            (format!("{B}:7,{A}:5:1-2,,{B}:8"), format!("{A}:1-2:5,{B}:7-8")),
            (format!("{A}:Tag_a:1-3:2:zz:5,{A}:9"), format!("{A}:9:tag_a:1-3:zz:5")),
            (format!("{}:1", A.to_uppercase().replace('-', "")), format!("{A}:1")),
        ] {
            let set: GtidSet = given.parse().unwrap();
            assert_eq!(set.to_string(), normal, "{given}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        use ParseGtidError::{Interval, Tag, Uuid};
        for (given, error) in [
            ("nonsense:1".to_owned(), Uuid("nonsense".into())),
            (format!("{A}0:1"), Uuid(format!("{A}0"))),
            (format!("{A}:0"), Interval("0".into())),
            (format!("{A}:1-x"), Interval("1-x".into())),
            (format!("{A}:9223372036854775807"), Interval("9223372036854775807".into())),
            (format!("{A}:tag-b:1"), Tag("tag-b".into())),
        ] {
            assert_eq!(given.parse::<GtidSet>(), Err(error));
        }
    }
}
