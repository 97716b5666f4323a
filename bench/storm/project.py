"""A project of its own with a real supervisor: folder, ports, configuration, life and death.

Owns what is started here and leaves nothing of it behind. What is done to it is `faults`'s.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.storm.bystanders import Bystanders
from bench.storm.disk import Disk
from bench.storm.process_table import Identity, Members, read_command, read_row, read_table
from tests.support import PortClaims
from trading_dashboard.clients.lease import read_lease, read_token
from trading_dashboard.models.errors import TradingDashboardError

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
START_SECONDS = 30.0
DASHBOARD = "dashboard"
DEPENDENTS = {3: 0, 5: 3}
"""Agents, by number, that depend on another."""
RESTART = {
    "max_restarts": 1000,
    "window_seconds": 600,
    "first_delay_seconds": 0.1,
    "max_delay_seconds": 0.5,
    "stable_after_seconds": 2,
}


class Project:
    """One temporary project and whoever supervises it now."""

    def __init__(self, agents: int, with_dashboard: bool, supervisor: str, may_mount: bool) -> None:
        """Prepare it; nothing is supervised yet.

        Args:
            agents: How many.
            with_dashboard: The real one, not a stand-in.
            supervisor: The module to be started.
            may_mount: Whether `var/` may become a file system of its own.
        """
        self.root = Path(tempfile.mkdtemp(prefix="chaos-")).resolve()
        self.field = self.root / "field"
        self.field.mkdir()
        self.disk = Disk(self.root / "var", may_mount)
        self.members = Members(self.field, self.root / "var")
        self._claims = PortClaims()
        self.ports = {f"a{number}": self._claims.take() for number in range(agents)}
        self.names = list(self.ports)
        self.ports[DASHBOARD] = self._claims.take()
        self.bystanders = Bystanders(self.root)
        self.configuration = json.dumps(self._configuration(), indent=1)
        (self.root / "config" / "environments").mkdir(parents=True)
        (self.root / "config" / "environments" / "development.yaml").write_text("agents: {}\n")
        self.write_configuration(self.configuration)
        puppet = (sys.executable, "-I", "-S", str(HERE / "puppet.py"))
        stand_in = (*puppet, str(self.ports[DASHBOARD]), str(self.field), DASHBOARD)
        self._supervisor = supervisor
        self._stand_in = () if with_dashboard else stand_in
        self.process: subprocess.Popen[bytes] | None = None
        self.control: tuple[str, str] | None = None
        """Where the control API answers, and its token."""
        self.starts = 0
        for name in self.names:
            self.set_mode(name, "plain", "good")

    def _configuration(self) -> dict[str, Any]:
        puppet = ["python", "-I", "-S", str(HERE / "puppet.py"), "{port}", str(self.field)]
        agents: dict[str, Any] = {}
        for number, name in enumerate(self.names):
            agents[name] = {
                "url": f"http://127.0.0.1:{self.ports[name]}",
                "start_command": [*puppet, name],
                "health_check_interval": 0.5,
                "timeout": 0.5,
                "failure_threshold": 2,
                "startup_timeout": 3,
                "stop_timeout": 0.5,
                "restart": RESTART,
            }
            if number in DEPENDENTS:
                agents[name]["depends_on"] = [f"a{DEPENDENTS[number]}"]
        return {
            "agents": agents,
            "dashboard": {"port": self.ports[DASHBOARD], "open_browser": False},
            # Small, so that memory is flat after a minute and files rotate often.
            "logs": {"ring_lines": 200, "max_bytes": 64 * 1024, "backups": 2},
        }

    def set_mode(self, name: str, life: str, answer: str) -> None:
        """Say how an agent lives and answers from now on; see `puppet`."""
        path = self.field / f"{name}.mode"
        new = path.with_suffix(".new")
        new.write_text(f"{life} {answer}")
        new.replace(path)

    def write_configuration(self, text: str) -> None:
        """Replace the file as a whole: half a valid one may be valid, too."""
        path = self.root / "config" / "agents.yaml"
        new = path.with_suffix(".new")
        new.write_text(text)
        new.replace(path)

    @property
    def pid(self) -> int:
        """Return the supervisor's pid; 0 while there is none."""
        is_there = self.process is not None and self.process.poll() is None
        return self.process.pid if self.process is not None and is_there else 0

    def guardian(self) -> Identity | None:
        """Return the living guardian of the present supervisor."""
        for row in read_table():
            is_ours = row.parent == self.pid and row.is_alive
            if is_ours and "guardian.py" in read_command(row.pid):
                return row.identity
        return None

    async def start(self) -> None:
        """Start a supervisor and wait until it serves.

        Raises:
            RuntimeError: It ended, or took too long.
        """
        self._spawn()
        until = time.monotonic() + START_SECONDS
        while not self._is_serving():
            if self.pid == 0 or time.monotonic() > until:
                told = (self.root / f"up.{self.starts}.log").read_text(errors="replace")
                raise RuntimeError(f"the supervisor does not start: {told[-600:]}")
            await asyncio.sleep(0.02)

    def _spawn(self) -> None:
        self.disk.make_room()
        self.write_configuration(self.configuration)
        self.starts += 1
        environment = {
            **{key: value for key, value in os.environ.items() if "TRADING_DASHBOARD" not in key},
            "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "src"))),
        }
        output = (self.root / f"up.{self.starts}.log").open("wb")
        with output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", self._supervisor, str(self.root), *self._stand_in],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                cwd=ROOT,
                start_new_session=True,
            )

    def _is_serving(self) -> bool:
        with contextlib.suppress(TradingDashboardError):
            lease = read_lease(self.root)
            if lease.pid == self.pid and lease.control_url is not None:
                self.control = lease.control_url, read_token(self.root)
                return True
        return False

    async def wait_for_end(self, seconds: float) -> float | None:
        """Wait until the supervisor has ended; return how long that took, None if it has not."""
        assert self.process is not None
        began = time.monotonic()
        while self.process.poll() is None:
            if time.monotonic() - began > seconds:
                return None
            await asyncio.sleep(0.01)
        self.control = None
        return time.monotonic() - began

    def send_supervisor(self, number: signal.Signals) -> None:
        """Signal the supervisor, if there is one."""
        if self.pid and self.process is not None:
            self.process.send_signal(number)

    def send(self, identity: Identity, number: signal.Signals) -> bool:
        """Signal a process if it is still this one."""
        try:
            descriptor = os.pidfd_open(identity[0])
        except OSError:
            return False
        try:
            row = read_row(identity[0])
            if row is None or row.start != identity[1]:
                return False
            signal.pidfd_send_signal(descriptor, number)
        except OSError:
            return False
        else:
            return True
        finally:
            os.close(descriptor)

    def close(self, keep: bool = False) -> None:
        """End everything that was started, whatever state it is in, and remove the folder."""
        guardian = self.guardian() if self.pid else None
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
        for identity in [guardian] if guardian else []:
            self.send(identity, signal.SIGCONT)
        until = time.monotonic() + 10
        while (living := self.members.living()) and time.monotonic() < until:
            for member in living:
                self.send(member.identity, signal.SIGKILL)
            time.sleep(0.05)
        self.bystanders.close()
        self._claims.__exit__(None, None, None)
        if keep:
            shutil.copytree(self.root / "var", self.root / "var.kept", dirs_exist_ok=True)
        self.disk.close()
        if not keep:
            shutil.rmtree(self.root, ignore_errors=True)
