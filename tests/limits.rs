//! Every owner of bytes has a limit that can be set, and says by name when it was reached.

use std::process::Command;
use std::time::Duration;
use wscope::forge::{Forged, Scenario, binary, text};

/// What `wscope print` says of limits in this capture, with these arguments.
fn said(forged: &Forged, arguments: &[&str]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("forged.pcapng");
    forged.write(std::fs::File::create(&path).unwrap()).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_wscope"))
        .args(["print", "--json"])
        .args(arguments)
        .arg(&path)
        .output()
        .unwrap();
    assert!(output.status.success());
    let lines = String::from_utf8(output.stdout).unwrap();
    let anomaly = |line: &str| -> Option<String> {
        let json: serde_json::Value = serde_json::from_str(line).unwrap();
        (json["what"] == "limit").then(|| json["text"].as_str().unwrap().to_owned())
    };
    lines.lines().filter_map(anomaly).collect()
}

/// With the limit the anomaly is there, and without it there is none.
fn hold(forged: &Forged, arguments: &[&str], text: &str) {
    let with = said(forged, arguments);
    assert!(
        with.iter().any(|line| line.contains(text)),
        "{arguments:?}: {with:?}"
    );
    assert_eq!(said(forged, &[]), [""; 0], "{text}");
}

fn upgraded() -> Scenario {
    Scenario::new(5)
        .mss(500)
        .handshake()
        .upgrade(|upgrade| upgrade)
}

#[test]
fn bytes_and_pieces_behind_a_hole() {
    let talk = upgraded().server(binary(30_000)).forge();
    let data = talk
        .packets
        .iter()
        .filter(|packet| packet.carries.end > 1000);
    let hole = data.map(|packet| packet.carries.clone()).nth(3).unwrap();
    // Without acknowledgements nothing says that the receiver has the bytes.
    let talk = talk.keep(|_, packet| !packet.carries.is_empty() && packet.carries != hole);
    hold(
        &talk,
        &["--max-early", "5000"],
        "too much waited behind these missing bytes",
    );
    hold(
        &talk,
        &["--max-early-pieces", "7"],
        "too much waited behind these missing bytes",
    );
}

#[test]
fn bytes_that_wait_to_be_understood() {
    let eager = Scenario::new(6)
        .handshake()
        .client(
            wscope::forge::request("GET", "/")
                .field("Upgrade", "websocket")
                .field("Connection", "Upgrade")
                .field("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
                .field("Sec-WebSocket-Version", "13"),
        )
        .client(binary(20_000))
        .forge();
    hold(
        &eager,
        &["--max-waiting", "4000"],
        "more bytes waited to be understood",
    );
}

#[test]
fn bytes_of_a_head() {
    let head = format!("GET / HTTP/1.1\r\nX-Long: {}", "x".repeat(20_000));
    let long = Scenario::new(7)
        .mss(1000)
        .handshake()
        .client(head.into_bytes())
        .forge();
    hold(
        &long,
        &["--max-head", "8000"],
        "this head is longer than may be held",
    );
}

#[test]
fn bytes_of_a_message() {
    let long = upgraded().client(text(9_000)).forge();
    hold(
        &long,
        &["--max-message", "5000"],
        "the message is longer than may be joined",
    );
}

#[test]
fn connections() {
    let one = |seed: u64| {
        let wait = Duration::from_millis(seed);
        Scenario::new(seed)
            .wait(wait)
            .handshake()
            .client(&b"GET / HTTP/1.1\r\n\r\n"[..])
            .forge()
    };
    let three = one(1).and(one(2)).and(one(3));
    hold(
        &three,
        &["--max-connections", "2"],
        "more connections are open than may be remembered",
    );
}
