"""A desk started by `up`: the real supervisor, real agents, real daily history."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.dashboard_desk import DashboardDesk, any_port
from tests.support import ROOT, eventually_sync, write_project


class RealDesk(DashboardDesk):
    """A desk started by `up` in a project of its own."""

    def __init__(self, root: Path, settings: Mapping[str, Any] | None = None) -> None:
        super().__init__(root / "var", any_port())
        self.root = root
        self.settings = {"source": "demo", **(settings or {})}
        self.agent_port = any_port()

    def start(self) -> None:
        write_project(self.root, self._agents())
        command = [sys.executable, "-m", "trading_dashboard.cli", "up", "--no-browser"]
        command += ["--project-root", str(self.root), "--port", str(self.port)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
        with (self.root / "up.log").open("wb") as log:
            self.process = subprocess.Popen(
                command, env=environment, stdout=log, stderr=log, text=True
            )
        eventually_sync(self._is_served, 60, what="the page is served")
        eventually_sync(lambda: self.ask("/health"), 60, what="the agent answers")

    def _agents(self) -> dict[str, Any]:
        command = ["python", "-m", "trading_dashboard.agents.market_data", "--port", "{port}"]
        agent = {"url": f"http://localhost:{self.agent_port}", "start_command": command}
        risk = {"url": f"http://localhost:{any_port()}", "enabled": False, "auto_start": False}
        interval = {"health_check_interval": 1, "settings": self.settings}
        return {"agents": {"market_data": agent | interval, "risk_management": risk}}

    def ask(self, path: str) -> Any:
        """Return the agent's own answer, None while there is none."""
        return ask(self.agent_port, path)

    def set_clock(self, **change: Any) -> None:
        """Change the market clock, as the page does."""
        headers = {"authorization": f"Bearer {self.agent_token()}"}
        url = f"http://localhost:{self.agent_port}/clock"
        httpx.post(url, json=change, headers=headers, trust_env=False).raise_for_status()

    def agent_pid(self) -> int:
        """Return the process that listens on the agent's port."""
        assert self.process is not None
        for child in psutil.Process(self.process.pid).children(recursive=True):
            if "trading_dashboard.agents.market_data" in child.cmdline():
                return child.pid
        raise AssertionError("no agent")

    def end(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(20)


def ask(port: int, path: str) -> Any:
    """Return what is answered there, None if nothing is or it is an error."""
    try:
        answer = httpx.get(f"http://localhost:{port}{path}", trust_env=False)
    except httpx.HTTPError:
        return None
    return answer.json() if answer.status_code == 200 else None
