"""Risk agents as real processes; market data's fixtures are its own tests'."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.integration.market_data.conftest import (
    AgentProcess,
    agent_environment,
    data,
    loaded_data,
    start_agent,
)
from tests.support import eventually_sync

MODULE = "trading_dashboard.agents.risk_management"

__all__ = ["data", "loaded_data", "start_agent"]

StartRisk = Callable[..., AgentProcess]


@pytest.fixture
def start_risk(tmp_path: Path, free_ports: Callable[[], int]) -> Iterator[StartRisk]:
    """Return a function that starts a risk agent and waits until its gate is open."""
    running: list[AgentProcess] = []

    def start(
        market: AgentProcess, *, is_open: bool = True, supervised: bool = False, **settings: Any
    ) -> AgentProcess:
        log = tmp_path / f"risk-{len(running)}.log"
        port = free_ports()
        directory = tmp_path / "risk"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [
                    *(sys.executable, "-m", MODULE, "--port", str(port)),
                    *("--data-directory", str(directory)),
                ],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=agent_environment(
                    AGENT_SETTINGS=json.dumps({"sample": False, **settings}),
                    AGENT_URLS=json.dumps({"market_data": market.url}),
                    RUN_ID="test" if supervised else None,
                ),
            )
        agent = AgentProcess(port, directory, log, process)
        running.append(agent)
        agent.wait_healthy()
        if is_open:
            wait_for_gate(agent, "active")
        return agent

    yield start
    for agent in running:
        if not agent.ended:
            agent.process.kill()
            agent.process.wait(10)


def wait_for_gate(agent: AgentProcess, state: str, deadline: float = 20.0) -> dict[str, Any]:
    """Wait until the gate is in a state; return its status."""
    seen: dict[str, Any] = {}

    def is_so() -> bool:
        assert agent.process.poll() is None, agent.log.read_text()
        with contextlib.suppress(httpx.TransportError):
            seen.update(agent.get("/gate").json())
        return seen.get("state") == state

    eventually_sync(is_so, deadline, what=f"the gate is {state}")
    return seen
