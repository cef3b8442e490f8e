//! Numbers as MySQL prints them.

use std::fmt::{self, Write};

/// Digits before the point up to which, and zeros behind it up to which, no exponent is used.
const POINT_MAX: i32 = 15;
const POINT_MIN: i32 = -14;

/// Digits of a `FLOAT` that MySQL shows.
const FLOAT_DIGITS: usize = 6;

/// All numbers of two digits, one behind the other.
const PAIRS: [u8; 200] = {
    let mut pairs = [0; 200];
    let mut n = 0;
    while n < 100 {
        pairs[2 * n as usize] = b'0' + n / 10;
        pairs[2 * n as usize + 1] = b'0' + n % 10;
        n += 1;
    }
    pairs
};

/// An integer.
#[inline]
pub(crate) fn unsigned(mut n: u64, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    while n >= 10 {
        let pair = (n % 100) as usize * 2;
        n /= 100;
        at -= 2;
        digits[at..at + 2].copy_from_slice(&PAIRS[pair..pair + 2]);
    }
    if n > 0 || at == digits.len() {
        at -= 1;
        digits[at] = b'0' + n.to_le_bytes()[0];
    }
    out.extend_from_slice(&digits[at..]);
}

/// An integer with its sign.
#[inline]
pub(crate) fn signed(n: i64, out: &mut Vec<u8>) {
    if n < 0 {
        out.push(b'-');
    }
    unsigned(n.unsigned_abs(), out);
}

/// Exactly two digits of a number below 100.
#[inline]
pub(super) fn two(n: u8, out: &mut Vec<u8>) {
    out.extend_from_slice(&[b'0' + n / 10 % 10, b'0' + n % 10]);
}

/// Exactly `len` digits, at most ten.
pub(crate) fn padded(n: u32, len: usize, out: &mut Vec<u8>) {
    let mut digits = [b'0'; 10];
    let mut left = n;
    for place in digits[..len].iter_mut().rev() {
        *place = b'0' + (left % 10).to_le_bytes()[0];
        left /= 10;
    }
    out.extend_from_slice(&digits[..len]);
}

/// The shortest text that is this number again.
pub(crate) fn double(n: f64, out: &mut Vec<u8>) {
    if !n.is_finite() {
        return not_finite(n, out);
    }
    let mut text = Text::new();
    // Cannot fail: no number is as long as the buffer.
    let _ = write!(text, "{n:e}");
    text.arrange(out);
}

/// The shortest text that is this number again in 32 bits.
pub(super) fn float(n: f32, out: &mut Vec<u8>) {
    if !n.is_finite() {
        return not_finite(f64::from(n), out);
    }
    let mut text = Text::new();
    let _ = write!(text, "{n:e}");
    text.arrange(out);
}

/// A `FLOAT` as `SELECT` shows it: six digits, which may be less than it has.
pub(super) fn float_as_shown(n: f32, out: &mut Vec<u8>) {
    if !n.is_finite() {
        return not_finite(f64::from(n), out);
    }
    let mut text = Text::new();
    let _ = write!(text, "{:.*e}", FLOAT_DIGITS - 1, n);
    text.arrange(out);
}

/// A number in a document, where one without a fraction keeps a zero.
pub(crate) fn json_double(n: f64, out: &mut Vec<u8>) {
    let start = out.len();
    double(n, out);
    if n.is_finite() && !out[start..].iter().any(|b| matches!(b, b'.' | b'e')) {
        out.extend_from_slice(b".0");
    }
}

fn not_finite(n: f64, out: &mut Vec<u8>) {
    out.extend_from_slice(match n {
        n if n.is_nan() => b"NaN",
        n if n > 0.0 => b"Infinity",
        _ => b"-Infinity",
    });
}

/// A number as Rust writes it with an exponent, `-1.25e-7`, to be written as MySQL does.
struct Text {
    bytes: [u8; 32],
    len: usize,
}

impl Text {
    fn new() -> Self {
        Self { bytes: [0; 32], len: 0 }
    }

