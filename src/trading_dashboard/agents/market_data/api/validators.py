"""Validators of answers: an ETag made of what is answered, and the question whether it is known.

Owns both. The tag is of the content, so it says the same after a restart and changes when, and only
when, a bar, an adjustment or a score changes.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import orjson
from numpy.typing import NDArray

from trading_dashboard.agents.market_data.market import BarsAnswer

PARALLEL_BARS = 100_000
"""Columns of answers with so many bars are summed up two at a time."""
_TAG = re.compile(r'(?:W/)?"[^"]*"')


def content_tag(form: str, answer: BarsAnswer) -> str:
    """Return the opaque part of a tag: of the form, of what is said but the moment, of each column.

    A column is summed up by its CRC-32: gigabytes a second, where a cryptographic hash would take
    as long as reading the bars. Nobody gains from a collision; by chance it is one in 4 billion.
    """
    said = {key: value for key, value in answer.head.items() if key != "as_of"}
    columns: dict[str, list[NDArray[np.uint8]]] = {}
    for name, part in answer.parts():
        columns.setdefault(name, []).append(np.ascontiguousarray(part).view(np.uint8))
    # Closes without an adjustment are the same memory under two names: summed up once.
    places = {name: _place(parts) for name, parts in columns.items()}
    distinct = {place: columns[name] for name, place in places.items()}
    if len(answer) < PARALLEL_BARS:
        found: Iterable[int] = map(_summed_up, distinct.values())
    else:
        with ThreadPoolExecutor(max_workers=2) as pool:
            found = pool.map(_summed_up, distinct.values())
    by_place = dict(zip(distinct, found, strict=True))
    sums = {name: by_place[place] for name, place in places.items()}
    body = orjson.dumps([form, len(answer), said, sums], option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(body).hexdigest()[:32]


def _place(parts: list[NDArray[np.uint8]]) -> tuple[tuple[int, int], ...]:
    return tuple((part.ctypes.data, len(part)) for part in parts)


def _summed_up(parts: list[NDArray[np.uint8]]) -> int:
    total = 0
    for part in parts:
        total = zlib.crc32(part.data, total)
    return total


def is_known(tag: str, if_none_match: str | None) -> bool:
    """Return whether the reader has it, by weak comparison (RFC 9110, 13.1.2)."""
    if if_none_match is None:
        return False
    if if_none_match.strip() == "*":
        return True
    return any(found.removeprefix("W/") == f'"{tag}"' for found in _TAG.findall(if_none_match))
