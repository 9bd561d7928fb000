//! For tests: a screen without a terminal. Jobs are done at once.

use super::app::App;
use super::jobs::{self, Source};
use super::msg::{Batch, Job, Lens, Msg};
use super::theme::{Palette, Theme};
use super::update::{is_busy, update};
use super::view::view;
use crate::cli::args::Captures;
use crossterm::event::{Event as Input, KeyCode, KeyEvent};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::layout::Size;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::time::Duration;
use unicode_width::UnicodeWidthStr as _;
use wscope::engine::{self, Trail};
use wscope::model::{Event, Flow, Limits, Loan, Sink, Want};
use wscope::source::Capture;

pub const SMALL: (u16, u16) = (80, 24);
pub const LARGE: (u16, u16) = (160, 50);

/// A screen, and the captures it shows.
pub struct Bench {
    pub app: App,
    pub source: Source,
    /// What was put into the clipboard last.
    pub copied: Option<String>,
}

impl Bench {
    /// Shows one of the project's captures.
    pub fn new(capture: &str, size: (u16, u16)) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("captures")
            .join(capture);
        Self::open(path, size)
    }

    /// Shows this capture, all of it loaded.
    pub fn open(path: PathBuf, size: (u16, u16)) -> Self {
        let mut bench = Self::empty(path, size);
        for msg in load(&bench.source, usize::MAX) {
            bench.feed(msg);
        }
        bench
    }

    /// Shows nothing yet.
    pub fn empty(path: PathBuf, (width, height): (u16, u16)) -> Self {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let theme = Theme {
            palette: Palette::None,
            ascii: false,
        };
        let app = App::new(name, theme, Size { width, height });
        let captures = Captures::of([path]);
        let trail = captures
            .open()
            .map_or_else(|_| Trail::default(), |capture| Trail::new(&capture));
        let source = Source {
            captures,
            trail,
            lens: Lens::default(),
        };
        Self {
            app,
            source,
            copied: None,
        }
    }

    pub fn feed(&mut self, msg: Msg) {
        let mut next = VecDeque::from([msg]);
        while let Some(msg) = next
            .pop_front()
            .or_else(|| is_busy(&self.app).then_some(Msg::Idle(Duration::MAX)))
        {
            for job in update(&mut self.app, msg) {
                if let Job::Copy(text) = job {
                    self.copied = Some(text);
                    continue;
                }
                jobs::run(&self.source, job, &|| true, &mut |msg| {
                    next.push_back(msg);
                    true
                });
            }
        }
    }

    /// Presses keys: letters are themselves, `\n` is Enter, `\t` Tab, `<` Esc.
    pub fn press(&mut self, keys: &str) -> &mut Self {
        for key in keys.chars() {
            let code = match key {
                '\n' => KeyCode::Enter,
                '\t' => KeyCode::Tab,
                '<' => KeyCode::Esc,
                '\u{8}' => KeyCode::Backspace,
                other => KeyCode::Char(other),
            };
            self.feed(Msg::Input(Input::Key(KeyEvent::from(code))));
        }
        self
    }

    /// What stands on the screen.
    pub fn screen(&self) -> String {
        let Size { width, height } = self.app.size;
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| view(&self.app, frame)).unwrap();
        let buf = terminal.backend().buffer();
        let mut text = String::new();
        for y in 0..height {
            let mut line = String::new();
            let mut x = 0;
            while x < width {
                let symbol = buf[(x, y)].symbol();
                line += symbol;
                x += symbol.width().max(1) as u16;
            }
            text += line.trim_end();
            text.push('\n');
        }
        text
    }
}

/// What loading a capture sends, in batches of so many events.
pub fn messages(path: &Path, batch: usize) -> Vec<Msg> {
    let captures = Captures::of([path.to_owned()]);
    let source = Source {
        captures,
        trail: Trail::default(),
        lens: Lens::default(),
    };
    load(&source, batch)
}

/// The same, and leaves a trail.
pub fn load(source: &Source, batch: usize) -> Vec<Msg> {
    let mut capture = Capture::open(&source.captures.files).unwrap();
    let mut sink = Kept {
        size: batch,
        batch: Batch::default(),
        done: Vec::new(),
    };
    let trail = Some(&source.trail);
    let run = engine::run_along(&mut capture, Limits::default(), &mut sink, trail, |_, _| {
        true
    })
    .unwrap();
    let mut messages: Vec<_> = sink.done.into_iter().map(Msg::Batch).collect();
    let progress = Some((capture.progress(), run.counts));
    messages.push(Msg::Batch(Batch {
        progress,
        ..sink.batch
    }));
    messages.push(Msg::Loaded(run.errors));
    messages
}

struct Kept {
    size: usize,
    batch: Batch,
    done: Vec<Batch>,
}

impl Sink for Kept {
    fn want(&self) -> Want {
        Want {
            joined: true,
            ..Want::default()
        }
    }

    fn event(&mut self, event: &Event, flow: &Flow, loan: Loan<'_>) -> std::io::Result<()> {
        self.batch.push(event, flow, loan);
        if self.batch.events.len() >= self.size {
            self.done.push(std::mem::take(&mut self.batch));
        }
        Ok(())
    }
}
