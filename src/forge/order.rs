//! Captures made to order: so many messages, fragmented or not, with these faults and these breaches.

mod breach;

pub use breach::Violation;

use super::random::Random;
use super::{Acks, Forged, Message, Scenario, binary, close, ping, request, response, text};
use crate::model::Dir;
use serde::Deserialize;
use std::fmt;
use std::time::Duration;

/// What is ordered. The default is four short texts, a close by the client, and a FIN by the server.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Order {
    /// Chooses port, sequence numbers, masking keys, pace, and which packets meet with a fault.
    pub seed: u64,
    /// How many text messages, by the client and the server in turn.
    pub messages: usize,
    /// Binary messages in place of texts.
    pub binary: bool,
    /// Payload bytes of each message; none for short sentences that count.
    pub size: Option<usize>,
    /// Each message in so many frames, each frame in a segment of its own; 1 is not fragmented.
    pub fragmented: usize,
    /// All messages come from this side.
    pub from: Option<By>,
    /// Pings of the server, each with its pong.
    pub ping: usize,
    /// TCP keep-alive probes of the server, each answered, at the end of the dialogue.
    pub keep_alive: usize,
    /// permessage-deflate, with these parameters after its name.
    pub compress: Option<String>,
    /// A subprotocol, offered and chosen.
    pub subprotocol: Option<String>,
    /// So many HTTP requests before the upgrade, on the same connection.
    pub requests: usize,
    /// They are all sent before the first answer comes, and that one takes half a second.
    pub pipelined: bool,
    /// No upgrade, and no messages: HTTP alone.
    pub http_only: bool,
    /// The upgrade is answered with this status in place of 101; no messages.
    pub refuse: Option<u16>,
    /// When a side acknowledges.
    pub acks: Acks,
    /// Largest payload of a segment, bytes.
    pub mss: Option<usize>,
    /// IPv6 in place of IPv4.
    pub ipv6: bool,
    /// The code of the close.
    pub close: u16,
    /// The reason of the close.
    pub reason: String,
    /// Who closes, or resets.
    pub by: By,
    /// How it ends.
    pub end: Ending,
    /// What is done wrong, after the messages.
    pub violate: Vec<Violation>,
    /// So many segments of messages are lost before the tap, and TCP sends them again.
    pub retransmit: usize,
    /// The capture misses so many packets with messages; who they were for got them.
    pub lose: usize,
    /// The capture misses these packets, by their numbers before any is missing.
    pub lose_packets: Vec<usize>,
    /// So many packets with data come behind the next one.
    pub reorder: usize,
    /// So many packets with data are captured twice.
    pub duplicate: usize,
}

/// One of the two.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum By {
    /// The client.
    Client,
    /// The server.
    Server,
}

/// How the connection ends.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ending {
    /// Close frames, then FIN, the server's first.
    Close,
    /// RST, without a close frame.
    Rst,
    /// FIN, without a close frame.
    Fin,
    /// Not within the capture.
    Open,
}

impl Default for Order {
    fn default() -> Self {
        Self {
            seed: 0,
            messages: 4,
            binary: false,
            size: None,
            fragmented: 1,
            from: None,
            ping: 0,
            keep_alive: 0,
            compress: None,
            subprotocol: None,
            requests: 0,
            pipelined: false,
            http_only: false,
            refuse: None,
            acks: Acks::EverySecond,
            mss: None,
            ipv6: false,
            close: 1000,
            reason: String::new(),
            by: By::Client,
            end: Ending::Close,
            violate: Vec::new(),
            retransmit: 0,
            lose: 0,
            lose_packets: Vec::new(),
            reorder: 0,
            duplicate: 0,
        }
    }
}

/// An order that cannot be met.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct Impossible(String);

fn impossible<T>(why: impl Into<String>) -> Result<T, Impossible> {
    Err(Impossible(why.into()))
}

impl By {
    /// The direction in which it sends.
    #[must_use]
    pub fn dir(self) -> Dir {
        match self {
            Self::Client => Dir::C2s,
            Self::Server => Dir::S2c,
        }
    }
}

impl Order {
    /// The most messages, fragments, pings, probes and requests.
    pub const MOST: usize = 10_000;

    /// The most frames of all messages together.
    pub const MOST_FRAMES: usize = 1_000_000;

    /// The most payload bytes of all messages together.
    pub const MOST_BYTES: usize = 256 << 20;

