//! Our inflater against flate2 (zlib-rs), on the same messages in one run: `cargo bench --bench inflate`.
//!
//! Each line is one kind of traffic, context takeover throughout. Both sides get one message at a time, and only
//! look at the bytes that come out. The times are the best of many runs, taken in turns.
#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};
use wscope::codec::inflate::Inflate;

const ROUNDS: usize = 40;

fn main() {
    println!(
        "{:<26}{:>9} {:>7}{:>9} {:>9} {:>10}{:>7}",
        "", "messages", "MiB", "ours", "zlib-rs", "ours", "ratio"
    );
    println!(
        "{:<26}{:>9} {:>7}{:>9} {:>9} {:>10}{:>7}",
        "", "", "", "ns/byte", "ns/byte", "messages/s", ""
    );
    report("JSON, 100 to 300 bytes", &json(20_000, 1));
    report("JSON, 1 to 3 KiB", &json(2_000, 10));
    report("JSON, 1 to 3 MiB", &json(2, 10_000));
    report("noise, 200 bytes", &noise(20_000, 200));
    report("zeros, 1 MiB", &vec![vec![0; 1 << 20]; 4]);
    let lossy = json(20_000, 1);
    println!(
        "after a loss, every message: {:.2} times the loss-free time",
        after_loss(&lossy)
    );
}

fn report(name: &str, messages: &[Vec<u8>]) {
    let packed = pack(messages);
    let total: usize = messages.iter().map(Vec::len).sum();
    let (mut ours, mut theirs) = (Duration::MAX, Duration::MAX);
    for _ in 0..ROUNDS {
        ours = ours.min(time(|| {
            assert_eq!(run_ours(&packed, Inflate::new(15)), total)
        }));
        theirs = theirs.min(time(|| assert_eq!(run_theirs(&packed), total)));
    }
    let per_byte = |time: Duration| time.as_secs_f64() * 1e9 / total as f64;
    println!(
        "{name:<26}{:>9} {:>7.1}{:>9.3} {:>9.3} {:>10.0}{:>7.2}",
        messages.len(),
        total as f64 / f64::from(1 << 20),
        per_byte(ours),
        per_byte(theirs),
        messages.len() as f64 / ours.as_secs_f64(),
        ours.as_secs_f64() / theirs.as_secs_f64(),
    );
}

fn after_loss(messages: &[Vec<u8>]) -> f64 {
    let packed = pack(messages);
    let rest = &packed[1..];
    let (mut known, mut unknown) = (Duration::MAX, Duration::MAX);
    for _ in 0..ROUNDS {
        let mut lost = Inflate::new(15);
        lost.lose_history();
        unknown = unknown.min(time(|| _ = black_box(run_ours(rest, lost))));
        known = known.min(time(|| _ = black_box(run_ours(&packed, Inflate::new(15)))));
    }
    unknown.as_secs_f64() / known.as_secs_f64()
}

fn time(run: impl FnOnce()) -> Duration {
    let start = Instant::now();
    run();
    start.elapsed()
}

fn run_ours(packed: &[Vec<u8>], mut inflate: Inflate) -> usize {
    let mut total = 0;
    for message in packed {
        inflate
            .feed(message, &mut |piece| total += black_box(piece.bytes).len())
            .unwrap();
        assert!(inflate.end_message().ending.is_clean());
    }
    total
}

fn run_theirs(packed: &[Vec<u8>]) -> usize {
    let mut inflate = Decompress::new(false);
    let mut out = vec![0; 32 << 10];
    let mut total = 0;
    for message in packed {
        for mut input in [&message[..], &[0, 0, 0xff, 0xff]] {
            loop {
                let (before_in, before_out) = (inflate.total_in(), inflate.total_out());
                inflate
                    .decompress(input, &mut out, FlushDecompress::Sync)
                    .unwrap();
                let wrote = (inflate.total_out() - before_out) as usize;
                input = &input[(inflate.total_in() - before_in) as usize..];
                total += black_box(&out[..wrote]).len();
                if input.is_empty() && wrote < out.len() {
                    break;
                }
            }
        }
    }
    total
}

fn pack(messages: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut deflate = Compress::new(Compression::default(), false);
    messages
        .iter()
        .map(|message| {
            let mut packed = Vec::with_capacity(message.len() + 1024);
            let start = deflate.total_in();
            while deflate.total_in() - start < message.len() as u64
                || packed.len() == packed.capacity()
            {
                packed.reserve(4096);
                let rest = &message[(deflate.total_in() - start) as usize..];
                deflate
                    .compress_vec(rest, &mut packed, FlushCompress::Sync)
                    .unwrap();
            }
            assert_eq!(packed.split_off(packed.len() - 4), [0, 0, 0xff, 0xff]);
            packed
        })
        .collect()
}

/// Messages as a trading or chat service sends them: same keys, other values; `records` records of about 200 bytes.
fn json(count: usize, records: usize) -> Vec<Vec<u8>> {
    let mut random = Random(7);
    (0..count)
        .map(|_| {
            let mut text = String::from("[");
            for _ in 0..records {
                let symbol = ["BTC-USD", "ETH-USD", "SOL-EUR", "DOGE-USD"][random.below(4)];
                text += &format!(
                    r#"{{"type":"update","symbol":"{symbol}","seq":{},"price":"{}.{:02}","size":{},"side":"{}","time":"2024-05-{:02}T{:02}:{:02}:{:02}.{:03}Z""#,
                    random.below(100_000_000),
                    random.below(70_000),
                    random.below(100),
                    random.below(1000),
                    ["buy", "sell"][random.below(2)],
                    1 + random.below(31),
                    random.below(24),
                    random.below(60),
                    random.below(60),
                    random.below(1000),
                );
                for _ in 0..random.below(4) {
                    text += &format!(r#","{}":{}"#, ["bid", "ask", "last", "volume"][random.below(4)], random.below(10_000));
                }
                text += "},";
            }
            text.pop();
            text.push(']');
            text.into_bytes()
        })
        .collect()
}

fn noise(count: usize, len: usize) -> Vec<Vec<u8>> {
    let mut random = Random(9);
    (0..count)
        .map(|_| (0..len).map(|_| random.below(256) as u8).collect())
        .collect()
}

/// xorshift64
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % n
    }
}
