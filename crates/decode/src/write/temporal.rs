//! Dates and times as text.

use super::number::{padded, two};
use crate::value::{Date, DateTime, Time, Timestamp};

impl Date {
    /// Appends `2024-02-29`.
    pub fn write(&self, out: &mut Vec<u8>) {
        padded(u32::from(self.year), 4, out);
        out.push(b'-');
        two(self.month, out);
        out.push(b'-');
        two(self.day, out);
    }
}

impl Time {
    /// Appends `-838:59:59.000000`, with as many digits behind the point as the column has.
    pub fn write(&self, out: &mut Vec<u8>) {
        if self.negative {
            out.push(b'-');
        }
        padded(u32::from(self.hours), if self.hours > 99 { 3 } else { 2 }, out);
        out.push(b':');
        two(self.minutes, out);
        out.push(b':');
        two(self.seconds, out);
        fraction(self.microseconds, self.decimals, out);
    }
}

impl DateTime {
    /// Appends `2024-02-29 23:59:59.123`, with as many digits behind the point as the column has.
    pub fn write(&self, out: &mut Vec<u8>) {
        self.date.write(out);
        out.push(b' ');
        two(self.hour, out);
        out.push(b':');
        two(self.minute, out);
        out.push(b':');
        two(self.second, out);
        fraction(self.microseconds, self.decimals, out);
    }
}

impl Timestamp {
    /// Appends date and time in UTC, as a session with `time_zone='+00:00'` sees them.
    pub fn write(&self, out: &mut Vec<u8>) {
        self.to_utc().write(out);
    }
}

fn fraction(microseconds: u32, decimals: u8, out: &mut Vec<u8>) {
    if decimals == 0 {
        return;
    }
    out.push(b'.');
    let start = out.len();
    padded(microseconds, 6, out);
    out.truncate(start + usize::from(decimals.min(6)));
}
