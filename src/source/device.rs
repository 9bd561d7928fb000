//! Capturing from a device: packets become pcapng, and nothing looks into them.

use super::{Interface, PcapngWriter};
use crate::error::Error;
use crate::model::{Link, Packet, PacketNo, Timestamp};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::io::{self, BufWriter, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

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

/// Bytes that are written at once, where so many are there.
const CHUNK: usize = 256 << 10;

/// A device that is open.
pub struct Sniffer {
    capture: pcap::Capture<pcap::Active>,
    interface: Interface,
    /// What libpcap counted last: its counters are 32 bits wide and go round.
    last: [u32; 3],
    dropped: bool,
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
        let interface = Interface {
            name: Some(self.name.clone()),
            link: link(capture.get_datalink()),
            snaplen: self.snaplen,
            resolution: 9,
            received: Some(0),
            dropped: Some(0),
            dropped_by_os: Some(0),
        };
        let capture = capture
            .setnonblock()
            .map_err(|cause| self.refused(&cause))?;
        Ok(Sniffer {
            capture,
            interface,
            last: [0; 3],
            dropped: false,
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
    /// Writes every packet as pcapng until `stop` can be read or is closed at its other end. What is
    /// there is written at once; drops are told as interface statistics within [`LOOK`], and at the end.
    ///
    /// # Errors
    /// The device has gone, or nobody takes the packets any more.
    pub fn run(mut self, into: impl Write, stop: BorrowedFd<'_>) -> Result<(), Error> {
        match self.capture_into(into, stop) {
            // Nobody takes the packets any more: that is an end like any other.
            Err(Fault::Out(cause)) if cause.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            Err(Fault::Out(cause)) => Err(self.failed(cause.to_string())),
            Err(Fault::Device(cause)) => Err(self.failed(cause)),
            Ok(()) => Ok(()),
        }
    }

    fn capture_into(&mut self, into: impl Write, stop: BorrowedFd<'_>) -> Result<(), Fault> {
        let mut out = self.begin(into)?;
        let mut looked = Instant::now();
        let ended = loop {
            let came = match self.take(&mut out) {
                Ok(came) => came,
                Err(error) => break Err(error),
            };
            if looked.elapsed() >= LOOK {
                self.look(&mut out, false)?;
                looked = Instant::now();
            }
            if came == 0 {
                out.flush()?;
            }
            if self.wait(stop, came > 0)? {
                break Ok(());
            }
        };
        if ended.is_ok() {
            // What the kernel still gathers.
            std::thread::sleep(GATHER * 2);
            while self.take(&mut out)? > 0 {}
        }
        self.look(&mut out, true)?;
        out.flush()?;
        ended
    }

    fn begin<W: Write>(&self, into: W) -> io::Result<PcapngWriter<BufWriter<W>>> {
        let mut out = PcapngWriter::new(BufWriter::with_capacity(CHUNK, into))?;
        out.describe(&self.interface)?;
        out.flush()?;
        Ok(out)
    }

    /// Writes the packets that are there; says how many.
    fn take(&mut self, out: &mut PcapngWriter<impl Write>) -> Result<usize, Fault> {
        let link = self.interface.link;
        let mut result = Ok(());
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
            if result.is_ok() {
                result = out.packet(&packet);
            }
        });
        result?;
        came.map_err(|cause| Fault::Device(words(&cause)))
    }

    /// Asks how many packets were dropped, and writes it where there are more, or at the end.
    fn look(&mut self, out: &mut PcapngWriter<impl Write>, end: bool) -> io::Result<()> {
        // A device that has gone has nothing to tell.
        if let Ok(stat) = self.capture.stats() {
            let now = [stat.received, stat.dropped, stat.if_dropped];
            let counts = [
                &mut self.interface.received,
                &mut self.interface.dropped_by_os,
                &mut self.interface.dropped,
            ];
            for ((count, now), last) in counts.into_iter().zip(now).zip(self.last) {
                *count.get_or_insert(0) += u64::from(now.wrapping_sub(last));
            }
            self.dropped |= now[1..] != self.last[1..];
            self.last = now;
        }
        if !end && !std::mem::take(&mut self.dropped) {
            return Ok(());
        }
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let now = Timestamp(i64::try_from(now.as_nanos()).unwrap_or(i64::MAX));
        out.statistics(&self.interface, now)
    }

    /// Waits for packets, or does not; true where someone asks to stop.
    fn wait(&self, stop: BorrowedFd<'_>, busy: bool) -> io::Result<bool> {
        let mut fds = [
            PollFd::new(stop, PollFlags::POLLIN),
            PollFd::new(self.capture.as_fd(), PollFlags::POLLIN),
        ];
        let patience = if busy {
            PollTimeout::ZERO
        } else {
            PollTimeout::from(LOOK.as_millis() as u16)
        };
        match poll(&mut fds, patience) {
            Ok(_) => Ok(fds[0].any().unwrap_or(true)),
            Err(nix::errno::Errno::EINTR) => Ok(false),
            Err(cause) => Err(cause.into()),
        }
    }

    fn failed(&self, cause: String) -> Error {
        let name = self.interface.name.clone().unwrap_or_default();
        Error::Device { name, cause }
    }
}

/// Why capturing ended.
enum Fault {
    Device(String),
    Out(io::Error),
}

impl From<io::Error> for Fault {
    fn from(cause: io::Error) -> Self {
        Self::Out(cause)
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
