//! What insights add to the rows of `stats`: bytes by layer, heartbeats, requests, polling.

use super::line::Line;
use super::summary;
use super::told::CostRow;
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

/// What belongs to a connection, indented below its row.
pub fn text(into: &mut impl Write, flow: Flow, cost: &[Cost; 2], told: &[Event]) -> io::Result<()> {
    for dir in Dir::BOTH {
        let cost = dir.of(cost);
        if cost.packets > 0 {
            writeln!(into, "        {dir}, on the wire: {}", CostRow(cost))?;
        }
    }
    for event in told {
        let side = event
            .dir
            .map_or(String::new(), |dir| format!("{}: ", dir.sender()));
        writeln!(
            into,
            "        {side}{}",
            summary(event, &flow, Loan::default())
        )?;
    }
    Ok(())
}

/// What was told of several connections.
pub fn told_text(into: &mut impl Write, indent: &str, told: &[Event]) -> io::Result<()> {
    for event in told {
        let (client, server) = (NOBODY, NOBODY);
        let text = summary(event, &Flow { client, server }, Loan::default());
        writeln!(into, "{indent}{text}")?;
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
    cost: &[Cost; 2],
    stray: u64,
    other: u64,
) -> io::Result<()> {
    for dir in Dir::BOTH {
        let cost = dir.of(cost);
        if cost.packets > 0 {
            writeln!(into, "  {dir}: {}", CostRow(cost))?;
        }
    }
    if stray > 0 {
        writeln!(into, "  TCP outside of the connections above: {stray}")?;
    }
    if other > 0 {
        writeln!(into, "  not TCP: {other}")?;
    }
    Ok(())
}
