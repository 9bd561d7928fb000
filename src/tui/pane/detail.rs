//! Everything that is known about the selected event, by name: a tree whose lines point at bytes and at other
//! events.

use super::bytes;
use crate::tui::app::{App, Pane};
use crate::tui::canvas::{heading, put, put_right, wrap};
use crate::tui::view;
use crate::tui::wire::{self, Area, Head, Place};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::cell::RefCell;
use std::fmt::Write as _;
use std::rc::Rc;
use unicode_width::UnicodeWidthStr as _;
use wscope::decode::anatomy;
use wscope::explain::texts::Value as Shown;
use wscope::explain::{Lang, Traced, of_rule, said};
use wscope::field::{self, Value};
use wscope::model::{Dir, Event, EventId, EventKind, Flow, Loan, PacketNo, Timestamp, Trust};
use wscope::sink::{Escaped, Track};

/// Characters of a value that are shown.
const LONGEST: usize = 2048;

/// Which line one is at, and which is at the top.
#[derive(Debug, Default)]
pub struct State {
    pub at: usize,
    pub top: usize,
    /// What was made last, and of what: a picture asks for it several times.
    made: RefCell<Option<(Made, Rc<Vec<Node>>)>>,
}

/// What nodes are made of: as long as it is the same, so are they.
#[derive(PartialEq, Debug)]
struct Made {
    event: Event,
    flow: Option<Flow>,
    start: Option<Timestamp>,
    note: Option<String>,
    /// Which answer with bytes, if it has come.
    answer: (u64, bool),
    /// The byte that one is at, where its origin is told.
    byte: Option<(Area, u64)>,
    lang: Lang,
}

/// A name and a value; the bytes that it stands for, and the event that it speaks of.
#[derive(Clone, Debug)]
pub struct Node {
    pub name: String,
    pub value: String,
    place: Option<Place>,
    pub link: Option<EventId>,
}

impl Node {
    fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            value: value.into(),
            place: None,
            link: None,
        }
    }

    fn at(self, area: Area, range: std::ops::Range<u64>) -> Self {
        let place = Some(Place { area, range });
        Self { place, ..self }
    }

    fn to(self, link: Option<EventId>) -> Self {
        Self { link, ..self }
    }
}

pub fn render(app: &App, area: Rect, buf: &mut Buffer) {
    if area.is_empty() {
        return;
    }
    let focused = app.focus == Pane::Detail;
    let name = app.event().map_or_else(
        || app.tr("detail", &[]),
        |event| format!("{} {}", event.kind.word(), event.id),
    );
    let inside = heading(buf, area, &name, "", app.theme, focused);
    let nodes = nodes(app);
    let split_at = split(&nodes, inside.width.into());
    let lines = lines(&nodes, inside.width.into());
    let cursor = cursor(app);
    let end = inside.right().saturating_sub(1);
    for ((number, value), y) in lines
        .iter()
        .skip(app.detail.top)
        .zip(inside.y..inside.bottom())
    {
        let split = inside.x + 1 + split_at as u16;
        let node = number.map(|number| &nodes[number]);
        let under = node.and_then(|node| node.place.as_ref());
        let linked =
            cursor.is_some_and(|(area, at)| under.is_some_and(|place| place.has(area, at)));
        let (name_style, style) = match linked {
            true => (app.theme.linked(), app.theme.linked()),
            false => (app.theme.dim(), app.theme.plain()),
        };
        let name = node.map_or("", |node| node.name.as_str());
        put_right(buf, (inside.x + 1, y), split, name, name_style);
        put(buf, (split + 2, y), end, value, style);
        if node.is_some_and(|node| node.link.is_some()) {
            put(buf, (split, y), end, "›", app.theme.bold());
        }
        if focused && *number == Some(app.detail.at) {
            put(buf, (inside.x, y), end, "▸", app.theme.plain());
            buf.set_style(
                Rect {
                    y,
                    height: 1,
                    ..inside
                },
                app.theme.selected(true),
            );
        }
    }
}

/// The byte that the cursor is at, where the keys are among the bytes.
fn cursor(app: &App) -> Option<(Area, u64)> {
    match app.focus {
        Pane::Bytes => last_cursor(app),
        Pane::Connections | Pane::Timeline | Pane::Detail => None,
    }
}

/// The byte that the cursor is at, or was when one left the bytes.
fn last_cursor(app: &App) -> Option<(Area, u64)> {
    let width = view::layout(app).inside(Pane::Bytes).width;
    bytes::under_cursor(app, width.into())
}

