//! The grammar of HTTP/1.1 heads, with nom: one small function per rule, named as the RFC names it.
//!
//! A head is parsed once it is complete, so an error here means that it does not follow the
//! grammar. Lines may end in a bare LF, and a field may be folded over lines (RFC 9112 sections 2.2
//! and 5.2 allow a recipient to accept both).

use crate::model::{Header, Request, Response, Version};
use nom::branch::alt;
use nom::bytes::complete::{tag, take_till, take_till1, take_while, take_while_m_n, take_while1};
use nom::character::complete::{char, line_ending, one_of};
use nom::combinator::{map, opt};
use nom::multi::{many0, separated_list1};
use nom::sequence::{delimited, preceded, separated_pair, terminated};
use nom::{IResult, Parser};

/// The length of the head at the beginning of these bytes, empty line included, if it is complete.
///
/// Only searches from `from`, which lies in the head or at its end.
pub fn head_length(bytes: &[u8], from: usize) -> Option<usize> {
    let leading = bytes
        .iter()
        .take_while(|byte| matches!(byte, b'\r' | b'\n'))
        .count();
    let from = from.max(leading);
    memchr::memchr_iter(b'\n', bytes.get(from..)?)
        .map(|line_end| from + line_end + 1)
        .find_map(|next| match bytes.get(next..)? {
            [b'\n', ..] => Some(next + 1),
            [b'\r', b'\n', ..] => Some(next + 2),
            _ => None,
        })
}

/// A complete request head.   RFC 9112 section 3
pub fn request(head: &[u8]) -> Option<Request> {
    let (_, (method, target, version, headers)) = preceded(many0(line_ending), request_head)
        .parse(head)
        .ok()?;
    Some(Request {
        method: method.to_vec(),
        target: target.to_vec(),
        version,
        headers,
    })
}

/// A complete response head.   RFC 9112 section 4
pub fn response(head: &[u8]) -> Option<Response> {
    let (_, (version, status, reason, headers)) = preceded(many0(line_ending), response_head)
        .parse(head)
        .ok()?;
    Some(Response {
        status,
        reason: reason.to_vec(),
        version,
        headers,
    })
}

type Headed<'a, A, B, C> = IResult<&'a [u8], (A, B, C, Vec<Header>)>;

fn request_head(input: &[u8]) -> Headed<'_, &[u8], &[u8], Version> {
    let method = terminated(token, char(' '));
    // Lenient: a target with a space in it is kept, up to the last space of the line.
    let target = terminated(
        take_till1(|byte| matches!(byte, b' ' | b'\r' | b'\n')),
        char(' '),
    );
    (method, target, terminated(version, line_ending), fields).parse(input)
}

fn response_head(input: &[u8]) -> Headed<'_, Version, u16, &[u8]> {
    let reason = preceded(opt(char(' ')), take_till(is_line_end));
    (
        terminated(version, char(' ')),
        status,
        terminated(reason, line_ending),
        fields,
    )
        .parse(input)
}

/// `HTTP/1.1`
fn version(input: &[u8]) -> IResult<&[u8], Version> {
    let digit = |input| map(one_of("0123456789"), |digit| digit as u8 - b'0').parse(input);
    let numbers = preceded(tag("HTTP/"), separated_pair(digit, char('.'), digit));
    map(numbers, |(major, minor)| Version { major, minor }).parse(input)
}

/// Three digits.
fn status(input: &[u8]) -> IResult<&[u8], u16> {
    let digits = take_while_m_n(3, 3, |byte: u8| byte.is_ascii_digit());
    map(digits, |digits: &[u8]| {
        digits
            .iter()
            .fold(0, |n, digit| n * 10 + u16::from(digit - b'0'))
    })
    .parse(input)
}

fn fields(input: &[u8]) -> IResult<&[u8], Vec<Header>> {
    terminated(many0(field_line), line_ending).parse(input)
}

/// `name: value`, perhaps folded.   RFC 9112 sections 5 and 5.2
fn field_line(input: &[u8]) -> IResult<&[u8], Header> {
    let name = terminated(
        take_till1(|byte| byte == b':' || is_line_end(byte)),
        char(':'),
    );
    let line = terminated(take_till(is_line_end), line_ending);
    let fold = preceded(
        take_while1(is_blank),
        terminated(take_till(is_line_end), line_ending),
    );
    let (input, (name, first, folded)) = (name, line, many0(fold)).parse(input)?;
    let mut value = first.trim_ascii().to_vec();
    for more in folded {
        value.push(b' ');
        value.extend_from_slice(more.trim_ascii());
    }
    Ok((
        input,
        Header {
            name: name.trim_ascii().to_vec(),
            value,
        },
    ))
}

/// `1#element`, split at the commas that are in no quoted string.   RFC 9110 section 5.6.1
pub fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut quoted = false;
    let mut escaped = false;
    value
        .split(move |&byte| {
            match byte {
                _ if escaped => escaped = false,
                b'\\' if quoted => escaped = true,
                b'"' => quoted = !quoted,
                b',' if !quoted => return true,
                _ => {}
            }
            false
        })
        .map(<[u8]>::trim_ascii)
        .filter(|element| !element.is_empty())
}

/// One extension and its parameters.   RFC 6455 section 9.1
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Extension<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// Names and values, in order.
    pub params: Vec<(&'a [u8], Option<&'a [u8]>)>,
}

