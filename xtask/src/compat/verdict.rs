//! What came of a client that has streamed from both.

use std::fmt;

use super::client::Said;

/// What came of a client with a primary.
pub(super) enum Verdict {
    /// It gets all there is, and the same of both.
    Whole,
    /// It gets the same of both, so many lines, until it stops on the primary too.
    Stops {
        lines: usize,
        error: String,
    },
    /// It gets all there is, and of the primary the same until it stops.
    OnlyHere(String),
    Fails(String),
    /// It could not be had.
    Missing(String),
}

/// Compares what a client said of the primary with what it said of binlogd.
pub(super) fn judge(theirs: &Said, ours: &Said, ids: &Ids) -> Verdict {
    let mut pairs = ours.lines.iter().map(|line| ids.as_of_primary(line)).zip(&theirs.lines);
    if let Some((index, (a, b))) = pairs.by_ref().enumerate().find(|(_, (a, b))| a != *b) {
        return Verdict::Fails(format!("line {index}: {}", difference(&a, b)));
    }
    let (lines, their_lines) = (ours.lines.len(), theirs.lines.len());
    // A MariaDB notes when it likes which files it could do without.
    let told = ours.lines.iter().filter(|line| !line.to_lowercase().contains("checkpoint")).count();
    match (&ours.error, &theirs.error) {
        (None, Some(error)) if lines >= their_lines => Verdict::OnlyHere(error.clone()),
        (error, _) if lines != their_lines => {
            let error = error.as_deref().unwrap_or_default();
            Verdict::Fails(format!("{lines} lines, the primary {their_lines}: {error}"))
        }
        (None, None) if lines == 0 => Verdict::Fails("nothing came".to_owned()),
        (None, _) => Verdict::Whole,
        (Some(a), Some(b)) if without_numbers(a) == without_numbers(b) => {
            Verdict::Stops { lines: told, error: b.clone() }
        }
        // As long as both refuse, it may be for what each is.
        (Some(a), Some(b)) => {
            Verdict::Stops { lines: told, error: format!("{b}; of binlogd: {a}") }
        }
        (Some(error), None) => Verdict::Fails(error.clone()),
    }
}

/// The ids of both servers: events that are made for a reader have that of who makes them.
pub(super) struct Ids {
    pub(super) primary: String,
    pub(super) own: String,
}

impl Ids {
    fn as_of_primary(&self, line: &str) -> String {
        line.replace(&self.own, &self.primary)
    }
}

/// How much of a line around the first difference is shown, in characters.
const SHOWN: usize = 60;

fn difference(a: &str, b: &str) -> String {
    let same = a.chars().zip(b.chars()).take_while(|(a, b)| a == b).count();
    let part = |line: &str| -> String {
        line.chars().skip(same.saturating_sub(SHOWN / 2)).take(SHOWN).collect()
    };
    format!("{:?}, the primary {:?}", part(a), part(b))
}

/// Ports and ids in errors are each server's own.
fn without_numbers(error: &str) -> String {
    error.chars().filter(|c| !c.is_ascii_digit()).collect()
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole => f.write_str("whole"),
            Self::Stops { lines, error } => write!(f, "the same for {lines} lines, then {error}"),
            Self::OnlyHere(error) => write!(f, "whole; not of the primary: {error}"),
            Self::Fails(why) => write!(f, "**FAIL**: {why}"),
            Self::Missing(why) => write!(f, "not tried: {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(lines: &[&str], error: Option<&str>) -> Said {
        let lines = lines.iter().map(|&line| line.to_owned()).collect();
        Said { lines, error: error.map(str::to_owned) }
    }

    #[test]
    fn only_what_is_the_same_is_ok() {
        let ids = Ids { primary: "11".to_owned(), own: "22".to_owned() };
        let verdict = |ours: Said, theirs: Said| judge(&theirs, &ours, &ids).to_string();
        assert_eq!(verdict(said(&["x 22"], None), said(&["x 11"], None)), "whole");
        assert!(verdict(said(&[], None), said(&[], None)).contains("nothing came"));
        assert!(verdict(said(&["x", "y"], None), said(&["x"], None)).contains("FAIL"));
        assert!(verdict(said(&["x"], None), said(&["y"], None)).contains("FAIL"));
        assert!(verdict(said(&["x"], Some("e")), said(&["x"], None)).contains("FAIL"));
        assert!(verdict(said(&["x"], Some("e")), said(&["x", "y"], Some("e"))).contains("FAIL"));
        let either = verdict(said(&["x"], Some("a")), said(&["x"], Some("b")));
        assert_eq!(either, "the same for 1 lines, then b; of binlogd: a");
        let more = |theirs: &[&str]| verdict(said(&["x", "y"], None), said(theirs, Some("e")));
        assert_eq!(more(&["x"]), "whole; not of the primary: e");
        assert!(more(&["y"]).contains("FAIL"));
        let both = verdict(said(&["x"], Some("port 1: e")), said(&["x"], Some("port 2: e")));
        assert_eq!(both, "the same for 1 lines, then port 2: e");
    }

    #[test]
    fn of_long_lines_the_difference_is_shown() {
        let long = "x".repeat(1000);
        let shown = difference(&format!("{long}a{long}"), &format!("{long}b{long}"));
        assert!(shown.contains("xa") && shown.contains("xb") && shown.len() < 200, "{shown}");
    }
}
