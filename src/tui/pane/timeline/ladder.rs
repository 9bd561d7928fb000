//! How a timeline is drawn.
//!
//! ```text
//! ── timeline #0 ───────────────────────────── messages · f for frames and TCP ─
//!     seconds packet  client 127.0.0.1:56364          server 127.0.0.1:9001
//!    0.000975      4  ├─ HTTP GET /tour ─────────────────────────────────▶│
//!    0.001865      8  │◀───────────────────────────── text 6 B "get it" ─┤
//!                     │                     ⋮ 3.60 s                     │
//! ▸  3.604157     16  ├─ text 22 B "hello from the browser" ────────────▶│
//! ```

use super::{Clock, Row};
use crate::tui::app::{App, Pane};
use crate::tui::canvas::{fill, fit, heading, put, put_right, size, span};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use unicode_width::UnicodeWidthStr as _;
use wscope::explain::{Lang, brief, texts};
use wscope::model::{Dir, Event, EventKind, Flow, Kind, Loan, Message, Tcp, Timestamp, Ws};
use wscope::sink::{Escaped, Level, Line, Track};

pub fn render(app: &App, area: Rect, buf: &mut Buffer) {
    if area.is_empty() {
        return;
    }
    let focused = app.focus == Pane::Timeline;
    let (name, notes) = match app.track() {
        Some(track) => (name(app, track), notes(app)),
        None => (app.tr("timeline", &[]), String::new()),
    };
    let inside = heading(buf, area, &name, &notes, app.theme, focused);
    match app.track() {
        Some(track) => ladder(app, track, inside, buf),
        None => empty(app, inside, buf),
    }
}

fn name(app: &App, track: &Track) -> String {
    let what = Escaped(track.what.as_deref().unwrap_or_default()).to_string();
    let name = app.tr(
        "timeline #{conn} {what}",
        &[("conn", &track.conn), ("what", &fit(&what, 40))],
    );
    name.trim_end().into()
}

fn notes(app: &App) -> String {
    let level = match app.timeline.level {
        Level::Messages => "messages only",
        Level::Frames => "messages, frames",
        Level::Tcp => "messages, frames, TCP",
        Level::Acks if app.asked_close_up.is_some() => "reading every ACK …",
        Level::Acks => "messages, frames, TCP, every ACK",
    };
    let level = app.tr(level, &[]);
    let text = match &app.filter {
        None => level,
        Some(filter) if filter.done => app.tr("filtered, {level}", &[("level", &level)]),
        Some(filter) => app.tr(
            "filtering {n} %, {level}",
            &[("n", &filter.percent), ("level", &level)],
        ),
    };
    match app.track().map_or(0, Track::forgotten) {
        0 => text,
        gone => app.tr(
            "{text}, {n} earlier rows forgotten",
            &[("text", &text), ("n", &gone)],
        ),
    }
}

fn empty(app: &App, area: Rect, buf: &mut Buffer) {
    let text = match app.load.done {
        true => app.tr(
            "No TCP connection in {n} packets.",
            &[("n", &app.packets())],
        ),
        false => app.tr("Reading …", &[]),
    };
    let text = match &app.filter {
        Some(filter) if filter.done => app.tr(
            "Nothing passes the filter; & changes it, Esc takes it off.",
            &[],
        ),
        _ => text,
    };
    put(
        buf,
        (area.x + 2, area.y + area.height / 2),
        area.right(),
        &text,
        app.theme.dim(),
    );
}

/// Where the columns of a ladder are.
#[derive(Clone, Copy)]
struct Columns {
    time_end: u16,
    packet_end: u16,
    client: u16,
    server: u16,
}

impl Columns {
    fn new(app: &App, area: Rect) -> Self {
        let time = match app.timeline.clock {
            Clock::Start | Clock::Above => 11,
            Clock::Day => 15,
        };
        let packet = (app.packets().max(1).ilog10() as u16 + 1).max(6);
        let time_end = area.x + 1 + time;
        let packet_end = time_end + 1 + packet;
        Self {
            time_end,
            packet_end,
            client: packet_end + 2,
            server: area.right().saturating_sub(2),
        }
    }
}

