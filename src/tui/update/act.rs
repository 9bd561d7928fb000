//! What the keys and the commands do.

use super::super::app::{App, Over, Pane};
use super::super::keys::{Action, COMMANDS, Does};
use super::super::msg::{Extract, Job};
use super::super::pane::{bytes, detail, explained, findings, help, together};
use super::super::prompt::{Prompt, Purpose};
use super::super::sift::{Needle, Pattern};
use super::super::sweep::Sifting;
use super::super::theme::{Palette, Theme};
use super::super::view;
use super::settle::change_track;
use clap::ValueEnum as _;
use std::path::PathBuf;
use wscope::explain::said;
use wscope::field::Filter;
use wscope::model::{EventId, EventKind, Kind, PacketNo, Ws};
use wscope::sink::{Level, Line};

pub fn act(app: &mut App, action: Action, jobs: &mut Vec<Job>) {
    if !matches!(app.over, Over::Nothing) && act_over(app, action) {
        return;
    }
    match action {
        Action::Quit => app.quit = true,
        Action::Suspend => app.suspend = true,
        Action::Help => app.over = Over::Help(0),
        Action::Findings => app.over = Over::Findings(findings::State::new(&app.index)),
        Action::Stats => app.over = Over::Stats,
        Action::Explain => app.over = Over::Explained(explained::State::default()),
        Action::NextPane => app.focus = app.focus.step(1),
        Action::PreviousPane => app.focus = app.focus.step(-1),
        Action::Left | Action::Right => {
            let by = if action == Action::Left { -1 } else { 1 };
            match app.focus {
                Pane::Bytes => bytes::step(app, width(app, Pane::Bytes), 0, by),
                _ => app.focus = app.focus.step(by),
            }
        }
        Action::Zoom => app.zoomed = !app.zoomed,
        Action::Open => open(app),
        Action::Back => back(app),
        Action::Return => {
            if let Some((_, id)) = app.left.pop() {
                go(app, id, false);
            }
        }
        Action::Cycle | Action::Fold | Action::Unfold => {
            let level = level(app.timeline.level, action);
            change_track(app, |app| app.timeline.level = level);
        }
        Action::Pause => pause(app),
        Action::Clock => app.timeline.clock = app.timeline.clock.next(),
        Action::View => {
            app.bytes.view = app.bytes.view.next();
            app.bytes.cursor = (0, 0);
            app.bytes.top = 0;
        }
        Action::Sort => app.connections.sort = app.connections.sort.next(),
        Action::Choose => {
            let at = app.connections.selected;
            if !app.connections.chosen.remove(&at) {
                app.connections.chosen.insert(at);
            }
        }
        Action::Together => side_by_side(app),
        Action::Filter => {
            let text = app.filter.as_ref().map_or("", |filter| &filter.text);
            app.prompt = Some(Prompt::new(Purpose::Filter, text));
        }
        Action::Search => app.prompt = Some(Prompt::new(Purpose::Search, "")),
        Action::Command => app.prompt = Some(Prompt::new(Purpose::Command, "")),
        Action::NextHit => next_hit(app, true),
        Action::PreviousHit => next_hit(app, false),
        Action::Mark => {
            if let Some(event) = app.event() {
                app.notes.toggle(event.id);
                keep(app, jobs);
            }
        }
        Action::Note => {
            if let Some(event) = app.event() {
                let note = app.notes.marks.get(&event.id).map_or("", String::as_str);
                app.prompt = Some(Prompt::new(Purpose::Note, note));
            }
        }
        Action::NextMark => next_mark(app),
        // Who is faster than the disk does not have to press the key again.
        Action::Compare | Action::Copy if app.bytes.of.is_some() && app.bytes.answer.is_none() => {
            app.bytes.once_here = Some(action);
        }
        Action::Compare => compare(app, jobs),
        Action::Copy => copy(app, jobs),
        Action::CopyCommand => {
            let command = command_line(app);
            app.said = Some(Ok(app.tr("copied: {text}", &[("text", &command)])));
            jobs.push(Job::Copy(command));
        }
        Action::Save => {
            let name = app.event().map(|event| file_name(&event.id, &event.kind));
            app.prompt = name.map(|name| Prompt::new(Purpose::Save, &name));
        }
        Action::Export => {
            let name = format!("connection-{}.pcapng", app.connections.selected);
            app.prompt = Some(Prompt::new(Purpose::Export, &name));
        }
        Action::Grow | Action::Shrink => {
            let by = if action == Action::Grow { 2 } else { -2 };
            let (rows, columns) = &mut app.resized;
            match app.focus {
                Pane::Connections => *rows += by,
                Pane::Timeline => *columns += 2 * by,
                Pane::Detail | Pane::Bytes => *columns -= 2 * by,
            }
            app.resized = (app.resized.0.clamp(-60, 60), app.resized.1.clamp(-150, 150));
        }
        Action::Theme => {
            app.theme = app.theme.next();
            app.said = Some(Ok(app.tr("theme {name}", &[("name", &app.theme.word())])));
        }
        Action::Next => step(app, 1),
        Action::Previous => step(app, -1),
        Action::Up
        | Action::Down
        | Action::PageUp
        | Action::PageDown
        | Action::First
        | Action::Last => {
            let page = view::layout(app).inside(app.focus).height;
            scroll(app, app.focus, distance(action, page.into()));
        }
    }
}

