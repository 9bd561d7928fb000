//! What a connection did over time.
//!
//! ```text
//!  messages up     ▁▁▂▁▁▁▁▇▁▁▁  12
//!  ping → pong     ▂▂▃▂█▂▂▂▂▂▂  11, 0.8 to 41 ms, median 1.2 ms
//! ```

use crate::tui::app::App;
use crate::tui::canvas::{heading, put, size, span};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use wscope::model::{Dir, EventKind, InsightKind, Timestamp, Ws};
use wscope::sink::{Escaped, Level, Line, Moved, Track};

/// Slices of time.
const SLICES: usize = 120;

/// What was counted, and of what.
#[derive(Debug, Default)]
pub struct State {
    of: Option<(usize, Line)>,
    /// Per slice: messages up and down, bytes up and down.
    slices: Vec<[u64; 4]>,
    totals: [u64; 4],
    largest: u64,
    kinds: [u64; 5],
    /// Nanoseconds from ping to pong, as they came.
    trips: Vec<u64>,
}

impl State {
    /// Connections have moved up in the list.
    pub fn moved(&mut self, moved: &Moved) {
        self.of = self.of.and_then(|(at, end)| Some((moved.to(at)?, end)));
    }

    /// Counts anew where a connection is new, or has grown by much, or is all there now.
    pub fn settle(&mut self, at: usize, track: &Track, done: bool) {
        let fresh = match self.of {
            Some((of, end)) if of == at => {
                let (old, new) = (end.number(), track.end().number());
                old == new || !done && new < old + old / 8 + 1
            }
            _ => false,
        };
        if fresh {
            return;
        }
        *self = Self {
            of: Some((at, track.end())),
            slices: vec![[0; 4]; SLICES],
            ..Self::default()
        };
        let whole = track.last.since(track.first).max(1) as u128;
        let slice = |time: Timestamp| {
            let since = time.since(track.first).max(0) as u128;
            (since * SLICES as u128 / (whole + 1)) as usize
        };
        for (_, event) in track.events(Line::FIRST, Level::Messages) {
            let (EventKind::Ws(Ws::Message(message)), Some(dir)) = (&event.kind, event.dir) else {
                continue;
            };
            self.kinds[message.kind as usize] += 1;
            self.largest = self.largest.max(message.length);
            let side = usize::from(dir == Dir::S2c);
            for (column, by) in [(side, 1), (2 + side, message.length)] {
                self.totals[column] += by;
                if let Some(slice) = self.slices.get_mut(slice(event.time)) {
                    slice[column] += by;
                }
            }
        }
        self.trips = track
            .rare()
            .filter_map(|kind| match &*kind {
                EventKind::Insight(insight) => match insight.kind {
                    InsightKind::RoundTrip { nanos, .. } => u64::try_from(nanos).ok(),
                    _ => None,
                },
                _ => None,
            })
            .collect();
    }
}

