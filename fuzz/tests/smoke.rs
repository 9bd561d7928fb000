//! Every target over its seeds, damaged seeds, and noise: what can be seen without libFuzzer.

use wscope_fuzz::{TARGETS, Target, seeds};

/// Inputs per target.
const ROUNDS: usize = 3_000;

#[test]
fn capture() {
    smoke("capture");
}

#[test]
fn decode() {
    smoke("decode");
}

#[test]
fn file() {
    smoke("file");
}

#[test]
fn filter() {
    smoke("filter");
}

#[test]
fn frames() {
    smoke("frames");
}

#[test]
fn http() {
    smoke("http");
}

#[test]
fn inflate() {
    smoke("inflate");
}

#[test]
fn keylog() {
    smoke("keylog");
}

#[test]
fn tls() {
    smoke("tls");
}

#[test]
fn ledger() {
    smoke("ledger");
}

fn smoke(name: &str) {
    let (_, run) = TARGETS.iter().find(|(target, _)| *target == name).unwrap();
    let seeds = seeds::of(name);
    seeds.iter().for_each(|seed| run(seed));
    let mut random = Random(0x5eed_5eed_5eed_5eed);
    for round in 0..ROUNDS {
        let input = match seeds.get(random.below(seeds.len() * 4 / 3 + 1)) {
            Some(seed) => damage(seed, &mut random),
            None => (0..random.below(600))
                .map(|_| random.below(256) as u8)
                .collect(),
        };
        attempt(*run, &input, name, round);
    }
}

/// Runs a target, and says on which input it failed.
fn attempt(run: Target, input: &[u8], name: &str, round: usize) {
    if std::panic::catch_unwind(|| run(input)).is_err() {
        let file = std::env::temp_dir().join(format!("wscope-fuzz-{name}-{round}"));
        std::fs::write(&file, input).unwrap();
        panic!("{name} fails on {}", file.display());
    }
}

/// Flips, cuts, and moves bytes.
fn damage(seed: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..1 + random.below(6) {
        let at = random.below(bytes.len().max(1)).min(bytes.len());
        match random.below(8) {
            _ if bytes.is_empty() => bytes.push(random.below(256) as u8),
            0..=2 => bytes[at] ^= 1 << random.below(8),
            3 => bytes[at] = random.below(256) as u8,
            4 => bytes.insert(at, [0, 0x7f, 0x80, 0xff][random.below(4)]),
            5 => _ = bytes.remove(at),
            6 if random.below(4) == 0 => bytes.truncate(at),
            _ => {
                let from = random.below(bytes.len());
                let piece = bytes[from..bytes.len().min(from + 1 + random.below(40))].to_vec();
                bytes.splice(at..at, piece);
            }
        }
    }
    bytes
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % end as u64) as usize
    }
}
