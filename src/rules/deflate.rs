//! permessage-deflate.   RFC 7692 sections 5 to 7

use super::answer::offered;
use super::fields::{Extension, show};
use super::{By, Check, DG, H, Needs, Note, OnFrame, OnMessage, Rule, Scene, note, secrets};
use crate::model::Severity::{self, Error, Warning};
use crate::model::{Culprit, Dir, Ending, Kind, Message, Opcode};

pub const RULES: &[Rule] = &[
    Rule {
        number: 108,
        id: "WS-DEFLATE-PARAMETERS",
        section: "RFC 7692 7.1",
        severity: Error,
        by: By::Either,
        needs: H,
        title: "permessage-deflate has no other than its four parameters",
        why: "Whoever receives an unknown one must decline the offer, or fail the connection",
        cause: "A parameter of another extension, or a spelling mistake",
        check: Check::Extensions(|all, _| {
            let (name, _) = deflates(all).flat_map(|it| &it.params).find(|(name, _)| {
                !PARAMETERS
                    .iter()
                    .any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
            })?;
            Some(note(format!("there is a parameter {}", show(name))))
        }),
    },
    Rule {
        number: 109,
        id: "WS-DEFLATE-PARAMETER-TWICE",
        section: "RFC 7692 7.1",
        severity: Error,
        by: By::Either,
        needs: H,
        title: "No parameter occurs twice in one offer or answer",
        why: "Nobody could tell which one counts",
        cause: "Configuration joined from two places",
        check: Check::Extensions(|all, _| {
            deflates(all).find_map(|it| {
                let name = PARAMETERS.iter().find(|name| {
                    it.params
                        .iter()
                        .filter(|(found, _)| found.eq_ignore_ascii_case(name.as_bytes()))
                        .count()
                        > 1
                })?;
                Some(note(format!("{name} occurs more than once")))
            })
        }),
    },
    Rule {
        number: 110,
        id: "WS-DEFLATE-TAKEOVER-VALUE",
        section: "RFC 7692 7.1.1",
        severity: Error,
        by: By::Either,
        needs: H,
        title: "The no_context_takeover parameters have no value",
        why: "They say yes by being there",
        cause: "A configuration written as name=true",
        check: Check::Extensions(|all, _| {
            ["server_no_context_takeover", "client_no_context_takeover"]
                .into_iter()
                .find_map(|name| {
                    let value = deflates(all).find_map(|it| it.param(name).flatten())?;
                    Some(note(format!("{name} has the value {:?}", show(value))))
                })
        }),
    },
    Rule {
        number: 111,
        id: "WS-DEFLATE-SERVER-BITS",
        section: "RFC 7692 7.1.2.1",
        severity: Error,
        by: By::Either,
        needs: H,
        title: "server_max_window_bits has a value from 8 to 15 without leading zeros",
        why: "The window is 2 to the power of it, and DEFLATE knows 256 bytes to 32 KiB",
        cause: "A window given in bytes, or a value left out",
        check: Check::Extensions(|all, _| {
            let value = deflates(all).find_map(|it| it.param("server_max_window_bits"))?;
            bits(value)
                .is_none()
                .then(|| note(format!("its value is {}", shown(value))))
        }),
    },
    Rule {
        number: 112,
        id: "WS-DEFLATE-CLIENT-BITS",
        section: "RFC 7692 7.1.2.2",
        severity: Error,
        by: By::Either,
        needs: H,
        title: "client_max_window_bits has a value from 8 to 15; in an offer it may have none",
        why: "The window is 2 to the power of it; without a value the offer says that the parameter is understood",
        cause: "A server that sends the parameter back as it came",
        check: Check::Extensions(|all, scene| {
            let value = deflates(all).find_map(|it| it.param("client_max_window_bits"))?;
            let fine = bits(value).is_some() || value.is_none() && scene.dir == Dir::C2s;
            (!fine).then(|| note(format!("its value is {}", shown(value))))
        }),
    },
    Rule {
        number: 113,
        id: "WS-DEFLATE-CLIENT-BITS-UNASKED",
        section: "RFC 7692 7.1.2.2",
        severity: Error,
        by: By::Server,
        needs: H,
        title: "The answer has client_max_window_bits only if the offer did",
        why: "A client that did not offer it may not be able to keep it",
        cause: "A server that always limits the client's window",
        check: Check::Extensions(|all, scene| {
            (scene.dir == Dir::S2c).then_some(())?;
            deflates(all).find_map(|it| it.param("client_max_window_bits"))?;
            let offers = offered(scene);
            let asked = deflates(&offers).any(|it| it.param("client_max_window_bits").is_some());
            (!asked && deflates(&offers).next().is_some())
                .then(|| note("no offer of the client had client_max_window_bits"))
        }),
    },
    Rule {
        number: 114,
        id: "WS-DEFLATE-BITS-LARGER",
        section: "RFC 7692 7.1.2",
        severity: Error,
        by: By::Server,
        needs: H,
        title: "The answer's windows are not larger than the offer's",
        why: "The offer is what the client can hold",
        cause: "A server that answers with its own configuration",
        check: Check::Extensions(larger),
    },
    Rule {
        number: 115,
        id: "WS-DEFLATE-UNCONFIRMED",
        section: "RFC 7692 7.1.1.1",
        severity: Warning,
        by: By::Server,
        needs: H,
        title: "What the offer asks of the server is confirmed",
        why: "A server that accepts such an offer must promise what it asks",
        cause: "A server that knows the extension but not this parameter",
        check: Check::Extensions(unconfirmed),
    },
    Rule {
        number: 116,
        id: "WS-DEFLATE-NO-SUCH-OFFER",
        section: "RFC 7692 5.1",
        severity: Error,
        by: By::Server,
        needs: H,
        title: "The answer corresponds to one of the offers",
        why: "Several offers are fallbacks, and the answer accepts one of them",
        cause: "A server that mixes parameters of several offers",
        check: Check::Extensions(no_such_offer),
    },
    Rule {
        number: 117,
        id: "WS-DEFLATE-RSV1-CONTROL",
        section: "RFC 7692 6.1",
        severity: Error,
        by: By::Either,
        needs: DG,
        title: "RSV1 is not set on control frames",
        why: "Control frames are never compressed",
        cause: "A sender that sets RSV1 on whatever it sends",
        check: Check::Frame(OnFrame::RSV, |frame, _| {
            (frame.opcode.is_control() && frame.rsv & 4 != 0)
                .then(|| note(format!("RSV1 is set on a {} frame", frame.opcode)))
        }),
    },
    Rule {
        number: 118,
        id: "WS-DEFLATE-RSV1-CONTINUATION",
        section: "RFC 7692 6.1",
        severity: Error,
        by: By::Either,
        needs: DG,
        title: "RSV1 is set on the first fragment only",
        why: "RSV1 says of a whole message that it is compressed",
        cause: "A sender that compresses fragments, not messages",
        check: Check::Frame(OnFrame::RSV, |frame, _| {
            (frame.opcode == Opcode::CONTINUATION && frame.rsv & 4 != 0)
                .then(|| note("RSV1 is set on a continuation frame"))
        }),
    },
    Rule {
        number: 119,
        id: "WS-DEFLATE-BROKEN",
        section: "RFC 7692 7.2.2",
        severity: Error,
        by: By::Either,
        needs: DG,
        title: "A compressed message inflates",
        why: "A receiver that cannot inflate a message fails the connection",
        cause: "Data changed after compression, or a compressor that lost its state",
        check: Check::Message(OnMessage::INFLATED, |message, _, _| {
            let text = match message.inflated.ending {
                Ending::Broken(Culprit::Unknown) => {
                    "the payload does not inflate, and none of the known faults of senders explains it"
                }
                Ending::Broken(Culprit::NotCompressed) => {
                    "RSV1 is set, and the payload is text that was not compressed"
                }
                Ending::Broken(Culprit::Unmarked) => {
                    "RSV1 is not set, and the payload is no text until it is inflated: its sender compressed it and did not say so"
                }
                _ => return None,
            };
            Some(note(text))
        }),
    },
    Rule {
        number: 120,
        id: "WS-DEFLATE-TAIL-LEFT",
        section: "RFC 7692 7.2.1",
        severity: Warning,
        by: By::Either,
        needs: DG,
        title: "The four bytes 00 00 FF FF are removed from the end",
        why: "They are always the same, and the receiver puts them back",
        cause: "A sender that flushes and forgets to cut",
        check: Check::Message(OnMessage::INFLATED, |message, _, _| {
            (message.inflated.ending == Ending::TailLeft)
                .then(|| note("the payload still ends in an empty stored block"))
        }),
    },
    Rule {
        number: 121,
        id: "WS-DEFLATE-WINDOW",
        section: "RFC 7692 7.1.2",
        severity: Error,
        by: By::Either,
        needs: DG,
        title: "No match reaches back farther than the agreed window",
        why: "A receiver keeps no more than the window, and cannot copy from beyond it",
        cause: "zlib told the wrong number of bits, or told none",
        check: Check::Message(OnMessage::INFLATED, |message, _, _| {
            broken(message, |culprit| culprit == Culprit::Window).then(|| note("a match reaches back beyond the agreed window; with a window of 32 KiB the message inflates"))
        }),
    },
    Rule {
        number: 122,
        id: "WS-DEFLATE-TAKEOVER",
        section: "RFC 7692 7.1.1",
        severity: Error,
        by: By::Either,
        needs: DG,
        title: "After no_context_takeover no match reaches before its message",
        why: "The receiver forgets its window after each message",
        cause: "A compressor that is not reset between messages",
        check: Check::Message(OnMessage::INFLATED, |message, _, _| {
            broken(message, |culprit| culprit == Culprit::Takeover).then(|| note("a match reaches into the message before; with its text kept the message inflates"))
        }),
    },
    Rule {
        number: 123,
        id: "WS-DEFLATE-BFINAL",
        section: "RFC 7692 7.2.3.4",
        severity: Severity::Note,
        by: By::Either,
        needs: DG,
        title: "A message may end a DEFLATE stream",
        why: "This is legal, and many inflaters stop there for good",
        cause: "A compressor that is finished after each message, not flushed",
        check: Check::Message(OnMessage::INFLATED, |message, _, _| {
            message
                .inflated
                .bfinal
                .then(|| note("a block of this message has BFINAL = 1"))
        }),
    },
    Rule {
        number: 124,
        id: "WS-DEFLATE-PLAIN-KEPT",
        section: "RFC 7692 7.2.1",
        severity: Error,
        by: By::Either,
        needs: DG,
        title: "Messages sent uncompressed do not enter the window",
        why: "The receiver does not pass them through its inflater, so it does not have them",
        cause: "A compressor that is fed every message, and whose output is dropped when it is longer",
        check: Check::Message(OnMessage::INFLATED, |message, _, _| {
            broken(message, |culprit| culprit == Culprit::PlainKept).then(|| note("the message inflates once the uncompressed messages before it are put into the window"))
        }),
    },
    Rule {
        number: 125,
        id: "WS-DEFLATE-NO-GAIN",
        section: "RFC 7692 6",
        severity: Severity::Note,
        by: By::Either,
        needs: DG,
        title: "Compression makes a message smaller",
        why: "A message may be sent uncompressed, message by message",
        cause: "A compressor without a threshold",
        check: Check::Message(OnMessage::INFLATED, |message, _, scene| {
            let first = scene.mine().frames > 0;
            (message.compressed
                && message.complete
                && first
                && message.length > 0
                && message.wire_length >= message.length)
                .then(|| {
                    note(format!(
                        "{} bytes became {}",
                        message.length, message.wire_length
                    ))
                })
        }),
    },
    Rule {
        number: 126,
        id: "WS-DEFLATE-BOMB",
        section: "RFC 7692 8",
        severity: Warning,
        by: By::Either,
        needs: DG,
        title: "A message does not inflate to very many times its size",
        why: "A receiver must be able to hold what it is sent",
        cause: "An attack on memory, or a message of zeros",
        check: Check::Message(OnMessage::INFLATED, |message, _, _| {
            (message.compressed
                && message.length > 1 << 20
                && message.length / message.wire_length.max(1) > 200)
                .then(|| {
                    note(format!(
                        "{} bytes inflate to {}",
                        message.wire_length, message.length
                    ))
                })
        }),
    },
    Rule {
        number: 127,
        id: "WS-DEFLATE-SECRETS",
        section: "RFC 7692 8",
        severity: Severity::Note,
        by: By::Either,
        needs: DG.and(Needs::TLS),
        title: "Secrets are not compressed together with text that others choose",
        why: "The length of the result tells whether they are alike",
        cause: "Compression of all messages alike, inside TLS",
        check: Check::Message(OnMessage::INFLATED, secret_beside_chosen),
    },
];

