//! Statements that products, tools and people send, asked of a primary and of binlogd: both give the same kind of
//! answer. Those that differ are marked, and described in `docs/sql.md`.

use testkit::Flavour;

use super::{Answer, Session};

/// One statement a line, of one product alone after `mysql:` or `mariadb:`. A line `=> x` after it says that binlogd's
/// answer is another one than the primary's.
const STATEMENTS: &str = include_str!("probe.txt");

/// What was asked, and what came of it.
#[derive(Debug, Default)]
pub(crate) struct Probe {
    pub(crate) asked: usize,
    pub(crate) same: usize,
    /// Statements whose answers are not those that were expected.
    pub(crate) failures: Vec<String>,
}

pub(crate) fn probe(flavour: Flavour, theirs: &mut Session, ours: &mut Session) -> Probe {
    let (own, other) = match flavour.is_mariadb() {
        true => ("mariadb: ", "mysql: "),
        false => ("mysql: ", "mariadb: "),
    };
    let mut probe = Probe::default();
    let mut lines = STATEMENTS.lines().filter(|line| !line.is_empty() && !line.starts_with("## "));
    let mut next = lines.next();
    while let Some(line) = next {
        next = lines.next();
        let difference = next.and_then(|line| line.strip_prefix("=> "));
        if difference.is_some() {
            next = lines.next();
        }
        if line.starts_with(other) {
            continue;
        }
        let sql = line.strip_prefix(own).unwrap_or(line);
        let (theirs, ours) = (kind(&theirs.ask(sql)), kind(&ours.ask(sql)));
        probe.asked += 1;
        probe.same += usize::from(theirs == ours);
        let expected = difference.unwrap_or(&theirs);
        if ours != expected || difference.is_some() && theirs == ours {
            probe.failures.push(format!("{sql}\n    theirs: {theirs}\n    ours:   {ours}"));
        }
    }
    probe
}

/// `OK`, `rows`, or `error` with its number.
fn kind(answer: &Answer) -> String {
    match answer {
        Answer::Ok => "OK".into(),
        Answer::Rows(..) => "rows".into(),
        Answer::Error(code) => format!("error {code}"),
    }
}
