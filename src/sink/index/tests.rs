use super::*;
use crate::model::{
    Dir, EventId, Frame, MaskingKey, Opcode, PacketNo, SessionId, Span, Timestamp, Trust,
};

/// An index that has heard of session 7.
fn index() -> Index {
    let mut index = Index::default();
    let open = crate::model::Open {
        session: SessionId(7),
        ..Default::default()
    };
    let mut open = event(2, 0, Ws::Open(Box::new(open)));
    open.id.at = PacketNo::FIRST;
    index.take(open, &flow(), "");
    index
}

fn flow() -> Flow {
    let end = |text: &str| {
        let address: std::net::SocketAddr = text.parse().unwrap();
        crate::model::Endpoint {
            ip: address.ip(),
            port: address.port(),
        }
    };
    Flow {
        client: end("10.0.0.1:5000"),
        server: end("10.0.0.2:80"),
    }
}

fn event(at: u64, nth: u32, kind: Ws) -> Event {
    let packet = PacketNo::new(at).unwrap();
    Event {
        id: EventId { at: packet, nth },
        packet,
        first: PacketNo::new(at - 1).unwrap(),
        time: Timestamp(at as i64 * 1_000),
        conn: ConnId(3),
        dir: Some(Dir::C2s),
        span: Span::tcp(100, 11),
        trust: Trust::Inferred,
        about: None,
        kind: EventKind::Ws(kind),
    }
}

fn frame(fin: bool) -> Ws {
    Ws::Frame(Frame {
        session: SessionId(7),
        fin,
        rsv: 4,
        opcode: Opcode::TEXT,
        masking_key: Some(MaskingKey([1, 2, 3, 4])),
        length: 5,
        header_length: 6,
        unfinished: false,
    })
}

fn message(frames: u32, length: u64) -> Ws {
    Ws::Message(Message {
        session: SessionId(7),
        kind: Kind::Text,
        compressed: true,
        complete: true,
        utf8: true,
        frames,
        length,
        wire_length: 5,
        inflated: crate::model::Inflated::default(),
    })
}

#[test]
fn what_goes_in_comes_out() {
    let events = [
        event(2, 0, frame(true)),
        event(2, 1, message(1, 9)),
        event(3, 0, frame(false)),
        event(4, 0, message(2, 9)),
        // Too long for a row, or its first frame is of another packet.
        event(4, 1, message(1, 1 << 40)),
        event(5, 0, message(1, 3)),
        event(6, 0, frame(true)),
    ];
    let mut index = index();
    for event in &events {
        index.take(event.clone(), &flow(), "");
    }
    let track = &index.tracks()[0];
    let out: Vec<_> = track
        .lines(Line::FIRST, Level::Tcp)
        .map(|line| track.event(line).unwrap())
        .skip(1)
        .collect();
    assert_eq!(out, events);
    assert_eq!(
        track.end().number(),
        13,
        "eight events in seven rows, the last one open"
    );
    for event in &events {
        let line = track.find(event.id).unwrap();
        assert_eq!(track.event(line).unwrap().id, event.id);
    }
    assert_eq!(
        track.find("1.0".parse().unwrap()),
        track.lines(Line::FIRST, Level::Tcp).next()
    );
    let before = track.find("5.7".parse().unwrap()).unwrap();
    assert_eq!(track.id(before).unwrap().to_string(), "5.0");
    assert_eq!(track.lines(Line::FIRST, Level::Messages).count(), 5);
}

#[test]
fn a_message_that_joins_its_frame_moves_no_line() {
    let mut index = index();
    index.take(event(2, 0, frame(true)), &flow(), "");
    let track = &index.tracks()[0];
    let (before, end) = (
        track.lines(Line::FIRST, Level::Tcp).collect::<Vec<_>>(),
        track.end(),
    );
    index.take(event(2, 1, message(1, 5)), &flow(), "\"hello\"");
    let track = &index.tracks()[0];
    let new: Vec<_> = track.lines(end, Level::Tcp).collect();
    assert_eq!(
        track.lines(Line::FIRST, Level::Tcp).collect::<Vec<_>>(),
        [before, new.clone()].concat()
    );
    assert_eq!(track.preview(new[0]), Some("\"hello\""));
}

