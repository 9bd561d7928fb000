//! Segments become ordered bytes, gaps and ends.
//!
//! ```text
//! segment ─► table ─► connection ─► ledger, one per direction ─► Input::{Bytes, Gap, End}
//!            which?    what kind?    in order, each byte once
//! ```
#![deny(clippy::disallowed_methods)]
#![deny(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]
#![cfg_attr(
    test,
    allow(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic
    )
)]

mod acks;
mod connection;
mod evidence;
mod labels;
mod ledger;
mod offload;
mod recent;
mod stalls;
mod table;
mod unacked;

pub use connection::{Above, Connection};
pub use labels::{Labels, Look};
pub use ledger::{Arrival, Ledger, Lost, Ready, Seen};
pub use table::{Key, Slotted, Table};
pub use unacked::Sent;
