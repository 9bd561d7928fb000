//! Breaches of the protocol that can be ordered, each of which breaks one rule and no other error's.

use super::super::{Form, Head, Mask, Scenario, Upgrade, close, frame, ping, pong, text};
use crate::model::{Dir, Opcode};
use serde::{Deserialize, Deserializer, de};

/// A breach that can be ordered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Violation(&'static Row);

#[derive(PartialEq, Eq, Debug)]
struct Row {
    name: &'static str,
    /// The rule that it breaks.
    rule: &'static str,
    what: &'static str,
    kind: Breach,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Breach {
    Key,
    Version,
    Accept,
    Protocol,
    Unmasked,
    Masked,
    Zero,
    Rsv(u8),
    Opcode(u8),
    Length,
    ControlLength,
    ControlFin,
    Orphan,
    Interleaved,
    Utf8,
    Pong,
    Unanswered,
    DataAfterClose,
    CloseBody,
    CloseCode(u16),
    ClientFirst,
}

/// All of them, as the help lists them.
const ROWS: &[Row] = &[
    row(
        "key",
        "WS-REQUEST-KEY-FORM",
        "the key is not 16 bytes, and is taken",
        Breach::Key,
    ),
    row(
        "version",
        "WS-REQUEST-VERSION-13",
        "the client asks for version 12, and gets it",
        Breach::Version,
    ),
    row(
        "accept",
        "WS-ANSWER-ACCEPT-VALUE",
        "the accept value is wrong",
        Breach::Accept,
    ),
    row(
        "protocol",
        "WS-ANSWER-PROTOCOL-OFFERED",
        "the server chooses a subprotocol that was not offered",
        Breach::Protocol,
    ),
    row(
        "mask",
        "WS-FRAME-CLIENT-MASK",
        "a frame of the client is not masked",
        Breach::Unmasked,
    ),
    row(
        "server-mask",
        "WS-FRAME-SERVER-MASK",
        "a frame of the server is masked",
        Breach::Masked,
    ),
    row(
        "zero-key",
        "WS-FRAME-KEY-ZERO",
        "a masking key is zero: it hides nothing",
        Breach::Zero,
    ),
    row(
        "rsv1",
        "WS-FRAME-RSV1",
        "RSV1 is set without an extension",
        Breach::Rsv(4),
    ),
    row("rsv2", "WS-FRAME-RSV2", "RSV2 is set", Breach::Rsv(2)),
    row("rsv3", "WS-FRAME-RSV3", "RSV3 is set", Breach::Rsv(1)),
    row(
        "opcode",
        "WS-FRAME-OPCODE-DATA",
        "the opcode is 3",
        Breach::Opcode(3),
    ),
    row(
        "control-opcode",
        "WS-FRAME-OPCODE-CONTROL",
        "the opcode is 11",
        Breach::Opcode(11),
    ),
    row(
        "length",
        "WS-FRAME-LENGTH-7",
        "a length of 5 is written in 16 bits",
        Breach::Length,
    ),
    row(
        "control-length",
        "WS-FRAME-CONTROL-LENGTH",
        "a ping carries 126 bytes",
        Breach::ControlLength,
    ),
    row(
        "control-fin",
        "WS-FRAME-CONTROL-FIN",
        "a ping is fragmented",
        Breach::ControlFin,
    ),
    row(
        "orphan",
        "WS-MESSAGE-ORPHAN",
        "a continuation without a beginning",
        Breach::Orphan,
    ),
    row(
        "interleaved",
        "WS-MESSAGE-INTERLEAVED",
        "a message begins inside another",
        Breach::Interleaved,
    ),
    row(
        "utf8",
        "WS-MESSAGE-UTF8",
        "a text is not UTF-8",
        Breach::Utf8,
    ),
    row(
        "pong",
        "WS-PONG-PAYLOAD",
        "a pong carries another payload than its ping",
        Breach::Pong,
    ),
    row(
        "no-pong",
        "WS-PING-UNANSWERED",
        "a ping is not answered",
        Breach::Unanswered,
    ),
    row(
        "data-after-close",
        "WS-CLOSE-DATA-AFTER",
        "the server sends a text after its close",
        Breach::DataAfterClose,
    ),
    row(
        "close-body",
        "WS-CLOSE-BODY",
        "a close carries one byte",
        Breach::CloseBody,
    ),
    row(
        "close-code",
        "WS-CLOSE-CODE-LOCAL",
        "a close carries 1006",
        Breach::CloseCode(1006),
    ),
    row(
        "client-first",
        "WS-CLOSE-CLIENT-FIRST",
        "the client ends TCP first",
        Breach::ClientFirst,
    ),
];

const fn row(name: &'static str, rule: &'static str, what: &'static str, kind: Breach) -> Row {
    Row {
        name,
        rule,
        what,
        kind,
    }
}

impl Violation {
    /// All that can be ordered.
    pub fn all() -> impl Iterator<Item = Self> {
        ROWS.iter().map(Self)
    }

    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0.name
    }

    /// The rule that it breaks.
    #[must_use]
    pub fn rule(self) -> &'static str {
        self.0.rule
    }

    /// What is wrong, in a few words.
    #[must_use]
    pub fn what(self) -> &'static str {
        self.0.what
    }

    /// Whether it is done with the close frames.
    pub(super) fn needs_close(self) -> bool {
        matches!(self.0.kind, Breach::DataAfterClose | Breach::ClientFirst)
    }

    fn is(self, kind: Breach) -> bool {
        self.0.kind == kind
    }
}

