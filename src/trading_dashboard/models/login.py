"""Login links of the dashboard: what the CLI mints and the dashboard verifies.

Owns the shape of a link's token and its signature. Whether a token was used before, cookies and
pages are the dashboard's.

    token   = base64url(nonce | expiry) "." base64url(HMAC-SHA256(key, "login|" + first part))
    nonce   = 16 random bytes
    expiry  = unix seconds, unsigned 64 bit, big-endian
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import struct
from dataclasses import dataclass

from trading_dashboard.models.errors import Unauthorized

NONCE_BYTES = 16
LOGIN_PURPOSE = b"login|"
MAX_TOKEN_LENGTH = 256


@dataclass(frozen=True, slots=True)
class LoginGrant:
    """A verified token; it may be used once.

    Attributes:
        nonce: What makes it unique.
        expires_at: Unix seconds.
    """

    nonce: bytes
    expires_at: int


def mint_login_token(key: bytes, now: float, ttl_seconds: float = 600) -> str:
    """Return a token that lets its bearer in once, until `now + ttl_seconds` (unix seconds)."""
    payload = secrets.token_bytes(NONCE_BYTES) + struct.pack(">Q", int(now + ttl_seconds))
    return sign(key, LOGIN_PURPOSE, payload)


def verify_login_token(key: bytes, token: str, now: float) -> LoginGrant:
    """Return the grant of a token whose signature holds and whose time is not over.

    Raises:
        Unauthorized: The token is malformed, not signed with `key`, or expired.
    """
    payload = unsign(key, LOGIN_PURPOSE, token)
    if payload is None or len(payload) != NONCE_BYTES + 8:
        raise Unauthorized("The login link is not valid.", next_step="Open a new link.")
    (expires_at,) = struct.unpack(">Q", payload[NONCE_BYTES:])
    if now >= expires_at:
        raise Unauthorized("The login link has expired.", next_step="Open a new link.")
    return LoginGrant(nonce=payload[:NONCE_BYTES], expires_at=expires_at)


def sign(key: bytes, purpose: bytes, payload: bytes) -> str:
    """Return ``base64url(payload).base64url(mac)``; `purpose` keeps uses of one key apart."""
    body = _encode(payload)
    return f"{body}.{_encode(_mac(key, purpose, body))}"


def unsign(key: bytes, purpose: bytes, token: str) -> bytes | None:
    """Return the payload of what `sign` made with the same key and purpose, else None."""
    if not key or len(token) > MAX_TOKEN_LENGTH or not token.isascii():
        return None
    body, _, mac = token.partition(".")
    if not hmac.compare_digest(_encode(_mac(key, purpose, body)).encode(), mac.encode()):
        return None
    return _decode(body)


def _mac(key: bytes, purpose: bytes, body: str) -> bytes:
    return hmac.new(key, purpose + body.encode(), hashlib.sha256).digest()


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes | None:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return None
