//! Tokens → expression.

use super::super::registry::{Field, Type, find, nearest};
use super::lex::{Token, What, lex};
use super::literal::literal;
use super::{Expr, Item, Literal, Op, Problem, Test};
use std::ops::Range;

/// How deep parentheses and negations may go.
const DEPTH: usize = 100;

pub fn parse(text: &str) -> Result<Expr, Problem> {
    let mut parser = Parser {
        tokens: lex(text)?,
        next: 0,
        end: text.chars().count(),
        depth: 0,
    };
    if parser.tokens.is_empty() {
        return Err(parser.wrong("the filter is empty", None));
    }
    let expr = parser.any()?;
    match parser.peek() {
        None => Ok(expr),
        Some(What::Sign(")")) => Err(parser.wrong("this `)` closes nothing", None)),
        Some(_) => Err(parser.wrong(
            "two conditions need something between them",
            Some("`&&` or `||`".into()),
        )),
    }
}

struct Parser {
    tokens: Vec<Token>,
    next: usize,
    /// Characters of the text.
    end: usize,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> Option<&What> {
        self.tokens.get(self.next).map(|token| &token.what)
    }

    fn take(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.next).cloned();
        self.next += 1;
        token
    }

    /// Takes one of these signs or words, if it is next.
    fn eat(&mut self, any: &[&str]) -> bool {
        let is = match self.peek() {
            Some(What::Sign(sign)) => any.contains(sign),
            Some(What::Word(word)) => any.contains(&word.as_str()),
            _ => false,
        };
        self.next += usize::from(is);
        is
    }

    /// Where the next token is, or the end.
    fn here(&self) -> Range<usize> {
        self.tokens
            .get(self.next)
            .map_or(self.end..self.end, |token| token.at.clone())
    }

    fn wrong(&self, what: impl Into<String>, hint: Option<String>) -> Problem {
        Problem {
            at: self.here(),
            what: what.into(),
            hint,
        }
    }

    fn any(&mut self) -> Result<Expr, Problem> {
        let first = self.all()?;
        let mut list = vec![first];
        while self.eat(&["||", "or"]) {
            list.push(self.all()?);
        }
        Ok(one_or(list, Expr::Any))
    }

    fn all(&mut self) -> Result<Expr, Problem> {
        let first = self.not()?;
        let mut list = vec![first];
        while self.eat(&["&&", "and"]) {
            list.push(self.not()?);
        }
        Ok(one_or(list, Expr::All))
    }

    fn not(&mut self) -> Result<Expr, Problem> {
        if self.depth == DEPTH {
            return Err(self.wrong("nested too deeply", None));
        }
        self.depth += 1;
        let expr = if self.eat(&["!", "not"]) {
            Expr::Not(Box::new(self.not()?))
        } else if self.eat(&["("]) {
            let inner = self.any()?;
            if !self.eat(&[")"]) {
                return Err(self.wrong("a `)` is missing", None));
            }
            inner
        } else {
            self.test()?
        };
        self.depth -= 1;
        Ok(expr)
    }

    fn test(&mut self) -> Result<Expr, Problem> {
        let here = self.here();
        let field = match self.take().map(|token| token.what) {
            Some(What::Word(word)) => find(&word).ok_or_else(|| no_field(&word, here))?,
            Some(What::Text(_)) => {
                let hint = "the field comes first, as in websocket.payload.text contains \"…\"";
                return Err(Problem {
                    at: here,
                    what: "a field is missing before this text".into(),
                    hint: Some(hint.into()),
                });
            }
            Some(What::Sign(sign)) => {
                return Err(Problem {
                    at: here,
                    what: format!("a field is missing before `{sign}`"),
                    hint: None,
                });
            }
            None => {
                return Err(Problem {
                    at: here,
                    what: "a condition is missing at the end".into(),
                    hint: None,
                });
            }
        };
        let here = self.here();
        let op = match self.peek() {
            Some(What::Sign(sign)) => Op::read(sign),
            Some(What::Word(word)) => Op::read(word),
            _ => None,
        };
        let Some(op) = op else {
            return Ok(Expr::Has(field));
        };
        self.next += 1;
        fits(field, op, here)?;
        let with = if op == Op::In {
            self.set(field)?
        } else {
            vec![Item::One(self.value(field, op)?)]
        };
        Ok(Expr::Test(Test { field, op, with }))
    }

    fn value(&mut self, field: &'static Field, op: Op) -> Result<Literal, Problem> {
        match self.tokens.get(self.next) {
            None => Err(self.wrong(format!("a {} is missing at the end", field.ty.word()), None)),
            Some(token) => {
                let literal = literal(field, op, token)?;
                self.next += 1;
                Ok(literal)
            }
        }
    }

    /// `{1, 5..9}`
    fn set(&mut self, field: &'static Field) -> Result<Vec<Item>, Problem> {
        if !self.eat(&["{"]) {
            return Err(self.wrong("`in` needs a set", Some("such as {1, 5..9}".into())));
        }
        let mut items = Vec::new();
        loop {
            items.push(self.item(field)?);
            let comma = self.eat(&[","]);
            if self.eat(&["}"]) {
                return Ok(items);
            }
            if !comma && self.peek().is_none_or(|what| matches!(what, What::Sign(_))) {
                return Err(self.wrong("a `}` is missing", None));
            }
        }
    }

    fn item(&mut self, field: &'static Field) -> Result<Item, Problem> {
        let ordered = matches!(field.ty, Type::Number | Type::Span | Type::Time);
        let Some(Token {
            at,
            what: What::Word(word),
        }) = self.tokens.get(self.next)
        else {
            return self.value(field, Op::In).map(Item::One);
        };
        let Some((from, to)) = word.split_once("..").filter(|_| ordered) else {
            return self.value(field, Op::In).map(Item::One);
        };
        let middle = at.start + from.chars().count();
        let part = |text: &str, at: Range<usize>| {
            literal(
                field,
                Op::In,
                &Token {
                    at,
                    what: What::Word(text.into()),
                },
            )
        };
        let range = Item::Range(part(from, at.start..middle)?, part(to, middle + 2..at.end)?);
        self.next += 1;
        Ok(range)
    }
}

