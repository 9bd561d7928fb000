//! Names for segments that are not ordinary: Wireshark's, and our own with the reason.

use super::PacketNo;
use std::num::NonZeroU32;
use std::ops::BitOrAssign;

/// Wireshark's names for a segment: a set of its `tcp.analysis` labels.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Wireshark(u16);

impl Wireshark {
    /// Sent again; also where one of the two next says so.
    pub const RETRANSMISSION: Self = Self(1);
    /// Sent again after repeated acknowledgements.
    pub const FAST_RETRANSMISSION: Self = Self(1 << 1);
    /// Sent again though it had been acknowledged.
    pub const SPURIOUS_RETRANSMISSION: Self = Self(1 << 2);
    /// Below what had been sent, and soon after it.
    pub const OUT_OF_ORDER: Self = Self(1 << 3);
    /// A segment before this one was not captured.
    pub const LOST_SEGMENT: Self = Self(1 << 4);
    /// Acknowledges what was not captured.
    pub const ACK_LOST_SEGMENT: Self = Self(1 << 5);
    /// The same acknowledgement again.
    pub const DUPLICATE_ACK: Self = Self(1 << 6);
    /// A probe whether the peer is still there.
    pub const KEEP_ALIVE: Self = Self(1 << 7);
    /// The answer to it.
    pub const KEEP_ALIVE_ACK: Self = Self(1 << 8);
    /// Nothing but another window.
    pub const WINDOW_UPDATE: Self = Self(1 << 9);
    /// Fills the receiver's window to its last byte.
    pub const WINDOW_FULL: Self = Self(1 << 10);
    /// The sender can take nothing more.
    pub const ZERO_WINDOW: Self = Self(1 << 11);
    /// A probe whether the window is open again.
    pub const ZERO_WINDOW_PROBE: Self = Self(1 << 12);
    /// The answer to it.
    pub const ZERO_WINDOW_PROBE_ACK: Self = Self(1 << 13);
    /// Another connection between the same ends.
    pub const REUSED_PORTS: Self = Self(1 << 14);

    /// Whether all labels of the other set are in this one.
    #[must_use]
    pub fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The labels by the last part of Wireshark's field names, in the order of its bits here.
    pub fn words(self) -> impl Iterator<Item = &'static str> {
        let named = WIRESHARK.iter().filter(move |it| self.has(it.0));
        named.map(|it| it.1)
    }
}

impl BitOrAssign for Wireshark {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

/// Every label of Wireshark's, with the last part of its field's name.
pub const WIRESHARK: &[(Wireshark, &str)] = &[
    (Wireshark::RETRANSMISSION, "retransmission"),
    (Wireshark::FAST_RETRANSMISSION, "fast_retransmission"),
    (
        Wireshark::SPURIOUS_RETRANSMISSION,
        "spurious_retransmission",
    ),
    (Wireshark::OUT_OF_ORDER, "out_of_order"),
    (Wireshark::LOST_SEGMENT, "lost_segment"),
    (Wireshark::ACK_LOST_SEGMENT, "ack_lost_segment"),
    (Wireshark::DUPLICATE_ACK, "duplicate_ack"),
    (Wireshark::KEEP_ALIVE, "keep_alive"),
    (Wireshark::KEEP_ALIVE_ACK, "keep_alive_ack"),
    (Wireshark::WINDOW_UPDATE, "window_update"),
    (Wireshark::WINDOW_FULL, "window_full"),
    (Wireshark::ZERO_WINDOW, "zero_window"),
    (Wireshark::ZERO_WINDOW_PROBE, "zero_window_probe"),
    (Wireshark::ZERO_WINDOW_PROBE_ACK, "zero_window_probe_ack"),
    (Wireshark::REUSED_PORTS, "reused_ports"),
];

/// A segment that is not ordinary: what it is, why we think so, what Wireshark calls it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Remark {
    /// What it is, by the evidence of all bytes seen.
    pub label: Label,
    /// What tells so.
    pub why: Why,
    /// What Wireshark calls it.
    pub wireshark: Wireshark,
    /// Which repetition of an acknowledgement it is, from 1; 0 for none.
    pub duplicate: u32,
    /// Bytes sent and not acknowledged, where the segment carries some.
    pub in_flight: Option<NonZeroU32>,
    /// Payload bytes since the last PSH, this segment's among them, where what is in flight is known.
    pub pushed: Option<NonZeroU32>,
    /// Microseconds since the oldest segment was sent that is not acknowledged, where it is sent again:
    /// Wireshark's RTO.
    pub rto: Option<NonZeroU32>,
    /// The earlier packet of which it speaks.
    pub of: Option<PacketNo>,
    /// Nanoseconds since that packet.
    pub since: Option<i64>,
}

