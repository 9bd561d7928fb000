//! Secrets that come late: behind the packets, between them, or while they are read.

use std::io;
use std::path::{Path, PathBuf};
use wscope::engine::{Trail, run_along};
use wscope::model::{Config, Event, EventKind, Flow, Keys, Loan, Sink, Want, Ws};
use wscope::source::{ByteOrder, Capture, PcapngWriter, Resolution, Secrets};

/// Events, and the payloads of the messages among them.
#[derive(Default)]
struct Keep {
    events: Vec<(Event, Flow)>,
    messages: Vec<Vec<u8>>,
}

impl Sink for Keep {
    fn want(&self) -> Want {
        Want {
            joined: true,
            ..Want::default()
        }
    }

    fn event(&mut self, event: &Event, flow: &Flow, loan: Loan<'_>) -> io::Result<()> {
        if matches!(event.kind, EventKind::Ws(Ws::Message(_))) {
            self.messages.push(loan.bytes.to_vec());
        }
        self.events.push((event.clone(), *flow));
        Ok(())
    }
}

fn recorded(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("captures/{name}.pcapng"))
}

/// Reads a capture along a trail.
fn read(path: &Path, keys: &Keys) -> (Keep, Trail) {
    let mut keep = Keep::default();
    let mut capture = Capture::open([path]).unwrap();
    let trail = Trail::with_legs(&capture, 1_000);
    let config = Config {
        keys: keys.clone(),
        ..Config::default()
    };
    let run = run_along(&mut capture, config, &mut keep, Some(&trail), |_, _| true).unwrap();
    assert!(run.errors.is_empty());
    (keep, trail)
}

/// Every event that a run saw is found again, by whoever knows by now what it learnt meanwhile.
fn found_again(keep: &Keep, trail: &Trail, keys: &Keys, name: &str) {
    let config = Config {
        keys: keys.clone(),
        ..Config::default()
    };
    for (event, flow) in keep.events.iter().step_by(3) {
        let found = trail.replay(&config, event, flow, || true).unwrap();
        let found = found.unwrap_or_else(|| panic!("{name}: {event:?}"));
        assert_eq!(found.event, *event, "{name}");
    }
}

/// The capture with its key log after this many packets, and the whole key log.
fn moved(name: &str, order: ByteOrder, after: usize) -> (tempfile::NamedTempFile, String) {
    let mut capture = Capture::open([recorded(name)]).unwrap();
    while capture.next().unwrap().is_some() {}
    let log = capture.secrets()[0].data.clone();
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut out =
        PcapngWriter::with(file.reopen().unwrap(), order, Resolution::Nanos, None).unwrap();
    let mut capture = Capture::open([recorded(name)]).unwrap();
    let mut packets = 0;
    while let Some(packet) = capture.next().unwrap() {
        if packets == after {
            out.secrets(Secrets::TLS_KEY_LOG, &log).unwrap();
        }
        out.packet(&packet).unwrap();
        packets += 1;
    }
    if after >= packets {
        out.secrets(Secrets::TLS_KEY_LOG, &log).unwrap();
        // Not TLS, and nothing to take amiss.
        out.secrets(0x5753_4b4c, b"something else").unwrap();
    }
    out.flush().unwrap();
    (file, String::from_utf8(log).unwrap())
}

#[test]
fn secrets_behind_the_last_packet_open_it_all() {
    for order in [ByteOrder::Little, ByteOrder::Big] {
        for name in ["tls13", "tls12", "tls-in-tls"] {
            let whole = read(&recorded(name), &Keys::default()).0;
            let (file, _) = moved(name, order, usize::MAX);
            let keys = Keys::default();
            let (late, trail) = read(file.path(), &keys);
            assert!(!whole.messages.is_empty());
            assert!(late.messages == whole.messages, "{name}");
            let ids = |keep: &Keep| keep.events.iter().map(|it| it.0.id).collect::<Vec<_>>();
            assert_eq!(ids(&late), ids(&whole), "{name}");
            found_again(&late, &trail, &keys, name);
        }
    }
}

#[test]
fn secrets_between_the_packets_open_what_waits_for_them() {
    for name in ["tls13", "tls12", "tls-padded"] {
        let whole = read(&recorded(name), &Keys::default()).0;
        for after in [9, 25] {
            let (file, _) = moved(name, ByteOrder::Little, after);
            let keys = Keys::default();
            let (late, trail) = read(file.path(), &keys);
            let mut sorted = [whole.messages.clone(), late.messages.clone()];
            sorted.iter_mut().for_each(|messages| messages.sort());
            assert!(sorted[0] == sorted[1], "{name} {after}");
            assert!(!sorted[0].is_empty());
            found_again(&late, &trail, &keys, name);
        }
    }
}

#[test]
fn what_was_opened_late_is_found_again() {
    for name in ["tls13", "tls12", "tls-resumed"] {
        let (_, log) = moved(name, ByteOrder::Little, 0);
        // The packets without their secrets, which come when they have been looked for some times.
        let bare = tempfile::NamedTempFile::new().unwrap();
        let file = bare.reopen().unwrap();
        let mut out = PcapngWriter::new(file).unwrap();
        let mut capture = Capture::open([recorded(name)]).unwrap();
        while let Some(packet) = capture.next().unwrap() {
            out.packet(&packet).unwrap();
        }
        out.flush().unwrap();
        let keys = Keys::default();
        let mut asked = 0;
        keys.set_more(move |keys, _| {
            asked += 1;
            if asked == 8 {
                keys.lines(log.as_bytes());
            }
            keys.lack();
        });
        let (late, trail) = read(bare.path(), &keys);
        let whole = read(&recorded(name), &Keys::default()).0;
        assert_eq!(late.messages.len(), whole.messages.len(), "{name}");
        found_again(&late, &trail, &keys, name);
    }
}
