//! What the bytes of an event look like, row by row; a row is made when it is seen.

use super::canvas::{size, wrap};
use super::json;
use super::wire::{self, Area};
use std::fmt::Write as _;
use std::ops::Range;
use std::sync::Arc;
use wscope::engine::Replay;
use wscope::explain::Lang;
use wscope::explain::texts::{Value, tr};
use wscope::field;
use wscope::model::{EventKind, Kind, Loan, Space, Ws};
use wscope::sink::Escaped;

/// Bytes of a text that are shown as text; all of them are shown as bytes.
const TEXT: usize = 16 << 10;

/// Unknown bytes that are drawn one by one; the title tells how many there are.
const HOLE: u64 = 64;

/// A row of the sheet.
#[derive(PartialEq, Eq, Debug)]
pub enum Row {
    Title(String),
    /// A text, and the bytes of the payload that it stands for, where it does for some.
    Text(String, Option<Range<u64>>),
    Bytes {
        at: String,
        hex: String,
        ascii: String,
        area: Area,
        /// The first byte's place in its area, and how many there are.
        from: u64,
        len: usize,
    },
}

/// What of the bytes is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum View {
    #[default]
    All,
    Text,
    Json,
    Payload,
    Unmasked,
    Wire,
}

impl View {
    pub fn next(self) -> Self {
        match self {
            Self::All => Self::Text,
            Self::Text => Self::Json,
            Self::Json => Self::Payload,
            Self::Payload => Self::Unmasked,
            Self::Unmasked => Self::Wire,
            Self::Wire => Self::All,
        }
    }

    pub fn word(self) -> &'static str {
        match self {
            Self::All => "",
            Self::Text => "text",
            Self::Json => "JSON",
            Self::Payload => "payload, unmasked and inflated",
            Self::Unmasked => "unmasked, not inflated",
            Self::Wire => "as captured",
        }
    }
}

/// Sections under titles, as rows of some width.
#[derive(Debug)]
pub struct Sheet {
    replay: Arc<Replay>,
    lang: Lang,
    /// Bytes in a row.
    across: usize,
    unmasked: Vec<u8>,
    sections: Vec<Section>,
    height: usize,
}

#[derive(Debug)]
struct Section {
    title: String,
    /// The row of the title.
    row: usize,
    body: Body,
}

#[derive(Debug)]
enum Body {
    Text(Vec<(String, Option<Range<u64>>)>),
    Payload,
    Unmasked,
    /// Bytes of a piece.
    Piece(usize, Range<usize>),
    /// A piece of what carried it, still encrypted.
    Sealed(usize),
    /// Bytes that nobody has, from this offset.
    Hole(u64, u64),
    Packet,
}

impl Sheet {
    pub fn new(replay: &Arc<Replay>, width: usize, view: View, lang: Lang) -> Self {
        let across = if width >= columns(16) { 16 } else { 8 };
        let mut sheet = Self {
            replay: Arc::clone(replay),
            lang,
            across,
            unmasked: Vec::new(),
            sections: Vec::new(),
            height: 0,
        };
        let all = view == View::All;
        if all || view == View::Text {
            sheet.text(width.saturating_sub(3));
        }
        if view == View::Json {
            sheet.json(width.saturating_sub(3));
        }
        if view == View::Unmasked {
            sheet.unmasked = wire::unmasked(replay);
            let inflates = matches!(replay.event.kind, EventKind::Ws(Ws::Message(message)) if message.compressed);
            let how = match inflates {
                true => "unmasked, {size}, still deflated",
                false => "unmasked, {size}",
            };
            let size = size(sheet.unmasked.len() as u64);
            sheet.push(tr(lang, how, &[("size", &size)]), Body::Unmasked);
        }
        // Beside the JSON, so that one can see which bytes spell what.
        let beside = view == View::Json && sheet.height > 0;
        if !replay.payload.is_empty() && (all || beside || view == View::Payload) {
            let inflated = matches!(replay.event.kind, EventKind::Ws(Ws::Message(message)) if message.compressed);
            let how = match inflated {
                true => "payload, {size}, inflated",
                false => "payload, {size}",
            };
            let size = size(replay.payload.len() as u64);
            sheet.push(tr(lang, how, &[("size", &size)]), Body::Payload);
        }
        if all || view == View::Wire {
            sheet.wire();
        }
        if let (Some(packet), true) = (&replay.packet, replay.pieces.is_empty() && all) {
            let size = size(packet.data.len() as u64);
            let title = tr(
                lang,
                "packet {packet}, {size} captured",
                &[("packet", &replay.event.packet), ("size", &size)],
            );
            sheet.push(title, Body::Packet);
        }
        if sheet.sections.is_empty() {
            sheet.push(
                match view {
                    View::All => tr(lang, "no bytes belong to this event", &[]),
                    _ => tr(
                        lang,
                        "nothing to show here as {view}: v changes the view",
                        &[("view", &tr(lang, view.word(), &[]))],
                    ),
                },
                Body::Text(Vec::new()),
            );
        }
        sheet
    }

