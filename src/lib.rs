//! wscope: a microscope for WebSocket.
