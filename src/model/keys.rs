//! Secrets that open TLS: what a key log says, found by client random.
//!
//! ```text
//! CLIENT_RANDOM <client random, 64 digits> <master secret, 96 digits>
//! CLIENT_HANDSHAKE_TRAFFIC_SECRET <client random> <secret, 64 or 96 digits>
//! ```
//! The format is the one that NSS began (draft-ietf-tls-keylogfile). Secrets are never shown: what
//! holds them prints as how many they are, and is cleared when it goes.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// The random bytes of a client hello: the name under which a connection's secrets are logged.
pub type ClientRandom = [u8; 32];

/// Which secret of a connection.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum SecretKind {
    /// The master secret of TLS 1.2 and before.
    Master,
    /// What opens early data.   TLS 1.3, as all below
    ClientEarly,
    /// What opens the client's handshake messages.
    ClientHandshake,
    /// What opens the server's.
    ServerHandshake,
    /// What opens the client's data.
    ClientTraffic,
    /// What opens the server's.
    ServerTraffic,
}

/// The labels that are read, and those that are known and not needed.
const LABELS: &[(&str, Option<SecretKind>)] = &[
    ("CLIENT_RANDOM", Some(SecretKind::Master)),
    ("CLIENT_EARLY_TRAFFIC_SECRET", Some(SecretKind::ClientEarly)),
    (
        "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
        Some(SecretKind::ClientHandshake),
    ),
    (
        "SERVER_HANDSHAKE_TRAFFIC_SECRET",
        Some(SecretKind::ServerHandshake),
    ),
    ("CLIENT_TRAFFIC_SECRET_0", Some(SecretKind::ClientTraffic)),
    ("SERVER_TRAFFIC_SECRET_0", Some(SecretKind::ServerTraffic)),
    ("EARLY_EXPORTER_SECRET", None),
    ("EARLY_EXPORTER_MASTER_SECRET", None),
    ("EXPORTER_SECRET", None),
    ("ECH_SECRET", None),
    ("ECH_CONFIG", None),
    ("RSA", None),
    ("PMS_CLIENT_RANDOM", None),
];

/// Bytes that a secret has at most.
const SECRET: usize = 48;

/// A secret: 32 or 48 bytes, cleared when it goes.
#[derive(Clone, ZeroizeOnDrop)]
pub struct Secret {
    bytes: [u8; SECRET],
    len: u8,
}

impl Secret {
    /// The bytes themselves.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len.into()).unwrap_or_default()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({} bytes)", self.len)
    }
}

/// What is wrong with a line of a key log.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadLine {
    /// Not three words.
    #[error("not LABEL CLIENT_RANDOM SECRET")]
    Words,
    /// A label that nobody has defined yet.
    #[error("an unknown label")]
    Label,
    /// The client random.
    #[error("the client random is not 64 hexadecimal digits")]
    Random,
    /// The secret.
    #[error("the secret is not 64 or 96 hexadecimal digits (a master secret has 96)")]
    Secret,
    /// There are as many as are remembered.
    #[error("more secrets than are remembered")]
    Limit,
}

/// All secrets that are known so far. Clones share them: what one learns, all know.
#[derive(Clone, Default)]
pub struct Keys(Arc<Shared>);

#[derive(Default)]
struct Shared {
    log: RwLock<Log>,
    /// How many secrets there are: a change says that it is worth asking again.
    count: AtomicU64,
    /// Someone has asked in vain.
    lacking: AtomicBool,
    more: Mutex<Option<More>>,
}

/// Asks whoever writes the secrets for those that have come since.
type More = Box<dyn FnMut(&Keys) + Send>;

/// Secrets by client random, in entries of fixed size: an index, and chains.
#[derive(Default)]
struct Log {
    /// The newest entry of each client random.
    newest: HashMap<ClientRandom, u32, foldhash::fast::RandomState>,
    /// Pages that never move, so that no copy of a secret is left behind.
    pages: Vec<Vec<Entry>>,
}

