//! Which captured bytes carry which of a stream inside another one.

use super::Span;
use std::collections::VecDeque;

/// The last ranges of an inner stream, and the bytes of the TCP stream that carry each.
#[derive(Clone, Debug, Default)]
pub struct Carried {
    ranges: VecDeque<Range>,
}

#[derive(Clone, Copy, Debug)]
struct Range {
    start: u64,
    end: u64,
    outside: Span,
}

impl Carried {
    /// Adds what follows, of which so many ranges at most are to be remembered.
    pub fn push(&mut self, start: u64, len: u64, outside: Span, most: usize) {
        while self.ranges.len() >= most.max(1) {
            self.ranges.pop_front();
        }
        self.ranges.push_back(Range {
            start,
            end: start.saturating_add(len),
            outside,
        });
    }

    /// The captured bytes from the one that carries the first of these to the one that carries the
    /// last, and whether the first is remembered; where it is not, they begin later than they should.
    #[must_use]
    pub fn find(&self, span: Span) -> Option<(Span, bool)> {
        let last = span.end().saturating_sub(1).max(span.start);
        let holds = |at: u64| move |it: &&Range| it.start <= at && at < it.end;
        let last = self.ranges.iter().rev().find(holds(last))?;
        let first = self.ranges.iter().rev().find(holds(span.start));
        let start = first.unwrap_or(last).outside.start;
        let len = last.outside.end().saturating_sub(start);
        Some((Span::tcp(start, len), first.is_some()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn from_the_record_of_the_first_byte_to_that_of_the_last() {
        let mut carried = Carried::default();
        carried.push(0, 10, Span::tcp(100, 30), 3);
        carried.push(10, 10, Span::tcp(130, 30), 3);
        carried.push(20, 10, Span::tcp(160, 30), 3);
        let find = |carried: &Carried, start, len| carried.find(Span::tcp(start, len));
        assert_eq!(find(&carried, 2, 5), Some((Span::tcp(100, 30), true)));
        assert_eq!(find(&carried, 9, 2), Some((Span::tcp(100, 60), true)));
        assert_eq!(find(&carried, 10, 20), Some((Span::tcp(130, 60), true)));
        assert_eq!(find(&carried, 25, 9), None, "not all of it has come");
        carried.push(30, 10, Span::tcp(190, 30), 3);
        let late = Some((Span::tcp(190, 30), false));
        assert_eq!(find(&carried, 5, 30), late, "its beginning is forgotten");
    }
}
