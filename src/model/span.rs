//! Where bytes lie, and how sure we are.

/// A run of bytes in one direction's stream.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Span {
    /// In which stream the offsets count.
    pub space: Space,
    /// Offset of the first byte, from 0.
    pub start: u64,
    /// Number of bytes.
    pub len: u64,
}

impl Span {
    /// Bytes of the captured TCP stream.
    #[must_use]
    pub fn tcp(start: u64, len: u64) -> Self {
        Self {
            space: Space::Tcp,
            start,
            len,
        }
    }

    /// Offset after the last byte.
    #[must_use]
    pub fn end(self) -> u64 {
        self.start.saturating_add(self.len)
    }
}

/// What the offsets of a [`Span`] count in.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Space {
    /// Captured bytes of the TCP stream.
    #[default]
    Tcp,
    /// Bytes that were decrypted: inside so many layers of TLS, one being the usual. Where a hole hid
    /// records whose content is not known to the byte, offsets behind it are at most that much too high.
    Tls(u8),
}

impl Space {
    /// What lies inside TLS on this.
    #[must_use]
    pub fn inside(self) -> Self {
        match self {
            Self::Tcp => Self::Tls(1),
            Self::Tls(depth) => Self::Tls(depth.saturating_add(1)),
        }
    }
}

/// How an event is known.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Trust {
    /// Everything that it rests on was captured.
    #[default]
    Seen,
    /// It rests on something that was not captured: a stream joined in the middle, a lost handshake.
    Inferred,
}
