//! Expressions have the primary's values and types.

use testkit::Flavour;

use super::{Answer, Session};

/// One expression a line; those after `mysql:` or `mariadb:` of that product alone.
const EXPRESSIONS: &str = include_str!("expressions.txt");

/// The expressions that differ, with both answers.
pub(crate) fn compare(flavour: Flavour, theirs: &mut Session, ours: &mut Session) -> Vec<String> {
    let (own, other) = match flavour.is_mariadb() {
        true => ("mariadb: ", "mysql: "),
        false => ("mysql: ", "mariadb: "),
    };
    let lines = EXPRESSIONS.lines().filter(|line| !line.is_empty() && !line.starts_with("## "));
    let mut failures = Vec::new();
    for line in lines.filter(|line| !line.starts_with(other)) {
        let expression = line.strip_prefix(own).unwrap_or(line);
        let sql = format!("SELECT {expression}");
        let (theirs, ours) = (shown(&theirs.ask(&sql)), shown(&ours.ask(&sql)));
        if theirs != ours {
            failures.push(format!("{expression}\n    theirs: {theirs}\n    ours:   {ours}"));
        }
    }
    failures
}

/// An answer's value and the kind of its type.
fn shown(answer: &Answer) -> String {
    match answer {
        Answer::Ok => "OK".into(),
        Answer::Error(code) => format!("error {code}"),
        Answer::Rows(columns, rows) => {
            let value = rows.first().and_then(|row| row.first());
            let Some(Some(bytes)) = value else { return "NULL".into() };
            let column = &columns[0];
            let kind = match column.kind.0 {
                0x01 | 0x02 | 0x03 | 0x08 | 0x09 | 0x0d => "integer",
                0x00 | 0xf6 => "decimal",
                0x04 | 0x05 => "double",
                0x0a => "date",
                0x0b => "time",
                0x07 | 0x0c => "datetime",
                _ if column.charset == 63 => "binary",
                _ => "text",
            };
            format!("{kind} {}", bytes.escape_ascii())
        }
    }
}