/// The bytes that stand out: of the field that one is at, or of the innermost field of the byte that one is at.
pub fn linked(app: &App, width: usize) -> Vec<Place> {
    let nodes = nodes(app);
    match app.focus {
        Pane::Detail => nodes
            .get(app.detail.at)
            .and_then(|node| node.place.clone())
            .into_iter()
            .collect(),
        Pane::Bytes => {
            if let Some(range) = bytes::part_under_cursor(app, width) {
                let area = Area::Payload;
                return vec![Place { area, range }];
            }
            let Some((area, at)) = bytes::under_cursor(app, width) else {
                return Vec::new();
            };
            let elsewhere = bytes::elsewhere(app, (area, at));
            if !elsewhere.is_empty() {
                return elsewhere;
            }
            nodes
                .iter()
                .filter_map(|node| node.place.clone())
                .filter(|place| place.has(area, at))
                .min_by_key(|place| place.range.end - place.range.start)
                .into_iter()
                .collect()
        }
        Pane::Connections | Pane::Timeline => Vec::new(),
    }
}

/// How many lines it takes to show all, and the line on which the node stands that one is at.
pub fn height(app: &App, width: usize) -> (usize, usize) {
    let nodes = nodes(app);
    let lines = lines(&nodes, width);
    let at = lines
        .iter()
        .position(|(number, _)| *number == Some(app.detail.at))
        .unwrap_or(0);
    (lines.len(), at)
}

/// The width of the names.
fn split(nodes: &[Node], width: usize) -> usize {
    nodes
        .iter()
        .map(|node| node.name.width())
        .max()
        .unwrap_or(0)
        .min(width / 2)
}

/// Values broken into lines, the first of each with the number of its node.
fn lines(nodes: &[Node], width: usize) -> Vec<(Option<usize>, String)> {
    let room = width.saturating_sub(split(nodes, width) + 4);
    let mut lines = Vec::new();
    for (number, node) in nodes.iter().enumerate() {
        let mut number = Some(number);
        for part in wrap(&node.value, room) {
            lines.push((number.take(), part));
        }
    }
    lines
}

/// All that is known of the selected event.
pub fn nodes(app: &App) -> Rc<Vec<Node>> {
    let Some(event) = app.event() else {
        return Rc::default();
    };
    let of = Made {
        flow: app.track().map(|track| track.flow),
        start: app.start,
        note: app.notes.marks.get(&event.id).cloned(),
        answer: (app.generation, app.bytes.answer.is_some()),
        byte: app.bytes.traced.as_ref().and_then(|_| last_cursor(app)),
        lang: app.lang,
        event,
    };
    let mut made = app.detail.made.borrow_mut();
    match &*made {
        Some((same, nodes)) if *same == of => Rc::clone(nodes),
        _ => {
            let nodes = Rc::new(make(app, &of.event));
            *made = Some((of, Rc::clone(&nodes)));
            nodes
        }
    }
}

fn make(app: &App, event: &Event) -> Vec<Node> {
    let mut nodes = common(app, event);
    nodes.extend(
        app.bytes
            .traced
            .as_deref()
            .zip(cursor(app))
            .and_then(|(traced, (area, at))| match area {
                Area::Payload => origin(app, traced, at),
                Area::Wire | Area::Unmasked | Area::Packet | Area::Sealed => None,
            }),
    );
    if let Some(note) = app.notes.marks.get(&event.id) {
        let note = match note.is_empty() {
            true => app.tr("marked", &[]),
            false => escape(note),
        };
        nodes.push(Node::new(app.tr("note", &[]), note));
    }
    let replay = app.bytes.replay();
    let loan = replay.map_or(Loan::default(), |replay| Loan {
        bytes: &replay.payload,
        unknown: &replay.unknown,
    });
    field::visit(event, loan, |name, value| {
        // The payload has a pane for itself.
        if !(matches!(value, Value::Base64(_)) || name == "text" && is_message(event)) {
            let link = match (name, value) {
                ("of_packet", Value::Number(packet)) => PacketNo::new(packet).map(first_of),
                _ => None,
            };
            let cause = match (&event.kind, name) {
                (EventKind::Finding(finding), "cause") => {
                    let rule = wscope::rules::find(finding.rule);
                    rule.map(|rule| of_rule(app.lang, rule).cause)
                }
                _ => None,
            };
            let shown = show(app, name, cause.map_or(value, Value::Text));
            nodes.extend(shown.into_iter().map(|node| node.to(link)));
        }
    });
    if let Some(replay) = replay {
        for head in wire::frames(replay) {
            frame(app, &mut nodes, &head);
        }
        if !replay.payload.is_empty() {
            let len = replay.payload.len() as u64;
            nodes.push(
                Node::new(app.tr("payload", &[]), app.tr("{n} bytes", &[("n", &len)]))
                    .at(Area::Payload, 0..len),
            );
        }
        if let Some(packet) = &replay.packet {
            nodes.extend(
                anatomy(packet.link, &packet.data).into_iter().map(|part| {
                    Node::new(short(part.name), part.value).at(Area::Packet, part.range)
                }),
            );
        }
    }
    nodes
}

