//! How `LIKE` and `=` compare names: case does not count.

use std::borrow::Cow;

/// Whether `text` matches an SQL pattern: `%` is any run, `_` any one byte, a backslash makes the next
/// character literal. ASCII case does not count. Takes at most `text.len() * pattern.len()` steps.
pub fn like(text: &[u8], pattern: &[u8]) -> bool {
    like_with(text, pattern, Some(b'\\'), false)
}

/// The same with another escape character, or none; and case may count. `_` is one character of UTF-8.
pub fn like_with(text: &[u8], pattern: &[u8], escape: Option<u8>, case_counts: bool) -> bool {
    let (mut folded_text, mut folded_pattern) = (Cow::Borrowed(text), Cow::Borrowed(pattern));
    let is_ascii = text.is_ascii() && pattern.is_ascii();
    if !case_counts && !is_ascii {
        folded_text = Cow::Owned(String::from_utf8_lossy(text).to_lowercase().into_bytes());
        folded_pattern = Cow::Owned(String::from_utf8_lossy(pattern).to_lowercase().into_bytes());
    }
    let (text, pattern) = (&*folded_text, &*folded_pattern);
    let same = |a: u8, b: u8| if case_counts { a == b } else { a.eq_ignore_ascii_case(&b) };
    let (mut t, mut p) = (0, 0);
    // Where to go on when a guess was wrong: the place after the last `%`, and one byte further on.
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        match step(pattern, p, escape) {
            Some((Step::Run, next)) => {
                retry = Some((next, t));
                p = next;
                continue;
            }
            Some((Step::One, next)) => {
                (t, p) = (after_char(text, t), next);
                continue;
            }
            Some((Step::Literal(byte), next)) if same(byte, text[t]) => {
                (t, p) = (t + 1, next);
                continue;
            }
            _ => {}
        }
        let Some((after, from)) = retry else { return false };
        retry = Some((after, from + 1));
        (t, p) = (from + 1, after);
    }
    pattern[p..].iter().all(|byte| *byte == b'%')
}

/// Where the character after the one at `at` begins.
fn after_char(text: &[u8], at: usize) -> usize {
    let rest = text.get(at + 1..).unwrap_or_default();
    at + 1 + rest.iter().take(3).take_while(|byte| **byte & 0xc0 == 0x80).count()
}

/// Whether two names are the same but for ASCII case.
pub fn eq_ignore_case(a: &[u8], b: &[u8]) -> bool {
    a.eq_ignore_ascii_case(b)
}

enum Step {
    Run,
    One,
    Literal(u8),
}

/// The pattern's element at `at` and where the next one starts; `None` at the end.
fn step(pattern: &[u8], at: usize, escape: Option<u8>) -> Option<(Step, usize)> {
    Some(match *pattern.get(at)? {
        byte if Some(byte) == escape => match pattern.get(at + 1) {
            Some(escaped) => (Step::Literal(*escaped), at + 2),
            None => (Step::Literal(byte), at + 1),
        },
        b'%' => (Step::Run, at + 1),
        b'_' => (Step::One, at + 1),
        byte => (Step::Literal(byte), at + 1),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_sql() {
        let cases: &[(&str, &str, bool)] = &[
            ("server_id", "SERVER_ID", true),
            ("server_id", "server\\_id", true),
            ("serverxid", "server\\_id", false),
            ("serverxid", "server_id", true),
            ("binlog_row_image", "binlog%", true),
            ("binlog_row_image", "%row%", true),
            ("binlog_row_image", "%row", false),
            ("maxscale", "maxscale%", true),
            ("", "", true),
            ("", "%%", true),
            ("a", "", false),
            ("", "_", false),
            ("100%", "100\\%", true),
            ("100x", "100\\%", false),
            ("a\\", "a\\", true),
            ("aab", "%ab", true),
            ("abcabcd", "%abc_", true),
        ];
        for (text, pattern, expected) in cases {
            assert_eq!(
                like(text.as_bytes(), pattern.as_bytes()),
                *expected,
                "{text} LIKE {pattern}"
            );
        }
    }

    #[test]
    fn a_pattern_of_many_wildcards_ends_soon() {
        let text = vec![b'a'; 2_000];
        let pattern = "%a".repeat(500) + "b";
        assert!(!like(&text, pattern.as_bytes()));
    }
}
