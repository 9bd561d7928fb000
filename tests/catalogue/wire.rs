//! Breaches as bytes of TCP: the whole way from packets to findings.

use super::talk::Findings;
use std::collections::BTreeSet;
use wscope::engine::Engine;
use wscope::model::{Limits, Link, Packet, PacketNo, Severity, Sink as _, Timestamp};
use wscope::rules::Judge;

const FIN: u8 = 1;
const SYN: u8 = 2;
const ACK: u8 = 16;

/// A connection, written packet by packet.
struct Wire {
    engine: Engine,
    judge: Judge<Findings>,
    packet: u64,
    /// The next sequence number of the client and of the server.
    seq: [u32; 2],
}

impl Wire {
    fn new() -> Self {
        let judge = Judge::new(Findings::default());
        let mut wire = Self {
            engine: Engine::new(Limits::default(), judge.want()),
            judge,
            packet: 0,
            seq: [1000, 9000],
        };
        wire.segment(0, SYN, b"");
        wire.segment(1, SYN | ACK, b"");
        wire.segment(0, ACK, b"");
        wire
    }

    /// A raw IPv4 packet: the checksums are not looked at.
    fn segment(&mut self, from: usize, flags: u8, payload: &[u8]) {
        let (ports, hosts) = ([40_000u16, 80], [[10, 0, 0, 1], [10, 0, 0, 2]]);
        let to = 1 - from;
        let ack = if flags & ACK > 0 { self.seq[to] } else { 0 };
        let mut data = vec![0x45, 0];
        data.extend((40 + payload.len() as u16).to_be_bytes());
        data.extend([0, 0, 0x40, 0, 64, 6, 0, 0]);
        data.extend(hosts[from]);
        data.extend(hosts[to]);
        data.extend(ports[from].to_be_bytes());
        data.extend(ports[to].to_be_bytes());
        data.extend(self.seq[from].to_be_bytes());
        data.extend(ack.to_be_bytes());
        data.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
        data.extend(payload);
        self.packet += 1;
        let packet = Packet {
            no: PacketNo::new(self.packet).unwrap(),
            time: Timestamp(self.packet as i64 * 1_000_000),
            link: Link::RAW,
            orig_len: data.len() as u32,
            data: &data,
        };
        self.engine.packet(packet, &mut self.judge).unwrap();
        let counted = payload.len() as u32 + u32::from(flags & (SYN | FIN) > 0);
        self.seq[from] = self.seq[from].wrapping_add(counted);
    }

    fn client(&mut self, bytes: &[u8]) {
        self.segment(0, ACK, bytes);
    }

    fn server(&mut self, bytes: &[u8]) {
        self.segment(1, ACK, bytes);
    }

    fn open(&mut self, accept: &str) {
        self.client(
            b"GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\n\
              Connection: Upgrade\r\nSec-WebSocket-Key: zh1mJ0ZQ4yQvVQd2U5Ww3A==\r\n\
              Sec-WebSocket-Version: 13\r\n\r\n",
        );
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\n\r\n"
        );
        self.server(answer.as_bytes());
    }

    fn end(mut self) -> Findings {
        for from in [1, 0] {
            self.segment(from, FIN | ACK, b"");
        }
        self.segment(1, ACK, b"");
        self.engine.finish(&mut self.judge).unwrap();
        self.judge.into_inner()
    }
}

#[test]
fn fourteen_breaches_on_one_connection_are_all_found() {
    let mut wire = Wire::new();
    wire.open("bm90IHRoZSByaWdodCB2YWx1ZQ==");
    wire.client(&[0x81, 0x02, b'h', b'i']); // not masked
    wire.server(&[0x81, 0x81, 1, 2, 3, 4, b'a' ^ 1]); // masked
    wire.server(&[0xa1, 0x01, b'a']); // RSV2
    let mut ping = vec![0x89, 0x7e, 0, 126];
    ping.extend([b'a'; 126]);
    wire.server(&ping); // a ping of 126 bytes
    wire.server(&[0x09, 0x00]); // a ping with FIN = 0
    wire.server(&[0x81, 0x7e, 0, 1, b'a']); // one byte, its length in 16 bits
    let mut long = vec![0x82, 0x7f, 0, 0, 0, 0, 0, 0, 0, 200];
    long.extend([0; 200]);
    wire.server(&long); // 200 bytes, their length in 64 bits
    wire.server(&[0x81, 0x02, 0xc3, 0x28]); // no UTF-8
    wire.server(&[0x83, 0x00]); // opcode 3
    wire.server(&[0x80, 0x00]); // a continuation of nothing
    wire.server(&[0x88, 0x02, 0x03, 0xed]); // close 1005
    wire.server(&[0x81, 0x01, b'a']); // data after it
    wire.client(&[0x88, 0x81, 1, 2, 3, 4, 3]); // a close body of one byte
    let found = wire.end();
    let errors: BTreeSet<_> = found
        .fails()
        .into_iter()
        .filter(|it| it.severity == Severity::Error)
        .map(|it| it.rule)
        .collect();
    let expected = BTreeSet::from([
        "WS-ANSWER-ACCEPT-VALUE",
        "WS-FRAME-CLIENT-MASK",
        "WS-FRAME-SERVER-MASK",
        "WS-FRAME-RSV2",
        "WS-FRAME-CONTROL-LENGTH",
        "WS-FRAME-CONTROL-FIN",
        "WS-FRAME-LENGTH-7",
        "WS-FRAME-LENGTH-16",
        "WS-MESSAGE-UTF8",
        "WS-FRAME-OPCODE-DATA",
        "WS-MESSAGE-ORPHAN",
        "WS-CLOSE-CODE-LOCAL",
        "WS-CLOSE-DATA-AFTER",
        "WS-CLOSE-BODY",
    ]);
    assert_eq!(errors, expected);
    for it in found.fails() {
        assert!(it.packets.is_some(), "{it:?}");
    }
}

