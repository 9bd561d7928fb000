//! The list of connections.
//!
//! ```text
//! ── 2 connections ────────────────────────────── messages ─── bytes ──── time ─ end ─
//! ▸ 0 10.7.0.1:48906 → 10.7.0.2:9026  /echo?c=10    8→ 8←    1.8 kB   196 ms  1000
//! ```

use crate::tui::app::{App, Pane};
use crate::tui::canvas::{fill, put, put_right, rule, size, span};
use crate::tui::sweep::Sifting;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::cmp::Reverse;
use std::collections::BTreeSet;
use unicode_width::UnicodeWidthStr as _;
use wscope::model::TcpEnd;
use wscope::sink::{Ending, Escaped, Index, Moved, Track};

/// Which connection is selected, in which order they stand, and which row is at the top.
#[derive(Debug, Default)]
pub struct State {
    /// Its place in the index.
    pub selected: usize,
    pub top: usize,
    pub sort: Sort,
    /// Those that were chosen, for side by side and for saving.
    pub chosen: BTreeSet<usize>,
    /// Places in the index, as they are shown.
    order: Vec<usize>,
    /// What the order was made of.
    made: Option<(Sort, usize, Option<u64>)>,
}

/// By what connections are sorted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Sort {
    #[default]
    Number,
    Messages,
    Bytes,
    Time,
    Findings,
}

impl Sort {
    pub fn next(self) -> Self {
        match self {
            Self::Number => Self::Messages,
            Self::Messages => Self::Bytes,
            Self::Bytes => Self::Time,
            Self::Time => Self::Findings,
            Self::Findings => Self::Number,
        }
    }

    pub fn word(self) -> &'static str {
        match self {
            Self::Number => "as they came",
            Self::Messages => "by messages",
            Self::Bytes => "by bytes",
            Self::Time => "by time",
            Self::Findings => "by findings",
        }
    }
}

impl State {
    pub fn order(&self) -> &[usize] {
        &self.order
    }

    /// Connections have moved up in the list; what is selected or chosen is still there.
    pub fn moved(&mut self, moved: &Moved) {
        self.selected = moved.to(self.selected).unwrap_or(0);
        self.chosen = self.chosen.iter().filter_map(|&at| moved.to(at)).collect();
        self.order = self.order.iter().filter_map(|&at| moved.to(at)).collect();
        if let Some((_, seen, version)) = &mut self.made {
            // As many as there were are in order still; a filter has another version by now.
            *seen = moved.left(*seen);
            *version = version.map(|version| version + 1);
        }
    }

    /// Puts connections in order. New ones come at the end until one sorts again: what one reads does not move.
    pub fn arrange(&mut self, index: &Index, filter: Option<&Sifting>) {
        let tracks = index.tracks();
        let version = filter.map(|filter| filter.hits.version);
        let shown = |at: usize| filter.is_none_or(|filter| filter.hits.any(at));
        match self.made {
            Some((sort, from, seen)) if sort == self.sort && seen == version => {
                self.order
                    .extend((from..tracks.len()).filter(|&at| shown(at)));
            }
            _ => {
                self.order = (0..tracks.len()).filter(|&at| shown(at)).collect();
                let key = |at: &usize| {
                    let track = &tracks[*at];
                    let [notes, warnings, errors] = track.findings;
                    match self.sort {
                        Sort::Number => [0; 3],
                        Sort::Messages => [track.messages.iter().sum(), 0, 0],
                        Sort::Bytes => [track.bytes.iter().sum(), 0, 0],
                        Sort::Time => [track.last.since(track.first).max(0) as u64, 0, 0],
                        Sort::Findings => [errors.into(), warnings.into(), notes.into()],
                    }
                };
                self.order.sort_by_key(|at| Reverse(key(at)));
            }
        }
        self.made = Some((self.sort, tracks.len(), version));
        if !self.order.contains(&self.selected)
            && let Some(&first) = self.order.first()
        {
            self.selected = first;
        }
    }

    /// The row of the selected connection.
    pub fn row(&self) -> usize {
        if self.order.get(self.selected) == Some(&self.selected) {
            return self.selected;
        }
        self.order
            .iter()
            .position(|&at| at == self.selected)
            .unwrap_or(0)
    }

