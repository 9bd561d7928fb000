//! What holds for every capture: properties over random dialogues, transports and faults.

mod common;

use common::{Keep, Said, Seen, decode, messages, truth};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::RngSeed;
use serde_json::Value;
use std::io::Cursor;
use wscope::engine::run;
use wscope::forge::{Acks, Forged, Message, Scenario, binary, ping, pong, text};
use wscope::model::{Dir, Endpoint, EventKind, Limits, Sink, Ws};
use wscope::sink::Jsonl;
use wscope::source::Capture;

/// A dialogue, before it is known how it is transported.
#[derive(Clone, Debug)]
struct Plan {
    seed: u64,
    deflate: Option<&'static str>,
    steps: Vec<Step>,
    /// What a keep-alive probe carries.
    garbage: &'static [u8],
    end: End,
}

#[derive(Clone, Debug)]
enum Step {
    Say(Dir, Shape),
    KeepAlive(Dir),
    /// Both sides say these at once.
    Together(Shape, Shape),
}

#[derive(Clone, Debug)]
struct Shape {
    kind: u8,
    size: usize,
    fragments: usize,
    between: bool,
    plain: bool,
}

#[derive(Clone, Debug)]
enum End {
    Open,
    Close,
    Fin(Dir),
    Both,
    Rst(Dir),
}

/// How a dialogue is transported.
#[derive(Clone, Debug)]
struct Transport {
    isn: [u32; 2],
    cuts: Vec<usize>,
    acks: Acks,
    v6: bool,
}

fn dir() -> impl Strategy<Value = Dir> {
    select(&Dir::BOTH[..])
}

fn shape() -> impl Strategy<Value = Shape> {
    let size = prop_oneof![6 => 0..200usize, 3 => 0..3_000usize, 1 => 60_000..70_000usize];
    let rest = (
        0..8u8,
        size,
        1..5usize,
        any::<bool>(),
        prop::bool::weighted(0.2),
    );
    rest.prop_map(|(kind, size, fragments, between, plain)| Shape {
        kind,
        size,
        fragments,
        between,
        plain,
    })
}

fn plan() -> impl Strategy<Value = Plan> {
    let step = prop_oneof![
        8 => (dir(), shape()).prop_map(|(dir, shape)| Step::Say(dir, shape)),
        1 => dir().prop_map(Step::KeepAlive),
        2 => (shape(), shape()).prop_map(|(a, b)| Step::Together(a, b)),
    ];
    let deflate = select(vec![
        None,
        None,
        Some("permessage-deflate"),
        Some("permessage-deflate; client_no_context_takeover; server_no_context_takeover"),
        Some("permessage-deflate; server_max_window_bits=9; client_max_window_bits=10"),
    ]);
    let end = prop_oneof![
        Just(End::Open),
        Just(End::Close),
        dir().prop_map(End::Fin),
        Just(End::Both),
        dir().prop_map(End::Rst),
    ];
    (any::<u64>(), deflate, vec(step, 0..12), end).prop_map(|(seed, deflate, steps, end)| Plan {
        seed,
        deflate,
        steps,
        garbage: b"\0",
        end,
    })
}

/// Without bytes in probes: where the acknowledgement before one is lost or late as well, nothing
/// tells its byte from data.
fn plan_without_garbage() -> impl Strategy<Value = Plan> {
    plan().prop_map(|plan| Plan {
        garbage: b"",
        ..plan
    })
}

fn transport() -> impl Strategy<Value = Transport> {
    let isn = prop_oneof![any::<u32>(), u32::MAX - 4_000..=u32::MAX];
    let cut = prop_oneof![3 => 100..1_460usize, 1 => 5..100usize, 1 => 1_460..20_000usize];
    let acks = select(vec![Acks::Each, Acks::EverySecond, Acks::Delayed]);
    ([isn.clone(), isn], vec(cut, 1..5), acks, any::<bool>()).prop_map(|(isn, cuts, acks, v6)| {
        Transport {
            isn,
            cuts,
            acks,
            v6,
        }
    })
}

