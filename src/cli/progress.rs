//! A run over captures, with a bar on standard error where someone watches.

use super::args::Captures;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::{self, IsTerminal as _};
use std::time::{Duration, Instant};
use wscope::engine::{self, Run};
use wscope::model::{Counts, Sink};
use wscope::source::Progress;

/// A run that is over sooner shows no bar.
const PATIENCE: Duration = Duration::from_secs(1);

/// Reads captures to their end into a sink.
pub fn run(captures: &Captures, sink: &mut dyn Sink) -> anyhow::Result<Run> {
    let mut capture = captures.open()?;
    // A bar between the lines of a timeline on the same terminal would only be in the way.
    let watched = io::stderr().is_terminal() && !io::stdout().is_terminal();
    let started = Instant::now();
    let mut bar = None;
    let run = engine::run(&mut capture, captures.config(), sink, |progress, counts| {
        if watched && started.elapsed() > PATIENCE {
            show(
                bar.get_or_insert_with(|| new_bar(progress)),
                progress,
                counts,
            );
        }
        true
    })?;
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    Ok(run)
}

fn new_bar(progress: Progress) -> ProgressBar {
    let (bar, template) = match progress.total {
        Some(total) => (
            ProgressBar::new(total),
            "{bar:30} {bytes}/{total_bytes}, {binary_bytes_per_sec}, {eta} left, {msg}",
        ),
        None => (
            ProgressBar::new_spinner(),
            "{spinner} {bytes}, {binary_bytes_per_sec}, {msg}",
        ),
    };
    ProgressStyle::with_template(template)
        .map(|style| bar.clone().with_style(style))
        .unwrap_or(bar)
}

fn show(bar: &ProgressBar, progress: Progress, counts: Counts) {
    bar.set_position(progress.bytes);
    bar.set_message(format!("{} packets", counts.packets));
}
