//! The process that captures: it opens the device, and looks into nothing.
//!
//! With libpcap built in it captures itself, and writes into the spool what it captures: its standard
//! output is the spool's file, and its standard input the link to who reads that. Without, it starts
//! dumpcap or tcpdump and waits; those write into the pipe that is its standard output.
//!
//! It ends when its standard input does: so it never outlives the one that started it, whatever happens
//! to that one, and needs no signal from a process that has given up the right to send it.

use super::args::{CaptureArgs, DeviceArgs, KeepArgs};
use super::input::Feed;
use crate::cli::{Done, interfaces};
use anyhow::{Context as _, Result, anyhow};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use wscope::source::Room;
#[cfg(feature = "live")]
use wscope::source::Spool;

/// What captures.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Sniffer {
    /// This very program.
    Own,
    Dumpcap(PathBuf),
    Tcpdump(PathBuf),
}

/// Finds what can capture here.
pub fn sniffer() -> Option<Sniffer> {
    if cfg!(feature = "live") {
        return Some(Sniffer::Own);
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places: Vec<_> = std::env::split_paths(&path)
        // Where they are for root alone.
        .chain(["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from))
        .collect();
    let find = |name: &str| {
        let mut found = places.iter().map(|place| place.join(name));
        found.find(|file| {
            nix::unistd::access(file, nix::unistd::AccessFlags::X_OK).is_ok() && file.is_file()
        })
    };
    let dumpcap = || find("dumpcap").map(Sniffer::Dumpcap);
    let tcpdump = || find("tcpdump").map(Sniffer::Tcpdump);
    // tcpdump hands packets over sooner; but others than root are mostly given the right to use dumpcap.
    match nix::unistd::geteuid().is_root() {
        true => tcpdump().or_else(dumpcap),
        false => dumpcap().or_else(tcpdump),
    }
}

impl Sniffer {
    /// The program that needs the right to capture.
    pub fn program(&self) -> PathBuf {
        match self {
            Self::Own => std::env::current_exe().unwrap_or_else(|_| "wscope".into()),
            Self::Dumpcap(program) | Self::Tcpdump(program) => program.clone(),
        }
    }
}

/// What to say where nothing can capture.
pub const NOTHING: &str = "nothing here can capture: install dumpcap (Debian: apt install wireshark-common) or tcpdump, \
     or build wscope with `--features live` (Debian: apt install libpcap-dev)";

/// How long a process that captures may take to begin before one goes on without.
const PATIENCE: Duration = Duration::from_secs(5);

/// Starts the process that captures. Says how its packets come; none where it ended at once.
pub fn start(
    args: &DeviceArgs,
    keep: &KeepArgs,
    interface: &str,
    room: Room,
) -> Result<(Child, Option<Feed>)> {
    use std::os::unix::process::CommandExt as _;
    let sniffer = sniffer().ok_or_else(|| anyhow!(NOTHING))?;
    let program = std::env::current_exe().context("cannot find this program again")?;
    let mut command = Command::new(program);
    command
        .arg("capture-only")
        .args(["--interface", interface])
        .args(["--snaplen", &args.snaplen.to_string()])
        .args(["--buffer", &args.buffer.to_string()])
        .args(keep.words());
    if args.promisc {
        command.arg("--promisc");
    }
    if args.immediate {
        command.arg("--immediate");
    }
    if let Some(expression) = args.expression() {
        command.arg("--").arg(expression);
    }
    // Ctrl-C is for the one that shows; this one ends after it.
    command.stderr(Stdio::piped()).process_group(0);
    let cannot = "cannot start the process that captures";
    if sniffer == Sniffer::Own {
        let (ours, theirs) = UnixStream::pair().context(cannot)?;
        command
            .stdin(OwnedFd::from(theirs))
            .stdout(room.file().context(cannot)?);
        let child = command.spawn().context(cannot)?;
        // Its end of the link is its alone.
        drop(command);
        let mut far = room.far(ours)?;
        let began = far.begins(PATIENCE)?;
        return Ok((child, began.then_some(Feed::Far(far))));
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().context(cannot)?;
    let out = child.stdout.take().context(cannot)?;
    // More room, so that a moment in which nobody reads costs nothing.
    #[cfg(target_os = "linux")]
    let _ = nix::fcntl::fcntl(&out, nix::fcntl::FcntlArg::F_SETPIPE_SZ(1 << 20));
    let mut fds = [PollFd::new(out.as_fd(), PollFlags::POLLIN)];
    let patience = PollTimeout::try_from(PATIENCE).unwrap_or(PollTimeout::MAX);
    let late = poll(&mut fds, patience)? == 0;
    let began = fds[0]
        .revents()
        .is_some_and(|it| it.contains(PollFlags::POLLIN));
    let feed = (late || began).then(|| Feed::Near(Box::new(out), room));
    Ok((child, feed))
}

/// `wscope capture-only`
pub fn run(args: &CaptureArgs) -> Done {
    let interface = args.device.interface.clone().or_else(interfaces::usual);
    let interface = interface.ok_or_else(|| anyhow!("no interface is in use"))?;
    // What it starts inherits that.
    super::rank::first();
    match sniffer().ok_or_else(|| anyhow!(NOTHING))? {
        Sniffer::Own => own(args, interface),
        other => others(&other, &args.device, &interface),
    }
}

#[cfg(feature = "live")]
fn own(args: &CaptureArgs, interface: String) -> Done {
    use super::keep::{Keep, Taking, begin_file, folder, may_turn};
    use std::fs::File;
    let CaptureArgs { device, keep } = args;
    let most = |bytes: u64| u32::try_from(bytes).unwrap_or(u32::MAX);
    let sniffer = wscope::source::Device {
        name: interface.clone(),
        filter: device.expression(),
        snaplen: most(device.snaplen),
        buffer: most(device.buffer),
        promiscuous: device.promisc,
        immediate: device.immediate,
    }
    .open()?;
    let user = super::confine::user();
    let about = Some((interface.as_str(), most(device.snaplen)));
    let file = match &keep.write {
        Some(path) => Some(begin_file(keep, path, user, about)?),
        None => None,
    };
    let spool = File::from(std::io::stdout().as_fd().try_clone_to_owned()?);
    let link = UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned()?);
    // All is open: from here on there is nothing that root is needed for.
    super::confine::give_up_rights(user)?;
    let folder = folder(keep);
    if let Some(folder) = &folder {
        may_turn(folder)?;
    }
    let needs = super::confine::Needs {
        write: folder.into_iter().collect(),
        ..super::confine::Needs::default()
    };
    // What is lacking is told by the one that shows.
    super::confine::confine(&needs, super::confine::Who::Captures)?;
    let spool = Spool::far(spool, keep.spool.unwrap_or(0), link)?;
    let mut taking = Taking(Keep::new(Some(spool), file, keep.until()));
    sniffer.run(&mut taking)?;
    Ok(Vec::new())
}

#[cfg(not(feature = "live"))]
fn own(_: &CaptureArgs, _: String) -> Done {
    Err(anyhow!(NOTHING))
}

/// Between two questions how many packets were dropped.
const LOOK: Duration = Duration::from_secs(1);

/// Bytes of a packet that tcpdump keeps at most: more than any packet has but those of BIG TCP.
const SLOT: u64 = (128 << 10) - 1024;

/// Where tcpdump hands each packet over at once, the kernel keeps a slot for the largest packet for each,
/// however small it is. So slots are made no larger than they have to be, and there are more of them.
fn slots(args: &DeviceArgs) -> (u64, u64) {
    (args.snaplen.min(SLOT), args.buffer.saturating_mul(4))
}

/// Whether it has begun to listen to the signal that asks for counts, which otherwise ends it.
fn counts_when_asked(child: &Child) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id()));
    let caught = status.ok().and_then(|status| {
        let mask = status
            .lines()
            .find_map(|line| line.strip_prefix("SigCgt:"))?;
        u64::from_str_radix(mask.trim(), 16).ok()
    });
    let signal = nix::sys::signal::Signal::SIGUSR1 as u32;
    caught.is_some_and(|caught| caught >> (signal - 1) & 1 == 1)
}

