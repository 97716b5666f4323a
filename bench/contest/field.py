"""The ground on which contenders are compared: ports, agents' reports, and leaving nothing behind.

Every process started here carries a marker in its environment and is ended by it. Agents are held
by pidfd, so that a number given to somebody else is never signalled and an end is seen at once.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import random
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import psutil

from bench.contest.contenders import Agent, Contender, TooLong

MARKER = "SUPERVISORS_BENCH"
HERE = Path(__file__).resolve().parent
SILENCE_SECONDS = 0.2
PORTS = range(20_000, 32_000)
"""Below the ports that outgoing connections take."""


class Report(NamedTuple):
    """What an agent told, and when it arrived."""

    port: int
    pid: int
    what: str
    at: float
    amount: int = 0


@dataclass
class Held:
    """A process of an agent."""

    pid: int
    descriptor: int

    def send(self, number: signal.Signals) -> None:
        """Signal it if it is still there."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.descriptor, number)


class Field:
    """One start of one contender with some agents."""

    def __init__(self, contender: Contender, agents: list[Agent], ear: socket.socket) -> None:
        self.contender = contender
        self.agents = agents
        self.held: dict[int, list[Held]] = {agent.port: [] for agent in agents}
        self._ear = ear

    def start(self, seconds: float = 60) -> float:
        """Start the contender; return how long it took until all agents answered."""
        began = time.perf_counter()
        self.contender.start(self.agents)
        missing = {agent.port for agent in self.agents}
        while missing:
            try:
                told = self.hear(time.perf_counter() + SILENCE_SECONDS)
            except TooLong:
                if time.perf_counter() - began > seconds:
                    raise
                # Datagrams get lost when hundreds come at once.
                missing = {port for port in missing if not answers(port)}
                continue
            if told.what == "serving" and answers(told.port):
                missing.discard(told.port)
        return time.perf_counter() - began

    def hear(self, until: float) -> Report:
        """Return the next report.

        Raises:
            TooLong: None came before `until`.
        """
        self._ear.settimeout(max(until - time.perf_counter(), 0.001))
        try:
            text = self._ear.recv(64).decode()
        except TimeoutError:
            raise TooLong from None
        at = time.perf_counter()
        port, pid, what, *amounts = text.split()
        told = Report(int(port), int(pid), what, at, *map(int, amounts))
        self._hold(told)
        return told

    def hear_of(self, port: int, what: str, seconds: float) -> Report:
        """Return the next report of that agent and kind."""
        until = time.perf_counter() + seconds
        while (told := self.hear(until)).port != port or told.what != what:
            pass
        return told

    def settle(self, seconds: float) -> None:
        """Listen for a while."""
        until = time.perf_counter() + seconds
        with contextlib.suppress(TooLong):
            while True:
                self.hear(until)

    def leader(self, port: int) -> Held:
        """Return the agent's newest process."""
        return self.held[port][-1]

    def wait_for_ends(self, seconds: float) -> tuple[int, float]:
        """Return how many agents' processes are alive after that long, and when the last ended."""
        began = last = time.perf_counter()
        poll = select.poll()
        left = {held.descriptor for several in self.held.values() for held in several}
        for descriptor in left:
            poll.register(descriptor, select.POLLIN)
        while left and (rest := began + seconds - time.perf_counter()) > 0:
            for descriptor, _ in poll.poll(rest * 1e3):
                poll.unregister(descriptor)
                left.discard(descriptor)
                last = time.perf_counter()
        return len(left), last - began

    def close(self) -> None:
        """Let go of the agents' processes."""
        for several in self.held.values():
            for held in several:
                os.close(held.descriptor)
            several.clear()

    def _hold(self, told: Report) -> None:
        if any(held.pid == told.pid for held in self.held[told.port]):
            return
        if told.what in {"flooding", "flooded"}:
            return
        with contextlib.suppress(ProcessLookupError):
            self.held[told.port].append(Held(told.pid, os.pidfd_open(told.pid)))


