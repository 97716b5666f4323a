"""Linux: pidfds, /proc, and what all POSIX systems have."""

from __future__ import annotations

import sys
from pathlib import Path

from trading_dashboard.orchestrator.processes.platforms import linux_table
from trading_dashboard.orchestrator.processes.platforms.seam import Closeable, Platform, Tags

if sys.platform == "linux":
    from trading_dashboard.orchestrator.processes.leader import ExitWatch, LeaderProcess
    from trading_dashboard.orchestrator.processes.platforms.linux_names import take_name
    from trading_dashboard.orchestrator.processes.platforms.linux_tags import LinuxTags
    from trading_dashboard.orchestrator.processes.platforms.posix import PosixPlatform
    from trading_dashboard.orchestrator.processes.process_reference import open_reference

assert sys.platform == "linux"  # noqa: S101 - tells the type checker


class LinuxPlatform(PosixPlatform):
    """The system this project is run on."""

    name = "Linux"
    notice: str | None = None
    clock_ticks = linux_table.CLOCK_TICKS
    read_table = staticmethod(linux_table.read_table)
    read_stat = staticmethod(linux_table.read_stat)
    read_environ = staticmethod(linux_table.read_environ)
    hold = staticmethod(open_reference)
    tags: Tags = LinuxTags()

    def take_name(self, folder: Path) -> Closeable | int | None:
        """Bind an abstract socket."""
        return take_name(folder)

    def boot_id(self) -> str:
        """Return the kernel's own; empty where /proc does not have it."""
        try:
            return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        except OSError:
            return ""


def open_platform() -> Platform:
    """Return this platform."""
    return LinuxPlatform(LeaderProcess, ExitWatch)
