//! JSON Lines: one object a line, as the output contract says.

use super::line::Line;
use crate::field;
use crate::model::{Event, Flow, Loan, Sink, Want};
use std::io::{self, Write};

/// Writes every event as one line of JSON.
#[derive(Debug)]
pub struct Jsonl<W> {
    into: W,
    line: Line,
}

impl<W: Write> Jsonl<W> {
    /// Writes into this; one call of `write_all` per line.
    pub fn new(into: W) -> Self {
        Self {
            into,
            line: Line::default(),
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
        line.begin();
        line.key("event");
        line.plain_text(event.kind.word());
        line.key("id");
        line.id(event.id);
        line.key("time");
        line.quoted(&event.time.rfc3339());
        line.number("packet", event.packet.get());
        line.number("conn", event.conn.0.into());
        line.key("client");
        line.endpoint(flow.client);
        line.key("server");
        line.endpoint(flow.server);
        if let Some(dir) = event.dir {
            line.key("dir");
            line.plain_text(dir.word());
        }
        if let Some(about) = event.about {
            line.key("about");
            line.id(about);
        }
        field::visit(event, loan, |name, value| line.field(name, value));
        line.end();
        self.into.write_all(&line.0)
    }
}
