"""The secrets of one run, in files only their owner can read.

Owns `control.token`, `control.read.token` and `login.key` under ``var/run``: new in each run,
written whole or not at all, removed at the end.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from trading_dashboard.models.control import TokenRole

TOKEN_BYTES = 32
KEY_BYTES = 32
TOKEN_FILES: Mapping[TokenRole, str] = {
    TokenRole.OPERATOR: "control.token",
    TokenRole.READ_ONLY: "control.read.token",
}
KEY_FILE = "login.key"


@dataclass(frozen=True, slots=True, repr=False)
class RunSecrets:
    """One run's secrets.

    Attributes:
        tokens: What clients of the control API send, by what they may do.
        login_key: What login links and sessions are signed with.
    """

    tokens: Mapping[TokenRole, str]
    login_key: bytes


def write_run_secrets(state_directory: Path) -> RunSecrets:
    """Make this run's secrets and write them; those of an earlier run are replaced."""
    tokens = {role: secrets.token_urlsafe(TOKEN_BYTES) for role in TokenRole}
    made = RunSecrets(tokens, secrets.token_bytes(KEY_BYTES))
    for role, token in tokens.items():
        write_token(state_directory, role, token)
    _write(state_directory / "run" / KEY_FILE, made.login_key)
    return made


def write_token(state_directory: Path, role: TokenRole, token: str) -> None:
    """Replace one token's file.

    Raises:
        OSError: It stays as it was.
    """
    _write(state_directory / "run" / TOKEN_FILES[role], token.encode())


def remove_run_secrets(state_directory: Path) -> None:
    """Remove the files; nothing answers to them any more."""
    for name in (*TOKEN_FILES.values(), KEY_FILE):
        (state_directory / "run" / name).unlink(missing_ok=True)


def _write(path: Path, content: bytes) -> None:
    temporary = path.with_name(f"{path.name}.new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    temporary.replace(path)