impl Plan {
    fn forge(&self, transport: &Transport) -> Forged {
        let mut scenario = Scenario::new(self.seed)
            .net(|net| {
                net.isn = transport.isn;
                net.cuts.clone_from(&transport.cuts);
                net.acks = transport.acks;
                if transport.v6 {
                    net.ipv6();
                }
            })
            .handshake()
            .upgrade(|upgrade| match self.deflate {
                Some(extension) => upgrade.deflate(extension),
                None => upgrade,
            });
        for step in &self.steps {
            scenario = match step {
                Step::Say(dir, shape) => scenario.say(*dir, shape.message()),
                Step::KeepAlive(dir) => scenario.keep_alive(*dir, self.garbage),
                Step::Together(a, b) => {
                    let held = scenario.cork().server(a.message()).client(b.message());
                    held.server(ping("together")).uncork()
                }
            };
        }
        let ended = match self.end {
            End::Open => scenario,
            End::Close => scenario.close(1000, "bye").fin(),
            End::Fin(dir) => scenario.fin_from(dir),
            End::Both => scenario.fin_both(),
            End::Rst(dir) => scenario.rst(dir),
        };
        ended.forge()
    }
}

impl Shape {
    fn message(&self) -> Message {
        let message = match self.kind {
            0..=3 => text(self.size),
            4..=5 => binary(self.size),
            6 => return ping(self.size.min(125)),
            _ => return pong(self.size.min(125)),
        };
        let message = message.fragments(self.fragments);
        let message = if self.plain { message.plain() } else { message };
        if self.between {
            message.between(ping("between"))
        } else {
            message
        }
    }
}

/// The messages of each direction.
fn by_dir(said: impl Iterator<Item = Said>) -> [Vec<Said>; 2] {
    let (c2s, s2c) = said.partition(|said| said.dir == Dir::C2s);
    [c2s, s2c]
}

fn expected(forged: &Forged) -> [Vec<Said>; 2] {
    by_dir(forged.told.iter().map(truth))
}

fn seen(forged: &Forged) -> [Vec<Said>; 2] {
    by_dir(messages(&decode(forged)).into_iter())
}

/// Whether this can be the message that was sent, with some of its bytes unknown.
fn may_be(seen: &Seen, told: &wscope::forge::Told) -> bool {
    let EventKind::Ws(Ws::Message(message)) = &seen.event.kind else {
        return false;
    };
    // An empty range at the end: how much is missing there cannot be known.
    let open = seen.unknown.last().is_some_and(|range| range.is_empty());
    let sent = told.payload.len() as u64;
    let fits = if open {
        message.length <= sent
    } else {
        message.length == sent
    };
    let known = |at: u64| !seen.unknown.iter().any(|range| range.contains(&at));
    let same = |(at, (ours, theirs))| !known(at) || ours == theirs;
    message.kind == told.kind
        && fits
        && message.complete == seen.unknown.is_empty()
        && seen.bytes.len() as u64 == message.length
        && (0..).zip(seen.bytes.iter().zip(&told.payload)).all(same)
}

/// The first message that was never sent, if any.
fn invented(forged: &Forged) -> Option<String> {
    let events = decode(forged);
    let ends = [Dir::C2s, Dir::S2c].map(|dir| forged.flow(0).unwrap().sender(dir));
    let sender = |seen: &Seen| -> Option<Endpoint> { Some(seen.flow.sender(seen.event.dir?)) };
    for (dir, end) in Dir::BOTH.into_iter().zip(ends) {
        let mut told = forged.told.iter().filter(|told| told.dir == dir);
        let messages = events
            .iter()
            .filter(|seen| seen.event.kind.word() == "ws.message" && sender(seen) == Some(end));
        for message in messages {
            if !told.any(|told| may_be(message, told)) {
                let start = message.bytes[..message.bytes.len().min(40)].escape_ascii();
                let Seen { event, unknown, .. } = message;
                return Some(format!("{start}, unknown {unknown:?}: {event:?}"));
            }
        }
    }
    None
}

/// This many cases, always the same ones; with `PROPTEST_CASES=25600`, a hundred times as many, and
/// with `PROPTEST_RNG_SEED=1` others.
///
/// A boundary that is found again is proven up to a chance, so that among thousands of other cases
/// one may fail: what was believed is then a frame of the right form and of the wrong bytes.
fn config(cases: u32) -> ProptestConfig {
    let ordinary = ProptestConfig::default();
    let rng_seed = match ordinary.rng_seed {
        RngSeed::Random => RngSeed::Fixed(0),
        chosen => chosen,
    };
    ProptestConfig {
        rng_seed,
        cases: cases * ordinary.cases / 256,
        failure_persistence: None,
        max_shrink_iters: 500,
        ..ordinary
    }
}