    /// Selects the connection in this row, or in the last one.
    pub fn select(&mut self, row: usize) {
        let last = self.order.len().saturating_sub(1);
        if let Some(&at) = self.order.get(row.min(last)) {
            self.selected = at;
        }
    }

    /// Keeps the selected connection in sight.
    pub fn settle(&mut self, height: usize) {
        let row = self.row();
        self.top = self
            .top
            .min(row)
            .max((row + 1).saturating_sub(height.max(1)));
    }
}

/// The columns at the right.
const COLUMNS: [&str; 5] = ["messages", "bytes", "time", "found", "end"];

/// What stands in them.
fn cells(track: &Track) -> [String; 5] {
    let bytes = track.bytes.iter().sum();
    [
        messages(track),
        size(bytes),
        span(track.last.since(track.first)),
        findings(track),
        ending(track.ending),
    ]
}

/// How wide the columns are: the number first, then [`COLUMNS`], each with space in front.
#[derive(Clone, Copy)]
struct Widths {
    number: u16,
    columns: [u16; 5],
}

pub fn render(app: &App, area: Rect, buf: &mut Buffer) {
    if area.is_empty() {
        return;
    }
    let seen = app.connections.order().iter().skip(app.connections.top);
    let rows: Vec<_> = seen
        .take(usize::from(area.height) - 1)
        .filter_map(|&at| app.index.tracks().get(at).map(|track| (at, track)))
        .map(|(at, track)| (at, track, cells(track)))
        .collect();
    let mut widths = Widths {
        number: 1,
        columns: COLUMNS.map(|name| app.tr(name, &[]).width() as u16 + 2),
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
    let all = app.index.tracks().len();
    let mut name = match app.filter {
        Some(_) => format!(
            " {} ",
            app.tr(
                "{m} of {n} {n|connection|connections}",
                &[("m", &app.connections.order().len()), ("n", &all)],
            )
        ),
        None => format!(
            " {} ",
            match app.index.forgotten() {
                0 => app.tr("{n} {n|connection|connections}", &[("n", &all)]),
                gone => app.tr(
                    "{n} {n|connection|connections}, {m} forgotten",
                    &[("n", &all), ("m", &gone)],
                ),
            }
        ),
    };
    if app.connections.sort != Sort::Number {
        name += &format!("{} ", app.tr(app.connections.sort.word(), &[]));
    }
    put(buf, (area.x + 2, area.y), area.right(), &name, style);
    let mut end = area.right().saturating_sub(1);
    for (name, width) in COLUMNS.into_iter().zip(widths.columns).rev() {
        // What stands in front of a column is free in the rows below as well.
        put(buf, (end, area.y), area.right(), " ", style);
        put_right(
            buf,
            (end.saturating_sub(width), area.y),
            end,
            &format!(" {}", app.tr(name, &[])),
            style,
        );
        end = end.saturating_sub(width);
    }
}

fn row(app: &App, widths: Widths, row: (usize, &Track, [String; 5]), area: Rect, buf: &mut Buffer) {
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
    if app.connections.chosen.contains(&at) {
        put(buf, (area.x + 1, y), end, "●", style);
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

/// How many rules were broken: errors as `!`, warnings as `?`.
fn findings(track: &Track) -> String {
    match track.findings {
        [_, 0, 0] => String::new(),
        [_, warnings, 0] => format!("{warnings}?"),
        [_, 0, errors] => format!("{errors}!"),
        [_, warnings, errors] => format!("{errors}! {warnings}?"),
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
    fn sorted_by_findings_and_filtered() {
        let mut bench = Bench::new("violations.pcapng", SMALL);
        bench.press("<oooo");
        let sorted = bench.screen();
        bench.press("&websocket.opcode == close\n");
        assert_snapshot!(format!("{sorted}\n{}", bench.screen()));
    }

    #[test]
    fn refusals_on_a_large_screen() {
        let mut bench = Bench::new("refused.pcapng", LARGE);
        assert_snapshot!(bench.press("<G").screen());
    }
}
