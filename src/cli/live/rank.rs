//! Who goes first where the processors are busy: what takes packets before what looks at them. A packet
//! that is not taken in time is gone; a look can wait, since the spool keeps what comes meanwhile.
//!
//! A thread inherits the rank of the one that started it.

/// How much sooner than others the taking is done, as for `nice`.
#[cfg(target_os = "linux")]
const FIRST: i32 = -10;

/// How much later than others the looking is done, where the taking may not be done sooner.
#[cfg(target_os = "linux")]
const LATER: i32 = 5;

/// From now on this thread, and what it starts, goes first; false where it may not.
#[cfg(target_os = "linux")]
pub fn first() -> bool {
    rustix::process::setpriority_process(None, FIRST).is_ok()
}

/// From now on this thread, and what it starts, takes its turn again.
#[cfg(target_os = "linux")]
pub fn in_turn() {
    // To go later is always allowed.
    let _ = rustix::process::setpriority_process(None, 0);
}

/// From now on this thread, and what it starts, goes after others.
#[cfg(target_os = "linux")]
pub fn later() {
    let _ = rustix::process::setpriority_process(None, LATER);
}

/// Elsewhere a thread has no rank of its own.
#[cfg(not(target_os = "linux"))]
pub fn first() -> bool {
    true
}

/// As above.
#[cfg(not(target_os = "linux"))]
pub fn in_turn() {}

/// As above.
#[cfg(not(target_os = "linux"))]
pub fn later() {}