#[test]
fn previews_belong_to_their_messages() {
    let mut index = index();
    index.take(event(2, 0, message(2, 5)), &flow(), "one");
    index.take(event(3, 0, frame(true)), &flow(), "");
    index.take(event(3, 1, message(1, 5)), &flow(), "two");
    let track = &index.tracks()[0];
    let texts: Vec<_> = track
        .lines(Line::FIRST, Level::Tcp)
        .map(|line| track.preview(line).unwrap())
        .collect();
    assert_eq!(texts, ["", "one", "", "two"]);
}

#[test]
fn beyond_its_limit_an_index_forgets_the_oldest_rows_and_says_how_many() {
    let mut index = Index::with_limit(100_000);
    let flow = flow();
    for at in 10..10_010 {
        index.take(event(at, 0, frame(true)), &flow, "");
        index.take(event(at, 1, message(1, 9)), &flow, "0123456789");
    }
    let [track] = index.tracks() else {
        panic!("one connection")
    };
    assert!(track.size() < 150_000, "{}", track.size());
    assert!(track.forgotten() > 5_000, "{}", track.forgotten());
    // What is left is what it was, has the numbers it had, and ends where it ended.
    let lines: Vec<_> = track.lines(Line::FIRST, Level::Messages).collect();
    assert!(lines.len() > 200, "{}", lines.len());
    for (line, at) in lines.iter().rev().zip((10..10_010).rev()) {
        let id = track.id(*line).unwrap();
        assert_eq!((id.at.get(), id.nth), (at, 1));
        assert_eq!(track.preview(*line), Some("0123456789"));
        assert_eq!(track.event(*line).unwrap().id, id);
        assert_eq!(track.find(id), Some(*line));
    }
    assert_eq!(track.event(Line::FIRST), None);
    assert_eq!(track.messages.iter().sum::<u64>(), 10_000);
}

/// A connection that opens with a frame, and ends where that is said.
fn short(index: &mut Index, conn: u32, ends: bool) {
    let at = u64::from(conn) * 10 + 2;
    let of = |mut event: Event| {
        event.conn = ConnId(conn);
        event
    };
    index.take(of(event(at, 0, frame(true))), &flow(), "");
    if ends {
        let mut close = of(event(at + 1, 0, frame(true)));
        close.kind = EventKind::Tcp(crate::model::Tcp::Close(crate::model::TcpClose {
            reset: false,
            first: Dir::C2s,
            bytes: [0; 2],
            how: crate::model::How::FourSegments,
            completeness: 31,
            keep_alives: 0,
        }));
        index.take(close, &flow(), "");
    }
}

#[test]
fn a_list_of_connections_has_a_limit_and_forgets_the_oldest_that_have_ended() {
    // A quarter of a megabyte holds the summaries of 409 connections.
    let mut index = Index::with_limit(1 << 20);
    let most = (1 << 20) / 4 / SUMMARY;
    let open = |conn: u32| conn % 1000 == 5;
    let mut watched = 3;
    for conn in 0..50_000 {
        short(&mut index, conn, !open(conn));
        if let Some(moved) = index.trim(|at| at == watched) {
            watched = moved.to(watched).unwrap();
        }
        assert!(index.tracks().len() <= most, "{conn}");
    }
    let tracks = index.tracks();
    assert_eq!(tracks[watched].conn, ConnId(3));
    assert_eq!(tracks.len() as u64 + index.forgotten(), 50_000);
    let still_open = tracks.iter().filter(|it| it.ending.is_open()).count();
    assert_eq!(still_open, 50);
    assert_eq!(tracks.last().unwrap().conn, ConnId(49_999));
    for (at, track) in tracks.iter().enumerate() {
        assert_eq!(index.place(track.conn), Some(at));
    }
    assert!(tracks.iter().is_sorted_by_key(|track| track.conn));
    // What still comes of one that is forgotten does not bring it back.
    let gone = ConnId(49_000);
    assert!(index.has_forgotten(gone) && index.place(gone).is_none());
    short(&mut index, gone.0, false);
    assert!(index.place(gone).is_none());
}

#[test]
fn places_move_up_by_those_before_them_that_went() {
    let moved = Moved {
        removed: vec![1, 2, 5],
    };
    let to: Vec<_> = (0..7).map(|at| moved.to(at)).collect();
    assert_eq!(to, [Some(0), None, None, Some(1), Some(2), None, Some(3)]);
    assert_eq!((moved.left(0), moved.left(3), moved.left(7)), (0, 1, 4));
}
