//! Secrets that open TLS: what a key log says, found by client random.
//!
//! ```text
//! CLIENT_RANDOM <client random, 64 digits> <master secret, 96 digits>
//! CLIENT_HANDSHAKE_TRAFFIC_SECRET <client random> <secret, 64 or 96 digits>
//! ```
//! The format is the one that NSS began (draft-ietf-tls-keylogfile). Secrets are never shown: what
//! holds them prints as how many they are, and is cleared when it goes.

use super::PacketNo;
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
///
/// Each is known from a packet on: what is derived again later, from the same packets, then meets the
/// same secrets at the same places, whatever has been learnt since.
#[derive(Clone, Default)]
pub struct Keys {
    shared: Arc<Shared>,
    /// The packet from which on this clone's additions are known; 0 for all.
    since: u64,
}

struct Shared {
    log: RwLock<Log>,
    /// The last packet for which more was asked for.
    newest: AtomicU64,
    /// The packet from which on the capture itself may bring more.
    expected: AtomicU64,
    /// How many secrets there are: a change says that it is worth asking again.
    count: AtomicU64,
    /// Someone has asked in vain.
    lacking: AtomicBool,
    /// There is whom to ask.
    askable: AtomicBool,
    more: Mutex<Option<More>>,
}

impl Default for Shared {
    fn default() -> Self {
        Self {
            log: RwLock::default(),
            newest: AtomicU64::new(0),
            expected: AtomicU64::new(u64::MAX),
            count: AtomicU64::new(0),
            lacking: AtomicBool::new(false),
            askable: AtomicBool::new(false),
            more: Mutex::default(),
        }
    }
}

/// Up to where the packets have been read.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct By(u64);

impl By {
    /// Up to the end of the capture.
    pub const END: Self = Self(u64::MAX);

    /// Up to this packet.
    #[must_use]
    #[inline]
    pub fn packet(packet: PacketNo) -> Self {
        Self(packet.get())
    }
}

/// Asks whoever writes the secrets for those that have come since.
type More = Box<dyn FnMut(&Keys, Haste) + Send>;

/// How long an answer to the question for more secrets may wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Haste {
    /// Until the next packet: whoever answers may let a while pass between two looks.
    Later,
    /// Not at all: a connection ends, and what waits for its secrets is given up with it.
    Now,
}

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
    /// The packet from which on it is known.
    #[zeroize(skip)]
    since: u64,
}

/// Entries of a page.
const PAGE: usize = 1024;

/// Secrets that are remembered (16 million, some 72 bytes each).
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
        since: u64,
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
                since,
            });
        }
        Ok(true)
    }
}

impl Keys {
    /// The same secrets; what is added through this clone is known from this packet on.
    #[must_use]
    pub fn since(&self, packet: PacketNo) -> Self {
        self.since_number(packet.get())
    }

