//! The events of a file that is in memory.

use binlogd_event::{EventHeader, EventKind, FIRST_EVENT, HEADER_LEN, MAGIC};

use crate::{DecodeError, Flaw, Place};

/// What the files begin with that MySQL 8.0.14 and later encrypt.
pub const ENCRYPTED_MAGIC: [u8; 4] = [0xfd, b'b', b'i', b'n'];

/// The events of a file's bytes: an iterator of offsets and events. Nothing comes after an error.
///
/// A file that ends inside of an event, as one that is being written may, ends with an error that
/// says so.
#[derive(Debug, Clone)]
pub struct Events<'a> {
    rest: &'a [u8],
    offset: u64,
    start: bool,
}

impl<'a> Events<'a> {
    /// The events of a whole file.
    #[must_use]
    pub fn new(file: &'a [u8]) -> Self {
        Self { rest: file, offset: 0, start: true }
    }

    /// The events in `bytes`, which begin at `offset` of a file.
    #[must_use]
    pub fn at(offset: u64, bytes: &'a [u8]) -> Self {
        Self { rest: bytes, offset, start: false }
    }

    fn take(&mut self) -> Result<&'a [u8], DecodeError> {
        let Ok(header) = EventHeader::parse(self.rest) else {
            return Err(self.error(EventKind(0), Flaw::NoHeader { actual: self.rest.len() }));
        };
        let size = header.size as usize;
        match self.rest.split_at_checked(size) {
            Some((event, rest)) if size >= HEADER_LEN => {
                self.rest = rest;
                self.offset += u64::from(header.size);
                Ok(event)
            }
            _ => {
                let flaw = Flaw::Size { header: header.size, actual: self.rest.len() };
                Err(self.error(header.kind, flaw))
            }
        }
    }

    fn begin(&mut self) -> Result<(), DecodeError> {
        self.start = false;
        match self.rest.split_first_chunk() {
            Some((&MAGIC, rest)) => {
                self.rest = rest;
                self.offset = FIRST_EVENT;
                Ok(())
            }
            Some((&ENCRYPTED_MAGIC, _)) => Err(self.error(EventKind(0), Flaw::Encrypted)),
            _ => Err(self.error(EventKind(0), Flaw::NotABinlog)),
        }
    }

    fn error(&self, kind: EventKind, flaw: Flaw) -> DecodeError {
        DecodeError::new(Place { offset: self.offset, kind }, None, flaw)
    }
}

impl<'a> Iterator for Events<'a> {
    type Item = (u64, Result<&'a [u8], DecodeError>);

    fn next(&mut self) -> Option<Self::Item> {
        let offset = self.offset;
        if self.start
            && let Err(error) = self.begin()
        {
            self.rest = &[];
            return Some((offset, Err(error)));
        }
        if self.rest.is_empty() {
            return None;
        }
        let offset = self.offset;
        let event = self.take();
        if event.is_err() {
            self.rest = &[];
        }
        Some((offset, event))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_binlog_is_said() {
        let flaw = |bytes: &[u8]| Events::new(bytes).next().unwrap().1.unwrap_err().flaw().clone();
        assert_eq!(flaw(b"\xfdbin rest"), Flaw::Encrypted);
        assert_eq!(flaw(b"some text"), Flaw::NotABinlog);
        assert_eq!(flaw(b""), Flaw::NotABinlog);
        assert!(matches!(flaw(b"\xfebin\0"), Flaw::NoHeader { actual: 1 }));
        assert!(Events::new(b"\xfebin").next().is_none());
    }
}