proptest! {
    #![proptest_config(config(48))]

    #[test]
    fn any_transport_gives_the_same_messages(plan in plan(), transport in transport()) {
        let forged = plan.forge(&transport);
        prop_assert_eq!(seen(&forged), expected(&forged));
    }

    #[test]
    fn order_duplicates_and_overlaps_change_no_message(
        plan in plan(),
        transport in transport(),
        faults in vec((any::<usize>(), 1..6usize, [0..3_000u64, 0..3_000u64], 0..2u8), 0..12),
        shuffle: u64,
    ) {
        // No more pieces than may wait for a hole to fill.
        let mut transport = transport;
        transport.cuts.iter_mut().for_each(|cut| *cut = (*cut).max(200));
        let mut forged = plan.forge(&transport).shuffle(shuffle);
        for (packet, by, more, kind) in faults {
            let number = 1 + packet % forged.packets.len();
            let data = !forged.packets[number - 1].carries.is_empty();
            forged = match kind {
                0 => forged.again(number, by),
                _ if data => forged.overlap(number, by, more),
                _ => forged,
            };
        }
        prop_assert_eq!(seen(&forged), expected(&forged));
    }

    #[test]
    fn lost_packets_invent_nothing(
        plan in plan_without_garbage(),
        transport in transport(),
        lost in vec(any::<usize>(), 0..8),
        from in prop_oneof![2 => Just(0usize), 1 => any::<usize>()],
        snaplen in prop_oneof![4 => Just(usize::MAX), 1 => 40..400usize],
    ) {
        let forged = plan.forge(&transport);
        let count = forged.packets.len();
        let forged = forged
            .snaplen(snaplen)
            .lose(lost.into_iter().map(|lost| 1 + lost % count))
            .begin_at(from % count);
        let invented = invented(&forged);
        prop_assert!(invented.is_none(), "never sent: {}", invented.unwrap_or_default());
    }

    #[test]
    fn packets_that_come_late_invent_nothing(
        plan in plan_without_garbage(),
        transport in transport(),
        late in vec((any::<usize>(), 1..40usize), 0..8),
    ) {
        let mut forged = plan.forge(&transport);
        for (packet, by) in late {
            let number = 1 + packet % forged.packets.len();
            if !forged.packets[number - 1].carries.is_empty() {
                forged = forged.late(number, by);
            }
        }
        let invented = invented(&forged);
        prop_assert!(invented.is_none(), "never sent: {}", invented.unwrap_or_default());
    }

    #[test]
    fn any_bytes_are_decoded_within_the_limits(
        upgraded: bool,
        talk in vec((dir(), vec(any::<u8>(), 0..400)), 0..12),
        transport in transport(),
    ) {
        let mut scenario = Scenario::new(1)
            .net(|net| net.cuts.clone_from(&transport.cuts))
            .handshake();
        if upgraded {
            scenario = scenario.upgrade(|upgrade| upgrade.deflate("permessage-deflate"));
        }
        for (dir, bytes) in talk {
            scenario = scenario.say(dir, bytes);
        }
        let forged = scenario.fin().forge();
        let events = decode(&forged);
        let carried: usize = forged.packets.iter().map(|packet| packet.data.len()).sum();
        prop_assert!(events.len() <= 8 * carried);
        // One byte of DEFLATE gives up to 1,032.
        let lent: usize = events.iter().map(|seen| seen.bytes.len()).sum();
        prop_assert!(lent <= 1_100 * carried);
    }

    #[test]
    fn a_file_that_is_cut_gives_what_came_before_the_cut(
        plan in plan(),
        transport in transport(),
        cut: usize,
    ) {
        let forged = plan.forge(&transport);
        let mut file = Vec::new();
        forged.write(&mut file).unwrap();
        file.truncate(cut % file.len());
        let mut capture = Capture::from_reader("cut", Cursor::new(file));
        let mut keep = Keep::default();
        let run = run(&mut capture, Limits::default(), &mut keep, |_, _| true).unwrap();
        let before = usize::try_from(run.counts.packets).unwrap();
        prop_assert_eq!(keep.0, decode(&forged.end_at(before)));
    }

    #[test]
    fn every_line_of_json_keeps_the_contract(
        plan in plan(),
        transport in transport(),
        lost in vec(any::<usize>(), 0..4),
        other in plan(),
    ) {
        let forged = plan.forge(&transport);
        let count = forged.packets.len();
        let forged = forged
            .lose(lost.into_iter().map(|lost| 1 + lost % count))
            .and(other.forge(&transport));
        let mut jsonl = Vec::new();
        common::feed(forged.packets(), &mut Jsonl::new(&mut jsonl) as &mut dyn Sink);
        let mut before = None;
        for line in String::from_utf8(jsonl).unwrap().lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            if let Some(why) = breach(&line) {
                prop_assert!(false, "{}: {}", why, line);
            }
            let id = number(line["id"].as_str().unwrap()).unwrap();
            prop_assert!(before < Some(id), "{:?} before {}", before, line);
            prop_assert!(id.0 == u64::MAX || Some(id.0) == line["packet"].as_u64());
            before = Some(id);
        }
    }
}