    fn since_number(&self, since: u64) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            since,
        }
    }

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
        let mut log = self
            .shared
            .log
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let new = log.add(client, kind, &found, self.since)?;
        if new {
            self.shared.count.store(log.len() as u64, Ordering::Release);
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

    /// A secret of a connection as known by a packet, the newest where there are several.
    #[must_use]
    pub fn secret(&self, random: &ClientRandom, kind: SecretKind, by: By) -> Option<Secret> {
        let log = self
            .shared
            .log
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let fits = |entry: &&Entry| entry.kind == kind && entry.since <= by.0;
        let entry = log.chain(random).find(fits)?;
        Some(Secret {
            bytes: entry.secret,
            len: entry.len,
        })
    }

    /// Whether any secret of this connection is known by a packet.
    #[must_use]
    pub fn knows(&self, random: &ClientRandom, by: By) -> bool {
        let log = self
            .shared
            .log
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        log.chain(random).any(|entry| entry.since <= by.0)
    }

    /// The client randoms that there are secrets for, in order of their bytes.
    #[must_use]
    pub fn randoms(&self) -> Vec<ClientRandom> {
        let log = self
            .shared
            .log
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        #[allow(clippy::iter_over_hash_type)] // They are sorted.
        let mut randoms: Vec<_> = log.newest.keys().copied().collect();
        randoms.sort_unstable();
        randoms
    }

    /// The lines of a key log with everything that is known of this connection, cleared when they go.
    #[must_use]
    pub fn log_of(&self, random: &ClientRandom) -> zeroize::Zeroizing<String> {
        let log = self
            .shared
            .log
            .read()
            .unwrap_or_else(PoisonError::into_inner);
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
        self.shared.count.load(Ordering::Acquire)
    }

    /// Says how more secrets are asked for: where they are still being written while packets come.
    pub fn set_more(&self, more: impl FnMut(&Self, Haste) + Send + 'static) {
        let mut slot = self
            .shared
            .more
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *slot = Some(Box::new(more));
        self.shared.askable.store(true, Ordering::Relaxed);
    }

    /// Says that the capture brings secrets between its packets: more may come with later ones.
    pub fn expect(&self) {
        self.shared
            .expected
            .fetch_min(self.since, Ordering::Relaxed);
    }

    /// Whether more may still come.
    #[must_use]
    pub fn may_grow(&self, by: By) -> bool {
        if self.shared.expected.load(Ordering::Relaxed) <= by.0 {
            return true;
        }
        self.shared
            .more
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_some()
    }

    /// Says that a secret was looked for in vain.
    pub fn lack(&self) {
        self.shared.lacking.store(true, Ordering::Relaxed);
    }

    /// Asks for more before a packet, where any was looked for in vain since the last time.
    ///
    /// Who is behind another reader of the same packets learns them for those that come next there.
    #[inline]
    pub fn refresh(&self, by: By, haste: Haste) {
        // Asked before every packet, mostly where nobody can be asked for more.
        if self.shared.askable.load(Ordering::Relaxed) {
            self.ask_for_more(by, haste);
        }
    }

    fn ask_for_more(&self, by: By, haste: Haste) {
        let newest = self.shared.newest.fetch_max(by.0, Ordering::Relaxed);
        if !self.shared.lacking.swap(false, Ordering::Relaxed) {
            return;
        }
        let more = self
            .shared
            .more
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(mut more) = more else { return };
        let since = if by.0 >= newest {
            by.0
        } else {
            newest.saturating_add(1)
        };
        more(&self.since_number(since), haste);
        *self
            .shared
            .more
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(more);
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
        Arc::ptr_eq(&self.shared, &other.shared) || self.count() == 0 && other.count() == 0
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
        let secret = keys
            .secret(&[0xab; 32], SecretKind::Master, By::END)
            .unwrap();
        assert_eq!(secret.bytes(), [0xcd; 48]);
        assert!(
            keys.secret(&[0xab; 32], SecretKind::ClientTraffic, By::END)
                .is_none()
        );
        assert!(!keys.knows(&[2; 32], By::END));
        let again = keys.log_of(&[0xab; 32]);
        assert_eq!(Keys::default().lines(again.as_bytes()), []);
        assert_eq!(again.lines().count(), 2);
    }

    #[test]
    fn nothing_that_holds_secrets_prints_them() {
        let keys = Keys::default();
        keys.lines(line("CLIENT_RANDOM", 7, &"ee".repeat(48)).as_bytes());
        assert_eq!(format!("{keys:?}"), "Keys(1 secrets)");
        let secret = keys.secret(&[7; 32], SecretKind::Master, By::END);
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
        let newest = keys.secret(&[7; 32], SecretKind::Master, By::END).unwrap();
        assert_eq!(newest.bytes(), [0xef; 48]);
    }

    #[test]
    fn more_is_asked_for_once_something_is_lacking() {
        let keys = Keys::default();
        keys.set_more(|keys, _| {
            let _ = keys.line(line("CLIENT_RANDOM", 9, &"11".repeat(48)).as_bytes());
        });
        keys.refresh(By(5), Haste::Later);
        assert!(!keys.knows(&[9; 32], By::END), "nobody asked");
        keys.lack();
        keys.refresh(By(5), Haste::Later);
        assert!(keys.knows(&[9; 32], By::END));
        assert!(keys.may_grow(By(1)));
    }

    #[test]
    fn a_secret_is_known_from_the_packet_on_at_which_it_came() {
        let keys = Keys::default();
        let known = |keys: &Keys, random, by| keys.knows(&[random; 32], By(by));
        let one = |keys: &Keys, random| {
            let _ = keys.line(line("CLIENT_RANDOM", random, &"11".repeat(48)).as_bytes());
        };
        one(&keys, 1);
        one(&keys.since(PacketNo::new(7).unwrap()), 7);
        assert!(known(&keys, 1, 1) && known(&keys, 7, 7) && !known(&keys, 7, 6));
        let mut next = 20;
        keys.set_more(move |keys, _| {
            one(keys, next);
            next += 1;
        });
        for by in [30, 10] {
            keys.lack();
            keys.refresh(By(by), Haste::Later);
        }
        assert!(known(&keys, 20, 30) && !known(&keys, 20, 29));
        let said = "who reads again at 10 must not know it before who reads on at 30";
        assert!(known(&keys, 21, 31) && !known(&keys, 21, 30), "{said}");
    }

    #[test]
    fn what_a_capture_brings_along_is_waited_for_from_there_on() {
        let keys = Keys::default();
        assert!(!keys.may_grow(By(1 << 60)));
        keys.since(PacketNo::new(7).unwrap()).expect();
        assert!(!keys.may_grow(By(6)) && keys.may_grow(By(7)));
    }
}
