//! Why did it end? What was going on when it did, as evidence.

use super::timers;
use crate::model::{
    Beat, Close, Dir, Event, EventId, EventKind, Kind, Label, Note, Opcode, Severity, Silence, Tcp,
    Timestamp, Verdict, What, Ws,
};

/// What was going on in a session.
#[derive(Debug, Default)]
pub struct Autopsy {
    /// The last frame that is not a close.
    last: Option<(Timestamp, EventId)>,
    /// The longest time between two frames of which nothing was lost.
    longest: Option<Silence>,
    /// Something was lost since the last frame: it was perhaps no silence.
    doubt: bool,
    /// TCP's probes since the last frame.
    probes: u32,
    /// When TCP began to end.
    end: Option<Timestamp>,
    /// The oldest ping of each side that waits for its pong; frames, then messages.
    ping: [Option<(Timestamp, EventId)>; 2],
    beat: [Option<(Timestamp, EventId, Beat)>; 2],
    /// Whether this side ever answered a message that pings.
    answers: [bool; 2],
    /// The first frame of each side's unfinished message, and how many there are.
    fragments: [Option<(EventId, u32)>; 2],
    /// Frames of this direction may be missing.
    lost: [bool; 2],
    /// The last rule that was broken before the peer closed, by whom, and where.
    breach: Option<(&'static str, Dir, Option<EventId>)>,
    /// Who has closed, and who has said FIN.
    closed: [bool; 2],
    fin: [bool; 2],
    /// A RST after its sender's own FIN.
    unread: Option<(Dir, EventId)>,
    /// Since when this side's window is closed.
    window: [Option<(Timestamp, EventId)>; 2],
    /// This side does not answer what the other sends again and again.
    unheard: [Option<EventId>; 2],
    /// The session has ended.
    over: bool,
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
        self.doubt |= matches!(event.kind, EventKind::Anomaly(_));
        match (&event.kind, event.dir) {
            (EventKind::Ws(Ws::Frame(frame)), Some(dir)) => {
                self.went_on(event);
                if frame.opcode != Opcode::CLOSE {
                    self.last = Some((event.time, event.id));
                }
                if !frame.opcode.is_control() {
                    let fragments = dir.of_mut(&mut self.fragments);
                    *fragments = match (frame.fin, *fragments) {
                        (true, _) => None,
                        (false, None) => Some((event.id, 1)),
                        (false, Some((first, count))) => Some((first, count + 1)),
                    };
                }
            }
            (EventKind::Ws(Ws::Message(message)), Some(dir)) => match message.kind {
                Kind::Ping => {
                    let ping = dir.of_mut(&mut self.ping);
                    ping.get_or_insert((event.time, event.id));
                }
                Kind::Close => *dir.of_mut(&mut self.closed) = true,
                Kind::Pong => *dir.flip().of_mut(&mut self.ping) = None,
                Kind::Text | Kind::Binary => {}
            },
            (EventKind::Tcp(Tcp::Note(note)), dir) => self.note(event, note, dir),
            (EventKind::Ws(Ws::Close(_)), _) => self.over = true,
            (EventKind::Anomaly(anomaly), Some(dir)) => {
                let hides = !matches!(
                    anomaly.what,
                    What::Gap | What::Decrypt | What::Truncated | What::Unfinished | What::Inflate
                );
                *dir.of_mut(&mut self.lost) |= hides;
            }
            (EventKind::Anomaly(anomaly), None) if anomaly.what == What::Dropped => {
                self.lost = [true; 2];
            }
            (EventKind::Finding(finding), _) => {
                let error = finding.verdict == Verdict::Fail && finding.severity == Severity::Error;
                if error && !finding.side.flip().of(&self.closed) {
                    self.breach = Some((finding.rule, finding.side, event.about));
                }
            }
            _ => {}
        }
    }

    /// A frame came: the silence before it is over.
    fn went_on(&mut self, event: &Event) {
        let probes = std::mem::take(&mut self.probes);
        let doubt = std::mem::take(&mut self.doubt);
        let Some((last, from)) = self.last.filter(|_| !doubt) else {
            return;
        };
        let nanos = event.time.since(last);
        if nanos < SILENT || self.longest.as_ref().is_some_and(|it| it.nanos >= nanos) {
            return;
        }
        self.longest = Some(Silence {
            nanos,
            from,
            to: event.id,
            probes,
            outlived: Vec::new(),
        });
    }

    /// The longest silence that the session survived, where some timer would have cut it.
    pub fn longest(&self) -> Option<Silence> {
        let silence = self.longest.clone()?;
        let outlived = timers::outlived(silence.nanos);
        (!outlived.is_empty()).then_some(Silence {
            outlived,
            ..silence
        })
    }

    fn note(&mut self, event: &Event, note: &Note, dir: Option<Dir>) {
        let at = (event.time, event.id);
        match (note, dir) {
            (Note::Fin, dir) => {
                self.end.get_or_insert(event.time);
                if let Some(dir) = dir {
                    *dir.of_mut(&mut self.fin) = true;
                }
            }
            (Note::Rst, dir) => {
                self.end.get_or_insert(event.time);
                if let Some(dir) = dir.filter(|dir| *dir.of(&self.fin)) {
                    self.unread.get_or_insert((dir, event.id));
                }
            }
            (Note::Remark(remark), Some(dir)) => match remark.label {
                Label::ZeroWindow => {
                    dir.of_mut(&mut self.window).get_or_insert(at);
                }
                Label::WindowUpdate => *dir.of_mut(&mut self.window) = None,
                Label::KeepAlive => self.probes += 1,
                Label::Silence => *dir.of_mut(&mut self.unheard) = Some(event.id),
                _ => {}
            },
            _ => {}
        }
    }

