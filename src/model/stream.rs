//! What a stream hands to the layer above it.

use super::{Dir, PacketNo};

/// The next thing that happens in one direction of a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Input<'a> {
    /// Bytes, in order.
    Bytes {
        /// Stream offset of the first one.
        at: u64,
        /// The packet that carried the first one.
        packet: PacketNo,
        /// The bytes.
        bytes: &'a [u8],
    },
    /// Bytes that will never come: they are unknown.
    Gap {
        /// Stream offset of the first one.
        at: u64,
        /// How many.
        len: u64,
        /// Whether it is exactly that many; else at most.
        exact: bool,
    },
    /// Nothing more comes in this direction.
    End(End),
}

/// How a direction of a stream ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum End {
    /// Its sender said FIN.
    Fin,
    /// One of the two sides said RST.
    Rst {
        /// Whose segments carried it.
        by: Dir,
    },
    /// The capture ended, or the connection was given up, with this direction still open.
    Open,
}
