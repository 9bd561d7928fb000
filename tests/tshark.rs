//! wscope against tshark: the same frames in the same packets, with the same fields.
//!
//! Skipped, aloud, where tshark is not installed; CI sets `WSCOPE_NEED_TSHARK`, and then it must be
//! there. Where the two differ on a capture, the list below says why.

mod common;

use common::real::{captures, tshark_version};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::process::Command;
use wscope::engine::run;
use wscope::model::{Event, EventKind, Flow, Http, Limits, Loan, Sink, Ws};
use wscope::source::Capture;

/// Captures in which tshark does not show every frame, and why; what it does show has to be among
/// what wscope shows, but for this many frames. The endpoints' logs say who is right.
const DIFFERENT: &[(&str, usize, &str)] = &[
    (
        "connect-proxy",
        0,
        "tshark 4.0 does not look into a CONNECT tunnel",
    ),
    ("tls-in-tls", 0, "the same; that TLS lies in a tunnel"),
    (
        "early",
        0,
        "tshark takes frames that the client sent before the 101 for more of HTTP",
    ),
    (
        "midstream",
        0,
        "tshark does not find WebSocket whose handshake was not captured",
    ),
    (
        "tls-lossy",
        0,
        "behind a hole tshark decrypts no record any more",
    ),
    ("short-snaplen", 0, "tshark stops where the 101 was cut off"),
    (
        "violations",
        2,
        "the same; and tshark shows a frame of 2^63 bytes at its header, and then a frame in its payload",
    ),
];

/// A frame: its packet, connection, FIN, RSV, opcode, MASK and payload length.
type Row = (u64, u32, bool, u8, u8, bool, u64);

#[derive(Default)]
struct Ours {
    frames: Vec<Row>,
    /// Packet and method, or packet and status.
    heads: Vec<(u64, String)>,
}

impl Sink for Ours {
    fn event(&mut self, event: &Event, _: &Flow, _: Loan<'_>) -> io::Result<()> {
        let packet = event.packet.get();
        match &event.kind {
            EventKind::Ws(Ws::Frame(frame)) => self.frames.push((
                packet,
                event.conn.0,
                frame.fin,
                frame.rsv,
                frame.opcode.0,
                frame.masking_key.is_some(),
                frame.length,
            )),
            EventKind::Http(Http::Request(request)) => {
                self.heads.push((
                    packet,
                    String::from_utf8_lossy(&request.method).into_owned(),
                ));
            }
            EventKind::Http(Http::Response(response)) => {
                self.heads.push((packet, response.status.to_string()));
            }
            _ => {}
        }
        Ok(())
    }
}

/// Captures in which the two differ on HTTP heads, and why.
const DIFFERENT_HEADS: &[(&str, &str)] = &[
    (
        "connect-proxy",
        "tshark 4.0 does not look into a CONNECT tunnel",
    ),
    (
        "polling",
        "tshark shows the head of a streamed answer at the end of its body",
    ),
    ("polling-and-websocket", "the same"),
    (
        "tls-openssl",
        "early data: tshark opens it under the cipher it expects; wscope once the server has said which, two packets later",
    ),
    ("tls-corners", "the same"),
    (
        "tls-in-tls",
        "tshark 4.0 does not look into a CONNECT tunnel",
    ),
    (
        "short-snaplen",
        "tshark shows a head whose end was cut off; wscope says that it was",
    ),
];

