//! Pure byte transforms with a memory: each can stop at any byte, go on later, and be cloned.
#![deny(clippy::disallowed_methods)]

pub mod accept;
pub mod inflate;
pub mod mask;
pub mod utf8;
