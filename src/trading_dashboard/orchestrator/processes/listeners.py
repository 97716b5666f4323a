"""Does this very process listen on that port? The quick answer, for the common case.

Owns asking the kernel for the listeners of one port. The lists in /proc/net name every connection
of the machine and take tens of milliseconds to read; a hundred agents that start together would
read them a hundred times. A "no" from here is not certain: whoever needs that reads the lists.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
import time
from collections.abc import Iterable

MAX_AGE_SECONDS = 0.5

if sys.platform == "linux":
    _NETLINK_SOCK_DIAG = 4
    _SOCK_DIAG_BY_FAMILY = 20
    _NLMSG_DONE, _NLMSG_ERROR = 3, 2
    _REQUEST_DUMP = 0x301
    _LISTENING = 1 << 10
    _HEADER = struct.Struct("=IHHII")
    _REQUEST = struct.Struct("=BBBBI2s2s16s16sI8s")  # inet_diag_req_v2, linux/inet_diag.h
    _INODE_AT = 68
    """Where inet_diag_msg holds the inode."""

    def listens(pid: int, port: int) -> bool:
        """Return True if the process listens on the port; False if it does not, or nobody tells."""
        try:
            inodes = _listening_inodes(port)
            wanted = {f"socket:[{inode}]" for inode in inodes}
            return bool(wanted) and any(target in wanted for target in _targets(pid))
        except OSError:
            return False

    def listening_inodes() -> dict[int, frozenset[int]] | None:
        """Return what listens on this machine, by port; None if the system does not tell."""
        try:
            with _kernel() as kernel:
                return _by_port(_ask(kernel, 0))
        except OSError:
            return None

    def _by_port(pairs: Iterable[tuple[int, int]]) -> dict[int, frozenset[int]]:
        found: dict[int, set[int]] = {}
        for port, inode in pairs:
            found.setdefault(port, set()).add(inode)
        return {port: frozenset(inodes) for port, inodes in found.items()}

    def _targets(pid: int) -> list[str]:
        """Return what the process's descriptors stand for."""
        folder, found = f"/proc/{pid}/fd", []
        for name in os.listdir(folder):  # noqa: PTH208 - speed
            try:
                found.append(os.readlink(f"{folder}/{name}"))  # noqa: PTH115 - speed
            except FileNotFoundError:  # closed meanwhile
                continue
        return found

    def _listening_inodes(port: int) -> set[int]:
        with _kernel() as kernel:
            return {inode for found, inode in _ask(kernel, port) if found == port}

    def _kernel() -> socket.socket:
        kernel = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, _NETLINK_SOCK_DIAG)
        kernel.settimeout(1.0)
        return kernel

    def _ask(kernel: socket.socket, port: int) -> list[tuple[int, int]]:
        """Return ports and inodes of the listeners on a port, of all if it is 0."""
        found: list[tuple[int, int]] = []
        for family in (socket.AF_INET, socket.AF_INET6):
            kernel.send(_question(family, port))
            while not _read_answers(kernel.recv(65_536), found):
                pass
        return found

    def _question(family: int, port: int) -> bytes:
        source, nothing = struct.pack("!H", port), bytes(16)
        asked = _REQUEST.pack(
            *(family, socket.IPPROTO_TCP, 0, 0, _LISTENING),
            *(source, bytes(2), nothing, nothing, 0, b"\xff" * 8),
        )
        size = _HEADER.size + len(asked)
        return _HEADER.pack(size, _SOCK_DIAG_BY_FAMILY, _REQUEST_DUMP, 1, 0) + asked

    def _read_answers(data: bytes, found: list[tuple[int, int]]) -> bool:
        """Add the listeners in one datagram; return whether it was the last one.

        Raises:
            OSError: The kernel refuses.
        """
        while len(data) >= _HEADER.size:
            size, kind, *_ = _HEADER.unpack_from(data)
            if kind == _NLMSG_ERROR:
                raise OSError("the kernel does not tell who listens")
            if kind == _NLMSG_DONE or size < _HEADER.size:
                return True
            message = data[_HEADER.size : size]
            port = struct.unpack_from("!H", message, 4)[0]
            found.append((port, struct.unpack_from("=I", message, _INODE_AT)[0]))
            data = data[(size + 3) & ~3 :]
        return False

else:

    def listens(pid: int, port: int) -> bool:  # noqa: ARG001 - there is no quick answer here
        """Return False: nobody tells quickly."""
        return False

    def listening_inodes() -> dict[int, frozenset[int]] | None:
        """Return None: nobody tells quickly."""
        return None


class Listeners:
    """Who listens where, asked at most twice a second however many agents there are."""

    def __init__(self) -> None:
        self._table: dict[int, frozenset[int]] | None = None
        self._read_at = float("-inf")

    def on(self, port: int) -> frozenset[int] | None:
        """Return numbers that stand for who listens on the port; None if nobody tells."""
        now = time.monotonic()
        if now - self._read_at > MAX_AGE_SECONDS:
            self._table, self._read_at = listening_inodes(), now
        return None if self._table is None else self._table.get(port, frozenset())
