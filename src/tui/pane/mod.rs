//! The parts of the screen, one file each.

pub mod bytes;
pub mod connections;
pub mod detail;
pub mod help;
pub mod timeline;
