//! Messages and their fragments.   RFC 6455 sections 5.4, 5.6 and 8.1

use super::{BZ, By, Check, G, Needs, OnFrame, OnMessage, Rule, Scene, note};
use crate::model::Severity::{self, Error};
use crate::model::{Frame, Kind, Message, Opcode};

pub const RULES: &[Rule] = &[
    Rule {
        number: 68,
        id: "WS-MESSAGE-ORPHAN",
        section: "RFC 6455 5.4",
        severity: Error,
        by: By::Either,
        needs: G,
        title: "A continuation frame follows an unfinished message",
        why: "A continuation of nothing has no type, and belongs to no message",
        cause: "A sender that sets FIN on the first fragment, or two writers that share a connection",
        check: Check::Frame(OnFrame::CONTINUES, |frame, scene| {
            let orphan = frame.opcode == Opcode::CONTINUATION && scene.mine().message.is_none();
            orphan.then(|| note("no message is unfinished here"))
        }),
    },
    Rule {
        number: 69,
        id: "WS-MESSAGE-INTERLEAVED",
        section: "RFC 6455 5.4",
        severity: Error,
        by: By::Either,
        needs: G,
        title: "No new message begins while one is unfinished",
        why: "The fragments of one message must not be interleaved with those of another",
        cause: "Two writers that share a connection without a lock",
        check: Check::Frame(OnFrame::WITHIN, |frame: &Frame, scene| {
            let begun = scene.mine().message.as_ref()?;
            matches!(frame.opcode, Opcode::TEXT | Opcode::BINARY).then(|| {
                note(format!(
                    "a {} frame begins a message while the {} message of event {} is unfinished",
                    frame.opcode, begun.opcode, begun.at.id
                ))
            })
        }),
    },
    Rule {
        number: 70,
        id: "WS-MESSAGE-UNFINISHED",
        section: "RFC 6455 5.4",
        severity: Severity::Warning,
        by: By::Either,
        needs: BZ,
        title: "A message is finished before the connection ends in good order",
        why: "A message without its last fragment is never delivered",
        cause: "A stream that was given up in the middle",
        check: Check::End(|scene| {
            let begun = scene.mine().message.as_ref()?;
            let orderly = scene.mine().close.is_some() || scene.history.reset.is_none();
            (orderly && !scene.history.turned_away(scene.dir)).then(|| {
                note(format!(
                    "the last {} message has {} fragments and no end",
                    begun.opcode, begun.frames
                ))
                .at(begun.at)
            })
        }),
    },
    Rule {
        number: 71,
        id: "WS-MESSAGE-UTF8",
        section: "RFC 6455 8.1",
        severity: Error,
        by: By::Either,
        needs: G,
        title: "A text message is valid UTF-8 as a whole",
        why: "A receiver must fail the connection, with 1007, on text that is not UTF-8",
        cause: "Bytes of another encoding, or binary data sent as text",
        check: Check::Message(
            OnMessage::BROKEN,
            |message, payload, scene| match broken_text(message, payload, scene)? {
                Broken {
                    early: None,
                    special: None,
                    at,
                    shown,
                } => Some(note(format!("byte {at} of the text is no UTF-8: {shown}"))),
                _ => None,
            },
        ),
    },
    Rule {
        number: 72,
        id: "WS-MESSAGE-UTF8-FORM",
        section: "RFC 6455 8.1",
        severity: Error,
        by: By::Either,
        needs: G,
        title: "Text has no surrogates, no overlong forms, nothing above U+10FFFF",
        why: "RFC 3629 forbids these; lenient decoders let them through, and peers disagree about the text",
        cause: "A text in UTF-16, encoded half by half; JavaScript or Java strings with lone surrogates",
        check: Check::Message(
            OnMessage::BROKEN,
            |message, payload, scene| match broken_text(message, payload, scene)? {
                Broken {
                    early: None,
                    special: Some(what),
                    at,
                    shown,
                } => Some(note(format!(
                    "byte {at} of the text begins {what}: {shown}"
                ))),
                _ => None,
            },
        ),
    },
    Rule {
        number: 73,
        id: "WS-MESSAGE-UTF8-EARLY",
        section: "RFC 6455 8.1",
        severity: Error,
        by: By::Either,
        needs: G,
        title: "Text is possible UTF-8 in every fragment",
        why: "A receiver that checks as it reads fails the connection before the message has ended",
        cause: "Bytes of another encoding, or binary data sent as text",
        check: Check::Message(
            OnMessage::BROKEN,
            |message, payload, scene| match broken_text(message, payload, scene)? {
                Broken {
                    early: Some((fragment, of)),
                    at,
                    shown,
                    ..
                } => Some(note(format!(
                    "byte {at} of the text, in fragment {fragment} of {of}, is no UTF-8: {shown}"
                ))),
                _ => None,
            },
        ),
    },
    Rule {
        number: 74,
        id: "WS-MESSAGE-TINY-FRAGMENTS",
        section: "RFC 6455 5.4",
        severity: Severity::Note,
        by: By::Either,
        needs: G,
        title: "A message has no empty fragments, and not very many tiny ones",
        why: "Each fragment costs a header and a wake-up; some receivers limit their number",
        cause: "A stream that is flushed after every write",
        check: Check::Message(OnMessage::FRAGMENTS, |message, _, scene| {
            let begun = scene.mine().finished.as_ref()?;
            let tiny = begun.frames >= 32 && begun.length / u64::from(begun.frames) < 16;
            (message.kind.is_data() && (begun.empty > 0 || tiny)).then(|| {
                note(format!(
                    "{} bytes come in {} fragments, {} of them empty before the last",
                    begun.length, begun.frames, begun.empty
                ))
            })
        }),
    },
    Rule {
        number: 75,
        id: "WS-MESSAGE-JSON-AS-BINARY",
        section: "RFC 6455 5.6",
        severity: Severity::Note,
        by: By::Either,
        needs: G,
        title: "JSON is sent as text",
        why: "A browser hands out binary messages as a Blob, so the page must decode what could have been a string",
        cause: "A library that sends bytes as binary, given encoded text",
        check: Check::Message(OnMessage::BINARY, |message, payload, _| {
            let whole = payload.len() as u64 == message.length;
            let json = matches!(payload.trim_ascii(), [b'{', .., b'}'] | [b'[', .., b']']);
            (message.kind == Kind::Binary
                && whole
                && json
                && payload.contains(&b'"')
                && std::str::from_utf8(payload).is_ok_and(|text| !text.contains('\0')))
            .then(|| {
                note(format!(
                    "this binary message of {} bytes looks like JSON",
                    message.length
                ))
            })
        }),
    },
    Rule {
        number: 76,
        id: "WS-MESSAGE-BINARY-AS-TEXT",
        section: "RFC 6455 5.6",
        severity: Severity::Note,
        by: By::Either,
        needs: G,
        title: "A text has no NUL and few control characters",
        why: "Binary data sent as text works until a byte is not UTF-8, and then the connection fails",
        cause: "The wrong message type chosen by the application",
        check: Check::Message(OnMessage::TEXT, |message, payload, _| {
            // Without a branch for each byte: almost every text comes no further.
            if !payload.iter().fold(false, |any, byte| any | (*byte < 0x20)) {
                return None;
            }
            let odd = |byte: &&u8| **byte < 0x20 && !b"\t\n\r\x1b\x1e".contains(byte);
            let count = payload.iter().filter(odd).count();
            let nul = payload.contains(&0);
            (message.kind == Kind::Text && message.utf8 && (nul || count * 4 > payload.len())).then(
                || {
                    note(format!(
                        "{count} of {} bytes are control characters",
                        payload.len()
                    ))
                },
            )
        }),
    },
    Rule {
        number: 77,
        id: "WS-MESSAGE-REFRAGMENTED",
        section: "RFC 6455 5.4",
        severity: Severity::Note,
        by: By::Either,
        needs: Needs::MANY.and(G),
        title: "An intermediary changed the fragmentation",
        why: "Fragments have no meaning, and an intermediary may join or split them",
        cause: "A proxy that reads messages, not bytes",
        check: Check::Message(OnMessage::ALTERED, |message, _, scene| {
            let (before, event) = scene.others.legs.changed()?;
            let count = |frames| match frames {
                1 => "1 frame".to_owned(),
                frames => format!("{frames} frames"),
            };
            Some(note(format!(
                "{} went into the intermediary (event {event}), and {} came out",
                count(before),
                count(message.frames)
            )))
        }),
    },
];

