//! IP fragments, kept until they make a whole packet.   RFC 791 section 3.2, RFC 8200 section 4.5

use super::Carried;
use crate::model::Timestamp;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::Range;

/// A piece of what an IP packet carries.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fragment<'a> {
    pub key: Key,
    /// The protocol; for IPv6, only that of the first piece counts.
    pub number: u8,
    /// Offset of its first byte.
    pub at: u32,
    /// Whether it is not the last.
    pub more: bool,
    pub bytes: &'a [u8],
}

/// What fragments of the same packet have in common.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Key {
    pub src: IpAddr,
    pub dst: IpAddr,
    pub id: u32,
    /// The protocol, for IPv4.
    pub number: Option<u8>,
}

/// What became of a fragment.
pub(super) enum Added {
    /// It waits for others.
    Waiting,
    /// It was the last one missing.
    Whole(Carried, Vec<u8>),
    /// It contradicts the others or itself; its packet is given up.
    Bad(&'static str),
}

/// The packets that are not whole yet.
#[derive(Default)]
pub(super) struct Fragments {
    piles: BTreeMap<Key, Pile>,
    /// The same by age: the order in which their first fragments came.
    ages: BTreeMap<u64, Key>,
    next_age: u64,
    /// Bytes held by all piles.
    held: usize,
    given_up: u64,
}

/// What has come of one packet.
struct Pile {
    age: u64,
    since: Timestamp,
    /// The payload; what has not come is zero.
    bytes: Vec<u8>,
    /// What has come: in order, apart from each other.
    have: Vec<Range<u32>>,
    /// Length of the whole, once the last piece has come.
    total: Option<u32>,
    /// The protocol, once the first piece has come.
    number: Option<u8>,
}

impl Fragments {
    /// Adds a piece that came at this time.
    pub fn add(&mut self, piece: &Fragment<'_>, now: Timestamp) -> Added {
        self.expire(now);
        let pile = self.piles.entry(piece.key).or_insert_with(|| {
            let age = self.next_age;
            self.next_age += 1;
            self.ages.insert(age, piece.key);
            Pile::new(age, now)
        });
        let before = pile.bytes.len();
        let put = pile.put(piece);
        self.held += pile.bytes.len() - before;
        match put {
            Err(why) => {
                self.remove(&piece.key);
                self.given_up += 1;
                Added::Bad(why)
            }
            Ok(false) => {
                self.make_room();
                Added::Waiting
            }
            Ok(true) => match self.remove(&piece.key) {
                Some(pile) => {
                    let carried = Carried {
                        src: piece.key.src,
                        dst: piece.key.dst,
                        number: pile.number.unwrap_or(piece.number),
                        ttl: 0,
                        id: None,
                        sized: true,
                    };
                    Added::Whole(carried, pile.bytes)
                }
                None => Added::Waiting,
            },
        }
    }

    /// Packets given up: too old, too many, or contradictory.
    pub fn given_up(&self) -> u64 {
        self.given_up
    }

    /// Packets that are not whole yet.
    pub fn waiting(&self) -> usize {
        self.piles.len()
    }

    fn expire(&mut self, now: Timestamp) {
        while let Some(oldest) = self.oldest()
            && self
                .piles
                .get(&oldest)
                .is_none_or(|pile| now.since(pile.since) > PATIENCE)
        {
            self.give_up(&oldest);
        }
    }

    fn make_room(&mut self) {
        while (self.piles.len() > PILES || self.held > BYTES)
            && let Some(oldest) = self.oldest()
        {
            self.give_up(&oldest);
        }
    }

    fn oldest(&self) -> Option<Key> {
        self.ages.first_key_value().map(|(_, &key)| key)
    }

    fn give_up(&mut self, key: &Key) {
        self.remove(key);
        self.given_up += 1;
    }

    fn remove(&mut self, key: &Key) -> Option<Pile> {
        let pile = self.piles.remove(key)?;
        self.ages.remove(&pile.age);
        self.held -= pile.bytes.len();
        Some(pile)
    }
}

impl Pile {
    fn new(age: u64, since: Timestamp) -> Self {
        Self {
            age,
            since,
            bytes: Vec::new(),
            have: Vec::new(),
            total: None,
            number: None,
        }
    }

    /// Puts a piece in its place; true once nothing is missing.
    ///
    /// Bytes may come twice if they are the same; a packet that differs from itself is not to be
    /// trusted, since hosts disagree on which bytes win.   RFC 5722
    fn put(&mut self, piece: &Fragment<'_>) -> Result<bool, &'static str> {
        let end = piece.at.saturating_add(piece.bytes.len() as u32);
        if piece.bytes.is_empty() {
            return Err("an IP fragment without data");
        }
        if end > LARGEST {
            return Err("IP fragments that reach beyond 65,535 bytes");
        }
        if piece.more && !piece.bytes.len().is_multiple_of(8) {
            return Err("an IP fragment, not the last, whose length is not a multiple of eight");
        }
        let so_far = self.bytes.len() as u32;
        let total = if piece.more { self.total } else { Some(end) };
        if total
            .is_some_and(|total| self.total.unwrap_or(total) != total || so_far.max(end) > total)
        {
            return Err("IP fragments that disagree on where the packet ends");
        }
        self.total = total;
        if piece.at == 0 {
            self.number = Some(piece.number);
        }
        self.copy(piece.at..end, piece.bytes)?;
        self.insert(piece.at..end)?;
        Ok(matches!(self.have.as_slice(), [Range { start: 0, end }] if Some(*end) == self.total))
    }

    fn copy(&mut self, place: Range<u32>, bytes: &[u8]) -> Result<(), &'static str> {
        for have in &self.have {
            let common = have.start.max(place.start)..have.end.min(place.end);
            if common.is_empty() {
                continue;
            }
            let theirs = bytes
                .get((common.start - place.start) as usize..)
                .and_then(|rest| rest.get(..common.len()));
            if self.bytes.get(common.start as usize..common.end as usize) != theirs {
                return Err("IP fragments that overlap with different bytes");
            }
        }
        if self.bytes.len() < place.end as usize {
            self.bytes.resize(place.end as usize, 0);
        }
        if let Some(into) = self.bytes.get_mut(place.start as usize..place.end as usize) {
            into.copy_from_slice(bytes);
        }
        Ok(())
    }

    /// Notes that these bytes have come, and joins what touches.
    fn insert(&mut self, place: Range<u32>) -> Result<(), &'static str> {
        let first = self.have.partition_point(|have| have.end < place.start);
        let after = self.have.partition_point(|have| have.start <= place.end);
        let start = self
            .have
            .get(first)
            .map_or(place.start, |have| have.start.min(place.start));
        let end = after
            .checked_sub(1)
            .and_then(|last| self.have.get(last))
            .map_or(place.end, |have| have.end.max(place.end));
        self.have
            .splice(first..after.max(first), std::iter::once(start..end));
        match self.have.len() {
            0..=HOLES => Ok(()),
            _ => Err("IP fragments with too many holes between them"),
        }
    }
}

/// Bytes that an IP packet can have.
const LARGEST: u32 = 65_535;

/// Runs of bytes apart from each other that a packet may have.
const HOLES: usize = 512;

/// Nanoseconds that fragments wait for each other, by packet time.
const PATIENCE: i64 = 30_000_000_000;

/// Packets that may wait.
const PILES: usize = 1024;

/// Bytes that may wait.
const BYTES: usize = 16 << 20;
