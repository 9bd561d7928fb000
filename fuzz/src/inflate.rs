//! Any bytes as a compressed message, in any cuts: flate2 takes it too, and gives the same.
//!
//! ```text
//!  sizes (1 + up to 4)   payload …
//! ```

use crate::Choices;
use flate2::{Decompress, FlushDecompress, Status};
use wscope::codec::inflate::{Ending, Inflate};

/// Inflates the bytes.
pub fn run(bytes: &[u8]) {
    let mut choices = Choices(bytes);
    let sizes = choices.sizes();
    let (whole, ending) = inflate(choices.0, &[usize::MAX]);
    assert_eq!(inflate(choices.0, &sizes), (whole.clone(), ending));

    let (theirs, status) = oracle(choices.0);
    match (status, ending) {
        // What comes after the end of a stream, flate2 leaves alone.
        (Ok(Status::StreamEnd), _) => assert!(whole.starts_with(&theirs)),
        // How much comes out before the error is left open.
        (Err(()), ending) => assert!(matches!(ending, Ending::Fault(_)), "{ending:?}"),
        // A code without any symbol is a fault at once; flate2 waits for the symbols.
        (Ok(_), Ending::Fault(fault)) => {
            let more = [choices.0, &[0; 1024]].concat();
            assert_eq!(oracle(&more).1, Err(()), "{fault:?}");
        }
        (Ok(_), _) => assert_eq!(whole, theirs),
    }
}

fn inflate(payload: &[u8], sizes: &[usize]) -> (Vec<u8>, Ending) {
    let mut out = Vec::new();
    let mut inflate = Inflate::new(15);
    let (mut rest, mut sizes) = (payload, sizes.iter().cycle());
    while !rest.is_empty() {
        let size = sizes.next().map_or(1, |&size| size.min(rest.len()));
        let (now, later) = rest.split_at(size);
        rest = later;
        let _ = inflate.feed(now, &mut |piece| {
            assert_eq!(piece.at, out.len() as u64);
            assert!(piece.unknown.is_empty());
            out.extend_from_slice(piece.bytes);
        });
    }
    let summary = inflate.end_message();
    assert_eq!(summary.input_len, payload.len() as u64);
    assert_eq!(summary.output_len, out.len() as u64);
    (out, summary.ending)
}

/// What flate2 makes of it.
fn oracle(payload: &[u8]) -> (Vec<u8>, Result<Status, ()>) {
    let mut inflate = Decompress::new(false);
    let mut out = Vec::new();
    loop {
        out.reserve(4096);
        let rest = &payload[inflate.total_in() as usize..];
        match inflate.decompress_vec(rest, &mut out, FlushDecompress::Sync) {
            Err(_) => return (out, Err(())),
            Ok(Status::StreamEnd) => return (out, Ok(Status::StreamEnd)),
            Ok(status) if out.len() < out.capacity() => return (out, Ok(status)),
            Ok(_) => {}
        }
    }
}
