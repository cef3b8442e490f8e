//! Text on a terminal, as far as a terminal would not show it but act on it.

use std::borrow::Cow;

/// Whether a terminal, or what reads lines, acts on a character: control characters, those that change the
/// direction of text, and Unicode's line ends.
fn acts_on_terminal(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{61c}'
        )
}

/// Text with escapes, such as `\u{1b}`, for the characters that a terminal acts on. A line stays a line.
#[must_use]
pub fn shown_on_terminal(text: &str) -> Cow<'_, str> {
    if !text.chars().any(acts_on_terminal) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match acts_on_terminal(c) {
            true => shown.extend(c.escape_unicode()),
            false => shown.push(c),
        }
    }
    Cow::Owned(shown)
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
}
