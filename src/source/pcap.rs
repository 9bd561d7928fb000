//! The pcap format: one header, then records.   draft-ietf-opsawg-pcap
//!
//! ```text
//!  header   magic  version  (zone)  (sigfigs)  snaplen  link        24 bytes
//!  record   seconds  fraction  captured  original                   16 bytes, then the data
//! ```

use super::BLOCK_LIMIT;
use super::file::Found;
use super::notes::Interface;
use super::window::Window;
use crate::Fault;
use crate::model::{Link, Timestamp};

/// What the header says about the records.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pcap {
    link: Link,
    snaplen: u32,
    big_endian: bool,
    nanos: bool,
    /// Bytes of a record's header: 16, or 24 in the variant that Kuznetzov's patch wrote.
    record_header: usize,
}

/// Whether a file that begins so is pcap.
pub(super) fn is_magic(head: [u8; 4]) -> bool {
    let wanted = |magic: u32| matches!(magic, MICROS | NANOS | MODIFIED);
    wanted(u32::from_le_bytes(head)) || wanted(u32::from_be_bytes(head))
}

impl Pcap {
    /// Reads the header; the window begins with a magic number.
    pub fn open(window: &mut Window) -> Result<Self, Fault> {
        let head = window.want(HEADER);
        let Some(head) = head.first_chunk::<HEADER>() else {
            return Err(Fault::Truncated {
                part: "pcap header",
                have: head.len() as u64,
                need: HEADER as u64,
            });
        };
        let big_endian = matches!(word(head, 0, true), MICROS | NANOS | MODIFIED);
        let magic = word(head, 0, big_endian);
        let half = |at: usize| {
            let bytes = [head[at], head[at + 1]];
            if big_endian {
                u16::from_be_bytes(bytes)
            } else {
                u16::from_le_bytes(bytes)
            }
        };
        let (major, minor) = (half(4), half(6));
        if major != 2 {
            return Err(Fault::Version {
                format: "pcap",
                major,
                minor,
            });
        }
        let pcap = Self {
            // The upper bits say whether frames end with a checksum; IP lengths tell that as well.
            link: Link((word(head, 20, big_endian) & 0xffff) as u16),
            snaplen: word(head, 16, big_endian),
            big_endian,
            nanos: magic == NANOS,
            record_header: if magic == MODIFIED { 24 } else { 16 },
        };
        window.take(HEADER);
        Ok(pcap)
    }

    /// The one interface that such a file has.
    pub fn interface(&self) -> Interface {
        Interface {
            name: None,
            link: self.link,
            snaplen: self.snaplen,
            resolution: if self.nanos { 9 } else { 6 },
            received: None,
            dropped: None,
            dropped_by_os: None,
        }
    }

    /// The next record, none at the end.
    #[inline(always)]
    pub fn next(&mut self, window: &mut Window) -> Result<Option<Found>, Fault> {
        let have = window.want(self.record_header);
        let Some(head) = have
            .first_chunk::<16>()
            .filter(|_| have.len() >= self.record_header)
        else {
            return match have.len() {
                0 => Ok(None),
                have => Err(Fault::Truncated {
                    part: "record",
                    have: have as u64,
                    need: self.record_header as u64,
                }),
            };
        };
        let seconds = word(head, 0, self.big_endian);
        let fraction = i64::from(word(head, 4, self.big_endian));
        let captured = word(head, 8, self.big_endian);
        let orig_len = word(head, 12, self.big_endian);
        if u64::from(captured) > BLOCK_LIMIT {
            return Err(Fault::TooLarge {
                part: "record",
                len: u64::from(captured),
                limit: BLOCK_LIMIT,
            });
        }
        let need = self.record_header + captured as usize;
        let have = window.want(need).len();
        if have < need {
            return Err(Fault::Truncated {
                part: "record",
                have: have as u64,
                need: need as u64,
            });
        }
        let nanos = if self.nanos {
            fraction
        } else {
            fraction * 1000
        };
        let start = window.take(need);
        let end = start + need as u32;
        Ok(Some(Found {
            time: Timestamp(i64::from(seconds) * 1_000_000_000 + nanos),
            link: self.link,
            orig_len,
            start: start + self.record_header as u32,
            end,
            options: end,
            options_end: end,
            big_endian: self.big_endian,
        }))
    }
}

#[inline(always)]
fn word<const N: usize>(head: &[u8; N], at: usize, big_endian: bool) -> u32 {
    let bytes = [head[at], head[at + 1], head[at + 2], head[at + 3]];
    if big_endian {
        u32::from_be_bytes(bytes)
    } else {
        u32::from_le_bytes(bytes)
    }
}

const HEADER: usize = 24;
const MICROS: u32 = 0xa1b2_c3d4;
const NANOS: u32 = 0xa1b2_3c4d;
const MODIFIED: u32 = 0xa1b2_cd34;
