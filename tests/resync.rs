//! After a loss: every message that is whole in the capture is shown, and none is invented.

use std::collections::BTreeMap;
use std::io;
use wscope::engine::Engine;
use wscope::forge::{Forged, Say, Scenario, close, frame, text};
use wscope::model::{
    Dir, Event, EventKind, Flow, Kind, Limits, Loan, Opcode, Sink, Want, What, Ws,
};

/// Messages that are all known, per direction; and how many others there were.
#[derive(Default)]
struct Shown {
    complete: BTreeMap<Dir, Vec<Vec<u8>>>,
    partial: usize,
    frames: usize,
    /// Codes of close frames.
    closed: Vec<u16>,
    /// What was said of boundaries.
    boundaries: Vec<String>,
}

impl Sink for Shown {
    fn want(&self) -> Want {
        Want {
            joined: true,
            ..Want::default()
        }
    }

    fn event(&mut self, event: &Event, _: &Flow, loan: Loan<'_>) -> io::Result<()> {
        match &event.kind {
            EventKind::Ws(Ws::Frame(_)) => self.frames += 1,
            EventKind::Ws(Ws::Message(message)) if message.kind == Kind::Close => {
                let code = loan
                    .bytes
                    .first_chunk()
                    .map(|code| u16::from_be_bytes(*code));
                self.closed.extend(code);
            }
            EventKind::Anomaly(it) if matches!(it.what, What::Resync | What::Unfinished) => {
                self.boundaries.push(it.text.to_string());
            }
            EventKind::Ws(Ws::Message(message)) if message.complete => {
                self.complete
                    .entry(event.dir.unwrap())
                    .or_default()
                    .push(loan.bytes.to_vec());
            }
            EventKind::Ws(Ws::Message(_)) => self.partial += 1,
            _ => {}
        }
        Ok(())
    }
}

fn show(forged: &Forged) -> Shown {
    let mut shown = Shown::default();
    let mut engine = Engine::new(Limits::default(), shown.want());
    for packet in forged.packets() {
        engine.packet(packet, &mut shown).unwrap();
    }
    engine.finish(&mut shown).unwrap();
    shown
}

/// Forty messages from one side whose frames do not align with segments.
fn forty(seed: u64, dir: Dir, extension: Option<&str>) -> Forged {
    let scenario = Scenario::new(seed)
        .mss(200)
        .handshake()
        .upgrade(|upgrade| match extension {
            Some(extension) => upgrade.deflate(extension),
            None => upgrade,
        });
    let talk = (0..40).fold(scenario.cork(), |scenario, n| {
        let words = "price of harbour stone is rising again ".repeat(1 + n % 3);
        let said = format!("{{\"n\":{n},\"seed\":{seed},\"text\":\"{words}\"}}");
        scenario.say(dir, text(said.as_str()))
    });
    talk.uncork().close(1000, "done").fin().forge()
}

/// Payloads of the text messages of which no byte is missing.
fn whole(forged: &Forged, dir: Dir) -> Vec<Vec<u8>> {
    let missing = forged.missing(0, dir);
    let is_whole = |span: &std::ops::Range<u64>| {
        !missing
            .iter()
            .any(|hole| hole.start < span.end && span.start < hole.end)
    };
    forged
        .told
        .iter()
        .filter(|told| told.dir == dir && told.kind == Kind::Text && is_whole(&told.span))
        .map(|told| told.payload.clone())
        .collect()
}

/// Every packet in turn that carries frames of this direction.
fn carriers(forged: &Forged, dir: Dir) -> Vec<usize> {
    let from = forged
        .told
        .iter()
        .find(|told| told.dir == dir)
        .unwrap()
        .span
        .start;
    let carries = |packet: &wscope::forge::Packet| {
        packet.dir == dir && !packet.carries.is_empty() && packet.carries.end > from
    };
    (1..)
        .zip(&forged.packets)
        .filter(|(_, packet)| carries(packet))
        .map(|(n, _)| n)
        .collect()
}

