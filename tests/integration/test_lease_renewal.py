"""Leases with real processes: what an agent learns of the one it depends on, and how soon."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.integration.test_agent_manager import info, manager, puppet
from tests.support import eventually


async def test_a_killed_dependency_is_told_at_once(
    tmp_path: Path, free_ports: Callable[[], int]
) -> None:
    told = tmp_path / "leases"
    told.touch()
    ports = free_ports(), free_ports()
    leased = puppet("takes_leases", ports[1], lease=True, depends_on=["a"])
    leased["start_command"] += [str(told)]
    slow = {"first_delay_seconds": 30, "max_delay_seconds": 30, "max_restarts": 0}
    agents = {"a": puppet("healthy", ports[0], restart=slow), "b": leased}

    def leases() -> list[dict[str, Any]]:
        return [json.loads(line) for line in told.read_text().splitlines() if line.endswith("}")]

    async with manager(tmp_path, agents) as made:
        assert await made.start_agent("b")
        await eventually(lambda: len(leases()) >= 3, what="leases are renewed")
        first = leases()[0]
        token = (tmp_path / "var" / "run" / "agents" / "b.token").read_text()
        assert first["token"] == f"Bearer {token}"
        assert (first["path"], first["agents"]) == ("/gate/lease", {"a": "healthy"})
        pid = (await info(made, "a")).pid
        assert pid is not None
        killed = time.monotonic()
        os.kill(pid, signal.SIGKILL)

        def bad() -> list[float]:
            return [each["at"] for each in leases() if each["agents"]["a"] != "healthy"]

        await eventually(lambda: bool(bad()), what="the end is told")
        reasons = [each["reasons"] for each in leases() if each["agents"]["a"] != "healthy"]
        assert "signal 9" in reasons[0]["a"]  # what happened, not that it is being tidied up
        assert bad()[0] - killed < 0.9  # not with the next renewal, which may be a second away
