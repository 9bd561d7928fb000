//! What sinks that fold add to the timeline, behind all facts of a packet.

use crate::model::{ConnId, EventKind, Flow, Loan, Now, Place, Sink};
use std::io;

/// What a sink added to the facts of the packet at hand, and the connections that are over with it.
#[derive(Default)]
pub(super) struct Added {
    said: Vec<(ConnId, Flow, Place, EventKind)>,
    gone: Vec<ConnId>,
}

impl Added {
    /// Takes what the sink adds about the connection that it has just been told of.
    #[inline]
    pub fn collect(&mut self, sink: &mut dyn Sink, conn: ConnId, flow: &Flow) {
        while let Some((place, kind)) = sink.more() {
            self.said.push((conn, *flow, place, kind));
        }
    }

    /// Once what is added has come, a connection is gone.
    pub fn gone(&mut self, conn: ConnId) {
        self.gone.push(conn);
    }

    /// Tells the sink what was added, behind the facts that the packet has caused: `nth` is the number
    /// of the next event.
    ///
    /// # Errors
    /// The first thing that the sink could not take; it is still told the rest.
    #[inline]
    pub fn settle(&mut self, sink: &mut dyn Sink, now: Now, nth: &mut u32) -> io::Result<()> {
        if self.said.is_empty() && self.gone.is_empty() {
            return Ok(());
        }
        let mut result = Ok(());
        for said in std::mem::take(&mut self.said) {
            result = result.and(tell(sink, now, nth, said));
        }
        for conn in self.gone.drain(..) {
            sink.gone(conn);
        }
        result
    }
}

/// Tells a sink what it adds once the capture has ended, about several connections.
///
/// # Errors
/// As for [`Added::settle`].
pub(super) fn last(sink: &mut dyn Sink, now: Now, nth: &mut u32) -> io::Result<()> {
    let mut result = Ok(());
    while let Some(said) = sink.at_last() {
        result = result.and(tell(sink, now, nth, said));
    }
    result
}

fn tell(
    sink: &mut dyn Sink,
    now: Now,
    nth: &mut u32,
    (conn, flow, place, kind): (ConnId, Flow, Place, EventKind),
) -> io::Result<()> {
    let event = now.event(*nth, conn, place, kind);
    *nth = nth.saturating_add(1);
    sink.event(&event, &flow, Loan::default())
}
