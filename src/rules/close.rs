//! Closing, and what TCP does with it.   RFC 6455 sections 5.5.1 and 7

use super::history::{At, History};
use super::others::Others;
use super::ping::seconds;
use super::{BZ, By, Check, G, GB, GZ, Needs, Note, OnFrame, OnMessage, Rule, Scene, note};
use crate::model::Severity::{self, Error, Warning};
use crate::model::{CloseCode, Dir, Flow, Kind, Message, Opcode};

pub const RULES: &[Rule] = &[
    Rule {
        number: 86,
        id: "WS-CLOSE-BODY",
        section: "RFC 6455 5.5.1",
        severity: Error,
        by: By::Either,
        needs: G,
        title: "A close has an empty body, or a code of two bytes first",
        why: "One byte is no code",
        cause: "A close frame written by hand",
        check: Check::Message(OnMessage::CLOSE, |message, _, _| {
            (message.kind == Kind::Close && message.length == 1)
                .then(|| note("the body is one byte"))
        }),
    },
    Rule {
        number: 87,
        id: "WS-CLOSE-REASON-UTF8",
        section: "RFC 6455 5.5.1",
        severity: Error,
        by: By::Either,
        needs: G,
        title: "The reason of a close is valid UTF-8",
        why: "The reason is text, and a receiver fails the connection on text that is none",
        cause: "A reason cut to 123 bytes in the middle of a character",
        check: Check::Message(OnMessage::CLOSE, |message, payload, _| {
            let reason = payload.get(2..)?;
            let at = std::str::from_utf8(reason).err()?.valid_up_to();
            (message.kind == Kind::Close)
                .then(|| note(format!("byte {at} of the reason is no UTF-8")))
        }),
    },
    Rule {
        number: 88,
        id: "WS-CLOSE-CODE-LOW",
        section: "RFC 6455 7.4.2",
        severity: Error,
        by: By::Either,
        needs: G,
        title: "A close code is not below 1000",
        why: "Codes 0 to 999 are not used",
        cause: "An application's own numbers, or an HTTP status, used as a close code",
        check: Check::Message(OnMessage::CLOSE, |message, payload, _| {
            in_range(message, payload, 0, 999)
        }),
    },
    Rule {
        number: 89,
        id: "WS-CLOSE-CODE-1004",
        section: "RFC 6455 7.4.1",
        severity: Error,
        by: By::Either,
        needs: G,
        title: "A close code is not 1004",
        why: "1004 is reserved and has no meaning yet",
        cause: "An implementation of an early draft, where it meant a message too large",
        check: Check::Message(OnMessage::CLOSE, |message, payload, _| {
            in_range(message, payload, 1004, 1004)
        }),
    },
    Rule {
        number: 90,
        id: "WS-CLOSE-CODE-LOCAL",
        section: "RFC 6455 7.4.1",
        severity: Error,
        by: By::Either,
        needs: G,
        title: "1005, 1006 and 1015 are never on the wire",
        why: "These codes tell an application what the wire did not say",
        cause: "A proxy or a handler that passes on the code which its own library reported",
        check: Check::Message(OnMessage::CLOSE, |message, payload, _| {
            let CloseCode(code) = code(message, payload)?;
            matches!(code, 1005 | 1006 | 1015).then(|| note(format!("the code is {code}")))
        }),
    },
    Rule {
        number: 91,
        id: "WS-CLOSE-CODE-UNASSIGNED",
        section: "RFC 6455 7.4.2",
        severity: Error,
        by: By::Either,
        needs: G,
        title: "A close code is not one of 1016 to 2999",
        why: "These codes are kept for the protocol and its extensions, and none is assigned",
        cause: "An application's own numbers; 4000 to 4999 are there for them",
        check: Check::Message(OnMessage::CLOSE, |message, payload, _| {
            in_range(message, payload, 1016, 2999)
        }),
    },
    Rule {
        number: 92,
        id: "WS-CLOSE-CODE-UNREGISTERED",
        section: "RFC 6455 7.4.2",
        severity: Severity::Note,
        by: By::Either,
        needs: G,
        title: "A code from 3000 to 3999 is registered",
        why: "These codes are for libraries and frameworks, first come, first served; 3000, 3003 and 3008 are taken",
        cause: "A library that never asked IANA",
        check: Check::Message(OnMessage::CLOSE, |message, payload, scene| {
            let CloseCode(code) = own_code(message, payload, scene)?;
            ((3000..=3999).contains(&code) && !matches!(code, 3000 | 3003 | 3008)).then(|| {
                note(format!(
                    "the code is {code}, which the registry did not have on 2026-01-12"
                ))
            })
        }),
    },
    Rule {
        number: 93,
        id: "WS-CLOSE-CODE-PRIVATE",
        section: "RFC 6455 7.4.2",
        severity: Severity::Note,
        by: By::Either,
        needs: G,
        title: "Codes from 4000 to 4999 are private",
        why: "Only the application knows what such a code means",
        cause: "An application's own reason for closing",
        check: Check::Message(OnMessage::CLOSE, |message, payload, scene| {
            let CloseCode(code) = own_code(message, payload, scene)?;
            (4000..=4999)
                .contains(&code)
                .then(|| note(format!("the code is {code}")))
        }),
    },
    Rule {
        number: 94,
        id: "WS-CLOSE-CODE-HIGH",
        section: "RFC 6455 7.4.2",
        severity: Error,
        by: By::Either,
        needs: G,
        title: "A close code is not above 4999",
        why: "No range is defined there, and libraries reject it",
        cause: "An application's own numbers, or bytes in the wrong order",
        check: Check::Message(OnMessage::CLOSE, |message, payload, _| {
            in_range(message, payload, 5000, u16::MAX)
        }),
    },
    Rule {
        number: 95,
        id: "WS-CLOSE-CODE-1010",
        section: "RFC 6455 7.4.1",
        severity: Warning,
        by: By::Server,
        needs: G,
        title: "1010 comes from a client",
        why: "1010 tells a server which extension it ought to have agreed to; a server fails the handshake instead",
        cause: "A server that gives 1010 another meaning",
        check: Check::Message(OnMessage::CLOSE, |message, payload, scene| {
            let CloseCode(code) = own_code(message, payload, scene)?;
            (code == 1010).then(|| note("the code is 1010"))
        }),
    },
    Rule {
        number: 96,
        id: "WS-CLOSE-CODE-MEANING",
        section: "RFC 6455 7.4.1",
        severity: Severity::Note,
        by: By::Either,
        needs: GB,
        title: "1001 and 1011 to 1014 point at a cause outside the dialogue",
        why: "They are the first place to look when connections drop",
        cause: "A page that was left, a crash, a deployment, overload, or a gateway",
        check: Check::Message(OnMessage::CLOSE, |message, payload, scene| {
            let CloseCode(code) = own_code(message, payload, scene)?;
            let meaning = match (code, scene.dir) {
                (1001, Dir::C2s) => "the page was left, or the program ended",
                (1001, Dir::S2c) => "the server is shutting down",
                (1011, _) => "something threw where nobody caught it",
                (1012, _) => "the service restarts: a deployment",
                (1013, _) => "the server is overloaded: try again later",
                (1014, _) => "a gateway had a bad answer from behind",
                _ => return None,
            };
            Some(note(format!("the code is {code}: {meaning}")))
        }),
    },
    Rule {
        number: 97,
        id: "WS-CLOSE-DATA-AFTER",
        section: "RFC 6455 5.5.1",
        severity: Error,
        by: By::Either,
        needs: G,
        title: "No data frame comes after its sender's own close",
        why: "A close promises that no data follows; the peer discards it",
        cause: "A writer that does not know that the connection is closing",
        check: Check::Frame(OnFrame::AFTER_CLOSE, |frame, scene| {
            let close = scene.mine().close?;
            (!frame.opcode.is_control()).then(|| {
                note(format!(
                    "the {} had sent its close in event {}",
                    scene.me(),
                    close.at.id
                ))
            })
        }),
    },
    Rule {
        number: 98,
        id: "WS-CLOSE-CONTROL-AFTER",
        section: "RFC 6455 5.5.1",
        severity: Warning,
        by: By::Either,
        needs: G,
        title: "No frame of any kind comes after its sender's own close",
        why: "The peer may have closed the connection already, and answers with a RST",
        cause: "A heartbeat that answers pings to the last",
        check: Check::Frame(OnFrame::AFTER_CLOSE, |frame, scene| {
            let close = scene.mine().close?;
            // Pings have rule 83, closes 106, data 97.
            let other =
                frame.opcode.is_control() && !matches!(frame.opcode, Opcode::PING | Opcode::CLOSE);
            other.then(|| {
                note(format!(
                    "a {} frame, and the {} had sent its close in event {}",
                    frame.opcode,
                    scene.me(),
                    close.at.id
                ))
            })
        }),
    },
    Rule {
        number: 99,
        id: "WS-CLOSE-UNANSWERED",
        section: "RFC 6455 5.5.1",
        severity: Error,
        by: By::Either,
        needs: BZ,
        title: "A close is answered with a close",
        why: "Without the answer its sender cannot know that everything before it arrived",
        cause: "An application that drops the socket when it sees a close",
        check: Check::End(|scene| {
            let theirs = scene.theirs().close?;
            let mine = scene.mine();
            if mine.close.is_some() || mine.unfinished.is_some() || mine.message.is_some() {
                return None;
            }
            // It ended TCP itself, and so late that it must have seen the close.
            let left = end_by(scene.history, scene.dir)?;
            // Who fails the connection and ends TCP with it waits for no answer.   RFC 6455 section 7.1.7
            let gone = end_by(scene.history, scene.dir.flip()).is_some_and(|at| at.id < left.id);
            if gone && theirs.code.is_some_and(CloseCode::fails) {
                return None;
            }
            let rtt = scene.history.rtt?;
            (left.time.since(theirs.at.time) > 2 * rtt + 20_000_000).then(|| {
                note(format!(
                    "the {} ended TCP {} after this close, and sent none in answer",
                    scene.me(),
                    seconds(left.time.since(theirs.at.time))
                ))
                .at(theirs.at)
            })
        }),
    },
    Rule {
        number: 100,
        id: "WS-CLOSE-ECHO",
        section: "RFC 6455 5.5.1",
        severity: Severity::Note,
        by: By::Either,
        needs: GB,
        title: "The answer to a close repeats its code",
        why: "It typically does; another code tells that the two sides close for different reasons",
        cause: "Two closes that crossed, or a library that answers with a code of its own",
        check: Check::Message(OnMessage::CLOSE, |message, payload, scene| {
            let theirs = scene.theirs().close?;
            let mine = code(message, payload);
            let answer = message.kind == Kind::Close && scene.mine().close.is_none();
            // It answers a breach, and not the code.
            let breach = scene.theirs().breach;
            let fails = breach.is_some_and(|(at, _)| at.id <= theirs.at.id)
                && mine.is_some_and(CloseCode::fails);
            (answer && mine != theirs.code && !fails).then(|| {
                let words = |code: Option<CloseCode>| {
                    code.map_or("no code".into(), |code| code.0.to_string())
                };
                note(format!("{} answers {}", words(mine), words(theirs.code)))
            })
        }),
    },
    Rule {
        number: 101,
        id: "WS-CLOSE-CLIENT-FIRST",
        section: "RFC 6455 7.1.1",
        severity: Warning,
        by: By::Client,
        needs: BZ,
        title: "After both closes the server ends TCP first",
        why: "Who ends TCP first must hold its port in TIME_WAIT, which costs a server nothing and a client a port",
        cause: "A client that does not wait for the server's FIN",
        check: Check::End(|scene| {
            both_closed(scene.history)?;
            let (by, at) = scene.history.first_end()?;
            // Inside TLS the server has begun to end it with its close_notify, unless that was missed.
            let server = Dir::S2c;
            let notified = server
                .of(&scene.history.notified)
                .is_some_and(|it| it.id < at.id);
            if notified || scene.history.tls() && server.of(&scene.history.close_notify).is_none() {
                return None;
            }
            // A client that fails the connection ends it itself.   RFC 6455 section 7.1.7
            let code = scene.mine().close.and_then(|close| close.code);
            let fails = scene.theirs().breach.is_some() && code.is_some_and(CloseCode::fails);
            (by == Dir::C2s && scene.history.reset.is_none() && !fails)
                .then(|| note("the client ended TCP before the server did").at(at))
        }),
    },
    Rule {
        number: 102,
        id: "WS-CLOSE-SERVER-SLOW",
        section: "RFC 6455 5.5.1",
        severity: Warning,
        by: By::Server,
        needs: BZ,
        title: "After both closes the server ends TCP at once",
        why: "The client waits for it, and holds what the connection holds",
        cause: "A server that waits for the client to end TCP",
        check: Check::End(|scene| {
            let done = both_closed(scene.history)?;
            let (_, first) = scene.history.first_end()?;
            let waited = first.time.since(done.time);
            (waited > 1_000_000_000).then(|| {
                note(format!(
                    "the connection was left open for {} after both closes",
                    seconds(waited)
                ))
                .at(done)
            })
        }),
    },
    Rule {
        number: 103,
        id: "WS-CLOSE-NONE",
        section: "RFC 6455 7.1.5",
        severity: Warning,
        by: By::Either,
        needs: BZ,
        title: "A close frame comes before FIN",
        why: "Without one the peer's application is told 1006: it cannot tell the end from a failure",
        cause: "A process that ended or was killed, or a proxy that cut a silent connection",
        check: Check::End(|scene| {
            let none = scene.history.sides.iter().all(|side| side.close.is_none());
            let (by, at) = scene.history.first_end()?;
            let fin = by == scene.dir && at_fin(scene.history, by, at);
            (none && fin).then(|| {
                note(format!(
                    "the {} ended TCP without a close frame",
                    scene.me()
                ))
                .at(at)
            })
        }),
    },
    Rule {
        number: 104,
        id: "WS-CLOSE-RESET",
        section: "RFC 6455 7.1.1",
        severity: Warning,
        by: By::Either,
        needs: Needs::END,
        title: "TCP ends with FIN, not with RST",
        why: "A RST throws away what the peer has not read yet, the close frame among it",
        cause: "A socket closed with unread data in it, or a process that was killed",
        check: Check::End(|scene| {
            let (by, at) = scene.history.reset?;
            let closes = scene
                .history
                .sides
                .iter()
                .filter(|side| side.close.is_some())
                .count();
            let when = [
                "without any close frame",
                "after one close frame",
                "after both close frames",
            ];
            (by == scene.dir).then(|| {
                note(format!(
                    "the {} reset TCP {}",
                    scene.me(),
                    when.get(closes).unwrap_or(&"")
                ))
                .at(at)
            })
        }),
    },
    Rule {
        number: 105,
        id: "WS-CLOSE-SILENCE",
        section: "RFC 6455 5.5.1",
        severity: Warning,
        by: By::Either,
        needs: BZ,
        title: "A close is not left waiting for a timeout",
        why: "Whoever closed waits for the answer, and holds the connection until a timer gives up",
        cause: "A peer that is gone, or an application that does not read",
        check: Check::End(|scene| {
            let theirs = scene.theirs().close?;
            if scene.mine().close.is_some() {
                return None;
            }
            let (by, at) = scene.history.first_end()?;
            let waited = at.time.since(theirs.at.time);
            (waited > 2_000_000_000 && by != scene.dir).then(|| {
                note(format!(
                    "the {} said nothing for {}, and then the {} ended TCP",
                    scene.me(),
                    seconds(waited),
                    by.sender()
                ))
                .at(theirs.at)
            })
        }),
    },
    Rule {
        number: 106,
        id: "WS-CLOSE-TWICE",
        section: "RFC 6455 5.5.1",
        severity: Error,
        by: By::Either,
        needs: G,
        title: "A side sends one close frame",
        why: "A close is answered only by who has not sent one; a second one may meet a closed connection",
        cause: "A library that answers the answer to its own close",
        check: Check::Frame(OnFrame::AFTER_CLOSE, |frame, scene| {
            let close = scene.mine().close?;
            (frame.opcode == Opcode::CLOSE)
                .then(|| note(format!("the first one was event {}", close.at.id)))
        }),
    },
    Rule {
        number: 107,
        id: "WS-CLOSE-TLS",
        section: "RFC 6455 7.1.1",
        severity: Severity::Note,
        by: By::Either,
        needs: GZ.and(Needs::WHOLE).and(Needs::TLS),
        title: "Inside TLS, close_notify comes before FIN",
        why: "Without it an end cannot be told from an attacker's cut",
        cause: "A server that drops the socket under TLS",
        check: Check::End(|scene| {
            let said = (*scene.dir.of(&scene.history.close_notify))?;
            let fin = (*scene.dir.of(&scene.history.fins))?;
            (!said).then(|| note("FIN came, and no close_notify before it").at(fin))
        }),
    },
];

