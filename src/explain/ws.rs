//! Messages, compression, and the end of a session.

use super::frame::{opcode, unmasking};
use super::parts::{Block, Explanation};
use super::trace::{Source, Traced};
use super::{Ask, Span, Trace, said, short, texts};
use crate::model::{Close, CloseCode, Dir, Kind, Message, TcpEnd};

/// Characters of a text that are shown.
const TEXT: usize = 400;
/// Characters of a text in a title.
const PREVIEW: usize = 60;
/// Copies that are shown.
const COPIES: usize = 24;
/// Frames that are listed.
const FRAMES: usize = 32;

pub(super) fn message(ask: &Ask<'_>, message: &Message, told: &mut Explanation) {
    let dir = ask.event.dir.unwrap_or(Dir::C2s);
    let preview = preview(ask, message);
    let kind = ask.say(&format!("kind.{}", message.kind.word()), &[]);
    let values: [super::Value<'_>; 6] = [
        ("who", &ask.sender()),
        ("whom", &ask.receiver()),
        ("kind", &kind),
        ("n", &message.length),
        ("text", &preview),
        ("nth", &(dir.of(&ask.talk.messages) + 1)),
    ];
    match preview.is_empty() {
        true => told.title(ask, "message.title", &values),
        false => told.title(ask, "message.title.text", &values),
    }
    told.tell(ask, &format!("message.{}", message.kind.word()), &values);
    if !message.complete {
        let lost: u64 = ask
            .loan
            .unknown
            .iter()
            .map(|range| range.end.saturating_sub(range.start))
            .sum();
        told.tell(ask, "message.incomplete", &[("n", &lost)]);
    }
    if message.kind == Kind::Close {
        close_body(ask, message, told);
    }
    if message.kind == Kind::Pong && ask.event.about.is_none() {
        told.tell(ask, "message.pong.unasked", &values);
    }
    if message.kind.is_data() {
        fragments(ask, message, dir, told);
        if message.compressed {
            compressed(ask, message, dir, told);
        }
    }
    payload(ask, message, told);
    let frames = dir.of(&ask.talk.frames);
    let one = match (message.kind.is_data(), frames.as_slice()) {
        (false, _) => dir.of(&ask.talk.control).as_ref(),
        (true, [one]) if !message.compressed => Some(one),
        _ => None,
    };
    if let Some(one) = one
        && let Some(key) = one.frame.masking_key
    {
        let from = usize::from(one.frame.header_length);
        unmasking(ask, key, one.raw.get(from..).unwrap_or_default(), told);
    }
}

/// The beginning of what a message says, in quotes; empty where it is no text.
fn preview(ask: &Ask<'_>, message: &Message) -> String {
    match (message.kind, crate::field::text(message, ask.loan)) {
        (Kind::Text, Some(text)) => format!("\"{}\"", short(text, PREVIEW)),
        _ => String::new(),
    }
}

fn payload(ask: &Ask<'_>, message: &Message, told: &mut Explanation) {
    if ask.loan.bytes.is_empty() {
        return;
    }
    let mut blocks = Vec::new();
    if let Some(text) = crate::field::text(message, ask.loan) {
        let shown = short(text, TEXT);
        let shown = crate::sink::Escaped(&shown).to_string();
        blocks.push(Block::Text(shown));
    }
    let known = |at: u64| !ask.loan.unknown.iter().any(|range| range.contains(&at));
    let bytes = ask.loan.bytes.iter().take(super::frame::SHOWN);
    let bytes = bytes.zip(0..).map(|(byte, at)| known(at).then_some(*byte));
    blocks.push(Block::Bytes(0, bytes.collect()));
    told.section(ask, "message.payload", blocks);
}