#[derive(Zeroize, ZeroizeOnDrop)]
struct Entry {
    secret: [u8; SECRET],
    len: u8,
    #[zeroize(skip)]
    kind: SecretKind,
    /// The entry before it of the same client random; itself where there is none.
    before: u32,
}

/// Entries of a page.
const PAGE: usize = 1024;

/// Secrets that are remembered (16 million, some 64 bytes each).
const LIMIT: usize = 1 << 24;

impl Log {
    fn entry(&self, number: u32) -> Option<&Entry> {
        let number = number as usize;
        self.pages.get(number / PAGE)?.get(number % PAGE)
    }

    fn chain(&self, random: &ClientRandom) -> impl Iterator<Item = &Entry> {
        let mut next = self.newest.get(random).copied();
        std::iter::from_fn(move || {
            let number = next?;
            let entry = self.entry(number)?;
            next = (entry.before != number).then_some(entry.before);
            Some(entry)
        })
    }

    fn len(&self) -> usize {
        match self.pages.as_slice() {
            [] => 0,
            [full @ .., last] => full.len() * PAGE + last.len(),
        }
    }

    /// True where it is new.
    fn add(
        &mut self,
        random: ClientRandom,
        kind: SecretKind,
        secret: &Secret,
    ) -> Result<bool, BadLine> {
        let same = |entry: &Entry| {
            entry.kind == kind && entry.secret == secret.bytes && entry.len == secret.len
        };
        if self.chain(&random).any(same) {
            return Ok(false);
        }
        let number = self.len();
        if number >= LIMIT {
            return Err(BadLine::Limit);
        }
        if number.is_multiple_of(PAGE) {
            self.pages.push(Vec::with_capacity(PAGE));
        }
        let number = number as u32;
        let before = self.newest.insert(random, number).unwrap_or(number);
        if let Some(page) = self.pages.last_mut() {
            page.push(Entry {
                secret: secret.bytes,
                len: secret.len,
                kind,
                before,
            });
        }
        Ok(true)
    }
}

