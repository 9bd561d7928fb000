//! How what was typed so far may go on.

use super::super::registry::{FIELDS, Field, Type, find};
use super::Op;
use super::lex::{Token, What, lex};
use super::parse::operators;

/// One way to go on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Completion {
    /// The character from which on it replaces what stands there, up to the cursor.
    pub from: usize,
    /// What to put there.
    pub text: &'static str,
    /// What it means.
    pub doc: &'static str,
}

/// How the beginning of a filter, up to the cursor, may go on: the likeliest first.
#[must_use]
pub fn complete(before: &str) -> Vec<Completion> {
    let end = before.chars().count();
    let Ok(mut tokens) = lex(before) else {
        return Vec::new();
    };
    // A word that touches the cursor is what is being typed.
    let touching = tokens
        .last()
        .is_some_and(|token| token.at.end == end && matches!(token.what, What::Word(_)));
    let typed = if touching { tokens.pop() } else { None };
    let (from, word) = match typed {
        Some(Token {
            at,
            what: What::Word(word),
        }) => (at.start, word),
        _ => (end, String::new()),
    };
    let make = |(text, doc)| Completion { from, text, doc };
    match place(&tokens) {
        Place::Field => fields(&word)
            .map(|field| make((field.name, field.doc)))
            .collect(),
        Place::Operator(field) => operators(field)
            .map(Op::sign)
            .filter(|sign| sign.starts_with(&word))
            .map(|sign| make((sign, "")))
            .chain(joints(&word).map(make))
            .collect(),
        Place::Value(field) => {
            let truth: &[(&str, u64)] = if field.ty == Type::Bool {
                &[("true", 1), ("false", 0)]
            } else {
                &[]
            };
            let words = field.words.iter().chain(truth);
            words
                .filter(|(name, _)| name.starts_with(&word))
                .map(|(name, _)| make((*name, "")))
                .collect()
        }
        Place::Joint => joints(&word).map(make).collect(),
        Place::Set => Vec::new(),
    }
}

fn joints(word: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    [("&&", "both"), ("||", "either")]
        .into_iter()
        .filter(move |_| word.is_empty())
}

/// Fields whose names begin so, then those that have the word somewhere.
fn fields(word: &str) -> impl Iterator<Item = &'static Field> {
    let word = word.to_ascii_lowercase();
    let begins = {
        let word = word.clone();
        FIELDS
            .iter()
            .filter(move |field| field.name.starts_with(&word))
    };
    begins.chain(
        FIELDS
            .iter()
            .filter(move |field| field.name.contains(&word) && !field.name.starts_with(&word)),
    )
}

enum Place {
    Field,
    Operator(&'static Field),
    Value(&'static Field),
    /// Inside `{…}`, or where nothing fits.
    Set,
    Joint,
}

/// What comes after these tokens.
fn place(tokens: &[Token]) -> Place {
    let mut place = Place::Field;
    for token in tokens {
        let word = match &token.what {
            What::Word(word) => word.as_str(),
            What::Sign(sign) => sign,
            What::Text(_) => "\"",
        };
        place = match (place, word) {
            (Place::Field, "!" | "not" | "(") => Place::Field,
            (Place::Field, word) => match find(word) {
                Some(field) => Place::Operator(field),
                None => return Place::Set,
            },
            (Place::Operator(_) | Place::Joint, "&&" | "and" | "||" | "or") => Place::Field,
            (Place::Operator(_) | Place::Joint, ")") => Place::Joint,
            (Place::Operator(field), word) => match Op::read(word) {
                Some(Op::In) => Place::Set,
                Some(_) => Place::Value(field),
                None => return Place::Set,
            },
            (Place::Value(_), _) | (Place::Set, "}") => Place::Joint,
            (Place::Set, _) => Place::Set,
            (Place::Joint, _) => return Place::Set,
        };
    }
    place
}
