//! One layer, two tails, and the pump between them.
//!
//! ```text
//! input ─► tail (what the layer would not take yet) ─► layer ─► events
//! ```
//! In order and whole, bytes go through without a copy. On `Become` the other direction catches up
//! first: what it holds was captured earlier, so its events come earlier.

use super::detect::Detect;
use super::opaque::Opaque;
use super::{Layer, Step};
use crate::model::{Cx, Dir, End, Input, PacketNo, Protocol, Span, What};
use std::collections::VecDeque;

/// The layer of a stream, and the bytes that it would not take yet.
#[derive(Clone, Debug)]
pub struct Host {
    layer: Layer,
    tails: [Tail; 2],
}

/// What waits in one direction: only ever bytes first, then gaps, more bytes, an end.
#[derive(Clone, Debug, Default)]
struct Tail {
    queue: VecDeque<Item>,
    held: usize,
}

#[derive(Clone, Debug)]
enum Item {
    Bytes(Held),
    Rest(Input<'static>),
}

/// Bytes in order, with the packets that carried them.
#[derive(Clone, Debug)]
struct Held {
    at: u64,
    bytes: Vec<u8>,
    /// Offset of the first byte that each packet carried.
    marks: Vec<(u64, PacketNo)>,
}

/// How far the layer came with a run of bytes.
enum Stop {
    /// All taken.
    Done,
    /// From here on it waits for more bytes.
    Wait(usize),
    /// From here on it waits for the other direction.
    Pause(usize),
}

impl Host {
    /// About how many bytes of memory it takes.
    pub(crate) fn weight(&self) -> usize {
        let tails: usize = self.tails.iter().map(|tail| tail.held).sum();
        size_of::<Self>() + tails + self.layer.weight()
    }

    /// A host for a stream of which nothing is known yet; `midstream` says that it began before the
    /// capture, and `decode_as` what it is to be taken for where its first bytes do not tell.
    #[must_use]
    pub fn new(midstream: bool, decode_as: Option<Protocol>) -> Self {
        Self {
            layer: Layer::Detect(Detect {
                midstream,
                decode_as,
            }),
            tails: Default::default(),
        }
    }

    /// Takes the next input of a direction.
    pub fn feed(&mut self, dir: Dir, input: Input<'_>, cx: &mut Cx<'_>) {
        self.take(dir, input, cx);
        // What this direction brought may be what the other one waited for.
        if !dir.flip().of(&self.tails).queue.is_empty() {
            self.catch_up(dir.flip(), cx);
        }
        if matches!(input, Input::End(_)) && !dir.of(&self.tails).queue.is_empty() {
            self.give_up_waiting(dir, cx);
        }
    }

    fn take(&mut self, dir: Dir, input: Input<'_>, cx: &mut Cx<'_>) {
        if !dir.of(&self.tails).queue.is_empty() {
            dir.of_mut(&mut self.tails).push(input);
            self.check_limit(dir, cx);
            return self.catch_up(dir, cx);
        }
        match input {
            Input::Bytes { at, packet, bytes } => {
                let marks = [(at, packet)];
                if let Stop::Wait(from) | Stop::Pause(from) = self.pump(dir, at, bytes, &marks, cx)
                {
                    let rest = bytes.get(from..).unwrap_or_default();
                    let at = at + from as u64;
                    dir.of_mut(&mut self.tails).push(Input::Bytes {
                        at,
                        packet,
                        bytes: rest,
                    });
                    self.check_limit(dir, cx);
                }
            }
            Input::Gap { .. } | Input::End(_) => self.step(dir, input, cx),
        }
    }

    /// Offers the layer what waits in a direction, until it wants no more.
    fn catch_up(&mut self, dir: Dir, cx: &mut Cx<'_>) {
        while let Some(item) = dir.of_mut(&mut self.tails).pop() {
            match item {
                Item::Rest(input) => self.step(dir, input, cx),
                Item::Bytes(mut held) => {
                    let stop = self.pump(dir, held.at, &held.bytes, &held.marks, cx);
                    let more_behind = !dir.of(&self.tails).queue.is_empty();
                    match stop {
                        Stop::Done => {}
                        // What follows is no byte: the wait would never end.
                        Stop::Wait(from) if more_behind => {
                            held.drop_front(from);
                            if let Some(passed) = self.last_look(dir, &held, cx) {
                                held.drop_front(passed);
                                dir.of_mut(&mut self.tails).put_back(held);
                                continue;
                            }
                            self.layer.leave(dir, held.at, &held.bytes, cx);
                        }
                        Stop::Wait(from) | Stop::Pause(from) => {
                            held.drop_front(from);
                            return dir.of_mut(&mut self.tails).put_back(held);
                        }
                    }
                }
            }
        }
    }

