//! The screen.
//!
//! ```text
//! ┌────────────────────────────────────────────────────────────┐
//! │ title: file, packets, progress                             │
//! │ connections                                                │
//! │ timeline                        │ wide: detail             │
//! │                                 │       bytes              │
//! │ narrow: detail │ bytes                                     │
//! │ errors, if any                                             │
//! │ footer: keys                                               │
//! └────────────────────────────────────────────────────────────┘
//! ```

#[cfg(unix)]
use super::app::Live;
use super::app::{App, Over, Pane};
use super::canvas::{put, put_right, size, span, wrap};
use super::keys::{Action, Binding, KEYS};
use super::pane::{
    bytes, compared, connections, detail, explained, findings, help, stats, timeline, together,
};
use super::theme;
use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use wscope::model::Timestamp;
use wscope::sink::Escaped;

/// From this size on, detail and bytes stand beside the timeline.
const WIDE: (u16, u16) = (140, 30);

/// Columns of what stands there: sixteen bytes in a row fit.
const SIDE: u16 = 78;

/// Where everything is.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    pub title: Rect,
    /// All panes together.
    pub body: Rect,
    pub errors: Rect,
    pub footer: Rect,
    panes: [Rect; 4],
}

impl Layout {
    /// Where a pane is, with its heading; empty where it is hidden.
    pub fn of(&self, pane: Pane) -> Rect {
        self.panes[pane as usize]
    }

    /// Where the lines of a pane are.
    pub fn inside(&self, pane: Pane) -> Rect {
        let heads = if pane == Pane::Timeline { 2 } else { 1 };
        let area = self.of(pane);
        let heads = heads.min(area.height);
        Rect {
            y: area.y + heads,
            height: area.height - heads,
            ..area
        }
    }
}

/// Where detail and bytes stand beside the timeline: both together.
pub fn beside(layout: &Layout) -> Option<Rect> {
    let [detail, bytes] = [Pane::Detail, Pane::Bytes].map(|pane| layout.of(pane));
    let wide = detail.x > 0 && detail.x == bytes.x && !detail.is_empty() && !bytes.is_empty();
    wide.then(|| detail.union(bytes))
}

/// Divides the screen; both drawing and scrolling go by it.
pub fn layout(app: &App) -> Layout {
    let errors = complaint(app).len().min(3) as u16;
    let area = Rect::from((Default::default(), app.size));
    let (title, rest) = rows(area, 1);
    let (rest, footer) = rows(rest, rest.height.saturating_sub(1));
    let (body, errors) = rows(rest, rest.height.saturating_sub(errors));
    let panes = if app.zoomed {
        alone(app.focus, body)
    } else {
        together(app, body)
    };
    Layout {
        title,
        body,
        errors,
        footer,
        panes,
    }
}

fn alone(focus: Pane, body: Rect) -> [Rect; 4] {
    Pane::ALL.map(|pane| {
        if pane == focus {
            body
        } else {
            Rect { height: 0, ..body }
        }
    })
}

fn together(app: &App, body: Rect) -> [Rect; 4] {
    let wide = body.width >= WIDE.0 && body.height >= WIDE.1;
    let tracks = app.index.tracks().len().clamp(1, 99) as u16;
    let most = match (wide, app.focus) {
        (true, _) => body.height / 4,
        (false, Pane::Connections) => body.height / 2,
        (false, _) => 3,
    };
    let (more_rows, more_columns) = app.resized;
    let (connections, below) = rows(
        body,
        (1 + tracks.min(most))
            .saturating_add_signed(more_rows)
            .clamp(2, body.height.max(2)),
    );
    if wide {
        let left = (below.width - SIDE - 1).saturating_add_signed(more_columns);
        let (timeline, right) = columns(below, left.clamp(40, below.width.saturating_sub(30)));
        let (detail, bytes) = rows(right, right.height * 2 / 5);
        return [connections, timeline, detail, bytes];
    }
    let reading = matches!(app.focus, Pane::Detail | Pane::Bytes);
    let bottom = if reading {
        below.height / 2
    } else {
        below.height * 2 / 5
    };
    let bottom = bottom.saturating_add_signed(-more_columns / 4);
    let (timeline, bottom) = rows(
        below,
        below.height
            - bottom.clamp(
                1.min(below.height),
                below.height.saturating_sub(3).max(1.min(below.height)),
            ),
    );
    let (detail, bytes) = columns(
        bottom,
        bottom.width.saturating_sub(1 + 43.max(body.width / 2)),
    );
    [connections, timeline, detail, bytes]
}

