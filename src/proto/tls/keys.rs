//! Which key and which number open a record.

use super::record::{ALERT, CHANGE_CIPHER, DATA, HANDSHAKE, Lent};
use super::seal::{Opened, Opener, Phase, Why};
use super::suites::Suite;
use super::{Tls, handshake};
use crate::model::{Cx, Dir, InsideState, SecretKind, What};

/// What opened a record.
#[derive(Debug)]
pub struct Found {
    /// The key, where it is another than the present one.
    pub opener: Option<Opener>,
    pub number: u64,
    pub content: Opened,
}

/// How far ahead numbers are tried after a record that failed.
const AHEAD: u64 = 16;

/// Records that may fail one after the other before a direction is given up.
const FAILURES: u32 = 32;

impl Tls {
    /// Takes a record; true where it has to wait.
    pub(super) fn record(&mut self, dir: Dir, record: Lent<'_>, cx: &mut Cx<'_>) -> bool {
        let kind = record.kind();
        let side = dir.of(&self.sides);
        let before_13 = self
            .server
            .as_ref()
            .is_some_and(|server| server.version < 0x0304);
        // TLS 1.3 sends these for looks, and never sealed.
        if kind == CHANGE_CIPHER && record.body == [1] && !before_13 {
            self.count(dir, &record, None);
            return false;
        }
        let alert = kind == ALERT && record.body.len() == 2;
        if side.shut && !alert {
            self.count_sealed(dir, &record);
            return false;
        }
        let plain = side.opener.is_none()
            && !(side.holed && kind == HANDSHAKE && self.opens(dir, &record, cx));
        match kind {
            _ if alert => {
                self.count(dir, &record, None);
                self.alert(dir, record, record.body, cx);
                false
            }
            HANDSHAKE if plain => {
                self.count(dir, &record, None);
                self.handshake(dir, record, record.body, cx);
                false
            }
            CHANGE_CIPHER if plain => self.change_cipher(dir, &record, cx),
            _ => self.sealed(dir, record, cx),
        }
    }

    /// Whether a record opens with any key that may be next.
    fn opens(&mut self, dir: Dir, record: &Lent<'_>, cx: &Cx<'_>) -> bool {
        let mut content = std::mem::take(&mut self.content);
        let (found, _) = self.find(dir, record, AHEAD, u64::MAX, &mut content, cx);
        self.content = content;
        found.is_some()
    }

    /// TLS 1.2 and before: from here on this side's records are sealed.   RFC 5246 section 7.1
    pub(super) fn change_cipher(&mut self, dir: Dir, record: &Lent<'_>, cx: &mut Cx<'_>) -> bool {
        let found = self.next_openers(dir, cx).into_iter().next();
        if found.is_none() && self.may_wait(dir, record.body.len(), cx) {
            cx.keys.lack();
            return true;
        }
        self.count(dir, record, None);
        match found {
            Some(opener) => {
                let side = dir.of_mut(&mut self.sides);
                side.opener = Some(opener);
                side.failed = 0;
            }
            None => self.stays_shut(dir, record, cx),
        }
        false
    }

    /// Whether records of a direction may wait: for the server's hello, or for keys still being written.
    pub(super) fn may_wait(&self, dir: Dir, more: usize, cx: &Cx<'_>) -> bool {
        let side = dir.of(&self.sides);
        let other = dir.flip().of(&self.sides);
        let both_ended = side.end.is_some() && other.end.is_some();
        let hello_may_come = self.server.is_none() && !other.holed && other.end.is_none();
        let keys_may_come = cx.keys.may_grow(cx.by()) && self.client.is_some();
        side.held_bytes.saturating_add(more) <= cx.limits.tail_bytes
            && !both_ended
            && (hello_may_come || keys_may_come)
    }

    /// Whether there is any key to try.
    pub(super) fn has_keys(&self, dir: Dir, cx: &Cx<'_>) -> bool {
        dir.of(&self.sides).opener.is_some() || !self.next_openers(dir, cx).is_empty()
    }

