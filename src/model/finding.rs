//! What the rules say of a peer.

use super::{Dir, PacketNo, SessionId};

/// A rule was broken, or could not be decided.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// The rule's name, such as `WS-FRAME-RSV1`.
    pub rule: &'static str,
    /// The rule's number in the catalogue.
    pub number: u16,
    /// How bad it is to break it.
    pub severity: Severity,
    /// Broken, or not to be decided.
    pub verdict: Verdict,
    /// The session, where one had opened.
    pub session: Option<SessionId>,
    /// Whose doing it is: who sends in this direction.
    pub side: Dir,
    /// The section of the specification, such as `RFC 6455 5.1`.
    pub section: &'static str,
    /// What was seen, in one sentence without a full stop.
    pub text: String,
    /// What usually causes it, in one sentence without a full stop.
    pub cause: &'static str,
    /// The packets from its first byte to the one that showed it; empty where none did.
    pub packets: Option<[PacketNo; 2]>,
}

/// How bad it is to break a rule.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Severity {
    /// Legal, and worth seeing.
    Note,
    /// A SHOULD is broken, or it is legal and known to break peers.
    Warning,
    /// A MUST is broken, or the peer will fail the connection.
    Error,
}

impl Severity {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// What a rule says.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Verdict {
    /// What the capture has is not enough to tell: neither a pass nor a fail.
    Undecidable,
    /// It was broken.
    Fail,
}

impl Verdict {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Undecidable => "undecidable",
            Self::Fail => "fail",
        }
    }
}
