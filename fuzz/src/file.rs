//! Any bytes as a capture file: packets, then an end or an error, and never a panic.
//!
//! Checks as well that packet numbers run on, and that a packet lies within its file.

use std::io::Cursor;
use wscope::source::Capture;

/// Reads the bytes as a file.
pub fn run(bytes: &[u8]) {
    let packed = bytes.starts_with(&[0x1f, 0x8b]) || bytes.get(1..4) == Some(&[0xb5, 0x2f, 0xfd]);
    let mut capture = Capture::from_reader("fuzz", Cursor::new(bytes.to_vec()));
    let mut count = 0;
    let mut sum = 0;
    while let Ok(Some(packet)) = capture.next() {
        count += 1;
        assert_eq!(packet.no.get(), count);
        sum += packet.data.len();
        let _ = capture.packet_comments().count();
    }
    assert!(packed || sum <= bytes.len());
    let _ = capture.next();
    assert!(capture.interfaces().len() <= bytes.len());
}
