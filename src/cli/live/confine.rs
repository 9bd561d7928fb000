//! What the process that parses gives up before it reads the first packet.
//!
//! Root and its groups, every capability, and the way to get any of it back; then, on Linux, the
//! file system (Landlock), and all of the system's calls but those that a reader and writer of open
//! files needs (seccomp). All of it holds for the threads that are started later: so it has to be
//! done before the first.

use anyhow::{Context as _, Result};
use nix::unistd::{Gid, Uid, User, geteuid, setresgid, setresuid};
use std::path::PathBuf;

/// Who to be afterwards: the one who called sudo, else nobody. None where one is not root.
pub fn user() -> Option<(Uid, Gid)> {
    if !geteuid().is_root() {
        return None;
    }
    let number = |name| std::env::var(name).ok()?.parse::<u32>().ok();
    let sudo = number("SUDO_UID").zip(number("SUDO_GID"));
    Some(match sudo {
        Some((uid, gid)) if uid != 0 => (Uid::from_raw(uid), Gid::from_raw(gid)),
        _ => match User::from_name("nobody") {
            Ok(Some(nobody)) => (nobody.uid, nobody.gid),
            _ => (Uid::from_raw(65534), Gid::from_raw(65534)),
        },
    })
}

/// Becomes that user, and gives up every capability and the way to get one.
pub fn give_up_rights(user: Option<(Uid, Gid)>) -> Result<()> {
    #[cfg(target_os = "linux")]
    if user.is_some() {
        use caps::CapSet;
        // Only root may, and only it has to: what it starts could have them again.
        let _ = caps::clear(None, CapSet::Bounding);
    }
    if let Some((uid, gid)) = user {
        #[cfg(not(target_vendor = "apple"))]
        nix::unistd::setgroups(&[gid]).context("cannot give up root's groups")?;
        setresgid(gid, gid, gid).context("cannot give up root's group")?;
        setresuid(uid, uid, uid).context("cannot give up root")?;
    }
    #[cfg(target_os = "linux")]
    {
        use caps::CapSet::{Ambient, Effective, Inheritable, Permitted};
        for set in [Ambient, Effective, Permitted, Inheritable] {
            caps::clear(None, set).context("cannot give up capabilities")?;
        }
        nix::sys::prctl::set_no_new_privs().context("cannot give up new privileges")?;
    }
    Ok(())
}

/// Which of the two processes is confined.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// The one that shows.
    Parses,
    /// The one with the open device.
    Captures,
}

/// What a confined process may still reach by name.
#[derive(Default)]
pub struct Needs {
    /// Files that it reads.
    pub read: Vec<PathBuf>,
    /// Directories in which it makes, writes and removes files.
    pub write: Vec<PathBuf>,
}

/// Takes away everything but this. Says what could not be done.
#[cfg(target_os = "linux")]
pub fn confine(needs: &Needs, who: Who) -> Result<Vec<&'static str>> {
    let mut lacks = Vec::new();
    if !landlock(needs, who).context("Landlock")? {
        lacks.push("this kernel has no Landlock");
    }
    match super::calls::filter(who) {
        Ok(()) => {}
        Err(Some(error)) => return Err(error),
        Err(None) => lacks.push("system calls cannot be filtered here"),
    }
    Ok(lacks)
}

/// Elsewhere there is the change of user alone.
#[cfg(not(target_os = "linux"))]
pub fn confine(_: &Needs, _: Who) -> Result<Vec<&'static str>> {
    Ok(vec!["this system has neither Landlock nor seccomp"])
}

#[cfg(target_os = "linux")]
fn landlock(needs: &Needs, who: Who) -> Result<bool> {
    use landlock::{
        ABI, Access as _, AccessFs, AccessNet, Ruleset, RulesetAttr as _, RulesetCreatedAttr as _,
        RulesetStatus, Scope, path_beneath_rules,
    };
    // The newest that this was tried with; an older kernel enforces as much of it as it knows.
    let abi = ABI::V6;
    let write = AccessFs::WriteFile | AccessFs::MakeReg | AccessFs::RemoveFile | AccessFs::Truncate;
    let terminal = AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::IoctlDev;
    let (system, terminals) = match who {
        Who::Parses => (&[][..], &["/dev/tty"][..]),
        // Where the system counts what a device drops.
        Who::Captures => (&["/sys/devices"][..], &[][..]),
    };
    let status = Ruleset::default()
        .handle_access(AccessFs::from_all(abi))?
        .handle_access(AccessNet::from_all(abi))?
        .scope(Scope::from_all(abi))?
        .create()?
        .add_rules(path_beneath_rules(terminals, terminal))?
        .add_rules(path_beneath_rules(system, AccessFs::ReadFile))?
        .add_rules(path_beneath_rules(&needs.read, AccessFs::ReadFile))?
        .add_rules(path_beneath_rules(&needs.write, write))?
        .restrict_self()?;
    Ok(status.ruleset != RulesetStatus::NotEnforced)
}

/// Tries what must not be possible any more; says how each ended.
#[cfg(unix)]
pub fn try_out(files: &[PathBuf]) -> Vec<String> {
    let mut said: Vec<_> = files
        .iter()
        .map(|file| match std::fs::File::open(file) {
            Ok(_) => format!("open {}: done", file.display()),
            Err(error) => format!("open {}: {error}", file.display()),
        })
        .collect();
    said.push(match std::process::Command::new("/bin/true").status() {
        Ok(_) => "start a program: done".into(),
        Err(error) => format!("start a program: {error}"),
    });
    said.push(match std::net::UdpSocket::bind("127.0.0.1:0") {
        Ok(_) => "open a socket: done".into(),
        Err(error) => format!("open a socket: {error}"),
    });
    said.push(
        match setresuid(Uid::from_raw(0), Uid::from_raw(0), Uid::from_raw(0)) {
            Ok(()) => "become root: done".into(),
            Err(error) => format!("become root: {}", error.desc()),
        },
    );
    // Threads, memory and clocks must still work.
    let sum = std::thread::spawn(|| {
        vec![1_u8; 1 << 20]
            .iter()
            .map(|&it| u64::from(it))
            .sum::<u64>()
    });
    said.push(format!("count in a thread: {:?}", sum.join().ok()));
    said
}
