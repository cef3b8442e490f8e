//! Events themselves as JSON, an object a line: what `SHOW BINLOG EVENTS` lists, and their headers.

use std::borrow::Cow;

use binlogd_event::{EventError, FormatDescription};

use crate::changes::At;
use crate::write::{json_string, unsigned};
use crate::write_info;

/// Writes events of a list.
#[derive(Debug, Default)]
pub struct ListJson {
    info: Vec<u8>,
    /// What is mostly the same again is kept as it was written.
    file: Again<String>,
    origin: Again<(u32, u32)>,
}

/// The last of some values, as it was written.
#[derive(Debug, Default)]
struct Again<T> {
    value: T,
    json: Vec<u8>,
}

impl ListJson {
    /// A writer.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends an event, given without its checksum, of a file of this format.
    ///
    /// # Errors
    /// If the event cannot be read; nothing is appended then.
    pub fn event(
        &mut self,
        at: &At<'_>,
        event: &[u8],
        format: &FormatDescription,
        out: &mut Vec<u8>,
    ) -> Result<(), EventError> {
        let header = &at.header;
        self.info.clear();
        write_info(header, event, format, &mut self.info)?;
        self.remember(at);
        out.extend_from_slice(&self.file.json);
        number(b",\"position\":", at.offset, out);
        number(b",\"end\":", at.end, out);
        number(b",\"size\":", header.size.into(), out);
        out.extend_from_slice(b",\"type\":\"");
        out.extend_from_slice(header.kind.name().unwrap_or("Unknown").as_bytes());
        number(b"\",\"type_code\":", header.kind.0.into(), out);
        out.extend_from_slice(&self.origin.json);
        number(b",\"flags\":", header.flags.0.into(), out);
        out.extend_from_slice(b",\"info\":");
        json_string(&lossy(&self.info), out);
        out.extend_from_slice(b"}\n");
        Ok(())
    }

    fn remember(&mut self, at: &At<'_>) {
        let Self { file, origin, .. } = self;
        if file.value != at.file || file.json.is_empty() {
            at.file.clone_into(&mut file.value);
            file.json.clear();
            file.json.extend_from_slice(b"{\"file\":");
            json_string(at.file, &mut file.json);
        }
        let from = (at.header.server_id, at.header.timestamp);
        if origin.value != from || origin.json.is_empty() {
            origin.value = from;
            origin.json.clear();
            number(b",\"server_id\":", from.0.into(), &mut origin.json);
            number(b",\"time\":", from.1.into(), &mut origin.json);
        }
    }
}

fn number(key: &[u8], value: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(key);
    unsigned(value, out);
}

/// As [`String::from_utf8_lossy`], which is slow where nothing is lost.
fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => String::from_utf8_lossy(bytes),
    }
}
