//! Forged captures decode to the truth.

mod common;

use common::{Seen, decode, decode_file, messages};
use std::time::Duration;
use wscope::forge::{
    Acks, Forged, Form, Head, Mask, Scenario, binary, close, connection, frame, ping, pong,
    request, response, text,
};
use wscope::model::{Dir, EventKind, Label, Link, Note, Opcode, Tcp, TcpEnd, Ws};

/// Every message is there, as it was sent.
#[track_caller]
fn tells_the_truth(forged: &Forged) -> Vec<Seen> {
    let events = decode(forged);
    let told: Vec<_> = forged.told.iter().map(common::truth).collect();
    assert_eq!(messages(&events), told);
    events
}

/// And nothing was wrong with the capture: each message is caused by the packet that ended it.
#[track_caller]
fn is_orderly(forged: &Forged) -> Vec<Seen> {
    let events = tells_the_truth(forged);
    assert_eq!(anomalies(&events), [""; 0]);
    let caused = events.iter().filter_map(|seen| match seen.event.kind {
        EventKind::Ws(Ws::Message(_)) => Some((seen.event.first, seen.event.id.at)),
        _ => None,
    });
    let carriers = forged.told.iter().map(|told| forged.carriers(told));
    assert_eq!(
        caused.map(Some).collect::<Vec<_>>(),
        carriers.collect::<Vec<_>>()
    );
    events
}

fn anomalies(events: &[Seen]) -> Vec<&'static str> {
    let what = |seen: &Seen| match &seen.event.kind {
        EventKind::Anomaly(anomaly) => Some(anomaly.what.word()),
        _ => None,
    };
    events.iter().filter_map(what).collect()
}

fn words(events: &[Seen]) -> Vec<&'static str> {
    events.iter().map(|seen| seen.event.kind.word()).collect()
}

fn dialogue(scenario: Scenario) -> Scenario {
    scenario
        .handshake()
        .upgrade(|upgrade| upgrade.subprotocol("chat"))
        .client(text("hi"))
        .server(text("hello").fragments(3).between(ping("x")))
        .pong("x")
        .client(binary(100_000))
        .keep_alive(Dir::S2c, b"")
        .keep_alive(Dir::C2s, b"\0")
        .cork()
        .server(text(300).form(Form::Bits64))
        .server(binary(vec![]))
        .client(text("one segment").mask(Mask::Key([0; 4])))
        .uncork()
        .wait(Duration::from_secs(30))
        .close(1000, "bye")
        .fin()
}

#[test]
fn a_dialogue_over_every_link_and_address_family() {
    for link in [Link::ETHERNET, Link::RAW, Link::NULL] {
        for v6 in [false, true] {
            let scenario = Scenario::new(1).net(|net| {
                net.link = link;
                if v6 {
                    net.ipv6();
                }
            });
            let events = is_orderly(&dialogue(scenario).forge());
            assert_eq!(*words(&events).last().unwrap(), "tcp.close");
        }
    }
}

#[test]
fn acknowledgements_sequence_numbers_and_segments_change_nothing() {
    for acks in [Acks::Each, Acks::EverySecond, Acks::Delayed] {
        for cuts in [vec![1, 20, 300, 1460], vec![65_535], vec![536]] {
            let scenario = Scenario::new(2).net(|net| {
                net.acks = acks;
                net.cuts = cuts;
                net.isn = [u32::MAX, u32::MAX - 50_000];
            });
            is_orderly(&dialogue(scenario).forge());
        }
    }
}

#[test]
fn compressed_messages_with_every_agreement() {
    for extension in [
        "permessage-deflate",
        "permessage-deflate; client_no_context_takeover; server_max_window_bits=9",
        "permessage-deflate; server_no_context_takeover; client_max_window_bits=\"8\"",
    ] {
        let forged = connection()
            .upgrade(|upgrade| upgrade.deflate(extension))
            .client(text(5_000))
            .client(text(5_000).fragments(4).between(ping("?")))
            .server(binary(3_000))
            .server(text("").fragments(2))
            .server(text("not compressed").plain())
            .server(text(70_000))
            .server(text(70_000))
            .close(1000, "")
            .fin_both()
            .forge();
        is_orderly(&forged);
    }
}

#[test]
fn a_file_holds_what_was_forged() {
    let forged = dialogue(Scenario::new(3)).forge();
    let mut file = Vec::new();
    forged.write(&mut file).unwrap();
    assert_eq!(decode_file(file), decode(&forged));
}

#[test]
fn connections_at_the_same_time_stay_apart() {
    let forged = dialogue(Scenario::new(4)).forge();
    let forged = forged.and(dialogue(Scenario::new(5).mss(100)).forge());
    assert!(forged.packets.windows(2).any(|p| p[0].conn != p[1].conn));
    let events = decode(&forged);
    for conn in 0..2 {
        let told = forged.told.iter().filter(|told| told.conn == conn);
        let flow = forged.flow(conn).unwrap();
        let ours: Vec<_> = events
            .iter()
            .filter(|seen| seen.flow == flow)
            .cloned()
            .collect();
        assert_eq!(messages(&ours), told.map(common::truth).collect::<Vec<_>>());
    }
}