    /// Opens a sealed record; true where it has to wait.
    fn sealed(&mut self, dir: Dir, record: Lent<'_>, cx: &mut Cx<'_>) -> bool {
        let side = dir.of(&self.sides);
        let doubt = side.failed > 0 || side.holed && side.opener.is_none();
        let reach = if doubt { AHEAD } else { 0 };
        let mut content = std::mem::take(&mut self.content);
        let (found, _) = self.find(dir, &record, reach, u64::MAX, &mut content, cx);
        let held = match found {
            Some(found) => {
                self.opened(dir, &record, found, &content, cx);
                false
            }
            None => self.failed(dir, &record, cx),
        };
        self.content = content;
        held
    }

    /// A record does not open; true where it has to wait.
    fn failed(&mut self, dir: Dir, record: &Lent<'_>, cx: &mut Cx<'_>) -> bool {
        let side = dir.of(&self.sides);
        // The handshake is open, and nothing is known that opens what comes after it.
        let no_more = side
            .opener
            .as_ref()
            .is_some_and(|opener| opener.phase < Phase::Data(0))
            && self.next_openers(dir, cx).is_empty();
        if no_more {
            if self.may_wait(dir, record.body.len(), cx) {
                cx.keys.lack();
                return true;
            }
            self.count_sealed(dir, record);
            let text = "the key log opens the handshake and lacks the secret that opens the data of this direction";
            cx.anomaly(dir, record.span(), What::Decrypt, text);
            dir.of_mut(&mut self.sides).shut = true;
            return false;
        }
        let side = dir.of(&self.sides);
        if let Some(opener) = &side.opener {
            let (next, around) = (opener.next, opener.around());
            let proven = side.counts.data > 0 || next > 0;
            if proven {
                let text = format!(
                    "this TLS record does not authenticate as number {next}: it was altered, or is not of this connection"
                );
                cx.anomaly(dir, record.span(), What::Decrypt, text);
            }
            let content = record.len().saturating_sub(around as u64);
            self.count_sealed(dir, record);
            let side = dir.of_mut(&mut self.sides);
            side.failed += 1;
            if let Some(opener) = &mut side.opener {
                opener.next = next.saturating_add(1);
                opener.passed(record.body);
            }
            if !proven || side.failed >= FAILURES {
                side.shut = true;
                side.opener = None;
                let text = "no record authenticates under the secrets that are known for it";
                self.say(InsideState::WrongKeys, Self::place(dir, record), text, cx);
            } else if record.kind() == DATA {
                self.deliver_gap(dir, record.span(), content, false, cx);
            }
            return false;
        }
        if self.may_wait(dir, record.body.len(), cx) && self.could_open_later(dir, cx) {
            cx.keys.lack();
            return true;
        }
        let early = dir == Dir::C2s
            && self.client.as_ref().is_some_and(|client| client.early_data)
            && dir.of(&self.sides).counts.sealed < 1 << 20;
        self.count_sealed(dir, record);
        if early && self.has_keys(dir, cx) {
            // Early data whose secret is not in the log: what follows them may open.
            let text = match &self.server {
                Some(server) if !server.resumes => {
                    "early data that the server refused, for it does not take up the session: the application never saw them"
                }
                _ => "early data, for which there is no secret: they stay shut",
            };
            cx.anomaly(dir, record.span(), What::Decrypt, text);
            return false;
        }
        self.stays_shut(dir, record, cx);
        false
    }

    /// Whether another key log, or the server's hello, could still open this.
    fn could_open_later(&self, dir: Dir, cx: &Cx<'_>) -> bool {
        self.server.is_none() || self.next_openers(dir, cx).is_empty()
    }

