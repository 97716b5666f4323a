"""A supervisor as small as can be, to be killed by tests.

    python -m tests.integration.tiny_supervisor STATE_DIRECTORY [--untagged] PUPPET…

Prints `run RUN_ID GUARDIAN_PID`, then `ready` when all puppets are; goes on until TERM. A puppet
may be followed by its arguments, in the same word. With `--untagged` no process gets the run's tag.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

from tests.integration.process_bench import Bench
from trading_dashboard.orchestrator.local_runtime import LocalRuntime
from trading_dashboard.orchestrator.processes.platforms.choice import PLATFORM
from trading_dashboard.orchestrator.processes.platforms.no_tags import NoTags


async def supervise(directory: Path, puppets: list[str]) -> None:
    """Run the puppets until asked to stop."""
    asked = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asked.set)
    runtime = LocalRuntime(directory, is_dedicated=True)
    await runtime.open()
    say(f"run {runtime.run_id} {runtime.guardian_pid}")
    bench = Bench(runtime, Path.cwd())
    words = (puppet.split(" ") for puppet in puppets)
    await asyncio.gather(
        *(
            bench.start(name, *arguments, agent=f"{name}_{number}")
            for number, (name, *arguments) in enumerate(words)
        )
    )
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
