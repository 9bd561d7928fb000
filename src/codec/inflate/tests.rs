use super::*;

mod faults;
mod history;
mod props;

/// What came out of one message.
#[derive(Debug, Default, PartialEq)]
struct Got {
    bytes: Vec<u8>,
    unknown: Vec<Range<u64>>,
}

impl Got {
    /// Takes a piece, checking what each piece promises.
    fn take(&mut self, piece: Piece<'_>) {
        assert!(!piece.bytes.is_empty());
        assert_eq!(piece.at, self.bytes.len() as u64);
        self.bytes.extend_from_slice(piece.bytes);
        let mut end = piece.at;
        for range in piece.unknown {
            assert!(range.start < range.end && range.end <= self.bytes.len() as u64);
            assert!(range.start > end || end == piece.at && range.start == end);
            end = range.end;
            match self.unknown.last_mut() {
                Some(last) if last.end == range.start => last.end = range.end,
                _ => self.unknown.push(range.clone()),
            }
        }
        for at in self.unknown.iter().cloned().flatten() {
            assert_eq!(self.bytes[at as usize], 0);
        }
    }
}

/// Decodes a whole message.
fn message(inflate: &mut Inflate, payload: &[u8]) -> (Got, Summary) {
    let mut got = Got::default();
    let result = inflate.feed(payload, &mut |piece| got.take(piece));
    let summary = inflate.end_message();
    match result {
        Err(fault) => assert_eq!(summary.ending, Ending::Fault(fault)),
        Ok(()) => assert!(!matches!(summary.ending, Ending::Fault(_))),
    }
    assert_eq!(summary.input_len, payload.len() as u64);
    assert_eq!(summary.output_len, got.bytes.len() as u64);
    assert_eq!(
        summary.unknown_len,
        got.unknown.iter().map(|r| r.end - r.start).sum::<u64>()
    );
    (got, summary)
}

fn text(inflate: &mut Inflate, payload: &[u8]) -> (String, Ending) {
    let (got, summary) = message(inflate, payload);
    (String::from_utf8(got.bytes).unwrap(), summary.ending)
}

fn hello(ending: Ending) -> (String, Ending) {
    ("Hello".into(), ending)
}

/// Bytes from bits in the order they are sent; the last byte is filled up with zeros.
fn bits(text: &str) -> Vec<u8> {
    let bits: Vec<u8> = text
        .bytes()
        .filter(|b| *b != b' ')
        .map(|b| b - b'0')
        .collect();
    bits.chunks(8)
        .map(|byte| byte.iter().rev().fold(0, |sum, bit| sum << 1 | bit))
        .collect()
}

// RFC 7692 section 7.2.3

#[test]
fn one_block_7_2_3_1() {
    let mut inflate = Inflate::new(15);
    assert_eq!(
        text(&mut inflate, &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]),
        hello(Ending::Clean)
    );
}

#[test]
fn one_block_in_two_fragments_7_2_3_1() {
    let mut inflate = Inflate::new(15);
    let mut got = Got::default();
    inflate
        .feed(&[0xf2, 0x48, 0xcd], &mut |piece| got.take(piece))
        .unwrap();
    inflate
        .feed(&[0xc9, 0xc9, 0x07, 0x00], &mut |piece| got.take(piece))
        .unwrap();
    assert_eq!(inflate.end_message().ending, Ending::Clean);
    assert_eq!(got.bytes, b"Hello");
}

#[test]
fn shared_window_7_2_3_2() {
    let mut inflate = Inflate::new(15);
    assert_eq!(
        text(&mut inflate, &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]),
        hello(Ending::Clean)
    );
    let (got, summary) = message(&mut inflate, &[0xf2, 0x00, 0x11, 0x00, 0x00]);
    assert_eq!(got.bytes, b"Hello");
    assert_eq!((summary.ending, summary.max_distance), (Ending::Clean, 5));
}

#[test]
fn block_with_no_compression_7_2_3_3() {
    let payload = [
        0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00,
    ];
    assert_eq!(text(&mut Inflate::new(15), &payload), hello(Ending::Clean));
}

#[test]
fn bfinal_7_2_3_4() {
    let mut inflate = Inflate::new(15);
    let (got, summary) = message(
        &mut inflate,
        &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00],
    );
    assert_eq!(got.bytes, b"Hello");
    assert_eq!((summary.ending, summary.bfinal), (Ending::Clean, true));
    // The window outlives the end of the DEFLATE stream.
    assert_eq!(
        text(&mut inflate, &[0xf2, 0x00, 0x11, 0x00, 0x00]),
        hello(Ending::Clean)
    );
    assert!(!message(&mut inflate, &[0x00]).1.bfinal);
}

#[test]
fn two_blocks_in_one_message_7_2_3_5() {
    let payload = [
        0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00,
    ];
    assert_eq!(text(&mut Inflate::new(15), &payload), hello(Ending::Clean));
}

