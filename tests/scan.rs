//! Messages that are looked at where they lie are what decoding makes of them, or are left to it.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::Path;
use wscope::engine::{self, Course, Lies, Trail, half};
use wscope::forge::{Forged, Message, Scenario, binary, ping, text};
use wscope::model::{
    Config, ConnId, Dir, Event, EventId, EventKind, Flow, Frame, Loan, PacketNo, Sink, Span, Want,
    Ws,
};
use wscope::sink::{Index, Moment};
use wscope::source::Capture;

/// Keeps everything in an index, and the payloads of messages.
#[derive(Default)]
struct Both {
    index: Index,
    payloads: HashMap<(ConnId, EventId), Vec<u8>>,
}

impl Sink for Both {
    fn want(&self) -> Want {
        self.index.want()
    }

    fn event(&mut self, event: &Event, flow: &Flow, loan: Loan<'_>) -> io::Result<()> {
        if matches!(event.kind, EventKind::Ws(Ws::Message(_))) {
            let name = (event.conn, event.id);
            self.payloads.insert(name, loan.bytes.to_vec());
        }
        self.index.event(event, flow, loan)
    }
}

struct Asked(Moment);

impl Lies for Asked {
    fn packet(&self) -> PacketNo {
        self.0.packets().1
    }

    fn dir(&self) -> Option<Dir> {
        self.0.dir()
    }

    fn span(&self) -> Span {
        self.0.span()
    }

    fn frame(&self) -> Option<Frame> {
        self.0.frame()
    }
}

/// How many messages were found where they lie, and how many were not; none may differ, or be told twice or never.
fn scan(path: &Path) -> (usize, usize) {
    let mut capture = Capture::open([path]).unwrap();
    let trail = Trail::new(&capture);
    let mut both = Both::default();
    let config = Config::default();
    let watch = |_, _| true;
    engine::run_along(&mut capture, config.clone(), &mut both, Some(&trail), watch).unwrap();
    let (mut found, mut left) = (0, 0);
    let mut payloads = both.payloads;
    let odd = both
        .index
        .tracks()
        .iter()
        .filter(|it| it.sequence().is_none());
    for track in odd {
        payloads.retain(|(conn, _), _| *conn != track.conn);
    }
    for share in 0..2 {
        let tracks = both.index.tracks().iter();
        let mine = tracks.filter_map(|track| track.sequence().filter(|it| half(&it.flow) == share));
        let courses = mine.map(|messages| Course {
            conn: messages.conn,
            flow: messages.flow,
            to: PacketNo::END,
            messages: messages.map(Asked),
        });
        let mut told = |conn, Asked(moment): &Asked, bytes: Option<&[u8]>| {
            if !moment.is_message() {
                return;
            }
            let wanted = payloads.remove(&(conn, moment.id())).unwrap();
            match bytes {
                Some(bytes) => {
                    assert_eq!(
                        bytes,
                        wanted,
                        "{conn} {} of {}",
                        moment.id(),
                        path.display()
                    );
                    found += 1;
                }
                None => left += 1,
            }
        };
        let done = trail.scan(&config, courses.collect(), &mut told, |_, _| true);
        assert!(done.unwrap());
    }
    assert!(payloads.is_empty(), "never told: {:?}", payloads.keys());
    (found, left)
}

#[test]
fn what_lies_in_the_captures_is_found_or_left() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures");
    let mut all = (0, 0);
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|it| it == "pcapng" || it == "pcap")
        {
            let (found, left) = scan(&path);
            all = (all.0 + found, all.1 + left);
        }
    }
    assert!(all.0 > 500 && all.1 > 100, "{all:?}");
}

#[derive(Clone, Debug)]
enum Fault {
    Lose(usize),
    Late(usize, usize),
    Again(usize, usize),
    Overlap(usize, usize, [u64; 2]),
    Conflict(usize, usize),
    Cut(usize),
}

fn fault() -> impl Strategy<Value = Fault> {
    let (number, by) = (1..60_usize, 1..8_usize);
    prop_oneof![
        number.clone().prop_map(Fault::Lose),
        (number.clone(), by.clone()).prop_map(|(number, by)| Fault::Late(number, by)),
        (number.clone(), by.clone()).prop_map(|(number, by)| Fault::Again(number, by)),
        (number.clone(), by.clone(), [0..90_u64, 0..90_u64])
            .prop_map(|(number, by, more)| Fault::Overlap(number, by, more)),
        (number, by).prop_map(|(number, by)| Fault::Conflict(number, by)),
        (60..1_500_usize).prop_map(Fault::Cut),
    ]
}

type Said = (bool, u8, usize, usize);

fn forge(seed: u64, mss: usize, isn: u32, said: &[Said]) -> Forged {
    let scenario = Scenario::new(seed).net(|net| {
        net.isn = [isn, isn.wrapping_add(77)];
        net.cuts = vec![mss];
    });
    let mut scenario = scenario.handshake().upgrade(|it| it);
    for &(up, kind, size, fragments) in said {
        let dir = if up { Dir::C2s } else { Dir::S2c };
        let content = "abcdefghij".repeat(size / 10 + 1)[..size].to_owned();
        let message: Message = match kind {
            0 => binary(content.into_bytes()),
            1 => ping(&content[..size.min(100)]),
            _ => text(content.as_str()),
        };
        let message = if kind == 1 {
            message
        } else {
            message.fragments(fragments)
        };
        scenario = scenario.say(dir, message);
    }
    scenario.close(1000, "done").fin().forge()
}

fn damage(forged: Forged, faults: &[Fault]) -> Forged {
    faults.iter().fold(forged, |forged, fault| match *fault {
        Fault::Lose(number) => forged.lose([number]),
        Fault::Late(number, by) => forged.late(number, by),
        Fault::Again(number, by) => forged.again(number, by),
        Fault::Overlap(number, by, more) => forged.overlap(number, by, more),
        Fault::Conflict(number, by) => forged.conflict(number, by),
        Fault::Cut(bytes) => forged.snaplen(bytes),
    })
}

fn said() -> impl Strategy<Value = Vec<Said>> {
    let size = prop_oneof![4 => 0..90_usize, 1 => 0..5_000_usize];
    vec((any::<bool>(), 0..6_u8, size, 1..3_usize), 0..20)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 200,
        rng_seed: RngSeed::Fixed(7),
        ..ProptestConfig::default()
    })]

    #[test]
    fn whatever_is_found_where_it_lies_is_what_decoding_gives(
        (seed, isn) in (any::<u64>(), prop_oneof![any::<u32>(), u32::MAX - 3_000..=u32::MAX]),
        mss in prop_oneof![100..1_460_usize, 1_460..9_000_usize],
        (one, two) in (said(), said()),
        faults in vec(fault(), 0..4),
    ) {
        let forged = forge(seed, mss, isn, &one).and(forge(!seed, mss, !isn, &two));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("forged.pcapng");
        let plain = faults.is_empty();
        damage(forged, &faults).write(File::create(&path).unwrap()).unwrap();
        let (found, left) = scan(&path);
        if plain {
            let whole = |it: &&Said| it.1 == 1 || it.3 == 1;
            let single = one.iter().filter(whole).count() + two.iter().filter(whole).count();
            prop_assert!(found >= single, "{found} found, {left} left of {single}");
        }
    }
}