// What the properties above have found.

#[test]
fn what_follows_half_a_request_is_no_frame() {
    let upgrade = || Scenario::new(0).mss(64).upgrade(|upgrade| upgrade);
    let forged = upgrade().client(text("true")).rst(Dir::C2s).forge();
    let request: Vec<_> = (1..)
        .zip(&forged.packets)
        .filter(|(_, packet)| packet.dir == Dir::C2s && !packet.carries.is_empty())
        .map(|(number, _)| number)
        .collect();
    for lost in [vec![request[0]], request[1..request.len() - 1].to_vec()] {
        let forged = forged.clone().lose(lost);
        assert_eq!(invented(&forged), None);
    }
}

#[test]
fn a_request_that_comes_after_its_answer_is_no_frame() {
    let forged = Scenario::new(0).handshake().upgrade(|upgrade| upgrade);
    let forged = forged.client(text("x")).forge().late(4, 1).begin_at(2);
    let request = |seen: &&Seen| seen.event.dir == Some(Dir::C2s) && seen.event.span.start == 0;
    let events = decode(&forged);
    let kinds = events.iter().filter(request);
    let kinds: Vec<_> = kinds.map(|seen| seen.event.kind.word()).collect();
    assert!(!kinds.contains(&"ws.frame"), "{kinds:?}");
}

#[test]
fn the_byte_of_a_probe_does_not_fill_a_hole() {
    let forged = Scenario::new(0)
        .net(|net| net.acks = Acks::Each)
        .handshake()
        .upgrade(|upgrade| upgrade)
        .mss(355)
        .client(text(702))
        .keep_alive(Dir::C2s, b"\0")
        .client(text("next"))
        .forge();
    let last = forged.told[0].span.end - 1;
    let carrier = |packet: &wscope::forge::Packet| packet.carries.contains(&last);
    let lost = 1 + forged.packets.iter().position(carrier).unwrap();
    assert_eq!(invented(&forged.lose([lost])), None);
}

/// An event id as a pair that sorts as the timeline.
fn number(id: &str) -> Option<(u64, u64)> {
    let (at, nth) = id.split_once('.')?;
    let at = if at == "end" {
        u64::MAX
    } else {
        at.parse().ok()?
    };
    Some((at, nth.parse().ok()?))
}

/// Where a line does not keep the contract, how.
fn breach(line: &Value) -> Option<String> {
    let object = line.as_object()?;
    let kind = line["event"].as_str().unwrap_or_default();
    let Some((_, own)) = CONTRACT.iter().find(|(name, _)| *name == kind) else {
        return Some(format!("no event is called {kind:?}"));
    };
    let keys = || EVERY_LINE.iter().chain(*own);
    let missing = keys().find(|key| !key.name.ends_with('?') && !object.contains_key(key.name));
    if let Some(key) = missing {
        return Some(format!("{} is missing", key.name));
    }
    object.iter().find_map(|(name, value)| {
        let key = keys().find(|key| key.name.trim_end_matches('?') == name);
        match key {
            // What is said of a segment has many forms; the contract fixes none of them.
            None if kind.starts_with("tcp.") => None,
            None => Some(format!("{name} is not in the contract")),
            Some(key) if !key.is.holds(value) => Some(format!("{name} is no {:?}", key.is)),
            Some(_) => None,
        }
    })
}

/// A key that a line has; with a question mark, that it may have.
struct Key {
    name: &'static str,
    is: Is,
}

#[derive(Debug)]
enum Is {
    Text,
    Number,
    Bool,
    Texts,
    Ranges,
    Fields,
    OneOf(&'static [&'static str]),
}

