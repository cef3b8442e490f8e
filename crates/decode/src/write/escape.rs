//! Text between quotes: which bytes need an escape there, and how they get it.

/// The escapes of a language.
pub(super) struct Escapes {
    quote: u8,
    /// What a byte of UTF-8 needs: nothing, `u` for its code, or a letter of its own.
    letters: [u8; 256],
}

/// Those that MySQL uses in documents, and codes for characters that a terminal or a reader of lines may
/// act on.
pub(super) const JSON: &Escapes = &Escapes {
    quote: b'"',
    letters: {
        let mut letters = [0; 256];
        let mut control = 0;
        while control < 0x20 {
            letters[control] = b'u';
            control += 1;
        }
        letters[0x08] = b'b';
        letters[0x09] = b't';
        letters[0x0a] = b'n';
        letters[0x0c] = b'f';
        letters[0x0d] = b'r';
        letters[b'"' as usize] = b'"';
        letters[b'\\' as usize] = b'\\';
        // What begins a character that a terminal or a reader of lines may act on.
        letters[0xc2] = MAY_ACT;
        letters[0xd8] = MAY_ACT;
        letters[0xe2] = MAY_ACT;
        letters
    },
};

/// See [`acting_character`].
const MAY_ACT: u8 = 1;

/// Those of SQL literals. Line ends need none, but lines would break.
pub(super) const SQL: &Escapes = &Escapes {
    quote: b'\'',
    letters: {
        let mut letters = [0; 256];
        letters[0] = b'0';
        letters[0x0a] = b'n';
        letters[0x0d] = b'r';
        letters[0x1a] = b'Z';
        letters[b'\'' as usize] = b'\'';
        letters[b'\\' as usize] = b'\\';
        letters
    },
};

impl Escapes {
    /// Appends text with its quotes.
    #[inline]
    pub(super) fn quote(&self, text: &[u8], out: &mut Vec<u8>) {
        out.reserve(text.len() + 2);
        out.push(self.quote);
        self.copy(text, out);
        out.push(self.quote);
    }

    /// Puts quotes around what stands in the buffer from `start` on, and escapes it there.
    pub(super) fn quote_from(&self, start: usize, out: &mut Vec<u8>) {
        // Where there is none, which is mostly so, nothing but the quote is put in.
        let first = self.next(&out[start..]);
        out.insert(start, self.quote);
        if let Some(first) = first {
            let tail = out.split_off(start + 1 + first);
            self.copy(&tail, out);
        }
        out.push(self.quote);
    }

    #[inline]
    fn copy(&self, text: &[u8], out: &mut Vec<u8>) {
        let mut rest = text;
        while let Some(at) = self.next(rest) {
            out.extend_from_slice(&rest[..at]);
            rest = &rest[at..];
            match self.letters[usize::from(rest[0])] {
                MAY_ACT => {
                    let len = match acting_character(rest) {
                        Some((code, len)) => {
                            escape_code(code, out);
                            len
                        }
                        None => {
                            out.push(rest[0]);
                            1
                        }
                    };
                    rest = &rest[len..];
                }
                _ => {
                    self.escape(rest[0], out);
                    rest = &rest[1..];
                }
            }
        }
        out.extend_from_slice(rest);
    }

    /// The first byte that needs an escape. Most text has none, so that many are looked at together.
    #[inline]
    fn next(&self, text: &[u8]) -> Option<usize> {
        let (long, rest) = text.as_chunks::<16>();
        let clean_long = long.iter().take_while(|chunk| !self.may_need(chunk)).count();
        let (short, _) = if clean_long == long.len() { rest } else { &[] }.as_chunks::<8>();
        let clean_short = short.iter().take_while(|chunk| !self.may_need(chunk)).count();
        let start = clean_long * 16 + clean_short * 8;
        let needs = |&byte: &u8| self.letters[usize::from(byte)] != 0;
        text[start..].iter().position(needs).map(|at| start + at)
    }

    /// Whether one of these bytes may need an escape. There is no branch in it, so that a compiler
    /// makes vector instructions of it; where it is wrong, nothing but time is lost.
    #[inline]
    fn may_need<const N: usize>(&self, chunk: &[u8; N]) -> bool {
        let acts = self.letters[0xc2];
        chunk.iter().fold(0, |found, &byte| {
            let is_ascii =
                u8::from(byte < 0x20) | u8::from(byte == self.quote) | u8::from(byte == b'\\');
            found | is_ascii | acts & u8::from(may_begin_acting(byte))
        }) != 0
    }

