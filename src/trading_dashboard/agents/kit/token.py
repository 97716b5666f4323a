"""The operator token: who may change an agent's state.

Owns the token's file and the comparison. The file is read at every check, so that a new token is
valid at once; only operators' requests pay for that.
"""

from __future__ import annotations

import hmac
import logging
import os
import secrets
import tempfile
from pathlib import Path

from fastapi import Request
from fastapi.openapi.models import HTTPBearer as HTTPBearerModel
from fastapi.security.base import SecurityBase

from trading_dashboard.models.errors import TradingDashboardError, Unauthorized

_SCHEME = "bearer "

logger = logging.getLogger(__name__)


class TokenUnusable(TradingDashboardError):
    """The operator token's file cannot be made."""

    code = "token_unusable"


class OperatorToken(SecurityBase):
    """A FastAPI dependency: passes requests that carry the token, raises `Unauthorized` else."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.model = HTTPBearerModel(description="The operator token of this agent.")
        self.scheme_name = "operator"

    async def __call__(self, request: Request) -> None:
        """Check one request."""
        self.check(request.headers.get("authorization", ""))

    def ensure(self) -> None:
        """Make the file with a new token if it is missing or empty. Readable by its owner only.

        Raises:
            TokenUnusable: It cannot be made.
        """
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
                f"The operator token cannot be put in {self.path}.",
                subject=str(self.path),
                observed=error.strerror or str(error),
                next_step="Check the folder's permissions and free space.",
            ) from error
        logger.info("The operator token of this agent is in %s", self.path)

    def check(self, authorization: str) -> None:
        """Raise `Unauthorized` unless the header carries the token."""
        expected = self._read()
        given = authorization.strip()
        has_scheme = given[: len(_SCHEME)].lower() == _SCHEME
        candidate = given[len(_SCHEME) :].strip() if has_scheme else ""
        matches = hmac.compare_digest(candidate.encode(), expected.encode())
        if not expected or not matches:
            raise Unauthorized(
                "This needs the operator token of the agent.",
                observed="no token" if not candidate else "another token",
                next_step=f"Send 'Authorization: Bearer …' with the content of {self.path}.",
            )

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
            logger.error("The operator token cannot be read: %s", error)
            return ""
