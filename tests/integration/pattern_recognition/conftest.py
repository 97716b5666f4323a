"""Pattern agents as real processes; market data's fixtures are its own tests'."""

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

MODULE = "trading_dashboard.agents.pattern_recognition"

__all__ = ["data", "loaded_data", "start_agent"]

StartPatterns = Callable[..., AgentProcess]


@pytest.fixture
def start_patterns(tmp_path: Path, free_ports: Callable[[], int]) -> Iterator[StartPatterns]:
    """Return a function that starts a pattern agent and waits until it is there."""
    running: list[AgentProcess] = []

    def start(market: AgentProcess, folder: str = "patterns", **settings: Any) -> AgentProcess:
        log = tmp_path / f"patterns-{len(running)}.log"
        port = free_ports()
        directory = tmp_path / folder
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
                    AGENT_SETTINGS=json.dumps(settings),
                    AGENT_URLS=json.dumps({"market_data": market.url}),
                ),
            )
        agent = AgentProcess(port, directory, log, process)
        running.append(agent)
        agent.wait_healthy()
        return agent

    yield start
    for agent in running:
        if not agent.ended:
            agent.process.kill()
            agent.process.wait(10)


def wait_until_it_follows(agent: AgentProcess, series: int) -> None:
    """Wait until all histories are there."""

    def follows() -> bool:
        assert agent.process.poll() is None, agent.log.read_text()
        with contextlib.suppress(httpx.TransportError):
            health = agent.get("/health").json()
            said = health["checks"]["history"]["message"]
            return bool(health["status"] == "healthy" and said.startswith(f"{series} of {series} "))
        return False

    eventually_sync(follows, 60.0, what="the pattern agent follows")
