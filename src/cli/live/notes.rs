//! What `check` finds, as comments in the file that is written.

use super::pump::{Shared, lock};
use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use wscope::model::{
    ConnId, Event, EventKind, Flow, Loan, MessageRef, Packet, Piece, Place, Sink, Verdict, Want,
};
use wscope::source::Drops;

/// Writes packets and what was found in them; nothing, where the pump writes the file itself.
pub struct Notes {
    file: Option<Shared>,
    /// What was dropped of the packets that come here, and how much of that was written.
    drops: (Drops, u64),
    found: Rc<RefCell<Vec<String>>>,
}

impl Notes {
    /// `file` is where to, if findings are wished for.
    pub fn new(file: Option<Shared>) -> Self {
        Self {
            file,
            drops: Default::default(),
            found: Rc::default(),
        }
    }

    /// Writes also how many packets these say were dropped.
    pub fn count(&mut self, drops: Drops) {
        self.drops.0 = drops;
    }

    /// Hears what is found on its way to this sink.
    pub fn listen<S: Sink>(&self, sink: S) -> Listen<S> {
        let found = self.file.as_ref().map(|_| Rc::clone(&self.found));
        Listen { found, sink }
    }

    /// Writes the packet that caused what was found since the one before.
    pub fn packet(&mut self, packet: &Packet<'_>) -> io::Result<()> {
        let Some(keep) = &self.file else {
            return Ok(());
        };
        let comment = self
            .found
            .borrow_mut()
            .drain(..)
            .reduce(|all, one| all + "\n" + &one);
        let mut keep = lock(keep);
        let (drops, told) = &mut self.drops;
        let new = drops.get() - std::mem::replace(told, drops.get());
        let done = keep.file.as_mut().map_or(Ok(()), |file| {
            file.dropped(new);
            file.packet(packet, comment.as_deref())
        });
        match done {
            Ok(()) => Ok(()),
            Err(error) => {
                keep.errors.push(error);
                // The run ends here; the error is told once, by whoever ends it.
                Err(io::ErrorKind::WriteZero.into())
            }
        }
    }
}

/// Passes everything on.
pub struct Listen<S> {
    found: Option<Rc<RefCell<Vec<String>>>>,
    sink: S,
}

/// Bytes of the comments on one packet; a comment of pcapng has less than 64 KiB.
const MOST: usize = 16 << 10;

impl<S: Sink> Sink for Listen<S> {
    fn want(&self) -> Want {
        let want = self.sink.want();
        Want {
            unjudged: want.unjudged && self.found.is_none(),
            joined: want.joined || self.found.is_some(),
            ..want
        }
    }

    fn event(&mut self, event: &Event, flow: &Flow, loan: Loan<'_>) -> io::Result<()> {
        if let (Some(found), EventKind::Finding(finding)) = (&self.found, &event.kind)
            && finding.verdict == Verdict::Fail
        {
            let mut found = found.borrow_mut();
            if found.iter().map(String::len).sum::<usize>() < MOST {
                let text: String = finding.text.chars().take(1000).collect();
                let about = event
                    .about
                    .map(|id| format!(" (about {id})"))
                    .unwrap_or_default();
                found.push(format!(
                    "wscope {} {}, {}, {}: {text}{about}",
                    finding.severity.word(),
                    finding.rule,
                    finding.section,
                    finding.side.sender()
                ));
            }
        }
        self.sink.event(event, flow, loan)
    }

    fn part(&mut self, of: MessageRef, at: u64, loan: Loan<'_>) -> io::Result<()> {
        self.sink.part(of, at, loan)
    }

    fn stream(&mut self, piece: Piece<'_>) -> io::Result<()> {
        self.sink.stream(piece)
    }

    fn over(&mut self, conn: ConnId) {
        self.sink.over(conn);
    }

    fn more(&mut self) -> Option<(Place, EventKind)> {
        self.sink.more()
    }
}
