//! The first promise, held against every real capture: whatever packets are missing, wscope shows
//! no message that was not there. Each message found must be one of those that the whole capture
//! shows, in order, and differ from it at most in bytes that are said to be unknown.

mod common;

use common::real::captures;
use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::path::Path;
use wscope::engine::Engine;
use wscope::model::{
    Config, Endpoint, Event, EventKind, Flow, Keys, Kind, Link, Loan, Packet, PacketNo, Sink,
    Timestamp, Want, Ws,
};
use wscope::source::Capture;

struct Kept {
    time: Timestamp,
    link: Link,
    orig_len: u32,
    data: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq)]
struct Found {
    kind: Kind,
    length: u64,
    bytes: Vec<u8>,
    unknown: Vec<Range<u64>>,
}

/// Messages by who sent them to whom.
#[derive(Default)]
struct Messages(BTreeMap<(Endpoint, Endpoint), Vec<Found>>);

impl Sink for Messages {
    fn want(&self) -> Want {
        Want {
            joined: true,
            ..Want::default()
        }
    }

    fn event(&mut self, event: &Event, flow: &Flow, loan: Loan<'_>) -> io::Result<()> {
        if let (EventKind::Ws(Ws::Message(message)), Some(dir)) = (&event.kind, event.dir) {
            let found = Found {
                kind: message.kind,
                length: message.length,
                bytes: loan.bytes.to_vec(),
                unknown: loan.unknown.to_vec(),
            };
            let ends = (flow.sender(dir), flow.sender(dir.flip()));
            self.0.entry(ends).or_default().push(found);
        }
        Ok(())
    }
}

impl Messages {
    fn count(&self) -> usize {
        self.0.values().map(Vec::len).sum()
    }
}

/// The packets of a capture, and the secrets that it carries.
fn packets(path: &Path) -> (Vec<Kept>, Keys) {
    let mut capture = Capture::open([path]).unwrap();
    let keys = Keys::default();
    capture.set_keys(keys.clone());
    let mut packets = Vec::new();
    while let Some(Packet {
        time,
        link,
        orig_len,
        data,
        ..
    }) = capture.next().unwrap()
    {
        packets.push(Kept {
            time,
            link,
            orig_len,
            data: data.to_vec(),
        });
    }
    (packets, keys)
}

fn messages<'a>(packets: impl Iterator<Item = &'a Kept>, keys: &Keys) -> Messages {
    let mut messages = Messages::default();
    let mut engine = Engine::new(
        Config {
            keys: keys.clone(),
            ..Config::default()
        },
        messages.want(),
    );
    let mut no = PacketNo::FIRST;
    for kept in packets {
        let &Kept {
            time,
            link,
            orig_len,
            ref data,
        } = kept;
        engine
            .packet(
                Packet {
                    no,
                    time,
                    link,
                    orig_len,
                    data,
                },
                &mut messages,
            )
            .unwrap();
        no = no.next();
    }
    engine.finish(&mut messages).unwrap();
    messages
}

/// Whether this can be the true message with some of its bytes unknown.
fn may_be(found: &Found, truth: &Found) -> bool {
    // An empty range at the end: how much is missing there cannot be known.
    let open = found.unknown.last().is_some_and(|range| range.is_empty());
    let lengths = if open {
        found.length <= truth.length
    } else {
        found.length == truth.length
    };
    let known = |at: usize| {
        !found
            .unknown
            .iter()
            .any(|range| range.contains(&(at as u64)))
    };
    let bytes = found.bytes.iter().zip(&truth.bytes).enumerate();
    found.kind == truth.kind
        && lengths
        && bytes.filter(|(at, _)| known(*at)).all(|(_, (f, t))| f == t)
}

/// In `violations.pcapng`, a client announces a frame of 2^63 bytes, sends none of them, and then closes:
/// by the protocol its close frame is payload. Where the announcement is lost, it is what it is.
fn was_swallowed(name: &str, message: &Found) -> bool {
    name == "violations.pcapng"
        && message.kind == Kind::Close
        && message.bytes == 1009u16.to_be_bytes()
}

/// The first message that was never sent, if any.
fn invented(name: &str, found: &Messages, truth: &Messages) -> Option<String> {
    for (ends, found) in &found.0 {
        let mut true_ones = truth.0.get(ends).map_or(&[][..], Vec::as_slice).iter();
        for message in found {
            if !true_ones.any(|truth| may_be(message, truth)) && !was_swallowed(name, message) {
                let start = &message.bytes[..message.bytes.len().min(40)];
                return Some(format!(
                    "{ends:?}: {:?} {:?}",
                    message.kind,
                    start.escape_ascii().to_string()
                ));
            }
        }
    }
    None
}

/// A small generator of random numbers; the same for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}

fn each(check: impl Fn(&str, &[Kept], &Keys, &Messages) -> Vec<String>) {
    let mut wrong = Vec::new();
    for path in captures() {
        let (packets, keys) = packets(&path);
        let truth = messages(packets.iter(), &keys);
        let name = path.file_name().unwrap().to_str().unwrap();
        wrong.extend(check(name, &packets, &keys, &truth));
    }
    let count = wrong.len();
    wrong.truncate(20);
    assert!(
        wrong.is_empty(),
        "{count} inventions:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn a_capture_that_begins_late_invents_nothing() {
    each(|name, packets, keys, truth| {
        let step = packets.len() / 24 + 1;
        (0..packets.len())
            .step_by(step)
            .filter_map(|from| {
                let found = messages(packets[from..].iter(), keys);
                Some(format!(
                    "{name} from packet {}: {}",
                    from + 1,
                    invented(name, &found, truth)?
                ))
            })
            .collect()
    });
}

#[test]
fn lost_packets_only_make_bytes_unknown() {
    each(|name, packets, keys, truth| {
        let mut random = Random(0x2545_f491_4f6c_dd1d);
        (0..24)
            .filter_map(|round| {
                let keep_of = [4, 10, 40][round % 3];
                let mut lost = Vec::new();
                let kept = packets.iter().enumerate().filter(|(at, _)| {
                    let keep = random.below(keep_of) != 0;
                    lost.extend((!keep).then_some(at + 1));
                    keep
                });
                let found = messages(kept.map(|(_, kept)| kept), keys);
                Some(format!(
                    "{name} without {lost:?}: {}",
                    invented(name, &found, truth)?
                ))
            })
            .collect()
    });
}

#[test]
fn packets_cut_short_only_make_bytes_unknown() {
    each(|name, packets, keys, truth| {
        [80, 120, 300, 1000]
            .into_iter()
            .filter_map(|snaplen| {
                let cut: Vec<_> = packets
                    .iter()
                    .map(|kept| Kept {
                        data: kept.data[..kept.data.len().min(snaplen)].to_vec(),
                        ..*kept
                    })
                    .collect();
                let found = messages(cut.iter(), keys);
                Some(format!(
                    "{name} cut at {snaplen}: {}",
                    invented(name, &found, truth)?
                ))
            })
            .collect()
    });
}

#[test]
fn other_protocols_are_never_taken_for_websocket() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures");
    for name in ["other.pcapng", "polling.pcapng", "databases.pcapng"] {
        let (packets, keys) = packets(&folder.join(name));
        for from in 0..packets.len() {
            assert_eq!(
                messages(packets[from..].iter(), &keys).count(),
                0,
                "{name} from packet {}",
                from + 1
            );
        }
    }
}
