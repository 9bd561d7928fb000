//! The terminal screen: a fold over messages, drawn after each.
//!
//! ```text
//! keys, loading, replays, signals ─► one queue ─► update(&mut App, Msg) ─► view(&App)
//!                                                        └─► Job ─► worker ─► the queue
//! ```

mod app;
mod canvas;
#[cfg(test)]
mod chinese;
mod compare;
mod export;
#[cfg(test)]
mod fixture;
mod history;
mod jobs;
mod json;
mod keys;
mod msg;
mod notes;
mod pane;
pub mod present;
mod prompt;
mod scan;
mod sheet;
mod sift;
mod sweep;
mod theme;
mod update;
mod view;
mod wire;

use crate::cli::args::Captures;
#[cfg(unix)]
use crate::cli::live::Live;
use anyhow::{Context as _, Result};
use app::App;
use base64::Engine as _;
use crossterm::cursor::Show;
use crossterm::event::{
    DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture,
};
use jobs::{Source, Workers};
use msg::{Job, Msg};
use notes::Notes;
use ratatui::DefaultTerminal;
use ratatui::layout::{Position, Rect};
use std::io::{self, IsTerminal as _, Write as _};
use std::mem::ManuallyDrop;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant};
use sweep::Sifting;
pub use theme::{Palette, Theme};
use wscope::engine::Trail;
use wscope::explain::Lang;
use wscope::model::EventId;
#[cfg(unix)]
use wscope::source::SpoolReader;

/// Between two pictures; what comes meanwhile is shown together.
const PICTURE: Duration = Duration::from_millis(33);

/// How long a picture waits for bytes that are quick to come.
const QUICK: Duration = Duration::from_millis(15);

/// How long one looks through the index until keys are asked for again.
const SLICE: Duration = Duration::from_millis(4);

/// How the screen begins.
#[derive(Clone, Copy, Debug)]
pub struct Opening {
    pub theme: Theme,
    pub lang: Lang,
    /// The event to go to.
    pub at: Option<EventId>,
    /// Whether filters and searches are kept for later runs.
    pub history: bool,
}

/// Shows captures until someone quits; answers with what was wrong with them.
pub fn run(captures: &Captures, opening: Opening) -> Result<Vec<wscope::Error>> {
    let capture = captures.open()?;
    let source = Source {
        captures: captures.clone(),
        trail: Trail::new(&capture),
        lens: msg::Lens::default(),
    };
    let (queue, messages) = mpsc::sync_channel(jobs::QUEUE);
    jobs::watch_signals(queue.clone()).context("cannot watch for signals")?;
    let workers = Workers::new(&source, &queue);
    let mut screen = Screen::open().context("cannot use this terminal")?;
    let size = screen.terminal.size()?;
    let mut app = App::new(name(&captures.files), opening.theme, size);
    let files = captures.files.iter().map(|file| file.to_string_lossy());
    app.files = files
        .map(|file| update::quote(&file))
        .collect::<Vec<_>>()
        .join(" ");
    app.at = opening.at;
    app.lang = opening.lang;
    if let Some(path) = history::place().filter(|_| opening.history) {
        app.histories = history::read(&path);
        app.history = Some(path);
    }
    match Notes::open(&captures.files) {
        Ok(notes) => app.notes = notes,
        Err(why) => app.said = Some(Err(why)),
    }
    open_filtered(&mut app, &source);
    jobs::listen(queue.clone());
    jobs::load(capture, source.clone(), queue);
    let shown = turn(&mut app, &mut screen, &messages, (&workers, &source));
    unless_gone(shown)?;
    Ok(app.load.errors)
}

/// Begins with the display filter of the command line, where there is one.
fn open_filtered(app: &mut App, source: &Source) {
    if let Some(filter) = &source.captures.display {
        update::filter(app, &filter.to_string());
    }
    look_through(app, source);
}

/// Shows a live capture until someone quits, or until the terminal is gone; answers with what went wrong.
#[cfg(unix)]
pub fn run_live(
    (live, reader): (Live, SpoolReader),
    captures: &Captures,
    opening: Opening,
) -> Result<Vec<wscope::Error>> {
    let history = live.history.clone();
    let mut captures = captures.clone();
    captures.spool = Some(history.clone());
    let source = Source {
        trail: Trail::of_spool(&history),
        captures,
        lens: msg::Lens::default(),
    };
    let (queue, messages) = mpsc::sync_channel(jobs::QUEUE);
    jobs::watch_signals(queue.clone()).context("cannot watch for signals")?;
    let workers = Workers::new(&source, &queue);
    let mut screen = Screen::open().context("cannot use this terminal")?;
    let size = screen.terminal.size()?;
    let mut app = App::new(live.name.clone(), opening.theme, size);
    app.live = Some(app::Live::new(history.clone()));
    app.lang = opening.lang;
    app.index = wscope::sink::Index::with_limit(ROWS);
    open_filtered(&mut app, &source);
    jobs::listen(queue.clone());
    jobs::watch(live, reader, source.clone(), queue);
    let shown = turn(&mut app, &mut screen, &messages, (&workers, &source));
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
    unless_gone(shown)?;
    Ok(app.load.errors)
}

/// Bytes of rows that a live screen keeps.
#[cfg(unix)]
const ROWS: usize = 256 << 20;

/// How long files may take to be written to their end.
#[cfg(unix)]
const LAST: Duration = Duration::from_secs(5);

