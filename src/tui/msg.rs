//! What reaches the screen, and what it asks for: one queue in, one job out.

use crossterm::event::Event as Input;
use std::sync::Arc;
use wscope::engine::Replay;
use wscope::model::{Counts, Event, Flow, Loan};
use wscope::sink::preview;
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
    /// The system asks us to go.
    Stop,
}

/// Events, in timeline order.
#[derive(Debug, Default)]
pub struct Batch {
    /// Each with the length of its preview.
    pub events: Vec<(Event, Flow, usize)>,
    /// The beginnings of the payloads, one behind the other.
    pub previews: String,
    pub progress: Option<(Progress, Counts)>,
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
}

/// Work for another thread.
#[derive(Debug)]
pub enum Job {
    /// Derive the bytes of an event again, and answer with this number.
    Replay { generation: u64, event: Event },
}
