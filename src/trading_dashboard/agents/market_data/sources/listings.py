"""Where instruments are listed: exchanges as providers name them, and what follows for a symbol.

Owns the tables of market identifiers (ISO 10383), provider suffixes, time zones and currencies.
Sessions are `calendars`'. An exchange that is not here is not known: nothing is guessed.
"""

from __future__ import annotations

from typing import NamedTuple

from trading_dashboard.agents.market_data.sources.contract import AssetClass, Instrument


class Listing(NamedTuple):
    """An exchange: its calendar's name, its time zone and its usual currency."""

    calendar: str
    time_zone: str
    currency: str


_NEW_YORK = Listing("XNYS", "America/New_York", "USD")

EXCHANGES: dict[str, Listing] = {
    **dict.fromkeys(("XNYS", "XNAS", "ARCX", "BATS", "XASE", "XNGS", "XNCM", "XNMS"), _NEW_YORK),
    **dict.fromkeys(("IEXG", "OTCM", "OOTC", "PINX", "XCBO"), _NEW_YORK),
    "XLON": Listing("XLON", "Europe/London", "GBP"),
    "XETR": Listing("XETR", "Europe/Berlin", "EUR"),
    "XFRA": Listing("XFRA", "Europe/Berlin", "EUR"),
    "XPAR": Listing("XPAR", "Europe/Paris", "EUR"),
    "XAMS": Listing("XAMS", "Europe/Amsterdam", "EUR"),
    "XBRU": Listing("XBRU", "Europe/Brussels", "EUR"),
    "XLIS": Listing("XLIS", "Europe/Lisbon", "EUR"),
    "XMAD": Listing("XMAD", "Europe/Madrid", "EUR"),
    "XMIL": Listing("XMIL", "Europe/Rome", "EUR"),
    "XDUB": Listing("XDUB", "Europe/Dublin", "EUR"),
    "XWBO": Listing("XWBO", "Europe/Vienna", "EUR"),
    "XHEL": Listing("XHEL", "Europe/Helsinki", "EUR"),
    "XSWX": Listing("XSWX", "Europe/Zurich", "CHF"),
    "XSTO": Listing("XSTO", "Europe/Stockholm", "SEK"),
    "XCSE": Listing("XCSE", "Europe/Copenhagen", "DKK"),
    "XOSL": Listing("XOSL", "Europe/Oslo", "NOK"),
    "XWAR": Listing("XWAR", "Europe/Warsaw", "PLN"),
    "XIST": Listing("XIST", "Europe/Istanbul", "TRY"),
    "XTSE": Listing("XTSE", "America/Toronto", "CAD"),
    "XTSX": Listing("XTSE", "America/Toronto", "CAD"),
    "XMEX": Listing("XMEX", "America/Mexico_City", "MXN"),
    "BVMF": Listing("BVMF", "America/Sao_Paulo", "BRL"),
    "XBOM": Listing("XBOM", "Asia/Kolkata", "INR"),
    "XNSE": Listing("XBOM", "Asia/Kolkata", "INR"),
    "XSHG": Listing("XSHG", "Asia/Shanghai", "CNY"),
    "XSHE": Listing("XSHG", "Asia/Shanghai", "CNY"),
    "XHKG": Listing("XHKG", "Asia/Hong_Kong", "HKD"),
    "XTKS": Listing("XTKS", "Asia/Tokyo", "JPY"),
    "XJPX": Listing("XTKS", "Asia/Tokyo", "JPY"),
    "XKRX": Listing("XKRX", "Asia/Seoul", "KRW"),
    "XTAI": Listing("XTAI", "Asia/Taipei", "TWD"),
    "XSES": Listing("XSES", "Asia/Singapore", "SGD"),
    "XASX": Listing("XASX", "Australia/Sydney", "AUD"),
    "XNZE": Listing("XNZE", "Pacific/Auckland", "NZD"),
    "XJSE": Listing("XJSE", "Africa/Johannesburg", "ZAR"),
    "XTAE": Listing("XTAE", "Asia/Jerusalem", "ILS"),
    "XSAU": Listing("XSAU", "Asia/Riyadh", "SAR"),
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