    /// The capture.
    ///
    /// # Errors
    /// What in the order cannot be met, and why.
    pub fn forge(&self) -> Result<Forged, Impossible> {
        self.check()?;
        let mut scenario = Scenario::new(self.seed).net(|net| {
            net.acks = self.acks;
            if self.ipv6 {
                net.ipv6();
            }
            if let Some(mss) = self.mss {
                net.cuts = vec![mss];
            }
        });
        scenario = self.http(scenario.handshake());
        if let Some(status) = self.refuse {
            scenario = scenario.refuse(status, |upgrade| match status {
                426 => upgrade.response(|head| head.field("Sec-WebSocket-Version", "13")),
                _ => upgrade,
            });
            return self.spoil(scenario.fin().forge());
        }
        if self.http_only {
            return self.spoil(scenario.fin_from(Dir::C2s).forge());
        }
        scenario = scenario.upgrade(|mut upgrade| {
            if let Some(parameters) = &self.compress {
                let gap = if parameters.is_empty() { "" } else { "; " };
                upgrade = upgrade.deflate(&format!("permessage-deflate{gap}{parameters}"));
            }
            if let Some(name) = &self.subprotocol {
                upgrade = upgrade.subprotocol(name);
            }
            breach::handshake(&self.violate, upgrade)
        });
        if self.fragmented > 1 {
            scenario = scenario.apart();
        }
        scenario = self.dialogue(scenario)?;
        for _ in 0..self.keep_alive {
            scenario = scenario
                .pause(Duration::from_secs(1))
                .keep_alive(Dir::S2c, b"");
        }
        let offended = breach::dialogue(&self.violate, &mut scenario);
        self.spoil(self.end(scenario, offended).forge())
    }

    fn check(&self) -> Result<(), Impossible> {
        for (name, count) in [
            ("--messages", self.messages),
            ("--fragmented", self.fragmented),
            ("--ping", self.ping),
            ("--keep-alive", self.keep_alive),
            ("--requests", self.requests),
        ] {
            if count > Self::MOST {
                return impossible(format!("{name} {count}: at most {}", Self::MOST));
            }
        }
        let frames = self.fragmented.saturating_mul(self.messages);
        if frames > Self::MOST_FRAMES {
            return impossible(format!(
                "--fragmented and --messages make {frames} frames: at most {}",
                Self::MOST_FRAMES
            ));
        }
        let bytes = self.size.unwrap_or(0).saturating_mul(self.messages);
        if bytes > Self::MOST_BYTES {
            return impossible(format!(
                "--size and --messages make {bytes} bytes: at most {}",
                Self::MOST_BYTES
            ));
        }
        if self.pipelined && self.requests < 2 {
            return impossible("--pipelined needs --requests 2 or more");
        }
        if self.http_only && (self.refuse.is_some() || !self.violate.is_empty()) {
            return impossible("--http-only asks for no upgrade: nothing to refuse or to violate");
        }
        if self.refuse == Some(101) {
            return impossible("--refuse 101: that status is a yes");
        }
        if self.refuse.is_some_and(|it| !(200..600).contains(&it)) {
            return impossible("--refuse takes a status from 200 to 599");
        }
        if self.refuse.is_some() && !self.violate.is_empty() {
            return impossible("--refuse leaves nothing to violate");
        }
        if self.reason.len() > 123 {
            return impossible("--reason: a close frame has room for 123 bytes (RFC 6455 5.5)");
        }
        if self.end != Ending::Close && self.violate.iter().any(|it| it.needs_close()) {
            return impossible(
                "--violate: this breach is in the close frames, and none are ordered",
            );
        }
        breach::check(&self.violate, self.compress.is_some()).map_or(Ok(()), impossible)
    }

    /// Requests before the upgrade.
    fn http(&self, mut scenario: Scenario) -> Scenario {
        let ask = |nth: usize| {
            request("GET", &format!("/page/{nth}")).field("Host", "server.example.com")
        };
        let answer = |nth: usize| {
            response(200)
                .field("Content-Type", "text/plain")
                .body(format!("page {nth}\n"))
        };
        let pause = Duration::from_millis(500);
        if self.pipelined {
            for nth in 1..=self.requests {
                scenario = scenario.client(ask(nth));
            }
            scenario = scenario.wait(pause);
            for nth in 1..=self.requests {
                scenario = scenario.server(answer(nth));
            }
            return scenario;
        }
        for nth in 1..=self.requests {
            scenario = scenario.client(ask(nth)).server(answer(nth));
        }
        scenario
    }

    /// The messages, with pings among them.
    fn dialogue(&self, mut scenario: Scenario) -> Result<Scenario, Impossible> {
        let mut random = Random::new(self.seed ^ CHOICE);
        let unlucky = choose(&mut random, self.messages, self.retransmit, "--retransmit")?;
        // The n-th ping comes after this message.
        let pings: Vec<usize> = (1..=self.ping)
            .map(|nth| nth * self.messages / (self.ping + 1))
            .collect();
        for nth in 0..=self.messages {
            for (number, _) in (1..).zip(&pings).filter(|&(_, &after)| after == nth) {
                let words = format!("ping {number}");
                scenario = scenario.pause(PAUSE).server(ping(words.as_str()));
                scenario = scenario.pong(words.as_str());
            }
            if nth == self.messages {
                break;
            }
            let dir = match self.from {
                Some(by) => by.dir(),
                None if nth % 2 == 0 => Dir::C2s,
                None => Dir::S2c,
            };
            let message = self.message(nth + 1, dir).fragments(self.fragmented.max(1));
            scenario = scenario.pause(PAUSE);
            if unlucky.contains(&nth) {
                scenario = scenario.lose_next();
            }
            scenario = scenario.say(dir, message).resend(dir);
        }
        Ok(scenario)
    }

