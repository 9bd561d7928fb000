//! The lessons are true: every step's events are there, and its capture shows what its text says.

use std::process::{Command, Output, Stdio};
use tempfile::TempDir;
use wscope::explain::Lang;
use wscope::lesson::{self, Slide};

#[test]
fn every_file_is_a_lesson_and_they_are_numbered() {
    assert_eq!(lesson::faults().collect::<Vec<_>>(), [""; 0]);
    let numbers: Vec<_> = lesson::lessons().map(|lesson| lesson.number).collect();
    let last = numbers.len() as u32;
    assert_eq!(numbers, (1..=last).collect::<Vec<_>>());
    assert!(last >= 16, "{last} lessons");
}

#[test]
fn no_step_states_what_its_capture_does_not_show() {
    let mut wrong = Vec::new();
    for lesson in lesson::lessons() {
        let open = lesson.open().unwrap();
        for nth in 0..open.len() {
            let place = format!("lesson {} step {}", lesson.number, nth + 1);
            wrong.extend(
                open.check(nth)
                    .into_iter()
                    .map(|why| format!("{place}: {why}")),
            );
            let step = &lesson.steps[nth];
            if step.at.is_empty() {
                wrong.push(format!("{place}: it points at nothing"));
            }
            if step.expect.is_empty() {
                wrong.push(format!("{place}: nothing is asked of its capture"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_step_has_its_texts_and_pictures_in_both_languages() {
    let mut wrong = Vec::new();
    let chinese = |text: &str| text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
    for lesson in lesson::lessons() {
        let open = lesson.open().unwrap();
        for nth in 0..open.len() {
            let place = format!("lesson {} step {}", lesson.number, nth + 1);
            for lang in Lang::ALL {
                let Slide {
                    title,
                    text,
                    panel,
                    rows,
                    ..
                } = open.slide(nth, lang).unwrap();
                if title.is_empty() || text.len() < 40 {
                    wrong.push(format!("{place} {lang}: no text"));
                }
                if chinese(&text) != (lang == Lang::Zh) && !text.contains("会话已过期") {
                    wrong.push(format!("{place} {lang}: another language"));
                }
                if !lesson.steps[nth].show.is_empty() && panel.is_empty() {
                    wrong.push(format!("{place} {lang}: nothing is shown"));
                }
                if !rows.iter().any(|row| row.marked) {
                    wrong.push(format!("{place} {lang}: nothing is marked"));
                }
            }
        }
        assert!(open.slide(open.len(), Lang::En).is_none());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What wrong lessons are told.
#[test]
fn a_lesson_that_is_wrong_says_where() {
    let head =
        "number = 99\ntitle.en = \"a\"\ntitle.zh = \"b\"\nabout.en = \"c\"\nabout.zh = \"d\"\n";
    let step = "[[step]]\ntitle.en = \"a\"\ntitle.zh = \"b\"\ntext.en = \"c\"\ntext.zh = \"d\"\n";
    let read = |text: String| lesson::Lesson::read(&text).unwrap_err();
    assert!(read(format!("{head}{step}")).contains("neither `capture` nor `gen`"));
    assert!(read(format!("{head}capture = \"x\"\n")).contains("missing field `step`"));
    let wrong = format!("{head}capture = \"x\"\n{step}expect = ['1.0: tcp.prot == 80']");
    assert!(read(wrong).contains("did you mean tcp.port"));
    let wrong = format!("{head}capture = \"x\"\n{step}at = ['one']");
    assert!(read(wrong).contains("PACKET.NTH"));
    let missing = format!("{head}capture = \"x\"\n[[step]]\ntitle.en = \"a\"\n");
    assert!(read(missing).contains("zh"));
}

fn wscope(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_wscope"))
        .args(args)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

#[test]
fn the_command_lists_prints_and_saves() {
    let text = |output: &Output| String::from_utf8(output.stdout.clone()).unwrap();
    let list = text(&wscope(&["lesson", "--lang", "en"]));
    for lesson in lesson::lessons() {
        assert!(list.contains(lesson.title.in_lang(Lang::En)), "{list}");
    }
    let english = text(&wscope(&["lesson", "6", "--lang", "en"]));
    assert!(english.contains("6.1  Unmask it by hand") && english.contains("6.5  A key of zeros"));
    assert!(
        english.contains("on the wire  b7 ec 24 5a") && english.contains("= 0x68 = \"h\""),
        "{english}"
    );
    let chinese = text(&wscope(&["lesson", "6", "--lang", "zh"]));
    assert!(chinese.contains("亲手去掉掩码") && chinese.contains("b7 ec 24 5a"));
    let wide = |line: &str| {
        line.chars()
            .map(|c| if c.is_ascii() { 1 } else { 2 })
            .sum::<usize>()
            > 160
    };
    assert!(!english.lines().chain(chinese.lines()).any(wide));

    let none = wscope(&["lesson", "99"]);
    assert_eq!(none.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&none.stderr).contains("there is no lesson 99"));

    let dir = TempDir::new().unwrap();
    let path = dir.path().to_str().unwrap();
    let saved = text(&wscope(&["lesson", "6", "--save", path]));
    let files: Vec<_> = saved.lines().collect();
    assert_eq!(files.len(), 2, "{saved}");
    for file in files {
        let printed = text(&wscope(&["print", file]));
        assert!(printed.contains("WebSocket session 0 opens"), "{printed}");
    }
    assert_eq!(
        wscope(&["lesson", "6", "--save", path]).status.code(),
        Some(2),
        "written over"
    );
}
