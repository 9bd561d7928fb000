//! The lessons are true: every step's events are there, and its capture shows what its text says.

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