    /// A message of this side asks whether the other is there, or one of the other side answers.
    pub fn beat(&mut self, dir: Dir, event: &Event, beat: Beat, asks: bool) {
        let waiting = dir.of_mut(&mut self.beat);
        if asks {
            waiting.get_or_insert((event.time, event.id, beat));
        } else {
            *waiting = None;
            *dir.flip().of_mut(&mut self.answers) = true;
        }
    }

    /// What the end of the session has to do with, each part with a semicolon before it.
    pub fn evidence(&self, event: &Event, close: &Close, silences: &mut Silences) -> String {
        let mut said = String::new();
        let failed = |by: Dir| match by {
            Dir::C2s => close.code_server,
            Dir::S2c => close.code_client,
        };
        if let Some((rule, by, at)) = self.breach
            && (!close.clean || failed(by).is_some_and(|code| code.is_failure()))
        {
            let at = at.map_or(String::new(), |at| format!(" (event {at})"));
            said += &format!("; before that the {} had broken {rule}{at}", by.sender());
        }
        if close.clean {
            return said;
        }
        let end = self.end.unwrap_or(event.time);
        for dir in Dir::BOTH {
            said += &self.pending(dir, end);
        }
        if let Some((dir, at)) = self.unread {
            said += &format!(
                "; the reset (event {at}) came after the {}'s own FIN, as when data come that nobody reads any more",
                dir.sender()
            );
        }
        said += &self.silence(end, close, silences);
        let sees = [("client", close.client_saw), ("server", close.server_saw)];
        for (who, code) in sees {
            if let Some(code) = code {
                said += &format!("; the {who}'s API reports {} ({})", code.0, code.name());
            }
        }
        said
    }

    /// What goes on in a session that has no end; none where nothing is worth a word.
    pub fn open(&self, now: Timestamp) -> Option<String> {
        let said = Dir::BOTH.map(|dir| self.pending(dir, now)).concat();
        (!self.over && !said.is_empty())
            .then(|| format!("still open at the end of the capture{said}"))
    }

    /// What this side waited for, or had not finished.
    fn pending(&self, dir: Dir, end: Timestamp) -> String {
        let mut said = String::new();
        let (me, peer, peer_lost) = (
            dir.sender(),
            dir.flip().sender(),
            *dir.flip().of(&self.lost),
        );
        if let (Some((sent, at)), false) = (dir.of(&self.ping), peer_lost) {
            let waited = seconds(end.since(*sent));
            said += &format!("; a ping of the {me} (event {at}) had waited {waited} for its pong");
        }
        let answers = *dir.flip().of(&self.answers);
        if let (Some((sent, at, beat)), false) = (dir.of(&self.beat), peer_lost)
            && (answers || *beat != Beat::Application)
        {
            let waited = seconds(end.since(*sent));
            said += &format!(
                "; {} ping of the {me} (event {at}) had waited {waited} for its answer",
                match beat {
                    Beat::Application => "an application",
                    Beat::EngineIo => "an Engine.IO",
                    Beat::GraphQl => "a GraphQL",
                    Beat::WebSocket | Beat::Stomp | Beat::Tcp => "a",
                }
            );
        }
        if let (Some((at, count)), false) = (dir.of(&self.fragments), *dir.of(&self.lost)) {
            said += &format!(
                "; a message of the {me} (from event {at}) was unfinished after {}",
                plural(*count, "fragment")
            );
        }
        if let Some((since, at)) = dir.of(&self.window) {
            let closed = seconds(end.since(*since));
            said += &format!(
                "; the {me}'s window (event {at}) had been closed for {closed}: it did not read"
            );
        }
        if let Some(at) = dir.of(&self.unheard) {
            said += &format!(
                "; the {me} gives no sign of life (event {at}): what the {peer} sends again gets no answer"
            );
        }
        said
    }

    fn silence(&self, end: Timestamp, close: &Close, silences: &mut Silences) -> String {
        let Some((last, at)) = self.last else {
            return String::new();
        };
        let silence = end.since(last);
        if silence < SILENT || self.lost.contains(&true) {
            return String::new();
        }
        let mut said = format!(
            "; nothing had been sent for {} (since event {at})",
            seconds(silence)
        );
        let cut = close.code_client.is_none() && close.code_server.is_none();
        if !cut {
            return said;
        }
        let count = silences.alike(silence);
        if count > 0 {
            said += &format!(
                ", as in {} before: something in between may have a timer",
                plural(u32::try_from(count).unwrap_or(u32::MAX), "session")
            );
        }
        if let Some(who) = timers::candidates(silence) {
            said += &format!("; this is consistent with an idle timer, such as that of {who}");
        }
        if silences.0.len() < KEPT {
            silences.0.push(silence);
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
