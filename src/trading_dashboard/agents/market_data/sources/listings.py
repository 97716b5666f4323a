"""Where instruments are listed: exchanges as providers name them, and what follows for a symbol.

Owns the tables of market identifiers (ISO 10383), provider suffixes, time zones and currencies.
Sessions are `calendars`'. An exchange that is not here is not known: nothing is guessed.
"""

from __future__ import annotations

from typing import NamedTuple

from trading_dashboard.agents.market_data.sources.contract import AssetClass, Instrument


class Venue(NamedTuple):
    """An exchange: its calendar's name, its time zone and its usual currency."""

    calendar: str
    time_zone: str
    currency: str


_NEW_YORK = Venue("XNYS", "America/New_York", "USD")

EXCHANGES: dict[str, Venue] = {
    **dict.fromkeys(("XNYS", "XNAS", "ARCX", "BATS", "XASE", "XNGS", "XNCM", "XNMS"), _NEW_YORK),
    **dict.fromkeys(("IEXG", "OTCM", "OOTC", "PINX", "XCBO"), _NEW_YORK),
    "XLON": Venue("XLON", "Europe/London", "GBP"),
    "XETR": Venue("XETR", "Europe/Berlin", "EUR"),
    "XFRA": Venue("XFRA", "Europe/Berlin", "EUR"),
    "XPAR": Venue("XPAR", "Europe/Paris", "EUR"),
    "XAMS": Venue("XAMS", "Europe/Amsterdam", "EUR"),
    "XBRU": Venue("XBRU", "Europe/Brussels", "EUR"),
    "XLIS": Venue("XLIS", "Europe/Lisbon", "EUR"),
    "XMAD": Venue("XMAD", "Europe/Madrid", "EUR"),
    "XMIL": Venue("XMIL", "Europe/Rome", "EUR"),
    "XDUB": Venue("XDUB", "Europe/Dublin", "EUR"),
    "XWBO": Venue("XWBO", "Europe/Vienna", "EUR"),
    "XHEL": Venue("XHEL", "Europe/Helsinki", "EUR"),
    "XSWX": Venue("XSWX", "Europe/Zurich", "CHF"),
    "XSTO": Venue("XSTO", "Europe/Stockholm", "SEK"),
    "XCSE": Venue("XCSE", "Europe/Copenhagen", "DKK"),
    "XOSL": Venue("XOSL", "Europe/Oslo", "NOK"),
    "XWAR": Venue("XWAR", "Europe/Warsaw", "PLN"),
    "XIST": Venue("XIST", "Europe/Istanbul", "TRY"),
    "XTSE": Venue("XTSE", "America/Toronto", "CAD"),
    "XTSX": Venue("XTSE", "America/Toronto", "CAD"),
    "XMEX": Venue("XMEX", "America/Mexico_City", "MXN"),
    "BVMF": Venue("BVMF", "America/Sao_Paulo", "BRL"),
    "XBOM": Venue("XBOM", "Asia/Kolkata", "INR"),
    "XNSE": Venue("XBOM", "Asia/Kolkata", "INR"),
    "XSHG": Venue("XSHG", "Asia/Shanghai", "CNY"),
    "XSHE": Venue("XSHG", "Asia/Shanghai", "CNY"),
    "XHKG": Venue("XHKG", "Asia/Hong_Kong", "HKD"),
    "XTKS": Venue("XTKS", "Asia/Tokyo", "JPY"),
    "XJPX": Venue("XTKS", "Asia/Tokyo", "JPY"),
    "XKRX": Venue("XKRX", "Asia/Seoul", "KRW"),
    "XTAI": Venue("XTAI", "Asia/Taipei", "TWD"),
    "XSES": Venue("XSES", "Asia/Singapore", "SGD"),
    "XASX": Venue("XASX", "Australia/Sydney", "AUD"),
    "XNZE": Venue("XNZE", "Pacific/Auckland", "NZD"),
    "XJSE": Venue("XJSE", "Africa/Johannesburg", "ZAR"),
    "XTAE": Venue("XTAE", "Asia/Jerusalem", "ILS"),
    "XSAU": Venue("XSAU", "Asia/Riyadh", "SAR"),
}  # fmt: skip

FIAT = frozenset((
    "AED", "AUD", "BRL", "CAD", "CHF", "CLP", "CNH", "CNY", "COP", "CZK", "DKK", "EUR", "GBP",
    "HKD", "HUF", "IDR", "ILS", "INR", "JPY", "KRW", "MXN", "MYR", "NOK", "NZD", "PEN", "PHP",
    "PLN", "RON", "RUB", "SAR", "SEK", "SGD", "THB", "TRY", "TWD", "UAH", "USD", "VND", "ZAR",
))  # fmt: skip
"""Currencies of states, as far as providers trade them in pairs."""


def pair_of(symbol: str) -> tuple[str, str] | None:
    """Return base and quote currency of a symbol such as ``EUR/USD``, None if it is no pair."""
    base, slash, quote = symbol.partition("/")
    return (base, quote) if slash and base and quote and "/" not in quote else None


def pair_instrument(symbol: str, name: str = "", exchange: str = "") -> Instrument | None:
    """Return what a pair is: foreign exchange if both are states' money, else crypto."""
    pair = pair_of(symbol)
    if pair is None:
        return None
    is_fx = FIAT.issuperset(pair)
    return Instrument(
        symbol=symbol,
        name=name or symbol,
        asset_class=AssetClass.FX if is_fx else AssetClass.CRYPTO,
        exchange=exchange or ("FX" if is_fx else "crypto"),
        calendar="24/5" if is_fx else "24/7",
        time_zone="UTC",
        currency=pair[1],
    )