#[test]
fn http_before_the_upgrade() {
    let ok = |body: &str| response(200).body(body);
    let forged = connection()
        .cork()
        .client(request("GET", "/a").field("Host", "x"))
        .client(request("POST", "/b").chunked([&b"one"[..], b"three"]))
        .client(request("HEAD", "/c"))
        .uncork()
        .server(ok("a").field("X", "y"))
        .server(response(200).chunked([&b"0123456789abcdef"[..]]))
        .server(response(200).field("Content-Length", "17"))
        .refuse(426, |upgrade| upgrade)
        .client(request("CONNECT", "example.com:80"))
        .server(response(200))
        .upgrade(|upgrade| upgrade.request(|head: Head| head.set("Host", "example.com")))
        .client(text("through"))
        .rst(Dir::S2c)
        .forge();
    let events = is_orderly(&forged);
    let http = words(&events);
    let http: Vec<_> = http
        .iter()
        .filter(|word| word.starts_with("http"))
        .collect();
    assert_eq!(http.len(), 12);
    assert!(words(&events).contains(&"ws.refused"));
}

#[test]
fn ends_of_every_kind() {
    let open = || connection().upgrade(|upgrade| upgrade).client(text("x"));
    let end = |scenario: Scenario| {
        let events = tells_the_truth(&scenario.forge());
        events.iter().find_map(|seen| match &seen.event.kind {
            EventKind::Ws(Ws::Close(close)) => Some((close.tcp_end, close.initiator)),
            _ => None,
        })
    };
    let (client, server) = (Some(Dir::C2s), Some(Dir::S2c));
    assert_eq!(end(open()), None);
    assert_eq!(end(open().fin()), Some((TcpEnd::Fin, server)));
    assert_eq!(end(open().fin_from(Dir::C2s)), Some((TcpEnd::Fin, client)));
    assert_eq!(end(open().fin_both()), Some((TcpEnd::Fin, client)));
    assert_eq!(end(open().rst(Dir::S2c)), Some((TcpEnd::Rst, server)));
    assert_eq!(
        end(open().half_close(Dir::C2s).server(text("more")).fin()),
        Some((TcpEnd::Fin, client))
    );
    assert_eq!(
        end(open().server(close(1001, "")).fin_from(Dir::C2s)),
        Some((TcpEnd::Fin, server))
    );
}

#[test]
fn violations_are_written_as_they_are_said() {
    let forged = connection()
        .upgrade(|upgrade| upgrade)
        .client(frame(Opcode(3)).rsv(7).mask(Mask::None).payload("odd"))
        .client(frame(Opcode::PING).fin(false).payload(200))
        .server(frame(Opcode::BINARY).form(Form::Claim(1 << 62)))
        .forge();
    let events = decode(&forged);
    let frames: Vec<_> = events
        .iter()
        .filter_map(|seen| match seen.event.kind {
            EventKind::Ws(Ws::Frame(frame)) => Some(frame),
            _ => None,
        })
        .collect();
    assert_eq!((frames[0].rsv, frames[0].opcode.0), (7, 3));
    assert_eq!(frames[0].masking_key, None);
    assert_eq!((frames[1].fin, frames[1].length), (false, 200));
    assert_eq!((frames[2].length, frames[2].unfinished), (1 << 62, true));
}

#[test]
fn faults_are_what_they_say() {
    let orderly = || {
        connection()
            .net(|net| net.acks = Acks::Delayed)
            .upgrade(|upgrade| upgrade)
            .mss(10)
            .client(text("0123456789abcdefghijklmnopqrstuvwxyz"))
            .forge()
    };
    let data = |forged: &Forged| {
        let first = forged.told[0].span.start;
        let mut packets = forged.packets.iter();
        1 + packets
            .position(|packet| packet.carries.contains(&first))
            .unwrap()
    };
    let notes = |forged: Forged| {
        let events = tells_the_truth(&forged);
        let note = |seen: &Seen| match seen.event.kind {
            // At the end of these captures the last bytes are not acknowledged.
            EventKind::Tcp(Tcp::Note(Note::Remark(remark))) if remark.label == Label::Silence => {
                None
            }
            EventKind::Tcp(Tcp::Note(Note::Remark(remark))) => Some(remark.label.word()),
            EventKind::Anomaly(ref anomaly) => Some(anomaly.what.word()),
            _ => None,
        };
        events.iter().filter_map(note).collect::<Vec<_>>()
    };
    let n = data(&orderly());
    assert_eq!(notes(orderly()), [""; 0]);
    assert_eq!(notes(orderly().late(n, 2)), ["hole", "reordered"]);
    assert_eq!(notes(orderly().again(n, 2)), ["retransmission"]);
    assert_eq!(
        notes(orderly().overlap(n + 1, 1, [5, 5])),
        ["retransmission"; 2],
        "the overlap, and the original of what it brought first"
    );
    let conflict = orderly().late(n, 3).conflict(n, 1);
    assert!(notes(conflict).contains(&"conflict"));

    let lost = orderly().lose([n + 1]);
    assert_eq!(lost.missing(0, Dir::C2s).len(), 1);
    let cut = orderly().snaplen(40);
    assert!(cut.packets.iter().all(|packet| packet.data.len() <= 40));
    assert_eq!(
        orderly().begin_at(n).packets.len() + n - 1,
        orderly().packets.len()
    );
    assert_eq!(orderly().end_at(n).packets.len(), n);
    tells_the_truth(&orderly().shuffle(1));
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let file = |seed| {
        let mut file = Vec::new();
        let scenario = dialogue(Scenario::new(seed)).server(pong("unasked"));
        scenario.forge().write(&mut file).unwrap();
        file
    };
    assert_eq!(file(9), file(9));
    assert_ne!(file(9), file(10));
}
