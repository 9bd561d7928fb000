//! The key logs that were named, and what is in them.

use anyhow::Result;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use wscope::model::{Haste, Keys};
use wscope::source::KeyLog;

/// The secrets of a run; clones share them.
#[derive(Debug, Clone, Default)]
pub struct Secrets {
    pub keys: Keys,
    loaded: OnceLock<()>,
}

/// The key logs that were named, else the one that the environment names.
pub fn key_logs(named: &[PathBuf]) -> Vec<PathBuf> {
    let environment = std::env::var_os("SSLKEYLOGFILE").filter(|value| !value.is_empty());
    match named {
        [] => environment.map(PathBuf::from).into_iter().collect(),
        named => named.to_vec(),
    }
}

/// How long a key log that grows is left alone after a look at it.
const PATIENCE: Duration = Duration::from_millis(20);

impl Secrets {
    /// Reads the key logs, once: those that were named, else the one that the environment names.
    /// While packets still come in from a stream, more secrets may come as well.
    pub fn load(&self, named: &[PathBuf], captures: &[PathBuf]) -> Result<()> {
        if self.loaded.set(()).is_err() {
            return Ok(());
        }
        let stream = |path: &PathBuf| path == Path::new("-") || !path.is_file();
        let grows = captures.iter().any(stream);
        let mut logs = Vec::new();
        for path in key_logs(named) {
            let mut log = KeyLog::new(&path);
            match log.read(&self.keys, !grows) {
                Ok(read) => {
                    for bad in &read.bad {
                        super::say(&format!("{}: line {}: {}", bad.name, bad.line, bad.cause));
                    }
                    if read.bad_lines > read.bad.len() as u64 {
                        let more = read.bad_lines - read.bad.len() as u64;
                        super::say(&format!("{}: {more} more lines like these", path.display()));
                    }
                }
                // Another program may yet create what the environment names.
                Err(_) if grows || named.is_empty() => {}
                Err(error) => return Err(error.into()),
            }
            logs.push(log);
        }
        if grows && !logs.is_empty() {
            self.follow(logs);
        }
        Ok(())
    }

    /// Reads on in these logs whenever a secret is lacking.
    pub fn follow(&self, mut logs: Vec<KeyLog>) {
        let mut looked: Option<Instant> = None;
        self.keys.set_more(move |keys, haste| {
            let just = looked.is_some_and(|looked| looked.elapsed() < PATIENCE);
            if just && haste == Haste::Later {
                return keys.lack();
            }
            looked = Some(Instant::now());
            for log in &mut logs {
                // What cannot be read now may be readable the next time.
                let _ = log.read(keys, false);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;
    use wscope::model::{By, PacketNo};

    #[test]
    fn a_connection_that_ends_does_not_wait_for_the_next_look() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let secrets = Secrets::default();
        secrets.follow(vec![KeyLog::new(file.path())]);
        let ask = |packet, haste| {
            secrets.keys.lack();
            let by = By::packet(PacketNo::new(packet).unwrap());
            secrets.keys.refresh(by, haste);
            secrets.keys.count()
        };
        assert_eq!(ask(1, Haste::Later), 0);
        writeln!(file, "CLIENT_RANDOM {:064x} {}", 1, "5a".repeat(48)).unwrap();
        assert_eq!(ask(2, Haste::Now), 1);
    }
}
