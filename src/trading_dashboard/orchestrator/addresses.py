"""Reading an agent's `url`. Owns nothing but the parsing; URLs were checked when loaded."""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from urllib.parse import urlsplit

from trading_dashboard.config.settings import AgentSettings


@lru_cache(maxsize=1024)
def host_and_port(url: str) -> tuple[str, int]:
    """Return host and port of an agent's URL; the scheme's own port if it names none."""
    parts = urlsplit(url)
    default = 443 if parts.scheme == "https" else 80
    return parts.hostname or "localhost", parts.port or default


def is_loopback(host: str) -> bool:
    """Return whether only this machine can be meant."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def health_url(agent: AgentSettings) -> str:
    """Return where the agent's health is asked."""
    return agent.url.rstrip("/") + agent.health_endpoint
