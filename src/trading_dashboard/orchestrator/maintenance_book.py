"""Who is in maintenance, kept on disk so that a restart of the supervisor does not end it.

Owns the file. What maintenance means for an agent is `maintenance_rule`'s.
"""

from __future__ import annotations

import asyncio
import logging
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from trading_dashboard.models.agents import Maintenance

FILE = Path("data/supervisor/maintenance.json")
MAX_BYTES = 1024 * 1024

_log = logging.getLogger("trading_dashboard.supervisor")


class _Content(BaseModel):
    model_config = ConfigDict(extra="forbid")

    version: Literal[1] = 1
    agents: dict[str, Maintenance] = {}


class MaintenanceBook:
    """The file under `var/`. Used from one event loop."""

    def __init__(self, state_directory: Path) -> None:
        self._path = state_directory / FILE
        self._agents: dict[str, Maintenance] = {}
        self._writing = asyncio.Lock()

    async def load(self, now: datetime) -> dict[str, Maintenance]:
        """Return who is in maintenance still. A file that cannot be understood is set aside."""
        found = await asyncio.to_thread(self._read)
        self._agents = {
            name: entry for name, entry in found.items() if entry.until is None or entry.until > now
        }
        return dict(self._agents)

    async def put(self, agent: str, maintenance: Maintenance | None) -> None:
        """Keep that an agent is in maintenance, or is not.

        A disk that refuses is told in the log: who works on an agent must not depend on it.
        """
        if maintenance is not None:
            self._agents[agent] = maintenance
        elif self._agents.pop(agent, None) is None:
            return
        async with self._writing:
            text = _Content(agents=self._agents).model_dump_json(indent=2)
            try:
                await asyncio.to_thread(self._write, text)
            except OSError as error:
                _log.error(
                    "%s: that it is in maintenance or not cannot be kept in %s (%s): a restart of "
                    "the supervisor will not know of it. Free space, then set it again.",
                    agent, self._path, error,
                )  # fmt: skip

    def _read(self) -> dict[str, Maintenance]:
        try:
            with self._path.open("rb") as file:
                content = file.read(MAX_BYTES + 1)
        except FileNotFoundError:
            return {}
        except OSError as error:
            _log.warning("%s cannot be read (%s): nothing is in maintenance", self._path, error)
            return {}
        try:
            if len(content) > MAX_BYTES:
                raise ValueError(f"it is larger than {MAX_BYTES} bytes")
            return _Content.model_validate_json(content).agents
        except (ValidationError, ValueError) as error:
            self._set_aside(str(error).splitlines()[0])
            return {}

    def _set_aside(self, problem: str) -> None:
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        aside = self._path.with_name(f"{self._path.name}.damaged-{stamp}")
        try:
            self._path.replace(aside)
        except OSError as error:
            _log.warning("%s is damaged (%s) and stays (%s)", self._path, problem, error)
            return
        _log.warning(
            "%s is damaged (%s); it was moved to %s, and nothing is in maintenance. Set again what "
            "was.", self._path, problem, aside.name,
        )  # fmt: skip

    def _write(self, text: str) -> None:
        """Replace the file at once: whoever reads it sees the old or the new one, whole."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = self._path.with_name(f"{self._path.name}.new")
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._path)