/// The first so many rows, and the rest. (No solver: this runs for every message.)
fn rows(area: Rect, first: u16) -> (Rect, Rect) {
    let first = first.min(area.height);
    let rest = Rect {
        y: area.y + first,
        height: area.height - first,
        ..area
    };
    (
        Rect {
            height: first,
            ..area
        },
        rest,
    )
}

/// The first so many columns, and the rest behind an empty one.
fn columns(area: Rect, first: u16) -> (Rect, Rect) {
    let first = first.min(area.width);
    let from = (first + 1).min(area.width);
    let rest = Rect {
        x: area.x + from,
        width: area.width - from,
        ..area
    };
    (
        Rect {
            width: first,
            ..area
        },
        rest,
    )
}

pub fn view(app: &App, frame: &mut Frame) {
    let buf = frame.buffer_mut();
    let layout = layout(app);
    title(app, layout.title, buf);
    match &app.over {
        Over::Help(top) => help::render(app, *top, layout.body, buf),
        Over::Findings(state) => findings::render(app, state, layout.body, buf),
        Over::Stats => stats::render(app, layout.body, buf),
        Over::Compared { lines, top } => compared::render(app, lines, *top, layout.body, buf),
        Over::Explained(_) | Over::Nothing => {
            connections::render(app, layout.of(Pane::Connections), buf);
            match &app.together {
                Some(state) => together::render(app, state, layout.of(Pane::Timeline), buf),
                None => timeline::render(app, layout.of(Pane::Timeline), buf),
            }
            detail::render(app, layout.of(Pane::Detail), buf);
            bytes::render(app, layout.of(Pane::Bytes), buf);
            if let Over::Explained(state) = &app.over {
                explained::render(app, state, buf);
            }
        }
    }
    errors(app, layout.errors, buf);
    footer(app, layout.footer, buf);
    let area = buf.area;
    let cursor = app
        .prompt
        .as_ref()
        .map(|prompt| prompt.render(app.theme, app.lang, area, buf));
    if app.theme.ascii {
        to_ascii(buf);
    }
    if let Some(cursor) = cursor {
        frame.set_cursor_position(cursor);
    }
}

/// Leaves only characters that every terminal has.
fn to_ascii(buf: &mut Buffer) {
    for cell in &mut buf.content {
        if !cell.symbol().is_ascii() {
            let symbol = theme::ascii(cell.symbol());
            cell.set_symbol(symbol);
        }
    }
}

fn title(app: &App, area: Rect, buf: &mut Buffer) {
    let style = app.theme.bar();
    buf.set_style(area, style);
    let sifting = [&app.filter, &app.search].into_iter().flatten();
    let sifting: Vec<_> = sifting
        .filter(|it| !it.done)
        .map(|it| app.tr("looking through {n} %, ", &[("n", &it.percent)]))
        .collect();
    let notes = format!("{}{} ", sifting.concat(), progress(app));
    let start = put_right(
        buf,
        (area.x + area.width / 3, area.y),
        area.right(),
        &notes,
        style,
    );
    let mut name = format!(" wscope  {}", Escaped(&app.name));
    if let Some(filter) = &app.filter {
        name += &format!("  & {}", Escaped(&filter.text));
    }
    if let Some(search) = &app.search {
        name += &format!("  / {}", Escaped(&search.text));
    }
    put(buf, (area.x, area.y), start.saturating_sub(1), &name, style);
}

