//! The system calls that the confined processes may still make.
//!
//! A list of what is allowed, since nobody can list all that is dangerous. Everything else fails as
//! if the kernel did not have it, rather than kill: a C library that tries something newer falls
//! back to what is here. `clone3` is left out for that reason: its flags lie in memory where a
//! filter cannot see them, so threads are made by `clone`, without new namespaces.

use super::confine::Who;
use anyhow::Error;
use libc::{
    SYS_brk, SYS_clock_getres, SYS_clock_gettime, SYS_clock_nanosleep, SYS_clone, SYS_close,
    SYS_dup, SYS_dup3, SYS_epoll_create1, SYS_epoll_ctl, SYS_epoll_pwait, SYS_eventfd2, SYS_exit,
    SYS_exit_group, SYS_faccessat, SYS_fallocate, SYS_fcntl, SYS_fdatasync, SYS_fstat, SYS_fsync,
    SYS_ftruncate, SYS_futex, SYS_getcwd, SYS_getegid, SYS_geteuid, SYS_getgid, SYS_getpid,
    SYS_getppid, SYS_getrandom, SYS_gettid, SYS_gettimeofday, SYS_getuid, SYS_ioctl, SYS_lseek,
    SYS_madvise, SYS_membarrier, SYS_mmap, SYS_mprotect, SYS_mremap, SYS_munmap, SYS_nanosleep,
    SYS_newfstatat, SYS_openat, SYS_pipe2, SYS_ppoll, SYS_prctl, SYS_pread64, SYS_prlimit64,
    SYS_pselect6, SYS_pwrite64, SYS_read, SYS_readlinkat, SYS_readv, SYS_recvfrom,
    SYS_restart_syscall, SYS_rseq, SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn,
    SYS_sched_getaffinity, SYS_sched_yield, SYS_sendto, SYS_set_robust_list, SYS_setpriority,
    SYS_sigaltstack, SYS_socketpair, SYS_statx, SYS_tgkill, SYS_uname, SYS_unlinkat, SYS_wait4,
    SYS_waitid, SYS_write, SYS_writev,
};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

const ALLOWED: &[i64] = &[
    // Files that are open, and those that Landlock lets through.
    SYS_read,
    SYS_readv,
    SYS_pread64,
    SYS_write,
    SYS_writev,
    SYS_pwrite64,
    SYS_lseek,
    SYS_close,
    SYS_openat,
    SYS_newfstatat,
    SYS_fstat,
    SYS_statx,
    SYS_ftruncate,
    SYS_fallocate,
    SYS_fsync,
    SYS_fdatasync,
    SYS_fcntl,
    SYS_dup,
    SYS_dup3,
    SYS_unlinkat,
    SYS_readlinkat,
    SYS_faccessat,
    SYS_getcwd,
    SYS_ioctl,
    // Waiting, and waking each other.
    SYS_ppoll,
    SYS_pselect6,
    SYS_epoll_create1,
    SYS_epoll_ctl,
    SYS_epoll_pwait,
    SYS_eventfd2,
    SYS_pipe2,
    SYS_socketpair,
    SYS_recvfrom,
    SYS_sendto,
    SYS_futex,
    SYS_nanosleep,
    SYS_clock_nanosleep,
    SYS_restart_syscall,
    SYS_sched_yield,
    SYS_membarrier,
    // Memory and threads.
    SYS_brk,
    SYS_mmap,
    SYS_munmap,
    SYS_mremap,
    SYS_mprotect,
    SYS_madvise,
    SYS_set_robust_list,
    SYS_rseq,
    SYS_sched_getaffinity,
    SYS_prlimit64,
    SYS_exit,
    SYS_exit_group,
    // Signals; the end of the process that captures.
    SYS_rt_sigaction,
    SYS_rt_sigprocmask,
    SYS_rt_sigreturn,
    SYS_sigaltstack,
    SYS_tgkill,
    SYS_wait4,
    SYS_waitid,
    // Clocks, chance, and who one is. `prctl` names threads; what it could give was given up.
    SYS_clock_gettime,
    SYS_clock_getres,
    SYS_gettimeofday,
    SYS_getrandom,
    SYS_getpid,
    SYS_getppid,
    SYS_gettid,
    SYS_getuid,
    SYS_geteuid,
    SYS_getgid,
    SYS_getegid,
    SYS_uname,
    SYS_prctl,
];

/// The older names of some of them.
#[cfg(target_arch = "x86_64")]
const OLDER: &[i64] = &[
    libc::SYS_open,
    libc::SYS_stat,
    libc::SYS_lstat,
    libc::SYS_poll,
    libc::SYS_select,
    libc::SYS_epoll_wait,
    libc::SYS_epoll_create,
    libc::SYS_eventfd,
    libc::SYS_pipe,
    libc::SYS_dup2,
    libc::SYS_unlink,
    libc::SYS_readlink,
    libc::SYS_access,
    libc::SYS_time,
    libc::SYS_arch_prctl,
];
#[cfg(not(target_arch = "x86_64"))]
const OLDER: &[i64] = &[];

/// What libpcap asks of a socket that is open: how many packets it has dropped, and why it failed.
const CAPTURING: &[i64] = &[libc::SYS_getsockopt];

/// Flags with which `clone` would make namespaces.
const NAMESPACES: u64 = 0x7e02_0080;

/// Lets only these calls through, from now on and in every thread to come. `None` where this kernel
/// or processor cannot do it.
pub fn filter(who: Who) -> Result<(), Option<Error>> {
    let arch = TargetArch::try_from(std::env::consts::ARCH).map_err(|_| None)?;
    let program = program(arch, who).map_err(Some)?;
    match seccompiler::apply_filter(&program) {
        Ok(()) => Ok(()),
        // No such call, or no filters in it.
        Err(seccompiler::Error::Prctl(error) | seccompiler::Error::Seccomp(error))
            if matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EINVAL)) =>
        {
            Err(None)
        }
        Err(error) => Err(Some(error.into())),
    }
}

fn program(arch: TargetArch, who: Who) -> anyhow::Result<BpfProgram> {
    let plain = SeccompCondition::new(
        0,
        SeccompCmpArgLen::Qword,
        SeccompCmpOp::MaskedEq(NAMESPACES),
        0,
    )?;
    let zero =
        |argument| SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, 0);
    // A thread's own rank (PRIO_PROCESS, 0), and no other's.
    let own = SeccompRule::new(vec![zero(0)?, zero(1)?])?;
    let rules = ALLOWED
        .iter()
        .chain(OLDER)
        .chain(CAPTURING.iter().filter(|_| who == Who::Captures))
        .map(|&call| (call, Vec::new()))
        .chain([
            (SYS_clone, vec![SeccompRule::new(vec![plain])?]),
            (SYS_setpriority, vec![own]),
        ])
        .collect();
    let otherwise = SeccompAction::Errno(libc::ENOSYS as u32);
    let filter = SeccompFilter::new(rules, otherwise, SeccompAction::Allow, arch)?;
    Ok(filter.try_into()?)
}