#[test]
fn forty_frames_and_one_lost_segment() {
    let (mut rounds, mut found, mut all) = (0, 0, 0);
    for (seed, dir) in [(1, Dir::C2s), (2, Dir::S2c), (3, Dir::C2s), (4, Dir::S2c)] {
        let forged = forty(seed, dir, None);
        for lost in carriers(&forged, dir) {
            let forged = forged.clone().lose([lost]);
            let expected = whole(&forged, dir);
            let shown = show(&forged).complete.remove(&dir).unwrap_or_default();
            let mut true_ones = expected.iter();
            for payload in &shown {
                assert!(
                    true_ones.any(|one| one == payload),
                    "invented after the loss of {lost}"
                );
            }
            rounds += 1;
            found += shown.len();
            all += expected.len();
        }
    }
    assert!(rounds > 60, "{rounds}");
    assert_eq!(found, all, "in {rounds} rounds");
}

#[test]
fn compressed_frames_are_found_again_and_their_text_is_never_false() {
    let (mut frames, mut all) = (0, 0);
    for (seed, dir) in [(1, Dir::C2s), (2, Dir::S2c)] {
        for extension in [
            "permessage-deflate",
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
        ] {
            let forged = forty(seed, dir, Some(extension));
            for lost in carriers(&forged, dir) {
                let forged = forged.clone().lose([lost]);
                let shown = show(&forged);
                let mut true_ones = forged.told.iter().filter(|told| told.dir == dir);
                for payload in shown.complete.get(&dir).into_iter().flatten() {
                    assert!(
                        true_ones.any(|one| one.payload == *payload),
                        "invented, {extension}, {lost}"
                    );
                }
                frames += shown.frames;
                all += whole(&forged, Dir::C2s).len() + whole(&forged, Dir::S2c).len();
            }
        }
    }
    assert!(frames * 100 >= all * 97, "{frames} of {all} frames");
}

/// The last that this side says comes in a segment of its own; the segment before it is lost.
fn last_alone(dir: Dir, last: impl Into<Say>, before: &str, fin: bool) -> Forged {
    let scenario = Scenario::new(9)
        .handshake()
        .upgrade(|upgrade| upgrade)
        .say(dir, text("the first"))
        .say(dir, text(before));
    let lost = 2;
    let scenario = scenario.say(dir, last);
    let forged = if fin {
        scenario.fin_from(dir).forge()
    } else {
        scenario.forge()
    };
    let data = carriers(&forged, dir);
    let number = data[data.len() - lost];
    forged.lose([number])
}

#[test]
fn a_close_frame_alone_before_fin_is_proven_by_its_form() {
    for dir in Dir::BOTH {
        for (code, reason) in [
            (1000, ""),
            (1001, "going away"),
            (4001, "logged out elsewhere"),
        ] {
            let shown = show(&last_alone(dir, close(code, reason), "lost", true));
            assert_eq!(shown.closed, [code], "{dir} {reason:?}");
            let said = &shown.boundaries[0];
            assert!(
                said.contains("one frame") && said.contains("proves it"),
                "{said}"
            );
        }
        // Two bytes, a code of which there are thousands, no FIN: any bytes might be that.
        let empty = frame(Opcode::CLOSE);
        for (last, fin) in [
            (Say::from(empty), true),
            (close(4001, "").into(), true),
            (close(1000, "").into(), false),
        ] {
            let shown = show(&last_alone(dir, last, "lost", fin));
            assert_eq!(shown.closed, [0; 0], "{dir}");
            assert_eq!(shown.frames, 1, "{dir}: only the one before the hole");
            let said = &shown.boundaries[0];
            assert!(!said.contains("proves"), "{said}");
        }
    }
}

#[test]
fn a_lone_last_message_is_proven_by_its_text_or_said_not_to_be() {
    for dir in Dir::BOTH {
        let words = "{\"event\":\"bye\",\"to\":\"everybody\"}";
        let shown = show(&last_alone(dir, text(words), "lost", true));
        let found = shown.complete[&dir].last().unwrap();
        assert_eq!(found, words.as_bytes(), "{dir}");
        let shown = show(&last_alone(dir, text("short"), "lost", true));
        assert_eq!(
            shown.complete[&dir].len(),
            1,
            "{dir}: only the one before the hole"
        );
        assert!(!shown.boundaries[0].contains("proves"));
    }
}
