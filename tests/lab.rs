//! Sheets of questions: right answers get full marks, wrong ones are marked wrong and explained, and nothing is
//! asked that the capture does not decide.

mod common;

use common::real::tshark_version;
use std::path::Path;
use std::process::{Command, Output};
use tempfile::TempDir;
use wscope::engine;
use wscope::explain::Lang;
use wscope::forge::Order as Forge;
use wscope::lab::{Answers, Facts, Form, Lab, Order, Question, Room, Verdict, report};
use wscope::model::Limits;
use wscope::source::Capture;

fn facts(mut capture: Capture) -> Facts {
    let mut facts = Facts::default();
    engine::run(&mut capture, Limits::default(), &mut facts, |_, _| true).unwrap();
    facts.settled()
}

fn recorded(name: &str) -> Facts {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("captures")
        .join(name);
    facts(Capture::open([path]).unwrap())
}

fn forged(order: Forge) -> Facts {
    let mut bytes = Vec::new();
    order.forge().unwrap().write(&mut bytes).unwrap();
    facts(Capture::from_reader("forged", std::io::Cursor::new(bytes)))
}

fn sheet(facts: &Facts, seed: u64, level: u8, count: usize) -> Lab {
    let capture = "x.pcapng".to_owned();
    Lab::make(
        facts,
        Order {
            capture,
            seed,
            level,
            count,
        },
    )
}

/// Fills the form in.
fn fill(lab: &Lab, mut answer: impl FnMut(usize) -> String) -> Answers {
    let mut text = lab.form(Lang::En);
    for number in 1..=lab.questions.len() {
        text.push_str(&format!("{number}: {}\n", answer(number - 1)));
    }
    Answers::read(&text).unwrap()
}

const CAPTURES: [&str; 9] = [
    "tour.pcapng",
    "fragments.pcapng",
    "closes.pcapng",
    "deflate.pcapng",
    "idle.pcapng",
    "reset.pcapng",
    "lossy.pcapng",
    "refused.pcapng",
    "midstream.pcapng",
];

#[test]
fn right_answers_get_full_marks_and_wrong_ones_are_explained() {
    let mut slips = 0;
    for name in CAPTURES {
        let facts = recorded(name);
        for seed in 0..6 {
            let lab = sheet(&facts, seed, 3, 40);
            // Of a session that was joined in the middle little is decided.
            let least = if name.starts_with("midstream") { 1 } else { 5 };
            assert!(
                lab.questions.len() >= least,
                "{name}: {} questions",
                lab.questions.len()
            );
            let right = fill(&lab, |nth| lab.questions[nth].answer.clone());
            for it in lab.mark(&right) {
                assert_eq!(
                    it.verdict,
                    Verdict::Right,
                    "{name} {seed}: {:?}",
                    it.question
                );
            }
            let wrong = fill(&lab, |nth| match lab.questions[nth].form {
                Form::Side if lab.questions[nth].answer == "client" => "server".to_owned(),
                Form::Side => "client".to_owned(),
                _ => "999999".to_owned(),
            });
            let marked = lab.mark(&wrong);
            let said = report("", &marked, Lang::En);
            for it in &marked {
                assert_eq!(
                    it.verdict,
                    Verdict::Wrong,
                    "{name} {seed}: {:?}",
                    it.question
                );
                assert!(said.contains(&it.question.why.en), "{name}: {said}");
            }
            let empty = fill(&lab, |_| String::new());
            assert!(
                lab.mark(&empty)
                    .iter()
                    .all(|it| it.verdict == Verdict::Empty)
            );
            for (nth, question) in lab.questions.iter().enumerate() {
                for slip in &question.slips {
                    slips += 1;
                    let answers = fill(&lab, |other| {
                        if other == nth {
                            slip.answer.clone()
                        } else {
                            String::new()
                        }
                    });
                    let marked = &lab.mark(&answers)[nth];
                    assert_eq!(marked.verdict, Verdict::Wrong, "{name}: {question:?}");
                    assert_eq!(marked.slip, Some(&slip.why), "{name}: {question:?}");
                }
                for text in [&question.ask, &question.hint, &question.why] {
                    assert!(!text.en.is_empty() && !text.zh.is_empty(), "{question:?}");
                }
            }
        }
    }
    assert!(slips > 100, "{slips}");
}

