//! The parts of the screen, one file each.

pub mod bytes;
pub mod compared;
pub mod connections;
pub mod detail;
pub mod explained;
pub mod findings;
pub mod help;
pub mod stats;
pub mod timeline;
pub mod together;
