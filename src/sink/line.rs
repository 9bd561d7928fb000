//! A line of JSON on its way.

use crate::field::Value;
use crate::model::{Endpoint, EventId, Header};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use std::fmt::{self, Write as _};
use std::net::IpAddr;
use std::ops::Range;

/// A line of JSON on its way: an object, perhaps with objects in it.
///
/// Every message takes this way, so it is written into room that is there already: nothing is
/// zeroed, grown or formatted where a byte can be put instead.
#[derive(Clone, Debug, Default)]
pub(super) struct Line {
    /// The line, and behind it what earlier ones left.
    text: Vec<u8>,
    /// Where the line ends.
    end: usize,
}

impl Line {
    /// The line as far as it is written.
    pub fn bytes(&self) -> &[u8] {
        &self.text[..self.end]
    }

    pub fn begin(&mut self) {
        self.end = 0;
        self.put(b"{");
    }

    pub fn end(&mut self) {
        self.put(b"}\n");
    }

    /// Opens an object under this key.
    pub fn open(&mut self, name: &str) {
        self.key(name);
        self.put(b"{");
    }

    /// Closes it.
    pub fn close(&mut self) {
        self.put(b"}");
    }

    /// A key, which needs no escapes.
    #[inline]
    pub fn key(&mut self, name: &str) {
        let comma = usize::from(self.bytes().last() != Some(&b'{'));
        let room = self.room(name.len() + 4);
        room[0] = b',';
        room[comma] = b'"';
        let (text, rest) = room[comma + 1..].split_at_mut(name.len());
        text.copy_from_slice(name.as_bytes());
        rest[..2].copy_from_slice(b"\":");
        self.end += comma + name.len() + 3;
    }

    #[inline]
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
            Value::Signed(number) => self.signed(number),
            Value::Bool(true) => self.put(b"true"),
            Value::Bool(false) => self.put(b"false"),
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
        self.put(b"[");
        for (i, item) in items.iter().enumerate() {
            if i > 0 {
                self.put(b",");
            }
            each(self, item);
        }
        self.put(b"]");
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

    /// A list of objects under this key; nothing where it is empty.
    pub fn objects<T>(&mut self, name: &str, items: &[T], mut each: impl FnMut(&mut Self, &T)) {
        if items.is_empty() {
            return;
        }
        self.key(name);
        self.list(items, |line, item| {
            line.put(b"{");
            each(line, item);
            line.close();
        });
    }

    fn signed(&mut self, number: i64) {
        if number < 0 {
            self.put(b"-");
        }
        self.digits(number.unsigned_abs());
    }

    #[inline]
    pub fn digits(&mut self, mut number: u64) {
        let count = number.checked_ilog10().unwrap_or(0) as usize + 1;
        let room = self.room(count);
        for pair in room.rchunks_mut(2) {
            let [tens, ones] = PAIRS[(number % 100) as usize];
            match pair {
                [first, second] => (*first, *second) = (tens, ones),
                first => first.fill(ones),
            }
            number /= 100;
        }
        self.end += count;
    }

    /// Text that needs no escapes.
    pub fn plain_text(&mut self, text: &str) {
        self.quoted(text.as_bytes());
    }

    #[inline]
    pub fn quoted(&mut self, text: &[u8]) {
        let room = self.room(text.len() + 2);
        if let [open, inside @ .., close] = room {
            (*open, *close) = (b'"', b'"');
            inside.copy_from_slice(text);
        }
        self.end += text.len() + 2;
    }

    /// What is displayed without a character that needs an escape.
    pub fn display_text(&mut self, value: &dyn fmt::Display) {
        // Writing into memory does not fail.
        let _ = write!(self, "\"{value}\"");
    }

    /// As its `Display`, without the detour through the formatter; no quotes.
    pub fn id(&mut self, id: EventId) {
        if id.at.is_end() {
            self.put(b"end");
        } else {
            self.digits(id.at.get());
        }
        self.put(b".");
        self.digits(id.nth.into());
    }