    /// Whether these are the bytes that it shows.
    pub fn is_of(&self, replay: &Arc<Replay>) -> bool {
        Arc::ptr_eq(&self.replay, replay)
    }

    pub fn height(&self) -> usize {
        self.height
    }

    /// The row with this number.
    pub fn row(&self, at: usize) -> Row {
        let section = self.sections.partition_point(|section| section.row <= at);
        let Some(section) = section.checked_sub(1).and_then(|at| self.sections.get(at)) else {
            return Row::Title(String::new());
        };
        let Some(row) = (at - section.row).checked_sub(1) else {
            return Row::Title(section.title.clone());
        };
        let Replay {
            payload,
            unknown,
            pieces,
            packet,
            ..
        } = &*self.replay;
        match &section.body {
            Body::Text(lines) => {
                let (text, bytes) = lines.get(row).cloned().unwrap_or_default();
                Row::Text(text, bytes)
            }
            Body::Payload => {
                let is_unknown = |at: u64| unknown.iter().any(|range| range.contains(&at));
                self.dump(row, (Area::Payload, 0), payload, is_unknown)
            }
            Body::Unmasked => self.dump(row, (Area::Unmasked, 0), &self.unmasked, |_| false),
            Body::Piece(piece, range) => {
                let piece = &pieces[*piece];
                let at = piece.at + range.start as u64;
                self.dump(row, (Area::Wire, at), &piece.bytes[range.clone()], |_| {
                    false
                })
            }
            Body::Sealed(piece) => {
                let piece = &self.replay.sealed[*piece];
                self.dump(row, (Area::Sealed, piece.at), &piece.bytes, |_| false)
            }
            Body::Hole(at, len) => self.dump(
                row,
                (Area::Wire, *at),
                &[0; HOLE as usize][..(*len).min(HOLE) as usize],
                |_| true,
            ),
            Body::Packet => {
                let data = packet.as_ref().map_or(&[][..], |packet| &packet.data);
                self.dump(row, (Area::Packet, 0), data, |_| false)
            }
        }
    }

    fn dump(
        &self,
        row: usize,
        (area, base): (Area, u64),
        bytes: &[u8],
        is_unknown: impl Fn(u64) -> bool,
    ) -> Row {
        let start = row * self.across;
        let end = bytes.len().min(start + self.across);
        let mut hex = String::new();
        let mut ascii = String::new();
        for (column, at) in (start..start + self.across).enumerate() {
            if column == 8 {
                hex.push(' ');
            }
            // Writing into a string does not fail.
            let _ = match bytes.get(at) {
                Some(_) if is_unknown(at as u64) => write!(hex, "?? "),
                Some(byte) => write!(hex, "{byte:02x} "),
                None => write!(hex, "   "),
            };
        }
        for (at, &byte) in bytes.iter().enumerate().take(end).skip(start) {
            let shown = matches!(byte, b' '..=b'~') && !is_unknown(at as u64);
            ascii.push(if shown { char::from(byte) } else { '.' });
        }
        hex.truncate(hex.len() - 1);
        Row::Bytes {
            at: format!("{:06x}", base + start as u64),
            hex,
            ascii,
            area,
            from: base + start as u64,
            len: end.saturating_sub(start),
        }
    }

    fn push(&mut self, title: String, body: Body) {
        let len = match &body {
            Body::Text(lines) => lines.len(),
            Body::Payload => self.rows(self.replay.payload.len()),
            Body::Unmasked => self.rows(self.unmasked.len()),
            Body::Piece(_, range) => self.rows(range.len()),
            Body::Sealed(piece) => self.rows(self.replay.sealed[*piece].bytes.len()),
            Body::Hole(_, len) => self.rows((*len).min(HOLE) as usize),
            Body::Packet => self.rows(
                self.replay
                    .packet
                    .as_ref()
                    .map_or(0, |packet| packet.data.len()),
            ),
        };
        self.sections.push(Section {
            title,
            row: self.height,
            body,
        });
        self.height += 1 + len;
    }

    fn rows(&self, bytes: usize) -> usize {
        bytes.div_ceil(self.across)
    }

