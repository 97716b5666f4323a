"""What each fault does. Each is named in `plan`, returns soon and is mended by itself later."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

from bench.storm.clients import Absences, Clients
from bench.storm.invariants import UNWRITTEN_SECONDS, Findings
from bench.storm.lethal import Lethal
from bench.storm.observer import Observer
from bench.storm.plan import Fault
from bench.storm.process_table import Identity, Member
from bench.storm.project import DASHBOARD, Project

MOST_UNDER_WAY = 24
"""Requests that clients have open at the same time; more are not sent."""
LIES = (
    *("garbage", "endless", "huge", "redirect", "closes", "away"),
    *("unhealthy", "degraded", "half_json", "wrong_types", "drip"),
)
LIVES = ("family", "family", "stubborn", "crash", "mute", "leaver", "forker", "chatty")
VERBS = ("start", "stop", "restart")
BROKEN = (
    "agents: [",
    "agents: {}\nunknown_section: 1\n",
    '{"agents": {"a0": {"url": "http://127.0.0.1:70000"}}}',
    "\x00\x01",
)
"""Not an empty file: that is a valid one."""
BAD_REQUESTS: tuple[tuple[str, str, Any], ...] = (
    ("GET", "/v1/agents/nobody", None),
    ("POST", "/v1/agents/a0/start", {"wait_seconds": -1}),
    ("POST", "/v1/agents/a0/stop", {"unknown": True}),
    ("POST", "/v1/agents/..%2F..%2Fetc/stop", {}),
    ("GET", "/v1/agents/a0/logs?lines=-5", None),
    ("GET", "/v1/events?kind=nonsense&limit=0", None),
    ("DELETE", "/v1/status", None),
    ("POST", "/v1/start-all", ["not", "an", "object"]),
    ("GET", "/v1/nowhere", None),
)
UNTOUCHED = "a broken configuration file changes nothing"


class Faults:
    """Performs faults on one project."""

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
        self._absences = absences
        self._findings = findings
        self.lethal = Lethal(project, clients, observer, absences, findings)
        self._under_way: set[asyncio.Task[Any]] = set()
        self._modes: dict[str, int] = {}
        self._frozen: set[Identity] = set()
        self._theft = asyncio.Lock()

    async def perform(self, fault: Fault) -> None:
        """Do it. What lasts goes on beside the next ones."""
        kind = fault.kind
        if kind.startswith("supervisor_") and kind != "supervisor_frozen":
            self._project.set_mode(fault.agent, "family", "good")
            await self.lethal.perform(fault)
            return
        act: Callable[[Fault], Awaitable[None]] = getattr(self, f"_{kind}")
        await act(fault)

    def background(self, work: Coroutine[Any, Any, Any]) -> None:
        """Go on with something beside the next faults."""
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def mend(self) -> None:
        """End all faults that last: nothing stands in the way of anybody from now on."""
        while self._under_way:
            done, _ = await asyncio.wait(self._under_way)
            for task in done:
                task.result()
        for name in self._project.names:
            self._project.set_mode(name, "plain", "good")
        for identity in tuple(self._frozen):
            self._project.send(identity, signal.SIGCONT)
        await asyncio.to_thread(self._project.bystanders.thief.ask, "release")
        self._project.disk.make_room()
        self._project.write_configuration(self._project.configuration)

    # Signals.

    async def _signal(self, fault: Fault, targets: Sequence[Member], number: int) -> None:
        if not targets:
            return
        target = targets[int(fault.choice * len(targets))].identity
        if self._project.send(target, signal.Signals(number)) and number == signal.SIGSTOP:
            self._frozen.add(target)
            self.background(self._thaw(target, fault.seconds))

    async def _thaw(self, target: Identity, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self._project.send(target, signal.SIGCONT)
        self._frozen.discard(target)

    def _leaders(self, agent: str) -> list[Member]:
        living = self._project.members.living_of(agent)
        return [member for member in living if member.role == "leader"]

    def _dashboards(self) -> list[Member]:
        """Return the stand-in's leader; the real one's environment tells."""
        return self._leaders(DASHBOARD) or self._project.members.living_of(DASHBOARD)

    def _grandchildren(self, agent: str) -> list[Member]:
        living = self._project.members.living_of(agent)
        return [member for member in living if member.role in {"child", "stranger"}]

    async def _agent_killed(self, fault: Fault) -> None:
        await self._signal(fault, self._leaders(fault.agent), signal.SIGKILL)

    async def _agent_terminated(self, fault: Fault) -> None:
        await self._signal(fault, self._leaders(fault.agent), signal.SIGTERM)

    async def _agent_frozen(self, fault: Fault) -> None:
        await self._signal(fault, self._leaders(fault.agent), signal.SIGSTOP)

    async def _grandchild_killed(self, fault: Fault) -> None:
        await self._signal(fault, self._grandchildren(fault.agent), signal.SIGKILL)

    async def _grandchild_terminated(self, fault: Fault) -> None:
        await self._signal(fault, self._grandchildren(fault.agent), signal.SIGTERM)

    async def _grandchild_frozen(self, fault: Fault) -> None:
        await self._signal(fault, self._grandchildren(fault.agent), signal.SIGSTOP)

    async def _dashboard_killed(self, fault: Fault) -> None:
        await self._signal(fault, self._dashboards(), signal.SIGKILL)

    async def _dashboard_frozen(self, fault: Fault) -> None:
        await self._signal(fault, self._dashboards(), signal.SIGSTOP)

    async def _guardian_killed(self, fault: Fault) -> None:  # noqa: ARG002 - as all faults
        if guardian := self._project.guardian():
            self._project.send(guardian, signal.SIGKILL)

    async def _guardian_terminated(self, fault: Fault) -> None:  # noqa: ARG002
        if guardian := self._project.guardian():
            self._project.send(guardian, signal.SIGTERM)

    async def _guardian_frozen(self, fault: Fault) -> None:
        if (guardian := self._project.guardian()) and self._project.send(guardian, signal.SIGSTOP):
            self.lethal.guardian_frozen(guardian)
            self.background(self._thaw_guardian(guardian, fault.seconds))

    async def _thaw_guardian(self, guardian: Identity, seconds: float) -> None:
        await self._thaw(guardian, seconds)
        self.lethal.guardian_thawed()

    async def _supervisor_frozen(self, fault: Fault) -> None:
        self._absences.begin()
        self._project.send_supervisor(signal.SIGSTOP)
        await asyncio.sleep(min(fault.seconds, 1.5))
        self._project.send_supervisor(signal.SIGCONT)
        self._absences.end()

    # Ports, disk, logs, configuration.

    async def _port_stolen(self, fault: Fault) -> None:
        """Take the port while the agent is stopped, then have it started."""
        if not self._theft.locked():
            self.background(self._steal(fault, stops_first=True))

    async def _port_raced_for(self, fault: Fault) -> None:
        """Kill the agent and try to be quicker than its restart."""
        if not self._theft.locked():
            self.background(self._steal(fault, stops_first=False))

    async def _steal(self, fault: Fault, stops_first: bool) -> None:
        async with self._theft:
            thief, port = self._project.bystanders.thief, self._project.ports[fault.agent]
            if stops_first:
                await self._clients.verb(fault.agent, "stop", 5)
            else:
                await self._agent_killed(fault)
            how = fault.pick(("silent", "healthy", "failing"))
            stolen = await asyncio.to_thread(thief.ask, f"steal {port} {how} 0.3")
            if stolen == "stolen":
                await self._clients.verb(fault.agent, "start", 2)
                await asyncio.sleep(fault.seconds)
            await asyncio.to_thread(thief.ask, "release")

    async def _disk_filled(self, fault: Fault) -> None:
        if self._project.disk.is_full or not self._project.pid:
            return
        self.lethal.disk_full_since = self.lethal.disk_full_since or time.time() - UNWRITTEN_SECONDS
        self._project.disk.fill(self._project.pid, self._project.names)
        self.background(self._make_room(fault.seconds))

    async def _make_room(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self._project.disk.make_room()
        # The recorder tries again once a second; until then what waits is in memory only.
        await asyncio.sleep(2.5)
        if not self._project.disk.is_full:
            self.lethal.disk_full_since = None

    async def _log_deleted(self, fault: Fault) -> None:
        for path in (self._project.root / "var" / "log").glob(f"{fault.agent}.log*"):
            if not path.is_dir():
                path.unlink(missing_ok=True)

    async def _log_folder_deleted(self, fault: Fault) -> None:  # noqa: ARG002
        shutil.rmtree(self._project.root / "var" / "log", ignore_errors=True)

    async def _log_replaced_by_folder(self, fault: Fault) -> None:
        await self._log_deleted(fault)
        path = self._project.root / "var" / "log" / f"{fault.agent}.log"
        if path.parent.is_dir() and not path.exists():
            path.mkdir()
            self.background(self._remove_folder(path, fault.seconds))

    async def _remove_folder(self, path: Any, seconds: float) -> None:
        await asyncio.sleep(seconds)
        shutil.rmtree(path, ignore_errors=True)

    async def _configuration_broken(self, fault: Fault) -> None:
        """Break the file; where it can be reloaded, ask for that: it must change nothing."""
        self._project.write_configuration(fault.pick(BROKEN))
        before = await self._shape()
        if await self._can_reload():
            await self._clients.request("POST", "/v1/reload", wait_seconds=10)
        await asyncio.sleep(min(fault.seconds, 0.5))
        after = await self._shape()
        self._project.write_configuration(self._project.configuration)
        if before is not None and after is not None:
            told = [] if before == after else [f"before {before}, after {after}"]
            self._findings.note(UNTOUCHED, told)

    async def _configuration_changed(self, fault: Fault) -> None:
        """Change one agent's environment, so that a reload restarts it; later change it back."""
        changed = json.loads(self._project.configuration)
        changed["agents"][fault.agent]["env"] = {"CHANGED": str(fault.number)}
        self._project.write_configuration(json.dumps(changed))
        self._ask(self._reload(fault.seconds))

    async def _reload(self, seconds: float) -> None:
        if await self._can_reload():
            await self._clients.request("POST", "/v1/reload", {"wait_seconds": 2}, 2)
        await asyncio.sleep(seconds)
        self._project.write_configuration(self._project.configuration)

    async def _shape(self) -> Any:
        """Return what the configuration says of the agents, as the supervisor has it."""
        response = await self._clients.request("GET", "/v1/agents")
        if response is None or response.status_code != 200:
            return None
        agents = response.json()["agents"]
        keys = ("url", "start_command", "enabled", "depends_on")
        return {name: [info[key] for key in keys] for name, info in agents.items()}

    async def _can_reload(self) -> bool:
        response = await self._clients.request("GET", "/openapi.json")
        return response is not None and "/v1/reload" in response.json().get("paths", {})

    # Clients.

    def _ask(self, work: Coroutine[Any, Any, None]) -> None:
        if len(self._under_way) < MOST_UNDER_WAY:
            self.background(work)
        else:
            work.close()

    async def _start(self, fault: Fault) -> None:
        self._ask(self._clients.verb(fault.agent, "start", fault.seconds))

    async def _stop(self, fault: Fault) -> None:
        self._ask(self._clients.verb(fault.agent, "stop", fault.seconds))

    async def _restart(self, fault: Fault) -> None:
        self._ask(self._clients.verb(fault.agent, "restart", fault.seconds))

    async def _start_all(self, fault: Fault) -> None:
        self._ask(self._clients.all("start-all", fault.seconds))

    async def _stop_all(self, fault: Fault) -> None:
        self._ask(self._clients.all("stop-all", fault.seconds))

    async def _several_clients(self, fault: Fault) -> None:
        """Six verbs on one agent in the same instant."""
        for number in range(6):
            verb = VERBS[int(fault.choice * 729) // 3**number % 3]
            self._ask(self._clients.verb(fault.agent, verb, fault.seconds))

    async def _command_line(self, fault: Fault) -> None:
        self._ask(self._clients.command(fault.pick(VERBS), fault.agent))

    async def _bad_request(self, fault: Fault) -> None:
        method, path, body = BAD_REQUESTS[int(fault.choice * len(BAD_REQUESTS))]
        self._ask(self._bad(method, path, body))

    async def _bad(self, method: str, path: str, body: Any) -> None:
        await self._clients.request(method, path, body)

    # How agents live and what they answer.

    async def _health_slow(self, fault: Fault) -> None:
        self._change(fault, "plain", "slow")

    async def _health_hanging(self, fault: Fault) -> None:
        self._change(fault, "plain", "hang")

    async def _health_lying(self, fault: Fault) -> None:
        self._change(fault, "plain", fault.pick(LIES))

    async def _life_changed(self, fault: Fault) -> None:
        """Live otherwise from the next start on; see to it that there is one."""
        self._change(fault, fault.pick(LIVES), "good")
        await self._agent_killed(fault)

    def _change(self, fault: Fault, life: str, answer: str) -> None:
        self._project.set_mode(fault.agent, life, answer)
        self._modes[fault.agent] = fault.number
        self.background(self._change_back(fault))

    async def _change_back(self, fault: Fault) -> None:
        await asyncio.sleep(fault.seconds)
        if self._modes[fault.agent] == fault.number:
            self._project.set_mode(fault.agent, "plain", "good")
