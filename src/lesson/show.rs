//! What is worked out of an event's own bytes: lines of at most [`Slide::WIDTH`] columns.
//!
//! [`Slide::WIDTH`]: super::Slide::WIDTH

use super::copies::copies;
use super::data::Show;
use super::watch::{Seen, Watched};
use crate::codec::accept::GUID;
use crate::codec::{self, mask};
use crate::explain::{Lang, brief};
use crate::model::{Event, EventId, EventKind, Frame, Header, Http, Message, Note, Tcp, Ws};
use crate::sink::Escaped;

/// What is shown of these events.
pub fn panel(show: Show, at: &[EventId], watched: &Watched, lang: Lang) -> Vec<String> {
    let events: Vec<_> = at.iter().filter_map(|id| watched.find(*id)).collect();
    let Some(&first) = events.first() else {
        return Vec::new();
    };
    match show {
        Show::Line => events.into_iter().map(|seen| line(seen, lang)).collect(),
        Show::Bits => bits(first, watched, lang),
        Show::Accept => accept(first, lang),
        Show::Unmask => unmask(first, watched, lang),
        Show::Hex => events
            .into_iter()
            .flat_map(|seen| hex(&watched.captured(seen)))
            .collect(),
        Show::Head => head(first),
        Show::Sum => sum(first, watched, lang),
        Show::Frames => frames(first, watched, lang),
        Show::Sizes => sizes(first, watched, lang),
        Show::Copies => copies(first, watched, lang),
    }
}

/// Words in the reader's language.
fn say(lang: Lang, en: &'static str, zh: &'static str) -> &'static str {
    match lang {
        Lang::En => en,
        Lang::Zh => zh,
    }
}

fn line(seen: &Seen, lang: Lang) -> String {
    let text = brief(lang, &seen.event, &seen.flow, seen.loan());
    format!("{:<6} {text}", seen.event.id.to_string())
}

