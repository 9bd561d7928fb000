//! What do these first bytes look like?

use super::http1::Http1;
use super::opaque::Opaque;
use super::tunnel::{Socks, proxy_header};
use super::websocket::{WebSocket, whole_frames};
use super::{Layer, Step};
use crate::model::{Cx, Dir, EventKind, Input, Loan, Note, Place, Protocol, Span, Tcp};

/// Waits for the first bytes of a stream, and then hands over to the layer that they look like.
#[derive(Clone, Debug, Default)]
pub struct Detect {
    /// The stream began before the capture: its first bytes may be the middle of anything.
    pub midstream: bool,
    /// What it is to be taken for where its first bytes do not tell.
    pub decode_as: Option<Protocol>,
}

impl Detect {
    pub fn feed(&mut self, dir: Dir, input: Input<'_>, cx: &mut Cx<'_>) -> Step {
        let Input::Bytes { at, bytes, .. } = input else {
            return Step::Took(0);
        };
        if dir == Dir::C2s {
            match proxy_header(bytes) {
                Ok((rest, ())) => {
                    return Step::Become(bytes.len() - rest.len(), Layer::Detect(Self::default()));
                }
                Err(nom::Err::Incomplete(_)) => return Step::Wait,
                Err(_) => {}
            }
            match bytes {
                [5] => return Step::Wait,
                [5, 1..=8, ..] => return Step::Become(0, Layer::Socks(Socks::default())),
                _ => {}
            }
        }
        let (named, known) = name(bytes);
        let looks = match (named, dir) {
            (Looks::Yes, _) => Looks::No,
            (Looks::TooShort, _) => Looks::TooShort,
            (Looks::No, Dir::C2s) => request_line(bytes),
            (Looks::No, Dir::S2c) => status_line(bytes),
        };
        match looks {
            Looks::No | Looks::TooShort if self.decode_as == Some(Protocol::WebSocket) => {
                let layer = WebSocket::assume(dir, at, !self.midstream, cx);
                Step::Become(0, Layer::WebSocket(Box::new(layer)))
            }
            _ if self.decode_as == Some(Protocol::Nothing) => {
                Step::Become(0, Layer::Opaque(Opaque))
            }
            Looks::No if self.decode_as == Some(Protocol::Http) => {
                Step::Become(0, Layer::Http1(Box::new(Http1::lost())))
            }
            Looks::Yes => Step::Become(0, Layer::Http1(Box::default())),
            Looks::TooShort => Step::Wait,
            Looks::No if self.midstream && known.is_none() => {
                Step::Become(0, Layer::Http1(Box::new(Http1::lost())))
            }
            Looks::No => {
                if let Some(name) = known {
                    let kind = EventKind::Tcp(Tcp::Note(Note::Protocol(name)));
                    cx.emit(Place::at(dir, Span::tcp(at, 0)), kind, Loan::default());
                }
                Step::Become(0, Layer::Opaque(Opaque))
            }
        }
    }
}

/// Protocols that are not looked into, and what they begin with: the least and the greatest value
/// of each byte.
const NAMES: &[(&str, &[u8], &[u8])] = &[
    ("TLS", b"\x15\x03\x00", b"\x16\x03\x04"),
    ("SSH", b"SSH-", b"SSH-"),
    ("HTTP/2", b"PRI * HTTP/2", b"PRI * HTTP/2"),
    ("MQTT", b"\x10\x00\x00\x04MQTT", b"\x10\xff\x00\x04MQTT"),
    ("Redis", b"*1\r\n$", b"*9\r\n$"),
    ("AMQP", b"AMQP\0", b"AMQP\0"),
    ("SMTP", b"EHLO ", b"EHLO "),
    ("SMTP", b"HELO ", b"HELO "),
    // Length, then protocol version 3.0, or the request for TLS.
    (
        "PostgreSQL",
        b"\0\0\x00\x00\0\x03\0\0",
        b"\0\0\xff\xff\0\x03\0\0",
    ),
    (
        "PostgreSQL",
        b"\0\0\0\x08\x04\xd2\x16\x2f",
        b"\0\0\0\x08\x04\xd2\x16\x2f",
    ),
];

/// Whether bytes look like one of [`NAMES`], and which.
fn name(bytes: &[u8]) -> (Looks, Option<&'static str>) {
    let mut looks = Looks::No;
    for (name, least, most) in NAMES {
        let mut places = least.iter().zip(*most).zip(bytes);
        if !places.all(|((least, most), byte)| (least..=most).contains(&byte)) {
            continue;
        }
        if bytes.len() >= least.len() {
            return (Looks::Yes, Some(name));
        }
        looks = Looks::TooShort;
    }
    (looks, None)
}