fn ladder(app: &App, track: &Track, area: Rect, buf: &mut Buffer) {
    let columns = Columns::new(app, area);
    if area.is_empty() || columns.server < columns.client + 8 {
        return;
    }
    head(app, track, columns, area.y, buf);
    let state = &app.timeline;
    let mut above = state
        .top
        .checked_sub(1)
        .and_then(|at| state.rows().get(at))
        .map(|row| row.target());
    let mut first = true;
    if state.rows().is_empty() && app.filter.is_some() {
        empty(app, area, buf);
    }
    for (row, y) in state
        .rows()
        .iter()
        .skip(state.top)
        .zip(area.y + 1..area.bottom())
    {
        let place = Rect {
            y,
            height: 1,
            ..area
        };
        rails(app, columns, y, buf);
        if row.is_silence() {
            silence(app, track, above, *row, columns, y, buf);
            continue;
        }
        let drawn = Drawn {
            track,
            columns,
            above,
            first,
        };
        line(app, drawn, row.target(), place, buf);
        above = Some(row.target());
        first = false;
    }
}

fn head(app: &App, track: &Track, columns: Columns, y: u16, buf: &mut Buffer) {
    let dim = app.theme.dim();
    let word = &app.tr(app.timeline.clock.word(), &[]);
    put_right(buf, (columns.time_end - 11, y), columns.time_end, word, dim);
    put_right(
        buf,
        (columns.time_end, y),
        columns.packet_end,
        &app.tr("packet", &[]),
        dim,
    );
    let Flow { client, server } = track.flow;
    let middle = columns.client + (columns.server - columns.client) / 2;
    put(
        buf,
        (columns.client, y),
        middle,
        &app.tr("client {end}", &[("end", &client)]),
        app.theme.client(),
    );
    put_right(
        buf,
        (middle + 1, y),
        columns.server + 1,
        &app.tr("server {end}", &[("end", &server)]),
        app.theme.server(),
    );
}

fn rails(app: &App, columns: Columns, y: u16, buf: &mut Buffer) {
    for x in [columns.client, columns.server] {
        put(buf, (x, y), x + 1, "│", app.theme.dim());
    }
}

fn silence(
    app: &App,
    track: &Track,
    above: Option<Line>,
    row: Row,
    columns: Columns,
    y: u16,
    buf: &mut Buffer,
) {
    let before = above.map_or(track.first, |line| track.time(line));
    let text = format!("⋮ {}", span(track.time(row.target()).since(before)));
    let middle =
        columns.client + (columns.server - columns.client).saturating_sub(text.width() as u16) / 2;
    put(buf, (middle, y), columns.server, &text, app.theme.dim());
}

/// What a line needs to know beside itself.
#[derive(Clone, Copy)]
struct Drawn<'a> {
    track: &'a Track,
    columns: Columns,
    above: Option<Line>,
    /// The first line of the pane: it repeats nothing that scrolled away.
    first: bool,
}

fn line(app: &App, drawn: Drawn<'_>, line: Line, area: Rect, buf: &mut Buffer) {
    let Drawn {
        track,
        columns,
        above,
        first,
    } = drawn;
    let Some(event) = track.event(line) else {
        return;
    };
    let above = above.and_then(|line| track.event(line));
    let repeats = !first
        && above
            .as_ref()
            .is_some_and(|above| above.id.at == event.id.at);
    if !repeats {
        let start = app.start.unwrap_or(Timestamp(0));
        let time = app
            .timeline
            .clock
            .show(start, above.map(|above| above.time), event.time);
        put_right(
            buf,
            (area.x + 1, area.y),
            columns.time_end,
            &time,
            app.theme.dim(),
        );
        let packet = event.id.at.to_string();
        put_right(
            buf,
            (columns.time_end, area.y),
            columns.packet_end,
            &packet,
            app.theme.dim(),
        );
    }
    let text = label(
        app.lang,
        &event,
        &track.flow,
        app.preview(track, line).unwrap_or("…"),
    );
    arrow(app, &event, &text, columns, area.y, buf);
    let at = app.connections.selected;
    if app.notes.marks.contains_key(&event.id) {
        put(buf, (area.x, area.y), area.right(), "◆", app.theme.warn());
    } else if app.found(at, line) {
        put(buf, (area.x, area.y), area.right(), "●", app.theme.good());
    }
    if app.timeline.selected == Some(line) {
        put(buf, (area.x, area.y), area.right(), "▸", app.theme.plain());
        buf.set_style(area, app.theme.selected(app.focus == Pane::Timeline));
    }
}

