//! The terminal screen: a fold over messages, drawn after each.
//!
//! ```text
//! keys, loading, replays, signals ─► one queue ─► update(&mut App, Msg) ─► view(&App)
//!                                                        └─► Job ─► worker ─► the queue
//! ```

mod app;
mod canvas;
#[cfg(test)]
mod fixture;
mod jobs;
mod keys;
mod msg;
mod pane;
mod sheet;
mod theme;
mod update;
mod view;

use crate::cli::args::Captures;
#[cfg(unix)]
use crate::cli::live::Live;
use anyhow::{Context as _, Result};
use app::App;
use crossterm::event::{DisableMouseCapture, EnableMouseCapture};
use jobs::Worker;
use msg::Msg;
use ratatui::DefaultTerminal;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};
use theme::Theme;
#[cfg(unix)]
use wscope::{model::Config, source::SpoolReader};

/// Between two pictures; what comes meanwhile is shown together.
const PICTURE: Duration = Duration::from_millis(33);

/// How long a picture waits for bytes that are quick to come.
const QUICK: Duration = Duration::from_millis(15);

/// Shows captures until someone quits; answers with what was wrong with them.
pub fn run(captures: &Captures, colour: bool) -> Result<Vec<wscope::Error>> {
    let capture = captures.open()?;
    let (queue, messages) = mpsc::sync_channel(jobs::QUEUE);
    jobs::watch_signals(queue.clone()).context("cannot watch for signals")?;
    let again = captures.clone();
    let worker = Worker::new(
        move |event, go_on| jobs::replay(&again, event, go_on),
        queue.clone(),
    );
    let mut screen = Screen::open().context("cannot use this terminal")?;
    let size = screen.terminal.size()?;
    let mut app = App::new(name(&captures.files), Theme { colour }, size);
    jobs::listen(queue.clone());
    jobs::load(capture, captures.config(), queue);
    turn(&mut app, &mut screen.terminal, &messages, &worker)?;
    Ok(app.load.errors)
}

/// Shows a live capture until someone quits, or until the terminal is gone; answers with what went wrong.
#[cfg(unix)]
pub fn run_live(
    live: Live,
    reader: SpoolReader,
    config: Config,
    colour: bool,
) -> Result<Vec<wscope::Error>> {
    let (queue, messages) = mpsc::sync_channel(jobs::QUEUE);
    jobs::watch_signals(queue.clone()).context("cannot watch for signals")?;
    let history = live.history.clone();
    let (again, settings) = (history.clone(), config.clone());
    let worker = Worker::new(
        move |event, go_on| jobs::replay_live(&again, &settings, event, go_on),
        queue.clone(),
    );
    let mut screen = Screen::open().context("cannot use this terminal")?;
    let size = screen.terminal.size()?;
    let mut app = App::new(live.name.clone(), Theme { colour }, size);
    app.live = Some(app::Live::new(history.clone()));
    jobs::listen(queue.clone());
    jobs::watch(live, reader, config, queue);
    let shown = turn(&mut app, &mut screen.terminal, &messages, &worker);
    drop(screen);
    // What was captured by now is still written.
    history.abandon();
    let since = Instant::now();
    while !app.load.done
        && let Some(rest) = LAST.checked_sub(since.elapsed())
        && let Ok(msg) = messages.recv_timeout(rest)
    {
        if let Msg::Loaded(errors) = msg {
            app.load.errors = errors;
            break;
        }
    }
    // Where the terminal is gone, nobody is there to be told.
    shown.or_else(|error| match app.quit {
        true => Ok(()),
        false => Err(error),
    })?;
    Ok(app.load.errors)
}

/// How long files may take to be written to their end.
#[cfg(unix)]
const LAST: Duration = Duration::from_secs(5);

/// What the title calls the captures.
fn name(files: &[PathBuf]) -> String {
    let name = |file: &PathBuf| match file.file_name() {
        _ if file == Path::new("-") => "standard input".into(),
        Some(name) => name.to_string_lossy().into_owned(),
        None => file.display().to_string(),
    };
    match files {
        [one] => name(one),
        [first, rest @ ..] => format!("{} and {} more", name(first), rest.len()),
        [] => String::new(),
    }
}

fn turn(
    app: &mut App,
    terminal: &mut DefaultTerminal,
    messages: &Receiver<Msg>,
    worker: &Worker,
) -> Result<()> {
    terminal.draw(|frame| view::view(app, frame))?;
    while !app.quit {
        let Ok(msg) = messages.recv() else { break };
        let mut due = Instant::now()
            + if matches!(msg, Msg::Batch(_)) {
                PICTURE
            } else {
                Duration::ZERO
            };
        let mut next = Some(msg);
        while let Some(msg) = next.take() {
            if let Some(job) = update::update(app, msg) {
                worker.start(job);
                due = due.max(Instant::now() + QUICK);
            }
            // What is asked for now is worth waiting for; otherwise draw when there is nothing more.
            let patience = if app.bytes.answer.is_none() {
                due.saturating_duration_since(Instant::now())
            } else {
                Duration::ZERO
            };
            next = match messages.recv_timeout(patience) {
                _ if app.quit => None,
                Ok(msg) => Some(msg),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => None,
            };
            if next.is_some() && Instant::now() > due + PICTURE {
                terminal.draw(|frame| view::view(app, frame))?;
                due = Instant::now();
            }
        }
        terminal.draw(|frame| view::view(app, frame))?;
    }
    Ok(())
}

/// The terminal while it is ours; however we leave, it is given back as it was.
struct Screen {
    terminal: DefaultTerminal,
}

impl Screen {
    fn open() -> io::Result<Self> {
        let terminal = ratatui::try_init()?;
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let _ = crossterm::execute!(io::stdout(), DisableMouseCapture);
            hook(info);
        }));
        crossterm::execute!(io::stdout(), EnableMouseCapture)?;
        Ok(Self { terminal })
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = crossterm::execute!(io::stdout(), DisableMouseCapture);
        ratatui::restore();
    }
}
