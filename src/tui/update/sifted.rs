//! What the index answers is what reading everything again answers.

use super::*;
use crate::tui::fixture::{Bench, SMALL, load};
use crate::tui::sift::{Needle, Pattern};
use crate::tui::sweep::Sifting;
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use wscope::engine;
use wscope::field::{Filter, View};
use wscope::model::{Event, Flow, Limits, Loan, Sink, Timestamp, Want};
use wscope::sink::{Level, Line};
use wscope::source::Capture;

const FILTERS: &[&str] = &[
    "ip.addr == 127.0.0.1 && tcp.port in {8000..9999}",
    "ip.src == 10.0.0.0/8 || ipv6.addr == ::1",
    "tcp.srcport < 9100 && wscope.kind == ws.message",
    "tcp.stream in {1, 3..5} && !websocket.mask",
    "wscope.server.port == 9001 || wscope.client.addr == 10.1.0.0/16",
    "websocket.opcode == text || websocket.opcode in {8..10}",
    "websocket.payload_length > 100 && websocket.fin == true",
    "wscope.message.length <= 16 && wscope.message.compressed == true",
    "wscope.message.complete == false || wscope.inferred == true",
    "frame.time_relative > 0.5s || frame.number < 20",
    "wscope.finding.severity == error || tcp.analysis.flags",
    "wscope.close.why contains \"server\" || http.host",
    "wscope.session == 1",
    "wscope.about",
    "websocket.payload.text contains \"e\"",
    "!(websocket.payload.text contains \"e\")",
    "websocket.payload.text matches \"^.{3,40}$\" && tcp.stream != 0",
    "websocket.payload.text == \"done\" || websocket.payload.ping",
    "websocket.payload.close.status_code == 1000 || websocket.payload.close.reason matches \"o\"",
    "websocket.payload contains 65:6c || wscope.dir == s2c && http.response.code == 101",
    "wscope.session == 1 && websocket.payload.text",
    "websocket.payload.text contains \"a\" && (frame.number > 30 || wscope.session == 0)",
];

const SEARCHES: &[&str] = &["hello", "re:[0-9]{3}", "hex:65 6c", "RST", "host:"];

/// What passes each of some filters, found by running everything again.
struct Plain<'a> {
    needles: &'a [Needle],
    start: Option<Timestamp>,
    passed: Vec<BTreeSet<(ConnId, EventId)>>,
}

impl Sink for Plain<'_> {
    fn want(&self) -> Want {
        Want {
            joined: true,
            ..Want::default()
        }
    }

    fn event(&mut self, event: &Event, flow: &Flow, loan: Loan<'_>) -> io::Result<()> {
        let start = *self.start.get_or_insert(event.time);
        let view = View {
            event,
            flow,
            loan,
            start,
        };
        for (needle, passed) in self.needles.iter().zip(&mut self.passed) {
            if needle.hits(&view) {
                passed.insert((event.conn, event.id));
            }
        }
        Ok(())
    }
}

fn plainly(path: &Path, needles: &[Needle]) -> Vec<BTreeSet<(ConnId, EventId)>> {
    let mut plain = Plain {
        needles,
        start: None,
        passed: vec![BTreeSet::new(); needles.len()],
    };
    let mut capture = Capture::open([path]).unwrap();
    engine::run(&mut capture, Limits::default(), &mut plain, |_, _| true).unwrap();
    plain.passed
}

fn found(app: &App, sifting: &Sifting) -> BTreeSet<(ConnId, EventId)> {
    let tracks = app.index.tracks().iter().enumerate();
    tracks
        .flat_map(|(at, track)| {
            track
                .lines(Line::FIRST, Level::Acks)
                .filter(move |&line| sifting.hits.has(at, line))
                .map(|line| (track.conn, track.id(line).unwrap()))
        })
        .collect()
}

fn captures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures");
    let mut list: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|it| it == "pcapng" || it == "pcap")
        })
        .collect();
    list.sort();
    assert!(list.len() > 20, "{list:?}");
    list
}

/// Every other capture begins its filter in the middle of loading.
#[test]
fn the_index_answers_as_reading_again_does() {
    let filters = FILTERS.iter().map(|text| Filter::new(text).unwrap());
    let searches = SEARCHES.iter().map(|text| Pattern::new(text).unwrap());
    let needles: Vec<_> = filters
        .map(Needle::Filter)
        .chain(searches.map(Needle::Search))
        .collect();
    let mut passed = 0;
    for (number, path) in captures().into_iter().enumerate() {
        let mut bench = Bench::empty(path.clone(), SMALL);
        let mut messages = load(&bench.source, 7);
        let half = messages.len() / 2 * (1 + number % 2);
        let mut later = messages.split_off(half).into_iter();
        for msg in messages {
            bench.feed(msg);
        }
        let wanted = plainly(&path, &needles);
        for (needle, wanted) in needles.iter().zip(wanted) {
            bench.app.tickets += 1;
            let ticket = bench.app.tickets;
            bench.app.filter = Some(Sifting::new("", needle.clone(), ticket, &bench.app.index));
            for msg in later.by_ref() {
                bench.feed(msg);
            }
            bench.feed(Msg::Idle(Duration::MAX));
            let sifting = bench.app.filter.as_ref().unwrap();
            assert!(sifting.done, "{needle:?} on {}", path.display());
            let found = found(&bench.app, sifting);
            assert_eq!(found, wanted, "{needle:?} on {}", path.display());
            passed += wanted.len();
        }
    }
    assert!(passed > 10_000, "{passed}");
}