impl Is {
    fn holds(&self, value: &Value) -> bool {
        let all = |of: fn(&Value) -> bool| value.as_array().is_some_and(|all| all.iter().all(of));
        match self {
            Self::Text => value.is_string(),
            Self::Number => value.is_u64(),
            Self::Bool => value.is_boolean(),
            Self::Texts => all(Value::is_string),
            Self::Ranges => all(|pair| {
                let ends = pair.as_array().map(Vec::as_slice);
                matches!(ends, Some([start, end]) if start.as_u64() <= end.as_u64() && end.is_u64())
            }),
            Self::Fields => all(|field| field.is_array() || field.is_object()),
            Self::OneOf(words) => value.as_str().is_some_and(|word| words.contains(&word)),
        }
    }
}

const fn key(name: &'static str, is: Is) -> Key {
    Key { name, is }
}

const SIDES: Is = Is::OneOf(&["client", "server", "unknown"]);

const EVERY_LINE: &[Key] = &[
    key("event", Is::Text),
    key("id", Is::Text),
    key("time", Is::Text),
    key("packet", Is::Number),
    key("conn", Is::Number),
    key("client", Is::Text),
    key("server", Is::Text),
    key("dir?", Is::OneOf(&["c2s", "s2c"])),
    key("about?", Is::Text),
];

const CONTRACT: &[(&str, &[Key])] = &[
    (
        "tcp.open",
        &[
            key("handshake", Is::OneOf(&["full", "partial", "none"])),
            key("initial_rtt_ns?", Is::Number),
        ],
    ),
    (
        "tcp.close",
        &[
            key("end", Is::OneOf(&["fin", "rst"])),
            key("first", SIDES),
            key("bytes_c2s", Is::Number),
            key("bytes_s2c", Is::Number),
        ],
    ),
    (
        "tcp.note",
        &[
            key("note", Is::Text),
            key("seq?", Is::Number),
            key("window?", Is::Number),
            key("mss?", Is::Number),
            key("wscale?", Is::Number),
            key("sack_permitted?", Is::Bool),
            key("timestamps?", Is::Bool),
            key("protocol?", Is::Text),
            key("offset?", Is::Number),
            key("length?", Is::Number),
        ],
    ),
    (
        "http.request",
        &[
            key("method", Is::Text),
            key("uri", Is::Text),
            key("version", Is::Text),
            key("headers", Is::Fields),
        ],
    ),
    (
        "http.response",
        &[
            key("status", Is::Number),
            key("reason", Is::Text),
            key("version", Is::Text),
            key("headers", Is::Fields),
        ],
    ),
    (
        "ws.open",
        &[
            key("session", Is::Number),
            key("uri?", Is::Text),
            key("host?", Is::Text),
            key("origin?", Is::Text),
            key("version?", Is::Text),
            key("key?", Is::Text),
            key("accept?", Is::Text),
            key("accept_ok?", Is::Bool),
            key("subprotocol?", Is::Text),
            key("subprotocols_offered", Is::Texts),
            key("extensions?", Is::Text),
            key("inferred", Is::Bool),
        ],
    ),
    (
        "ws.frame",
        &[
            key("session", Is::Number),
            key("fin", Is::Bool),
            key("rsv", Is::Number),
            key("opcode", Is::Number),
            key("masked", Is::Bool),
            key("masking_key?", Is::Text),
            key("length", Is::Number),
            key("header_length", Is::Number),
            key("offset", Is::Number),
            key("unfinished?", Is::Bool),
        ],
    ),
    (
        "ws.message",
        &[
            key("session", Is::Number),
            key(
                "kind",
                Is::OneOf(&["text", "binary", "ping", "pong", "close"]),
            ),
            key("length", Is::Number),
            key("wire_length", Is::Number),
            key("frames", Is::Number),
            key("compressed", Is::Bool),
            key("complete", Is::Bool),
            key("unknown?", Is::Ranges),
            key("text?", Is::Text),
            key("base64?", Is::Text),
            key("code?", Is::Number),
            key("reason?", Is::Text),
        ],
    ),
    (
        "ws.close",
        &[
            key("session", Is::Number),
            key("clean", Is::Bool),
            key("initiator", SIDES),
            key("code_client?", Is::Number),
            key("code_server?", Is::Number),
            key("client_saw?", Is::Number),
            key("server_saw?", Is::Number),
            key("tcp_end", Is::OneOf(&["fin", "rst", "none"])),
            key("why", Is::Text),
        ],
    ),
    (
        "anomaly",
        &[
            key("what", Is::Text),
            key("text", Is::Text),
            key("offset", Is::Number),
            key("length", Is::Number),
        ],
    ),
];
