//! What a rule has to see in a frame or a message before it can have anything to say.
//!
//! Most frames and messages have nothing about them that any rule could object to. So a rule names
//! the marks that it looks for, and is asked only about what bears one of them. Where the capture
//! lost something every rule is asked all the same, for then the answer is that it cannot tell.

use super::history::Side;
use super::{Check, Rule, rules};
use crate::model::{Dir, Frame, FrameStart, Inflated, Kind, Message, Opcode};

/// Marks that a frame may bear.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OnFrame(u16);

impl OnFrame {
    /// It is masked.
    pub const MASKED: Self = Self(1);
    /// It is not.
    pub const BARE: Self = Self(2);
    /// A reserved bit is set.
    pub const RSV: Self = Self(4);
    /// Its opcode is reserved.
    pub const RESERVED: Self = Self(8);
    /// Its length is not in the shortest form, or beyond 2 GiB.
    pub const LENGTH: Self = Self(16);
    /// It is a control frame.
    pub const CONTROL: Self = Self(32);
    /// It continues a message.
    pub const CONTINUES: Self = Self(64);
    /// It begins a message while another one of its sender is unfinished.
    pub const WITHIN: Self = Self(128);
    /// Its sender had sent a close.
    pub const AFTER_CLOSE: Self = Self(256);
    /// Its sender had sent no frame before.
    pub const FIRST: Self = Self(512);

    /// The marks of a frame whose sender did this before.
    pub fn of(frame: &Frame, sender: &Side) -> Self {
        let Opcode(opcode) = frame.opcode;
        let key = if frame.masking_key.is_some() { 4 } else { 0 };
        let shortest = match frame.length {
            0..=125 => 2,
            126..=0xffff => 4,
            _ => 10,
        };
        let begins = matches!(frame.opcode, Opcode::TEXT | Opcode::BINARY);
        Self(
            bit(frame.masking_key.is_some(), Self::MASKED.0)
                | bit(frame.masking_key.is_none(), Self::BARE.0)
                | bit(frame.rsv != 0, Self::RSV.0)
                | bit(matches!(opcode, 3..=7 | 11..), Self::RESERVED.0)
                | bit(
                    frame.header_length != shortest + key || frame.length > 1 << 31,
                    Self::LENGTH.0,
                )
                | bit(frame.opcode.is_control(), Self::CONTROL.0)
                | bit(frame.opcode == Opcode::CONTINUATION, Self::CONTINUES.0)
                | bit(begins && sender.message.is_some(), Self::WITHIN.0)
                | bit(sender.close.is_some(), Self::AFTER_CLOSE.0)
                | bit(sender.frames == 0, Self::FIRST.0),
        )
    }
}

/// Marks that a message may bear.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OnMessage(u16);

impl OnMessage {
    /// A text.
    pub const TEXT: Self = Self(1);
    /// A binary message.
    pub const BINARY: Self = Self(2);
    /// A text that is not UTF-8.
    pub const BROKEN: Self = Self(4);
    /// It came in several frames.
    pub const FRAGMENTS: Self = Self(8);
    /// It was compressed, or there is something to say about inflating it.
    pub const INFLATED: Self = Self(16);
    /// A ping, or a text of a side that sends pings, and none of the application's own so far.
    pub const PING: Self = Self(32);
    /// A pong.
    pub const PONG: Self = Self(64);
    /// A close.
    pub const CLOSE: Self = Self(128);
    /// It came out of an intermediary otherwise than it went in.
    pub const ALTERED: Self = Self(256);

