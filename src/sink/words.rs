//! What text output is worded with: English by itself, another language from outside.

use super::told::CostRow;
use super::{Escaped, summary};
use crate::model::{Cost, Event, Flow, Loan};
use std::fmt::{self, Display, Write as _};

/// A value for a placeholder.
pub type Value<'a> = (&'a str, &'a dyn Display);

/// A language that text output is written in.
pub trait Words: fmt::Debug {
    /// An event in one line, without control characters.
    fn event(&self, event: &Event, flow: &Flow, loan: Loan<'_>) -> String;

    /// Bytes on the wire by layer: only what there was.
    fn cost(&self, cost: &Cost) -> String;

    /// A text that is known by its English, with its values.
    fn say(&self, english: &'static str, values: &[Value<'_>]) -> String;

    /// A sentence that was put together in English.
    fn said(&self, english: &str) -> String;
}

/// English: everything as it is.
#[derive(Clone, Copy, Debug)]
pub struct English;

impl Words for English {
    fn event(&self, event: &Event, flow: &Flow, loan: Loan<'_>) -> String {
        summary(event, flow, loan)
    }

    fn cost(&self, cost: &Cost) -> String {
        CostRow(cost).to_string()
    }

    fn say(&self, english: &'static str, values: &[Value<'_>]) -> String {
        fill(english, values)
    }

    fn said(&self, english: &str) -> String {
        english.to_owned()
    }
}

/// Puts values into a text.
#[must_use]
pub fn fill(text: &str, values: &[Value<'_>]) -> String {
    let mut out = String::with_capacity(text.len() + 32);
    let mut value = String::new();
    for piece in pieces(text) {
        let (name, words) = match piece {
            Piece::Plain(plain) => {
                out.push_str(plain);
                continue;
            }
            Piece::Value(name) => (name, None),
            Piece::Plural { name, one, many } => (name, Some((one, many))),
        };
        let Some((_, known)) = values.iter().find(|(known, _)| *known == name) else {
            debug_assert!(false, "{name} has no value in {text:?}");
            out.extend(["{", name, "}"]);
            continue;
        };
        value.clear();
        // Writing to a string does not fail.
        let _ = write!(value, "{known}");
        cut(&mut value);
        match words {
            Some((one, many)) => out.push_str(if value == "1" { one } else { many }),
            None => {
                let _ = write!(out, "{}", Escaped(&value));
            }
        }
    }
    out
}

/// Characters of a value that are shown; there is no text that needs more.
const LONGEST: usize = 600;

fn cut(value: &mut String) {
    if value.len() > LONGEST
        && let Some((at, _)) = value.char_indices().nth(LONGEST)
    {
        value.truncate(at);
        value.push('…');
    }
}

/// The names of a text's placeholders, in order, each once.
#[must_use]
pub fn placeholders(text: &str) -> Vec<&str> {
    let mut names: Vec<_> = pieces(text)
        .filter_map(|piece| match piece {
            Piece::Plain(_) => None,
            Piece::Value(name) | Piece::Plural { name, .. } => Some(name),
        })
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// A part of a text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Piece<'a> {
    /// What stands there itself.
    Plain(&'a str),
    /// A value by its name.
    Value(&'a str),
    /// A word for one, or for another number.
    Plural {
        /// The value that counts.
        name: &'a str,
        /// Where it is 1.
        one: &'a str,
        /// Elsewhere.
        many: &'a str,
    },
}

/// Cuts a text at its placeholders; a brace that opens none is plain.
pub fn pieces(mut text: &str) -> impl Iterator<Item = Piece<'_>> {
    std::iter::from_fn(move || {
        if text.is_empty() {
            return None;
        }
        if let Some(inner) = text.strip_prefix('{')
            && let Some((name, rest)) = inner.split_once('}')
        {
            text = rest;
            let mut parts = name.split('|');
            return Some(match (parts.next(), parts.next(), parts.next()) {
                (Some(name), Some(one), Some(many)) => Piece::Plural { name, one, many },
                _ => Piece::Value(name),
            });
        }
        let first = text.chars().next().map_or(0, char::len_utf8);
        let end = text
            .get(first..)
            .and_then(|rest| rest.find('{'))
            .map_or(text.len(), |at| at + first);
        let (plain, rest) = text.split_at(end);
        text = rest;
        Some(Piece::Plain(plain))
    })
}
