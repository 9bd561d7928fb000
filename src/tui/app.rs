//! What the screen knows.

use super::pane::{bytes, connections, timeline};
use super::theme::Theme;
use ratatui::layout::Size;
use wscope::model::{Counts, Event, Timestamp};
use wscope::sink::{Index, Track};
#[cfg(unix)]
use wscope::source::History;
use wscope::source::Progress;

/// A part of the screen that keys can be in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pane {
    Connections,
    Timeline,
    Detail,
    Bytes,
}

impl Pane {
    pub const ALL: [Self; 4] = [Self::Connections, Self::Timeline, Self::Detail, Self::Bytes];

    /// The pane so many further, round and round.
    pub fn step(self, by: isize) -> Self {
        let at = Self::ALL.iter().position(|&pane| pane == self).unwrap_or(0);
        Self::ALL[(at as isize + by).rem_euclid(4) as usize]
    }
}

/// Everything that is shown, or that decides what is shown.
#[derive(Debug)]
pub struct App {
    /// What is being read.
    pub name: String,
    pub theme: Theme,
    pub size: Size,
    pub index: Index,
    pub load: Load,
    /// What is shown is captured now.
    #[cfg(unix)]
    pub live: Option<Live>,
    /// When the capture began.
    pub start: Option<Timestamp>,
    pub focus: Pane,
    /// The pane with the keys has the screen for itself.
    pub zoomed: bool,
    /// Help is open, scrolled by so many lines.
    pub help: Option<usize>,
    pub connections: connections::State,
    pub timeline: timeline::State,
    /// Lines by which the detail is scrolled.
    pub detail: usize,
    pub bytes: bytes::State,
    /// The number of the job whose answer is awaited.
    pub generation: u64,
    pub quit: bool,
}

/// How far the reading has come.
#[derive(Debug, Default)]
pub struct Load {
    pub progress: Option<(Progress, Counts)>,
    pub done: bool,
    pub errors: Vec<wscope::Error>,
}

/// A capture that is being made.
#[cfg(unix)]
pub struct Live {
    history: History,
    pub paused: bool,
}

#[cfg(unix)]
impl Live {
    pub fn new(history: History) -> Self {
        let paused = false;
        Self { history, paused }
    }

    /// Stands still, or goes on; what comes meanwhile is kept in the spool.
    pub fn pause(&mut self) {
        self.paused = !self.paused;
        self.history.pause(self.paused);
    }

    /// Bytes that the spool holds.
    pub fn held(&self) -> u64 {
        self.history.bytes()
    }
}

#[cfg(unix)]
impl std::fmt::Debug for Live {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Live")
            .field("paused", &self.paused)
            .finish_non_exhaustive()
    }
}

impl App {
    pub fn new(name: String, theme: Theme, size: Size) -> Self {
        Self {
            name,
            theme,
            size,
            index: Index::default(),
            load: Load::default(),
            #[cfg(unix)]
            live: None,
            start: None,
            focus: Pane::Timeline,
            zoomed: false,
            help: None,
            connections: connections::State::default(),
            timeline: timeline::State::default(),
            detail: 0,
            bytes: bytes::State::default(),
            generation: 0,
            quit: false,
        }
    }

    /// The selected connection.
    pub fn track(&self) -> Option<&Track> {
        self.index.tracks().get(self.connections.selected)
    }

    /// The selected event.
    pub fn event(&self) -> Option<Event> {
        self.track()?.event(self.timeline.selected?)
    }

    pub fn packets(&self) -> u64 {
        self.load.progress.map_or(0, |(_, counts)| counts.packets)
    }
}
