//! Words, names, strings and symbols of SQL.

/// A piece of SQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Token {
    /// A keyword, a number or a name without quotes.
    Word(String),
    /// A name in backticks.
    Quoted(String),
    /// A string in quotes of either kind.
    Text(String),
    /// Anything else.
    Symbol(char),
}

impl Token {
    /// Whether it is this keyword.
    pub(crate) fn is_word(&self, word: &str) -> bool {
        matches!(self, Self::Word(text) if text.eq_ignore_ascii_case(word))
    }
}

/// Cuts SQL into tokens. Comments are left out, but not what `/*!…*/` makes a part of it.
pub(crate) struct Lexer<'a> {
    sql: &'a str,
    rest: &'a str,
    peeked: Option<Option<Token>>,
}

impl<'a> Lexer<'a> {
    pub(crate) fn new(sql: &'a str) -> Self {
        Self { sql, rest: sql, peeked: None }
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

    fn take_if(&mut self, wanted: impl Fn(&Token) -> bool) -> bool {
        let found = self.peek().is_some_and(wanted);
        if found {
            self.next();
        }
        found
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
        let first = self.rest.chars().next()?;
        match first {
            '`' => Some(Token::Quoted(self.quoted('`', false))),
            '\'' | '"' => Some(Token::Text(self.quoted(first, true))),
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
            self.rest = self.rest.trim_start();
            let len = if self.rest.starts_with("/*!") || self.rest.starts_with("/*M!") {
                // The version behind it counts as well.
                let mark = self.rest.find('!').map_or(0, |at| at + 1);
                let digits = self.rest[mark..].find(|c: char| !c.is_ascii_digit());
                mark + digits.unwrap_or(0)
            } else if self.rest.starts_with("*/") {
                2
            } else if self.rest.starts_with("/*") {
                self.rest.find("*/").map_or(self.rest.len(), |end| end + 2)
            } else if self.rest.starts_with("-- ") || self.rest.starts_with('#') {
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

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
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
