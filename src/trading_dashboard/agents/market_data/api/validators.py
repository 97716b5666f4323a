"""Validators of answers: an ETag made of what is answered, and the question whether it is known.

Owns both. The tag is of the content, so it says the same after a restart and changes when, and only
when, a bar, an adjustment or a score changes.
"""

from __future__ import annotations

import hashlib
import re
import zlib

import numpy as np
import orjson

from trading_dashboard.agents.market_data.market import BarsAnswer

_TAG = re.compile(r'(?:W/)?"[^"]*"')


def content_tag(form: str, answer: BarsAnswer) -> str:
    """Return the opaque part of a tag: of the form, of what is said but the moment, of each column.

    A column is summed up by its CRC-32: gigabytes a second, where a cryptographic hash would take
    as long as reading the bars. Nobody gains from a collision; by chance it is one in 4 billion.
    """
    said = {key: value for key, value in answer.head.items() if key != "as_of"}
    sums: dict[str, int] = {}
    for name, part in answer.parts():
        sums[name] = zlib.crc32(np.ascontiguousarray(part).view(np.uint8).data, sums.get(name, 0))
    body = orjson.dumps([form, len(answer), said, sums], option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(body).hexdigest()[:32]


def is_known(tag: str, if_none_match: str | None) -> bool:
    """Return whether the reader has it, by weak comparison (RFC 9110, 13.1.2)."""
    if if_none_match is None:
        return False
    if if_none_match.strip() == "*":
        return True
    return any(found.removeprefix("W/") == f'"{tag}"' for found in _TAG.findall(if_none_match))