/// The header of a frame, bit by bit.   RFC 6455 section 5.2
fn bits(seen: &Seen, watched: &Watched, lang: Lang) -> Vec<String> {
    let EventKind::Ws(Ws::Frame(frame)) = &seen.event.kind else {
        return Vec::new();
    };
    let bytes = watched.captured(seen);
    let Some((&[first, second], rest)) = bytes.split_first_chunk::<2>() else {
        return Vec::new();
    };
    let bit = |byte: u8, nth: u32| (byte >> (7 - nth)) & 1;
    let run = |byte: u8, from: u32| {
        let bits = (from..8).map(|nth| bit(byte, nth).to_string());
        bits.collect::<Vec<_>>().join(" ")
    };
    let fin = match frame.fin {
        true => say(lang, "last frame", "最后一帧"),
        false => say(lang, "more frames follow", "后面还有帧"),
    };
    let masked = match second >= 128 {
        true => say(lang, "masked", "有掩码"),
        false => say(lang, "not masked", "没有掩码"),
    };
    let length = say(lang, "length", "长度");
    let mut lines = vec![
        "      FIN  RSV1-3  opcode".to_owned(),
        format!(
            "{first:02x}    {}    {} {} {}   {}       {fin}; opcode {} = {}",
            bit(first, 0),
            bit(first, 1),
            bit(first, 2),
            bit(first, 3),
            run(first, 4),
            first & 15,
            frame.opcode,
        ),
        format!("      MASK {length}"),
        format!(
            "{second:02x}    {}    {}         {masked}; {length} {}",
            bit(second, 0),
            run(second, 1),
            second & 127,
        ),
    ];
    let wide = match second & 127 {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    if wide > 0 {
        let digits = digits(rest.get(..wide).unwrap_or_default());
        let means = say(lang, "means: read", "表示：再读");
        let unit = say(lang, "bits more", "位");
        lines.push(format!(
            "{digits:<26} {} {means} {} {unit} = {}",
            second & 127,
            wide * 8,
            frame.length
        ));
    }
    if let Some(key) = frame.masking_key {
        lines.push(format!(
            "{:<26} {}",
            digits(&key.0),
            say(
                lang,
                "masking key, 4 bytes, new for each frame",
                "掩码密钥，4 字节，每帧新选"
            )
        ));
    }
    let header = usize::from(frame.header_length);
    let payload = bytes.get(header..).unwrap_or_default();
    let some = digits(payload.get(..payload.len().min(8)).unwrap_or_default());
    let more = if payload.len() > 8 { " …" } else { "" };
    lines.push(match lang {
        Lang::En => format!(
            "{:<26} payload, {} bytes; header {header}",
            some + more,
            frame.length
        ),
        Lang::Zh => format!(
            "{:<26} 载荷 {} 字节；帧头 {header} 字节",
            some + more,
            frame.length
        ),
    });
    lines
}

/// The accept value, from the key.   RFC 6455 section 4.2.2
fn accept(seen: &Seen, lang: Lang) -> Vec<String> {
    let EventKind::Ws(Ws::Open(open)) = &seen.event.kind else {
        return Vec::new();
    };
    let (Some(key), Some(accept)) = (&open.key, &open.accept) else {
        return Vec::new();
    };
    let hash = codec::accept::hash(key.as_bytes());
    let ours = codec::accept::value(key.as_bytes());
    let verdict = match *accept == ours {
        true => say(lang, "equal: right", "相同：正确"),
        false => say(lang, "different: WRONG", "不同：错误"),
    };
    vec![
        format!("Sec-WebSocket-Key     {}", Escaped(key)),
        format!(
            "{} {GUID}",
            pad(say(lang, "+ fixed text (GUID)", "+ 固定字符串 GUID"), 21)
        ),
        format!("→ SHA-1   {}", digits(&hash)),
        format!("→ base64              {ours}"),
        format!("Sec-WebSocket-Accept  {}   {verdict}", Escaped(accept)),
    ]
}

/// The first bytes of a masked payload, unmasked.   RFC 6455 section 5.3
fn unmask(seen: &Seen, watched: &Watched, lang: Lang) -> Vec<String> {
    const SHOWN: usize = 14;
    let EventKind::Ws(Ws::Frame(Frame {
        masking_key: Some(key),
        header_length,
        ..
    })) = &seen.event.kind
    else {
        return Vec::new();
    };
    let bytes = watched.captured(seen);
    let wire: Vec<u8> = bytes
        .into_iter()
        .skip(usize::from(*header_length))
        .take(SHOWN)
        .collect();
    let keys: Vec<u8> = key.0.iter().copied().cycle().take(wire.len()).collect();
    let mut clear = wire.clone();
    mask::apply(&mut clear, key.0, 0);
    let letters = clear.iter().map(|&byte| match byte {
        b' '..=b'~' => format!(" {}", char::from(byte)),
        _ => " ·".to_owned(),
    });
    let mut lines = vec![
        format!(
            "{} {}",
            pad(say(lang, "on the wire", "线路上"), 12),
            digits(&wire)
        ),
        format!(
            "{} {}",
            pad(say(lang, "key, again", "密钥循环"), 12),
            digits(&keys)
        ),
        format!("{} {}", pad(say(lang, "XOR", "异或"), 12), digits(&clear)),
        format!(
            "{} {}",
            pad(say(lang, "as text", "字符"), 12),
            letters.collect::<Vec<_>>().join(" ")
        ),
    ];
    if let (Some(a), Some(b), Some(c)) = (wire.first(), keys.first(), clear.first()) {
        let letter = match c {
            b' '..=b'~' => format!(" = \"{}\"", char::from(*c)),
            _ => String::new(),
        };
        lines.push(format!(
            "{} {a:08b} XOR {b:08b} = {c:08b} = 0x{c:02x}{letter}",
            pad(say(lang, "first byte", "第一字节"), 12)
        ));
    }
    lines
}

/// At most four rows of sixteen bytes.
fn hex(bytes: &[u8]) -> Vec<String> {
    let row = |(nth, bytes): (usize, &[u8])| {
        let text: String = bytes
            .iter()
            .map(|&byte| match byte {
                b' '..=b'~' => char::from(byte),
                _ => '.',
            })
            .collect();
        format!("{:04x}  {:<47}  {text}", nth * 16, digits(bytes))
    };
    bytes.chunks(16).enumerate().take(4).map(row).collect()
}

/// An HTTP head, line by line.
fn head(seen: &Seen) -> Vec<String> {
    let text = |bytes: &[u8]| Escaped(&String::from_utf8_lossy(bytes)).to_string();
    let (start, headers) = match &seen.event.kind {
        EventKind::Http(Http::Request(it)) => {
            let version = format!("HTTP/{}.{}", it.version.major, it.version.minor);
            (
                format!("{} {} {version}", text(&it.method), text(&it.target)),
                &it.headers,
            )
        }
        EventKind::Http(Http::Response(it)) => {
            let version = format!("HTTP/{}.{}", it.version.major, it.version.minor);
            (
                format!("{version} {} {}", it.status, text(&it.reason)),
                &it.headers,
            )
        }
        _ => return Vec::new(),
    };
    let field = |it: &Header| format!("{}: {}", text(&it.name), text(&it.value));
    let mut lines = vec![start];
    lines.extend(headers.iter().map(field));
    lines
}

/// What an acknowledgement adds up to: how far the one before it went, and what is new.
fn sum(seen: &Seen, watched: &Watched, lang: Lang) -> Vec<String> {
    let EventKind::Tcp(Tcp::Note(Note::Ack(ack))) = &seen.event.kind else {
        return Vec::new();
    };
    let is_before = |it: &&Seen| {
        let same = (it.event.conn, it.event.dir) == (seen.event.conn, seen.event.dir);
        same && it.event.id < seen.event.id
            && matches!(it.event.kind, EventKind::Tcp(Tcp::Note(Note::Ack(_))))
    };
    let now = seen.event.span.start;
    let before = watched
        .seen
        .iter()
        .rfind(is_before)
        .map_or(0, |it| it.event.span.start);
    let of = ack.of.map_or(String::new(), |packet| match lang {
        Lang::En => format!(", the last of them in packet {packet}"),
        Lang::Zh => format!("，其中最后一个在第 {packet} 个包里"),
    });
    match lang {
        Lang::En => vec![
            format!(
                "packet {}: all bytes up to {now} have come",
                seen.event.packet
            ),
            format!("the acknowledgement before said {before}"),
            format!("{now} = {before} + {} new bytes{of}", now - before),
            format!(
                "(Wireshark counts the SYN as well and shows Ack={})",
                now + 1
            ),
        ],
        Lang::Zh => vec![
            format!("第 {} 个包：前 {now} 个字节都已收到", seen.event.packet),
            format!("上一个确认号说到 {before}"),
            format!("{now} = {before} + {} 个新字节{of}", now - before),
            format!("（Wireshark 把 SYN 也算一个，显示 Ack={}）", now + 1),
        ],
    }
}

/// The frames of a message, with what each of them brought.
fn frames(seen: &Seen, watched: &Watched, lang: Lang) -> Vec<String> {
    let span = seen.event.span;
    let of = |event: &Event| {
        (event.conn, event.dir) == (seen.event.conn, seen.event.dir)
            && event.span.start >= span.start
            && event.span.end() <= span.end()
    };
    let mut at = 0;
    let mut lines = Vec::new();
    for it in watched.seen.iter().filter(|it| of(&it.event)) {
        let EventKind::Ws(Ws::Frame(frame)) = &it.event.kind else {
            continue;
        };
        let mut piece = String::new();
        if !frame.opcode.is_control() {
            let end = at + frame.length as usize;
            if let Some(bytes) = seen.payload.get(at..end) {
                piece = format!("\"{}\"", Escaped(&String::from_utf8_lossy(bytes)));
            }
            at = end;
        }
        lines.push(format!(
            "{:<7} FIN {}  opcode {:>2} {:<13} {:>3} B  {}",
            it.event.id.to_string(),
            u8::from(frame.fin),
            frame.opcode.0,
            frame.opcode.to_string(),
            frame.length,
            piece.chars().take(30).collect::<String>(),
        ));
    }
    let joined = String::from_utf8_lossy(&seen.payload);
    let joined: String = Escaped(&joined).to_string().chars().take(48).collect();
    lines.push(format!("{} \"{joined}\"", say(lang, "joined:", "拼接后：")));
    lines
}

/// Sizes of compressed messages of one side, from this one on.
fn sizes(seen: &Seen, watched: &Watched, lang: Lang) -> Vec<String> {
    const SHOWN: usize = 7;
    let of = |it: &&Seen| {
        (it.event.conn, it.event.dir) == (seen.event.conn, seen.event.dir)
            && it.event.id >= seen.event.id
    };
    let message = |it: &Seen| match &it.event.kind {
        EventKind::Ws(Ws::Message(message)) if message.compressed => Some((it.event.id, *message)),
        _ => None,
    };
    let row = |(id, message): (EventId, Message)| {
        let percent = message.wire_length * 100 / message.length.max(1);
        let bar = "#".repeat((message.wire_length as usize).div_ceil(4).min(30));
        format!(
            "{:<7} {:>4} → {:>4} {}  {percent:>3} %  {bar}",
            id.to_string(),
            message.length,
            message.wire_length,
            say(lang, "bytes", "字节"),
        )
    };
    watched
        .seen
        .iter()
        .filter(of)
        .filter_map(message)
        .take(SHOWN)
        .map(row)
        .collect()
}

/// Bytes in hexadecimal digits, with spaces between.
fn digits(bytes: &[u8]) -> String {
    let digits: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.join(" ")
}

/// Text with spaces behind it, so that it takes so many columns; Chinese characters take two.
fn pad(text: &str, columns: usize) -> String {
    let wide = text
        .chars()
        .map(|c| if c.is_ascii() { 1 } else { 2 })
        .sum::<usize>();
    format!("{text}{}", " ".repeat(columns.saturating_sub(wide)))
}
