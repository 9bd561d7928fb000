//! What goes wrong with captures, done to a finished one.
//!
//! Packets are named by their numbers, from 1, as they are before the fault. Numbers that do not
//! exist are passed over, so that they may be chosen at random.

use super::random::Random;
use super::{Forged, Packet};
use std::ops::Range;

impl Forged {
    /// The capture misses these packets; who they were for got them.
    #[must_use]
    pub fn lose(self, numbers: impl IntoIterator<Item = usize>) -> Self {
        let lost: Vec<_> = numbers.into_iter().collect();
        self.keep(|number, _| !lost.contains(&number))
    }

    /// Keeps the packets that `keep` says yes to, by number.
    #[must_use]
    pub fn keep(mut self, mut keep: impl FnMut(usize, &Packet) -> bool) -> Self {
        let mut number = 0;
        self.packets.retain(|packet| {
            number += 1;
            keep(number, packet)
        });
        self
    }

    /// A packet was lost before it came to the tap: what the capture has is its retransmission, this
    /// many packets later. Pure reordering looks the same.
    #[must_use]
    pub fn late(mut self, number: usize, by: usize) -> Self {
        if let Some(index) = self.index(number) {
            let packet = self.packets.remove(index);
            self.insert(index + by, packet);
        }
        self
    }

    /// A packet was lost behind the tap: the capture has it, and its retransmission this many
    /// packets later. With 1 it is a duplicate.
    #[must_use]
    pub fn again(mut self, number: usize, by: usize) -> Self {
        if let Some(index) = self.index(number) {
            self.insert(index + by, self.packets[index].clone());
        }
        self
    }

    /// A retransmission comes this many packets later, and covers up to so many bytes more, before
    /// and behind those of the packet.
    #[must_use]
    pub fn overlap(mut self, number: usize, by: usize, more: [u64; 2]) -> Self {
        if let Some(index) = self.index(number) {
            let carries = &self.packets[index].carries;
            let wide = carries.start.saturating_sub(more[0])..carries.end + more[1];
            let packet = self.retransmission(index, wide, |_| {});
            self.insert(index + by, packet);
        }
        self
    }

    /// A retransmission comes this many packets later, and its first byte is another one.
    #[must_use]
    pub fn conflict(mut self, number: usize, by: usize) -> Self {
        if let Some(index) = self.index(number) {
            let same = self.packets[index].carries.clone();
            let packet = self.retransmission(index, same, |payload| {
                payload.iter_mut().take(1).for_each(|byte| *byte ^= 0xff);
            });
            self.insert(index + by, packet);
        }
        self
    }

    /// Mixes the order of each run of packets with data of the same side, between which the other
    /// side said nothing.
    #[must_use]
    pub fn shuffle(mut self, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let times: Vec<_> = self.packets.iter().map(|packet| packet.time).collect();
        let key = |packet: &Packet| {
            let data = !packet.carries.is_empty();
            (packet.conn, packet.dir, data)
        };
        for run in self.packets.chunk_by_mut(|a, b| key(a) == key(b)) {
            for last in (1..run.len()).rev() {
                run.swap(last, random.below(last as u64 + 1) as usize);
            }
        }
        for (packet, time) in self.packets.iter_mut().zip(times) {
            packet.time = time;
        }
        self
    }

    /// Keeps only this many bytes of each packet.
    #[must_use]
    pub fn snaplen(mut self, bytes: usize) -> Self {
        for packet in &mut self.packets {
            let cut = packet.data.len().saturating_sub(bytes) as u64;
            packet.data.truncate(bytes);
            let carries = &mut packet.carries;
            carries.end = carries.end.saturating_sub(cut).max(carries.start);
        }
        self
    }

    /// The capture begins with this packet.
    #[must_use]
    pub fn begin_at(self, number: usize) -> Self {
        self.keep(|other, _| other >= number)
    }

    /// The capture ends with this packet.
    #[must_use]
    pub fn end_at(self, number: usize) -> Self {
        self.keep(|other, _| other <= number)
    }

    /// The stream bytes of a direction that no packet carries.
    #[must_use]
    pub fn missing(&self, conn: usize, dir: crate::model::Dir) -> Vec<Range<u64>> {
        let mut carried: Vec<_> = self
            .packets
            .iter()
            .filter(|packet| (packet.conn, packet.dir) == (conn, dir))
            .map(|packet| packet.carries.clone())
            .collect();
        carried.sort_by_key(|range| range.start);
        let end = self
            .conns
            .get(conn)
            .map_or(0, |conn| dir.of(&conn.streams).len() as u64);
        carried.push(end..end);
        let (mut missing, mut next) = (Vec::new(), 0);
        for range in carried.iter().filter(|range| range.start <= end) {
            if range.start > next {
                missing.push(next..range.start);
            }
            next = next.max(range.end);
        }
        missing
    }

    fn index(&self, number: usize) -> Option<usize> {
        number
            .checked_sub(1)
            .filter(|&index| index < self.packets.len())
    }

    /// Puts a packet in, captured right after the one before it.
    fn insert(&mut self, index: usize, mut packet: Packet) {
        let index = index.min(self.packets.len());
        if let Some(before) = index.checked_sub(1).and_then(|i| self.packets.get(i)) {
            packet.time = before.time;
        }
        self.packets.insert(index, packet);
    }

    /// A packet like this one that carries another part of the stream.
    fn retransmission(
        &self,
        index: usize,
        carries: Range<u64>,
        change: impl FnOnce(&mut Vec<u8>),
    ) -> Packet {
        let like = &self.packets[index];
        let Some(conn) = self.conns.get(like.conn) else {
            return like.clone();
        };
        let stream = like.dir.of(&conn.streams);
        let end = carries.end.min(stream.len() as u64);
        let carries = carries.start.min(end)..end;
        let mut payload = stream[carries.start as usize..end as usize].to_vec();
        change(&mut payload);
        let mut head = like.head;
        head.seq = conn.net.seq(like.dir, carries.start);
        let data = conn.net.packet(like.dir, head, &payload);
        Packet {
            orig_len: data.len() as u32,
            data,
            carries,
            ..like.clone()
        }
    }
}