fn direction(dir: Dir) -> &'static str {
    match dir {
        Dir::C2s => "client → server",
        Dir::S2c => "server → client",
    }
}

/// A name without what only Wireshark needs to tell it from others: names stand in a narrow column.
fn short(name: &str) -> String {
    let name = name.replace(".options.", ".");
    let ends = ["_size_value", "_val", ".shift", "_raw", "_pointer"];
    let end = ends.iter().find_map(|end| name.strip_suffix(end));
    end.map_or(name.clone(), str::to_owned)
}

fn first_of(packet: PacketNo) -> EventId {
    EventId { at: packet, nth: 0 }
}

/// Where the byte of a compressed message came from that one is at.
fn origin(app: &App, traced: &Traced, at: u64) -> Option<Node> {
    let origin = traced.origin(at)?;
    let (from, to) = (origin.bits.start, origin.bits.end);
    let bits: [Shown<'_>; 2] = [("from", &from), ("to", &to)];
    let Some(copied) = origin.copied else {
        let text = app.tr("bits {from} to {to} of what was deflated", &bits);
        return Some(Node::new(app.tr("inflated", &[]), text).at(Area::Payload, origin.bytes));
    };
    let source = copied.from.and_then(|(source, at)| Some((source?, at)));
    let (how, link) = match (copied.from, source) {
        (None, _) => (
            "bits {from} to {to} of what was deflated: {n} bytes again from {back} back, in this message",
            None,
        ),
        (Some(_), None) => (
            "bits {from} to {to} of what was deflated: {n} bytes again from {back} back, in an earlier message",
            None,
        ),
        (Some(_), Some((source, _))) => (
            "bits {from} to {to} of what was deflated: {n} bytes again from {back} back, in message {id} from byte {at} on",
            Some(source.id),
        ),
    };
    let id = link.map(|id| id.to_string()).unwrap_or_default();
    let at = source.map_or(0, |(_, at)| at);
    let values: [Shown<'_>; 6] = [
        ("from", &from),
        ("to", &to),
        ("n", &copied.length),
        ("back", &copied.distance),
        ("id", &id),
        ("at", &at),
    ];
    let node = Node::new(app.tr("inflated", &[]), app.tr(how, &values));
    Some(node.at(Area::Payload, origin.bytes).to(link))
}

/// The fields of a frame, each with its bytes.
fn frame(app: &App, nodes: &mut Vec<Node>, head: &Head) {
    let at = head.at;
    let first = head.first;
    let mut put = |name: &str, value: String, range| {
        nodes.push(Node::new(app.tr(name, &[]), value).at(Area::Wire, range));
    };
    let header = at..at + head.header();
    put(
        "frame",
        app.tr(
            "{opcode} at {at}, {header} + {n} bytes",
            &[
                ("opcode", &head.opcode()),
                ("at", &at),
                ("header", &head.header()),
                ("n", &head.length),
            ],
        ),
        at..head.payload().end,
    );
    let text = app.tr("{n} bytes", &[("n", &head.header())]);
    put("header", text, header);
    let bit = |mask: u8| if first & mask != 0 { '1' } else { '0' };
    put("FIN", format!("{}... ....", bit(0x80)), at..at + 1);
    put(
        "RSV1-3",
        format!(".{}{}{} ....", bit(0x40), bit(0x20), bit(0x10)),
        at..at + 1,
    );
    put(
        "opcode",
        format!(".... {:04b} {}", first & 15, head.opcode()),
        at..at + 1,
    );
    put(
        "MASK",
        format!("{}... ....", if head.masked { '1' } else { '0' }),
        at + 1..at + 2,
    );
    put(
        "length",
        head.length.to_string(),
        at + 1..at + 1 + head.length_bytes,
    );
    if let Some(key) = head.key {
        let from = at + 1 + head.length_bytes;
        put(
            "masking key",
            format!("{:08x}", u32::from_be_bytes(key)),
            from..from + 4,
        );
    }
    if head.length > 0 {
        let how = match head.masked {
            true => "{n} bytes, masked",
            false => "{n} bytes, not masked",
        };
        let text = app.tr(how, &[("n", &head.length)]);
        put("on the wire", text, head.payload());
    }
}

fn is_message(event: &Event) -> bool {
    event.kind.word() == "ws.message"
}

fn common(app: &App, event: &Event) -> Vec<Node> {
    let mut nodes = Vec::new();
    let mut put = |name: &str, value: String, link| {
        nodes.push(Node::new(app.tr(name, &[]), value).to(link));
    };
    let start = app.start.unwrap_or(event.time);
    put(
        "time",
        format!("{:.6} s", event.time.since(start) as f64 / 1e9),
        None,
    );
    put(
        "UTC",
        event.time.to_string().replace('T', " ").replace('Z', ""),
        None,
    );
    let packet = match event.id.at.is_end() {
        true => app.tr("the end of the capture", &[]),
        false => event.packet.to_string(),
    };
    match event.first == event.packet {
        true => put("packet", packet, None),
        false => put(
            "packet",
            app.tr(
                "{packet}, begins in {first}",
                &[("packet", &packet), ("first", &event.first)],
            ),
            Some(first_of(event.first)),
        ),
    }
    if let Some(dir) = event.dir {
        put("direction", app.tr(direction(dir), &[]), None);
    }
    if let Some(Track { flow, .. }) = app.track() {
        put("client", flow.client.to_string(), None);
        put("server", flow.server.to_string(), None);
    }
    if let Some(about) = event.about {
        let what = match &event.kind {
            EventKind::Finding(_) => "found in",
            _ => "about",
        };
        put(what, about.to_string(), Some(about));
    }
    if event.trust == Trust::Inferred {
        let text = app.tr("inferred: not all was captured", &[]);
        put("trust", text, None);
    }
    nodes
}

/// Fields that hold a sentence of the engine.
const SENTENCES: [&str; 3] = ["text", "why", "websocket_likely"];

/// A field as names and values.
fn show(app: &App, name: &str, value: Value<'_>) -> Vec<Node> {
    let plain = match value {
        // What wscope itself says, and not a peer.
        Value::Text(text) if SENTENCES.contains(&name) => escape(&said(app.lang, text)),
        Value::Text(text) => escape(text),
        Value::Number(number) => number.to_string(),
        Value::Signed(number) => number.to_string(),
        Value::Bool(yes) => if yes { "yes" } else { "no" }.into(),
        Value::Hex(number) => format!("{number:08x}"),
        Value::Digits(bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        Value::Octets(bytes) | Value::Base64(bytes) => escape(&String::from_utf8_lossy(bytes)),
        Value::Packets(packets) => {
            let packets: Vec<_> = packets.iter().map(ToString::to_string).collect();
            packets.join(", ")
        }
        Value::Texts([]) | Value::Words([]) => "none".into(),
        Value::Words(words) => words.join(", ").replace('_', " "),
        Value::Texts(texts) => escape(&texts.join(", ")),
        Value::Ranges(ranges) => {
            let mut text = String::new();
            for range in ranges {
                // Writing into a string does not fail.
                let _ = write!(text, "{}–{} ", range.start, range.end);
            }
            text
        }
        Value::Headers(headers) => {
            let text = |bytes: &[u8]| escape(&String::from_utf8_lossy(bytes));
            return headers
                .iter()
                .map(|header| Node::new(text(&header.name), text(&header.value)))
                .collect();
        }
    };
    vec![Node::new(name.replace('_', " "), plain)]
}

fn escape(text: &str) -> String {
    let end = text
        .char_indices()
        .nth(LONGEST)
        .map_or(text.len(), |(at, _)| at);
    let more = if end < text.len() { "…" } else { "" };
    format!("{}{more}", Escaped(&text[..end]))
}

#[cfg(test)]
mod tests {
    use crate::tui::fixture::{Bench, LARGE, SMALL};
    use insta::assert_snapshot;

    #[test]
    fn an_opening_alone_on_a_small_screen() {
        let mut bench = Bench::new("browser.pcapng", SMALL);
        assert_snapshot!(bench.press("jjj\tz").screen());
    }

    #[test]
    fn a_compressed_message_on_a_large_screen() {
        let mut bench = Bench::new("deflate.pcapng", LARGE);
        assert_snapshot!(bench.press("jjjjj\t").screen());
    }

    #[test]
    fn a_field_points_at_its_bytes_and_a_byte_at_its_field() {
        let mut bench = Bench::new("tour.pcapng", LARGE);
        bench.press("jjjjj\t");
        while super::nodes(&bench.app)[bench.app.detail.at].name != "masking key" {
            bench.press("j");
        }
        let linked = super::linked(&bench.app, 78);
        assert_eq!(linked.len(), 1);
        let range = linked[0].range.clone();
        assert_eq!(range.end - range.start, 4);
        // From the bytes' side: the same four bytes lead back to the same field.
        bench.press("\t");
        for _ in 0..60 {
            if super::linked(&bench.app, 78) == linked {
                break;
            }
            bench.press("l");
        }
        assert_eq!(super::linked(&bench.app, 78), linked);
        assert_snapshot!(bench.screen());
    }
}
