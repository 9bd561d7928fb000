//! The list of connections.
//!
//! ```text
//! ── 2 connections ────────────────────────────── messages ─── bytes ──── time ─ end ─
//! ▸ 0 10.7.0.1:48906 → 10.7.0.2:9026  /echo?c=10    8→ 8←    1.8 kB   196 ms  1000
//! ```

use crate::tui::app::{App, Pane};
use crate::tui::canvas::{count, fill, put, put_right, size, span};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
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

/// Widths of the columns at the right: messages, bytes, time, end; a space is in front of each.
const COLUMNS: [(&str, u16); 4] = [("messages", 9), ("bytes", 8), ("time", 8), ("end", 9)];

pub fn render(app: &App, area: Rect, buf: &mut Buffer) {
    if area.is_empty() {
        return;
    }
    head(app, area, buf);
    let rows = app
        .index
        .tracks()
        .iter()
        .enumerate()
        .skip(app.connections.top);
    for ((at, track), y) in rows.zip(area.y + 1..area.bottom()) {
        row(
            app,
            at,
            track,
            Rect {
                y,
                height: 1,
                ..area
            },
            buf,
        );
    }
}

fn head(app: &App, area: Rect, buf: &mut Buffer) {
    let style = app.theme.heading(app.focus == Pane::Connections);
    fill(buf, (area.x, area.y), area.right(), "─", style);
    let name = format!(" {} ", count(app.index.tracks().len() as u64, "connection"));
    put(buf, (area.x + 2, area.y), area.right(), &name, style);
    let mut end = area.right().saturating_sub(1);
    for (name, width) in COLUMNS.into_iter().rev() {
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

fn row(app: &App, at: usize, track: &Track, area: Rect, buf: &mut Buffer) {
    let selected = at == app.connections.selected;
    let y = area.y;
    let style = if selected {
        app.theme.plain()
    } else {
        app.theme.dim()
    };
    let mut end = area.right().saturating_sub(1);
    let texts = [
        messages(track),
        size(track.bytes.iter().sum()),
        span(track.last.since(track.first)),
        ending(track.ending),
    ];
    for ((_, width), text) in COLUMNS.into_iter().zip(texts).rev() {
        put_right(buf, (end.saturating_sub(width) + 1, y), end, &text, style);
        end = end.saturating_sub(width);
    }
    let marker = if selected { "▸" } else { " " };
    put(buf, (area.x, y), end, marker, style);
    let x = put_right(
        buf,
        (area.x + 1, y),
        area.x + 5,
        &track.conn.to_string(),
        style,
    );
    let x = put(
        buf,
        (x.max(area.x + 5) + 1, y),
        end,
        &track.flow.to_string(),
        style,
    );
    let what = track.what.as_deref().unwrap_or("TCP");
    put(buf, (x + 2, y), end, &Escaped(what).to_string(), style);
    if selected {
        buf.set_style(area, app.theme.selected(app.focus == Pane::Connections));
    }
}

fn messages(track: &Track) -> String {
    match (track.messages, track.ending.websocket) {
        ([0, 0], false) => String::new(),
        ([up, down], _) => format!("{up}→ {down}←"),
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
