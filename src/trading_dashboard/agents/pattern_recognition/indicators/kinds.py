"""What an indicator is: its parameters, its lines, its source and the function that computes it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from trading_dashboard.agents.pattern_recognition.bars import Bars, Floats, Times

Group = Literal["trend", "momentum", "volume", "volatility"]
Pane = Literal["price", "own", "volume"]
Style = Literal["line", "histogram", "cloud"]
Memory = Literal["window", "fading", "session", "cumulative"]
Parameters = Mapping[str, float]

LONGEST_PERIOD = 500
SETTLED = 1e-9
"""Weight of everything before the first bar, once a fading average counts as settled."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter: bounds are inclusive."""

    name: str
    default: float
    minimum: float
    maximum: float
    is_integer: bool
    description: str


@dataclass(frozen=True, slots=True)
class LineKind:
    """One output, and where it is drawn."""

    name: str
    pane: Pane
    style: Style = "line"


@dataclass(frozen=True, slots=True, eq=False)
class IndicatorColumn:
    """One computed line, as long as the bars.

    Attributes:
        name, pane, style: As in `LineKind`.
        values: float64, shape ``(n,)``. The value at a bar was known at that bar's close; NaN
            where there is none yet, and at gaps.
        displacement: How many bars to the right of its bar a value is drawn, negative to the left.
    """

    name: str
    pane: Pane
    style: Style
    values: Floats
    displacement: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """What an indicator reads: bars without gaps, and where sessions start.

    Attributes:
        bars: Rows with finite prices, and finite volume if the indicator reads it.
        session: Which session each row is in, int64, shape ``(m,)``, not falling.
    """

    bars: Bars
    session: Times


@dataclass(frozen=True, slots=True)
class IndicatorKind:
    """One indicator.

    Attributes:
        lines: Its outputs, in the order `compute` returns them.
        definition: What it is, in words.
        source: Whose definition, and TA-Lib's function where that computes it.
        memory: What a value depends on. *window*: the bars `lookback` names and the bar itself.
            *fading*: every bar before, with weights that fade. *session*: the bars of its session.
            *cumulative*: every bar of the series; only differences have a meaning.
        lookback: How many bars before the first value, from the parameters.
        compute: Values of each line, from rows of at least one bar.
        displacement: Of each line, from the parameters.
        fading_weight: Weight of the newest bar in its slowest average, from the parameters.
    """

    id: str
    name: str
    group: Group
    pane: Pane
    parameters: tuple[Parameter, ...]
    lines: tuple[LineKind, ...]
    definition: str
    source: str
    memory: Memory
    lookback: Callable[[Parameters], int]
    compute: Callable[[Rows, Parameters], tuple[Floats, ...]]
    reads_volume: bool = False
    displacement: Callable[[Parameters], tuple[int, ...]] | None = None
    fading_weight: Callable[[Parameters], float] | None = None

    def settling_bars(self, parameters: Parameters) -> int:
        """Return how many bars before a value make it what the whole series would make it.

        Of a fading average to one part in 10^9. Nothing settles a cumulative one, and of a session
        its start does: 0 for both.
        """
        if self.fading_weight is None:
            return self.lookback(parameters)
        weight = self.fading_weight(parameters)
        fading = math.log(SETTLED) / math.log1p(-weight) if weight < 1 else 1
        return self.lookback(parameters) + math.ceil(fading)


def period(default: int, description: str, *, name: str = "period", minimum: int = 2) -> Parameter:
    """Return a parameter that counts bars."""
    return Parameter(name, default, minimum, LONGEST_PERIOD, True, description)
