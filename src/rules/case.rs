//! A connection before the judge: what was said of it, what waits, what stays open.

use super::history::{At, History};
use super::judge::Table;
use super::missing::{self, LOST, OTHER_LOST};
use super::others::Others;
use super::{Check, Needs, Note, Rule, Scene};
use crate::model::{ConnId, Dir, EventKind, Finding, Flow, Place, SessionId, Severity, Verdict};
use std::collections::{BTreeMap, VecDeque};

/// A connection: its history, and what was said of it.
#[derive(Debug)]
pub struct Case {
    pub flow: Flow,
    pub history: History,
    /// How often a rule was found broken, by side.
    told: BTreeMap<(u16, Dir), u32>,
    /// What waits for the end: a byte of the other direction may turn out to be missing.
    held: Vec<(&'static Rule, Dir, Note, At)>,
    /// Rules that could not be decided, by side, and why.
    open: BTreeMap<(u16, Dir), (&'static Rule, &'static str)>,
}

impl Case {
    pub fn new(flow: Flow) -> Box<Self> {
        Box::new(Self {
            flow,
            history: History::default(),
            told: BTreeMap::new(),
            held: Vec::new(),
            open: BTreeMap::new(),
        })
    }

    pub fn undecided(&mut self, rule: &'static Rule, dir: Dir, why: &'static str) {
        self.open.entry((rule.number, dir)).or_insert((rule, why));
    }

    pub fn hold(&mut self, rule: &'static Rule, dir: Dir, note: Note, at: At) {
        let same = |&&(other, side, ..): &&(&Rule, Dir, Note, At)| {
            other.number == rule.number && side == dir
        };
        let count = self.held.iter().filter(same).count();
        if count < repeats(rule.severity) as usize {
            self.held.push((rule, dir, note, at));
        }
    }

    pub fn record(
        &mut self,
        rule: &'static Rule,
        dir: Dir,
        note: Note,
        at: At,
        said: &mut VecDeque<(Place, EventKind)>,
    ) {
        let mut text = note.text;
        let told = self.told.entry((rule.number, dir)).or_default();
        *told += 1;
        let limit = repeats(rule.severity);
        if *told > limit {
            return;
        }
        if *told == limit && limit > 1 {
            text.push_str("; what comes after this is not listed");
        }
        let at = note.at.unwrap_or(at);
        let breach = &mut dir.of_mut(&mut self.history.sides).breach;
        if rule.severity == Severity::Error && self.history.session.is_some() {
            breach.get_or_insert((at, rule.id));
        }
        self.say(rule, dir, Verdict::Fail, text, Some(at), said);
    }

    fn say(
        &self,
        rule: &'static Rule,
        dir: Dir,
        verdict: Verdict,
        text: String,
        at: Option<At>,
        said: &mut VecDeque<(Place, EventKind)>,
    ) {
        said.push_back(finding(rule, dir, verdict, text, self.history.session, at));
    }

    /// Nothing more comes: asks what only the end can answer, and says what cannot be decided.
    pub fn end(
        &mut self,
        conn: ConnId,
        table: &Table,
        others: &mut Others,
        said: &mut VecDeque<(Place, EventKind)>,
    ) {
        if self.history.session.is_some() {
            for (rule, dir, note, at) in std::mem::take(&mut self.held) {
                let other = dir.flip();
                match self.history.side(other).lost || self.history.hidden(other) {
                    true => self.undecided(rule, dir, OTHER_LOST),
                    false => self.record(rule, dir, note, at, said),
                }
            }
            let at = self.history.open.as_ref().map(|(_, at)| *at);
            for dir in Dir::BOTH {
                self.never_seen(table, dir);
                for &rule in table.end.iter().filter(|rule| rule.by.means(dir)) {
                    if !missing::applies(rule, &self.history) {
                        continue;
                    }
                    let Some(at) = self.history.last.or(at) else {
                        continue;
                    };
                    if let Some(why) = missing::at_end(rule, dir, &self.history) {
                        self.undecided(rule, dir, why);
                        continue;
                    }
                    let (Check::End(check) | Check::FrameAndEnd(_, _, check)) = rule.check else {
                        continue;
                    };
                    let scene = Scene {
                        history: &self.history,
                        others,
                        dir,
                        at,
                        conn,
                        flow: &self.flow,
                    };
                    if let Some(note) = check(&scene) {
                        self.record(rule, dir, note, at, said);
                    }
                }
            }
            super::close::remember(&self.history, &self.flow, others);
        }
        for (&(number, dir), &(rule, why)) in &self.open {
            if !self.told.contains_key(&(number, dir)) {
                self.say(rule, dir, Verdict::Undecidable, why.to_owned(), None, said);
            }
        }
    }

    /// Frames of this direction may have been lost: what was never seen cannot be judged.
    fn never_seen(&mut self, table: &Table, dir: Dir) {
        if !self.history.side(dir).lost {
            return;
        }
        let those = table.frame.0.all().chain(table.message.0.all());
        for rule in those.filter(|rule| rule.by.means(dir)) {
            // What takes other connections too is not looked for in one alone.
            if missing::applies(rule, &self.history) && !rule.needs.has(Needs::MANY) {
                self.undecided(rule, dir, LOST);
            }
        }
    }
}

/// A finding, and where it belongs.
pub fn finding(
    rule: &'static Rule,
    dir: Dir,
    verdict: Verdict,
    text: String,
    session: Option<SessionId>,
    at: Option<At>,
) -> (Place, EventKind) {
    let finding = Finding {
        rule: rule.id,
        number: rule.number,
        severity: rule.severity,
        verdict,
        session,
        side: dir,
        section: rule.section,
        text,
        cause: rule.cause,
        packets: at.map(|at| [at.first, at.packet]),
    };
    let place = match at {
        Some(at) => Place {
            about: Some(at.id),
            ..Place::at(dir, at.span).from(at.first)
        },
        None => Place {
            dir: Some(dir),
            ..Place::default()
        },
    };
    (place, EventKind::Finding(Box::new(finding)))
}

/// How often a finding of this severity is repeated for one session and side.
fn repeats(severity: Severity) -> u32 {
    match severity {
        Severity::Error => 10,
        Severity::Warning => 3,
        Severity::Note => 1,
    }
}
