//! Lessons: a capture, and what to see in it step by step, in English and in Chinese.
//!
//! A lesson is a file in `lessons/`, and nothing else: `lessons/README.md` says what may stand in it. Its
//! capture is a recorded one of `captures/`, or made to order by [`crate::forge`]. What a step states of its
//! capture is written down as a display filter too (`expect`), and [`Open::check`] asks it.
#![deny(clippy::disallowed_methods)]

mod copies;
mod data;
mod ladder;
mod show;
mod watch;

pub use data::{Lesson, Said, Show, Step};
pub use ladder::Row;
pub use watch::{Seen, Segment, Watched};

use crate::engine::{Replay, replay};
use crate::error::Error;
use crate::explain::{Explanation, Lang};
use crate::field::{Filter, View};
use crate::forge::Order;
use crate::model::{EventId, Limits, Loan};
use crate::sink::summary;
use std::sync::LazyLock;

mod embedded {
    include!(concat!(env!("OUT_DIR"), "/lessons.rs"));
}

/// Where a capture comes from.
#[derive(Clone, PartialEq, Debug)]
pub enum Source {
    /// A recorded one, by the name of its file.
    Recorded(String),
    /// Made to order.
    Forged(Box<Order>),
}

static LESSONS: LazyLock<Vec<Result<Lesson, String>>> = LazyLock::new(|| {
    let read = |&(name, text): &(&str, &str)| {
        Lesson::read(text).map_err(|why| format!("lessons/{name}: {why}"))
    };
    let mut lessons: Vec<_> = embedded::FILES.iter().map(read).collect();
    lessons.sort_by_key(|lesson| lesson.as_ref().map_or(0, |lesson| lesson.number));
    lessons
});

/// The lessons, in order of their numbers.
pub fn lessons() -> impl Iterator<Item = &'static Lesson> {
    LESSONS.iter().filter_map(|lesson| lesson.as_ref().ok())
}

/// What is wrong with the files of lessons: nothing, as a test sees to.
pub fn faults() -> impl Iterator<Item = &'static str> {
    LESSONS
        .iter()
        .filter_map(|lesson| lesson.as_ref().err().map(String::as_str))
}

/// A step with all that is to be seen of it.
#[derive(Clone, Debug)]
pub struct Slide {
    /// What it is called.
    pub title: String,
    /// What it says; paragraphs have an empty line between them.
    pub text: String,
    /// Where to read more, such as `RFC 6455 5.2`.
    pub see: Vec<String>,
    /// The dialogue, as a ladder.
    pub rows: Vec<Row>,
    /// What is worked out from the bytes: lines of at most [`Slide::WIDTH`] columns.
    pub panel: Vec<String>,
}

impl Slide {
    /// The widest line of a panel, columns.
    pub const WIDTH: usize = 76;
}

/// A lesson whose captures have been read.
#[derive(Debug)]
pub struct Open {
    lesson: &'static Lesson,
    /// Which capture each step looks at.
    of_step: Vec<usize>,
    watched: Vec<(Source, Watched)>,
}

impl Lesson {
    /// Reads its captures.
    ///
    /// # Errors
    /// A capture that is not there, or an order that cannot be met; a test sees to it that none fails.
    pub fn open(&'static self) -> Result<Open, Error> {
        let mut open = Open {
            lesson: self,
            of_step: Vec::new(),
            watched: Vec::new(),
        };
        for source in &self.sources() {
            let known = open.watched.iter().position(|(known, _)| known == source);
            let at = match known {
                Some(at) => at,
                None => {
                    open.watched.push((source.clone(), Watched::new(source)?));
                    open.watched.len() - 1
                }
            };
            open.of_step.push(at);
        }
        Ok(open)
    }
}

impl Source {
    /// The capture's bytes.
    ///
    /// # Errors
    /// It is not there, or cannot be made.
    pub fn bytes(&self) -> Result<Vec<u8>, Error> {
        let wrong = Error::Lesson;
        match self {
            Self::Recorded(name) => embedded::CAPTURES
                .iter()
                .find(|(known, _)| known == name)
                .map(|(_, bytes)| bytes.to_vec())
                .ok_or_else(|| wrong(format!("there is no capture {name}"))),
            Self::Forged(order) => {
                let forged = order.forge().map_err(|why| wrong(why.to_string()))?;
                let mut bytes = Vec::new();
                forged
                    .write(&mut bytes)
                    .map_err(|why| wrong(why.to_string()))?;
                Ok(bytes)
            }
        }
    }
}

