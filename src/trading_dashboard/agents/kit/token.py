"""The tokens of an agent's roles: who may read, who may trade, who may operate.

Owns the tokens' files and the comparison. A file is read at every check, so that a new token is
valid at once; only requests that need one pay for that. Who operates may do all that others may.

    operate   `OperatorToken`, every agent has it
    trade     `TradeToken`, of agents that take orders
    read      `ReadToken`, where reading is not open to whoever gets at the port

No token, or one of nobody: `Unauthorized` (401). One whose role may not do this: `Forbidden` (403).
"""

from __future__ import annotations

import hmac
import logging
import os
import secrets
import tempfile
from pathlib import Path
from typing import ClassVar

from fastapi.openapi.models import HTTPBearer as HTTPBearerModel
from fastapi.security.base import SecurityBase
from starlette.requests import HTTPConnection

from trading_dashboard.models.errors import Forbidden, TradingDashboardError, Unauthorized

_SCHEME = "bearer "

logger = logging.getLogger(__name__)


class TokenUnusable(TradingDashboardError):
    """A token's file cannot be made."""

    code = "token_unusable"


class RoleToken(SecurityBase):
    """A FastAPI dependency: passes requests that carry the role's token, or a stronger role's.

    Attributes:
        path: The token's file.
        is_used: The agent has this role; its file is looked at.
    """

    role: ClassVar[str]
    scheme: ClassVar[str]

    def __init__(self, path: Path, *stronger: RoleToken) -> None:
        """Name the file; nothing is read or made yet.

        Args:
            path: Where the token is.
            stronger: Roles that may do all that this one may.
        """
        self.path = path
        self.model = HTTPBearerModel(description=f"The {self.role} token of this agent.")
        self.scheme_name = self.scheme
        self.is_used = False
        self._stronger = stronger
        self._weaker: list[RoleToken] = []
        for other in stronger:
            other._weaker.append(self)

    async def __call__(self, connection: HTTPConnection) -> None:
        """Check one request, or one WebSocket before it is accepted."""
        self.check(connection.headers.get("authorization", ""))

    def ensure(self) -> None:
        """Make the file with a new token if it is missing or empty. Readable by its owner only.

        Raises:
            TokenUnusable: It cannot be made.
        """
        self.is_used = True
        try:
            if self.path.exists() and self.path.stat().st_size:
                return
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            # Whole or not at all: a process killed in between must not leave an empty token.
            descriptor, draft = tempfile.mkstemp(dir=self.path.parent, prefix=self.path.name)
            try:
                with os.fdopen(descriptor, "w") as file:
                    file.write(secrets.token_urlsafe(32))
                Path(draft).replace(self.path)
            except BaseException:
                Path(draft).unlink(missing_ok=True)
                raise
        except OSError as error:
            raise TokenUnusable(
                f"The {self.role} token cannot be put in {self.path}.",
                subject=str(self.path),
                observed=error.strerror or str(error),
                next_step="Check the folder's permissions and free space.",
            ) from error
        logger.info("The %s token of this agent is in %s", self.role, self.path)

    def check(self, authorization: str) -> None:
        """Raise unless the header carries this role's token, or a stronger one's.

        Raises:
            Forbidden: It carries the token of a role that may not do this.
            Unauthorized: It carries none, or one of nobody.
        """
        candidate = _candidate(authorization)
        stronger = [x for x in self._stronger if x.is_used or isinstance(x, OperatorToken)]
        # All are compared whatever the first says: how long it takes tells nothing.
        if any([self._is(candidate), *(other._is(candidate) for other in stronger)]):
            return
        known = [other.role for other in self._weaker if other.is_used and other._is(candidate)]
        if known:
            raise Forbidden(
                f"This needs the {self.role} token of the agent.",
                observed=f"the {known[0]} token",
                next_step=f"Send 'Authorization: Bearer …' with the content of {self.path}.",
            )
        raise Unauthorized(
            f"This needs the {self.role} token of the agent.",
            observed="no token" if not candidate else "another token",
            next_step=f"Send 'Authorization: Bearer …' with the content of {self.path}.",
        )

    def _is(self, candidate: str) -> bool:
        expected = self._read()
        matches = hmac.compare_digest(candidate.encode(), expected.encode())
        return bool(expected) and matches

    def _read(self) -> str:
        try:
            with self.path.open() as file:
                if os.fstat(file.fileno()).st_mode & 0o077:
                    logger.error(
                        "%s can be read by others; no token is accepted until its mode is 0600",
                        self.path,
                    )
                    return ""
                return file.read().strip()
        except OSError as error:
            logger.error("The %s token cannot be read: %s", self.role, error)
            return ""


class OperatorToken(RoleToken):
    """May do everything."""

    role = "operator"
    scheme = "operator"


class TradeToken(RoleToken):
    """May place and cancel orders. Call `ensure` at the start of an agent that takes orders."""

    role = "trade"
    scheme = "trader"


class ReadToken(RoleToken):
    """May read, where that is not open: the agent says so with `create_agent_app`."""

    role = "read"
    scheme = "reader"


def token_beside(operator_file: Path, role: str) -> Path:
    """Return the file of another role's token, beside the operator's.

    ``operator.token`` has ``trade.token`` beside it, ``NAME.token`` has ``NAME.trade.token``.
    """
    stem = operator_file.name.removesuffix(".token")
    name = f"{role}.token" if stem == "operator" else f"{stem}.{role}.token"
    return operator_file.with_name(name)


def _candidate(authorization: str) -> str:
    given = authorization.strip()
    has_scheme = given[: len(_SCHEME)].lower() == _SCHEME
    return given[len(_SCHEME) :].strip() if has_scheme else ""
