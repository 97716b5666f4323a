"""This project beside supervisord, circus and PM2: the same agents, one run, one table.

    .venv/bin/python -m bench.supervisors [--only NAME …] [--idle-seconds 10]

The agent is `contest/agent.c`, compiled where that is possible. supervisord and circus are
installed from PyPI, PM2 from npm, into a temporary folder; one that cannot be installed is said so.
Takes four to seven minutes. Everything started is ended, also on Ctrl-C.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import signal
import statistics
import sys
import time
from collections.abc import Callable

import psutil

from bench.contest.contenders import CONTENDERS, Contender, NotInstalled, Ours, TooLong
from bench.contest.field import Field, Ground, answers, bare_requests, cpu_and_memory

FEW, MANY, MOST = 20, 100, 300
CRASHES = 10
CRASH_SECONDS = 15
HANG_SECONDS = 8
LEFT_SECONDS = 4
"""After `kill -9` of the supervisor; the guardian's grace is 2 s."""
SETTLE_SECONDS = 1.5
"""supervisord takes a program that ends sooner for one that cannot start."""
STOP_SECONDS = 20
LIMIT_SECONDS = 400

Row = dict[str, str]


class TenSeconds(Ours):
    """This project, asking every ten seconds."""

    interval = 10.0


class Timed(Ours):
    """This project, asking five times a second and telling how long that took."""

    interval = 0.2
    flags = ("--timed",)


class Bench:
    """All measurements of one contender."""

    def __init__(self, ground: Ground, kind: type[Contender], idle_seconds: float) -> None:
        self.ground = ground
        self.kind = kind
        self.idle_seconds = idle_seconds
        self.row: Row = {}

    def run(self, until: float) -> Row:
        """Measure one after the other; what goes wrong is said in its place."""
        steps: list[Callable[[], None]] = [self.few, self.many, self.kill_few, self.kill_many]
        if self.kind is Ours:
            steps += [self.kill_stubborn, self.idle_slowly, self.most, self.drain]
        for step in steps:
            if time.perf_counter() > until:
                self.row.setdefault("not measured", "out of time")
                break
            try:
                step()
            except TooLong:
                self.row[f"{step.__name__}: failed"] = "too long"
        return self.row

    def few(self) -> None:
        """Start, crashes and a hang of 20."""
        with self.ground.field(self.kind, FEW) as field:
            self._start(field, FEW)
            field.settle(SETTLE_SECONDS)
            self._crash(field)
            self._hang(field)

    def _start(self, field: Field, count: int) -> None:
        began = time.perf_counter()
        self.row[f"start → all serving, {count}"] = seconds(field.start())
        if isinstance(field.contender, Ours):
            healthy = field.contender.wait_until_healthy(count)
            self.row[f"  and found healthy, {count}"] = seconds(healthy - began)

    def _stop(self, field: Field, count: int) -> None:
        field.contender.processes()[0].terminate()
        left, took = field.wait_for_ends(STOP_SECONDS)
        self.row[f"stop of {count} (TERM → none left)"] = f"{left} left" if left else seconds(took)

    def _crash(self, field: Field) -> None:
        replaced, serving = self._crash_each(field, CRASHES)
        self.row["crash → new process, median (max)"] = spread(replaced)
        self.row["crash → serving again, median (max)"] = spread(serving)

    def _crash_each(self, field: Field, count: int) -> tuple[list[float], list[float]]:
        """Kill agents one after the other; return the seconds to a new process and to serving."""
        replaced, serving = [], []
        for agent in field.agents[:count]:
            began = time.perf_counter()
            field.leader(agent.port).send(signal.SIGKILL)
            replaced.append(field.hear_of(agent.port, "start", CRASH_SECONDS).at - began)
            field.hear_of(agent.port, "serving", CRASH_SECONDS)
            if not answers(agent.port):
                raise TooLong
            serving.append(time.perf_counter() - began)
            field.settle(0.1)
        return replaced, serving

    def _hang(self, field: Field) -> None:
        agent = field.agents[-1]
        began = time.perf_counter()
        field.leader(agent.port).send(signal.SIGSTOP)
        try:
            field.hear_of(agent.port, "serving", HANG_SECONDS)
            text = seconds(time.perf_counter() - began) if answers(agent.port) else "never"
        except TooLong:
            text = f"never ({HANG_SECONDS} s)"
        self.row["hung agent noticed, serving again"] = text

    def many(self) -> None:
        """Start, idle cost and stop of 100; of ours the crashes, too, and what asking must cost."""
        with self.ground.field(self.kind, MANY) as field:
            self._start(field, MANY)
            field.settle(SETTLE_SECONDS)
            self.row[f"idle at {MANY}: CPU, memory"] = cost(field, self.idle_seconds)
            if self.kind is Ours:
                floor = bare_requests([agent.port for agent in field.agents])
                self.row[f"  floor: {MANY} bare requests a second"] = f"{floor:.1f} %"
                replaced, serving = self._crash_each(field, MANY)
                self.row[f"crash → new process, {MANY} once each, p99"] = p99(replaced)
                self.row[f"crash → serving again, {MANY} once each, p99"] = p99(serving)
            self._stop(field, MANY)

    def kill_few(self) -> None:
        """Kill the supervisor of 20."""
        self._kill(FEW, "plain", f"left after kill -9 of the supervisor, {FEW}")

    def kill_many(self) -> None:
        """Kill the supervisor of 100."""
        self._kill(MANY, "plain", f"left after kill -9 of the supervisor, {MANY}")

    def kill_stubborn(self) -> None:
        """Kill the supervisor of 100 agents that ignore TERM and forked into another session."""
        self._kill(MANY, "stubborn", f"  the same, {MANY} that ignore TERM and forked")

    def _kill(self, count: int, mode: str, what: str) -> None:
        with self.ground.field(self.kind, count, mode) as field:
            field.start()
            field.settle(SETTLE_SECONDS)
            field.contender.processes()[0].kill()
            left, took = field.wait_for_ends(LEFT_SECONDS)
            members = sum(len(several) for several in field.held.values())
            when = "" if left else f" ({took:.2f} s)"
            self.row[what] = f"{left} of {members}{when}"

    def idle_slowly(self) -> None:
        """What 100 cost when they are asked every ten seconds."""
        with self.ground.field(TenSeconds, MANY) as field:
            field.start()
            field.settle(SETTLE_SECONDS)
            self.row[f"  the same, asked every 10 s, {MANY}"] = cost(field, 2 * self.idle_seconds)

    def most(self) -> None:
        """300 agents: start, cost, stop."""
        with self.ground.field(Ours, MOST) as field:
            self._start(field, MOST)
            field.settle(SETTLE_SECONDS)
            self.row[f"idle at {MOST}: CPU, memory"] = cost(field, self.idle_seconds)
            self._stop(field, MOST)

    def drain(self) -> None:
        """One of 20 writes as fast as it can; all are asked five times a second."""
        self._flood("flood", "one agent floods")
        self._flood("telling", "one floods, its lines hold secrets")
        self._flood("aside", "floor: another process reads it")

    def _flood(self, mode: str, what: str) -> None:
        with self.ground.field(Timed, FEW, mode) as field:
            field.start()
            port = field.agents[0].port
            own = field.contender.processes()[0]
            began = field.hear_of(port, "flooding", CRASH_SECONDS).at
            spent = cpu_seconds(own)
            own.send_signal(signal.SIGUSR1)
            # What is kept of a flood is kept at its beginning.
            field.settle(1)
            own.send_signal(signal.SIGUSR1)
            told = field.hear_of(port, "flooded", 60)
            took = told.at - began
            share = (cpu_seconds(own) - spent) / took * 100
            own.send_signal(signal.SIGUSR1)
            field.settle(0.5)
            lines = (field.contender.folder / "output").read_text().splitlines()
            _, first, rest = (delays(line) for line in lines if line.startswith("delays"))
            self.row[f"{what}: MB/s; CPU"] = f"{told.amount / 1e6 / took:.0f}; {share:.0f} %"
            self.row[f"  {mode}: answers, 1st second, med/p99/max"] = first
            self.row[f"  {mode}: answers, then, med/p99/max"] = rest