/// The code of a close that has one.
fn code(message: &Message, payload: &[u8]) -> Option<CloseCode> {
    (message.kind == Kind::Close)
        .then(|| CloseCode::read(payload))
        .flatten()
}

/// The code of a close that its sender chose: an answer repeats what it answers.   RFC 6455 section 5.5.1
fn own_code(message: &Message, payload: &[u8], scene: &Scene<'_>) -> Option<CloseCode> {
    let code = code(message, payload)?;
    let repeats = scene
        .theirs()
        .close
        .is_some_and(|theirs| theirs.code == Some(code));
    (!repeats).then_some(code)
}

fn in_range(message: &Message, payload: &[u8], from: u16, to: u16) -> Option<Note> {
    let CloseCode(code) = code(message, payload)?;
    (from..=to)
        .contains(&code)
        .then(|| note(format!("the code is {code}")))
}

/// When the second of both close frames came.
fn both_closed(history: &History) -> Option<At> {
    let [client, server] = history.sides.each_ref().map(|side| side.close);
    let (client, server) = (client?.at, server?.at);
    Some(if client.id > server.id {
        client
    } else {
        server
    })
}

/// When this side ended TCP.
fn end_by(history: &History, dir: Dir) -> Option<At> {
    let reset = history.reset.filter(|(by, _)| *by == dir).map(|(_, at)| at);
    dir.of(&history.fins).or(reset)
}

fn at_fin(history: &History, dir: Dir, at: At) -> bool {
    dir.of(&history.fins).is_some_and(|fin| fin.id == at.id)
}

/// Remembers an abnormal end, for what other connections tell with it.
pub fn remember(history: &History, flow: &Flow, others: &mut Others) {
    let closed = history.sides.iter().any(|side| side.close.is_some());
    let known = Dir::BOTH
        .iter()
        .all(|&dir| history.tail_known(dir) && !history.side(dir).lost);
    if let (false, true, Some((_, end))) = (closed, known && !history.inferred, history.first_end())
    {
        let silence = history.last.map(|last| end.time.since(last.time));
        others.cut(flow, end.time, silence);
    }
}
