//! Writing captures: pcapng with comments, and plain old pcap.

use super::Interface;
use crate::model::{Link, Packet, Timestamp};
use std::io::{self, Write};

/// In which order a number's bytes are written.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum ByteOrder {
    /// The least significant byte first.
    #[default]
    Little,
    /// The most significant byte first.
    Big,
}

/// How finely a capture counts time.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Resolution {
    /// Microseconds; what is finer is lost.
    Micros,
    /// Nanoseconds.
    #[default]
    Nanos,
}

impl Resolution {
    /// Nanoseconds of one unit.
    #[must_use]
    pub fn nanos(self) -> i64 {
        match self {
            Self::Micros => 1000,
            Self::Nanos => 1,
        }
    }
}

/// Writes pcapng: one section, one interface per link type, enhanced packet blocks.
pub struct PcapngWriter<W> {
    into: W,
    order: ByteOrder,
    resolution: Resolution,
    links: Vec<Link>,
    block: Vec<u8>,
}

impl<W: Write> PcapngWriter<W> {
    /// Begins a little-endian capture in nanoseconds.
    ///
    /// # Errors
    /// Writing failed.
    pub fn new(into: W) -> io::Result<Self> {
        Self::with(into, ByteOrder::default(), Resolution::default(), None)
    }

    /// Begins a capture, with a comment on it if wished.
    ///
    /// # Errors
    /// Writing failed, or the comment has more than 65,535 bytes.
    pub fn with(
        into: W,
        order: ByteOrder,
        resolution: Resolution,
        comment: Option<&str>,
    ) -> io::Result<Self> {
        let mut writer = Self {
            into,
            order,
            resolution,
            links: Vec::new(),
            block: Vec::new(),
        };
        writer.section(comment)?;
        Ok(writer)
    }

    /// Writes a packet; its number is its place in the file.
    ///
    /// # Errors
    /// Writing failed, or the time is before 1970.
    pub fn packet(&mut self, packet: &Packet<'_>) -> io::Result<()> {
        self.commented(packet, None)
    }

    /// Writes a packet and a comment on it.
    ///
    /// # Errors
    /// Writing failed, the time is before 1970, or the comment has more than 65,535 bytes.
    pub fn commented(&mut self, packet: &Packet<'_>, comment: Option<&str>) -> io::Result<()> {
        let interface = match self.links.iter().position(|&link| link == packet.link) {
            Some(interface) => interface,
            None => self.interface(packet.link, None, 0)?,
        };
        let units = u64::try_from(packet.time.0 / self.resolution.nanos())
            .ok()
            .filter(|_| packet.time.0 >= 0)
            .ok_or_else(before_1970)?;
        let len = length(packet.data.len())?;
        // The block's parts go where they belong one after the other: a packet is copied once.
        let padding = (4 - packet.data.len() % 4) % 4;
        self.block.clear();
        self.comment(comment)?;
        let whole = length(HEAD + packet.data.len() + padding + self.block.len() + 4)?;
        let order = self.order;
        let words = [
            ENHANCED,
            whole,
            interface as u32,
            (units >> 32) as u32,
            units as u32,
            len,
            packet.orig_len,
        ];
        let mut head = [0; HEAD];
        for (place, word) in head.chunks_exact_mut(4).zip(words) {
            place.copy_from_slice(&order.word(word));
        }
        self.block.splice(..0, [0; 3].into_iter().take(padding));
        self.block.extend(order.word(whole));
        self.into.write_all(&head)?;
        self.into.write_all(packet.data)?;
        self.into.write_all(&self.block)
    }

    /// Describes an interface: packets of its link type are its packets from now on.
    ///
    /// # Errors
    /// Writing failed, or the name has more than 65,535 bytes.
    pub fn describe(&mut self, interface: &Interface) -> io::Result<()> {
        self.interface(interface.link, interface.name.as_deref(), interface.snaplen)?;
        Ok(())
    }