#[test]
fn the_same_heads_in_the_same_packets() {
    let Some(version) = tshark_version() else {
        return;
    };
    let mut wrong = Vec::new();
    let mut compared = 0;
    for path in captures() {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let (theirs, ours) = (their_heads(&path), ours(&path).heads);
        compared += theirs.len();
        let (missing, extra) = difference(&theirs, &ours);
        let known = DIFFERENT_HEADS.iter().any(|(known, _)| *known == name);
        if known == (missing.is_empty() && extra.is_empty()) {
            wrong.push(format!(
                "{name}: only tshark {missing:?}; only wscope {extra:?}"
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{version}, {compared} heads:\n{}",
        wrong.join("\n")
    );
    assert!(compared > 300, "only {compared} heads were compared");
}

/// Packet and method, or packet and status, of every head that tshark shows.
fn their_heads(path: &Path) -> Vec<(u64, String)> {
    let fields = ["frame.number", "http.request.method", "http.response.code"];
    let output = Command::new("tshark")
        .args(["-T", "fields", "-Y", "http.request || http.response"])
        .args([
            "-o",
            "tcp.reassemble_out_of_order:TRUE",
            "-d",
            "tcp.port==9009,http",
        ])
        .args(fields.iter().flat_map(|field| ["-e", field]))
        .arg("-r")
        .arg(path)
        .output()
        .unwrap();
    let lines = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut heads = Vec::new();
    for line in lines.lines() {
        let mut columns = line.split('\t');
        let packet = columns.next().unwrap().parse().unwrap();
        let words = columns
            .flat_map(|column| column.split(','))
            .filter(|word| !word.is_empty());
        heads.extend(words.map(|word| (packet, word.to_owned())));
    }
    heads
}

fn ours(path: &Path) -> Ours {
    let mut ours = Ours::default();
    let mut capture = Capture::open([path]).unwrap();
    run(&mut capture, Limits::default(), &mut ours, |_, _| true).unwrap();
    ours
}

#[test]
fn the_same_frames_in_the_same_packets() {
    let Some(version) = tshark_version() else {
        return;
    };
    let mut wrong = Vec::new();
    let mut compared = 0;
    for path in captures() {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let (theirs, ours) = (their_frames(&path), ours(&path));
        compared += theirs.len();
        let (missing, extra) = difference(&theirs, &ours.frames);
        let known = DIFFERENT.iter().find(|(known, ..)| *known == name);
        let allowed = known.map_or(0, |(_, allowed, _)| *allowed);
        if missing.len() > allowed || !extra.is_empty() && known.is_none() {
            wrong.push(format!(
                "{name}: {} frames in both; only tshark {missing:?}; only wscope {extra:?}",
                theirs.len() - missing.len()
            ));
        }
        if known.is_some() && missing.is_empty() && extra.is_empty() {
            wrong.push(format!("{name}: does not differ any more"));
        }
    }
    assert!(
        wrong.is_empty(),
        "{version}, {compared} frames:\n{}",
        wrong.join("\n")
    );
    assert!(compared > 1700, "only {compared} frames were compared");
}

/// What is only in the first list, and only in the second, counting how often.
fn difference<T: Ord + Clone>(first: &[T], second: &[T]) -> (Vec<T>, Vec<T>) {
    let mut counts: BTreeMap<T, i64> = BTreeMap::new();
    first
        .iter()
        .for_each(|row| *counts.entry(row.clone()).or_default() += 1);
    second
        .iter()
        .for_each(|row| *counts.entry(row.clone()).or_default() -= 1);
    let pick = |wanted: fn(i64) -> bool| {
        counts
            .iter()
            .filter(|(_, n)| wanted(**n))
            .map(|(row, _)| row.clone())
            .collect()
    };
    (pick(|n| n > 0), pick(|n| n < 0))
}

/// The frames that tshark shows, from its XML: one `proto` element a frame, one line a field.
fn their_frames(path: &Path) -> Vec<Row> {
    let output = Command::new("tshark")
        .args([
            "-T",
            "pdml",
            "-Y",
            "websocket",
            "-o",
            "tcp.reassemble_out_of_order:TRUE",
        ])
        // Its own table gives this port to another protocol.
        .args(["-d", "tcp.port==9009,http", "-r"])
        .arg(path)
        .output()
        .unwrap();
    let xml = String::from_utf8_lossy(&output.stdout);
    let (mut packet, mut conn) = (0, 0);
    let mut rows: Vec<Row> = Vec::new();
    for line in xml.lines() {
        let line = line.trim_start();
        if line.starts_with("<proto name=\"websocket\"") {
            rows.push((packet, conn, false, 0, 0, false, 0));
        }
        let (Some(name), Some(show)) = (attribute(line, "name"), attribute(line, "show")) else {
            continue;
        };
        let flag = matches!(show, "1" | "True");
        let number = || show.parse::<u64>().unwrap();
        match (name, rows.last_mut()) {
            ("frame.number", _) => packet = number(),
            ("tcp.stream", _) => conn = number() as u32,
            ("websocket.fin", Some(row)) => row.2 = flag,
            ("websocket.rsv", Some(row)) => {
                row.3 = u8::from_str_radix(show.trim_start_matches("0x"), 16).unwrap();
            }
            ("websocket.opcode", Some(row)) => row.4 = number() as u8,
            ("websocket.mask", Some(row)) => row.5 = flag,
            (
                "websocket.payload_length"
                | "websocket.payload_length_ext_16"
                | "websocket.payload_length_ext_64",
                Some(row),
            ) => row.6 = number(),
            _ => {}
        }
    }
    rows
}

fn attribute<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = line.split_once(&format!(" {name}=\""))?;
    Some(rest.split_once('"')?.0)
}