/// Where and how a text is not UTF-8.
struct Broken {
    /// Offset of the first bad byte.
    at: usize,
    /// The bytes there.
    shown: String,
    /// What RFC 3629 forbids by name, if it is that.
    special: Option<&'static str>,
    /// In which fragment, and of how many, where it is not the last.
    early: Option<(usize, u32)>,
}

/// Whether this is a text, whole and known, that is not UTF-8.
pub fn is_broken_text(message: &Message, payload: &[u8]) -> bool {
    message.kind == Kind::Text
        && message.complete
        && !message.utf8
        && payload.len() as u64 == message.length
}

fn broken_text(message: &Message, payload: &[u8], scene: &Scene<'_>) -> Option<Broken> {
    if message.kind != Kind::Text || !message.complete || message.utf8 {
        return None;
    }
    let at = match std::str::from_utf8(payload) {
        Ok(_) => payload.len(),
        Err(error) => error.valid_up_to(),
    };
    let bad = payload.get(at..).unwrap_or_default();
    let shown: Vec<_> = bad
        .iter()
        .take(4)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let begun = scene.mine().finished.as_ref();
    // Compressed fragments say nothing about where in the text they end.
    let early = begun.filter(|_| !message.compressed).and_then(|begun| {
        let fragment = begun
            .ends
            .iter()
            .position(|&end| at as u64 <= end.saturating_sub(1))?;
        // A character that is only cut in two is bad where it goes on.
        let cut = std::str::from_utf8(payload.get(at..*begun.ends.get(fragment)? as usize)?)
            .is_err_and(|error| error.error_len().is_none());
        let last = fragment as u32 + 1 >= begun.frames;
        (!last && !cut).then_some((fragment + 1, begun.frames))
    });
    Some(Broken {
        at,
        shown: shown.join(" "),
        special: forbidden(bad),
        early,
    })
}

/// What RFC 3629 section 3 forbids by name.
fn forbidden(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0xed, 0xa0..=0xbf, ..] => Some("a surrogate"),
        [0xc0 | 0xc1, 0x80..=0xbf, ..] | [0xe0, 0x80..=0x9f, ..] | [0xf0, 0x80..=0x8f, ..] => {
            Some("an overlong form")
        }
        [0xf4, 0x90..=0xbf, ..] | [0xf5..=0xf7, 0x80..=0xbf, ..] => Some("a number above U+10FFFF"),
        _ => None,
    }
}
