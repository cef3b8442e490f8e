//! `cargo xtask tidy`: the style rules that neither the compiler nor clippy knows.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::repo;

/// A module this long wants to be two; one longer fails.
const MODULE_LINES_MAX: usize = 700;

/// Endings of the text files that we write by hand.
const TEXT: [&str; 8] = ["rs", "md", "toml", "sql", "sh", "yml", "py", "proto"];

/// Written in two parts, so that this file may name them.
const UNFINISHED: [&str; 3] =
    [concat!("todo", "!("), concat!("unimplemented", "!("), concat!("dbg", "!(")];
const MACHINE_PATHS: [&str; 4] =
    [concat!("/ho", "me/"), concat!("/ro", "ot/"), concat!("/wo", "rk/"), concat!("/Us", "ers/")];

/// What is untidy in the repository at `root`, a line each.
///
/// # Errors
/// If its files cannot be listed or read.
pub(crate) fn complaints(root: &Path) -> Result<Vec<String>> {
    let files = repo::files(root)?;
    let known: BTreeSet<&Path> = files.iter().map(PathBuf::as_path).collect();
    let mut found = Vec::new();
    for file in &files {
        let name = file.display();
        let Ok(text) = fs::read_to_string(root.join(file)) else { continue };
        if !is_ours(file) {
            continue;
        }
        let in_file = check_text(&text, file.extension().is_some_and(|e| e == "rs"));
        found.extend(in_file.into_iter().map(|complaint| format!("{name}{complaint}")));
        if file.starts_with("crates/server/src") {
            let in_log = check_log_fields(&text);
            found.extend(in_log.into_iter().map(|complaint| format!("{name}{complaint}")));
        }
        if file.extension().is_some_and(|e| e == "md") {
            for target in links(&text) {
                let place = file.parent().unwrap_or(Path::new("")).join(target);
                if !root.join(&place).exists() {
                    found.push(format!("{name}: links to {target}, which does not exist"));
                }
            }
        }
    }
    for licence in ["LICENSE-MIT", "LICENSE-APACHE"] {
        if !known.contains(Path::new(licence)) {
            found.push(format!("{licence}: missing"));
        }
    }
    let map = fs::read_to_string(root.join("ARCHITECTURE.md")).context("read ARCHITECTURE.md")?;
    found.extend(unmapped(&files, &map));
    Ok(found)
}

/// Files that we write by hand, by their endings; scripts in `.ci` have none.
fn is_ours(file: &Path) -> bool {
    match file.extension().and_then(|e| e.to_str()) {
        Some(ending) => TEXT.contains(&ending),
        None => file.starts_with(".ci"),
    }
}

/// Complaints about one file's text, each beginning with `:LINE: ` or `: `.
fn check_text(text: &str, rust: bool) -> Vec<String> {
    let mut found = Vec::new();
    let lines = text.lines().count();
    if rust && lines > MODULE_LINES_MAX {
        found.push(format!(": {lines} lines, more than {MODULE_LINES_MAX}: make it two modules"));
    }
    for (index, line) in text.lines().enumerate() {
        let mut complain = |what: &str| found.push(format!(":{}: {what}", index + 1));
        if line.ends_with([' ', '\t', '\r']) {
            complain("white space at the end");
        }
        if MACHINE_PATHS.iter().any(|path| names_path(line, path)) {
            complain("a path of somebody's machine");
        }
        if rust && UNFINISHED.iter().any(|word| line.contains(word)) {
            complain("unfinished");
        }
    }
    if !text.is_empty() && !text.ends_with('\n') {
        found.push(": no line end at the end".into());
    }
    found
}

/// Complaints about fields of log lines: people read them.
fn check_log_fields(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let mut complain = |what: &str| found.push(format!(":{}: {what}", index + 1));
        let is_span = line.contains("span!(");
        if !is_span && line.contains("stream = ") && line.contains("stream.name(),") {
            complain("the span of a log line names the stream already");
        }
        // Neither in a text nor in a comment.
        let code = line.split(['"', '/']).next().unwrap_or_default();
        let is_field = |at: usize| {
            let after = code[at + 1..].chars().next();
            after.is_some_and(char::is_lowercase) && code[..at].ends_with([' ', '('])
        };
        if code.match_indices('?').any(|(at, _)| is_field(at)) {
            complain("a log line in Rust's debug output");
        }
    }
    found
}