class Ground:
    """A temporary folder, an agent's program, and a marker for all that is started."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="supervisors-"))
        self.tools = self.folder / "tools"
        self.tools.mkdir()
        self._marker = uuid.uuid4().hex
        self._starts = 0
        self._ear = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._ear.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self._ear.bind(("127.0.0.1", 0))
        self.agent, self.agent_kind = build_agent(self.folder)

    @contextlib.contextmanager
    def field(self, kind: type[Contender], count: int, modes: str = "plain") -> Iterator[Field]:
        """Give a field of `count` agents; whatever happens, nothing of it is left afterwards.

        Args:
            kind: Of contender.
            count: How many agents.
            modes: Of the first agent; `stubborn` makes all of them so.
        """
        self._starts += 1
        folder = self.folder / str(self._starts)
        folder.mkdir()
        env = {**os.environ, MARKER: self._marker}
        field = Field(kind(folder, self.tools, env), self._agents(count, modes), self._ear)
        try:
            yield field
        finally:
            self._end_everything()
            self._forget_reports()
            field.close()
            if field.contender.process is not None:
                field.contender.process.wait(10)

    def close(self) -> None:
        """End what is left and remove the folder."""
        self._end_everything()
        self._ear.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _agents(self, count: int, mode: str) -> list[Agent]:
        report_port = str(self._ear.getsockname()[1])
        modes = [mode] * count if mode == "stubborn" else [mode] + ["plain"] * (count - 1)
        return [
            Agent(f"a{number}", port, (*self.agent, str(port), report_port, modes[number]))
            for number, port in enumerate(free_ports(count))
        ]

    def _end_everything(self) -> None:
        """Kill every process that carries the marker, until there is none."""
        entry = f"{MARKER}={self._marker}".encode()
        for _ in range(100):
            found = [process for process in psutil.process_iter() if carries(process, entry)]
            if not found:
                return
            for process in found:
                with contextlib.suppress(psutil.Error):
                    process.kill()
            psutil.wait_procs(found, timeout=1)
        raise SystemExit("processes are left that cannot be ended")

    def _forget_reports(self) -> None:
        self._ear.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                self._ear.recv(64)


def carries(process: psutil.Process, entry: bytes) -> bool:
    """Return whether a living process has that entry in its environment."""
    with contextlib.suppress(OSError, psutil.Error):
        environ = Path(f"/proc/{process.pid}/environ").read_bytes()
        return entry in environ.split(b"\0") and process.status() != psutil.STATUS_ZOMBIE
    return False


def build_agent(folder: Path) -> tuple[tuple[str, ...], str]:
    """Return the command of the agent, compiled if this machine can, and what it is."""
    compiler, program = shutil.which("gcc") or shutil.which("cc"), folder / "agent"
    if compiler is not None:
        command = [compiler, "-O2", "-o", str(program), str(HERE / "agent.c")]
        if subprocess.run(command, check=False, capture_output=True).returncode == 0:
            return (str(program),), "compiled"
    return (sys.executable, "-I", "-S", str(HERE / "agent.py")), "Python"


def free_ports(count: int) -> list[int]:
    """Return that many ports nobody holds."""
    found: list[int] = []
    for port in random.sample(PORTS, len(PORTS)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                found.append(port)
        if len(found) == count:
            return found
    raise SystemExit("there are not enough free ports")


def answers(port: int) -> bool:
    """Return whether the agent answers 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def cpu_and_memory(field: Field, seconds: float) -> tuple[float, float]:
    """Return percent of one core over that long, and resident MiB, of the supervisor's own."""
    processes = field.contender.processes()

    def spent() -> float:
        return sum(sum(process.cpu_times()[:2]) for process in processes)

    before, began = spent(), time.perf_counter()
    time.sleep(seconds)
    percent = (spent() - before) / (time.perf_counter() - began) * 100
    return percent, sum(process.memory_info().rss for process in processes) / 2**20


def bare_requests(ports: list[int]) -> float:
    """Return percent of one core that asking each port once a second costs with nothing around."""
    began = time.thread_time()
    for port in ports:
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            connection.recv(4096)
    return (time.thread_time() - began) * 100
