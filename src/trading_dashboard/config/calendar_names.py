"""The exchange calendars there are, so that a misspelt one is told without loading the library.

A copy of what exchange_calendars registers; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Mapping

CALENDARS: tuple[str, ...] = (
    "24/5", "24/7", "AIXK", "ASEX", "BVMF", "CMES", "IEPA", "XAMS", "XASX", "XBDA", "XBEL",
    "XBKK", "XBOG", "XBOM", "XBRA", "XBRU", "XBSE", "XBUD", "XBUE", "XCBF", "XCSE", "XCYS",
    "XDUB", "XDUS", "XEEE", "XETR", "XEUR", "XFRA", "XHAM", "XHEL", "XHKG", "XICE", "XIDX",
    "XIST", "XJSE", "XKAR", "XKLS", "XKRX", "XLIM", "XLIS", "XLIT", "XLJU", "XLON", "XLUX",
    "XMAD", "XMEX", "XMIL", "XMOS", "XNYS", "XNZE", "XOSL", "XPAR", "XPHS", "XPRA", "XRIS",
    "XSAU", "XSES", "XSGO", "XSHG", "XSTO", "XSTU", "XSWX", "XTAE", "XTAI", "XTAL", "XTKS",
    "XTSE", "XWAR", "XWBO", "XZAG", "us_futures",
)  # fmt: skip
"""Names, mostly the exchange's market identifier code (ISO 10383)."""

ALIASES: Mapping[str, str] = {
    "ARCX": "XNYS", "ASX": "XASX", "BATS": "XNYS", "BMF": "BVMF", "BSE": "XBOM", "BVB": "XBSE",
    "CBOT": "CMES", "CFE": "XCBF", "CME": "CMES", "COMEX": "CMES", "FWB": "XFRA",
    "HKEX": "XHKG", "ICE": "IEPA", "ICEUS": "IEPA", "JKT": "XIDX", "JPX": "XTKS", "LSE": "XLON",
    "LUXSE": "XLUX", "NASDAQ": "XNYS", "NYFE": "IEPA", "NYMEX": "CMES", "NYSE": "XNYS",
    "OOTC": "XNYS", "OSE": "XOSL", "SIX": "XSWX", "SSE": "XSHG", "TASE": "XTAE", "TSX": "XTSE",
    "XASE": "XNYS", "XNAS": "XNYS", "XTSX": "XTSE",
}  # fmt: skip
"""Other names, and the calendar each means."""


def canonical_name(name: str) -> str:
    """Return the calendar that a name or alias means; the name itself if it is unknown."""
    return ALIASES.get(name, name)