/// The frames that a message was put together from.
fn fragments(ask: &Ask<'_>, message: &Message, dir: Dir, told: &mut Explanation) {
    if message.frames < 2 {
        return;
    }
    told.tell(ask, "message.fragments", &[("n", &message.frames)]);
    let frames = dir.of(&ask.talk.frames);
    let mut table = ask.table(&["head.event", "head.opcode", "head.fin", "head.payload"]);
    let mut at = 0_u64;
    let mut split = None;
    for (i, work) in frames.iter().enumerate().take(FRAMES) {
        let end = at.saturating_add(work.frame.length);
        table.row([
            work.id.to_string(),
            opcode(ask, work.frame.opcode),
            u8::from(work.frame.fin).to_string(),
            format!("{at}…{end}"),
        ]);
        at = end;
        // A continuation byte of UTF-8 at a seam: the character was cut in two.
        let byte = usize::try_from(at)
            .ok()
            .and_then(|at| ask.loan.bytes.get(at));
        if message.kind == Kind::Text
            && !message.compressed
            && byte.is_some_and(|byte| byte & 0xc0 == 0x80)
        {
            split.get_or_insert(i + 1);
        }
    }
    let mut blocks = vec![Block::Table(table)];
    if frames.len() > FRAMES {
        blocks.push(Block::Text(ask.say("any.more", &[])));
    }
    if let Some(nth) = split {
        blocks.push(Block::Text(
            ask.say("message.split_character", &[("nth", &nth)]),
        ));
    }
    told.section(ask, "message.frames", blocks);
}

fn compressed(ask: &Ask<'_>, message: &Message, dir: Dir, told: &mut Explanation) {
    told.tell(
        ask,
        "message.compressed",
        &[("n", &message.wire_length), ("to", &message.length)],
    );
    let trace = dir.of(&ask.talk.trace).as_deref();
    let Some(traced) = trace.and_then(|trace: &Trace| trace.last.as_ref()) else {
        return told.tell(ask, "deflate.not_traced", &[]);
    };
    let mut blocks = Vec::new();
    let block = |kind| match kind {
        crate::codec::inflate::BlockKind::Stored => "deflate.stored",
        crate::codec::inflate::BlockKind::Fixed => "deflate.fixed",
        crate::codec::inflate::BlockKind::Dynamic => "deflate.dynamic",
    };
    let mut table = ask.table(&["head.bit", "head.block", "head.bfinal"]);
    for (at, kind, last) in traced.blocks.iter().take(8) {
        let last = u8::from(*last).to_string();
        table.row([at.to_string(), ask.say(block(*kind), &[]), last]);
    }
    blocks.push(Block::Table(table));
    let mut whence = ask.table(&["head.bytes", "head.from"]);
    whence.row([
        traced.literals.to_string(),
        ask.say("deflate.literals", &[]),
    ]);
    if traced.own > 0 {
        whence.row([traced.own.to_string(), ask.say("deflate.own", &[])]);
    }
    for (source, bytes) in traced.from.iter().take(16) {
        whence.row([bytes.to_string(), self::source(ask, *source)]);
    }
    blocks.push(Block::Table(whence));
    if !traced.copies.is_empty() {
        blocks.push(Block::Text(ask.say("deflate.copies", &[])));
        blocks.push(Block::Table(copies(ask, traced)));
    }
    if traced.copies.len() > COPIES {
        let text = ask.say("deflate.more", &[("n", &traced.copies.len())]);
        blocks.push(Block::Text(text));
    }
    told.section(ask, "deflate.title", blocks);
}

fn source(ask: &Ask<'_>, source: Option<Source>) -> String {
    match source {
        Some(it) => ask.say("deflate.from", &[("nth", &it.nth), ("id", &it.id)]),
        None => ask.say("deflate.from_unknown", &[]),
    }
}

fn copies(ask: &Ask<'_>, traced: &Traced) -> super::Table {
    let mut table = ask.table(&["head.at", "head.copy", "head.bytes", "head.from"]);
    for copy in traced.copies.iter().take(COPIES) {
        let [from, len] = [copy.at, copy.length.into()].map(|n| usize::try_from(n).unwrap_or(0));
        let known = !matches!(copy.from, Some((None, _)));
        let bytes = traced.output.get(from..from + len).filter(|_| known);
        let text = bytes.map_or_else(
            || "??".into(),
            |bytes| format!("\"{}\"", short(&String::from_utf8_lossy(bytes), 40)),
        );
        let whence = match copy.from {
            None => ask.say("deflate.own", &[]),
            Some((it, _)) => source(ask, it),
        };
        let pair = ask.say(
            "deflate.pair",
            &[("length", &copy.length), ("distance", &copy.distance)],
        );
        table.row([copy.at.to_string(), pair, text, whence]);
    }
    table
}

