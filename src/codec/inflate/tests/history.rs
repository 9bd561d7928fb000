//! What matches may copy: the window, and what is known of it after a loss.

use super::super::*;
use super::{Got, bits, hello, message, text};

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
fn offsets_of_unknown_bytes_are_right_when_history_is_lost_late() {
    let mut inflate = Inflate::new(15);
    let mut got = Got::default();
    let payload = [
        0x00, 0x02, 0x00, 0xfd, 0xff, b'a', b'b', 0xf2, 0x00, 0x11, 0x00, 0x00,
    ];
    inflate
        .feed(&payload[..7], &mut |piece| got.take(piece))
        .unwrap();
    inflate.lose_history();
    inflate
        .feed(&payload[7..], &mut |piece| got.take(piece))
        .unwrap();
    assert_eq!(
        (got.bytes, got.unknown.first()),
        (b"abH\0\0\0\0".to_vec(), Some(&(3..7)))
    );
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
fn the_whole_window_can_be_reached_wherever_it_lies() {
    for bits_of_window in 8..=15u8 {
        let size = 1usize << bits_of_window;
        // Length 3 from as far back as the window goes: the longest distance of an odd symbol, all extra bits set.
        let symbol = 2 * u32::from(bits_of_window) - 1;
        let code: String = (0..5)
            .rev()
            .map(|bit| char::from(b'0' + (symbol >> bit & 1) as u8))
            .collect();
        let extra = "1".repeat(usize::from(bits_of_window) - 2);
        let far = bits(&format!("0 10  0000001 {code} {extra} 0000000  0 00"));

        let mut inflate = Inflate::new(bits_of_window);
        let mut truth: Vec<u8> = Vec::new();
        for round in 0..400u32 {
            // Enough stored bytes at first to fill the window, then few, so that it moves at many places.
            let len = if round == 0 { size } else { size / 37 + 1 };
            let block: Vec<u8> = (0..len as u32)
                .map(|at| ((at * 7 + round * 13) >> (at & 3)) as u8)
                .collect();
            let len = len as u16;
            let mut payload = vec![0x00];
            payload.extend(len.to_le_bytes());
            payload.extend((!len).to_le_bytes());
            payload.extend(&block);
            payload.push(0x00);
            assert_eq!(message(&mut inflate, &payload).0.bytes, block);
            truth.extend(block);

            let expected = truth[truth.len() - size..][..3].to_vec();
            let (got, summary) = message(&mut inflate, &far);
            assert_eq!(
                (got.bytes, summary.max_distance),
                (expected.clone(), size as u32)
            );
            truth.extend(expected);
        }
    }
}

#[test]
fn forgetting_ends_the_uncertainty() {
    let mut inflate = Inflate::new(15);
    inflate.lose_history();
    inflate.forget();
    assert!(!inflate.history_unknown());
}
