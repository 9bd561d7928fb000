use super::*;
use crate::tui::app::Pane;
use crate::tui::fixture::{Bench, LARGE, SMALL, messages};
use std::path::{Path, PathBuf};
use wscope::model::{EventId, EventKind, Kind, Ws};
use wscope::sink::Level;

fn capture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("captures")
        .join(name)
}

fn selected(bench: &Bench) -> EventId {
    bench.app.event().unwrap().id
}

#[test]
fn a_growing_list_does_not_move_what_one_reads() {
    for (level, batch) in ["", "f", "ff"].into_iter().zip([1, 2, 7]) {
        let path = capture("tour.pcapng");
        let mut bench = Bench::empty(path.clone(), SMALL);
        let mut arriving = messages(&path, batch).into_iter();
        arriving
            .by_ref()
            .take(15 / batch + 1)
            .for_each(|msg| bench.feed(msg));
        bench.press(level).press("jj");
        let (event, top) = (selected(&bench), bench.app.timeline.top);
        for msg in arriving {
            bench.feed(msg);
            assert_eq!((selected(&bench), bench.app.timeline.top), (event, top));
        }
        let mut whole = Bench::new("tour.pcapng", SMALL);
        whole.press(level).press("jj");
        assert_eq!(bench.screen(), whole.screen(), "batches of {batch}");
    }
}

#[test]
fn folding_keeps_to_the_same_message() {
    let mut bench = Bench::new("tour.pcapng", SMALL);
    bench.press("jjjjj");
    let message = selected(&bench);
    assert_eq!(message.to_string(), "16.1");
    bench.press("f");
    assert_eq!(selected(&bench), message);
    bench.press("k");
    assert_eq!(selected(&bench).to_string(), "16.0", "its frame");
    bench.press("-");
    assert_eq!(selected(&bench), message, "a frame folds into its message");
    bench.press("+");
    assert_eq!(bench.app.timeline.level, Level::Tcp);
    assert_eq!(selected(&bench), message);
}

#[test]
fn every_line_of_every_level_can_be_selected_and_replayed() {
    for capture in [
        "tour.pcapng",
        "fragments.pcapng",
        "idle.pcapng",
        "midstream.pcapng",
    ] {
        let mut bench = Bench::new(capture, LARGE);
        bench.press("ff");
        let mut before = None;
        loop {
            let event = bench.app.event().unwrap();
            if before == Some(event.id) {
                break;
            }
            assert!(
                before < Some(event.id),
                "{capture}: {before:?} {}",
                event.id
            );
            let replay = bench.app.bytes.answer.as_ref().unwrap().as_ref().unwrap();
            assert_eq!(replay.event, event, "{capture}");
            before = Some(event.id);
            bench.press("j");
        }
    }
}

#[test]
fn an_answer_that_comes_too_late_is_dropped() {
    let mut bench = Bench::new("tour.pcapng", SMALL);
    let old = bench.app.generation;
    bench.press("j");
    let shown = bench.screen();
    bench.feed(Msg::Replayed {
        generation: old,
        answer: Err("old".into()),
    });
    assert_eq!(bench.screen(), shown);
}

#[test]
fn one_job_for_each_selection() {
    let mut bench = Bench::new("tour.pcapng", SMALL);
    let before = bench.app.generation;
    bench.press("\t]?<z");
    assert_eq!(bench.app.generation, before + 1);
}

#[test]
fn each_connection_keeps_its_place() {
    let mut bench = Bench::new("twelve.pcapng", SMALL);
    bench.press("jjjj");
    let event = selected(&bench);
    bench.press("<j");
    assert_ne!(bench.app.event().unwrap().conn.0, 0);
    bench.press("k");
    assert_eq!(selected(&bench), event);
}

#[test]
fn enter_looks_closer_and_escape_goes_back() {
    let mut bench = Bench::new("tour.pcapng", SMALL);
    let mut panes = Vec::new();
    for key in ["<", "\n", "\n", "\n", "<", "<", "<"] {
        bench.press(key);
        panes.push((bench.app.focus, bench.app.zoomed));
    }
    use Pane::{Bytes, Connections, Timeline};
    let expected = [
        (Connections, false),
        (Timeline, false),
        (Bytes, false),
        (Bytes, true),
        (Bytes, false),
        (Timeline, false),
        (Connections, false),
    ];
    assert_eq!(panes, expected);
}

