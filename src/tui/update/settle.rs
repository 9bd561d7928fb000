//! Makes everything fit again after a change: lists follow what grew, the selection stays in sight, and what is
//! selected now is asked for.

use super::super::app::{App, Over, Pane};
use super::super::msg::Job;
use super::super::pane::timeline::Shown;
use super::super::pane::{bytes, detail, explained, timeline};
use super::super::view;
use wscope::model::{EventKind, PacketNo, Ws};
use wscope::sink::Level;

pub fn settle(app: &mut App, jobs: &mut Vec<Job>) {
    app.connections.arrange(&app.index, app.filter.as_ref());
    let layout = view::layout(app);
    let height = layout.inside(Pane::Timeline).height;
    if let Some(together) = &mut app.together {
        let level = app.timeline.level.min(Level::Tcp);
        together.settle(level, &app.index, height.into(), app.load.done);
        if let Some((at, line)) = together.selected() {
            app.connections.selected = at;
            app.timeline.selected = Some(line);
        }
    } else {
        show(app);
        app.timeline.settle(height.into());
    }
    app.connections
        .settle(layout.inside(Pane::Connections).height.into());
    if let (Over::Stats, Some(track)) =
        (&app.over, app.index.tracks().get(app.connections.selected))
    {
        app.stats
            .settle(app.connections.selected, track, app.load.done);
    }
    close_up(app, jobs);
    ask(app, jobs);
    explained(app, jobs);
    traced(app, jobs);
    previews(app, jobs);
}

/// Asks where the bytes of a compressed message came from, once one is among them.
fn traced(app: &mut App, jobs: &mut Vec<Job>) {
    let compressed = app
        .bytes
        .replay()
        .is_some_and(|it| bytes::is_compressed(it));
    let wanted = app.focus == Pane::Bytes && compressed && app.bytes.asked_trace.is_none();
    if let (true, Some(event), Some(track)) = (wanted, app.event(), app.track()) {
        let flow = track.flow;
        app.tickets += 1;
        let generation = app.tickets;
        app.bytes.asked_trace = Some(generation);
        jobs.push(Job::Trace {
            generation,
            event: Box::new(event),
            flow,
        });
    }
}

/// Lets the timeline show what is selected.
pub fn show(app: &mut App) {
    let at = app.connections.selected;
    let mut timeline = std::mem::take(&mut app.timeline);
    // What passes is asked of the rest of the screen.
    app.timeline.level = timeline.level;
    if let Some(track) = app.track() {
        let shown = Shown {
            at,
            level: timeline.level,
            forgotten: track.forgotten(),
            close_up: app
                .index
                .tracks()
                .get(at)
                .is_some_and(|main| !std::ptr::eq(main, track)),
            filter: app
                .filter
                .as_ref()
                .map(|filter| (filter.generation, filter.hits.version)),
        };
        // No line is shown before a filter has said anything: it would only go away again.
        timeline.show(shown, track, &|line| app.shows(at, track, line));
    }
    app.timeline = timeline;
}

/// Makes a change after which the lines of the track are numbered otherwise; stays at the same event.
pub fn change_track(app: &mut App, change: impl FnOnce(&mut App)) {
    let id = app
        .track()
        .and_then(|track| track.id(app.timeline.selected?));
    change(app);
    let line = id.and_then(|id| app.track()?.find(id));
    if line.is_some() {
        app.timeline.selected = line;
    }
}

/// Asks for every acknowledgement, where they are to be shown.
fn close_up(app: &mut App, jobs: &mut Vec<Job>) {
    if app.timeline.level != Level::Acks || app.together.is_some() {
        return;
    }
    let Some(track) = app.index.tracks().get(app.connections.selected) else {
        return;
    };
    let have = app
        .close_up
        .as_ref()
        .is_some_and(|(conn, _)| *conn == track.conn);
    if have || app.asked_close_up == Some(track.conn) {
        return;
    }
    let (conn, flow) = (track.conn, track.flow);
    app.asked_close_up = Some(conn);
    jobs.push(Job::CloseUp { conn, flow });
}