    /// The marks of a message whose sender did this before.
    pub fn of(message: &Message, sender: &Side, altered: bool) -> Self {
        let kind = message.kind;
        let text = kind == Kind::Text;
        let frames = sender.finished.as_ref().map_or(0, |begun| begun.frames);
        Self(
            bit(text, Self::TEXT.0)
                | bit(kind == Kind::Binary, Self::BINARY.0)
                | bit(text && !message.utf8, Self::BROKEN.0)
                | bit(frames > 1, Self::FRAGMENTS.0)
                | bit(
                    message.compressed || message.inflated != Inflated::default(),
                    Self::INFLATED.0,
                )
                | bit(
                    kind == Kind::Ping || sender.ws_ping && !sender.app_ping,
                    Self::PING.0,
                )
                | bit(kind == Kind::Pong, Self::PONG.0)
                | bit(kind == Kind::Close, Self::CLOSE.0)
                | bit(altered, Self::ALTERED.0),
        )
    }
}

impl OnFrame {
    /// The marks of a frame of which no more than this came; its length and its key are not known.
    pub fn of_start(start: FrameStart, frame: &Frame, sender: &Side) -> Self {
        let bare = if start.masked == Some(false) {
            Self::BARE.0
        } else {
            0
        };
        let first_byte = Self::RSV.0
            | Self::RESERVED.0
            | Self::CONTROL.0
            | Self::CONTINUES.0
            | Self::WITHIN.0
            | Self::AFTER_CLOSE.0;
        Self(Self::of(frame, sender).0 & (first_byte | bare))
    }
}

fn bit(is: bool, mark: u16) -> u16 {
    u16::from(is) * mark
}

/// Rules, by the marks that they look for.
#[derive(Debug, Default)]
pub struct Asked {
    /// In the order of the catalogue.
    rules: Vec<&'static Rule>,
    /// For each direction and each mark, a bit for each rule that looks for it there.
    by_mark: [[u64; 16]; 2],
}

impl Asked {
    fn add(&mut self, rule: &'static Rule, marks: u16) {
        let bit = 1 << self.rules.len();
        self.rules.push(rule);
        for dir in Dir::BOTH.into_iter().filter(|dir| rule.by.means(*dir)) {
            for (place, rules) in dir.of_mut(&mut self.by_mark).iter_mut().enumerate() {
                *rules |= if marks >> place & 1 != 0 { bit } else { 0 };
            }
        }
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &'static Rule> {
        self.rules.iter().copied()
    }

    /// Those that look for one of these marks in this direction, in order; all where `all`.
    fn those(&self, dir: Dir, marks: u16, all: bool) -> impl Iterator<Item = &'static Rule> {
        let by_mark = dir.of(&self.by_mark);
        let mut rest = marks;
        let mut left = if all { u64::MAX } else { 0 };
        while rest != 0 && !all {
            left |= by_mark
                .get(rest.trailing_zeros() as usize)
                .copied()
                .unwrap_or(0);
            rest &= rest - 1;
        }
        std::iter::from_fn(move || {
            let rule = self.rules.get(left.trailing_zeros() as usize)?;
            left &= left - 1;
            Some(*rule)
        })
    }
}

/// The rules about frames.
#[derive(Debug)]
pub struct OfFrames(pub Asked);

impl OfFrames {
    pub fn new() -> Self {
        let mut asked = Asked::default();
        for rule in rules() {
            if let Check::Frame(OnFrame(marks), _) | Check::FrameAndEnd(OnFrame(marks), ..) =
                rule.check
            {
                asked.add(rule, marks);
            }
        }
        Self(asked)
    }

    /// Those that have to be asked about a frame with these marks; all where `all`.
    pub fn about(
        &self,
        dir: Dir,
        marks: OnFrame,
        all: bool,
    ) -> impl Iterator<Item = &'static Rule> {
        self.0.those(dir, marks.0, all)
    }
}

/// The rules about messages.
#[derive(Debug)]
pub struct OfMessages(pub Asked);

impl OfMessages {
    pub fn new() -> Self {
        let mut asked = Asked::default();
        for rule in rules() {
            if let Check::Message(OnMessage(marks), _) = rule.check {
                asked.add(rule, marks);
            }
        }
        Self(asked)
    }

