//! Handshake messages, as far as they tell something.   RFC 8446 section 4, RFC 5246 section 7.4

use super::names::{group, is_grease, version};
use super::suites;
use crate::model::{Certificate, Hello};

pub const CLIENT_HELLO: u8 = 1;
pub const SERVER_HELLO: u8 = 2;
pub const END_OF_EARLY_DATA: u8 = 5;
pub const ENCRYPTED_EXTENSIONS: u8 = 8;
pub const CERTIFICATE: u8 = 11;
pub const FINISHED: u8 = 20;
pub const KEY_UPDATE: u8 = 24;

/// Names that one list of a hello may have.
const NAMES: usize = 256;

/// A server hello with this random asks for another client hello.   RFC 8446 section 4.1.3
const RETRY: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

/// What is kept of a client hello.
#[derive(Clone, Debug)]
pub struct ClientHello {
    pub random: [u8; 32],
    pub session_id: Vec<u8>,
    pub early_data: bool,
    /// The only protocol that it offers for the inside, if it is one.
    pub only_alpn: Option<String>,
}

/// What is kept of a server hello.
#[derive(Clone, Debug)]
pub struct ServerHello {
    pub random: [u8; 32],
    pub version: u16,
    pub suite: u16,
    pub encrypt_then_mac: bool,
    /// It takes up an earlier session.
    pub resumes: bool,
    pub alpn: Option<String>,
}

/// Takes bytes from the front; none where there are too few.
#[derive(Clone, Copy)]
pub struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    pub fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn u16(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(*self.take(2)?.first_chunk()?))
    }

    fn u24(&mut self) -> Option<usize> {
        let &[a, b, c] = self.take(3)?.first_chunk()?;
        Some(u32::from_be_bytes([0, a, b, c]) as usize)
    }

    fn short(&mut self) -> Option<Reader<'a>> {
        let len = self.u8()?.into();
        self.take(len).map(Reader)
    }

    fn long(&mut self) -> Option<Reader<'a>> {
        let len = self.u16()?.into();
        self.take(len).map(Reader)
    }

    fn words(mut self) -> Vec<u16> {
        std::iter::from_fn(|| self.u16()).collect()
    }
}

/// Type and length of the message at the front.
pub fn header(bytes: &[u8]) -> Option<(u8, usize)> {
    let mut reader = Reader(bytes);
    Some((reader.u8()?, reader.u24()?))
}

fn extensions<'a>(reader: &mut Reader<'a>) -> impl Iterator<Item = (u16, Reader<'a>)> {
    let mut all = reader.long().unwrap_or(Reader(&[]));
    std::iter::from_fn(move || Some((all.u16()?, all.long()?)))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.get(..256).unwrap_or(bytes)).into_owned()
}

fn named(values: &[u16], name: impl Fn(u16) -> String) -> Vec<String> {
    let plain = values.iter().filter(|value| !is_grease(**value));
    plain.take(NAMES).map(|&value| name(value)).collect()
}

fn alpn(mut body: Reader<'_>) -> Vec<String> {
    let mut list = body.long().unwrap_or(Reader(&[]));
    std::iter::from_fn(|| list.short())
        .filter(|name| !matches!(name.0, &[a, b] if is_grease(u16::from_be_bytes([a, b]))))
        .take(NAMES)
        .map(|name| text(name.0))
        .collect()
}

/// A client hello.   RFC 8446 section 4.1.2
pub fn client_hello(body: &[u8]) -> Option<(Hello, ClientHello)> {
    let mut reader = Reader(body);
    let legacy = reader.u16()?;
    let random = *reader.take(32)?.first_chunk()?;
    let session_id = reader.short()?.0.to_vec();
    let ciphers = reader.long()?.words();
    reader.short()?;
    let mut hello = Hello {
        random,
        version: version(legacy),
        ciphers: named(&ciphers, suites::name),
        ..Hello::default()
    };
    // In TLS 1.3 a session id is sent for looks; there a key offered beforehand means resumption.
    let mut tls13 = false;
    for (kind, mut body) in extensions(&mut reader) {
        match kind {
            0 => {
                hello.server_name = body.long().and_then(|mut list| {
                    (list.u8()? == 0).then_some(())?;
                    Some(text(list.long()?.0))
                });
            }
            10 => hello.groups = named(&body.long().unwrap_or(Reader(&[])).words(), group),
            16 => hello.alpn = alpn(body),
            35 => hello.resumption |= !body.0.is_empty(),
            41 => hello.resumption = true,
            42 => hello.early_data = true,
            43 => {
                let offered = body.short().unwrap_or(Reader(&[])).words();
                let highest = offered
                    .iter()
                    .copied()
                    .filter(|value| !is_grease(*value))
                    .max();
                tls13 = highest >= Some(0x0304);
                hello.version = version(highest.unwrap_or(legacy));
                hello.versions = named(&offered, version);
            }
            _ => {}
        }
    }
    hello.resumption |= !tls13 && !session_id.is_empty();
    let kept = ClientHello {
        random,
        session_id,
        early_data: hello.early_data,
        only_alpn: match hello.alpn.as_slice() {
            [only] => Some(only.clone()),
            _ => None,
        },
    };
    Some((hello, kept))
}

