//! Lays out what follows the options in `--help`, for any width of a terminal: prose is filled, and
//! commands are continued with a backslash, so that they can be copied.

/// The widest help, in characters.
const WIDTH_MAX: usize = 100;
/// The narrowest: what a smaller terminal wraps itself can still be copied.
const WIDTH_MIN: usize = 76;
/// How far commands are indented.
const COMMAND_INDENT: usize = 4;
/// How far their further lines are indented.
const CONTINUED_INDENT: usize = 8;

/// The width of help, in characters.
pub(crate) fn width() -> usize {
    let columns = || std::env::var("COLUMNS").ok()?.parse().ok();
    let terminal = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
    terminal.or_else(columns).unwrap_or(WIDTH_MAX).clamp(WIDTH_MIN, WIDTH_MAX)
}

/// Lays out text in which lines that begin with four spaces are commands or other code, lines that begin
/// with two describe a command, and others are prose.
pub(crate) fn lay_out(text: &str) -> String {
    lay_out_at(text, width())
}

fn lay_out_at(text: &str, width: usize) -> String {
    let mut out = String::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let indent = line.len() - line.trim_start().len();
        let mut whole = line.trim().to_owned();
        if indent >= COMMAND_INDENT {
            while let Some(front) = whole.strip_suffix('\\') {
                let rest = lines.next().unwrap_or_default();
                whole = format!("{} {}", front.trim_end(), rest.trim());
            }
            command(&whole, indent, width, &mut out);
            continue;
        }
        let is_same =
            |next: &&str| !next.trim().is_empty() && next.len() - next.trim_start().len() == indent;
        while let Some(next) = lines.next_if(|next| !whole.is_empty() && is_same(next)) {
            whole = format!("{whole} {}", next.trim());
        }
        let words: Vec<_> = whole.split(' ').map(str::to_owned).collect();
        fill(&words, indent, indent, "", width, &mut out);
    }
    out.trim_end().to_owned()
}

/// Writes a line of code, of a command on several lines if it is longer than `width`.
fn command(text: &str, indent: usize, width: usize, out: &mut String) {
    // Others are SQL.
    let is_shell = text.contains("binlogd ");
    let continued = if is_shell { " \\" } else { "" };
    let words = match indent + text.chars().count() <= width {
        true => vec![text.to_owned()],
        false => quoted_words(text),
    };
    fill(&words, indent, CONTINUED_INDENT.max(indent), continued, width, out);
}

/// The words of a command, without a break in quotes, and with an option's value beside it.
fn quoted_words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut is_open = false;
    for part in text.split(' ') {
        match words.last_mut() {
            Some(last) if is_open || is_option(last) && !part.starts_with('-') => {
                last.push(' ');
                last.push_str(part);
            }
            _ => words.push(part.to_owned()),
        }
        is_open ^= part.matches('\'').count() % 2 == 1;
    }
    words
}

/// Whether a word is an option that a value follows.
fn is_option(word: &str) -> bool {
    const FLAGS: [&str; 10] = [
        "--all",
        "--allow-gaps",
        "--allow-unknown-tables",
        "--binary-mode",
        "--check",
        "--follow",
        "--gtids",
        "--json",
        "--long",
        "--quiet",
    ];
    word.starts_with("--") && !word.contains([' ', '=']) && !FLAGS.contains(&word)
}

/// Writes words on lines of up to `width` characters, each but the last with `continued` at its end.
fn fill(
    words: &[String],
    first_indent: usize,
    next_indent: usize,
    continued: &str,
    width: usize,
    out: &mut String,
) {
    let mut line = format!("{:first_indent$}", "");
    let mut is_begun = false;
    for (index, word) in words.iter().enumerate() {
        let is_last = index + 1 == words.len();
        let end = if is_last { 0 } else { continued.chars().count() };
        let len = line.chars().count() + 1 + word.chars().count() + end;
        if is_begun && len > width {
            out.push_str(&line);
            out.push_str(continued);
            out.push('\n');
            line = format!("{:next_indent$}", "");
            is_begun = false;
        }
        if is_begun {
            line.push(' ');
        }
        line.push_str(word);
        is_begun = true;
    }
    out.push_str(line.trim_end());
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
Examples:
  What was done to a table:
    binlogd tail --table 'shop.orders' --start-time '2026-01-31 12:00' --stop-time '2026-01-31 13:00' \\
        /var/lib/mysql

    START REPLICA;

Times are UTC. Positions choose whole
transactions.

Exit codes: 0.";

    #[test]
    fn commands_are_continued_and_prose_is_filled() {
        let narrow = "\
Examples:
  What was done to a table:
    binlogd tail --table 'shop.orders' \\
        --start-time '2026-01-31 12:00' \\
        --stop-time '2026-01-31 13:00' /var/lib/mysql

    START REPLICA;

Times are UTC. Positions choose whole transactions.

Exit codes: 0.";
        assert_eq!(lay_out_at(TEXT, 56), narrow);
        let wide = lay_out_at(TEXT, 200);
        assert!(wide.contains("--stop-time '2026-01-31 13:00' /var/lib/mysql\n"), "{wide}");
    }
}