    /// Those that have to be asked about a message with these marks; all where `all`.
    pub fn about(
        &self,
        dir: Dir,
        marks: OnMessage,
        all: bool,
    ) -> impl Iterator<Item = &'static Rule> {
        self.0.those(dir, marks.0, all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        CloseCode, Culprit, Ending, Endpoint, EventId, Flow, MaskingKey, PacketNo, SessionId, Span,
        Timestamp,
    };
    use crate::rules::history::{At, Begun, History, Ping, Sent};
    use crate::rules::others::Others;
    use crate::rules::{Scene, missing};
    use proptest::prelude::*;

    fn at(packet: u64) -> At {
        let packet = PacketNo::new(packet).unwrap();
        At {
            id: EventId { at: packet, nth: 0 },
            span: Span::tcp(0, 0),
            first: packet,
            packet,
            time: Timestamp(packet.get().cast_signed() * 3_000_000_000),
        }
    }

    fn key() -> impl Strategy<Value = Option<MaskingKey>> {
        let keys = [[0; 4], [1, 2, 3, 4], [1, 2, 3, 5], [1, 2, 3, 6]].map(MaskingKey);
        proptest::option::of(proptest::sample::select(keys.to_vec()))
    }

    fn frame() -> impl Strategy<Value = Frame> {
        let lengths = vec![0, 1, 125, 126, 0xffff, 0x1_0000, 1 << 31, 1 << 33, 1 << 63];
        let form = prop_oneof![Just(2_u8), Just(4), Just(10)];
        (
            any::<(bool, bool)>(),
            prop_oneof![3 => Just(0), 1 => 0..8_u8],
            0..16_u8,
            key(),
            proptest::sample::select(lengths),
            form,
        )
            .prop_map(
                |((fin, unfinished), rsv, opcode, masking_key, length, form)| Frame {
                    session: SessionId(0),
                    unfinished,
                    fin,
                    rsv,
                    opcode: Opcode(opcode),
                    masking_key,
                    length,
                    header_length: form + if masking_key.is_some() { 4 } else { 0 },
                },
            )
    }

    fn ending() -> impl Strategy<Value = Ending> {
        prop_oneof![
            3 => Just(Ending::Unknown),
            1 => Just(Ending::Whole),
            1 => Just(Ending::TailLeft),
            1 => Just(Ending::Broken(Culprit::Unknown)),
            1 => Just(Ending::Broken(Culprit::Unmarked)),
            1 => Just(Ending::Broken(Culprit::Window)),
            1 => Just(Ending::Broken(Culprit::Takeover)),
            1 => Just(Ending::Broken(Culprit::PlainKept)),
        ]
    }

    fn payload() -> impl Strategy<Value = Vec<u8>> {
        let some: [&[u8]; 12] = [
            b"",
            b"2",
            b"ping",
            b"{\"type\":\"ping\"}",
            b"[\"json\"]",
            b"\0\0\0",
            b"\x03\xe8bye",
            b"\x03\xf7",
            b"\x0f\xa0\xff",
            b"\xff\xff",
            b"pla\xc0in",
            b"plain",
        ];
        proptest::sample::select(some.map(<[u8]>::to_vec).to_vec())
    }

    fn message() -> impl Strategy<Value = (Message, Vec<u8>)> {
        use Kind::{Binary, Close, Ping, Pong, Text};
        let kinds = proptest::sample::select(vec![Text, Binary, Ping, Pong, Close]);
        (
            kinds,
            payload(),
            any::<(bool, bool)>(),
            ending(),
            1..3_u32,
            any::<bool>(),
        )
            .prop_map(
                |(kind, payload, (compressed, bfinal), ending, frames, tiny)| {
                    let length = payload.len() as u64;
                    let reason = payload.get(2..).unwrap_or_default();
                    let utf8 = match kind {
                        Text => std::str::from_utf8(&payload).is_ok(),
                        Close => std::str::from_utf8(reason).is_ok(),
                        _ => true,
                    };
                    let message = Message {
                        session: SessionId(0),
                        kind,
                        compressed,
                        complete: true,
                        utf8,
                        frames,
                        length: if tiny { 1 << 24 } else { length },
                        wire_length: length,
                        inflated: Inflated {
                            ending,
                            window_bits: 0,
                            bfinal,
                        },
                    };
                    (message, payload)
                },
            )
    }

