"""How many messages a client of a WebSocket may send.

Owns a token bucket. Who goes on beyond it is disconnected: its messages cost others' time.
"""

from __future__ import annotations

import time

MESSAGES_PER_SECOND = 20.0
MESSAGE_BURST = 60.0


class Allowance:
    """How many messages a client may still send now (a token bucket)."""

    def __init__(self) -> None:
        self._left = MESSAGE_BURST
        self._at = time.monotonic()

    def take(self) -> bool:
        """Use one; False if there is none."""
        now = time.monotonic()
        self._left = min(self._left + (now - self._at) * MESSAGES_PER_SECOND, MESSAGE_BURST)
        self._at = now
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True
