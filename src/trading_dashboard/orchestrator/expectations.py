"""Which HTTP answers to a probe are good ones."""

from __future__ import annotations

import json
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a good answer looks like.

    Attributes:
        statuses: Ranges, both ends included.
        body: Bytes that must occur in it.
    """

    statuses: tuple[tuple[int, int], ...]
    body: bytes | None = None

    def objection(self, status: int, body: bytes) -> str | None:
        """Return what is wrong with an answer, as what it did, or None."""
        for first, last in self.statuses:
            if first <= status <= last:
                break
        else:
            return f"answered {status}"
        if self.body is not None and self.body not in body:
            wanted = json.dumps(self.body.decode(errors="replace"), ensure_ascii=False)
            return f"answered {status} without {wanted}"
        return None


SUCCESS = Expectation(((200, 299),))
ANY_ANSWER = Expectation(((100, 599),))