#[test]
fn another_seed_asks_otherwise_and_the_same_one_the_same() {
    let facts = recorded("tour.pcapng");
    let one = sheet(&facts, 1, 3, 10);
    assert_eq!(one, sheet(&facts, 1, 3, 10));
    assert_eq!(one.questions.len(), 10);
    let two = sheet(&facts, 2, 3, 10);
    let common = one
        .questions
        .iter()
        .filter(|it| two.questions.contains(it))
        .count();
    assert!(common < 8, "{common} of ten are the same");
    for level in 1..=3 {
        let lab = sheet(&facts, 5, level, 10);
        assert!(lab.questions.iter().all(|it| it.level <= level));
        assert!(lab.questions.is_sorted_by_key(|it| it.level));
    }
}

#[test]
fn what_the_capture_lost_is_not_asked_about() {
    // Whatever needs to know that everything is there.
    let whole = [
        "count", "closer", "code", "fin", "ack", "overhead", "report", "number", "pong",
    ];
    let asked = |facts: &Facts| -> Vec<String> {
        let all = (0..20).flat_map(|seed| sheet(facts, seed, 3, 99).questions);
        all.map(|it| it.topic).collect()
    };
    let order = Forge {
        messages: 6,
        ping: 1,
        seed: 3,
        ..Forge::default()
    };
    let all = asked(&forged(order.clone()));
    for topic in whole {
        assert!(all.iter().any(|it| it == topic), "{topic} is never asked");
    }
    for seed in 0..4 {
        let torn = asked(&forged(Forge {
            lose: 1,
            seed,
            ..order.clone()
        }));
        for topic in whole {
            assert!(
                torn.iter().all(|it| it != topic),
                "{topic} is asked though bytes are lost"
            );
        }
        assert!(!torn.is_empty(), "what is there may be asked about");
    }
    let joined = asked(&recorded("midstream.pcapng"));
    assert!(
        joined
            .iter()
            .all(|it| !["handshake", "count", "accept"].contains(&it.as_str()))
    );
}

/// Relative acknowledgement numbers, masking keys and opcodes as tshark shows them.
#[test]
fn tshark_gives_the_same_answers() {
    if tshark_version().is_none() {
        return;
    }
    let mut compared = 0;
    for name in ["tour.pcapng", "idle.pcapng", "fragments.pcapng"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("captures")
            .join(name);
        let output = Command::new("tshark")
            .args(["-r", path.to_str().unwrap(), "-T", "fields"])
            .args([
                "-e",
                "frame.number",
                "-e",
                "tcp.ack",
                "-e",
                "websocket.opcode",
                "-e",
                "websocket.masking_key",
            ])
            .output()
            .unwrap();
        let rows = String::from_utf8(output.stdout).unwrap();
        let field = |packet: &str, nth: usize| -> Option<String> {
            let row = rows
                .lines()
                .find(|row| row.split('\t').next() == Some(packet))?;
            row.split('\t').nth(nth).map(str::to_owned)
        };
        let facts = recorded(name);
        for question in (0..8).flat_map(|seed| sheet(&facts, seed, 2, 99).questions) {
            let nth = match question.topic.as_str() {
                "number" => 1,
                "opcode" => 2,
                "key" => 3,
                _ => continue,
            };
            let words = question.ask.en.split(|c: char| !c.is_ascii_alphanumeric());
            let packet = words.skip_while(|word| *word != "packet").nth(1).unwrap();
            let theirs = field(packet, nth).unwrap();
            // Where fragments follow, tshark shows a frame in a later packet than its own.
            if theirs.is_empty() {
                continue;
            }
            let ours = question.answer.replace(' ', "");
            assert_eq!(
                theirs.replace([':', ' '], ""),
                ours,
                "{name}: {}",
                question.ask.en
            );
            compared += 1;
        }
    }
    assert!(compared > 40, "{compared}");
}

