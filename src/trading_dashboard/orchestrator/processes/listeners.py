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
        with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, _NETLINK_SOCK_DIAG) as kernel:
            kernel.settimeout(1.0)
            found: set[int] = set()
            for family in (socket.AF_INET, socket.AF_INET6):
                kernel.send(_question(family, port))
                while not _read_answers(kernel.recv(65_536), port, found):
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

    def _read_answers(data: bytes, port: int, found: set[int]) -> bool:
        """Add the inodes in one datagram; return whether it was the last one.

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
            if struct.unpack_from("!H", message, 4)[0] == port:
                found.add(struct.unpack_from("=I", message, _INODE_AT)[0])
            data = data[(size + 3) & ~3 :]
        return False

else:

    def listens(pid: int, port: int) -> bool:  # noqa: ARG001 - there is no quick answer here
        """Return False: nobody tells quickly."""
        return False
