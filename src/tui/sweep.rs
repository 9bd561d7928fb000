//! A filter or a search on its way: through the index first, which decides most, then through the payloads that it
//! does not have.
//!
//! ```text
//! lines that were there when it began   ─► sweep, a slice at a time ─┬─► yes, no
//! lines that come with the next batches ─► decided as they come     ─┤
//!                                                                    └─► only the payload tells ─► Job::Sift
//! ```
//! What is read after a filter was set is looked at with its payload by who reads it (the lens).

use super::msg::{Job, Passed};
use super::sift::{Hits, Needle};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use wscope::engine::Stretch;
use wscope::field::View;
use wscope::model::{ConnId, Event, EventId, Flow, Loan, PacketNo, Timestamp};
use wscope::sink::{Index, Level, Line, Moved, Track};

/// A filter or a search that is on.
#[derive(Debug)]
pub struct Sifting {
    pub text: String,
    pub needle: Needle,
    pub generation: u64,
    pub hits: Hits,
    pub percent: u64,
    /// Everything that was read was looked through.
    pub done: bool,
    sweep: Option<Sweep>,
    /// Packets with payloads that have to be read, by connection.
    unread: BTreeMap<ConnId, (PacketNo, PacketNo)>,
    /// A job reads them now.
    reading: bool,
    /// The first that a search found was gone to.
    pub jumped: bool,
    /// When what was found was shown last.
    shown: Option<Instant>,
}

/// How far it came through the index.
#[derive(Debug)]
struct Sweep {
    /// For each connection the line after those that were there at the beginning.
    until: Vec<Line>,
    track: usize,
    line: Line,
}

/// Between two times that what was found so far is shown: each time lists are made anew.
const SHOWN: Duration = Duration::from_millis(100);

/// Lines that are looked at between two looks at the clock.
const STRIDE: usize = 512;

/// The same, where most are passed over.
const ROWS: usize = 16_384;

impl Sifting {
    /// Begins with everything in the index.
    pub fn new(text: &str, needle: Needle, generation: u64, index: &Index) -> Self {
        let until = index.tracks().iter().map(|track| track.end()).collect();
        // A search reads all messages: that need not wait for anything.
        let tracks = index
            .tracks()
            .iter()
            .filter(|_| matches!(needle, Needle::Search(_)));
        let talks = tracks.filter_map(|it| Some((it.conn, (PacketNo::FIRST, it.talked()?))));
        let unread = talks.collect();
        Self {
            text: text.to_owned(),
            needle,
            generation,
            hits: Hits::default(),
            percent: 0,
            done: false,
            sweep: Some(Sweep {
                until,
                track: 0,
                line: Line::FIRST,
            }),
            unread,
            reading: false,
            jumped: false,
            shown: None,
        }
    }

    /// Connections have moved up in the list.
    pub fn moved(&mut self, moved: &Moved, index: &Index) {
        self.hits.moved(moved);
        self.unread.retain(|conn, _| !index.has_forgotten(*conn));
        let Some(sweep) = &mut self.sweep else { return };
        let places = sweep.until.iter().enumerate();
        let left = places.filter(|(at, _)| moved.to(*at).is_some());
        let until = left.map(|(_, line)| *line).collect();
        if moved.to(sweep.track).is_none() {
            sweep.line = Line::FIRST;
        }
        sweep.track = moved.left(sweep.track);
        sweep.until = until;
    }

    /// Whether there is something to do without waiting for anything.
    pub fn is_busy(&self) -> bool {
        self.sweep.is_some()
    }

    /// Goes on through the index for so long.
    pub fn sweep(&mut self, index: &Index, start: Timestamp, budget: Duration) {
        let Some(mut sweep) = self.sweep.take() else {
            return;
        };
        let begin = Instant::now();
        let before = self.hits.count;
        let ended = loop {
            if sweep.track >= sweep.until.len() {
                break true;
            }
            self.some(index, start, &mut sweep);
            if begin.elapsed() >= budget {
                break false;
            }
        };
        let all = sweep.until.len().max(1);
        if !self.reading {
            self.percent = (sweep.track * 100 / all) as u64;
        }
        if !ended {
            self.sweep = Some(sweep);
        }
        self.show(ended, before);
    }

    /// Lets lists be made anew, where there is something new and it is time.
    fn show(&mut self, at_once: bool, before: u64) {
        let due = self.shown.is_none_or(|shown| shown.elapsed() >= SHOWN);
        if at_once || due && self.hits.count > before {
            self.hits.version += 1;
            self.shown = Some(Instant::now());
        }
    }

