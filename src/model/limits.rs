//! How much each owner of bytes may hold.

/// Limits, per connection and direction where nothing else is said; each has an anomaly that says when it was reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Connections that are remembered at once (131,072); the one that was silent for longest goes
    /// first.
    pub connections: usize,
    /// Bytes of segments that arrived early and wait for a hole to fill (1 MiB).
    pub early_bytes: usize,
    /// Pieces of the same (1,024).
    pub early_pieces: usize,
    /// Segments whose bytes are remembered by a digest, to be compared with what comes in their place
    /// (64).
    pub recent_segments: usize,
    /// Bytes that a layer would not take yet, such as half a header (256 KiB).
    pub tail_bytes: usize,
    /// Bytes of an HTTP head (64 KiB).
    pub head_bytes: usize,
    /// Bytes of the joined copy of a message (16 MiB); the parts go on without a limit.
    pub message_bytes: usize,
    /// Nanoseconds after its end at which a connection is forgotten (60 s), or sooner where more than an
    /// eighth of `connections` have ended since.
    pub linger_nanos: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1 << 17,
            early_bytes: 1 << 20,
            early_pieces: 1024,
            recent_segments: 64,
            tail_bytes: 256 << 10,
            head_bytes: 64 << 10,
            message_bytes: 16 << 20,
            linger_nanos: 60_000_000_000,
        }
    }
}
