//! What reaches the screen, and what it asks for: one queue in, jobs out.

use super::sift::Needle;
use crossterm::event::Event as Input;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use wscope::engine::Replay;
use wscope::explain::{Explanation, Lang};
use wscope::field::{Filter, View};
use wscope::model::{ConnId, Counts, Event, EventId, Flow, Loan, PacketNo, Timestamp};
use wscope::sink::{Index, preview};
use wscope::source::Progress;

/// Something that happened.
#[derive(Debug)]
pub enum Msg {
    /// A key, the mouse, a new size.
    Input(Input),
    /// The next events of the capture.
    Batch(Batch),
    /// The capture was read to its end; here is what was wrong with it.
    Loaded(Vec<wscope::Error>),
    /// The bytes that job number `generation` asked for.
    Replayed {
        generation: u64,
        answer: Result<Arc<Replay>, String>,
    },
    /// Events that a filter or a search found.
    Sifted {
        generation: u64,
        hits: Vec<(ConnId, EventId)>,
        /// How far it came, of 100.
        percent: u64,
        done: bool,
        /// Only what is still in the spool was looked through, from this packet on; then an event is
        /// named by its packet, and by how many of its connection's facts came with that before it.
        from: Option<PacketNo>,
    },
    /// One connection with every acknowledgement.
    CloseUp { conn: ConnId, index: Box<Index> },
    /// Beginnings of payloads that the index had no room for.
    Previews {
        generation: u64,
        texts: Vec<(EventId, String)>,
    },
    /// What an event means.
    Explained {
        generation: u64,
        answer: Result<Box<Explanation>, String>,
    },
    /// Two messages side by side.
    Compared(Vec<(char, String)>),
    /// Something was done, or not.
    Said(Result<String, String>),
    /// The system asks us to go.
    Stop,
    /// The system asks us to stand aside for a while.
    Suspend,
}

/// The filter that the loader applies to what it sends, and its generation.
pub type Lens = Arc<Mutex<Option<(u64, Filter)>>>;

/// Events, in timeline order.
#[derive(Debug, Default)]
pub struct Batch {
    /// Each with the length of its preview.
    pub events: Vec<(Event, Flow, usize)>,
    /// The beginnings of the payloads, one behind the other.
    pub previews: String,
    pub progress: Option<(Progress, Counts)>,
    /// What passed the filter of this generation.
    pub passed: Option<(u64, Vec<(ConnId, EventId)>)>,
}

impl Batch {
    /// Whether there is nothing to tell.
    #[cfg(unix)]
    pub fn is_empty(&self) -> bool {
        self.events.is_empty() && self.progress.is_none()
    }

    /// Adds an event.
    pub fn push(&mut self, event: &Event, flow: &Flow, loan: Loan<'_>) {
        let before = self.previews.len();
        preview(&mut self.previews, event, loan);
        self.events
            .push((event.clone(), *flow, self.previews.len() - before));
    }

    /// Notes the event if it passes the filter that is on.
    pub fn look(&mut self, lens: &Lens, view: &View<'_>) {
        let Ok(lens) = lens.lock() else { return };
        let Some((generation, filter)) = &*lens else {
            return;
        };
        if self.passed.as_ref().is_some_and(|(of, _)| of != generation) {
            self.passed = None;
        }
        let (_, passed) = self.passed.get_or_insert((*generation, Vec::new()));
        if filter.passes(view) {
            passed.push((view.event.conn, view.event.id));
        }
    }
}

/// Work for another thread.
#[derive(Debug)]
pub enum Job {
    /// Derive the bytes of an event again, and answer with this number.
    Replay {
        generation: u64,
        event: Box<Event>,
        flow: Flow,
    },
    /// Explain an event.
    Explain {
        generation: u64,
        event: Box<Event>,
        flow: Flow,
        lang: Lang,
    },
    /// Look through the whole capture.
    Sift {
        generation: u64,
        needle: Needle,
        start: Timestamp,
    },
    /// Read one connection with every acknowledgement.
    CloseUp { conn: ConnId, flow: Flow },
    /// Read the beginnings of payloads in some packets of a connection.
    Previews {
        generation: u64,
        conn: ConnId,
        flow: Flow,
        from: PacketNo,
        to: PacketNo,
    },
    /// Compare two messages.
    Compare { old: Arc<Replay>, new: Arc<Replay> },
    /// Write bytes into a new file.
    Save { path: PathBuf, bytes: Vec<u8> },
    /// Replace a file by this text.
    Keep { path: PathBuf, text: String },
    /// Write packets of connections into a new capture.
    Export { path: PathBuf, what: Vec<Extract> },
    /// Hand a text to the terminal's clipboard.
    Copy(String),
}

/// A connection to be written: its ends, its first packet, and the first that is another's; notes on packets.
#[derive(Clone, Debug)]
pub struct Extract {
    pub flow: Flow,
    pub from: PacketNo,
    pub until: PacketNo,
    pub notes: Vec<(PacketNo, String)>,
}