fn arrow(app: &App, event: &Event, text: &str, columns: Columns, y: u16, buf: &mut Buffer) {
    let style = app.theme.event(event);
    let Stroke { shaft, right, left } = Stroke::of(event);
    let (from, to) = (columns.client + 1, columns.server);
    match event.dir {
        Some(Dir::C2s) => {
            fill(buf, (from, y), to, shaft, style);
            put(buf, (columns.client, y), to, "├", style);
            put(
                buf,
                (from + 1, y),
                to - 3,
                &format!(" {} ", fit(text, usize::from(to - from - 6))),
                style,
            );
            put(buf, (to - 1, y), to, right, style);
        }
        Some(Dir::S2c) => {
            fill(buf, (from, y), to, shaft, style);
            put(buf, (to, y), to + 1, "┤", style);
            let text = format!(" {} ", fit(text, usize::from(to - from - 6)));
            put_right(buf, (from + 3, y), to - 1, &text, style);
            put(buf, (from, y), from + 1, left, style);
        }
        None => middle(text, style, (from, to), y, buf),
    }
}

/// What belongs to neither side stands between them.
fn middle(text: &str, style: Style, (from, to): (u16, u16), y: u16, buf: &mut Buffer) {
    let text = fit(text, usize::from(to - from).saturating_sub(4));
    let x = from + (to - from).saturating_sub(text.width() as u16) / 2;
    put(buf, (x, y), to, &text, style);
}

/// The strokes of an arrow: they tell messages from frames and from TCP.
struct Stroke {
    shaft: &'static str,
    right: &'static str,
    left: &'static str,
}

impl Stroke {
    fn of(event: &Event) -> Self {
        let [shaft, right, left] = match event.kind {
            EventKind::Ws(Ws::Frame(_)) => ["╌", "▷", "◁"],
            EventKind::Tcp(Tcp::Note(_)) => ["┈", ">", "<"],
            EventKind::Anomaly(_) => ["╳", "╳", "╳"],
            _ => ["─", "▶", "◀"],
        };
        Self { shaft, right, left }
    }
}

/// An event in one line; `preview` is the beginning of its payload.
pub fn label(lang: Lang, event: &Event, flow: &Flow, preview: &str) -> String {
    match &event.kind {
        EventKind::Ws(Ws::Message(message)) => message_label(lang, message, preview),
        // The ends stand above the ladder.
        _ => brief(lang, event, flow, Loan::default())
            .replace(&format!(" {flow}"), "")
            .replace(&format!(", {flow}"), "")
            .replace(&format!("，{flow}"), ""),
    }
}

fn message_label(lang: Lang, message: &Message, preview: &str) -> String {
    let mut text = match lang {
        Lang::En => message.kind.word().to_owned(),
        Lang::Zh => texts::say(lang, &format!("kind.{}", message.kind.word()), &[]),
    };
    let mut add = |english: &str, values: &[texts::Value<'_>]| {
        text += &texts::tr(lang, english, values);
    };
    if message.length == 0 && message.complete {
        add(", empty", &[]);
    } else if message.kind != Kind::Close {
        add(" {size}", &[("size", &size(message.length))]);
    }
    if message.frames > 1 {
        add(", {n} frames", &[("n", &message.frames)]);
    }
    if message.compressed {
        add(", {size} deflated", &[("size", &size(message.wire_length))]);
    }
    if !message.complete {
        add(", INCOMPLETE", &[]);
    } else if message.kind == Kind::Text && !message.utf8 {
        add(", NOT UTF-8", &[]);
    }
    if message.length == 0 {
        return text;
    }
    let space = if preview.is_empty() || preview.starts_with(' ') {
        ""
    } else {
        " "
    };
    text + space + preview
}