/// Whether `path` begins an absolute path in the line, rather than being part of a relative one.
fn names_path(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        before.is_none_or(|c| !c.is_alphanumeric() && !"._-}*~/".contains(c))
    })
}

/// Targets of inline links to local files, without their fragments; nothing inside code.
fn links(markdown: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut in_code = false;
    for line in markdown.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        // Every second piece between backticks is code.
        for prose in line.split('`').step_by(2) {
            for (at, opening) in prose.match_indices("](") {
                let rest = &prose[at + opening.len()..];
                let target = rest.split([')', ' ']).next().unwrap_or_default();
                let local = target.split('#').next().unwrap_or_default();
                if !local.is_empty() && !target.contains(':') {
                    found.push(local);
                }
            }
        }
    }
    found
}

/// Crates that ARCHITECTURE.md's map does not list.
fn unmapped(files: &[PathBuf], map: &str) -> Vec<String> {
    files
        .iter()
        .filter(|file| file.ends_with("Cargo.toml"))
        .filter_map(|file| file.parent())
        .filter(|dir| !dir.as_os_str().is_empty())
        .filter(|dir| !map.contains(&format!("- `{}`", dir.display())))
        .map(|dir| format!("ARCHITECTURE.md: the code map lacks {}", dir.display()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_lines_are_for_people() {
        for bad in
            ["stream = self.stream.name(), file", "    retry_in = ?wait, \"x\"", "info!(?likeness,"]
        {
            assert_eq!(check_log_fields(bad).len(), 1, "{bad}");
        }
        for good in [
            "info_span!(\"follow\", stream = stream.name())",
            "T: ?Sized",
            "ask()?.it",
            "// why ?so",
        ] {
            assert!(check_log_fields(good).is_empty(), "{good}");
        }
    }

    #[test]
    fn white_space_and_unfinished_work_are_found_with_their_lines() {
        let text = format!("fn a() {{}}\nlet x = 1; \n    {}\n", concat!("todo", "!()"));
        assert_eq!(check_text(&text, true), [":2: white space at the end", ":3: unfinished"]);
        assert_eq!(check_text("no end", false), [": no line end at the end"]);
    }

    #[test]
    fn a_module_may_have_700_lines_and_no_more() {
        assert!(check_text(&"x\n".repeat(700), true).is_empty());
        assert_eq!(check_text(&"x\n".repeat(701), true).len(), 1);
        assert!(check_text(&"x\n".repeat(701), false).is_empty(), "prose may be long");
    }

    #[test]
    fn only_absolute_paths_of_a_machine_are_refused() {
        let home = MACHINE_PATHS[0];
        for line in [format!("cd {home}me"), format!("\"{home}me\""), format!("{home}me")] {
            assert!(names_path(&line, home), "{line}");
        }
        for line in [format!("docs{home}page"), format!("~{home}"), format!("{{dir}}{home}x")] {
            assert!(!names_path(&line, home), "{line}");
        }
    }

    #[test]
    fn links_to_local_files_are_taken_from_prose_only() {
        let markdown = "\
[one](docs/a.md), [two](b.md#part) and [away](https://example.org/x), `[code](c.md)`
```
[code](d.md)
```
[self](#part) [after](e.md \"title\")
";
        assert_eq!(links(markdown), ["docs/a.md", "b.md", "e.md"]);
    }

    #[test]
    fn a_crate_missing_from_the_map_is_named() {
        let files = ["Cargo.toml", "crates/a/Cargo.toml", "crates/b/Cargo.toml"].map(PathBuf::from);
        let found = unmapped(&files, "- `crates/a` The first.\n");
        assert_eq!(found, ["ARCHITECTURE.md: the code map lacks crates/b"]);
    }

    #[test]
    fn generated_and_binary_files_are_not_judged() {
        assert!(is_ours(Path::new("crates/a/src/lib.rs")) && is_ours(Path::new(".ci/run")));
        assert!(
            !is_ours(Path::new("Cargo.lock")) && !is_ours(Path::new("tests/data/binlog.000001"))
        );
    }
}
