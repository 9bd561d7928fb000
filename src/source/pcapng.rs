//! The pcapng format: sections of blocks.   draft-ietf-opsawg-pcapng
//!
//! ```text
//!  block    type  length  body …  length        length counts all of it, a multiple of 4
//!  packet   interface  time (high)  time (low)  captured  original  data …  options …
//! ```
//! Packets, of which there are many, are read here; the other blocks by `pcap-parser`.

use super::BLOCK_LIMIT;
use super::clock::Clock;
use super::file::Found;
use super::notes::{Interface, Notes, Secrets};
use super::window::Window;
use crate::Fault;
use crate::model::{Link, PacketNo, Timestamp};
use pcap_parser::pcapng::{Block, parse_block_be, parse_block_le};
use pcap_parser::{InterfaceDescriptionBlock, PcapNGOption};
use std::sync::Arc;

/// What the blocks so far say about the packets to come.
#[derive(Clone, Debug, Default)]
pub(super) struct Pcapng {
    big_endian: bool,
    /// Of this section. Shared with the marks that were left in it.
    interfaces: Arc<Vec<Iface>>,
    /// Where this section's first interface is in the notes; none after a resumption.
    noted_from: Option<usize>,
    /// For simple packets, which have no time of their own.
    last: Timestamp,
}

#[derive(Clone, Copy, Debug)]
struct Iface {
    link: Link,
    snaplen: u32,
    clock: Clock,
}

/// The type of a section header block, the same in both byte orders.
pub(super) const MAGIC: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];

impl Pcapng {
    /// The next packet, none at the end.
    #[inline(always)]
    pub fn next(
        &mut self,
        window: &mut Window,
        notes: &mut Notes,
        no: PacketNo,
    ) -> Result<Option<Found>, Fault> {
        loop {
            let Some((kind, len)) = self.block(window)? else {
                return Ok(None);
            };
            let block = window.want(len);
            let found = match kind {
                ENHANCED => self.enhanced(block)?,
                SIMPLE => self.simple(block)?,
                OBSOLETE => self.obsolete(block)?,
                _ => {
                    self.other(kind, block.get(..len).unwrap_or(block), notes, no)?;
                    window.take(len);
                    continue;
                }
            };
            self.last = found.time;
            let block = window.take(len);
            return Ok(Some(Found {
                start: block + found.start,
                end: block + found.end,
                options: block + found.options,
                options_end: block + found.options_end,
                ..found
            }));
        }
    }

    /// The state that a mark keeps.
    pub fn resumed(&self) -> Self {
        Self {
            noted_from: None,
            ..self.clone()
        }
    }

    /// Type and length of the next block, once it lies in the window as a whole.
    #[inline(always)]
    fn block(&mut self, window: &mut Window) -> Result<Option<(u32, usize)>, Fault> {
        let have = window.want(12);
        let Some(&[a, b, c, d, e, f, g, h, ref order @ ..]) = have.first_chunk::<12>() else {
            return match have.len() {
                0 => Ok(None),
                have => Err(Fault::Truncated {
                    part: "block",
                    have: have as u64,
                    need: 12,
                }),
            };
        };
        if [a, b, c, d] == MAGIC {
            self.big_endian = match u32::from_be_bytes(*order) {
                0x1a2b_3c4d => true,
                0x4d3c_2b1a => false,
                other => {
                    return Err(broken(
                        "section header",
                        format!("its byte-order magic is {other:#010x}"),
                    ));
                }
            };
        }
        let (kind, claimed) = (self.word([a, b, c, d]), self.word([e, f, g, h]));
        if claimed < 12 || claimed % 4 != 0 {
            return Err(broken(
                "block",
                format!("it claims a length of {claimed}, which no block can have"),
            ));
        }
        if u64::from(claimed) > BLOCK_LIMIT {
            return Err(Fault::TooLarge {
                part: "block",
                len: u64::from(claimed),
                limit: BLOCK_LIMIT,
            });
        }
        let len = claimed as usize;
        let have = window.want(len);
        let Some(block) = have.get(..len) else {
            return Err(Fault::Truncated {
                part: "block",
                have: have.len() as u64,
                need: u64::from(claimed),
            });
        };
        match block.last_chunk().map(|&end| self.word(end)) {
            Some(again) if again != claimed => Err(broken(
                "block",
                format!("its length is {claimed} at its start but {again} at its end"),
            )),
            _ => Ok(Some((kind, len))),
        }
    }

