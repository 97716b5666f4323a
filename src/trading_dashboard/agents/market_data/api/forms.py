"""Which form an answer with bars has: JSON, Arrow or Parquet, as the reader asked.

Owns reading `Accept` and the parameters that overrule it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from trading_dashboard.agents.market_data.api.tables import ARROW, PARQUET

JSON = "application/json"
Format = Literal["json", "arrow", "parquet"]
MEDIA_TYPES: dict[Format, str] = {"json": JSON, "arrow": ARROW, "parquet": PARQUET}


def chosen(format_: Format | None, accept: str | None) -> Format:
    """Return the form: the parameter's, else the one `Accept` likes best, else JSON.

    A header that has none of ours, such as a browser's, is answered with JSON.
    """
    if format_ is not None:
        return format_
    best: Format = "json"
    best_weight = 0.0
    for media_type, weight in _accepted(accept or ""):
        for form, own in MEDIA_TYPES.items():
            if media_type == own and weight > best_weight:
                best, best_weight = form, weight
    return best


def _accepted(accept: str) -> Iterator[tuple[str, float]]:
    """Yield each media type and its weight; one that cannot be read weighs nothing."""
    for part in accept.split(","):
        media_type, *parameters = (item.strip().lower() for item in part.split(";"))
        weight = 1.0
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            if name.strip() == "q":
                try:
                    weight = float(value)
                except ValueError:
                    weight = 0.0
        yield media_type, weight
