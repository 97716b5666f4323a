"""Who holds a port: a process of the tree that should, a leftover, or somebody else.

Owns putting together what `ports.py` sees and what is known of our processes. It signals nobody.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor

from trading_dashboard.orchestrator.processes import ports
from trading_dashboard.orchestrator.processes.leftovers import Leftovers
from trading_dashboard.orchestrator.processes.listeners import listens
from trading_dashboard.orchestrator.processes.scanner import Scanner
from trading_dashboard.orchestrator.processes.supervised_tree import SupervisedTree
from trading_dashboard.orchestrator.runtime import PortOwner


class PortOwners:
    """Names the owners of ports."""

    def __init__(self, executor: Executor, scanner: Scanner, leftovers: Leftovers) -> None:
        """Take where to look, who reads the process table, and who knows leftovers."""
        self._executor = executor
        self._scanner = scanner
        self._leftovers = leftovers

    async def owner(self, host: str, port: int) -> PortOwner | None:
        """Return who holds the port, or None if it can be bound."""
        if ports.is_port_free(host, port):
            return None
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, self._find_owner, port)

    async def rival(self, tree: SupervisedTree, host: str, port: int) -> PortOwner | None:
        """Return who listens on the tree's port in its place, None if nobody does for certain."""
        loop, rival = asyncio.get_running_loop(), None
        # Nearly always it is the leader, whose pid is its own until it is reaped.
        if await loop.run_in_executor(self._executor, listens, tree.handle.pid, port):
            return None
        # Twice, because a server may have been forked since the first look at the tree.
        for _ in range(2):
            pids = frozenset(tree.members(await self._scanner.scan()))
            rival = await loop.run_in_executor(self._executor, self._find_rival, pids, host, port)
            if rival is None:
                return None
        return rival

    async def serves(self, tree: SupervisedTree, host: str, port: int) -> bool:
        """Return whether a member of the tree listens on this machine's port, for certain."""
        if not ports.is_local(host):
            return False
        loop = asyncio.get_running_loop()
        if await loop.run_in_executor(self._executor, listens, tree.handle.pid, port):
            return True
        pids = frozenset(tree.members(await self._scanner.scan()))
        return await loop.run_in_executor(self._executor, ports.is_listening, pids, port)

    def _find_rival(self, pids: frozenset[int], host: str, port: int) -> PortOwner | None:
        if ports.is_listening(pids, port) or not ports.is_local(host):
            return None
        owner = self._find_owner(port)
        if owner.pid is None or owner.pid in pids or ports.is_forwarder(owner.pid):
            return None
        return owner

    def _find_owner(self, port: int) -> PortOwner:
        pid = ports.listening_pid(port)
        if pid is None:
            return PortOwner(port=port, pid=None, command=None, is_leftover=False)
        return PortOwner(
            port=port,
            pid=pid,
            command=ports.command_of(pid),
            is_leftover=self._leftovers.marker_of(pid) is not None,
        )
