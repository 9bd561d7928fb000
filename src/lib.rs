//! wscope: a microscope for WebSocket.

pub mod codec;
pub mod decode;
mod error;
pub mod model;
pub mod proto;
pub mod source;
pub mod tcp;

pub use error::{Error, Fault};
