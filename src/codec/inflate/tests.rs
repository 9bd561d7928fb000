use super::*;

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

fn fault(payload: &[u8]) -> (Cause, u64) {
    match message(&mut Inflate::new(15), payload).1.ending {
        Ending::Fault(Fault { cause, bit }) => (cause, bit),
        other => panic!("{other:?}"),
    }
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

// Faults

#[test]
fn reserved_block_type() {
    assert_eq!(fault(&bits("0 11")), (Cause::BlockType, 0));
}

#[test]
fn stored_lengths_that_do_not_match() {
    let cause = Cause::StoredLength {
        len: 5,
        nlen: 0xfefa,
    };
    assert_eq!(fault(&[0x00, 0x05, 0x00, 0xfa, 0xfe]), (cause, 8));
}

#[test]
fn too_many_codes() {
    assert_eq!(
        fault(&bits("0 01  01111 00000 0000")),
        (Cause::TooManyCodes, 3)
    ); // 287 and 1
    assert_eq!(
        fault(&bits("0 01  00000 01111 0000")),
        (Cause::TooManyCodes, 3)
    ); // 257 and 31
}

/// A dynamic block with 257 and `1 + more_distances` codes, up to the lengths of the code for lengths.
fn dynamic(more_distances: &str, meta_count: &str, meta: &str, lengths: &str) -> Vec<u8> {
    bits(&format!(
        "0 01  00000 {more_distances} {meta_count}  {meta}  {lengths}"
    ))
}

#[test]
fn bad_code_for_lengths() {
    let none = dynamic("00000", "0000", "000 000 000 000", "");
    assert_eq!(fault(&none), (Cause::LengthsCode, 29));
    let three_of_one_bit = dynamic("00000", "0000", "100 100 100 000", "");
    assert_eq!(fault(&three_of_one_bit), (Cause::LengthsCode, 29));
    let only_one = dynamic("00000", "0000", "000 000 000 100", "");
    assert_eq!(fault(&only_one), (Cause::LengthsCode, 29));
}

#[test]
fn repeat_of_nothing() {
    // 0: 0, 16: 1
    assert_eq!(
        fault(&dynamic("00000", "0000", "100 000 000 100", "1 00")),
        (Cause::RepeatOfNothing, 29)
    );
}

#[test]
fn repeat_past_the_end() {
    // 0: 0, 18: 1; 138 and 138 of 258
    let payload = dynamic("00000", "0000", "000 000 100 100", "1 1111111 1 1111111");
    assert_eq!(fault(&payload), (Cause::RepeatPastEnd, 37));
}

#[test]
fn no_end_of_block() {
    // 138 and 120 zeros
    let payload = dynamic("00000", "0000", "000 000 100 100", "1 1111111 1 1011011");
    assert_eq!(fault(&payload), (Cause::NoEndOfBlock, 45));
}

/// Lengths 1 (code 0) and runs of zeros (code 1).
const ONE_OR_ZEROS: &str =
    "000 000 100 000 000 000 000 000 000 000 000 000 000 000 000 000 000 100";

#[test]
fn over_full_literal_code() {
    // 1, 1, 1, 138 zeros, 115 zeros, 1; 1
    let payload = dynamic(
        "00000",
        "0111",
        ONE_OR_ZEROS,
        "0 0 0 1 1111111 1 0001011 0 0",
    );
    assert_eq!(fault(&payload).0, Cause::LitLenCode);
}

#[test]
fn incomplete_literal_code() {
    // Lengths 1 to 3 have the codes 00, 10, 11 ... here: 18: 0, 2: 1; 256 zeros, 2; 2
    let meta = "000 000 100 000 000 000 000 000 000 000 000 000 000 000 000 100";
    let payload = dynamic("00000", "0011", meta, "1 1111111 1 1101011 0 0");
    assert_eq!(fault(&payload).0, Cause::LitLenCode);
}

#[test]
fn over_full_distance_code() {
    // 1, 138 zeros, 117 zeros, 1; 1, 1, 1
    let payload = dynamic(
        "01000",
        "0111",
        ONE_OR_ZEROS,
        "0 1 1111111 1 0101011 0 0 0 0",
    );
    assert_eq!(fault(&payload).0, Cause::DistanceCode);
}

#[test]
fn a_single_code_of_one_bit_may_be_alone() {
    // 256 zeros, 1; 1: nothing but the end of the block; then a stored block
    let alone = "1 1111111 1 1101011 0 0";
    let payload = dynamic("00000", "0111", ONE_OR_ZEROS, &format!("{alone} 0  0 00"));
    assert_eq!(
        message(&mut Inflate::new(15), &payload).1.ending,
        Ending::Clean
    );
    let payload = dynamic("00000", "0111", ONE_OR_ZEROS, &format!("{alone} 1"));
    assert_eq!(fault(&payload), (Cause::LitLenSymbol, 17 + 18 * 3 + 18));
}

#[test]
fn unused_length_symbol() {
    assert_eq!(fault(&bits("0 10  11000110")), (Cause::LitLenSymbol, 3)); // 286
}

#[test]
fn unused_distance_symbol() {
    // "a", length 3, distance symbol 30
    assert_eq!(
        fault(&bits("0 10  10010001 0000001 11110")),
        (Cause::DistanceSymbol, 11)
    );
}

#[test]
fn distance_before_the_start() {
    // "a", length 3, distance 2
    let payload = bits("0 10  10010001 0000001 00001");
    let cause = Cause::DistanceBeforeStart {
        distance: 2,
        reach: 1,
    };
    assert_eq!(fault(&payload), (cause, 11));
    let text =
        "distance 2 goes back before the start of the history, which is 1 back, at byte 1 bit 3";
    assert_eq!(Fault { cause, bit: 11 }.to_string(), text);
}

/// 300 bytes 7, then a match of three bytes 257 back.
fn beyond_256() -> Vec<u8> {
    let mut payload = vec![0x00, 0x2c, 0x01, 0xd3, 0xfe];
    payload.extend([7; 300]);
    payload.extend(bits("0 10  0000001 10000 0000000 0000000  0 00"));
    payload
}

#[test]
fn distance_beyond_the_window() {
    let (got, summary) = message(&mut Inflate::new(8), &beyond_256());
    assert_eq!(got.bytes, [7; 300]);
    let cause = Cause::DistanceBeyondWindow { distance: 257 };
    assert_eq!(
        summary.ending,
        Ending::Fault(Fault {
            cause,
            bit: 305 * 8 + 3
        })
    );
    assert_eq!(summary.max_distance, 257);
}

#[test]
fn a_lenient_inflater_only_notes_the_distance() {
    let (got, summary) = message(&mut Inflate::lenient(), &beyond_256());
    assert_eq!(got.bytes, [7; 303]);
    assert_eq!((summary.ending, summary.max_distance), (Ending::Clean, 257));
}

#[test]
fn after_a_fault_the_rest_of_the_message_is_ignored_and_the_next_one_is_read() {
    let mut inflate = Inflate::new(15);
    let mut none = |_: Piece<'_>| panic!("nothing should come");
    assert!(inflate.feed(&bits("0 11"), &mut none).is_err());
    assert_eq!(inflate.feed(&[1, 2, 3], &mut none), Ok(()));
    let summary = inflate.end_message();
    assert!(matches!(summary.ending, Ending::Fault(_)));
    assert_eq!(summary.input_len, 4);
    assert!(inflate.history_unknown());
    assert_eq!(
        text(&mut inflate, &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]),
        hello(Ending::Clean)
    );
}