/// `extension-list`; none where it does not follow the grammar.   RFC 6455 section 9.1
pub fn extension_list(value: &[u8]) -> Option<Vec<Extension<'_>>> {
    let (left, list) = separated_list1(padded(char(',')), extension)
        .parse(value.trim_ascii())
        .ok()?;
    left.is_empty().then_some(list)
}

fn extension(input: &[u8]) -> IResult<&[u8], Extension<'_>> {
    let params = many0(preceded(padded(char(';')), extension_param));
    map((token, params), |(name, params)| Extension { name, params }).parse(input)
}

type Param<'a> = (&'a [u8], Option<&'a [u8]>);

fn extension_param(input: &[u8]) -> IResult<&[u8], Param<'_>> {
    (
        token,
        opt(preceded(padded(char('=')), alt((token, quoted_token)))),
    )
        .parse(input)
}

/// A quoted string whose content is a token; none of a token's characters needs an escape.
fn quoted_token(input: &[u8]) -> IResult<&[u8], &[u8]> {
    delimited(char('"'), token, char('"')).parse(input)
}

fn padded<'a, O>(
    inner: impl Parser<&'a [u8], Output = O, Error = nom::error::Error<&'a [u8]>>,
) -> impl Parser<&'a [u8], Output = O, Error = nom::error::Error<&'a [u8]>> {
    delimited(take_while(is_blank), inner, take_while(is_blank))
}

/// RFC 9110 section 5.6.2
fn token(input: &[u8]) -> IResult<&[u8], &[u8]> {
    take_while1(is_tchar).parse(input)
}

/// A decimal number that is all of the value, without sign.
pub fn number(value: &[u8]) -> Option<u64> {
    let digit = |byte: u8| byte.is_ascii_digit().then(|| u64::from(byte - b'0'));
    let append = |n: u64, &byte: &u8| n.checked_mul(10)?.checked_add(digit(byte)?);
    (!value.is_empty())
        .then(|| value.iter().try_fold(0, append))
        .flatten()
}

fn is_tchar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(headers: &[Header]) -> Vec<(String, String)> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        headers
            .iter()
            .map(|header| (text(&header.name), text(&header.value)))
            .collect()
    }

    #[test]
    fn a_head_is_complete_at_its_empty_line() {
        assert_eq!(
            head_length(b"GET / HTTP/1.1\r\nA: b\r\n\r\nrest", 0),
            Some(24)
        );
        assert_eq!(head_length(b"GET / HTTP/1.1\nA: b\n\nrest", 0), Some(21));
        assert_eq!(head_length(b"\r\n\r\nGET / HTTP/1.1\r\n\r\n", 0), Some(22));
        assert_eq!(head_length(b"GET / HTTP/1.1\r\nA: b\r\n\r", 0), None);
        assert_eq!(head_length(b"", 0), None);
    }

    #[test]
    fn a_request_keeps_what_was_written() {
        let head = b"GET /chat?x=1 HTTP/1.1\r\nHost: a\r\nhOsT:  b \r\nLong: one\r\n  two\r\nEmpty:\r\n\r\n";
        let request = request(head).unwrap();
        assert_eq!(request.method, b"GET");
        assert_eq!(request.target, b"/chat?x=1");
        assert_eq!(request.version, Version { major: 1, minor: 1 });
        let expected = [
            ("Host", "a"),
            ("hOsT", "b"),
            ("Long", "one two"),
            ("Empty", ""),
        ];
        assert_eq!(
            names(&request.headers),
            expected.map(|(n, v)| (n.to_owned(), v.to_owned()))
        );
    }

    #[test]
    fn a_response_may_lack_its_reason() {
        assert_eq!(
            response(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
                .unwrap()
                .status,
            101
        );
        assert_eq!(response(b"HTTP/1.1 200\r\n\r\n").unwrap().reason, b"");
        assert!(response(b"HTTP/1.1 2x0 OK\r\n\r\n").is_none());
    }

    #[test]
    fn what_is_no_head_is_none() {
        for wrong in [
            &b"GET /\r\n\r\n"[..],
            b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
            b"\r\n\r\n",
            b"",
        ] {
            assert!(
                request(wrong).is_none(),
                "{}",
                String::from_utf8_lossy(wrong)
            );
        }
    }

    #[test]
    fn a_list_is_split_at_commas_outside_quotes() {
        let elements: Vec<_> = list(br#"a, "b,c" , ,d;e="\",""#).collect();
        assert_eq!(elements, [&b"a"[..], br#""b,c""#, br#"d;e="\",""#]);
    }

    #[test]
    fn extensions_follow_their_grammar() {
        let list =
            extension_list(b"permessage-deflate; client_max_window_bits; x=\"10\" , foo").unwrap();
        let first = Extension {
            name: b"permessage-deflate",
            params: vec![(b"client_max_window_bits", None), (b"x", Some(b"10"))],
        };
        assert_eq!(
            list,
            [
                first,
                Extension {
                    name: b"foo",
                    params: vec![]
                }
            ]
        );
        for wrong in [&b""[..], b"a;", b"a=b", b"a; b=\"c d\"", b"a b"] {
            assert_eq!(
                extension_list(wrong),
                None,
                "{}",
                String::from_utf8_lossy(wrong)
            );
        }
    }

    #[test]
    fn numbers_are_digits_and_nothing_else() {
        assert_eq!(number(b"0"), Some(0));
        assert_eq!(number(b"18446744073709551615"), Some(u64::MAX));
        for wrong in [
            &b""[..],
            b"-1",
            b"+1",
            b"1 ",
            b"0x1",
            b"18446744073709551616",
        ] {
            assert_eq!(number(wrong), None);
        }
    }
}
