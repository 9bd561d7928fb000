//! Several connections side by side, on one axis of time.
//!
//! ```text
//! ━━ 2 connections side by side ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━
//!     seconds  #0 /a                    #3 /b
//!    0.000975  ├─ GET /a ───────────▶│  │                     │
//!    0.001104  │                     │  ├─ GET /b ───────────▶│
//! ```

use super::timeline::label;
use crate::tui::app::{App, Pane};
use crate::tui::canvas::{fill, fit, heading, put, put_right};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use wscope::model::{Dir, Timestamp};
use wscope::sink::{Escaped, Index, Level, Line};

/// Connections that fit beside each other.
pub const MOST: usize = 6;

/// Lines that are merged at most.
const LINES: usize = 2_000_000;

/// What is shown, and where one is.
#[derive(Debug)]
pub struct State {
    /// Places in the index.
    pub tracks: Vec<usize>,
    pub level: Level,
    /// In the order of time: when, which of the tracks, which line.
    rows: Vec<(Timestamp, u8, Line)>,
    pub at: usize,
    pub top: usize,
    seen: u64,
}

impl State {
    pub fn new(tracks: Vec<usize>, level: Level, index: &Index) -> Self {
        let mut state = Self {
            tracks,
            level,
            rows: Vec::new(),
            at: 0,
            top: 0,
            seen: 0,
        };
        state.gather(index);
        state
    }

    /// Merges the lines of all connections anew; stays at the line one is at.
    fn gather(&mut self, index: &Index) {
        let before = self.rows.get(self.at).copied();
        self.seen = index.events();
        self.rows.clear();
        for (which, &at) in (0..).zip(&self.tracks) {
            let Some(track) = index.tracks().get(at) else {
                continue;
            };
            let room = LINES.saturating_sub(self.rows.len());
            let lines = track.lines(Line::FIRST, self.level).take(room);
            self.rows
                .extend(lines.map(|line| (track.time(line), which, line)));
        }
        self.rows
            .sort_by_key(|&(time, which, line)| (time, line_id(index, &self.tracks, which, line)));
        if let Some(before) = before {
            self.at = self.rows.iter().position(|row| *row == before).unwrap_or(0);
        }
    }

    /// Follows a new level, and what has come since.
    pub fn settle(&mut self, level: Level, index: &Index, height: usize, done: bool) {
        let more = index.events() > self.seen + self.seen / 4 || done && index.events() > self.seen;
        if level != self.level || more {
            self.level = level;
            self.gather(index);
        }
        let height = height.max(1);
        self.top = self
            .top
            .min(self.at)
            .max((self.at + 1).saturating_sub(height));
    }

    pub fn step(&mut self, by: isize) {
        let last = self.rows.len().saturating_sub(1);
        self.at = self.at.saturating_add_signed(by).min(last);
    }

    pub fn click(&mut self, row: usize) {
        self.at = (self.top + row).min(self.rows.len().saturating_sub(1));
    }

    /// The connection and the line one is at.
    pub fn selected(&self) -> Option<(usize, Line)> {
        let (_, which, line) = *self.rows.get(self.at)?;
        Some((*self.tracks.get(usize::from(which))?, line))
    }
}

fn line_id(
    index: &Index,
    tracks: &[usize],
    which: u8,
    line: Line,
) -> Option<wscope::model::EventId> {
    let at = *tracks.get(usize::from(which))?;
    index.tracks().get(at)?.id(line)
}

pub fn render(app: &App, state: &State, area: Rect, buf: &mut Buffer) {
    if area.is_empty() {
        return;
    }
    let focused = app.focus == Pane::Timeline;
    let name = app.tr(
        "{n} connections side by side",
        &[("n", &state.tracks.len())],
    );
    let inside = heading(
        buf,
        area,
        &name,
        &app.tr("| one alone", &[]),
        app.theme,
        focused,
    );
    let first = inside.x + 13;
    let count = state.tracks.len().max(1) as u16;
    let width = inside.right().saturating_sub(first) / count;
    if inside.is_empty() || width < 8 {
        return;
    }
    let column = |which: u16| (first + which * width, first + (which + 1) * width - 2);
    put_right(
        buf,
        (inside.x, inside.y),
        inside.x + 12,
        &app.tr("seconds", &[]),
        app.theme.dim(),
    );
    for (which, &at) in (0..).zip(&state.tracks) {
        let Some(track) = app.index.tracks().get(at) else {
            continue;
        };
        let (from, to) = column(which);
        let what = Escaped(track.what.as_deref().unwrap_or("TCP")).to_string();
        let text = format!("#{} {what} {}", track.conn, track.flow.client);
        put(
            buf,
            (from, inside.y),
            to,
            &fit(&text, (to - from).into()),
            app.theme.bold(),
        );
    }
    let start = app.start.unwrap_or(Timestamp(0));
    for ((at, &(time, which, line)), y) in state
        .rows
        .iter()
        .enumerate()
        .skip(state.top)
        .zip(inside.y + 1..inside.bottom())
    {
        let seconds = format!("{:.6}", time.since(start) as f64 / 1e9);
        put_right(
            buf,
            (inside.x + 1, y),
            inside.x + 12,
            &seconds,
            app.theme.dim(),
        );
        for which in 0..count {
            let (from, to) = column(which);
            for x in [from, to] {
                put(buf, (x, y), x + 1, "│", app.theme.dim());
            }
        }
        draw(app, state, (which, line), column(which.into()), y, buf);
        if at == state.at {
            put(buf, (inside.x, y), inside.right(), "▸", app.theme.plain());
            let row = Rect {
                y,
                height: 1,
                ..inside
            };
            buf.set_style(row, app.theme.selected(focused));
        }
    }
}

fn draw(
    app: &App,
    state: &State,
    (which, line): (u8, Line),
    (from, to): (u16, u16),
    y: u16,
    buf: &mut Buffer,
) {
    let track = state
        .tracks
        .get(usize::from(which))
        .and_then(|&at| app.index.tracks().get(at));
    let Some((track, event)) = track.and_then(|track| Some((track, track.event(line)?))) else {
        return;
    };
    let text = label(
        app.lang,
        &event,
        &track.flow,
        app.preview(track, line).unwrap_or("…"),
    );
    let style = app.theme.event(&event);
    let room = usize::from((to - from).saturating_sub(6));
    let text = format!(" {} ", fit(&text, room));
    match event.dir {
        Some(Dir::C2s) => {
            fill(buf, (from + 1, y), to, "─", style);
            put(buf, (from, y), to, "├", style);
            put(buf, (from + 2, y), to - 1, &text, style);
            put(buf, (to - 1, y), to, "▶", style);
        }
        Some(Dir::S2c) => {
            fill(buf, (from + 1, y), to, "─", style);
            put(buf, (to, y), to + 1, "┤", style);
            put_right(buf, (from + 2, y), to - 1, &text, style);
            put(buf, (from + 1, y), to, "◀", style);
        }
        None => {
            put(buf, (from + 2, y), to - 1, text.trim(), style);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::tui::fixture::{Bench, LARGE, SMALL};
    use insta::assert_snapshot;

    #[test]
    fn three_on_a_large_screen() {
        let mut bench = Bench::new("twelve.pcapng", LARGE);
        assert_snapshot!(bench.press("<xjxjx|").press("jjjj").screen());
    }

    #[test]
    fn two_on_a_small_screen() {
        let mut bench = Bench::new("twelve.pcapng", SMALL);
        assert_snapshot!(bench.press("<xjx|").screen());
    }
}
