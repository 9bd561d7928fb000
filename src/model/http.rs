//! HTTP heads.

/// An HTTP head, complete.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Http {
    /// What the client asked.
    Request(Box<Request>),
    /// What the server answered.
    Response(Box<Response>),
}

/// The head of a request.   RFC 9112 section 3
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request {
    /// The method, as written.
    pub method: Vec<u8>,
    /// The request target, as written.
    pub target: Vec<u8>,
    /// The version.
    pub version: Version,
    /// The header fields, in order.
    pub headers: Vec<Header>,
}

/// The head of a response.   RFC 9112 section 4
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Response {
    /// The status code, three digits.
    pub status: u16,
    /// The reason phrase, as written.
    pub reason: Vec<u8>,
    /// The version.
    pub version: Version,
    /// The header fields, in order.
    pub headers: Vec<Header>,
}

/// An HTTP version: two digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Version {
    /// The digit before the dot.
    pub major: u8,
    /// The digit after it.
    pub minor: u8,
}

/// A header field, as written; white space around the value removed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Header {
    /// The name, case kept.
    pub name: Vec<u8>,
    /// The value.
    pub value: Vec<u8>,
}

impl Request {
    /// The values of all fields of this name, in order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        all(&self.headers, name)
    }
}

impl Response {
    /// The values of all fields of this name, in order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        all(&self.headers, name)
    }
}

fn all<'a>(headers: &'a [Header], name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    headers
        .iter()
        .filter(move |header| header.name.eq_ignore_ascii_case(name.as_bytes()))
        .map(|header| header.value.as_slice())
}
