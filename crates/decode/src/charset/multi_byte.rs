//! Character sets of several bytes a character.

use encoding_rs::{DecoderResult, Encoding};

/// A multi-byte character set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Big5,
    Ujis,
    EucJpMs,
    Sjis,
    Cp932,
    EucKr,
    Gb2312,
    Gbk,
    Gb18030,
    Ucs2,
    Utf16,
    Utf16Le,
    Utf32,
}

impl Form {
    /// Whether the set has all of Unicode in a form of its own.
    pub(super) fn is_unicode(self) -> bool {
        matches!(self, Self::Ucs2 | Self::Utf16 | Self::Utf16Le | Self::Utf32)
    }

    /// Appends `bytes` as UTF-8; `false` if they are no text, and `out` has what came before.
    pub(super) fn to_utf8(self, bytes: &[u8], out: &mut Vec<u8>) -> bool {
        match self {
            Self::Utf32 => utf32(bytes, out),
            Self::Ucs2 | Self::Utf16 => utf16(bytes, u16::from_be_bytes, out),
            Self::Utf16Le => utf16(bytes, u16::from_le_bytes, out),
            _ => by_encoding(self.encoding(), bytes, out),
        }
    }

    fn encoding(self) -> &'static Encoding {
        match self {
            Self::Big5 => encoding_rs::BIG5,
            Self::Ujis | Self::EucJpMs => encoding_rs::EUC_JP,
            Self::Sjis | Self::Cp932 => encoding_rs::SHIFT_JIS,
            Self::EucKr => encoding_rs::EUC_KR,
            Self::Gb2312 | Self::Gbk => encoding_rs::GBK,
            _ => encoding_rs::GB18030,
        }
    }
}

fn by_encoding(encoding: &'static Encoding, bytes: &[u8], out: &mut Vec<u8>) -> bool {
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let Some(len_max) = decoder.max_utf8_buffer_length_without_replacement(bytes.len()) else {
        return false;
    };
    let start = out.len();
    out.resize(start + len_max, 0);
    let (result, _, written) =
        decoder.decode_to_utf8_without_replacement(bytes, &mut out[start..], true);
    out.truncate(start + written);
    result == DecoderResult::InputEmpty
}

fn push(c: char, out: &mut Vec<u8>) {
    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16, out: &mut Vec<u8>) -> bool {
    let (units, rest) = bytes.as_chunks::<2>();
    for c in char::decode_utf16(units.iter().map(|&bytes| unit(bytes))) {
        match c {
            Ok(c) => push(c, out),
            Err(_) => return false,
        }
    }
    rest.is_empty()
}

fn utf32(bytes: &[u8], out: &mut Vec<u8>) -> bool {
    let (units, rest) = bytes.as_chunks::<4>();
    for &unit in units {
        match char::from_u32(u32::from_be_bytes(unit)) {
            Some(c) => push(c, out),
            None => return false,
        }
    }
    rest.is_empty()
}
