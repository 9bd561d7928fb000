//! Whether WebSocket is likely inside a connection that stays shut: only where sizes leave little else.
//!
//! The agreed protocol must be HTTP/1.1, and in it both sides must again and again send records that are
//! too small for any request or response: after an upgrade that is what frames look like.

use super::suites::{Bulk, Suite};
use crate::model::Dir;

/// The shortest request: `GET / HTTP/1.0`, and two line ends.
const REQUEST: usize = 18;

/// The shortest response: `HTTP/1.1 200`, a space and two line ends.
const RESPONSE: usize = 17;

/// Small records that each side has to send.
const ENOUGH: u32 = 3;

/// Small records so far, by direction.
#[derive(Clone, Copy, Debug, Default)]
pub struct Likely {
    small: [u32; 2],
}

impl Likely {
    /// Takes the length of a sealed record's body.
    pub fn record(&mut self, dir: Dir, len: usize, suite: Option<&Suite>) {
        let Some(suite) = suite else { return };
        let around = match suite.bulk {
            Bulk::Aes128Cbc | Bulk::Aes256Cbc => return,
            bulk if suite.is_tls13() => bulk.tag_len() + 1,
            Bulk::ChaCha20 => 16,
            bulk => bulk.tag_len() + 8,
        };
        // Alerts have two bytes.
        let small = match dir {
            Dir::C2s => REQUEST,
            Dir::S2c => RESPONSE,
        };
        if (around + 3..around + small).contains(&len) {
            *dir.of_mut(&mut self.small) += 1;
        }
    }

    /// Why WebSocket is likely, where it is.
    pub fn websocket(self, only_http: bool) -> Option<String> {
        let [c2s, s2c] = self.small;
        (only_http && c2s >= ENOUGH && s2c >= ENOUGH).then(|| {
            format!(
                "nothing but http/1.1 was offered, and yet the client sent {c2s} records and the server {s2c} \
                 that are too small for any request or response"
            )
        })
    }
}
