//! What a run is told beside the packets.

use super::{Keys, Limits};

/// What a run is told beside the packets.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Config {
    /// How much may be held.
    pub limits: Limits,
    /// What connections with these ports are taken for, where their first bytes do not tell.
    pub decode_as: Vec<(u16, Protocol)>,
    /// What opens TLS.
    pub keys: Keys,
    /// How many threads a run may use; 0 is one. What comes out does not depend on it.
    pub threads: usize,
}

impl From<Limits> for Config {
    fn from(limits: Limits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }
}

impl Config {
    /// What a connection between these ports is to be taken for.
    #[must_use]
    pub fn protocol(&self, ports: [u16; 2]) -> Option<Protocol> {
        self.decode_as
            .iter()
            .find(|(port, _)| ports.contains(port))
            .map(|&(_, protocol)| protocol)
    }
}

/// What a connection can be taken for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Protocol {
    /// WebSocket frames from the first byte on, or from the first that can be proven.
    WebSocket,
    /// HTTP/1.1.
    Http,
    /// Nothing that is looked into.
    Nothing,
}
