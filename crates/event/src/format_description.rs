//! The event that describes a file's format.

use std::ops::Range;

use crate::checksum::CHECKSUM_LEN;
use crate::fields::Fields;
use crate::{ChecksumAlgorithm, EventError, EventHeader, EventKind, HEADER_LEN, ServerVersion};

/// A format description event (FDE): the first of every file.
///
/// [Manual page](https://dev.mysql.com/doc/dev/mysql-server/latest/classbinary__log_1_1Format__description__event.html).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormatDescription {
    /// When the file was begun, in seconds since 1970.
    pub timestamp: u32,
    /// The id of the server that wrote the file.
    pub server_id: u32,
    /// The version of the server that wrote the file.
    pub server_version: ServerVersion,
    /// When the server started, in seconds since 1970, in the first file after a start; else 0.
    pub created: u32,
    /// Whether and how events are checksummed.
    pub checksum: ChecksumAlgorithm,
    post_header_lens: Vec<u8>,
}

/// Where `created` stands in the event.
const CREATED: Range<usize> = HEADER_LEN + 2 + 50..HEADER_LEN + 2 + 50 + 4;

/// The first servers that know checksums (MySQL 5.6) know this many event types.
const KINDS_WITH_CHECKSUMS: usize = 35;

impl FormatDescription {
    /// Reads a whole event, header and checksum included.
    ///
    /// # Errors
    /// If the event is cut short, or is not of binlog version 4, names an unknown checksum algorithm,
    /// or is of an early server that had other numbers for the types of events.
    pub fn parse(event: &[u8]) -> Result<Self, EventError> {
        let EventHeader { timestamp, server_id, .. } = EventHeader::parse(event)?;
        let mut fields = Fields::new(event);
        fields.take("event header", HEADER_LEN)?;
        let version = fields.u16("binlog version")?;
        if version != 4 {
            return Err(EventError::bad_value("binlog version", &version));
        }
        let server_version = text_until_nul(fields.take("server version", 50)?)?;
        let server_version = ServerVersion::new(server_version);
        let created = fields.u32("created")?;
        let header_len = fields.u8("event header length")?;
        if usize::from(header_len) != HEADER_LEN {
            return Err(EventError::bad_value("event header length", &header_len));
        }
        let mut post_header_lens = fields.rest();
        // Binlog version 4 came with 5.0. A damaged version must not switch checksums off.
        let believable = server_version.at_least(5, 0, 0)
            && (server_version.knows_checksums() || post_header_lens.len() < KINDS_WITH_CHECKSUMS);
        if !believable {
            return Err(EventError::bad_value("server version", &server_version));
        }
        let mut checksum = ChecksumAlgorithm::None;
        if server_version.knows_checksums() {
            let (lens, tail) = post_header_lens.split_last_chunk::<{ 1 + CHECKSUM_LEN }>().ok_or(
                EventError::Truncated {
                    field: "checksum algorithm",
                    needed: 1 + CHECKSUM_LEN,
                    available: post_header_lens.len(),
                },
            )?;
            post_header_lens = lens;
            checksum = match tail[0] {
                0 => ChecksumAlgorithm::None,
                1 => ChecksumAlgorithm::Crc32,
                other => return Err(EventError::bad_value("checksum algorithm", &other)),
            };
        }
        let post_header_lens = post_header_lens.to_vec();
        let format =
            Self { timestamp, server_id, server_version, created, checksum, post_header_lens };
        // An Xid event has no fixed part; some early servers had table maps at its number.
        if format.post_header_len(EventKind::XID).is_some_and(|len| len > 0) {
            let version = format.server_version.to_string();
            return Err(EventError::OtherNumbers { version });
        }
        Ok(format)
    }

    /// The length in bytes of the fixed part behind the header of events of `kind`, or `None`
    /// where the server that wrote the file did not know the type.
    #[must_use]
    pub fn post_header_len(&self, kind: EventKind) -> Option<usize> {
        let index = usize::from(kind.0).checked_sub(1)?;
        self.post_header_lens.get(index).map(|&len| usize::from(len))
    }

    /// Turns a file's FDE into what a source sends to a reader that starts behind it: `log_pos`
    /// and `created` 0, so that the reader keeps its position and its temporary tables, and the
    /// checksum made anew if events carry one.
    ///
    /// # Errors
    /// If `event` is no format description event.
    pub fn make_artificial(event: &mut [u8]) -> Result<(), EventError> {
        Self::zero(event, &[13..17, CREATED])
    }

    /// Sets only `created` to 0, for a reader that has a part of the file already.
    ///
    /// # Errors
    /// If `event` is no format description event.
    pub fn clear_created(event: &mut [u8]) -> Result<(), EventError> {
        Self::zero(event, &[CREATED])
    }

    fn zero(event: &mut [u8], fields: &[Range<usize>]) -> Result<(), EventError> {
        let parsed = Self::parse(event)?;
        for field in fields {
            event[field.clone()].fill(0);
        }
        if parsed.checksum == ChecksumAlgorithm::Crc32
            && let Some((body, crc)) = event.split_last_chunk_mut::<CHECKSUM_LEN>()
        {
            *crc = crate::event_crc32(body).to_le_bytes();
        }
        Ok(())
    }
}

fn text_until_nul(bytes: &[u8]) -> Result<&str, EventError> {
    let end = bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len());
    std::str::from_utf8(&bytes[..end]).map_err(|_| EventError::NotText { field: "server version" })
}
