//! wscope: a microscope for WebSocket.

pub mod decode;
mod error;
pub mod model;
pub mod source;

pub use error::{Error, Fault};
