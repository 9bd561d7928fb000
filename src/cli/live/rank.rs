//! Who goes first where the processors are busy: what takes packets before what looks at them. A packet
//! that is not taken in time is gone; a look can wait, since the spool keeps what comes meanwhile.

/// How much sooner than others the taking is done, as for `nice`.
#[cfg(target_os = "linux")]
const FIRST: i32 = -10;

/// How much later than others the looking is done, where the taking may not be done sooner.
#[cfg(target_os = "linux")]
const LATER: i32 = 5;

/// Lets threads of this process go first later, when it is no longer root; says whether that was possible.
#[cfg(target_os = "linux")]
pub fn allow() -> bool {
    use rustix::process::{Resource, Rlimit, setrlimit};
    // The limit counts from 20 downwards.
    let most = Some(u64::from((20 - FIRST).unsigned_abs()));
    let limit = Rlimit {
        current: most,
        maximum: most,
    };
    nix::unistd::geteuid().is_root() && setrlimit(Resource::Nice, limit).is_ok()
}

/// From now on this thread, and what it starts, goes first, if it may.
#[cfg(target_os = "linux")]
pub fn first() {
    // Where it may not, it takes its turn.
    let _ = rustix::process::setpriority_process(None, FIRST);
}

/// From now on this thread, and what it starts, goes last.
#[cfg(target_os = "linux")]
pub fn later() {
    let _ = rustix::process::setpriority_process(None, LATER);
}

/// Elsewhere a thread has no rank of its own.
#[cfg(not(target_os = "linux"))]
pub fn allow() -> bool {
    true
}

/// As above.
#[cfg(not(target_os = "linux"))]
pub fn first() {}

/// As above.
#[cfg(not(target_os = "linux"))]
pub fn later() {}