    /// Writes what the interface of this link type counted until now: packets received and dropped
    /// since this section began. Without an interface of the type there is nothing to write it for.
    ///
    /// # Errors
    /// Writing failed.
    pub fn statistics(&mut self, interface: &Interface, now: Timestamp) -> io::Result<()> {
        let Some(id) = self.links.iter().position(|&link| link == interface.link) else {
            return Ok(());
        };
        let units = (now.0 / self.resolution.nanos()).max(0) as u64;
        self.begin(STATISTICS);
        self.word(id as u32);
        self.word((units >> 32) as u32);
        self.word(units as u32);
        let counts = [
            (ISB_IFRECV, interface.received),
            (ISB_IFDROP, interface.dropped),
            (ISB_OSDROP, interface.dropped_by_os),
        ];
        for (code, count) in counts {
            if let Some(count) = count {
                self.half(code);
                self.half(8);
                // Two words, the way the whole number would lie in this byte order.
                let (high, low) = ((count >> 32) as u32, count as u32);
                let [first, second] = match self.order {
                    ByteOrder::Little => [low, high],
                    ByteOrder::Big => [high, low],
                };
                self.word(first);
                self.word(second);
            }
        }
        self.word(0); // end of options
        self.end()
    }

    /// Whether packets of this link type have an interface.
    #[must_use]
    pub fn knows(&self, link: Link) -> bool {
        self.links.contains(&link)
    }

    /// What it writes into.
    pub fn get_mut(&mut self) -> &mut W {
        &mut self.into
    }

    /// Hands on what the writer behind has gathered.
    ///
    /// # Errors
    /// Writing failed.
    pub fn flush(&mut self) -> io::Result<()> {
        self.into.flush()
    }

    /// Writes secrets for decryption, such as a TLS key log (kind `0x544c534b`).
    ///
    /// # Errors
    /// Writing failed, or the secrets have 4 GiB or more.
    pub fn secrets(&mut self, kind: u32, data: &[u8]) -> io::Result<()> {
        let len = length(data.len())?;
        self.begin(SECRETS);
        self.word(kind);
        self.word(len);
        self.padded(data);
        self.end()
    }

    /// Begins another section, in which interfaces are described anew.
    ///
    /// # Errors
    /// Writing failed, or the comment has more than 65,535 bytes.
    pub fn section(&mut self, comment: Option<&str>) -> io::Result<()> {
        self.links.clear();
        self.begin(SECTION);
        self.word(0x1a2b_3c4d);
        self.half(1);
        self.half(0);
        self.block.extend([0xff; 8]); // the section's length is not known
        self.comment(comment)?;
        self.end()
    }

    /// Ends the capture and gives the writer back.
    ///
    /// # Errors
    /// Writing failed.
    pub fn finish(mut self) -> io::Result<W> {
        self.into.flush()?;
        Ok(self.into)
    }

    fn interface(&mut self, link: Link, name: Option<&str>, snaplen: u32) -> io::Result<usize> {
        self.begin(INTERFACE);
        self.half(link.0);
        self.half(0);
        self.word(snaplen);
        if let Some(name) = name {
            let len = u16::try_from(name.len()).map_err(|_| too_long())?;
            self.half(IF_NAME);
            self.half(len);
            self.padded(name.as_bytes());
        }
        if self.resolution == Resolution::Nanos {
            self.half(IF_TSRESOL);
            self.half(1);
            self.padded(&[9]);
        }
        if name.is_some() || self.resolution == Resolution::Nanos {
            self.word(0); // end of options
        }
        self.end()?;
        self.links.push(link);
        Ok(self.links.len() - 1)
    }

    fn comment(&mut self, comment: Option<&str>) -> io::Result<()> {
        if let Some(comment) = comment {
            let len = u16::try_from(comment.len()).map_err(|_| too_long())?;
            self.half(COMMENT);
            self.half(len);
            self.padded(comment.as_bytes());
            self.word(0); // end of options
        }
        Ok(())
    }

    fn begin(&mut self, kind: u32) {
        self.block.clear();
        self.word(kind);
        self.word(0); // the length, known at the end
    }

