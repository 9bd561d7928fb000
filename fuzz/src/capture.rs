//! Any bytes as a capture, through the whole engine into JSON: ids rise, lines are lines, and no
//! more memory is held than the limits allow.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::{self, Cursor};
use wscope::engine::run as run_engine;
use wscope::model::{Event, EventId, Flow, Limits, Loan, Sink, Want};
use wscope::sink::Jsonl;
use wscope::source::Capture;

/// Reads and decodes the bytes.
pub fn run(bytes: &[u8]) {
    // What is compressed may grow by itself: that is the business of another target.
    if bytes.starts_with(&[0x1f, 0x8b]) || bytes.get(1..4) == Some(&[0xb5, 0x2f, 0xfd]) {
        return;
    }
    let before = start_counting();
    let mut capture = Capture::from_reader("fuzz", Cursor::new(bytes.to_vec()));
    let mut sink = Check {
        last: None,
        jsonl: Jsonl::new(Lines),
    };
    run_engine(&mut capture, LIMITS, &mut sink, |_, _| true).unwrap();
    let peak = peak() - before;
    assert!(peak <= FIXED + bytes.len() * PER_BYTE, "{peak} bytes held");
}

const LIMITS: Limits = Limits {
    connections: 64,
    early_bytes: 4096,
    early_pieces: 64,
    recent_segments: 16,
    tail_bytes: 8192,
    head_bytes: 4096,
    message_bytes: 8192,
    linger_nanos: 60_000_000_000,
};

/// Read buffers, tables, one line of output.
const FIXED: usize = 4 << 20;

/// A connection takes 40 bytes at least, and may hold two windows for inflating.
const PER_BYTE: usize = 4096;

struct Check {
    last: Option<EventId>,
    jsonl: Jsonl<Lines>,
}

impl Sink for Check {
    fn want(&self) -> Want {
        self.jsonl.want()
    }

    fn event(&mut self, event: &Event, flow: &Flow, loan: Loan<'_>) -> io::Result<()> {
        assert!(self.last < Some(event.id));
        self.last = Some(event.id);
        assert!(loan.bytes.len() <= LIMITS.message_bytes);
        let mut end = 0;
        for range in loan.unknown {
            assert!(end <= range.start && range.start <= range.end);
            end = range.end;
        }
        self.jsonl.event(event, flow, loan)
    }
}

/// Takes whole lines and forgets them.
struct Lines;

impl io::Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        assert!(line.starts_with(b"{\"event\":") && line.ends_with(b"}\n"));
        assert!(std::str::from_utf8(line).is_ok());
        assert!(!line[..line.len() - 1].iter().any(|byte| *byte < b' '));
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Counts what this thread holds.
struct Counting;

thread_local! {
    static HELD: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
}

fn start_counting() -> usize {
    HELD.with(|held| {
        let (now, _) = held.get();
        held.set((now, now));
        now
    })
}

fn peak() -> usize {
    HELD.with(|held| held.get().1)
}

fn count(more: usize, less: usize) {
    // A thread that is being torn down is not counted.
    let _ = HELD.try_with(|held| {
        let (now, peak) = held.get();
        let now = now.wrapping_add(more).wrapping_sub(less);
        // Memory that another thread gave may be freed here first.
        let peak = if now > usize::MAX / 2 {
            peak
        } else {
            peak.max(now)
        };
        held.set((now, peak));
    });
}

// SAFETY: every call goes to the system's allocator, unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count(0, layout.size());
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size, layout.size());
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;
