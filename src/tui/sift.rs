//! Looking through the whole capture: what a filter shows, what a search finds.

use memchr::memmem;
use regex::bytes::{Regex, RegexBuilder};
use std::collections::HashMap;
use wscope::explain::{Lang, brief};
use wscope::field::{Filter, View};
use wscope::model::{ConnId, EventId, EventKind, Flow, Http, Loan, Ws};
use wscope::sink::{Index, Level, Line, Moved, summary};

/// What is looked for.
#[derive(Clone, Debug)]
pub enum Needle {
    Filter(Filter),
    Search(Pattern),
}

/// What `/` searches for.
#[derive(Clone, Debug)]
pub enum Pattern {
    Regex(Regex),
    Bytes(Vec<u8>),
}

impl Pattern {
    /// `text`, `re:REGEX` or `hex:81 7e`; case does not matter.
    pub fn new(text: &str) -> Result<Self, String> {
        let regex = |source: &str| {
            RegexBuilder::new(source)
                .case_insensitive(true)
                .size_limit(1 << 20)
                .build()
                .map(Self::Regex)
                .map_err(|error| {
                    let text = error.to_string();
                    let last = text.lines().last().unwrap_or_default();
                    format!("not a regular expression: {last}")
                })
        };
        if let Some(source) = text.strip_prefix("re:") {
            return regex(source);
        }
        if let Some(digits) = text.strip_prefix("hex:") {
            let digits: Option<Vec<u8>> = digits
                .chars()
                .filter(|c| !matches!(c, ' ' | ':'))
                .map(|c| c.to_digit(16).map(|digit| digit as u8))
                .collect();
            return match digits.as_deref().map(<[u8]>::as_chunks::<2>) {
                Some((pairs, [])) if !pairs.is_empty() => Ok(Self::Bytes(
                    pairs.iter().map(|[high, low]| high << 4 | low).collect(),
                )),
                _ => Err("write pairs of hexadecimal digits, such as hex:81 7e".into()),
            };
        }
        if text.is_empty() {
            return Err("nothing to search for".into());
        }
        regex(&regex::escape(text))
    }

    /// Bytes that a payload must have at least to be found.
    fn least(&self) -> u64 {
        match self {
            Self::Regex(_) => 0,
            Self::Bytes(needle) => needle.len() as u64,
        }
    }

    fn is_ascii(&self) -> bool {
        match self {
            Self::Regex(regex) => regex.as_str().is_ascii(),
            Self::Bytes(_) => true,
        }
    }

    pub fn is_in(&self, bytes: &[u8]) -> bool {
        match self {
            Self::Regex(regex) => regex.is_match(bytes),
            Self::Bytes(needle) => memmem::find(bytes, needle).is_some(),
        }
    }
}

impl Needle {
    /// Whether this event is meant.
    #[inline]
    pub fn hits(&self, view: &View<'_>) -> bool {
        match self {
            Self::Filter(filter) => filter.passes(view),
            Self::Search(pattern) => found(pattern, view),
        }
    }

    /// The same without the payload: none where only that tells.
    pub fn decide(&self, view: &View<'_>) -> Option<bool> {
        match (self, &view.event.kind) {
            (Self::Filter(filter), _) => filter.decide(view),
            (Self::Search(pattern), EventKind::Ws(Ws::Message(message))) => {
                (message.length < pattern.least()).then_some(false)
            }
            (Self::Search(pattern), _) => Some(found(pattern, view)),
        }
    }

    /// The same for all events of a connection; none where each has to be asked.
    pub fn decide_conn(&self, conn: ConnId, flow: &Flow) -> Option<bool> {
        match self {
            Self::Filter(filter) => filter.decide_conn(conn, flow),
            Self::Search(_) => None,
        }
    }

    /// Whether what is read is looked at with its payload.
    pub fn needs_payload(&self) -> bool {
        match self {
            Self::Filter(filter) => filter.needs_payload(),
            Self::Search(_) => true,
        }
    }

