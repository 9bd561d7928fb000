//! The only place where the screen's state changes.

mod act;
mod settle;

pub use act::{filter, quote};

use super::app::{App, Over, Pane};
use super::history;
use super::keys;
use super::msg::{Batch, Job, Msg};
use super::prompt::{Purpose, Typed};
use super::sift;
use super::sweep::{Said, Seen, Sifting};
use super::view;
use crossterm::event::{Event as Input, KeyEvent, MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::{Position, Size};
use std::path::PathBuf;
use std::time::Duration;
use wscope::explain::texts::tr;
use wscope::model::{ConnId, EventId, PacketNo};
use wscope::sink::Track;

/// Lines that a turn of the wheel moves.
const WHEEL: isize = 3;

/// Takes what happened, and answers with the work that it makes necessary.
pub fn update(app: &mut App, msg: Msg) -> Vec<Job> {
    let grows = matches!(
        msg,
        Msg::Batch(_) | Msg::Sifted { .. } | Msg::Previews { .. } | Msg::Idle(_)
    );
    let mut jobs = Vec::new();
    match msg {
        Msg::Input(Input::Key(key)) => press(app, key, &mut jobs),
        Msg::Input(Input::Paste(text)) => {
            if let Some(prompt) = &mut app.prompt {
                prompt.paste(&text);
            }
        }
        Msg::Input(Input::Mouse(mouse)) => click(app, mouse),
        Msg::Input(Input::Resize(width, height)) => app.size = Size { width, height },
        Msg::Input(_) => {}
        Msg::Batch(batch) => {
            let follow = follows(app);
            take(app, batch);
            if follow {
                settle::show(app);
                app.timeline.step(isize::MAX);
            }
        }
        Msg::Loaded(errors) => {
            app.load.done = true;
            app.load.errors = errors;
            // An empty screen says nothing; the error alone does.
            app.quit |= app.packets() == 0 && !app.load.errors.is_empty();
            if let Some(id) = app.at.take() {
                app.said = Some(Err(app.tr("the capture has no event {id}", &[("id", &id)])));
            }
        }
        Msg::Replayed { generation, answer } if generation == app.generation => {
            app.bytes.answer = Some(answer);
            if let Some(action) = app.bytes.once_here.take() {
                act::act(app, action, &mut jobs);
            }
        }
        Msg::Replayed { .. } => {}
        Msg::Sifted {
            generation,
            hits,
            percent,
            done,
            from,
        } => {
            let hits = match from {
                Some(_) => sift::named(&app.index, hits),
                None => hits,
            };
            sifted(app, generation, &hits, percent, done);
            if let (true, Some(from)) = (done, from) {
                say_from_where(app, generation, from);
            }
        }
        Msg::CloseUp { conn, index } => {
            if app.asked_close_up == Some(conn) {
                app.asked_close_up = None;
                settle::change_track(app, |app| app.close_up = Some((conn, index)));
            }
        }
        Msg::Previews { generation, texts } => {
            if app.previews_of.is_some_and(|(of, _, _)| of == generation) {
                if app.previews.len() > 20_000 {
                    app.previews.clear();
                }
                app.previews.extend(texts);
            }
        }
        Msg::Explained { generation, answer } => {
            if let Over::Explained(state) = &mut app.over
                && state.of.is_some_and(|(_, of)| of == generation)
            {
                state.answer = Some(answer);
            }
        }
        Msg::Traced { generation, answer } => {
            if app.bytes.asked_trace == Some(generation) {
                app.bytes.traced = answer;
            }
        }
        Msg::Compared(lines) => app.over = Over::Compared { lines, top: 0 },
        Msg::Said(what) => app.said = Some(what),
        Msg::Idle(budget) => look_through(app, budget),
        Msg::Stop => app.quit = true,
        Msg::Suspend => app.suspend = true,
    }
    ask_for_payloads(app, &mut jobs);
    let before = jobs.len();
    settle::settle(app, &mut jobs);
    // What one reads does not change while the list grows.
    if !grows || jobs.len() > before {
        settle::keep_in_sight(app);
    }
    jobs
}

/// Whether the last line is selected and more may come: then the selection goes with them.
fn follows(app: &App) -> bool {
    #[cfg(unix)]
    return app.live.is_some() && app.together.is_none() && app.timeline.is_at_end();
    #[cfg(not(unix))]
    return false;
}

fn take(app: &mut App, batch: Batch) {
    let mut previews = batch.previews.as_str();
    let start = match batch.events.first() {
        Some((event, _, _)) => *app.start.get_or_insert(event.time),
        None => app.start.unwrap_or_default(),
    };
    let mut siftings = [&mut app.filter, &mut app.search];
    let mut seen = [0, 1].map(|which| {
        let sifting = siftings[which].as_ref()?;
        Some(Seen::of(batch.passed[which].as_ref(), sifting))
    });
    for (number, (event, flow, len)) in batch.events.into_iter().enumerate() {
        let (preview, rest) = previews.split_at(len);
        previews = rest;
        let said = [0, 1].map(|which| {
            let (sifting, seen) = siftings[which].as_ref().zip(seen[which].as_mut())?;
            Some(match seen.next(number) {
                Some(passed) => Said::Sure(passed),
                None => sifting.ask(&event, &flow, start),
            })
        });
        let Some(at) = app.index.take(event, &flow, preview) else {
            continue;
        };
        for (sifting, said) in siftings.iter_mut().zip(said) {
            if let (Some(sifting), Some(said)) = (sifting, said)
                && let Some(line) = app.index.tracks().get(at).and_then(Track::last_line)
            {
                sifting.take(said, at, line);
            }
        }
    }
    trim(app);
    if batch.progress.is_some() {
        app.load.progress = batch.progress;
    }
    if let Some(id) = app.at
        && act::go(app, id, false)
    {
        app.at = None;
    }
}

/// Lets a list of connections that has grown too long forget the oldest that have ended, but none that is looked at.
fn trim(app: &mut App) {
    let App {
        index,
        connections,
        together,
        ..
    } = app;
    let looked_at = |at: usize| {
        at == connections.selected
            || connections.chosen.contains(&at)
            || together.as_ref().is_some_and(|it| it.tracks.contains(&at))
    };
    let Some(moved) = index.trim(looked_at) else {
        return;
    };
    app.connections.moved(&moved);
    app.timeline.moved(&moved);
    app.stats.moved(&moved);
    for at in app.together.iter_mut().flat_map(|it| &mut it.tracks) {
        *at = moved.to(*at).unwrap_or(*at);
    }
    for sifting in [&mut app.filter, &mut app.search].into_iter().flatten() {
        sifting.moved(&moved, &app.index);
    }
    app.left.retain_mut(|(at, _)| match moved.to(*at) {
        Some(now) => {
            *at = now;
            true
        }
        None => false,
    });
    if let Over::Findings(findings) = &mut app.over {
        findings.moved(&moved);
    }
    app.bytes.of = app.bytes.of.and_then(|(at, id)| Some((moved.to(at)?, id)));
}

/// Whether there is work on the index to be done, while nothing else happens.
pub fn is_busy(app: &App) -> bool {
    let siftings = [&app.filter, &app.search];
    siftings.into_iter().flatten().any(Sifting::is_busy)
}

/// Looks through the index for so long.
fn look_through(app: &mut App, budget: Duration) {
    let start = app.start.unwrap_or_default();
    for sifting in [&mut app.filter, &mut app.search].into_iter().flatten() {
        sifting.sweep(&app.index, start, budget);
    }
}

/// Asks for the payloads that have to be read, and tells what a search came to.
fn ask_for_payloads(app: &mut App, jobs: &mut Vec<Job>) {
    let start = app.start.unwrap_or_default();
    #[cfg(unix)]
    let loaded = app.load.done || app.live.is_some();
    #[cfg(not(unix))]
    let loaded = app.load.done;
    if let Some(filter) = &mut app.filter {
        jobs.extend(filter.next(&app.index, start, loaded));
    }
    let Some(search) = &mut app.search else {
        return;
    };
    let before = search.done;
    jobs.extend(search.next(&app.index, start, loaded));
    if search.done && !before {
        let lang = app.lang;
        let count = search.hits.count;
        app.said = Some(match count {
            0 => Err(tr(lang, "nothing found: {text}", &[("text", &search.text)])),
            1 => Ok(tr(lang, "1 match", &[])),
            _ => Ok(tr(
                lang,
                "{n} matches: n the next, N the one before",
                &[("n", &count)],
            )),
        });
    }
    // The first match is shown as soon as there is one.
    if search.hits.count > 0 && !std::mem::replace(&mut search.jumped, true) {
        act::next_hit(app, true);
    }
}

/// Takes what reading payloads has found.
fn sifted(app: &mut App, generation: u64, found: &[(ConnId, EventId)], percent: u64, done: bool) {
    for sifting in [&mut app.filter, &mut app.search].into_iter().flatten() {
        if sifting.generation == generation {
            sifting.found(&app.index, found, percent, done);
        }
    }
}

/// Says that what is no longer in the spool was not looked through.
fn say_from_where(app: &mut App, generation: u64, from: PacketNo) {
    let of = |it: &Option<Sifting>| it.as_ref().is_some_and(|it| it.generation == generation);
    if !of(&app.filter) && !of(&app.search) {
        return;
    }
    let text = app.tr(
        "looked through from packet {n} on: what is older is no longer in the spool",
        &[("n", &from)],
    );
    app.said = Some(Ok(match app.said.take() {
        Some(Ok(said) | Err(said)) if of(&app.search) => format!("{said}; {text}"),
        _ => text,
    }));
}

fn press(app: &mut App, key: KeyEvent, jobs: &mut Vec<Job>) {
    // So that a test can see what a panic leaves of the terminal.
    #[cfg(debug_assertions)]
    if key.code == crossterm::event::KeyCode::F(12)
        && std::env::var_os("WSCOPE_TEST_PANIC").is_some()
    {
        panic!("asked to");
    }
    let Some(mut prompt) = app.prompt.take() else {
        if let Some(action) = keys::action(key) {
            app.said = None;
            act::act(app, action, jobs);
        }
        return;
    };
    match prompt.key(key, &app.histories) {
        Typed::More => app.prompt = Some(prompt),
        Typed::Gone => {}
        Typed::Done(text) => {
            let history = app.histories.entry(prompt.purpose).or_default();
            if !text.is_empty() && history.last() != Some(&text) {
                history.push(text.clone());
                jobs.extend(remember(app.history.as_ref(), prompt.purpose, &text));
            }
            act::typed(app, prompt.purpose, &text, jobs);
        }
    }
}

/// Keeps what was typed for later runs.
fn remember(path: Option<&PathBuf>, purpose: Purpose, text: &str) -> Option<Job> {
    let path = path?.clone();
    let line = history::line(purpose, text)?;
    Some(Job::Remember { path, line })
}

fn click(app: &mut App, mouse: MouseEvent) {
    let by = match mouse.kind {
        MouseEventKind::ScrollUp => -WHEEL,
        MouseEventKind::ScrollDown => WHEEL,
        _ => 0,
    };
    if !matches!(app.over, Over::Nothing) {
        act::scroll_over(app, by);
        return;
    }
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
    if by != 0 {
        act::scroll(app, pane, by);
        return;
    }
    if mouse.kind != MouseEventKind::Down(MouseButton::Left) {
        return;
    }
    app.focus = pane;
    let inside = layout.inside(pane);
    let Some(row) = mouse.row.checked_sub(inside.y).map(usize::from) else {
        return;
    };
    match (pane, &mut app.together) {
        (Pane::Connections, _) => app.connections.select(app.connections.top + row),
        (Pane::Timeline, Some(together)) => together.click(row),
        (Pane::Timeline, None) => app.timeline.click(row),
        (Pane::Detail, _) => {
            let width = inside.width.into();
            let nodes = super::pane::detail::nodes(app).len();
            let top = app.detail.top;
            let found = (0..nodes).rev().find(|&node| {
                app.detail.at = node;
                super::pane::detail::height(app, width).1 <= top + row
            });
            app.detail.at = found.unwrap_or(0);
        }
        (Pane::Bytes, _) => app.bytes.cursor.0 = app.bytes.top + row,
    }
}

#[cfg(test)]
mod sifted;
#[cfg(test)]
mod tests;
