"""Symbols as Yahoo writes them and as we do, and what they are.

Owns Yahoo's names of exchanges and kinds. What has no calendar is left out: nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trading_dashboard.agents.market_data.sources.contract import AssetClass, Instrument
from trading_dashboard.agents.market_data.sources.listings import (
    EXCHANGES,
    FIAT,
    Venue,
    pair_instrument,
    pair_of,
)

CLASSES = {
    "EQUITY": AssetClass.EQUITY,
    "ETF": AssetClass.FUND,
    "MUTUALFUND": AssetClass.FUND,
    "INDEX": AssetClass.INDEX,
    "CURRENCY": AssetClass.FX,
    "CRYPTOCURRENCY": AssetClass.CRYPTO,
    "FUTURE": AssetClass.FUTURE,
}
MARKETS = {
    "NMS": "XNAS", "NGM": "XNAS", "NCM": "XNAS", "NAS": "XNAS", "NYQ": "XNYS", "ASE": "XASE",
    "PCX": "ARCX", "BTS": "BATS", "PNK": "OTCM", "OQB": "OTCM", "OQX": "OTCM", "OEM": "OTCM",
    "LSE": "XLON", "GER": "XETR", "FRA": "XFRA", "PAR": "XPAR", "AMS": "XAMS", "BRU": "XBRU",
    "LIS": "XLIS", "MCE": "XMAD", "MIL": "XMIL", "ISE": "XDUB", "VIE": "XWBO", "HEL": "XHEL",
    "EBS": "XSWX", "STO": "XSTO", "CPH": "XCSE", "OSL": "XOSL", "WSE": "XWAR", "IST": "XIST",
    "TOR": "XTSE", "VAN": "XTSX", "MEX": "XMEX", "SAO": "BVMF", "BSE": "XBOM", "NSI": "XNSE",
    "SHH": "XSHG", "SHZ": "XSHE", "HKG": "XHKG", "JPX": "XTKS", "KSC": "XKRX", "TAI": "XTAI",
    "SES": "XSES", "ASX": "XASX", "NZE": "XNZE", "JNB": "XJSE", "TLV": "XTAE", "SAU": "XSAU",
    "SNP": "XNYS", "DJI": "XNYS", "NIM": "XNAS",
}  # fmt: skip
"""Market identifiers (ISO 10383) by Yahoo's codes; of American indices, where their shares are."""
_CHICAGO = Venue("CMES", "America/Chicago", "USD")
_FUTURES = {"CME": "XCME", "CBT": "XCBT", "NYM": "XNYM", "CMX": "XCEC"}


def theirs(symbol: str) -> str:
    """Return Yahoo's name: of ``EUR/USD`` ``EURUSD=X``, of ``BTC/USD`` ``BTC-USD``."""
    pair = pair_of(symbol)
    if pair is None:
        return symbol
    return f"{pair[0]}{pair[1]}=X" if FIAT.issuperset(pair) else f"{pair[0]}-{pair[1]}"


def ours(symbol: str, kind: str) -> str:
    """Return our name of a Yahoo symbol of a kind (`CLASSES`)."""
    if kind == "CRYPTOCURRENCY" and symbol.count("-") == 1:
        return symbol.replace("-", "/")
    if kind == "CURRENCY" and symbol.endswith("=X"):
        pair = symbol.removesuffix("=X")
        base, quote = (pair[:3], pair[3:]) if len(pair) == 6 else ("USD", pair)
        return f"{base}/{quote}"
    return symbol


def instrument_of(told: Mapping[str, Any]) -> Instrument | None:
    """Return what a quote or a search result is, None if that is not known."""
    symbol, kind = told.get("symbol"), str(told.get("quoteType", "")).upper()
    if not isinstance(symbol, str) or not symbol or kind not in CLASSES:
        return None
    name = str(told.get("longName") or told.get("longname") or told.get("shortName")
               or told.get("shortname") or symbol)  # fmt: skip
    own = ours(symbol, kind)
    if kind in {"CURRENCY", "CRYPTOCURRENCY"}:
        return pair_instrument(own, name)
    code = str(told.get("exchange", ""))
    exchange = _FUTURES.get(code, "") if kind == "FUTURE" else MARKETS.get(code, "")
    listing = _CHICAGO if kind == "FUTURE" and exchange else EXCHANGES.get(exchange)
    if listing is None:
        return None
    return Instrument(
        symbol=own,
        name=name,
        asset_class=CLASSES[kind],
        exchange=exchange,
        calendar=listing.calendar,
        time_zone=str(told.get("exchangeTimezoneName") or listing.time_zone),
        currency=str(told.get("currency") or listing.currency),
    )