    #[inline(always)]
    fn enhanced(&self, block: &[u8]) -> Result<Found, Fault> {
        let (len, [interface, high, low, captured, orig_len]) = self.packet_head(block)?;
        self.found(block, len, interface, [high, low], captured, orig_len)
    }

    fn obsolete(&self, block: &[u8]) -> Result<Found, Fault> {
        let (len, [_, high, low, captured, orig_len]) = self.packet_head(block)?;
        // A 16-bit interface, then 16 bits that count drops.
        let interface = match block.get(8..10) {
            Some(&[a, b]) if self.big_endian => u16::from_be_bytes([a, b]),
            Some(&[a, b]) => u16::from_le_bytes([a, b]),
            _ => 0,
        };
        self.found(
            block,
            len,
            interface.into(),
            [high, low],
            captured,
            orig_len,
        )
    }

    /// The length of the whole block, and the five words after it, of which the last two count bytes.
    #[inline(always)]
    fn packet_head(&self, block: &[u8]) -> Result<(usize, [u32; 5]), Fault> {
        let Some((head, _)) = block.split_first_chunk::<28>() else {
            return Err(short());
        };
        let (words, _) = head.as_chunks::<4>();
        let &[_, len, a, b, c, d, e] = words else {
            return Err(short());
        };
        let words = [a, b, c, d, e].map(|word| self.word(word));
        Ok((self.word(len) as usize, words))
    }

    #[inline(always)]
    fn found(
        &self,
        block: &[u8],
        len: usize,
        interface: u32,
        [high, low]: [u32; 2],
        captured: u32,
        orig_len: u32,
    ) -> Result<Found, Fault> {
        let iface = self.interface(interface)?;
        let data_end = 28 + u64::from(captured);
        let block_end = len.saturating_sub(4).min(block.len()) as u32;
        if data_end > u64::from(block_end) {
            return Err(broken(
                "packet block",
                format!("{captured} bytes of data do not fit into a block of {len}"),
            ));
        }
        Ok(Found {
            time: iface.clock.time(u64::from(high) << 32 | u64::from(low)),
            link: iface.link,
            orig_len,
            start: 28,
            end: data_end as u32,
            options: (data_end as u32).next_multiple_of(4).min(block_end),
            options_end: block_end,
            big_endian: self.big_endian,
        })
    }

    fn simple(&self, block: &[u8]) -> Result<Found, Fault> {
        let iface = self.interface(0)?;
        let Some(&[_, _, _, _, a, b, c, d, e, f, g, h]) = block.first_chunk::<12>() else {
            return Err(short());
        };
        let (len, orig_len) = (self.word([a, b, c, d]) as usize, self.word([e, f, g, h]));
        let snaplen = match iface.snaplen {
            0 => u32::MAX,
            snaplen => snaplen,
        };
        if len < 16 {
            return Err(short());
        }
        let captured = orig_len.min(snaplen).min(len as u32 - 16);
        Ok(Found {
            time: self.last,
            link: iface.link,
            orig_len,
            start: 12,
            end: 12 + captured,
            options: 12,
            options_end: 12,
            big_endian: self.big_endian,
        })
    }

    #[inline(always)]
    fn interface(&self, id: u32) -> Result<Iface, Fault> {
        match self.interfaces.get(id as usize) {
            Some(&iface) => Ok(iface),
            None => Err(broken(
                "packet block",
                format!(
                    "it names interface {id}, but the section has described {}",
                    self.interfaces.len()
                ),
            )),
        }
    }

