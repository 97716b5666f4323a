"""How fast processes come and go, and how fast their output is drained.

    .venv/bin/python -m bench.process [all|restart|drain|guardian|many]

Each figure stands beside a yardstick that does the bare minimum: `Popen` and `cat > /dev/null`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import psutil

from trading_dashboard.orchestrator.local_runtime import LocalRuntime
from trading_dashboard.orchestrator.runtime import ExitStatus, Handle, Launch

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 100
MANY = 100
FLOOD_MIB = 1024
SLEEPER = ("/bin/sleep", "600")


@contextlib.asynccontextmanager
async def opened() -> AsyncIterator[LocalRuntime]:
    with tempfile.TemporaryDirectory() as directory:
        runtime = LocalRuntime(Path(directory))
        started = time.perf_counter()
        await runtime.open()
        show("open (lease, guardian, look for leftovers)", time.perf_counter() - started)
        try:
            yield runtime
        finally:
            started = time.perf_counter()
            await runtime.close()
            show("close", time.perf_counter() - started)


def show(what: str, seconds: float) -> None:
    print(f"{what:<58}{seconds * 1e3:>10.2f} ms")


def show_spread(what: str, samples: list[float]) -> None:
    ordered = sorted(samples)
    p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    median = statistics.median(ordered)
    print(f"{what:<58}{median * 1e3:>10.2f} ms median {p99 * 1e3:>8.2f} ms p99")


def launch(agent: str, generation: int, command: tuple[str, ...] = SLEEPER) -> Launch:
    return Launch(
        agent=agent, generation=generation, command=command, working_directory=Path("/tmp")
    )


def restart_plainly() -> list[float]:
    samples, process = [], subprocess.Popen(SLEEPER, start_new_session=True)
    for _ in range(ROUNDS):
        started = time.perf_counter()
        process.kill()
        process.wait()
        process = subprocess.Popen(SLEEPER, start_new_session=True)
        samples.append(time.perf_counter() - started)
    process.kill()
    process.wait()
    return samples


async def restart() -> None:
    """Kill the leader; sweep its tree; start the next. Beside: kill, wait and Popen."""
    show_spread("kill -> new process, bare Popen", restart_plainly())
    async with opened() as runtime:
        samples, starts = [], []
        exited: asyncio.Event = asyncio.Event()

        def on_exit(_: Handle, __: ExitStatus) -> None:
            exited.set()

        handle = await runtime.start(launch("a", 1), on_exit)
        for generation in range(2, ROUNDS + 2):
            exited.clear()
            started = time.perf_counter()
            os.kill(handle.pid, signal.SIGKILL)
            await exited.wait()
            await runtime.stop(handle, 1)
            swept = time.perf_counter()
            handle = await runtime.start(launch("a", generation), on_exit)
            starts.append(time.perf_counter() - swept)
            samples.append(time.perf_counter() - started)
        show_spread("kill -> tree swept -> new process, LocalRuntime", samples)
        show_spread("  of which start()", starts)


def drain_through_cat(puppet: tuple[str, ...]) -> float:
    """Return the seconds until the puppet has nothing more to write."""
    started = time.perf_counter()
    flood = subprocess.Popen([*puppet, "end"], stdout=subprocess.PIPE)
    cat = subprocess.Popen(["cat"], stdin=flood.stdout, stdout=subprocess.DEVNULL)
    assert flood.stdout is not None
    flood.stdout.close()
    flood.wait()
    cat.wait()
    return time.perf_counter() - started


async def drain() -> None:
    """Drain a flooding agent. Beside: the same into /dev/null by cat."""
    puppet = (sys.executable, str(ROOT / "tests/puppets/floods_stdout.py"), str(FLOOD_MIB))
    yardstick = drain_through_cat(puppet)
    print(f"{'drain through cat >/dev/null':<58}{FLOOD_MIB * 1.048576 / yardstick:>10.0f} MB/s")
    async with opened() as runtime:
        delays: list[float] = []
        started = time.perf_counter()
        handle = await runtime.start(launch("a", 1, puppet), lambda *_: None)
        while not any(line.text == "last line" for line in runtime.logs("a", 5)):
            before = time.perf_counter()
            await asyncio.sleep(0.005)
            delays.append(time.perf_counter() - before - 0.005)
        seconds = time.perf_counter() - started
        print(f"{'drain through LocalRuntime':<58}{FLOOD_MIB * 1.048576 / seconds:>10.0f} MB/s")
        show_spread("  delay of the event loop meanwhile", delays)
        await runtime.stop(handle, 1)


def kill_the_supervisor() -> None:
    """Kill a supervisor of 100 agents that each have a deaf child in another session."""
    with tempfile.TemporaryDirectory() as directory:
        supervisor = subprocess.Popen(
            [
                *(sys.executable, "-m", "tests.integration.tiny_supervisor", directory),
                *(["changes_session"] * MANY),
            ],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert supervisor.stdout is not None
        guardian_pid = int(supervisor.stdout.readline().split()[2])
        supervisor.stdout.readline()
        keeper = psutil.Process(guardian_pid)
        print(f"{'guardian, resident':<58}{keeper.memory_info().rss / 2**20:>10.1f} MiB")
        family = psutil.Process(supervisor.pid).children(recursive=True)
        started = time.perf_counter()
        supervisor.kill()
        supervisor.wait()
        while any(is_alive(process) for process in family):
            time.sleep(0.01)
        show(f"kill -9 of the supervisor -> 0 of {len(family)} left", time.perf_counter() - started)
        supervisor.stdout.close()


async def guardian() -> None:
    await asyncio.to_thread(kill_the_supervisor)


async def many() -> None:
    """Start and stop a hundred at once."""
    async with opened() as runtime:
        started = time.perf_counter()
        handles = await asyncio.gather(
            *(runtime.start(launch(f"a{number}", 1), lambda *_: None) for number in range(MANY))
        )
        show(f"start of {MANY}", time.perf_counter() - started)
        started = time.perf_counter()
        await asyncio.gather(*(runtime.stop(handle, 5) for handle in handles))
        show(f"stop of {MANY}", time.perf_counter() - started)


def is_alive(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


BENCHES: dict[str, Callable[[], Awaitable[None]]] = {
    "restart": restart,
    "drain": drain,
    "guardian": guardian,
    "many": many,
}


async def main(names: list[str]) -> None:
    for name, bench in BENCHES.items():
        if name in names or "all" in names or not names:
            print(f"-- {name}")
            await bench()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
