//! Numbers as people read them.

use std::time::Duration;

/// `1234567` as `1,234,567`.
pub(crate) fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Bytes in the unit that fits: `512 bytes`, `3.4 kB`, `12.0 MB`, `1.07 GB`.
pub(crate) fn bytes(n: u64) -> String {
    match n {
        0..1_000 => format!("{n} bytes"),
        1_000..1_000_000 => format!("{:.1} kB", float(n) / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", float(n) / 1e6),
        _ => format!("{:.2} GB", float(n) / 1e9),
    }
}

/// Seconds with one digit behind the point: `3.4 s`.
pub(crate) fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

/// A count as a float.
#[expect(clippy::cast_precision_loss, reason = "counts here are far below 2^53")]
pub(crate) fn float(n: u64) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        let shown = [0, 999, 1000, 1_234_567].map(thousands);
        assert_eq!(shown, ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn bytes_are_shown_in_the_unit_that_fits() {
        let shown = [999, 3_449, 12_000_000, 1_073_741_824].map(bytes);
        assert_eq!(shown, ["999 bytes", "3.4 kB", "12.0 MB", "1.07 GB"]);
    }
}
