//! What an expression says, once read.

use super::{Scope, Select, Value};

/// A value to compute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expr {
    /// A constant.
    Literal(Value),
    /// A hexadecimal or bit constant: a binary string, but a number where one is needed.
    Hex(Vec<u8>),
    /// `@name`, in lower case.
    User(Vec<u8>),
    /// `@name := value`
    AssignUser(Vec<u8>, Box<Self>),
    /// `@@[scope.]name`
    System {
        /// The scope, if one is named.
        scope: Option<Scope>,
        /// The name as written.
        name: String,
    },
    /// `name(args)`; some functions are written without parentheses.
    Call {
        /// The function's name as written.
        function: String,
        /// What it is applied to.
        args: Vec<Self>,
    },
    /// An operator and its operands.
    Operation(Operation, Vec<Self>),
    /// `(SELECT value)`
    Subquery(Box<Select>),
    /// A bare or qualified name, `*` included: nothing here has columns.
    Column(String),
}

/// What is done with operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// `-a`
    Negate,
    /// `NOT a`, `!a`
    Not,
    /// `~a`
    BitNot,
    /// `a + b`
    Add,
    /// `a - b`
    Subtract,
    /// `a * b`
    Multiply,
    /// `a / b`
    Divide,
    /// `a DIV b`
    IntegerDivide,
    /// `a % b`, `a MOD b`
    Modulo,
    /// `a | b`
    BitOr,
    /// `a & b`
    BitAnd,
    /// `a ^ b`
    BitXor,
    /// `a << b`
    ShiftLeft,
    /// `a >> b`
    ShiftRight,
    /// `a = b`
    Equal,
    /// `a <=> b`
    NullSafeEqual,
    /// `a <> b`
    NotEqual,
    /// `a < b`
    Less,
    /// `a <= b`
    LessOrEqual,
    /// `a > b`
    Greater,
    /// `a >= b`
    GreaterOrEqual,
    /// `a AND b`
    And,
    /// `a OR b`
    Or,
    /// `a XOR b`
    Xor,
    /// `a BETWEEN b AND c`
    Between,
    /// `a IN (b, …)`
    In,
    /// `a LIKE b [ESCAPE c]`
    Like,
    /// `a IS NULL`, `a IS UNKNOWN`
    IsNull,
    /// `a IS TRUE`
    IsTrue,
    /// `a IS FALSE`
    IsFalse,
    /// `CASE a WHEN b THEN c … ELSE d END`: the operands in this order, NULL where there is no `ELSE`.
    Case,
    /// `CASE WHEN a THEN b … ELSE c END`
    CaseWhen,
    /// `CAST(a AS type)`
    Cast(CastType),
    /// `BINARY a` and `a COLLATE …_bin`: compares byte by byte.
    Binary,
    /// `a + INTERVAL b unit`
    AddInterval(Unit),
    /// `a - INTERVAL b unit`
    SubtractInterval(Unit),
    /// `TIMESTAMPDIFF(unit, a, b)`
    TimestampDiff(Unit),
    /// `EXTRACT(unit FROM a)`
    Extract(Unit),
}

/// What a value is converted to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CastType {
    /// `SIGNED`
    Signed,
    /// `UNSIGNED`
    Unsigned,
    /// `DECIMAL(precision, scale)`
    Decimal(u8, u8),
    /// `DOUBLE`, `REAL`
    Double,
    /// `FLOAT`
    Float,
    /// `CHAR(length)`, without a length of any
    Char(Option<u32>),
    /// `BINARY(length)`
    Binary(Option<u32>),
    /// `DATE`
    Date,
    /// `TIME(decimals)`
    Time(u8),
    /// `DATETIME(decimals)`
    DateTime(u8),
    /// `YEAR`
    Year,
}

/// A unit of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// `MICROSECOND`
    Microsecond,
    /// `SECOND`
    Second,
    /// `MINUTE`
    Minute,
    /// `HOUR`
    Hour,
    /// `DAY`
    Day,
    /// `WEEK`
    Week,
    /// `MONTH`
    Month,
    /// `QUARTER`
    Quarter,
    /// `YEAR`
    Year,
}

impl Unit {
    const ALL: [(&str, Self); 9] = [
        ("MICROSECOND", Self::Microsecond),
        ("SECOND", Self::Second),
        ("MINUTE", Self::Minute),
        ("HOUR", Self::Hour),
        ("DAY", Self::Day),
        ("WEEK", Self::Week),
        ("MONTH", Self::Month),
        ("QUARTER", Self::Quarter),
        ("YEAR", Self::Year),
    ];

    /// The unit of this name, in any case.
    pub fn of_name(name: &str) -> Option<Self> {
        let name = if name.get(..8).is_some_and(|p| p.eq_ignore_ascii_case("SQL_TSI_")) {
            &name[8..]
        } else {
            name
        };
        let mut all = Self::ALL.iter();
        all.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, unit)| *unit)
    }
}

impl Expr {
    /// Calls `visit` with this expression and all in it.
    pub fn each<'a>(&'a self, visit: &mut dyn FnMut(&'a Self)) {
        visit(self);
        match self {
            Self::Call { args, .. } | Self::Operation(_, args) => {
                for arg in args {
                    arg.each(visit);
                }
            }
            Self::AssignUser(_, value) => value.each(visit),
            Self::Subquery(select) => {
                for item in &select.items {
                    item.expr.each(visit);
                }
                if let Some(condition) = &select.condition {
                    condition.each(visit);
                }
            }
            Self::Literal(_)
            | Self::Hex(_)
            | Self::User(_)
            | Self::System { .. }
            | Self::Column(_) => {}
        }
    }
}