    /// As its `Display`; IPv4 without the detour through the formatter.
    pub fn endpoint(&mut self, end: Endpoint) {
        let IpAddr::V4(ip) = end.ip else {
            return self.display_text(&end);
        };
        self.put(b"\"");
        for octet in ip.octets() {
            let (text, len) = OCTETS[usize::from(octet)];
            self.room(text.len()).copy_from_slice(&text);
            self.end += usize::from(len);
        }
        // Over the last dot.
        self.end -= 1;
        self.put(b":");
        self.digits(end.port.into());
        self.put(b"\"");
    }

    fn base64(&mut self, bytes: &[u8]) {
        let count = bytes.len().div_ceil(3) * 4;
        let room = self.room(count + 2);
        if let [open, inside @ .., close] = room {
            (*open, *close) = (b'"', b'"');
            // The room is exactly what the encoding takes.
            let _ = BASE64_STANDARD.encode_slice(bytes, inside);
        }
        self.end += count + 2;
    }

    /// Text with the escapes of RFC 8259 section 7. U+007F to U+009F and the line separators are
    /// escaped too, so that a line is safe to print.
    fn string(&mut self, text: &str) {
        self.put(b"\"");
        let mut at = 0;
        while let Some(chunk @ [_, ..]) = text.as_bytes().get(at..) {
            let chunk = &chunk[..chunk.len().min(CHUNK)];
            let taken = self.ordinary(chunk);
            at += taken;
            if taken < chunk.len()
                && let Some(c) = text.get(at..).and_then(|rest| rest.chars().next())
            {
                self.special(c);
                at += c.len_utf8();
            }
        }
        self.put(b"\"");
    }

    /// Writes bytes up to one at which a character begins that needs a look; answers how many.
    ///
    /// Eight at a time: all eight are put there, and counted as far as they are taken.
    fn ordinary(&mut self, bytes: &[u8]) -> usize {
        let room = self.room(2 * bytes.len());
        let (mut taken, mut to) = (0, 0);
        while let Some(eight) = bytes[taken..].first_chunk::<8>()
            && let Some(put) = room[to..].first_chunk_mut::<9>()
        {
            put[..8].copy_from_slice(eight);
            let plain = plain(*eight);
            let Some(&byte) = eight.get(plain) else {
                (taken, to) = (taken + 8, to + 8);
                continue;
            };
            match LOOK[usize::from(byte)] {
                0 => to += plain + 1,
                QUOTE => {
                    put[plain] = b'\\';
                    put[plain + 1] = byte;
                    to += plain + 2;
                }
                _ => {
                    self.end += to + plain;
                    return taken + plain;
                }
            }
            taken += plain + 1;
        }
        for &byte in &bytes[taken..] {
            let look = LOOK[usize::from(byte)];
            if look > QUOTE {
                break;
            }
            // The byte goes over the backslash where there is none to be.
            room[to] = b'\\';
            to += usize::from(look);
            room[to] = byte;
            (taken, to) = (taken + 1, to + 1);
        }
        self.end += to;
        taken
    }

    /// A character that may have to be escaped, and is none of those with a byte of their own.
    fn special(&mut self, c: char) {
        match c {
            '\n' => self.put(b"\\n"),
            '\r' => self.put(b"\\r"),
            '\t' => self.put(b"\\t"),
            c if super::is_unsafe(c) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(self, "\\u{unit:04x}");
                }
            }
            c => self.put(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }

    /// Bytes as they are.
    #[inline]
    pub fn put(&mut self, bytes: &[u8]) {
        self.room(bytes.len()).copy_from_slice(bytes);
        self.end += bytes.len();
    }

    /// Room for so many bytes behind the end.
    #[inline]
    fn room(&mut self, count: usize) -> &mut [u8] {
        let need = self.end + count;
        if need > self.text.len() {
            self.grow(need);
        }
        &mut self.text[self.end..need]
    }

