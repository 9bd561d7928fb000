//! IP headers, versions 4 and 6.

use super::fragment::{Fragment, Key};
use super::{Carried, Inner, Next, Proto, malformed};
use etherparse::{Ipv4HeaderSlice, Ipv6HeaderSlice};
use std::net::IpAddr;

/// Finds what an IPv4 header carries; `cut` bytes are missing after `bytes`.   RFC 791 section 3.1
#[inline(always)]
pub(super) fn v4(bytes: &[u8], cut: u32) -> Result<Inner<'_>, Next<'_>> {
    use etherparse::err::ipv4::{HeaderError, HeaderSliceError};
    let header = match Ipv4HeaderSlice::from_slice(bytes) {
        Ok(header) => header,
        Err(HeaderSliceError::Content(HeaderError::HeaderLengthSmallerThanHeader { .. })) => {
            return Err(malformed("an IPv4 header of less than 20 bytes"));
        }
        Err(_) => return Err(truncated("IPv4 header")),
    };
    let header_len = header.slice().len();
    let rest = bytes.get(header_len..).unwrap_or_default();
    // A length of 0 was left for the network card to fill in: everything there is belongs to it.
    let declared = match usize::from(header.total_len()) {
        0 => None,
        total => match total.checked_sub(header_len) {
            Some(declared) => Some(declared),
            None => return Err(malformed("an IPv4 length shorter than its header")),
        },
    };
    let (payload, cut) = limited(rest, declared, cut);
    let carried = Carried {
        src: IpAddr::V4(header.source_addr()),
        dst: IpAddr::V4(header.destination_addr()),
        number: header.protocol().0,
        ttl: header.ttl(),
        id: Some(header.identification()),
        sized: declared.is_some(),
    };
    if !header.is_fragmenting_payload() {
        return Ok(Inner {
            carried,
            bytes: payload,
            cut,
        });
    }
    Err(piece(
        Fragment {
            key: Key {
                src: carried.src,
                dst: carried.dst,
                id: u32::from(header.identification()),
                number: Some(carried.number),
            },
            number: carried.number,
            at: u32::from(header.fragments_offset().value()) * 8,
            more: header.more_fragments(),
            bytes: payload,
        },
        cut,
    ))
}

/// Finds what an IPv6 header and its extensions carry; `cut` as above.   RFC 8200 sections 3, 4
#[inline(always)]
pub(super) fn v6(bytes: &[u8], cut: u32) -> Result<Inner<'_>, Next<'_>> {
    let Ok(header) = Ipv6HeaderSlice::from_slice(bytes) else {
        return Err(truncated("IPv6 header"));
    };
    let rest = bytes.get(header.slice().len()..).unwrap_or_default();
    // A length of 0 means a jumbogram, or was left for the network card to fill in.
    let declared = match header.payload_length() {
        0 => None,
        len => Some(usize::from(len)),
    };
    let (mut rest, cut) = limited(rest, declared, cut);
    let (src, dst) = (
        IpAddr::V6(header.source_addr()),
        IpAddr::V6(header.destination_addr()),
    );
    let mut number = header.next_header().0;
    // Every extension has at least eight bytes, so this ends.
    loop {
        let len = match number {
            HOP_BY_HOP | ROUTING | DESTINATION | MOBILITY | HOST_IDENTITY | SHIM6 => {
                match rest.get(1) {
                    Some(&len) => (usize::from(len) + 1) * 8,
                    None => return Err(truncated("IPv6 extension header")),
                }
            }
            AUTHENTICATION => match rest.get(1) {
                Some(&len) => (usize::from(len) + 2) * 4,
                None => return Err(truncated("IPv6 extension header")),
            },
            FRAGMENT => {
                let Some((&[next, _, a, b, c, d, e, f], inner)) = rest.split_first_chunk() else {
                    return Err(truncated("IPv6 fragment header"));
                };
                let place = u16::from_be_bytes([a, b]);
                if place & !6 != 0 {
                    let fragment = Fragment {
                        key: Key {
                            src,
                            dst,
                            id: u32::from_be_bytes([c, d, e, f]),
                            number: None,
                        },
                        number: next,
                        at: u32::from(place & !7),
                        more: place & 1 != 0,
                        bytes: inner,
                    };
                    return Err(piece(fragment, cut));
                }
                // All of it in one fragment.   RFC 6946
                (number, rest) = (next, inner);
                continue;
            }
            _ => break,
        };
        let (Some(&next), Some(after)) = (rest.first(), rest.get(len..)) else {
            return Err(truncated("IPv6 extension header"));
        };
        (number, rest) = (next, after);
    }
    Ok(Inner {
        carried: Carried {
            src,
            dst,
            number,
            ttl: header.hop_limit(),
            id: None,
            sized: declared.is_some(),
        },
        bytes: rest,
        cut,
    })
}

fn piece(fragment: Fragment<'_>, cut: u32) -> Next<'_> {
    match cut {
        0 => Next::Piece(fragment),
        _ => truncated("IP fragment"),
    }
}

/// Drops what follows the declared length, such as Ethernet padding, or tells how much is missing.
#[inline(always)]
fn limited(bytes: &[u8], declared: Option<usize>, cut: u32) -> (&[u8], u32) {
    let Some(declared) = declared else {
        return (bytes, cut);
    };
    match bytes.get(..declared) {
        Some(bytes) => (bytes, 0),
        None => (bytes, (declared - bytes.len()) as u32),
    }
}

fn truncated(what: &'static str) -> Next<'static> {
    Next::Done(Proto::Truncated(what))
}

pub(super) const TCP: u8 = 6;

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const DESTINATION: u8 = 60;
const MOBILITY: u8 = 135;
const HOST_IDENTITY: u8 = 139;
const SHIM6: u8 = 140;
