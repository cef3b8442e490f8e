//! Text between quotes: which bytes need an escape there, and how they get it.

/// The escapes of a language.
pub(super) struct Escapes {
    quote: u8,
    /// What a byte of UTF-8 needs: nothing, `u` for its code, or a letter of its own.
    letters: [u8; 256],
}

/// Those that MySQL uses in documents.
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
        letters
    },
};

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
            self.escape(rest[at], out);
            rest = &rest[at + 1..];
        }
        out.extend_from_slice(rest);
    }

    /// The first byte that needs an escape. Most text has none, so that eight are looked at together.
    #[inline]
    fn next(&self, text: &[u8]) -> Option<usize> {
        let (words, _) = text.as_chunks::<8>();
        let may_need = |word: &[u8; 8]| may_need_escape(u64::from_le_bytes(*word), self.quote);
        let start = words.iter().take_while(|word| !may_need(word)).count() * 8;
        let needs = |&byte: &u8| self.letters[usize::from(byte)] != 0;
        text[start..].iter().position(needs).map(|at| start + at)
    }

    fn escape(&self, byte: u8, out: &mut Vec<u8>) {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        match self.letters[usize::from(byte)] {
            b'u' => {
                out.extend_from_slice(b"\\u00");
                out.extend_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
            }
            letter => out.extend_from_slice(&[b'\\', letter]),
        }
    }
}

/// Whether one of eight bytes is below 20, a quote or a backslash. Where it says so wrongly, which a
/// borrow between bytes can make it, nothing but time is lost.
#[inline]
fn may_need_escape(word: u64, quote: u8) -> bool {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    let below = |word: u64, n: u64| word.wrapping_sub(ONES * n) & !word;
    let is = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    (below(word, 0x20) | is(quote) | is(b'\\')) & HIGHS != 0
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