fn wscope(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_wscope"))
        .args(args)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn the_command_makes_and_grades() {
    let dir = TempDir::new().unwrap();
    let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let make = [
        "lab",
        "make",
        "captures/tour.pcapng",
        "--seed",
        "7",
        "-o",
        &at(""),
    ];
    let output = wscope(&make);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let sheet = std::fs::read_to_string(at("sheet.md")).unwrap();
    assert!(sheet.contains("## Level 1") && sheet.contains("## Hints") && sheet.contains("\n10. "));
    let again = wscope(&make);
    assert_eq!(again.status.code(), Some(2));
    assert!(text(&again.stderr).contains("--force writes over it"));
    let chinese = wscope(&[
        "lab",
        "make",
        "captures/tour.pcapng",
        "--seed",
        "7",
        "--lang",
        "zh",
    ]);
    assert!(text(&chinese.stdout).contains("第一级") && text(&chinese.stdout).contains("\n10. "));

    let key: Lab = Lab::read_key(&std::fs::read_to_string(at("key.toml")).unwrap()).unwrap();
    let mut form = std::fs::read_to_string(at("answers.txt")).unwrap();
    for (number, question) in (1..).zip(&key.questions) {
        let answer = if number == 3 {
            "nonsense"
        } else {
            question.answer.as_str()
        };
        form = form.replace(
            &format!("\n{number}:\n"),
            &format!("\n{number}: {answer}\n"),
        );
    }
    form = form.replace("name:", "name: 韩梅梅");
    std::fs::write(at("done.txt"), &form).unwrap();
    let by_key = wscope(&["lab", "grade", &at("done.txt"), "--key", &at("key.toml")]);
    assert_eq!(by_key.status.code(), Some(0), "{}", text(&by_key.stderr));
    let said = text(&by_key.stdout);
    assert!(
        said.contains("韩梅梅") && said.contains("9 of 10 right") && said.contains("nonsense"),
        "{said}"
    );
    assert!(said.contains(&key.questions[2].why.en), "{said}");
    let by_capture = wscope(&[
        "lab",
        "grade",
        &at("done.txt"),
        "--capture",
        "captures/tour.pcapng",
    ]);
    assert_eq!(text(&by_capture.stdout), said);

    let neither = wscope(&["lab", "grade", &at("done.txt")]);
    assert_eq!(neither.status.code(), Some(2));
    assert!(text(&neither.stderr).contains("--key KEY or --capture FILE"));
    std::fs::write(at("other.txt"), form.replace("seed=7", "seed=8")).unwrap();
    let other = wscope(&["lab", "grade", &at("other.txt"), "--key", &at("key.toml")]);
    assert_eq!(other.status.code(), Some(2));
    assert!(text(&other.stderr).contains("of sheet 8"));
    let none = wscope(&["lab", "make", "captures/README.md"]);
    assert_eq!(none.status.code(), Some(2));
}

/// A capture of many connections, some of them long, some without WebSocket, with so much room for it.
fn crowded(room: Room) -> Facts {
    let mut bytes = Vec::new();
    let order = Forge {
        messages: 300,
        ..Forge::default()
    };
    order.forge().unwrap().write(&mut bytes).unwrap();
    let files = [
        "twelve.pcapng",
        "polling-and-websocket.pcapng",
        "tour.pcapng",
    ];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures");
    let forged = TempDir::new().unwrap();
    let long = forged.path().join("long.pcapng");
    std::fs::write(&long, bytes).unwrap();
    let mut files: Vec<_> = files.iter().map(|name| folder.join(name)).collect();
    files.insert(2, long);
    let mut facts = Facts::with_room(room);
    let mut capture = Capture::open(&files).unwrap();
    engine::run(&mut capture, Limits::default(), &mut facts, |_, _| true).unwrap();
    facts.settled()
}

#[test]
fn of_a_large_capture_a_part_is_asked_about_and_the_answers_are_the_same() {
    let all = crowded(Room {
        sessions: 1_000_000,
        others: 1_000_000,
        one: 1_000_000,
    });
    assert!(all.left().is_nothing() && all.left().words(Lang::En).is_empty());
    let questions = |facts: &Facts| {
        let mut found = Vec::new();
        for seed in 0..40 {
            found.extend(sheet(facts, seed, 3, 60).questions);
        }
        found
    };
    // What is decided by all of it; numbers of a student's own are worked out anew for each seed.
    let own = |it: &&Question| it.topic.ends_with("-own") || it.ask.en.contains("another");
    let right: std::collections::BTreeMap<_, _> = questions(&all)
        .iter()
        .map(|it| (it.ask.en.clone(), it.answer.clone()))
        .collect();
    let mut compared = 0;
    for (sessions, others, one) in [
        (800, 300, 200),
        (2_000, 100, 90),
        (5_000, 40, 5_000),
        (150, 40, 120),
    ] {
        let part = crowded(Room {
            sessions,
            others,
            one,
        });
        let left = part.left();
        assert!(!left.is_nothing(), "{sessions} {others} {one}");
        let asked = questions(&part);
        assert!(
            asked.len() > 100,
            "{sessions} {others} {one}: {}",
            asked.len()
        );
        for question in asked.iter().filter(|it| !own(it)) {
            if let Some(answer) = right.get(&question.ask.en) {
                compared += 1;
                assert_eq!(&question.answer, answer, "{}", question.ask.en);
            }
        }
        let sheet = sheet(&part, 1, 3, 10);
        assert!(sheet.sheet(Lang::En).contains("The capture is large: "));
        assert!(sheet.sheet(Lang::Zh).contains("抓包很大："));
        // The key says it too, and reads back.
        let key = sheet.key().unwrap();
        assert_eq!(Lab::read_key(&key).unwrap(), sheet);
    }
    assert!(compared > 1_000, "{compared}");
}