    /// A side that may have done anything, as frames and messages left it.
    fn side() -> impl Strategy<Value = Did> {
        let frames = proptest::collection::vec(frame(), 0..20);
        let messages = proptest::collection::vec(message(), 0..4);
        (frames, messages, any::<bool>())
    }

    /// What a side did before, and whether it is in the middle of something.
    type Did = (Vec<Frame>, Vec<(Message, Vec<u8>)>, bool);

    fn history(sides: &[Did; 2]) -> History {
        let mut history = History::default();
        for (dir, (frames, messages, begun)) in Dir::BOTH.into_iter().zip(sides) {
            for (number, frame) in (2..).zip(frames) {
                history.frame(dir, frame, at(number));
            }
            for (number, (message, payload)) in (30..).zip(messages) {
                history.message(dir, message, payload, at(number));
            }
            if *begun {
                let side = dir.of_mut(&mut history.sides);
                side.lost = frames.len() % 5 == 1;
                side.doubt = frames.len() % 5 == 2;
                side.pings.push_back(Ping {
                    at: at(2),
                    payload: (*b"2").into(),
                    due: true,
                });
                side.close.get_or_insert(Sent {
                    at: at(40),
                    code: Some(CloseCode(1000)),
                    more: 0,
                });
                side.message.get_or_insert_with(|| Begun {
                    at: at(41),
                    opcode: Opcode::TEXT,
                    frames: 1,
                    ends: vec![3],
                    empty: 1,
                    length: 3,
                    key: None,
                });
            }
        }
        history
    }

    fn flow() -> Flow {
        let end = |port| Endpoint {
            ip: [127, 0, 0, 1].into(),
            port,
        };
        Flow {
            client: end(4711),
            server: end(80),
        }
    }

    #[test]
    fn all_rules_fit() {
        for asked in [OfFrames::new().0, OfMessages::new().0] {
            assert!((2..64).contains(&asked.rules.len()));
            let all: Vec<_> = asked
                .those(Dir::C2s, 0, true)
                .map(|rule| rule.number)
                .collect();
            assert!(all.is_sorted() && all.len() == asked.rules.len());
            assert_eq!(asked.those(Dir::C2s, 0, false).count(), 0);
        }
    }

    proptest! {
        /// A rule that is not asked would have had nothing to say.
        #[test]
        fn what_a_rule_does_not_look_for_it_does_not_find(
            sides in [side(), side()],
            frame in frame(),
            (message, payload) in message(),
            client in any::<bool>(),
        ) {
            let dir = if client { Dir::C2s } else { Dir::S2c };
            let history = history(&sides);
            let (others, flow) = (Others::default(), flow());
            let scene = Scene {
                history: &history,
                others: &others,
                dir,
                at: at(99),
                conn: crate::model::ConnId(0),
                flow: &flow,
            };
            let sender = history.side(dir);
            let (frames, messages) = (OfFrames::new(), OfMessages::new());
            let asked: Vec<_> = frames
                .about(dir, OnFrame::of(&frame, sender), false)
                .chain(messages.about(dir, OnMessage::of(&message, sender, false), false))
                .map(|rule| rule.number)
                .collect();
            for rule in rules().filter(|rule| rule.by.means(dir)) {
                let said = match rule.check {
                    Check::Frame(_, check) | Check::FrameAndEnd(_, check, _) => {
                        check(&frame, &scene)
                    }
                    Check::Message(_, check) => check(&message, &payload, &scene),
                    _ => None,
                };
                let clear = !missing::something(dir, &history);
                prop_assert!(!clear || missing::in_streams(rule, dir, &history, false).is_none());
                let asked = asked.contains(&rule.number);
                prop_assert!(said.is_none() || asked, "{}: {said:?}", rule.id);
            }
        }
    }
}
