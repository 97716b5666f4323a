"""Market data agents as real processes, on data loaded once per test worker."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support import ROOT, eventually_sync

PREFIX = "TRADING_DASHBOARD_"
MODULE = "trading_dashboard.agents.market_data"


@dataclass
class AgentProcess:
    """One agent process and how to talk to it."""

    port: int
    data: Path
    log: Path
    process: subprocess.Popen[bytes]
    ended: bool = field(default=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def stream_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/stream"

    @property
    def token(self) -> str:
        return (self.data / "operator.token").read_text()

    @property
    def operator(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def get(self, path: str, **options: Any) -> httpx.Response:
        return httpx.get(self.url + path, trust_env=False, timeout=20, **options)

    def set_clock(self, **change: Any) -> httpx.Response:
        return httpx.post(
            self.url + "/clock", json=change, headers=self.operator, trust_env=False, timeout=20
        )

    def post(self, path: str, body: Mapping[str, Any]) -> httpx.Response:
        """Do what only the operator may."""
        return httpx.post(
            self.url + path, json=body, headers=self.operator, trust_env=False, timeout=20
        )

    def wait_healthy(self) -> None:
        def healthy() -> bool:
            assert self.process.poll() is None, self.log.read_text()
            with contextlib.suppress(httpx.TransportError):
                return self.get("/health").status_code == 200
            return False

        eventually_sync(healthy, 30.0, what="/health of the agent")

    def end(self, number: int = signal.SIGTERM) -> int:
        """Signal it and return its exit code."""
        self.process.send_signal(number)
        self.ended = True
        return self.process.wait(15)


StartAgent = Callable[..., AgentProcess]


def agent_environment(**changes: str | None) -> dict[str, str]:
    """Return an environment without variables of ours but the given."""
    env = {key: value for key, value in os.environ.items() if not key.startswith(PREFIX)}
    env["PYTHONPATH"] = str(ROOT / "src")
    env.update({PREFIX + key: value for key, value in changes.items() if value is not None})
    return env


def run_agent(data: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run an agent that is expected to end by itself."""
    command = [sys.executable, "-m", MODULE, "--data-directory", str(data), *arguments]
    return subprocess.run(
        command,
        env=agent_environment(**environment),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.fixture(scope="session")
def loaded_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a data directory after a first start and a clean stop."""
    from trading_dashboard.agents.market_data.assembly import STORE_FILE
    from trading_dashboard.agents.market_data.demo.loading import load_market
    from trading_dashboard.agents.market_data.demo.store import MarketStore

    data = tmp_path_factory.mktemp("market_data")
    with MarketStore(data / STORE_FILE) as store:
        load_market(store, seed=1)
    return data


@pytest.fixture
def data(loaded_data: Path, tmp_path: Path) -> Path:
    """Return a data directory of the test's own, already loaded."""
    return Path(shutil.copytree(loaded_data, tmp_path / "data"))


@pytest.fixture
def start_agent(data: Path, tmp_path: Path, free_ports: Callable[[], int]) -> Iterator[StartAgent]:
    """Return a function that starts an agent and waits until it is healthy."""
    running: list[AgentProcess] = []

    def start(
        *arguments: str,
        settings: Mapping[str, Any] | None = None,
        directory: Path = data,
        wait: bool = True,
        port: int | None = None,
    ) -> AgentProcess:
        log = tmp_path / f"agent-{len(running)}.log"
        port = port or free_ports()
        base = [sys.executable, "-m", MODULE, "--port", str(port)]
        env = agent_environment(AGENT_SETTINGS=json.dumps(settings) if settings else None)
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*base, "--data-directory", str(directory), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=env,
            )
        agent = AgentProcess(port, directory, log, process)
        running.append(agent)
        if wait:
            agent.wait_healthy()
        return agent

    yield start
    for agent in running:
        if not agent.ended:
            agent.process.kill()
            agent.process.wait(10)


@pytest.fixture
def agent(start_agent: StartAgent) -> AgentProcess:
    """Return a running agent with the default settings."""
    return start_agent()
