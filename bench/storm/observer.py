"""The independent observer: /proc, the puppets' own words, the event stream, the history's file.

Owns gathering the facts, all the time and beside the faults. What is wrong about them is said by
`invariants`.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections.abc import Iterable
from pathlib import Path

from bench.storm.clients import Absences, Clients
from bench.storm.invariants import (
    ENDED,
    Cost,
    EventLedger,
    FalseRunning,
    Findings,
    Row,
    disturbed,
    false_end,
    one_generation,
    survivors,
)
from bench.storm.process_table import Member, is_alive, read_row
from bench.storm.project import DASHBOARD, Project
from trading_dashboard.clients.control import ControlClient
from trading_dashboard.models.agents import AgentInfo
from trading_dashboard.models.control import SnapshotMessage, UpdateMessage
from trading_dashboard.models.errors import TradingDashboardError
from trading_dashboard.models.events import Event
from trading_dashboard.models.states import AgentStatus, Management

LOOK_SECONDS = 0.05
ASK_SECONDS = 0.5
SAMPLE_SECONDS = 0.25

GENERATIONS = "never two live generations of an agent"
RUNNING = "never a false running"
ENDS = "never a false stopped"
PIDS = "the pid of a running agent is its newest generation's leader"
LEFT = "no survivor of an ended or killed supervisor"
STREAM = "the stream's numbers have no gap"
HISTORY = "the history holds what the stream gave"
BYSTANDERS = "nobody else's process is signalled"


class Observer:
    """Watches one project until cancelled."""

    def __init__(
        self, project: Project, findings: Findings, clients: Clients, absences: Absences
    ) -> None:
        self._project = project
        self._findings = findings
        self._clients = clients
        self._absences = absences
        self._twins = 0
        self._false_running = FalseRunning()
        self._seen_absences = 0
        self._gone: tuple[str, str] | None = None
        self._told_signals: dict[str, int] = {}
        self._judged: set[str] = set()
        self.ledgers: dict[str, EventLedger] = {}
        self.run: str | None = None
        """The run the newest snapshot was of."""
        self.claims: dict[str, AgentInfo] = {}
        """What the stream said last."""
        self.costs: dict[int, list[Cost]] = {}
        """By the supervisor's pid."""

    async def watch(self) -> None:
        """Do everything, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for work in (self._look, self._listen, self._ask, self._sample):
                group.create_task(work(), name=work.__name__)

    def forget(self) -> None:
        """Drop what the supervisor said: it is about to go."""
        self._gone = self._project.control
        self.run = None
        self.claims = {}

    # Processes.

    async def _look(self) -> None:
        while True:
            run, claims = self.run, dict(self.claims)
            living = await asyncio.to_thread(self._project.members.living)
            self._judge_processes(living, run, claims)
            await self._judge_running()
            self._judge_bystanders()
            await asyncio.sleep(LOOK_SECONDS)

    def _judge_processes(
        self, living: list[Member], run: str | None, claims: dict[str, AgentInfo]
    ) -> None:
        wrong = list(one_generation(living, lambda member: is_alive(member.identity)))
        self._findings.note(GENERATIONS, [*wrong, *self._new_twins()])
        for info in claims.values():
            if run is not None and info.status in ENDED:
                self._findings.note(ENDS, false_end(info, run, living))
        if run is not None and run == self.run and not self._absences.is_away:
            self._findings.note(LEFT, survivors(living, run))

    def _new_twins(self) -> list[str]:
        """Return what the agents themselves noticed since the last look."""
        path = self._project.field / "twins.log"
        lines = path.read_text().splitlines() if path.exists() else []
        fresh, self._twins = lines[self._twins :], len(lines)
        return fresh

    async def _judge_running(self) -> None:
        """Look for agents called running whose process is gone; ask before complaining."""
        if self._absences.is_away or self._seen_absences != self._absences.count:
            self._seen_absences = self._absences.count
            self._false_running.forgive()
            return
        running = {i.name: i.pid for i in self.claims.values() if i.status is AgentStatus.RUNNING}
        suspects = self._false_running.suspects(time.monotonic(), running, _lives)
        self._findings.note(RUNNING, [], len(running))
        for name in suspects:
            pid = running[name]
            response = await self._clients.request("GET", f"/v1/agents/{name}")
            if response is None or response.status_code != 200 or pid is None:
                continue
            info = AgentInfo.model_validate_json(response.content)
            if info.status is AgentStatus.RUNNING and info.pid == pid and not _lives(pid):
                told = [f"{name} is called running with pid {pid}, which is gone"]
                self._findings.note(RUNNING, told)

    def _judge_bystanders(self) -> None:
        for bystander in self._project.bystanders.all:
            known = self._told_signals.get(bystander.name, 0)
            fresh = bystander.signals[known:]
            self._told_signals[bystander.name] = known + len(fresh)
            self._findings.note(BYSTANDERS, disturbed(bystander.name, bystander.state, fresh))

    # Events.

    async def _listen(self) -> None:
        while True:
            control = self._project.control
            if control is not None:
                try:
                    await self._read_stream(*control)
                except TradingDashboardError:
                    self.claims = {}  # it is away; the next snapshot says more
            await asyncio.sleep(0.02)

    async def _read_stream(self, url: str, token: str) -> None:
        run = ""
        async with ControlClient(url, token) as client, client.stream() as stream:
            async for message in stream:
                if isinstance(message, SnapshotMessage):
                    run = message.supervisor.run_id
                    if self._gone != (url, token):
                        self.run, self.claims = run, dict(message.agents)
                    ledger = self.ledgers.setdefault(run, EventLedger())
                    ledger.begin(message.seq, [row_of(event) for event in message.events])
                elif isinstance(message, UpdateMessage):
                    self._take(message, run)

    def _take(self, message: UpdateMessage, run: str) -> None:
        self._findings.note(STREAM, self.ledgers[run].add(row_of(message.event)))
        info = message.agent
        if info is None or run != self.run:
            return
        self.claims[info.name] = info
        if info.status in ENDED:
            living = self._project.members.living_of(info.name)
            self._findings.note(ENDS, false_end(info, run, living))
        elif info.status is AgentStatus.RUNNING and info.name != DASHBOARD:
            self._judge_pid(info, run)

    def _judge_pid(self, info: AgentInfo, run: str) -> None:
        if info.management is Management.EXTERNAL:
            is_right = info.pid == self._project.bystanders.thief.pid
        else:
            leader = self._project.members.leader(run, info.name, info.generation)
            is_right = leader is None or leader[0] == info.pid
        told = f"{info.name} generation {info.generation} has pid {info.pid} ({info.management})"
        self._findings.note(PIDS, [] if is_right else [told])

    def judge_histories(self, unwritten_from: float) -> None:
        """Compare the events of each ended run, once, with what its history kept."""
        for run in self.ledgers.keys() - self._judged:
            ledger = self.ledgers[run]
            kept = read_history(self._project.root / "var/data/supervisor/history.db", run)
            self._findings.note(HISTORY, ledger.compare(kept, unwritten_from), len(ledger.told))
            ledger.told.clear()
            self._judged.add(run)

    # Requests and cost.

    async def _ask(self) -> None:
        while True:
            for path in ("/v1/status", "/metrics", "/v1/events?limit=20", "/v1/agents/a0/logs"):
                await self._clients.request("GET", path)
                await asyncio.sleep(ASK_SECONDS)

    async def _sample(self) -> None:
        while True:
            pid = self._project.pid
            cost = read_cost(pid) if pid and not self._absences.is_away else None
            if cost is not None:
                self.costs.setdefault(pid, []).append(cost)
            await asyncio.sleep(SAMPLE_SECONDS)


def _lives(pid: int) -> bool:
    row = read_row(pid)
    return row is not None and row.is_alive


def row_of(event: Event) -> Row:
    """Return an event of the stream as it is compared."""
    data = json.loads(json.dumps(event.data, default=str))
    return Row(event.seq, event.kind.value, event.agent, data, event.time.timestamp())


def read_history(path: Path, run: str) -> list[Row]:
    """Return what the history keeps of a run, in the order in which it was written."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        found: Iterable[tuple[int, str, str | None, str, int]] = connection.execute(
            "SELECT seq, kind, agent, data, time FROM events WHERE run = "
            "(SELECT id FROM runs WHERE run_id = ?) ORDER BY events.id",
            (run,),
        )
        return [
            Row(seq, kind, who, json.loads(data), at / 1e6) for seq, kind, who, data, at in found
        ]
    finally:
        connection.close()


def read_cost(pid: int) -> Cost | None:
    """Return what a process holds now."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        descriptors = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    except OSError:
        return None
    return Cost(time.monotonic(), pages * 4096, descriptors)
