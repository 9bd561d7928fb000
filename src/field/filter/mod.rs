//! Display filters: which events to show.
//!
//! ```text
//! websocket.opcode == 1 && ip.addr == 10.0.0.0/8 && websocket.payload.text contains "price"
//! ```
//! A field alone asks whether it is there. Comparisons are `==` `!=` `<` `<=` `>` `>=` `contains` `matches`
//! (or `~`) and `in {…}`, also as words `eq ne lt le gt ge`; they join by `&&` `||` `!`, also as `and or not`.
//! Everything is checked before the run. A comparison with a field that an event does not have is false,
//! `!=` too; of a field with several values, one is enough (for `!=` none may be equal).

mod complete;
mod decide;
mod eval;
mod lex;
mod literal;
mod parse;
mod print;

#[cfg(test)]
mod tests;

pub use complete::{Completion, complete};

use super::registry::{Field, View};
use crate::model::{ConnId, Event, Flow, Loan};
use regex::bytes::Regex;
use std::fmt;
use std::net::IpAddr;
use std::ops::Range;

/// Characters that a filter may have.
const LONGEST: usize = 8192;

/// A filter that was read and checked.
///
/// ```
/// use wscope::field::Filter;
///
/// assert!(Filter::new("tcp.port in {80, 8000..8999}").is_ok());
/// let problem = Filter::new("tcp.port == http").unwrap_err();
/// assert_eq!(problem.at, 12..16);
/// ```
#[derive(Clone, PartialEq, Debug)]
pub struct Filter {
    expr: Expr,
}

impl Filter {
    /// Reads a filter.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn new(text: &str) -> Result<Self, Problem> {
        if text.chars().count() > LONGEST {
            return Err(Problem {
                at: LONGEST..LONGEST,
                what: format!("a filter has at most {LONGEST} characters"),
                hint: None,
            });
        }
        parse::parse(text).map(|expr| Self { expr })
    }

    /// Whether the event passes.
    #[must_use]
    pub fn passes(&self, view: &View<'_>) -> bool {
        eval::passes(&self.expr, view)
    }

    /// Whether the event passes, as far as that can be said without its payload; none where only that tells.
    #[must_use]
    pub fn decide(&self, view: &View<'_>) -> Option<bool> {
        decide::event(&self.expr, view)
    }

    /// Whether all events of a connection pass, or none does; none where each has to be asked.
    #[must_use]
    pub fn decide_conn(&self, conn: ConnId, flow: &Flow) -> Option<bool> {
        let event = Event::nothing_of(conn);
        let view = View {
            event: &event,
            flow,
            loan: Loan::default(),
            start: event.time,
        };
        decide::conn(&self.expr, &view)
    }

    /// Whether it can only be decided with the payload.
    #[must_use]
    pub fn needs_payload(&self) -> bool {
        self.expr.any(&mut |expr| match expr {
            Expr::Has(field) => field.payload,
            Expr::Test(test) => test.field.payload,
            Expr::Any(_) | Expr::All(_) | Expr::Not(_) => false,
        })
    }

    /// Whether it asks for any field that this says yes to.
    pub fn asks_for(&self, mut is: impl FnMut(&Field) -> bool) -> bool {
        self.expr.any(&mut |expr| match expr {
            Expr::Has(field) => is(field),
            Expr::Test(test) => is(test.field),
            Expr::Any(_) | Expr::All(_) | Expr::Not(_) => false,
        })
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.expr.fmt(f)
    }
}

/// What is wrong with a filter.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("column {}: {what}{}", at.start + 1, hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default())]
pub struct Problem {
    /// Where: characters from 0, end excluded.
    pub at: Range<usize>,
    /// What is wrong there.
    pub what: String,
    /// What may have been meant.
    pub hint: Option<String>,
}

/// An expression.
#[derive(Clone, PartialEq, Debug)]
enum Expr {
    /// One of these.
    Any(Vec<Expr>),
    /// All of these.
    All(Vec<Expr>),
    Not(Box<Expr>),
    /// The field is there.
    Has(&'static Field),
    Test(Test),
}

impl Expr {
    fn any(&self, is: &mut impl FnMut(&Self) -> bool) -> bool {
        is(self)
            || match self {
                Self::Any(list) | Self::All(list) => list.iter().any(|expr| expr.any(is)),
                Self::Not(inner) => inner.any(is),
                Self::Has(_) | Self::Test(_) => false,
            }
    }
}

/// A comparison.
#[derive(Clone, PartialEq, Debug)]
struct Test {
    field: &'static Field,
    op: Op,
    /// What it is compared with: one, but for `in`.
    with: Vec<Item>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Op {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    Contains,
    Matches,
    In,
}

/// A value, or a range of them with both ends.
#[derive(Clone, PartialEq, Debug)]
enum Item {
    One(Literal),
    Range(Literal, Literal),
}

/// A value that was typed.
#[derive(Clone, PartialEq, Debug)]
enum Literal {
    Bool(bool),
    Number(u64),
    Text(String),
    Bytes(Vec<u8>),
    /// An address, and how many of its bits count.
    Net(IpAddr, u8),
    /// Nanoseconds since 1970.
    Time(i64),
    /// Nanoseconds.
    Span(i64),
    Pattern(Pattern),
}

/// A regular expression; case does not matter unless it says `(?-i)`, as in Wireshark.
#[derive(Clone, Debug)]
struct Pattern {
    source: String,
    regex: Regex,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Op {
    /// Every operator, with its sign and the words for it.
    const ALL: &'static [(Self, &'static str, &'static str)] = &[
        (Self::Eq, "==", "eq"),
        (Self::Ne, "!=", "ne"),
        (Self::Le, "<=", "le"),
        (Self::Ge, ">=", "ge"),
        (Self::Lt, "<", "lt"),
        (Self::Gt, ">", "gt"),
        (Self::Contains, "contains", "contains"),
        (Self::Matches, "matches", "~"),
        (Self::In, "in", "in"),
    ];

    fn read(word: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(_, sign, name)| *sign == word || *name == word)
            .map(|&(op, _, _)| op)
    }

    fn sign(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|&&(op, _, _)| op == self)
            .map_or("", |&(_, sign, _)| sign)
    }
}
