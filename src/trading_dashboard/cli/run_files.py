"""The secrets of one run, in files only their owner can read.

Owns `control.token` and `login.key` under ``var/run``: new in each run, written whole or not at
all, removed at the end.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

TOKEN_BYTES = 32
KEY_BYTES = 32
TOKEN_FILE = "control.token"  # noqa: S105 - a file name
KEY_FILE = "login.key"


@dataclass(frozen=True, slots=True, repr=False)
class RunSecrets:
    """One run's secrets.

    Attributes:
        control_token: What clients of the control API send.
        login_key: What login links and sessions are signed with.
    """

    control_token: str
    login_key: bytes


def write_run_secrets(state_directory: Path) -> RunSecrets:
    """Make this run's secrets and write them; those of an earlier run are replaced."""
    made = RunSecrets(secrets.token_urlsafe(TOKEN_BYTES), secrets.token_bytes(KEY_BYTES))
    folder = state_directory / "run"
    _write(folder / TOKEN_FILE, made.control_token.encode())
    _write(folder / KEY_FILE, made.login_key)
    return made


def remove_run_secrets(state_directory: Path) -> None:
    """Remove the files; nothing answers to them any more."""
    for name in (TOKEN_FILE, KEY_FILE):
        (state_directory / "run" / name).unlink(missing_ok=True)


def _write(path: Path, content: bytes) -> None:
    temporary = path.with_name(f"{path.name}.new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    temporary.replace(path)
