//! Key logs: files with the secrets that open TLS, also while they are being written.

use crate::Error;
use crate::model::{BadLine, Keys};
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// A key log, read up to somewhere.
#[derive(Debug)]
pub struct KeyLog {
    path: PathBuf,
    /// How far it has been read.
    at: u64,
    /// Lines so far.
    lines: u64,
    /// The beginning of a line whose end has not been written yet.
    rest: Zeroizing<Vec<u8>>,
    /// The line that is coming is too long to be one.
    overlong: bool,
}

/// A line of a key log that says nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BadKey {
    /// The file.
    pub name: String,
    /// The line, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub cause: BadLine,
}

/// What a reading of a key log brought.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct KeysRead {
    /// Secrets that were not known before.
    pub new: u64,
    /// The first lines that say nothing, in order.
    pub bad: Vec<BadKey>,
    /// All of them.
    pub bad_lines: u64,
}

/// Bad lines that are told one by one.
const TOLD: usize = 10;

/// Bytes that a line may have; a good one has fewer than 256.
const LINE: usize = 4096;

const BUFFER: usize = 1 << 16;

impl KeyLog {
    /// A key log of which nothing has been read yet.
    pub fn new(path: impl AsRef<Path>) -> Self {
        Self {
            path: path.as_ref().to_owned(),
            at: 0,
            lines: 0,
            rest: Zeroizing::new(Vec::with_capacity(LINE)),
            overlong: false,
        }
    }

    /// Reads what has been written since the last time, line by line, in memory of fixed size.
    ///
    /// `to_end` says that nothing more is expected, so that a last line without an end counts. A file
    /// that has become shorter is read from its beginning.
    ///
    /// # Errors
    /// The file cannot be opened or read.
    pub fn read(&mut self, keys: &Keys, to_end: bool) -> Result<KeysRead, Error> {
        let mut read = KeysRead::default();
        self.read_into(keys, to_end, &mut read)
            .map_err(|cause| Error::Open {
                name: self.path.display().to_string(),
                cause,
            })?;
        Ok(read)
    }

    fn read_into(&mut self, keys: &Keys, to_end: bool, read: &mut KeysRead) -> io::Result<()> {
        let mut file = File::open(&self.path)?;
        let meta = file.metadata()?;
        if meta.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        if meta.is_file() {
            if meta.len() < self.at {
                *self = Self::new(&self.path);
            }
            file.seek(SeekFrom::Start(self.at))?;
        }
        let mut buffer = Zeroizing::new(vec![0; BUFFER]);
        loop {
            let count = match file.read(&mut buffer) {
                Ok(count) => count,
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => continue,
                Err(cause) => return Err(cause),
            };
            if count == 0 {
                break;
            }
            self.at += count as u64;
            let mut pieces = buffer[..count].split(|&byte| byte == b'\n');
            if let Some(first) = pieces.next() {
                self.append(first);
            }
            for piece in pieces {
                self.line(keys, read);
                self.append(piece);
            }
        }
        if to_end && (self.overlong || !self.rest.is_empty()) {
            self.line(keys, read);
        }
        Ok(())
    }

    fn append(&mut self, piece: &[u8]) {
        if self.rest.len() + piece.len() > LINE {
            self.overlong = true;
        } else {
            self.rest.extend_from_slice(piece);
        }
    }

    fn line(&mut self, keys: &Keys, read: &mut KeysRead) {
        self.lines += 1;
        let done = match std::mem::take(&mut self.overlong) {
            true => Err(BadLine::Words),
            false => keys.line(&self.rest),
        };
        self.rest.clear();
        match done {
            Ok(new) => read.new += u64::from(new),
            Err(cause) => {
                read.bad_lines += 1;
                if read.bad.len() < TOLD {
                    read.bad.push(BadKey {
                        name: self.path.display().to_string(),
                        line: self.lines,
                        cause,
                    });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn line(random: u32) -> String {
        format!("CLIENT_RANDOM {random:064x} {}\n", "5a".repeat(48))
    }

    #[test]
    fn a_growing_log_is_read_on_where_it_stopped() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let keys = Keys::default();
        let mut log = KeyLog::new(file.path());
        let second = line(2);
        write!(file, "{}{}", line(1), &second[..50]).unwrap();
        assert_eq!(log.read(&keys, false).unwrap().new, 1);
        write!(file, "{}", &second[50..]).unwrap();
        assert_eq!(log.read(&keys, false).unwrap().new, 1);
        assert_eq!(log.read(&keys, false).unwrap(), KeysRead::default());
        write!(file, "{}", line(3).trim_end()).unwrap();
        assert_eq!(log.read(&keys, true).unwrap().new, 1);
        assert_eq!(keys.count(), 3);
    }

    #[test]
    fn bad_lines_are_named_and_the_others_are_read() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let cut = &line(3)[..100];
        write!(
            file,
            "{}nonsense\n{}\n{}{cut}",
            line(1),
            "x".repeat(99_999),
            line(2)
        )
        .unwrap();
        let keys = Keys::default();
        let read = KeyLog::new(file.path()).read(&keys, true).unwrap();
        let bad: Vec<_> = read.bad.iter().map(|bad| (bad.line, bad.cause)).collect();
        let wrong = [
            (2, BadLine::Words),
            (3, BadLine::Words),
            (5, BadLine::Secret),
        ];
        assert_eq!(bad, wrong, "the last one was cut");
        assert_eq!((read.new, read.bad_lines), (2, 3));
    }

    #[test]
    fn a_log_that_is_not_there_is_an_error() {
        let keys = Keys::default();
        assert!(KeyLog::new("/no/such/key.log").read(&keys, true).is_err());
    }
}