/// A terminal that was closed is an end like any other, whatever failed because of it.
fn unless_gone(shown: Result<()>) -> Result<()> {
    match shown {
        Err(_) if !io::stdout().is_terminal() => Ok(()),
        shown => shown,
    }
}

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
    screen: &mut Screen,
    messages: &Receiver<Msg>,
    (workers, source): (&Workers, &Source),
) -> Result<()> {
    screen.terminal.draw(|frame| view::view(app, frame))?;
    while !app.quit {
        let msg = match update::is_busy(app) {
            true => match messages.try_recv() {
                Err(TryRecvError::Empty) => Msg::Idle(SLICE),
                Ok(msg) => msg,
                Err(TryRecvError::Disconnected) => break,
            },
            false => match messages.recv() {
                Ok(msg) => msg,
                Err(_) => break,
            },
        };
        let mut due = Instant::now()
            + if matches!(msg, Msg::Batch(_) | Msg::Idle(_)) {
                PICTURE
            } else {
                Duration::ZERO
            };
        let mut next = Some(msg);
        while let Some(msg) = next.take() {
            let is_key = matches!(msg, Msg::Input(_));
            let mut asked = false;
            for job in update::update(app, msg) {
                asked = true;
                due = due.max(Instant::now() + QUICK);
                start(job, workers);
            }
            // Who pressed a key sees what it did before anything else is taken.
            let at_once = is_key && !asked;
            look_through(app, source);
            let of = |sifting: &Option<Sifting>| sifting.as_ref().map(|it| it.generation);
            workers.only(of(&app.filter), of(&app.search));
            if std::mem::take(&mut app.suspend) {
                screen.suspend()?;
                app.size = screen.terminal.size()?;
            }
            // What is asked for now is worth waiting for; otherwise draw when there is nothing more.
            let patience = if update::is_busy(app) {
                Duration::ZERO
            } else if app.bytes.answer.is_none() {
                due.saturating_duration_since(Instant::now())
            } else {
                Duration::ZERO
            };
            if app.quit || at_once {
                break;
            }
            next = match messages.recv_timeout(patience) {
                Ok(msg) => Some(msg),
                Err(RecvTimeoutError::Timeout) if update::is_busy(app) && Instant::now() < due => {
                    Some(Msg::Idle(SLICE))
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => None,
            };
            if next.is_some() && Instant::now() > due + PICTURE {
                screen.terminal.draw(|frame| view::view(app, frame))?;
                due = Instant::now();
            }
        }
        screen.terminal.draw(|frame| view::view(app, frame))?;
    }
    Ok(())
}

/// Hands a job to its thread.
fn start(job: Job, workers: &Workers) {
    match job {
        Job::Copy(text) => copy(&text),
        job => workers.start(job),
    }
}

/// Lets the loader look for what needs payloads, in what is still to come.
fn look_through(app: &App, source: &Source) {
    source.lens.set([&app.filter, &app.search].map(|sifting| {
        let sifting = sifting.as_ref()?;
        let wanted = sifting.needle.needs_payload();
        wanted.then_some((sifting.generation, &sifting.needle))
    }));
}

/// Hands a text to the terminal's clipboard: OSC 52, in base64, so that nothing in it is obeyed.
fn copy(text: &str) {
    let coded = base64::engine::general_purpose::STANDARD.encode(text);
    let mut out = io::stdout();
    // A terminal without a clipboard ignores it; one that is gone is noticed when drawing.
    let _ = write!(out, "\x1b]52;c;{coded}\x07").and_then(|()| out.flush());
}

/// Whether the terminal is ours. A panic gives it back before it speaks: whoever did so again would
/// put the cursor, and so the shell's prompt, over what it said.
static HELD: AtomicBool = AtomicBool::new(false);

/// The terminal while it is ours; however we leave, it is given back as it was.
struct Screen {
    /// Left as it is when this is dropped: it would say on standard error what it could not do, and
    /// with the terminal that is gone as well.
    terminal: ManuallyDrop<DefaultTerminal>,
}

impl Screen {
    fn open() -> io::Result<Self> {
        let terminal = ratatui::try_init()?;
        HELD.store(true, Ordering::SeqCst);
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if HELD.swap(false, Ordering::SeqCst) {
                let _ = let_go();
            }
            hook(info);
        }));
        crossterm::execute!(io::stdout(), EnableMouseCapture, EnableBracketedPaste)?;
        Ok(Self {
            terminal: ManuallyDrop::new(terminal),
        })
    }

    /// Gives the terminal back, stops until someone says `fg`, and takes it again.
    #[cfg(unix)]
    fn suspend(&mut self) -> io::Result<()> {
        let_go()?;
        ratatui::try_restore()?;
        signal_hook::low_level::emulate_default_handler(signal_hook::consts::SIGTSTP)?;
        crossterm::terminal::enable_raw_mode()?;
        crossterm::execute!(
            io::stdout(),
            crossterm::terminal::EnterAlternateScreen,
            EnableMouseCapture,
            EnableBracketedPaste
        )?;
        // Not `clear`: it asks the terminal where its cursor is, and the thread that reads keys may
        // get the answer. Who was away may find another size, too.
        let size = self.terminal.size()?;
        self.terminal.resize(Rect::from((Position::ORIGIN, size)))
    }

    #[cfg(not(unix))]
    fn suspend(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Undoes what [`Screen::open`] has asked for beside what ratatui does.
fn let_go() -> io::Result<()> {
    crossterm::execute!(
        io::stdout(),
        DisableMouseCapture,
        DisableBracketedPaste,
        Show
    )
}

impl Drop for Screen {
    fn drop(&mut self) {
        if HELD.swap(false, Ordering::SeqCst) {
            // Where the terminal is gone there is nothing to give back.
            let _ = let_go();
            let _ = self.terminal.show_cursor();
            let _ = ratatui::try_restore();
        }
    }
}