/// A compressed message inside TLS that has a secret and text of the other side's choice.
fn secret_beside_chosen(message: &Message, payload: &[u8], scene: &Scene<'_>) -> Option<Note> {
    if !message.compressed || message.kind != Kind::Text {
        return None;
    }
    let text = secrets::beginning(payload);
    let secret = secrets::secret(text)?;
    let request = scene.history.request().map(|it| it.target.as_slice());
    let asked = match scene.dir {
        Dir::S2c => request.unwrap_or_default(),
        Dir::C2s => &[],
    };
    let said = scene.theirs().texts.iter();
    let chosen = said
        .flat_map(|text| secrets::chosen(text))
        .chain(secrets::in_query(asked))
        .find(|chosen| secrets::beside(text, secret, chosen))?;
    Some(note(format!(
        "\"{}\" stands in one compressed message with {:?}, which the {} had sent",
        secret.name,
        chosen.chars().take(40).collect::<String>(),
        scene.dir.flip().sender()
    )))
}

const PARAMETERS: [&str; 4] = [
    "server_no_context_takeover",
    "client_no_context_takeover",
    "server_max_window_bits",
    "client_max_window_bits",
];

fn deflates(all: &[Extension]) -> impl Iterator<Item = &Extension> {
    all.iter()
        .filter(|it| it.name.eq_ignore_ascii_case(b"permessage-deflate"))
}

