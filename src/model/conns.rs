//! What is known of each connection, found again without a search where it was asked for last.

use super::ConnId;
use foldhash::fast::FixedState;
use std::collections::HashMap;

/// Values by connection.
///
/// A packet causes several events of one connection, so the last one that was asked for is asked for
/// again: it is at hand. Numbers are our own, so nobody can choose them to collide.
#[derive(Clone, Debug)]
pub struct Conns<V> {
    slots: Vec<Option<(ConnId, V)>>,
    free: Vec<u32>,
    index: HashMap<ConnId, u32, FixedState>,
    /// The slot that was used last.
    last: u32,
}

impl<V> Default for Conns<V> {
    fn default() -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            index: HashMap::default(),
            last: 0,
        }
    }
}

impl<V> Conns<V> {
    /// What is known of this connection.
    #[inline]
    pub fn get_mut(&mut self, conn: ConnId) -> Option<&mut V> {
        let at_hand =
            matches!(self.slots.get(self.last as usize), Some(Some((id, _))) if *id == conn);
        if !at_hand {
            self.last = *self.index.get(&conn)?;
        }
        let (_, value) = self.slots.get_mut(self.last as usize)?.as_mut()?;
        Some(value)
    }

    /// What is known of this connection; begun where nothing was.
    #[inline]
    pub fn get_or_insert_with(&mut self, conn: ConnId, begin: impl FnOnce() -> V) -> &mut V {
        let at_hand =
            matches!(self.slots.get(self.last as usize), Some(Some((id, _))) if *id == conn);
        if !at_hand {
            self.last = match self.index.get(&conn) {
                Some(slot) => *slot,
                None => self.slot(conn),
            };
        }
        if self.slots.len() <= self.last as usize {
            self.slots.resize_with(self.last as usize + 1, || None);
        }
        let slot = &mut self.slots[self.last as usize];
        &mut slot.get_or_insert_with(|| (conn, begin())).1
    }

    /// Whether anything is known of this connection.
    #[must_use]
    pub fn contains(&mut self, conn: ConnId) -> bool {
        self.get_mut(conn).is_some()
    }

    /// Forgets a connection.
    pub fn remove(&mut self, conn: ConnId) -> Option<V> {
        let slot = self.index.remove(&conn)?;
        self.free.push(slot);
        let (_, value) = self.slots.get_mut(slot as usize)?.take()?;
        Some(value)
    }

    /// All that is known, in the order of the connections.
    pub fn drain(&mut self) -> impl Iterator<Item = (ConnId, V)> + use<V> {
        self.index.clear();
        self.free.clear();
        let mut all: Vec<_> = std::mem::take(&mut self.slots)
            .into_iter()
            .flatten()
            .collect();
        all.sort_unstable_by_key(|(conn, _)| *conn);
        all.into_iter()
    }

    /// A free slot for a connection that has none.
    fn slot(&mut self, conn: ConnId) -> u32 {
        let slot = self
            .free
            .pop()
            .unwrap_or(u32::try_from(self.slots.len()).unwrap_or(u32::MAX));
        self.index.insert(conn, slot);
        slot
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// The same as a map that searches each time.
    #[test]
    fn a_connection_is_found_whoever_was_asked_for_last() {
        let (mut fast, mut plain) = (Conns::default(), BTreeMap::new());
        let mut state = 1_u32;
        for step in 0..20_000_u32 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let conn = ConnId(state >> 16 & 31);
            match state >> 28 {
                0 => assert_eq!(fast.remove(conn), plain.remove(&conn)),
                1..=3 => {
                    let value = *plain.entry(conn).or_insert(step);
                    assert_eq!(*fast.get_or_insert_with(conn, || step), value);
                }
                4 => assert_eq!(fast.contains(conn), plain.contains_key(&conn)),
                _ => assert_eq!(fast.get_mut(conn), plain.get_mut(&conn)),
            }
        }
        let all: Vec<_> = fast.drain().collect();
        assert_eq!(all, plain.into_iter().collect::<Vec<_>>());
        assert_eq!(fast.get_mut(ConnId(1)), None);
    }
}