/// What a key does where something lies over the panes; false where it does what it always does.
fn act_over(app: &mut App, action: Action) -> bool {
    match action {
        Action::Quit | Action::Suspend | Action::Theme | Action::Command => return false,
        Action::Open => {
            if let Over::Findings(state) = &app.over
                && let Some((_, event)) = state.list.get(state.at)
            {
                let id = event.about.unwrap_or(event.id);
                app.over = Over::Nothing;
                app.focus = Pane::Timeline;
                follow(app, id);
            } else {
                app.over = Over::Nothing;
            }
        }
        Action::Next | Action::Previous if matches!(app.over, Over::Explained(_)) => {
            step(app, if action == Action::Next { 1 } else { -1 });
        }
        Action::Left | Action::Right => {
            let room = explained::room(app);
            if let Over::Explained(state) = &mut app.over {
                state.step_field(action == Action::Right, room);
            }
        }
        Action::Back
        | Action::Return
        | Action::Help
        | Action::Findings
        | Action::Stats
        | Action::Explain => {
            app.over = Over::Nothing;
        }
        _ => {
            let height = view::layout(app).body.height;
            scroll_over(app, distance(action, height.into()));
        }
    }
    true
}

/// Moves in what lies over the panes.
pub fn scroll_over(app: &mut App, by: isize) {
    let height = usize::from(view::layout(app).body.height);
    let room = explained::room(app);
    match &mut app.over {
        Over::Nothing | Over::Stats => {}
        Over::Help(top) => {
            let most = help::height(app.focus).saturating_sub(height);
            *top = top.saturating_add_signed(by).min(most);
        }
        Over::Findings(state) => state.step(by, height.saturating_sub(1)),
        Over::Explained(state) => state.step(by, room),
        Over::Compared { lines, top } => {
            let most = (lines.len() + 1).saturating_sub(height);
            *top = top.saturating_add_signed(by).min(most);
        }
    }
}

