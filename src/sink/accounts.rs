//! What insights add to the rows of `stats`: bytes by layer, heartbeats, requests, polling.

use super::line::Line;
use super::{Value, Words};
use crate::field;
use crate::model::{Cost, Dir, Event, Flow, Loan};
use std::io::{self, Write};

/// Bytes by layer, both directions.
pub fn cost_json(line: &mut Line, cost: &[Cost; 2]) {
    line.open("cost");
    for dir in Dir::BOTH {
        let cost = dir.of(cost);
        line.open(dir.word());
        line.number("packets", cost.packets);
        line.number("bytes", cost.total());
        for (name, bytes) in cost.rows() {
            line.number(name, bytes);
        }
        line.field("saved", field::Value::Signed(cost.saved));
        line.close();
    }
    line.close();
}

/// Insights as a list of objects, with the keys that their events have.
pub fn told_json(line: &mut Line, told: &[Event]) {
    line.objects("insights", told, |line, event| {
        if let Some(dir) = event.dir {
            line.text("dir", dir.word());
        }
        if let Some(about) = event.about {
            line.text("about", &about.to_string());
        }
        field::visit(event, Loan::default(), |name, value| {
            line.field(name, value)
        });
    });
}

/// The words for a direction.
pub fn direction(dir: Dir) -> &'static str {
    match dir {
        Dir::C2s => "client → server",
        Dir::S2c => "server → client",
    }
}

/// What belongs to a connection, indented below its row.
pub fn text(
    into: &mut impl Write,
    words: &dyn Words,
    flow: Flow,
    cost: &[Cost; 2],
    told: &[Event],
) -> io::Result<()> {
    for dir in Dir::BOTH {
        let cost = dir.of(cost);
        if cost.packets > 0 {
            let (dir, cost) = (words.say(direction(dir), &[]), words.cost(cost));
            let values: [Value<'_>; 2] = [("dir", &dir), ("cost", &cost)];
            let text = words.say("        {dir}, on the wire: {cost}", &values);
            writeln!(into, "{text}")?;
        }
    }
    for event in told {
        let mut text = words.event(event, &flow, Loan::default());
        if let Some(dir) = event.dir {
            let side = words.say(dir.sender(), &[]);
            text = words.say("{side}: {text}", &[("side", &side), ("text", &text)]);
        }
        writeln!(into, "        {text}")?;
    }
    Ok(())
}

/// What was told of several connections.
pub fn told_text(into: &mut impl Write, words: &dyn Words, told: &[Event]) -> io::Result<()> {
    for event in told {
        let (client, server) = (NOBODY, NOBODY);
        let text = words.event(event, &Flow { client, server }, Loan::default());
        writeln!(into, "{text}")?;
    }
    Ok(())
}

/// Nobody: summaries of insights name no ends.
const NOBODY: crate::model::Endpoint = crate::model::Endpoint {
    ip: std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED),
    port: 0,
};

/// All connections together, and what belongs to none.
pub fn totals_text(
    into: &mut impl Write,
    words: &dyn Words,
    cost: &[Cost; 2],
    stray: u64,
    other: u64,
) -> io::Result<()> {
    for dir in Dir::BOTH {
        let cost = dir.of(cost);
        if cost.packets > 0 {
            let (dir, text) = (words.say(direction(dir), &[]), words.cost(cost));
            let values: [Value<'_>; 2] = [("dir", &dir), ("text", &text)];
            writeln!(into, "  {}", words.say("{dir}: {text}", &values))?;
        }
    }
    let rest = [
        (stray, "  TCP outside of the connections above: {n}"),
        (other, "  not TCP: {n}"),
    ];
    for (n, text) in rest.into_iter().filter(|(n, _)| *n > 0) {
        writeln!(into, "{}", words.say(text, &[("n", &n)]))?;
    }
    Ok(())
}
