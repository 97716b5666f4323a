"""What Alpha Vantage answers, translated: series, quotes, search results and its refusals.

Owns the shapes of its JSON. It answers nearly everything with status 200, its refusals too; those
are told from its words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from zoneinfo import ZoneInfo

from trading_dashboard.agents.market_data.records import CorporateEvent
from trading_dashboard.agents.market_data.sources.contract import (
    AssetClass,
    Instrument,
    Quote,
    SourceFailure,
    SourceGarbled,
    SourceLimited,
    SourceRefusal,
    UnknownToSource,
)
from trading_dashboard.agents.market_data.sources.http import ProviderConnection, wait_in
from trading_dashboard.agents.market_data.sources.keys import where_to_put
from trading_dashboard.agents.market_data.sources.listings import EXCHANGES
from trading_dashboard.agents.market_data.sources.readings import (
    NEW_YORK,
    UNREADABLE,
    Row,
    day,
    instant,
    is_daily,
    midnight,
    number,
    optional,
    zone_named,
)

_NUMBERING = re.compile(r"^\d+[a-z]?\. | \([A-Z]+\)$")
_PREMIUM = re.compile(r"premium (endpoint|feature|function)|is a premium", re.IGNORECASE)
_LIMITED = re.compile(
    r"rate limit|call frequency|(requests|calls) per|per (second|minute|day)|sparingly",
    re.IGNORECASE,
)
_SUFFIXES = {
    "LON": "XLON", "DEX": "XETR", "DEP": "XETR", "FRK": "XFRA", "PAR": "XPAR", "AMS": "XAMS",
    "TRT": "XTSE", "TRV": "XTSX", "BSE": "XBOM", "SHH": "XSHG", "SHZ": "XSHE", "SAO": "BVMF",
}  # fmt: skip
_FUNDS = frozenset({"ETF", "Mutual Fund"})
_UNITED_STATES = "XNYS"


class Pairs(dict[str, Any]):
    """A JSON object that still knows names that came twice: rows are named by their time."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.all = pairs


def refusal_in(body: object, provider: ProviderConnection) -> SourceFailure | None:
    """Return what the words of an answer mean, None if they refuse nothing."""
    if not isinstance(body, Mapping):
        return SourceGarbled(f"{provider.source} answered something else than a JSON object.")
    error, note = body.get("Error Message"), body.get("Note") or body.get("Information")
    said = str(error or note or "")
    if not said:
        return None
    shown = f'{provider.source} says: "{provider.plain(said)}"'
    if _PREMIUM.search(said):
        return SourceRefusal(f"{shown} The key's plan does not include this.")
    if _LIMITED.search(said):
        return SourceLimited(shown, retry_after=wait_in(said))
    if re.search(r"\bapi ?key\b", said, re.IGNORECASE):
        return SourceRefusal(f"{shown} {where_to_put(provider.source)}")
    if error:
        return UnknownToSource(shown)
    return SourceLimited(shown)


def series_in(
    body: Mapping[str, Any], interval: str, *, has_volume: bool, source: str
) -> tuple[list[Row], ZoneInfo]:
    """Return the rows, oldest first if the provider kept its order, and the zone of their times."""
    series = next((body[name] for name in body if name.startswith("Time Series")), None)
    if not isinstance(series, Pairs):
        raise SourceGarbled(f"{source} answered no time series: {_names(body)}.")
    zone = _zone_of(body.get("Meta Data"), interval, source)
    rows = []
    for name, fields in reversed(series.all):
        told = _plain_names(fields)
        rows.append(
            Row(
                midnight(name) if is_daily(interval) else instant(name, zone),
                open=number(told.get("open")),
                high=number(told.get("high")),
                low=number(told.get("low")),
                close=number(told.get("close")),
                volume=number(told.get("volume")) if has_volume else 0.0,
            )
        )
    return rows, zone


