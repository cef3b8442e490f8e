//! Statistics as tables with small bars.

use std::fmt::Write as _;

use binlogd_decode::shown_on_terminal;
use indicatif::{HumanBytes, HumanCount};

use super::collect::{Changed, Named, Stats};
use super::timeline::Span;
use crate::time;

/// The longest bar, in characters.
const BAR_LEN: u32 = 24;
/// The lines of the timeline.
const SPANS_MAX: u32 = 24;

pub(super) fn write(stats: &Stats, top: usize, bold: bool, out: &mut Vec<u8>) {
    let mut text = Text { text: String::new(), bold };
    text.summary(stats);
    if stats.total.transactions > 0 {
        text.tables(stats, top);
        text.timeline(stats);
        text.histogram("SIZE", &stats.sizes.ranges(), size_range);
        text.histogram("LASTED", &stats.durations.ranges(), seconds_range);
        text.transactions("LARGEST TRANSACTIONS", &stats.largest);
        text.transactions("LONGEST TRANSACTIONS", &stats.longest);
    }
    out.extend_from_slice(text.text.as_bytes());
}

/// `1,234,567`.
pub(super) fn number(value: u64) -> String {
    HumanCount(value).to_string()
}

pub(super) fn bytes(value: u64) -> String {
    HumanBytes(value).to_string()
}

pub(super) fn size_range(min: u64, max: u64) -> String {
    format!("{} to {}", bytes(min), bytes(max.saturating_add(1)))
}

pub(super) fn seconds_range(min: u64, max: u64) -> String {
    match (min, max) {
        (0, _) => "under 1 s".to_owned(),
        (1, 1) => "1 s".to_owned(),
        (min, max) => format!("{} to {} s", number(min), number(max)),
    }
}

/// What a span of time is called.
pub(super) fn width(seconds: u32) -> String {
    match seconds {
        1 => "second".to_owned(),
        s if s < 60 => format!("{s} seconds"),
        60 => "minute".to_owned(),
        s if s < 3600 => format!("{} minutes", s / 60),
        3600 => "hour".to_owned(),
        s if s < 86_400 => format!("{} hours", s / 3600),
        86_400 => "day".to_owned(),
        s => format!("{} days", s / 86_400),
    }
}

/// The average a second, of `value` from the first transaction to the last.
pub(super) fn rate(value: u64, stats: &Stats) -> String {
    let span = stats.first_time.zip(stats.last_time).map_or(0, |(first, last)| last - first);
    let hundredths = u128::from(value) * 100 / (u128::from(span) + 1);
    let whole = u64::try_from(hundredths / 100).unwrap_or(u64::MAX);
    if whole >= 10 { number(whole) } else { format!("{whole}.{:02}", hundredths % 100) }
}

/// The average of bytes a second.
pub(super) fn byte_rate(value: u64, stats: &Stats) -> String {
    let span = stats.first_time.zip(stats.last_time).map_or(0, |(first, last)| last - first);
    bytes(value / (u64::from(span) + 1))
}

struct Text {
    text: String,
    bold: bool,
}

