//! Text on a terminal, as far as a terminal would not show it but act on it.

use std::borrow::Cow;

use super::escape::{acting_character, may_begin_acting};

/// Where the first character is that a terminal or a reader of lines may act on: control characters, those that
/// change the direction of text, and Unicode's line ends.
fn next_acting(text: &[u8]) -> Option<usize> {
    const CHUNK_LEN: usize = 32;
    text.chunks(CHUNK_LEN).enumerate().find_map(|(number, chunk)| {
        // Without an early end, so that all bytes of a chunk are compared at once: most have none.
        if !chunk
            .iter()
            .fold(false, |may, &byte| may | byte.is_ascii_control() | may_begin_acting(byte))
        {
            return None;
        }
        let start = number * CHUNK_LEN;
        let acts =
            |&at: &usize| text[at].is_ascii_control() || acting_character(&text[at..]).is_some();
        (start..start + chunk.len()).find(acts)
    })
}

/// Whether UTF-8 text has a character that a terminal acts on.
pub(crate) fn has_acting(text: &[u8]) -> bool {
    next_acting(text).is_some()
}

/// Text with escapes, such as `\u{1b}`, for the characters that a terminal acts on. A line stays a line.
#[must_use]
pub fn shown_on_terminal(text: &str) -> Cow<'_, str> {
    let mut shown = String::new();
    let mut rest = text;
    while let Some(at) = next_acting(rest.as_bytes()) {
        let (before, from) = rest.split_at(at);
        shown.push_str(before);
        let mut chars = from.chars();
        shown.extend(chars.next().into_iter().flat_map(char::escape_unicode));
        rest = chars.as_str();
    }
    match shown.is_empty() {
        true => Cow::Borrowed(text),
        false => Cow::Owned(shown + rest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_acts_on_is_escaped() {
        assert_eq!(shown_on_terminal("shop.ördérs → 中文"), "shop.ördérs → 中文");
        let text = "a\u{1b}[31m\u{9b}b\u{202e}c\u{2028}\n";
        let shown = "a\\u{1b}[31m\\u{9b}b\\u{202e}c\\u{2028}\\u{a}";
        assert_eq!(shown_on_terminal(text), shown);
    }

    #[test]
    fn all_control_characters_and_no_letters_are_acted_on() {
        let directions = |c| matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        for c in '\0'..=char::MAX {
            // Also where chunks end, and where a byte could be a part of another character.
            let filling = "ü→".repeat(usize::try_from(u32::from(c) % 11).unwrap());
            let acts = c.is_control() || c == '\u{61c}' || directions(c);
            let at = next_acting(format!("{filling}{c}→").as_bytes());
            assert_eq!(at, acts.then_some(filling.len()), "{}", c.escape_unicode());
            if acts {
                let mut bytes = [0; 4];
                let text = c.encode_utf8(&mut bytes);
                let code = u16::try_from(u32::from(c)).unwrap();
                let acting = (!c.is_ascii()).then_some((code, text.len()));
                assert_eq!(acting_character(text.as_bytes()), acting);
            }
        }
    }
}
