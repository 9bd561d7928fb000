//! wscope: a microscope for WebSocket.

mod error;
pub mod model;
pub mod source;

pub use error::{Error, Fault};
