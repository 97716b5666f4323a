"""A name in the kernel that one process has at a time, and that nobody can remove.

Owns the claim on a folder by an abstract Unix socket. The system takes it back when its holder
ends, however it ends; unlike a lock on a file it is still there when the folder is deleted.
Containers that share the network but not the files have names of their own.
"""

from __future__ import annotations

import errno
import hashlib
import os
import socket
import struct
import sys
from pathlib import Path

assert sys.platform == "linux"  # noqa: S101 - tells the type checker

PREFIX = "\0trading-dashboard-"
TRIES = 2_000
"""How often a name is tried that somebody has and nobody answers for: some 20 ms."""
QUEUE = 4096
"""How many may ask who has it: nobody answers them, the kernel tells."""


def take_name(folder: Path) -> socket.socket | int | None:
    """Return the claim on a folder, to be closed at its end, or the pid of who has it.

    None if there is no such claim to be had: the system allows none, or a stranger who may not
    enter our folders sits on the name.
    """
    name = _name(folder)
    for _ in range(TRIES):
        try:
            claim = _bind(name)
        except OSError:
            return None
        if claim is not None:
            return claim
        holder = _ask(name)
        if holder is not None:
            pid, user = holder
            is_one_of_us = os.geteuid() in (0, user) or user == 0
            return pid if is_one_of_us else None
        # It is just being taken, or given back; who claims it for good answers in a moment.
        os.sched_yield()
    return None


def _bind(name: str) -> socket.socket | None:
    """Return a socket that has the name, or None if another has it."""
    claim = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        claim.bind(name)
        claim.listen(QUEUE)
    except OSError as error:
        claim.close()
        if error.errno == errno.EADDRINUSE:
            return None
        raise
    return claim


def _name(folder: Path) -> str:
    try:
        files = str(Path("/proc/self/ns/mnt").readlink())
    except OSError:
        files = ""
    digest = hashlib.blake2b(f"{files} {folder.resolve()}".encode(), digest_size=16)
    return PREFIX + digest.hexdigest()


def _ask(name: str) -> tuple[int, int] | None:
    """Return pid and user of who has the name; None if nobody listens there."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        asking.setblocking(False)
        try:
            asking.connect(name)
            found = asking.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        except OSError:
            return None
    pid, user, _ = struct.unpack("3i", found)
    return pid, user
