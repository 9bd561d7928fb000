//! What was typed as filters and searches, kept across runs: `$XDG_STATE_HOME/wscope/history`, else
//! `~/.local/state/wscope/history`.
//!
//! ```text
//! & websocket.opcode == close
//! / price
//! ```
//! Oldest first, for the user alone to read. It is a convenience: where it cannot be kept, nothing is said.

use super::prompt::{Histories, Purpose};
use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// Lines that are kept.
const LINES: usize = 200;

/// Bytes of such a file that are read; a line has at most some eight thousand characters.
const LARGEST: u64 = 4 << 20;

/// Where it is kept; none where nobody says where the user's files are.
pub fn place() -> Option<PathBuf> {
    place_by(|name| std::env::var_os(name))
}

fn place_by(var: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let set = |name| var(name).map(PathBuf::from).filter(|it| it.is_absolute());
    let state = set("XDG_STATE_HOME").or_else(|| Some(set("HOME")?.join(".local/state")))?;
    Some(state.join("wscope").join("history"))
}

/// The line for what was typed; none for what is not kept.
pub fn line(purpose: Purpose, text: &str) -> Option<String> {
    let fine = !text.trim().is_empty() && !text.chars().any(char::is_control);
    Some(format!("{} {text}", sign(purpose).filter(|_| fine)?))
}

fn sign(purpose: Purpose) -> Option<char> {
    match purpose {
        Purpose::Filter => Some('&'),
        Purpose::Search => Some('/'),
        Purpose::Command | Purpose::Save | Purpose::Export | Purpose::Note => None,
    }
}

/// What was typed in earlier runs.
pub fn read(path: &Path) -> Histories {
    let mut histories = Histories::default();
    for line in lines(path) {
        for purpose in [Purpose::Filter, Purpose::Search] {
            let text = sign(purpose)
                .and_then(|sign| line.strip_prefix(sign))
                .and_then(|rest| rest.strip_prefix(' '));
            if let Some(text) = text {
                histories.entry(purpose).or_default().push(text.to_owned());
            }
        }
    }
    histories
}

/// The lines of the file that could have been written by [`add`].
fn lines(path: &Path) -> Vec<String> {
    let mut bytes = Vec::new();
    let read = fs::File::open(path).and_then(|file| file.take(LARGEST).read_to_end(&mut bytes));
    if read.is_err() {
        return Vec::new();
    }
    String::from_utf8_lossy(&bytes)
        .lines()
        .filter(|line| !line.chars().any(char::is_control))
        .map(str::to_owned)
        .collect()
}

/// Adds a line, and forgets the oldest; whoever else has added meanwhile is not forgotten.
pub fn add(path: &Path, line: &str) -> io::Result<()> {
    let mut lines = lines(path);
    lines.retain(|old| old != line);
    lines.push(line.to_owned());
    let old = lines.len().saturating_sub(LINES);
    let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    fs::create_dir_all(folder)?;
    let beside = folder.join(format!("history.{}", std::process::id()));
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&beside)?;
    file.write_all((lines[old..].join("\n") + "\n").as_bytes())?;
    drop(file);
    fs::rename(&beside, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_typed_is_there_again_newest_last() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wscope/history");
        for number in 0..LINES + 5 {
            let text = format!("tcp.port == {number}");
            add(&path, &line(Purpose::Filter, &text).unwrap()).unwrap();
        }
        for text in ["price", "你好", "price"] {
            add(&path, &line(Purpose::Search, text).unwrap()).unwrap();
        }
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), LINES);
        let histories = read(&path);
        assert_eq!(histories[&Purpose::Search], ["你好", "price"]);
        let filters = &histories[&Purpose::Filter];
        assert_eq!(
            filters.last().unwrap(),
            &format!("tcp.port == {}", LINES + 4)
        );
        assert_eq!(filters.len(), LINES - 2);
        #[cfg(unix)]
        {
            let mode = std::os::unix::fs::PermissionsExt::mode(
                &fs::metadata(&path).unwrap().permissions(),
            );
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn what_others_wrote_into_the_file_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history");
        fs::write(&path, b"& tcp.port\n& \x1b[2J\nnothing\n/ \xff\n&tcp\n").unwrap();
        let histories = read(&path);
        assert_eq!(histories[&Purpose::Filter], ["tcp.port"]);
        assert_eq!(histories[&Purpose::Search], ["\u{fffd}"]);
        assert_eq!(line(Purpose::Save, "secret.bin"), None);
        assert_eq!(line(Purpose::Filter, "  "), None);
    }

    #[test]
    fn it_lies_where_the_user_keeps_such_things() {
        let place = |vars: &'static [(&str, &str)]| {
            place_by(move |asked| {
                let found = vars.iter().find(|(name, _)| *name == asked)?;
                Some(found.1.into())
            })
        };
        assert_eq!(
            place(&[("HOME", "/home/u"), ("XDG_STATE_HOME", "/s")]),
            Some("/s/wscope/history".into())
        );
        assert_eq!(
            place(&[("HOME", "/home/u"), ("XDG_STATE_HOME", "relative")]),
            Some("/home/u/.local/state/wscope/history".into())
        );
        assert_eq!(place(&[]), None);
    }
}
