//! Which connection a segment belongs to.

use crate::model::Endpoint;
use foldhash::quality::RandomState;
use hashbrown::HashTable;
use std::hash::{BuildHasher, Hash, Hasher};
use std::net::IpAddr;

/// The two ends of a connection, without regard to who asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Key {
    /// IPv4 addresses as IPv6 has them; the end with the lower one, then port, first.
    ips: [u128; 2],
    ports: u32,
}

impl Hash for Key {
    /// Word by word: as a slice of bytes it takes three times as long.
    fn hash<H: Hasher>(&self, state: &mut H) {
        let [low, high] = self.ips;
        state.write_u128(low);
        state.write_u128(high);
        state.write_u32(self.ports);
    }
}

impl Key {
    /// The same key for both directions.
    #[must_use]
    pub fn new(a: Endpoint, b: Endpoint) -> Self {
        let (a, b) = (half(a), half(b));
        let (low, high) = if a <= b { (a, b) } else { (b, a) };
        Self {
            ips: [low.0, high.0],
            ports: u32::from(low.1) << 16 | u32::from(high.1),
        }
    }
}

fn half(end: Endpoint) -> (u128, u16) {
    let ip = match end.ip {
        IpAddr::V4(ip) => 0xffff << 32 | u128::from(ip.to_bits()),
        IpAddr::V6(ip) => ip.to_bits(),
    };
    (ip, end.port)
}

/// Connections by their ends, each in a numbered slot that is used again once it is free.
///
/// To find one that has been silent for long, a hand goes round the slots like a clock's: it passes
/// by what was used since it came last.
#[derive(Debug)]
pub struct Table<V> {
    slots: Slots<V>,
    hand: usize,
    free: Vec<u32>,
    /// Slots by the hash of their keys, which stand in the slots alone: a packet's way to its connection
    /// touches little else. Never iterated.
    index: HashTable<u32>,
    /// Random, since a capture chooses the keys.
    seed: RandomState,
}

/// Where a connection is.
#[derive(Clone, Copy, Debug)]
pub struct Slotted(u32);

/// The key first: it is looked at before all else.
#[derive(Debug)]
#[repr(C)]
struct Slot<V> {
    key: Key,
    /// Used since the hand was here.
    used: bool,
    value: V,
}

/// Numbered slots, in chunks: as they grow none is moved, and no room is taken for twice as many.
#[derive(Debug)]
struct Slots<V>(Vec<Vec<Option<Slot<V>>>>);

/// Slots of a chunk.
const CHUNK: usize = 64;

impl<V> Slots<V> {
    #[inline]
    fn get(&self, slot: u32) -> Option<&Slot<V>> {
        let slot = slot as usize;
        self.0.get(slot / CHUNK)?.get(slot % CHUNK)?.as_ref()
    }

    #[inline]
    fn place(&mut self, slot: u32) -> Option<&mut Option<Slot<V>>> {
        let slot = slot as usize;
        self.0.get_mut(slot / CHUNK)?.get_mut(slot % CHUNK)
    }

    #[inline]
    fn get_mut(&mut self, slot: u32) -> Option<&mut Slot<V>> {
        self.place(slot)?.as_mut()
    }

    /// A new slot, with nothing in it.
    fn add(&mut self) -> u32 {
        if self.0.last().is_none_or(|last| last.len() == CHUNK) {
            self.0.push(Vec::with_capacity(CHUNK));
        }
        if let Some(last) = self.0.last_mut() {
            last.push(None);
        }
        u32::try_from(self.len().saturating_sub(1)).unwrap_or(u32::MAX)
    }

    /// How many there are, with something in them or not.
    fn len(&self) -> usize {
        let last = self.0.last().map_or(0, Vec::len);
        self.0.len().saturating_sub(1) * CHUNK + last
    }
}

impl<V> Default for Table<V> {
    fn default() -> Self {
        Self {
            slots: Slots(Vec::new()),
            hand: 0,
            free: Vec::new(),
            index: HashTable::new(),
            seed: RandomState::default(),
        }
    }
}

impl<V> Table<V> {
    /// The connection between these ends.
    pub fn find(&mut self, key: &Key) -> Option<&mut V> {
        let place = self.place(key)?;
        self.at(place)
    }

    /// Where the connection between these ends is, until another one is put in or taken out.
    #[inline]
    #[must_use]
    pub fn place(&self, key: &Key) -> Option<Slotted> {
        let found = self
            .index
            .find(self.seed.hash_one(key), |&slot| self.has(slot, key));
        found.copied().map(Slotted)
    }

    #[inline]
    fn has(&self, slot: u32, key: &Key) -> bool {
        self.slots.get(slot).is_some_and(|slot| slot.key == *key)
    }

    /// The connection that is there.
    #[inline]
    pub fn at(&mut self, Slotted(place): Slotted) -> Option<&mut V> {
        let slot = self.slots.get_mut(place)?;
        slot.used = true;
        Some(&mut slot.value)
    }

