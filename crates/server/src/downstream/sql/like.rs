//! How `LIKE` and `=` compare names: case does not count.

/// Whether `text` matches an SQL pattern: `%` is any run, `_` any one byte, a backslash makes the next
/// character literal. ASCII case does not count. Takes at most `text.len() * pattern.len()` steps.
pub fn like(text: &[u8], pattern: &[u8]) -> bool {
    let (mut t, mut p) = (0, 0);
    // Where to go on when a guess was wrong: the place after the last `%`, and one byte further on.
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        match step(pattern, p) {
            Some((Step::Run, next)) => {
                retry = Some((next, t));
                p = next;
                continue;
            }
            Some((Step::One, next)) => {
                (t, p) = (t + 1, next);
                continue;
            }
            Some((Step::Literal(byte), next)) if byte.eq_ignore_ascii_case(&text[t]) => {
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
fn step(pattern: &[u8], at: usize) -> Option<(Step, usize)> {
    Some(match *pattern.get(at)? {
        b'%' => (Step::Run, at + 1),
        b'_' => (Step::One, at + 1),
        b'\\' => match pattern.get(at + 1) {
            Some(escaped) => (Step::Literal(*escaped), at + 2),
            None => (Step::Literal(b'\\'), at + 1),
        },
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
