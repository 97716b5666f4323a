"""Who is logged in: one-time links, session cookies, CSRF values.

Owns the secrets' arithmetic and the record of used links. Requests and pages are `guard` and
`login_page`. All comparisons are constant-time, on bytes.
"""

from __future__ import annotations

import contextlib
import hmac
import os
import secrets
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path

from trading_dashboard.models.errors import Unauthorized
from trading_dashboard.models.login import sign, unsign, verify_login_token

SESSION_SECONDS = 30 * 24 * 3600
_SESSION_PURPOSE = b"session|"
_CSRF_PURPOSE = b"csrf|"


class Sessions:
    """Opens and checks sessions. The key changes with every run of the desk, ending them all.

    Args:
        read_key: Returns the login key, empty if there is none.
        used_path: Where the nonces of used links are kept.
        clock: Unix seconds.
    """

    def __init__(
        self,
        read_key: Callable[[], bytes],
        used_path: Path,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._read_key = read_key
        self._used = UsedLinks(used_path)
        self._clock = clock

    def open(self, token: str) -> str:
        """Return the cookie value a login token buys. The token is worthless afterwards.

        Raises:
            Unauthorized: The token is not valid, expired, or was used before.
        """
        key, now = self._read_key(), self._clock()
        grant = verify_login_token(key, token, now)
        if not self._used.claim(grant.nonce, grant.expires_at, now):
            raise Unauthorized(
                "The login link was used before.", next_step="Each link works once; open a new one."
            )
        payload = secrets.token_bytes(16) + struct.pack(">Q", int(now + SESSION_SECONDS))
        return sign(key, _SESSION_PURPOSE, payload)

    def is_open(self, cookie: str | None) -> bool:
        """Return whether `cookie` is a session of this run that has not expired."""
        payload = unsign(self._read_key(), _SESSION_PURPOSE, cookie) if cookie else None
        if payload is None or len(payload) != 24:
            return False
        (expires_at,) = struct.unpack(">Q", payload[16:])
        return self._clock() < int(expires_at)

    def csrf(self, cookie: str) -> str:
        """Return the value that a changing request of this session must carry."""
        return sign(self._read_key(), _CSRF_PURPOSE, cookie.encode()).partition(".")[2]

    def is_csrf_valid(self, cookie: str, value: str) -> bool:
        """Return whether `value` belongs to the session of `cookie`."""
        return hmac.compare_digest(self.csrf(cookie).encode(), value.encode("utf-8", "replace"))


class UsedLinks:
    """The nonces of used login links, kept in a file (0600) until their links have expired."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._used: dict[str, int] | None = None

    def claim(self, nonce: bytes, expires_at: int, now: float) -> bool:
        """Return True the first time; the claim is on disk before this returns."""
        with self._lock:
            if self._used is None:
                self._used = self._load()
            self._used = {name: until for name, until in self._used.items() if until > now}
            name = nonce.hex()
            if name in self._used:
                return False
            self._append(f"{name} {expires_at}\n")
            self._used[name] = expires_at
            return True

    def _load(self) -> dict[str, int]:
        used: dict[str, int] = {}
        with contextlib.suppress(FileNotFoundError):
            for line in self._path.read_text("ascii", "replace").splitlines():
                name, _, until = line.partition(" ")
                if until.isdigit():
                    used[name] = int(until)
        return used

    def _append(self, line: str) -> None:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        descriptor = os.open(self._path, flags, 0o600)
        try:
            os.write(descriptor, line.encode("ascii"))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