def actions_in(
    body: Mapping[str, Any], source: str, symbol: str, start_day: int, end_day: int
) -> Iterator[CorporateEvent]:
    """Yield splits and dividends of an adjusted series, as they are told, oldest first."""
    series = next((body[name] for name in body if name.startswith("Time Series")), None)
    for name, fields in reversed(series.all if isinstance(series, Pairs) else []):
        told, ex_day = _plain_names(fields), day(name)
        if ex_day != UNREADABLE and not start_day <= ex_day < end_day:
            continue
        for column, nothing in (("split coefficient", 1.0), ("dividend amount", 0.0)):
            if column not in told or (value := number(told[column])) == nothing:
                continue
            ratio, amount = (value, None) if column.startswith("split") else (None, value)
            yield CorporateEvent(
                source=source, symbol=symbol, ex_day=ex_day, ratio=ratio, amount=amount
            )


def quote_in(body: Mapping[str, Any], source: str, symbol: str, received: int) -> Quote:
    """Return a stock's quote. Raises `UnknownToSource` for the empty one of unknown symbols."""
    told = _plain_names(_object(body, "Global Quote", source))
    if not told:
        raise UnknownToSource(f"{source} has no quote of {symbol!r}.")
    return Quote(
        source=source,
        symbol=symbol,
        price=number(told.get("price")),
        at=midnight(told.get("latest trading day")),
        received=received,
        volume=optional(told.get("volume")),
        previous_close=optional(told.get("previous close")),
        day_open=optional(told.get("open")),
        day_high=optional(told.get("high")),
        day_low=optional(told.get("low")),
    )


def rate_in(body: Mapping[str, Any], source: str, symbol: str, received: int) -> Quote:
    """Return the quote of a pair of currencies."""
    told = _plain_names(_object(body, "Realtime Currency Exchange Rate", source))
    zone = zone_named(told.get("Time Zone"))
    return Quote(
        source=source,
        symbol=symbol,
        price=number(told.get("Exchange Rate")),
        at=instant(told.get("Last Refreshed"), zone) if zone else UNREADABLE,
        received=received,
        bid=optional(told.get("Bid Price")),
        ask=optional(told.get("Ask Price")),
        currency=symbol.partition("/")[2],
    )


def matches_in(body: Mapping[str, Any], source: str) -> list[Instrument]:
    """Return search results, those left out whose exchange is not known."""
    matches = body.get("bestMatches")
    if not isinstance(matches, list):
        raise SourceGarbled(f"{source} answered no search results: {_names(body)}.")
    found = (_instrument(_plain_names(match)) for match in matches)
    return [instrument for instrument in found if instrument is not None]


def _instrument(told: Mapping[str, Any]) -> Instrument | None:
    symbol = str(told.get("symbol", ""))
    suffix = symbol.rpartition(".")[2] if "." in symbol else ""
    if told.get("region") == "United States":
        exchange = _UNITED_STATES
    else:
        exchange = _SUFFIXES.get(suffix, "")
    listing = EXCHANGES.get(exchange)
    if not symbol or listing is None:
        return None
    return Instrument(
        symbol=symbol,
        name=str(told.get("name", symbol)),
        asset_class=AssetClass.FUND if told.get("type") in _FUNDS else AssetClass.EQUITY,
        exchange=exchange,
        calendar=listing.calendar,
        time_zone=listing.time_zone,
        currency=str(told.get("currency") or listing.currency),
    )


def _zone_of(meta: object, interval: str, source: str) -> ZoneInfo:
    """Return the zone that an answer names; without one, times would be guesses."""
    name = _plain_names(meta).get("Time Zone")
    if name is None and is_daily(interval):
        return NEW_YORK  # only says which day is not over yet
    zone = zone_named(name)
    if zone is None:
        raise SourceGarbled(f"{source} tells times in an unknown zone: {name!r:.80}.")
    return zone


def _plain_names(fields: object) -> dict[str, Any]:
    """Return ``{"1. open": …}`` as ``{"open": …}``; of ``1a.`` and ``1b.`` the first."""
    plain: dict[str, Any] = {}
    if isinstance(fields, Mapping):
        for name, value in fields.items():
            plain.setdefault(_NUMBERING.sub("", name), value)
    return plain


def _object(body: Mapping[str, Any], name: str, source: str) -> Mapping[str, Any]:
    found = body.get(name)
    if not isinstance(found, Mapping):
        raise SourceGarbled(f"{source} answered no {name!r}: {_names(body)}.")
    return found


def _names(body: Mapping[str, Any]) -> str:
    return f"it holds {', '.join(name[:40] for name in list(body)[:5]) or 'nothing'}"
