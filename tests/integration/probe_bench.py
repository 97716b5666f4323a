"""An agent whose answers a test steers, and looking at its probes. For the tests of probes."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.integration.test_agent_manager import info
from tests.support import PUPPETS, eventually
from trading_dashboard.models.agents import AgentInfo, ProbeInfo, ProbeRole
from trading_dashboard.orchestrator import AgentManager

Tell = Callable[..., None]


def teller(folder: Path) -> Tell:
    """Return a function that says how the agent answers from now on."""

    def say(every: str = "200", **paths: str) -> None:
        how = {f"/{name}": word for name, word in paths.items()} | {"*": every}
        new = folder / "told.new"
        new.write_text(json.dumps(how))
        new.replace(folder / "told")

    say()
    return say


def told(tmp_path: Path, port: int, **more: Any) -> dict[str, Any]:
    """Return the configuration of an agent that answers as it is told."""
    puppet = str(PUPPETS / "answers_as_told.py")
    return {
        "url": f"http://127.0.0.1:{port}",
        "start_command": ["python", puppet, "{port}", str(tmp_path / "told")],
        "health_check_interval": 0.1,
        "timeout": 0.4,
        "stop_timeout": 1,
        "failure_threshold": 2,
        "restart": {"first_delay_seconds": 0.05, "max_delay_seconds": 0.05},
        **more,
    }


def probe(found: AgentInfo, role: ProbeRole) -> ProbeInfo:
    return next(probe for probe in found.probes if probe.role is role)


async def checked_again(made: AgentManager, role: ProbeRole, times: int = 4) -> AgentInfo:
    """Return the state after some more probes of that role."""
    seen: set[datetime | None] = set()

    async def enough() -> AgentInfo | None:
        found = await info(made)
        seen.update(p.checked_at for p in found.probes if p.role is role)
        return found if len(seen) > times else None

    found = await eventually(enough, deadline=20, what=f"{times} more {role} probes")
    assert found is not None
    return found
