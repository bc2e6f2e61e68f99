"""What an engine may not ask of the kernel: the table from which a filter is made.

A call that is not listed is allowed: runtimes and drivers differ too much between boards for a list
of what they need. What is listed is what an attacker needs to leave the process.
"""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass

WHOLE = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Test:
    """Whether argument number `index` (from 0), after `mask`, is one of `values`.

    Of a 64-bit argument these are the lower 32 bits, which is all that the kernel reads of the
    arguments here, or the upper ones if `upper` is set. `negated` turns the answer round.
    """

    index: int
    values: tuple[int, ...]
    mask: int = WHOLE
    upper: bool = False
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """Calls that answer `error`, unless all tests of `unless` pass; without tests always."""

    calls: tuple[str, ...]
    error: int = errno.EPERM
    unless: tuple[Test, ...] = ()


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


CLONE_THREAD = 0x00010000
CLONE_NEW = 0x7E020000
"""Of `linux/sched.h`: a thread of this process, and all kinds of new namespaces."""
AF_NETLINK, NETLINK_KOBJECT_UEVENT = 16, 15
"""Of `linux/socket.h` and `linux/netlink.h`: how the kernel reports that a device came or went."""
PR_SET_PDEATHSIG = 1
PRIO_PROCESS = 0
F_SETOWN, F_SETSIG, F_SETOWN_EX = 8, 10, 15
"""Of `asm-generic/fcntl.h`: with them a descriptor sends any signal to any process of the user."""
FIOSETOWN, SIOCSPGRP, TIOCSTI, TIOCLINUX = 0x8901, 0x8902, 0x5412, 0x541C
"""Of `asm-generic/ioctls.h` and `sockios.h`: the same by ioctl, and typing into a terminal."""
WRITING = 0o3 | 0o100 | 0o1000
"""O_ACCMODE, O_CREAT and O_TRUNC of `asm-generic/fcntl.h`, the same on all three machines. O_RDONLY
is 0; an O_TMPFILE must have O_WRONLY or O_RDWR."""

NEVER = _names(
    # Other programs, other processes. musl's raise uses tkill, but TFLite has no wheel for musl.
    "execve execveat fork vfork ptrace process_vm_readv process_vm_writev process_madvise "
    "process_mrelease kcmp pidfd_open pidfd_getfd pidfd_send_signal tkill rt_sigqueueinfo "
    "rt_tgsigqueueinfo move_pages migrate_pages setpgid setsid sched_setparam sched_setscheduler "
    "sched_setattr ioprio_set "
    # Addresses. The engine's sockets are connected when it inherits them; a message without
    # `sendto` could carry an address in its header.
    "connect listen accept accept4 sendmsg sendmmsg "
    # Names of files and what is stored with them; Landlock does not know most of these.
    "creat link linkat symlink symlinkat rename renameat renameat2 unlink unlinkat mkdir mkdirat "
    "rmdir mknod mknodat truncate truncate64 chmod fchmod fchmodat fchmodat2 chown fchown lchown "
    "fchownat chown32 fchown32 lchown32 setxattr lsetxattr fsetxattr removexattr lremovexattr "
    "fremovexattr utimes utimensat utimensat_time64 futimesat "
    "name_to_handle_at open_by_handle_at fanotify_init fanotify_mark "
    # File systems and namespaces.
    "mount umount2 move_mount open_tree fsopen fsconfig fsmount fspick mount_setattr pivot_root "
    "chroot unshare setns swapon swapoff quotactl quotactl_fd acct "
    # Users and rights.
    "setuid setgid setreuid setregid setresuid setresgid setgroups setfsuid setfsgid setuid32 "
    "setgid32 setreuid32 setregid32 setresuid32 setresgid32 setgroups32 setfsuid32 setfsgid32 "
    "capset personality "
    # Large parts of the kernel that have had many faults.
    "bpf perf_event_open userfaultfd add_key request_key keyctl modify_ldt remap_file_pages "
    "lookup_dcookie nfsservctl uselib _sysctl "
    # The whole machine.
    "init_module finit_module delete_module kexec_load kexec_file_load reboot sethostname "
    "setdomainname settimeofday clock_settime clock_settime64 clock_adjtime clock_adjtime64 "
    "adjtimex syslog iopl ioperm vhangup "
    # Memory and queues that other processes know by name.
    "msgget msgsnd msgrcv msgctl semget semop semctl semtimedop semtimedop_time64 shmget shmat "
    "shmctl mq_open mq_unlink"
)

NOT_THERE = _names("clone3 openat2 io_uring_setup io_uring_enter io_uring_register")
"""These answer ENOSYS, and libraries then use older calls, whose arguments a filter can read."""


def rules(*, driver: bool) -> tuple[Rule, ...]:
    """What is refused to this process, whose id is in the rules.

    A `driver` may also open files for writing (its device; Landlock says which), and hear from the
    kernel of devices that come and go.
    """
    own = (os.getpid(),)
    of_profile: tuple[Rule, ...] = (
        Rule(("socket", "socketpair", "bind")),
        Rule(("open",), errno.EACCES, (Test(1, (0,), WRITING),)),
        Rule(("openat",), errno.EACCES, (Test(2, (0,), WRITING),)),
    )
    if driver:
        uevents = (Test(0, (AF_NETLINK,)), Test(2, (NETLINK_KOBJECT_UEVENT,)))
        of_profile = (Rule(("socket",), unless=uevents),)
    return (
        Rule(NEVER),
        Rule(NOT_THERE, errno.ENOSYS),
        *of_profile,
        Rule(("clone",), unless=(Test(0, (CLONE_THREAD,), CLONE_THREAD | CLONE_NEW),)),
        # abort() and raise() use them.
        Rule(("kill", "tgkill"), unless=(Test(0, own),)),
        Rule(("prlimit64", "sched_setaffinity"), unless=(Test(0, (0, *own)),)),
        # Of the calling thread.
        Rule(("setpriority",), unless=(Test(0, (PRIO_PROCESS,)), Test(1, (0,)))),
        Rule(("prctl",), unless=(Test(0, (PR_SET_PDEATHSIG,), negated=True),)),
        Rule(("sendto",), unless=(Test(4, (0,)), Test(4, (0,), upper=True))),
        Rule(
            ("fcntl", "fcntl64"),
            unless=(Test(1, (F_SETOWN, F_SETSIG, F_SETOWN_EX), negated=True),),
        ),
        Rule(
            ("ioctl",),
            unless=(Test(1, (FIOSETOWN, SIOCSPGRP, TIOCSTI, TIOCLINUX), negated=True),),
        ),
    )
