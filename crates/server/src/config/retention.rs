//! `[stream.retention]`: how long files are kept.

use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

use super::file::unspanned;

/// How long a stream's files are kept. The newest one always is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetentionConfig {
    /// Files whose last bytes came longer ago than this are removed; `None` keeps them.
    pub max_age: Option<Duration>,
    /// The oldest files are removed while all together have more bytes; `None` keeps them.
    pub max_bytes: Option<u64>,
    /// How long connected readers can keep a file that is to be removed.
    pub reader_hold_max: Duration,
}

impl Default for RetentionConfig {
    fn default() -> Self {
        Self { max_age: None, max_bytes: None, reader_hold_max: Duration::from_secs(3600) }
    }
}

impl RetentionConfig {
    /// Whether everything is kept.
    #[must_use]
    pub fn keeps_all(&self) -> bool {
        self.max_age.is_none() && self.max_bytes.is_none()
    }
}

/// The same as flags say it, in a configuration file's words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RetentionFlags {
    /// `30d`
    pub max_age: Option<String>,
    /// `500GiB`
    pub max_bytes: Option<String>,
    /// `1h`
    pub reader_hold_max: Option<String>,
}

/// `[stream.retention]` as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RetentionSection {
    pub(super) max_age: Option<Spanned<String>>,
    pub(super) max_bytes: Option<Spanned<String>>,
    pub(super) reader_hold_max: Option<Spanned<String>>,
}

/// A key, where its value stands, and what is wrong with it.
pub(super) type Wrong = (&'static str, usize, String);

impl RetentionSection {
    pub(super) fn of_flags(flags: RetentionFlags) -> Self {
        Self {
            max_age: flags.max_age.map(unspanned),
            max_bytes: flags.max_bytes.map(unspanned),
            reader_hold_max: flags.reader_hold_max.map(unspanned),
        }
    }

    /// Reads the values.
    ///
    /// # Errors
    /// The first that is none.
    pub(super) fn resolve(&self) -> Result<RetentionConfig, Wrong> {
        let mut retention = RetentionConfig::default();
        if let Some(text) = &self.max_age {
            const KEY: &str = "stream.retention.max_age";
            let age = read(KEY, text, duration)?;
            if age.is_zero() {
                return Err((KEY, text.span().start, "nothing would be kept".into()));
            }
            retention.max_age = Some(age);
        }
        if let Some(text) = &self.max_bytes {
            const KEY: &str = "stream.retention.max_bytes";
            let bytes = read(KEY, text, bytes)?;
            if bytes == 0 {
                return Err((KEY, text.span().start, "nothing would be kept".into()));
            }
            retention.max_bytes = Some(bytes);
        }
        if let Some(text) = &self.reader_hold_max {
            const KEY: &str = "stream.retention.reader_hold_max";
            retention.reader_hold_max = read(KEY, text, duration)?;
        }
        Ok(retention)
    }
}

fn read<T>(
    key: &'static str,
    text: &Spanned<String>,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<T, Wrong> {
    parse(text.get_ref()).map_err(|what| (key, text.span().start, what))
}

/// `30d`: a number and `s`, `m`, `h`, `d` or `w`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = split(text);
    let unit_s = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "w" => 604_800,
        _ => 0,
    };
    number
        .filter(|_| unit_s > 0)
        .and_then(|number| number.checked_mul(unit_s))
        .map(Duration::from_secs)
        .ok_or_else(|| format!("{text:?} is no duration: write a number and s, m, h, d or w: 30d"))
}

/// `500GiB`: a number and a unit. A bare number is refused: somebody may mean GiB, and lose files.
fn bytes(text: &str) -> Result<u64, String> {
    let (number, unit) = split(text);
    let size: u64 = match unit {
        "B" => 1,
        "KiB" | "K" => 1 << 10,
        "MiB" | "M" => 1 << 20,
        "GiB" | "G" => 1 << 30,
        "TiB" | "T" => 1 << 40,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        _ => 0,
    };
    number.filter(|_| size > 0).and_then(|number| number.checked_mul(size)).ok_or_else(|| {
        format!("{text:?} is no size: write a number and B, KiB, MiB, GiB or TiB: 500GiB")
    })
}

fn split(text: &str) -> (Option<u64>, &str) {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    (number.parse().ok(), unit.trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit() {
        let cases =
            [("45s", 45), ("90m", 5_400), ("1h", 3_600), ("30d", 2_592_000), ("2 w", 1_209_600)];
        for (text, seconds) in cases {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for wrong in ["", "30", "d", "-1d", "1.5h", "1d12h", "1D", "30 days", "99999999999999999w"]
        {
            let error = duration(wrong).unwrap_err();
            assert!(error.contains("30d") && error.contains(wrong), "{error}");
        }
    }

    #[test]
    fn sizes_have_a_unit() {
        let cases = [
            ("1048576B", 1 << 20),
            ("10B", 10),
            ("512MiB", 512 << 20),
            ("500 GiB", 500 << 30),
            ("2G", 2 << 30),
            ("3TB", 3_000_000_000_000),
        ];
        for (text, size) in cases {
            assert_eq!(bytes(text), Ok(size), "{text}");
        }
        for wrong in ["", "500", "GiB", "-1", "1.5GiB", "1gib", "16777216TiB", "1 GiB "] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }
}
