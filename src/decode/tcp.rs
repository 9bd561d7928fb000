//! The TCP header and its options.

use super::{Carried, Decoded, Inner, Proto};
use crate::model::{Endpoint, Flags, Options, Segment};
use etherparse::TcpHeaderSlice;
use etherparse::err::tcp::HeaderSliceError;

/// Reads a segment.   RFC 9293 section 3.1
#[inline(always)]
pub(super) fn segment<'a>(inner: &Inner<'a>, base: Option<usize>) -> Decoded<'a> {
    match TcpHeaderSlice::from_slice(inner.bytes) {
        Ok(header) => {
            let payload = inner.bytes.get(header.slice().len()..).unwrap_or_default();
            let head = header.slice();
            let segment = read(inner.carried, header, payload, inner.cut, base);
            Decoded::Tcp(Segment { head, ..segment })
        }
        Err(HeaderSliceError::Content(_)) => {
            Decoded::Other(Proto::Malformed("a TCP header of less than 20 bytes"))
        }
        Err(HeaderSliceError::Len(error)) => cut_header(inner, base, error.required_len),
    }
}

/// A capture that keeps few bytes of each packet may cut the options; the rest is still worth having.
#[cold]
fn cut_header<'a>(inner: &Inner<'a>, base: Option<usize>, needed: usize) -> Decoded<'a> {
    let bytes = inner.bytes;
    let missing = needed.saturating_sub(bytes.len()) as u32;
    let Some(cut) = inner.cut.checked_sub(missing) else {
        return Decoded::Other(Proto::Malformed("a TCP header longer than its packet"));
    };
    // Zeros end the list of options.
    let mut padded = [0; 60];
    let Some(front) = padded.get_mut(..bytes.len()) else {
        return Decoded::Other(Proto::Truncated("TCP header"));
    };
    front.copy_from_slice(bytes);
    match TcpHeaderSlice::from_slice(&padded) {
        Ok(header) if bytes.len() >= 20 => {
            let payload = bytes.get(bytes.len()..).unwrap_or_default();
            Decoded::Tcp(read(inner.carried, header, payload, cut, base))
        }
        _ => Decoded::Other(Proto::Truncated("TCP header")),
    }
}

#[inline(always)]
fn read<'a>(
    carried: Carried,
    header: TcpHeaderSlice<'_>,
    payload: &'a [u8],
    cut: u32,
    base: Option<usize>,
) -> Segment<'a> {
    let flags = header.slice().get(13).copied().unwrap_or_default();
    Segment {
        src: Endpoint {
            ip: carried.src,
            port: header.source_port(),
        },
        dst: Endpoint {
            ip: carried.dst,
            port: header.destination_port(),
        },
        seq: header.sequence_number(),
        ack: header.acknowledgment_number(),
        flags: Flags(flags),
        window: header.window_size(),
        options: options(header.options()),
        header: header.slice().len() as u8,
        head: &[],
        ttl: carried.ttl,
        ip_id: carried.id,
        payload,
        cut,
        payload_at: base.map(|base| payload.as_ptr().addr().wrapping_sub(base) as u32),
        sized: carried.sized,
    }
}

/// Reads options up to the end of the list or the first that does not fit.
#[inline(always)]
fn options(mut bytes: &[u8]) -> Options {
    let mut options = Options::default();
    // What almost every segment has: two paddings and the timestamps.
    if let &[NOP, NOP, TIMESTAMPS, 10, a, b, c, d, e, f, g, h] = bytes {
        options.timestamps = Some((
            u32::from_be_bytes([a, b, c, d]),
            u32::from_be_bytes([e, f, g, h]),
        ));
        return options;
    }
    while let Some((&kind, rest)) = bytes.split_first() {
        match kind {
            END => break,
            NOP => bytes = rest,
            _ => {
                let Some(len) = rest.first().map(|&len| usize::from(len)) else {
                    break;
                };
                let (Some(value), Some(after)) = (bytes.get(2..len), bytes.get(len..)) else {
                    break;
                };
                option(&mut options, kind, value);
                bytes = after;
            }
        }
    }
    options
}

/// One option; with a length that is not its own it is left out.
fn option(options: &mut Options, kind: u8, value: &[u8]) {
    match (kind, value) {
        (MSS, &[a, b]) => options.mss = Some(u16::from_be_bytes([a, b])),
        (WINDOW_SCALE, &[scale]) => options.wscale = Some(scale),
        (SACK_PERMITTED, []) => options.sack_permitted = true,
        (SACK, blocks) if blocks.len().is_multiple_of(8) => {
            let (blocks, _) = blocks.as_chunks::<8>();
            options.sack_blocks = 0;
            for (&[a, b, c, d, e, f, g, h], into) in blocks.iter().zip(&mut options.sack) {
                *into = (
                    u32::from_be_bytes([a, b, c, d]),
                    u32::from_be_bytes([e, f, g, h]),
                );
                options.sack_blocks += 1;
            }
        }
        (TIMESTAMPS, &[a, b, c, d, e, f, g, h]) => {
            options.timestamps = Some((
                u32::from_be_bytes([a, b, c, d]),
                u32::from_be_bytes([e, f, g, h]),
            ));
        }
        _ => {}
    }
}

// TCP Parameters, IANA
const END: u8 = 0;
const NOP: u8 = 1;
const MSS: u8 = 2;
const WINDOW_SCALE: u8 = 3;
const SACK_PERMITTED: u8 = 4;
const SACK: u8 = 5;
const TIMESTAMPS: u8 = 8;
