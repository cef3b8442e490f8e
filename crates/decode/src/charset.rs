//! MySQL's character sets: which one a collation id means, and how its bytes become UTF-8.
//!
//! Collation ids and the single-byte sets are facts asked of servers; the multi-byte sets are
//! `encoding_rs`'s, with what MySQL does differently in [`multi_byte`].

mod multi_byte;
mod single_byte;

use std::fmt;

use Form::{Ascii, Binary, Multi, Single, Utf8};
use multi_byte as mb;
use single_byte as sb;

/// A character set of MySQL or MariaDB.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Charset(u8);

/// How a character set's bytes are made.
#[derive(Clone, Copy)]
enum Form {
    Binary,
    Ascii,
    Utf8,
    /// One byte a character.
    Single(&'static sb::Table),
    Multi(multi_byte::Form),
}

macro_rules! charsets {
    ($($(#[$doc:meta])* $index:literal $konst:ident, $name:literal, $form:expr, [$ids:pat];)*) => {
        impl Charset {
            $($(#[$doc])* pub const $konst: Charset = Charset($index);)*

            /// The name that servers use.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self.0 {
                    $($index => $name,)*
                    _ => "binary",
                }
            }

            /// The character set of a collation given by its id, if it is known here.
            #[must_use]
            pub fn of_collation(id: u64) -> Option<Self> {
                // MariaDB's: "no pad" twins of the old ones, and those of UCA 14.0.
                let id = match id {
                    1025..=2047 => id - 1024,
                    2048..=2303 => return Some(Self::UTF8MB3),
                    2304..=2559 => return Some(Self::UTF8MB4),
                    2560..=2815 => return Some(Self::UCS2),
                    2816..=3071 => return Some(Self::UTF16),
                    3072..=3327 => return Some(Self::UTF32),
                    old => old,
                };
                match id {
                    $($ids => Some(Self::$konst),)*
                    _ => None,
                }
            }

            /// The character set of this name, such as `utf8mb4`.
            #[must_use]
            pub fn of_name(name: &str) -> Option<Self> {
                if name.eq_ignore_ascii_case("utf8") {
                    return Some(Self::UTF8MB3);
                }
                $(if name.eq_ignore_ascii_case($name) {
                    return Some(Self::$konst);
                })*
                None
            }

            fn form(self) -> Form {
                match self.0 {
                    $($index => $form,)*
                    _ => Binary,
                }
            }
        }

        /// Each character set.
        #[cfg(test)]
        const ALL: &[Charset] = &[$(Charset::$konst,)*];
    };
}

charsets! {
    /// Bytes, no text.
    0 BINARY, "binary", Binary, [63];
    /// UTF-8.
    1 UTF8MB4, "utf8mb4", Utf8, [45..=46 | 224..=247 | 255..=323 | 608..=611];
    /// UTF-8 of at most three bytes.
    2 UTF8MB3, "utf8mb3", Utf8, [33 | 76 | 83 | 192..=215 | 223 | 576..=579];
    /// ASCII.
    3 ASCII, "ascii", Ascii, [11 | 65];
    /// Windows 1252.
    4 LATIN1, "latin1", Single(&sb::LATIN1), [5 | 8 | 15 | 31 | 47..=49 | 94];
    /// ISO 8859-2.
    5 LATIN2, "latin2", Single(&sb::LATIN2), [2 | 9 | 21 | 27 | 77];
    /// ISO 8859-9.
    6 LATIN5, "latin5", Single(&sb::LATIN5), [30 | 78];
    /// ISO 8859-13.
    7 LATIN7, "latin7", Single(&sb::LATIN7), [20 | 41..=42 | 79];
    /// DEC's for Western Europe.
    8 DEC8, "dec8", Single(&sb::DEC8), [3 | 69];
    /// DOS for Western Europe.
    9 CP850, "cp850", Single(&sb::CP850), [4 | 80];
    /// DOS for Central Europe.
    10 CP852, "cp852", Single(&sb::CP852), [40 | 81];
    /// DOS for Russia.
    11 CP866, "cp866", Single(&sb::CP866), [36 | 68];
    /// Windows for Central Europe.
    12 CP1250, "cp1250", Single(&sb::CP1250), [26 | 34 | 44 | 66 | 99];
    /// Windows for Cyrillic.
    13 CP1251, "cp1251", Single(&sb::CP1251), [14 | 23 | 50..=52];
    /// Windows for Arabic.
    14 CP1256, "cp1256", Single(&sb::CP1256), [57 | 67];
    /// Windows for the Baltic.
    15 CP1257, "cp1257", Single(&sb::CP1257), [29 | 58..=59];
    /// HP's for Western Europe.
    16 HP8, "hp8", Single(&sb::HP8), [6 | 72];
    /// Russian.
    17 KOI8R, "koi8r", Single(&sb::KOI8R), [7 | 74];
    /// Ukrainian.
    18 KOI8U, "koi8u", Single(&sb::KOI8U), [22 | 75];
    /// Seven bits, Swedish.
    19 SWE7, "swe7", Single(&sb::SWE7), [10 | 82];
    /// ISO 8859-8.
    20 HEBREW, "hebrew", Single(&sb::HEBREW), [16 | 71];
    /// Thai.
    21 TIS620, "tis620", Single(&sb::TIS620), [18 | 89];
    /// ISO 8859-7.
    22 GREEK, "greek", Single(&sb::GREEK), [25 | 70];
    /// Armenian.
    23 ARMSCII8, "armscii8", Single(&sb::ARMSCII8), [32 | 64];
    /// Georgian.
    24 GEOSTD8, "geostd8", Single(&sb::GEOSTD8), [92..=93];
    /// DOS for Czech.
    25 KEYBCS2, "keybcs2", Single(&sb::KEYBCS2), [37 | 73];
    /// Mac for Central Europe.
    26 MACCE, "macce", Single(&sb::MACCE), [38 | 43];
    /// Mac for Western Europe.
    27 MACROMAN, "macroman", Single(&sb::MACROMAN), [39 | 53];
    /// Traditional Chinese.
    28 BIG5, "big5", Multi(mb::Form::Big5), [1 | 84];
    /// EUC for Japanese.
    29 UJIS, "ujis", Multi(mb::Form::Ujis), [12 | 91];
    /// EUC for Japanese, as Windows maps it.
    30 EUCJPMS, "eucjpms", Multi(mb::Form::EucJpMs), [97..=98];
    /// Shift-JIS.
    31 SJIS, "sjis", Multi(mb::Form::Sjis), [13 | 88];
    /// Shift-JIS, as Windows maps it.
    32 CP932, "cp932", Multi(mb::Form::Cp932), [95..=96];
    /// EUC for Korean.
    33 EUCKR, "euckr", Multi(mb::Form::EucKr), [19 | 85];
    /// Simplified Chinese, EUC.
    34 GB2312, "gb2312", Multi(mb::Form::Gb2312), [24 | 86];
    /// Simplified Chinese.
    35 GBK, "gbk", Multi(mb::Form::Gbk), [28 | 87];
    /// All of Unicode, Chinese first.
    36 GB18030, "gb18030", Multi(mb::Form::Gb18030), [248..=250];
    /// UTF-16 without surrogates, big-endian.
    37 UCS2, "ucs2", Multi(mb::Form::Ucs2), [35 | 90 | 128..=151 | 159 | 640..=642];
    /// UTF-16, big-endian.
    38 UTF16, "utf16", Multi(mb::Form::Utf16), [54..=55 | 101..=124 | 672..=674];
    /// UTF-16, little-endian.
    39 UTF16LE, "utf16le", Multi(mb::Form::Utf16Le), [56 | 62];
    /// UTF-32, big-endian.
    40 UTF32, "utf32", Multi(mb::Form::Utf32), [60..=61 | 160..=183 | 736..=738];
}

/// Bytes that are no text in their character set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("bytes that are no text in {charset}")]
pub struct NotText {
    /// The character set.
    pub charset: Charset,
}

impl Charset {
    /// Whether the bytes are no text at all.
    #[must_use]
    pub fn is_binary(self) -> bool {
        self == Self::BINARY
    }

    /// The text itself, if its bytes are UTF-8 already and well-formed.
    #[must_use]
    #[inline]
    pub fn as_utf8(self, bytes: &[u8]) -> Option<&str> {
        match self.form() {
            Utf8 => std::str::from_utf8(bytes).ok(),
            // All but swe7, utf16, ucs2 and utf32 have ASCII where it is; multi-byte characters
            // begin with a byte over 7f.
            Ascii | Single(_) | Multi(_) if self.contains_ascii() => {
                bytes.is_ascii().then(|| std::str::from_utf8(bytes).ok()).flatten()
            }
            _ => None,
        }
    }

    /// Appends text in this character set to `out` as UTF-8.
    ///
    /// ```
    /// use binlogd_decode::Charset;
    ///
    /// let mut out = Vec::new();
    /// Charset::LATIN1.to_utf8(b"caf\xe9", &mut out)?;
    /// assert_eq!(out, "café".as_bytes());
    /// # Ok::<(), binlogd_decode::NotText>(())
    /// ```
    ///
    /// # Errors
    /// If some bytes are no character of the set, or the set is binary; `out` is left as it was.
    pub fn to_utf8(self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), NotText> {
        if let Some(text) = self.as_utf8(bytes) {
            out.extend_from_slice(text.as_bytes());
            return Ok(());
        }
        let start = out.len();
        let whole = match self.form() {
            Binary | Ascii | Utf8 => false,
            Single(table) => single_to_utf8(table, bytes, out),
            Multi(form) => form.to_utf8(bytes, out),
        };
        if whole {
            return Ok(());
        }
        out.truncate(start);
        Err(NotText { charset: self })
    }

    /// The most bytes that a character has, by which servers tell a column's length in bytes.
    pub(crate) fn char_len_max(self) -> u16 {
        match self.form() {
            Binary | Ascii | Single(_) => 1,
            Utf8 if self == Self::UTF8MB3 => 3,
            Utf8 => 4,
            Multi(form) => form.char_len_max(),
        }
    }

    /// Whether turning text into Unicode and back gives the same bytes, for all text.
    pub(crate) fn survives_unicode(self) -> bool {
        match self.form() {
            Binary => false,
            // Armenian has some punctuation twice.
            Single(_) => self != Self::ARMSCII8,
            Ascii | Utf8 => true,
            Multi(form) => form.is_unicode(),
        }
    }

    /// Whether a byte that looks like ASCII, such as a backslash, may be the end of a character.
    pub(crate) fn hides_ascii(self) -> bool {
        matches!(self, Self::BIG5 | Self::CP932 | Self::GB18030 | Self::GBK | Self::SJIS)
    }

    fn contains_ascii(self) -> bool {
        match self.form() {
            Multi(form) => !form.is_unicode(),
            _ => self != Self::SWE7,
        }
    }
}

fn single_to_utf8(table: &sb::Table, bytes: &[u8], out: &mut Vec<u8>) -> bool {
    let mut buffer = [0; 4];
    for &byte in bytes {
        match char::from_u32(u32::from(table[usize::from(byte)])) {
            Some(c) if u32::from(c) != u32::from(sb::NONE) => {
                out.extend_from_slice(c.encode_utf8(&mut buffer).as_bytes());
            }
            _ => return false,
        }
    }
    true
}

impl fmt::Display for Charset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for Charset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Charset({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_collations_lead_to_the_same_set() {
        for &charset in ALL {
            assert_eq!(Charset::of_name(charset.name()), Some(charset));
        }
        for (id, name) in [(8, "latin1"), (33, "utf8mb3"), (255, "utf8mb4"), (63, "binary")] {
            assert_eq!(Charset::of_collation(id).map(Charset::name), Some(name));
        }
        // MariaDB's utf8mb4_uca1400_ai_ci and latin1_swedish_nopad_ci.
        assert_eq!(Charset::of_collation(2304), Some(Charset::UTF8MB4));
        assert_eq!(Charset::of_collation(1032), Some(Charset::LATIN1));
        assert_eq!(Charset::of_collation(9999), None);
    }

    #[test]
    fn what_is_no_text_leaves_the_buffer_alone() {
        let mut out = b"before".to_vec();
        assert!(Charset::UTF8MB4.to_utf8(b"ab\xff", &mut out).is_err());
        assert!(Charset::UTF16.to_utf8(b"\xd8\x00a", &mut out).is_err());
        assert!(Charset::HEBREW.to_utf8(b"a\xff", &mut out).is_err());
        assert!(Charset::SJIS.to_utf8(b"a\x83", &mut out).is_err());
        assert!(Charset::BIG5.to_utf8(b"\xa4\xa4\xc6\xa1", &mut out).is_err());
        assert_eq!(out, b"before");
    }

    #[test]
    fn every_form_has_its_example() {
        for (charset, bytes, text) in [
            (Charset::KOI8R, &b"\xc4\xc1"[..], "да"),
            (Charset::SWE7, b"}{|", "åäö"),
            (Charset::SJIS, b"\x83e\x83X\x83g", "テスト"),
            (Charset::GBK, b"\xd6\xd0\xce\xc4", "中文"),
            (Charset::SJIS, b"\x81\x60", "\u{301c}"),
            (Charset::CP932, b"\x81\x60", "\u{ff5e}"),
            (Charset::UTF16, b"\xd8\x3d\xdc\x2c\0a", "🐬a"),
            (Charset::UTF16LE, b"\x3d\xd8\x2c\xdca\0", "🐬a"),
            (Charset::UTF32, b"\0\x01\xf4\x2c", "🐬"),
            (Charset::UCS2, b"\x20\xac", "€"),
        ] {
            let mut out = Vec::new();
            charset.to_utf8(bytes, &mut out).unwrap();
            assert_eq!(out, text.as_bytes(), "{charset}");
        }
    }
}
