//! Pings and pongs.   RFC 6455 sections 5.5.2 and 5.5.3

use super::history::{Ping, answered};
use super::{BZ, By, Check, G, GB, Needs, OnFrame, OnMessage, Rule, Scene, note};
use crate::model::Severity::{self, Error, Warning};
use crate::model::{Kind, Message, Opcode};
use memchr::memmem;
use std::sync::LazyLock;

pub const RULES: &[Rule] = &[
    Rule {
        number: 78,
        id: "WS-PING-UNANSWERED",
        section: "RFC 6455 5.5.2",
        severity: Error,
        by: By::Either,
        needs: BZ,
        title: "A ping is answered by a pong, unless a close has come",
        why: "Whoever pings takes silence for death, and cuts the connection",
        cause: "An application that does not read, or a library that leaves pongs to the application",
        check: Check::End(|scene| {
            let ping = unanswered(scene)?;
            if scene.mine().odd_pong.is_some() {
                return None;
            }
            Some(
                note(format!(
                    "the {} went on for {} and never answered this ping",
                    scene.me(),
                    seconds(went_on(ping, scene))
                ))
                .at(ping.at),
            )
        }),
    },
    Rule {
        number: 79,
        id: "WS-PONG-PAYLOAD",
        section: "RFC 6455 5.5.3",
        severity: Error,
        by: By::Either,
        needs: BZ,
        title: "A pong carries the payload of the ping it answers",
        why: "Only the payload tells which ping is answered",
        cause: "A pong written by hand, with a payload of its own",
        check: Check::End(|scene| {
            let ping = unanswered(scene)?;
            let odd = scene.mine().odd_pong?;
            (odd.time >= ping.at.time).then(|| {
                note(format!(
                    "this pong equals no ping that waited, and the ping of event {} got no other",
                    ping.at.id
                ))
                .at(odd)
            })
        }),
    },
    Rule {
        number: 80,
        id: "WS-PONG-NEWEST",
        section: "RFC 6455 5.5.3",
        severity: Severity::Note,
        by: By::Either,
        needs: GB,
        title: "Of several waiting pings, the newest alone may be answered",
        why: "This is allowed, and no reason to take the older pings for lost",
        cause: "A receiver that was busy, or a library that keeps only the newest ping",
        check: Check::Message(OnMessage::PONG, |message, payload, scene| {
            let pings = &scene.theirs().pings;
            let which = answered(pings, payload).filter(|_| message.kind == Kind::Pong)?;
            (which > 0).then(|| {
                note(format!(
                    "this pong leaves {which} older pings without one of their own"
                ))
            })
        }),
    },
    Rule {
        number: 81,
        id: "WS-PONG-UNASKED",
        section: "RFC 6455 5.5.3",
        severity: Severity::Note,
        by: By::Either,
        needs: GB,
        title: "A pong may come unasked",
        why: "An unasked pong is a heartbeat in one direction, and expects no answer",
        cause: "A keep-alive timer of the library",
        check: Check::Message(OnMessage::PONG, |message, _, scene| {
            (message.kind == Kind::Pong && scene.theirs().pings.is_empty())
                .then(|| note("no ping was waiting for this pong"))
        }),
    },
    Rule {
        number: 82,
        id: "WS-PONG-LATE",
        section: "RFC 6455 5.5.2",
        severity: Warning,
        by: By::Either,
        needs: GB,
        title: "A pong comes as soon as it can",
        why: "Heartbeats measure the peer's health; a late pong may come after the connection was given up",
        cause: "An event loop that is blocked, or large messages queued before the pong",
        check: Check::Message(OnMessage::PONG, |message, payload, scene| {
            let pings = &scene.theirs().pings;
            let which = answered(pings, payload).filter(|_| message.kind == Kind::Pong)?;
            let took = scene.at.time.since(pings.get(which)?.at.time);
            let rtt = scene.history.rtt?;
            (took > (20 * rtt).max(1_000_000_000)).then(|| {
                note(format!(
                    "this pong took {}; the TCP handshake took {:.1} ms",
                    seconds(took),
                    rtt as f64 / 1e6
                ))
            })
        }),
    },
    Rule {
        number: 83,
        id: "WS-PING-AFTER-CLOSE",
        section: "RFC 6455 5.5.2",
        severity: Warning,
        by: By::Either,
        needs: G,
        title: "No ping comes after its sender's own close",
        why: "After a close nothing is left to keep alive, and the peer need not answer",
        cause: "A heartbeat timer that is not stopped when the connection closes",
        check: Check::Frame(OnFrame::AFTER_CLOSE, |frame, scene| {
            let close = scene.mine().close?;
            (frame.opcode == Opcode::PING).then(|| {
                note(format!(
                    "the {} had sent its close in event {}",
                    scene.me(),
                    close.at.id
                ))
            })
        }),
    },
    Rule {
        number: 84,
        id: "WS-PING-PERIOD",
        section: "practice",
        severity: Severity::Note,
        by: By::Either,
        needs: GB.and(Needs::END).and(Needs::MANY),
        title: "Heartbeats come more often than something in between cuts silent connections",
        why: "Proxies and NAT forget connections that are silent for a while; 55, 60, 100 and 350 seconds are typical",
        cause: "A heartbeat period chosen without a look at the proxy's idle timeout",
        check: Check::End(|scene| {
            let period = scene.mine().ping_period?;
            let silence = scene.others.pair(scene.flow).silence?;
            (silence >= 5_000_000_000 && period > silence).then(|| {
                note(format!(
                    "the {} pings every {}, and a session with the same server was cut after {} of silence",
                    scene.me(),
                    seconds(period),
                    seconds(silence)
                ))
            })
        }),
    },
    Rule {
        number: 85,
        id: "WS-PING-TWICE",
        section: "practice",
        severity: Severity::Note,
        by: By::Either,
        needs: G,
        title: "One heartbeat is enough",
        why: "WebSocket pings and pings of the application at once double the cost and hide each other's failures",
        cause: "A framework with a heartbeat of its own on top of a library that has one too",
        check: Check::Message(OnMessage::PING, |message, payload, scene| {
            let mine = scene.mine();
            let second = match message.kind {
                Kind::Ping => mine.app_ping && !mine.ws_ping,
                _ => mine.ws_ping && !mine.app_ping && is_app_ping(message, payload),
            };
            second.then(|| {
                note(format!(
                    "the {} sends pings by WebSocket and by application",
                    scene.me()
                ))
            })
        }),
    },
];