#[test]
fn a_wrong_accept_value_is_shown_with_the_right_one() {
    let mut wire = Wire::new();
    wire.open("bm90IHRoZSByaWdodCB2YWx1ZQ==");
    let found = wire.end();
    let wrong = found.fails();
    let wrong = wrong
        .iter()
        .find(|it| it.rule == "WS-ANSWER-ACCEPT-VALUE")
        .unwrap();
    assert!(wrong.text.contains("bm90IHRoZSByaWdodCB2YWx1ZQ=="));
    assert_eq!(
        wrong.text.matches('=').count(),
        3,
        "both values: {}",
        wrong.text
    );
}

#[test]
fn an_uncompressed_message_in_the_senders_window_is_named() {
    use flate2::{Compress, Compression, FlushCompress};
    let mut compress = Compress::new(Compression::best(), false);
    let mut deflate = |text: &[u8]| {
        let mut out = Vec::with_capacity(1000);
        compress
            .compress_vec(text, &mut out, FlushCompress::Sync)
            .unwrap();
        out.truncate(out.len() - 4);
        out
    };
    let mut wire = Wire::new();
    wire.client(
        b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
          Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
          Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
    );
    wire.server(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
          Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
          Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
    );
    let text = b"BUY 100 shares of the company at the best price";
    deflate(text);
    wire.server(&[&[0x81, text.len() as u8], &text[..]].concat());
    let again = deflate(text);
    wire.server(&[&[0xc1, again.len() as u8], &again[..]].concat());
    let found = wire.end();
    let errors: Vec<_> = found
        .fails()
        .into_iter()
        .filter(|it| it.severity == Severity::Error)
        .map(|it| it.rule)
        .collect();
    assert_eq!(errors, ["WS-DEFLATE-PLAIN-KEPT"]);
}

/// The rules that the first byte of a client's frame alone can break.
const BY_FIRST_BYTE: [&str; 7] = [
    "WS-FRAME-RSV1",
    "WS-FRAME-RSV2",
    "WS-FRAME-RSV3",
    "WS-FRAME-OPCODE-DATA",
    "WS-FRAME-OPCODE-CONTROL",
    "WS-FRAME-CONTROL-FIN",
    "WS-MESSAGE-ORPHAN",
];

#[test]
fn a_frame_cut_in_its_header_breaks_what_its_first_byte_breaks() {
    let fails = |bytes: &[u8]| -> Vec<&'static str> {
        let mut wire = Wire::new();
        wire.open("4xvguhHMMJDW8XQsnWzFUD9r+00=");
        wire.client(bytes);
        let found = wire.end();
        found.fails().iter().map(|it| it.rule).collect()
    };
    let mut broken = BTreeSet::new();
    for first in 0..=255 {
        let whole: Vec<_> = fails(&[first, 0x80, 9, 8, 7, 6])
            .into_iter()
            .filter(|rule| BY_FIRST_BYTE.contains(rule))
            .collect();
        broken.extend(whole.iter().copied());
        let nothing = fails(&[]);
        for cut in [&[first][..], &[first, 0xfe], &[first, 0xfe, 1, 0, 9]] {
            let mut found = fails(cut);
            found.retain(|rule| !nothing.contains(rule));
            assert_eq!(found, whole, "{first:#04x}, cut after {}", cut.len());
        }
        let unmasked = fails(&[first, 0x00]);
        assert!(unmasked.contains(&"WS-FRAME-CLIENT-MASK"));
    }
    assert_eq!(broken, BTreeSet::from(BY_FIRST_BYTE));
}
