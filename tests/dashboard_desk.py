"""A dashboard process in front of a puppet desk, for tests and benchmarks.

Owns starting, steering and ending the two processes. The puppet is `puppets/fake_desk.py`.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from tests.support import PUPPETS, ROOT, PortClaims, eventually_sync
from trading_dashboard.models.login import mint_login_token

START_DEADLINE_SECONDS = 40.0


class DashboardDesk:
    """The running pair.

    Attributes:
        port: The dashboard's.
        state: The state directory they share.
        process: The dashboard.
        puppet: The control API and the market data agent.
    """

    def __init__(self, state: Path, port: int) -> None:
        self.state = state
        self.port = port
        self.addresses: dict[str, str] = {}
        self.process: subprocess.Popen[str] | None = None
        self.puppet: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    @property
    def cookie_name(self) -> str:
        return f"td_session_{self.port}"

    def login_url(self, ttl_seconds: float = 600) -> str:
        """Return a new one-time link."""
        key = (self.state / "run" / "login.key").read_bytes()
        return f"{self.url}/login?token={mint_login_token(key, time.time(), ttl_seconds)}"

    def control_token(self) -> str:
        return (self.state / "run" / "control.token").read_text("ascii")

    def agent_token(self) -> str:
        return (self.state / "run" / "agents" / "market_data.token").read_text("ascii")

    def start(self) -> None:
        """Start both and wait until the page is served."""
        self.start_puppet()
        self.start_dashboard()

    def start_puppet(self) -> None:
        script = str(PUPPETS / "fake_desk.py")
        self.puppet = _spawn([sys.executable, script, str(self.state)], {})
        assert self.puppet.stdout is not None
        self.addresses = json.loads(self.puppet.stdout.readline())

    def start_dashboard(self, settings: Mapping[str, Any] | None = None) -> None:
        environment = {"TRADING_DASHBOARD_STATE_DIRECTORY": str(self.state)}
        if settings is not None:
            environment["TRADING_DASHBOARD_AGENT_SETTINGS"] = json.dumps(settings)
        command = [sys.executable, "-m", "trading_dashboard.dashboard", "--port", str(self.port)]
        self.process = _spawn(command, environment)
        eventually_sync(self._is_served, START_DEADLINE_SECONDS, what="GET /health answers")

    def steer(self, **wishes: Any) -> dict[str, Any]:
        """Tell the puppet what to do; returns what it knows."""
        request = urllib.request.Request(
            f"{self.addresses['control']}/puppet", json.dumps(wishes).encode(), method="POST"
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            known: dict[str, Any] = json.loads(answer.read())
        return known

    def end(self) -> None:
        """End both."""
        for process in (self.process, self.puppet):
            if process is not None:
                _end(process)

    def end_puppet(self) -> None:
        """End the puppet: the supervisor and the agent are gone."""
        assert self.puppet is not None
        _end(self.puppet)

    def _is_served(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise RuntimeError(f"the dashboard ended with {self.process.returncode}")
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


AnyDesk = TypeVar("AnyDesk", bound=DashboardDesk)


@contextlib.contextmanager
def running_desk(state: Path, port: int) -> Iterator[DashboardDesk]:
    """Yield a running desk; nothing is left afterwards."""
    with running(DashboardDesk(state, port)) as desk:
        yield desk


@contextlib.contextmanager
def running(desk: AnyDesk) -> Iterator[AnyDesk]:
    """Start a desk, of whatever kind, and end it."""
    try:
        desk.start()
        yield desk
    finally:
        desk.end()


_CLAIMS = PortClaims()


def any_port() -> int:
    """Return a port that is free and stays this worker's until it ends."""
    return _CLAIMS.take()


def _spawn(command: list[str], environment: Mapping[str, str]) -> subprocess.Popen[str]:
    merged = {**os.environ, "PYTHONPATH": str(ROOT / "src"), **environment}
    return subprocess.Popen(
        command, env=merged, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT
    )


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(5)
    if process.stdout is not None:
        process.stdout.close()