#[test]
fn a_click_selects_and_the_wheel_scrolls() {
    let mut bench = Bench::new("twelve.pcapng", SMALL);
    let mouse = |kind, row| MouseEvent {
        kind,
        column: 30,
        row,
        modifiers: crossterm::event::KeyModifiers::NONE,
    };
    bench.feed(Msg::Input(Input::Mouse(mouse(
        MouseEventKind::Down(MouseButton::Left),
        3,
    ))));
    assert_eq!(
        (bench.app.focus, bench.app.connections.selected),
        (Pane::Connections, 1)
    );
    bench.feed(Msg::Input(Input::Mouse(mouse(
        MouseEventKind::Down(MouseButton::Left),
        17,
    ))));
    assert_eq!(bench.app.focus, Pane::Timeline);
    let event = selected(&bench);
    bench.feed(Msg::Input(Input::Mouse(mouse(
        MouseEventKind::ScrollDown,
        10,
    ))));
    assert!(selected(&bench) > event);
}

#[test]
fn no_size_is_too_small() {
    for (width, height) in [
        (0, 0),
        (1, 1),
        (5, 3),
        (20, 8),
        (41, 12),
        (300, 4),
        (30, 100),
    ] {
        let mut bench = Bench::new("lossy.pcapng", (width, height));
        bench.press("ffjj\t\t\tzjz?jj<");
        bench.screen();
        bench.feed(Msg::Input(Input::Resize(80, 24)));
        bench.screen();
    }
}

#[test]
fn nothing_hostile_gets_through() {
    let mut bench = Bench::empty(PathBuf::from("\x1b]0;evil\x07.pcapng"), LARGE);
    let mut batches = messages(&capture("tour.pcapng"), usize::MAX);
    let hostile = "\x1b[2J\u{9b}31m\u{202e}\r\n\t\u{7f}";
    for msg in &mut batches {
        let Msg::Batch(batch) = msg else { continue };
        for (event, _, _) in &mut batch.events {
            match &mut event.kind {
                EventKind::Ws(Ws::Open(open)) => {
                    open.uri = Some(hostile.into());
                    open.subprotocols_offered = vec![hostile.into()];
                    open.host = Some(hostile.into());
                }
                EventKind::Ws(Ws::Close(close)) => close.why = hostile.into(),
                EventKind::Http(wscope::model::Http::Request(request)) => {
                    request.target = hostile.into();
                    request.headers[0].name = hostile.into();
                }
                _ => {}
            }
        }
    }
    batches.into_iter().for_each(|msg| bench.feed(msg));
    for key in "jjjjjjjjjjjjjj".chars() {
        let text = bench.press(&key.to_string()).screen();
        let found = text
            .chars()
            .find(|&c| c != '\n' && wscope::sink::is_unsafe(c));
        assert_eq!(found, None, "{text}");
    }
}

#[test]
fn a_capture_that_gives_nothing_ends_the_screen() {
    let path = std::env::temp_dir().join(format!("wscope-empty-{}.pcapng", std::process::id()));
    std::fs::write(&path, b"").unwrap();
    let bench = Bench::open(path.clone(), SMALL);
    std::fs::remove_file(path).unwrap();
    assert!(bench.app.quit);
    assert_eq!(bench.app.load.errors.len(), 1);
}

#[test]
fn messages_come_with_their_kind_and_size() {
    let bench = Bench::new("closes.pcapng", LARGE);
    let tracks = bench.app.index.tracks();
    let closes = tracks.iter().flat_map(|track| {
        track
            .lines(wscope::sink::Line::FIRST, Level::Messages)
            .filter_map(|line| track.event(line))
    });
    let is_close = |event: &wscope::model::Event| matches!(event.kind, EventKind::Ws(Ws::Message(message)) if message.kind == Kind::Close);
    assert!(closes.filter(is_close).count() > 4);
}