    /// What people can read: the text of a message, or a head of HTTP.
    fn text(&mut self, width: usize) {
        let replay = Arc::clone(&self.replay);
        let loan = Loan {
            bytes: &replay.payload,
            unknown: &replay.unknown,
        };
        let (name, text) = match &replay.event.kind {
            EventKind::Ws(Ws::Message(message)) if message.kind == Kind::Text => {
                match field::text(message, loan) {
                    Some(text) if !text.is_empty() => ("text", text.to_owned()),
                    _ => return,
                }
            }
            EventKind::Http(_) => {
                let head: Vec<u8> = replay
                    .pieces
                    .iter()
                    .flat_map(|piece| piece.bytes.iter().copied())
                    .collect();
                ("head", String::from_utf8_lossy(&head).trim_end().to_owned())
            }
            _ => return,
        };
        let end = (0..=text.len().min(TEXT))
            .rev()
            .find(|&at| text.is_char_boundary(at))
            .unwrap_or(0);
        let first = size(end as u64);
        let how = match end < text.len() {
            true => "{name}, {n} {n|character|characters}, the first {size}",
            false => "{name}, {n} {n|character|characters}",
        };
        let lines = text[..end]
            .lines()
            .flat_map(|line| wrap(&Escaped(line).to_string(), width))
            .map(|part| (part, None))
            .collect();
        let chars = text.chars().count();
        let name = tr(self.lang, name, &[]);
        let values: [Value<'_>; 3] = [("name", &name), ("n", &chars), ("size", &first)];
        self.push(tr(self.lang, how, &values), Body::Text(lines));
    }

    /// JSON, one value a line.
    fn json(&mut self, width: usize) {
        let Some(lines) = json::lines(&self.replay.payload) else {
            return;
        };
        let wrapped = lines.into_iter().take(TEXT).flat_map(|line| {
            let parts = wrap(&Escaped(&line.text).to_string(), width);
            parts
                .into_iter()
                .map(move |part| (part, Some(line.bytes.clone())))
        });
        let wrapped = wrapped.collect();
        self.push("JSON".into(), Body::Text(wrapped));
    }

    /// The smallest part of the JSON with this byte of the payload.
    pub fn part_at(&self, at: u64) -> Option<Range<u64>> {
        let texts = self
            .sections
            .iter()
            .filter_map(|section| match &section.body {
                Body::Text(lines) => Some(lines),
                _ => None,
            });
        texts
            .flatten()
            .filter_map(|(_, bytes)| bytes.clone())
            .filter(|bytes| bytes.contains(&at))
            .min_by_key(|bytes| bytes.end - bytes.start)
    }

    /// The captured bytes in the span, and the holes between them.
    fn wire(&mut self) {
        let replay = Arc::clone(&self.replay);
        let span = replay.event.span;
        let body = span.start + self.header();
        let mut at = span.start;
        let decrypted = match span.space {
            Space::Tcp => "packet {packet}, {size} at {at}{what}",
            Space::Tls(_) => "packet {packet}, {size} decrypted at {at}{what}",
        };
        for (number, piece) in replay.pieces.iter().enumerate() {
            self.hole(at, piece.at);
            let end = piece.at + piece.bytes.len() as u64;
            let cut = body.clamp(piece.at, end);
            for (from, to) in [(piece.at, cut), (cut, end)] {
                if from < to {
                    let what = self.part(from < body);
                    let title = tr(
                        self.lang,
                        decrypted,
                        &[
                            ("packet", &piece.packet),
                            ("size", &size(to - from)),
                            ("at", &from),
                            ("what", &tr(self.lang, what, &[])),
                        ],
                    );
                    let range = (from - piece.at) as usize..(to - piece.at) as usize;
                    self.push(title, Body::Piece(number, range));
                }
            }
            at = at.max(end);
        }
        if !replay.pieces.is_empty() {
            self.hole(at, span.end());
        }
        for (number, piece) in replay.sealed.iter().enumerate() {
            let len = size(piece.bytes.len() as u64);
            let title = tr(
                self.lang,
                "packet {packet}, {size} at {at}: TLS records, encrypted",
                &[("packet", &piece.packet), ("size", &len), ("at", &piece.at)],
            );
            self.push(title, Body::Sealed(number));
        }
    }

    fn hole(&mut self, from: u64, to: u64) {
        if from < to {
            let title = tr(
                self.lang,
                "NOT CAPTURED, {size} at {at}",
                &[("size", &size(to - from)), ("at", &from)],
            );
            self.push(title, Body::Hole(from, to - from));
        }
    }

    /// Bytes of the frame header, where the event is one frame.
    fn header(&self) -> u64 {
        match self.replay.event.kind {
            EventKind::Ws(Ws::Frame(frame)) => frame.header_length.into(),
            EventKind::Ws(Ws::Message(message)) if message.frames == 1 => self
                .replay
                .event
                .span
                .len
                .saturating_sub(message.wire_length),
            _ => 0,
        }
    }

    /// What the bytes before or behind the end of the header are.
    fn part(&self, header: bool) -> &'static str {
        let masked = match self.replay.event.kind {
            EventKind::Ws(Ws::Frame(frame)) => frame.masking_key.is_some(),
            EventKind::Ws(Ws::Message(message)) if message.frames == 1 => {
                matches!(self.header(), 6 | 8 | 14)
            }
            EventKind::Ws(Ws::Message(_)) => return ": frames",
            _ => return "",
        };
        match (header, masked) {
            (true, _) => ": frame header",
            (false, true) => ": payload, masked",
            (false, false) => ": payload",
        }
    }
}

/// How wide a pane must be for so many bytes in a row.
fn columns(across: usize) -> usize {
    1 + 6 + 2 + across * 3 + across / 16 + 1 + across + 1
}
