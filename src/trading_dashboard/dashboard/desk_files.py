"""What the running desk left on disk for its dashboard: addresses, tokens, the login key.

Owns reading; the supervisor writes. Everything is read again when its file changes, so that a
dashboard that outlives a restart of the supervisor finds the new one.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from trading_dashboard.config.settings import DashboardSettings

STATE_DIRECTORY_VARIABLE = "TRADING_DASHBOARD_STATE_DIRECTORY"
SETTINGS_VARIABLE = "TRADING_DASHBOARD_AGENT_SETTINGS"


class DeskFiles:
    """The files of one desk, under its state directory."""

    def __init__(self, state_directory: Path) -> None:
        self.run_directory = state_directory / "run"
        self._cache: dict[Path, tuple[tuple[int, int, int], bytes]] = {}

    @classmethod
    def from_environment(cls) -> DeskFiles:
        """Return the desk named by the environment, else the one under the current folder."""
        return cls(Path(os.environ.get(STATE_DIRECTORY_VARIABLE) or "var").absolute())

    def control_url(self) -> str | None:
        """Return where the control API listens, None while no supervisor owns the desk."""
        url = self._lease().get("control_url")
        return url.rstrip("/") if isinstance(url, str) and url else None

    def control_token(self) -> str | None:
        """Return the operator token of the control API."""
        return self._text("control.token")

    def agent_token(self, name: str) -> str | None:
        """Return the operator token of one agent; `name` must be a configured one."""
        return self._text(f"agents/{name}.token")

    def read_token(self, name: str) -> str | None:
        """Return the token that reading an agent needs; None where it is open."""
        return self._text(f"agents/{name}.read.token")

    def login_key(self) -> bytes:
        """Return the key that login links and sessions are signed with; empty if there is none."""
        return self._bytes("login.key") or b""

    def _lease(self) -> dict[str, Any]:
        try:
            lease = json.loads(self._bytes("lease.json") or b"{}")
        except ValueError:
            return {}
        return lease if isinstance(lease, dict) else {}

    def _text(self, name: str) -> str | None:
        data = self._bytes(name)
        return data.decode("ascii", "replace").strip() if data else None

    def _bytes(self, name: str) -> bytes | None:
        path = self.run_directory / name
        try:
            stat = path.stat()
            stamp = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            cached = self._cache.get(path)
            if cached is None or cached[0] != stamp:
                cached = self._cache[path] = (stamp, path.read_bytes())
            return cached[1]
        except OSError:
            self._cache.pop(path, None)
            return None


def dashboard_settings() -> DashboardSettings:
    """Return the dashboard's settings as the supervisor handed them over, else the defaults.

    Raises:
        pydantic.ValidationError: The variable holds something else.
    """
    text = os.environ.get(SETTINGS_VARIABLE)
    return DashboardSettings.model_validate_json(text) if text else DashboardSettings()