/// Lets another program capture, until it ends or standard input does.
fn others(sniffer: &Sniffer, args: &DeviceArgs, interface: &str) -> Done {
    use nix::sys::signal::{Signal, kill};
    let (program, kilobytes) = match sniffer {
        Sniffer::Dumpcap(program) => (program, false),
        Sniffer::Tcpdump(program) => (program, true),
        Sniffer::Own => return Err(anyhow!(NOTHING)),
    };
    let mut command = Command::new(program);
    command.args(["-i", interface, "-w", "-"]);
    if !args.promisc {
        command.arg("-p");
    }
    if kilobytes {
        let (snaplen, buffer) = slots(args);
        command.args(["-s", &snaplen.to_string()]);
        command.args(["-B", &buffer.div_ceil(1 << 10).max(1).to_string()]);
        command.args(["-U", "-n", "--immediate-mode"]);
        command.args(args.expression());
    } else {
        command.args(["-s", &args.snaplen.to_string(), "-q"]);
        command.args(["-B", &args.buffer.div_ceil(1 << 20).max(1).to_string()]);
        if let Some(expression) = args.expression() {
            command.args(["-f", &expression]);
        }
    }
    let mut child = command
        .stdin(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot start {}", program.display()))?;
    let stdin = std::io::stdin();
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap_or(0));
    let mut looked = Instant::now();
    loop {
        if looked.elapsed() >= LOOK && kilobytes && counts_when_asked(&child) {
            // It says on its standard error how many packets were dropped until now.
            let _ = kill(pid, Signal::SIGUSR1);
            looked = Instant::now();
        }
        let mut fds = [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)];
        let asked = poll(&mut fds, 100_u16).is_ok_and(|came| came > 0);
        if asked {
            let _ = kill(pid, Signal::SIGINT);
            child.wait()?;
            return Ok(Vec::new());
        }
        if let Some(status) = child.try_wait()? {
            return match status.success() {
                true => Ok(Vec::new()),
                false => Err(anyhow!("{} ended: {status}", program.display())),
            };
        }
    }
}
