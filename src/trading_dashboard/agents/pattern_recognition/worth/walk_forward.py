"""The past as it was known: what each historic detection was worth when it was confirmed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trading_dashboard.agents.pattern_recognition.worth.family import KEPT
from trading_dashboard.agents.pattern_recognition.worth.ledger import Ledger
from trading_dashboard.models.patterns import PatternWorth


@dataclass(frozen=True, slots=True)
class Confirmed:
    """One historic detection: what, whose, and the opening time of its confirming bar."""

    symbol: str
    pattern: str
    direction: int
    time: int


def walk_forward(
    ledger: Ledger, timeframe: str, detections: Sequence[Confirmed]
) -> list[list[PatternWorth]]:
    """Return each detection's worth as known at its confirmation, in the order given.

    The same as asking `Ledger.worth` for each, with the tests of many moments worked out together.
    """
    found: list[list[PatternWorth]] = [[] for _ in detections]
    order = sorted(range(len(detections)), key=lambda at: detections[at].time)
    family = ledger.timeframe(timeframe).family
    moments = sorted({detection.time for detection in detections})
    position = 0
    for first in range(0, len(moments), KEPT):
        some = moments[first : first + KEPT]
        family.prepare(np.array(some, np.int64))
        while position < len(order) and detections[order[position]].time <= some[-1]:
            at = order[position]
            one = detections[at]
            found[at] = ledger.worth(one.symbol, timeframe, one.pattern, one.direction, one.time)
            position += 1
    return found
