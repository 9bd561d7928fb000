use super::*;
use crate::tui::app::Pane;
use crate::tui::fixture::{Bench, LARGE, SMALL, messages};
use crate::tui::jobs;
use crossterm::event::KeyCode;
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
    bench.press("++");
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
fn what_is_to_be_copied_before_it_is_here_is_copied_once_it_is() {
    let mut bench = Bench::new("tour.pcapng", SMALL);
    bench.press(":at 16.1\n");
    let key = |c| Msg::Input(Input::Key(KeyEvent::from(KeyCode::Char(c))));
    let asked = update(&mut bench.app, key('j'));
    assert!(bench.app.bytes.answer.is_none());
    assert!(update(&mut bench.app, key('y')).is_empty());
    let mut answers = Vec::new();
    for job in asked {
        jobs::run(&bench.source, job, &|| true, &mut |msg| {
            answers.push(msg);
            true
        });
    }
    for msg in answers {
        bench.feed(msg);
    }
    assert_eq!(selected(&bench), "17.1".parse().unwrap());
    assert_eq!(bench.copied.as_deref(), Some("hello from the browser"));
    // What was wished for one event is not done to another.
    update(&mut bench.app, key('j'));
    update(&mut bench.app, key('y'));
    bench.press("k");
    assert_eq!(bench.copied.as_deref(), Some("hello from the browser"));
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
fn a_search_goes_from_match_to_match_and_round() {
    let mut bench = Bench::new("tour.pcapng", SMALL);
    bench.press("/HELLO\n");
    let mut seen = vec![selected(&bench).to_string()];
    for _ in 0..2 {
        bench.press("n");
        seen.push(selected(&bench).to_string());
    }
    assert_eq!(seen, ["16.1", "17.1", "16.1"]);
    bench.press("N");
    assert_eq!(selected(&bench).to_string(), "17.1");
    bench.press("/hex:e4 bd a0\n");
    assert_eq!(selected(&bench).to_string(), "19.1");
    bench.press("/no such thing\n");
    assert!(bench.screen().contains("nothing found: no such thing"));
}

#[test]
fn a_filter_shows_only_what_passes_and_goes_again() {
    let mut bench = Bench::new("tour.pcapng", SMALL);
    let all = bench.app.timeline.rows().len();
    bench.press("&websocket.payload.text contains \"你好\"\n");
    let shown = bench
        .app
        .timeline
        .rows()
        .iter()
        .filter(|row| !row.is_silence());
    assert_eq!(shown.count(), 2);
    assert_eq!(selected(&bench).to_string(), "19.1");
    assert!(bench.app.filter.is_some());
    bench.press("&\u{8}");
    assert!(bench.app.prompt.is_some(), "what was typed is wrong now");
    bench.press("<");
    bench.app.prompt = None;
    bench.press("<<");
    assert!(bench.app.filter.is_none());
    assert_eq!(bench.app.timeline.rows().len(), all);
}

#[test]
fn events_that_come_later_are_filtered_as_well() {
    let path = capture("tour.pcapng");
    let mut bench = Bench::empty(path, SMALL);
    let arriving = crate::tui::fixture::load(&bench.source, 3);
    let mut arriving = arriving.into_iter();
    arriving.by_ref().take(2).for_each(|msg| bench.feed(msg));
    bench.press("&websocket.opcode == text\n");
    arriving.for_each(|msg| bench.feed(msg));
    let shown = bench
        .app
        .timeline
        .rows()
        .iter()
        .filter(|row| !row.is_silence());
    assert_eq!(shown.count(), 5);
}

#[test]
fn links_are_followed_and_lead_back() {
    let mut bench = Bench::new("violations.pcapng", LARGE);
    bench.press("n\t");
    let finding = selected(&bench);
    let about = bench.app.event().unwrap().about.unwrap();
    while crate::tui::pane::detail::nodes(&bench.app)[bench.app.detail.at].link != Some(about) {
        bench.press("j");
    }
    bench.press("\n");
    assert_eq!(selected(&bench), about);
    bench.press("\u{8}");
    assert_eq!(selected(&bench), finding);
}

#[test]
fn every_acknowledgement_is_shown_at_the_deepest_level() {
    let mut bench = Bench::new("tour.pcapng", LARGE);
    bench.press("jjjjj");
    let message = selected(&bench);
    bench.press("fff");
    assert_eq!(bench.app.timeline.level, Level::Acks);
    assert_eq!(selected(&bench), message);
    assert!(bench.screen().contains("ACK 194"), "{}", bench.screen());
    bench.press("f");
    assert_eq!(
        (bench.app.timeline.level, selected(&bench)),
        (Level::Messages, message)
    );
}

#[test]
fn what_is_copied_says_how_to_come_back() {
    let mut bench = Bench::new("tour.pcapng", SMALL);
    bench.press("jjjjjy");
    assert_eq!(bench.copied.as_deref(), Some("hello from the browser"));
    bench.press("&websocket.opcode == text\nY");
    assert_eq!(
        bench.copied.as_deref(),
        Some("wscope tour.pcapng -Y 'websocket.opcode == text' --at 16.1")
    );
}

#[test]
fn payloads_packets_and_notes_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tour.pcapng");
    std::fs::copy(capture("tour.pcapng"), &file).unwrap();
    let mut bench = Bench::open(file.clone(), SMALL);
    bench.app.notes = crate::tui::notes::Notes::open(std::slice::from_ref(&file)).unwrap();
    bench.press("jjjjjM好 \u{1b}[2J\n");
    let again = crate::tui::notes::Notes::open(std::slice::from_ref(&file)).unwrap();
    assert_eq!(again.marks.len(), 1);
    assert_eq!(
        again.marks[&selected(&bench)],
        "好 [2J",
        "control characters cannot be typed"
    );
    let into = |name: &str| folder.path().join(name).display().to_string();
    bench.press(&format!(":save {}\n", into("payload.txt")));
    assert_eq!(
        std::fs::read(into("payload.txt")).unwrap(),
        b"hello from the browser"
    );
    bench.press(&format!(":save {}\n", into("payload.txt")));
    assert!(bench.screen().contains('!'), "it does not overwrite");
    bench.press(&format!(":export {}\n", into("one.pcapng")));
    let copy = Bench::open(into("one.pcapng").into(), SMALL);
    assert_eq!(copy.app.packets(), 27);
}

#[test]
fn ascii_is_all_that_an_ascii_screen_shows() {
    let mut bench = Bench::new("tour.pcapng", LARGE);
    bench.app.theme.ascii = true;
    for keys in ["", "ff", "jjjjjjj\n", "?", "<i", "<F", "<&web", "<"] {
        let screen = bench.press(keys).screen();
        assert!(screen.is_ascii(), "{screen}");
    }
}

#[test]
fn every_theme_draws_the_same_words() {
    let mut bench = Bench::new("violations.pcapng", LARGE);
    let plain = bench.screen();
    for _ in 0..4 {
        bench.press("T");
        bench.app.said = None;
        assert_eq!(bench.screen(), plain);
    }
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