    /// Takes a connection out that was not used for long.
    pub fn evict(&mut self) -> Option<V> {
        // Twice round at most: the first time may only take the marks away.
        for _ in 0..=2 * self.slots.len() {
            self.hand = (self.hand + 1) % self.slots.len().max(1);
            match self.slots.place(u32::try_from(self.hand).ok()?)? {
                Some(slot) if slot.used => slot.used = false,
                Some(slot) => {
                    let key = slot.key;
                    return self.remove(&key);
                }
                None => {}
            }
        }
        None
    }

    /// Puts a connection in, in the place of an earlier one between the same ends, which is given back.
    pub fn insert(&mut self, key: Key, value: V) -> Option<V> {
        let before = self.remove(&key);
        let slot = self.free.pop().unwrap_or_else(|| self.slots.add());
        if let Some(place) = self.slots.place(slot) {
            *place = Some(Slot {
                key,
                used: true,
                value,
            });
            let (slots, seed) = (&self.slots, &self.seed);
            let hash = |slot: &u32| slots.get(*slot).map_or(0, |slot| seed.hash_one(slot.key));
            self.index.insert_unique(seed.hash_one(key), slot, hash);
        }
        before
    }

    /// Takes a connection out.
    pub fn remove(&mut self, key: &Key) -> Option<V> {
        let Slotted(slot) = self.place(key)?;
        let found = self
            .index
            .find_entry(self.seed.hash_one(key), |it| *it == slot);
        found.ok()?.remove();
        self.free.push(slot);
        Some(self.slots.place(slot)?.take()?.value)
    }

    /// All connections and where they are, in the order of their slots.
    pub fn iter(&self) -> impl Iterator<Item = (Slotted, &V)> {
        let slots = self.slots.0.iter().flatten();
        let numbered = (0..).zip(slots);
        numbered.filter_map(|(no, slot)| Some((Slotted(no), &slot.as_ref()?.value)))
    }

    /// How many connections there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(port: u16) -> Endpoint {
        Endpoint {
            ip: [127, 0, 0, 1].into(),
            port,
        }
    }

    #[test]
    fn both_directions_find_the_same_connection() {
        let mut table = Table::default();
        table.insert(Key::new(end(1), end(2)), "a");
        table.insert(Key::new(end(1), end(3)), "b");
        assert_eq!(table.find(&Key::new(end(2), end(1))), Some(&mut "a"));
        assert_eq!(table.find(&Key::new(end(3), end(1))), Some(&mut "b"));
        assert_eq!(table.find(&Key::new(end(2), end(3))), None);
    }

    #[test]
    fn the_one_that_was_silent_longest_goes_first() {
        let mut table = Table::default();
        for port in 1..=4 {
            table.insert(Key::new(end(0), end(port)), port);
        }
        assert!(table.evict().is_some(), "all are new: any may go");
        let rest: Vec<u16> = (1..=4)
            .filter(|&p| table.find(&Key::new(end(0), end(p))).is_some())
            .collect();
        let [first, second, third] = rest[..] else {
            panic!("{rest:?}")
        };
        table.evict();
        for port in [first, second, third] {
            table.find(&Key::new(end(0), end(port)));
        }
        table.insert(Key::new(end(0), end(9)), 9);
        assert_eq!(table.len(), 3);
        while table.evict().is_some() {}
        assert!(table.is_empty());
    }

    #[test]
    fn ports_used_again_give_the_earlier_connection_back() {
        let mut table = Table::default();
        let key = Key::new(end(1), end(2));
        assert_eq!(table.insert(key, "first"), None);
        assert_eq!(table.insert(key, "second"), Some("first"));
        assert_eq!(table.len(), 1);
        assert_eq!(
            table.iter().map(|(_, it)| *it).collect::<Vec<_>>(),
            ["second"]
        );
    }

    /// The same as a map, whatever is put in and taken out, over many chunks.
    #[test]
    fn what_was_put_in_is_found_until_it_is_taken_out() {
        let (mut table, mut map) = (Table::default(), std::collections::HashMap::new());
        let mut state = 1_u32;
        for step in 0..20_000_u32 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let port = (state >> 16) as u16 % 500;
            let key = Key::new(end(port), end(1000));
            match state >> 29 {
                0..=2 => assert_eq!(table.insert(key, step), map.insert(port, step)),
                3 | 4 => assert_eq!(table.remove(&key), map.remove(&port)),
                _ => assert_eq!(table.find(&key), map.get_mut(&port)),
            }
            assert_eq!(table.len(), map.len());
        }
        assert!(table.len() > 2 * CHUNK);
        let mut all: Vec<_> = table.iter().map(|(_, it)| *it).collect();
        let mut known: Vec<_> = map.into_values().collect();
        all.sort_unstable();
        known.sort_unstable();
        assert_eq!(all, known);
        for (place, value) in table
            .iter()
            .map(|(place, it)| (place, *it))
            .collect::<Vec<_>>()
        {
            assert_eq!(table.at(place), Some(&mut value.clone()));
        }
    }
}