/// What is captured, and what is not.
#[cfg(unix)]
fn live_progress(app: &App, live: &Live) -> String {
    let mut text = packets(app);
    let dropped = app.load.progress.map_or(0, |(_, counts)| counts.dropped);
    if dropped > 0 {
        text = app.tr("{text}, {n} DROPPED", &[("text", &text), ("n", &dropped)]);
    }
    let held = size(live.held());
    text = match live.oldest() {
        1 => app.tr("{text}, {size} kept", &[("text", &text), ("size", &held)]),
        oldest => app.tr(
            "{text}, {size} kept from {n} on",
            &[("text", &text), ("size", &held), ("n", &oldest)],
        ),
    };
    let how = match (app.load.done, live.paused) {
        (true, _) => "{text}, ended",
        (false, true) => "{text}, PAUSED (P goes on)",
        (false, false) => "live, {text}",
    };
    app.tr(how, &[("text", &text)])
}

fn packets(app: &App) -> String {
    app.tr("{n} {n|packet|packets}", &[("n", &app.packets())])
}

fn progress(app: &App) -> String {
    #[cfg(unix)]
    if let Some(live) = &app.live {
        return live_progress(app, live);
    }
    let packets = packets(app);
    if app.load.done {
        let last = app.index.tracks().iter().map(|track| track.last).max();
        let first = app.start.unwrap_or(Timestamp(0));
        let time = span(last.unwrap_or(first).since(first));
        return app.tr(
            "{packets}, {time}",
            &[("packets", &packets), ("time", &time)],
        );
    }
    match app.load.progress.map(|(progress, _)| progress) {
        Some(progress) => match progress.total.filter(|&total| total > 0) {
            Some(total) => {
                let percent = (progress.bytes * 100 / total).min(100);
                let full = (percent / 10) as usize;
                let bar = "█".repeat(full) + &"─".repeat(10 - full);
                app.tr(
                    "reading {bar} {n} %, {packets}",
                    &[("bar", &bar), ("n", &percent), ("packets", &packets)],
                )
            }
            None => app.tr(
                "reading, {size} so far, {packets}",
                &[("size", &size(progress.bytes)), ("packets", &packets)],
            ),
        },
        None => app.tr("reading", &[]),
    }
}

fn errors(app: &App, area: Rect, buf: &mut Buffer) {
    for (line, y) in complaint(app).iter().zip(area.y..area.bottom()) {
        put(buf, (area.x + 1, y), area.right(), line, app.theme.bad());
    }
}

/// What is wrong with the captures, in lines.
fn complaint(app: &App) -> Vec<String> {
    if app.load.errors.is_empty() {
        return Vec::new();
    }
    let texts: Vec<_> = app.load.errors.iter().map(ToString::to_string).collect();
    let text = format!("! {}", Escaped(&texts.join("; ")));
    wrap(&text, usize::from(app.size.width).saturating_sub(2))
}

fn footer(app: &App, area: Rect, buf: &mut Buffer) {
    let mut x = area.x + 1;
    match &app.said {
        Some(Ok(text)) => {
            put(
                buf,
                (x, area.y),
                area.right(),
                &Escaped(text).to_string(),
                app.theme.good(),
            );
            return;
        }
        Some(Err(text)) => {
            let text = format!("! {}", Escaped(text));
            put(buf, (x, area.y), area.right(), &text, app.theme.bad());
            return;
        }
        None => {}
    }
    for binding in KEYS
        .iter()
        .filter(|binding| !binding.footer.is_empty() && is_useful(app, binding))
    {
        let key = binding.name.split(' ').next().unwrap_or_default();
        let after = put(buf, (x, area.y), area.right(), key, app.theme.bold());
        x = put(
            buf,
            (after + 1, area.y),
            area.right(),
            &app.tr(binding.footer, &[]),
            app.theme.dim(),
        ) + 3;
    }
}

/// Whether a key does something in the pane one is in, or in what lies over it.
fn is_useful(app: &App, binding: &Binding) -> bool {
    use Action as A;
    match (&app.over, binding.action) {
        (Over::Nothing, _) => binding.panes.contains(&app.focus),
        (Over::Findings(_), A::Open) | (Over::Explained(_), A::Next) => true,
        (_, action) => matches!(action, A::Back | A::Quit),
    }
}