/// Asks for the bytes of the selected event, if they are not those that were asked for last.
fn ask(app: &mut App, jobs: &mut Vec<Job>) {
    let event = app.event();
    let selected = event
        .as_ref()
        .map(|event| (app.connections.selected, event.id));
    if selected == app.bytes.of {
        return;
    }
    app.generation += 1;
    app.detail = detail::State::default();
    app.bytes = bytes::State {
        of: selected,
        view: app.bytes.view,
        ..bytes::State::default()
    };
    if let (Some(event), Some(track)) = (event, app.track()) {
        jobs.push(Job::Replay {
            generation: app.generation,
            flow: track.flow,
            event: Box::new(event),
        });
    }
}

/// Asks what the selected event means, where that is shown.
fn explained(app: &mut App, jobs: &mut Vec<Job>) {
    let (event, flow) = match (app.event(), app.track()) {
        (Some(event), Some(track)) => (event, track.flow),
        _ => return,
    };
    let Over::Explained(state) = &mut app.over else {
        return;
    };
    if state.of.is_some_and(|(id, _)| id == event.id) {
        return;
    }
    app.tickets += 1;
    let generation = app.tickets;
    *state = explained::State {
        of: Some((event.id, generation)),
        ..explained::State::default()
    };
    jobs.push(Job::Explain {
        generation,
        event: Box::new(event),
        flow,
        lang: app.lang,
    });
}

/// Asks for the beginnings of the payloads in sight that the index had no room for.
fn previews(app: &mut App, jobs: &mut Vec<Job>) {
    if app.together.is_some() || app.timeline.level == Level::Acks {
        return;
    }
    let Some(track) = app.track() else { return };
    let height = view::layout(app).inside(Pane::Timeline).height;
    let missing: Vec<_> = app
        .timeline
        .rows()
        .iter()
        .skip(app.timeline.top)
        .take(height.into())
        .filter(|row| !timeline::Row::is_silence(**row))
        .filter_map(|row| {
            let line = row.target();
            let event = track.event(line)?;
            let message = matches!(event.kind, EventKind::Ws(Ws::Message(_)));
            (message && app.preview(track, line).is_none()).then_some(event)
        })
        .collect();
    let (Some(first), Some(last)) = (missing.first(), missing.last()) else {
        return;
    };
    let of = (first.id, last.id);
    if app
        .previews_of
        .is_some_and(|(_, from, to)| (from, to) == of)
    {
        return;
    }
    let from = missing
        .iter()
        .map(|event| event.first)
        .min()
        .unwrap_or(PacketNo::FIRST);
    let to = last.packet;
    let (conn, flow) = (track.conn, track.flow);
    app.tickets += 1;
    let generation = app.tickets;
    app.previews_of = Some((generation, of.0, of.1));
    jobs.push(Job::Previews {
        generation,
        conn,
        flow,
        from,
        to,
    });
}

/// Scrolls back what is scrolled past its end, and to where one is.
pub fn keep_in_sight(app: &mut App) {
    let layout = view::layout(app);
    let inside = layout.inside(Pane::Detail);
    let (lines, at) = detail::height(app, inside.width.into());
    let height = usize::from(inside.height).max(1);
    let mut top = app.detail.top.min(lines.saturating_sub(height));
    if app.focus == Pane::Detail {
        top = top.min(at).max((at + 1).saturating_sub(height));
    }
    app.detail.top = top;
    let inside = layout.inside(Pane::Bytes);
    let rows = bytes::height(app, inside.width.into());
    let height = usize::from(inside.height).max(1);
    let at = app.bytes.cursor.0.min(rows.saturating_sub(1));
    app.bytes.cursor.0 = at;
    let mut top = app.bytes.top.min(rows.saturating_sub(height));
    if app.focus == Pane::Bytes {
        top = top.min(at).max((at + 1).saturating_sub(height));
    }
    app.bytes.top = top;
}
