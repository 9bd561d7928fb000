//! What is said about the connection itself: hellos, certificates, alerts, early data.

use super::record::Lent;
use super::{Tls, handshake, names};
use crate::model::{Alert, Cx, Dir, EventKind, Hello, Loan, Place, Span, Tls as Event, What};

/// Bytes that a handshake message may have; certificate chains are the longest.
const LONGEST: usize = 1 << 17;

/// Bytes of early data that wait for the server to take them.
const EARLY: usize = 256 << 10;

impl Tls {
    /// Takes handshake bytes, plain or decrypted: messages may share records, or fill several.
    pub(super) fn handshake(&mut self, dir: Dir, record: Lent<'_>, bytes: &[u8], cx: &mut Cx<'_>) {
        let side = dir.of_mut(&mut self.sides);
        side.message_at.get_or_insert((record.at, record.packet));
        let mut waiting = std::mem::take(&mut side.message);
        waiting.extend_from_slice(bytes);
        let mut from = 0;
        while let Some(rest) = waiting.get(from..)
            && let Some((kind, len)) = handshake::header(rest)
        {
            if len > LONGEST {
                let text =
                    "a handshake message is longer than may be held: this flight is passed over";
                cx.anomaly(dir, record.span(), What::Limit, text);
                waiting.clear();
                break;
            }
            let Some(body) = rest.get(4..4 + len) else {
                break;
            };
            let side = dir.of_mut(&mut self.sides);
            let (at, first) = side.message_at.unwrap_or((record.at, record.packet));
            let span = Span::tcp(at, record.span().end().saturating_sub(at));
            self.message(dir, kind, body, Place::at(dir, span).from(first), cx);
            dir.of_mut(&mut self.sides).message_at = Some((record.at, record.packet));
            from += 4 + len;
        }
        waiting.drain(..from.min(waiting.len()));
        let side = dir.of_mut(&mut self.sides);
        if waiting.is_empty() {
            side.message_at = None;
        }
        side.message = waiting;
    }

    fn message(&mut self, dir: Dir, kind: u8, body: &[u8], place: Place, cx: &mut Cx<'_>) {
        match (kind, dir) {
            (handshake::CLIENT_HELLO, Dir::C2s) => {
                let Some((hello, kept)) = handshake::client_hello(body) else {
                    return self.malformed(dir, place.span, cx);
                };
                // After a wish for another hello, early data are over.
                if self
                    .client
                    .as_ref()
                    .is_some_and(|client| client.random == kept.random)
                {
                    self.early.taken.get_or_insert(false);
                }
                self.client = Some(kept);
                self.hello(hello, place, cx);
            }
            (handshake::SERVER_HELLO, Dir::S2c) => {
                let Some((hello, kept)) = handshake::server_hello(body, self.client.as_ref())
                else {
                    return self.malformed(dir, place.span, cx);
                };
                if !hello.retry {
                    self.alpn = kept.alpn.clone().or(self.alpn.take());
                    self.server = Some(kept);
                }
                self.hello(hello, place, cx);
            }
            (handshake::CERTIFICATE, _) => {
                if let Some(certificate) = handshake::certificate(body, self.is_13()) {
                    let kind = EventKind::Tls(Event::Certificate(Box::new(certificate)));
                    cx.emit(place, kind, Loan::default());
                }
            }
            (handshake::ENCRYPTED_EXTENSIONS, Dir::S2c) if self.is_13() => {
                let (alpn, early) = handshake::encrypted_extensions(body);
                self.alpn = alpn.or(self.alpn.take());
                self.take_early(early, cx);
            }
            (handshake::END_OF_EARLY_DATA, Dir::C2s) => self.take_early(true, cx),
            (handshake::FINISHED, Dir::C2s) if self.is_13() => self.take_early(false, cx),
            (handshake::KEY_UPDATE, _) if self.is_13() => {
                let side = dir.of_mut(&mut self.sides);
                if let Some(updated) = side.opener.as_ref().and_then(super::Opener::updated) {
                    side.opener = Some(updated);
                }
            }
            _ => {}
        }
    }

    fn hello(&self, hello: Hello, place: Place, cx: &mut Cx<'_>) {
        let kind = EventKind::Tls(Event::Hello(Box::new(hello)));
        cx.emit(place, kind, Loan::default());
    }

    fn malformed(&self, dir: Dir, span: Span, cx: &mut Cx<'_>) {
        let text = "this hello does not follow the grammar of TLS: its fields are not known";
        cx.anomaly(dir, span, What::Unfinished, text);
    }

    pub(super) fn alert(&mut self, dir: Dir, record: Lent<'_>, content: &[u8], cx: &mut Cx<'_>) {
        let &[level, code] = content else { return };
        let alert = Alert {
            level,
            code,
            name: names::alert(code),
        };
        dir.of_mut(&mut self.sides).counts.close_notify |= code == 0;
        let kind = EventKind::Tls(Event::Alert(Box::new(alert)));
        cx.emit(Self::place(dir, &record), kind, Loan::default());
    }

    /// Keeps early data until the server has said whether it takes them.
    pub(super) fn hold_early(&mut self, record: &Lent<'_>, content: &[u8], cx: &mut Cx<'_>) {
        self.early.bytes += content.len();
        if self.early.taken == Some(false) {
            return Self::refused(record.span(), cx);
        }
        if self.early.bytes > EARLY {
            let text =
                "more early data than may wait for the server to take them: they are passed over";
            cx.anomaly(Dir::C2s, record.span(), What::Limit, text);
            return;
        }
        let mut kept = record.kept();
        kept.body = content.to_vec();
        self.early.held.push((record.len(), kept));
    }

    fn take_early(&mut self, taken: bool, cx: &mut Cx<'_>) {
        if self.early.taken.is_some() {
            return;
        }
        self.early.taken = Some(taken);
        for (len, record) in std::mem::take(&mut self.early.held) {
            let span = Span::tcp(record.at, len);
            if taken {
                self.deliver(Dir::C2s, span, record.packet, &record.body, cx);
            } else {
                Self::refused(span, cx);
            }
        }
    }

    fn refused(span: Span, cx: &mut Cx<'_>) {
        let text = "early data that the server did not take: the application never saw them";
        cx.anomaly(Dir::C2s, span, What::Decrypt, text);
    }
}
