//! Who talks to whom, and in which direction.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// One direction of a connection.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Dir {
    /// From the client to the server.
    C2s,
    /// From the server to the client.
    S2c,
}

impl Dir {
    /// Both directions, the client's first.
    pub const BOTH: [Self; 2] = [Self::C2s, Self::S2c];

    /// The other direction.
    #[must_use]
    pub fn flip(self) -> Self {
        match self {
            Self::C2s => Self::S2c,
            Self::S2c => Self::C2s,
        }
    }

    /// `c2s` or `s2c`, as in JSON.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::C2s => "c2s",
            Self::S2c => "s2c",
        }
    }

    /// Who sends in this direction: `client` or `server`.
    #[must_use]
    pub fn sender(self) -> &'static str {
        match self {
            Self::C2s => "client",
            Self::S2c => "server",
        }
    }

    /// Picks this direction's entry of a pair kept in the order of [`Dir::BOTH`].
    pub fn of<T>(self, [c2s, s2c]: &[T; 2]) -> &T {
        match self {
            Self::C2s => c2s,
            Self::S2c => s2c,
        }
    }

    /// Picks this direction's entry of a pair, to change it.
    pub fn of_mut<T>(self, [c2s, s2c]: &mut [T; 2]) -> &mut T {
        match self {
            Self::C2s => c2s,
            Self::S2c => s2c,
        }
    }
}

impl fmt::Display for Dir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::C2s => "client → server",
            Self::S2c => "server → client",
        })
    }
}

/// One end of a connection: prints as `ip:port`, IPv6 in brackets.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Endpoint {
    /// The address.
    pub ip: IpAddr,
    /// The TCP port.
    pub port: u16,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        SocketAddr::new(self.ip, self.port).fmt(f)
    }
}

/// The two ends of a connection.
///
/// The client is who sent the SYN, else who sent the HTTP request, else who masks.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Flow {
    /// Who asked.
    pub client: Endpoint,
    /// Who was asked.
    pub server: Endpoint,
}

impl Flow {
    /// The end that sends in this direction.
    #[must_use]
    pub fn sender(&self, dir: Dir) -> Endpoint {
        match dir {
            Dir::C2s => self.client,
            Dir::S2c => self.server,
        }
    }
}

impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} → {}", self.client, self.server)
    }
}
