//! Properties, with flate2 (zlib-rs) as the oracle.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::super::*;
use super::{Got, message};

/// Text with repeats near and far, runs, and noise.
fn content() -> impl Strategy<Value = Vec<u8>> {
    let words = [
        &b"{\"type\":\"update\",\"id\":"[..],
        b"\"price\":",
        b"true,",
        b"null",
        b"xyxyxy",
        b"abc",
        b"\r\n",
        b"}",
    ];
    let part = prop_oneof![
        6 => select(words.map(<[u8]>::to_vec).to_vec()),
        3 => vec(b'0'..=b'9', 1..8),
        1 => (any::<u8>(), 1..700usize).prop_map(|(byte, n)| vec![byte; n]),
        1 => vec(any::<u8>(), 0..300),
        1 => (vec(any::<u8>(), 1..20), 1..60usize).prop_map(|(word, n)| word.repeat(n)),
    ];
    vec(part, 0..60).prop_map(|parts| parts.concat())
}

fn compress(deflate: &mut Compress, input: &[u8], flush: FlushCompress, out: &mut Vec<u8>) {
    let start = deflate.total_in();
    loop {
        out.reserve(input.len() + 1024);
        let rest = &input[(deflate.total_in() - start) as usize..];
        deflate.compress_vec(rest, out, flush).unwrap();
        if out.len() < out.capacity() {
            return;
        }
    }
}

/// Compresses each message as a permessage-deflate sender does, with other flushes in between.
fn pack(messages: &[(Vec<u8>, Index)], level: u32, bits: u8, takeover: bool) -> Vec<Vec<u8>> {
    let mut deflate = Compress::new_with_window_bits(Compression::new(level), false, bits);
    let flushes = [
        FlushCompress::None,
        FlushCompress::Partial,
        FlushCompress::Sync,
        FlushCompress::Full,
    ];
    let pack_one = |(message, at): &(Vec<u8>, Index)| {
        if !takeover {
            deflate.reset();
        }
        let mut out = Vec::new();
        let (head, rest) = message.split_at(at.index(message.len() + 1));
        compress(
            &mut deflate,
            head,
            flushes[at.index(flushes.len())],
            &mut out,
        );
        compress(&mut deflate, rest, FlushCompress::Sync, &mut out);
        if !out.ends_with(&[0, 0, 0xff, 0xff]) {
            out.push(0); // nothing new since the last flush
        } else {
            out.truncate(out.len() - 4);
        }
        out
    };
    messages.iter().map(pack_one).collect()
}

fn settings() -> impl Strategy<Value = (u32, u8)> {
    (0..=9u32, 9..=15u8)
}

fn messages(count: usize) -> impl Strategy<Value = Vec<(Vec<u8>, Index)>> {
    vec((content(), any::<Index>()), 1..count)
}

/// Feeds a message in pieces of these lengths, over and over.
fn feed_in_pieces(
    inflate: &mut Inflate,
    payload: &[u8],
    cuts: &[usize],
    tap: &mut impl Tap,
) -> Got {
    let mut got = Got::default();
    let (mut rest, mut cuts) = (payload, cuts.iter().cycle());
    while !rest.is_empty() {
        let (now, later) = rest.split_at(rest.len().min(cuts.next().copied().unwrap_or(1)));
        _ = inflate.feed_tapped(now, tap, &mut |piece| got.take(piece));
        rest = later;
    }
    got
}

/// Everything flate2 decodes from one raw stream; the error or the end of the stream, if any.
fn oracle(payload: &[u8]) -> (Vec<u8>, Result<Status, ()>) {
    let mut inflate = Decompress::new(false);
    let mut out = Vec::new();
    loop {
        out.reserve(4096);
        let rest = &payload[inflate.total_in() as usize..];
        match inflate.decompress_vec(rest, &mut out, FlushDecompress::Sync) {
            Err(_) => return (out, Err(())),
            Ok(Status::StreamEnd) => return (out, Ok(Status::StreamEnd)),
            Ok(status) if out.len() < out.capacity() => return (out, Ok(status)),
            Ok(_) => {}
        }
    }
}

/// Our answer to a payload agrees with flate2's.
fn agrees(payload: &[u8]) -> Result<(), TestCaseError> {
    let (theirs, status) = oracle(payload);
    let (got, summary) = message(&mut Inflate::new(15), payload);
    match (summary.ending, status) {
        // What we read after the end of the stream, flate2 leaves alone.
        (_, Ok(Status::StreamEnd)) => {
            prop_assert!(summary.bfinal && got.bytes.starts_with(&theirs))
        }
        // How much comes out before the error is left open.
        (Ending::Fault(_), Err(())) => prop_assert!(got.bytes.starts_with(&theirs)),
        // A code without any symbol is seen before the first symbol is missed.
        (
            Ending::Fault(Fault {
                cause: Cause::LengthsCode,
                ..
            }),
            Ok(_),
        ) => prop_assert_eq!(got.bytes, theirs),
        (Ending::Fault(fault), Ok(_)) => prop_assert!(false, "only we see {fault}"),
        (_, Err(())) => prop_assert!(false, "only flate2 sees an error"),
        (_, Ok(_)) => prop_assert_eq!(got.bytes, theirs),
    }
    Ok(())
}

/// Works out byte by byte, from the symbols alone, what is known.
#[derive(Default)]
struct Naive(Vec<Option<u8>>);

