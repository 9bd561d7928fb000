//! `wscope gen`: what was ordered is what comes out, as wscope itself and tshark see it.

mod common;

use common::real::tshark_version;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;
use wscope::forge::{Ending, Order, Violation};

fn wscope(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_wscope"))
        .args(args)
        .output()
        .unwrap()
}

/// Orders a capture; answers where it is.
#[track_caller]
fn order(dir: &TempDir, args: &str) -> PathBuf {
    let path = dir.path().join("made.pcapng");
    let mut all = vec!["gen", "--force", "-o", path.to_str().unwrap()];
    all.extend(args.split_whitespace());
    let output = wscope(&all);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{args}: {said}");
    path
}

/// Every line of a command's JSON.
#[track_caller]
fn lines(args: &[&str], path: &Path) -> Vec<serde_json::Value> {
    let mut all = args.to_vec();
    all.push(path.to_str().unwrap());
    let output = wscope(&all);
    assert!(
        output.status.code().is_some_and(|code| code < 2),
        "{output:?}"
    );
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn events(path: &Path) -> Vec<serde_json::Value> {
    lines(&["print", "--json"], path)
}

fn count(events: &[serde_json::Value], is: impl Fn(&serde_json::Value) -> bool) -> usize {
    events.iter().filter(|event| is(event)).count()
}

fn kind<'a>(kind: &'a str) -> impl Fn(&serde_json::Value) -> bool + 'a {
    move |event| event["event"] == "ws.message" && event["kind"] == kind
}

