//! wscope: a microscope for WebSocket.
//!
//! The library is a function of packets: packets go in, events come out. It knows no clock, no
//! terminal and no threads; the same packets always give the same events. Bad traffic is data, never
//! an error; bytes that a capture lost are *unknown*, a value of their own, and nobody's fault.
//!
//! ```text
//! source ──► decode ──► tcp ──► proto ──► sink
//! captures   packet →   byte    HTTP,     text, JSON,
//!            segment    ledger  WebSocket totals, …
//! ```
//!
//! | module | what it does |
//! |---|---|
//! | [`model`] | the words of the trade as types: packet, segment, frame, message, event |
//! | [`source`] | reads and writes captures: the only code that opens files |
//! | [`decode`] | packet → TCP segment: link layers, IP, tunnels, fragments |
//! | [`tcp`] | segments → ordered bytes, gaps and ends, from a ledger of every byte |
//! | [`proto`] | ordered bytes → events: a host on each stream, one layer at a time |
//! | [`codec`] | inflating, masking, UTF-8: resumable at any byte |
//! | [`payload`] | what is inside messages: requests, answers, heartbeats |
//! | [`field`] | the fields of an event by name: one table, many readers |
//! | [`rules`] | one literal per rule, and the judge that asks them |
//! | [`insight`] | folds that answer one question each: cost, heartbeats, pairs, why it ended |
//! | [`explain`] | what events mean, in English and in Chinese: texts as data, worked examples |
//! | [`sink`] | what events become: lines of text or JSON, totals |
//! | [`forge`] | captures from code, with faults, that know the truth |
//! | [`lab`] | questions about a capture with answers worked out from it, and their marking |
//! | [`lesson`] | captures with what to see in them, step by step |
//! | [`engine`] | the wiring, the only module that knows all the others |
//!
//! Three rules hold everywhere: an event is a fact that may be kept, its bytes are a loan that goes
//! back; the timeline only grows, and a later event points back at the one that it speaks of; bytes
//! are not stored but derived again ([`engine::replay`]).
//!
//! ```
//! use wscope::engine;
//! use wscope::model::Limits;
//! use wscope::sink::Text;
//! use wscope::source::Capture;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut capture = Capture::open(["captures/tour.pcapng"])?;
//! let mut timeline = Vec::new();
//! let mut sink = Text::new(&mut timeline, false);
//! let run = engine::run(&mut capture, Limits::default(), &mut sink, |_, _| true)?;
//! assert_eq!(run.counts.packets, 27);
//! assert!(String::from_utf8(timeline)?.contains("\"get it\""));
//! # Ok(())
//! # }
//! ```

pub mod codec;
pub mod decode;
pub mod engine;
mod error;
pub mod explain;
pub mod field;
pub mod forge;
pub mod insight;
pub mod lab;
pub mod lesson;
pub mod model;
pub mod payload;
pub mod proto;
pub mod rules;
pub mod sink;
pub mod source;
pub mod tcp;

pub use error::{Error, Fault};
