//! The list of connections.
//!
//! ```text
//! ── 2 connections ────────────────────────────── messages ─── bytes ──── time ─ end ─
//! ▸ 0 10.7.0.1:48906 → 10.7.0.2:9026  /echo?c=10    8→ 8←    1.8 kB   196 ms  1000
//! ```

use crate::tui::app::{App, Pane};
use crate::tui::canvas::{count, fill, put, put_right, rule, size, span};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr as _;
use wscope::model::TcpEnd;
use wscope::sink::{Ending, Escaped, Track};

/// Which connection is selected, and which one is at the top.
#[derive(Debug, Default)]
pub struct State {
    pub selected: usize,
    pub top: usize,
}

impl State {
    /// Keeps the selected connection in sight.
    pub fn settle(&mut self, height: usize) {
        self.top = self
            .top
            .min(self.selected)
            .max((self.selected + 1).saturating_sub(height.max(1)));
    }
}

/// The columns at the right.
const COLUMNS: [&str; 4] = ["messages", "bytes", "time", "end"];

/// What stands in them.
fn cells(track: &Track) -> [String; 4] {
    let bytes = track.bytes.iter().sum();
    [
        messages(track),
        size(bytes),
        span(track.last.since(track.first)),
        ending(track.ending),
    ]
}

/// How wide the columns are: the number first, then [`COLUMNS`], each with space in front.
#[derive(Clone, Copy)]
struct Widths {
    number: u16,
    columns: [u16; 4],
}

pub fn render(app: &App, area: Rect, buf: &mut Buffer) {
    if area.is_empty() {
        return;
    }
    let seen = app
        .index
        .tracks()
        .iter()
        .enumerate()
        .skip(app.connections.top);
    let rows: Vec<_> = seen
        .take(usize::from(area.height) - 1)
        .map(|(at, track)| (at, track, cells(track)))
        .collect();
    let mut widths = Widths {
        number: 1,
        columns: COLUMNS.map(|name| name.width() as u16 + 2),
    };
    for (_, track, cells) in &rows {
        widths.number = widths.number.max(track.conn.to_string().len() as u16);
        for (width, cell) in widths.columns.iter_mut().zip(cells) {
            *width = (*width).max(cell.width() as u16 + 2);
        }
    }
    head(app, widths, area, buf);
    for ((at, track, cells), y) in rows.into_iter().zip(area.y + 1..) {
        row(
            app,
            widths,
            (at, track, cells),
            Rect {
                y,
                height: 1,
                ..area
            },
            buf,
        );
    }
}

fn head(app: &App, widths: Widths, area: Rect, buf: &mut Buffer) {
    let focused = app.focus == Pane::Connections;
    let style = app.theme.heading(focused);
    fill(buf, (area.x, area.y), area.right(), rule(focused), style);
    let name = format!(" {} ", count(app.index.tracks().len() as u64, "connection"));
    put(buf, (area.x + 2, area.y), area.right(), &name, style);
    let mut end = area.right().saturating_sub(1);
    for (name, width) in COLUMNS.into_iter().zip(widths.columns).rev() {
        // What stands in front of a column is free in the rows below as well.
        put(buf, (end, area.y), area.right(), " ", style);
        put_right(
            buf,
            (end.saturating_sub(width), area.y),
            end,
            &format!(" {name}"),
            style,
        );
        end = end.saturating_sub(width);
    }
}

fn row(app: &App, widths: Widths, row: (usize, &Track, [String; 4]), area: Rect, buf: &mut Buffer) {
    let (at, track, cells) = row;
    let selected = at == app.connections.selected;
    let y = area.y;
    let style = if selected {
        app.theme.plain()
    } else {
        app.theme.dim()
    };
    let mut end = area.right().saturating_sub(1);
    for (cell, width) in cells.iter().zip(widths.columns).rev() {
        put_right(buf, (end.saturating_sub(width) + 1, y), end, cell, style);
        end = end.saturating_sub(width);
    }
    if selected {
        put(buf, (area.x, y), end, "▸", style);
    }
    let number = area.x + 2 + widths.number;
    put_right(buf, (area.x + 2, y), number, &track.conn.to_string(), style);
    let x = put(buf, (number + 1, y), end, &track.flow.to_string(), style);
    let what = track.what.as_deref().unwrap_or("TCP");
    put(buf, (x + 2, y), end, &Escaped(what).to_string(), style);
    if selected {
        buf.set_style(area, app.theme.selected(app.focus == Pane::Connections));
    }
}

fn messages(track: &Track) -> String {
    match (track.messages, track.ending.websocket) {
        ([0, 0], false) => String::new(),
        ([up, down], _) => format!("{}→ {}←", short(up), short(down)),
    }
}

/// A number in at most four characters.
fn short(number: u64) -> String {
    match number {
        0..1_000 => number.to_string(),
        1_000..1_000_000 => format!("{}k", number / 1_000),
        _ => format!("{}M", number / 1_000_000),
    }
}

/// How a connection ended: the close code where WebSocket had one, the status where HTTP refused.
fn ending(ending: Ending) -> String {
    let tcp = match ending.tcp {
        Some(TcpEnd::Fin) => "FIN",
        Some(TcpEnd::Rst) => "RST",
        Some(TcpEnd::None) | None => "open",
    };
    match (ending.code, ending.refused) {
        (Some(code), _) if ending.tcp == Some(TcpEnd::Rst) => format!("{} RST", code.0),
        (Some(code), _) => code.0.to_string(),
        (None, Some(status)) => status.to_string(),
        (None, None) => tcp.into(),
    }
}

#[cfg(test)]
mod tests {
    use crate::tui::fixture::{Bench, LARGE, SMALL};
    use insta::assert_snapshot;

    #[test]
    fn twelve_on_a_small_screen() {
        let mut bench = Bench::new("twelve.pcapng", SMALL);
        assert_snapshot!(bench.press("<jjjj").screen());
    }

    #[test]
    fn refusals_on_a_large_screen() {
        let mut bench = Bench::new("refused.pcapng", LARGE);
        assert_snapshot!(bench.press("<G").screen());
    }
}
