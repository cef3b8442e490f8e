//! Words, names, strings and symbols of SQL.

use super::mode::SqlMode;

/// A piece of SQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Token {
    /// A keyword, a number or a name without quotes.
    Word(String),
    /// A name in backticks.
    Quoted(String),
    /// A string.
    Text(String),
    /// What stands in double quotes: a name with `ANSI_QUOTES`, else a string.
    Double(String),
    /// Anything else.
    Symbol(char),
}

impl Token {
    /// Whether it is this keyword.
    pub(crate) fn is_word(&self, word: &str) -> bool {
        matches!(self, Self::Word(text) if text.eq_ignore_ascii_case(word))
    }

    /// Whether it is any of these keywords.
    pub(crate) fn is_any(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.is_word(word))
    }

    /// The name that it is where a name must stand.
    pub(crate) fn into_name(self) -> Option<String> {
        match self {
            Self::Word(name) | Self::Quoted(name) | Self::Double(name) => Some(name),
            Self::Text(_) | Self::Symbol(_) => None,
        }
    }

    /// The text of what may be a name or a string.
    pub(crate) fn into_text(self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text),
            other => other.into_name(),
        }
    }
}

/// The verbs of statements that `WITH` and `ANALYZE` may stand in front of.
const VERBS: &[&str] = &["select", "insert", "update", "delete", "replace", "with"];

/// Cuts SQL into tokens. Comments are left out, but not what `/*!…*/` makes a part of it.
#[derive(Clone)]
pub(crate) struct Lexer<'a> {
    sql: &'a str,
    rest: &'a str,
    /// Where the token that was read last begins, in bytes.
    start: usize,
    peeked: Option<Option<Token>>,
    mode: SqlMode,
    conditional: bool,
}

impl<'a> Lexer<'a> {
    pub(crate) fn new(sql: &'a str) -> Self {
        let mode = SqlMode::default();
        Self { sql, rest: sql, start: 0, peeked: None, mode, conditional: false }
    }

    /// One that reads a statement from its verb on.
    pub(crate) fn at_verb(sql: &'a str, mode: SqlMode) -> Self {
        let mut lexer = Self::new(sql).with_mode(mode);
        lexer.pass_prefixes();
        lexer
    }

    pub(crate) fn with_mode(mut self, mode: SqlMode) -> Self {
        self.mode = mode;
        self
    }

    pub(crate) fn mode(&self) -> SqlMode {
        self.mode
    }

    pub(crate) fn set_mode(&mut self, mode: SqlMode) {
        self.mode = mode;
    }

    /// Whether there was something that MariaDB takes for a part of the statement, and MySQL for a comment, or
    /// that sets the SQL mode for the statement alone, so that it is not known which one it was read by. (Of what `/*!` makes a part from some version on a binlog has that mark only if the server was of one.)
    pub(crate) fn is_conditional(&self) -> bool {
        self.conditional
    }