    /// Whether it asks for what only a run over everything gives: the numbers of sessions.
    pub fn needs_everything(&self) -> bool {
        match self {
            Self::Filter(filter) => filter.asks_for(|field| field.name == "wscope.session"),
            Self::Search(_) => false,
        }
    }
}

fn found(pattern: &Pattern, view: &View<'_>) -> bool {
    let View {
        event, flow, loan, ..
    } = *view;
    match &event.kind {
        EventKind::Ws(Ws::Message(_)) => pattern.is_in(loan.bytes),
        EventKind::Ws(Ws::Frame(_)) => false,
        EventKind::Http(http) => {
            let headers = match http {
                Http::Request(request) => &request.headers,
                Http::Response(response) => &response.headers,
            };
            pattern.is_in(summary(event, flow, Loan::default()).as_bytes())
                || headers
                    .iter()
                    .any(|header| pattern.is_in(&[&header.name[..], b": ", &header.value].concat()))
        }
        _ => {
            // What the screen says in Chinese is looked for in Chinese.
            let chinese = || brief(Lang::Zh, event, flow, Loan::default());
            pattern.is_in(summary(event, flow, Loan::default()).as_bytes())
                || !pattern.is_ascii() && pattern.is_in(chinese().as_bytes())
        }
    }
}

/// The events that are meant by a packet and how many facts of its connection came with it before: what
/// `check` adds is not counted, since it cannot be derived from a part of a capture. What the index does
/// not have is left out.
pub fn named(index: &Index, found: Vec<(ConnId, EventId)>) -> Vec<(ConnId, EventId)> {
    let mut named = Vec::with_capacity(found.len());
    for (conn, wanted) in found {
        let Some(track) = index.place(conn).map(|at| &index.tracks()[at]) else {
            continue;
        };
        let first = EventId { nth: 0, ..wanted };
        let from = track.find(first).unwrap_or(Line::FIRST);
        let facts = track
            .lines(from, Level::Acks)
            .map_while(|line| track.id(line).map(|id| (line, id)))
            .skip_while(|(_, id)| id.at < wanted.at)
            .take_while(|(_, id)| id.at == wanted.at)
            .filter(|&(line, _)| {
                !track.event(line).is_some_and(|it| {
                    matches!(it.kind, EventKind::Finding(_) | EventKind::Insight(_))
                })
            });
        let found = facts.map(|(_, id)| id).nth(wanted.nth as usize);
        named.extend(found.map(|id| (conn, id)));
    }
    named
}

/// Lines that were found, by place of their connection: a bit for each.
#[derive(Debug, Default)]
pub struct Hits {
    tracks: HashMap<usize, Vec<u64>>,
    pub count: u64,
    /// Changes whenever anything was added.
    pub version: u64,
}

impl Hits {
    pub fn has(&self, track: usize, line: Line) -> bool {
        let number = line.number() as usize;
        self.tracks
            .get(&track)
            .and_then(|bits| bits.get(number / 64))
            .is_some_and(|word| word >> (number % 64) & 1 == 1)
    }

    /// Whether anything was found on a connection.
    pub fn any(&self, track: usize) -> bool {
        self.tracks.contains_key(&track)
    }

    /// Takes what was found; what the index does not have any more is left out.
    pub fn take(&mut self, index: &Index, found: &[(ConnId, EventId)]) {
        for &(conn, id) in found {
            let place = index.place(conn);
            let line = place.and_then(|at| {
                let track = &index.tracks()[at];
                let line = track.find(id)?;
                (track.id(line) == Some(id)).then_some((at, line))
            });
            if let Some((at, line)) = line {
                self.set(at, line);
            }
        }
    }

    /// Connections have moved up in the list.
    pub fn moved(&mut self, moved: &Moved) {
        let tracks = std::mem::take(&mut self.tracks).into_iter();
        self.tracks = tracks
            .filter_map(|(at, bits)| moved.to(at).map(|at| (at, bits)))
            .collect();
        let bits = self.tracks.values().flatten();
        self.count = bits.map(|word| u64::from(word.count_ones())).sum();
        self.version += 1;
    }

