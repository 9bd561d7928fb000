//! A capture on one page: what is on it, and the same as Markdown.

use super::parts::{Block, Explanation, Ruler, Table};
use super::{Lang, texts};
use crate::model::{ConnId, Dir, Event, EventKind, Flow, Severity, Timestamp, Verdict, Ws};
use crate::sink::Escaped;
use std::fmt::Write as _;

/// A page about a capture.
#[derive(Clone, Debug)]
pub struct Page {
    pub(super) lang: Lang,
    /// The capture's name.
    pub(super) name: String,
    /// Its connections, in the order of their first events.
    pub(super) talks: Vec<Talk>,
    /// Events that found no room.
    pub(super) left_out: u64,
}

/// A connection on a page.
#[derive(Clone, Debug)]
pub(super) struct Talk {
    pub conn: ConnId,
    pub flow: Flow,
    pub rows: Vec<Row>,
}

/// An event on a page.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub layer: Layer,
    /// A rule that was broken, or something that could not be seen.
    pub bad: bool,
    pub dir: Option<Dir>,
    /// Seconds since the first event.
    pub seconds: f64,
    pub told: Explanation,
}

/// What a reader may fold away.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Layer {
    Tcp,
    Tls,
    Http,
    Frame,
    Message,
    Note,
}

impl Layer {
    pub const ALL: [Self; 6] = [
        Self::Tcp,
        Self::Tls,
        Self::Http,
        Self::Frame,
        Self::Message,
        Self::Note,
    ];

    fn of(kind: &EventKind) -> Self {
        match kind {
            EventKind::Tcp(_) => Self::Tcp,
            EventKind::Tls(_) => Self::Tls,
            EventKind::Http(_) => Self::Http,
            EventKind::Ws(Ws::Frame(_)) => Self::Frame,
            EventKind::Ws(Ws::Open(_) | Ws::Refused(_) | Ws::Message(_) | Ws::Close(_)) => {
                Self::Message
            }
            EventKind::Anomaly(_) | EventKind::Finding(_) | EventKind::Insight(_) => Self::Note,
        }
    }

    pub fn word(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Http => "http",
            Self::Frame => "frame",
            Self::Message => "message",
            Self::Note => "note",
        }
    }
}

impl Page {
    /// An empty page about the capture of this name.
    #[must_use]
    pub fn new(lang: Lang, name: &str) -> Self {
        Self {
            lang,
            name: Escaped(name).to_string(),
            talks: Vec::new(),
            left_out: 0,
        }
    }

    /// Adds an event; `start` is the time of the capture's first one.
    pub fn add(&mut self, event: &Event, flow: &Flow, start: Timestamp, told: Explanation) {
        let row = Row {
            layer: Layer::of(&event.kind),
            bad: match &event.kind {
                EventKind::Finding(it) => {
                    it.verdict == Verdict::Fail && it.severity > Severity::Note
                }
                EventKind::Anomaly(_) => true,
                _ => false,
            },
            dir: event.dir,
            seconds: event.time.since(start) as f64 / 1e9,
            told,
        };
        match self.talks.iter_mut().find(|talk| talk.conn == event.conn) {
            Some(talk) => talk.rows.push(row),
            None => self.talks.push(Talk {
                conn: event.conn,
                flow: *flow,
                rows: vec![row],
            }),
        }
    }

    /// Counts an event for which there is no room.
    pub fn left_out(&mut self) {
        self.left_out += 1;
    }

    pub(super) fn say(&self, key: &str, values: &[texts::Value<'_>]) -> String {
        texts::say(self.lang, key, values)
    }

    /// The page as Markdown.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut out = format!(
            "# {}\n\n",
            plain(&self.say("page.title", &[("name", &self.name)]))
        );
        let _ = writeln!(out, "{}\n", plain(&self.say("page.intro", &[])));
        self.limits(|text| {
            let _ = writeln!(out, "{}\n", plain(&text));
        });
        for talk in &self.talks {
            let _ = writeln!(out, "## {}\n", plain(&self.heading(talk)));
            for row in &talk.rows {
                markdown(&mut out, row);
            }
        }
        out
    }

    /// What has to be said of the page itself.
    pub(super) fn limits(&self, mut tell: impl FnMut(String)) {
        if self.left_out > 0 {
            tell(self.say("page.left_out", &[("n", &self.left_out)]));
        }
        if self.talks.is_empty() {
            tell(self.say("page.empty", &[]));
        }
    }

    pub(super) fn heading(&self, talk: &Talk) -> String {
        let values: [texts::Value<'_>; 3] = [
            ("conn", &talk.conn),
            ("client", &talk.flow.client),
            ("server", &talk.flow.server),
        ];
        self.say("page.connection", &values)
    }
}

fn markdown(out: &mut String, row: &Row) {
    let told = &row.told;
    let id = told.id.map(|id| id.to_string()).unwrap_or_default();
    let arrow = match row.dir {
        Some(Dir::C2s) => "→",
        Some(Dir::S2c) => "←",
        None => "·",
    };
    let _ = writeln!(
        out,
        "### {id} {arrow} {}\n\n*{:.6} s*\n",
        plain(&told.title),
        row.seconds
    );
    for text in &told.what {
        let _ = writeln!(out, "{}\n", plain(text));
    }
    for section in &told.sections {
        let _ = writeln!(out, "#### {}\n", plain(&section.title));
        for block in &section.blocks {
            match block {
                Block::Text(text) => {
                    let _ = writeln!(out, "{}\n", plain(text));
                }
                Block::Table(table) => markdown_table(out, table),
                Block::Ruler(_) | Block::Bytes(..) => fenced(out, block),
            }
        }
    }
    if !told.see.is_empty() {
        let _ = writeln!(out, "*{}*\n", told.see.join(" · "));
    }
}

/// A ruler and bytes are drawn as on a terminal.
fn fenced(out: &mut String, block: &Block) {
    let alone = Explanation {
        sections: vec![super::Section {
            title: String::new(),
            blocks: vec![block.clone()],
        }],
        ..Explanation::default()
    };
    out.push_str("```text\n");
    for line in super::lines(&alone, 100) {
        let text = line.text.strip_prefix("    ").unwrap_or(&line.text);
        if !text.is_empty() {
            // Only a fence could end it.
            let _ = writeln!(out, "{}", text.replace("```", "` ` `"));
        }
    }
    out.push_str("```\n\n");
}

fn markdown_table(out: &mut String, table: &Table) {
    let line = |cells: &[String]| {
        let cells: Vec<_> = cells.iter().map(|cell| plain(cell)).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    out.push_str(&line(&table.head));
    let _ = writeln!(out, "|{}", "---|".repeat(table.head.len()));
    for row in &table.rows {
        out.push_str(&line(row));
    }
    out.push('\n');
}

/// Text in which nothing is an instruction to Markdown or HTML.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' | '!' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

/// The cells whose bits lie in this byte of the frame.
pub(super) fn cells_of(ruler: &Ruler, byte: usize) -> impl Iterator<Item = usize> + '_ {
    (0..ruler.cells.len()).filter(move |cell| ruler.bytes(*cell).contains(&byte))
}
