//! Frames.   RFC 6455 section 5

use super::history::step;
use super::{BZ, By, Check, G, HG, Note, OnFrame, OnMessage, Rule, Scene, note};
use crate::model::Severity::{Error, Warning};
use crate::model::{CloseCode, Frame, Message, Opcode};

pub const RULES: &[Rule] = &[
    Rule {
        number: 49,
        id: "WS-FRAME-CLIENT-MASK",
        section: "RFC 6455 5.1",
        severity: Error,
        by: By::Client,
        needs: G,
        title: "Every frame from the client is masked",
        why: "The mask keeps a page from choosing the bytes on the wire, which could poison caches of old proxies",
        cause: "A hand-written client, or a server library used on the client's side",
        check: Check::Frame(OnFrame::BARE, |frame, _| {
            frame
                .masking_key
                .is_none()
                .then(|| note(format!("this {} frame is not masked", frame.opcode)))
        }),
    },
    Rule {
        number: 50,
        id: "WS-FRAME-SERVER-MASK",
        section: "RFC 6455 5.1",
        severity: Error,
        by: By::Server,
        needs: G,
        title: "No frame from the server is masked",
        why: "A client must fail the connection when it sees a masked frame",
        cause: "A client library used on the server's side",
        check: Check::Frame(OnFrame::MASKED, |frame, _| {
            let key = frame.masking_key?;
            Some(note(format!(
                "this {} frame is masked with {key}",
                frame.opcode
            )))
        }),
    },
    Rule {
        number: 51,
        id: "WS-FRAME-RSV1",
        section: "RFC 6455 5.2",
        severity: Error,
        by: By::Either,
        needs: HG,
        title: "RSV1 is 0 unless an agreed extension defines it",
        why: "A receiver must fail the connection on a reserved bit that no agreed extension defines",
        cause: "A sender that compresses though permessage-deflate was not agreed",
        check: Check::Frame(OnFrame::RSV, |frame, scene| {
            reserved(frame, 4, "RSV1", scene)
        }),
    },
    Rule {
        number: 52,
        id: "WS-FRAME-RSV2",
        section: "RFC 6455 5.2",
        severity: Error,
        by: By::Either,
        needs: HG,
        title: "RSV2 is 0 unless an agreed extension defines it",
        why: "A receiver must fail the connection on a reserved bit that no agreed extension defines",
        cause: "A sender that lost track of its own frame boundaries",
        check: Check::Frame(OnFrame::RSV, |frame, scene| {
            reserved(frame, 2, "RSV2", scene)
        }),
    },
    Rule {
        number: 53,
        id: "WS-FRAME-RSV3",
        section: "RFC 6455 5.2",
        severity: Error,
        by: By::Either,
        needs: HG,
        title: "RSV3 is 0 unless an agreed extension defines it",
        why: "A receiver must fail the connection on a reserved bit that no agreed extension defines",
        cause: "A sender that lost track of its own frame boundaries",
        check: Check::Frame(OnFrame::RSV, |frame, scene| {
            reserved(frame, 1, "RSV3", scene)
        }),
    },
    Rule {
        number: 54,
        id: "WS-FRAME-OPCODE-DATA",
        section: "RFC 6455 5.2",
        severity: Error,
        by: By::Either,
        needs: G,
        title: "The opcode is not one of 3 to 7",
        why: "These opcodes are reserved for data frames to come; a receiver must fail the connection",
        cause: "A sender that lost track of its own frame boundaries, or an experiment",
        check: Check::Frame(OnFrame::RESERVED, |frame, scene| opcode(frame, 3, 7, scene)),
    },
    Rule {
        number: 55,
        id: "WS-FRAME-OPCODE-CONTROL",
        section: "RFC 6455 5.2",
        severity: Error,
        by: By::Either,
        needs: G,
        title: "The opcode is not one of 11 to 15",
        why: "These opcodes are reserved for control frames to come; a receiver must fail the connection",
        cause: "A sender that lost track of its own frame boundaries, or an experiment",
        check: Check::Frame(OnFrame::RESERVED, |frame, scene| {
            opcode(frame, 11, 15, scene)
        }),
    },
    Rule {
        number: 56,
        id: "WS-FRAME-LENGTH-7",
        section: "RFC 6455 5.2",
        severity: Error,
        by: By::Either,
        needs: G,
        title: "A length up to 125 uses the 7-bit form",
        why: "The shortest form is required, so that a length has one spelling only",
        cause: "A hand-written sender that always uses a longer form",
        check: Check::Frame(OnFrame::LENGTH, |frame, _| {
            (frame.length <= 125 && form(frame) > 0).then(|| too_long(frame))
        }),
    },
    Rule {
        number: 57,
        id: "WS-FRAME-LENGTH-16",
        section: "RFC 6455 5.2",
        severity: Error,
        by: By::Either,
        needs: G,
        title: "A length from 126 to 65535 uses the 16-bit form",
        why: "The shortest form is required, so that a length has one spelling only",
        cause: "A hand-written sender that knows the 64-bit form only",
        check: Check::Frame(OnFrame::LENGTH, |frame, _| {
            ((126..=65535).contains(&frame.length) && form(frame) > 2).then(|| too_long(frame))
        }),
    },
    Rule {
        number: 58,
        id: "WS-FRAME-LENGTH-64",
        section: "RFC 6455 5.2",
        severity: Error,
        by: By::Either,
        needs: G,
        title: "The top bit of a 64-bit length is 0",
        why: "Lengths are kept within 63 bits, so that signed integers can hold them",
        cause: "A length that was negative before it was written, or lost frame boundaries",
        check: Check::Frame(OnFrame::LENGTH, |frame, _| {
            (frame.length >> 63 == 1).then(|| note(format!("the length is {}", frame.length)))
        }),
    },
    Rule {
        number: 59,
        id: "WS-FRAME-KEY-REUSED",
        section: "RFC 6455 5.3",
        severity: Warning,
        by: By::Client,
        needs: G,
        title: "Consecutive frames do not share a masking key",
        why: "Each frame needs a fresh key that cannot be foretold; a known key masks nothing",
        cause: "A key that is drawn once per connection, or a constant",
        check: Check::Frame(OnFrame::MASKED, |frame, scene| {
            let (key, last) = (frame.masking_key?, scene.mine().key?);
            (key == last && key.0 != [0; 4])
                .then(|| note(format!("the key {key} is that of the frame before")))
        }),
    },
    Rule {
        number: 60,
        id: "WS-FRAME-KEY-ZERO",
        section: "RFC 6455 5.3",
        severity: Warning,
        by: By::Client,
        needs: G,
        title: "The masking key is not zero",
        why: "A key of zero leaves the payload as it is, and so defeats the purpose of masking",
        cause: "A client that saves the work of masking, or forgot to fill the key in",
        check: Check::Frame(OnFrame::MASKED, |frame, _| {
            (frame.masking_key?.0 == [0; 4]).then(|| note("the key is 00000000: nothing is masked"))
        }),
    },
    Rule {
        number: 61,
        id: "WS-FRAME-KEY-PATTERN",
        section: "RFC 6455 5.3",
        severity: Warning,
        by: By::Client,
        needs: G,
        title: "Masking keys do not follow a visible pattern",
        why: "A key must come from a strong source of entropy; whoever can foretell it can choose the bytes on the wire",
        cause: "A counter, or a clock, in place of random numbers",
        check: Check::Frame(OnFrame::MASKED, |frame, scene| {
            let (key, side) = (frame.masking_key?, scene.mine());
            let by = step(side.key?, key);
            // Sixteen keys alike in one byte, and not in all: chance does not do that.
            if let Some(place) = side.keys.constant(side.key?, key) {
                return Some(note(format!(
                    "byte {place} of the first sixteen keys is {:#04x} each time",
                    key.0.get(place)?
                )));
            }
            // This difference is the eighth in a row.
            (by != 0 && side.keys.step == Some(by) && side.keys.steps == 7).then(|| {
                note(format!(
                    "the last nine keys grow by {by:#x} each, up to {key}"
                ))
            })
        }),
    },
    Rule {
        number: 62,
        id: "WS-FRAME-CONTROL-LENGTH",
        section: "RFC 6455 5.5",
        severity: Error,
        by: By::Either,
        needs: G,
        title: "A control frame has at most 125 bytes of payload",
        why: "Control frames come between the fragments of messages and must fit into small buffers",
        cause: "A ping or a close reason filled with application data",
        check: Check::Frame(OnFrame::CONTROL, |frame, _| {
            (frame.opcode.is_control() && frame.length > 125).then(|| {
                note(format!(
                    "this {} frame has {} bytes",
                    frame.opcode, frame.length
                ))
            })
        }),
    },
    Rule {
        number: 63,
        id: "WS-FRAME-CONTROL-FIN",
        section: "RFC 6455 5.5",
        severity: Error,
        by: By::Either,
        needs: G,
        title: "A control frame is not fragmented",
        why: "Control frames come between the fragments of messages and cannot be fragments themselves",
        cause: "A sender that fragments every message alike",
        check: Check::Frame(OnFrame::CONTROL, |frame, _| {
            (frame.opcode.is_control() && !frame.fin)
                .then(|| note(format!("this {} frame has FIN = 0", frame.opcode)))
        }),
    },
    Rule {
        number: 64,
        id: "WS-FRAME-MASK-TWICE",
        section: "RFC 6455 5.3",
        severity: Warning,
        by: By::Client,
        needs: G,
        title: "The payload makes sense once it is unmasked",
        why: "A receiver unmasks exactly once; what was masked twice, or not at all, arrives as noise",
        cause: "The library masks and the application too, or the mask bit is set without masking",
        check: Check::Message(OnMessage::BROKEN, masked_twice),
    },
    Rule {
        number: 65,
        id: "WS-FRAME-LENGTH-ABSURD",
        section: "RFC 6455 10.4",
        severity: Warning,
        by: By::Either,
        needs: G,
        title: "No frame announces more than 2 GiB, or more than the connection ever carried",
        why: "Receivers limit what they take; such a length mostly means that frame boundaries were lost",
        cause: "A sender that lost track of its own frame boundaries",
        check: Check::FrameAndEnd(
            OnFrame::LENGTH,
            |frame, _| {
                (frame.length > 1 << 31).then(|| note(format!("the length is {}", frame.length)))
            },
            |scene| {
                let at = scene.mine().unfinished?;
                let (announced, carried) = (scene.mine().announced, scene.history.tcp_close?.bytes);
                let carried: u64 = carried.iter().sum();
                // A message that was cut off is no wonder where its sender gave up.
                let gave_up = scene.history.reset.is_some_and(|(by, _)| by == scene.dir);
                (announced <= 1 << 31 && announced > carried && !gave_up).then(|| {
                    let text = format!(
                        "the length is {announced}, and the connection carried {carried} bytes in all"
                    );
                    note(text).at(at)
                })
            },
        ),
    },
    Rule {
        number: 66,
        id: "WS-FRAME-CUT",
        section: "RFC 6455 7.1.7",
        severity: Warning,
        by: By::Either,
        needs: BZ,
        title: "The connection does not end inside a frame",
        why: "Whoever receives half a frame can only fail the connection",
        cause: "A process that was killed while it wrote, or a proxy that gave up",
        check: Check::End(|scene| {
            let at = scene.mine().unfinished?;
            (!scene.history.turned_away(scene.dir))
                .then(|| note("the connection ended before all of this frame had come").at(at))
        }),
    },
    Rule {
        number: 67,
        id: "WS-FRAME-BREACH-IGNORED",
        section: "RFC 6455 7.1.7",
        severity: Warning,
        by: By::Either,
        needs: BZ,
        title: "After a violation the receiver fails the connection",
        why: "Going on after a violation leaves the two sides with different ideas of what was said",
        cause: "A receiver that does not check, or is lenient on purpose",
        check: Check::End(|scene| {
            let (at, rule) = scene.theirs().breach?;
            let mine = scene.mine();
            let closed = mine
                .close
                .is_some_and(|close| close.code.is_some_and(CloseCode::fails));
            let late = mine.last_but_close?.time.since(at.time) > 1_000_000_000;
            (!closed && late && mine.after_breach > 0).then(|| {
                note(format!(
                    "the {} went on after its peer had broken {rule}",
                    scene.me()
                ))
                .at(at)
            })
        }),
    },
];

