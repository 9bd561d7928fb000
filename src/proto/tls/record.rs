//! Records: whole ones from the stream, and their boundaries again after a hole.   RFC 8446 section 5.1
//!
//! ```text
//! hole ┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈ type version length ═══════ type version length ══ …
//!      record 17, 18, …   ▲ authenticates as record 21: four were lost
//! ```

use super::super::opaque::Opaque;
use super::super::{Layer, Step};
use super::keys::Found;
use super::seal::Header;
use super::{Tls, handshake};
use crate::model::{Cx, Dir, PacketNo, Place, Span, What};

pub const CHANGE_CIPHER: u8 = 20;
pub const ALERT: u8 = 21;
pub const HANDSHAKE: u8 = 22;
pub const DATA: u8 = 23;

/// Bytes that a record's body may have: 2¹⁴, and what encryption may add.   RFC 5246 section 6.2.3
const LONGEST: usize = (1 << 14) + 2048;

/// Bytes that the smallest sealed record has: header, one byte, a short tag.
const SHORTEST: u64 = 5 + 1 + 8;

/// Work that one hole may cost: bytes that are tried to be opened (64 MiB).
const WORK: u64 = 64 << 20;

/// A record, kept.
#[derive(Clone, Debug)]
pub struct Record {
    pub at: u64,
    pub packet: PacketNo,
    pub header: Header,
    pub body: Vec<u8>,
}

/// A record, lent.
#[derive(Clone, Copy, Debug)]
pub struct Lent<'a> {
    pub at: u64,
    pub packet: PacketNo,
    pub header: Header,
    pub body: &'a [u8],
}

impl Lent<'_> {
    pub fn kind(&self) -> u8 {
        let [kind, ..] = self.header;
        kind
    }

    /// Bytes on the wire, header included.
    pub fn len(&self) -> u64 {
        self.body.len() as u64 + 5
    }

    pub fn span(&self) -> Span {
        Span::tcp(self.at, self.len())
    }

    pub fn kept(&self) -> Record {
        Record {
            at: self.at,
            packet: self.packet,
            header: self.header,
            body: self.body.to_vec(),
        }
    }
}

impl Record {
    pub fn lent(&self) -> Lent<'_> {
        Lent {
            at: self.at,
            packet: self.packet,
            header: self.header,
            body: &self.body,
        }
    }
}

/// A direction in which it is not known where the next record begins.
#[derive(Clone, Copy, Debug)]
pub struct Lost {
    /// Stream offset of the first record that was lost.
    from: u64,
    /// What the search has cost.
    work: u64,
    /// TLS 1.0: the record that begins here follows one that has come whole. Only such a one can be
    /// opened, since its first block needs the last one before; encrypt-then-MAC does not cover that.
    primed: Option<u64>,
}

/// Type, version and length, where these are the header of a record that may be.
fn plausible(bytes: &[u8]) -> Option<(Header, usize)> {
    let header @ &[kind, major, minor, high, low] = bytes.first_chunk()?;
    let len = usize::from(u16::from_be_bytes([high, low]));
    let fine = matches!(kind, CHANGE_CIPHER..=DATA)
        && major == 3
        && minor <= 4
        && len <= LONGEST
        && (len > 0 || kind == DATA);
    fine.then_some((*header, len))
}

/// Whether these bytes are a record's beginning: its header, and after it another or the end.
pub fn is_record(bytes: &[u8]) -> bool {
    let Some((_, len)) = plausible(bytes) else {
        return false;
    };
    match bytes.get(5 + len..) {
        Some([]) | None => true,
        Some(rest) => rest.len() < 5 || plausible(rest).is_some(),
    }
}

impl Tls {
    pub(super) fn bytes(
        &mut self,
        dir: Dir,
        at: u64,
        packet: PacketNo,
        bytes: &[u8],
        cx: &mut Cx<'_>,
    ) -> Step {
        let side = dir.of_mut(&mut self.sides);
        if side.skip > 0 {
            let skipped = usize::try_from(side.skip)
                .unwrap_or(usize::MAX)
                .min(bytes.len());
            side.skip -= skipped as u64;
            return Step::Took(skipped);
        }
        if let Some(lost) = side.lost {
            return self.search(dir, lost, at, packet, bytes, cx);
        }
        if bytes.len() < 5 {
            return Step::Wait;
        }
        let Some((header, len)) = plausible(bytes) else {
            let text = "these bytes are no TLS record: the connection is passed over from here";
            cx.anomaly(
                dir,
                Span::tcp(at, bytes.len() as u64),
                What::Malformed,
                text,
            );
            self.abandon(cx);
            return Step::Become(0, Layer::Opaque(Opaque));
        };
        let Some(body) = bytes.get(5..5 + len) else {
            side.waiting = Some((header, at));
            return Step::Wait;
        };
        side.waiting = None;
        let record = Lent {
            at,
            packet,
            header,
            body,
        };
        let other = dir.flip();
        self.arrived(dir, record, cx);
        // What this brought may be what the other side waited for.
        if !other.of(&self.sides).held.is_empty() {
            self.drain(other, cx);
        }
        Step::Took(5 + len)
    }

