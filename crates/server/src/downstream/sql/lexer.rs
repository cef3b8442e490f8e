//! Bytes into tokens, one at a time: nothing is held but the token in hand.
//!
//! Follows "Language Structure" of the MySQL manual: comments, executable comments, strings with
//! escapes, quoted identifiers. `ANSI_QUOTES` and `NO_BACKSLASH_ESCAPES` are never in force here.

use std::borrow::Cow;

use super::Dialect;
use crate::downstream::error::SqlError;

/// A token and where it stands in the statement, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind<'a>,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// What a token is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind<'a> {
    /// A keyword or an identifier without quotes.
    Word(&'a [u8]),
    /// An identifier in backticks.
    Quoted(Cow<'a, [u8]>),
    /// A string.
    Text(Cow<'a, [u8]>),
    /// A number as written, without a sign.
    Number(&'a str),
    /// `@name`, the name in lower case.
    UserVariable(Vec<u8>),
    /// `@@`, before a system variable.
    AtAt,
    /// A hexadecimal or bit constant.
    Hex(Vec<u8>),
    /// `:=`
    Assign,
    /// An operator of several characters.
    Symbol(&'static str),
    /// Any other single byte.
    Punct(u8),
    /// The end of the statement.
    End,
}

/// Operators of several characters, the longest first.
const SYMBOLS: [&str; 9] = ["<=>", "<=", "<>", "<<", ">=", ">>", "!=", "&&", "||"];

#[derive(Clone)]
pub(super) struct Lexer<'a> {
    sql: &'a [u8],
    at: usize,
    dialect: Dialect,
    /// Inside `/*! … */`, whose content counts.
    executable: bool,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(sql: &'a [u8], dialect: Dialect) -> Self {
        Self { sql, at: 0, dialect, executable: false }
    }

    /// Which server's SQL is read.
    pub(super) fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The text between two places.
    pub(super) fn text(&self, start: usize, end: usize) -> &'a [u8] {
        self.sql.get(start..end).unwrap_or_default()
    }

    /// A syntax error that points at `start`.
    pub(super) fn error_at(&self, start: usize) -> SqlError {
        let (before, near) = self.sql.split_at(start.min(self.sql.len()));
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        SqlError::syntax(near, line)
    }

    /// The next token; `Kind::End` again and again at the end.
    pub(super) fn next(&mut self) -> Result<Token<'a>, SqlError> {
        self.skip_blanks()?;
        let start = self.at;
        let kind = match self.peek(0) {
            None if self.executable => return Err(self.error_at(start)),
            None => Kind::End,
            Some(quote @ (b'\'' | b'"')) => Kind::Text(self.quoted(quote)?),
            Some(b'`') => Kind::Quoted(self.quoted(b'`')?),
            Some(b'@') if self.peek(1) == Some(b'@') => {
                self.at += 2;
                Kind::AtAt
            }
            Some(b'@') => Kind::UserVariable(self.user_variable()?),
            Some(b':') if self.peek(1) == Some(b'=') => {
                self.at += 2;
                Kind::Assign
            }
            Some(b'0') if let Some(bytes) = self.prefixed_number() => Kind::Hex(bytes),
            Some(byte) if byte.is_ascii_digit() => self.number_or_word(),
            Some(b'x' | b'X' | b'b' | b'B') if self.peek(1) == Some(b'\'') => {
                self.quoted_number()?
            }
            Some(b'n' | b'N') if self.peek(1) == Some(b'\'') => {
                self.at += 1;
                Kind::Text(self.quoted(b'\'')?)
            }
            Some(b'.') if self.starts_fraction() => self.number_or_word(),
            Some(byte) if is_word_byte(byte) => Kind::Word(self.word()),
            Some(byte) => {
                match SYMBOLS.iter().find(|symbol| self.rest().starts_with(symbol.as_bytes())) {
                    Some(symbol) => {
                        self.at += symbol.len();
                        Kind::Symbol(symbol)
                    }
                    None => {
                        self.at += 1;
                        Kind::Punct(byte)
                    }
                }
            }
        };
        Ok(Token { kind, start, end: self.at })
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.sql.get(self.at + ahead).copied()
    }

    fn rest(&self) -> &'a [u8] {
        self.sql.get(self.at..).unwrap_or_default()
    }

    /// Skips spaces, comments, and the marks around executable comments.
    fn skip_blanks(&mut self) -> Result<(), SqlError> {
        loop {
            let rest = self.rest();
            match rest {
                [b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c, ..] => self.at += 1,
                [b'#', ..] => self.skip_line(),
                [b'-', b'-'] => self.skip_line(),
                [b'-', b'-', after, ..] if after.is_ascii_whitespace() || *after < b' ' => {
                    self.skip_line();
                }
                [b'*', b'/', ..] if self.executable => {
                    self.executable = false;
                    self.at += 2;
                }
                [b'/', b'*', ..] => self.comment()?,
                _ => return Ok(()),
            }
        }
    }

    fn skip_line(&mut self) {
        let rest = self.rest();
        self.at += rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |end| end + 1);
    }

    /// Skips a comment, or enters it if its content counts.
    fn comment(&mut self) -> Result<(), SqlError> {
        let rest = self.rest();
        let body = match rest {
            [_, _, b'!', body @ ..] => Some(body),
            [_, _, b'M', b'!', body @ ..] if self.dialect.mariadb => Some(body),
            _ => None,
        };
        if let Some(body) = body.filter(|_| !self.executable) {
            let digits = body.iter().take(6).take_while(|byte| byte.is_ascii_digit()).count();
            let digits = if digits < 5 { 0 } else { digits };
            if self.counts(&body[..digits], rest.starts_with(b"/*M!")) {
                self.executable = true;
                self.at = self.sql.len() - body.len() + digits;
                return Ok(());
            }
        }
        let Some(end) = rest.windows(2).skip(2).position(|pair| pair == b"*/") else {
            return Err(self.error_at(self.at));
        };
        self.at += 2 + end + 2;
        Ok(())
    }

    /// Whether the content of an executable comment for this version counts.
    fn counts(&self, digits: &[u8], for_mariadb: bool) -> bool {
        let version = digits.iter().fold(0u32, |sum, digit| sum * 10 + u32::from(digit - b'0'));
        // MySQL 5.7 and 8 mean things by these that MariaDB took another way.
        let foreign = self.dialect.mariadb && !for_mariadb && (50_700..=99_999).contains(&version);
        version <= self.dialect.version && !foreign
    }

    /// A string or a quoted identifier: a doubled quote stands for one, and in strings a backslash
    /// escapes.
    fn quoted(&mut self, quote: u8) -> Result<Cow<'a, [u8]>, SqlError> {
        let start = self.at;
        self.at += 1;
        let mut whole: Option<Vec<u8>> = None;
        loop {
            let rest = self.rest();
            let escapes = quote != b'`';
            let Some(run) = rest.iter().position(|b| *b == quote || (escapes && *b == b'\\'))
            else {
                return Err(self.error_at(start));
            };
            let (plain, after) = rest.split_at(run);
            self.at += run;
            if after[0] == quote && after.get(1) != Some(&quote) {
                self.at += 1;
                return Ok(match whole {
                    None => Cow::Borrowed(plain),
                    Some(mut bytes) => {
                        bytes.extend_from_slice(plain);
                        Cow::Owned(bytes)
                    }
                });
            }
            let Some(second) = after.get(1) else { return Err(self.error_at(start)) };
            let bytes = whole.get_or_insert_default();
            bytes.extend_from_slice(plain);
            if after[0] == quote {
                bytes.push(quote);
            } else {
                unescape(*second, bytes);
            }
            self.at += 2;
        }
    }

    fn user_variable(&mut self) -> Result<Vec<u8>, SqlError> {
        self.at += 1;
        let mut name = match self.peek(0) {
            Some(quote @ (b'\'' | b'"' | b'`')) => self.quoted(quote)?.into_owned(),
            _ => {
                let rest = self.rest();
                let end = rest.iter().position(|b| !is_word_byte(*b) && *b != b'.');
                let name = &rest[..end.unwrap_or(rest.len())];
                self.at += name.len();
                name.to_vec()
            }
        };
        name.make_ascii_lowercase();
        Ok(name)
    }

    fn word(&mut self) -> &'a [u8] {
        let rest = self.rest();
        let end = rest.iter().position(|byte| !is_word_byte(*byte)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    /// `0x41`, `0b101`
    fn prefixed_number(&mut self) -> Option<Vec<u8>> {
        let (bits, digits) = match self.rest() {
            [_, b'x', digits @ ..] => (4, digits),
            [_, b'b', digits @ ..] => (1, digits),
            _ => return None,
        };
        let len = digits.iter().position(|byte| !is_word_byte(*byte)).unwrap_or(digits.len());
        let bytes = number_of_bits(digits.get(..len)?, bits).filter(|_| len > 0)?;
        self.at += 2 + len;
        Some(bytes)
    }

    /// `x'41'`, `b'101'`
    fn quoted_number(&mut self) -> Result<Kind<'a>, SqlError> {
        let start = self.at;
        let bits = if matches!(self.peek(0), Some(b'x' | b'X')) { 4 } else { 1 };
        self.at += 1;
        let digits = self.quoted(b'\'')?;
        let is_whole = bits == 1 || digits.len().is_multiple_of(2);
        let bytes = number_of_bits(&digits, bits).filter(|_| is_whole);
        bytes.map(Kind::Hex).ok_or_else(|| self.error_at(start))
    }

    /// `.5` is a number, but the `.5` of `a.5` is a name.
    fn starts_fraction(&self) -> bool {
        let before = self.at.checked_sub(1).and_then(|at| self.sql.get(at));
        let glued = before.is_some_and(|byte| is_word_byte(*byte) || *byte == b'`');
        !glued && self.peek(1).is_some_and(|byte| byte.is_ascii_digit())
    }

    /// `12`, `1.5`, `.5`, `1e-3`; what begins with digits and goes on with letters is a name.
    fn number_or_word(&mut self) -> Kind<'a> {
        let rest = self.rest();
        let digits = |from: usize| {
            let tail = rest.get(from..).unwrap_or_default();
            from + tail.iter().take_while(|byte| byte.is_ascii_digit()).count()
        };
        let mut end = digits(0);
        if rest.get(end) == Some(&b'.') {
            end = digits(end + 1);
        }
        if matches!(rest.get(end), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(rest.get(end + 1), Some(b'+' | b'-')));
            let exponent_end = digits(end + 1 + sign);
            if exponent_end > end + 1 + sign {
                end = exponent_end;
            }
        }
        let is_name = rest.get(end).is_some_and(|byte| is_word_byte(*byte));
        match std::str::from_utf8(&rest[..end]) {
            Ok(number) if !is_name => {
                self.at += end;
                Kind::Number(number)
            }
            _ if rest[0] == b'.' => {
                self.at += 1;
                Kind::Punct(b'.')
            }
            _ => Kind::Word(self.word()),
        }
    }
}