fn level(level: Level, action: Action) -> Level {
    match (action, level) {
        (Action::Cycle, Level::Acks) | (Action::Fold, Level::Messages | Level::Frames) => {
            Level::Messages
        }
        (Action::Fold, Level::Tcp) | (_, Level::Messages) => Level::Frames,
        (Action::Fold, Level::Acks) | (_, Level::Frames) => Level::Tcp,
        (_, Level::Tcp | Level::Acks) => Level::Acks,
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

fn width(app: &App, pane: Pane) -> usize {
    view::layout(app).inside(pane).width.into()
}

fn step(app: &mut App, by: isize) {
    match &mut app.together {
        Some(together) => together.step(by),
        None => app.timeline.step(by),
    }
}

/// Moves the selection of a list, or the text of a pane.
pub fn scroll(app: &mut App, pane: Pane, by: isize) {
    match pane {
        Pane::Connections => {
            let row = app.connections.row().saturating_add_signed(by);
            app.connections.select(row);
            app.together = None;
        }
        Pane::Timeline => step(app, by),
        Pane::Detail => {
            let last = detail::nodes(app).len().saturating_sub(1);
            app.detail.at = app.detail.at.saturating_add_signed(by).min(last);
        }
        Pane::Bytes => bytes::step(app, width(app, pane), by, 0),
    }
}

fn open(app: &mut App) {
    match app.focus {
        Pane::Connections => app.focus = Pane::Timeline,
        Pane::Timeline => app.focus = Pane::Bytes,
        Pane::Bytes => app.zoomed = !app.zoomed,
        Pane::Detail => match detail::nodes(app)
            .get(app.detail.at)
            .and_then(|node| node.link)
        {
            Some(id) => follow(app, id),
            None => app.zoomed = !app.zoomed,
        },
    }
}

fn back(app: &mut App) {
    if app.zoomed {
        app.zoomed = false;
        return;
    }
    match app.focus {
        Pane::Bytes | Pane::Detail => app.focus = Pane::Timeline,
        Pane::Timeline if app.together.is_some() => app.together = None,
        Pane::Timeline if app.search.is_some() => app.search = None,
        Pane::Timeline => app.focus = Pane::Connections,
        Pane::Connections => filter(app, ""),
    }
}

/// Goes to an event, and remembers where one was.
fn follow(app: &mut App, id: EventId) {
    let here = app
        .event()
        .map(|event| (app.connections.selected, event.id));
    if go(app, id, true) {
        app.left.extend(here);
    } else {
        app.said = Some(Err(app.tr("event {id} is not there", &[("id", &id)])));
    }
}

/// Goes to an event; to the one before it in the same connection where it is not there and `near` will do.
pub fn go(app: &mut App, id: EventId, near: bool) -> bool {
    let selected = app.connections.selected;
    let find = |at: usize| {
        let track = app.index.tracks().get(at)?;
        let line = track.find(id)?;
        (track.id(line) == Some(id)).then_some((at, line))
    };
    let exact = find(selected).or_else(|| (0..app.index.tracks().len()).find_map(find));
    let near = || {
        let track = app.index.tracks().get(selected).filter(|_| near)?;
        Some((
            selected,
            track.find(EventId {
                nth: u32::MAX,
                ..id
            })?,
        ))
    };
    let Some((at, line)) = exact.or_else(near) else {
        return false;
    };
    go_to(app, at, line);
    true
}

/// Goes to a line of the index: unfolds what hides it.
fn go_to(app: &mut App, at: usize, line: Line) {
    app.together = None;
    let Some(track) = app.index.tracks().get(at) else {
        return;
    };
    if let Some(level) = track.level_of(line) {
        app.timeline.level = app.timeline.level.max(level);
    }
    let id = track.id(line);
    let close_up = app.close_up_of(track).and_then(|track| track.find(id?));
    app.connections.selected = at;
    app.timeline.go(at, close_up.unwrap_or(line));
}

/// The next match of the search; the next finding where nothing is searched.
pub fn next_hit(app: &mut App, forward: bool) {
    let here = app.event().map(|event| event.id);
    let at = app.connections.selected;
    let line = here.and_then(|id| app.index.tracks().get(at)?.find(id));
    if let Some(search) = &app.search {
        let order = app.connections.order().to_vec();
        match search.hits.next(&order, (at, line), forward) {
            Some((at, line)) => go_to(app, at, line),
            None if search.done => {
                let text = app.tr("nothing found: {text}", &[("text", &search.text)]);
                app.said = Some(Err(text));
            }
            None => app.said = Some(Err(app.tr("nothing found so far", &[]))),
        }
        return;
    }
    let mut list: Vec<_> = findings::State::new(&app.index)
        .list
        .into_iter()
        .map(|(_, event)| event.id)
        .collect();
    list.sort_unstable();
    let next = match forward {
        true => list.iter().find(|&&id| Some(id) > here).or(list.first()),
        false => list
            .iter()
            .rev()
            .find(|&&id| Some(id) < here)
            .or(list.last()),
    };
    match next {
        Some(&id) => _ = go(app, id, false),
        None => app.said = Some(Err(app.tr("no findings; / searches", &[]))),
    }
}

fn next_mark(app: &mut App) {
    let here = app.event().map(|event| event.id);
    let marks = &app.notes.marks;
    let next = marks
        .keys()
        .find(|&&id| Some(id) > here)
        .or_else(|| marks.keys().next());
    match next.copied() {
        Some(id) if go(app, id, false) => {}
        _ => app.said = Some(Err(app.tr("nothing is marked; m marks", &[]))),
    }
}

fn side_by_side(app: &mut App) {
    if app.together.take().is_some() {
        return;
    }
    let mut tracks: Vec<usize> = app.connections.chosen.iter().copied().collect();
    if !tracks.contains(&app.connections.selected) {
        tracks.push(app.connections.selected);
    }
    tracks.sort_unstable();
    tracks.truncate(together::MOST);
    if tracks.len() < 2 {
        app.said = Some(Err(app.tr("choose a second connection with x", &[])));
        return;
    }
    let level = app.timeline.level.min(Level::Tcp);
    app.together = Some(together::State::new(tracks, level, &app.index));
    app.focus = Pane::Timeline;
}

fn compare(app: &mut App, jobs: &mut Vec<Job>) {
    let Some(replay) = app.bytes.replay().cloned() else {
        app.said = Some(Err(app.tr("its bytes are not here yet", &[])));
        return;
    };
    match app.compare.take() {
        Some(old) => jobs.push(Job::Compare { old, new: replay }),
        None => {
            app.said = Some(Ok(app.tr(
                "{id} will be compared: c on another",
                &[("id", &replay.event.id)],
            )));
            app.compare = Some(replay);
        }
    }
}

/// Bytes that a terminal's clipboard takes at most; many take less.
const CLIPBOARD: usize = 100_000;

fn copy(app: &mut App, jobs: &mut Vec<Job>) {
    let text = if app.focus == Pane::Detail {
        let nodes = detail::nodes(app);
        nodes
            .get(app.detail.at)
            .map(|node| node.value.clone().into_bytes())
    } else {
        app.bytes.replay().map(|replay| replay.payload.clone())
    };
    let Some(bytes) = text.filter(|bytes| !bytes.is_empty()) else {
        app.said = Some(Err(app.tr("nothing to copy here", &[])));
        return;
    };
    if bytes.len() > CLIPBOARD {
        app.said = Some(Err(app.tr(
            "{n} bytes are too many for a clipboard: s saves them",
            &[("n", &bytes.len())],
        )));
        return;
    }
    let (text, how) = match String::from_utf8(bytes) {
        Ok(text) => (text, "{n} characters copied"),
        Err(error) => {
            let hex = error
                .as_bytes()
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            (hex, "{n} characters copied, in hexadecimal digits")
        }
    };
    app.said = Some(Ok(app.tr(how, &[("n", &text.chars().count())])));
    jobs.push(Job::Copy(text));
}

/// A command that shows what is shown.
pub fn command_line(app: &App) -> String {
    let mut command = format!("wscope {}", app.files);
    if let Some(filter) = &app.filter {
        command += &format!(" -Y {}", quote(&filter.text));
    }
    if let Some(event) = app.event() {
        command += &format!(" --at {}", event.id);
    }
    command
}

/// Quotes a word for a shell, where it needs that.
pub fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./+:=@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.into()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

fn file_name(id: &EventId, kind: &EventKind) -> String {
    let ending = match kind {
        EventKind::Ws(Ws::Message(message)) if message.kind == Kind::Text => "txt",
        _ => "bin",
    };
    format!("message-{id}.{ending}")
}

/// Does what was typed.
pub fn typed(app: &mut App, purpose: Purpose, text: &str, jobs: &mut Vec<Job>) {
    match purpose {
        Purpose::Filter => filter(app, text),
        Purpose::Search => search(app, text),
        Purpose::Command => command(app, text, jobs),
        Purpose::Save => save(app, text, jobs),
        Purpose::Export => export(app, text, jobs),
        Purpose::Note => {
            if let Some(event) = app.event() {
                app.notes.marks.insert(event.id, text.to_owned());
                keep(app, jobs);
            }
        }
    }
}

fn command(app: &mut App, text: &str, jobs: &mut Vec<Job>) {
    let (name, rest) = text.split_once(' ').unwrap_or((text, ""));
    let Some(command) = COMMANDS.iter().find(|command| command.name == name) else {
        return;
    };
    match (command.does, rest.trim()) {
        (Does::Act(action), _) => act(app, action, jobs),
        (Does::Go, id) => match id.parse() {
            Ok(id) => follow(app, id),
            Err(error) => app.said = Some(Err(format!("{error}"))),
        },
        (Does::Filter, "") => act(app, Action::Filter, jobs),
        (Does::Filter, text) => filter(app, text),
        (Does::Search, "") => act(app, Action::Search, jobs),
        (Does::Search, text) => search(app, text),
        (Does::Theme, name) => match Palette::from_str(name, true) {
            Ok(palette) => {
                app.theme = Theme {
                    palette,
                    ..app.theme
                }
            }
            Err(_) => act(app, Action::Theme, jobs),
        },
        (Does::Save, "") => act(app, Action::Save, jobs),
        (Does::Save, path) => save(app, path, jobs),
        (Does::Export, "") => act(app, Action::Export, jobs),
        (Does::Export, path) => export(app, path, jobs),
        (Does::Note, "") => act(app, Action::Note, jobs),
        (Does::Note, text) => typed(app, Purpose::Note, text, jobs),
    }
}

/// Shows only what passes; all where the filter is empty.
pub fn filter(app: &mut App, text: &str) {
    if text.trim().is_empty() {
        app.filter = None;
        return;
    }
    match Filter::new(text) {
        Err(problem) => app.said = Some(Err(said(app.lang, &problem.to_string()))),
        Ok(filter) => {
            app.tickets += 1;
            let needle = Needle::Filter(filter);
            app.filter = Some(Sifting::new(text, needle, app.tickets, &app.index));
        }
    }
}

fn search(app: &mut App, text: &str) {
    match Pattern::new(text) {
        Err(why) => app.said = Some(Err(why)),
        Ok(pattern) => {
            app.tickets += 1;
            let needle = Needle::Search(pattern);
            app.search = Some(Sifting::new(text, needle, app.tickets, &app.index));
            app.said = Some(Ok(app.tr("searching …", &[])));
        }
    }
}

fn save(app: &mut App, path: &str, jobs: &mut Vec<Job>) {
    match app.bytes.replay() {
        Some(replay) if !replay.payload.is_empty() => jobs.push(Job::Save {
            path: PathBuf::from(path),
            bytes: replay.payload.clone(),
        }),
        _ => app.said = Some(Err(app.tr("no payload belongs to this event", &[]))),
    }
}

fn export(app: &mut App, path: &str, jobs: &mut Vec<Job>) {
    let mut tracks: Vec<usize> = app.connections.chosen.iter().copied().collect();
    if tracks.is_empty() {
        tracks.push(app.connections.selected);
    }
    let all = app.index.tracks();
    let first = |at: usize| {
        let track = all.get(at)?;
        let line = track.lines(Line::FIRST, Level::Acks).next()?;
        track.event(line).map(|event| event.first)
    };
    let what = tracks
        .into_iter()
        .filter_map(|at| {
            let track = all.get(at)?;
            // Another connection may have used the same ports later.
            let until = (at + 1..all.len())
                .find(|&later| all[later].flow == track.flow)
                .and_then(first)
                .unwrap_or(PacketNo::END);
            let notes = app.notes.marks.iter().map(|(id, note)| {
                let note = if note.is_empty() { "marked" } else { note };
                (id.at, note.to_owned())
            });
            Some(Extract {
                flow: track.flow,
                from: first(at)?,
                until,
                notes: notes.collect(),
            })
        })
        .collect();
    app.said = Some(Ok(app.tr("saving …", &[])));
    jobs.push(Job::Export {
        path: PathBuf::from(path),
        what,
    });
}

/// Writes the marks and the notes.
fn keep(app: &mut App, jobs: &mut Vec<Job>) {
    match &app.notes.path {
        Some(path) => jobs.push(Job::Keep {
            path: path.clone(),
            text: app.notes.text(),
        }),
        None => {
            app.said = Some(Err(app.tr(
                "marks are not kept: there is no file to keep them beside",
                &[],
            )))
        }
    }
}

#[cfg(unix)]
fn pause(app: &mut App) {
    match &mut app.live {
        Some(live) => live.pause(),
        None => {
            app.said = Some(Err(
                app.tr("nothing is captured here: there is nothing to pause", &[])
            ))
        }
    }
}

#[cfg(not(unix))]
fn pause(_: &mut App) {}