    /// Takes a record, or holds it behind those that wait.
    fn arrived(&mut self, dir: Dir, record: Lent<'_>, cx: &mut Cx<'_>) {
        if !dir.of(&self.sides).held.is_empty() {
            self.drain(dir, cx);
        }
        let waits = !dir.of(&self.sides).held.is_empty();
        if waits && self.may_wait(dir, record.body.len(), cx) {
            return self.hold(dir, record);
        }
        if waits {
            self.give_up_held(dir, cx);
        }
        if self.record(dir, record, cx) {
            self.hold(dir, record);
        }
    }

    fn hold(&mut self, dir: Dir, record: Lent<'_>) {
        let side = dir.of_mut(&mut self.sides);
        side.held_bytes += record.body.len();
        side.held.push_back(record.kept());
    }

    /// Tries again what waits in a direction.
    pub(super) fn drain(&mut self, dir: Dir, cx: &mut Cx<'_>) {
        while let Some(record) = dir.of_mut(&mut self.sides).held.pop_front() {
            if self.record(dir, record.lent(), cx) {
                return dir.of_mut(&mut self.sides).held.push_front(record);
            }
            let side = dir.of_mut(&mut self.sides);
            side.held_bytes = side.held_bytes.saturating_sub(record.body.len());
        }
    }

    /// What waits in a direction waits no longer.
    pub(super) fn give_up_held(&mut self, dir: Dir, cx: &mut Cx<'_>) {
        let side = dir.of_mut(&mut self.sides);
        side.held_bytes = usize::MAX;
        let held = std::mem::take(&mut side.held);
        for record in held {
            self.record(dir, record.lent(), cx);
        }
        dir.of_mut(&mut self.sides).held_bytes = 0;
    }

    /// Bytes that never come.
    pub(super) fn gap(&mut self, dir: Dir, at: u64, len: u64, exact: bool, cx: &mut Cx<'_>) {
        let side = dir.of_mut(&mut self.sides);
        let waiting = side.waiting.take();
        let mut from = at;
        let mut len = len;
        side.holed = true;
        side.message.clear();
        side.message_at = None;
        if side.lost.is_some() {
            return;
        }
        if side.skip >= len && exact {
            side.skip -= len;
            return;
        }
        len -= side.skip.min(len);
        from += std::mem::take(&mut side.skip);
        let chained = side.opener.as_ref().is_some_and(super::Opener::is_chained);
        if let Some((header, start)) = waiting {
            from = start;
            let [_, _, _, high, low] = header;
            let end = start + 5 + u64::from(u16::from_be_bytes([high, low]));
            // Its length is known: so is where the next one begins.
            if let Some(skip) = end.checked_sub(at + len)
                && exact
                && !chained
            {
                dir.of_mut(&mut self.sides).skip = skip;
                return self.missed(dir, header, start, end - start, cx);
            }
        }
        dir.of_mut(&mut self.sides).lost = Some(Lost {
            from,
            work: 0,
            primed: None,
        });
    }

    /// One record is lost, of which the header is known.
    fn missed(&mut self, dir: Dir, header: Header, at: u64, len: u64, cx: &mut Cx<'_>) {
        let side = dir.of_mut(&mut self.sides);
        let [kind, ..] = header;
        side.counts.records += 1;
        side.counts.bytes += len;
        side.counts.sealed += len;
        let Some(opener) = &mut side.opener else {
            return;
        };
        opener.next = opener.next.saturating_add(1);
        let exact = opener.is_exact();
        let content = len.saturating_sub(opener.around() as u64);
        if kind == DATA {
            self.deliver_gap(dir, Span::tcp(at, len), content, exact, cx);
        }
    }

