//! What whoever captured has dropped is told where it happened, and nobody is blamed for it.

use std::io;
use wscope::engine;
use wscope::forge::{Forged, Scenario, pong, text};
use wscope::model::{
    Event, EventKind, Flow, Limits, Link, Loan, Sink, Timestamp, Verdict, Want, What,
};
use wscope::source::{Capture, Interface, PcapngWriter};

#[derive(Default)]
struct Keep(Vec<Event>);

impl Sink for Keep {
    fn want(&self) -> Want {
        Want {
            joined: true,
            ..Want::default()
        }
    }

    fn event(&mut self, event: &Event, _: &Flow, _: Loan<'_>) -> io::Result<()> {
        self.0.push(event.clone());
        Ok(())
    }
}

/// The packets, and the statistics of an interface that says after `after` of them that it dropped `lost`.
fn written(forged: &Forged, after: usize, lost: u64) -> Vec<u8> {
    let mut out = PcapngWriter::new(Vec::new()).unwrap();
    let statistics = |by_it, by_os| Interface {
        name: Some("eth0".into()),
        link: Link::ETHERNET,
        snaplen: 0,
        resolution: 9,
        received: Some(99),
        dropped: Some(by_it),
        dropped_by_os: Some(by_os),
    };
    for (no, packet) in forged.packets().enumerate() {
        if no == after {
            // Counters go on: the second report says nothing new.
            out.statistics(&statistics(1, lost - 1), Timestamp(1))
                .unwrap();
            out.statistics(&statistics(1, lost - 1), Timestamp(2))
                .unwrap();
        }
        out.packet(&packet).unwrap();
    }
    if after == usize::MAX {
        out.statistics(&statistics(lost, 0), Timestamp(1)).unwrap();
    }
    out.finish().unwrap()
}

fn events(bytes: Vec<u8>) -> (Vec<Event>, u64) {
    let mut capture = Capture::from_reader("forged", io::Cursor::new(bytes));
    let mut keep = Keep::default();
    let run = engine::run(&mut capture, Limits::default(), &mut keep, |_, _| true).unwrap();
    (keep.0, run.counts.dropped)
}

fn verdicts(events: &[Event], rule: &str) -> Vec<Verdict> {
    let findings = events.iter().filter_map(|event| match &event.kind {
        EventKind::Finding(finding) if finding.rule == rule => Some(finding.verdict),
        _ => None,
    });
    findings.collect()
}

fn dropped(events: &[Event]) -> Vec<u64> {
    let dropped = events
        .iter()
        .filter(|event| matches!(&event.kind, EventKind::Anomaly(it) if it.what == What::Dropped));
    dropped.map(|event| event.id.at.get()).collect()
}

/// The client answers a ping that nobody sent.
fn unasked() -> Scenario {
    Scenario::new(5)
        .handshake()
        .upgrade(|it| it)
        .client(text("one"))
        .client(pong("x"))
}

#[test]
fn a_drop_is_told_where_it_happened() {
    let forged = unasked().forge();
    let (events, lost) = events(written(&forged, 6, 12));
    assert_eq!((dropped(&events), lost), (vec![6], 12));
    let text = events.iter().find_map(|event| match &event.kind {
        EventKind::Anomaly(it) if it.what == What::Dropped => Some(it.text.clone()),
        _ => None,
    });
    assert!(
        text.unwrap()
            .starts_with("12 packets were dropped about here")
    );
}

#[test]
fn a_peer_is_not_blamed_for_what_was_dropped() {
    let rule = "WS-PONG-UNASKED";
    let forged = unasked().forge();
    let whole = events(written(&forged, 0, 1)).0;
    assert_eq!(
        verdicts(&whole, rule),
        [Verdict::Fail],
        "dropped before the connection began"
    );
    let holed = events(written(&forged, 6, 12)).0;
    assert_eq!(
        verdicts(&holed, rule),
        [Verdict::Undecidable],
        "the ping may be among the dropped"
    );
}

#[test]
fn what_comes_after_in_order_shows_that_nothing_was_lost() {
    let rule = "WS-PONG-UNASKED";
    let forged = unasked()
        .server(text("not a ping, and nothing before it is missing"))
        .forge();
    let events = events(written(&forged, 6, 12)).0;
    assert_eq!(dropped(&events).len(), 1);
    assert_eq!(verdicts(&events, rule), [Verdict::Fail]);
}
