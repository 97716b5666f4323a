"""Taking secrets out of text before anybody keeps it.

Owns the patterns. Two nets: shapes that secrets commonly have in texts, and the very values that
the agent was given under names that sound secret.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, Self

REDACTED = "[redacted]"
MIN_SECRET_LENGTH = 8
MAX_DEPTH = 8
"""So deep secrets are looked for in an agent's settings."""

_SECRET_NAME = re.compile(
    r"(?:^|_)(?:SECRETS?|TOKEN|PASSWORD|PASSWD|CREDENTIALS?|PASSPHRASE|API_?KEY|KEY)$|_PWD$"
    r"|^TRADING_DASHBOARD_KEY_",  # of a source of market data
    re.IGNORECASE,
)
_VALUE = r"""[^\s"'&,;)}\]<>]+"""
# Between quotes a value may hold anything, also where JSON escaped them within a text.
_GIVEN = (
    r"""(?:(?<=\\")[^"\n]*[^"\n\\]|(?<=[^\\]")(?:[^"\\\n]|\\.)+|(?<=[^\\]')(?:[^'\\\n]|\\.)+"""
    rf"""|(?!\\["']){_VALUE})"""
)


class _Shape(NamedTuple):
    """How one kind of secret is written: a pattern, and what each match of it begins with."""

    beginnings: tuple[str, ...]
    pattern: re.Pattern[str]


# What is kept of a match is its first group. A match never goes beyond its line.
_SHAPES = (
    # Authorization: Basic dXNlcjpwYXNz
    _Shape(
        ("authorization",),
        re.compile(
            rf"""(authorization["']?[ \t]*[:=][ \t]*["']?(?:\w+[ \t]+)?){_VALUE}""", re.IGNORECASE
        ),
    ),
    _Shape(("bearer",), re.compile(r"(\bbearer[ \t]+)[\w.~+/=-]{8,}", re.IGNORECASE)),
    # password=…, "api_key": "…", ?token=…
    _Shape(
        (
            "password", "passwd", "passphrase", "secret", "token", "credential", "api", "access",
            "private",
        ),
        re.compile(
            r"((?:password|passwd|passphrase|secret|token|credential|api[_-]?key|access[_-]?key"
            r"""|private[_-]?key)(?:\\?["'])?[ \t]*[=:][ \t]*(?:\\?["'])?)(?!\[redacted\])"""
            + _GIVEN,
            re.IGNORECASE,
        ),
    ),
    _Shape(
        ("key=",),
        re.compile(rf"""((?:\b|(?<=_))key=["']?)(?!\[redacted\]){_VALUE}""", re.IGNORECASE),
    ),
    # Cookie: session=…
    _Shape(
        ("cookie",),
        re.compile(
            r"""(cookie["']?[ \t]*[:=][ \t]*["']?)(?![ \t]|\[redacted\])[^"'\n]+""", re.IGNORECASE
        ),
    ),
    # a JSON web token
    _Shape(("eyj",), re.compile(r"()\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*")),
    # https://user:password@host
    _Shape(("://",), re.compile(r"(://[^/\s:@]*:)[^/\s@]+(?=@)")),
)  # fmt: skip
# Cheap to look for, and without one of them nothing can match.
_HINTS = (
    "author", "bearer", "passw", "passphrase", "secret", "token", "credential", "key", "://",
    "cookie", "eyj",
)  # fmt: skip


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

    @classmethod
    def knowing(cls, *given: Mapping[str, Any]) -> Self:
        """Return one that knows the secrets of this process's environment and of what was given.

        Args:
            given: An agent's environment, or its settings.
        """
        return cls(secret_values(os.environ, *given))

    def redact(self, text: str) -> str:
        """Return the text without what looks like, or is known to be, a secret."""
        for secret in self._secrets:
            if secret in text:
                text = text.replace(secret, REDACTED)
        lowered = _folded(text)
        if any(hint in lowered for hint in _HINTS):
            for shape in _SHAPES:
                text, lowered = _replaced(shape, text, lowered)
        return text


def _folded(text: str) -> str:
    """Return the text in lower case, with a long `s` and a dotless `i` as patterns take them."""
    return text.lower().replace("\u017f", "s").replace("\u0131", "i")


def _replaced(shape: _Shape, text: str, lowered: str) -> tuple[str, str]:
    """Return what `sub` returns, and that in lower case.

    A pattern that ignores case is tried at each character by `sub`, for 80 ns a character in all:
    an agent whose lines speak of tokens would be read at 6 MB/s. Its beginnings are found at once.
    """
    if len(lowered) != len(text):  # some capitals are two letters when small
        text = shape.pattern.sub(rf"\g<1>{REDACTED}", text)
        return text, _folded(text)
    parts, end = [], 0
    for place in _places(shape.beginnings, lowered):
        match = shape.pattern.match(text, place) if place >= end else None
        if match is not None:
            parts += [text[end : match.end(1)], REDACTED]
            end = match.end()
    if not parts:
        return text, lowered
    text = "".join([*parts, text[end:]])
    return text, _folded(text)


def _places(beginnings: tuple[str, ...], lowered: str) -> list[int]:
    """Return where one of them stands, in order."""
    places: list[int] = []
    for beginning in beginnings:
        place = lowered.find(beginning)
        while place >= 0:
            places.append(place)
            place = lowered.find(beginning, place + 1)
    places.sort()
    return places


def secret_values(*given: Mapping[str, Any]) -> set[str]:
    """Return the values that stand under names that sound secret, however deep."""
    return {value for mapping in given for value in _secrets_in(mapping)}


def _secrets_in(given: Mapping[str, Any], depth: int = 0) -> Iterator[str]:
    for name, value in given.items():
        if isinstance(value, str) and _SECRET_NAME.search(name):
            if len(value) >= MIN_SECRET_LENGTH:
                yield value
        elif (inner := _mapping_in(value)) is not None and depth < MAX_DEPTH:
            yield from _secrets_in(inner, depth + 1)


def _mapping_in(value: Any) -> Mapping[str, Any] | None:
    """Return a value's own names and values: an agent's settings reach it as JSON."""
    if isinstance(value, str) and value.startswith("{"):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
    if isinstance(value, list):
        value = {str(number): entry for number, entry in enumerate(value)}
    return value if isinstance(value, Mapping) else None