    /// Searches the bytes that wait for a record that authenticates.
    fn search(
        &mut self,
        dir: Dir,
        mut lost: Lost,
        at: u64,
        packet: PacketNo,
        bytes: &[u8],
        cx: &mut Cx<'_>,
    ) -> Step {
        let mut offset = 0;
        loop {
            let rest = bytes.get(offset..).unwrap_or_default();
            if rest.len() < 5 {
                break;
            }
            let Some((header, len)) = plausible(rest) else {
                offset += 1;
                continue;
            };
            let Some(body) = rest.get(5..5 + len) else {
                break;
            };
            let here = at + offset as u64;
            let record = Lent {
                at: here,
                packet,
                header,
                body,
            };
            let behind = rest.get(5 + len..).unwrap_or_default();
            let chained = behind.is_empty() || is_record(behind);
            let side = dir.of(&self.sides);
            if side.shut || !self.has_keys(dir, cx) {
                // Nothing can be proven but that records follow each other.
                if chained && (!behind.is_empty() || offset == 0) {
                    let side = dir.of_mut(&mut self.sides);
                    side.lost = None;
                    if offset == 0 {
                        self.arrived(dir, record, cx);
                        return Step::Took(5 + len);
                    }
                    return Step::Took(offset);
                }
                offset += 1;
                continue;
            }
            if !chained {
                offset += 1;
                continue;
            }
            if let Some(opener) = &mut dir.of_mut(&mut self.sides).opener
                && opener.is_chained()
                && lost.primed != Some(here)
            {
                opener.passed(body);
                lost.primed = Some(here + record.len());
                dir.of_mut(&mut self.sides).lost = Some(lost);
                offset += 5 + len;
                continue;
            }
            let reach = (here - lost.from) / SHORTEST + 1;
            let allowed = WORK.saturating_sub(lost.work);
            let mut content = std::mem::take(&mut self.content);
            let (found, work) = self.find(dir, &record, reach, allowed, &mut content, cx);
            lost.work = lost.work.saturating_add(work);
            dir.of_mut(&mut self.sides).lost = Some(lost);
            if let Some(found) = found {
                dir.of_mut(&mut self.sides).lost = None;
                self.bridged(dir, lost, &record, &found, cx);
                self.opened(dir, &record, found, &content, cx);
                self.content = content;
                return Step::Took(offset + 5 + len);
            }
            self.content = content;
            if self.begins_plain(dir, &record) {
                dir.of_mut(&mut self.sides).lost = None;
                self.arrived(dir, record, cx);
                return Step::Took(offset + 5 + len);
            }
            if lost.work >= WORK {
                let text = "no record number authenticates these records within the work that a hole may cost: \
                            this direction stays shut from here";
                cx.anomaly(dir, Span::tcp(here, 0), What::Decrypt, text);
                let side = dir.of_mut(&mut self.sides);
                side.shut = true;
                side.lost = None;
                return Step::Took(offset);
            }
            lost.primed = None;
            offset += 1;
        }
        match offset {
            0 => Step::Wait,
            passed => Step::Took(passed),
        }
    }

    /// Whether a record after a hole is a plain handshake message, or an alert.
    fn begins_plain(&self, dir: Dir, record: &Lent<'_>) -> bool {
        let side = dir.of(&self.sides);
        side.opener.is_none()
            && match record.kind() {
                HANDSHAKE => handshake::header(record.body).is_some_and(|(kind, len)| {
                    matches!(kind, 0..=2 | 4 | 11..=16 | 20 | 22) && len < 1 << 17
                }),
                ALERT => record.body.len() == 2,
                CHANGE_CIPHER => record.body == [1],
                _ => false,
            }
    }

    /// A record behind a hole has been authenticated: what the hole hid is lost, and no more than that.
    fn bridged(&mut self, dir: Dir, lost: Lost, record: &Lent<'_>, found: &Found, cx: &mut Cx<'_>) {
        let hidden = record.at - lost.from;
        let side = dir.of(&self.sides);
        let (text, content) = match (&found.opener, &side.opener) {
            (None, Some(opener)) => {
                let count = found.number.saturating_sub(opener.next);
                let around = count.saturating_mul(opener.around() as u64);
                let content = hidden.saturating_sub(around);
                let text = format!(
                    "TLS record {} authenticates: the hole hid {count} records with at most {content} bytes of data",
                    found.number
                );
                (text, content)
            }
            _ => {
                let text = format!(
                    "TLS record {} authenticates under the next key: the hole hid the change of keys",
                    found.number
                );
                (text, hidden)
            }
        };
        cx.anomaly(dir, Span::tcp(lost.from, hidden), What::Resync, text);
        // In the handshake nothing of the inside is lost.
        let handshake = found.opener.as_ref().or(side.opener.as_ref());
        if handshake.is_some_and(|opener| opener.phase == super::seal::Phase::Handshake) {
            return;
        }
        let span = Span::tcp(lost.from, hidden);
        if self.inside.is_some() || found.number > 0 || found.opener.is_none() {
            self.deliver_gap(dir, span, content, false, cx);
        }
    }

    pub(super) fn place(dir: Dir, record: &Lent<'_>) -> Place {
        Place::at(dir, record.span()).from(record.packet)
    }
}