impl Keys {
    /// Takes one line of a key log; true where it brought a secret that was not known.
    ///
    /// # Errors
    /// What is wrong with it. Empty lines and comments are fine.
    pub fn line(&self, line: &[u8]) -> Result<bool, BadLine> {
        let line = line.trim_ascii();
        if line.is_empty() || line.starts_with(b"#") {
            return Ok(false);
        }
        let mut words = line
            .split(u8::is_ascii_whitespace)
            .filter(|word| !word.is_empty());
        let (Some(label), Some(random), Some(secret), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(BadLine::Words);
        };
        let known = LABELS
            .iter()
            .find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(label));
        let kind = match known {
            Some(&(_, Some(kind))) => kind,
            Some(_) => return Ok(false),
            None if label.starts_with(b"QUIC_") || later_traffic(label) => return Ok(false),
            None => return Err(BadLine::Label),
        };
        let mut client = [0; 32];
        if hex(random, &mut client) != Some(32) {
            return Err(BadLine::Random);
        }
        let mut found = Secret {
            bytes: [0; SECRET],
            len: 0,
        };
        found.len = match (hex(secret, &mut found.bytes), kind) {
            (Some(48), _) => 48,
            (Some(32), kind) if kind != SecretKind::Master => 32,
            _ => return Err(BadLine::Secret),
        };
        let mut log = self.0.log.write().unwrap_or_else(PoisonError::into_inner);
        let new = log.add(client, kind, &found)?;
        if new {
            self.0.count.store(log.len() as u64, Ordering::Release);
        }
        Ok(new)
    }

    /// Takes a whole key log, such as the one in a capture; answers which lines are wrong, from 1.
    pub fn lines(&self, text: &[u8]) -> Vec<(usize, BadLine)> {
        let lines = text.split(|&byte| byte == b'\n').enumerate();
        lines
            .filter_map(|(at, line)| self.line(line).err().map(|bad| (at + 1, bad)))
            .take(100)
            .collect()
    }

    /// A secret of a connection, the newest where there are several.
    #[must_use]
    pub fn secret(&self, random: &ClientRandom, kind: SecretKind) -> Option<Secret> {
        let log = self.0.log.read().unwrap_or_else(PoisonError::into_inner);
        let entry = log.chain(random).find(|entry| entry.kind == kind)?;
        Some(Secret {
            bytes: entry.secret,
            len: entry.len,
        })
    }

    /// Whether there is any secret of this connection.
    #[must_use]
    pub fn knows(&self, random: &ClientRandom) -> bool {
        let log = self.0.log.read().unwrap_or_else(PoisonError::into_inner);
        log.newest.contains_key(random)
    }

    /// The client randoms that there are secrets for, in order of their bytes.
    #[must_use]
    pub fn randoms(&self) -> Vec<ClientRandom> {
        let log = self.0.log.read().unwrap_or_else(PoisonError::into_inner);
        #[allow(clippy::iter_over_hash_type)] // They are sorted.
        let mut randoms: Vec<_> = log.newest.keys().copied().collect();
        randoms.sort_unstable();
        randoms
    }

    /// The lines of a key log with everything that is known of this connection, cleared when they go.
    #[must_use]
    pub fn log_of(&self, random: &ClientRandom) -> zeroize::Zeroizing<String> {
        let log = self.0.log.read().unwrap_or_else(PoisonError::into_inner);
        let mut text = zeroize::Zeroizing::new(String::with_capacity(8 * 256));
        for entry in log.chain(random).take(8) {
            let name = LABELS.iter().find(|(_, kind)| *kind == Some(entry.kind));
            text.push_str(name.map_or("", |(name, _)| name));
            text.push(' ');
            push_hex(&mut text, random);
            text.push(' ');
            push_hex(
                &mut text,
                entry.secret.get(..entry.len.into()).unwrap_or_default(),
            );
            text.push('\n');
        }
        text
    }

    /// How many secrets there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.count.load(Ordering::Acquire)
    }

    /// Says how more secrets are asked for: where they are still being written while packets come.
    pub fn set_more(&self, more: impl FnMut(&Self) + Send + 'static) {
        let mut slot = self.0.more.lock().unwrap_or_else(PoisonError::into_inner);
        *slot = Some(Box::new(more));
    }

    /// Whether more may still come.
    #[must_use]
    pub fn may_grow(&self) -> bool {
        self.0
            .more
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_some()
    }

    /// Says that a secret was looked for in vain.
    pub fn lack(&self) {
        self.0.lacking.store(true, Ordering::Relaxed);
    }

    /// Asks for more, where any was looked for in vain since the last time.
    #[inline]
    pub fn refresh(&self) {
        // Asked for every packet: a swap each time would cost more than the rest of it.
        if self.0.lacking.load(Ordering::Relaxed) {
            self.ask_for_more();
        }
    }

    #[cold]
    fn ask_for_more(&self) {
        if !self.0.lacking.swap(false, Ordering::Relaxed) {
            return;
        }
        let more = self
            .0
            .more
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(mut more) = more else { return };
        more(self);
        *self.0.more.lock().unwrap_or_else(PoisonError::into_inner) = Some(more);
    }
}

/// Whether a label is of a secret after a key update: those follow from the first one.
fn later_traffic(label: &[u8]) -> bool {
    [&b"CLIENT_TRAFFIC_SECRET_"[..], b"SERVER_TRAFFIC_SECRET_"]
        .iter()
        .filter_map(|start| label.strip_prefix(*start))
        .any(|number| number == b"N" || !number.is_empty() && number.iter().all(u8::is_ascii_digit))
}

/// Reads digits of either case; how many bytes they were.
fn hex(digits: &[u8], into: &mut [u8]) -> Option<usize> {
    let (pairs, []) = digits.as_chunks::<2>() else {
        return None;
    };
    if pairs.len() > into.len() {
        return None;
    }
    for (pair, byte) in pairs.iter().zip(into) {
        let [high, low] = pair.map(|digit| char::from(digit).to_digit(16));
        *byte = (high? * 16 + low?) as u8;
    }
    Some(pairs.len())
}

