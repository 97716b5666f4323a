"""Is a port free, and if not, whose is it?

Owns the bind test and naming the owner. The test binds as servers do (SO_REUSEADDR), so that
connections in TIME_WAIT do not count and listeners do.
"""

from __future__ import annotations

import errno
import socket

import psutil

LOOPBACK_NAMES = {"localhost": ("127.0.0.1", "::1"), "": ("0.0.0.0", "::")}  # noqa: S104


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


def command_of(pid: int) -> str | None:
    """Return the command line of a process, or its name, or None."""
    try:
        process = psutil.Process(pid)
        return " ".join(process.cmdline()) or process.name()
    except psutil.Error:
        return None


def _can_bind(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            probe.bind((host, port))
    except OSError as error:
        # Any other reason (no IPv6, not an address of this machine, a privileged port) is not
        # somebody holding the port.
        return error.errno != errno.EADDRINUSE
    return True
