//! The answer to a WebSocket key, in its steps.   RFC 6455 section 4.2.2

use base64::prelude::{BASE64_STANDARD, Engine as _};
use sha1::{Digest as _, Sha1};

/// What the key is joined with before it is hashed.   RFC 6455 section 1.3
pub const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Bytes of a SHA-1 hash.
pub const HASH: usize = 20;

/// The SHA-1 hash of the key joined with the GUID.
#[must_use]
pub fn hash(key: &[u8]) -> [u8; HASH] {
    Sha1::new()
        .chain_update(key.trim_ascii())
        .chain_update(GUID)
        .finalize()
        .into()
}

/// The Sec-WebSocket-Accept value that answers this key: the hash in base64.
#[must_use]
pub fn value(key: &[u8]) -> String {
    BASE64_STANDARD.encode(hash(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_the_rfc() {
        // RFC 6455 section 1.3
        let key = b" dGhlIHNhbXBsZSBub25jZQ== ";
        assert_eq!(hash(key)[..4], [0xb3, 0x7a, 0x4f, 0x2c]);
        assert_eq!(value(key), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }
}