impl Text {
    fn line(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    fn heading(&mut self, line: &str) {
        self.text.push('\n');
        match self.bold {
            true => self.line(&format!("\x1b[1m{line}\x1b[0m")),
            false => self.line(line),
        }
    }

    fn summary(&mut self, stats: &Stats) {
        let Changed { transactions, inserts, updates, deletes, bytes: size } = stats.total;
        let (Some(first), Some(last)) = (stats.first_time, stats.last_time) else {
            return self.line("No transactions.");
        };
        self.line(&format!("{} to {} (UTC)", time::show(first), time::show(last)));
        self.line(&format!(
            "{} transactions of {}, on average {} transactions and {} a second",
            number(transactions),
            bytes(size),
            rate(transactions, stats),
            byte_rate(size, stats)
        ));
        self.line(&format!(
            "{} rows: {} inserted, {} updated, {} deleted",
            number(stats.total.rows()),
            number(inserts),
            number(updates),
            number(deletes)
        ));
        let mut more = Vec::new();
        for (count, what) in [
            (stats.statements, "changes of unknown rows, in statement format"),
            (stats.ddl, "other statements, such as DDL"),
            (stats.rollbacks, "transactions rolled back"),
        ] {
            if count > 0 {
                more.push(format!("{} {what}", number(count)));
            }
        }
        if !more.is_empty() {
            self.line(&more.join("; "));
        }
        if stats.servers.len() > 1 {
            for (id, changed) in &stats.servers {
                let (transactions, size) = (number(changed.transactions), bytes(changed.bytes));
                self.line(&format!("server {id}: {transactions} transactions of {size}"));
            }
        }
    }

    fn tables(&mut self, stats: &Stats, top: usize) {
        let tables = stats.tables();
        let Some((_, largest)) = tables.first() else { return };
        self.heading(&format!(
            "{:>11}  {:>11}  {:>11}  {:>12}  {:>11}  TABLE",
            "INSERTS", "UPDATES", "DELETES", "TRANSACTIONS", "BYTES"
        ));
        let max = largest.bytes;
        let line = |name: &str, changed: &Changed| {
            format!(
                "{:>11}  {:>11}  {:>11}  {:>12}  {:>11}  {name:<32}  {}",
                number(changed.inserts),
                number(changed.updates),
                number(changed.deletes),
                number(changed.transactions),
                bytes(changed.bytes),
                bar(changed.bytes, max)
            )
        };
        for (name, changed) in tables.iter().take(top) {
            self.line(&line(&shown_on_terminal(name), changed));
        }
        let mut rest = Changed::default();
        tables.iter().skip(top).for_each(|(_, changed)| rest.add(changed));
        if tables.len() > top {
            // A transaction may have changed several of them.
            rest.transactions = 0;
            self.line(&line(
                &format!("{} other tables", number((tables.len() - top) as u64)),
                &rest,
            ));
        }
        if let Some(other) = &stats.other_tables {
            self.line(&line("tables beyond the first 10,000", other));
        }
    }

    fn timeline(&mut self, stats: &Stats) {
        let (seconds, spans) = stats.timeline.clone().spans(SPANS_MAX);
        let max = spans.iter().map(|span| span.changed.bytes).max().unwrap_or(0);
        self.heading(&format!(
            "{:<19}  {:>12}  {:>11}  {:>11}  each {}",
            "WHEN (UTC)",
            "TRANSACTIONS",
            "ROWS",
            "BYTES",
            width(seconds)
        ));
        let is_empty = |span: &Span| span.changed.transactions == 0;
        self.rows(&spans, is_empty, |span| {
            format!(
                "{:<19}  {:>12}  {:>11}  {:>11}  {}",
                time::show(span.time),
                number(span.changed.transactions),
                number(span.changed.rows()),
                bytes(span.changed.bytes),
                bar(span.changed.bytes, max)
            )
        });
    }

    /// A line for each row; several in a row that are empty have one line together.
    fn rows<R>(&mut self, rows: &[R], is_empty: impl Fn(&R) -> bool, line: impl Fn(&R) -> String) {
        for same in rows.chunk_by(|a, b| is_empty(a) && is_empty(b)) {
            match same {
                [row] => self.line(&line(row)),
                _ => self.line("…"),
            }
        }
    }

    fn histogram(
        &mut self,
        what: &str,
        ranges: &[(u64, u64, u64)],
        range: impl Fn(u64, u64) -> String,
    ) {
        let max = ranges.iter().map(|(.., count)| *count).max().unwrap_or(0);
        self.heading(&format!("{what:<26}  {:>12}", "TRANSACTIONS"));
        let is_empty = |(.., count): &(u64, u64, u64)| *count == 0;
        self.rows(ranges, is_empty, |(from, to, count)| {
            let (range, bar) = (range(*from, *to), bar(*count, max));
            format!("{range:<26}  {:>12}  {bar}", number(*count))
        });
    }

    fn transactions(&mut self, heading: &str, list: &[Named]) {
        if list.is_empty() {
            return;
        }
        // A folder that all have in common is named once.
        let folder =
            |named: &Named| named.file.rsplit_once('/').map(|(folder, _)| folder.to_owned());
        let first = list.first().and_then(folder);
        let is_common = list.iter().all(|named| folder(named) == first);
        match first.filter(|_| is_common) {
            Some(folder) => self.heading(&format!("{heading} in {}", shown_on_terminal(&folder))),
            None => self.heading(heading),
        }
        for named in list {
            let file = match is_common {
                true => named.file.rsplit('/').next().unwrap_or(&named.file),
                false => &named.file,
            };
            let mut line = format!(
                "{:>11}  {:>9} {}  {:>6} s  {}  {}:{}",
                bytes(named.bytes),
                number(named.rows),
                if named.rows == 1 { "row " } else { "rows" },
                number(u64::from(named.seconds)),
                time::show(named.time),
                shown_on_terminal(file),
                named.position
            );
            // Writing to a String does not fail.
            if let Some(gtid) = &named.gtid {
                let _ = write!(line, "  {gtid}");
            }
            if let Some(thread) = named.thread_id {
                let _ = write!(line, "  thread {thread}");
            }
            let _ = write!(line, "  {}", shown_on_terminal(&named.what.join(", ")));
            self.line(&line);
        }
    }
}

/// In eighths of a character; what is more than nothing shows.
fn bar(value: u64, max: u64) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    if value == 0 || max == 0 {
        return String::new();
    }
    let eighths = u128::from(value) * u128::from(BAR_LEN * 8) / u128::from(max);
    let eighths = usize::try_from(eighths).unwrap_or(0).max(1);
    format!("{}{}", "█".repeat(eighths / 8), EIGHTHS[eighths % 8])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_bars_are_what_they_say() {
        assert_eq!(number(0), "0");
        assert_eq!(number(1_234_567), "1,234,567");
        assert_eq!(number(123), "123");
        assert_eq!(bar(10, 10), "█".repeat(24));
        assert_eq!(bar(1, u64::MAX), "▏");
        assert_eq!(bar(0, 10), "");
    }
}
