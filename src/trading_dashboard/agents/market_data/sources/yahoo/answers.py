"""Yahoo's answers translated: charts into bars and actions, quotes, search results.

Owns the undoing of Yahoo's split adjustment: its prices, volumes and dividends are told as of
today's shares, ours as of each bar's day. Nothing else is changed: no row is repaired or left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import starmap
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from trading_dashboard.agents.market_data.records import Bars, CorporateEvent, Floats
from trading_dashboard.agents.market_data.sources.contract import (
    Instrument,
    PastBars,
    Quote,
    SourceFailure,
    SourceGarbled,
    SourceLimited,
    SourceRefusal,
    UnknownToSource,
)
from trading_dashboard.agents.market_data.sources.readings import (
    DAY,
    SECONDS,
    UNREADABLE,
    Row,
    bars_of,
    epoch_seconds,
    is_daily,
    number,
    optional,
    zone_named,
)
from trading_dashboard.agents.market_data.sources.yahoo.symbols import instrument_of

COLUMNS = ("open", "high", "low", "close", "volume")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which bars were asked for, and when."""

    source: str
    symbol: str
    interval: str
    start: int
    end: int
    now: int


def chart_in(body: Mapping[str, Any], source: str) -> Mapping[str, Any]:
    """Return the one result of a chart. Raises what the answer says, or `SourceGarbled`."""
    chart = body.get("chart")
    results = chart.get("result") if isinstance(chart, Mapping) else None
    if isinstance(results, list) and results and isinstance(results[0], Mapping):
        return results[0]
    raise failure_in(body, source) or SourceGarbled(f"{source} answered no chart.")


def failure_in(body: Mapping[str, Any], source: str) -> SourceFailure | None:
    """Return the failure that an answer tells in words, None if it tells none."""
    for part in body.values():
        error = part.get("error") if isinstance(part, Mapping) else None
        if isinstance(error, Mapping):
            code, said = str(error.get("code", "")), str(error.get("description", ""))
            words = " ".join(f"{code}: {said}".split())[:160]
            if code == "Not Found":
                return UnknownToSource(f"{source} does not know the symbol ({words}).")
            if "Too Many Requests" in words:
                return SourceLimited(f"{source} has had enough requests ({words}).")
            return SourceRefusal(f"{source} refuses the request ({words}).")
    return None


