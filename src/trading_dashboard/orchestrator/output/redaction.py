"""Taking secrets out of text before anybody keeps it.

Owns the patterns. Two nets: shapes that secrets commonly have in logs, and the very values that the
agent was given under names that sound secret.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping

REDACTED = "[redacted]"
MIN_SECRET_LENGTH = 8

_SECRET_NAME = re.compile(
    r"(?:^|_)(?:SECRETS?|TOKEN|PASSWORD|PASSWD|CREDENTIALS?|PASSPHRASE|API_?KEY|KEY)$|_PWD$",
    re.IGNORECASE,
)
_VALUE = r"""[^\s"'&,;)}\]<>]+"""
_PATTERNS = (
    # Authorization: Basic dXNlcjpwYXNz
    re.compile(
        rf"""(authorization["']?[ \t]*[:=][ \t]*["']?(?:\w+[ \t]+)?){_VALUE}""", re.IGNORECASE
    ),
    re.compile(r"(\bbearer[ \t]+)[\w.~+/=-]{8,}", re.IGNORECASE),
    # password=…, "api_key": "…", ?token=…
    re.compile(
        r"((?:password|passwd|passphrase|secret|token|credential|api[_-]?key|access[_-]?key"
        rf"""|private[_-]?key)["']?[ \t]*[=:][ \t]*["']?)(?!\[redacted\]){_VALUE}""",
        re.IGNORECASE,
    ),
    re.compile(rf"""((?:\b|_|-)key=["']?){_VALUE}""", re.IGNORECASE),
    # https://user:password@host
    re.compile(r"(://[^/\s:@]*:)[^/\s@]+(?=@)"),
)
# Cheap to look for, and without one of them no pattern can match.
_HINTS = ("author", "bearer", "passw", "passphrase", "secret", "token", "credential", "key", "://")


class Redactor:
    """Takes secrets out of text."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        # The longest first: one secret may hold another.
        parts = {part.strip() for secret in secrets for part in secret.splitlines()}
        parts = {part for part in parts if len(part) >= MIN_SECRET_LENGTH}
        # Also as JSON lines write them: they are read back into what they mean.
        parts |= {json.dumps(p, ensure_ascii=a)[1:-1] for p in parts for a in (False, True)}
        self._secrets = sorted(parts, key=len)
        self._secrets.reverse()

    def redact(self, text: str) -> str:
        """Return the text without what looks like, or is known to be, a secret."""
        for secret in self._secrets:
            if secret in text:
                text = text.replace(secret, REDACTED)
        lowered = text.lower()
        if any(hint in lowered for hint in _HINTS):
            for pattern in _PATTERNS:
                text = pattern.sub(rf"\g<1>{REDACTED}", text)
        return text


def secret_values(*environments: Mapping[str, str]) -> set[str]:
    """Return the values that stand under names that sound secret."""
    return {
        value
        for environment in environments
        for name, value in environment.items()
        if _SECRET_NAME.search(name) and len(value) >= MIN_SECRET_LENGTH
    }
