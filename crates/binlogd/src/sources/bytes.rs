//! The bytes of a file or of standard input, decompressed if they are compressed.
//!
//! What compresses them is found by their first bytes. Decompression is streaming: memory is bounded by
//! the window of the format, which zstd limits to 128 MiB here.

use std::fs::File;
use std::io::{self, Cursor, ErrorKind, Read, Seek, SeekFrom};

use anyhow::{Context, Result, bail};
use flate2::read::MultiGzDecoder;

use super::Input;

const GZIP_MAGIC: [u8; 3] = [0x1f, 0x8b, 8];
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// As many bytes tell which format it is.
const HEAD_LEN: usize = 4;
/// The largest window of zstd, as a power of two: what `zstd -d` takes by default.
const ZSTD_WINDOW_LOG_MAX: u32 = 27;

/// Formats that are recognised, but not read: their first bytes, and a program that decompresses them.
const OTHERS: [(&[u8], &str); 4] = [
    (b"\xfd7zX", "xzcat"),
    (b"BZh", "bzcat"),
    (&[0x04, 0x22, 0x4d, 0x18], "lz4cat"),
    (b"PK\x03\x04", "unzip -p"),
];

/// Where bytes come from.
pub(super) enum Bytes {
    /// A file as it is, which may also grow and be read from any place.
    Plain(File),
    /// Anything that is read from its beginning to its end.
    Stream { reader: Box<dyn Read>, is_compressed: bool },
}

impl Bytes {
    pub(super) fn open(input: &Input, name: &str) -> Result<Self> {
        if input.is_stdin() {
            let mut stdin = io::stdin().lock();
            let head = head(&mut stdin, name)?;
            return Self::stream(head, stdin, name);
        }
        let mut file = File::open(&input.path).with_context(|| name.to_owned())?;
        let head = head(&mut file, name)?;
        // Not in a pipe.
        let can_seek = file.seek(SeekFrom::Start(head.len() as u64)).is_ok();
        if compression(&head, name)?.is_none() && can_seek {
            file.seek(SeekFrom::Start(0)).with_context(|| name.to_owned())?;
            return Ok(Self::Plain(file));
        }
        Self::stream(head, file, name)
    }

    /// What begins with `head`, and goes on with the rest.
    fn stream(head: Vec<u8>, rest: impl Read + 'static, name: &str) -> Result<Self> {
        let compression = compression(&head, name)?;
        let whole = Box::new(Cursor::new(head).chain(rest));
        let reader: Box<dyn Read> = match compression {
            None => whole,
            Some(Compression::Gzip) => Box::new(MultiGzDecoder::new(whole)),
            Some(Compression::Zstd) => {
                let decoder = zstd::stream::read::Decoder::new(whole).and_then(|mut decoder| {
                    decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
                    Ok(decoder)
                });
                Box::new(decoder.with_context(|| name.to_owned())?)
            }
        };
        Ok(Self::Stream { reader, is_compressed: compression.is_some() })
    }

    /// Whether offsets are those of what is decompressed.
    pub(super) fn is_compressed(&self) -> bool {
        matches!(self, Self::Stream { is_compressed: true, .. })
    }

    /// Reads what is there next; 0 at the end.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = match self {
                Self::Plain(file) => file.read(buffer),
                Self::Stream { reader, .. } => reader.read(buffer),
            };
            match read {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if self.is_compressed() => {
                    let kind = error.kind();
                    let what = format!(
                        "the compressed file is damaged, or was cut: {error}. All before it was read"
                    );
                    return Err(io::Error::new(kind, what));
                }
                read => return read,
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compression {
    Gzip,
    Zstd,
}

fn compression(head: &[u8], name: &str) -> Result<Option<Compression>> {
    if head.starts_with(&GZIP_MAGIC) {
        return Ok(Some(Compression::Gzip));
    }
    if head.starts_with(&ZSTD_MAGIC) {
        return Ok(Some(Compression::Zstd));
    }
    match OTHERS.iter().find(|(magic, _)| head.starts_with(magic)) {
        Some((_, program)) => bail!(
            "{name}: compressed in a form that is not read directly: decompress it, and name - for \
             standard input: {program} {name} | binlogd …"
        ),
        None => Ok(None),
    }
}

/// The first bytes; fewer if there are no more.
fn head(reader: &mut impl Read, name: &str) -> Result<Vec<u8>> {
    let mut head = Vec::new();
    let read = reader.take(HEAD_LEN as u64).read_to_end(&mut head);
    read.with_context(|| name.to_owned())?;
    Ok(head)
}
