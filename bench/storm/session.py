"""One storm: start, faults one after the other, calm, end; and what was found.

Owns the order of these. What a fault does is `faults`'s, what is watched meanwhile `observer`'s.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field

import httpx

from bench.storm.clients import Absences, Clients
from bench.storm.faults import Faults
from bench.storm.invariants import (
    Findings,
    Growth,
    Violation,
    growth,
    not_flat,
    unsettled,
    unwell,
)
from bench.storm.observer import Observer
from bench.storm.plan import Fault, draw
from bench.storm.project import DASHBOARD, Project
from trading_dashboard.models.agents import AgentInfo
from trading_dashboard.models.control import AgentsAnswer

LAST_FAULTS = 20
CARE_SECONDS = 3.0
"""How often somebody starts everything again, as a person would."""
SETTLE_SECONDS = 25.0
WELL_SECONDS = 25.0
FEWEST_SAMPLES = 240
"""A minute of one supervisor: before that, memory has not settled and says nothing."""
SETTLES = "after the faults every agent is healthy, stopped or in error with a reason"
WELL = "once mended and started, every agent is healthy"
FLAT = "the supervisor's memory and descriptors are flat"


@dataclass
class Outcome:
    """What one storm showed."""

    planned: list[Fault]
    findings: Findings
    disk: str = ""
    done: Counter[str] = field(default_factory=Counter)
    last: deque[Fault] = field(default_factory=lambda: deque(maxlen=LAST_FAULTS))
    growth: Growth | None = None
    supervisors: int = 0
    processes: int = 0
    seconds: float = 0.0
    failed_at: int | None = None
    kept: str | None = None


class Violated(Exception):
    """An invariant does not hold: no use in going on."""


class Session:
    """Throws the faults of one seed at one project."""

    def __init__(self, seed: int, count: int, project: Project) -> None:
        self._project = project
        self._findings = Findings(self._violated)
        self._is_violated = asyncio.Event()
        self._absences = Absences()
        self._clients = Clients(self._project, self._findings, self._absences)
        self._observer = Observer(self._project, self._findings, self._clients, self._absences)
        self._faults = Faults(
            self._project, self._clients, self._observer, self._absences, self._findings
        )
        self.outcome = Outcome(draw(seed, count, self._project.names), self._findings)
        self.outcome.disk = self._project.disk.kind

    async def run(self, keeps: bool) -> Outcome:
        """Do it all; nothing is left afterwards. `keeps` leaves the folder of a failed run."""
        began = time.monotonic()
        outcome = self.outcome
        try:
            async with self._watched():
                await self._storm()
        except* (Violated, RuntimeError) as group:
            if not self._findings.violations:
                told = [repr(error) for error in group.exceptions]
                self._findings.note("the test itself goes on", told)
        finally:
            is_kept = keeps and bool(self._findings.violations)
            await self._clients.aclose()
            outcome.supervisors = self._project.starts
            outcome.processes = len(self._project.members.seen)
            await asyncio.to_thread(self._project.close, is_kept)
            outcome.kept = str(self._project.root) if is_kept else None
            outcome.seconds = time.monotonic() - began
        return outcome

    def _violated(self, violation: Violation) -> None:  # noqa: ARG002 - read from the findings
        if self.outcome.failed_at is None:
            self.outcome.failed_at = self.outcome.done.total()
        self._absences.begin()  # what comes now is the end, and judged no more
        self._is_violated.set()

    @contextlib.asynccontextmanager
    async def _watched(self) -> AsyncIterator[None]:
        """Watch all the while; the first violation ends everything."""

        async def end_when_violated() -> None:
            await self._is_violated.wait()
            raise Violated

        async with asyncio.TaskGroup() as group:
            watching = [
                group.create_task(work)
                for work in (self._observer.watch(), self._care(), end_when_violated())
            ]
            yield
            for task in watching:
                task.cancel()

    async def _storm(self) -> None:
        await self._faults.lethal.start()
        await self._clients.all("start-all", 10)
        for fault in self.outcome.planned:
            self.outcome.last.append(fault)
            await self._faults.perform(fault)
            self.outcome.done[fault.kind] += 1
            await asyncio.sleep(fault.pause)
        await self._faults.mend()
        await self._calm()
        self._judge_cost()
        await self._faults.lethal.end_kindly("SIGTERM")

    async def _care(self) -> None:
        while True:
            await asyncio.sleep(CARE_SECONDS)
            await self._clients.all("start-all", 0)
            await self._clients.verb(DASHBOARD, "start", 0)

    async def _calm(self) -> None:
        """Wait until all are settled by themselves, then start what is stopped and wait again."""
        wrong = await self._wait_for(unsettled, SETTLE_SECONDS)
        self._findings.note(SETTLES, wrong)
        await self._clients.all("start-all", 20)
        wrong = await self._wait_for(unwell, WELL_SECONDS)
        self._findings.note(WELL, wrong)

    async def _wait_for(
        self, judge: Callable[[Iterable[AgentInfo]], Iterable[str]], seconds: float
    ) -> list[str]:
        until, wrong = time.monotonic() + seconds, ["the supervisor did not answer"]
        while wrong and time.monotonic() < until:
            response = await self._clients.request("GET", "/v1/agents")
            if response is not None and response.status_code == httpx.codes.OK:
                answer = AgentsAnswer.model_validate_json(response.content)
                wrong = list(judge(answer.agents.values()))
            await asyncio.sleep(0.2)
        return wrong

    def _judge_cost(self) -> None:
        """Judge the longest-lived supervisor, after a tenth of its life as a warm-up."""
        longest = max(self._observer.costs.values(), key=len, default=[])
        seen = self.outcome.growth = growth(longest[len(longest) // 10 :])
        if seen is not None and seen.samples >= FEWEST_SAMPLES:
            self._findings.note(FLAT, not_flat(seen), seen.samples)