/// The bytes that digits of 4 bits or 1 bit each make, with zeros before them; `None` for other digits.
fn number_of_bits(digits: &[u8], bits: usize) -> Option<Vec<u8>> {
    let per_byte = 8 / bits;
    let mut bytes = vec![0u8; digits.len().div_ceil(per_byte)];
    for (place, digit) in digits.iter().rev().enumerate() {
        let value = char::from(*digit).to_digit(1 << bits)?;
        let index = bytes.len() - 1 - place / per_byte;
        let shifted = value << (bits * (place % per_byte));
        *bytes.get_mut(index)? |= u8::try_from(shifted).ok()?;
    }
    Some(bytes)
}

/// Bytes of names without quotes; what is not ASCII counts as a letter.
fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80
}

/// Appends what a backslash and `byte` stand for in a string.
fn unescape(byte: u8, into: &mut Vec<u8>) {
    // These two stay escaped: LIKE wants to see the backslash.
    if matches!(byte, b'%' | b'_') {
        into.push(b'\\');
    }
    into.push(match byte {
        b'0' => 0,
        b'b' => 8,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'Z' => 0x1a,
        other => other,
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIALECT: Dialect = Dialect { version: 90_704, mariadb: false };

    fn kinds(sql: &str, dialect: Dialect) -> Result<Vec<Kind<'_>>, SqlError> {
        let mut lexer = Lexer::new(sql.as_bytes(), dialect);
        let mut kinds = Vec::new();
        loop {
            match lexer.next()?.kind {
                Kind::End => return Ok(kinds),
                kind => kinds.push(kind),
            }
        }
    }

    fn word(text: &str) -> Kind<'_> {
        Kind::Word(text.as_bytes())
    }

    fn text(text: &str) -> Kind<'_> {
        Kind::Text(Cow::Borrowed(text.as_bytes()))
    }

    #[test]
    fn comments_are_blanks() {
        for sql in ["a/**/b", "a -- x\nb", "a # x\nb", "a/* ' */b", "/*+ hint */a b-- ", "a\tb\n--"]
        {
            assert_eq!(kinds(sql, DIALECT).unwrap(), [word("a"), word("b")], "{sql}");
        }
        assert_eq!(kinds("a--b", DIALECT).unwrap().len(), 4, "no space after the dashes");
    }

    #[test]
    fn executable_comments_count_for_their_version() {
        let maria = Dialect { version: 101_106, mariadb: true };
        let cases = [
            ("/*! a */", DIALECT, true),
            ("/*!50000a*/", DIALECT, true),
            ("/*!090704 a*/", DIALECT, true),
            ("/*!99999 a*/", DIALECT, false),
            ("/*!100100 a*/", DIALECT, false),
            ("/*M! a*/", DIALECT, false),
            ("/*M! a*/", maria, true),
            ("/*!80000 a*/", maria, false),
            ("/*!100100 a*/", maria, true),
            ("/*M!50701 a*/", maria, true),
        ];
        for (sql, dialect, counts) in cases {
            let expected = if counts { vec![word("a")] } else { vec![] };
            assert_eq!(kinds(sql, dialect).unwrap(), expected, "{sql}");
        }
    }

    #[test]
    fn strings_and_quoted_names_keep_what_they_escape() {
        let cases = [
            (r"'a\'b'", "a'b"),
            ("'it''s'", "it's"),
            (r#""x""y""#, "x\"y"),
            (r"'\%\_\n\x'", "\\%\\_\nx"),
            ("''", ""),
            ("'a\"`b'", "a\"`b"),
        ];
        for (sql, expected) in cases {
            assert_eq!(kinds(sql, DIALECT).unwrap(), [text(expected)], "{sql}");
        }
        let quoted = Kind::Quoted(Cow::Borrowed(b"a\\`b"));
        assert_eq!(kinds(r"`a\``b`", DIALECT).unwrap(), [quoted]);
    }

    #[test]
    fn numbers_names_and_dots_are_told_apart() {
        let n = Kind::Number;
        let cases = [
            ("12", vec![n("12")]),
            ("1.50", vec![n("1.50")]),
            (".5", vec![n(".5")]),
            ("1e3 2E-4", vec![n("1e3"), n("2E-4")]),
            ("1e", vec![word("1e")]),
            ("5abc", vec![word("5abc")]),
            ("a.5", vec![word("a"), Kind::Punct(b'.'), n("5")]),
            ("@@x.y", vec![Kind::AtAt, word("x"), Kind::Punct(b'.'), word("y")]),
            ("@A.b:=@'C d'", vec![var("a.b"), Kind::Assign, var("c d")]),
        ];
        for (sql, expected) in cases {
            assert_eq!(kinds(sql, DIALECT).unwrap(), expected, "{sql}");
        }
    }

    fn var(name: &str) -> Kind<'_> {
        Kind::UserVariable(name.as_bytes().to_vec())
    }

    #[test]
    fn what_is_not_closed_is_an_error_that_points_at_its_start() {
        let cases = ["'a", "\"a", "`a", "/* a", "/*! a", "'a\\", "@'x", "/*", "/*/"];
        for sql in cases {
            let error = kinds(&format!("\n {sql}"), DIALECT).unwrap_err();
            assert_eq!(error.code, 1064, "{sql}");
            assert!(error.message.contains("line 2"), "{sql}: {error}");
        }
    }
}
