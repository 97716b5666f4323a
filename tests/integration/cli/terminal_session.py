"""Commands as a person runs them: `up` in one process, the others beside it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.support import PUPPETS, ROOT, eventually_sync

COMMAND = [sys.executable, "-P", "-m", "trading_dashboard.cli"]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT / "src"), "TERM": "dumb", "COLUMNS": "200"}


def run(*arguments: str, root: Path) -> subprocess.CompletedProcess[str]:
    """Run a command that ends by itself."""
    command = [*COMMAND, *arguments, "--project-root", str(root)]
    return subprocess.run(
        command, env=environment(), capture_output=True, text=True, timeout=50, check=False
    )


def agent(port: int, puppet: str = "healthy", **settings: Any) -> dict[str, Any]:
    """Return the settings of an agent that is a puppet."""
    return {
        "url": f"http://127.0.0.1:{port}",
        "start_command": ["python", str(PUPPETS / f"{puppet}.py"), "{port}"],
        "health_check_interval": 0.5,
        **settings,
    }


def desk(agents: Mapping[str, Any], **sections: Any) -> dict[str, Any]:
    """Return an agents.yaml without a dashboard."""
    return {"agents": dict(agents), "dashboard": {"enabled": False}, **sections}


class Up:
    """A running `up`; whatever is left of it is killed at the end of the block."""

    def __init__(self, root: Path, *options: str, **popen: Any) -> None:
        self.root = root
        self.lines: list[str] = []
        command = [*COMMAND, "up", "--no-browser", "--project-root", str(root), *options]
        settings = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, **popen}
        self.process = subprocess.Popen(command, env=environment(), text=True, **settings)
        self._reader = threading.Thread(target=self._read, daemon=True)
        if self.process.stdout is not None:
            self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
        if self.process.stdout is not None:
            self._reader.join(5)
            self.process.stdout.close()

    @property
    def text(self) -> str:
        return "".join(self.lines)

    @property
    def lease(self) -> dict[str, Any]:
        loaded = json.loads((self.root / "var" / "run" / "lease.json").read_text("utf-8"))
        assert isinstance(loaded, dict)
        return loaded

    def wait_for(self, text: str, deadline: float = 30.0) -> None:
        """Wait until `up` has written a text, or fail with what it wrote instead."""

        def written() -> bool:
            assert self.process.poll() is None or text in self.text, self.text
            return text in self.text

        eventually_sync(written, deadline, what=f"{text!r} in the output")

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def wait(self, seconds: float = 30.0) -> int:
        """Return the exit code."""
        code = self.process.wait(seconds)
        if self.process.stdout is not None:
            self._reader.join(5)
        return code

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)
