//! What every capture says, word for word: snapshots that were read before they were kept.
//!
//! `INSTA_UPDATE=always cargo test --test golden` writes them again (`just golden`); read the
//! difference before you commit it.

use std::path::Path;
use wscope::engine::run;
use wscope::model::{Limits, Sink};
use wscope::sink::{Format, Jsonl, Only, Stats, Text};
use wscope::source::Capture;

/// Runs a capture into a sink that writes into the vector; what could not be read comes last.
fn output(
    path: &Path,
    fill: impl FnOnce(&mut Vec<u8>, &mut Capture) -> Vec<wscope::Error>,
) -> String {
    let mut out = Vec::new();
    let mut capture = Capture::open([path]).unwrap();
    let errors = fill(&mut out, &mut capture);
    assert!(errors.is_empty(), "{errors:?}");
    String::from_utf8(out).unwrap()
}

fn all(capture: &mut Capture, mut sink: impl Sink) -> Vec<wscope::Error> {
    run(capture, Limits::default(), &mut sink, |_, _| true)
        .unwrap()
        .errors
}

#[test]
fn the_timeline_of_every_capture() {
    insta::glob!("../captures", "*.pcap*", |path| {
        insta::assert_snapshot!(output(path, |out, capture| all(
            capture,
            Text::new(out, false)
        )));
    });
}

#[test]
fn the_tour_as_json_lines() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures/tour.pcapng");
    insta::assert_snapshot!(output(&path, |out, capture| all(capture, Jsonl::new(out))));
}

#[test]
fn the_statistics_of_the_tour() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures/tour.pcapng");
    for (name, json) in [("text", false), ("json", true)] {
        let format = Format {
            json,
            checksum: true,
            ..Format::default()
        };
        let said = output(&path, |out, capture| {
            let mut stats = Stats::new(out, format);
            let run = run(capture, Limits::default(), &mut stats, |_, _| true).unwrap();
            stats.finish(run.counts).unwrap();
            run.errors
        });
        insta::assert_snapshot!(name, said);
    }
}

#[test]
fn the_acknowledgements_of_a_slow_reader() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures/zero-window.pcapng");
    insta::assert_snapshot!(output(&path, |out, capture| {
        let every = std::iter::empty::<&str>();
        let sink = Only::new(every, Text::new(out, false)).unwrap();
        all(capture, sink.with_acks(true))
    }));
}
