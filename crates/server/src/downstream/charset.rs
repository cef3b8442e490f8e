//! The character sets that a session may name, and their collations.
//!
//! binlogd converts nothing: what it says of itself is ASCII, which all of these contain. The names
//! are checked so that a mistake is answered like a server answers it.

use super::error::SqlError;
use super::sql::Dialect;

/// Character sets that clients may speak, with their default collations.
const CHARSETS: &[(&str, &str)] = &[
    ("armscii8", "armscii8_general_ci"),
    ("ascii", "ascii_general_ci"),
    ("big5", "big5_chinese_ci"),
    ("binary", "binary"),
    ("cp1250", "cp1250_general_ci"),
    ("cp1251", "cp1251_general_ci"),
    ("cp1256", "cp1256_general_ci"),
    ("cp1257", "cp1257_general_ci"),
    ("cp850", "cp850_general_ci"),
    ("cp852", "cp852_general_ci"),
    ("cp866", "cp866_general_ci"),
    ("cp932", "cp932_japanese_ci"),
    ("dec8", "dec8_swedish_ci"),
    ("eucjpms", "eucjpms_japanese_ci"),
    ("euckr", "euckr_korean_ci"),
    ("gb18030", "gb18030_chinese_ci"),
    ("gb2312", "gb2312_chinese_ci"),
    ("gbk", "gbk_chinese_ci"),
    ("geostd8", "geostd8_general_ci"),
    ("greek", "greek_general_ci"),
    ("hebrew", "hebrew_general_ci"),
    ("hp8", "hp8_english_ci"),
    ("keybcs2", "keybcs2_general_ci"),
    ("koi8r", "koi8r_general_ci"),
    ("koi8u", "koi8u_general_ci"),
    ("latin1", "latin1_swedish_ci"),
    ("latin2", "latin2_general_ci"),
    ("latin5", "latin5_turkish_ci"),
    ("latin7", "latin7_general_ci"),
    ("macce", "macce_general_ci"),
    ("macroman", "macroman_general_ci"),
    ("sjis", "sjis_japanese_ci"),
    ("swe7", "swe7_swedish_ci"),
    ("tis620", "tis620_thai_ci"),
    ("ujis", "ujis_japanese_ci"),
    ("utf8mb3", "utf8mb3_general_ci"),
    ("utf8mb4", "utf8mb4_general_ci"),
];

/// A character set by any of its names, as `SHOW VARIABLES` writes it.
pub(crate) fn charset(name: &str) -> Result<&'static str, SqlError> {
    let lower = name.to_ascii_lowercase();
    let wanted = if lower == "utf8" { "utf8mb3" } else { &lower };
    let found = CHARSETS.iter().find(|(charset, _)| *charset == wanted);
    found.map(|(charset, _)| *charset).ok_or_else(|| SqlError::unknown_character_set(name))
}

/// Whether bytes of ASCII may be parts of other characters in it, or mean others.
pub(crate) fn hides_ascii(charset: &str) -> bool {
    matches!(charset, "big5" | "cp932" | "gb18030" | "gbk" | "sjis" | "swe7")
}

/// The character set of a collation id as a handshake has it, its low byte; `None` for the many that
/// clients do not use by themselves, and for one that the server does not know: it goes on with its own.
pub(crate) fn charset_of_id(id: u8, dialect: Dialect) -> Option<&'static str> {
    let knows_0900 = dialect.version >= if dialect.mariadb { 110_405 } else { 80_000 };
    match id {
        8 | 48 => Some("latin1"),
        11 => Some("ascii"),
        33 | 83 | 192..=215 => Some("utf8mb3"),
        255 if !knows_0900 => None,
        45 | 46 | 224..=247 | 255 => Some("utf8mb4"),
        63 => Some("binary"),
        _ => None,
    }
}

/// The collation that comes with a character set.
pub(crate) fn default_collation(charset: &str, dialect: Dialect) -> &'static str {
    if charset == "utf8mb4" {
        return default_utf8mb4_collation(dialect);
    }
    let found = CHARSETS.iter().find(|(name, _)| *name == charset);
    found.map_or("utf8mb4_general_ci", |(_, collation)| collation)
}

/// What each server takes for `utf8mb4` when nothing else is said.
pub(crate) fn default_utf8mb4_collation(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect { mariadb: true, version: 110_600.. } => "utf8mb4_uca1400_ai_ci",
        Dialect { mariadb: false, version: 80_000.. } => "utf8mb4_0900_ai_ci",
        _ => "utf8mb4_general_ci",
    }
}

/// The character set a collation belongs to, told by its name.
pub(crate) fn charset_of_collation(collation: &str) -> Result<&'static str, SqlError> {
    let prefix = collation.split('_').next().unwrap_or_default();
    charset(prefix).map_err(|_| SqlError::unknown_collation(collation))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_whatever_their_case() {
        assert_eq!(charset("UTF8"), Ok("utf8mb3"));
        assert_eq!(charset("Latin1"), Ok("latin1"));
        assert_eq!(charset("klingon").unwrap_err().code, 1115);
        assert_eq!(charset_of_collation("utf8mb4_0900_ai_ci"), Ok("utf8mb4"));
        assert_eq!(charset_of_collation("binary"), Ok("binary"));
        assert_eq!(charset_of_collation("klingon_ci").unwrap_err().code, 1273);
    }

    #[test]
    fn every_default_collation_belongs_to_its_charset() {
        for version in [50_600, 90_700, 101_100, 110_800] {
            let dialect = Dialect { version, mariadb: version > 100_000 };
            for (charset, _) in CHARSETS {
                let collation = default_collation(charset, dialect);
                assert_eq!(charset_of_collation(collation), Ok(*charset), "{collation}");
            }
        }
    }
}