    /// Says why a direction stays shut.
    fn stays_shut(&mut self, dir: Dir, record: &Lent<'_>, cx: &mut Cx<'_>) {
        dir.of_mut(&mut self.sides).shut = true;
        let suite = self.server.as_ref().map(|server| Suite::find(server.suite));
        let (state, text) = match (&self.client, &self.server, suite) {
            (None, _, _) => (
                InsideState::Lost,
                "the client hello was not captured: without it no key log says which secrets are meant",
            ),
            (_, Some(server), Some(None)) if server.version >= 0x0300 => (
                InsideState::Unsupported,
                "this cipher suite is not one that wscope opens",
            ),
            (Some(client), _, _) if !cx.keys.knows(&client.random, cx.by()) => (
                InsideState::NoKeys,
                "no key log has secrets for this client random",
            ),
            (_, None, _) => (
                InsideState::Lost,
                "the server hello was not captured: before TLS 1.3 no key can be derived without it",
            ),
            (Some(_), Some(_), _) if self.next_openers(dir, cx).is_empty() => (
                InsideState::NoKeys,
                "the key log has some secrets for this client random, and not the ones that open this direction",
            ),
            (Some(_), Some(_), _) => (
                InsideState::WrongKeys,
                "the key log has secrets for this client random, and no record authenticates under them",
            ),
        };
        let note = Self::place(dir, record);
        self.say(state, note, text, cx);
    }

    /// Finds key and number of a record, trying up to `reach` numbers ahead with work of at most
    /// `allowed` bytes; its content is put into `content`. Also answers what that cost.
    pub(super) fn find(
        &self,
        dir: Dir,
        record: &Lent<'_>,
        reach: u64,
        allowed: u64,
        content: &mut Vec<u8>,
        cx: &Cx<'_>,
    ) -> (Option<Found>, u64) {
        let cost = record.body.len() as u64 + 64;
        let mut work = 0;
        let mut attempt = |opener: &Opener, from: u64| {
            for number in from..=from.saturating_add(reach) {
                if work >= allowed {
                    return None;
                }
                work += cost;
                match opener.open(number, record.header, record.body, content) {
                    Ok(opened) => return Some((number, opened)),
                    // Of no number can this be the record.
                    Err(Why::Short) => return None,
                    Err(Why::Tag | Why::Empty) => {}
                }
            }
            None
        };
        if let Some(opener) = &dir.of(&self.sides).opener
            && let Some((number, opened)) = attempt(opener, opener.next)
        {
            let found = Found {
                opener: None,
                number,
                content: opened,
            };
            return (Some(found), work);
        }
        for opener in self.next_openers(dir, cx) {
            if let Some((number, opened)) = attempt(&opener, 0) {
                let found = Found {
                    opener: Some(opener),
                    number,
                    content: opened,
                };
                return (Some(found), work);
            }
        }
        (None, work)
    }

    /// The keys that may come next in a direction.
    pub(super) fn next_openers(&self, dir: Dir, cx: &Cx<'_>) -> Vec<Opener> {
        let Some(client) = &self.client else {
            return Vec::new();
        };
        let opener = dir.of(&self.sides).opener.as_ref();
        if let Some(server) = &self.server
            && server.version < 0x0304
        {
            return self.before_13(dir, cx).into_iter().collect();
        }
        let (handshake, traffic) = match dir {
            Dir::C2s => (SecretKind::ClientHandshake, SecretKind::ClientTraffic),
            Dir::S2c => (SecretKind::ServerHandshake, SecretKind::ServerTraffic),
        };
        let phases = [
            (Phase::Early, SecretKind::ClientEarly),
            (Phase::Handshake, handshake),
            (Phase::Data(0), traffic),
        ];
        let present = opener.map(|opener| opener.phase);
        let mut openers: Vec<_> = opener.and_then(Opener::updated).into_iter().collect();
        for (phase, kind) in phases {
            if present >= Some(phase)
                || phase == Phase::Early && (dir == Dir::S2c || !client.early_data)
            {
                continue;
            }
            let Some(secret) = cx.keys.secret(&client.random, kind, cx.by()) else {
                continue;
            };
            let chosen = self.server.as_ref().map(|server| server.suite);
            let suites = Suite::tls13(secret.bytes().len()).filter(|suite| {
                phase == Phase::Early || chosen.is_none_or(|chosen| chosen == suite.id)
            });
            openers.extend(suites.filter_map(|suite| Opener::tls13(suite, phase, secret.bytes())));
        }
        openers
    }

