//! What the folds add to the timeline besides verdicts.

use super::SessionId;

/// A fact that several events tell together.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Insight {
    /// The session it is about.
    pub session: SessionId,
    /// What it is.
    pub kind: InsightKind,
}

/// The kinds of insight.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum InsightKind {
    /// A pong answered a ping.
    RoundTrip {
        /// Nanoseconds between the two, where they were captured.
        nanos: i64,
    },
    /// What one side's pings were like in all.
    Heartbeat {
        /// How many pings it sent.
        pings: u32,
        /// How many of them were answered.
        answered: u32,
        /// The median time between two, nanoseconds; none with fewer than three.
        period: Option<i64>,
        /// The median time to the pong, nanoseconds.
        round_trip: Option<i64>,
    },
}

impl InsightKind {
    /// The stable word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::RoundTrip { .. } => "round_trip",
            Self::Heartbeat { .. } => "heartbeat",
        }
    }
}
