//! Answers that send the client elsewhere, and what it did next: on this connection or on another.

use super::Rule;
use super::case::finding;
use super::fields::show;
use super::history::At;
use crate::model::{ConnId, Dir, EventKind, Flow, Place, Request, Verdict};
use std::collections::VecDeque;
use std::fmt::Write as _;

/// What waits for the next request of its client, or for the end.
#[derive(Debug)]
struct Refused {
    conn: ConnId,
    flow: Flow,
    rule: &'static Rule,
    text: String,
    at: At,
    followed: bool,
}

/// All of them, the oldest first.
#[derive(Debug, Default)]
pub struct Refusals(VecDeque<Refused>);

/// How many may wait; more are not told.
const MOST: usize = 4096;

/// How long after an answer a request still belongs to it, nanoseconds.
const SOON: i64 = 60_000_000_000;

impl Refusals {
    /// Such an answer came.
    pub fn add(&mut self, conn: ConnId, flow: Flow, rule: &'static Rule, text: String, at: At) {
        if self.0.len() < MOST {
            self.0.push_back(Refused {
                conn,
                flow,
                rule,
                text,
                at,
                followed: false,
            });
        }
    }

    /// A request came: it may be what a client did next.
    pub fn asked(&mut self, conn: ConnId, flow: &Flow, request: &Request, at: At) {
        // Of several that wait, the one that was answered last.
        let waits = self.0.iter_mut().rev().find(|it| {
            let since = at.time.since(it.at.time);
            !it.followed && it.flow.client.ip == flow.client.ip && (0..SOON).contains(&since)
        });
        let Some(refused) = waits else {
            return;
        };
        refused.followed = true;
        let since = at.time.since(refused.at.time) / 1_000_000;
        let has = |name| request.all(name).next().is_some();
        let with = match (has("authorization"), has("cookie")) {
            (true, _) => " with credentials",
            (false, true) => " with a cookie",
            (false, false) => "",
        };
        let here = match conn == refused.conn {
            true => "on the same connection",
            false => "on another connection",
        };
        // Writing into a string does not fail.
        let _ = write!(
            refused.text,
            "; {since} ms later the same address asked for {}{with}, {here} (event {})",
            show(&request.target),
            at.id
        );
    }

    /// The next one, now that the capture is over.
    pub fn next(&mut self) -> Option<(ConnId, Flow, Place, EventKind)> {
        let Refused {
            conn,
            flow,
            rule,
            mut text,
            at,
            followed,
        } = self.0.pop_front()?;
        if !followed {
            text.push_str("; no further request from there was captured within a minute");
        }
        let (place, kind) = finding(rule, Dir::S2c, Verdict::Fail, text, None, Some(at));
        Some((conn, flow, place, kind))
    }
}