fn close_body(ask: &Ask<'_>, message: &Message, told: &mut Explanation) {
    match ask.talk.closing {
        Some(first) if Some(first) != ask.event.dir => told.tell(ask, "close.answer", &[]),
        _ => told.tell(ask, "close.first", &[]),
    }
    let body = ask.loan.bytes;
    let known = |at: u64| !ask.loan.unknown.iter().any(|range| range.contains(&at));
    if message.length == 0 {
        return told.tell(ask, "close.empty", &[]);
    }
    let Some(code) = CloseCode::read(body).filter(|_| known(0) && known(1)) else {
        return told.tell(ask, "close.no_code", &[]);
    };
    code_text(ask, code, told);
    let reason = body.get(2..).map(String::from_utf8_lossy);
    let mut table = ask.table(&["head.byte", "head.value", "head.meaning"]);
    let [high, low] = code.0.to_be_bytes();
    table.row([
        "0…1".into(),
        format!("{high:02x} {low:02x}"),
        format!("{high} × 256 + {low} = {}", code.0),
    ]);
    if let Some(reason) = reason.filter(|reason| !reason.is_empty() && message.complete) {
        table.row([
            format!("2…{}", body.len().saturating_sub(1)),
            format!("\"{}\"", short(&reason, 123)),
            ask.say("close.reason", &[]),
        ]);
    }
    told.section(ask, "close.body", vec![Block::Table(table)]);
}

/// What a close code means.
fn code_text(ask: &Ask<'_>, code: CloseCode, told: &mut Explanation) {
    let key = format!("code.{}", code.0);
    let range = match code.0 {
        0..=999 => "code.0xxx",
        1000..=2999 => "code.1xxx",
        3000..=3999 => "code.3xxx",
        _ => "code.4xxx",
    };
    let key = match texts::find(&key) {
        Some(_) => key.as_str(),
        None => range,
    };
    told.tell(ask, key, &[("code", &code.0)]);
}

pub(super) fn close(ask: &Ask<'_>, close: &Close, told: &mut Explanation) {
    let key = match close.clean {
        true => "end.clean",
        false => "end.unclean",
    };
    told.title(ask, key, &[("session", &close.session)]);
    match close.clean {
        true => told.tell(ask, "end.clean.what", &[]),
        false => told.tell(ask, "end.unclean.what", &[]),
    }
    match close.initiator {
        Some(dir) => told.tell(ask, "end.first", &[("who", &ask.side(dir))]),
        None => told.tell(ask, "end.nobody", &[]),
    }
    let tcp = match close.tcp_end {
        TcpEnd::Fin => "end.fin",
        TcpEnd::Rst => "end.rst",
        TcpEnd::None => "end.none",
    };
    told.tell(ask, tcp, &[]);
    let mut table = ask.table(&["head.end", "head.sent_code", "head.reports"]);
    let code = |code: Option<CloseCode>| code.map_or_else(|| "-".into(), |it| it.0.to_string());
    let sides = [
        (Dir::C2s, close.code_client, close.client_saw),
        (Dir::S2c, close.code_server, close.server_saw),
    ];
    for (dir, sent, saw) in sides {
        table.row([
            ask.side(dir),
            code(sent),
            saw.map_or_else(|| "?".into(), |it| it.0.to_string()),
        ]);
    }
    told.section(ask, "end.codes", vec![Block::Table(table)]);
    let mut seen: Vec<u16> = Vec::new();
    for it in [close.client_saw, close.server_saw].into_iter().flatten() {
        if !seen.contains(&it.0) {
            seen.push(it.0);
            code_text(ask, it, told);
        }
    }
    let why = said(ask.lang, &close.why);
    told.tell(ask, "end.why", &[("why", &why)]);
    if let Some(first) = ask.talk.first {
        let lasted = Span(ask.event.time.since(first));
        told.tell(ask, "end.lasted", &[("time", &lasted)]);
    }
}
