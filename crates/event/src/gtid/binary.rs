//! GTID sets as bytes: in previous-GTIDs events and in `COM_BINLOG_DUMP_GTID`.
//!
//! Without tags: a 64-bit count of sources; for each its UUID, a 64-bit count of intervals, and
//! their 64-bit starts and exclusive ends. With tags (MySQL 8.3) the first and the last byte of the
//! count are 1, the count is the 48 bits between, and a tag stands behind each UUID, with its
//! length as a varint before it. MariaDB's GTIDs have no place here.

use super::set::{Interval, NUMBER_MAX};
use super::{GtidSet, GtidSource, GtidTag, ServerUuid};
use crate::EventError;
use crate::fields::Fields;

const TAGGED: u8 = 1;

impl GtidSet {
    /// Reads a set that fills `bytes`.
    ///
    /// # Errors
    /// If the bytes end too early or go on too long, or intervals are empty, overlap, or are not
    /// in order.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, EventError> {
        let mut fields = Fields::new(bytes);
        let count = fields.array::<8>("number of sources")?;
        let tagged = count[7] == TAGGED;
        let count = match count {
            [TAGGED, middle @ .., TAGGED] => {
                middle.iter().rev().fold(0, |n, &byte| n << 8 | u64::from(byte))
            }
            _ => u64::from_le_bytes(count),
        };
        let mut set = GtidSet::new();
        for _ in 0..count {
            read_source(&mut set, &mut fields, tagged)?;
        }
        if !fields.rest().is_empty() {
            return Err(EventError::bad_value(
                "bytes behind the last source",
                &fields.rest().len(),
            ));
        }
        Ok(set)
    }

    /// The bytes of MySQL's GTIDs in the set, in the form without tags where there are none.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let sources: Vec<_> = self
            .sources
            .iter()
            .filter_map(|(source, intervals)| match source {
                GtidSource::Server { uuid, tag } => Some((uuid, tag, intervals)),
                GtidSource::Domain { .. } => None,
            })
            .collect();
        let tagged = sources.iter().any(|(_, tag, _)| !tag.is_empty());
        let mut count = (sources.len() as u64).to_le_bytes();
        if tagged {
            count.copy_within(0..6, 1);
            (count[0], count[7]) = (TAGGED, TAGGED);
        }
        let mut bytes = count.to_vec();
        for (uuid, tag, intervals) in sources {
            bytes.extend_from_slice(&uuid.0);
            if tagged {
                let text = tag.as_str().as_bytes();
                #[expect(clippy::cast_possible_truncation, reason = "at most 32")]
                bytes.push((text.len() as u8) << 1);
                bytes.extend_from_slice(text);
            }
            bytes.extend_from_slice(&(intervals.len() as u64).to_le_bytes());
            for interval in intervals {
                bytes.extend_from_slice(&interval.start.to_le_bytes());
                bytes.extend_from_slice(&interval.end.to_le_bytes());
            }
        }
        bytes
    }
}

fn read_source(set: &mut GtidSet, fields: &mut Fields<'_>, tagged: bool) -> Result<(), EventError> {
    let uuid = ServerUuid(fields.array("source id")?);
    let tag = if tagged { read_tag(fields)? } else { GtidTag::NONE };
    let count = fields.u64("number of intervals")?;
    let mut past = 1;
    for _ in 0..count {
        let interval =
            Interval { start: fields.u64("interval start")?, end: fields.u64("interval end")? };
        if interval.start < past || interval.end <= interval.start || interval.end > NUMBER_MAX + 1
        {
            return Err(EventError::bad_value(
                "interval",
                &format!("{}-{}", interval.start, interval.end),
            ));
        }
        past = interval.end;
        set.insert_interval(GtidSource::Server { uuid, tag }, interval);
    }
    Ok(())
}

/// A tag as MySQL's serialization library writes text: its length, then its bytes.
pub(crate) fn read_tag(fields: &mut Fields<'_>) -> Result<GtidTag, EventError> {
    let len = fields.varint("tag length")?;
    let len = usize::try_from(len)
        .ok()
        .filter(|&len| len <= GtidTag::LEN_MAX)
        .ok_or_else(|| EventError::bad_value("tag length", &len))?;
    let text = fields.take("tag", len)?;
    GtidTag::new(text).map_err(|_| EventError::bad_value("tag", &String::from_utf8_lossy(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_without_tags_has_the_old_form() {
        let set: GtidSet = "01010101-0101-0101-0101-010101010101:1-2:5".parse().unwrap();
        let bytes = [
            &[1, 0, 0, 0, 0, 0, 0, 0][..], // one source
            &[1; 16],                      // its id
            &[2, 0, 0, 0, 0, 0, 0, 0],     // two intervals
            &[1, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0],
            &[5, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0],
        ]
        .concat();
        assert_eq!(set.to_bytes(), bytes);
        assert_eq!(GtidSet::from_bytes(&bytes), Ok(set));
        for cut in 0..bytes.len() {
            assert!(GtidSet::from_bytes(&bytes[..cut]).is_err(), "cut at {cut}");
        }
        assert!(GtidSet::from_bytes(&[&bytes[..], &[0]].concat()).is_err());
    }

    #[test]
    fn a_set_with_tags_says_so_in_its_count() {
        let set: GtidSet = "01010101-0101-0101-0101-010101010101:3:ab:7".parse().unwrap();
        let bytes = [
            &[1, 2, 0, 0, 0, 0, 0, 1][..], // format, two sources, format
            &[1; 16],
            &[0], // no tag
            &[1, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0],
            &[1; 16],
            &[2 << 1, b'a', b'b'],
            &[1, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0],
        ]
        .concat();
        assert_eq!(set.to_bytes(), bytes);
        assert_eq!(GtidSet::from_bytes(&bytes), Ok(set));
        for cut in 0..bytes.len() {
            assert!(GtidSet::from_bytes(&bytes[..cut]).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn a_count_that_no_input_could_hold_allocates_nothing() {
        assert!(GtidSet::from_bytes(&[0xff; 8]).is_err());
        let huge = [&[1, 0, 0, 0, 0, 0, 0, 0][..], &[1; 16], &[0xff; 8]].concat();
        assert!(GtidSet::from_bytes(&huge).is_err());
    }
}
