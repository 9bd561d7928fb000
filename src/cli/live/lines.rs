//! Lines on standard output while it happens.

use std::io::{self, Stdout, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Writes each line at once, where lines are few. Where they come faster than this, they are written
/// together; all of them, at the latest, before more packets are waited for: so nobody waits for a
/// line that is there, and a thousand of them do not take a thousand calls.
const TOGETHER: Duration = Duration::from_millis(5);

/// Bytes that are written whenever so many wait.
const MOST: usize = 64 << 10;

/// The lines; each clone writes the same.
pub struct Lines<W = Stdout>(Arc<Mutex<Waiting<W>>>);

struct Waiting<W> {
    bytes: Vec<u8>,
    out: W,
    written: Instant,
    /// What went wrong when nobody asked.
    failed: Option<io::Error>,
}

impl<W> Clone for Lines<W> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<W: Write> Lines<W> {
    pub fn new(out: W) -> Self {
        Self(Arc::new(Mutex::new(Waiting {
            bytes: Vec::with_capacity(2 * MOST),
            out,
            written: Instant::now(),
            failed: None,
        })))
    }

    fn lock(&self) -> MutexGuard<'_, Waiting<W>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what has waited for long enough.
    pub fn look(&self) -> io::Result<()> {
        let mut waiting = self.lock();
        match waiting.bytes.is_empty() || waiting.written.elapsed() < TOGETHER {
            true => Ok(()),
            false => waiting.put(),
        }
    }

    /// Writes what waits. False where nobody takes it: whoever writes next is told why.
    pub fn idle(&self) -> bool {
        let mut waiting = self.lock();
        let put = waiting.put();
        waiting.failed = put.err();
        waiting.failed.is_none()
    }
}

impl<W: Write> Waiting<W> {
    fn put(&mut self) -> io::Result<()> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        if self.bytes.is_empty() {
            return Ok(());
        }
        let put = self.out.write_all(&self.bytes);
        let put = put.and_then(|()| self.out.flush());
        self.bytes.clear();
        self.written = Instant::now();
        put
    }
}

impl<W: Write> Write for Lines<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut waiting = self.lock();
        waiting.bytes.extend_from_slice(bytes);
        let whole = bytes.ends_with(b"\n");
        if whole && (waiting.bytes.len() >= MOST || waiting.written.elapsed() >= TOGETHER) {
            waiting.put()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.lock().put()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts calls; fails from some byte on.
    #[derive(Default)]
    struct Out(Vec<Vec<u8>>, Option<usize>);

    impl Write for Out {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.1.is_some_and(|most| self.0.len() >= most) {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            self.0.push(bytes.to_vec());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// As if the last line was written long ago.
    fn long_ago(lines: &Lines<Out>) {
        let now = Instant::now();
        lines.lock().written = now.checked_sub(TOGETHER).unwrap_or(now);
    }

    #[test]
    fn a_line_alone_is_written_at_once_and_others_together() {
        let mut lines = Lines::new(Out::default());
        long_ago(&lines);
        lines.write_all(b"one\n").unwrap();
        assert_eq!(lines.lock().out.0, [b"one\n"]);
        // However long this takes here, it is as if it took no time.
        let soon = Instant::now() + Duration::from_secs(3600);
        lines.lock().written = soon;
        lines.write_all(b"two\n").unwrap();
        lines.write_all(b"three\n").unwrap();
        lines.look().unwrap();
        assert_eq!(lines.lock().out.0.len(), 1);
        assert!(lines.idle());
        assert_eq!(lines.lock().out.0[1], b"two\nthree\n");
        lines.lock().written = soon;
        lines.write_all(b"four\n").unwrap();
        long_ago(&lines);
        lines.look().unwrap();
        assert_eq!(lines.lock().out.0[2], b"four\n");
        lines.lock().written = soon;
        lines.write_all(&[b'x'; MOST]).unwrap();
        assert_eq!(lines.lock().out.0.len(), 3, "half a line waits");
        lines.write_all(b"\n").unwrap();
        assert_eq!(lines.lock().out.0[3].len(), MOST + 1);
    }

    #[test]
    fn whoever_writes_next_learns_that_nobody_reads() {
        let mut lines = Lines::new(Out(Vec::new(), Some(0)));
        lines.lock().written = Instant::now() + Duration::from_secs(3600);
        lines.write_all(b"one\n").unwrap();
        assert!(!lines.idle());
        let told = lines.flush().unwrap_err();
        assert_eq!(told.kind(), io::ErrorKind::BrokenPipe);
    }
}
