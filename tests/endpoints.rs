//! wscope against the endpoints' own logs: what each application says that it sent and received
//! must be what the capture shows, in order, byte for byte, and at the right time.
//!
//! A log beside a capture has one JSON object a line; `captures/README.md` describes it.

mod common;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use common::real::captures;
use serde_json::Value;
use sha1::{Digest as _, Sha1};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use wscope::engine::run;
use wscope::model::{
    Dir, Event, EventKind, Flow, Kind, Limits, Loan, PacketNo, SessionId, Sink, Want, Ws,
};
use wscope::source::Capture;

/// Captures in which something that was sent cannot be on the wire or in the file, and why. In all
/// others every message that was sent has to be there.
const PARTIAL: &[(&str, &str)] = &[
    ("killed", "the server dies with messages in its buffers"),
    ("reset", "a reset discards what was on its way"),
    (
        "vanished",
        "the client is cut off while the server goes on sending",
    ),
    (
        "violations",
        "the receiver ends the connection at the violation",
    ),
    (
        "breaches",
        "what breaks the protocol is logged as wrong, not as sent",
    ),
    ("short-snaplen", "most of each packet was not captured"),
    ("midstream", "the capture begins after the handshakes"),
];

/// What an application said about a message.
#[derive(Debug, Clone)]
struct Said {
    kind: String,
    length: u64,
    payload: Payload,
    time: f64,
}

#[derive(Debug, Clone, PartialEq)]
enum Payload {
    Bytes(Vec<u8>),
    Sha1(String),
    Close(Option<u64>, String),
    Silent,
}

/// What wscope found.
#[derive(Debug, Clone)]
struct Found {
    kind: Kind,
    bytes: Vec<u8>,
    complete: bool,
    /// When its first and its last byte were captured.
    first: f64,
    last: f64,
    packet: PacketNo,
}

/// One session, by what identifies it in a log: the server's address and the request target.
type Name = (String, String);

#[derive(Debug, Default, Clone)]
struct Logged {
    /// Per direction: what its sender sent, and what its receiver received.
    sent: [Vec<Said>; 2],
    received: [Vec<Said>; 2],
    /// Per direction: whether its sender logged anything, and whether it broke the protocol on purpose.
    has_sender: [bool; 2],
    wrong: [bool; 2],
}

#[derive(Default)]
struct Collect {
    names: BTreeMap<SessionId, Name>,
    messages: BTreeMap<(SessionId, Dir), Vec<Found>>,
    times: Vec<f64>,
}

impl Collect {
    fn time_of(&self, packet: PacketNo) -> f64 {
        self.times[usize::try_from(packet.get()).unwrap() - 1]
    }
}

impl Sink for Collect {
    fn want(&self) -> Want {
        Want {
            joined: true,
            ..Want::default()
        }
    }

    fn event(&mut self, event: &Event, flow: &Flow, loan: Loan<'_>) -> io::Result<()> {
        match &event.kind {
            EventKind::Ws(Ws::Open(open)) => {
                let uri = open.uri.clone().unwrap_or_default();
                self.names
                    .insert(open.session, (flow.server.to_string(), uri));
            }
            EventKind::Ws(Ws::Message(message)) => {
                let found = Found {
                    kind: message.kind,
                    bytes: loan.bytes.to_vec(),
                    complete: message.complete,
                    first: self.time_of(event.first),
                    last: self.time_of(event.packet),
                    packet: event.packet,
                };
                self.messages
                    .entry((message.session, event.dir.unwrap()))
                    .or_default()
                    .push(found);
            }
            _ => {}
        }
        Ok(())
    }
}

fn collect(path: &Path) -> Collect {
    let mut collect = Collect::default();
    let mut capture = Capture::open([path]).unwrap();
    while let Some(packet) = capture.next().unwrap() {
        collect.times.push(packet.time.0 as f64 / 1e9);
    }
    let mut capture = Capture::open([path]).unwrap();
    let run = run(&mut capture, Limits::default(), &mut collect, |_, _| true).unwrap();
    assert!(
        run.errors.is_empty(),
        "{}: {:?}",
        path.display(),
        run.errors
    );
    collect
}

fn read_log(path: &Path) -> BTreeMap<Name, Logged> {
    let mut sessions: BTreeMap<Name, Logged> = BTreeMap::new();
    let text = std::fs::read_to_string(path).unwrap();
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let (Some(server), Some(uri)) = (line["server"].as_str(), line["uri"].as_str()) else {
            continue;
        };
        let own = if line["who"] == "client" {
            Dir::C2s
        } else {
            Dir::S2c
        };
        let logged = sessions
            .entry((server.to_owned(), uri.to_owned()))
            .or_default();
        *own.of_mut(&mut logged.has_sender) = true;
        match line["do"].as_str().unwrap() {
            "send" => own.of_mut(&mut logged.sent).push(said(&line)),
            "receive" => own.flip().of_mut(&mut logged.received).push(said(&line)),
            "wrong" => *own.of_mut(&mut logged.wrong) = true,
            _ => {}
        }
    }
    sessions
}