    pub fn set(&mut self, track: usize, line: Line) {
        let bits = self.tracks.entry(track).or_default();
        let number = line.number() as usize;
        if bits.len() <= number / 64 {
            bits.resize(number / 64 + 1, 0);
        }
        let bit = 1 << (number % 64);
        self.count += u64::from(bits[number / 64] & bit == 0);
        bits[number / 64] |= bit;
    }

    /// The next hit after a place in the given order of connections, round and round; before it where not `forward`.
    pub fn next(
        &self,
        order: &[usize],
        (track, line): (usize, Option<Line>),
        forward: bool,
    ) -> Option<(usize, Line)> {
        let at = order.iter().position(|&it| it == track).unwrap_or(0);
        let count = order.len();
        for step in 0..=count {
            let by = if forward {
                step
            } else {
                count - step % count.max(1)
            };
            let track = *order.get((at + by) % count.max(1))?;
            let from = if step == 0 { line } else { None };
            let last_round = step == count;
            let found = match forward {
                true => self.after(track, from),
                false => self.before(track, from),
            };
            if found.is_some() || last_round {
                return found.map(|line| (track, line));
            }
        }
        None
    }

    fn after(&self, track: usize, line: Option<Line>) -> Option<Line> {
        let bits = self.tracks.get(&track)?;
        let from = line.map_or(0, |line| line.number() as usize + 1);
        (from / 64..bits.len()).find_map(|at| {
            let mask = if at == from / 64 {
                u64::MAX << (from % 64)
            } else {
                u64::MAX
            };
            let word = bits[at] & mask;
            (word != 0).then(|| Line::from_number((at * 64) as u32 + word.trailing_zeros()))
        })
    }