/// A server hello, or its wish for another client hello.   RFC 8446 sections 4.1.3 and 4.1.4
pub fn server_hello(body: &[u8], client: Option<&ClientHello>) -> Option<(Hello, ServerHello)> {
    let mut reader = Reader(body);
    let mut chosen = reader.u16()?;
    let random = *reader.take(32)?.first_chunk()?;
    let session_id = reader.short()?;
    let suite = reader.u16()?;
    reader.u8()?;
    let mut hello = Hello {
        random,
        ciphers: vec![suites::name(suite)],
        retry: random == RETRY,
        ..Hello::default()
    };
    let mut encrypt_then_mac = false;
    for (kind, mut body) in extensions(&mut reader) {
        match kind {
            16 => hello.alpn = alpn(body),
            22 => encrypt_then_mac = true,
            41 => hello.resumption = true,
            43 => chosen = body.u16().unwrap_or(chosen),
            51 => hello.groups = body.u16().map(group).into_iter().collect(),
            _ => {}
        }
    }
    let echoed = client
        .is_some_and(|client| !client.session_id.is_empty() && client.session_id == session_id.0);
    hello.resumption |= chosen <= 0x0303 && echoed;
    hello.version = version(chosen);
    let kept = ServerHello {
        random,
        version: chosen,
        suite,
        encrypt_then_mac,
        resumes: hello.resumption,
        alpn: hello.alpn.first().cloned(),
    };
    Some((hello, kept))
}

/// What a server says once it is encrypted: the protocol inside, and whether it takes early data.
pub fn encrypted_extensions(body: &[u8]) -> (Option<String>, bool) {
    let (mut chosen, mut early) = (None, false);
    for (kind, body) in extensions(&mut Reader(body)) {
        match kind {
            16 => chosen = alpn(body).into_iter().next(),
            42 => early = true,
            _ => {}
        }
    }
    (chosen, early)
}

/// The protocol agreed on, where a record begins with what the server says once it is encrypted.
pub fn agreed(content: &[u8]) -> Option<String> {
    let (ENCRYPTED_EXTENSIONS, len) = header(content)? else {
        return None;
    };
    encrypted_extensions(content.get(4..4 + len)?).0
}

/// A certificate chain.   RFC 8446 section 4.4.2, RFC 5246 section 7.4.2
pub fn certificate(body: &[u8], tls13: bool) -> Option<Certificate> {
    let mut reader = Reader(body);
    if tls13 {
        reader.short()?;
    }
    let len = reader.u24()?;
    let mut list = Reader(reader.take(len)?);
    let mut certificate = Certificate::default();
    while let Some(len) = list.u24() {
        let one = list.take(len)?;
        if tls13 {
            list.long()?;
        }
        if certificate.chain == 0 {
            names_of(one, &mut certificate);
        }
        certificate.chain += 1;
    }
    (certificate.chain > 0).then_some(certificate)
}

/// The next item of DER: its tag, its contents.   X.690 section 8.1
fn der<'a>(reader: &mut Reader<'a>) -> Option<(u8, Reader<'a>)> {
    let tag = reader.u8()?;
    let len = match reader.u8()? {
        short @ 0..=0x7f => short.into(),
        0x81 => reader.u8()?.into(),
        0x82 => reader.u16()?.into(),
        0x83 => reader.u24()?,
        _ => return None,
    };
    Some((tag, Reader(reader.take(len)?)))
}

/// The names in a certificate.   RFC 5280 section 4.1
fn names_of(certificate: &[u8], into: &mut Certificate) -> Option<()> {
    let (_, mut outer) = der(&mut Reader(certificate))?;
    let (_, mut fields) = der(&mut outer)?;
    let mut names = 0;
    while let Some((tag, body)) = der(&mut fields) {
        match tag {
            // Algorithm, issuer, validity, subject, key: the fourth sequence is the subject.
            0x30 => {
                names += 1;
                if names == 4 {
                    into.subject = common_name(body);
                }
            }
            0xa3 => alternative_names(body, &mut into.names)?,
            _ => {}
        }
    }
    Some(())
}

fn common_name(mut subject: Reader<'_>) -> Option<String> {
    let mut found = None;
    while let Some((_, mut set)) = der(&mut subject) {
        while let Some((_, mut pair)) = der(&mut set) {
            let (_, oid) = der(&mut pair)?;
            let (_, value) = der(&mut pair)?;
            if oid.0 == [0x55, 4, 3] {
                found = Some(text(value.0));
            }
        }
    }
    found
}

fn alternative_names(mut all: Reader<'_>, into: &mut Vec<String>) -> Option<()> {
    let (_, mut all) = der(&mut all)?;
    while let Some((_, mut extension)) = der(&mut all) {
        let (_, oid) = der(&mut extension)?;
        if oid.0 != [0x55, 29, 17] {
            continue;
        }
        let (mut tag, mut value) = der(&mut extension)?;
        if tag == 1 {
            (tag, value) = der(&mut extension)?;
        }
        if tag != 4 {
            return None;
        }
        let (_, mut names) = der(&mut value)?;
        while let Some((kind, name)) = der(&mut names) {
            if into.len() == NAMES {
                break;
            }
            match (kind, name.0) {
                (0x82, name) => into.push(text(name)),
                (0x87, &[a, b, c, d]) => into.push(std::net::Ipv4Addr::new(a, b, c, d).to_string()),
                (0x87, name) => {
                    if let Ok(octets) = <[u8; 16]>::try_from(name) {
                        into.push(std::net::Ipv6Addr::from(octets).to_string());
                    }
                }
                _ => {}
            }
        }
    }
    Some(())
}
