//! Character sets of several bytes a character.
//!
//! Where MySQL and `encoding_rs` differ, MySQL is followed, as far as single characters go. Its
//! own extension of big5 (c6a1 to c8fe) and user-defined characters of the Japanese sets are taken
//! for no text. Of gb18030, 19 characters are those of the standard since 2005, which MySQL still
//! has in Unicode's private area.

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

    pub(super) fn char_len_max(self) -> u16 {
        match self {
            Self::Big5 | Self::Sjis | Self::Cp932 | Self::EucKr => 2,
            Self::Gb2312 | Self::Gbk | Self::Ucs2 => 2,
            Self::Ujis | Self::EucJpMs => 3,
            Self::Gb18030 | Self::Utf16 | Self::Utf16Le | Self::Utf32 => 4,
        }
    }

    /// Appends `bytes` as UTF-8; `false` if they are no text, and `out` has what came before.
    pub(super) fn to_utf8(self, bytes: &[u8], out: &mut Vec<u8>) -> bool {
        match self {
            Self::Utf32 => utf32(bytes, out),
            Self::Ucs2 | Self::Utf16 => utf16(bytes, u16::from_be_bytes, out),
            Self::Utf16Le => utf16(bytes, u16::from_le_bytes, out),
            Self::Big5 if has_big5_extension(bytes) => false,
            _ => {
                let start = out.len();
                let whole = by_encoding(self.encoding(), bytes, out);
                replace(self.differences(), start, out);
                whole
            }
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

impl Form {
    /// Characters as `encoding_rs` has them, and as MySQL has them.
    fn differences(self) -> &'static [(char, char)] {
        match self {
            Self::Sjis | Self::Ujis => &[
                ('\u{ff3c}', '\u{5c}'),
                ('\u{ff5e}', '\u{301c}'),
                ('\u{2225}', '\u{2016}'),
                ('\u{ff0d}', '\u{2212}'),
                ('\u{ffe0}', '\u{a2}'),
                ('\u{ffe1}', '\u{a3}'),
                ('\u{ffe2}', '\u{ac}'),
            ],
            Self::Gb2312 => &[('\u{b7}', '\u{30fb}'), ('\u{2014}', '\u{2015}')],
            Self::Big5 => &[
                ('\u{2027}', '\u{2022}'),
                ('\u{fe51}', '\u{ff64}'),
                ('\u{af}', '\u{203e}'),
                ('\u{ff5e}', '\u{223c}'),
                ('\u{2295}', '\u{2641}'),
                ('\u{2299}', '\u{2609}'),
                ('\u{2215}', '\u{ff0f}'),
                ('\u{fe68}', '\u{ff3c}'),
                ('\u{ffe5}', '\u{a5}'),
                ('\u{ffe0}', '\u{a2}'),
                ('\u{ffe1}', '\u{a3}'),
            ],
            _ => &[],
        }
    }
}

/// Replaces characters in the UTF-8 that stands in `out` from `start` on. They are rare.
fn replace(pairs: &[(char, char)], start: usize, out: &mut Vec<u8>) {
    let other = |c: char| pairs.iter().find(|pair| pair.0 == c).map(|pair| pair.1);
    let Ok(text) = std::str::from_utf8(&out[start..]) else { return };
    if pairs.is_empty() || !text.contains(|c| other(c).is_some()) {
        return;
    }
    let text: String = text.chars().map(|c| other(c).unwrap_or(c)).collect();
    out.truncate(start);
    out.extend_from_slice(text.as_bytes());
}

fn has_big5_extension(bytes: &[u8]) -> bool {
    let mut bytes = bytes.iter();
    while let Some(&lead) = bytes.next() {
        let trail = if lead > 0x80 { bytes.next() } else { None };
        if trail
            .is_some_and(|&trail| (0xc6a1..=0xc8fe).contains(&u16::from_be_bytes([lead, trail])))
        {
            return true;
        }
    }
    false
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
