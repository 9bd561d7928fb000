//! A line of JSON on its way.

use crate::field::Value;
use crate::model::{Endpoint, EventId, Header};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use std::io::Write;
use std::net::IpAddr;
use std::ops::Range;

/// A line of JSON on its way: an object, perhaps with objects in it.
#[derive(Clone, Debug, Default)]
pub(super) struct Line(pub Vec<u8>);

impl Line {
    pub fn begin(&mut self) {
        self.0.clear();
        self.0.push(b'{');
    }

    pub fn end(&mut self) {
        self.0.extend_from_slice(b"}\n");
    }

    /// Opens an object under this key.
    pub fn open(&mut self, name: &str) {
        self.key(name);
        self.0.push(b'{');
    }

    /// Closes it.
    pub fn close(&mut self) {
        self.0.push(b'}');
    }

    /// A key, which needs no escapes.
    pub fn key(&mut self, name: &str) {
        if self.0.last() != Some(&b'{') {
            self.0.push(b',');
        }
        self.plain_text(name);
        self.0.push(b':');
    }

    pub fn number(&mut self, name: &str, number: u64) {
        self.key(name);
        self.digits(number);
    }

    pub fn text(&mut self, name: &str, text: &str) {
        self.key(name);
        self.string(text);
    }

    pub fn field(&mut self, name: &str, value: Value<'_>) {
        self.key(name);
        match value {
            Value::Text(text) => self.string(text),
            Value::Number(number) => self.digits(number),
            Value::Bool(true) => self.0.extend_from_slice(b"true"),
            Value::Bool(false) => self.0.extend_from_slice(b"false"),
            Value::Hex(word) => self.display_text(&format_args!("{word:08x}")),
            Value::Base64(bytes) => self.base64(bytes),
            Value::Octets(bytes) => self.string(&String::from_utf8_lossy(bytes)),
            Value::Texts(texts) => self.list(texts, |line, text| line.string(text)),
            Value::Words(words) => self.list(words, |line, word| line.plain_text(word)),
            Value::Ranges(ranges) => self.list(ranges, Self::range),
            Value::Packets(packets) => {
                self.list(packets, |line, packet| line.digits(packet.get()));
            }
            Value::Headers(headers) => self.list(headers, Self::header),
        }
    }

    fn list<T>(&mut self, items: &[T], mut each: impl FnMut(&mut Self, &T)) {
        self.0.push(b'[');
        for (i, item) in items.iter().enumerate() {
            if i > 0 {
                self.0.push(b',');
            }
            each(self, item);
        }
        self.0.push(b']');
    }

    fn range(&mut self, range: &Range<u64>) {
        self.list(&[range.start, range.end], |line, &number| {
            line.digits(number)
        });
    }

    fn header(&mut self, header: &Header) {
        let pair = [&header.name, &header.value];
        self.list(&pair, |line, bytes| {
            line.string(&String::from_utf8_lossy(bytes))
        });
    }

