//! What do these first bytes look like?

use super::opaque::Opaque;
use super::{Layer, Step};
use crate::model::{Cx, Dir, Input};

/// Waits for the first bytes of a stream, and then hands over to the layer that they look like.
#[derive(Debug, Default)]
pub struct Detect;

impl Detect {
    pub fn feed(&mut self, dir: Dir, input: Input<'_>, _: &mut Cx<'_>) -> Step {
        let Input::Bytes { bytes, .. } = input else {
            return Step::Took(0);
        };
        let looks = match dir {
            Dir::C2s => request_line(bytes),
            Dir::S2c => status_line(bytes),
        };
        match looks {
            Looks::Yes => Step::Become(0, Layer::Http1(Box::default())),
            Looks::No => Step::Become(0, Layer::Opaque(Opaque)),
            Looks::TooShort => Step::Wait,
        }
    }
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
    match (request_line(bytes), status_line(bytes), bytes) {
        (Looks::Yes, _, _) => Some(true),
        (_, Looks::Yes, _) => Some(false),
        // A WebSocket frame: no reserved opcode, and the mask bit tells who sent it.
        (_, _, &[first, second, ..]) if matches!(first & 0x0f, 0..=2 | 8..=10) => {
            Some(second & 0x80 != 0)
        }
        _ => None,
    }
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

/// Whether a message head of this direction seems to begin here.
pub(super) fn begins_head(dir: Dir, bytes: &[u8]) -> bool {
    let looks = match dir {
        Dir::C2s => request_line(bytes),
        Dir::S2c => status_line(bytes),
    };
    looks == Looks::Yes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_tell_who_asks() {
        assert_eq!(asks(b"GET / HTTP/1.1\r\n"), Some(true));
        assert_eq!(asks(b"HTTP/1.1 200 OK\r\n"), Some(false));
        assert_eq!(asks(&[0x81, 0x85, 1, 2, 3, 4]), Some(true));
        assert_eq!(asks(&[0x81, 0x05, b'h']), Some(false));
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
}
