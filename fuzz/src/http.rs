//! Any bytes from the first one on, in both directions: cut into any segments, they give the same.
//!
//! ```text
//!  sizes (1 + up to 4)   length of the client's (2)   the client's …   the server's …
//! ```

use crate::Choices;
use crate::talk::{both_ways, is_inferred};

/// Sends the bytes as requests and responses.
pub fn run(bytes: &[u8]) {
    let mut choices = Choices(bytes);
    let sizes = choices.sizes();
    let (client, server) = choices.two();
    let said = both_ways(
        |scenario| scenario.client(client).server(server).fin(),
        sizes,
    );
    if !said.iter().any(is_inferred) {
        let [whole, cut] = said;
        assert_eq!(cut, whole);
    }
}
