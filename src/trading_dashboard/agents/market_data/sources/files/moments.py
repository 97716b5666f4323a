"""Columns of times as files have them, as microseconds since 1970 UTC.

Owns the forms: ISO text with or without an offset, a format of the user's own, Unix times in
seconds down to nanoseconds, eight digits for a day, and what Parquet has of its own. A time that
says no zone is in the one configured. What is no time becomes `UNREADABLE`.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from trading_dashboard.agents.market_data.records import Integers
from trading_dashboard.agents.market_data.sources.files.arrow_columns import (
    floats,
    integers,
    timestamps,
)
from trading_dashboard.agents.market_data.sources.readings import (
    DAY,
    UNREADABLE,
    instant,
    number,
)

if TYPE_CHECKING:
    import pyarrow as pa

UTC_ZONE = ZoneInfo("UTC")


class Moments(NamedTuple):
    """Times of rows.

    Attributes:
        at: int64[n], microseconds; `UNREADABLE` where there is none.
        is_local: They are what clocks in the zone show, not yet UTC.
    """

    at: Integers
    is_local: bool

    def utc(self, zone: ZoneInfo) -> Integers:
        """Return microseconds UTC."""
        if not self.is_local or zone.key == "UTC":
            return self.at
        import pyarrow as pa
        import pyarrow.compute as pc

        is_time = self.at != UNREADABLE
        local = timestamps(self.at, ~is_time)
        try:
            aware = pc.assume_timezone(local, zone.key, ambiguous="earliest", nonexistent="raise")
        except pa.ArrowInvalid:  # an hour that a clock change skips
            texts = [None if value is None else value.isoformat() for value in local.to_pylist()]
            return np.array([instant(text, zone) for text in texts], dtype=np.int64)
        return integers(aware, UNREADABLE)

    def midnights(self, zone: ZoneInfo) -> Integers:
        """Return midnight UTC of each time's date in the zone."""
        local = self.at
        if not self.is_local and zone.key != "UTC":
            import pyarrow.compute as pc

            aware = timestamps(self.at, self.at == UNREADABLE, zone.key)
            local = integers(pc.local_timestamp(aware), UNREADABLE)
        return np.where(self.at == UNREADABLE, UNREADABLE, local - local % DAY)


def moments_of(column: pa.ChunkedArray, time_format: str) -> Moments:
    """Return the times of a column of whatever type."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_timestamp(kind):
        exact = pc.cast(column, pa.timestamp("us", tz=kind.tz), safe=False)
        return Moments(integers(exact, UNREADABLE), kind.tz is None)
    if pa.types.is_date(kind):
        exact = pc.cast(column, pa.timestamp("us"))
        return Moments(integers(exact, UNREADABLE), is_local=True)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return _numbered(floats(column))
    texts = pc.utf8_trim_whitespace(pc.cast(column, pa.string()))
    return _formatted(texts, time_format) if time_format else _written(texts)


def _written(texts: Any) -> Moments:
    """Return the times of texts: all of one form at once, else one by one."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if len(texts) and pc.all(pc.match_substring_regex(texts, r"^-?\d+(\.\d+)?$")).as_py():
        return _numbered(floats(texts))
    for zone, is_local in ((None, True), ("UTC", False)):
        try:
            found = integers(pc.cast(texts, pa.timestamp("us", tz=zone)), UNREADABLE)
        except pa.ArrowInvalid:
            continue
        return Moments(found, is_local)
    values = texts.to_pylist()
    has_offset = any(_has_offset(value) for value in values)
    read = [_one(value, has_offset) for value in values]
    return Moments(np.array(read, dtype=np.int64), is_local=not has_offset)


def _one(text: str | None, has_offset: bool) -> int:
    """Return one time; in a column with offsets, one without says too little."""
    if text is None or (has_offset and not _has_offset(text)):
        return UNREADABLE
    if text.isdigit() and len(text) != len("20240131"):
        at = _numbered(np.array([number(text)])).at
        return int(at[0])
    return instant(text, UTC_ZONE)


def _has_offset(text: str | None) -> bool:
    try:
        return text is not None and datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def _formatted(texts: Any, time_format: str) -> Moments:
    has_offset = "%z" in time_format
    read = []
    for text in texts.to_pylist():
        try:
            moment = datetime.strptime(text or "", time_format)  # noqa: DTZ007 - the zone follows
            read.append(instant(moment.isoformat(), UTC_ZONE))
        except ValueError:
            read.append(UNREADABLE)
    return Moments(np.array(read, dtype=np.int64), is_local=not has_offset)


def _numbered(values: np.ndarray[Any, np.dtype[np.float64]]) -> Moments:
    """Return the times of numbers: days as ``20240131``, else Unix times of any fineness."""
    is_time = np.isfinite(values) & (values > 0) & (values < 1e20)
    known = np.where(is_time, values, 0.0)
    if is_time.any() and ((known[is_time] >= 19e6) & (known[is_time] < 22e6)).all():
        days = [instant(f"{int(value):08d}", UTC_ZONE) if value else UNREADABLE for value in known]
        return Moments(np.array(days, dtype=np.int64), is_local=True)
    scale = np.select([known >= 1e17, known >= 1e14, known >= 1e11], [1e-3, 1.0, 1e3], 1e6)
    at = np.where(is_time, np.round(known * scale), UNREADABLE)
    return Moments(at.astype(np.int64), is_local=False)