    fn before_13(&self, dir: Dir, cx: &Cx<'_>) -> Option<Opener> {
        let (client, server) = (self.client.as_ref()?, self.server.as_ref()?);
        let suite = Suite::find(server.suite)?;
        let master = cx
            .keys
            .secret(&client.random, SecretKind::Master, cx.by())?;
        Opener::before_13(
            suite,
            server.version,
            master.bytes(),
            [&client.random, &server.random],
            dir == Dir::S2c,
            server.encrypt_then_mac && suite.mac.is_some(),
        )
    }

    /// A record has been opened: its content goes where it belongs.
    pub(super) fn opened(
        &mut self,
        dir: Dir,
        record: &Lent<'_>,
        found: Found,
        content: &[u8],
        cx: &mut Cx<'_>,
    ) {
        let side = dir.of_mut(&mut self.sides);
        let skipped = match (&found.opener, &side.opener) {
            (None, Some(opener)) if side.failed > 0 => found.number.saturating_sub(opener.next),
            _ => 0,
        };
        side.failed = 0;
        if let Some(opener) = found.opener {
            side.opener = Some(opener);
        }
        if let Some(opener) = &mut side.opener {
            opener.next = found.number.saturating_add(1);
            opener.passed(record.body);
        }
        if skipped > 0 {
            let text =
                format!("{skipped} TLS records are missing before this one, though no byte is");
            cx.anomaly(dir, record.span(), What::Decrypt, text);
            self.deliver_gap(dir, record.span(), 0, false, cx);
        }
        let kind = found.content.kind;
        self.count(dir, record, (kind == DATA).then_some(content.len()));
        if kind == HANDSHAKE && dir == Dir::S2c && self.alpn.is_none() {
            self.alpn = handshake::agreed(content);
        }
        let text = match self.alpn.as_deref() {
            Some("h2") => {
                "a record authenticates under the secrets of the key log: what follows is decrypted, and its HTTP/2 is not taken apart"
            }
            _ => {
                "a record authenticates under the secrets of the key log: what follows is decrypted"
            }
        };
        self.say(InsideState::Open, Self::place(dir, record), text, cx);
        match kind {
            DATA => self.data(dir, record, content, cx),
            HANDSHAKE => self.handshake(dir, *record, content, cx),
            ALERT => self.alert(dir, *record, content, cx),
            CHANGE_CIPHER => {
                self.change_cipher(dir, record, cx);
            }
            other => {
                let text = format!("a TLS record with content of the unknown type {other}");
                cx.anomaly(dir, record.span(), What::Malformed, text);
            }
        }
    }

    fn data(&mut self, dir: Dir, record: &Lent<'_>, content: &[u8], cx: &mut Cx<'_>) {
        let phase = dir
            .of(&self.sides)
            .opener
            .as_ref()
            .map(|opener| opener.phase);
        if phase == Some(Phase::Early) && self.early.taken != Some(true) {
            return self.hold_early(record, content, cx);
        }
        self.deliver(dir, record.span(), record.packet, content, cx);
    }

    /// Counts a record that was understood; `data` is how much of it is data.
    pub(super) fn count(&mut self, dir: Dir, record: &Lent<'_>, data: Option<usize>) {
        let counts = &mut dir.of_mut(&mut self.sides).counts;
        counts.records += 1;
        counts.bytes += record.len();
        match data {
            Some(data) => {
                counts.data += data as u64;
                counts.around += record.len().saturating_sub(data as u64);
            }
            None => counts.handshake += record.len(),
        }
    }

    fn count_sealed(&mut self, dir: Dir, record: &Lent<'_>) {
        let counts = &mut dir.of_mut(&mut self.sides).counts;
        counts.records += 1;
        counts.bytes += record.len();
        counts.sealed += record.len();
        if record.kind() == DATA {
            let suite = self
                .server
                .as_ref()
                .and_then(|server| Suite::find(server.suite));
            self.likely.record(dir, record.body.len(), suite);
        }
    }
}