    fn before(&self, track: usize, line: Option<Line>) -> Option<Line> {
        let bits = self.tracks.get(&track)?;
        let end = line.map_or(bits.len() * 64, |line| line.number() as usize);
        (0..=end / 64).rev().find_map(|at| {
            let mask = if at == end / 64 {
                (1_u64 << (end % 64)) - 1
            } else {
                u64::MAX
            };
            let word = bits.get(at)? & mask;
            (word != 0).then(|| Line::from_number((at * 64) as u32 + 63 - word.leading_zeros()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wscope::model::Timestamp;

    /// Keeps everything, and what is meant of it.
    #[cfg(unix)]
    struct Both {
        index: Index,
        needle: Needle,
        hits: Vec<(ConnId, EventId)>,
    }

    #[cfg(unix)]
    impl wscope::model::Sink for Both {
        fn want(&self) -> wscope::model::Want {
            self.index.want()
        }

        fn event(
            &mut self,
            event: &wscope::model::Event,
            flow: &wscope::model::Flow,
            loan: Loan<'_>,
        ) -> std::io::Result<()> {
            let view = View {
                event,
                flow,
                loan,
                start: Timestamp::default(),
            };
            // The index decides everything else.
            let is_message = matches!(event.kind, EventKind::Ws(Ws::Message(_)));
            if is_message && self.needle.hits(&view) {
                self.hits.push((event.conn, event.id));
            }
            self.index.event(event, flow, loan)
        }
    }

    #[cfg(unix)]
    #[test]
    fn what_is_left_in_the_spool_is_searched_and_called_by_its_name() {
        use crate::tui::jobs::{self, Source};
        use crate::tui::msg::{Job, Lens, Msg};
        use wscope::engine::{Stretch, Trail, run_along};
        use wscope::model::{Config, PacketNo};
        use wscope::source::{Capture, Spool};
        let needles = [
            Needle::Filter(Filter::new("websocket.payload.text contains \"e\"").unwrap()),
            Needle::Search(Pattern::new("a").unwrap()),
        ];
        for needle in needles {
            let (mut spool, reader, history) = Spool::new(&std::env::temp_dir(), 1).unwrap();
            let trail = Trail::of_spool(&history);
            let reading = std::thread::spawn({
                let (trail, needle) = (trail.clone(), needle.clone());
                move || {
                    let mut capture = Capture::from_spool("spool", reader);
                    let mut both = Both {
                        index: Index::default(),
                        needle,
                        hits: Vec::new(),
                    };
                    let watch = |_, _| true;
                    run_along(
                        &mut capture,
                        Config::default(),
                        &mut both,
                        Some(&trail),
                        watch,
                    )
                    .unwrap();
                    both
                }
            });
            let names = [
                "plain",
                "breaches",
                "lossy-deflate",
                "lossy",
                "tls13",
                "twelve",
            ];
            let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("captures");
            for name in names {
                let mut capture = Capture::open([folder.join(format!("{name}.pcapng"))]).unwrap();
                while let Some(packet) = capture.next().unwrap() {
                    assert!(spool.packet(&packet).unwrap());
                    if packet.no.get() % 20 == 0 {
                        spool.commit().unwrap();
                        while history.unread() > 0 || !history.is_idle() {
                            std::thread::yield_now();
                        }
                    }
                }
            }
            drop(spool);
            let both = reading.join().unwrap();
            let source = Source {
                captures: crate::cli::args::Captures {
                    spool: Some(history.clone()),
                    ..Default::default()
                },
                trail,
                lens: Lens::default(),
            };
            let job = Job::Sift {
                generation: 1,
                needle: needle.clone(),
                start: Timestamp::default(),
                messages: Vec::new(),
                stretches: both
                    .index
                    .tracks()
                    .iter()
                    .map(|track| Stretch {
                        conn: track.conn,
                        from: PacketNo::FIRST,
                        to: PacketNo::END,
                    })
                    .collect(),
            };
            let mut answers = Vec::new();
            jobs::run(&source, job, &|| true, &mut |msg| {
                answers.push(msg);
                true
            });
            let Some(Msg::Sifted {
                hits,
                done: true,
                from: Some(from),
                ..
            }) = answers.pop()
            else {
                panic!("{answers:?}");
            };
            assert!(from > PacketNo::FIRST && from == history.oldest());
            let mut found = named(&both.index, hits);
            found.sort();
            let mut wanted = both.hits;
            // What only the end shows is not in the spool.
            wanted.retain(|(_, id)| id.at >= from && (!id.at.is_end()));
            found.retain(|(_, id)| !id.at.is_end());
            wanted.sort();
            assert!(wanted.len() > 20, "{}", wanted.len());
            let first = wanted.iter().zip(&found).find(|(one, other)| one != other);
            assert_eq!(first, None);
            assert_eq!(found.len(), wanted.len());
        }
    }

    #[test]
    fn hits_are_found_forwards_and_backwards() {
        let mut hits = Hits::default();
        let line = Line::from_number;
        for (track, at) in [(0, 3), (0, 64), (0, 200), (2, 1)] {
            hits.set(track, line(at));
        }
        let order = [0, 1, 2];
        let mut place = (0, None);
        let mut seen = Vec::new();
        for _ in 0..5 {
            let (track, at) = hits.next(&order, place, true).unwrap();
            seen.push((track, at.number()));
            place = (track, Some(at));
        }
        assert_eq!(seen, [(0, 3), (0, 64), (0, 200), (2, 1), (0, 3)]);
        let mut back = Vec::new();
        for _ in 0..4 {
            let (track, at) = hits.next(&order, place, false).unwrap();
            back.push((track, at.number()));
            place = (track, Some(at));
        }
        assert_eq!(back, [(2, 1), (0, 200), (0, 64), (0, 3)]);
        assert_eq!(hits.count, 4);
    }

    #[test]
    fn a_pattern_is_text_a_regular_expression_or_bytes() {
        let hit = |pattern: &str, bytes: &[u8]| Pattern::new(pattern).unwrap().is_in(bytes);
        assert!(hit("pri.e", b"a PRI.E") && !hit("pri.e", b"price"));
        assert!(hit("re:pri.e", b"Price"));
        assert!(hit("hex:81 7e", b"x\x81\x7e") && !hit("hex:817e", b"817e"));
        for wrong in ["", "re:(", "hex:8", "hex:xy"] {
            assert!(Pattern::new(wrong).is_err(), "{wrong}");
        }
    }
}
