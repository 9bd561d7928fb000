//! The timeline as text: one line an event.

use super::{English, Words};
use crate::model::{
    Dir, Event, EventKind, Flow, Loan, Severity, Sink, Tcp, Timestamp, Verdict, Want, Ws,
};
use std::io::{self, Write};

/// Writes every event as one line: its id, seconds since the first packet, connection, direction,
/// and what happened. What could not be decided is left out.
#[derive(Debug)]
pub struct Text<W> {
    into: W,
    colour: bool,
    start: Option<Timestamp>,
    words: &'static dyn Words,
}

impl<W: Write> Text<W> {
    /// Writes into this, with ANSI colours or without.
    pub fn new(into: W, colour: bool) -> Self {
        Self {
            into,
            colour,
            start: None,
            words: &English,
        }
    }

    /// The same in these words.
    #[must_use]
    pub fn in_words(self, words: &'static dyn Words) -> Self {
        Self { words, ..self }
    }
}

impl<W: Write> Sink for Text<W> {
    fn want(&self) -> Want {
        Want {
            joined: true,
            ..Want::default()
        }
    }

    fn begin(&mut self, time: Timestamp) {
        self.start.get_or_insert(time);
    }

    fn event(&mut self, event: &Event, flow: &Flow, loan: Loan<'_>) -> io::Result<()> {
        if matches!(&event.kind, EventKind::Finding(it) if it.verdict == Verdict::Undecidable) {
            return Ok(());
        }
        let start = *self.start.get_or_insert(event.time);
        let seconds = event.time.since(start) as f64 / 1e9;
        let arrow = match event.dir {
            Some(Dir::C2s) => "→",
            Some(Dir::S2c) => "←",
            None => "·",
        };
        let (on, off) = if self.colour {
            (colour(event), "\x1b[0m")
        } else {
            ("", "")
        };
        let id = event.id.to_string();
        let conn = format!("#{}", event.conn);
        let summary = self.words.event(event, flow, loan);
        writeln!(
            self.into,
            "{id:>8} {seconds:>11.6} {conn:<4} {arrow} {on}{summary}{off}"
        )
    }
}

/// The colour of an event; its words say the same.
fn colour(event: &Event) -> &'static str {
    match (&event.kind, event.dir) {
        (EventKind::Anomaly(_), _) => "\x1b[31m",
        (EventKind::Finding(it), _) => match it.severity {
            Severity::Error => "\x1b[1;31m",
            Severity::Warning => "\x1b[33m",
            Severity::Note => "\x1b[2m",
        },
        (EventKind::Ws(Ws::Message(_)), Some(Dir::C2s)) => "\x1b[36m",
        (EventKind::Ws(Ws::Message(_)), _) => "\x1b[32m",
        (EventKind::Ws(Ws::Open(_) | Ws::Close(_)), _) => "\x1b[1m",
        (EventKind::Ws(Ws::Refused(_)), _) => "\x1b[33m",
        (EventKind::Ws(Ws::Frame(_)) | EventKind::Tcp(Tcp::Note(_)), _) => "\x1b[2m",
        (EventKind::Insight(_), _) => "\x1b[2m",
        (EventKind::Http(_) | EventKind::Tls(_) | EventKind::Tcp(_), _) => "",
    }
}
