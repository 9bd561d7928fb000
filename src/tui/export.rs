//! Writing files: payloads, notes, captures of some connections. What is there is never overwritten unasked.

use super::msg::Extract;
use crate::cli::args::Captures;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::path::Path;
use wscope::decode::{Decoded, Decoder};
use wscope::source::PcapngWriter;
use wscope::tcp::Key;

/// Opens a file that is not there yet.
fn new_file(path: &Path) -> Result<File, String> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .map_err(|error| format!("{}: {error}", path.display()))
}

/// Writes bytes into a new file; says what was done.
pub fn save(path: &Path, bytes: &[u8]) -> Result<String, String> {
    new_file(path)?
        .write_all(bytes)
        .map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(format!(
        "{} bytes written to {}",
        bytes.len(),
        path.display()
    ))
}

/// Replaces a file: all of it, or nothing.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let beside = path.with_file_name(name);
    fs::write(&beside, bytes)?;
    fs::rename(&beside, path)
}

/// Writes the packets of some connections as pcapng, with the notes on them as comments.
pub fn export(captures: &Captures, path: &Path, what: &[Extract]) -> Result<String, String> {
    let text = |error: io::Error| format!("{}: {error}", path.display());
    let mut capture = captures.open().map_err(|error| error.to_string())?;
    let mut writer = PcapngWriter::new(BufWriter::new(new_file(path)?)).map_err(text)?;
    let wanted: Vec<_> = what
        .iter()
        .map(|it| (Key::new(it.flow.client, it.flow.server), it))
        .collect();
    let mut decoder = Decoder::new();
    let mut written = 0_u64;
    // What could be read is written, up to an error that the screen names already.
    while let Ok(Some(packet)) = capture.next() {
        let Decoded::Tcp(segment) = decoder.decode(&packet) else {
            continue;
        };
        let key = Key::new(segment.src, segment.dst);
        let of = wanted
            .iter()
            .find(|(other, it)| *other == key && it.from <= packet.no && packet.no < it.until);
        let Some((_, it)) = of else { continue };
        let notes: Vec<&str> = it
            .notes
            .iter()
            .filter(|(no, _)| *no == packet.no)
            .map(|(_, note)| note.as_str())
            .collect();
        let note = notes.join("\n");
        let note = Some(note.as_str()).filter(|note| !note.is_empty());
        writer.commented(&packet, note).map_err(text)?;
        written += 1;
    }
    writer.finish().map_err(text)?;
    Ok(format!("{written} packets written to {}", path.display()))
}
