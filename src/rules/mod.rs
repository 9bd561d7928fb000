//! What RFC 6455 and RFC 7692 ask of both sides, and who keeps it.
//!
//! A [`Rule`] is one literal: its name, its section, what must have been seen before it may speak,
//! and a plain function that looks at one thing. The [`Judge`] tells the functions what happened
//! and puts their answers on the timeline. Rules see events only: no rule ever parses a stream, and
//! none can blame a peer for what the capture lost.
#![deny(clippy::disallowed_methods)]

mod answer;
mod case;
mod close;
mod deflate;
mod fields;
mod frame;
mod handshake;
mod history;
mod judge;
mod legs;
mod message;
mod missing;
mod on;
mod others;
mod ping;
mod refused;
mod secrets;

pub use judge::Judge;

use crate::model::{ConnId, Dir, Flow, Message, Open, Request, Response, Severity};
use history::{At, History};
use on::{OnFrame, OnMessage};
use others::Others;

/// What one side, or both, must or should do.
#[derive(Debug)]
pub struct Rule {
    /// Its number in the catalogue.
    pub number: u16,
    /// Its name.
    pub id: &'static str,
    /// The section of the specification.
    pub section: &'static str,
    /// How bad it is to break it.
    pub severity: Severity,
    /// Whose duty it is.
    pub by: By,
    /// What must have been seen before it may speak.
    pub needs: Needs,
    /// The rule itself.
    pub title: &'static str,
    /// Why it is there, one sentence.
    pub why: &'static str,
    /// What usually causes a breach, one sentence.
    pub cause: &'static str,
    check: Check,
}

/// Whose duty a rule is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum By {
    /// The client's.
    Client,
    /// The server's.
    Server,
    /// Whoever sends.
    Either,
}

impl By {
    /// Whether the sender of this direction is meant.
    #[must_use]
    pub fn means(self, dir: Dir) -> bool {
        match self {
            Self::Client => dir == Dir::C2s,
            Self::Server => dir == Dir::S2c,
            Self::Either => true,
        }
    }

    /// The words for it.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
            Self::Either => "either side",
        }
    }
}

/// What must have been seen before a rule may speak, as flags.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Needs(u16);

impl Needs {
    /// The opening handshake was captured.
    pub const HANDSHAKE: Self = Self(1);
    /// No hole in that direction hides what the rule looks at.
    pub const NO_GAP: Self = Self(2);
    /// The same of the other direction.
    pub const BOTH: Self = Self(4);
    /// The end of the connection was captured.
    pub const END: Self = Self(8);
    /// Several connections.
    pub const MANY: Self = Self(16);
    /// permessage-deflate was agreed.
    pub const DEFLATE: Self = Self(32);
    /// No byte of that direction is missing, wherever it lies.
    pub const WHOLE: Self = Self(64);
    /// It lies inside TLS.
    pub const TLS: Self = Self(128);

    /// All flags with their words, in order.
    const WORDS: [(Self, &'static str); 8] = [
        (Self::HANDSHAKE, "the opening handshake"),
        (Self::NO_GAP, "every byte of that direction up to there"),
        (Self::BOTH, "both directions"),
        (Self::END, "the end of the connection"),
        (Self::MANY, "several connections"),
        (Self::DEFLATE, "permessage-deflate agreed"),
        (Self::WHOLE, "every byte of that direction to its end"),
        (Self::TLS, "TLS around it"),
    ];

    /// These and those.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether these are among them.
    #[must_use]
    pub fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The words for them.
    pub fn words(self) -> impl Iterator<Item = &'static str> {
        Self::WORDS
            .into_iter()
            .filter(move |&(flag, _)| self.has(flag))
            .map(|(_, word)| word)
    }
}

const H: Needs = Needs::HANDSHAKE;
const G: Needs = Needs::NO_GAP;
const HG: Needs = H.and(G);
const HX: Needs = H.and(Needs::MANY);
const HB: Needs = H.and(Needs::BOTH);
const GB: Needs = G.and(Needs::BOTH);
const GZ: Needs = G.and(Needs::END);
const BZ: Needs = GB.and(Needs::END);
const DG: Needs = Needs::DEFLATE.and(HG);

