//! TLS: hellos and sizes without secrets, everything with them.   RFC 8446, RFC 5246, RFC 2246
//!
//! ```text
//! bytes ─► record.rs   whole records, their boundaries again after a hole
//!          keys.rs     which key, which number: proven by the tag, never assumed
//!          flight.rs   hellos, certificates, alerts
//!          inside      a host of its own, on what was decrypted
//! ```
//! Record numbers are not sent, yet every tag depends on them: whatever number authenticates a record
//! is its number. So a hole does not end the decryption; it only costs what it hid.

mod flight;
mod handshake;
mod keys;
mod likely;
mod names;
mod record;
mod schedule;
mod seal;
mod suites;

use super::{Host, Step};
use crate::model::{
    Carried, Cx, Dir, End, EventKind, Input, Inside, InsideState, Loan, PacketNo, Piece, Place,
    Space, Span, Tls as Event, TlsClose, TlsCounts,
};
use handshake::{ClientHello, ServerHello};
use likely::Likely;
use record::{Lost, Record};
use seal::Opener;
use std::collections::VecDeque;

pub use record::is_record;

/// Both directions of a connection that speaks TLS.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    client: Option<ClientHello>,
    server: Option<ServerHello>,
    sides: [Side; 2],
    /// What lies inside, once something of it was decrypted.
    inside: Option<Box<Host>>,
    /// The protocol agreed on for the inside.
    alpn: Option<String>,
    /// What was said last of the inside.
    said: Option<InsideState>,
    /// Data that came before the server said whether it takes them.
    early: Early,
    likely: Likely,
    /// Which records carried the last decrypted bytes of each direction.
    carried: [Carried; 2],
    /// The content of the present record.
    content: Vec<u8>,
}

/// One direction.
#[derive(Clone, Debug, Default)]
struct Side {
    /// The key of the records that come; none while they are plain.
    opener: Option<Opener>,
    /// Records are sealed, and nothing opens them.
    shut: bool,
    /// Records that failed, one after the other.
    failed: u32,
    /// The record that has not come whole: its header, where it begins.
    waiting: Option<(seal::Header, u64)>,
    /// Bytes of a lost record that are still to be passed over.
    skip: u64,
    /// Where the next record begins is not known.
    lost: Option<Lost>,
    /// Bytes of it were lost: what was said in them is not known.
    holed: bool,
    /// Records that wait for a key, or for the other side's hello.
    held: VecDeque<Record>,
    held_bytes: usize,
    /// The beginning of a handshake message: its bytes, where and in which packet it began.
    message: Vec<u8>,
    message_at: Option<(u64, PacketNo)>,
    /// Offset of the next decrypted byte.
    at: u64,
    end: Option<End>,
    end_told: bool,
    counts: TlsCounts,
}

/// Early data, and whether the server takes them.   RFC 8446 section 2.3
#[derive(Clone, Debug, Default)]
struct Early {
    taken: Option<bool>,
    held: Vec<(u64, Record)>,
    bytes: usize,
}

impl Tls {
    /// About how many bytes of memory it takes.
    pub fn weight(&self) -> usize {
        let inside = self.inside.as_ref().map_or(0, |inside| inside.weight());
        2 * size_of::<Self>() + self.content.capacity() + self.early.bytes + inside
    }

    /// A connection whose beginning was not captured.
    pub fn midstream() -> Self {
        let mut tls = Self::default();
        for side in &mut tls.sides {
            side.holed = true;
        }
        tls
    }

    pub fn feed(&mut self, dir: Dir, input: Input<'_>, cx: &mut Cx<'_>) -> Step {
        match input {
            Input::Bytes { at, packet, bytes } => self.bytes(dir, at, packet, bytes, cx),
            Input::Gap { at, len, exact } => {
                self.give_up_held(dir, cx);
                self.gap(dir, at, len, exact, cx);
                Step::Took(0)
            }
            Input::End(end) => {
                dir.of_mut(&mut self.sides).end = Some(end);
                self.settle(cx);
                Step::Took(0)
            }
        }
    }

    fn is_13(&self) -> bool {
        self.server
            .as_ref()
            .is_some_and(|server| server.version >= 0x0304)
    }

    /// Looks again at what waits in both directions, and hands on ends once nothing does.
    fn settle(&mut self, cx: &mut Cx<'_>) {
        for _ in 0..2 {
            for dir in Dir::BOTH {
                self.drain(dir, cx);
            }
        }
        let all_ended = self.sides.iter().all(|side| side.end.is_some());
        for dir in Dir::BOTH {
            if all_ended {
                self.give_up_held(dir, cx);
            }
            let side = dir.of_mut(&mut self.sides);
            if let (Some(end), true, false) = (side.end, side.held.is_empty(), side.end_told) {
                side.end_told = true;
                self.within(Span::tcp(0, 0), cx, |host, cx| {
                    host.feed(dir, Input::End(end), cx)
                });
            }
        }
        if all_ended {
            self.close(cx);
        }
    }

