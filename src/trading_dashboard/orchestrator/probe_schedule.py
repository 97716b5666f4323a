"""When one agent is asked how it is, and what came of it.

Owns the asking tasks, one for each plan, and the records. It posts what it finds; judging is
`health_rule`'s. What one plan asks never overlaps: the next question waits for the answer, or the
deadline, of the last.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from dataclasses import replace

from trading_dashboard.config.commands import resolve
from trading_dashboard.config.settings import AgentSettings
from trading_dashboard.models.agents import ProbeInfo, ProbeRole
from trading_dashboard.models.states import Health
from trading_dashboard.orchestrator.messages import Message, ProbeFinished
from trading_dashboard.orchestrator.output.redaction import Redactor
from trading_dashboard.orchestrator.probe_kinds import (
    ask_by_command,
    ask_for_connection,
    ask_page,
    look_in_log,
)
from trading_dashboard.orchestrator.probe_plans import ProbePlan, plans_for, readiness_of
from trading_dashboard.orchestrator.probe_records import ProbeRecord, ProbeRecords
from trading_dashboard.orchestrator.probes import ProbeOutcome
from trading_dashboard.orchestrator.runtime import CommandEnd, LogWatch
from trading_dashboard.orchestrator.surroundings import Surroundings

GRAINS = 20
"""Moments within an interval at which agents are asked."""

_log = logging.getLogger("trading_dashboard.supervisor")


class ProbeSchedule:
    """Asks one agent: what decides about its start until told that it runs, then the rest."""

    def __init__(
        self,
        settings: Callable[[], AgentSettings],
        around: Surroundings,
        post: Callable[[Message], None],
    ) -> None:
        """Take who returns the settings; they are read anew for each process."""
        self.plans: Sequence[ProbePlan] = ()
        self.records = ProbeRecords(())
        self._settings = settings
        self._around = around
        self._post = post
        self._generation = 0
        self._tasks: dict[ProbePlan, asyncio.Task[None]] = {}
        self._dropped: list[asyncio.Task[None]] = []
        self._watches: dict[ProbePlan, LogWatch] = {}
        self._redactor = Redactor()
        self._is_external = False
        self._is_starting = True

    def prepare(self, *, is_external: bool = False) -> None:
        """Read the settings, and look at the log from now on.

        Args:
            is_external: Someone else runs the process: it has no log here, and no environment.
        """
        self._close_watches()
        self._is_external = is_external
        self._redactor = Redactor.knowing(self._settings().env, self._settings().settings)
        self.plans = self._wanted()
        self.records = ProbeRecords(self.plans)
        self._watch_log()

    def begin(self, generation: int) -> None:
        """Ask from now on whether that generation has come up. After `prepare`."""
        self._generation, self._is_starting = generation, True
        self._ask(next(plan for plan in self.plans if ProbeRole.STARTUP in plan.roles))

    def watch(self, generation: int, outcome: ProbeOutcome) -> None:
        """Ask a process that runs already and answered so. After `prepare`."""
        self._generation = generation
        self.slow_down(readiness_of(self.plans), outcome)

    def slow_down(self, probe: ProbePlan, outcome: ProbeOutcome) -> None:
        """The start is over, by that outcome: ask everything else, each at its interval."""
        self._is_starting = False
        for record in self.records.of(probe):
            record.accept(outcome)
        for plan in self.plans:
            if plan.roles == (ProbeRole.STARTUP,):
                task = self._tasks.get(plan)
                if task is not None:
                    task.cancel()
            elif plan not in self._tasks:
                # Whether it can serve is not known yet; that it lives was just seen.
                self._ask(plan, is_late=ProbeRole.READINESS not in plan.roles or plan is probe)

    def adopt(self) -> None:
        """Ask by the settings as they are now; what was found by the same question stays."""
        wanted = self._wanted()
        if not self.is_asking or wanted == self.plans:
            return
        same = {plan: plan for plan in self.plans}
        self.plans = [same.get(plan, plan) for plan in wanted]
        self.records = ProbeRecords(self.plans, self.records)
        for plan in self._tasks.keys() - set(self.plans):
            task = self._tasks.pop(plan)
            task.cancel()
            self._dropped.append(task)
        self._watch_log()
        for plan in self.plans:
            is_due = (ProbeRole.STARTUP in plan.roles) or not self._is_starting
            is_over = plan.roles == (ProbeRole.STARTUP,) and not self._is_starting
            if plan not in self._tasks and is_due and not is_over:
                # A command that was cut short may still be on its way out.
                self._ask(plan, is_late=plan.kind == "command")

    async def end(self) -> None:
        """Stop asking; what is under way is dropped."""
        self._close_watches()
        tasks = [*self._tasks.values(), *self._dropped]
        self._tasks, self._dropped = {}, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def count(self, probe: ProbePlan, outcome: ProbeOutcome) -> list[ProbeRecord]:
        """Add an outcome to the rows; return the records whose verdict changed."""
        changed: list[ProbeRecord] = []
        for record in self.records.of(probe):
            if (record.role is ProbeRole.STARTUP) is not self._is_starting:
                continue  # the start is decided once, and nothing else meanwhile
            if record.count(outcome):
                changed.append(record)
        return changed

    @property
    def is_asking(self) -> bool:
        """Return whether there is somebody to ask."""
        return bool(self._tasks)

    def infos(self) -> tuple[ProbeInfo, ...]:
        """Return what was found, for others to see."""
        return self.records.infos()

    def _ask(self, plan: ProbePlan, *, is_late: bool = False) -> None:
        name = f"probe {self._settings().name} {'+'.join(plan.roles)}"
        self._tasks[plan] = asyncio.create_task(self._ask_for_ever(plan, is_late), name=name)

    async def _ask_for_ever(self, plan: ProbePlan, is_late: bool) -> None:
        if is_late:
            await asyncio.sleep(self._delay(plan))
        while True:
            outcome = (await self._ask_once(plan)).for_others(self._redactor)
            self._post(ProbeFinished(generation=self._generation, probe=plan, outcome=outcome))
            if self._is_starting:
                # A turn of the loop, so that `slow_down` is called where this outcome did it.
                await asyncio.sleep(0)
            await asyncio.sleep(self._delay(plan))

    async def _ask_once(self, plan: ProbePlan) -> ProbeOutcome:
        try:
            if plan.kind == "http":
                return await ask_page(self._around.prober, plan)
            if plan.kind == "tcp":
                return await ask_for_connection(plan)
            if plan.kind == "command":
                return await ask_by_command(self._run, plan)
            return look_in_log(self._watches[plan], plan)
        except Exception as error:  # noqa: BLE001 - unasked, an agent would look healthy for ever
            _log.exception("asking %s for its health failed", self._settings().name)
            return ProbeOutcome(
                answered=False,
                ok=False,
                health=Health.UNHEALTHY,
                message=f"it could not be asked: {type(error).__name__}: {error}",
                latency_seconds=0.0,
            )

    async def _run(self, plan: ProbePlan) -> CommandEnd:
        command = resolve(self._settings(), plan.command, self._around.interpreter)
        launch = self._around.launch(self._settings(), self._generation)
        errand = f"{plan.roles[-1]} probe"
        return await self._around.runtime.run_command(
            replace(launch, command=command), errand, plan.timeout_seconds
        )

    def _delay(self, plan: ProbePlan) -> float:
        if self._is_starting:
            return plan.startup_interval_seconds
        # The phase wanders, so that a hundred agents are not asked in the same instant; those due
        # within a twentieth of their interval are asked together, which spares the machine wakes.
        grain = plan.interval_seconds / GRAINS
        now = asyncio.get_running_loop().time()
        due = now + plan.interval_seconds * random.uniform(0.9, 1.1)
        return round(due / grain) * grain - now

    def _wanted(self) -> list[ProbePlan]:
        plans = plans_for(self._settings())
        return [p for p in plans if p.is_asked_on_network or not self._is_external]

    def _watch_log(self) -> None:
        """Look for each plan's line, and for no others. A line from before is not found."""
        for plan in self._watches.keys() - set(self.plans):
            self._watches.pop(plan).close()
        name, runtime = self._settings().name, self._around.runtime
        for plan in self.plans:
            if plan.kind == "log" and plan not in self._watches:
                self._watches[plan] = runtime.watch_log(name, plan.pattern)

    def _close_watches(self) -> None:
        watches, self._watches = self._watches, {}
        for watch in watches.values():
            watch.close()