impl std::str::FromStr for Violation {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::all().find(|it| it.name() == name).ok_or_else(|| {
            let names: Vec<_> = Self::all().map(Self::name).collect();
            format!(
                "no violation is called {name:?}; there are {}",
                names.join(", ")
            )
        })
    }
}

impl<'de> Deserialize<'de> for Violation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        name.parse().map_err(de::Error::custom)
    }
}

/// Why these cannot be done, where they cannot.
pub(super) fn check(ordered: &[Violation], compressed: bool) -> Option<String> {
    let rsv1 = ordered.iter().any(|it| it.is(Breach::Rsv(4)));
    if rsv1 && compressed {
        return Some("--violate rsv1: with --compress RSV1 has a meaning".to_owned());
    }
    let last = [Breach::CloseBody, Breach::CloseCode(1006)];
    let closes = ordered
        .iter()
        .filter(|it| last.contains(&it.0.kind))
        .count();
    let close = ordered.iter().any(|it| it.needs_close());
    if closes > 1 || closes == 1 && close {
        return Some("--violate: a side closes once; order one of these at a time".to_owned());
    }
    None
}

/// What is wrong with the upgrade.
pub(super) fn handshake(ordered: &[Violation], mut upgrade: Upgrade) -> Upgrade {
    for it in ordered {
        upgrade = match it.0.kind {
            Breach::Key => upgrade.key("dG9vIHNob3J0"),
            Breach::Version => {
                upgrade.request(|head: Head| head.set("Sec-WebSocket-Version", "12"))
            }
            Breach::Accept => upgrade
                .response(|head| head.set("Sec-WebSocket-Accept", "bm90IHRoZSBhY2NlcHQgdmFsdWU=")),
            Breach::Protocol => {
                upgrade.response(|head| head.set("Sec-WebSocket-Protocol", "unasked"))
            }
            _ => upgrade,
        };
    }
    upgrade
}

/// What is wrong after the messages; answers who has to close because of it, and with which code.
pub(super) fn dialogue(ordered: &[Violation], scenario: &mut Scenario) -> Option<(Dir, u16)> {
    let mut offended = None;
    for it in ordered {
        let now = std::mem::replace(scenario, Scenario::new(0));
        let word = |opcode| frame(opcode).payload("wrong");
        let (done, code) = match it.0.kind {
            Breach::Unmasked => (now.client(text("not masked").mask(Mask::None)), 1002),
            Breach::Masked => {
                let message = text("masked").mask(Mask::Key([0x12, 0x34, 0x56, 0x78]));
                *scenario = now.server(message);
                offended = Some((Dir::C2s, 1002));
                continue;
            }
            Breach::Zero => {
                *scenario = now.client(text("masked with zeros").mask(Mask::Key([0; 4])));
                continue;
            }
            Breach::Rsv(rsv) => (now.client(word(Opcode::TEXT).rsv(rsv)), 1002),
            Breach::Opcode(opcode) => (now.client(word(Opcode(opcode))), 1002),
            Breach::Length => (now.client(text("hello").plain().form(Form::Bits16)), 1002),
            Breach::ControlLength => (
                now.client(frame(Opcode::PING).payload(vec![b'x'; 126])),
                1002,
            ),
            Breach::ControlFin => {
                let begun = now.client(word(Opcode::PING).fin(false));
                (begun, 1002)
            }
            Breach::Orphan => (now.client(word(Opcode::CONTINUATION)), 1002),
            Breach::Interleaved => {
                let begun = now.client(word(Opcode::TEXT).fin(false));
                (begun.client(word(Opcode::TEXT)), 1002)
            }
            Breach::Utf8 => {
                let bytes = frame(Opcode::TEXT).payload(&b"caf\xe9 in Latin-1"[..]);
                (now.client(bytes), 1007)
            }
            Breach::Pong => {
                *scenario = now
                    .server(ping("left"))
                    .client(pong("right"))
                    .wait(std::time::Duration::from_secs(2))
                    .client(text("I have answered"));
                continue;
            }
            Breach::Unanswered => {
                *scenario = now
                    .server(ping("anybody there?"))
                    .wait(std::time::Duration::from_secs(2))
                    .client(text("I have not seen a ping"));
                continue;
            }
            Breach::CloseBody => (now.client(frame(Opcode::CLOSE).payload(&b"\x03"[..])), 1002),
            Breach::CloseCode(code) => (now.client(close(code, "")), 1002),
            Breach::Key
            | Breach::Version
            | Breach::Accept
            | Breach::Protocol
            | Breach::DataAfterClose
            | Breach::ClientFirst => {
                *scenario = now;
                continue;
            }
        };
        *scenario = done;
        offended = Some((Dir::S2c, code));
    }
    offended
}

/// Whether the client has closed already, with a close that is a breach itself.
pub(super) fn closed(ordered: &[Violation]) -> bool {
    ordered
        .iter()
        .any(|it| matches!(it.0.kind, Breach::CloseBody | Breach::CloseCode(_)))
}

/// What comes after both closes.
pub(super) fn end(ordered: &[Violation], mut scenario: Scenario) -> Scenario {
    let has = |kind| ordered.iter().any(|it| it.is(kind));
    if has(Breach::DataAfterClose) {
        scenario = scenario.server(text("one more thing"));
    }
    if has(Breach::ClientFirst) {
        return scenario.fin_from(Dir::C2s);
    }
    scenario.fin()
}
