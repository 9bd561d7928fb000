//! The header of a frame, with nom.   RFC 6455 section 5.2
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! |F|R|R|R|opcode |M| length (7)  | 126: length (16) · 127: (64)  |
//! |I|S|S|S|  (4)  |A|             |                               |
//! |N|V|V|V|       |S|             |  then the masking key (32),   |
//! | |1|2|3|       |K|             |  where MASK is set            |
//! ```

use crate::model::{MaskingKey, Opcode};
use nom::combinator::cond;
use nom::number::streaming::{be_u8, be_u16, be_u32, be_u64};
use nom::{IResult, Parser};

/// The header of a frame. Unusual values are kept as they came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// FIN.
    pub fin: bool,
    /// RSV1 to RSV3 as one number: 4, 2 and 1.
    pub rsv: u8,
    /// The opcode.
    pub opcode: Opcode,
    /// The masking key, where MASK is set.
    pub masking_key: Option<MaskingKey>,
    /// Payload bytes.
    pub length: u64,
    /// Bytes of the header itself, 2 to 14.
    pub header_length: u8,
}

/// Reads a header; `Incomplete` where its end is not there yet.
pub fn header(input: &[u8]) -> IResult<&[u8], Header> {
    let (input, (first, second)) = (be_u8, be_u8).parse(input)?;
    let (input, length) = match second & 0x7f {
        126 => be_u16.map(u64::from).parse(input)?,
        127 => be_u64.parse(input)?,
        length => (input, u64::from(length)),
    };
    let (input, key) = cond(second & 0x80 != 0, be_u32).parse(input)?;
    let length_bytes = match second & 0x7f {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    let header = Header {
        fin: first & 0x80 != 0,
        rsv: first >> 4 & 7,
        opcode: Opcode(first & 0x0f),
        masking_key: key.map(|key| MaskingKey(key.to_be_bytes())),
        length,
        header_length: 2 + length_bytes + if key.is_some() { 4 } else { 0 },
    };
    Ok((input, header))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Header {
        let (rest, header) = header(bytes).unwrap();
        assert_eq!(bytes.len() - rest.len(), usize::from(header.header_length));
        header
    }

    #[test]
    fn the_examples_of_the_rfc() {
        // RFC 6455 section 5.7: an unmasked text, a masked one, a fragment, a ping, 256 bytes, 64 KiB
        let text = read(&[0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f]);
        assert!(text.fin && text.opcode == Opcode::TEXT && text.length == 5);
        assert_eq!(text.masking_key, None);

        let masked = read(&[0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f]);
        assert_eq!(
            masked.masking_key,
            Some(MaskingKey([0x37, 0xfa, 0x21, 0x3d]))
        );

        assert!(!read(&[0x01, 0x03, 0x48]).fin);
        assert_eq!(read(&[0x89, 0x05]).opcode, Opcode::PING);
        assert_eq!(read(&[0x82, 0x7e, 0x01, 0x00]).length, 256);
        let large = read(&[0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0]);
        assert_eq!((large.length, large.header_length), (65536, 10));
    }

    #[test]
    fn unusual_values_are_kept() {
        let odd = read(&[
            0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4,
        ]);
        assert_eq!((odd.rsv, odd.opcode, odd.length), (7, Opcode(15), u64::MAX));
        let long_form = read(&[0x81, 0x7e, 0x00, 0x05]);
        assert_eq!((long_form.length, long_form.header_length), (5, 4));
    }

    #[test]
    fn every_shorter_beginning_waits() {
        let whole = [0x81, 0xff, 0, 0, 0, 0, 0, 0, 0, 9, 1, 2, 3, 4];
        for end in 0..whole.len() {
            assert!(
                matches!(header(&whole[..end]), Err(nom::Err::Incomplete(_))),
                "{end}"
            );
        }
    }
}
