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
use super::detail;
use crate::tui::sheet::{Row, Sheet, View};
use crate::tui::wire::{Area, Place};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::sync::Arc;
use wscope::engine::Replay;
use wscope::model::EventId;
use wscope::sink::Escaped;

/// Whose bytes, how they came out, and how far they are scrolled.
#[derive(Debug, Default)]
pub struct State {
    /// The connection and the event that were asked for.
    pub of: Option<(usize, EventId)>,
    /// None while they are on their way.
    pub answer: Option<Result<Arc<Replay>, String>>,
    pub top: usize,
    /// The row and the column of the byte that one is at.
    pub cursor: (usize, usize),
    pub view: View,
}

impl State {
    pub fn replay(&self) -> Option<&Arc<Replay>> {
        self.answer.as_ref()?.as_ref().ok()
    }
}

/// The byte under the cursor.
pub fn under_cursor(app: &App, width: usize) -> Option<(Area, u64)> {
    let replay = app.bytes.replay()?;
    let sheet = Sheet::new(replay, width, app.bytes.view, app.lang);
    let (row, column) = app.bytes.cursor;
    match sheet.row(row.min(sheet.height().saturating_sub(1))) {
        Row::Bytes {
            area, from, len, ..
        } if len > 0 => Some((area, from + column.min(len - 1) as u64)),
        _ => None,
    }
}

/// Moves the cursor by rows and bytes; it stays within the sheet.
pub fn step(app: &mut App, width: usize, rows: isize, bytes: isize) {
    let Some(replay) = app.bytes.replay() else {
        return;
    };
    let sheet = Sheet::new(replay, width, app.bytes.view, app.lang);
    let last = sheet.height().saturating_sub(1);
    let length = |row: usize| match sheet.row(row) {
        Row::Bytes { len, .. } => len,
        _ => 0,
    };
    let (mut row, mut column) = app.bytes.cursor;
    row = row.saturating_add_signed(rows).min(last);
    if bytes != 0 {
        column = column.min(length(row).saturating_sub(1));
        if bytes < 0 && column == 0 || bytes > 0 && column + 1 >= length(row) {
            // To the next row that has bytes.
            let mut next = row;
            while let Some(at) = next.checked_add_signed(bytes).filter(|&at| at <= last) {
                next = at;
                if length(next) > 0 {
                    row = next;
                    column = if bytes < 0 { length(next) - 1 } else { 0 };
                    break;
                }
            }
        } else {
            column = column.saturating_add_signed(bytes);
        }
    }
    app.bytes.cursor = (row, column);
}

pub fn render(app: &App, area: Rect, buf: &mut Buffer) {
    if area.is_empty() {
        return;
    }
    let focused = app.focus == Pane::Bytes;
    let name = app.event().map_or_else(
        || app.tr("bytes", &[]),
        |event| app.tr("bytes {id}", &[("id", &event.id)]),
    );
    let inside = heading(
        buf,
        area,
        &name,
        &app.tr(app.bytes.view.word(), &[]),
        app.theme,
        focused,
    );
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
        None => say(&app.tr("reading the capture again …", &[]), buf),
        Some(Err(error)) => say(&Escaped(error).to_string(), buf),
        Some(Ok(replay)) => {
            let width = inside.width.into();
            let sheet = Sheet::new(replay, width, app.bytes.view, app.lang);
            let linked = detail::linked(app, width);
            let cursor = focused.then(|| under_cursor(app, width)).flatten();
            for (at, y) in (app.bytes.top..sheet.height()).zip(inside.y..inside.bottom()) {
                let on = focused && app.bytes.cursor.0 == at;
                let marks = Marks {
                    linked: &linked,
                    cursor,
                };
                row(
                    app,
                    (&sheet.row(at), on),
                    &marks,
                    (inside.x + 1, y),
                    inside.right(),
                    buf,
                );
            }
        }
    }
}

/// Bytes that stand out.
struct Marks<'a> {
    linked: &'a [Place],
    cursor: Option<(Area, u64)>,
}

fn row(
    app: &App,
    (row, on): (&Row, bool),
    marks: &Marks<'_>,
    (x, y): (u16, u16),
    end: u16,
    buf: &mut Buffer,
) {
    match row {
        Row::Title(text) => {
            put(buf, (x, y), end, text, app.theme.bold());
        }
        Row::Text(text) => {
            put(buf, (x + 1, y), end, text, app.theme.plain());
        }
        Row::Bytes {
            at,
            hex,
            ascii,
            area,
            from,
            len,
        } => {
            let x = put(buf, (x, y), end, at, app.theme.dim());
            let hex_at = x + 2;
            let x = put(buf, (hex_at, y), end, hex, app.theme.plain());
            let ascii_at = x + 2;
            put(buf, (ascii_at, y), end, ascii, app.theme.dim());
            for column in 0..*len {
                let offset = from + column as u64;
                let linked = marks.linked.iter().any(|place| place.has(*area, offset));
                let here = marks.cursor == Some((*area, offset));
                if !linked && !here {
                    continue;
                }
                let style = if here {
                    app.theme.selected(true)
                } else {
                    app.theme.linked()
                };
                let hex_x = hex_at + column as u16 * 3 + u16::from(column >= 8);
                for (x, width) in [(hex_x, 2), (ascii_at + column as u16, 1)] {
                    let area = Rect::new(x, y, width, 1).intersection(Rect::new(0, y, end, 1));
                    buf.set_style(area, style);
                }
            }
        }
    }
    if on {
        put(buf, (x - 1, y), end, "▸", app.theme.plain());
    }
}

/// How many rows it takes to show all.
pub fn height(app: &App, width: usize) -> usize {
    match &app.bytes.answer {
        Some(Ok(replay)) => Sheet::new(replay, width, app.bytes.view, app.lang).height(),
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
        assert_snapshot!(bench.press("jjjjjjjjj\n\n").screen());
    }

    #[test]
    fn views_of_a_compressed_message() {
        let mut bench = Bench::new("deflate.pcapng", SMALL);
        bench.press("&wscope.message.compressed == true && wscope.message.length > 20\n\n\n");
        let mut screens = Vec::new();
        for _ in 0..5 {
            screens.push(bench.press("v").screen());
        }
        assert_snapshot!(screens.join("\n"));
    }

    #[test]
    fn json_is_laid_out() {
        let mut bench = Bench::new("deflate.pcapng", LARGE);
        bench.press("&websocket.payload.text matches r\"^[{\\[]\"\n\nvv");
        assert_snapshot!(bench.screen());
    }
}
