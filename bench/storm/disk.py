"""A disk that can be filled.

Owns two ways. Where this may be done (as root), `var/` lies on a tmpfs of its own in a mount
namespace of this process, which ends with it whatever happens; full means really full, for
everything the supervisor writes. Elsewhere the agents' log files lead to /dev/full (a real ENOSPC)
and the supervisor may write no file any further (RLIMIT_FSIZE), the history's database included.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
from pathlib import Path

SIZE_MIB = 64
_CLONE_NEWNS = 0x00020000
_MS_PRIVATE_EVERYWHERE = (1 << 14) | (1 << 18)
_MNT_DETACH = 2
_CHUNK = 1 << 16


class Disk:
    """The disk under `var/`."""

    def __init__(self, state_directory: Path, may_mount: bool = True) -> None:
        self._folder = state_directory
        self._folder.mkdir(mode=0o700, exist_ok=True)
        self._ballast = state_directory / "ballast"
        self._limited: tuple[int, tuple[int, int]] | None = None
        self.is_own = may_mount and _mount(state_directory)
        self.is_full = False

    @property
    def kind(self) -> str:
        """Return what a full disk is here."""
        return "tmpfs filled up" if self.is_own else "/dev/full and RLIMIT_FSIZE"

    def fill(self, supervisor: int, agents: list[str]) -> None:
        """Leave no room."""
        self.is_full = True
        if self.is_own:
            self._fill_up()
            return
        with contextlib.suppress(OSError):
            limits = resource.prlimit(supervisor, resource.RLIMIT_FSIZE)
            resource.prlimit(supervisor, resource.RLIMIT_FSIZE, (0, limits[1]))
            self._limited = supervisor, limits
        for name in agents:
            path = self._folder / "log" / f"{name}.log"
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
                path.symlink_to("/dev/full")

    def make_room(self) -> None:
        """Give the room back."""
        self.is_full = False
        self._ballast.unlink(missing_ok=True)
        if self._limited is not None:
            with contextlib.suppress(OSError):
                resource.prlimit(self._limited[0], resource.RLIMIT_FSIZE, self._limited[1])
            self._limited = None
        for path in (self._folder / "log").glob("*.log"):
            if path.is_symlink():
                path.unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of the file system of our own."""
        self.make_room()
        if self.is_own:
            ctypes.CDLL(None).umount2(os.fsencode(self._folder), _MNT_DETACH)
            self.is_own = False

    def _fill_up(self) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        descriptor = os.open(self._ballast, flags, 0o600)
        size = _CHUNK
        try:
            while size:
                try:
                    os.write(descriptor, b"\0" * size)
                except OSError:
                    size //= 16
        finally:
            os.close(descriptor)


def _mount(folder: Path) -> bool:
    """Put a small tmpfs on the folder, seen by this process and its children only."""
    if os.geteuid() != 0:
        return False
    system = ctypes.CDLL(None, use_errno=True)
    if system.unshare(_CLONE_NEWNS) != 0:
        return False
    if system.mount(b"none", b"/", None, _MS_PRIVATE_EVERYWHERE, None) != 0:
        return False
    options = f"size={SIZE_MIB}m,mode=700".encode()
    return bool(system.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", 0, options) == 0)