    fn message(&self, number: usize, dir: Dir) -> Message {
        match (self.size, self.binary) {
            (Some(size), false) => text(size),
            (size, true) => binary(size.unwrap_or(32)),
            (None, false) => {
                let who = dir.sender();
                text(format!("message {number}, from the {who}").as_str())
            }
        }
    }

    fn end(&self, mut scenario: Scenario, offended: Option<(Dir, u16)>) -> Scenario {
        scenario = scenario.pause(PAUSE);
        match self.end {
            Ending::Open => scenario,
            Ending::Rst => scenario.rst(self.by.dir()),
            Ending::Fin => scenario.fin(),
            Ending::Close => {
                // Whom a breach was done to closes, with the code that says so.
                let (by, code) = offended.unwrap_or((self.by.dir(), self.close));
                scenario = scenario.say(by, close(code, &self.reason));
                if !breach::closed(&self.violate) {
                    scenario = scenario.say(by.flip(), close(code, ""));
                }
                breach::end(&self.violate, scenario)
            }
        }
    }

    /// The faults of captures.
    fn spoil(&self, mut forged: Forged) -> Result<Forged, Impossible> {
        let mut random = Random::new(self.seed ^ FAULTS);
        let count = forged.packets.len();
        if let Some(number) = self
            .lose_packets
            .iter()
            .find(|number| !(1..=count).contains(number))
        {
            return impossible(format!(
                "--lose-packets {number}: this capture has packets 1 to {count}"
            ));
        }
        let spoiled = [self.reorder, self.duplicate, self.lose];
        let carries = match spoiled.iter().all(|&count| count == 0) {
            true => Vec::new(),
            false => forged.with_messages(),
        };
        let pairs: Vec<usize> = carries
            .windows(2)
            .filter(|pair| pair[1] == pair[0] + 1)
            .map(|pair| pair[0])
            .filter(|&number| forged.packets[number - 1].dir == forged.packets[number].dir)
            .collect();
        let late = pick(&mut random, &pairs, self.reorder, || {
            "--reorder: so many segments with messages that follow each other are not there; \
             --size 4000 or --fragmented 4 make some"
                .to_owned()
        })?;
        let twice = pick(&mut random, &carries, self.duplicate, || {
            format!("--duplicate: only {} packets carry messages", carries.len())
        })?;
        let mut lost = pick(&mut random, &carries, self.lose, || {
            format!("--lose: only {} packets carry messages", carries.len())
        })?;
        lost.extend(&self.lose_packets);
        // From behind, so that numbers stay what they were; a fault to a lost packet would not be seen.
        for number in (1..=count).rev() {
            if lost.contains(&number) {
                forged = forged.lose([number]);
                continue;
            }
            if late.contains(&number) {
                forged = forged.late(number, 1);
            }
            if twice.contains(&number) {
                forged = forged.again(number, 1);
            }
        }
        forged.in_order_of_time();
        Ok(forged)
    }
}

impl Forged {
    /// The numbers of the packets that carry bytes of messages.
    fn with_messages(&self) -> Vec<usize> {
        let message = |dir: Dir, at: &std::ops::Range<u64>| {
            self.told
                .iter()
                .any(|told| told.dir == dir && told.span.start < at.end && at.start < told.span.end)
        };
        let packets = (1..).zip(&self.packets);
        packets
            .filter(|(_, packet)| message(packet.dir, &packet.carries))
            .map(|(number, _)| number)
            .collect()
    }

    /// No packet was captured before the one in front of it.
    fn in_order_of_time(&mut self) {
        let mut times: Vec<_> = self.packets.iter().map(|packet| packet.time).collect();
        times.sort_unstable();
        for (packet, time) in self.packets.iter_mut().zip(times) {
            packet.time = time;
        }
    }
}

/// So many different numbers below `end`.
fn choose(
    random: &mut Random,
    end: usize,
    count: usize,
    what: &str,
) -> Result<Vec<usize>, Impossible> {
    let all: Vec<usize> = (0..end).collect();
    pick(random, &all, count, || {
        format!("{what} {count}: only {end} messages are ordered")
    })
}

/// So many of these, each once.
fn pick(
    random: &mut Random,
    from: &[usize],
    count: usize,
    why: impl FnOnce() -> String,
) -> Result<Vec<usize>, Impossible> {
    if count > from.len() {
        return impossible(why());
    }
    let mut left = from.to_vec();
    let take = |_| left.swap_remove(random.below(left.len() as u64) as usize);
    Ok((0..count).map(take).collect())
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.dir().sender())
    }
}

/// Between messages.
const PAUSE: Duration = Duration::from_millis(200);

const CHOICE: u64 = 0x6368_6f69_6365;
const FAULTS: u64 = 0x6661_756c_7473;