/// A list of one is that one.
fn one_or(mut list: Vec<Expr>, many: fn(Vec<Expr>) -> Expr) -> Expr {
    match (list.len(), list.pop()) {
        (1, Some(one)) => one,
        (_, Some(last)) => {
            list.push(last);
            many(list)
        }
        (_, None) => many(list),
    }
}

fn no_field(word: &str, at: Range<usize>) -> Problem {
    let hint = match (nearest(word), Op::read(word)) {
        (_, Some(_)) => "the field comes before it".into(),
        (Some(field), None) => format!("did you mean {}?", field.name),
        (None, None) => "`wscope fields` lists them".into(),
    };
    Problem {
        at,
        what: format!("no field is called {word:?}"),
        hint: Some(hint),
    }
}

/// Says what is wrong where they cannot be.
fn fits(field: &Field, op: Op, at: Range<usize>) -> Result<(), Problem> {
    let fine = can(field, op);
    if fine {
        return Ok(());
    }
    let signs: Vec<_> = operators(field).map(|op| op.sign()).collect();
    Err(Problem {
        at,
        what: format!(
            "{} is a {}: `{}` does not fit",
            field.name,
            field.ty.word(),
            op.sign()
        ),
        hint: Some(format!("it can be asked with {}", signs.join(" "))),
    })
}

/// The operators that fit a field.
pub fn operators(field: &Field) -> impl Iterator<Item = Op> {
    Op::ALL
        .iter()
        .map(|&(op, _, _)| op)
        .filter(|&op| can(field, op))
}

/// Whether values of the field can be compared in this way.
fn can(field: &Field, op: Op) -> bool {
    match op {
        Op::Eq | Op::Ne => true,
        Op::In => field.ty != Type::Bool,
        Op::Lt | Op::Le | Op::Gt | Op::Ge => {
            matches!(field.ty, Type::Number | Type::Span | Type::Time)
        }
        Op::Contains | Op::Matches => matches!(field.ty, Type::Text | Type::Bytes),
    }
}
