//! The timeline of a connection, as a ladder between client and server.

mod ladder;

pub use ladder::{label, render};

use std::collections::HashMap;
use wscope::model::Timestamp;
use wscope::sink::{Level, Line, Moved, Track};

/// A silence of this many nanoseconds is shown.
const SILENCE: i64 = 500_000_000;

/// What of a timeline is seen, and where.
#[derive(Debug, Default)]
pub struct State {
    pub level: Level,
    pub clock: Clock,
    pub selected: Option<Line>,
    pub top: usize,
    /// Whose lines these are.
    of: Option<Shown>,
    rows: Vec<Row>,
    /// Lines before this one have been looked at.
    seen: Line,
    /// What was selected on the connections that were looked at before.
    places: HashMap<usize, Line>,
}

/// The connection that is shown, how it is folded, and what of it is kept from sight.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shown {
    pub at: usize,
    pub level: Level,
    /// Rows at the beginning that were forgotten.
    pub forgotten: usize,
    /// With every acknowledgement: its lines are numbered otherwise.
    pub close_up: bool,
    /// Which answer of which filter; none without one.
    pub filter: Option<(u64, u64)>,
}

/// What the column of times tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Clock {
    /// Since the capture began.
    #[default]
    Start,
    /// Since the line above.
    Above,
    /// The time of day, UTC.
    Day,
}

/// A row of the timeline: a line, or the silence before one. Four bytes, for there may be millions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Row(u32);

const QUIET: u32 = 1 << 31;

impl Row {
    pub fn line(line: Line) -> Self {
        Self(line.number())
    }

    fn silence_before(line: Line) -> Self {
        Self(line.number() | QUIET)
    }

    /// The line, or the one after the silence.
    pub fn target(self) -> Line {
        Line::from_number(self.0 & !QUIET)
    }

    pub fn is_silence(self) -> bool {
        self.0 & QUIET != 0
    }

    fn order(self) -> (Line, bool) {
        (self.target(), !self.is_silence())
    }
}

impl State {
    /// Connections have moved up in the list; the one that is shown is still there.
    pub fn moved(&mut self, moved: &Moved) {
        if let Some(of) = &mut self.of {
            of.at = moved.to(of.at).unwrap_or(of.at);
        }
        let places = std::mem::take(&mut self.places).into_iter();
        self.places = places
            .filter_map(|(at, line)| moved.to(at).map(|at| (at, line)))
            .collect();
    }

    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Shows this connection: what it already shows stays where it is, what is new comes below.
    pub fn show(&mut self, shown: Shown, track: &Track, passes: &dyn Fn(Line) -> bool) {
        if self.of != Some(shown) {
            self.begin(shown, track, passes);
        }
        if self.seen < track.end() {
            self.grow(track, passes);
        }
        if self.selected.is_none() {
            self.selected = self
                .rows
                .iter()
                .find(|row| !row.is_silence())
                .map(|row| row.target());
        }
    }

    /// Begins anew, for another connection or another level.
    fn begin(&mut self, shown: Shown, track: &Track, passes: &dyn Fn(Line) -> bool) {
        let before = self.of.map(|of| of.at);
        let at = shown.at;
        let offset = self.position().saturating_sub(self.top);
        if let (Some(of), Some(selected)) = (before, self.selected)
            && of != at
        {
            self.places.insert(of, selected);
            self.selected = self.places.get(&at).copied();
        }
        self.of = Some(shown);
        self.rows.clear();
        self.seen = Line::FIRST;
        self.top = 0;
        self.grow(track, passes);
        if let Some(selected) = self.selected {
            // A filter may show nothing yet: one stays where one is.
            self.selected = self.nearest(selected).or(Some(selected));
            self.top = self.position().saturating_sub(offset);
        }
    }

    /// Goes to a line, of whichever connection will be shown.
    pub fn go(&mut self, at: usize, line: Line) {
        self.places.insert(at, line);
        if self.of.is_none_or(|of| of.at == at) {
            self.selected = Some(line);
        }
    }

    fn grow(&mut self, track: &Track, passes: &dyn Fn(Line) -> bool) {
        let mut last = self.rows.last().map(|row| track.time(row.target()));
        for (line, time) in track.times(self.seen, self.level) {
            if !passes(line) {
                continue;
            }
            if last.is_some_and(|last| time.since(last) >= SILENCE) {
                self.rows.push(Row::silence_before(line));
            }
            self.rows.push(Row::line(line));
            last = Some(time);
        }
        self.seen = track.end();
    }

    /// The line that stands for this one where it is folded away: its own message, else the one before.
    fn nearest(&self, line: Line) -> Option<Line> {
        let at = self
            .rows
            .partition_point(|row| row.order() < Row::line(line).order());
        let after = self.rows[at..]
            .iter()
            .find(|row| !row.is_silence())
            .map(|row| row.target());
        let same = |other: &Line| other.number() / 2 == line.number() / 2;
        let before = || {
            self.rows[..at]
                .iter()
                .rev()
                .find(|row| !row.is_silence())
                .map(|row| row.target())
        };
        after.filter(same).or_else(before).or(after)
    }

    /// The row of the selected line.
    fn position(&self) -> usize {
        let Some(line) = self.selected else { return 0 };
        self.rows
            .partition_point(|row| row.order() < Row::line(line).order())
    }

    /// Selects the line so many rows further.
    pub fn step(&mut self, by: isize) {
        let last = self.rows.len().saturating_sub(1);
        let to = self.position().saturating_add_signed(by).min(last);
        self.select(to, by < 0);
    }

    /// Whether the last line is selected, or there is none.
    pub fn is_at_end(&self) -> bool {
        self.position() + 1 >= self.rows.len()
    }

    /// Selects the line at this row of the pane.
    pub fn click(&mut self, row: usize) {
        self.select(self.top + row, false);
    }

    /// Selects the line at this row; where there is silence, the one after or before.
    fn select(&mut self, at: usize, before: bool) {
        let at = match self.rows.get(at) {
            Some(row) if row.is_silence() && before => at.saturating_sub(1),
            Some(_) => at,
            None => return,
        };
        self.selected = self.rows.get(at).map(|row| row.target());
    }

    /// Keeps the selected line in sight, and the silence before it.
    pub fn settle(&mut self, height: usize) {
        let at = self.position();
        let height = height.max(1);
        let quiet = at
            .checked_sub(1)
            .and_then(|before| self.rows.get(before))
            .is_some_and(|row| row.is_silence());
        let first = if quiet && height > 1 { at - 1 } else { at };
        let top = self.top.min(first).max((at + 1).saturating_sub(height));
        self.top = top.min(self.rows.len().saturating_sub(height));
    }
}

impl Clock {
    pub fn next(self) -> Self {
        match self {
            Self::Start => Self::Above,
            Self::Above => Self::Day,
            Self::Day => Self::Start,
        }
    }

    /// The time of a line, as wide as every other.
    pub fn show(self, start: Timestamp, above: Option<Timestamp>, time: Timestamp) -> String {
        let seconds = |nanos: i64| format!("{:.6}", nanos as f64 / 1e9);
        match self {
            Self::Start => seconds(time.since(start)),
            Self::Above => format!("+{}", seconds(time.since(above.unwrap_or(time)))),
            Self::Day => time.to_string().get(11..26).unwrap_or_default().into(),
        }
    }

    pub fn word(self) -> &'static str {
        match self {
            Self::Start => "seconds",
            Self::Above => "since above",
            Self::Day => "UTC",
        }
    }
}

#[cfg(test)]
mod tests;
