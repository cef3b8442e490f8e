//! Events that a source makes for its readers and that stand in no file.

use binlogd_event::{
    ChecksumAlgorithm, EventFlags, EventHeader, EventKind, HEADER_LEN, LogPos, event_crc32,
};

/// Which heartbeat events a reader understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HeartbeatVersion {
    /// The position is the header's 32 bits.
    V1,
    /// The position has 64 bits (MySQL 8.0.26).
    V2,
}

/// Where a stream stands, for an event that tells it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) server_id: u32,
    pub(crate) file: &'a str,
    pub(crate) offset: u64,
    pub(crate) checksum: ChecksumAlgorithm,
}

impl Place<'_> {
    /// "The events of this file, from this position, come next."
    pub(crate) fn rotate(&self) -> Vec<u8> {
        let mut body = self.offset.to_le_bytes().to_vec();
        body.extend_from_slice(self.file.as_bytes());
        self.event(EventKind::ROTATE, LogPos(0), EventFlags::ARTIFICIAL, &body)
    }

    /// "Nothing has come behind this position."
    pub(crate) fn heartbeat(&self, version: HeartbeatVersion) -> Vec<u8> {
        match version {
            HeartbeatVersion::V1 => {
                let log_pos = LogPos::of(self.offset);
                self.event(EventKind::HEARTBEAT, log_pos, EventFlags(0), self.file.as_bytes())
            }
            HeartbeatVersion::V2 => {
                let mut body = Vec::with_capacity(self.file.len() + 16);
                tagged(&mut body, 1, self.file.as_bytes());
                let mut position = Vec::new();
                binlogd_wire::writer::Put::put_lenenc_int(&mut position, self.offset);
                tagged(&mut body, 2, &position);
                body.push(0);
                let log_pos = LogPos::of(self.offset);
                self.event(EventKind::HEARTBEAT_V2, log_pos, EventFlags(0), &body)
            }
        }
    }

    pub(super) fn event(
        &self,
        kind: EventKind,
        log_pos: LogPos,
        flags: EventFlags,
        body: &[u8],
    ) -> Vec<u8> {
        let len = HEADER_LEN + body.len() + self.checksum.len();
        let header = EventHeader {
            timestamp: 0,
            kind,
            server_id: self.server_id,
            // A file name and some numbers.
            size: u32::try_from(len).unwrap_or(u32::MAX),
            log_pos,
            flags,
        };
        let mut event = header.to_bytes().to_vec();
        event.extend_from_slice(body);
        if self.checksum == ChecksumAlgorithm::Crc32 {
            let crc = event_crc32(&event);
            event.extend_from_slice(&crc.to_le_bytes());
        }
        event
    }
}

/// A field of a heartbeat of version 2: type, length, value.
fn tagged(body: &mut Vec<u8>, field: u8, value: &[u8]) {
    body.push(field);
    // File names have at most 255 bytes.
    binlogd_wire::writer::Put::put_lenenc_int(body, value.len() as u64);
    body.extend_from_slice(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As MySQL 9.7.4 sent them.
    #[test]
    fn they_are_what_mysql_sends() {
        let place = |file, offset| Place {
            server_id: 25306,
            file,
            offset,
            checksum: ChecksumAlgorithm::Crc32,
        };
        let body = |event: Vec<u8>| {
            event[HEADER_LEN..].iter().map(|b| format!("{b:02x}")).collect::<String>()
        };
        assert_eq!(
            body(place("binlog.000002", 4).rotate()),
            "040000000000000062696e6c6f672e3030303030325490c69b"
        );
        assert_eq!(
            body(place("binlog.000001", 1455).heartbeat(HeartbeatVersion::V1)),
            "62696e6c6f672e30303030303183e28b1c"
        );
        assert_eq!(
            body(place("binlog.000001", 1455).heartbeat(HeartbeatVersion::V2)),
            "010d62696e6c6f672e3030303030310203fcaf0500e6434da9"
        );
    }
}