#[test]
fn empty_message_7_2_3_6() {
    let mut inflate = Inflate::new(15);
    assert_eq!(text(&mut inflate, &[0x00]), (String::new(), Ending::Clean));
    assert_eq!(text(&mut inflate, &[]), (String::new(), Ending::Unflushed));
}

// Endings

#[test]
fn a_tail_that_was_not_removed_is_seen() {
    let mut inflate = Inflate::new(15);
    let payload = [
        0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00, 0x00, 0xff, 0xff,
    ];
    assert_eq!(text(&mut inflate, &payload), hello(Ending::TailLeft));
    assert_eq!(
        text(&mut inflate, &[0xf2, 0x00, 0x11, 0x00, 0x00]),
        hello(Ending::Clean)
    );
}

#[test]
fn a_stored_block_at_the_end_is_no_tail() {
    let payload = [0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f];
    assert_eq!(
        text(&mut Inflate::new(15), &payload),
        hello(Ending::Unflushed)
    );
}

#[test]
fn a_final_block_needs_no_header_behind_it() {
    let mut inflate = Inflate::new(15);
    let payload = [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    assert_eq!(text(&mut inflate, &payload), hello(Ending::Final));
    assert_eq!(text(&mut inflate, &payload), hello(Ending::Final));
}

#[test]
fn the_removed_tail_may_be_a_final_block() {
    let (_, summary) = message(&mut Inflate::new(15), &[0x01]);
    assert_eq!((summary.ending, summary.bfinal), (Ending::Clean, true));
}

#[test]
fn blocks_may_follow_a_final_block_in_the_same_message() {
    // "He" with BFINAL, five bits of padding, "llo"
    let payload = [0xf3, 0x48, 0x05, 0x00, 0xca, 0xc9, 0xc9, 0x07, 0x00];
    assert_eq!(text(&mut Inflate::new(15), &payload), hello(Ending::Clean));
}

#[test]
fn a_message_cut_short_makes_the_history_unknown() {
    let mut inflate = Inflate::new(15);
    assert_eq!(
        text(&mut inflate, &[0xf2, 0x48, 0xcd]).1,
        Ending::InsideBlock
    );
    assert!(inflate.history_unknown());
    // Two of the four bytes of the tail are there.
    assert_eq!(
        text(&mut inflate, &[0x00, 0x00, 0x00]).1,
        Ending::InsideBlock
    );
}

#[test]
fn a_tap_sees_every_symbol_and_where_it_starts() {
    #[derive(Default)]
    struct Trace(Vec<String>);
    impl Tap for Trace {
        fn block(&mut self, at: u64, kind: BlockKind, last: bool) {
            self.0.push(format!("{at} {kind:?} {last}"));
        }
        fn literal(&mut self, at: u64, byte: u8) {
            self.0.push(format!("{at} {}", char::from(byte)));
        }
        fn copy(&mut self, at: u64, distance: u32, length: u32) {
            self.0.push(format!("{at} {length} from {distance} back"));
        }
        fn stored(&mut self, at: u64, bytes: &[u8]) {
            self.0
                .push(format!("{at} {}", String::from_utf8_lossy(bytes)));
        }
        fn end_of_block(&mut self, at: u64) {
            self.0.push(format!("{at} end"));
        }
    }

    let mut trace = Trace::default();
    let payload = bits("1 10  10010001 0000001 00000 0000000") // final, fixed: "a", 3 from 1 back
        .into_iter()
        .chain([0x00, 0x01, 0x00, 0xfe, 0xff, b'b', 0x00]);
    Inflate::new(15)
        .feed_tapped(&payload.collect::<Vec<_>>(), &mut trace, &mut |_| {})
        .unwrap();
    let seen = [
        "0 Fixed true",
        "3 a",
        "11 3 from 1 back",
        "23 end",
        "32 Stored false",
        "72 b",
        "80 Stored false",
    ];
    assert_eq!(trace.0, seen);
}

#[test]
fn long_codes_and_many_blocks() {
    // Each byte is half as frequent as the one before it, so codes get as long as they can.
    let mut state = 1u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let truth: Vec<u8> = (0..400_000)
        .map(|_| (random() | 1 << 40).trailing_zeros() as u8 * 6)
        .collect();
    for level in [1, 6, 9] {
        let mut packed = Vec::with_capacity(truth.len());
        flate2::Compress::new(flate2::Compression::new(level), false)
            .compress_vec(&truth, &mut packed, flate2::FlushCompress::Finish)
            .unwrap();
        let (got, summary) = message(&mut Inflate::new(15), &packed);
        assert!(got.bytes == truth);
        assert_eq!(summary.ending, Ending::Final);
    }
}

#[test]
fn an_idle_inflater_is_small() {
    assert!(size_of::<Inflate>() < 200);
    let inflate = Inflate::new(15);
    assert_eq!(inflate.window.capacity(), 0);
}
