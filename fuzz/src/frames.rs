//! Any bytes after an upgrade, in both directions: cut into any segments, they give the same.
//!
//! ```text
//!  deflate (1)   sizes (1 + up to 4)   length of the client's (2)   the client's …   the server's …
//! ```

use crate::Choices;
use crate::talk::both_ways;

/// Sends the bytes as frames.
pub fn run(bytes: &[u8]) {
    let mut choices = Choices(bytes);
    let extension = match choices.byte() % 4 {
        0 => None,
        1 => Some("permessage-deflate"),
        2 => Some("permessage-deflate; client_no_context_takeover; server_no_context_takeover"),
        _ => Some("permessage-deflate; client_max_window_bits=9; server_max_window_bits=8"),
    };
    let sizes = choices.sizes();
    let (client, server) = choices.two();
    let [whole, cut] = both_ways(
        |scenario| {
            let open = scenario.upgrade(|upgrade| match extension {
                Some(extension) => upgrade.deflate(extension),
                None => upgrade,
            });
            open.client(client).server(server).fin()
        },
        sizes,
    );
    assert_eq!(cut, whole);
}
