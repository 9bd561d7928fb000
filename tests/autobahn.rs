//! The Autobahn test suite breaks the protocol on purpose: exactly its violations are found, on its
//! own side, and nothing against the four implementations that it tests.
//!
//! `captures/autobahn/cases.jsonl` has the suite's own word: which session was which case, and which
//! close codes it would have from the tested side.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use wscope::engine::run;
use wscope::model::{
    ConnId, Dir, Event, EventKind, Finding, Flow, Http, Limits, Loan, Severity, Sink, Verdict, Want,
};
use wscope::source::Capture;

/// The findings of each session, by its key.
#[derive(Default)]
struct Sessions {
    keys: HashMap<ConnId, String>,
    findings: HashMap<String, Vec<Finding>>,
}

impl Sink for Sessions {
    fn want(&self) -> Want {
        Want::default()
    }

    fn event(&mut self, event: &Event, _: &Flow, _: Loan<'_>) -> io::Result<()> {
        match &event.kind {
            EventKind::Http(Http::Request(request)) => {
                if let Some(key) = request.all("sec-websocket-key").next() {
                    let key = String::from_utf8_lossy(key).into_owned();
                    self.findings.entry(key.clone()).or_default();
                    self.keys.insert(event.conn, key);
                }
            }
            EventKind::Finding(finding) if finding.verdict == Verdict::Fail => {
                let key = &self.keys[&event.conn];
                self.findings
                    .get_mut(key)
                    .unwrap()
                    .push((**finding).clone());
            }
            _ => {}
        }
        Ok(())
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("captures/autobahn")
}

fn sessions(name: &str) -> HashMap<String, Vec<Finding>> {
    let mut capture = Capture::open([folder().join(name)]).unwrap();
    let mut sessions = Sessions::default();
    let run = run(&mut capture, Limits::default(), &mut sessions, |_, _| true).unwrap();
    assert!(run.errors.is_empty());
    sessions.findings
}

/// What a case does that a rule forbids, errors and warnings, as the suite's description of it says.
/// Where text is no UTF-8, one of the rules about that; which one depends on the bytes.
fn provoked(case: &[u32], codes: &[u64], fuzzer: Dir) -> &'static [&'static str] {
    match case {
        [2, 5] | [7, 3, 6] => &["WS-FRAME-CONTROL-LENGTH"],
        [3, 1] => &["WS-FRAME-RSV3"],
        [3, 2] => &["WS-FRAME-RSV2"],
        [3, 3] => &["WS-FRAME-RSV2", "WS-FRAME-RSV3"],
        [3, 4] => &["WS-FRAME-RSV1"],
        [3, 5] => &["WS-FRAME-RSV1", "WS-FRAME-RSV3"],
        [3, 6] => &["WS-FRAME-RSV1", "WS-FRAME-RSV2"],
        [3, 7] => &["WS-FRAME-RSV1", "WS-FRAME-RSV2", "WS-FRAME-RSV3"],
        [4, 1, _] => &["WS-FRAME-OPCODE-DATA"],
        [4, 2, _] => &["WS-FRAME-OPCODE-CONTROL"],
        [5, 1 | 2] => &["WS-FRAME-CONTROL-FIN", "WS-MESSAGE-ORPHAN"],
        [5, 9..=17] => &["WS-MESSAGE-ORPHAN"],
        [5, 18] => &["WS-MESSAGE-INTERLEAVED"],
        [6, ..] if codes == [1007] => &["text"],
        [7, 1, 2] => &["WS-CLOSE-TWICE"],
        [7, 1, 3 | 6] => &["WS-PING-AFTER-CLOSE"],
        [7, 1, 4 | 5] => &["WS-CLOSE-DATA-AFTER"],
        [7, 3, 2] => &["WS-CLOSE-BODY"],
        [7, 5, 1] => &["WS-CLOSE-REASON-UTF8"],
        // Only a client may say that it misses an extension.
        [7, 7, 8] if fuzzer == Dir::S2c => &["WS-CLOSE-CODE-1010"],
        [7, 9, 1 | 2] => &["WS-CLOSE-CODE-LOW"],
        [7, 9, 3] => &["WS-CLOSE-CODE-1004"],
        [7, 9, 4 | 5] => &["WS-CLOSE-CODE-LOCAL"],
        [7, 9, _] => &["WS-CLOSE-CODE-UNASSIGNED"],
        [7, 13, _] => &["WS-CLOSE-CODE-HIGH"],
        _ => &[],
    }
}

/// How the suite behaves in any case: after the closes it resets, and where the tested side fails the
/// connection it says goodbye a second time, or with a code of its own.
const MANNERS: [&str; 2] = ["WS-CLOSE-RESET", "WS-CLOSE-TWICE"];

#[test]
fn exactly_what_the_suite_provokes_is_found_and_nothing_against_whom_it_tests() {
    let found = [sessions("servers.pcapng.gz"), sessions("clients.pcapng.gz")];
    let list = std::fs::read_to_string(folder().join("cases.jsonl")).unwrap();
    let mut wrong = Vec::new();
    let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
    for line in list.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let text = |key: &str| line[key].as_str().unwrap();
        let (tested, fuzzer, found) = match text("tested") {
            "server" => (Dir::S2c, Dir::C2s, &found[0]),
            _ => (Dir::C2s, Dir::S2c, &found[1]),
        };
        let name = format!("{} {} {}", text("tested"), text("agent"), text("case"));
        let findings = &found[text("key")];
        let case: Vec<u32> = text("case")
            .split('.')
            .map(|it| it.parse().unwrap())
            .collect();
        let codes = line["codes"].as_array().unwrap();
        let codes: Vec<_> = codes.iter().filter_map(serde_json::Value::as_u64).collect();

        let mut theirs: Vec<_> = findings
            .iter()
            .filter(|it| it.side == fuzzer && it.severity != Severity::Note)
            .map(|it| {
                if it.rule.starts_with("WS-MESSAGE-UTF8") {
                    "text"
                } else {
                    it.rule
                }
            })
            .collect();
        theirs.sort_unstable();
        theirs.dedup();
        let mut wanted = provoked(&case, &codes, fuzzer).to_vec();
        theirs.retain(|rule| wanted.contains(rule) || !MANNERS.contains(rule));
        wanted.sort_unstable();
        if theirs != wanted {
            wrong.push(format!("{name}: {theirs:?}, and the suite does {wanted:?}"));
        }
        theirs
            .iter()
            .for_each(|rule| *seen.entry(rule).or_default() += 1);

        // Of the tested side: nothing, where the suite is content; a note where it is not.
        let mine: Vec<_> = findings.iter().filter(|it| it.side == tested).collect();
        let content = text("behavior") != "FAILED" && text("close") != "WRONG CODE";
        let notes: Vec<_> = mine
            .iter()
            // An echo of text that is one NUL.
            .filter(|it| !(case == [6, 7, 1] && it.rule == "WS-MESSAGE-BINARY-AS-TEXT"))
            .map(|it| it.rule)
            .collect();
        let expected: &[&str] = if content { &[] } else { &["WS-CLOSE-ECHO"] };
        if notes != expected {
            wrong.push(format!("{name}: {notes:?} of the tested side"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(list.lines().count(), 960);
    assert_eq!((seen["text"], seen.len()), (300, 21), "{seen:?}");
}
