//! Payloads of messages, looked at where they lie in the file: what cannot be found so is left to be derived again.

use super::jobs::{Found, Source};
use super::sift::Needle;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;
use wscope::engine::{Course, Lies, Stretch, half};
use wscope::field::View;
use wscope::model::{ConnId, Dir, Event, Flow, Frame, Loan, PacketNo, Span, Timestamp};
use wscope::sink::{Messages, Moment};

/// Asks messages for a needle, all connections at once, on two threads; answers with the stretches that have to be
/// read otherwise. `tell` hears how far it came, and ends it by answering false.
pub fn scan(
    source: &Source,
    (needle, start): (&Needle, Timestamp),
    (stretches, messages): (&[Stretch], Vec<Messages>),
    found: &Found,
    tell: &mut dyn FnMut(u64, u64) -> bool,
) -> Result<Vec<Stretch>, String> {
    let ranges: HashMap<_, _> = stretches.iter().map(|it| (it.conn, *it)).collect();
    let known: HashMap<_, _> = messages.iter().map(|it| (it.conn, it.flow)).collect();
    let unknown = stretches.iter().filter(|it| !known.contains_key(&it.conn));
    let mut left: Vec<_> = unknown.copied().collect();
    let courses = messages.into_iter().filter_map(|messages| {
        let range = *ranges.get(&messages.conn)?;
        Some(Course {
            conn: messages.conn,
            flow: messages.flow,
            to: range.to,
            messages: messages.map(move |moment| Asked {
                is_wanted: is_wanted(&moment, range),
                moment,
            }),
        })
    });
    let (mine, others): (Vec<_>, Vec<_>) = courses.partition(|it| half(&it.flow) == 0);
    let go_on = Arc::new(AtomicBool::new(true));
    let known = Arc::new(known);
    let seeker = || Seeker {
        needle: needle.clone(),
        start,
        flows: Arc::clone(&known),
        found: found.clone(),
        missed: HashMap::new(),
    };
    let helper = thread::spawn({
        let (source, go_on, mut seeker) = (source.clone(), Arc::clone(&go_on), seeker());
        move || {
            let watch = |_, _| go_on.load(Ordering::Relaxed);
            seeker.seek(&source, others, watch).map(|()| seeker.missed)
        }
    });
    let mut seeker = seeker();
    let mut all = (0, 0);
    let done = seeker.seek(source, mine, |done, total| {
        all = (done, total);
        tell(done, total)
    });
    while !helper.is_finished() {
        if done.is_err() || !tell(all.0, all.1) {
            go_on.store(false, Ordering::Relaxed);
        }
        thread::sleep(Duration::from_millis(5));
    }
    let helped = helper.join().map_err(|_| "a thread broke down")?;
    done?;
    left.extend(seeker.missed.into_values());
    left.extend(helped?.into_values());
    left.sort_unstable_by_key(|it| it.conn);
    Ok(left)
}

/// A message or a frame, and whether its payload is asked for.
struct Asked {
    moment: Moment,
    is_wanted: bool,
}

fn is_wanted(moment: &Moment, range: Stretch) -> bool {
    moment.is_message() && (range.from..=range.to).contains(&moment.packets().1)
}

impl Lies for Asked {
    #[inline]
    fn packet(&self) -> PacketNo {
        self.moment.packets().1
    }

    fn dir(&self) -> Option<Dir> {
        self.moment.dir()
    }

    fn span(&self) -> Span {
        self.moment.span()
    }

    fn frame(&self) -> Option<Frame> {
        self.moment.frame().filter(|_| self.is_wanted)
    }
}

struct Seeker {
    needle: Needle,
    start: Timestamp,
    flows: Arc<HashMap<ConnId, Flow>>,
    found: Found,
    /// What could not be found so.
    missed: HashMap<ConnId, Stretch>,
}

impl Seeker {
    fn seek<I: Iterator<Item = Asked>>(
        &mut self,
        source: &Source,
        courses: Vec<Course<I>>,
        watch: impl FnMut(u64, u64) -> bool,
    ) -> Result<(), String> {
        let config = source.captures.config();
        let everything: Vec<_> = courses.iter().map(|it| (it.conn, it.to)).collect();
        let mut found = |conn, asked: &Asked, payload: Option<&[u8]>| {
            if asked.is_wanted {
                self.look(conn, &asked.moment, payload);
            }
        };
        let scan = source.trail.scan(&config, courses, &mut found, watch);
        if !scan.map_err(|error| error.to_string())? {
            for (conn, to) in everything {
                self.miss(conn, PacketNo::FIRST, to);
            }
        }
        Ok(())
    }

    fn look(&mut self, conn: ConnId, moment: &Moment, payload: Option<&[u8]>) {
        let hit = match (&self.needle, payload) {
            (Needle::Search(pattern), Some(payload)) => Some(pattern.is_in(payload)),
            (needle, payload) => {
                let Some((event, flow)) = moment.event().zip(self.flows.get(&conn)) else {
                    return;
                };
                let view = |bytes| view(&event, flow, bytes, self.start);
                match payload {
                    Some(payload) => Some(needle.hits(&view(payload))),
                    None => needle.decide(&view(&[])),
                }
            }
        };
        match hit {
            Some(true) => self.found.push((conn, moment.id())),
            Some(false) => {}
            None => {
                let (first, last) = moment.packets();
                self.miss(conn, first, last);
            }
        }
    }

    fn miss(&mut self, conn: ConnId, from: PacketNo, to: PacketNo) {
        let missed = self
            .missed
            .entry(conn)
            .or_insert(Stretch { conn, from, to });
        missed.from = missed.from.min(from);
        missed.to = missed.to.max(to);
    }
}

fn view<'a>(event: &'a Event, flow: &'a Flow, bytes: &'a [u8], start: Timestamp) -> View<'a> {
    let unknown = &[];
    View {
        event,
        flow,
        loan: Loan { bytes, unknown },
        start,
    }
}
