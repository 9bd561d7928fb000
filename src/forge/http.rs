//! HTTP heads and bodies, and the upgrade to WebSocket.

use super::frame::Deflater;
use super::random::Random;
use crate::model::{Dir, Side};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use sha1::{Digest as _, Sha1};

/// A request or a response, written as it is said: nothing is added to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Head {
    start: String,
    fields: Vec<(String, String)>,
    body: Vec<u8>,
}

/// A request.
#[must_use]
pub fn request(method: &str, target: &str) -> Head {
    Head::new(format!("{method} {target} HTTP/1.1"))
}

/// A response.
#[must_use]
pub fn response(status: u16) -> Head {
    let reason = match status {
        100 => "Continue",
        101 => "Switching Protocols",
        200 => "OK",
        302 => "Found",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        426 => "Upgrade Required",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        _ => "",
    };
    Head::new(format!("HTTP/1.1 {status} {reason}"))
}

impl Head {
    fn new(start: String) -> Self {
        Self {
            start,
            fields: Vec::new(),
            body: Vec::new(),
        }
    }

    /// Adds a field.
    #[must_use]
    pub fn field(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Writes a field in the place of the one of this name, or adds it.
    #[must_use]
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.fields
            .retain(|(found, _)| !found.eq_ignore_ascii_case(name));
        self.field(name, value)
    }

    /// Gives it a body with a Content-Length.
    #[must_use]
    pub fn body(self, body: impl AsRef<[u8]>) -> Self {
        let body = body.as_ref();
        let mut head = self.field("Content-Length", &body.len().to_string());
        head.body = body.to_vec();
        head
    }

    /// Gives it a body in chunks.   RFC 9112 section 7.1
    #[must_use]
    pub fn chunked<'a>(self, chunks: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut head = self.field("Transfer-Encoding", "chunked");
        for chunk in chunks.into_iter().filter(|chunk| !chunk.is_empty()) {
            let size = format!("{:x}\r\n", chunk.len());
            head.body.extend([size.as_bytes(), chunk, b"\r\n"].concat());
        }
        head.body.extend(b"0\r\n\r\n");
        head
    }

    /// Gives it bytes after the head, whatever the head says.
    #[must_use]
    pub fn raw_body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = body.as_ref().to_vec();
        self
    }

    /// All of it, as it is sent.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut text = format!("{}\r\n", self.start);
        for (name, value) in &self.fields {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        [text.as_bytes(), &self.body].concat()
    }
}

/// The upgrade to WebSocket.   RFC 6455 section 4
#[derive(Clone, Debug)]
pub struct Upgrade {
    /// What the client asks.
    pub request: Head,
    /// What the server answers.
    pub response: Head,
    sides: Option<[Side; 2]>,
}

impl Upgrade {
    pub(super) fn new(random: &mut Random) -> Self {
        let key = BASE64_STANDARD.encode(random.bytes(16));
        let request = request("GET", "/chat")
            .field("Host", "server.example.com")
            .field("Upgrade", "websocket")
            .field("Connection", "Upgrade")
            .field("Sec-WebSocket-Key", &key)
            .field("Sec-WebSocket-Version", "13");
        let response = response(101)
            .field("Upgrade", "websocket")
            .field("Connection", "Upgrade")
            .field("Sec-WebSocket-Accept", &accept(&key));
        Self {
            request,
            response,
            sides: None,
        }
    }

    /// Offers and grants permessage-deflate as it is written here, with its parameters.
    #[must_use]
    pub fn deflate(mut self, extension: &str) -> Self {
        const FIELD: &str = "Sec-WebSocket-Extensions";
        self.sides = Some(Dir::BOTH.map(|dir| promised(extension, dir)));
        self.request = self.request.set(FIELD, extension);
        self.response = self.response.set(FIELD, extension);
        self
    }

    /// Offers and grants a subprotocol.
    #[must_use]
    pub fn subprotocol(mut self, name: &str) -> Self {
        const FIELD: &str = "Sec-WebSocket-Protocol";
        self.request = self.request.set(FIELD, name);
        self.response = self.response.set(FIELD, name);
        self
    }

    /// Asks with this key, and answers to it as is due.
    #[must_use]
    pub fn key(mut self, key: &str) -> Self {
        self.request = self.request.set("Sec-WebSocket-Key", key);
        self.response = self.response.set("Sec-WebSocket-Accept", &accept(key));
        self
    }

    /// Changes the request.
    #[must_use]
    pub fn request(mut self, change: impl FnOnce(Head) -> Head) -> Self {
        self.request = change(self.request);
        self
    }

    /// Changes the response.
    #[must_use]
    pub fn response(mut self, change: impl FnOnce(Head) -> Head) -> Self {
        self.response = change(self.response);
        self
    }

    pub(super) fn deflaters(&self) -> [Option<Deflater>; 2] {
        match self.sides {
            Some(sides) => sides.map(|side| Some(Deflater::new(side))),
            None => [None, None],
        }
    }
}

/// What an extension's parameters promise for one side.   RFC 7692 section 7.1
fn promised(extension: &str, dir: Dir) -> Side {
    let mut side = Side::default();
    for param in extension.split(';').skip(1) {
        let (name, value) = param.split_once('=').unwrap_or((param, ""));
        match name.trim().strip_prefix(dir.sender()) {
            Some("_no_context_takeover") => side.no_context_takeover = true,
            Some("_max_window_bits") => {
                side.window_bits = value.trim().trim_matches('"').parse().unwrap_or(15);
            }
            _ => {}
        }
    }
    side
}

/// The answer to a key, worked out here once more: what is forged checks what is decoded.
/// RFC 6455 section 4.2.2
fn accept(key: &str) -> String {
    BASE64_STANDARD.encode(Sha1::digest([key, GUID].concat()))
}

/// RFC 6455 section 1.3
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