impl Remark {
    /// A remark that Wireshark has no name for.
    #[must_use]
    pub fn new(label: Label, why: Why) -> Self {
        Self {
            label,
            why,
            wireshark: Wireshark::default(),
            duplicate: 0,
            in_flight: None,
            pushed: None,
            rto: None,
            of: None,
            since: None,
        }
    }

    /// Where the first copy of its bytes was lost; none where none was, as far as is known.
    #[must_use]
    pub fn lost(&self) -> Option<LostWhere> {
        match (self.label, self.why) {
            (Label::FilledLate, Why::Missed) => Some(LostWhere::ByCapture),
            (Label::FilledLate, Why::GivenUp) => Some(LostWhere::Undecidable),
            (Label::FilledLate, _) => Some(LostWhere::BeforeTap),
            (Label::FastRetransmission, Why::AskedFor) => Some(LostWhere::BehindTap),
            (Label::FastRetransmission, _) => Some(LostWhere::Undecidable),
            (Label::Retransmission, Why::SameFlags) => None,
            (Label::Retransmission | Label::TimeoutRetransmission, _) => {
                Some(LostWhere::Undecidable)
            }
            _ => None,
        }
    }
}

/// Where the first copy of bytes was lost that were sent again, as seen from the tap.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum LostWhere {
    /// Between their sender and the tap: it was never captured, and the receiver lacked them.
    BeforeTap,
    /// Between the tap and their receiver: it was captured, and the receiver asked for it.
    BehindTap,
    /// By whoever captured: the receiver had it.
    ByCapture,
    /// It was captured, and whether the receiver got it or its acknowledgement was lost, nothing tells.
    Undecidable,
}

impl LostWhere {
    /// The words for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::BeforeTap => "before the tap",
            Self::BehindTap => "behind the tap",
            Self::ByCapture => "by the capture",
            Self::Undecidable => "not decidable",
        }
    }
}

/// What a segment is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Label {
    /// Bytes before it are missing, so far.
    Hole,
    /// It fills a hole; it was overtaken on its way.
    Reordered,
    /// It fills a hole; what it carries was lost before the capture could see it, and sent again.
    FilledLate,
    /// Bytes that had been captured before, after the receiver had asked for them.
    FastRetransmission,
    /// Bytes that had been captured before, after a long silence.
    TimeoutRetransmission,
    /// Bytes that the receiver had acknowledged.
    SpuriousRetransmission,
    /// Bytes that had been captured before.
    Retransmission,
    /// The very same packet, captured twice.
    Copy,
    /// Bytes never seen before, whatever they look like.
    NewData,
    /// A probe whether the peer is still there: no new byte.   RFC 9293 section 3.8.4
    KeepAlive,
    /// The answer to it.
    KeepAliveAck,
    /// A probe whether the window is open again.   RFC 9293 section 3.8.6.1
    ZeroWindowProbe,
    /// The answer to it.
    ZeroWindowProbeAck,
    /// The same acknowledgement again.
    DuplicateAck,
    /// Acknowledges bytes that were not captured.
    AckOfUnseen,
    /// Nothing but another window.
    WindowUpdate,
    /// The receiver's window is full with it.
    WindowFull,
    /// Its sender can take nothing more.
    ZeroWindow,
    /// Another connection between the same ends.
    ReusedPorts,
    /// A message was complete, and waited for earlier bytes that were missing.
    HeadOfLine,
    /// A message stood still while the receiver's window was closed.
    WindowDelay,
    /// A message waited for an acknowledgement that was itself delayed.
    NagleDelay,
    /// What one side sent again was not answered up to the end of the capture.
    Silence,
}

