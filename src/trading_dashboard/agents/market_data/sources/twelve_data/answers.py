"""What Twelve Data answers, translated: series, quotes, actions, search results, refusals.

Owns the shapes of its JSON. A refusal is an object with a code and a message, whatever the status.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterator, Mapping, Sequence
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
    SourceUnreachable,
    UnknownToSource,
)
from trading_dashboard.agents.market_data.sources.http import ProviderConnection, wait_in
from trading_dashboard.agents.market_data.sources.keys import where_to_put
from trading_dashboard.agents.market_data.sources.listings import EXCHANGES, pair_instrument
from trading_dashboard.agents.market_data.sources.readings import (
    UNREADABLE,
    Row,
    day,
    epoch_seconds,
    instant,
    is_daily,
    midnight,
    number,
    optional,
    zone_named,
)

UTC_ZONE = ZoneInfo("UTC")
_PLAN = re.compile(r"\bplans?\b|upgrade|available starting", re.IGNORECASE)
_CLASSES = {
    "ETF": AssetClass.FUND,
    "Mutual Fund": AssetClass.FUND,
    "Closed-end Fund": AssetClass.FUND,
    "Exchange-Traded Note": AssetClass.FUND,
    "Index": AssetClass.INDEX,
}


def refusal_in(body: object, provider: ProviderConnection) -> SourceFailure | None:
    """Return what an answer's code and words mean, None if it refuses nothing."""
    if not isinstance(body, Mapping):
        return SourceGarbled(f"{provider.source} answered something else than a JSON object.")
    code = body.get("code")
    if body.get("status") != "error" and not isinstance(code, int):
        return None
    said = str(body.get("message", ""))
    shown = f'{provider.source} says: "{provider.plain(said)}" ({code})'
    if code == 429:
        return SourceLimited(f"{shown}.", retry_after=_wait(said))
    if code == 401 or re.search(r"\bapi ?key\b", said, re.IGNORECASE):
        return SourceRefusal(f"{shown}. {where_to_put(provider.source)}")
    if code == 403 or _PLAN.search(said):
        return SourceRefusal(f"{shown}. The key's plan does not include this.")
    if code in {400, 404}:
        return UnknownToSource(f"{shown}.")
    return SourceUnreachable(f"{shown}.")


def has_no_data(body: object) -> bool:
    """Return whether a refusal only means that there is nothing in the range."""
    said = body.get("message") if isinstance(body, Mapping) else None
    return isinstance(said, str) and "no data is available" in said.lower()


def series_in(body: Mapping[str, Any], interval: str, source: str) -> tuple[list[Row], ZoneInfo]:
    """Return the rows, oldest first if the provider kept its order, and the exchange's zone."""
    values = body.get("values")
    if not isinstance(values, list):
        raise SourceGarbled(f"{source} answered no values of a series.")
    meta = body.get("meta")
    meta = meta if isinstance(meta, Mapping) else {}
    has_volume = "currency_base" not in meta  # which pairs have
    zone = zone_named(meta.get("exchange_timezone")) or UTC_ZONE
    rows = []
    for value in reversed(values):
        told = value if isinstance(value, Mapping) else {}
        at = told.get("datetime")
        rows.append(
            Row(
                midnight(at) if is_daily(interval) else instant(at, UTC_ZONE),
                open=number(told.get("open")),
                high=number(told.get("high")),
                low=number(told.get("low")),
                close=number(told.get("close")),
                volume=number(told.get("volume", None if has_volume else 0)),
            )
        )
    return rows, zone


def splits_in(body: Mapping[str, Any], source: str, symbol: str) -> Iterator[CorporateEvent]:
    """Yield splits as they are told: shares after one by shares before."""
    for told in _rows(body, "splits", source):
        new, old = number(told.get("from_factor")), number(told.get("to_factor"))
        ratio = new / old if old else math.nan
        yield CorporateEvent(
            source=source, symbol=symbol, ex_day=day(told.get("date")), ratio=ratio
        )


def dividends_in(body: Mapping[str, Any], source: str, symbol: str) -> Iterator[CorporateEvent]:
    """Yield cash dividends as they are told."""
    for told in _rows(body, "dividends", source):
        yield CorporateEvent(
            source=source,
            symbol=symbol,
            ex_day=day(told.get("ex_date")),
            amount=number(told.get("amount")),
        )


def quotes_in(
    body: Mapping[str, Any], source: str, symbols: Mapping[str, str], received: int
) -> Iterator[Quote]:
    """Yield the quotes of an answer about one symbol or several, unknown ones left out.

    Args:
        body: One quote, or an object of them by symbol.
        source: Its name.
        symbols: Our name of each symbol, by the provider's.
        received: Microseconds.
    """
    for theirs, ours in symbols.items():
        told = body.get(theirs) if len(symbols) > 1 else body
        if isinstance(told, Mapping) and told.get("status") != "error" and "close" in told:
            yield _quote(told, source, ours, received)


def matches_in(body: Mapping[str, Any], source: str) -> list[Instrument]:
    """Return search results, those left out whose exchange is not known."""
    found = (_instrument(told) for told in _rows(body, "data", source))
    return [instrument for instrument in found if instrument is not None]


def _quote(told: Mapping[str, Any], source: str, symbol: str, received: int) -> Quote:
    at = epoch_seconds(told.get("last_quote_at"))
    return Quote(
        source=source,
        symbol=symbol,
        price=number(told.get("close")),
        at=at if at != UNREADABLE else epoch_seconds(told.get("timestamp")),
        received=received,
        volume=optional(told.get("volume")),
        previous_close=optional(told.get("previous_close")),
        day_open=optional(told.get("open")),
        day_high=optional(told.get("high")),
        day_low=optional(told.get("low")),
        currency=str(told["currency"]) if told.get("currency") else None,
    )


def _instrument(told: Mapping[str, Any]) -> Instrument | None:
    symbol, name = str(told.get("symbol", "")), str(told.get("instrument_name", ""))
    if (pair := pair_instrument(symbol, name, str(told.get("exchange", "")))) is not None:
        return pair
    exchange = str(told.get("mic_code", ""))
    listing = EXCHANGES.get(exchange)
    if not symbol or listing is None:
        return None
    return Instrument(
        symbol=symbol if listing.calendar == "XNYS" else f"{symbol}:{exchange}",
        name=name or symbol,
        asset_class=_CLASSES.get(str(told.get("instrument_type")), AssetClass.EQUITY),
        exchange=exchange,
        calendar=listing.calendar,
        time_zone=str(told.get("exchange_timezone") or listing.time_zone),
        currency=str(told.get("currency") or listing.currency),
    )


def _rows(body: Mapping[str, Any], name: str, source: str) -> Sequence[Mapping[str, Any]]:
    rows = body.get(name)
    if not isinstance(rows, list):
        raise SourceGarbled(f"{source} answered no list of {name}.")
    return [row if isinstance(row, Mapping) else {} for row in rows]


def _wait(said: str) -> float | None:
    """Return the seconds until the counted minute is over; a day's end is not told."""
    return 60.0 - time.time() % 60.0 if wait_in(said) == 60.0 else wait_in(said)