    /// Nothing more is understood of this connection: what lies inside ends here.
    fn abandon(&mut self, cx: &mut Cx<'_>) {
        for dir in Dir::BOTH {
            self.give_up_held(dir, cx);
            let side = dir.of_mut(&mut self.sides);
            if !std::mem::replace(&mut side.end_told, true) {
                let end = Input::End(End::Open);
                self.within(Span::tcp(0, 0), cx, |host, cx| host.feed(dir, end, cx));
            }
        }
        self.close(cx);
    }

    fn close(&mut self, cx: &mut Cx<'_>) {
        let only_http = self.alpn.as_deref() == Some("http/1.1")
            || self
                .client
                .as_ref()
                .is_some_and(|client| client.only_alpn.as_deref() == Some("http/1.1"));
        let close = TlsClose {
            sides: Dir::BOTH.map(|dir| dir.of(&self.sides).counts),
            websocket_likely: match self.said {
                Some(InsideState::Open) => None,
                _ => self.likely.websocket(only_http),
            },
        };
        cx.emit(
            Place::default(),
            EventKind::Tls(Event::Close(Box::new(close))),
            Loan::default(),
        );
    }

    /// Says what is known of the inside, where that is news.
    fn say(&mut self, state: InsideState, at: Place, text: impl Into<String>, cx: &mut Cx<'_>) {
        if self.said == Some(state) || self.said == Some(InsideState::Open) {
            return;
        }
        self.said = Some(state);
        let opener = self.sides.iter().find_map(|side| side.opener.as_ref());
        let server = self.server.as_ref();
        let named = server.and_then(|server| suites::Suite::find(server.suite));
        let inside = Inside {
            state,
            version: match (server, opener) {
                (Some(server), _) => Some(names::version(server.version)),
                (None, Some(_)) => Some(names::version(0x0304)),
                (None, None) => None,
            },
            cipher: opener
                .map(|opener| opener.suite)
                .or(named)
                .map(|suite| suite.name),
            alpn: self.alpn.clone(),
            text: text.into(),
        };
        cx.emit(
            at,
            EventKind::Tls(Event::Inside(Box::new(inside))),
            Loan::default(),
        );
    }

    /// Lets the host inside work; `carrier` are the captured bytes that carry what it gets.
    fn within(
        &mut self,
        carrier: Span,
        cx: &mut Cx<'_>,
        work: impl FnOnce(&mut Host, &mut Cx<'_>),
    ) {
        let Some(host) = &mut self.inside else {
            return;
        };
        let before = (cx.space, cx.carrier);
        // Of layers within each other, the outermost one lies in the captured bytes.
        cx.carrier = cx.carrier.or(Some(carrier));
        cx.space = cx.space.inside();
        std::mem::swap(&mut cx.carried, &mut self.carried);
        work(host, cx);
        std::mem::swap(&mut cx.carried, &mut self.carried);
        (cx.space, cx.carrier) = before;
    }

    /// Notes which record carries the next decrypted bytes.
    fn carry(&mut self, dir: Dir, at: u64, len: u64, record: Span, cx: &Cx<'_>) {
        let outside = match cx.space {
            Space::Tcp => Some(record),
            Space::Tls(_) => dir.of(&cx.carried).find(record).map(|(span, _)| span),
        };
        let most = if cx.want.acks { ALL } else { RECORDS };
        if let Some(outside) = outside {
            dir.of_mut(&mut self.carried).push(at, len, outside, most);
        }
    }

    /// Hands decrypted bytes to the host inside.
    fn deliver(
        &mut self,
        dir: Dir,
        carrier: Span,
        packet: PacketNo,
        bytes: &[u8],
        cx: &mut Cx<'_>,
    ) {
        let side = dir.of_mut(&mut self.sides);
        let at = side.at;
        side.at = at.saturating_add(bytes.len() as u64);
        if bytes.is_empty() {
            return;
        }
        let midstream = side.holed;
        self.inside
            .get_or_insert_with(|| Box::new(Host::new(midstream, None)));
        self.carry(dir, at, bytes.len() as u64, carrier, cx);
        self.within(carrier, cx, |host, cx| {
            cx.stream(Piece {
                conn: cx.conn,
                dir,
                at,
                packet,
                space: cx.space,
                carrier: cx.carrier,
                bytes,
            });
            host.feed(dir, Input::Bytes { at, packet, bytes }, cx);
        });
    }

    /// Hands on that decrypted bytes are missing: `len` of them, or at most that many.
    fn deliver_gap(&mut self, dir: Dir, carrier: Span, len: u64, exact: bool, cx: &mut Cx<'_>) {
        if len == 0 && exact {
            return;
        }
        let side = dir.of_mut(&mut self.sides);
        let at = side.at;
        side.at = at.saturating_add(len);
        self.inside
            .get_or_insert_with(|| Box::new(Host::new(true, None)));
        self.carry(dir, at, len, carrier, cx);
        self.within(carrier, cx, |host, cx| {
            host.feed(dir, Input::Gap { at, len, exact }, cx);
        });
    }
}

/// Records that are remembered for each direction: enough to find the first one of most messages.
const RECORDS: usize = 16;

/// The same where the times of each message are wanted: those of a message of 64 MB.
const ALL: usize = 4096;