    /// Any block but a packet.
    #[cold]
    fn other(
        &mut self,
        kind: u32,
        block: &[u8],
        notes: &mut Notes,
        no: PacketNo,
    ) -> Result<(), Fault> {
        let part = match kind {
            SECTION => "section header",
            INTERFACE => "interface description",
            STATISTICS => "interface statistics",
            SECRETS => "decryption secrets",
            _ => return Ok(()),
        };
        let parsed = if self.big_endian {
            parse_block_be(block)
        } else {
            parse_block_le(block)
        };
        let Ok((_, parsed)) = parsed else {
            return Err(broken(part, "its fields do not fit into it".into()));
        };
        match parsed {
            Block::SectionHeader(header) => {
                if header.major_version != 1 {
                    return Err(Fault::Version {
                        format: "pcapng",
                        major: header.major_version,
                        minor: header.minor_version,
                    });
                }
                self.interfaces = Arc::default();
                self.noted_from = Some(notes.interfaces.len());
                notes.add_comments(comments(&header.options));
            }
            Block::InterfaceDescription(idb) => self.describe(&idb, notes)?,
            Block::InterfaceStatistics(isb) => {
                let noted = self
                    .noted_from
                    .and_then(|from| notes.interfaces.get_mut(from + isb.if_id as usize));
                if let Some(noted) = noted {
                    let before = noted.lost();
                    // By hand: `pcap-parser` reads these as little-endian whatever the section says.
                    for option in &isb.options {
                        let count = option.as_bytes().ok().and_then(|value| self.count(value));
                        match option.code.0 {
                            ISB_IFRECV => noted.received = count,
                            ISB_IFDROP => noted.dropped = count,
                            ISB_OSDROP => noted.dropped_by_os = count,
                            _ => {}
                        }
                    }
                    notes.drops.add(noted.lost().saturating_sub(before));
                }
            }
            Block::DecryptionSecrets(secrets) => {
                let len = (secrets.secrets_len as usize).min(secrets.data.len());
                notes.add_secrets(Secrets {
                    kind: secrets.secrets_type.0,
                    before: no,
                    data: secrets.data.get(..len).unwrap_or_default().to_vec(),
                });
            }
            _ => {}
        }
        Ok(())
    }

    fn describe(
        &mut self,
        idb: &InterfaceDescriptionBlock<'_>,
        notes: &mut Notes,
    ) -> Result<(), Fault> {
        if self.interfaces.len() >= INTERFACES {
            return Err(broken(
                "interface description",
                format!("a section with more than {INTERFACES} interfaces"),
            ));
        }
        let link = Link(idb.linktype.0 as u16);
        // By hand, as with the statistics.
        let offset = idb
            .options
            .iter()
            .find(|option| option.code.0 == IF_TSOFFSET)
            .and_then(|option| self.count(option.as_bytes().ok()?))
            .map_or(0, u64::cast_signed);
        Arc::make_mut(&mut self.interfaces).push(Iface {
            link,
            snaplen: idb.snaplen,
            clock: Clock::new(idb.if_tsresol, offset),
        });
        notes.add_interface(Interface {
            name: idb.if_name().and_then(Result::ok).map(str::to_owned),
            link,
            snaplen: idb.snaplen,
            resolution: idb.if_tsresol,
            received: None,
            dropped: None,
            dropped_by_os: None,
        });
        Ok(())
    }

    fn count(&self, value: &[u8]) -> Option<u64> {
        let &value = value.first_chunk()?;
        Some(if self.big_endian {
            u64::from_be_bytes(value)
        } else {
            u64::from_le_bytes(value)
        })
    }

    #[inline(always)]
    fn word(&self, bytes: [u8; 4]) -> u32 {
        if self.big_endian {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        }
    }
}

/// The comments among the options of a packet block.
pub(super) fn packet_comments(mut options: &[u8], big_endian: bool) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        loop {
            let (&[a, b, c, d], rest) = options.split_first_chunk()?;
            let (code, len) = if big_endian {
                (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]))
            } else {
                (u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d]))
            };
            let value = rest.get(..usize::from(len))?;
            options = rest
                .get(usize::from(len).next_multiple_of(4)..)
                .unwrap_or_default();
            match code {
                END_OF_OPTIONS => return None,
                COMMENT => return Some(value),
                _ => {}
            }
        }
    })
}

fn comments<'a>(options: &'a [PcapNGOption<'_>]) -> impl Iterator<Item = &'a [u8]> {
    options
        .iter()
        .filter(|option| option.code.0 == COMMENT)
        .filter_map(|option| option.as_bytes().ok())
}

fn broken(part: &'static str, why: String) -> Fault {
    Fault::Broken { part, why }
}

fn short() -> Fault {
    broken("packet block", "it is too short for its own header".into())
}

/// Interfaces that a section may describe.
const INTERFACES: usize = 1 << 16;

const END_OF_OPTIONS: u16 = 0;
const COMMENT: u16 = 1;
const IF_TSOFFSET: u16 = 14;
const ISB_IFRECV: u16 = 4;
const ISB_IFDROP: u16 = 5;
const ISB_OSDROP: u16 = 7;

pub(super) const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
pub(super) const OBSOLETE: u32 = 2;
pub(super) const SIMPLE: u32 = 3;
const STATISTICS: u32 = 5;
pub(super) const ENHANCED: u32 = 6;
pub(super) const SECRETS: u32 = 10;
