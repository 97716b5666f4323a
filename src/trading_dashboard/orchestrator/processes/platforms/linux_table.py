"""Linux's process table: /proc, read as cheaply as Python can."""

from __future__ import annotations

import os
import sys

from trading_dashboard.orchestrator.processes.platforms.whole_table import read_whole
from trading_dashboard.orchestrator.processes.process_stat import ProcessStat, TableReading

if sys.platform == "linux":
    import resource

assert sys.platform == "linux"  # noqa: S101 - tells the type checker

CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
MAX_ENVIRON_BYTES = 4 * 1024 * 1024
ROW_BYTES = 2048
LOCKS_LIMIT = 10
"""RLIMIT_LOCKS of include/uapi/asm-generic/resource.h; what stands in it: `linux_tags.py`."""

_KERNEL_THREAD = 0x00200000  # PF_KTHREAD, include/linux/sched.h
_ENVIRONMENT_END = 48
"""Field 51 of /proc/PID/stat; see proc_pid_stat(5)."""
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def list_pids() -> list[int]:
    """Return all pids."""
    return [int(name) for name in os.listdir("/proc") if name.isdecimal()]  # noqa: PTH208 - speed


def last_pid() -> int:
    """Return the pid that was given out last, here where our pids are from."""
    return int((_read("/proc/loadavg", ROW_BYTES) or b"0").split()[-1])


def read_table() -> TableReading:
    """Return the rows of all processes."""
    return read_whole(list_pids, read_stat, last_pid)


def read_stat(pid: int) -> ProcessStat | None:
    """Return the process's row, or None if there is no such process (or it is the kernel's)."""
    data = _read(f"/proc/{pid}/stat", ROW_BYTES)
    if not data:
        return None
    # The name stands in parentheses and may itself hold spaces and parentheses.
    fields = data[data.rindex(b")") + 2 :].split(None, 22)
    if int(fields[6]) & _KERNEL_THREAD:
        return None
    try:
        tag = _tag_of(pid)
    except ProcessLookupError:
        # Ended and reaped since its line was read. Half a row would be worse than none: alive, but
        # nobody's, it would hide that whoever it left behind has yet to be looked for.
        return None
    return ProcessStat(
        pid=pid,
        start_ticks=int(fields[19]),
        state=fields[0].decode(),
        parent=int(fields[1]),
        group=int(fields[2]),
        session=int(fields[3]),
        cpu_ticks=int(fields[11]) + int(fields[12]),
        resident_bytes=int(fields[21]) * _PAGE_BYTES,
        tag=tag,
        threads=int(fields[17]),
    )


def read_tag(pid: int) -> int | None:
    """Return the limit that carries the tag, or None if there is none to be read."""
    try:
        return _tag_of(pid)
    except ProcessLookupError:
        return None


def _tag_of(pid: int) -> int | None:
    """As `read_tag`, but raise ProcessLookupError if there is no such process."""
    try:
        tag = resource.prlimit(pid, LOCKS_LIMIT)[0]
    except ProcessLookupError:
        raise
    except OSError:  # another user's
        return None
    return None if tag == resource.RLIM_INFINITY else tag


def read_environ(pid: int) -> bytes | None:
    """Return the environment the process was started with; None if it cannot be read, or has none.

    Empty: its program is still being loaded.
    """
    data = _read(f"/proc/{pid}/environ", MAX_ENVIRON_BYTES)
    return _nothing_yet(pid) if data == b"" else data


def _nothing_yet(pid: int) -> bytes | None:
    """Return nothing if there will be an environment, else None.

    One that is empty for good has a place in memory, which is known once the program is loaded.
    Strangers without one would otherwise be waited for, again and again.
    """
    data = _read(f"/proc/{pid}/stat", ROW_BYTES)
    if not data:
        return None
    fields = data[data.rindex(b")") + 2 :].split()
    return b"" if int(fields[_ENVIRONMENT_END]) == 0 else None


def _read(path: str, limit: int) -> bytes | None:
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return None
    try:
        data = os.read(descriptor, min(limit, 16_384))
        # A row of the table is one short line; it comes whole.
        while ROW_BYTES < limit > len(data) and (more := os.read(descriptor, 65_536)):
            data += more
        return data
    except OSError:
        return None
    finally:
        os.close(descriptor)