// History

#[test]
fn forgotten_history_cannot_be_copied() {
    let mut inflate = Inflate::new(15);
    assert_eq!(
        text(&mut inflate, &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]),
        hello(Ending::Clean)
    );
    inflate.forget();
    let summary = message(&mut inflate, &[0xf2, 0x00, 0x11, 0x00, 0x00]).1;
    let cause = Cause::DistanceBeforeStart {
        distance: 5,
        reach: 1,
    };
    assert_eq!(summary.ending, Ending::Fault(Fault { cause, bit: 11 }));
}

#[test]
fn copies_of_lost_history_are_unknown_and_so_are_their_copies() {
    let mut inflate = Inflate::new(15);
    inflate.lose_history();
    // 'H', then "ello" from the lost message; twice
    for unknown in [1..5, 1..5] {
        let (got, summary) = message(&mut inflate, &[0xf2, 0x00, 0x11, 0x00, 0x00]);
        assert_eq!(
            got,
            Got {
                bytes: b"H\0\0\0\0".into(),
                unknown: vec![unknown]
            }
        );
        assert_eq!(summary.ending, Ending::Clean);
    }
}

#[test]
fn a_copy_that_overlaps_itself_repeats_what_is_unknown() {
    let mut inflate = Inflate::new(15);
    inflate.lose_history();
    // "a", length 10, distance 3: two bytes are older than "a"
    let (got, _) = message(
        &mut inflate,
        &bits("0 10  10010001 0001000 00010 0000000  0 00"),
    );
    assert_eq!(got.bytes, b"a\0\0a\0\0a\0\0a\0");
    assert_eq!(got.unknown, [1..3, 4..6, 7..9, 10..11]);
}

#[test]
fn after_a_loss_inside_a_message_its_rest_is_ignored() {
    let mut inflate = Inflate::new(15);
    let mut got = Got::default();
    inflate
        .feed(&[0xf2, 0x48, 0xcd], &mut |piece| got.take(piece))
        .unwrap();
    inflate.lose();
    inflate
        .feed(&[0x07, 0x00], &mut |piece| got.take(piece))
        .unwrap();
    assert_eq!(got.bytes, b"He");
    let summary = inflate.end_message();
    assert_eq!(
        (summary.ending, summary.input_len, summary.output_len),
        (Ending::Lost, 5, 2)
    );
    let (got, _) = message(&mut inflate, &[0xf2, 0x00, 0x11, 0x00, 0x00]);
    assert_eq!(got.unknown.first(), Some(&(1..5)));
}

#[test]
fn a_window_of_known_bytes_makes_everything_known_again() {
    for bits in 8..=15 {
        let mut inflate = Inflate::new(bits);
        inflate.lose_history();
        let mut left = 1usize << bits;
        while left > 0 {
            assert!(inflate.history_unknown());
            let len = left.min(251) as u16;
            let mut payload = vec![0x00];
            payload.extend(len.to_le_bytes());
            payload.extend((!len).to_le_bytes());
            payload.resize(payload.len() + usize::from(len), 9);
            payload.push(0x00);
            assert_eq!(message(&mut inflate, &payload).1.unknown_len, 0);
            left -= usize::from(len);
        }
        assert!(!inflate.history_unknown());
    }
}

#[test]
fn forgetting_ends_the_uncertainty() {
    let mut inflate = Inflate::new(15);
    inflate.lose_history();
    inflate.forget();
    assert!(!inflate.history_unknown());
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
