//! Numbers that name things.

use std::fmt;
use std::num::NonZeroU64;

/// A packet's number over all files read, from 1 (Wireshark's `frame.number`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PacketNo(NonZeroU64);

impl PacketNo {
    /// The first packet.
    pub const FIRST: Self = Self(NonZeroU64::MIN);

    /// Stands for the end of the capture: after every packet, prints as `end`.
    pub const END: Self = Self(NonZeroU64::MAX);

    /// The packet with this number, none for 0.
    #[must_use]
    pub fn new(number: u64) -> Option<Self> {
        NonZeroU64::new(number).map(Self)
    }

    /// The number, from 1.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0.get()
    }

    /// The packet after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// Whether this stands for the end of the capture.
    #[must_use]
    pub fn is_end(self) -> bool {
        self == Self::END
    }
}

impl fmt::Display for PacketNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_end() {
            f.pad("end")
        } else {
            self.0.fmt(f)
        }
    }
}

/// A TCP connection, from 0 in order of first packet (Wireshark's `tcp.stream`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ConnId(pub u32);

impl fmt::Display for ConnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A WebSocket session, from 0 in order of opening.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct SessionId(pub u32);

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An event's name: the packet that caused it, and which of that packet's events it is.
///
/// Prints as `4711.1`, or `end.0` for what only the end of the capture shows; sorts as the
/// timeline.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct EventId {
    /// The packet that caused the event.
    pub at: PacketNo,
    /// Which of that packet's events, from 0.
    pub nth: u32,
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.at, self.nth)
    }
}

impl std::str::FromStr for EventId {
    type Err = ParseEventIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (at, nth) = text.split_once('.').unwrap_or((text, "0"));
        let at = match at {
            "end" => Some(PacketNo::END),
            number => number.parse().ok().and_then(PacketNo::new),
        };
        match (at, nth.parse()) {
            (Some(at), Ok(nth)) => Ok(Self { at, nth }),
            _ => Err(ParseEventIdError),
        }
    }
}

/// What was typed is not an event id.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("an event id is PACKET.NTH, such as 4711.1 or end.0")]
pub struct ParseEventIdError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_id_reads_back_as_it_prints() {
        for text in ["1.0", "4711.12", "end.3"] {
            assert_eq!(text.parse::<EventId>().unwrap().to_string(), text);
        }
        assert_eq!("7".parse::<EventId>().unwrap().to_string(), "7.0");
        for wrong in ["", "0.0", "x", "1.", "1.x", "-1.0"] {
            assert!(wrong.parse::<EventId>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn what_the_end_shows_sorts_last() {
        let end: EventId = "end.0".parse().unwrap();
        assert!("99999999.5".parse::<EventId>().unwrap() < end);
    }

    #[test]
    fn an_absent_event_id_takes_no_extra_room() {
        assert_eq!(size_of::<Option<EventId>>(), size_of::<EventId>());
    }
}
