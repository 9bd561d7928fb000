//! Capturing from a device: packets are handed on, and nothing looks into them.

use crate::error::Error;
use crate::model::{Link, Packet, PacketNo, Timestamp};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

/// A device, and how to capture from it.
#[derive(Clone, Debug)]
pub struct Device {
    /// Its name; `any` stands for all of them (Linux).
    pub name: String,
    /// A capture filter in the language of pcap-filter(7), compiled into the kernel.
    pub filter: Option<String>,
    /// Bytes kept of each packet.
    pub snaplen: u32,
    /// Bytes of the kernel's buffer.
    pub buffer: u32,
    /// Also what is addressed to others.
    pub promiscuous: bool,
    /// Every packet alone and at once, instead of all that came within [`GATHER`].
    pub immediate: bool,
}

/// How long the kernel may gather packets before it hands them over together.
pub const GATHER: Duration = Duration::from_millis(10);

/// Between two looks at how many packets were dropped.
const LOOK: Duration = Duration::from_millis(100);

/// A device that is open.
pub struct Sniffer {
    capture: pcap::Capture<pcap::Active>,
    name: String,
    link: Link,
    /// What libpcap counted last, dropped by the system and by the device: its counters are 32 bits
    /// wide and go round.
    last: [u32; 2],
}

/// Takes what a [`Sniffer`] captures.
pub trait Taker {
    /// A packet; its number is not told. False where that is enough.
    ///
    /// # Errors
    /// It cannot be kept.
    fn packet(&mut self, packet: &Packet<'_>) -> Result<bool, Error>;

    /// So many packets were dropped before the next one.
    fn dropped(&mut self, packets: u64);

    /// All that is there was handed over: more has to be waited for.
    ///
    /// # Errors
    /// It cannot be kept.
    fn idle(&mut self) -> Result<(), Error>;

    /// What can be read once there is something to hear; none where there will be nothing.
    fn word(&self) -> Option<BorrowedFd<'_>>;

    /// Hears it; false where that is the end.
    ///
    /// # Errors
    /// Nothing can be heard.
    fn hear(&mut self) -> Result<bool, Error>;
}

impl Device {
    /// Opens it. From here on the kernel gathers packets.
    ///
    /// # Errors
    /// There is no such device, the right is missing, or the filter cannot be compiled.
    pub fn open(&self) -> Result<Sniffer, Error> {
        let most = |bytes: u32| i32::try_from(bytes).unwrap_or(i32::MAX);
        let opened = pcap::Capture::from_device(self.name.as_str()).and_then(|capture| {
            capture
                .promisc(self.promiscuous)
                .snaplen(most(self.snaplen))
                .buffer_size(most(self.buffer))
                .immediate_mode(self.immediate)
                .timeout(GATHER.as_millis() as i32)
                .precision(pcap::Precision::Nano)
                .open()
        });
        let mut capture = opened.map_err(|cause| self.refused(&cause))?;
        if let Some(expression) = &self.filter {
            capture
                .filter(expression, true)
                .map_err(|cause| Error::Filter {
                    expression: expression.clone(),
                    cause: words(&cause),
                })?;
        }
        let link = link(capture.get_datalink());
        let capture = capture
            .setnonblock()
            .map_err(|cause| self.refused(&cause))?;
        Ok(Sniffer {
            capture,
            name: self.name.clone(),
            link,
            last: [0; 2],
        })
    }

    fn refused(&self, cause: &pcap::Error) -> Error {
        let cause = words(cause);
        let name = self.name.clone();
        let denied = ["permission", "not permitted", "denied"];
        if denied.iter().any(|word| cause.contains(word)) {
            let program = std::env::current_exe().unwrap_or_else(|_| "wscope".into());
            let program = program.display().to_string();
            return Error::Rights {
                name,
                cause,
                program,
            };
        }
        Error::Device { name, cause }
    }
}

impl Sniffer {
    /// Hands every packet over until the taker has enough, or hears that it is to end: then what is
    /// there by that time is still handed over. Drops are told within [`LOOK`], and at the end.
    ///
    /// # Errors
    /// The device has gone, or the taker fails.
    pub fn run(mut self, taker: &mut impl Taker) -> Result<(), Error> {
        let ended = self.capture_for(taker);
        self.look(taker);
        taker.idle()?;
        ended
    }

    fn capture_for(&mut self, taker: &mut impl Taker) -> Result<(), Error> {
        let mut looked = Instant::now();
        loop {
            let Some(came) = self.take(taker)? else {
                return Ok(());
            };
            if looked.elapsed() >= LOOK {
                self.look(taker);
                looked = Instant::now();
            }
            if came == 0 {
                taker.idle()?;
            }
            if self.wait(taker, came > 0)? && !taker.hear()? {
                break;
            }
        }
        // What the kernel still gathers.
        std::thread::sleep(GATHER * 2);
        while self.take(taker)?.is_some_and(|came| came > 0) {}
        Ok(())
    }

    /// Hands over the packets that are there; says how many, or none where that is enough.
    fn take(&mut self, taker: &mut impl Taker) -> Result<Option<usize>, Error> {
        let link = self.link;
        let mut result = Ok(true);
        let came = self.capture.dispatch(None, |packet| {
            // With this precision the fraction is in nanoseconds.
            let time = packet.header.ts.tv_sec * 1_000_000_000 + packet.header.ts.tv_usec;
            let packet = Packet {
                no: PacketNo::FIRST,
                time: Timestamp(time),
                link,
                orig_len: packet.header.len,
                data: packet.data,
            };
            if let Ok(true) = result {
                result = taker.packet(&packet);
            }
        });
        if !result? {
            return Ok(None);
        }
        let came = came.map_err(|cause| self.failed(words(&cause)))?;
        Ok(Some(came))
    }

    /// Asks how many packets were dropped.
    fn look(&mut self, taker: &mut impl Taker) {
        // A device that has gone has nothing to tell.
        let Ok(stat) = self.capture.stats() else {
            return;
        };
        let now = [stat.dropped, stat.if_dropped];
        let new = now.iter().zip(self.last);
        let new: u64 = new
            .map(|(now, last)| u64::from(now.wrapping_sub(last)))
            .sum();
        self.last = now;
        taker.dropped(new);
    }

    /// Waits for packets, or does not; true where there is something to hear.
    fn wait(&self, taker: &impl Taker, busy: bool) -> Result<bool, Error> {
        let word = taker.word();
        let ready = |fd| PollFd::new(fd, PollFlags::POLLIN);
        let mut fds: Vec<_> = [Some(self.capture.as_fd()), word]
            .into_iter()
            .flatten()
            .map(ready)
            .collect();
        let patience = if busy {
            PollTimeout::ZERO
        } else {
            PollTimeout::from(LOOK.as_millis() as u16)
        };
        match poll(&mut fds, patience) {
            Ok(_) => Ok(fds.get(1).is_none_or(|word| word.any().unwrap_or(true))),
            Err(nix::errno::Errno::EINTR) => Ok(false),
            Err(cause) => Err(self.failed(io::Error::from(cause).to_string())),
        }
    }

    fn failed(&self, cause: String) -> Error {
        let name = self.name.clone();
        Error::Device { name, cause }
    }
}

/// What libpcap said, without its own prefix that says nothing.
fn words(error: &pcap::Error) -> String {
    match error {
        pcap::Error::PcapError(text) => text.trim().to_owned(),
        other => other.to_string(),
    }
}

/// A device's number for what its packets begin with, as files number it.
fn link(datalink: pcap::Linktype) -> Link {
    match datalink.0 {
        12 | 14 => Link::RAW,
        other => Link(other as u16),
    }
}
