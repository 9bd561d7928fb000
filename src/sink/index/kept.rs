//! What happened, where that is neither a frame nor a message; heads of HTTP in few bytes.

use super::rows::{Bytes, number};
use crate::model::{EventKind, Header, Http, Request, Response, Version};
use std::borrow::Cow;

/// What an event is.
#[derive(Clone, Debug)]
pub(super) enum Kept {
    Whole(EventKind),
    /// A head, all of its parts one behind the other: some 500 bytes, not 2,000 in 40 pieces.
    Head(Box<[u8]>),
}

impl Kept {
    pub fn new(kind: EventKind) -> Self {
        let EventKind::Http(http) = &kind else {
            return Self::Whole(kind);
        };
        let mut out = Vec::with_capacity(512);
        let (version, headers) = match http {
            Http::Request(it) => {
                out.push(0);
                run(&mut out, &it.method);
                run(&mut out, &it.target);
                (it.version, &it.headers)
            }
            Http::Response(it) => {
                out.push(1);
                number(&mut out, it.status.into());
                run(&mut out, &it.reason);
                (it.version, &it.headers)
            }
        };
        out.extend([version.major, version.minor]);
        for header in headers {
            run(&mut out, &header.name);
            run(&mut out, &header.value);
        }
        Self::Head(out.into())
    }

    pub fn kind(&self) -> Cow<'_, EventKind> {
        match self {
            Self::Whole(kind) => Cow::Borrowed(kind),
            Self::Head(bytes) => Cow::Owned(EventKind::Http(head(bytes))),
        }
    }

    /// What it is, where that need not be put together.
    pub fn whole(&self) -> Option<&EventKind> {
        match self {
            Self::Whole(kind) => Some(kind),
            Self::Head(_) => None,
        }
    }

    /// Bytes that it takes beside itself, where that is known.
    pub fn size(&self) -> usize {
        match self {
            Self::Whole(_) => 0,
            Self::Head(bytes) => bytes.len(),
        }
    }
}

fn run(out: &mut Vec<u8>, bytes: &[u8]) {
    number(out, bytes.len() as u64);
    out.extend(bytes);
}

fn head(bytes: &[u8]) -> Http {
    let mut bytes = Bytes(bytes);
    if bytes.byte() == 0 {
        let (method, target) = (bytes.run().to_vec(), bytes.run().to_vec());
        return Http::Request(Box::new(Request {
            method,
            target,
            version: version(&mut bytes),
            headers: headers(bytes),
        }));
    }
    let status = bytes.number() as u16;
    let reason = bytes.run().to_vec();
    Http::Response(Box::new(Response {
        status,
        reason,
        version: version(&mut bytes),
        headers: headers(bytes),
    }))
}

fn version(bytes: &mut Bytes<'_>) -> Version {
    let (major, minor) = (bytes.byte(), bytes.byte());
    Version { major, minor }
}

fn headers(mut bytes: Bytes<'_>) -> Vec<Header> {
    let mut headers = Vec::new();
    while !bytes.0.is_empty() {
        let (name, value) = (bytes.run().to_vec(), bytes.run().to_vec());
        headers.push(Header { name, value });
    }
    headers
}