    fn digits(&mut self, mut number: u64) {
        let mut text = [0; 20];
        let mut from = text.len();
        loop {
            from -= 1;
            text[from] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                break self.0.extend_from_slice(&text[from..]);
            }
        }
    }

    /// Text that needs no escapes.
    pub fn plain_text(&mut self, text: &str) {
        self.quoted(text.as_bytes());
    }

    pub fn quoted(&mut self, text: &[u8]) {
        self.0.push(b'"');
        self.0.extend_from_slice(text);
        self.0.push(b'"');
    }

    /// What is displayed without a character that needs an escape.
    pub fn display_text(&mut self, value: &dyn std::fmt::Display) {
        // Writing into a vector does not fail.
        let _ = write!(self.0, "\"{value}\"");
    }

    /// As its `Display`, without the detour through the formatter.
    pub fn id(&mut self, id: EventId) {
        self.0.push(b'"');
        if id.at.is_end() {
            self.0.extend_from_slice(b"end");
        } else {
            self.digits(id.at.get());
        }
        self.0.push(b'.');
        self.digits(id.nth.into());
        self.0.push(b'"');
    }

    /// As its `Display`; IPv4 without the detour through the formatter.
    pub fn endpoint(&mut self, end: Endpoint) {
        let IpAddr::V4(ip) = end.ip else {
            return self.display_text(&end);
        };
        let [a, b, c, d] = ip.octets();
        self.0.push(b'"');
        for octet in [a, b, c] {
            self.digits(octet.into());
            self.0.push(b'.');
        }
        self.digits(d.into());
        self.0.push(b':');
        self.digits(end.port.into());
        self.0.push(b'"');
    }

    fn base64(&mut self, bytes: &[u8]) {
        self.0.push(b'"');
        let from = self.0.len();
        self.0.resize(from + bytes.len().div_ceil(3) * 4, 0);
        // The room is exactly what the encoding takes.
        let _ = BASE64_STANDARD.encode_slice(bytes, &mut self.0[from..]);
        self.0.push(b'"');
    }

    /// Text with the escapes of RFC 8259 section 7. U+007F to U+009F and the line separators are
    /// escaped too, so that a line is safe to print.
    fn string(&mut self, text: &str) {
        self.0.push(b'"');
        let bytes = text.as_bytes();
        let mut from = 0;
        for (at, &byte) in bytes.iter().enumerate() {
            if !NEEDS_A_LOOK[usize::from(byte)] {
                continue;
            }
            let Some(c) = text.get(at..).and_then(|rest| rest.chars().next()) else {
                continue;
            };
            if byte >= 0x80 && !super::is_unsafe(c) {
                continue;
            }
            self.0.extend_from_slice(&bytes[from..at]);
            self.escape(c);
            from = at + c.len_utf8();
        }
        self.0.extend_from_slice(&bytes[from..]);
        self.0.push(b'"');
    }

    fn escape(&mut self, c: char) {
        let short = match c {
            '"' => b'"',
            '\\' => b'\\',
            '\n' => b'n',
            '\r' => b'r',
            '\t' => b't',
            _ => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(self.0, "\\u{unit:04x}");
                }
                return;
            }
        };
        self.0.extend_from_slice(&[b'\\', short]);
    }
}

/// Bytes at which a character may begin that has to be escaped: ASCII ones that always have, and
/// the first bytes of those that [`super::is_unsafe`] names.
const NEEDS_A_LOOK: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 0x20 {
        table[byte] = true;
        byte += 1;
    }
    table[b'"' as usize] = true;
    table[b'\\' as usize] = true;
    table[0x7f] = true;
    table[0xc2] = true;
    table[0xd8] = true;
    table[0xe1] = true;
    table[0xe2] = true;
    table[0xef] = true;
    table[0xf3] = true;
    table
};

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn string(text: &str) -> String {
        let mut line = Line::default();
        line.string(text);
        String::from_utf8(line.0).unwrap()
    }

    #[test]
    fn every_unsafe_character_is_escaped_and_reads_back() {
        for c in '\0'..=char::MAX {
            let text = string(&format!("a{c}b"));
            let back: String = serde_json::from_str(&text).unwrap();
            assert_eq!(back, format!("a{c}b"));
            assert!(!text.chars().any(super::super::is_unsafe), "{c:?}");
        }
    }

    #[test]
    fn ends_and_ids_are_written_as_they_display() {
        for end in [
            "0.0.0.0:0",
            "192.168.10.255:65535",
            "[::1]:80",
            "[fe80::1]:9",
        ] {
            let address: std::net::SocketAddr = end.parse().unwrap();
            let mut line = Line::default();
            line.endpoint(Endpoint {
                ip: address.ip(),
                port: address.port(),
            });
            assert_eq!(line.0, format!("\"{end}\"").into_bytes());
        }
        for id in ["1.0", "4711.12", "end.3"] {
            let mut line = Line::default();
            line.id(id.parse().unwrap());
            assert_eq!(line.0, format!("\"{id}\"").into_bytes());
        }
    }

    proptest! {
        #[test]
        fn text_numbers_and_bytes_read_back(text: String, number: u64, bytes: Vec<u8>) {
            let mut line = Line::default();
            line.begin();
            line.text("text", &text);
            line.number("number", number);
            line.field("bytes", Value::Base64(&bytes));
            line.end();
            let json: serde_json::Value = serde_json::from_slice(&line.0).unwrap();
            prop_assert_eq!(json["text"].as_str(), Some(text.as_str()));
            prop_assert_eq!(json["number"].as_u64(), Some(number));
            prop_assert_eq!(BASE64_STANDARD.decode(json["bytes"].as_str().unwrap()).unwrap(), bytes);
        }
    }
}
