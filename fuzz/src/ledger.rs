//! Segments, acknowledgements and FIN in any order, against a map of bytes.
//!
//! ```text
//!  first sequence number (2)   then again and again:
//!  what (1)   offset (2)   length (1)
//! ```

use crate::Choices;
use std::collections::BTreeMap;
use wscope::model::{Limits, PacketNo};
use wscope::tcp::{Ledger, Ready};

/// Plays the bytes as segments.
pub fn run(bytes: &[u8]) {
    let mut choices = Choices(bytes);
    // Near the wrap, or far from it.
    let isn = u32::from(choices.half()).wrapping_shl(16).wrapping_sub(300);
    let mut bench = Bench {
        ledger: Ledger::default(),
        held: BTreeMap::new(),
        next: 0,
        ended: false,
    };
    bench.ledger.start(isn);
    while !choices.is_empty() {
        let (what, offset, len) = (choices.byte(), choices.half(), choices.byte());
        let offset = i64::from(offset % 4096) - 64;
        let seq = isn.wrapping_add(offset as u32);
        match what % 16 {
            0..=9 => bench.arrive(seq, offset, len, 0),
            10 => bench.arrive(seq, offset, len, u32::from(what)),
            11..=13 => bench.ledger.acknowledge(seq),
            14 => bench.ledger.fin(seq),
            _ => {}
        }
        bench.drain();
        let held = bench.held.values().flatten().count();
        assert!(held <= LIMITS.early_bytes);
    }
    bench.ledger.flush();
    bench.drain();
    assert!(bench.held.is_empty(), "what came is handed out in the end");
}

const LIMITS: Limits = Limits {
    connections: 64,
    early_bytes: 512,
    early_pieces: 12,
    recent_segments: 4,
    tail_bytes: 0,
    head_bytes: 0,
    message_bytes: 0,
    linger_nanos: 0,
};

struct Bench {
    ledger: Ledger,
    /// What came early, byte by byte; none where it was cut off.
    held: BTreeMap<u64, Option<u8>>,
    next: u64,
    ended: bool,
}

impl Bench {
    fn arrive(&mut self, seq: u32, offset: i64, len: u8, cut: u32) {
        let end = offset + i64::from(len);
        let bytes: Vec<u8> = (offset..end).map(byte).collect();
        let arrival = self.ledger.arrive(seq, &bytes, cut, PacketNo::FIRST);
        assert!(!arrival.conflict, "the same bytes are the same");
        let early = arrival.now.is_none();
        if let Some((at, bytes)) = arrival.now {
            self.take(at, bytes);
        }
        let fin = |at: u64| self.ledger.has_fin() && at >= self.ledger.extent();
        let places = offset..end + i64::from(cut);
        for at in places.filter_map(|at| u64::try_from(at).ok()) {
            let known = (at as i64) < end;
            if at >= self.next && !fin(at) && (early || !known) {
                let value = known.then(|| byte(at as i64));
                self.held.entry(at).or_insert(value);
            }
        }
    }

    fn drain(&mut self) {
        while let Some(ready) = self.ledger.ready(&LIMITS) {
            match ready {
                Ready::Bytes { at, bytes, .. } => self.take(at, &bytes),
                Ready::Gap { at, len, .. } => {
                    assert_eq!(at, self.next);
                    assert!(len > 0);
                    self.pass(at + len, |at, held| {
                        assert_eq!(held, None, "the byte at {at} had come");
                    });
                }
                Ready::Fin => assert!(!std::mem::replace(&mut self.ended, true)),
            }
        }
    }

    /// Bytes come in order, each once, and are what was sent.
    fn take(&mut self, at: u64, bytes: &[u8]) {
        assert!(!self.ended);
        assert_eq!(at, self.next);
        assert!(!bytes.is_empty());
        for (at, &got) in (at..).zip(bytes) {
            assert_eq!(got, byte(at as i64));
        }
        self.pass(at + bytes.len() as u64, |_, _| {});
    }

    fn pass(&mut self, to: u64, check: impl Fn(u64, Option<u8>)) {
        self.next = to;
        let later = self.held.split_off(&to);
        for (at, value) in std::mem::replace(&mut self.held, later) {
            check(at, value);
        }
    }
}

/// The byte at a place of the stream.
fn byte(at: i64) -> u8 {
    (at ^ (at >> 8)).wrapping_mul(31) as u8
}
