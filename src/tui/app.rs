//! What the screen knows.

use super::notes::Notes;
use super::pane::{bytes, connections, detail, explained, findings, stats, timeline, together};
use super::prompt::{Histories, Prompt};
use super::sweep::Sifting;
use super::theme::Theme;
use ratatui::layout::Size;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use wscope::engine::Replay;
use wscope::explain::Lang;
use wscope::explain::texts::{Value, tr};
use wscope::model::{ConnId, Counts, Event, EventId, Timestamp};
use wscope::sink::{Index, Level, Line, Track};
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

    pub fn word(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::Timeline => "timeline",
            Self::Detail => "detail",
            Self::Bytes => "bytes",
        }
    }
}

/// What lies over the panes.
#[derive(Debug, Default)]
pub enum Over {
    #[default]
    Nothing,
    /// Scrolled by so many lines.
    Help(usize),
    Explained(explained::State),
    Findings(findings::State),
    Stats,
    Compared {
        lines: Vec<(char, String)>,
        top: usize,
    },
}

/// Everything that is shown, or that decides what is shown.
#[derive(Debug)]
pub struct App {
    /// What is being read.
    pub name: String,
    /// How the command line names it.
    pub files: String,
    pub theme: Theme,
    /// The language it speaks.
    pub lang: Lang,
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
    /// Rows and columns that the panes on the left or on top were given by keys.
    pub resized: (i16, i16),
    pub over: Over,
    pub prompt: Option<Prompt>,
    pub histories: Histories,
    /// Where they are kept across runs, if they are.
    pub history: Option<PathBuf>,
    pub connections: connections::State,
    pub timeline: timeline::State,
    pub together: Option<together::State>,
    pub detail: detail::State,
    pub bytes: bytes::State,
    pub stats: stats::State,
    pub filter: Option<Sifting>,
    pub search: Option<Sifting>,
    /// The selected connection with every acknowledgement.
    pub close_up: Option<(ConnId, Box<Index>)>,
    /// The connection whose close-up is on its way.
    pub asked_close_up: Option<ConnId>,
    /// Places that were left by following something, newest last.
    pub left: Vec<(usize, EventId)>,
    /// A message that waits for another to be compared with.
    pub compare: Option<Arc<Replay>>,
    pub notes: Notes,
    /// Beginnings of payloads that the index had no room for.
    pub previews: HashMap<EventId, String>,
    pub previews_of: Option<(u64, EventId, EventId)>,
    /// What was done last, or why not.
    pub said: Option<Result<String, String>>,
    /// The event to begin with, until it has come.
    pub at: Option<EventId>,
    /// The number of the job whose answer is awaited.
    pub generation: u64,
    /// The number of the last filter, search or preview.
    pub tickets: u64,
    pub suspend: bool,
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
#[derive(Debug)]
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

    /// The first packet that can still be looked at.
    pub fn oldest(&self) -> u64 {
        self.history.oldest().get()
    }
}

impl App {
    pub fn new(name: String, theme: Theme, size: Size) -> Self {
        Self {
            files: name.clone(),
            name,
            theme,
            lang: Lang::En,
            size,
            index: Index::default(),
            load: Load::default(),
            #[cfg(unix)]
            live: None,
            start: None,
            focus: Pane::Timeline,
            zoomed: false,
            resized: (0, 0),
            over: Over::Nothing,
            prompt: None,
            histories: Histories::default(),
            history: None,
            connections: connections::State::default(),
            timeline: timeline::State::default(),
            together: None,
            detail: detail::State::default(),
            bytes: bytes::State::default(),
            stats: stats::State::default(),
            filter: None,
            search: None,
            close_up: None,
            asked_close_up: None,
            left: Vec::new(),
            compare: None,
            notes: Notes::default(),
            previews: HashMap::new(),
            previews_of: None,
            said: None,
            at: None,
            generation: 0,
            tickets: 0,
            suspend: false,
            quit: false,
        }
    }

    /// A text of the screen in its language, found by its English.
    pub fn tr(&self, english: &str, values: &[Value<'_>]) -> String {
        tr(self.lang, english, values)
    }

    /// The selected connection: with every acknowledgement where they are shown and have come.
    pub fn track(&self) -> Option<&Track> {
        let track = self.index.tracks().get(self.connections.selected)?;
        Some(self.close_up_of(track).unwrap_or(track))
    }

    /// The close-up of a connection, where that is what is shown.
    pub fn close_up_of(&self, track: &Track) -> Option<&Track> {
        let (conn, index) = self.close_up.as_ref()?;
        let wanted = self.timeline.level == Level::Acks && *conn == track.conn;
        wanted.then(|| index.tracks().first()).flatten()
    }

    /// The selected event.
    pub fn event(&self) -> Option<Event> {
        self.track()?.event(self.timeline.selected?)
    }

    pub fn packets(&self) -> u64 {
        self.load.progress.map_or(0, |(_, counts)| counts.packets)
    }

    /// Whether a line of a connection passes the filter.
    pub fn shows(&self, at: usize, track: &Track, line: Line) -> bool {
        let Some(filter) = &self.filter else {
            return true;
        };
        match self.index.tracks().get(at) {
            // The filter was held against the index, which knows no acknowledgements.
            Some(main) if !std::ptr::eq(main, track) => track.id(line).is_none_or(|id| {
                main.find(id)
                    .is_none_or(|line| main.id(line) != Some(id) || filter.hits.has(at, line))
            }),
            _ => filter.hits.has(at, line),
        }
    }

    /// Whether the search found a line.
    pub fn found(&self, at: usize, line: Line) -> bool {
        self.search
            .as_ref()
            .is_some_and(|search| search.hits.has(at, line))
    }

    /// The beginning of a line's payload, if it is at hand.
    pub fn preview<'a>(&'a self, track: &'a Track, line: Line) -> Option<&'a str> {
        track.preview(line).or_else(|| {
            let id = track.id(line)?;
            self.previews.get(&id).map(String::as_str)
        })
    }
}