/// A number of window bits.   RFC 7692 section 7.1.2.1
fn bits(value: Option<&[u8]>) -> Option<u8> {
    match value? {
        [digit @ (b'8' | b'9')] => Some(digit - b'0'),
        [b'1', digit @ b'0'..=b'5'] => Some(10 + digit - b'0'),
        _ => None,
    }
}

fn shown(value: Option<&[u8]>) -> String {
    value.map_or("absent".to_owned(), |value| format!("{:?}", show(value)))
}

/// The answer to the client's offers: both have permessage-deflate.
fn accepted<'a>(
    all: &'a [Extension],
    offers: &'a [Extension],
    scene: &Scene<'_>,
) -> Option<(&'a Extension, Vec<&'a Extension>)> {
    let offers: Vec<_> = deflates(offers).collect();
    let answer = deflates(all).next()?;
    (scene.dir == Dir::S2c && !offers.is_empty()).then_some((answer, offers))
}

/// How a window of the answer fits an offer: none where it is larger.
fn fits(answer: &Extension, offer: &Extension, name: &str) -> bool {
    let limit = offer.param(name).and_then(bits).unwrap_or(15);
    let chosen = answer.param(name).and_then(bits);
    // A server's window that the answer leaves out is 15 bits; a client's is the client's to choose.
    match name {
        "server_max_window_bits" if answer.param(name).is_none() => true,
        _ => chosen.is_none_or(|chosen| chosen <= limit),
    }
}

