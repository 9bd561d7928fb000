//! The bytes of the selected event: the payload as the application gets it, and what was captured.
//!
//! ```text
//! ── bytes 16.1 ─────────────────────────────────────────
//!  payload, 22 B
//!  000000  68 65 6c 6c 6f 20 66 72  6f 6d 20 74 68 65 20 62  hello from the b
//!  packet 16, 6 B at 324: frame header
//!  000144  81 96 df 89 48 36                                ....H6
//! ```

use super::super::app::{App, Pane};
use super::super::canvas::{heading, put};
use crate::tui::sheet::{Row, Sheet};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::sync::Arc;
use wscope::engine::Replay;
use wscope::sink::{Escaped, Line};

/// Whose bytes, how they came out, and how far they are scrolled.
#[derive(Debug, Default)]
pub struct State {
    /// The connection and the line that were asked for.
    pub of: Option<(usize, Line)>,
    /// None while they are on their way.
    pub answer: Option<Result<Arc<Replay>, String>>,
    pub top: usize,
}

pub fn render(app: &App, area: Rect, buf: &mut Buffer) {
    if area.is_empty() {
        return;
    }
    let style = app.theme.heading(app.focus == Pane::Bytes);
    let name = app
        .event()
        .map_or_else(|| "bytes".into(), |event| format!("bytes {}", event.id));
    let inside = heading(buf, area, &name, "", style);
    let say = |text: &str, buf: &mut Buffer| {
        let lines = crate::tui::canvas::wrap(text, usize::from(inside.width).saturating_sub(2));
        for (line, y) in lines.iter().zip(inside.y..inside.bottom()) {
            put(
                buf,
                (inside.x + 1, y),
                inside.right(),
                line,
                app.theme.dim(),
            );
        }
    };
    match &app.bytes.answer {
        _ if app.bytes.of.is_none() => {}
        None => say("reading the capture again …", buf),
        Some(Err(error)) => say(&Escaped(error).to_string(), buf),
        Some(Ok(replay)) => {
            let sheet = Sheet::new(replay, inside.width.into());
            for (at, y) in (app.bytes.top..sheet.height()).zip(inside.y..inside.bottom()) {
                row(app, &sheet.row(at), (inside.x + 1, y), inside.right(), buf);
            }
        }
    }
}

fn row(app: &App, row: &Row, (x, y): (u16, u16), end: u16, buf: &mut Buffer) {
    match row {
        Row::Title(text) => {
            put(buf, (x, y), end, text, app.theme.bold());
        }
        Row::Text(text) => {
            put(buf, (x + 1, y), end, text, app.theme.plain());
        }
        Row::Bytes { at, hex, ascii } => {
            let x = put(buf, (x, y), end, at, app.theme.dim());
            let x = put(buf, (x + 2, y), end, hex, app.theme.plain());
            put(buf, (x + 2, y), end, ascii, app.theme.dim());
        }
    }
}

/// How many rows it takes to show all.
pub fn height(app: &App, width: usize) -> usize {
    match &app.bytes.answer {
        Some(Ok(replay)) => Sheet::new(replay, width).height(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use crate::tui::fixture::{Bench, LARGE, SMALL};
    use insta::assert_snapshot;

    #[test]
    fn a_masked_message_alone_on_a_small_screen() {
        let mut bench = Bench::new("tour.pcapng", SMALL);
        assert_snapshot!(bench.press("jjjjj\n\n").screen());
    }

    #[test]
    fn a_head_on_a_large_screen() {
        let mut bench = Bench::new("tour.pcapng", LARGE);
        assert_snapshot!(bench.press("j\n").screen());
    }

    #[test]
    fn bytes_that_were_not_captured() {
        let mut bench = Bench::new("short-snaplen.pcapng", SMALL);
        assert_snapshot!(bench.press("jjjjjj\n\n").screen());
    }
}
