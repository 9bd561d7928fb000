//! wscope: a microscope for WebSocket.

pub mod codec;
pub mod decode;
pub mod engine;
mod error;
pub mod field;
pub mod insight;
pub mod model;
pub mod proto;
pub mod rules;
pub mod sink;
pub mod source;
pub mod tcp;

pub use error::{Error, Fault};
