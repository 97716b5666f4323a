"""Who asked for something, for the record: which client, from where, which user.

A record, not a proof: whoever holds an operator token may say what it likes, within bounds.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Any, Literal, Self

ClientName = Literal["cli", "dashboard", "api"]
NAMED_CLIENTS: tuple[ClientName, ...] = ("cli", "dashboard")
"""Clients that say who they are; whoever else comes over HTTP is `api`."""
MAX_NAME_CHARACTERS = 32
MAX_USER_CHARACTERS = 64
MAX_ADDRESS_CHARACTERS = 45
CLIENT_HEADER = "X-Client"
USER_HEADER = "X-Client-User"
ADDRESS_HEADER = "X-Client-Address"

_USER = re.compile(rf"[A-Za-z0-9._@\\-]{{1,{MAX_USER_CHARACTERS}}}")


class Requester(str):
    """The client's name as text, with the address and the user it came with, if known."""

    __slots__ = ("address", "user")

    address: str | None
    user: str | None

    def __new__(cls, name: str, address: str | None = None, user: str | None = None) -> Self:
        """Make one from values that were checked."""
        made = super().__new__(cls, name)
        made.address, made.user = address, user
        return made

    @classmethod
    def over_http(
        cls, name: str | None, user: str | None, address: str | None, peer: str | None
    ) -> Self:
        """Return who asked, from what a client says and the address its connection comes from.

        What is not known or not plain is left out. Only the dashboard speaks for somebody at
        another address.
        """
        known = next((client for client in NAMED_CLIENTS if client == name), "api")
        place = address if known == "dashboard" and is_address(address) else peer
        return cls(known, place, plain_user(user))


def acted(action: str, origin: str, **more: Any) -> dict[str, Any]:
    """Return the data of an `operator_acted` event."""
    return {"action": action, **asked_by(origin), **more}


def asked_by(origin: str) -> dict[str, Any]:
    """Return what is known of who asked, as events hold it."""
    data = {"origin": str(origin)}
    if isinstance(origin, Requester):
        known = {"from": origin.address, "user": origin.user}
        data |= {name: value for name, value in known.items() if value is not None}
    return data


def plain_user(name: str | None) -> str | None:
    """Return a user's name if it can be recorded as it is."""
    return name if name and _USER.fullmatch(name) else None


def is_address(text: str | None) -> bool:
    """Return whether this is an IP address."""
    try:
        ipaddress.ip_address(text or "")
    except ValueError:
        return False
    return True
