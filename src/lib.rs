//! wscope: a microscope for WebSocket.

pub mod model;
pub mod tcp;
