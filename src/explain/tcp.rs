//! TCP: what a segment says, the sums of its numbers, and what it does to both ends.   RFC 9293

use super::parts::{Block, Explanation};
use super::story::Sent;
use super::{Ask, Span, TcpState};
use crate::model::{
    Ack, Delivered, Dir, Handshake, Label, Note, Offload, Remark, Rest, Syn, TcpClose, TcpOpen,
};

pub(super) fn open(ask: &Ask<'_>, open: &TcpOpen, told: &mut Explanation) {
    told.title(ask, "tcp.open", &[]);
    let key = match open.handshake {
        Handshake::Full => "tcp.open.full",
        Handshake::Partial => "tcp.open.partial",
        Handshake::None => "tcp.open.none",
    };
    told.tell(ask, key, &[]);
    if let Some(rtt) = open.initial_rtt {
        told.tell(ask, "tcp.open.rtt", &[("time", &Span(rtt))]);
    }
    if let Some(tap) = open.tap() {
        told.tell(ask, &format!("tap.{}", tap.word().replace(' ', "_")), &[]);
    }
}

pub(super) fn close(ask: &Ask<'_>, close: &TcpClose, told: &mut Explanation) {
    let who = ask.side(close.first);
    let [up, down] = close.bytes;
    let key = match close.reset {
        true => "tcp.close.reset",
        false => "tcp.close.fin",
    };
    told.title(ask, key, &[("who", &who)]);
    let how = format!("how.{}", close.how.word().replace([' ', '-'], "_"));
    let other = ask.side(close.first.flip());
    told.tell(ask, &how, &[("who", &who), ("other", &other)]);
    told.tell(ask, "tcp.bytes", &[("up", &up), ("down", &down)]);
}

pub(super) fn note(ask: &Ask<'_>, note: &Note, told: &mut Explanation) {
    let values: [(&str, &dyn std::fmt::Display); 2] =
        [("who", &ask.sender()), ("whom", &ask.receiver())];
    match note {
        Note::Syn(syn) => {
            told.title(ask, "tcp.syn", &[]);
            let ends: [super::Value<'_>; 3] = [
                ("who", &ask.sender()),
                ("client", &ask.flow.client),
                ("server", &ask.flow.server),
            ];
            told.tell(ask, "tcp.syn.what", &ends);
            offered(ask, syn, told);
        }
        Note::SynAck(syn) => {
            told.title(ask, "tcp.syn_ack", &[]);
            told.tell(ask, "tcp.syn_ack.what", &values);
            offered(ask, syn, told);
        }
        Note::Fin => {
            told.title(ask, "tcp.fin", &values);
            told.tell(ask, "tcp.fin.what", &values);
        }
        Note::Rst => {
            told.title(ask, "tcp.rst", &values);
            told.tell(ask, "tcp.rst.what", &values);
        }
        Note::Remark(remark) => self::remark(ask, remark, told),
        Note::Ack(ack) => self::ack(ask, ack, told),
        Note::Delivered(delivered) => self::delivered(ask, delivered, told),
        Note::Protocol(name) => {
            told.title(ask, "tcp.protocol", &[("name", name)]);
            told.tell(ask, "tcp.protocol.what", &[("name", name)]);
        }
        Note::Offload(offload) => self::offload(ask, offload, told),
        Note::Open(rest) => still_open(ask, rest, told),
    }
}

