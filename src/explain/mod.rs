//! What events mean, in words and with their own values, in English and in Chinese.
//!
//! ```text
//! engine ─► Story (what came before) ─► explain() ─► Explanation ─► plain text, Markdown, HTML, the screen
//!                                          ▲
//!                                     texts/*.toml
//! ```
//! Nothing is told that was not worked out from the bytes of the capture, by the codecs that decoded them.
#![deny(clippy::disallowed_methods)]

mod brief;
mod frame;
mod html;
mod http;
mod lang;
mod lines;
mod machine;
mod of_rule;
mod others;
mod page;
mod parts;
mod said;
mod story;
mod tcp;
pub mod texts;
mod trace;
mod ws;

pub use brief::{brief, cost_row};
pub use lang::{Lang, UnknownLang};
pub use lines::{Line, Look, columns, lines, pad, wrap};
pub use machine::{Machine, TcpState, WsState};
pub use of_rule::{Worded, of_rule};
pub use page::Page;
pub use parts::{Block, Cell, Explanation, Ruler, Run, Section, Table};
pub use said::{said, sentences, translated};
pub use story::{Piecework, Sent, Story, Talk};
pub use trace::{Copied, Origin, Source, Trace, Traced};

use crate::model::{Dir, Event, EventKind, Flow, Http, Loan, Tcp, Trust, Ws};
use crate::sink::Escaped;
use std::fmt;
pub use texts::Value;

/// Explains an event with what is known of its connection when it comes.
#[must_use]
pub fn explain(lang: Lang, event: &Event, flow: &Flow, loan: Loan<'_>, talk: &Talk) -> Explanation {
    let ask = Ask {
        lang,
        event,
        flow,
        loan,
        talk,
    };
    let mut told = Explanation {
        id: Some(event.id),
        ..Explanation::default()
    };
    match &event.kind {
        EventKind::Tcp(Tcp::Open(open)) => tcp::open(&ask, open, &mut told),
        EventKind::Tcp(Tcp::Close(close)) => tcp::close(&ask, close, &mut told),
        EventKind::Tcp(Tcp::Note(note)) => tcp::note(&ask, note, &mut told),
        EventKind::Http(Http::Request(request)) => http::request(&ask, request, &mut told),
        EventKind::Http(Http::Response(response)) => http::response(&ask, response, &mut told),
        EventKind::Tls(tls) => others::tls(&ask, tls, &mut told),
        EventKind::Ws(Ws::Open(open)) => http::open(&ask, open, &mut told),
        EventKind::Ws(Ws::Refused(refused)) => http::refused(&ask, refused, &mut told),
        EventKind::Ws(Ws::Frame(frame)) => frame::frame(&ask, frame, &mut told),
        EventKind::Ws(Ws::Message(message)) => ws::message(&ask, message, &mut told),
        EventKind::Ws(Ws::Close(close)) => ws::close(&ask, close, &mut told),
        EventKind::Anomaly(anomaly) => others::anomaly(&ask, anomaly, &mut told),
        EventKind::Finding(finding) => others::finding(&ask, finding, &mut told),
        EventKind::Insight(insight) => others::insight(&ask, insight, &mut told),
    }
    if event.trust == Trust::Inferred {
        told.what.push(ask.say("any.inferred", &[]));
    }
    if let Some(about) = event.about {
        told.what.push(ask.say("any.about", &[("id", &about)]));
    }
    match &event.kind {
        // What they speak of has its numbers and states with it.
        EventKind::Anomaly(_) | EventKind::Finding(_) | EventKind::Insight(_) => {}
        EventKind::Tcp(_) | EventKind::Http(_) | EventKind::Tls(_) | EventKind::Ws(_) => {
            tcp::arithmetic(&ask, &mut told);
            tcp::states(&ask, &mut told);
        }
    }
    told
}

/// What an event is, in one line, without knowing what came before.
#[must_use]
pub fn title(lang: Lang, event: &Event, flow: &Flow) -> String {
    explain(lang, event, flow, Loan::default(), &Talk::default()).title
}

/// An event that is to be explained, and in which language.
struct Ask<'a> {
    lang: Lang,
    event: &'a Event,
    flow: &'a Flow,
    loan: Loan<'a>,
    talk: &'a Talk,
}

impl Ask<'_> {
    fn say(&self, key: &str, values: &[Value<'_>]) -> String {
        texts::say(self.lang, key, values)
    }

    /// `client` or `server`, in the language.
    fn side(&self, dir: Dir) -> String {
        match dir {
            Dir::C2s => self.say("word.client", &[]),
            Dir::S2c => self.say("word.server", &[]),
        }
    }

    /// Who sent it, and who got it; the client where it belongs to neither.
    fn sender(&self) -> String {
        self.side(self.event.dir.unwrap_or(Dir::C2s))
    }

    fn receiver(&self) -> String {
        self.side(self.event.dir.unwrap_or(Dir::C2s).flip())
    }

    fn yes(&self, yes: bool) -> String {
        self.say(if yes { "word.yes" } else { "word.no" }, &[])
    }

    fn table(&self, head: &[&str]) -> Table {
        Table {
            head: head.iter().map(|key| self.say(key, &[])).collect(),
            rows: Vec::new(),
        }
    }
}

impl Explanation {
    /// A paragraph, and where to read more of it.
    fn tell(&mut self, ask: &Ask<'_>, key: &str, values: &[Value<'_>]) {
        self.what.push(ask.say(key, values));
        self.refer(key);
    }

    /// The sections that the text under this key names.
    fn refer(&mut self, key: &str) {
        for see in texts::find(key).map_or(&[][..], |text| &text.see) {
            if !self.see.contains(see) {
                self.see.push(see.clone());
            }
        }
    }

    fn title(&mut self, ask: &Ask<'_>, key: &str, values: &[Value<'_>]) {
        self.title = ask.say(key, values);
        self.refer(key);
    }

    fn section(&mut self, ask: &Ask<'_>, key: &str, blocks: Vec<Block>) {
        self.refer(key);
        self.sections.push(Section {
            title: ask.say(key, &[]),
            blocks,
        });
    }
}

impl Table {
    fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows
            .push(cells.map(|cell| Escaped(&cell).to_string()).into());
    }
}

/// Nanoseconds, as people write them.
struct Span(i64);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0;
        match nanos.unsigned_abs() {
            0..1_000 => write!(f, "{nanos} ns"),
            1_000..1_000_000 => write!(f, "{:.1} µs", nanos as f64 / 1e3),
            1_000_000..1_000_000_000 => write!(f, "{:.1} ms", nanos as f64 / 1e6),
            _ => write!(f, "{:.2} s", nanos as f64 / 1e9),
        }
    }
}

/// At most so many characters, with `…` where there were more.
fn short(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// Bytes in hexadecimal digits.
fn hex(bytes: &[u8]) -> String {
    let digits: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.join(" ")
}

/// A byte as a character, where it is a plain one.
fn character(byte: u8) -> String {
    match byte {
        0x21..=0x7e => format!("'{}'", char::from(byte)),
        0x20 => "' '".into(),
        b'\n' => "\\n".into(),
        b'\r' => "\\r".into(),
        b'\t' => "\\t".into(),
        _ => format!("0x{byte:02x}"),
    }
}
