//! Statistics as one page that needs nothing else: its style and plots are in it.

mod plot;

use std::fmt::Write as _;

use binlogd_decode::shown_on_terminal;

use super::collect::{Changed, Named, Stats};
use super::terminal::{byte_rate, bytes, number, rate, seconds_range, size_range, width};
use super::timeline::Span;
use crate::time;
use plot::{Column, Plot, Series};

/// The columns of a timeline.
const SPANS_MAX: u32 = 120;

const STYLE: &str = include_str!("html/style.css");

/// The page. What comes from binlogs is escaped.
pub(super) fn page(stats: &Stats, top: usize, sources: &str) -> String {
    let mut page = String::new();
    let sources = escaped(sources);
    // Writing to a String does not fail.
    let _ = write!(
        page,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>Binlogs of {sources}</title>\n<style>\n{STYLE}</style></head>\n<body><main>\n\
         <h1>What was written</h1>\n<p class=\"sub\"><code>{sources}</code>"
    );
    let (Some(first), Some(last)) = (stats.first_time, stats.last_time) else {
        page.push_str("<p>No transactions.</main></body></html>\n");
        return page;
    };
    let (first, last) = (time::show(first), time::show(last));
    let _ = writeln!(page, "<br>{first} to {last} (UTC)</p>");
    tiles(&mut page, stats);
    timelines(&mut page, stats);
    tables(&mut page, stats, top);
    page.push_str("<section class=\"two\">\n");
    histogram(&mut page, "Size of transactions", &stats.sizes.ranges(), size_range, bytes);
    let seconds = |from| format!("{} s", number(from));
    let durations = stats.durations.ranges();
    histogram(&mut page, "How long they lasted", &durations, seconds_range, seconds);
    page.push_str("</section>\n");
    transactions(&mut page, "Largest transactions", &stats.largest);
    transactions(&mut page, "Longest transactions", &stats.longest);
    page.push_str(
        "<footer>Made by <code>binlogd stats</code>. A table's bytes are those of its row events, not \
         compressed; a transaction's are those that it takes in its file. A transaction lasts from its \
         first change to its commit, to within a second.</footer>\n</main></body></html>\n",
    );
    page
}

/// Text as it is.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in shown_on_terminal(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
}

fn tiles(page: &mut String, stats: &Stats) {
    let Changed { transactions, inserts, updates, deletes, bytes: size } = stats.total;
    let mut tiles = vec![
        (number(transactions), "transactions", format!("{} a second", rate(transactions, stats))),
        (bytes(size), "written", format!("{} a second", byte_rate(size, stats))),
        (number(inserts), "rows inserted", String::new()),
        (number(updates), "rows updated", String::new()),
        (number(deletes), "rows deleted", String::new()),
        (number(stats.tables().len() as u64), "tables", String::new()),
    ];
    for (count, what, note) in [
        (stats.statements, "changes of unknown rows", "in statement format"),
        (stats.ddl, "other statements", "such as DDL"),
        (stats.rollbacks, "rolled back", ""),
    ] {
        if count > 0 {
            tiles.push((number(count), what, note.to_owned()));
        }
    }
    page.push_str("<section class=\"tiles\">\n");
    for (value, what, note) in tiles {
        let _ = writeln!(page, "<div><b>{value}</b>{what}<small>{note}</small></div>");
    }
    page.push_str("</section>\n");
}

fn timelines(page: &mut String, stats: &Stats) {
    let (seconds, spans) = stats.timeline.clone().spans(SPANS_MAX);
    let each = width(seconds);
    let label = |span: &Span| time::show(span.time);
    let plot = |title: &str,
                series: &[Series],
                values: &dyn Fn(&Changed) -> Vec<u64>,
                shown: fn(u64) -> String| {
        let columns = spans.iter().map(|span| {
            let label = label(span);
            // Without the year.
            let short = label.split_once('-').map_or_else(String::new, |(_, rest)| rest.to_owned());
            Column { label, short, values: values(&span.changed) }
        });
        let columns = columns.collect();
        Plot { title, series, columns, shown, is_time: true }.svg()
    };
    let _ = writeln!(page, "<section><h2>Over time <small>each {each}, UTC</small></h2>");
    let rows = |changed: &Changed| vec![changed.inserts, changed.updates, changed.deletes];
    if stats.total.rows() > 0 {
        page.push_str(&plot("Rows", &ROWS, &rows, number));
    }
    page.push_str(&plot("Bytes", &BYTES, &|changed| vec![changed.bytes], bytes));
    page.push_str(&plot("Transactions", &COUNT, &|changed| vec![changed.transactions], number));
    page.push_str("</section>\n");
}

