//! wscope: a microscope for WebSocket.

pub mod codec;
pub mod model;
pub mod proto;
pub mod tcp;
