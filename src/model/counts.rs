//! How many packets of which kind a run has seen.

/// How many packets of which kind came.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// All of them.
    pub packets: u64,
    /// Those with a TCP segment.
    pub tcp_packets: u64,
    /// TCP connections.
    pub tcp_conns: u64,
    /// Those whose link type is not read, or whose headers are cut or malformed.
    pub undecodable: u64,
    /// Bytes of all packets, as long as they were on the wire.
    pub wire_bytes: u64,
    /// Those of packets without a TCP segment, and what IP fragments had around their pieces.
    pub other_bytes: u64,
    /// Packets that never came: whoever captured says that it dropped so many.
    pub dropped: u64,
}