const ROWS: [Series; 3] = [
    Series { name: "inserted", class: "i" },
    Series { name: "updated", class: "u" },
    Series { name: "deleted", class: "d" },
];
const BYTES: [Series; 1] = [Series { name: "written", class: "n" }];
const COUNT: [Series; 1] = [Series { name: "transactions", class: "n" }];

fn histogram(
    page: &mut String,
    title: &str,
    ranges: &[(u64, u64, u64)],
    label: fn(u64, u64) -> String,
    short: fn(u64) -> String,
) {
    let columns = ranges
        .iter()
        .map(|&(from, to, count)| Column {
            label: label(from, to),
            short: short(from),
            values: vec![count],
        })
        .collect();
    let plot =
        Plot { title: "Transactions", series: &COUNT, columns, shown: number, is_time: false };
    let _ = writeln!(page, "<div><h2>{title}</h2>\n{}</div>", plot.svg());
}

fn tables(page: &mut String, stats: &Stats, top: usize) {
    let tables = stats.tables();
    let Some((_, largest)) = tables.first() else { return };
    let max = largest.bytes.max(1);
    page.push_str(
        "<section><h2>Tables</h2>\n<table><tr><th>table<th class=\"r\">inserted<th class=\"r\">updated\
         <th class=\"r\">deleted<th class=\"r\">transactions<th class=\"r\">bytes<th class=\"w\"></tr>\n",
    );
    let mut line = |name: &str, changed: &Changed, transactions: &str| {
        let width = u128::from(changed.bytes) * 100 / u128::from(max);
        let _ = writeln!(
            page,
            "<tr><td><code>{}</code><td class=\"r\">{}<td class=\"r\">{}<td class=\"r\">{}<td class=\"r\">\
             {transactions}<td class=\"r\">{}<td class=\"w\"><i style=\"width:{}%\"></i></tr>",
            escaped(name),
            number(changed.inserts),
            number(changed.updates),
            number(changed.deletes),
            bytes(changed.bytes),
            width.min(100)
        );
    };
    for (name, changed) in tables.iter().take(top) {
        line(name, changed, &number(changed.transactions));
    }
    if tables.len() > top {
        let mut rest = Changed::default();
        tables.iter().skip(top).for_each(|(_, changed)| rest.add(changed));
        line(&format!("{} other tables", number((tables.len() - top) as u64)), &rest, "");
    }
    if let Some(other) = &stats.other_tables {
        line("tables beyond the first 10,000", other, "");
    }
    page.push_str("</table></section>\n");
}

fn transactions(page: &mut String, title: &str, list: &[Named]) {
    if list.is_empty() {
        return;
    }
    let _ = writeln!(
        page,
        "<section><h2>{title}</h2>\n<table><tr><th class=\"r\">bytes<th class=\"r\">rows<th class=\"r\">\
         seconds<th>when (UTC)<th>where<th>what</tr>"
    );
    for named in list {
        // A folder says little, and has little place here.
        let file = named.file.rsplit('/').next().unwrap_or(&named.file);
        let gtid = named.gtid.as_deref().map(escaped).unwrap_or_default();
        let thread = named.thread_id.map(|id| format!(", thread {id}")).unwrap_or_default();
        let _ = writeln!(
            page,
            "<tr><td class=\"r\">{}<td class=\"r\">{}<td class=\"r\">{}<td>{}<td><code>{}:{}</code>\
             <small>{gtid}</small><td><code>{}</code><small>server {}{thread}</small></tr>",
            bytes(named.bytes),
            number(named.rows),
            number(u64::from(named.seconds)),
            time::show(named.time),
            escaped(file),
            named.position,
            escaped(&named.what.join(", ")),
            named.server_id
        );
    }
    page.push_str("</table></section>\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_no_markup() {
        assert_eq!(escaped("<b>&\"\n"), "&lt;b&gt;&amp;&quot;\\u{a}");
        assert!(page(&Stats::new(1), 1, "<script>").contains("&lt;script&gt;"));
    }
}
