"""What is asked of the process that computes, as it is pickled: names and numbers only.

Imports nothing heavy: both processes know it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from trading_dashboard.models.risk.measures import VarMethod

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

RECKON = "trading_dashboard.agents.risk_management.live.reckon"
"""The module whose functions are asked for."""


@dataclass(frozen=True, slots=True)
class Histories:
    """Daily bars as they are known now.

    Attributes:
        version: Names this state of them.
        bars: Of every symbol there are bars of, as Arrow streams.
        missing: Why symbols that were asked for have none.
    """

    version: tuple[int, int]
    bars: dict[str, bytes]
    missing: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Facts:
    """What the desk itself needs of history.

    Attributes:
        symbols: N names.
        returns: float64 of shape (T, N), newest last, NaN where missing.
        volumes: Units traded on an average day lately, where known.
    """

    symbols: tuple[str, ...]
    returns: NDArray[np.float64]
    volumes: dict[str, float]


@dataclass(frozen=True, slots=True)
class Portfolio:
    """Holdings as they are asked about.

    Attributes:
        symbols: Each once.
        values: In currency, short below zero.
        quantities: Units.
        equity: Cash and holdings; None if not known.
        curve: Equity at each session's start, oldest first.
    """

    symbols: tuple[str, ...]
    values: tuple[float, ...]
    quantities: tuple[float, ...]
    equity: float | None
    curve: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Terms:
    """How a VaR is computed."""

    confidence: float = 0.95
    horizon_days: int = 1
    window: int = 500
    methods: tuple[VarMethod, ...] = tuple(VarMethod)
    paths: int = 20_000
    seed: int = 0
    benchmark: str | None = None


@dataclass(frozen=True, slots=True)
class Prices:
    """What sizing knows of now."""

    equity: float
    prices: Mapping[str, float] = field(default_factory=dict)
    window: int = 500
