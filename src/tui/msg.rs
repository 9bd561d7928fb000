//! What reaches the screen, and what it asks for: one queue in, one job out.

use crossterm::event::Event as Input;
use std::sync::Arc;
use wscope::engine::Replay;
use wscope::model::{Counts, Event, Flow};
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

/// Events, in timeline order, with the beginnings of their payloads.
#[derive(Debug, Default)]
pub struct Batch {
    pub events: Vec<(Event, Flow, Box<str>)>,
    pub progress: Option<(Progress, Counts)>,
}

/// Work for another thread.
#[derive(Debug)]
pub enum Job {
    /// Derive the bytes of an event again, and answer with this number.
    Replay { generation: u64, event: Event },
}
