//! `print -w`: the same packets as pcapng, with the secrets that open them where that was asked for.

use super::args::Captures;
use super::keys::Fits;
use anyhow::{Context as _, Result, bail};
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter};
use std::path::Path;
use wscope::model::{Event, EventKind, Flow, Loan, MessageRef, Piece, Place, Sink, Want};
use wscope::source::{PcapngWriter, Secrets};

/// Hands everything on, and notes which secrets fit.
pub struct Noting<'a, S> {
    pub sink: S,
    pub fits: &'a mut Fits,
}

impl<S: Sink> Sink for Noting<'_, S> {
    fn want(&self) -> Want {
        self.sink.want()
    }

    fn event(&mut self, event: &Event, flow: &Flow, loan: Loan<'_>) -> io::Result<()> {
        self.fits.look(event, flow);
        self.sink.event(event, flow, loan)
    }

    fn part(&mut self, of: MessageRef, at: u64, loan: Loan<'_>) -> io::Result<()> {
        self.sink.part(of, at, loan)
    }

    fn stream(&mut self, piece: Piece<'_>) -> io::Result<()> {
        self.sink.stream(piece)
    }

    fn over(&mut self, conn: wscope::model::ConnId) {
        self.sink.over(conn);
    }

    fn more(&mut self) -> Option<(Place, EventKind)> {
        self.sink.more()
    }
}

/// Says early what would fail late.
pub fn check(captures: &Captures, into: &Path) -> Result<()> {
    for file in &captures.files {
        if file.as_path() == Path::new("-") || !file.is_file() {
            bail!(
                "-w reads the captures a second time: it needs files, not {}",
                file.display()
            );
        }
        if same(file, into) {
            bail!(
                "-w {} would overwrite a capture that is being read",
                into.display()
            );
        }
    }
    Ok(())
}

fn same(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// Writes the captures anew; with `fits`, the secrets that opened something come first.
pub fn write(captures: &Captures, into: &Path, fits: Option<&Fits>) -> Result<()> {
    let failed = || format!("{}: cannot write", into.display());
    let file = create(into).with_context(failed)?;
    let mut writer = PcapngWriter::new(BufWriter::new(file)).with_context(failed)?;
    let keys = &captures.secrets.keys;
    if let Some(fits) = fits {
        let parts: Vec<_> = fits
            .opened()
            .iter()
            .map(|random| keys.log_of(random))
            .collect();
        // As long as it gets from the start: growing would leave a copy behind.
        let len = parts.iter().map(|part| part.len()).sum();
        let mut log = zeroize::Zeroizing::new(String::with_capacity(len));
        parts.iter().for_each(|part| log.push_str(part));
        if !log.is_empty() {
            writer
                .secrets(Secrets::TLS_KEY_LOG, log.as_bytes())
                .with_context(failed)?;
        }
    }
    let mut capture = captures.open()?;
    // What cannot be read has been said in the first reading.
    while let Ok(Some(packet)) = capture.next() {
        writer.packet(&packet).with_context(failed)?;
    }
    writer.finish().with_context(failed)?;
    Ok(())
}

/// Secrets are for their owner alone.
fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
