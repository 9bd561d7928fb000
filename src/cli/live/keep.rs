//! Where packets go as they are captured: into the spool and the file, until it is enough.

use nix::unistd::{Gid, Uid};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};
use wscope::Error;
use wscope::model::{Packet, Timestamp};
use wscope::source::{Rotation, Spool};

/// When to stop.
#[derive(Clone, Copy, Default)]
pub struct Until {
    pub packets: Option<u64>,
    pub bytes: Option<u64>,
}

/// Keeps packets.
pub struct Keep {
    /// None once the reader is to come to its end, and where another process writes it.
    pub spool: Option<Spool>,
    pub file: Option<Rotation>,
    /// What went wrong, which ends it.
    pub errors: Vec<Error>,
    until: Until,
    packets: u64,
    bytes: u64,
}

impl Keep {
    pub fn new(spool: Option<Spool>, file: Option<Rotation>, until: Until) -> Self {
        Self {
            spool,
            file,
            errors: Vec::new(),
            until,
            packets: 0,
            bytes: 0,
        }
    }

    /// Keeps a packet; with `files`, in the file as well. False where that was the last one.
    pub fn packet(&mut self, packet: &Packet<'_>, files: bool) -> bool {
        self.packets += 1;
        self.bytes += packet.data.len() as u64;
        if let Some(file) = self.file.as_mut().filter(|_| files)
            && let Err(error) = file.packet(packet, None)
        {
            self.errors.push(error);
        }
        match self.spool.as_mut().map(|spool| spool.packet(packet)) {
            Some(Ok(_)) => {}
            Some(Err(cause)) => self.give_up_spool(&cause),
            // Nobody reads any more.
            None => return false,
        }
        let Until { packets, bytes } = self.until;
        let enough = packets.is_some_and(|most| self.packets >= most)
            || bytes.is_some_and(|most| self.bytes >= most);
        !enough && self.errors.is_empty()
    }

    /// Notes that so many packets were dropped before the next one; with `files`, in the file as well.
    pub fn dropped(&mut self, packets: u64, files: bool) {
        if let Some(file) = self.file.as_mut().filter(|_| files) {
            file.dropped(packets);
        }
        if let Some(spool) = &mut self.spool {
            spool.dropped(packets);
        }
    }

    /// Hands on what was gathered.
    pub fn commit(&mut self) {
        if let Some(Err(cause)) = self.spool.as_mut().map(Spool::commit) {
            self.give_up_spool(&cause);
        }
        let filed = self.file.as_mut().map_or(Ok(()), Rotation::flush);
        self.errors.extend(filed.err());
    }

    /// Says once why, and lets the reader come to its end.
    fn give_up_spool(&mut self, cause: &io::Error) {
        self.spool = None;
        self.errors.push(full(cause));
    }

    /// Nothing more comes.
    pub fn end(&mut self) {
        self.commit();
        self.spool = None;
    }
}

fn full(cause: &io::Error) -> Error {
    Error::Live(format!(
        "the spool cannot be written: {cause}; give it less room with --spool, or another place with --spool-dir"
    ))
}

/// Begins the file that is written, for this user to read.
pub fn begin_file(
    args: &super::KeepArgs,
    path: &Path,
    user: Option<(Uid, Gid)>,
    device: Option<(&str, u32)>,
) -> Result<Rotation, Error> {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let now = Timestamp(i64::try_from(now.as_nanos()).unwrap_or(0));
    let mut file = Rotation::create(path, args.turn(), now)?;
    if let Some((name, snaplen)) = device {
        file.describe(name, snaplen);
    }
    if let Some((uid, gid)) = user {
        // So that whoever called sudo can read what was written for them. Not every file system can.
        let _ = nix::unistd::fchown(file.file(), Some(uid), Some(gid));
    }
    Ok(file)
}

/// The directory in which further files will be made, where there can be some.
pub fn folder(args: &super::KeepArgs) -> Option<PathBuf> {
    let path = args.write.as_ref().filter(|_| args.turn().turns())?;
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
    Some(folder.unwrap_or(Path::new(".")).to_owned())
}

/// Whether what is left of the user's rights is enough for that.
pub fn may_turn(folder: &Path) -> anyhow::Result<()> {
    use anyhow::Context as _;
    nix::unistd::access(folder, nix::unistd::AccessFlags::W_OK).with_context(|| {
        format!(
            "{}: wscope gives up root, and as user {} could not begin the next file there",
            folder.display(),
            nix::unistd::geteuid()
        )
    })
}

/// Captures into it: in the process that captures.
#[cfg(feature = "live")]
pub struct Taking(pub Keep);

#[cfg(feature = "live")]
impl Taking {
    fn failed(&mut self) -> Result<(), Error> {
        self.0.errors.pop().map_or(Ok(()), Err)
    }
}

#[cfg(feature = "live")]
impl wscope::source::Taker for Taking {
    fn packet(&mut self, packet: &Packet<'_>) -> Result<bool, Error> {
        let more = self.0.packet(packet, true);
        self.failed().map(|()| more)
    }

    fn dropped(&mut self, packets: u64) {
        self.0.dropped(packets, true);
    }

    fn idle(&mut self) -> Result<(), Error> {
        self.0.commit();
        self.failed()
    }

    fn word(&self) -> Option<std::os::fd::BorrowedFd<'_>> {
        self.0.spool.as_ref().and_then(Spool::link)
    }

    fn hear(&mut self) -> Result<bool, Error> {
        let heard = self.0.spool.as_mut().map_or(Ok(false), Spool::hear);
        heard.map_err(|cause| Error::Live(format!("nobody reads the packets any more: {cause}")))
    }
}
