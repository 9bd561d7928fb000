//! Each thing that can be wrong, and where it is said to be.

use super::super::*;
use super::{bits, hello, message, text};

fn fault(payload: &[u8]) -> (Cause, u64) {
    match message(&mut Inflate::new(15), payload).1.ending {
        Ending::Fault(Fault { cause, bit }) => (cause, bit),
        other => panic!("{other:?}"),
    }
}

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
