//! Columns as SVG: one or several values upon each other.

use std::fmt::Write as _;

use super::escaped;

/// What a part of a column stands for, and its style.
pub(super) struct Series {
    pub(super) name: &'static str,
    pub(super) class: &'static str,
}

/// A column; its values are those of the series, from the bottom up.
pub(super) struct Column {
    pub(super) label: String,
    /// What stands below it, where there is room.
    pub(super) short: String,
    pub(super) values: Vec<u64>,
}

/// Columns side by side.
pub(super) struct Plot<'a> {
    pub(super) title: &'a str,
    pub(super) series: &'a [Series],
    pub(super) columns: Vec<Column>,
    /// How a value is written.
    pub(super) shown: fn(u64) -> String,
    /// Whether columns are equal spans of time, of which some are labelled; else each may be.
    pub(super) is_time: bool,
}

/// In units of the drawing, which is scaled to its place.
const HEIGHT: f64 = 130.0;
const LEFT: f64 = 70.0;
const TOP: f64 = 8.0;
const BOTTOM: f64 = 22.0;
/// The most that a character of a label takes, with its part of the space after the label.
const CHAR_WIDTH: f64 = 7.5;

impl Plot<'_> {
    pub(super) fn svg(&self) -> String {
        let wide = if self.is_time { 960.0 } else { 470.0 };
        let sum = |column: &Column| column.values.iter().sum::<u64>();
        let max = self.columns.iter().map(sum).max().unwrap_or(0).max(1);
        let mut svg = String::new();
        // Writing to a String does not fail.
        let _ = write!(svg, "<figure><figcaption>{}", escaped(self.title));
        if self.series.len() > 1 {
            for series in self.series {
                let _ = write!(svg, " <span class=\"k {}\"></span>{}", series.class, series.name);
            }
        }
        let all = HEIGHT + TOP + BOTTOM;
        let _ = writeln!(svg, "</figcaption>\n<svg viewBox=\"0 0 {wide} {all}\" role=\"img\">");
        // Half of one would be 0 again.
        let half = (max > 1).then_some((0.5, max / 2));
        for (part, value) in [Some((0.0, 0)), half, Some((1.0, max))].into_iter().flatten() {
            let y = TOP + HEIGHT * (1.0 - part);
            let value = (self.shown)(value);
            let _ = writeln!(
                svg,
                "<line class=\"g\" x1=\"{LEFT}\" x2=\"{wide}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
                 <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{value}</text>",
                LEFT - 6.0,
                y + 4.0
            );
        }
        let count = u32::try_from(self.columns.len()).unwrap_or(u32::MAX).max(1);
        let step = (wide - LEFT) / f64::from(count);
        let mut x = LEFT;
        let chars = self.columns.iter().map(|column| column.short.chars().count()).max();
        let labelled = (chars.unwrap_or(0) as f64 * CHAR_WIDTH / step).ceil().max(1.0);
        for (index, column) in (0_u32..).zip(&self.columns) {
            self.column(column, x, step, max, &mut svg);
            // The last ones would stick out.
            let has_room = x + column.short.chars().count() as f64 * CHAR_WIDTH < wide;
            if f64::from(index) % labelled == 0.0 && has_room {
                let _ = writeln!(
                    svg,
                    "<text x=\"{x:.1}\" y=\"{:.1}\">{}</text>",
                    all - 6.0,
                    escaped(&column.short)
                );
            }
            x += step;
        }
        svg.push_str("</svg></figure>\n");
        svg
    }

    fn column(&self, column: &Column, x: f64, step: f64, max: u64, svg: &mut String) {
        let mut tip = escaped(&column.label);
        for (series, value) in self.series.iter().zip(&column.values) {
            let _ = write!(tip, "\n{}: {}", series.name, (self.shown)(*value));
        }
        let _ = write!(svg, "<g><title>{tip}</title>");
        // A place to point at, also where the column is low.
        let _ = write!(
            svg,
            "<rect class=\"h\" x=\"{x:.1}\" y=\"{TOP}\" width=\"{step:.2}\" height=\"{HEIGHT}\"/>"
        );
        let mut below = 0;
        for (series, value) in self.series.iter().zip(&column.values) {
            if *value == 0 {
                continue;
            }
            let height = share(*value, max) * HEIGHT;
            let y = TOP + HEIGHT - share(below, max) * HEIGHT - height;
            below += value;
            let _ = write!(
                svg,
                "<rect class=\"{}\" x=\"{x:.1}\" y=\"{:.2}\" width=\"{:.2}\" height=\"{:.2}\"/>",
                series.class,
                y.min(TOP + HEIGHT - 0.7),
                (step - 1.0).max(step * 0.8),
                height.max(0.7)
            );
        }
        svg.push_str("</g>\n");
    }
}

/// The part that `value` is of `max`.
#[expect(clippy::cast_precision_loss, reason = "a drawing has a thousand dots")]
fn share(value: u64, max: u64) -> f64 {
    value as f64 / max as f64
}