    fn end(&mut self) -> io::Result<()> {
        let len = self.order.word(length(self.block.len() + 4)?);
        self.block.extend(len);
        self.block[4..8].copy_from_slice(&len);
        self.into.write_all(&self.block)
    }

    fn word(&mut self, word: u32) {
        self.block.extend(self.order.word(word));
    }

    fn half(&mut self, half: u16) {
        self.block.extend(self.order.half(half));
    }

    fn padded(&mut self, bytes: &[u8]) {
        self.block.extend_from_slice(bytes);
        let padding = bytes.len().next_multiple_of(4) - bytes.len();
        self.block.extend(&[0; 3][..padding]);
    }
}

/// Writes pcap: all packets have the same link type.
pub struct PcapWriter<W> {
    into: W,
    order: ByteOrder,
    resolution: Resolution,
    link: Link,
}

impl<W: Write> PcapWriter<W> {
    /// Begins a capture.
    ///
    /// # Errors
    /// Writing failed.
    pub fn new(
        mut into: W,
        link: Link,
        order: ByteOrder,
        resolution: Resolution,
    ) -> io::Result<Self> {
        let magic = match resolution {
            Resolution::Micros => 0xa1b2_c3d4,
            Resolution::Nanos => 0xa1b2_3c4d,
        };
        into.write_all(&order.word(magic))?;
        into.write_all(&order.half(2))?;
        into.write_all(&order.half(4))?;
        for word in [0, 0, SNAPLEN, u32::from(link.0)] {
            into.write_all(&order.word(word))?;
        }
        Ok(Self {
            into,
            order,
            resolution,
            link,
        })
    }

    /// Writes a packet; its number is its place in the file.
    ///
    /// # Errors
    /// Writing failed, the time is before 1970 or after 2106, or the link type is another one.
    pub fn packet(&mut self, packet: &Packet<'_>) -> io::Result<()> {
        if packet.link != self.link {
            return Err(invalid("pcap holds packets of one link type only"));
        }
        let nanos = packet.time.0;
        let seconds = u32::try_from(nanos.div_euclid(1_000_000_000))
            .map_err(|_| invalid("pcap counts seconds from 1970 to 2106"))?;
        let fraction = (nanos.rem_euclid(1_000_000_000) / self.resolution.nanos()) as u32;
        for word in [
            seconds,
            fraction,
            length(packet.data.len())?,
            packet.orig_len,
        ] {
            self.into.write_all(&self.order.word(word))?;
        }
        self.into.write_all(packet.data)
    }

    /// Ends the capture and gives the writer back.
    ///
    /// # Errors
    /// Writing failed.
    pub fn finish(mut self) -> io::Result<W> {
        self.into.flush()?;
        Ok(self.into)
    }
}

impl ByteOrder {
    fn word(self, word: u32) -> [u8; 4] {
        match self {
            Self::Little => word.to_le_bytes(),
            Self::Big => word.to_be_bytes(),
        }
    }

    fn half(self, half: u16) -> [u8; 2] {
        match self {
            Self::Little => half.to_le_bytes(),
            Self::Big => half.to_be_bytes(),
        }
    }
}

fn length(len: usize) -> io::Result<u32> {
    u32::try_from(len).map_err(|_| too_long())
}

fn too_long() -> io::Error {
    invalid("too long for a capture file")
}

fn before_1970() -> io::Error {
    invalid("a time before 1970")
}

fn invalid(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why)
}

/// What Wireshark writes where nothing was cut.
const SNAPLEN: u32 = 262_144;

/// Bytes of an enhanced packet block before its packet.
const HEAD: usize = 28;

const COMMENT: u16 = 1;
const IF_NAME: u16 = 2;
const IF_TSRESOL: u16 = 9;
const ISB_IFRECV: u16 = 4;
const ISB_IFDROP: u16 = 5;
const ISB_OSDROP: u16 = 7;

const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const STATISTICS: u32 = 5;
const ENHANCED: u32 = 6;
const SECRETS: u32 = 10;
