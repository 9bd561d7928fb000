//! What captures tell beside their packets.

use crate::model::{Keys, Link, PacketNo};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use zeroize::ZeroizeOnDrop;

/// An interface that a capture describes; a pcap file has one without a name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Interface {
    /// Its name, where the capture tells.
    pub name: Option<String>,
    /// What its packets begin with.
    pub link: Link,
    /// Bytes kept of each packet; 0 means all.
    pub snaplen: u32,
    /// Time resolution as pcapng writes it: a negative power of 10, or of 2 with the top bit set.
    pub resolution: u8,
    /// Packets that it received.
    pub received: Option<u64>,
    /// Packets that it dropped for lack of room.
    pub dropped: Option<u64>,
    /// Packets that the operating system dropped.
    pub dropped_by_os: Option<u64>,
}

/// A block of secrets for decryption, as it lay in the capture.
#[derive(Clone, PartialEq, Eq, ZeroizeOnDrop)]
pub struct Secrets {
    /// What they are for: `0x544c534b` is a TLS key log.
    pub kind: u32,
    /// The first packet after them.
    #[zeroize(skip)]
    pub before: PacketNo,
    /// The secrets.
    pub data: Vec<u8>,
}

/// How many packets whoever captured has dropped, as far as the capture tells by now.
///
/// A handle: it can be asked while a packet is lent.
#[derive(Clone, Debug, Default)]
pub struct Drops(Arc<AtomicU64>);

impl Drops {
    /// All of them so far; what was dropped before a packet is counted when that packet is lent.
    #[must_use]
    #[inline]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn add(&self, packets: u64) {
        self.0.fetch_add(packets, Ordering::Relaxed);
    }
}

impl Secrets {
    /// The kind of a TLS key log.
    pub const TLS_KEY_LOG: u32 = 0x544c_534b;
}

/// Says how many bytes there are, and none of them.
impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, before, data } = self;
        write!(
            f,
            "Secrets({kind:#x}, before {before}, {} bytes)",
            data.len()
        )
    }
}

/// What a capture tells beside its packets.
#[derive(Default)]
pub(super) struct Notes {
    pub drops: Drops,
    pub interfaces: Vec<Interface>,
    pub comments: Vec<String>,
    pub secrets: Vec<Secrets>,
    /// Who learns the secrets that open TLS.
    pub keys: Keys,
    /// Bytes held by them.
    held: usize,
}

impl Interface {
    /// Packets dropped by whomever.
    pub(super) fn lost(&self) -> u64 {
        let [by_it, by_os] = [self.dropped, self.dropped_by_os].map(Option::unwrap_or_default);
        by_it.saturating_add(by_os)
    }
}

impl Notes {
    pub fn add_interface(&mut self, interface: Interface) {
        let len = interface.name.as_ref().map_or(0, String::len) + size_of::<Interface>();
        if self.has_room(len) {
            self.interfaces.push(interface);
        }
    }

    pub fn add_comments<'a>(&mut self, comments: impl Iterator<Item = &'a [u8]>) {
        for comment in comments {
            if self.has_room(comment.len() + size_of::<String>()) {
                self.comments
                    .push(String::from_utf8_lossy(comment).into_owned());
            }
        }
    }

    pub fn add_secrets(&mut self, secrets: Secrets) {
        if secrets.kind == Secrets::TLS_KEY_LOG {
            let keys = self.keys.since(secrets.before);
            keys.lines(&secrets.data);
            if secrets.before > PacketNo::FIRST {
                keys.expect();
            }
        }
        if self.has_room(secrets.data.len() + size_of::<Secrets>()) {
            self.secrets.push(secrets);
        }
    }

    fn has_room(&mut self, len: usize) -> bool {
        let fits = self.held + len <= NOTES_LIMIT;
        if fits {
            self.held += len;
        }
        fits
    }
}

/// Bytes that the notes of one capture may hold.
const NOTES_LIMIT: usize = 64 << 20;
