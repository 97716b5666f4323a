"""Faults that end the supervisor, and what must be true right afterwards.

A supervisor that is killed leaves nobody alive after the guardian's grace; one that is asked to end
leaves nobody when it is gone; after both supervisor and guardian were killed, the next start does
the cleaning.
"""

from __future__ import annotations

import asyncio
import json
import signal
import time

from bench.storm.clients import Absences, Clients
from bench.storm.invariants import UNWRITTEN_SECONDS, Findings, survivors
from bench.storm.observer import LEFT, Observer
from bench.storm.plan import Fault
from bench.storm.process_table import Identity, is_alive
from bench.storm.project import Project

GRACE_SECONDS = 2.0
"""The guardian's."""
SLACK_SECONDS = 2.0
END_SECONDS = 25.0
SHUTDOWN = "/v1/shutdown"
ENDS_CLEANLY = "a supervisor asked to end does so, with exit code 0"
RESTARTS = "the next start succeeds and cleans up"


class Lethal:
    """Ends supervisors and starts the next ones."""

    def __init__(
        self,
        project: Project,
        clients: Clients,
        observer: Observer,
        absences: Absences,
        findings: Findings,
    ) -> None:
        self._project = project
        self._clients = clients
        self._observer = observer
        self._absences = absences
        self._findings = findings
        self._frozen_guardian: Identity | None = None
        self._thawed = asyncio.Event()
        self.disk_full_since: float | None = None

    def guardian_frozen(self, guardian: Identity) -> None:
        """Take note that this guardian cannot act."""
        self._frozen_guardian = guardian
        self._thawed.clear()

    def guardian_thawed(self) -> None:
        """Take note that it can again."""
        self._frozen_guardian = None
        self._thawed.set()

    async def perform(self, fault: Fault) -> None:
        """End the supervisor, look, and start another."""
        if fault.kind in {"supervisor_terminated", "supervisor_told_to_end"}:
            signals = (signal.SIGTERM.name, signal.SIGINT.name)
            is_asked = fault.kind == "supervisor_told_to_end"
            await self.end_kindly(SHUTDOWN if is_asked else fault.pick(signals))
        else:
            await self.kill(
                with_guardian=fault.kind == "supervisor_and_guardian_killed",
                waits=fault.choice < 0.5,
                forges="lease_forged" in fault.kind,
            )
        await self.start()

    async def start(self) -> None:
        """Start a supervisor; nobody of an older run may be left once it serves."""
        try:
            await self._project.start()
        except RuntimeError as error:
            self._findings.note(RESTARTS, [str(error)])
            raise
        living = await asyncio.to_thread(self._project.members.living)
        older = [m for m in living if m.run in self._observer.ledgers]
        self._findings.note(RESTARTS, survivors(older, None))
        self._absences.end()

    async def end_kindly(self, how: str) -> None:
        """Ask the supervisor to end: over the control API, or with the signal of that name."""
        if how == SHUTDOWN:
            await self._clients.request("POST", "/v1/shutdown")
        self._leave()
        if how != SHUTDOWN:
            self._project.send_supervisor(signal.Signals[how])
        seconds = await self._project.wait_for_end(END_SECONDS)
        process = self._project.process
        code = process.returncode if process is not None else None
        told = f"{how}: exit code {code} after {seconds} s (deadline {END_SECONDS:g} s)"
        self._findings.note(ENDS_CLEANLY, [] if seconds is not None and code == 0 else [told])
        living = await asyncio.to_thread(self._project.members.living)
        self._findings.note(LEFT, survivors(living, None))
        self._observer.judge_histories(self.disk_full_since or float("inf"))

    async def kill(self, *, with_guardian: bool, waits: bool, forges: bool) -> None:
        """Kill the supervisor; if its guardian can act, nobody is left after the grace."""
        self._leave()
        guardian = self._project.guardian()
        killed_at = time.time()
        if with_guardian and guardian is not None:
            self._project.send(guardian, signal.SIGKILL)
        self._project.send_supervisor(signal.SIGKILL)
        await self._project.wait_for_end(END_SECONDS)
        is_guarded = guardian is not None and not with_guardian
        if forges:
            self._forge_lease()
        if is_guarded and waits and guardian is not None:
            await self._wait_for_guardian(guardian)
        unwritten_from = killed_at - UNWRITTEN_SECONDS
        self._observer.judge_histories(min(unwritten_from, self.disk_full_since or unwritten_from))

    async def _wait_for_guardian(self, guardian: Identity) -> None:
        """Nobody may be left when the grace is over, and the guardian goes, too."""
        if self._frozen_guardian == guardian:
            await self._thawed.wait()
        until = time.monotonic() + GRACE_SECONDS + SLACK_SECONDS
        living = await asyncio.to_thread(self._project.members.living)
        while (living or is_alive(guardian)) and time.monotonic() < until:
            await asyncio.sleep(0.05)
            living = await asyncio.to_thread(self._project.members.living)
        left = [*survivors(living, None)]
        if is_alive(guardian):
            left.append(f"the guardian (pid {guardian[0]}) is left")
        self._findings.note(LEFT, left)

    def _leave(self) -> None:
        self._absences.begin()
        self._observer.forget()

    def _forge_lease(self) -> None:
        """Name somebody else's process as the dead supervisor, as if its pid were used again."""
        path = self._project.root / "var" / "run" / "lease.json"
        if path.exists():
            lease = json.loads(path.read_text())
            lease["pid"] = self._project.bystanders.recycled.pid
            path.write_text(json.dumps(lease))