fn reserved(frame: &Frame, bit: u8, name: &str, scene: &Scene<'_>) -> Option<Note> {
    (frame.rsv & bit & !scene.history.claimed() != 0).then(|| {
        note(format!(
            "{name} is set on a {} frame, and no agreed extension defines it",
            frame.opcode
        ))
    })
}

fn opcode(frame: &Frame, from: u8, to: u8, scene: &Scene<'_>) -> Option<Note> {
    let Opcode(opcode) = frame.opcode;
    // An extension that is not known may define opcodes too.
    ((from..=to).contains(&opcode) && scene.history.claimed() != 7)
        .then(|| note(format!("the opcode is {opcode}")))
}

/// Bytes of the extended length: 0, 2 or 8.
fn form(frame: &Frame) -> u8 {
    let key = if frame.masking_key.is_some() { 4 } else { 0 };
    frame.header_length.saturating_sub(2 + key)
}

fn too_long(frame: &Frame) -> Note {
    note(format!(
        "a length of {} is written in {} bits",
        frame.length,
        u16::from(form(frame)) * 8
    ))
}

/// Bytes from which on it cannot be chance that noise makes sense: of random bytes, less than two in
/// five do.
const SENSE: usize = 16;

/// Text that is none, and would be some if it were unmasked once more.
fn masked_twice(message: &Message, payload: &[u8], scene: &Scene<'_>) -> Option<Note> {
    let begun = scene.mine().finished.as_ref()?;
    let key = begun.key?.0;
    if !super::message::is_broken_text(message, payload)
        || begun.frames != 1
        || payload.len() < SENSE
    {
        return None;
    }
    let again: Vec<u8> = payload
        .iter()
        .zip(key.iter().cycle())
        .map(|(byte, key)| byte ^ key)
        .collect();
    let sense = std::str::from_utf8(&again)
        .is_ok_and(|text| !text.chars().any(|c| c.is_control() && !c.is_whitespace()));
    sense.then(|| note("the text is no UTF-8 once it is unmasked, and is UTF-8 with its masking key applied again"))
}