/// What a rule looks at, and the function that looks.
#[derive(Debug)]
enum Check {
    /// A request that asks for WebSocket.
    Request(fn(&Request, &Scene<'_>) -> Option<Note>),
    /// The answer to such a request.
    Answer(fn(&Response, &Scene<'_>) -> Option<Note>),
    /// The extensions of a request or of a 101, where they follow the grammar.
    Extensions(fn(&[fields::Extension], &Scene<'_>) -> Option<Note>),
    /// The upgrade that both agreed on.
    Open(fn(&Open, &Scene<'_>) -> Option<Note>),
    /// A frame with one of these marks, before it is part of the history.
    Frame(
        OnFrame,
        fn(&crate::model::Frame, &Scene<'_>) -> Option<Note>,
    ),
    /// A message with one of these marks, before it is part of the history.
    Message(OnMessage, fn(&Message, &[u8], &Scene<'_>) -> Option<Note>),
    /// The end of the connection, once for each side: what its sender did in all.
    End(fn(&Scene<'_>) -> Option<Note>),
    /// A frame with one of these marks, and the end as well, which may show more.
    FrameAndEnd(
        OnFrame,
        fn(&crate::model::Frame, &Scene<'_>) -> Option<Note>,
        fn(&Scene<'_>) -> Option<Note>,
    ),
    /// The answer to such a request, told together with what the client did next.
    Next(fn(&Response, &Scene<'_>) -> Option<Note>),
}

/// What a check may look at besides its own thing.
struct Scene<'a> {
    /// What happened in this connection before.
    history: &'a History,
    /// What happened in others.
    others: &'a Others,
    /// Whose doing is looked at.
    dir: Dir,
    /// The event that is looked at.
    at: At,
    conn: ConnId,
    flow: &'a Flow,
}

impl Scene<'_> {
    /// The history of the side that is looked at.
    fn mine(&self) -> &history::Side {
        self.history.side(self.dir)
    }

    /// The history of the other side.
    fn theirs(&self) -> &history::Side {
        self.history.side(self.dir.flip())
    }

    fn me(&self) -> &'static str {
        self.dir.sender()
    }
}

/// What a check has to say.
#[derive(Debug)]
struct Note {
    /// What was seen.
    text: String,
    /// Another event than the one looked at.
    at: Option<At>,
}

impl Note {
    /// Broken on the evidence of an earlier event.
    fn at(self, at: At) -> Self {
        Self {
            at: Some(at),
            ..self
        }
    }
}

/// The rule is broken.
fn note(text: impl Into<String>) -> Note {
    Note {
        text: text.into(),
        at: None,
    }
}

/// Every rule, in the order of the catalogue.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    const TABLES: [&[Rule]; 7] = [
        handshake::RULES,
        answer::RULES,
        frame::RULES,
        message::RULES,
        ping::RULES,
        close::RULES,
        deflate::RULES,
    ];
    TABLES.into_iter().flatten()
}

/// The rule with this name or number.
#[must_use]
pub fn find(word: &str) -> Option<&'static Rule> {
    rules().find(|rule| rule.id.eq_ignore_ascii_case(word) || word.parse() == Ok(rule.number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_is_whole_and_in_order() {
        let numbers: Vec<_> = rules().map(|rule| rule.number).collect();
        assert_eq!(numbers, (1..=127).collect::<Vec<_>>());
        let mut ids: Vec<_> = rules().map(|rule| rule.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 127);
    }

    #[test]
    fn every_rule_says_what_why_and_whence() {
        for rule in rules() {
            assert!(rule.id.starts_with("WS-"), "{}", rule.id);
            for text in [rule.title, rule.why, rule.cause] {
                assert!(
                    text.len() > 10 && !text.ends_with('.'),
                    "{}: {text}",
                    rule.id
                );
            }
            assert!(
                rule.section.starts_with("RFC ") || rule.section == "practice",
                "{}",
                rule.id
            );
        }
    }
}