impl Open {
    /// How many steps there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lesson.steps.len()
    }

    /// Whether there are none; a test sees to it that no lesson is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The captures, each with the first step that looks at it.
    pub fn captures(&self) -> impl Iterator<Item = (usize, &Source)> {
        let first = |at| self.of_step.iter().position(|&of| of == at);
        self.watched
            .iter()
            .enumerate()
            .filter_map(move |(at, (source, _))| Some((first(at)?, source)))
    }

    /// A step, from 0, as it is shown in a language; none behind the last one.
    #[must_use]
    pub fn slide(&self, nth: usize, lang: Lang) -> Option<Slide> {
        let step = self.lesson.steps.get(nth)?;
        let watched = self.watched_at(nth)?;
        let rows = step.rows.as_ref().or(self.lesson.rows.as_ref());
        let panel = step
            .show
            .iter()
            .flat_map(|show| show::panel(*show, &step.at, watched, lang))
            .collect();
        Some(Slide {
            title: step.title.in_lang(lang).to_owned(),
            text: step.text.in_lang(lang).trim().to_owned(),
            see: step.see.clone(),
            rows: ladder::rows(watched, rows, &step.at, step.data, lang),
            panel,
        })
    }

    /// What the events that a step points at mean; those that are there, in order.
    #[must_use]
    pub fn explained(&self, nth: usize, lang: Lang) -> Vec<Explanation> {
        let (Some(step), Some(watched)) = (self.lesson.steps.get(nth), self.watched_at(nth)) else {
            return Vec::new();
        };
        let told = step.at.iter();
        told.filter_map(|id| watched.explained(*id, lang)).collect()
    }

    /// What a step states and its capture does not show; empty where all is well.
    #[must_use]
    pub fn check(&self, nth: usize) -> Vec<String> {
        let (Some(step), Some(watched)) = (self.lesson.steps.get(nth), self.watched_at(nth)) else {
            return vec![format!("there is no step {nth}")];
        };
        let mut wrong = Vec::new();
        for id in &step.at {
            if watched.find(*id).is_none() {
                wrong.push(format!("there is no event {id}"));
            }
        }
        for (id, filter) in &step.expect {
            match watched.find(*id) {
                None => wrong.push(format!("there is no event {id}")),
                Some(seen) if !watched.passes(seen, filter) => {
                    wrong.push(format!("{id} is not {filter}"));
                }
                Some(_) => {}
            }
        }
        for (id, words) in &step.says {
            let line = watched
                .find(*id)
                .map(|seen| summary(&seen.event, &seen.flow, seen.loan()));
            if !line.as_ref().is_some_and(|line| line.contains(words)) {
                wrong.push(format!("of {id} it is not said that {words:?}: {line:?}"));
            }
        }
        for (filter, count) in &step.count {
            let found = watched
                .seen
                .iter()
                .filter(|seen| watched.passes(seen, filter))
                .count();
            if found != *count {
                wrong.push(format!("{found} events, not {count}, are {filter}"));
            }
        }
        wrong
    }

    fn watched_at(&self, nth: usize) -> Option<&Watched> {
        let at = *self.of_step.get(nth)?;
        self.watched.get(at).map(|(_, watched)| watched)
    }
}

impl Watched {
    /// The event with this id.
    #[must_use]
    pub fn find(&self, id: EventId) -> Option<&Seen> {
        self.seen.iter().find(|seen| seen.event.id == id)
    }

    /// Whether the event passes a filter.
    #[must_use]
    pub fn passes(&self, seen: &Seen, filter: &Filter) -> bool {
        filter.passes(&View {
            event: &seen.event,
            flow: &seen.flow,
            loan: seen.loan(),
            start: self.start,
        })
    }

    /// The bytes of an event as they were captured; empty where they are not.
    #[must_use]
    pub fn captured(&self, seen: &Seen) -> Vec<u8> {
        let again = |replay: Replay| {
            let bytes = replay.pieces.into_iter().flat_map(|piece| piece.bytes);
            bytes.collect()
        };
        replay(&mut self.capture(), Limits::default(), &seen.event)
            .ok()
            .flatten()
            .map(again)
            .unwrap_or_default()
    }
}

impl Seen {
    /// Its payload.
    #[must_use]
    pub fn loan(&self) -> Loan<'_> {
        Loan {
            bytes: &self.payload,
            unknown: &self.unknown,
        }
    }
}