fn said(line: &Value) -> Said {
    let text = |key: &str| line[key].as_str().map(str::to_owned);
    let kind = text("kind").unwrap();
    let payload = if kind == "close" {
        Payload::Close(line["code"].as_u64(), text("reason").unwrap_or_default())
    } else if let Some(text) = text("text") {
        Payload::Bytes(text.into_bytes())
    } else if let Some(base64) = text("base64") {
        Payload::Bytes(BASE64_STANDARD.decode(base64).unwrap())
    } else if let Some(sha1) = text("sha1") {
        Payload::Sha1(sha1)
    } else {
        Payload::Silent
    };
    let length = line["length"].as_u64().unwrap_or(0);
    Said {
        kind,
        length,
        payload,
        time: line["t"].as_f64().unwrap(),
    }
}

impl Said {
    fn is_data(&self) -> bool {
        self.kind == "text" || self.kind == "binary"
    }

    fn is(&self, found: &Found) -> bool {
        self.kind == found.kind.word()
            && match &self.payload {
                Payload::Bytes(bytes) => *bytes == found.bytes,
                Payload::Sha1(sha1) => {
                    let digest = Sha1::digest(&found.bytes);
                    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
                    self.length == found.bytes.len() as u64 && hex == *sha1
                }
                Payload::Close(code, reason) => {
                    let found_code = found
                        .bytes
                        .first_chunk()
                        .map(|&code| u16::from_be_bytes(code));
                    // Some APIs report 1005 for a close frame without a code.
                    found_code.map(u64::from) == code.filter(|&code| code != 1005)
                        && found.bytes.get(2..).unwrap_or_default() == reason.as_bytes()
                }
                Payload::Silent => true,
            }
    }
}

/// Browsers round their clocks.
const CLOCK: f64 = 0.002;

#[test]
fn every_message_in_every_log_is_found_and_none_is_invented() {
    let mut compared = 0;
    let mut wrong = Vec::new();
    for path in captures() {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let log = path.with_file_name(format!("{name}.log.jsonl"));
        if !log.exists() {
            continue;
        }
        let found = collect(&path);
        let partial = PARTIAL.iter().any(|(partial, _)| *partial == name);
        for (session, logged) in read_log(&log) {
            for dir in Dir::BOTH {
                let label = format!("{name} {} {} {}", session.0, session.1, dir.word());
                match compare(&found, &session, &logged, dir, partial) {
                    Ok(count) => compared += count,
                    Err(why) => wrong.push(format!("{label}: {why}")),
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} differences:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(compared > 1300, "only {compared} messages were compared");
}

/// Compares one direction of one session; answers how many messages were.
fn compare(
    found: &Collect,
    session: &Name,
    logged: &Logged,
    dir: Dir,
    partial: bool,
) -> Result<usize, String> {
    let ids: Vec<_> = found
        .names
        .iter()
        .filter(|(_, name)| *name == session)
        .map(|(id, _)| *id)
        .collect();
    let sent: Vec<_> = dir
        .of(&logged.sent)
        .iter()
        .filter(|said| said.is_data())
        .collect();
    let received: Vec<_> = dir
        .of(&logged.received)
        .iter()
        .filter(|said| said.is_data())
        .collect();
    let [id] = ids[..] else {
        return match (sent.len() + received.len(), partial) {
            (0, _) | (_, true) => Ok(0),
            _ => Err(format!("{} sessions have this name", ids.len())),
        };
    };
    let none = Vec::new();
    let all = found.messages.get(&(id, dir)).unwrap_or(&none);
    let data: Vec<_> = all.iter().filter(|found| found.kind.is_data()).collect();

    if *dir.of(&logged.has_sender) {
        in_order(&sent, &data)?;
        if !partial && sent.len() != data.len() {
            return Err(format!(
                "{} were sent, {} are found",
                sent.len(),
                data.len()
            ));
        }
        if !*dir.of(&logged.wrong) && data.len() > sent.len() {
            return Err(format!("{} invented", data.len() - sent.len()));
        }
        for (said, found) in sent.iter().zip(&data) {
            if said.time > found.first + CLOCK {
                return Err(format!(
                    "packet {} is earlier than its sending",
                    found.packet
                ));
            }
        }
        control_frames(&dir.of(&logged.sent)[..], all)?;
    }
    in_order(&received, &data)?;
    if received.len() > data.len() && !partial {
        return Err(format!(
            "{} were received, {} are found",
            received.len(),
            data.len()
        ));
    }
    for (said, found) in received.iter().zip(&data) {
        if found.last > said.time + CLOCK {
            return Err(format!(
                "packet {} is later than its receiving",
                found.packet
            ));
        }
    }
    Ok(sent.len().max(received.len()).min(data.len()))
}

/// What is on both lists is the same, from the first on; what wscope calls incomplete is no match,
/// and no contradiction either.
fn in_order(said: &[&Said], found: &[&Found]) -> Result<(), String> {
    for (nth, (said, found)) in said.iter().zip(found).enumerate() {
        if found.complete && !said.is(found) {
            let start =
                String::from_utf8_lossy(&found.bytes[..found.bytes.len().min(60)]).into_owned();
            return Err(format!(
                "message {nth} differs: said {said:?}, found {} {start:?}",
                found.kind.word()
            ));
        }
    }
    Ok(())
}

/// Each ping, pong and close that its sender speaks of is there, in order; automatic ones are not logged.
fn control_frames(said: &[Said], found: &[Found]) -> Result<(), String> {
    let mut rest = found.iter().filter(|found| !found.kind.is_data());
    for said in said.iter().filter(|said| !said.is_data()) {
        if !rest.any(|found| said.is(found)) {
            return Err(format!("not found: {said:?}"));
        }
    }
    Ok(())
}