    /// Looks at some lines, or at a connection as a whole.
    fn some(&mut self, index: &Index, start: Timestamp, sweep: &mut Sweep) {
        let at = sweep.track;
        let until = sweep.until[at];
        let Some(track) = index.tracks().get(at) else {
            sweep.track += 1;
            return;
        };
        let all = (sweep.line == Line::FIRST && track.never_turned())
            .then(|| self.needle.decide_conn(track.conn, &track.flow))
            .flatten();
        if matches!(self.needle, Needle::Search(_)) {
            self.search(track, start, sweep);
            return;
        }
        if all != Some(false) {
            let lines = track.events(sweep.line, Level::Acks);
            let (mut left, mut unread) = (STRIDE, None);
            let mut next = None;
            for (line, event) in lines.take_while(|(line, _)| *line < until) {
                if left == 0 {
                    next = Some(line);
                    break;
                }
                left -= 1;
                let said = all.or_else(|| {
                    let view = View {
                        event: &event,
                        flow: track.flow_at(line),
                        loan: Loan::default(),
                        start,
                    };
                    self.needle.decide(&view)
                });
                match said {
                    Some(true) => self.hits.set(at, line),
                    Some(false) => {}
                    None => {
                        let (first, _) = unread.unwrap_or((event.first, event.packet));
                        unread = Some((first.min(event.first), event.packet));
                    }
                }
            }
            if let Some((first, last)) = unread {
                self.read_later(track.conn, first, last);
            }
            if let Some(line) = next {
                sweep.line = line;
                return;
            }
        }
        sweep.track += 1;
        sweep.line = Line::FIRST;
    }

    /// Of a search all messages are read, and no frame says anything: what is left is little.
    fn search(&mut self, track: &Track, start: Timestamp, sweep: &mut Sweep) {
        let (at, until) = (sweep.track, sweep.until[sweep.track]);
        let next = sweep.line.further(ROWS);
        let rare = track.rare_lines(sweep.line, ROWS);
        for (line, event) in rare.take_while(|(line, _)| *line < until) {
            let view = View {
                event: &event,
                flow: track.flow_at(line),
                loan: Loan::default(),
                start,
            };
            // An unusual message, which it cannot decide, is read with all the others.
            if self.needle.decide(&view) == Some(true) {
                self.hits.set(at, line);
            }
        }
        if next < until {
            sweep.line = next;
            return;
        }
        sweep.track += 1;
        sweep.line = Line::FIRST;
    }

    fn read_later(&mut self, conn: ConnId, first: PacketNo, last: PacketNo) {
        let range = self.unread.entry(conn).or_insert((first, last));
        *range = (range.0.min(first), range.1.max(last));
    }

    /// What is said of an event that comes now, before it is in the index.
    pub fn ask(&self, event: &Event, flow: &Flow, start: Timestamp) -> Said {
        let view = View {
            event,
            flow,
            loan: Loan::default(),
            start,
        };
        match self.needle.decide(&view) {
            Some(said) => Said::Sure(said),
            None => Said::Read(event.conn, event.first, event.packet),
        }
    }

    /// Takes what was said of an event that is in the index now.
    pub fn take(&mut self, said: Said, at: usize, line: Line) {
        match said {
            Said::Sure(true) => {
                let new = !self.hits.any(at);
                self.hits.set(at, line);
                self.hits.version += u64::from(new);
            }
            Said::Sure(false) => {}
            Said::Read(conn, first, last) => self.read_later(conn, first, last),
        }
    }

    /// Takes what reading has found.
    pub fn found(
        &mut self,
        index: &Index,
        found: &[(ConnId, EventId)],
        percent: u64,
        is_last: bool,
    ) {
        let before = self.hits.count;
        self.hits.take(index, found);
        self.percent = percent;
        self.reading &= !is_last;
        self.show(is_last || before == 0, before);
    }

    /// The next thing to do, where the index has said all it knows: a job, or nothing any more.
    pub fn next(&mut self, index: &Index, start: Timestamp, loaded: bool) -> Option<Job> {
        let waits = self.is_busy() && matches!(self.needle, Needle::Filter(_));
        if waits || self.reading {
            return None;
        }
        let stretches: Vec<_> = std::mem::take(&mut self.unread)
            .into_iter()
            .map(|(conn, (from, to))| Stretch { conn, from, to })
            .collect();
        if stretches.is_empty() {
            self.done |= loaded && !self.is_busy();
            return None;
        }
        self.reading = true;
        self.done = false;
        self.percent = 0;
        let places = stretches.iter().filter_map(|it| index.place(it.conn));
        let messages = places.filter_map(|at| index.tracks()[at].sequence());
        Some(Job::Sift {
            messages: messages.collect(),
            generation: self.generation,
            needle: self.needle.clone(),
            start,
            stretches,
        })
    }
}

/// What is said of an event before it is in the index.
#[derive(Clone, Copy, Debug)]
pub enum Said {
    Sure(bool),
    /// Only its payload tells, in these packets.
    Read(ConnId, PacketNo, PacketNo),
}

/// What a lens has seen of a batch, event by event.
pub struct Seen<'a> {
    from: usize,
    hits: std::iter::Peekable<std::slice::Iter<'a, u32>>,
}

impl<'a> Seen<'a> {
    /// Of the filter or the search that is on; nothing where the lens had another one.
    pub fn of(passed: Option<&'a Passed>, sifting: &Sifting) -> Self {
        let passed = passed.filter(|passed| passed.generation == sifting.generation);
        Self {
            from: passed.map_or(usize::MAX, |passed| passed.from),
            hits: passed
                .map_or(&[][..], |passed| &passed.hits)
                .iter()
                .peekable(),
        }
    }

    /// Whether the event at this place passed; none where it was not looked at.
    pub fn next(&mut self, at: usize) -> Option<bool> {
        (at >= self.from).then(|| self.hits.next_if(|&&hit| hit as usize == at).is_some())
    }
}