/// Whether bytes look like a thing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Looks {
    Yes,
    No,
    /// So far, but there are too few of them.
    TooShort,
}

/// Whether the sender of these bytes, the first that were captured of a connection, is the one who
/// asks; none where they do not tell.
#[must_use]
pub fn asks(bytes: &[u8]) -> Option<bool> {
    match (request_line(bytes), status_line(bytes)) {
        (Looks::Yes, _) => Some(true),
        (_, Looks::Yes) => Some(false),
        // WebSocket frames: the mask bit tells who sent them.
        _ => whole_frames(bytes),
    }
}

/// Whether a message head of this direction seems to begin here.
pub fn begins_head(dir: Dir, bytes: &[u8]) -> bool {
    let looks = match dir {
        Dir::C2s => request_line(bytes),
        Dir::S2c => status_line(bytes),
    };
    looks == Looks::Yes
}

/// The longest method that counts as one; the longest registered has 17 letters.
const METHOD: usize = 24;

/// `METHOD SP`, upper-case letters and a few signs.   RFC 9110 section 9
fn request_line(bytes: &[u8]) -> Looks {
    let bytes = skip_empty_lines(bytes);
    let is_method = |byte: &u8| byte.is_ascii_uppercase() || matches!(byte, b'-' | b'_');
    let method = bytes.iter().take_while(|byte| is_method(byte)).count();
    match bytes.get(method) {
        Some(b' ') if (1..=METHOD).contains(&method) => Looks::Yes,
        None if method <= METHOD => Looks::TooShort,
        _ => Looks::No,
    }
}

/// `HTTP/`.   RFC 9112 section 4
fn status_line(bytes: &[u8]) -> Looks {
    const START: &[u8] = b"HTTP/";
    let bytes = skip_empty_lines(bytes);
    if bytes.starts_with(START) {
        Looks::Yes
    } else if START.starts_with(bytes) {
        Looks::TooShort
    } else {
        Looks::No
    }
}

fn skip_empty_lines(bytes: &[u8]) -> &[u8] {
    let ends = bytes
        .iter()
        .take_while(|byte| matches!(byte, b'\r' | b'\n'))
        .count();
    bytes.get(ends..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_tell_who_asks() {
        assert_eq!(asks(b"GET / HTTP/1.1\r\n"), Some(true));
        assert_eq!(asks(b"HTTP/1.1 200 OK\r\n"), Some(false));
        assert_eq!(asks(&[0x81, 0x81, 1, 2, 3, 4, 5]), Some(true));
        assert_eq!(asks(&[0x81, 0x01, b'h']), Some(false));
        assert_eq!(asks(&[0x16, 3]), None, "TLS");
        assert_eq!(asks(b""), None);
    }

    #[test]
    fn a_short_beginning_waits() {
        assert_eq!(request_line(b"GE"), Looks::TooShort);
        assert_eq!(request_line(b"\r\nGET "), Looks::Yes);
        assert_eq!(request_line(b"get /"), Looks::No);
        assert_eq!(request_line(b"AAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), Looks::No);
        assert_eq!(status_line(b"HT"), Looks::TooShort);
        assert_eq!(status_line(b"HTTP/1.1"), Looks::Yes);
        assert_eq!(status_line(b"SSH-2.0"), Looks::No);
    }

    #[test]
    fn other_protocols_are_named_by_their_first_bytes() {
        let named = |bytes: &[u8]| name(bytes).1;
        assert_eq!(named(&[0x16, 3, 1, 0, 5, 1]), Some("TLS"));
        assert_eq!(named(b"SSH-2.0-x"), Some("SSH"));
        assert_eq!(named(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), Some("HTTP/2"));
        assert_eq!(named(b"*1\r\n$4\r\nPING\r\n"), Some("Redis"));
        assert_eq!(named(b"\x10\x10\0\x04MQTT"), Some("MQTT"));
        assert_eq!(named(b"\0\0\0\x08\x04\xd2\x16\x2f"), Some("PostgreSQL"));
        assert_eq!(named(b"AMQP\0\0\x09\x01"), Some("AMQP"));
        assert_eq!(named(b"EHLO quay\r\n"), Some("SMTP"));
        assert_eq!(named(b"GET / HTTP/1.1"), None);
        assert_eq!(name(b"PRI "), (Looks::TooShort, None), "not HTTP/1.1 yet");
        assert_eq!(name(&[0x16]), (Looks::TooShort, None));
    }
}
