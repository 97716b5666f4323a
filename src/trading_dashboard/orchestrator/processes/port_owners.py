"""Who holds a port, and whether that is somebody else than who should."""

from __future__ import annotations

from collections.abc import Callable

from trading_dashboard.orchestrator.processes import ports
from trading_dashboard.orchestrator.runtime import PortOwner


def find_owner(port: int, is_leftover: Callable[[int], bool]) -> PortOwner:
    """Return who holds a port, as far as the system tells."""
    pid = ports.listening_pid(port)
    if pid is None:
        return PortOwner(port=port, pid=None, command=None, is_leftover=False)
    return PortOwner(
        port=port, pid=pid, command=ports.command_of(pid), is_leftover=is_leftover(pid)
    )


def find_rival(
    pids: frozenset[int], host: str, port: int, is_leftover: Callable[[int], bool]
) -> PortOwner | None:
    """Return who listens on a port in place of these processes; None if nobody does for certain."""
    if ports.is_listening(pids, port) or not ports.is_local(host):
        return None
    owner = find_owner(port, is_leftover)
    if owner.pid is None or owner.pid in pids or ports.is_forwarder(owner.pid):
        return None
    return owner