/// The oldest ping that this side had to answer and did not, though it had the time.
fn unanswered<'a>(scene: &Scene<'a>) -> Option<&'a Ping> {
    const TIME: i64 = 1_000_000_000;
    let patience = scene
        .history
        .rtt
        .map_or(5 * TIME, |rtt| (20 * rtt).max(TIME));
    let pings = &scene.history.side(scene.dir.flip()).pings;
    pings
        .iter()
        .find(|ping| ping.due && went_on(ping, scene) > patience)
}

/// How long this side went on sending after the ping had come.
fn went_on(ping: &Ping, scene: &Scene<'_>) -> i64 {
    scene
        .mine()
        .last_but_close
        .map_or(0, |last| last.time.since(ping.at.time))
}

/// What is looked for in every short text: made ready once.
static PING: LazyLock<memmem::Finder<'_>> = LazyLock::new(|| memmem::Finder::new(b"\"ping\""));

/// Whether this is a ping of the application's own: Engine.IO, or JSON that says so.
pub fn is_app_ping(message: &Message, payload: &[u8]) -> bool {
    const WORDS: [&[u8]; 3] = [
        b"\"type\":\"ping\"",
        b"\"type\": \"ping\"",
        b"\"event\":\"ping\"",
    ];
    let short = payload.len() < 200 && message.kind == Kind::Text;
    short
        && (matches!(payload, b"2" | b"ping" | b"2probe")
            || PING.find(payload).is_some()
                && WORDS
                    .iter()
                    .any(|word| memmem::find(payload, word).is_some()))
}

pub fn seconds(nanos: i64) -> String {
    format!("{:.1} s", nanos as f64 / 1e9)
}
