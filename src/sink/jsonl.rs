//! JSON Lines: one object a line, as the output contract says.

use super::line::Line;
use crate::field;
use crate::model::{Clock, Event, Flow, Loan, Sink, Want};
use std::io::{self, Write};

/// Writes every event as one line of JSON.
#[derive(Debug)]
pub struct Jsonl<W> {
    into: W,
    line: Line,
    clock: Clock,
}

impl<W: Write> Jsonl<W> {
    /// Writes into this; one call of `write_all` per line.
    pub fn new(into: W) -> Self {
        Self {
            into,
            line: Line::default(),
            clock: Clock::default(),
        }
    }
}

impl<W: Write> Sink for Jsonl<W> {
    fn want(&self) -> Want {
        Want {
            joined: true,
            ..Want::default()
        }
    }

    fn event(&mut self, event: &Event, flow: &Flow, loan: Loan<'_>) -> io::Result<()> {
        let line = &mut self.line;
        // What every line has, keys and commas in one go.
        line.begin();
        line.put(b"\"event\":\"");
        line.put(event.kind.word().as_bytes());
        line.put(b"\",\"id\":\"");
        line.id(event.id);
        line.put(b"\",\"time\":\"");
        line.put(self.clock.write(event.time));
        line.put(b"\",\"packet\":");
        line.digits(event.packet.get());
        line.put(b",\"conn\":");
        line.digits(event.conn.0.into());
        line.put(b",\"client\":");
        line.endpoint(flow.client);
        line.put(b",\"server\":");
        line.endpoint(flow.server);
        if let Some(dir) = event.dir {
            line.put(b",\"dir\":\"");
            line.put(dir.word().as_bytes());
            line.put(b"\"");
        }
        if let Some(about) = event.about {
            line.put(b",\"about\":\"");
            line.id(about);
            line.put(b"\"");
        }
        field::visit(event, loan, |name, value| line.field(name, value));
        line.end();
        self.into.write_all(line.bytes())
    }
}