pub fn render(app: &App, area: Rect, buf: &mut Buffer) {
    let Some(track) = app.track() else {
        let name = app.tr("statistics", &[]);
        heading(buf, area, &name, &app.tr("Esc back", &[]), app.theme, true);
        return;
    };
    let what = Escaped(track.what.as_deref().unwrap_or("TCP")).to_string();
    let name = app.tr(
        "statistics #{conn} {what}",
        &[("conn", &track.conn), ("what", &what)],
    );
    let inside = heading(buf, area, &name, &app.tr("Esc back", &[]), app.theme, true);
    let state = &app.stats;
    let [up, down, bytes_up, bytes_down] = state.totals;
    let column = |at: usize| -> Vec<u64> { state.slices.iter().map(|slice| slice[at]).collect() };
    let (client, server, plain) = (app.theme.client(), app.theme.server(), app.theme.plain());
    let mut rows: Vec<(String, Vec<u64>, String, Style)> = vec![
        (
            app.tr("messages up", &[]),
            column(0),
            up.to_string(),
            client,
        ),
        (
            app.tr("messages down", &[]),
            column(1),
            down.to_string(),
            server,
        ),
        (app.tr("payload up", &[]), column(2), size(bytes_up), client),
        (
            app.tr("payload down", &[]),
            column(3),
            size(bytes_down),
            server,
        ),
    ];
    let mut sorted = state.trips.clone();
    sorted.sort_unstable();
    if let (Some(&least), Some(&most)) = (sorted.first(), sorted.last()) {
        let median = sorted[sorted.len() / 2];
        let show = |nanos: u64| span(nanos.min(i64::MAX as u64) as i64);
        let text = app.tr(
            "{n}, {least} to {most}, median {median}",
            &[
                ("n", &sorted.len()),
                ("least", &show(least)),
                ("most", &show(most)),
                ("median", &show(median)),
            ],
        );
        rows.push((
            app.tr("ping to pong", &[]),
            state.trips.clone(),
            text,
            plain,
        ));
    }
    let mut y = inside.y + 1;
    let width = usize::from(inside.width.saturating_sub(20 + 44)).clamp(12, SLICES);
    for (name, values, text, style) in rows {
        if y >= inside.bottom() {
            return;
        }
        put(
            buf,
            (inside.x + 2, y),
            inside.right(),
            &name,
            app.theme.dim(),
        );
        let x = put(
            buf,
            (inside.x + 18, y),
            inside.right(),
            &spark(&values, width),
            style,
        );
        put(buf, (x + 2, y), inside.right(), &text, app.theme.plain());
        y += 1;
    }
    let axis = app.tr(
        "{all} in all, {column} a column",
        &[
            ("all", &span(track.last.since(track.first))),
            (
                "column",
                &span(track.last.since(track.first) / width as i64),
            ),
        ],
    );
    put(
        buf,
        (inside.x + 18, y),
        inside.right(),
        &axis,
        app.theme.dim(),
    );
    let [text, binary, ping, pong, close] = state.kinds;
    let [notes, warnings, errors] = track.findings;
    let lines = [
        (
            "kinds",
            app.tr(
                "{text} text, {binary} binary, {ping} ping, {pong} pong, {close} close",
                &[
                    ("text", &text),
                    ("binary", &binary),
                    ("ping", &ping),
                    ("pong", &pong),
                    ("close", &close),
                ],
            ),
        ),
        ("largest", size(state.largest)),
        (
            "on the wire",
            app.tr(
                "{up} up, {down} down",
                &[
                    ("up", &size(track.bytes[0])),
                    ("down", &size(track.bytes[1])),
                ],
            ),
        ),
        (
            "findings",
            app.tr(
                "{errors} errors, {warnings} warnings, {notes} notes",
                &[
                    ("errors", &errors),
                    ("warnings", &warnings),
                    ("notes", &notes),
                ],
            ),
        ),
    ];
    for ((name, text), y) in lines.into_iter().zip(y + 2..inside.bottom()) {
        put(
            buf,
            (inside.x + 2, y),
            inside.right(),
            &app.tr(name, &[]),
            app.theme.dim(),
        );
        put(
            buf,
            (inside.x + 18, y),
            inside.right(),
            &text,
            app.theme.plain(),
        );
    }
}

/// Values as a row of blocks, so many wide; several values in a column are their sum.
fn spark(values: &[u64], width: usize) -> String {
    const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let width = width.min(values.len().max(1));
    let mut columns = vec![0_u64; width];
    for (at, value) in values.iter().enumerate() {
        columns[at * width / values.len()] += value;
    }
    let most = columns.iter().copied().max().unwrap_or(0).max(1);
    columns
        .iter()
        .map(|&value| match value {
            0 => ' ',
            value => BLOCKS[(u128::from(value) * 7).div_ceil(most.into()) as usize],
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::spark;
    use crate::tui::fixture::{Bench, LARGE, SMALL};
    use insta::assert_snapshot;

    #[test]
    fn pings_on_a_small_screen() {
        let mut bench = Bench::new("java.pcapng", SMALL);
        assert_snapshot!(bench.press("i").screen());
    }

    #[test]
    fn a_long_connection_on_a_large_screen() {
        let mut bench = Bench::new("lossy.pcapng", LARGE);
        assert_snapshot!(bench.press("i").screen());
    }

    #[test]
    fn blocks_are_as_high_as_values() {
        assert_eq!(spark(&[0, 1, 4, 8], 4), " ▂▅█");
        assert_eq!(spark(&[1, 1, 1, 1], 2), "██");
        assert_eq!(spark(&[], 5), " ");
    }
}
