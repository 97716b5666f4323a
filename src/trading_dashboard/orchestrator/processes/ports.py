"""Is a port free, and if not, whose is it?

Owns the bind test, naming the owner, and whether given processes listen there. The test binds as
servers do (SO_REUSEADDR), so that connections in TIME_WAIT do not count and listeners do.
"""

from __future__ import annotations

import errno
import socket
import sys
from collections.abc import Iterable

import psutil

LOOPBACK_NAMES = {"localhost": ("127.0.0.1", "::1"), "": ("0.0.0.0", "::")}  # noqa: S104

FORWARDERS = frozenset({"docker-proxy"})
"""Programs that listen for others, outside of the tree of whoever asked them to."""


def is_port_free(host: str, port: int) -> bool:
    """Return whether a server could listen there; `localhost` means IPv4 and IPv6."""
    hosts = LOOPBACK_NAMES.get(host, (host.strip("[]"),))
    return all(_can_bind(name, port) for name in hosts)


def listening_pid(port: int) -> int | None:
    """Return who listens on the port, or None if the system does not tell."""
    try:
        connections = psutil.net_connections(kind="tcp")
    except (psutil.Error, OSError):
        return None
    mine = [entry for entry in connections if entry.laddr and entry.laddr.port == port]
    listening = [entry for entry in mine if entry.status == psutil.CONN_LISTEN]
    for entry in listening or [entry for entry in mine if not entry.raddr]:
        if entry.pid:
            return int(entry.pid)
    return None


def is_listening(pids: Iterable[int], port: int) -> bool:
    """Return whether one of these processes listens on the port, or will not tell."""
    for pid in pids:
        try:
            connections = psutil.Process(pid).net_connections(kind="tcp")
        except psutil.NoSuchProcess:
            continue
        except (psutil.Error, OSError):
            return True
        if any(c.status == psutil.CONN_LISTEN and c.laddr.port == port for c in connections):
            return True
    return False


def is_local(host: str) -> bool:
    """Return whether the host is this machine."""
    hosts = LOOPBACK_NAMES.get(host, (host.strip("[]"),))
    return any(_bind(name, 0) is None for name in hosts)


def is_forwarder(pid: int) -> bool:
    """Return whether the process only passes on what comes in."""
    try:
        return psutil.Process(pid).name() in FORWARDERS
    except psutil.Error:
        return False


def command_of(pid: int) -> str | None:
    """Return the command line of a process, or its name, or None."""
    try:
        process = psutil.Process(pid)
        return " ".join(process.cmdline()) or process.name()
    except psutil.Error:
        return None


def _can_bind(host: str, port: int) -> bool:
    # Any other reason (no IPv6, not an address of this machine, a privileged port) is not
    # somebody holding the port.
    return _bind(host, port) != errno.EADDRINUSE


def _bind(host: str, port: int) -> int | None:
    """Return why it cannot be bound, or None if it can."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            if sys.platform == "win32":  # there SO_REUSEADDR lets two servers have one port
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
            else:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            probe.bind((host, port))
    except OSError as error:
        return error.errno or errno.EINVAL
    return None
