//! What a capture shows, as far as questions need it.

use crate::model::{
    Anomaly, ConnId, Dir, Event, EventKind, Flow, Kind, Loan, Message, PacketNo, Sink, Trust, Want,
    What, Ws,
};
use std::collections::BTreeSet;
use std::io;

/// Everything that a capture caused, within limits.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    pub(super) seen: Vec<Seen>,
    /// Connections of which the capture has not got everything.
    torn: BTreeSet<ConnId>,
    /// Packets were dropped, of whichever connection.
    dropped: bool,
    /// There was more than fits.
    full: bool,
}

/// An event, and the beginning of its payload.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub event: Event,
    pub flow: Flow,
    pub payload: Vec<u8>,
}

/// The capture has more events than a sheet is made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "more than {} events: make a lab of a part of the capture (`wscope print -w PART -Y …`, editcap, or -f)",
    Facts::MOST
)]
pub struct TooLarge;

impl Facts {
    /// The most events that are kept.
    pub const MOST: usize = 200_000;

    /// The bytes of a payload that are kept.
    const PAYLOAD: usize = 256;

    /// Whether there was more than fits; the run may then be ended.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.full
    }

    /// The facts, where they are all there.
    ///
    /// # Errors
    /// There were more than fit.
    pub fn whole(self) -> Result<Self, TooLarge> {
        if self.full { Err(TooLarge) } else { Ok(self) }
    }

    /// Whether the capture has everything of this connection.
    pub(super) fn is_whole(&self, conn: ConnId) -> bool {
        !self.dropped && !self.torn.contains(&conn)
    }

    /// The events that rest on nothing but what was captured.
    pub(super) fn sure(&self) -> impl Iterator<Item = &Seen> {
        self.seen.iter().filter(|seen| seen.is_sure())
    }

    /// The events of a connection.
    pub(super) fn of(&self, conn: ConnId) -> impl Iterator<Item = &Seen> {
        self.seen.iter().filter(move |seen| seen.event.conn == conn)
    }

    /// Complete messages, with the events that they are.
    pub(super) fn messages(&self) -> impl Iterator<Item = (&Seen, &Message)> {
        self.seen.iter().filter_map(|seen| match &seen.event.kind {
            EventKind::Ws(Ws::Message(message)) if message.complete => Some((seen, message)),
            _ => None,
        })
    }

    /// Whether a packet holds exactly one frame: then "the frame in packet 8" names it.
    pub(super) fn has_one_frame(&self, packet: PacketNo) -> bool {
        let is_frame = |seen: &&Seen| {
            matches!(seen.event.kind, EventKind::Ws(Ws::Frame(_)))
                && seen.event.first <= packet
                && packet <= seen.event.packet
        };
        self.seen.iter().filter(is_frame).count() == 1
    }
}

impl Seen {
    pub fn dir(&self) -> Dir {
        self.event.dir.unwrap_or(Dir::C2s)
    }

    /// Nothing about it is guessed.
    pub fn is_sure(&self) -> bool {
        self.event.trust == Trust::Seen
    }
}

impl Sink for Facts {
    fn want(&self) -> Want {
        Want {
            joined: true,
            acks: true,
            ..Want::default()
        }
    }

    fn event(&mut self, event: &Event, flow: &Flow, loan: Loan<'_>) -> io::Result<()> {
        if self.seen.len() >= Self::MOST {
            self.full = true;
            return Ok(());
        }
        match &event.kind {
            EventKind::Anomaly(Anomaly {
                what: What::Dropped,
                ..
            }) => self.dropped = true,
            EventKind::Anomaly(_) => {
                self.torn.insert(event.conn);
            }
            EventKind::Ws(Ws::Message(message)) if !message.complete => {
                self.torn.insert(event.conn);
            }
            EventKind::Ws(Ws::Open(open)) if open.inferred => {
                self.torn.insert(event.conn);
            }
            _ => {}
        }
        self.seen.push(Seen {
            event: event.clone(),
            flow: *flow,
            payload: loan.bytes.iter().copied().take(Self::PAYLOAD).collect(),
        });
        Ok(())
    }
}

/// Whether a message is text or binary.
pub(super) fn is_data(kind: Kind) -> bool {
    kind.is_data()
}
