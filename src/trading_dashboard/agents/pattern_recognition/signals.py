"""A confirmed chart pattern as a trade idea: entry, stop, target, reward against risk, and worth.

Owns the arithmetic. The entry is the close that confirmed the pattern: the first price anybody
could act on. It is an idea with its record, not advice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from trading_dashboard.agents.pattern_recognition.live.found import SIGNS, Body
from trading_dashboard.models.patterns import PatternState

_LABEL = ("source", "replay", "intraday")
_SAME = ("id", "symbol", "timeframe", "pattern", "name", "direction", "confirmed_at")
_DIGITS = 4


@dataclass(frozen=True, slots=True)
class Idea:
    """One signal, and what it is chosen by."""

    body: Body
    reward_risk: float
    confidence: float | None


def ideas(bodies: Sequence[Body], worths: Sequence[list[Body]], horizon: int) -> list[Idea]:
    """Return the signals of confirmed chart patterns, newest first, without agreement.

    Args:
        bodies: Detections.
        worths: Of each.
        horizon: Over how many bars the worth is meant.
    """
    pairs = zip(bodies, worths, strict=True)
    found = [idea for body, worth in pairs if (idea := _idea(body, worth, horizon)) is not None]
    return sorted(found, key=lambda idea: str(idea.body["confirmed_at"]), reverse=True)


def _idea(body: Body, worth: Sequence[Body], horizon: int) -> Idea | None:
    """Return one signal; None if it has no room between its stop and its target."""
    entry, stop, target = _entry(body), body["invalidation"], body["target"]
    sign = SIGNS[body["direction"]]
    if entry is None or stop is None or target is None or not sign:
        return None
    reward, risk = sign * (target - entry), sign * (entry - stop)
    if reward <= 0 or risk <= 0:
        return None
    ratio = round(reward / risk, _DIGITS)
    of_horizon = next((it for it in worth if it["horizon_bars"] == horizon), None)
    told = {
        **{name: body[name] for name in (*_SAME, *_LABEL)},
        "entry": entry,
        "stop": stop,
        "target": target,
        "reward_risk": ratio,
        "worth": of_horizon,
        "agreement": None,
        "note": None if of_horizon else "Its worth over this horizon is not known.",
    }
    return Idea(told, ratio, None if of_horizon is None else of_horizon["confidence"])


def _entry(body: Body) -> float | None:
    for change in body["changes"]:
        if change["state"] == PatternState.CONFIRMED.value:
            return float(change["price"])
    return None