    #[cold]
    fn grow(&mut self, need: usize) {
        self.text.resize(need.next_power_of_two().max(1024), 0);
    }
}

impl fmt::Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.put(text.as_bytes());
        Ok(())
    }
}

/// How many of eight bytes come before the first one that is not plain ASCII: a control character,
/// a quote, a backslash, or above 0x7e.
fn plain(eight: [u8; 8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const TOPS: u64 = 0x80 * ONES;
    let word = u64::from_le_bytes(eight);
    // The lowest mark of each is right; one above it may be false, since it borrows from below.
    let zero = |word: u64| word.wrapping_sub(ONES) & !word;
    let quote = zero(word ^ (ONES * u64::from(b'"')));
    let backslash = zero(word ^ (ONES * u64::from(b'\\')));
    let delete = zero(word ^ (ONES * 0x7f));
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    let marks = (quote | backslash | delete | control | word) & TOPS;
    (marks.trailing_zeros() / 8) as usize
}

/// How many bytes of a text are looked at in one go.
const CHUNK: usize = 512;

/// The numbers from 00 to 99.
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[b'0'; 2]; 100];
    let mut number = 0;
    while number < 100 {
        pairs[number] = [b'0' + number as u8 / 10, b'0' + number as u8 % 10];
        number += 1;
    }
    pairs
};

/// The numbers from 0 to 255, each with a dot behind it and how long that is.
const OCTETS: [([u8; 4], u8); 256] = {
    let mut octets = [([b'.'; 4], 0); 256];
    let mut number = 0;
    while number < 256 {
        let [hundreds, tens, ones] = [number / 100, number / 10 % 10, number % 10];
        let (text, len) = &mut octets[number];
        *len = 2;
        if number >= 100 {
            text[0] = b'0' + hundreds as u8;
            *len = 4;
        } else if number >= 10 {
            *len = 3;
        }
        if number >= 10 {
            text[*len as usize - 3] = b'0' + tens as u8;
        }
        text[*len as usize - 2] = b'0' + ones as u8;
        number += 1;
    }
    octets
};

/// A backslash comes before it.
const QUOTE: u8 = 1;
/// A character may begin there that has to be escaped: an ASCII one that always has, or one of
/// those that [`super::is_unsafe`] names.
const MAYBE: u8 = 2;

/// What a byte needs; 0 is nothing.
const LOOK: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 0x20 {
        table[byte] = MAYBE;
        byte += 1;
    }
    table[b'"' as usize] = QUOTE;
    table[b'\\' as usize] = QUOTE;
    table[0x7f] = MAYBE;
    table[0xc2] = MAYBE;
    table[0xd8] = MAYBE;
    table[0xe1] = MAYBE;
    table[0xe2] = MAYBE;
    table[0xef] = MAYBE;
    table[0xf3] = MAYBE;
    table
};

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn string(text: &str) -> String {
        let mut line = Line::default();
        line.string(text);
        String::from_utf8(line.bytes().to_vec()).unwrap()
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
            assert_eq!(line.bytes(), format!("\"{end}\"").as_bytes());
        }
        for octet in 0..=255 {
            let mut line = Line::default();
            let ip = [octet, 0, 1, octet].into();
            line.endpoint(Endpoint { ip, port: 9 });
            assert_eq!(line.bytes(), format!("\"{ip}:9\"").as_bytes());
        }
        for id in ["1.0", "4711.12", "end.3"] {
            let mut line = Line::default();
            line.id(id.parse().unwrap());
            assert_eq!(line.bytes(), id.as_bytes());
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
            let json: serde_json::Value = serde_json::from_slice(line.bytes()).unwrap();
            prop_assert_eq!(json["text"].as_str(), Some(text.as_str()));
            prop_assert_eq!(json["number"].as_u64(), Some(number));
            prop_assert_eq!(BASE64_STANDARD.decode(json["bytes"].as_str().unwrap()).unwrap(), bytes);
        }
    }
}
