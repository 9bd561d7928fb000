//! Why did it end? What was going on when it did, as evidence.

use crate::model::{
    Close, Dir, Event, EventKind, Kind, Note, Opcode, Severity, Tcp, Timestamp, Verdict, What, Ws,
};

/// What was going on in a session.
#[derive(Debug, Default)]
pub struct Autopsy {
    /// The last frame that is not a close.
    last: Option<Timestamp>,
    /// When TCP began to end.
    end: Option<Timestamp>,
    /// The oldest ping of each side that waits for its pong.
    ping: [Option<Timestamp>; 2],
    /// The fragments of each side's unfinished message.
    fragments: [u32; 2],
    /// Frames of this direction may be missing.
    lost: [bool; 2],
    /// The last rule that was broken before the peer closed, and by whom.
    breach: Option<(&'static str, Dir)>,
    /// Who has closed.
    closed: [bool; 2],
}

/// After what silence other sessions were cut.
#[derive(Debug, Default)]
pub struct Silences(Vec<i64>);

/// How many silences are remembered.
const KEPT: usize = 10_000;

/// A silence shorter than this is no evidence.
const SILENT: i64 = 5_000_000_000;

impl Autopsy {
    pub fn look(&mut self, event: &Event) {
        match (&event.kind, event.dir) {
            (EventKind::Ws(Ws::Frame(frame)), Some(dir)) => {
                if frame.opcode != Opcode::CLOSE {
                    self.last = Some(event.time);
                }
                if !frame.opcode.is_control() {
                    let fragments = dir.of_mut(&mut self.fragments);
                    *fragments = if frame.fin { 0 } else { *fragments + 1 };
                }
            }
            (EventKind::Ws(Ws::Message(message)), Some(dir)) => match message.kind {
                Kind::Ping => _ = dir.of_mut(&mut self.ping).get_or_insert(event.time),
                Kind::Close => *dir.of_mut(&mut self.closed) = true,
                Kind::Pong => *dir.flip().of_mut(&mut self.ping) = None,
                _ => {}
            },
            (EventKind::Tcp(Tcp::Note(Note::Fin | Note::Rst)), _) => {
                self.end.get_or_insert(event.time);
            }
            (EventKind::Anomaly(anomaly), Some(dir)) => {
                let hides = !matches!(
                    anomaly.what,
                    What::Gap | What::Truncated | What::Unfinished | What::Inflate
                );
                *dir.of_mut(&mut self.lost) |= hides;
            }
            (EventKind::Anomaly(anomaly), None) if anomaly.what == What::Dropped => {
                self.lost = [true; 2];
            }
            (EventKind::Finding(finding), _) => {
                let error = finding.verdict == Verdict::Fail && finding.severity == Severity::Error;
                if error && !finding.side.flip().of(&self.closed) {
                    self.breach = Some((finding.rule, finding.side));
                }
            }
            _ => {}
        }
    }

    /// What the end of the session has to do with, each part with a semicolon before it.
    pub fn evidence(&self, event: &Event, close: &Close, silences: &mut Silences) -> String {
        let mut said = String::new();
        let failed = |by: Dir| match by {
            Dir::C2s => close.code_server,
            Dir::S2c => close.code_client,
        };
        if let Some((rule, by)) = self.breach
            && (!close.clean || failed(by).is_some_and(|code| code.is_failure()))
        {
            said += &format!("; before that the {} had broken {rule}", by.sender());
        }
        if close.clean {
            return said;
        }
        let end = self.end.unwrap_or(event.time);
        for dir in Dir::BOTH {
            let (me, peer_lost) = (dir.sender(), *dir.flip().of(&self.lost));
            if let (Some(ping), false) = (dir.of(&self.ping), peer_lost) {
                let waited = seconds(end.since(*ping));
                said += &format!("; a ping of the {me} had waited {waited} for its pong");
            }
            let fragments = *dir.of(&self.fragments);
            if fragments > 0 && !dir.of(&self.lost) {
                said += &format!(
                    "; a message of the {me} was unfinished after {}",
                    plural(fragments, "fragment")
                );
            }
        }
        let silence = self.last.map_or(0, |last| end.since(last));
        if silence >= SILENT && !self.lost.contains(&true) {
            said += &format!("; nothing had been sent for {}", seconds(silence));
            let cut = close.code_client.is_none() && close.code_server.is_none();
            if let count @ 1.. = silences.alike(silence).min(usize::from(cut) * KEPT) {
                said += &format!(
                    ", as in {} before: something in between may have a timer",
                    plural(count as u32, "session")
                );
            }
            if cut && silences.0.len() < KEPT {
                silences.0.push(silence);
            }
        }
        said
    }
}

impl Silences {
    /// How many were as long as this one, within a hundredth.
    fn alike(&self, silence: i64) -> usize {
        let alike = |other: &&i64| (**other - silence).abs() <= silence / 100;
        self.0.iter().filter(alike).count()
    }
}

fn plural(count: u32, word: &str) -> String {
    match count {
        1 => format!("1 {word}"),
        _ => format!("{count} {word}s"),
    }
}

fn seconds(nanos: i64) -> String {
    format!("{:.1} s", nanos as f64 / 1e9)
}