impl Label {
    /// Whether it says what held a message up; `since` is then for how long, and `of` the packet that
    /// tells why.
    #[must_use]
    pub fn is_delay(self) -> bool {
        matches!(
            self,
            Self::HeadOfLine | Self::WindowDelay | Self::NagleDelay
        )
    }

    /// The word for it, as JSON has it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Hole => "hole",
            Self::Reordered => "reordered",
            Self::FilledLate => "filled_late",
            Self::FastRetransmission => "fast_retransmission",
            Self::TimeoutRetransmission => "timeout_retransmission",
            Self::SpuriousRetransmission => "spurious_retransmission",
            Self::Retransmission => "retransmission",
            Self::Copy => "captured_twice",
            Self::NewData => "new_data",
            Self::KeepAlive => "keep_alive",
            Self::KeepAliveAck => "keep_alive_ack",
            Self::ZeroWindowProbe => "zero_window_probe",
            Self::ZeroWindowProbeAck => "zero_window_probe_ack",
            Self::DuplicateAck => "duplicate_ack",
            Self::AckOfUnseen => "ack_of_unseen",
            Self::WindowUpdate => "window_update",
            Self::WindowFull => "window_full",
            Self::ZeroWindow => "zero_window",
            Self::ReusedPorts => "reused_ports",
            Self::HeadOfLine => "head_of_line",
            Self::WindowDelay => "window_delay",
            Self::NagleDelay => "nagle_delay",
            Self::Silence => "silence",
        }
    }
}

/// What tells that a segment is what its label says.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Why {
    /// Its sequence number lies above everything seen.
    Missing,
    /// Its timestamp is older than that of the segment behind the hole.
    OlderTimestamp,
    /// Its timestamp is newer than that of the segment behind the hole.
    NewerTimestamp,
    /// Its IP identification is before that of the segment behind the hole.
    OlderId,
    /// Its IP identification is after that of the segment behind the hole.
    NewerId,
    /// It came within a round trip of the segment behind the hole.
    Soon,
    /// It came later than that.
    Late,
    /// It came after the hole had been given up, and the receiver had acknowledged its bytes.
    Missed,
    /// It came after the hole had been given up.
    GivenUp,
    /// The receiver had repeated its acknowledgement, or had SACK blocks above it.
    AskedFor,
    /// The same; but when it asked last, nothing tells that the copy before could have come to it.
    AskedBefore,
    /// Nothing came from the receiver, and a retransmission timeout had passed.
    Silence,
    /// The receiver had acknowledged all of it.
    Acknowledged,
    /// Sequence number, length, timestamp and IP identification are those of the segment before.
    SamePacket,
    /// All of its bytes had been captured.
    SeenBefore,
    /// Some of its bytes had been captured.
    SeenPartly,
    /// None of its bytes had been captured.
    NeverSeen,
    /// SYN or FIN again.
    SameFlags,
    /// It stands one below the next new byte, with nothing new.
    OneBelow,
    /// The same while the peer's window is closed.
    OneBelowClosed,
    /// One byte into a closed window.
    IntoClosed,
    /// It answers a probe.
    Answers,
    /// The receiver has bytes behind a hole.
    Selective,
    /// Its SACK block lies in what is acknowledged: bytes came twice.   RFC 2883
    TwiceReceived,
    /// The acknowledgement number is that of the one before.
    SameNumber,
    /// The acknowledgement number lies above everything captured.
    AboveSeen,
    /// All but the window is that of the segment before.
    OnlyWindow,
    /// It ends where the receiver's window does.
    EndsAtWindow,
    /// The window field is 0.
    WindowZero,
    /// A SYN with another initial sequence number.
    OtherStart,
    /// All bytes of a message were there, and earlier ones were not.
    EarlierMissing,
    /// The receiver's window was 0 between the message's first byte and its last.
    ClosedMeanwhile,
    /// It came right after a delayed acknowledgement, as Nagle's algorithm sends.   RFC 896
    AfterDelayedAck,
    /// The other side sent nothing more, however often this one repeated itself.
    Unanswered,
}

