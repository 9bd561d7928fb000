//! wscope: a microscope for WebSocket.

pub mod codec;