impl Tap for Naive {
    fn literal(&mut self, _: u64, byte: u8) {
        self.0.push(Some(byte));
    }
    fn copy(&mut self, _: u64, distance: u32, length: u32) {
        for _ in 0..length {
            let from = self.0.len().checked_sub(distance as usize);
            self.0.push(from.and_then(|from| self.0[from]));
        }
    }
    fn stored(&mut self, _: u64, bytes: &[u8]) {
        self.0.extend(bytes.iter().copied().map(Some));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_flate2_packs_comes_out_again_however_it_is_cut(
        messages in messages(12),
        (level, bits) in settings(),
        takeover: bool,
        cuts in vec(1..400usize, 1..6),
    ) {
        let mut inflate = Inflate::new(bits);
        for ((truth, _), payload) in messages.iter().zip(pack(&messages, level, bits, takeover)) {
            let got = feed_in_pieces(&mut inflate, &payload, &cuts, &mut ());
            let summary = inflate.end_message();
            prop_assert!(got.bytes == *truth && got.unknown.is_empty());
            prop_assert_eq!(summary.ending, Ending::Clean);
            prop_assert_eq!(summary.output_len, truth.len() as u64);
            prop_assert!(summary.max_distance <= 1 << bits);
            if !takeover {
                inflate.forget();
            }
        }
    }

    #[test]
    fn byte_by_byte_gives_the_same_as_all_at_once(messages in messages(4), (level, bits) in settings(), damage: (Index, u8)) {
        let (mut whole, mut bytewise) = (Inflate::new(bits), Inflate::new(bits));
        for mut payload in pack(&messages, level, bits, true) {
            let at = damage.0.index(payload.len());
            payload[at] ^= damage.1;
            let (at_once, summary) = message(&mut whole, &payload);
            prop_assert_eq!(feed_in_pieces(&mut bytewise, &payload, &[1], &mut ()), at_once);
            prop_assert_eq!(bytewise.end_message(), summary);
            prop_assert_eq!(bytewise.history_unknown(), whole.history_unknown());
        }
    }

    #[test]
    fn a_clone_goes_on_like_the_original(messages in messages(4), (level, bits) in settings(), cut: Index) {
        let mut original = Inflate::new(bits);
        for payload in pack(&messages, level, bits, true) {
            let (head, rest) = payload.split_at(cut.index(payload.len() + 1));
            let mut got = feed_in_pieces(&mut original, head, &[7], &mut ());
            let mut twin = original.clone();
            let mut twin_got = Got { bytes: got.bytes.clone(), unknown: vec![] };
            original.feed(rest, &mut |piece| got.take(piece)).unwrap();
            twin.feed(rest, &mut |piece| twin_got.take(piece)).unwrap();
            prop_assert_eq!(twin_got, got);
            prop_assert_eq!(twin.end_message(), original.end_message());
        }
    }

    #[test]
    fn after_losses_every_byte_is_right_or_unknown(
        messages in messages(20),
        (level, bits) in settings(),
        losses in vec(prop_oneof![3 => Just(0), 1 => Just(1), 1 => Just(2)], 20),
        cuts in vec(1..400usize, 1..6),
    ) {
        let mut inflate = Inflate::new(bits);
        let mut naive = Naive::default();
        let packed = pack(&messages, level, bits, true);
        for (((truth, at), payload), loss) in messages.iter().zip(packed).zip(losses) {
            if loss == 1 {
                inflate.lose_history();
                naive.0.clear();
                continue;
            }
            let before = naive.0.len();
            let heard = if loss == 2 { at.index(payload.len()) } else { payload.len() };
            let got = feed_in_pieces(&mut inflate, &payload[..heard], &cuts, &mut naive);
            if loss == 2 {
                inflate.lose();
                inflate.feed(&payload[heard..], &mut |_| unreachable!()).unwrap();
            }
            let summary = inflate.end_message();
            prop_assert_eq!(summary.ending, if loss == 2 { Ending::Lost } else { Ending::Clean });
            prop_assert!(got.bytes.len() == truth.len() || loss == 2 && got.bytes.len() < truth.len() + 1);

            let mut known: Vec<_> = got.bytes.iter().copied().map(Some).collect();
            for at in got.unknown.into_iter().flatten() {
                known[at as usize] = None;
            }
            prop_assert!(known.iter().zip(truth).all(|(known, truth)| known.is_none_or(|byte| byte == *truth)));
            prop_assert_eq!(&known, &naive.0[before..]);
            if loss == 2 {
                naive.0.clear();
            }
        }
    }

    #[test]
    fn damaged_data_is_judged_as_flate2_does(messages in messages(3), (level, bits) in settings(), damage in vec((any::<Index>(), any::<u8>()), 1..4)) {
        for mut payload in pack(&messages, level, bits, false) {
            for (at, flip) in &damage {
                let at = at.index(payload.len());
                payload[at] ^= flip;
            }
            agrees(&payload)?;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 5000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn garbage_is_judged_as_flate2_does(payload in vec(any::<u8>(), 0..200)) {
        agrees(&payload)?;
    }

    #[test]
    fn garbage_in_a_dynamic_block_is_judged_as_flate2_does(mut payload in vec(any::<u8>(), 3..120)) {
        payload[0] = payload[0] & 0xc0 | 0x24; // few enough codes
        payload[1] &= 0xe3;
        agrees(&payload)?;
    }

    #[test]
    fn garbage_after_a_loss_is_no_panic(payloads in vec(vec(any::<u8>(), 0..60), 0..6), bits: u8) {
        let mut inflate = Inflate::new(bits);
        inflate.lose_history();
        for payload in payloads {
            message(&mut inflate, &payload);
        }
    }
}