impl Why {
    /// The reason in words: a clause that follows "because".
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Missing => "bytes before it have not been captured so far",
            Self::OlderTimestamp => {
                "its TCP timestamp is older than that of the segment behind the hole, so it was sent first and overtaken"
            }
            Self::NewerTimestamp => {
                "its TCP timestamp is newer than that of the segment behind the hole, so it was sent again: the first copy was lost before the capture"
            }
            Self::OlderId => {
                "its IP identification is before that of the segment behind the hole, so it was sent first and overtaken"
            }
            Self::NewerId => {
                "its IP identification is after that of the segment behind the hole, so it was sent again: the first copy was lost before the capture"
            }
            Self::Soon => {
                "its bytes are new, and it came within a round trip of the segment behind the hole"
            }
            Self::Late => {
                "its bytes are new, and it came more than a round trip after the segment behind the hole: the first copy was lost before the capture"
            }
            Self::Missed => {
                "its bytes are new, and the receiver had acknowledged them: the capture missed their first copy"
            }
            Self::GivenUp => "its bytes are new, and had been given up by then",
            Self::AskedFor => {
                "its bytes had been captured, and the receiver had asked for them by repeated or selective acknowledgements"
            }
            Self::AskedBefore => {
                "its bytes had been captured, and the receiver had asked for them, though perhaps before the last copy could have come to it"
            }
            Self::Silence => {
                "its bytes had been captured, and no acknowledgement came for a retransmission timeout"
            }
            Self::Acknowledged => "the receiver had acknowledged all of it",
            Self::SamePacket => {
                "sequence number, length, timestamp and IP identification are those of the segment before: one packet that was captured twice"
            }
            Self::SeenBefore => "all of its bytes had been captured before",
            Self::SeenPartly => "some of its bytes had been captured before",
            Self::NeverSeen => "none of its bytes had been captured before",
            Self::SameFlags => "its SYN or FIN had been captured before",
            Self::OneBelow => {
                "its sequence number is one below the next new byte, and it brings nothing new"
            }
            Self::OneBelowClosed => {
                "its sequence number is one below the next new byte, and the peer's window is closed"
            }
            Self::IntoClosed => "it carries one byte while the peer's window is closed",
            Self::Answers => "it repeats the last acknowledgement right after a probe",
            Self::Selective => "the receiver got bytes behind a hole, as its SACK blocks say",
            Self::TwiceReceived => {
                "the receiver got bytes that it already had, as its first SACK block says"
            }
            Self::SameNumber => "it repeats the last acknowledgement and the last window",
            Self::AboveSeen => {
                "its acknowledgement number lies above everything captured: the capture lost what it confirms"
            }
            Self::OnlyWindow => "nothing but its window differs from the segment before",
            Self::EndsAtWindow => "it ends exactly where the receiver's window does",
            Self::WindowZero => "its window field is 0",
            Self::EarlierMissing => {
                "all of its bytes were there, and bytes before them were missing"
            }
            Self::ClosedMeanwhile => "the receiver's window was closed while it was on its way",
            Self::AfterDelayedAck => {
                "it came right after a delayed acknowledgement of the bytes before it: Nagle's algorithm waited for it"
            }
            Self::Unanswered => {
                "this side repeated itself, and nothing more came from the other up to the end of the capture"
            }
            Self::OtherStart => {
                "its SYN has another initial sequence number than the connection before"
            }
        }
    }
}
