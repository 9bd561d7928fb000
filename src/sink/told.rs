//! Insights in plain words.

use super::Escaped;
use super::summary::{Cut, Duration};
use crate::model::{Answered, Beat, Cost, Delivery, Event, Insight, InsightKind, Pairs, Silence};
use std::fmt::{self, Display, Write as _};

/// What several events tell together, in one line without control characters.
pub fn insight(out: &mut String, insight: &Insight, event: &Event) -> fmt::Result {
    match &insight.kind {
        InsightKind::RoundTrip { by, nanos } => {
            let whose = match by {
                Beat::WebSocket => String::new(),
                by => format!("{} ", by.word()),
            };
            write!(out, "answers the {whose}ping after {}", Duration(*nanos))?;
            match event.about {
                Some(ping) => write!(out, ", event {ping}"),
                None => Ok(()),
            }
        }
        InsightKind::Heartbeat {
            by,
            pings,
            answered,
            period,
            round_trip,
        } => {
            let s = if *pings == 1 { "" } else { "s" };
            match by {
                Beat::WebSocket => write!(out, "heartbeat: {pings} ping{s}")?,
                Beat::Tcp => write!(out, "heartbeat of TCP: {pings} probe{s}")?,
                by => write!(out, "heartbeat of {}: {pings} ping{s}", owner(*by))?,
            }
            if let Some(answered) = answered {
                write!(out, ", {answered} answered")?;
            }
            if let Some(period) = period {
                write!(out, ", every {}", Duration(*period))?;
            }
            match round_trip {
                Some(nanos) => write!(out, ", within {}", Duration(*nanos)),
                None => Ok(()),
            }
        }
        InsightKind::Answered(it) => answered(out, it, event),
        InsightKind::Unanswered(it) => {
            let what = Answers(it.format, &it.id, it.name.as_deref());
            let waited = Duration(it.waited);
            write!(out, "{what} was not answered in {waited}")
        }
        InsightKind::Pairs(it) => write!(out, "requests: {}", PairsRow(it)),
        InsightKind::Cost(it) => write!(out, "on the wire: {}", CostRow(it)),
        InsightKind::Delivery(it) => write!(out, "updates by {}", DeliveryRow(it)),
        InsightKind::StillOpen(text) => write!(out, "{}", Escaped(text)),
        InsightKind::Silence(it) => silence(out, it),
        InsightKind::GivenUp { what, count } => write!(out, "given up: {count} {what}"),
    }
}

fn owner(by: Beat) -> &'static str {
    match by {
        Beat::WebSocket => "WebSocket",
        Beat::Application => "the application",
        Beat::EngineIo => "Engine.IO",
        Beat::Stomp => "STOMP",
        Beat::GraphQl => "GraphQL",
        Beat::Tcp => "TCP",
    }
}

fn answered(out: &mut String, it: &Answered, event: &Event) -> fmt::Result {
    let what = Answers(it.format, &it.id, it.name.as_deref());
    write!(out, "answers {what} after {}", Duration(it.nanos))?;
    if let Some(request) = event.about {
        write!(out, ", event {request}")?;
    }
    if it.failed {
        out.push_str(", with an error");
    }
    if let Some(times) = it.outlier {
        write!(out, "; {times} times the median")?;
    }
    if let Some((id, label)) = it.meanwhile {
        let label = label.word().replace('_', " ");
        write!(out, "; meanwhile TCP had a {label}, event {id}")?;
    }
    Ok(())
}

/// A request: its format, its id, and what it is about.
struct Answers<'a>(&'a str, &'a str, Option<&'a str>);

impl Display for Answers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(format, id, name) = *self;
        write!(f, "{format} request {}", Cut(id))?;
        match name {
            Some(name) => write!(f, " ({})", Escaped(name)),
            None => Ok(()),
        }
    }
}

/// Requests of one name.
pub struct PairsRow<'a>(pub &'a Pairs);

impl Display for PairsRow<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let it = self.0;
        write!(f, "{}", it.format)?;
        if let Some(name) = &it.name {
            write!(f, " {}", Escaped(name))?;
        }
        write!(f, ", {} asked, {} answered", it.asked, it.answered)?;
        if it.failed > 0 {
            write!(f, ", {} with an error", it.failed)?;
        }
        if let (Some(median), Some(longest)) = (it.median, it.longest) {
            let (median, longest) = (Duration(median), Duration(longest));
            write!(f, ", median {median}, longest {longest}")?;
        }
        Ok(())
    }
}

/// Bytes on the wire by layer: only what there was.
pub struct CostRow<'a>(pub &'a Cost);

/// A row of a cost, as it is said.
pub(crate) fn cost_name(row: &'static str) -> &'static str {
    match row {
        "ip" => "IP",
        "tcp" => "TCP",
        "again" => "sent again",
        "unseen" => "cut off",
        "tls" => "TLS",
        "http" => "HTTP",
        "headers" => "frame headers",
        "other" => "not decoded",
        row => row,
    }
}

impl Display for CostRow<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cost = self.0;
        let s = if cost.packets == 1 { "" } else { "s" };
        write!(f, "{} bytes in {} packet{s}", cost.total(), cost.packets)?;
        let mut sep = ": ";
        for (word, bytes) in cost.rows().into_iter().filter(|(_, bytes)| *bytes > 0) {
            let name = cost_name(word);
            write!(f, "{sep}{name} {bytes}")?;
            sep = ", ";
        }
        match cost.saved {
            0 => Ok(()),
            saved @ 1.. => write!(f, "; compression saved {saved}"),
            cost => write!(f, "; compression cost {}", cost.unsigned_abs()),
        }
    }
}

/// Updates that came one way.
pub struct DeliveryRow<'a>(pub &'a Delivery);

impl Display for DeliveryRow<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use crate::model::Way;
        let it = self.0;
        let (requests, updates, bytes) = (it.requests, it.updates, it.bytes);
        let thing = match it.way {
            Way::Polling | Way::LongPolling | Way::Sse => "request",
            Way::WebSocket => "session",
        };
        let s = |count: u64| if count == 1 { "" } else { "s" };
        write!(
            f,
            "{} {}: {updates} update{}, {requests} {thing}{}, {bytes} bytes",
            it.way.name(),
            Cut(&it.path),
            s(updates),
            s(requests)
        )?;
        if let Some(price) = it.price() {
            write!(f, ", {price} bytes an update")?;
        }
        match (it.way, it.waited) {
            (Way::Polling, Some(nanos)) => {
                write!(f, ", news waits up to {} to be asked for", Duration(nanos))
            }
            (Way::LongPolling, Some(nanos)) => {
                write!(f, ", asked again {} after each answer", Duration(nanos))
            }
            _ => Ok(()),
        }
    }
}

fn silence(out: &mut String, silence: &Silence) -> fmt::Result {
    write!(
        out,
        "silent for {} between events {} and {}",
        Duration(silence.nanos),
        silence.from,
        silence.to
    )?;
    match silence.probes {
        0 => {}
        1 => write!(out, ", but for 1 TCP probe")?,
        probes => write!(out, ", but for {probes} TCP probes")?,
    }
    out.push_str(", and it went on: no timer in between is as short as that of ");
    let longest_first = silence.outlived.iter().rev().take(3);
    for (nth, (seconds, who)) in longest_first.enumerate() {
        let comma = if nth > 0 { "; " } else { "" };
        write!(out, "{comma}{who} ({seconds} s)")?;
    }
    Ok(())
}
