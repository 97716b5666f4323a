"""Other people's processes: the port thief and the look-alikes. None may ever be signalled."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

from bench.storm.process_table import read_row

HERE = Path(__file__).resolve().parent
REPLY_SECONDS = 10.0


class Bystander:
    """One process; see `bystander.py` for what it does."""

    def __init__(self, name: str, environment: Mapping[str, str], title: str = "") -> None:
        self.name = name
        command = [sys.executable, "-I", "-S", str(HERE / "bystander.py"), *title.split()]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **environment},
            start_new_session=True,
        )
        self.signals: list[str] = []
        self._replies: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._replies.get(timeout=REPLY_SECONDS)

    @property
    def pid(self) -> int:
        """Return its pid."""
        return self._process.pid

    @property
    def state(self) -> str | None:
        """Return its state as /proc has it, or None if it is gone."""
        row = read_row(self.pid)
        return row.state if row is not None else None

    def ask(self, command: str) -> str:
        """Return the reply to a command; empty if it is gone."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(f"{command}\n".encode())
            self._process.stdin.flush()
            return self._replies.get(timeout=REPLY_SECONDS)
        except (OSError, queue.Empty):
            return ""

    def close(self) -> None:
        """Let it end."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(2)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            text = line.decode().strip()
            if text.startswith("signal"):
                self.signals.append(text)
            else:
                self._replies.put(text)
        self._process.stdout.close()


class Bystanders:
    """The thief and three look-alikes.

    `recycled` is named by forged leases, as if a supervisor's pid had been given to it; it looks
    like a puppet and carries no marker. `neighbour` carries the marker of another project's run,
    `namesake` an agent's name only.
    """

    def __init__(self, root: Path) -> None:
        self.thief = Bystander("the thief", {})
        self.recycled = Bystander("the recycled pid", {}, f"{HERE}/puppet.py 1 {root}/field a0")
        other = {
            "TRADING_DASHBOARD_RUN_ID": "0" * 32,
            "TRADING_DASHBOARD_AGENT": "a0",
            "TRADING_DASHBOARD_GENERATION": "1",
        }
        elsewhere = {"TRADING_DASHBOARD_STATE_DIRECTORY": f"{root}-elsewhere/var"}
        self.neighbour = Bystander("the neighbour", {**other, **elsewhere})
        self.namesake = Bystander("the namesake", {"TRADING_DASHBOARD_AGENT": "a0"})
        self.all = (self.thief, self.recycled, self.neighbour, self.namesake)

    def close(self) -> None:
        """Let all end."""
        for bystander in self.all:
            bystander.close()
