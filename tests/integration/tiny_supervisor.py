"""A supervisor as small as can be, to be killed by tests.

    python -m tests.integration.tiny_supervisor STATE_DIRECTORY [--untagged] PUPPET…

A puppet may be followed by its arguments, in the same word. PUPPET=FILE is no agent but a command
that is run beside one, until it has made FILE. With `--untagged` no process gets the run's tag.

Prints `run RUN_ID GUARDIAN_PID`, then `ready` when all puppets are; goes on until TERM.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

from tests.integration.process_bench import Bench
from tests.support import PUPPETS, eventually
from trading_dashboard.orchestrator.local_runtime import LocalRuntime
from trading_dashboard.orchestrator.processes.platforms.choice import PLATFORM
from trading_dashboard.orchestrator.processes.platforms.no_tags import NoTags
from trading_dashboard.orchestrator.runtime import CommandEnd, Launch


async def supervise(directory: Path, puppets: list[str]) -> None:
    """Run the puppets until asked to stop."""
    asked = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asked.set)
    runtime = LocalRuntime(directory, is_dedicated=True)
    await runtime.open()
    say(f"run {runtime.run_id} {runtime.guardian_pid}")
    bench = Bench(runtime, Path.cwd())
    starts = []
    errands: list[asyncio.Task[CommandEnd]] = []
    for number, puppet in enumerate(puppets):
        name, _, made = puppet.partition("=")
        if made:
            command = (sys.executable, str(PUPPETS / f"{name}.py"), made)
            launch = Launch(agent=name, generation=1, command=command, working_directory=Path.cwd())
            errands.append(asyncio.create_task(runtime.run_command(launch, "check", 3600)))
            await eventually(Path(made).exists)
        else:
            name, *arguments = puppet.split(" ")
            starts.append(bench.start(name, *arguments, agent=f"{name}_{number}"))
    await asyncio.gather(*starts)
    say("ready")
    await asked.wait()
    await runtime.close()


def say(line: str) -> None:
    """Tell the test."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    words = sys.argv[2:]
    if "--untagged" in words:
        words.remove("--untagged")
        PLATFORM.tags = NoTags()
    asyncio.run(supervise(Path(sys.argv[1]), words))