fn push_hex(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from_digit(digit.into(), 16).unwrap_or('0'));
        }
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keys({} secrets)", self.count())
    }
}

/// The same ones: sharing is what makes keys equal.
impl PartialEq for Keys {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.count() == 0 && other.count() == 0
    }
}

impl Eq for Keys {}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(label: &str, random: u8, secret: &str) -> String {
        format!("{label} {} {secret}", format!("{random:02x}").repeat(32))
    }

    #[test]
    fn lines_are_read_in_either_case_and_bad_ones_are_named() {
        let keys = Keys::default();
        let text = [
            "# a comment".to_owned(),
            String::new(),
            line("CLIENT_RANDOM", 0xab, &"Cd".repeat(48)),
            line("CLIENT_RANDOM", 0xab, &"cd".repeat(32)),
            line("SERVER_TRAFFIC_SECRET_0", 0xAB, &"12".repeat(32)) + "\r",
            line("SERVER_TRAFFIC_SECRET_3", 0xAB, &"12".repeat(32)),
            line("EXPORTER_SECRET", 0xAB, &"12".repeat(32)),
            "CLIENT_RANDOM 00".to_owned(),
            line("NO_SUCH_LABEL", 1, "00"),
            format!("CLIENT_RANDOM {} {}", "0g".repeat(32), "00".repeat(48)),
            line("CLIENT_TRAFFIC_SECRET_0", 2, &"00".repeat(33)),
        ]
        .join("\n");
        let bad = keys.lines(text.as_bytes());
        assert_eq!(
            bad,
            [
                (4, BadLine::Secret),
                (8, BadLine::Words),
                (9, BadLine::Label),
                (10, BadLine::Random),
                (11, BadLine::Secret),
            ]
        );
        assert_eq!(keys.count(), 2);
        let secret = keys.secret(&[0xab; 32], SecretKind::Master).unwrap();
        assert_eq!(secret.bytes(), [0xcd; 48]);
        assert!(
            keys.secret(&[0xab; 32], SecretKind::ClientTraffic)
                .is_none()
        );
        assert!(!keys.knows(&[2; 32]));
        let again = keys.log_of(&[0xab; 32]);
        assert_eq!(Keys::default().lines(again.as_bytes()), []);
        assert_eq!(again.lines().count(), 2);
    }

    #[test]
    fn nothing_that_holds_secrets_prints_them() {
        let keys = Keys::default();
        keys.lines(line("CLIENT_RANDOM", 7, &"ee".repeat(48)).as_bytes());
        assert_eq!(format!("{keys:?}"), "Keys(1 secrets)");
        let secret = keys.secret(&[7; 32], SecretKind::Master);
        assert_eq!(format!("{secret:?}"), "Some(Secret(48 bytes))");
    }

    #[test]
    fn a_line_that_came_before_is_nothing_new() {
        let keys = Keys::default();
        let text = line("CLIENT_RANDOM", 7, &"ee".repeat(48));
        assert_eq!(keys.line(text.as_bytes()), Ok(true));
        assert_eq!(keys.line(text.as_bytes()), Ok(false));
        let other = line("CLIENT_RANDOM", 7, &"ef".repeat(48));
        assert_eq!(keys.line(other.as_bytes()), Ok(true));
        let newest = keys.secret(&[7; 32], SecretKind::Master).unwrap();
        assert_eq!(newest.bytes(), [0xef; 48]);
    }

    #[test]
    fn more_is_asked_for_once_something_is_lacking() {
        let keys = Keys::default();
        keys.set_more(|keys| {
            let _ = keys.line(line("CLIENT_RANDOM", 9, &"11".repeat(48)).as_bytes());
        });
        keys.refresh();
        assert!(!keys.knows(&[9; 32]), "nobody asked");
        keys.lack();
        keys.refresh();
        assert!(keys.knows(&[9; 32]));
        assert!(keys.may_grow());
    }
}
