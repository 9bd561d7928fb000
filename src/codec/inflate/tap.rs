//! Looking on while data is decoded: for tracing, teaching, and for the inflater's own account of what is unknown.

/// The type of a DEFLATE block.   RFC 1951 section 3.2.3
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockKind {
    /// Bytes as they are.
    Stored,
    /// Coded with the codes of RFC 1951 section 3.2.6.
    Fixed,
    /// Coded with codes that the block starts with.
    Dynamic,
}

/// Looks on while a message is decoded; `at` is always an offset in bits in the compressed payload.
///
/// Each call says where a symbol starts, so the next call says where it ended.
pub trait Tap {
    /// A block starts; `last` is BFINAL.
    fn block(&mut self, at: u64, kind: BlockKind, last: bool) {
        _ = (at, kind, last);
    }
    /// A byte of its own.
    fn literal(&mut self, at: u64, byte: u8) {
        _ = (at, byte);
    }
    /// A match: `length` bytes from `distance` bytes back, which may be fewer.
    fn copy(&mut self, at: u64, distance: u32, length: u32) {
        _ = (at, distance, length);
    }
    /// Bytes of a stored block.
    fn stored(&mut self, at: u64, bytes: &[u8]) {
        _ = (at, bytes);
    }
    /// The symbol that ends a fixed or dynamic block.
    fn end_of_block(&mut self, at: u64) {
        _ = at;
    }
}

/// Does not look.
impl Tap for () {}

/// Two look on.
impl<A: Tap, B: Tap> Tap for (&mut A, &mut B) {
    fn block(&mut self, at: u64, kind: BlockKind, last: bool) {
        self.0.block(at, kind, last);
        self.1.block(at, kind, last);
    }
    fn literal(&mut self, at: u64, byte: u8) {
        self.0.literal(at, byte);
        self.1.literal(at, byte);
    }
    fn copy(&mut self, at: u64, distance: u32, length: u32) {
        self.0.copy(at, distance, length);
        self.1.copy(at, distance, length);
    }
    fn stored(&mut self, at: u64, bytes: &[u8]) {
        self.0.stored(at, bytes);
        self.1.stored(at, bytes);
    }
    fn end_of_block(&mut self, at: u64) {
        self.0.end_of_block(at);
        self.1.end_of_block(at);
    }
}
