//! Reading and writing captures: the only part of the library that opens files.
//!
//! ```no_run
//! use wscope::source::Capture;
//!
//! let mut capture = Capture::open(["monday.pcapng", "tuesday.pcap.gz"])?;
//! while let Some(packet) = capture.next()? {
//!     println!("{} {} {} bytes", packet.no, packet.time, packet.data.len());
//! }
//! # Ok::<(), wscope::Error>(())
//! ```

mod ahead;
#[cfg(feature = "live")]
mod bpf;
mod clock;
#[cfg(all(feature = "live", unix))]
mod device;
mod file;
mod keylog;
mod look;
mod notes;
mod pcap;
mod pcapng;
mod reread;
mod rotate;
#[cfg(unix)]
mod spool;
mod unpack;
mod window;
mod write;

#[cfg(test)]
mod tests;

#[cfg(feature = "live")]
pub use bpf::Filter;
#[cfg(all(feature = "live", unix))]
pub use device::{Device, Sniffer, Taker};
pub use file::{Capture, Progress};
pub use keylog::{BadKey, KeyLog, KeysRead};
pub use notes::{Drops, Interface, Secrets};
pub use reread::{Mark, Marks};
pub use rotate::{Rotation, Turn};
#[cfg(unix)]
pub use spool::{Far, History, Room, Spool, SpoolReader};
pub use write::{ByteOrder, PcapWriter, PcapngWriter, Resolution};

/// Bytes that one block or record may have.
pub const BLOCK_LIMIT: u64 = 64 << 20;
