"""Looking at processes without asking the supervisor: /proc and the puppets' own list.

Owns who is a member of which agent's tree. Shares no code with the product on purpose.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import NamedTuple

Identity = tuple[int, int]
"""A pid and its start in clock ticks since boot."""


class Row(NamedTuple):
    """One process."""

    pid: int
    start: int
    state: str
    parent: int

    @property
    def identity(self) -> Identity:
        """Return what tells it from any other with its pid."""
        return self.pid, self.start

    @property
    def is_alive(self) -> bool:
        """Return False for a zombie."""
        return self.state not in "ZX"


class Member(NamedTuple):
    """A process of an agent's tree."""

    agent: str
    run: str
    generation: int
    identity: Identity
    role: str

    def __str__(self) -> str:
        place = f"{self.agent} generation {self.generation} of run {self.run[:8]}"
        return f"pid {self.identity[0]} ({self.role}, {place})"


def read_row(pid: int) -> Row | None:
    """Return a process, zombies included, or None."""
    try:
        data = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    fields = data.rpartition(b")")[2].split()
    return Row(pid, int(fields[19]), fields[0].decode(), int(fields[1]))


def is_alive(identity: Identity) -> bool:
    """Return whether this very process lives and is no zombie."""
    row = read_row(identity[0])
    return row is not None and row.start == identity[1] and row.is_alive


def read_table() -> list[Row]:
    """Return all processes."""
    rows = (read_row(int(name)) for name in os.listdir("/proc") if name.isdecimal())  # noqa: PTH208 - speed
    return [row for row in rows if row is not None]


def read_command(pid: int) -> str:
    """Return the command line, or nothing."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def read_environment(pid: int) -> dict[str, str]:
    """Return the environment the process was started with; empty if it cannot be read."""
    try:
        entries = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return {}
    pairs = (entry.decode(errors="replace").partition("=") for entry in entries)
    return {name: value for name, _, value in pairs}


class Members:
    """All processes of all agents of one project, from both sources. For any thread."""

    def __init__(self, field: Path, state_directory: Path) -> None:
        self._list = field / "members.log"
        self._state_directory = str(state_directory)
        self._offset = 0
        self._lock = threading.Lock()
        self._asked: set[Identity] = set()
        self._leaders: dict[tuple[str, str, int], Identity] = {}
        self._living: dict[Identity, Member] = {}
        self.seen: set[Identity] = set()

    def living(self) -> list[Member]:
        """Return the members that are alive now, by a fresh look at everything."""
        rows = {row.identity: row for row in read_table() if row.is_alive}
        with self._lock:
            self._read_list()
            for row in rows.values():
                if row.identity not in self._asked:
                    self._ask(row)
            self._asked &= rows.keys()
            self._living = {key: who for key, who in self._living.items() if is_alive(key)}
            return list(self._living.values())

    def living_of(self, agent: str) -> list[Member]:
        """Return the known members of an agent that are alive now; quick."""
        with self._lock:
            self._read_list()
            found = [member for member in self._living.values() if member.agent == agent]
        return [member for member in found if is_alive(member.identity)]

    def leader(self, run: str, agent: str, generation: int) -> Identity | None:
        """Return the leader as it announced itself."""
        return self._leaders.get((run, agent, generation))

    def _read_list(self) -> None:
        if not self._list.exists():
            return
        with self._list.open("rb") as file:
            file.seek(self._offset)
            data = file.read()
        complete = data[: data.rfind(b"\n") + 1]
        self._offset += len(complete)
        for line in complete.decode().splitlines():
            agent, generation, run, pid, start, role = line.split()
            who = Member(agent, run, int(generation), (int(pid), int(start)), role)
            self._add(who)
            if role == "leader":
                self._leaders[run, agent, int(generation)] = who.identity

    def _ask(self, row: Row) -> None:
        environment = read_environment(row.pid)
        if not environment:
            return  # a program is being loaded: ask again
        self._asked.add(row.identity)
        agent = environment.get("TRADING_DASHBOARD_AGENT")
        if agent and environment.get("TRADING_DASHBOARD_STATE_DIRECTORY") == self._state_directory:
            run = environment.get("TRADING_DASHBOARD_RUN_ID", "-")
            generation = int(environment.get("TRADING_DASHBOARD_GENERATION", "0"))
            self._add(Member(agent, run, generation, row.identity, "by its environment"))

    def _add(self, who: Member) -> None:
        if who.identity not in self._living or who.role != "by its environment":
            self._living[who.identity] = who
        self.seen.add(who.identity)