    fn escape(&self, byte: u8, out: &mut Vec<u8>) {
        match self.letters[usize::from(byte)] {
            b'u' => escape_code(u16::from(byte), out),
            letter => out.extend_from_slice(&[b'\\', letter]),
        }
    }
}

/// `\u` and the four digits of a code.
fn escape_code(code: u16, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let digit = |shift: u32| HEX[usize::from(code >> shift & 15)];
    out.extend_from_slice(&[b'\\', b'u', digit(12), digit(8), digit(4), digit(0)]);
}

/// Whether a byte of UTF-8 may begin an [`acting_character`]: 0xc2, 0xd8 or 0xe2, in two comparisons.
#[inline]
pub(super) const fn may_begin_acting(byte: u8) -> bool {
    (byte & 0xdf == 0xc2) | (byte == 0xd8)
}

/// The character at the front of `text`, and its length in bytes, if it is not ASCII and a terminal or a reader of
/// lines may act on it: U+0080 to U+009F, what changes the direction of text, and Unicode's line ends.
pub(super) fn acting_character(text: &[u8]) -> Option<(u16, usize)> {
    match *text {
        [0xc2, last @ 0x80..=0x9f, ..] => Some((u16::from(last), 2)),
        [0xd8, 0x9c, ..] => Some((0x061c, 2)),
        [0xe2, 0x80, last @ (0x8e | 0x8f | 0xa8..=0xae), ..] => {
            Some((0x2000 | u16::from(last & 0x3f), 3))
        }
        [0xe2, 0x81, last @ 0xa6..=0xa9, ..] => Some((0x2040 | u16::from(last & 0x3f), 3)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quoted(escapes: &Escapes, text: &str) -> String {
        let mut out = Vec::new();
        escapes.quote(text.as_bytes(), &mut out);
        let mut in_place = format!("x{text}").into_bytes();
        escapes.quote_from(1, &mut in_place);
        assert_eq!(in_place[1..], out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn strings_are_escaped_as_mysql_does() {
        let text = "a\"'\\\n\t\u{8}\u{c}\r\u{1}\u{1a}\u{1f}\0/ü";
        assert_eq!(quoted(JSON, text), r#""a\"'\\\n\t\b\f\r\u0001\u001a\u001f\u0000/ü""#);
        let sql = "'a\"\\'\\\\\\n\t\u{8}\u{c}\\r\u{1}\\Z\u{1f}\\0/ü'";
        assert_eq!(quoted(SQL, text), sql);
    }

    #[test]
    fn json_hides_from_terminals_what_they_act_on() {
        for (c, escaped) in [
            ('\u{9b}', "\\u009b"),
            ('\u{85}', "\\u0085"),
            ('\u{200e}', "\\u200e"),
            ('\u{2028}', "\\u2028"),
            ('\u{202e}', "\\u202e"),
            ('\u{2066}', "\\u2066"),
            ('\u{61c}', "\\u061c"),
        ] {
            for at in 0..20 {
                let text = format!("{}{c}|ü…", "-".repeat(at));
                let json = quoted(JSON, &text);
                assert_eq!(json, format!("\"{}{escaped}|ü…\"", "-".repeat(at)));
                assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
                assert_eq!(quoted(SQL, &text), format!("'{text}'"));
            }
        }
        assert_eq!(
            quoted(JSON, "é\u{a0}\u{2027}\u{202f}\u{2065}"),
            "\"é\u{a0}\u{2027}\u{202f}\u{2065}\""
        );
    }

    #[test]
    fn an_escape_is_found_wherever_it_stands_and_whatever_is_beside_it() {
        for byte in 0..=0x7f {
            for at in 0..20 {
                let mut long = "\u{7f}ü\u{80}aé zz\u{fffd}~bcdefgh".to_owned();
                long.insert(long.floor_char_boundary(at), char::from(byte));
                let json = quoted(JSON, &long);
                assert_eq!(serde_json::from_str::<String>(&json).unwrap(), long);
                let escaped = quoted(SQL, &long).len() - "''".len() - long.len();
                assert_eq!(escaped, usize::from(b"\0\n\r\x1a'\\".contains(&byte)));
            }
        }
    }
}
