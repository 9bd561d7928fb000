//! What the screen knows.

use super::pane::{bytes, connections, timeline};
use super::theme::Theme;
use ratatui::layout::Size;
use wscope::model::{Counts, Event, Timestamp};
use wscope::sink::{Index, Track};
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

impl App {
    pub fn new(name: String, theme: Theme, size: Size) -> Self {
        Self {
            name,
            theme,
            size,
            index: Index::default(),
            load: Load::default(),
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