const WINDOWS: [&str; 2] = ["server_max_window_bits", "client_max_window_bits"];

fn larger(all: &[Extension], scene: &Scene<'_>) -> Option<Note> {
    let offers = offered(scene);
    let (answer, offers) = accepted(all, &offers, scene)?;
    let name = WINDOWS
        .into_iter()
        .find(|name| offers.iter().all(|offer| !fits(answer, offer, name)))?;
    Some(note(format!(
        "{name} is {}, more than was offered",
        shown(answer.param(name).flatten())
    )))
}

/// What this offer asks of the server and the answer does not promise.
fn broken_promise(answer: &Extension, offer: &Extension) -> Option<&'static str> {
    ["server_no_context_takeover", "server_max_window_bits"]
        .into_iter()
        .find(|name| offer.param(name).is_some() && answer.param(name).is_none())
}

fn unconfirmed(all: &[Extension], scene: &Scene<'_>) -> Option<Note> {
    let offers = offered(scene);
    let (answer, offers) = accepted(all, &offers, scene)?;
    let mut promises = offers.iter().map(|offer| broken_promise(answer, offer));
    let name = promises.next()??;
    promises.all(|promise| promise.is_some()).then(|| {
        note(format!(
            "the offer asks for {name}, and the answer does not have it"
        ))
    })
}

fn no_such_offer(all: &[Extension], scene: &Scene<'_>) -> Option<Note> {
    let offers = offered(scene);
    let (answer, offers) = accepted(all, &offers, scene)?;
    // Where one thing is wrong with every offer, the rule about that thing speaks.
    let asks = |offer: &Extension| {
        answer.param("client_max_window_bits").is_none()
            || offer.param("client_max_window_bits").is_some()
    };
    let windows = |offer: &Extension| WINDOWS.iter().all(|name| fits(answer, offer, name));
    let promised = |offer: &Extension| broken_promise(answer, offer).is_none();
    let each = offers.iter().any(|offer| asks(offer))
        && offers.iter().any(|offer| windows(offer))
        && offers.iter().any(|offer| promised(offer));
    let one = offers
        .iter()
        .any(|offer| asks(offer) && windows(offer) && promised(offer));
    (each && !one).then(|| {
        note(format!(
            "each parameter fits one of the {} offers, and none of the offers fits them all",
            offers.len()
        ))
    })
}

/// Whether the message does not inflate, for such a reason.
fn broken(message: &Message, why: fn(Culprit) -> bool) -> bool {
    match message.inflated.ending {
        Ending::Broken(culprit) => why(culprit),
        _ => false,
    }
}
