"""What a client of the control API says of itself: its token, and who asks.

Owns the token while the client lives: it may be replaced in its file at any time, so that a
refused one is read again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from trading_dashboard.models.requester import (
    CLIENT_HEADER,
    USER_HEADER,
    ClientName,
    plain_user,
)


class Credentials:
    """One client's. `reread` returns the token that is in its file now."""

    def __init__(
        self,
        token: str,
        reread: Callable[[], str] | None = None,
        client: ClientName = "api",
        user: str | None = None,
    ) -> None:
        self.token = token
        self._reread = reread
        self._identity = {CLIENT_HEADER: str(client)} if client != "api" else {}
        if known := plain_user(user):
            self._identity[USER_HEADER] = known

    @property
    def headers(self) -> dict[str, str]:
        """Return what every request carries."""
        return {"Authorization": f"Bearer {self.token}", **self._identity}

    async def renew(self, refused: str) -> bool:
        """Take the token that is in its file now; return whether it is not the refused one.

        Raises:
            NotSupervised: No supervisor runs any more.
        """
        if self.token == refused and self._reread is not None:
            self.token = await asyncio.to_thread(self._reread)
        return self.token != refused
