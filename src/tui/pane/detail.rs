//! Everything that is known about the selected event, by name.

use crate::tui::app::{App, Pane};
use crate::tui::canvas::{heading, put, put_right, wrap};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::fmt::Write as _;
use unicode_width::UnicodeWidthStr as _;
use wscope::field::{self, Value};
use wscope::model::{Event, Loan, Trust};
use wscope::sink::{Escaped, Track};

/// Characters of a value that are shown.
const LONGEST: usize = 2048;

pub fn render(app: &App, area: Rect, buf: &mut Buffer) {
    if area.is_empty() {
        return;
    }
    let focused = app.focus == Pane::Detail;
    let name = app.event().map_or_else(
        || "detail".into(),
        |event| format!("{} {}", event.kind.word(), event.id),
    );
    let inside = heading(buf, area, &name, "", app.theme, focused);
    let lines = lines(app, inside.width.into());
    for ((name, value), y) in lines.iter().skip(app.detail).zip(inside.y..inside.bottom()) {
        let end = inside.right().saturating_sub(1);
        let split = inside.x + 1 + split(&lines, inside.width.into()) as u16;
        put_right(buf, (inside.x + 1, y), split, name, app.theme.dim());
        put(buf, (split + 2, y), end, value, app.theme.plain());
    }
}

/// How many lines it takes to show all.
pub fn height(app: &App, width: usize) -> usize {
    lines(app, width).len()
}

/// The width of the names.
fn split(lines: &[(String, String)], width: usize) -> usize {
    lines
        .iter()
        .map(|(name, _)| name.width())
        .max()
        .unwrap_or(0)
        .min(width / 2)
}

/// Names and values, broken into lines; a line that goes on has no name.
fn lines(app: &App, width: usize) -> Vec<(String, String)> {
    let Some(event) = app.event() else {
        return Vec::new();
    };
    let mut pairs = common(app, &event);
    let loan = match &app.bytes.answer {
        Some(Ok(replay)) => Loan {
            bytes: &replay.payload,
            unknown: &replay.unknown,
        },
        _ => Loan::default(),
    };
    field::visit(&event, loan, |name, value| {
        // The payload has a pane for itself.
        if !(matches!(value, Value::Base64(_)) || name == "text" && is_message(&event)) {
            pairs.extend(show(name, value));
        }
    });
    let room = width.saturating_sub(split(&pairs, width) + 4);
    let mut lines = Vec::new();
    for (name, value) in pairs {
        let mut name = Some(name);
        for part in wrap(&value, room) {
            lines.push((name.take().unwrap_or_default(), part));
        }
    }
    lines
}

fn is_message(event: &Event) -> bool {
    event.kind.word() == "ws.message"
}

fn common(app: &App, event: &Event) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    let mut pair = |name: &str, value: String| pairs.push((name.to_owned(), value));
    let start = app.start.unwrap_or(event.time);
    pair(
        "time",
        format!("{:.6} s", event.time.since(start) as f64 / 1e9),
    );
    pair(
        "UTC",
        event.time.to_string().replace('T', " ").replace('Z', ""),
    );
    let packet = match event.id.at.is_end() {
        true => "the end of the capture".into(),
        false => event.packet.to_string(),
    };
    pair(
        "packet",
        match event.first == event.packet {
            true => packet,
            false => format!("{packet}, begins in {}", event.first),
        },
    );
    if let Some(dir) = event.dir {
        pair("direction", dir.to_string());
    }
    if let Some(Track { flow, .. }) = app.track() {
        pair("client", flow.client.to_string());
        pair("server", flow.server.to_string());
    }
    if let Some(about) = event.about {
        pair("about", about.to_string());
    }
    if event.trust == Trust::Inferred {
        pair("trust", "inferred: not all was captured".into());
    }
    pairs
}

/// A field as lines of name and value.
fn show(name: &str, value: Value<'_>) -> Vec<(String, String)> {
    let plain = match value {
        Value::Text(text) => escape(text),
        Value::Number(number) => number.to_string(),
        Value::Signed(number) => number.to_string(),
        Value::Bool(yes) => if yes { "yes" } else { "no" }.into(),
        Value::Hex(number) => format!("{number:08x}"),
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
                .map(|header| (text(&header.name), text(&header.value)))
                .collect();
        }
    };
    vec![(name.replace('_', " "), plain)]
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
}
