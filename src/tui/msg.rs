//! What reaches the screen, and what it asks for: one queue in, jobs out.

use super::sift::Needle;
use crossterm::event::Event as Input;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use wscope::engine::{Replay, Stretch};
use wscope::explain::{Explanation, Lang, Traced};
use wscope::field::View;
use wscope::model::{ConnId, Counts, Event, EventId, Flow, Loan, PacketNo, Timestamp};
use wscope::sink::{Index, Messages, preview};
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
    /// Where the bytes of a compressed message came from; none where that is not known.
    Traced {
        generation: u64,
        answer: Option<Box<Traced>>,
    },
    /// Two messages side by side.
    Compared(Vec<(char, String)>),
    /// Something was done, or not.
    Said(Result<String, String>),
    /// Nothing happened: there is time to look through the index, this much.
    Idle(Duration),
    /// The system asks us to go.
    Stop,
    /// The system asks us to stand aside for a while.
    Suspend,
}

/// What the loader looks for in what it sends: the filter and the search, each with its generation.
#[derive(Clone, Default)]
pub struct Lens(Arc<Shared>);

#[derive(Default)]
struct Shared {
    /// Changes with the needles.
    version: AtomicU64,
    needles: Mutex<Needles>,
}

type Needles = [Option<(u64, Needle)>; 2];

impl Lens {
    /// Looks for these from now on.
    pub fn set(&self, wanted: [Option<(u64, &Needle)>; 2]) {
        let Ok(mut needles) = self.0.needles.lock() else {
            return;
        };
        let now = needles.each_ref().map(|it| it.as_ref().map(|(of, _)| *of));
        if now != wanted.map(|it| it.map(|(of, _)| of)) {
            *needles = wanted.map(|it| it.map(|(of, needle)| (of, needle.clone())));
            self.0.version.fetch_add(1, Ordering::Release);
        }
    }
}

/// What a lens was when it was looked through last: asked for each event, so without a lock.
#[derive(Default)]
pub struct Glass {
    version: u64,
    needles: Needles,
}

/// What of a batch passed a filter or was found.
#[derive(Debug)]
pub struct Passed {
    pub generation: u64,
    /// The first event that was looked at.
    pub from: usize,
    /// The places of those that passed.
    pub hits: Vec<u32>,
}

/// Events, in timeline order.
#[derive(Debug, Default)]
pub struct Batch {
    /// Each with the length of its preview.
    pub events: Vec<(Event, Flow, usize)>,
    /// The beginnings of the payloads, one behind the other.
    pub previews: String,
    pub progress: Option<(Progress, Counts)>,
    /// What passed the filter, and what the search found.
    pub passed: [Option<Passed>; 2],
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

    /// Notes the event that came last if it passes the filter, or the search finds it.
    pub fn look(&mut self, lens: &Lens, glass: &mut Glass, view: &View<'_>) {
        let version = lens.0.version.load(Ordering::Acquire);
        if glass.version != version
            && let Ok(needles) = lens.0.needles.lock()
        {
            glass.version = version;
            glass.needles.clone_from(&needles);
        }
        let Some(at) = self.events.len().checked_sub(1) else {
            return;
        };
        for (passed, needle) in self.passed.iter_mut().zip(&glass.needles) {
            let Some((generation, needle)) = needle else {
                continue;
            };
            if passed
                .as_ref()
                .is_some_and(|it| it.generation != *generation)
            {
                *passed = None;
            }
            let passed = passed.get_or_insert_with(|| Passed {
                generation: *generation,
                from: at,
                hits: Vec::new(),
            });
            if needle.hits(view) {
                passed.hits.push(at as u32);
            }
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
    /// Find out where the bytes of a compressed message came from.
    Trace {
        generation: u64,
        event: Box<Event>,
        flow: Flow,
    },
    /// Look at the payloads of messages in these packets.
    Sift {
        generation: u64,
        needle: Needle,
        start: Timestamp,
        stretches: Vec<Stretch>,
        /// Where the messages of these connections lie, as far as that is known.
        messages: Vec<Messages>,
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
    /// Keep what was typed for later runs.
    Remember { path: PathBuf, line: String },
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