    fn arrange(&self, out: &mut Vec<u8>) {
        let text = &self.bytes[..self.len];
        let (negative, text) = match text {
            [b'-', rest @ ..] => (true, rest),
            _ => (false, text),
        };
        let e = text.iter().position(|&b| b == b'e').unwrap_or(text.len());
        let (mantissa, exponent) = text.split_at(e);
        let exponent: i32 = std::str::from_utf8(exponent.get(1..).unwrap_or_default())
            .ok()
            .and_then(|digits| digits.parse().ok())
            .unwrap_or(0);
        // The digits without their point and the zeros at the end.
        let mut digits = [0; 32];
        let mut len = 0;
        for &digit in mantissa.iter().filter(|b| b.is_ascii_digit()) {
            digits[len] = digit;
            len += 1;
        }
        while len > 1 && digits[len - 1] == b'0' {
            len -= 1;
        }
        if negative {
            out.push(b'-');
        }
        place_point(&digits[..len], exponent + 1, out);
    }
}

/// Writes digits with the point `point` digits behind their front.
fn place_point(digits: &[u8], point: i32, out: &mut Vec<u8>) {
    let zeros = |n: usize, out: &mut Vec<u8>| out.resize(out.len() + n, b'0');
    match (usize::try_from(point), usize::try_from(-point)) {
        _ if !(POINT_MIN..=POINT_MAX).contains(&point) => {
            out.push(digits[0]);
            if digits.len() > 1 {
                out.push(b'.');
                out.extend_from_slice(&digits[1..]);
            }
            out.push(b'e');
            signed(i64::from(point) - 1, out);
        }
        (Ok(before @ 1..), _) if before >= digits.len() => {
            out.extend_from_slice(digits);
            zeros(before - digits.len(), out);
        }
        (Ok(before @ 1..), _) => {
            out.extend_from_slice(&digits[..before]);
            out.push(b'.');
            out.extend_from_slice(&digits[before..]);
        }
        (_, behind) => {
            out.extend_from_slice(b"0.");
            zeros(behind.unwrap_or(0), out);
            out.extend_from_slice(digits);
        }
    }
}

impl Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = self.bytes.get_mut(self.len..self.len + text.len()).ok_or(fmt::Error)?;
        room.copy_from_slice(text.as_bytes());
        self.len += text.len();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl Fn(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn doubles_look_as_mysql_prints_them() {
        // What MySQL 9.7 answers to SELECT.
        for (n, wanted) in [
            (1e14, "100000000000000"),
            (1e15, "1e15"),
            (123_456_789_012_345.0, "123456789012345"),
            (1_234_567_890_123_456.0, "1.234567890123456e15"),
            (1e-5, "0.00001"),
            (1e-15, "0.000000000000001"),
            (1e-16, "1e-16"),
            (0.1, "0.1"),
            (-1.797_693_134_862_315_7e308, "-1.7976931348623157e308"),
            (5e-324, "5e-324"),
            (9.5e14, "950000000000000"),
            (123_456.789, "123456.789"),
            (0.0, "0"),
            (-0.0, "-0"),
        ] {
            assert_eq!(text(|out| double(n, out)), wanted);
        }
    }

    #[test]
    fn floats_show_six_digits() {
        for (n, wanted) in [
            (1_234_567.0, "1234570"),
            (16_777_216.0, "16777200"),
            (1e14, "100000000000000"),
            (1e15, "1e15"),
            (1.234_567_9e-5, "0.0000123457"),
            (1.175_494_4e-38, "1.17549e-38"),
            (999_999.5, "1000000"),
            (0.1, "0.1"),
        ] {
            assert_eq!(text(|out| float_as_shown(n, out)), wanted);
        }
        assert_eq!(text(|out| float(16_777_216.0, out)), "16777216");
    }

    #[test]
    fn whole_doubles_in_documents_keep_a_zero() {
        assert_eq!(text(|out| json_double(1.0, out)), "1.0");
        assert_eq!(text(|out| json_double(1e15, out)), "1e15");
        assert_eq!(text(|out| json_double(1.5, out)), "1.5");
    }

    #[test]
    fn integers_of_every_length_are_whole() {
        assert_eq!(text(|out| unsigned(u64::MAX, out)), u64::MAX.to_string());
        assert_eq!(text(|out| signed(i64::MIN, out)), i64::MIN.to_string());
        for n in (0..12).flat_map(|power| [0, 1, 9].map(|more| 10_i64.pow(power) + more)) {
            assert_eq!(text(|out| signed(n, out)), n.to_string());
            assert_eq!(text(|out| signed(-n, out)), (-n).to_string());
        }
        assert_eq!(text(|out| signed(0, out)), "0");
    }
}
