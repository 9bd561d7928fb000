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

use super::app::{App, Pane};
use super::canvas::{count, put, put_right, size, span, wrap};
use super::keys::KEYS;
use super::pane::{bytes, connections, detail, help, timeline};
use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout as Split, Rect};
use wscope::model::Timestamp;
use wscope::sink::Escaped;

/// From this size on, detail and bytes stand beside the timeline.
const WIDE: (u16, u16) = (140, 30);

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

/// Divides the screen; both drawing and scrolling go by it.
pub fn layout(app: &App) -> Layout {
    let errors = complaint(app).len().min(3) as u16;
    let area = Rect::from((Default::default(), app.size));
    let [title, body, errors, footer] = Split::vertical([
        Constraint::Length(1),
        Constraint::Fill(1),
        Constraint::Length(errors),
        Constraint::Length(1),
    ])
    .areas(area);
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
    let [connections, below] = Split::vertical([
        Constraint::Length(1 + tracks.min(most)),
        Constraint::Fill(1),
    ])
    .areas(body);
    if wide {
        let [timeline, right] = Split::horizontal([Constraint::Fill(1), Constraint::Length(78)])
            .spacing(1)
            .areas(below);
        let [detail, bytes] =
            Split::vertical([Constraint::Percentage(40), Constraint::Fill(1)]).areas(right);
        return [connections, timeline, detail, bytes];
    }
    let reading = matches!(app.focus, Pane::Detail | Pane::Bytes);
    let bottom = if reading {
        below.height / 2
    } else {
        below.height * 2 / 5
    };
    let [timeline, bottom] =
        Split::vertical([Constraint::Fill(1), Constraint::Length(bottom)]).areas(below);
    let [detail, bytes] = Split::horizontal([
        Constraint::Fill(1),
        Constraint::Length(43.max(body.width / 2)),
    ])
    .spacing(1)
    .areas(bottom);
    [connections, timeline, detail, bytes]
}

pub fn view(app: &App, frame: &mut Frame) {
    let buf = frame.buffer_mut();
    let layout = layout(app);
    title(app, layout.title, buf);
    match app.help {
        Some(top) => help::render(app, top, layout.body, buf),
        None => {
            connections::render(app, layout.of(Pane::Connections), buf);
            timeline::render(app, layout.of(Pane::Timeline), buf);
            detail::render(app, layout.of(Pane::Detail), buf);
            bytes::render(app, layout.of(Pane::Bytes), buf);
        }
    }
    errors(app, layout.errors, buf);
    footer(app, layout.footer, buf);
}

fn title(app: &App, area: Rect, buf: &mut Buffer) {
    let style = app.theme.bar();
    buf.set_style(area, style);
    let notes = format!("{} ", progress(app));
    let start = put_right(
        buf,
        (area.x + area.width / 3, area.y),
        area.right(),
        &notes,
        style,
    );
    let name = format!(" wscope  {}", Escaped(&app.name));
    put(buf, (area.x, area.y), start.saturating_sub(1), &name, style);
}

fn progress(app: &App) -> String {
    let packets = count(app.packets(), "packet");
    if app.load.done {
        let last = app.index.tracks().iter().map(|track| track.last).max();
        let first = app.start.unwrap_or(Timestamp(0));
        return format!("{packets}, {}", span(last.unwrap_or(first).since(first)));
    }
    match app.load.progress.map(|(progress, _)| progress) {
        Some(progress) => match progress.total.filter(|&total| total > 0) {
            Some(total) => format!(
                "reading {} %, {packets}",
                (progress.bytes * 100 / total).min(100)
            ),
            None => format!("reading, {} so far, {packets}", size(progress.bytes)),
        },
        None => "reading".into(),
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
    for binding in KEYS
        .iter()
        .filter(|binding| binding.panes.contains(&app.focus))
    {
        let key = binding.name.split(' ').next().unwrap_or_default();
        let after = put(buf, (x, area.y), area.right(), key, app.theme.bold());
        x = put(
            buf,
            (after + 1, area.y),
            area.right(),
            binding.footer,
            app.theme.dim(),
        ) + 3;
    }
}
