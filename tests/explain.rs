//! Every event of every capture is explained, in both languages, and nothing from the wire gets through as it is.

mod common;

use common::real::captures;
use std::collections::BTreeSet;
use std::path::PathBuf;
use wscope::engine;
use wscope::explain::texts::tr;
use wscope::explain::{Block, Explanation, Lang, Page, Story, columns, explain, lines};
use wscope::model::{Config, Event, EventKind, KINDS, Loan, Ws};
use wscope::sink::is_unsafe;
use wscope::source::Capture;

/// Explains every event of a capture.
fn each(path: &PathBuf, acks: bool, mut tell: impl FnMut(&Event, Loan<'_>, [Explanation; 2])) {
    let mut story = Story::new(acks, |event, flow, loan, talk| {
        let told = Lang::ALL.map(|lang| explain(lang, event, flow, loan, talk));
        tell(event, loan, told);
        Ok(())
    });
    let mut capture = Capture::open([path]).unwrap();
    engine::run(&mut capture, Config::default(), &mut story, |_, _| true).unwrap();
}

/// Every text of an explanation.
fn texts(told: &Explanation) -> Vec<&str> {
    let mut texts = vec![told.title.as_str()];
    texts.extend(told.what.iter().chain(&told.see).map(String::as_str));
    for section in &told.sections {
        texts.push(&section.title);
        for block in &section.blocks {
            match block {
                Block::Text(text) => texts.push(text),
                Block::Table(table) => {
                    let cells = table.rows.iter().flatten().chain(&table.head);
                    texts.extend(cells.map(String::as_str));
                    let columns = table.head.len();
                    assert!(table.rows.iter().all(|row| row.len() == columns));
                }
                Block::Ruler(ruler) => {
                    for cell in &ruler.cells {
                        texts.extend([&*cell.name, &*cell.value, &*cell.meaning]);
                        assert!(cell.bits.chars().all(|bit| "01?".contains(bit)));
                    }
                }
                Block::Bytes(..) => {}
            }
        }
    }
    texts
}

#[test]
fn every_event_of_every_capture_is_explained_in_both_languages() {
    let mut kinds = BTreeSet::new();
    for path in captures() {
        for acks in [false, true] {
            let mut laid_out = 0;
            each(&path, acks, |event, _, told| {
                kinds.insert(event.kind.word());
                let at = format!("{} {}", path.display(), event.id);
                for told in &told {
                    assert!(!told.title.is_empty() && !told.what.is_empty(), "{at}");
                    for text in texts(told) {
                        let bad = text.chars().find(|c| is_unsafe(*c));
                        assert!(bad.is_none(), "{at}: {bad:?} in {text:?}");
                    }
                }
                let [en, zh] = &told;
                assert_ne!(en.title, zh.title, "{at}");
                let see = en.see.iter().map(|see| tr(Lang::Zh, see, &[]));
                assert_eq!(see.collect::<Vec<_>>(), zh.see, "{at}");
                assert_eq!(en.what.len(), zh.what.len(), "{at}");
                assert_eq!(en.sections.len(), zh.sections.len(), "{at}");
                // Laying out takes longest: of each capture the first events are enough.
                laid_out += 1;
                for width in [40, 100].into_iter().filter(|_| !acks && laid_out < 80) {
                    for line in told.iter().flat_map(|told| lines(told, width)) {
                        let wide = columns(&line.text);
                        assert!(!line.text.contains('\n'), "{at}");
                        assert!(width == 40 || wide <= 120, "{at}: {}", line.text);
                    }
                }
            });
        }
    }
    for kind in KINDS {
        assert!(kinds.contains(kind), "no capture has a {kind}");
    }
}

fn find(capture: &str, id: &str) -> [Explanation; 2] {
    let mut found = None;
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("captures")
        .join(capture);
    each(&path, false, |event, _, told| {
        if event.id.to_string() == id {
            found = Some(told);
        }
    });
    found.unwrap_or_else(|| panic!("{capture} has no {id}"))
}

fn english(told: &Explanation) -> String {
    let lines = lines(told, 100);
    let lines: Vec<_> = lines.iter().map(|line| line.text.as_str()).collect();
    lines.join("\n")
}

#[test]
fn an_acknowledgement_is_a_sum() {
    // The server's echo confirms the client's frame: 499 bytes of HTTP, then 6 + 22.
    let [told, _] = find("tour.pcapng", "17.0");
    let text = english(&told);
    assert!(text.contains("ack 528 = seq 500 + 28"), "{text}");
    assert!(text.contains("all of packet 16 (28 bytes)"), "{text}");
    assert!(text.contains("seq 195 + 24 = 219"), "{text}");
}

#[test]
fn the_accept_value_is_worked_out() {
    let [told, chinese] = find("tour.pcapng", "6.1");
    let text = texts(&told).join("\n");
    assert!(
        text.contains("258EAFA5-E914-47DA-95CA-C5AB0DC85B11"),
        "{text}"
    );
    assert!(text.contains("✓ equal"), "{text}");
    assert!(english(&chinese).contains("✓ 相等"));
}

#[test]
fn a_frame_is_unmasked_byte_by_byte() {
    let [told, _] = find("tour.pcapng", "16.0");
    let text = english(&told);
    // df ⊕ 'h' …
    assert!(text.contains("= 01101000"), "{text}");
    assert!(text.contains("68 'h'"), "{text}");
    assert!(text.contains("|1|0|0|0|0 0 0 1|1|0 0 1 0 1 1 0|"), "{text}");
}

/// What the explanation's unmasking and ruler say is what the decoder says.
#[test]
fn rulers_agree_with_the_decoded_frames() {
    let mut frames = 0;
    for path in captures() {
        each(&path, false, |event, _, [told, _]| {
            let EventKind::Ws(Ws::Frame(frame)) = &event.kind else {
                return;
            };
            frames += 1;
            let blocks = told.sections.iter().flat_map(|section| &section.blocks);
            let ruler = blocks
                .filter_map(|block| match block {
                    Block::Ruler(ruler) => Some(ruler),
                    _ => None,
                })
                .next()
                .unwrap();
            let number = |name: &str| {
                let cell = ruler.cells.iter().find(|cell| cell.name == name)?;
                (!cell.bits.contains('?')).then(|| u64::from_str_radix(&cell.bits, 2).unwrap())
            };
            let at = format!("{} {}", path.display(), event.id);
            assert_eq!(number("FIN"), Some(frame.fin.into()), "{at}");
            assert_eq!(number("opcode"), Some(frame.opcode.0.into()), "{at}");
            let masked = frame.masking_key.is_some();
            assert_eq!(number("MASK"), Some(masked.into()), "{at}");
            let key = frame
                .masking_key
                .map(|key| u32::from_be_bytes(key.0).into());
            assert_eq!(number("masking key"), key, "{at}");
            let length = number("length 16")
                .or_else(|| number("length 64"))
                .or_else(|| number("length"));
            assert_eq!(length, Some(frame.length), "{at}");
            let header: usize = ruler
                .cells
                .iter()
                .filter(|cell| cell.name != "payload")
                .map(|cell| cell.bits.len())
                .sum();
            assert_eq!(header, usize::from(frame.header_length) * 8, "{at}");
        });
    }
    assert!(frames > 1000);
}

#[test]
fn copies_of_compressed_messages_name_the_message_they_come_from() {
    let (mut traced, mut from_earlier) = (0, 0);
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("captures/deflate.pcapng");
    each(&path, false, |event, loan, [told, _]| {
        let EventKind::Ws(Ws::Message(message)) = &event.kind else {
            return;
        };
        if !message.compressed {
            return;
        }
        let section = told
            .sections
            .iter()
            .find(|section| section.title == "How it inflates");
        let section = section.unwrap_or_else(|| panic!("{}", event.id));
        traced += 1;
        let tables: Vec<_> = section
            .blocks
            .iter()
            .filter_map(|block| match block {
                Block::Table(table) => Some(table),
                _ => None,
            })
            .collect();
        // Every byte of the message came from somewhere, and is counted once.
        let sum: u64 = tables[1]
            .rows
            .iter()
            .map(|row| row[0].parse::<u64>().unwrap())
            .sum();
        assert_eq!(sum, message.length, "{}", event.id);
        for row in tables.get(2).map_or(&[][..], |table| &table.rows) {
            let at: usize = row[0].parse().unwrap();
            let length: usize = row[1].split(' ').next().unwrap().parse().unwrap();
            let text = String::from_utf8_lossy(&loan.bytes[at..at + length]).into_owned();
            if length <= 40 && !text.chars().any(is_unsafe) {
                assert_eq!(row[2], format!("\"{text}\""), "{}", event.id);
            }
            from_earlier += u32::from(row[3].starts_with("message "));
        }
    });
    assert!(traced > 5 && from_earlier > 5, "{traced} {from_earlier}");
}

fn page(capture: &str, lang: Lang) -> Page {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("captures")
        .join(capture);
    let mut page = Page::new(lang, capture);
    let mut story = Story::new(true, |event, flow, loan, talk| {
        let told = explain(lang, event, flow, loan, talk);
        page.add(event, flow, talk.start, told);
        Ok(())
    });
    let mut capture = Capture::open([path]).unwrap();
    engine::run(&mut capture, Config::default(), &mut story, |_, _| true).unwrap();
    page
}

/// Tags are closed in the order in which they were opened, and attributes are quoted.
fn assert_well_formed(html: &str) {
    const VOID: &[&str] = &["meta", "input", "!DOCTYPE", "line", "path"];
    let mut open = Vec::new();
    let mut rest = html;
    while let Some((_, after)) = rest.split_once('<') {
        let (tag, after) = after.split_once('>').expect("a tag ends");
        rest = after;
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "before {:.60}", rest);
            continue;
        }
        let name = tag.split([' ', '/']).next().unwrap();
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        if name == "style" {
            rest = rest.split_once("</style>").expect("style ends").1;
        } else if !VOID.contains(&name) {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn pages_need_nothing_and_are_well_formed() {
    for capture in [
        "tour.pcapng",
        "violations.pcapng",
        "fragments.pcapng",
        "lossy.pcapng",
    ] {
        for lang in Lang::ALL {
            let html = page(capture, lang).html();
            assert_well_formed(&html);
            for needs in [
                "<script",
                "http-equiv=\"refresh",
                "src=",
                "href=",
                "url(",
                "@import",
            ] {
                assert!(!html.contains(needs), "{capture}: {needs}");
            }
            assert!(html.contains("default-src 'none'"));
            assert!(html.contains("<svg") && html.contains("class=\"ruler\""));
            assert!(html.contains(&format!("lang=\"{}\"", lang.tag())));
            assert!(!html.chars().any(|c| is_unsafe(c) && c != '\n'));
        }
    }
}

#[test]
fn what_came_over_the_wire_is_no_markup() {
    use wscope::model::{ConnId, Dir, Message};
    let mut pages = Vec::new();
    let hostile = "<script>alert(1)</script>&\"'|`*[x](y)\x1b[2J\u{202e}";
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("captures/tour.pcapng");
    each(&path, false, |event, _, _| {
        let EventKind::Ws(Ws::Message(message)) = &event.kind else {
            return;
        };
        let message = Message {
            kind: wscope::model::Kind::Text,
            length: hostile.len() as u64,
            ..*message
        };
        let event = Event {
            kind: EventKind::Ws(Ws::Message(message)),
            conn: ConnId(0),
            dir: Some(Dir::C2s),
            ..event.clone()
        };
        let flow = wscope::model::Flow {
            client: "[::1]:1".parse().map(end).unwrap(),
            server: "[::1]:2".parse().map(end).unwrap(),
        };
        let loan = Loan::known(hostile.as_bytes());
        let talk = wscope::explain::Talk::default();
        let told = explain(Lang::En, &event, &flow, loan, &talk);
        let mut page = Page::new(Lang::En, "a<b>&c");
        page.add(&event, &flow, event.time, told);
        pages.push(page);
    });
    let page = pages.first().expect("the tour has messages");
    let html = page.html();
    assert_well_formed(&html);
    assert!(!html.contains("<script") && html.contains("&lt;script&gt;"));
    let markdown = page.markdown();
    // What stands between fences is shown as it is.
    let outside: String = markdown.split("```").step_by(2).collect();
    assert!(!outside.contains("<script") && outside.contains("&lt;script&gt;"));
    for text in [&html, &markdown] {
        assert!(!text.chars().any(|c| is_unsafe(c) && c != '\n'));
    }
}

fn end(address: std::net::SocketAddr) -> wscope::model::Endpoint {
    wscope::model::Endpoint {
        ip: address.ip(),
        port: address.port(),
    }
}

fn source(path: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("src")
        .join(path);
    std::fs::read_to_string(path).unwrap()
}

/// The words that the method `word` of a type gives.
fn words(source: &str, of: &str) -> Vec<String> {
    let (_, body) = source.split_once(&format!("impl {of} {{")).unwrap();
    let (_, body) = body.split_once("pub fn word(").unwrap();
    let (body, _) = body.split_once("\n    }\n").unwrap();
    let words = body.lines().filter_map(|line| line.split_once("=> \""));
    let words: Vec<_> = words
        .map(|(_, word)| word.split('"').next().unwrap().to_owned())
        .collect();
    assert!(words.len() > 1, "{of}");
    words
}

#[test]
fn every_kind_of_thing_has_its_texts() {
    let mut keys = Vec::new();
    let titled =
        |prefix: &str, word: &str| [format!("{prefix}.{word}"), format!("{prefix}.{word}.title")];
    let labels = source("model/labels.rs");
    for word in words(&labels, "Label") {
        keys.extend(titled("label", &word));
    }
    let (_, whys) = labels.split_once("pub enum Why {").unwrap();
    let (whys, _) = whys.split_once("\n}").unwrap();
    for line in whys.lines().map(str::trim) {
        if let Some(name) = line.strip_suffix(',').filter(|_| !line.starts_with("///")) {
            keys.push(format!("why.{name}"));
        }
    }
    let tcp = source("model/tcp.rs");
    for word in words(&tcp, "AckKind") {
        keys.extend(titled("ack", &word));
    }
    for word in words(&tcp, "How") {
        keys.push(format!("how.{}", word.replace([' ', '-'], "_")));
    }
    for word in words(&tcp, "Tap") {
        keys.push(format!("tap.{}", word.replace(' ', "_")));
    }
    for word in words(&source("model/event.rs"), "What") {
        keys.extend(titled("anomaly", &word));
    }
    let insight = source("model/insight.rs");
    for word in words(&insight, "InsightKind") {
        keys.extend(titled("insight", &word));
    }
    for word in words(&insight, "Beat") {
        keys.push(format!("beat.{}", word.replace('.', "_")));
    }
    for word in words(&source("model/tls.rs"), "InsideState") {
        keys.extend(titled("tls.inside", &word));
    }
    for word in words(&source("model/ws.rs"), "Kind") {
        keys.extend([format!("kind.{word}"), format!("message.{word}")]);
    }
    for word in words(&source("model/finding.rs"), "Severity") {
        keys.push(format!("severity.{word}"));
    }
    for (word, _) in wscope::model::Cost::default().rows() {
        keys.push(format!("cost.{word}"));
    }
    assert!(keys.len() > 150);
    for key in keys {
        assert!(wscope::explain::texts::find(&key).is_some(), "{key}");
    }
}

/// The screen asks for its words by their English: the tables have all of them.
#[test]
fn the_screen_has_its_words_in_both_languages() {
    let mut asked = 0;
    let mut folders = vec![PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/tui")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            if path.extension().is_none_or(|it| it != "rs") {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let calls = [".tr(", " tr(", "(tr(", "&tr("];
            for after in calls.into_iter().flat_map(|call| text.split(call).skip(1)) {
                let after = after
                    .trim_start_matches("lang,")
                    .trim_start_matches("*lang,");
                let Some(literal) = after.trim_start().strip_prefix('"') else {
                    continue;
                };
                let english = literal.split('"').next().unwrap();
                assert!(
                    wscope::explain::texts::knows(english),
                    "{}: {english:?}",
                    path.display()
                );
                asked += 1;
            }
        }
    }
    assert!(asked > 60, "{asked}");
}

#[test]
fn every_rule_has_its_text_and_the_english_is_its_own() {
    let mut rules = 0;
    for rule in wscope::rules::rules() {
        let text = wscope::explain::texts::find(&format!("rule.{}", rule.id));
        let text = text.unwrap_or_else(|| panic!("{}", rule.id));
        assert_eq!(text.in_lang(Lang::En), rule.title, "{}", rule.id);
        rules += 1;
    }
    assert_eq!(rules, 127);
}
