//! The only place where the screen's state changes.

use super::app::{App, Pane};
use super::keys::{self, Action};
use super::msg::{Batch, Job, Msg};
use super::pane::{bytes, detail, help};
use super::view;
use crossterm::event::{Event as Input, MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::{Position, Size};
use wscope::sink::Level;

/// Lines that a turn of the wheel moves.
const WHEEL: isize = 3;

/// Takes what happened, and answers with the work that it makes necessary.
pub fn update(app: &mut App, msg: Msg) -> Option<Job> {
    let grows = matches!(msg, Msg::Batch(_));
    match msg {
        Msg::Input(Input::Key(key)) => {
            if let Some(action) = keys::action(key) {
                act(app, action);
            }
        }
        Msg::Input(Input::Mouse(mouse)) => click(app, mouse),
        Msg::Input(Input::Resize(width, height)) => app.size = Size { width, height },
        Msg::Input(_) => {}
        Msg::Batch(batch) => {
            let follow = follows(app);
            take(app, batch);
            if follow {
                grow(app);
                app.timeline.step(isize::MAX);
            }
        }
        Msg::Loaded(errors) => {
            app.load.done = true;
            app.load.errors = errors;
            // An empty screen says nothing; the error alone does.
            app.quit |= app.packets() == 0 && !app.load.errors.is_empty();
        }
        Msg::Replayed { generation, answer } if generation == app.generation => {
            app.bytes.answer = Some(answer);
        }
        Msg::Replayed { .. } => {}
        Msg::Stop => app.quit = true,
    }
    let job = settle(app);
    // What one reads does not change while the list grows.
    if !grows || job.is_some() {
        keep_in_sight(app);
    }
    job
}

fn take(app: &mut App, batch: Batch) {
    let mut previews = batch.previews.as_str();
    for (event, flow, len) in batch.events {
        let (preview, rest) = previews.split_at(len);
        previews = rest;
        app.start.get_or_insert(event.time);
        app.index.take(event, &flow, preview);
    }
    if batch.progress.is_some() {
        app.load.progress = batch.progress;
    }
}

fn act(app: &mut App, action: Action) {
    if app.help.is_some() {
        return act_in_help(app, action);
    }
    match action {
        Action::Quit => app.quit = true,
        Action::Help => app.help = Some(0),
        Action::NextPane => app.focus = app.focus.step(1),
        Action::PreviousPane => app.focus = app.focus.step(-1),
        Action::Zoom => app.zoomed = !app.zoomed,
        Action::Open => open(app),
        Action::Back => back(app),
        Action::Cycle => {
            app.timeline.level = match app.timeline.level {
                Level::Messages => Level::Frames,
                Level::Frames => Level::Tcp,
                Level::Tcp => Level::Messages,
            }
        }
        Action::Unfold => {
            app.timeline.level = match app.timeline.level {
                Level::Messages => Level::Frames,
                _ => Level::Tcp,
            }
        }
        Action::Fold => {
            app.timeline.level = match app.timeline.level {
                Level::Tcp => Level::Frames,
                _ => Level::Messages,
            }
        }
        Action::Pause => pause(app),
        Action::Clock => app.timeline.clock = app.timeline.clock.next(),
        Action::Next => app.timeline.step(1),
        Action::Previous => app.timeline.step(-1),
        _ => {
            let by = distance(action, page(app, app.focus));
            scroll(app, app.focus, by);
        }
    }
}

#[cfg(unix)]
fn pause(app: &mut App) {
    if let Some(live) = &mut app.live {
        live.pause();
    }
}

#[cfg(not(unix))]
fn pause(_: &mut App) {}

/// Whether the last line is selected and more may come: then the selection goes with them.
fn follows(app: &App) -> bool {
    #[cfg(unix)]
    return app.live.is_some() && app.timeline.is_at_end();
    #[cfg(not(unix))]
    return false;
}

fn act_in_help(app: &mut App, action: Action) {
    match action {
        Action::Quit => app.quit = true,
        Action::Help | Action::Back | Action::Open => app.help = None,
        _ => {
            let area = view::layout(app).body;
            let most = help::height().saturating_sub(area.height.into());
            let by = distance(action, area.height.into());
            app.help = app.help.map(|top| top.saturating_add_signed(by).min(most));
        }
    }
}

/// How many lines a key moves.
fn distance(action: Action, page: usize) -> isize {
    let page = page.saturating_sub(1).max(1) as isize;
    match action {
        Action::Up => -1,
        Action::Down => 1,
        Action::PageUp => -page,
        Action::PageDown => page,
        Action::First => isize::MIN,
        Action::Last => isize::MAX,
        _ => 0,
    }
}

fn page(app: &App, pane: Pane) -> usize {
    usize::from(view::layout(app).inside(pane).height)
}

/// Moves the selection of a list, or the text of a pane.
fn scroll(app: &mut App, pane: Pane, by: isize) {
    match pane {
        Pane::Connections => {
            let last = app.index.tracks().len().saturating_sub(1);
            app.connections.selected = app.connections.selected.saturating_add_signed(by).min(last);
        }
        Pane::Timeline => app.timeline.step(by),
        Pane::Detail => app.detail = app.detail.saturating_add_signed(by),
        Pane::Bytes => app.bytes.top = app.bytes.top.saturating_add_signed(by),
    }
}

fn open(app: &mut App) {
    match app.focus {
        Pane::Connections => app.focus = Pane::Timeline,
        Pane::Timeline => app.focus = Pane::Bytes,
        Pane::Detail | Pane::Bytes => app.zoomed = !app.zoomed,
    }
}

fn back(app: &mut App) {
    if app.zoomed {
        app.zoomed = false;
        return;
    }
    app.focus = match app.focus {
        Pane::Bytes | Pane::Detail => Pane::Timeline,
        Pane::Timeline | Pane::Connections => Pane::Connections,
    };
}

fn click(app: &mut App, mouse: MouseEvent) {
    let layout = view::layout(app);
    let at = Position {
        x: mouse.column,
        y: mouse.row,
    };
    let Some(pane) = Pane::ALL
        .into_iter()
        .find(|&pane| layout.of(pane).contains(at))
    else {
        return;
    };
    match mouse.kind {
        MouseEventKind::ScrollUp => scroll(app, pane, -WHEEL),
        MouseEventKind::ScrollDown => scroll(app, pane, WHEEL),
        MouseEventKind::Down(MouseButton::Left) => {
            app.focus = pane;
            let inside = layout.inside(pane);
            let Some(row) = mouse.row.checked_sub(inside.y).map(usize::from) else {
                return;
            };
            match pane {
                Pane::Connections => {
                    let last = app.index.tracks().len().saturating_sub(1);
                    app.connections.selected = (app.connections.top + row).min(last);
                }
                Pane::Timeline => app.timeline.click(row),
                Pane::Detail | Pane::Bytes => {}
            }
        }
        _ => {}
    }
}

/// Makes everything fit again: lists follow what grew, the selection stays in sight, and what is
/// selected now is asked for.
fn settle(app: &mut App) -> Option<Job> {
    let layout = view::layout(app);
    grow(app);
    app.connections
        .settle(layout.inside(Pane::Connections).height.into());
    app.timeline
        .settle(layout.inside(Pane::Timeline).height.into());
    ask(app)
}

/// Shows what came to the selected connection.
fn grow(app: &mut App) {
    let at = app.connections.selected;
    if let Some(track) = app.index.tracks().get(at) {
        app.timeline.show(at, track);
    }
}

/// Scrolls back what is scrolled past its end.
fn keep_in_sight(app: &mut App) {
    let layout = view::layout(app);
    let inside = layout.inside(Pane::Detail);
    let most = detail::height(app, inside.width.into()).saturating_sub(inside.height.into());
    app.detail = app.detail.min(most);
    let inside = layout.inside(Pane::Bytes);
    let most = bytes::height(app, inside.width.into()).saturating_sub(inside.height.into());
    app.bytes.top = app.bytes.top.min(most);
}

/// Asks for the bytes of the selected event, if they are not those that were asked for last.
fn ask(app: &mut App) -> Option<Job> {
    let selected = app
        .timeline
        .selected
        .map(|line| (app.connections.selected, line));
    if selected == app.bytes.of {
        return None;
    }
    app.generation += 1;
    app.detail = 0;
    app.bytes = bytes::State {
        of: selected,
        ..bytes::State::default()
    };
    let event = app.event()?;
    Some(Job::Replay {
        generation: app.generation,
        event,
    })
}

#[cfg(test)]
mod tests;
