//! In Chinese nothing is left in English: every sentence that the engine can put together has its line in a table,
//! and no page, list or total of any capture holds a run of English words.

mod common;

use common::real::captures;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, Stdio};
use wscope::engine;
use wscope::explain::{Block, Explanation, Lang, Page, Story, explain, sentences, translated};
use wscope::field::Filter;
use wscope::model::{Config, Event, EventKind, FrameStart, Insight, InsightKind, Tls, Ws};
use wscope::sink::placeholders;
use wscope::source::Capture;

/// What the engine says in a sentence of its own.
fn sentence(event: &Event) -> Vec<&str> {
    match &event.kind {
        EventKind::Anomaly(anomaly) => vec![&anomaly.text],
        EventKind::Finding(finding) => vec![&finding.text],
        EventKind::Ws(Ws::Close(close)) => vec![&close.why],
        EventKind::Tls(Tls::Inside(inside)) => vec![&inside.text],
        EventKind::Tls(Tls::Close(close)) => {
            close.websocket_likely.as_deref().into_iter().collect()
        }
        EventKind::Insight(Insight { kind, .. }) => match kind {
            InsightKind::StillOpen(text) => vec![text],
            InsightKind::GivenUp { what, .. } => vec![what],
            InsightKind::Silence(it) => it.outlived.iter().map(|(_, who)| *who).collect(),
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

/// A run of at least four English words that is no payload (which stands in quotes), and no name.
fn english(text: &str) -> Option<String> {
    let mut plain = String::new();
    for (nth, part) in text.split('"').enumerate() {
        plain.push_str(if nth % 2 == 0 { part } else { "\u{1}" });
    }
    let is_word = |word: &&str| {
        let bare = word.trim_end_matches([',', ';', ':']);
        let hex = bare.len() == 2 && bare.chars().all(|c| c.is_ascii_hexdigit());
        // What a header field lists is its own.
        let listed = ["gzip", "deflate", "br", "zstd"].contains(&bare);
        bare.len() > 1 && !hex && !listed && bare.chars().all(|c| c.is_ascii_lowercase())
    };
    let words: Vec<_> = plain.split(' ').collect();
    let run = words.windows(4).find(|run| run.iter().all(is_word))?;
    Some(run.join(" "))
}

#[test]
fn a_run_of_english_words_is_seen() {
    assert!(english("错误：the client reset TCP without any close frame").is_some());
    assert_eq!(english("文本 \"the client said so and so\"，5 字节"), None);
    assert_eq!(
        english("permessage-deflate; server_no_context_takeover, 是 16 个字节"),
        None
    );
}

fn texts(told: &Explanation) -> Vec<&str> {
    let mut texts = vec![told.title.as_str()];
    texts.extend(told.what.iter().map(String::as_str));
    for section in &told.sections {
        texts.push(&section.title);
        for block in &section.blocks {
            match block {
                // What a message says is its own.
                Block::Text(_) | Block::Bytes(..) => {}
                Block::Table(table) => {
                    let cells = table.rows.iter().flatten().chain(&table.head);
                    texts.extend(cells.map(String::as_str));
                }
                Block::Ruler(ruler) => {
                    for cell in &ruler.cells {
                        texts.extend([&*cell.name, &*cell.meaning]);
                    }
                }
            }
        }
    }
    texts
}

#[test]
fn every_sentence_and_every_explanation_of_every_capture_is_chinese() {
    let mut left = BTreeMap::new();
    let mut said = 0;
    for path in captures() {
        let mut story = Story::new(true, |event, flow, loan, talk| {
            for text in sentence(event) {
                said += 1;
                if translated(text).is_none() {
                    left.insert(text.to_owned(), format!("{} {}", path.display(), event.id));
                }
            }
            let told = explain(Lang::Zh, event, flow, loan, talk);
            for text in texts(&told) {
                if let Some(run) = english(text) {
                    left.insert(
                        format!("{run} ({text})"),
                        format!("{} {}", path.display(), event.id),
                    );
                }
            }
            Ok(())
        });
        let mut capture = Capture::open([&path]).unwrap();
        engine::run(&mut capture, Config::default(), &mut story, |_, _| true).unwrap();
    }
    assert!(said > 1_000, "{said}");
    assert!(left.is_empty(), "{left:#?}");
}

/// Runs wscope in Chinese; what it says must have no run of English words.
fn run(arguments: &[&str], left: &mut BTreeMap<String, String>) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_wscope"))
        .args(arguments)
        .args(["--lang", "zh", "--color", "never"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_remove("SSLKEYLOGFILE")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    for line in said.lines() {
        if let Some(run) = english(line) {
            left.insert(format!("{run}: {line}"), arguments.join(" "));
        }
    }
    said
}

#[test]
fn no_list_and_no_total_of_any_capture_has_a_run_of_english_words() {
    let mut left = BTreeMap::new();
    for path in captures() {
        let path = path.to_str().unwrap();
        for command in [
            &["print", "--acks", path][..],
            &["stats", path],
            &["check", "-v", path],
            &["keys", path],
        ] {
            assert!(!run(command, &mut left).is_empty());
        }
    }
    for rule in wscope::rules::rules() {
        run(&["rules", rule.id], &mut left);
    }
    for number in 1..=16 {
        run(&["lesson", &number.to_string(), "--print"], &mut left);
    }
    for command in [
        &["rules"][..],
        &["interfaces"],
        &["lab", "make", "captures/tour.pcapng"],
        &["rules", "nonsense"],
        &["explain", "captures/tour.pcapng", "99.9"],
        &["lesson", "99"],
        &["print", "nowhere.pcap"],
        &["print", "Cargo.toml"],
        &["print", "--events", "nonsense", "captures/tour.pcapng"],
        &["lab", "grade", "captures/tour.pcapng"],
        &["fields", "nonsense"],
    ] {
        assert!(!run(command, &mut left).is_empty());
    }
    assert!(left.is_empty(), "{left:#?}");
}

#[test]
fn a_page_has_no_run_of_english_words() {
    for name in [
        "tour.pcapng",
        "violations.pcapng",
        "lossy.pcapng",
        "closes.pcapng",
    ] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("captures")
            .join(name);
        let mut page = Page::new(Lang::Zh, name);
        let mut story = Story::new(false, |event, flow, loan, talk| {
            page.add(
                event,
                flow,
                talk.start,
                explain(Lang::Zh, event, flow, loan, talk),
            );
            Ok(())
        });
        let mut capture = Capture::open([&path]).unwrap();
        engine::run(&mut capture, Config::default(), &mut story, |_, _| true).unwrap();
        drop(story);
        let html = page.html();
        let (_, body) = html.split_once("</style>").unwrap();
        // Tags out; what a message says stands in quotes, or in its own paragraph.
        let mut text = String::new();
        for part in body.split('<') {
            let (tag, rest) = part.split_once('>').unwrap_or(("", part));
            let own = tag.starts_with("pre");
            text += if own { "" } else { rest };
            text.push('\n');
        }
        let text = text.replace("&quot;", "\"").replace("&#39;", "'");
        let payload =
            |line: &str| name == "lossy.pcapng" || line.contains("hello from the browser");
        let left: BTreeSet<_> = text
            .lines()
            .filter(|line| !payload(line))
            .filter_map(|line| english(line).map(|run| format!("{run}: {line}")))
            .collect();
        assert!(left.is_empty(), "{name}: {left:#?}");
    }
}

/// The literals of what rules, layers and folds can say, with `{}` for every value: each must be in the table, also
/// those that no capture of ours brings about.
#[test]
fn every_sentence_in_the_source_is_in_the_table() {
    let skeleton = |text: &str| {
        let mut out = text.to_owned();
        for name in placeholders(text) {
            for one in [format!("{{{name}}}"), format!("{{{name}:?}}")] {
                out = out.replace(&one, "{}");
            }
        }
        // `{n|one|many}` of the table is what `s` is for in the source.
        while let Some((before, rest)) = out
            .split_once('{')
            .filter(|(_, rest)| !rest.starts_with('}'))
        {
            let Some((_, after)) = rest.split_once('}') else {
                break;
            };
            out = format!("{before}{{}}{after}");
        }
        out
    };
    let known: BTreeSet<String> = sentences().map(|(english, _)| skeleton(english)).collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut missing = BTreeSet::new();
    let mut found = 0;
    let folder = std::fs::read_dir(root.join("rules")).unwrap();
    for file in folder.map(|file| file.unwrap().path()) {
        let source = std::fs::read_to_string(&file).unwrap();
        for call in source.split("note(").skip(1) {
            let call = call.trim_start();
            let call = call.strip_prefix("format!(").unwrap_or(call).trim_start();
            let Some(literal) = call.strip_prefix('"') else {
                continue;
            };
            let mut end = 0;
            let mut escaped = false;
            for (at, c) in literal.char_indices() {
                if c == '"' && !escaped {
                    end = at;
                    break;
                }
                escaped = c == '\\' && !escaped;
            }
            let literal = literal[..end].replace("\\\"", "\"");
            found += 1;
            // Formats such as `{:?}` and `{by:#x}` are values too.
            let mut plain = String::new();
            let mut rest = literal.as_str();
            while let Some((before, after)) = rest.split_once('{') {
                let Some((_, behind)) = after.split_once('}') else {
                    break;
                };
                plain += before;
                plain += "{}";
                rest = behind;
            }
            plain += rest;
            // What is composed further is seen in captures, or in the test of the catalogue.
            let composed = ["the status is {}{}", "the {} reset TCP {}", "{} answers {}"];
            let frames = "{} went into the intermediary (event {}), and {} came out";
            let quoted = plain.replace("\"{}\"", "{}").replace("{} ms", "{}");
            let fixed = !plain.contains("{}") && translated(&plain).is_some();
            let fits = fixed || known.contains(&plain) || known.contains(&quoted);
            if !fits && !composed.contains(&plain.as_str()) && plain != frames {
                missing.insert(plain);
            }
        }
    }
    assert!(found > 100, "{found}");
    assert!(missing.is_empty(), "{missing:#?}");
    // What layers and folds say of what they could not see: one literal each.
    let mut said = 0;
    for file in [
        "tcp/connection.rs",
        "proto/host.rs",
        "proto/http1/mod.rs",
        "proto/tunnel.rs",
        "proto/websocket/mod.rs",
        "proto/websocket/loss.rs",
        "proto/websocket/message.rs",
        "proto/tls/record.rs",
        "proto/tls/keys.rs",
        "proto/tls/flight.rs",
        "engine/mod.rs",
        "insight/pairs.rs",
        "insight/delivery.rs",
        "rules/missing.rs",
        "insight/timers.rs",
    ] {
        let source = std::fs::read_to_string(root.join(file)).unwrap();
        let source = source.split("#[cfg(test)]\nmod tests").next().unwrap();
        let code: Vec<_> = source
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .collect();
        let code = code.join("\n").replace("\\\n", "\u{1}");
        for literal in code.split('"').skip(1).step_by(2) {
            // A line that goes on is one literal.
            let literal: Vec<_> = literal.split('\u{1}').map(str::trim_start).collect();
            let literal = literal.concat();
            // What begins with a comma is a part of one.
            let part = literal.starts_with(", ");
            if literal.split(' ').count() < 5 || literal.contains('{') || part {
                continue;
            }
            said += 1;
            if translated(&literal).is_none() {
                missing.insert(format!("{file}: {literal}"));
            }
        }
    }
    assert!(said > 35, "{said}");
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn what_is_printed_in_chinese() {
    let mut left = BTreeMap::new();
    insta::assert_snapshot!(
        "print",
        run(&["print", "--acks", "captures/tour.pcapng"], &mut left)
    );
    insta::assert_snapshot!(
        "stats",
        run(
            &["stats", "captures/polling-and-websocket.pcapng"],
            &mut left
        )
    );
    insta::assert_snapshot!(
        "check",
        run(&["check", "-v", "captures/closes.pcapng"], &mut left)
    );
    insta::assert_snapshot!(
        "explain",
        run(&["explain", "captures/tour.pcapng", "26.1"], &mut left)
    );
    insta::assert_snapshot!(
        "finding",
        run(
            &["explain", "captures/violations.pcapng", "115.2"],
            &mut left
        )
    );
    insta::assert_snapshot!("rule", run(&["rules", "WS-FRAME-CLIENT-MASK"], &mut left));
}

#[test]
fn what_scripts_read_is_the_same_in_every_language() {
    for capture in ["captures/tour.pcapng", "captures/violations.pcapng"] {
        for command in [
            &["print", "--json", "--acks", capture][..],
            &["stats", "--json", "--checksum", capture],
            &["check", "--format", "json", capture],
            &["check", "--format", "junit", capture],
            &["check", "--format", "sarif", capture],
        ] {
            let [english, chinese] = Lang::ALL.map(|lang| {
                let output = Command::new(env!("CARGO_BIN_EXE_wscope"))
                    .args(command)
                    .args(["--lang", lang.word()])
                    .current_dir(env!("CARGO_MANIFEST_DIR"))
                    .stdin(Stdio::null())
                    .output()
                    .unwrap();
                assert!(output.stderr.is_empty(), "{command:?}");
                assert!(output.stdout.len() > 100, "{command:?}");
                (output.stdout, output.status.code())
            });
            assert!(english == chinese, "{command:?}");
        }
    }
}

#[test]
fn a_header_that_was_cut_is_told_in_chinese() {
    for first in 0..=255 {
        for header in [&[first][..], &[first, 0x85, 1]] {
            let english = FrameStart::read(header).unwrap().to_string();
            let said = translated(&english).unwrap_or_else(|| panic!("{english}"));
            assert!(said.starts_with("只有帧头的"), "{said}");
        }
    }
}

#[test]
fn what_is_wrong_with_a_filter_is_said_in_chinese() {
    let wrong = [
        "",
        "tcp.port = 80",
        "tcp.port == \"80",
        "tcp.port == 80)",
        "(tcp.port == 80",
        "tcp.port == 80 tcp.port == 81",
        "tcp.port in 80",
        "tcp.port in {80",
        "tcp.port ==",
        "tcp.port == eighty",
        "tcp.port contains 8",
        "tcp.porto == 80",
        "nonsense == 80",
        "== 80",
        "\"price\" == 80",
        "&& tcp.port",
        "tcp.port &&",
        "ip.addr == fe80::1",
        "ip.addr == here",
        "frame.time == noon",
        "frame.time_delta > soon",
        "websocket.opcode == pang",
        "websocket.fin == maybe",
        "websocket.payload.text contains price",
        "websocket.payload.text contains \"\\q\"",
        "websocket.payload.text contains \"\\u{zz}\"",
        "websocket.payload.text matches \"(\"",
        "websocket.payload contains 8x",
        "tcp.port == 80 # comment",
        "tcp.port == '80'",
        "tcp.port [80..90]",
    ];
    let long = "a".repeat(100_000);
    let deep = "(".repeat(1000);
    let mut found = 0;
    for text in wrong.into_iter().chain([&*long, &*deep]) {
        let Err(problem) = Filter::new(text) else {
            continue;
        };
        found += 1;
        let said = translated(&problem.to_string());
        let said = said.unwrap_or_else(|| panic!("{text:.40}: {problem}"));
        assert!(said.starts_with('第') && english(&said).is_none(), "{said}");
    }
    assert!(found >= 28, "{found}");
}