def delays(line: str) -> str:
    """Return what `contest.ours` printed for people: median, p99 and maximum."""
    _, count, *found = line.split()
    return " / ".join(f"{float(one) * 1e3:.0f}" for one in found) + f" ms of {count}"


def cpu_seconds(process: psutil.Process) -> float:
    return sum(process.cpu_times()[:2])


def cost(field: Field, during: float) -> str:
    percent, mebibytes = cpu_and_memory(field, during)
    return f"{percent:.1f} %, {mebibytes:.0f} MiB"


def seconds(value: float) -> str:
    return f"{value:.2f} s"


def spread(samples: list[float]) -> str:
    return f"{statistics.median(samples) * 1e3:.1f} ms ({max(samples) * 1e3:.0f})"


def p99(samples: list[float]) -> str:
    return f"{sorted(samples)[math.ceil(0.99 * len(samples)) - 1] * 1e3:.1f} ms"


def show(rows: dict[str, Row]) -> None:
    """Print the table, in Markdown."""
    whats = list(dict.fromkeys(what for row in rows.values() for what in row))
    width = max(len(what) for what in [*whats, ""])
    print(f"| {'':<{width}} | " + " | ".join(f"{name:<20}" for name in rows) + " |")
    print(f"|{'-' * (width + 2)}|" + f"{'-' * 22}|" * len(rows))
    for what in whats:
        cells = " | ".join(f"{row.get(what, '–'):<20}" for row in rows.values())
        print(f"| {what:<{width}} | {cells} |")


def measure(ground: Ground, chosen: list[type[Contender]], idle_seconds: float) -> dict[str, Row]:
    until = time.perf_counter() + LIMIT_SECONDS
    rows: dict[str, Row] = {}
    for kind in chosen:
        try:
            kind.install(ground.tools)
        except NotInstalled as reason:
            print(f"{kind.name} is not compared: it cannot be installed here: {reason}")
            continue
        title = f"{kind.name} {kind.version}".strip()
        print(f"… {title}", file=sys.stderr)
        rows[title] = Bench(ground, kind, idle_seconds).run(until)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", default=[kind.name for kind in CONTENDERS])
    parser.add_argument("--idle-seconds", type=float, default=10)
    arguments = parser.parse_args()
    chosen = [kind for kind in CONTENDERS if kind.name in arguments.only]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with contextlib.closing(Ground()) as ground:
        rows = measure(ground, chosen, arguments.idle_seconds)
        print(f"\nAgents: {ground.agent_kind}\n")
    show(rows)


if __name__ == "__main__":
    main()