def past_in(chart: Mapping[str, Any], asked: Asked, splits_from: Mapping[str, Any]) -> PastBars:
    """Return a chart's bars and actions within the range, as of their own days.

    Args:
        chart: The one with the bars.
        asked: What was asked for.
        splits_from: A chart with the splits up to now, which may be the same.
    """
    zone = _zone(chart, asked.source)
    rows = _rows(chart, asked, zone)
    splits = sorted(_splits(splits_from, asked, zone), key=lambda event: event.ex_day)
    bars = bars_of(
        asked.source, asked.symbol, asked.interval, rows,
        start=asked.start, end=asked.end, now=asked.now, zone=zone,
    )  # fmt: skip
    dividends = (
        replace(event, amount=(event.amount or 0.0) * float(_factors([event.ex_day], splits)[0]))
        for event in _dividends(chart, asked, zone)
    )
    days = range(asked.start // DAY, -(-asked.end // DAY))
    actions = [
        event
        for event in (*splits, *dividends)
        if event.ex_day in days or event.ex_day == UNREADABLE
    ]
    return PastBars(
        bars=_as_of_their_days(bars, splits, zone),
        actions=actions if is_daily(asked.interval) else (),
    )


def quotes_in(
    body: Mapping[str, Any], source: str, symbols: Mapping[str, str], received: int
) -> Iterator[Quote]:
    """Yield the quotes of those asked for, by Yahoo's names of them."""
    for told in results_in(body, source):
        symbol = symbols.get(str(told.get("symbol")))
        if symbol is not None and "regularMarketPrice" in told:
            yield Quote(
                source=source,
                symbol=symbol,
                price=number(told["regularMarketPrice"]),
                at=epoch_seconds(told.get("regularMarketTime")),
                received=received,
                volume=optional(told.get("regularMarketVolume")),
                bid=optional(told.get("bid")),
                ask=optional(told.get("ask")),
                previous_close=optional(told.get("regularMarketPreviousClose")),
                day_open=optional(told.get("regularMarketOpen")),
                day_high=optional(told.get("regularMarketDayHigh")),
                day_low=optional(told.get("regularMarketDayLow")),
                currency=str(told["currency"]) if told.get("currency") else None,
            )


def results_in(body: Mapping[str, Any], source: str) -> Sequence[Mapping[str, Any]]:
    """Return the quotes as they are told. Raises what the answer says, or `SourceGarbled`."""
    part = body.get("quoteResponse")
    results = part.get("result") if isinstance(part, Mapping) else None
    if not isinstance(results, list):
        raise failure_in(body, source) or SourceGarbled(f"{source} answered no list of quotes.")
    return [told for told in results if isinstance(told, Mapping)]


def matches_in(body: Mapping[str, Any], source: str) -> list[Instrument]:
    """Return search results, those left out whose calendar is not known."""
    told = body.get("quotes")
    if not isinstance(told, list):
        raise failure_in(body, source) or SourceGarbled(f"{source} answered no list of matches.")
    found = (instrument_of(match) for match in told if isinstance(match, Mapping))
    return [instrument for instrument in found if instrument is not None]


def _rows(chart: Mapping[str, Any], asked: Asked, zone: ZoneInfo) -> list[Row]:
    times = chart.get("timestamp", [])
    quote = _first(chart.get("indicators"), "quote")
    columns = [quote.get(name, [] if not times else None) for name in COLUMNS]
    if not all(isinstance(column, list) and len(column) == len(times) for column in columns):
        raise SourceGarbled(f"{asked.source} answered columns of different lengths.")
    starts = [_start(epoch_seconds(at), asked.interval, zone) for at in times]
    numbers = [[number(value) for value in column] for column in columns]
    rows = list(starmap(Row, zip(starts, *numbers, strict=True)))
    if rows and _is_price_now(rows[-1].start, chart, asked.interval):
        rows.pop()
    return rows


def _is_price_now(start: int, chart: Mapping[str, Any], interval: str) -> bool:
    """Return whether the last row is the newest price, put behind the bars, and no bar."""
    if is_daily(interval) or start != epoch_seconds(_meta(chart).get("regularMarketTime")):
        return False
    return start % (min(SECONDS[interval], 900) * 1_000_000) != 0


def _splits(chart: Mapping[str, Any], asked: Asked, zone: ZoneInfo) -> Iterator[CorporateEvent]:
    for told in _events(chart, "splits"):
        new, old = number(told.get("numerator")), number(told.get("denominator"))
        yield CorporateEvent(
            source=asked.source,
            symbol=asked.symbol,
            ex_day=_day(told.get("date"), zone),
            ratio=new / old if old else math.nan,
        )


def _dividends(chart: Mapping[str, Any], asked: Asked, zone: ZoneInfo) -> Iterator[CorporateEvent]:
    for told in (*_events(chart, "dividends"), *_events(chart, "capitalGains")):
        yield CorporateEvent(
            source=asked.source,
            symbol=asked.symbol,
            ex_day=_day(told.get("date"), zone),
            amount=number(told.get("amount")),
        )


def _as_of_their_days(bars: Bars, splits: Sequence[CorporateEvent], zone: ZoneInfo) -> Bars:
    """Return bars with prices and volumes in the shares of their days."""
    if not splits or not len(bars):
        return bars
    if is_daily(bars.interval):
        days = [int(start) // DAY for start in bars.start]
    else:
        days = [_local_day(int(start), zone) for start in bars.start]
    factors = _factors(days, splits)
    prices = {name: getattr(bars, name) * factors for name in ("open", "high", "low", "close")}
    return replace(bars, **prices, volume=bars.volume / factors)


def _factors(days: Sequence[int], splits: Sequence[CorporateEvent]) -> Floats:
    """Return float64[n]: the product of the ratios of all later splits that can be ones."""
    factors = np.ones(len(days), dtype=np.float64)
    for split in splits:
        ratio = split.ratio or 0.0
        if 0 < ratio < math.inf and split.ex_day != UNREADABLE:
            before = [UNREADABLE < day < split.ex_day for day in days]
            factors[np.array(before, dtype=np.bool_)] *= ratio
    return factors


def _start(at: int, interval: str, zone: ZoneInfo) -> int:
    """Return when a bar opens: of days, midnight UTC of the session's date."""
    if at == UNREADABLE or not is_daily(interval):
        return at
    return _local_day(at, zone) * DAY


def _day(value: object, zone: ZoneInfo) -> int:
    at = epoch_seconds(value)
    return UNREADABLE if at == UNREADABLE else _local_day(at, zone)


def _local_day(at: int, zone: ZoneInfo) -> int:
    """Return the days since 1970 of the date in a zone."""
    if at == UNREADABLE:
        return UNREADABLE
    local = (_EPOCH + timedelta(microseconds=at)).astimezone(zone)
    return (local.replace(tzinfo=UTC) - _EPOCH).days


def _events(chart: Mapping[str, Any], kind: str) -> list[Mapping[str, Any]]:
    events = chart.get("events")
    told = events.get(kind) if isinstance(events, Mapping) else None
    return [one if isinstance(one, Mapping) else {} for one in told.values()] if isinstance(
        told, Mapping
    ) else []  # fmt: skip


def _meta(chart: Mapping[str, Any]) -> Mapping[str, Any]:
    meta = chart.get("meta")
    return meta if isinstance(meta, Mapping) else {}


def _zone(chart: Mapping[str, Any], source: str) -> ZoneInfo:
    zone = zone_named(_meta(chart).get("exchangeTimezoneName"))
    if zone is None:
        raise SourceGarbled(f"{source} answered a chart without a time zone that is known.")
    return zone


def _first(part: object, name: str) -> Mapping[str, Any]:
    listed = part.get(name) if isinstance(part, Mapping) else None
    first = listed[0] if isinstance(listed, list) and listed else None
    return first if isinstance(first, Mapping) else {}
