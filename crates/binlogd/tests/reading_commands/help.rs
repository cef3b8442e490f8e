//! `--help`: its examples can be copied, and it is laid out for any width.

use std::process::Command;

use crate::common::BINLOGD;

const COMMANDS: [&str; 9] =
    ["serve", "ls", "events", "tail", "find", "stats", "undo", "verify", "hash-password"];

fn help(command: &str, columns: usize) -> String {
    let output = Command::new(BINLOGD)
        .args([command, "--help"])
        .env("COLUMNS", columns.to_string())
        .output()
        .unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

/// The commands of the examples, as a shell reads them.
fn examples(help: &str) -> Vec<String> {
    let joined = help.replace("\\\n", "");
    let is_command = |line: &&str| line.starts_with("    ") && line.contains("binlogd ");
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let examples = joined.split_once("\nExamples:\n").map_or("", |(_, examples)| examples);
    examples.lines().filter(is_command).map(words).collect()
}

#[test]
fn examples_can_be_copied_at_any_width() {
    for command in COMMANDS {
        let wanted = examples(&help(command, 100));
        assert!(!wanted.is_empty(), "{command}");
        for columns in [20, 60, 76, 80, 93, 120, 200] {
            let help = help(command, columns);
            assert_eq!(examples(&help), wanted, "{command} {columns}");
            let width = columns.clamp(76, 100);
            for line in help.lines().filter(|line| !line.starts_with("Usage:")) {
                // A word alone may be longer.
                let len = line.chars().count();
                let words = line.trim_end_matches('\\').split_whitespace().count();
                assert!(len <= width || words <= 2, "{command} {columns}: {line}");
            }
        }
    }
}

#[test]
fn prose_is_filled_at_any_width() {
    for command in COMMANDS {
        for columns in [76, 80, 100] {
            let help = help(command, columns);
            let Some((_, text)) = help.split_once("\nExamples:\n") else { panic!("{help}") };
            let lines: Vec<_> = text.lines().collect();
            for pair in lines.windows(2) {
                let is_prose = |line: &str| !line.is_empty() && !line.starts_with(' ');
                if !is_prose(pair[0]) || !is_prose(pair[1]) {
                    continue;
                }
                // The next word would not have fitted.
                let next = pair[1].split(' ').next().unwrap().chars().count();
                let len = pair[0].chars().count() + 1 + next;
                assert!(len > columns, "{command} {columns}: {} | {}", pair[0], pair[1]);
            }
        }
    }
}
