"""The tokens of one run: who may do what, and replacing them while they are in use.

Owns what is accepted now. Making the files is whoever gives `store`'s.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
from collections.abc import Callable, Mapping, Sequence

from trading_dashboard.models.control import TokenRole
from trading_dashboard.models.errors import TradingDashboardError

TOKEN_BYTES = 32

Store = Callable[[TokenRole, str], None]


class Grant:
    """One accepted token. `revoked` is set when it is not accepted any more."""

    def __init__(self, role: TokenRole, token: str) -> None:
        if not token:
            raise ValueError("an empty token would let everybody in")
        self.role = role
        self.revoked = asyncio.Event()
        self._token = token.encode()

    def is_proven_by(self, given: bytes) -> bool:
        """Return whether this is the token, in a time that does not tell how much of it is."""
        return hmac.compare_digest(given, self._token)


class Tokens:
    """A token for each role; used from one event loop."""

    def __init__(self, tokens: Mapping[TokenRole, str], store: Store | None = None) -> None:
        """Take this run's tokens and what writes a role's new one for clients to read."""
        self._grants = [Grant(role, token) for role, token in tokens.items()]
        self._store = store
        self._rotating = asyncio.Lock()

    def grant_of(self, given: bytes) -> Grant | None:
        """Return what a token allows, or None. Every token is compared, whichever it is."""
        found = None
        for grant in self._grants:
            if grant.is_proven_by(given):
                found = grant
        return found

    async def rotate(self, roles: Sequence[TokenRole]) -> None:
        """Replace the tokens of these roles, one after the other.

        The file's content is accepted at every moment: until a new token is written, both work,
        and from then on only the new one. Sockets that the old one opened are told (`revoked`).

        Raises:
            TradingDashboardError: One cannot be written; the old one stays.
        """
        async with self._rotating:
            for role in roles:
                await self._rotate(role)

    async def _rotate(self, role: TokenRole) -> None:
        token = secrets.token_urlsafe(TOKEN_BYTES)
        before = [grant for grant in self._grants if grant.role is role]
        fresh = Grant(role, token)
        self._grants.append(fresh)
        try:
            if self._store is not None:
                await asyncio.to_thread(self._store, role, token)
        except OSError as error:
            self._drop([fresh])
            raise TradingDashboardError(
                f"The new {role} token could not be written: {error.strerror}.",
                subject=role,
                next_step="Mend what keeps var/run from being written; the old token still works.",
            ) from error
        self._drop(before)

    def _drop(self, grants: Sequence[Grant]) -> None:
        self._grants = [grant for grant in self._grants if grant not in grants]
        for grant in grants:
            grant.revoked.set()