fn offload(ask: &Ask<'_>, offload: &Offload, told: &mut Explanation) {
    told.title(ask, "tcp.offload", &[]);
    let what: [super::Value<'_>; 2] = [("n", &offload.bytes), ("who", &ask.sender())];
    told.tell(ask, "tcp.offload.what", &what);
    told.tell(ask, &format!("offload.{:?}", offload.by), &[]);
    if let (Some(packets), Some(mss)) = (offload.packets(), offload.mss) {
        let values: [super::Value<'_>; 2] = [("mss", &mss), ("n", &packets)];
        told.tell(ask, "tcp.offload.packets", &values);
    }
    if offload.no_length {
        told.tell(ask, "tcp.offload.no_length", &[]);
    }
}

fn still_open(ask: &Ask<'_>, rest: &Rest, told: &mut Explanation) {
    let [up, down] = rest.bytes;
    told.title(ask, "tcp.still_open", &[]);
    told.tell(ask, "tcp.still_open.what", &[]);
    told.tell(ask, "tcp.bytes", &[("up", &up), ("down", &down)]);
}

/// What a SYN offers, option by option.
fn offered(ask: &Ask<'_>, syn: &Syn, told: &mut Explanation) {
    let mut table = ask.table(&["head.field", "head.value", "head.meaning"]);
    let mut row = |name: &str, value: String, key: &str, values: &[super::Value<'_>]| {
        table.row([name.to_owned(), value, ask.say(key, values)]);
    };
    row("seq", syn.seq.to_string(), "syn.seq", &[]);
    row("window", syn.window.to_string(), "syn.window", &[]);
    match syn.mss {
        Some(mss) => row("MSS", mss.to_string(), "syn.mss", &[("n", &mss)]),
        None => row("MSS", "-".into(), "syn.no_mss", &[]),
    }
    match syn.wscale {
        Some(scale) => {
            let times = 1_u64.checked_shl(scale.min(14).into()).unwrap_or(1);
            row(
                "window scale",
                scale.to_string(),
                "syn.wscale",
                &[("n", &times), ("scale", &scale)],
            );
        }
        None => row("window scale", "-".into(), "syn.no_wscale", &[]),
    }
    let sack = match syn.sack_permitted {
        true => "syn.sack",
        false => "syn.no_sack",
    };
    row("SACK", ask.yes(syn.sack_permitted), sack, &[]);
    let stamps = match syn.timestamps {
        true => "syn.timestamps",
        false => "syn.no_timestamps",
    };
    row("timestamps", ask.yes(syn.timestamps), stamps, &[]);
    told.section(ask, "syn.title", vec![Block::Table(table)]);
}

fn remark(ask: &Ask<'_>, remark: &Remark, told: &mut Explanation) {
    let key = format!("label.{}", remark.label.word());
    let values: [(&str, &dyn std::fmt::Display); 4] = [
        ("who", &ask.sender()),
        ("whom", &ask.receiver()),
        ("n", &ask.event.span.len),
        ("at", &ask.event.span.start),
    ];
    told.title(ask, &format!("{key}.title"), &values);
    told.tell(ask, &key, &values);
    let why = ask.say(&format!("why.{:?}", remark.why), &[]);
    told.tell(ask, "label.because", &[("why", &why)]);
    if let Some(lost) = remark.lost() {
        let ends: [super::Value<'_>; 2] = [("who", &ask.sender()), ("whom", &ask.receiver())];
        told.tell(ask, &format!("lost.{lost:?}"), &ends);
    }
    if let Some(of) = remark.of {
        match remark.since {
            Some(since) if remark.label.is_delay() => told.tell(
                ask,
                "label.held",
                &[("packet", &of), ("time", &Span(since))],
            ),
            Some(since) => told.tell(ask, "label.of", &[("packet", &of), ("time", &Span(since))]),
            None => told.tell(ask, "label.of_packet", &[("packet", &of)]),
        }
    }
    if remark.label == Label::DuplicateAck && remark.duplicate > 0 {
        told.tell(ask, "label.duplicate", &[("n", &remark.duplicate)]);
    }
    let names: Vec<_> = remark.wireshark.words().collect();
    if !names.is_empty() {
        let names = names.join(", ");
        told.tell(ask, "label.wireshark", &[("names", &names)]);
    }
}

fn ack(ask: &Ask<'_>, ack: &Ack, told: &mut Explanation) {
    let key = format!("ack.{}", ack.kind.word());
    let values: [(&str, &dyn std::fmt::Display); 4] = [
        ("who", &ask.sender()),
        ("whom", &ask.receiver()),
        ("n", &ack.bytes),
        ("segments", &ack.segments),
    ];
    told.title(ask, &format!("{key}.title"), &values);
    told.tell(ask, &key, &values);
    if let Some(of) = ack.of {
        let values: [super::Value<'_>; 2] = [("packet", &of), ("time", &Span(ack.rtt))];
        told.tell(ask, "ack.of", &values);
    }
}

fn delivered(ask: &Ask<'_>, delivered: &Delivered, told: &mut Explanation) {
    let packet = delivered.packet;
    if delivered.kind.is_none() {
        told.title(ask, "delivered.not", &[]);
        return told.tell(ask, "delivered.not.what", &[("packet", &packet)]);
    }
    told.title(ask, "delivered", &[]);
    let after = Span(ask.event.time.since(delivered.seen));
    told.tell(
        ask,
        "delivered.what",
        &[("packet", &packet), ("time", &after)],
    );
    let mut table = ask.table(&["head.moment", "head.time"]);
    let times = [
        ("delivered.sent", delivered.sent),
        ("delivered.seen", delivered.seen),
        ("delivered.deliverable", delivered.deliverable),
        ("delivered.acknowledged", ask.event.time),
    ];
    for (key, time) in times {
        let since = Span(time.since(ask.talk.start));
        table.row([ask.say(key, &[]), since.to_string()]);
    }
    told.section(ask, "delivered.times", vec![Block::Table(table)]);
}

/// The sums that the numbers of the event's packet are made of.
pub(super) fn arithmetic(ask: &Ask<'_>, told: &mut Explanation) {
    let Some(sent) = at_hand(ask) else {
        return;
    };
    let talk = ask.talk;
    let mut blocks = Vec::new();
    let mut table = ask.table(&["head.number", "head.sum", "head.meaning"]);
    if let Some(seq) = talk.relative(sent.dir, sent.seq) {
        let end = talk.relative(sent.dir, sent.end()).unwrap_or(seq);
        let takes = u64::from(sent.syn) + u64::from(sent.fin);
        let key = match (sent.syn, sent.fin, sent.len) {
            (true, ..) => "sum.syn",
            (_, true, 0) => "sum.fin",
            (_, true, _) => "sum.fin_data",
            (_, _, 0) => "sum.empty",
            _ => "sum.data",
        };
        let meaning = ask.say(key, &[("n", &sent.len), ("next", &end)]);
        let sum = match sent.len {
            0 if takes == 0 => format!("seq {seq}"),
            len if takes == 0 => format!("seq {seq} + {len} = {end}"),
            0 => format!("seq {seq} + 1 = {end}"),
            len => format!("seq {seq} + {len} + 1 = {end}"),
        };
        table.row(["seq".into(), sum, meaning]);
        if let Some(before) = talk.before(sent) {
            let text = ask.say("sum.again", &[("packet", &before.packet)]);
            blocks.push(Block::Text(text));
        }
    }
    if let Some(ack) = sent.ack
        && let Some(relative) = talk.relative(sent.dir.flip(), ack)
    {
        let (sum, meaning) = match talk.acknowledged(sent) {
            Some(of) => acknowledged(ask, of, relative),
            None => (
                format!("ack {relative}"),
                ask.say("sum.ack", &[("ack", &relative)]),
            ),
        };
        table.row(["ack".into(), sum, meaning]);
    }
    if table.rows.is_empty() {
        return;
    }
    let from = match talk.syn {
        [true, true] => "sum.relative",
        _ => "sum.relative_lost",
    };
    blocks.insert(0, Block::Table(table));
    blocks.push(Block::Text(ask.say(from, &[])));
    told.section(ask, "sum.title", blocks);
}

fn acknowledged(ask: &Ask<'_>, of: &Sent, relative: u32) -> (String, String) {
    let seq = ask.talk.relative(of.dir, of.seq).unwrap_or(0);
    let values: [super::Value<'_>; 3] =
        [("packet", &of.packet), ("n", &of.len), ("ack", &relative)];
    let extra = of.syn || of.fin;
    let sum = match (extra, of.len) {
        (true, 0) => format!("ack {relative} = seq {seq} + 1"),
        (true, len) => format!("ack {relative} = seq {seq} + {len} + 1"),
        (false, 0) => format!("ack {relative} = seq {seq}"),
        (false, len) => format!("ack {relative} = seq {seq} + {len}"),
    };
    let key = match (of.syn, of.fin, of.len) {
        (true, ..) => "sum.ack_syn",
        (_, true, _) => "sum.ack_fin",
        (_, _, 0) => "sum.ack",
        _ => "sum.ack_data",
    };
    (sum, ask.say(key, &values))
}

/// The packet that caused the event, where it is still at hand.
fn at_hand<'a>(ask: &'a Ask<'_>) -> Option<&'a Sent> {
    let sent = ask.talk.packet.as_ref()?;
    (!ask.event.id.at.is_end() && sent.packet == ask.event.id.at).then_some(sent)
}

/// What both ends' machines did.
pub(super) fn states(ask: &Ask<'_>, told: &mut Explanation) {
    let talk = ask.talk;
    if talk.packet.is_none() {
        return;
    }
    let [before, after] = &talk.tcp;
    let at_hand = at_hand(ask).is_some();
    let mut table = ask.table(&["head.end", "head.tcp", "head.websocket"]);
    let moved = |before: &str, after: &str| match before == after {
        true => after.to_owned(),
        false => format!("{before} → {after}"),
    };
    let mut texts = Vec::new();
    let colon = super::texts::word(ask.lang, "line", ": ");
    for (i, dir) in Dir::BOTH.into_iter().enumerate() {
        let [was, is] = [dir.of(&before.states), dir.of(&after.states)];
        let was = if at_hand { was } else { is };
        let ws = talk
            .ws
            .map(|sides| sides.get(i).copied().unwrap_or_default());
        let [ws_was, ws_is] = ws;
        table.row([
            ask.side(dir),
            moved(was.name(), is.name()),
            moved(ws_was.name(), ws_is.name()),
        ]);
        if was != is {
            let key = format!("state.{}", is.name().to_lowercase().replace('-', "_"));
            if *is != TcpState::Unknown {
                let who = ask.side(dir);
                let text = ask.say(&key, &[("who", &who)]);
                texts.push(Block::Text(format!("{}{colon}{text}", is.name())));
            }
        }
        if ws_was != ws_is && i == 0 {
            let key = format!("ws_state.{}", ws_is.name().to_lowercase());
            if ws_is != super::WsState::None {
                let text = ask.say(&key, &[]);
                texts.push(Block::Text(format!("{}{colon}{text}", ws_is.name())));
            }
        }
    }
    let mut blocks = vec![Block::Table(table)];
    blocks.extend(texts);
    told.section(ask, "state.title", blocks);
}
