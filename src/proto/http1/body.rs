//! Where a body ends.   RFC 9112 section 6

use super::grammar::{list, number};
use crate::model::{Request, Response};

/// A body that is being passed over.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Body {
    /// This many bytes are left.
    Length(u64),
    /// Chunks, in this state.
    Chunked(Chunk),
    /// Everything up to the end of the connection.
    UntilEnd,
}

/// Where in the chunks we are.   RFC 9112 section 7.1
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Chunk {
    /// In the line with the size: its value so far, and whether its digits are over.
    Size(u64, bool),
    /// In the data: this many bytes are left, line end included.
    Data(u64),
    /// In the trailer fields: how long the current line is so far.
    Trailer(u32),
    /// Behind the last line.
    Done,
}

/// The bytes are no chunks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Malformed;

impl Body {
    /// The body of a request; none where it has none.
    pub fn of_request(request: &Request) -> Option<Self> {
        if is_chunked(request.all("transfer-encoding")) {
            return Some(Self::Chunked(Chunk::Size(0, false)));
        }
        content_length(request.all("content-length")).map(Self::Length)
    }

    /// The body of a final response; none where it has none.
    pub fn of_response(response: &Response, head_only: bool) -> Option<Self> {
        if head_only || matches!(response.status, 101 | 204 | 304) {
            return None;
        }
        if is_chunked(response.all("transfer-encoding")) {
            return Some(Self::Chunked(Chunk::Size(0, false)));
        }
        if response.all("content-length").next().is_some() {
            return content_length(response.all("content-length")).map(Self::Length);
        }
        Some(Self::UntilEnd)
    }

    /// Whether nothing of it is left.
    pub fn is_done(&self) -> bool {
        matches!(self, Self::Length(0) | Self::Chunked(Chunk::Done))
    }

    /// Passes over bytes; answers how many belong to the body.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<usize, Malformed> {
        match self {
            Self::UntilEnd => Ok(bytes.len()),
            Self::Length(left) => Ok(pass(left, bytes.len())),
            Self::Chunked(chunk) => {
                let mut taken = 0;
                while let (Some(rest @ [first, ..]), false) =
                    (bytes.get(taken..), *chunk == Chunk::Done)
                {
                    taken += match chunk {
                        Chunk::Data(left) => {
                            let passed = pass(left, rest.len());
                            if *left == 0 {
                                *chunk = Chunk::Size(0, false);
                            }
                            passed
                        }
                        _ => {
                            *chunk = chunk.byte(*first)?;
                            1
                        }
                    };
                }
                Ok(taken)
            }
        }
    }

    /// Passes over lost bytes; false where they may hide the body's end.
    pub fn skip(&mut self, len: u64) -> bool {
        match self {
            Self::UntilEnd => true,
            Self::Length(left) | Self::Chunked(Chunk::Data(left)) if *left > len => {
                *left -= len;
                true
            }
            Self::Length(left) if *left == len => {
                *left = 0;
                true
            }
            _ => false,
        }
    }
}

impl Chunk {
    /// The state after one more byte of a line.
    fn byte(&self, byte: u8) -> Result<Self, Malformed> {
        Ok(match (self, byte) {
            (&Self::Size(0, _), b'\n') => Self::Trailer(0),
            (&Self::Size(size, _), b'\n') => Self::Data(size.saturating_add(2)),
            (&Self::Size(size, false), digit) if digit.is_ascii_hexdigit() => {
                let digit = char::from(digit).to_digit(16).ok_or(Malformed)?;
                let size = size.checked_mul(16).ok_or(Malformed)?;
                Self::Size(size.checked_add(u64::from(digit)).ok_or(Malformed)?, false)
            }
            (&Self::Size(size, _), b'\r' | b';' | b' ' | b'\t') => Self::Size(size, true),
            (&Self::Size(size, true), _) => Self::Size(size, true),
            (&Self::Size(_, false), _) => return Err(Malformed),
            (&Self::Trailer(0), b'\n') => Self::Done,
            (&Self::Trailer(_), b'\n') => Self::Trailer(0),
            (&Self::Trailer(length), b'\r') => Self::Trailer(length),
            (&Self::Trailer(length), _) => Self::Trailer(length.saturating_add(1)),
            (Self::Data(_) | Self::Done, _) => self.clone(),
        })
    }
}

/// Takes as many of `available` bytes as are left.
fn pass(left: &mut u64, available: usize) -> usize {
    let passed = usize::try_from(*left).unwrap_or(usize::MAX).min(available);
    *left -= passed as u64;
    passed
}

fn is_chunked<'a>(values: impl Iterator<Item = &'a [u8]>) -> bool {
    values
        .flat_map(list)
        .last()
        .is_some_and(|coding| coding.eq_ignore_ascii_case(b"chunked"))
}

/// The length, where all fields agree on one number; zero is no body.
fn content_length<'a>(values: impl Iterator<Item = &'a [u8]>) -> Option<u64> {
    let mut lengths = values.flat_map(list).map(number);
    let first = lengths.next()??;
    (first > 0 && lengths.all(|length| length == Some(first))).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_end_after_the_trailer_however_they_are_cut() {
        let bytes = b"4;ext=1\r\nWiki\r\nA\n0123456789\r\n0\r\nTrailer: x\r\n\r\nGET";
        for cut in 0..bytes.len() {
            let mut body = Body::Chunked(Chunk::Size(0, false));
            let first = body.feed(&bytes[..cut]).unwrap();
            let second = if body.is_done() {
                0
            } else {
                body.feed(&bytes[first..]).unwrap()
            };
            assert!(body.is_done());
            assert_eq!(first + second, bytes.len() - 3, "cut at {cut}");
        }
    }

    #[test]
    fn what_is_no_chunk_is_malformed() {
        for wrong in [&b"xyz\r\n"[..], b"11111111111111111\r\n"] {
            assert_eq!(
                Body::Chunked(Chunk::Size(0, false)).feed(wrong),
                Err(Malformed)
            );
        }
    }

    #[test]
    fn a_hole_within_a_known_length_does_not_hide_the_end() {
        let mut body = Body::Length(10);
        assert!(body.skip(4));
        assert_eq!(body.feed(b"0123456789"), Ok(6));
        assert!(body.is_done());
        assert!(!Body::Length(3).skip(4));
        assert!(!Body::Chunked(Chunk::Size(1, false)).skip(1));
    }
}
