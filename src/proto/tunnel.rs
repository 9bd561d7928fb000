//! What stands before the real beginning of a stream: a PROXY protocol header, or a SOCKS5 dialogue.

use super::detect::Detect;
use super::opaque::Opaque;
use super::{Layer, Step};
use crate::model::{Cx, Dir, Input, Span, What};
use nom::bytes::streaming::{tag, take, take_while_m_n};
use nom::combinator::{value, verify};
use nom::multi::length_data;
use nom::number::streaming::{be_u8, be_u16};
use nom::{IResult, Parser};

/// A whole PROXY protocol header.   haproxy.org, proxy-protocol.txt
pub fn proxy_header(input: &[u8]) -> IResult<&[u8], ()> {
    if input.starts_with(b"\r") {
        proxy_binary(input)
    } else {
        proxy_line(input)
    }
}

/// Version 1: `PROXY TCP4 src dst port port`, 107 bytes at most.   section 2.1
fn proxy_line(input: &[u8]) -> IResult<&[u8], ()> {
    let words = take_while_m_n(0, 99, |byte| byte != b'\r');
    value((), (tag(&b"PROXY "[..]), words, tag(&b"\r\n"[..]))).parse(input)
}

/// Version 2: a signature, two bytes, and a length.   section 2.2
fn proxy_binary(input: &[u8]) -> IResult<&[u8], ()> {
    let signature = tag(&b"\r\n\r\n\0\r\nQUIT\n"[..]);
    value((), (signature, take(2usize), length_data(be_u16))).parse(input)
}

/// A SOCKS5 dialogue, up to the server's word that the way is free.   RFC 1928, RFC 1929
#[derive(Clone, Debug, Default)]
pub struct Socks {
    client: Turn,
    server: Turn,
    /// Name and password were asked for.
    password: bool,
}

/// What comes next from one side.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Turn {
    #[default]
    Method,
    Password,
    Way,
    Done,
}

impl Socks {
    pub fn feed(&mut self, dir: Dir, input: Input<'_>, cx: &mut Cx<'_>) -> Step {
        let Input::Bytes { at, bytes, .. } = input else {
            return Step::Took(0);
        };
        // The server's answer tells what the client's next bytes are.
        if dir == Dir::C2s && self.client != Turn::Method && self.behind() {
            return Step::Pause;
        }
        let parsed = match dir {
            Dir::C2s => self.client(bytes),
            Dir::S2c => self.server(bytes),
        };
        match parsed {
            Ok((rest, ())) if self.server == Turn::Done => {
                Step::Become(bytes.len() - rest.len(), Layer::Detect(Detect::default()))
            }
            Ok((rest, ())) => Step::Took(bytes.len() - rest.len()),
            Err(nom::Err::Incomplete(_)) => Step::Wait,
            Err(_) => {
                let text =
                    "these bytes do not follow SOCKS5: the connection is passed over from here";
                cx.anomaly(
                    dir,
                    Span::tcp(at, bytes.len() as u64),
                    What::Malformed,
                    text,
                );
                Step::Become(0, Layer::Opaque(Opaque))
            }
        }
    }

    /// Whether the server still has to answer what the client said.
    fn behind(&self) -> bool {
        match self.client {
            Turn::Method => false,
            Turn::Password => self.server == Turn::Method,
            Turn::Way => self.server != Turn::Way,
            Turn::Done => true,
        }
    }

    fn client<'a>(&mut self, input: &'a [u8]) -> IResult<&'a [u8], ()> {
        let (rest, ()) = match self.client {
            Turn::Method => value((), (version(5), length_data(be_u8))).parse(input)?,
            Turn::Password => {
                value((), (version(1), length_data(be_u8), length_data(be_u8))).parse(input)?
            }
            Turn::Way => way(input)?,
            Turn::Done => return Ok((&[], ())),
        };
        self.client = match self.client {
            // Which of the two comes is said by the server, before these bytes are looked at.
            Turn::Method => Turn::Password,
            Turn::Password => Turn::Way,
            Turn::Way | Turn::Done => Turn::Done,
        };
        Ok((rest, ()))
    }

    fn server<'a>(&mut self, input: &'a [u8]) -> IResult<&'a [u8], ()> {
        match self.server {
            Turn::Method => {
                let (rest, (_, method)) = (version(5), be_u8).parse(input)?;
                self.password = method == 2;
                if self.password {
                    self.server = Turn::Password;
                } else {
                    self.server = Turn::Way;
                    self.client = Turn::Way;
                }
                Ok((rest, ()))
            }
            Turn::Password => {
                self.server = Turn::Way;
                value((), (version(1), be_u8)).parse(input)
            }
            Turn::Way => {
                let (rest, ()) = way(input)?;
                self.server = Turn::Done;
                Ok((rest, ()))
            }
            Turn::Done => Ok((&[], ())),
        }
    }
}

fn version<'a>(
    wanted: u8,
) -> impl Parser<&'a [u8], Output = u8, Error = nom::error::Error<&'a [u8]>> {
    verify(be_u8, move |&version| version == wanted)
}

/// Where to, or from where: version, command or reply, reserved, address, port.   RFC 1928 section 4
fn way(input: &[u8]) -> IResult<&[u8], ()> {
    let (rest, (_, _, _, kind)) = (version(5), be_u8, be_u8, be_u8).parse(input)?;
    let (rest, _) = match kind {
        1 => take(4usize).parse(rest)?,
        4 => take(16usize).parse(rest)?,
        3 => length_data(be_u8).parse(rest)?,
        _ => {
            return Err(nom::Err::Error(nom::error::make_error(
                rest,
                nom::error::ErrorKind::Alt,
            )));
        }
    };
    value((), be_u16).parse(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxy_headers_end_where_their_format_says() {
        let line = b"PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\nGET";
        assert_eq!(proxy_header(line), Ok((&b"GET"[..], ())));
        let binary = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x04abcdGET";
        assert_eq!(proxy_header(binary), Ok((&b"GET"[..], ())));
        for end in 1..line.len() - 3 {
            assert!(
                matches!(proxy_header(&line[..end]), Err(nom::Err::Incomplete(_))),
                "{end}"
            );
        }
        assert!(matches!(
            proxy_header(b"POST / HTTP"),
            Err(nom::Err::Error(_))
        ));
        let endless = [&b"PROXY "[..], &[b'x'; 200]].concat();
        assert!(matches!(proxy_header(&endless), Err(nom::Err::Error(_))));
    }

    #[test]
    fn a_way_has_one_of_three_kinds_of_address() {
        assert_eq!(
            way(&[5, 1, 0, 1, 127, 0, 0, 1, 0, 80, 9]),
            Ok((&[9][..], ()))
        );
        assert_eq!(way(b"\x05\x01\x00\x03\x01a\x00\x50"), Ok((&[][..], ())));
        assert!(matches!(
            way(&[5, 1, 0, 4, 0]),
            Err(nom::Err::Incomplete(_))
        ));
        assert!(matches!(way(&[5, 1, 0, 2, 0]), Err(nom::Err::Error(_))));
    }
}