    /// Where FIN comes right behind these bytes, they may tell more than before.
    fn last_look(&mut self, dir: Dir, held: &Held, cx: &mut Cx<'_>) -> Option<usize> {
        let next = dir.of(&self.tails).queue.front();
        let fin = matches!(next, Some(Item::Rest(Input::End(End::Fin))));
        fin.then(|| self.layer.last_look(dir, held.at, &held.bytes, cx))?
    }

    /// At the end of a direction nothing waits any more: neither for bytes nor for the other side.
    fn give_up_waiting(&mut self, dir: Dir, cx: &mut Cx<'_>) {
        let tail = std::mem::take(dir.of_mut(&mut self.tails));
        for item in tail.queue {
            match item {
                Item::Rest(input) => self.step(dir, input, cx),
                Item::Bytes(held) => {
                    let span = Span::tcp(held.at, held.bytes.len() as u64);
                    let text = "the stream ended before these bytes could be understood";
                    cx.anomaly(dir, span, What::Unfinished, text);
                }
            }
        }
    }

    /// Feeds bytes to the layer for as long as it takes them.
    fn pump(
        &mut self,
        dir: Dir,
        mut at: u64,
        bytes: &[u8],
        marks: &[(u64, PacketNo)],
        cx: &mut Cx<'_>,
    ) -> Stop {
        let mut from = 0;
        while let Some(rest @ [_, ..]) = bytes.get(from..) {
            let packet = carrier(marks, at).unwrap_or(cx.packet);
            let taken = match self.layer.feed(
                dir,
                Input::Bytes {
                    at,
                    packet,
                    bytes: rest,
                },
                cx,
            ) {
                Step::Wait | Step::Took(0) => return Stop::Wait(from),
                Step::Pause => return Stop::Pause(from),
                Step::Took(taken) => taken,
                Step::Become(taken, layer) => {
                    self.layer = layer;
                    self.catch_up(dir.flip(), cx);
                    taken
                }
            };
            let taken = taken.min(rest.len());
            from += taken;
            at += taken as u64;
        }
        Stop::Done
    }

    /// Feeds the layer a gap or an end.
    fn step(&mut self, dir: Dir, input: Input<'_>, cx: &mut Cx<'_>) {
        if let Step::Become(_, layer) = self.layer.feed(dir, input, cx) {
            self.layer = layer;
            self.catch_up(dir.flip(), cx);
        }
    }

    fn check_limit(&mut self, dir: Dir, cx: &mut Cx<'_>) {
        let tail = dir.of(&self.tails);
        if tail.held <= cx.limits.tail_bytes {
            return;
        }
        let at = tail.queue.front().map_or(0, |item| match item {
            Item::Bytes(held) => held.at,
            Item::Rest(_) => 0,
        });
        let span = Span::tcp(at, tail.held as u64);
        let text = "more bytes waited to be understood than may be held: the connection is passed over from here";
        cx.anomaly(dir, span, What::Limit, text);
        self.layer = Layer::Opaque(Opaque);
    }
}

impl Tail {
    fn push(&mut self, input: Input<'_>) {
        let input = match input {
            Input::Gap { at, len, exact } => Item::Rest(Input::Gap { at, len, exact }),
            Input::End(end) => Item::Rest(Input::End(end)),
            Input::Bytes { at, packet, bytes } => {
                self.held += bytes.len();
                if let Some(Item::Bytes(held)) = self.queue.back_mut() {
                    held.bytes.extend_from_slice(bytes);
                    held.marks.push((at, packet));
                    return;
                }
                Item::Bytes(Held {
                    at,
                    bytes: bytes.to_vec(),
                    marks: vec![(at, packet)],
                })
            }
        };
        self.queue.push_back(input);
    }

    fn pop(&mut self) -> Option<Item> {
        let item = self.queue.pop_front();
        if let Some(Item::Bytes(held)) = &item {
            self.held = self.held.saturating_sub(held.bytes.len());
        }
        item
    }

    fn put_back(&mut self, held: Held) {
        self.held += held.bytes.len();
        self.queue.push_front(Item::Bytes(held));
    }
}

impl Held {
    fn drop_front(&mut self, count: usize) {
        let count = count.min(self.bytes.len());
        self.bytes.drain(..count);
        self.at += count as u64;
        let carried = self
            .marks
            .partition_point(|&(at, _)| at <= self.at)
            .saturating_sub(1);
        self.marks.drain(..carried);
    }
}

/// The packet that carried the byte at this offset.
fn carrier(marks: &[(u64, PacketNo)], at: u64) -> Option<PacketNo> {
    let behind = marks.partition_point(|&(start, _)| start <= at);
    marks.get(behind.checked_sub(1)?).map(|&(_, packet)| packet)
}