    /// The characters of the token that was taken last, or of the next one if that was looked at since,
    /// with its quotes.
    pub(crate) fn raw(&self) -> &'a str {
        &self.sql[self.start..self.sql.len() - self.rest.len()]
    }

    /// All characters before the next token.
    pub(crate) fn before_next(&mut self) -> &'a str {
        match self.peek() {
            Some(_) => &self.sql[..self.start],
            None => self.sql,
        }
    }

    /// Takes a number without its sign, as it is written: it may be several tokens.
    pub(crate) fn take_number(&mut self) -> Option<&'a str> {
        self.peek()?;
        let text = &self.sql[self.start..];
        let digits = |at: usize| text[at..].bytes().take_while(u8::is_ascii_digit).count();
        let mut len = digits(0);
        if text[len..].starts_with('.') {
            len += 1 + digits(len + 1);
        }
        if !text[..len].contains(|c: char| c.is_ascii_digit()) {
            return None;
        }
        if text[len..].starts_with(['e', 'E']) {
            let sign = usize::from(text[len + 1..].starts_with(['+', '-']));
            let exponent = digits(len + 1 + sign);
            len += if exponent > 0 { 1 + sign + exponent } else { 0 };
        }
        if text[len..].starts_with(is_word) {
            return None;
        }
        self.peeked = None;
        self.rest = &text[len..];
        Some(&text[..len])
    }

    /// The line that reading has come to, from 1.
    pub(crate) fn line(&self) -> usize {
        let read = &self.sql[..self.sql.len() - self.rest.len()];
        1 + read.bytes().filter(|&b| b == b'\n').count()
    }

    pub(crate) fn peek(&mut self) -> Option<&Token> {
        if self.peeked.is_none() {
            self.peeked = Some(self.read());
        }
        self.peeked.as_ref().and_then(Option::as_ref)
    }

    pub(crate) fn next(&mut self) -> Option<Token> {
        match self.peeked.take() {
            Some(token) => token,
            None => self.read(),
        }
    }

    pub(crate) fn take_word(&mut self, word: &str) -> bool {
        self.take_if(|token| token.is_word(word))
    }

    pub(crate) fn take_symbol(&mut self, symbol: char) -> bool {
        self.take_if(|token| *token == Token::Symbol(symbol))
    }

    pub(crate) fn take_any(&mut self, words: &[&str]) -> bool {
        self.take_if(|token| token.is_any(words))
    }

    /// Passes over any of these words.
    pub(crate) fn pass(&mut self, words: &[&str]) {
        while self.take_any(words) {}
    }

    /// Whether the next token is any of these words.
    pub(crate) fn is_next(&mut self, words: &[&str]) -> bool {
        self.peek().is_some_and(|token| token.is_any(words))
    }

    fn take_if(&mut self, wanted: impl Fn(&Token) -> bool) -> bool {
        let found = self.peek().is_some_and(wanted);
        if found {
            self.next();
        }
        found
    }

    /// Goes to the verb of a statement: `WITH` and what it names, `ANALYZE`, `SET STATEMENT … FOR` and
    /// parentheses may stand in front of it.
    pub(crate) fn pass_prefixes(&mut self) {
        loop {
            let start = self.clone();
            let passed = if self.take_word("set") {
                self.take_word("statement") && self.go_to(&["for"]) && self.take_word("for")
            } else if self.take_word("analyze") {
                self.pass_analyze()
            } else if self.take_word("with") {
                self.go_to(VERBS)
            } else {
                self.take_symbol('(')
            };
            if !passed {
                *self = start;
                return;
            }
        }
    }

    /// Whether what follows `ANALYZE` is a statement that is run.
    fn pass_analyze(&mut self) -> bool {
        if self.take_word("format") {
            self.take_symbol('=');
            self.next();
        }
        self.is_next(VERBS) || self.peek() == Some(&Token::Symbol('('))
    }

    /// Goes to any of these words outside of parentheses; says whether there is one.
    fn go_to(&mut self, words: &[&str]) -> bool {
        let mut depth = 0_usize;
        while let Some(token) = self.peek() {
            match token {
                Token::Symbol('(') => depth += 1,
                Token::Symbol(')') => depth = depth.saturating_sub(1),
                token if depth == 0 && token.is_any(words) => return true,
                token if token.is_word("sql_mode") => self.conditional = true,
                _ => {}
            }
            self.next();
        }
        false
    }

    /// Goes behind the semicolon that ends the statement.
    pub(crate) fn skip_statement(&mut self) {
        while let Some(token) = self.next() {
            if token == Token::Symbol(';') {
                break;
            }
        }
    }

    fn read(&mut self) -> Option<Token> {
        self.skip_space();
        self.start = self.sql.len() - self.rest.len();
        let first = self.rest.chars().next()?;
        match first {
            '`' => Some(Token::Quoted(self.quoted('`', false))),
            '\'' => Some(Token::Text(self.quoted(first, !self.mode.no_backslash_escapes))),
            '"' => {
                let mode = self.mode;
                let escapes = !mode.ansi_quotes && !mode.no_backslash_escapes;
                Some(Token::Double(self.quoted(first, escapes)))
            }
            c if is_word(c) => {
                let len = self.rest.find(|c| !is_word(c)).unwrap_or(self.rest.len());
                Some(Token::Word(self.advance(len).to_owned()))
            }
            c => {
                self.advance(c.len_utf8());
                Some(Token::Symbol(c))
            }
        }
    }

    fn skip_space(&mut self) {
        loop {
            self.rest = self.rest.trim_start_matches(is_space);
            let len = if self.rest.starts_with("/*!") || self.rest.starts_with("/*M!") {
                // The version behind it counts as well.
                let mark = self.rest.find('!').map_or(0, |at| at + 1);
                let digits = self.rest[mark..].find(|c: char| !c.is_ascii_digit()).unwrap_or(0);
                self.conditional |= self.rest.starts_with("/*M!");
                mark + digits
            } else if self.rest.starts_with("*/") {
                2
            } else if self.rest.starts_with("/*") {
                self.rest.find("*/").map_or(self.rest.len(), |end| end + 2)
            } else if self.rest.starts_with('#') || is_dashes(self.rest) {
                self.rest.find('\n').unwrap_or(self.rest.len())
            } else {
                return;
            };
            self.advance(len);
        }
    }

    /// A string's or name's characters. Doubled quotes are one; a missing one at the end is none.
    fn quoted(&mut self, quote: char, escapes: bool) -> String {
        let mut text = String::new();
        let mut chars = self.rest.char_indices().skip(1).peekable();
        let mut end = self.rest.len();
        while let Some((at, c)) = chars.next() {
            if c == quote {
                if chars.peek().is_some_and(|&(_, next)| next == quote) {
                    chars.next();
                } else {
                    end = at + 1;
                    break;
                }
            }
            if c == '\\' && escapes {
                if let Some((_, escaped)) = chars.next() {
                    // Those stay escaped, for LIKE.
                    text.extend(matches!(escaped, '%' | '_').then_some('\\'));
                    text.push(unescape(escaped));
                }
            } else {
                text.push(c);
            }
        }
        self.advance(end);
        text
    }

    fn advance(&mut self, len: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(len);
        self.rest = rest;
        taken
    }
}

/// Names without quotes have any character beyond ASCII.
fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '$' || !c.is_ascii()
}

fn is_space(c: char) -> bool {
    c.is_ascii_whitespace() || c == '\u{b}'
}

/// Whether a comment begins with two dashes: behind them is a space or a control character, or nothing.
fn is_dashes(text: &str) -> bool {
    let behind = text.strip_prefix("--").map(|rest| rest.chars().next());
    behind.is_some_and(|next| next.is_none_or(|c| c == ' ' || c.is_ascii_control()))
}

fn unescape(c: char) -> char {
    match c {
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        '0' => '\0',
        'b' => '\u{8}',
        'Z' => '\u{1a}',
        other => other,
    }
}
