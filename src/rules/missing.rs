//! What a rule needs and the capture does not have: the one place where verdicts are held back.

use super::history::History;
use super::{GB, Needs, Rule};
use crate::model::Dir;

pub fn in_heads(holes: &[bool]) -> Option<&'static str> {
    holes.contains(&true).then_some(LOST)
}

pub fn inferred(history: &History) -> Option<&'static str> {
    history.inferred.then_some(NO_HANDSHAKE)
}

/// What a rule about frames needs and the capture does not have.
pub fn in_streams(rule: &Rule, dir: Dir, history: &History, doubt: bool) -> Option<&'static str> {
    let needs = rule.needs;
    if let Some(why) = inferred(history) {
        return Some(why);
    }
    if doubt || needs.has(Needs::NO_GAP) && history.side(dir).lost {
        return Some(LOST);
    }
    let other = dir.flip();
    // What may still show itself is judged at the end.
    let hidden = !needs.has(GB) && history.hidden(other);
    let lost = history.side(other).lost || hidden;
    (needs.has(Needs::BOTH) && lost).then_some(OTHER_LOST)
}

/// Whether there may be a rule about frames or messages of this direction that cannot be decided.
pub fn something(dir: Dir, history: &History) -> bool {
    let other = history.side(dir.flip());
    history.inferred || history.side(dir).lost || other.lost || other.doubt
}

/// What a rule about a whole session needs and the capture does not have.
pub fn at_end(rule: &Rule, dir: Dir, history: &History) -> Option<&'static str> {
    let needs = rule.needs;
    let ended = !needs.has(Needs::END) || history.ended();
    let tail = |dir| !needs.has(Needs::END) || history.tail_known(dir);
    in_streams(rule, dir, history, false).or(match () {
        () if !ended => Some(NO_END),
        () if needs.has(Needs::NO_GAP) && history.hidden(dir) => Some(DROPPED),
        () if needs.has(Needs::NO_GAP) && !tail(dir) => Some(TAIL),
        () if needs.has(Needs::WHOLE) && history.side(dir).hole => Some(LOST),
        () if needs.has(Needs::BOTH) && history.hidden(dir.flip()) => Some(OTHER_LOST),
        () if needs.has(Needs::BOTH) && !tail(dir.flip()) => Some(OTHER_TAIL),
        () => None,
    })
}

/// Whether a rule has anything to look at in this session.
pub fn applies(rule: &Rule, history: &History) -> bool {
    (!rule.needs.has(Needs::DEFLATE) || deflates(history))
        && (!rule.needs.has(Needs::TLS) || history.tls())
}

fn deflates(history: &History) -> bool {
    let agreed = history.open.as_ref().and_then(|(open, _)| open.deflate);
    agreed.is_some()
}

pub const LOST: &str = "the capture lost bytes of this direction";
pub const OTHER_LOST: &str = "the capture lost bytes of the other direction";
const DROPPED: &str = "packets were dropped, and what this side sent last may be among them";
const NO_HANDSHAKE: &str = "the opening handshake was not captured";
const TAIL: &str = "a reset leaves open what this side had sent last";
const OTHER_TAIL: &str = "a reset leaves open what the other side had sent last";
const NO_END: &str = "the end of the connection was not captured";
