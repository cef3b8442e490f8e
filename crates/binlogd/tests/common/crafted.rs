//! A binlog file that is written by hand.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::PathBuf;

use tempfile::TempDir;
use testkit::binlog_gen::{BinlogGen, Options};

/// A file whose events, without checksums, are put one after the other by hand.
pub(crate) struct Crafted {
    dir: TempDir,
    pub(crate) file: File,
}

impl Crafted {
    /// With what every file begins with.
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut file = File::create(dir.path().join("crafted.000001")).unwrap();
        let mut source = BinlogGen::new(1, Options { checksums: false, ..Options::default() });
        file.write_all(b"\xfebin").unwrap();
        for _ in 0..2 {
            file.write_all(&source.event().bytes).unwrap();
        }
        Self { dir, file }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join("crafted.000001")
    }

    pub(crate) fn event(&mut self, kind: u8, flags: u16, body: &[u8]) {
        self.sparse_event(kind, flags, body, 0);
    }

    /// An event whose body ends with zeros, which take no room on the disk.
    pub(crate) fn sparse_event(&mut self, kind: u8, flags: u16, body: &[u8], zeros: u32) {
        let begin = self.file.stream_position().unwrap();
        let size = u32::try_from(19 + body.len()).unwrap() + zeros;
        let end = begin + u64::from(size);
        let mut event = 1_800_000_000_u32.to_le_bytes().to_vec();
        event.push(kind);
        event.extend(7_u32.to_le_bytes());
        event.extend(size.to_le_bytes());
        event.extend(u32::try_from(end).unwrap().to_le_bytes());
        event.extend(flags.to_le_bytes());
        event.extend(body);
        self.file.write_all(&event).unwrap();
        self.file.seek(SeekFrom::Start(end)).unwrap();
        self.file.set_len(end).unwrap();
    }

    /// A statement with `d` as its default schema, by session 9.
    pub(crate) fn statement(&mut self, text: &str) {
        let mut body = vec![9, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0];
        body.extend(b"d\0");
        body.extend(text.as_bytes());
        self.event(2, 0, &body);
    }

    pub(crate) fn incident(&mut self, message: &str) {
        let mut body = vec![1, 0, u8::try_from(message.len()).unwrap()];
        body.extend(message.as_bytes());
        self.event(26, 0, &body);
    }
}