/// The rules that are broken in earnest.
fn broken(path: &Path) -> BTreeSet<String> {
    let findings = lines(&["check", "--format", "json"], path);
    findings
        .iter()
        .filter(|it| it["event"] == "finding" && it["verdict"] == "fail")
        .filter(|it| it["severity"] == "error")
        .map(|it| it["rule"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn messages_fragments_and_pings_are_as_ordered() {
    let dir = TempDir::new().unwrap();
    let path = order(&dir, "--messages 5 --fragmented --ping=2 --seed 9");
    let events = events(&path);
    assert_eq!(count(&events, kind("text")), 5);
    assert_eq!(
        count(&events, |it| kind("text")(it) && it["frames"] == 3),
        5
    );
    assert_eq!(count(&events, kind("ping")), 2);
    assert_eq!(count(&events, kind("pong")), 2);
    assert_eq!(count(&events, kind("close")), 2);
    assert_eq!(count(&events, |it| it["event"] == "anomaly"), 0);
    assert_eq!(
        count(&events, |it| it["event"] == "finding"
            && it["verdict"] == "fail"),
        0
    );
    let texts: Vec<_> = events
        .iter()
        .filter(|it| kind("text")(it))
        .map(|it| it["text"].as_str().unwrap())
        .collect();
    assert_eq!(texts[0], "message 1, from the client");
    assert_eq!(texts[4], "message 5, from the client");
}

#[test]
fn sizes_compression_sides_and_ends_are_as_ordered() {
    let dir = TempDir::new().unwrap();
    let path = order(
        &dir,
        "--messages 3 --size 5000 --binary --from server --close 4001 --reason later --by server",
    );
    let events = events(&path);
    assert_eq!(
        count(&events, |it| kind("binary")(it)
            && it["length"] == 5000
            && it["dir"] == "s2c"),
        3
    );
    let end = events.iter().find(|it| it["event"] == "ws.close").unwrap();
    assert_eq!(
        (&end["initiator"], &end["code_server"]),
        (&"server".into(), &4001.into())
    );

    let path = order(
        &dir,
        "--compress --messages 6 --keep-alive=2 --ipv6 --subprotocol chat",
    );
    let events = self::events(&path);
    assert_eq!(
        count(&events, |it| kind("text")(it) && it["compressed"] == true),
        6
    );
    assert_eq!(count(&events, |it| it["note"] == "keep_alive"), 2);
    let open = events.iter().find(|it| it["event"] == "ws.open").unwrap();
    assert_eq!(open["subprotocol"], "chat");

    let path = order(&dir, "--rst --by server");
    let close = lines(&["print", "--json", "--events", "tcp.close"], &path);
    assert_eq!(close.len(), 1);
    assert!(close[0].to_string().contains("\"rst\""), "{}", close[0]);
    let path = order(&dir, "--open");
    assert_eq!(
        lines(&["print", "--json", "--events", "tcp.close"], &path).len(),
        0
    );
    let path = order(&dir, "--refuse 426");
    let refused = lines(&["print", "--json", "--events", "ws.refused"], &path);
    assert_eq!(refused[0]["status"], 426);
    let path = order(&dir, "--requests 3 --pipelined --http-only");
    let heads = lines(&["print", "--json", "--events", "http"], &path);
    let words: Vec<_> = heads
        .iter()
        .map(|it| it["event"].as_str().unwrap())
        .collect();
    assert_eq!(words[..3], ["http.request"; 3]);
    assert_eq!(words[3..], ["http.response"; 3]);
}

#[test]
fn faults_are_as_ordered() {
    let dir = TempDir::new().unwrap();
    let notes = |path: &Path, word: &str| {
        let events = lines(&["print", "--json", "--acks"], path);
        count(&events, |it| it["note"] == word)
    };
    let whole = events(&order(&dir, "--messages 8 --seed 4"));
    let lossy = events(&order(&dir, "--messages 8 --seed 4 --lose 3"));
    assert_eq!(
        count(&whole, |it| kind("text")(it) && it["complete"] == true),
        8
    );
    assert_eq!(
        count(&lossy, |it| kind("text")(it) && it["complete"] == true),
        5
    );
    assert!(count(&lossy, |it| it["event"] == "anomaly") >= 1);

    let path = order(&dir, "--messages 3 --size 9000 --retransmit 1 --seed 2");
    assert_eq!(count(&events(&path), kind("text")), 3);
    assert!(
        notes(&path, "duplicate_ack") >= 3,
        "each segment behind the hole is answered"
    );
    let path = order(&dir, "--messages 3 --retransmit 2");
    assert_eq!(count(&events(&path), kind("text")), 3);
    let path = order(&dir, "--messages 4 --size 6000 --reorder 2");
    assert_eq!(count(&events(&path), kind("text")), 4);
    assert_eq!(notes(&path, "reordered"), 2);
    let path = order(&dir, "--messages 4 --duplicate 2");
    assert_eq!(count(&events(&path), kind("text")), 4);
}

/// Breaches that cannot be done without another.
const ALSO: &[(&str, &str)] = &[
    // The server takes what it should refuse: there would be no messages else.
    ("key", "WS-ANSWER-TO-BROKEN"),
    ("version", "WS-ANSWER-TO-BROKEN"),
    // The ping that got a wrong answer got no right one.
    ("pong", "WS-PING-UNANSWERED"),
];

#[test]
fn every_violation_breaks_its_rule_and_no_other_in_earnest() {
    let dir = TempDir::new().unwrap();
    for it in Violation::all() {
        let path = order(&dir, &format!("--messages 2 --violate {}", it.name()));
        let findings = lines(&["check", "-v", "--format", "json"], &path);
        let found = count(&findings, |found| {
            found["rule"] == it.rule() && found["verdict"] == "fail"
        });
        assert!(
            found > 0,
            "--violate {} is not found as {}",
            it.name(),
            it.rule()
        );
        let others: Vec<_> = broken(&path)
            .into_iter()
            .filter(|rule| rule != it.rule() && !ALSO.contains(&(it.name(), rule.as_str())))
            .collect();
        assert_eq!(others, [""; 0], "--violate {} breaks more", it.name());
        assert_eq!(
            count(&events(&path), |it| kind("text")(it)
                && it["text"]
                    .as_str()
                    .is_some_and(|text| text.starts_with("message"))),
            2,
            "{}",
            it.name()
        );
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_one_others() {
    let make = |seed| {
        let order = Order {
            seed,
            messages: 9,
            lose: 2,
            ping: 2,
            duplicate: 2,
            retransmit: 1,
            ..Order::default()
        };
        let mut bytes = Vec::new();
        order.forge().unwrap().write(&mut bytes).unwrap();
        bytes
    };
    assert_eq!(make(1), make(1));
    assert_ne!(make(1), make(2));
    let dir = TempDir::new().unwrap();
    let path = order(
        &dir,
        "--messages 9 --lose 2 --ping=2 --duplicate 2 --retransmit 1 --seed 1",
    );
    assert_eq!(std::fs::read(path).unwrap(), make(1));
    let output = wscope(&[
        "gen",
        "-o",
        "-",
        "--messages",
        "9",
        "--lose",
        "2",
        "--ping=2",
        "--duplicate",
        "2",
        "--retransmit",
        "1",
        "--seed",
        "1",
    ]);
    assert_eq!(output.stdout, make(1));
}

#[test]
fn what_cannot_be_done_is_said_and_no_file_is_written_over() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("x.pcapng");
    let path = path.to_str().unwrap();
    let fails = |args: &[&str], why: &str| {
        let output = wscope(args);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(said.contains(why), "{args:?}: {said}");
    };
    fails(
        &["gen", "-o", path, "--violate", "grammar"],
        "there are key, version, accept",
    );
    fails(&["gen", "-o", path, "--lose", "99"], "carry messages");
    fails(&["gen", "-o", path, "--reorder", "1"], "--size 4000");
    fails(
        &["gen", "-o", path, "--lose-packets", "4000"],
        "packets 1 to",
    );
    fails(&["gen", "-o", path, "--messages", "99999999"], "at most");
    fails(
        &["gen", "-o", path, "--violate", "rsv1", "--compress"],
        "RSV1 has a meaning",
    );
    fails(
        &["gen", "-o", path, "--violate", "close-code,close-body"],
        "closes once",
    );
    fails(&["gen", "-o", path, "--compress=x\r\ny"], "visible ASCII");
    assert!(!Path::new(path).exists(), "nothing is left of what failed");
    std::fs::write(path, "mine").unwrap();
    fails(&["gen", "-o", path], "is there already: --force");
    assert_eq!(std::fs::read(path).unwrap(), b"mine");
}

/// Every order that the tests of lessons do not know either.
#[test]
fn tshark_finds_nothing_malformed() {
    if tshark_version().is_none() {
        return;
    }
    let dir = TempDir::new().unwrap();
    for args in [
        "--messages 5 --fragmented --ping",
        "--compress --messages 6 --size 400",
        "--size 70000 --messages 2 --retransmit 1 --reorder 2",
        "--refuse 403",
        "--requests 3 --pipelined --ipv6 --keep-alive=2 --acks delayed",
    ] {
        let path = order(&dir, args);
        let output = Command::new("tshark")
            .args([
                "-r",
                path.to_str().unwrap(),
                "-o",
                "tcp.check_checksum:TRUE",
                "-o",
                "ip.check_checksum:TRUE",
            ])
            .args([
                "-Y",
                "_ws.malformed || tcp.checksum.status == 0 || ip.checksum.status == 0",
            ])
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "", "{args}");
    }
    let path = order(&dir, "--messages 5 --ping");
    let output = Command::new("tshark")
        .args([
            "-r",
            path.to_str().unwrap(),
            "-Y",
            "websocket",
            "-T",
            "fields",
            "-e",
            "websocket.opcode",
        ])
        .output()
        .unwrap();
    let opcodes = String::from_utf8(output.stdout).unwrap();
    let count = |opcode: &str| {
        opcodes
            .split_whitespace()
            .filter(|it| *it == opcode)
            .count()
    };
    assert_eq!(
        (count("1"), count("9"), count("10"), count("8")),
        (5, 1, 1, 2)
    );
}

#[test]
fn an_order_reads_from_data_as_from_the_command_line() {
    let table = "messages = 3\nfragmented = 2\nend = \"rst\"\nby = \"server\"\nviolate = [\"mask\"]\nacks = \"delayed\"";
    let order: Order = toml::from_str(table).unwrap();
    assert_eq!(
        (order.messages, order.fragmented, order.end),
        (3, 2, Ending::Rst)
    );
    assert!(toml::from_str::<Order>("mesages = 3").is_err());
}
