"""Linux's process table: /proc, read as cheaply as Python can."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

from trading_dashboard.orchestrator.processes.process_stat import ProcessStat

assert sys.platform == "linux"  # noqa: S101 - tells the type checker

CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
MAX_ENVIRON_BYTES = 4 * 1024 * 1024

_KERNEL_THREAD = 0x00200000  # PF_KTHREAD, include/linux/sched.h
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def read_table() -> Iterator[ProcessStat]:
    """Give the rows of all processes."""
    pids = [int(name) for name in os.listdir("/proc") if name.isdecimal()]  # noqa: PTH208 - speed
    return (process for pid in pids if (process := read_stat(pid)) is not None)


def read_stat(pid: int) -> ProcessStat | None:
    """Return the process's row, or None if there is no such process (or it is the kernel's)."""
    data = _read(f"/proc/{pid}/stat", 2048)
    if not data:
        return None
    # The name stands in parentheses and may itself hold spaces and parentheses.
    fields = data[data.rindex(b")") + 2 :].split()
    if int(fields[6]) & _KERNEL_THREAD:
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
    )


def read_environ(pid: int) -> bytes | None:
    """Return the environment the process was started with, or None if it cannot be read."""
    return _read(f"/proc/{pid}/environ", MAX_ENVIRON_BYTES)


def _read(path: str, limit: int) -> bytes | None:
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return None
    try:
        data = os.read(descriptor, min(limit, 16_384))
        while len(data) < limit and (more := os.read(descriptor, 65_536)):
            data += more
        return data
    except OSError:
        return None
    finally:
        os.close(descriptor)
