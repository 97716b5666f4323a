"""What the puppet desk's pattern agent has found: one detection of every state, and their worth.

Times are those of the puppet's market clock at noon (16:00 UTC) of 2012-09-05.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from trading_dashboard.models.pattern_api import ReliabilityBin, Signal, WorthRow
from trading_dashboard.models.patterns import (
    PatternDefinition,
    PatternDetection,
    PatternKind,
    PatternWorth,
)

Ages = tuple[int, ...]
LABELS: dict[str, Any] = {"source": "puppet", "replay": True, "intraday": "simulated"}
NOON = datetime(2012, 9, 5, 16, 0, tzinfo=UTC)
MINUTES = {"1m": 1, "5m": 5, "15m": 15, "1h": 60, "1d": 1440}
NAMES = {
    "ascending_triangle": "Ascending triangle",
    "head_and_shoulders": "Head and shoulders",
    "bull_flag": "Bull flag",
    "double_top": "Double top",
    "rising_wedge": "Rising wedge",
    "rectangle": "Rectangle",
    "CDLENGULFING": "Engulfing",
    "CDLHAMMER": "Hammer",
}


def before(bars: int, timeframe: str) -> datetime:
    """Return the opening time of the bar that many before the one in progress at noon."""
    width = MINUTES[timeframe] * 60
    newest = NOON.timestamp() // width * width
    return datetime.fromtimestamp(newest, UTC) - timedelta(seconds=width * bars)


def worth(
    hits: int, samples: int, base: float, verdict: str, confidence: float | None
) -> list[PatternWorth]:
    """Return what a pattern was worth over 5, 10 and 20 bars."""
    rate = hits / samples if samples else None
    return [
        PatternWorth.model_validate({
            "horizon_bars": horizon, "as_of": before(1, "1d"), "samples": samples, "hits": hits,
            "hit_rate": rate, "base_rate": base, "base_samples": 2400, "confidence": confidence,
            "interval_low": None if rate is None else max(0.0, rate - 0.14),
            "interval_high": None if rate is None else min(1.0, rate + 0.14),
            "mean_move_atr": 0.21, "median_move_atr": 0.12, "p_value": 0.4, "p_adjusted": 1.0,
            "verdict": verdict,
        })
        for horizon in (5, 10, 20)
    ]  # fmt: skip


def pivots(timeframe: str, level: float, step: float, ages: Ages) -> list[Any]:
    """Return highs at a level and lows that rise by a step, one after the other."""
    return [
        {"time": before(age, timeframe), "kind": "high", "price": level}
        if number % 2 == 0
        else {"time": before(age, timeframe), "kind": "low", "price": level - 4 + number * step}
        for number, age in enumerate(ages)
    ]


def triangle(timeframe: str, level: float, step: float, ages: Ages) -> dict[str, Any]:
    """Return the pivots and lines of a triangle below a level."""
    turns = pivots(timeframe, level, step, ages)
    lines = []
    for role, found in (("upper", turns[::2]), ("lower", turns[1::2])):
        first, last = found[0], found[-1]
        line = {"role": role, "start": first["time"], "start_price": first["price"]}
        lines.append(line | {"end": last["time"], "end_price": last["price"]})
    return {
        "pivots": turns, "lines": lines, "fit": 0.93, "volume_ratio": 1.4, "volume_confirms": True,
        "breakout_level": level, "target": level + 6, "invalidation": level - 3,
    }  # fmt: skip


def detection(
    name: str, symbol: str, timeframe: str, direction: str, state: str, known: int, **more: Any
) -> PatternDetection:
    """Return a detection that was known so many bars before noon."""
    is_candle = name.startswith("CDL")
    is_confirmed = state not in ("forming", "expired")
    at = before(max(known - 2, 1) if not is_candle else known, timeframe)
    changes = [{"state": "confirmed", "at": at, "price": 655.5}] if is_confirmed else []
    if state not in ("forming", "confirmed"):
        changes.append({"state": state, "at": before(1, timeframe), "price": 656.5})
    body: dict[str, Any] = {
        "id": f"{symbol.lower()}-{timeframe}-{name.lower()}-{known}", "symbol": symbol,
        "timeframe": timeframe, "pattern": name, "name": NAMES.get(name, name),
        "kind": "candlestick" if is_candle else "chart", "direction": direction, "strength": 0.72,
        "state": state, "start": before(known + 30, timeframe), "end": before(known, timeframe),
        "known_at": before(known, timeframe), "confirmed_at": at if is_confirmed else None,
        "changes": changes,
    }  # fmt: skip
    return PatternDetection.model_validate(LABELS | body | more)


def detections() -> list[PatternDetection]:
    """Return one of every state, and the candlesticks of a few bars."""
    no_edge, edge = worth(24, 41, 0.52, "no_edge", 0.56), worth(140, 212, 0.5, "edge", 0.64)
    few = worth(5, 7, 0.51, "too_few", None)
    shape = triangle("1m", 655.0, 0.5, (40, 34, 26, 20, 12)) | {"worth": no_edge}
    daily = triangle("1d", 690.0, 6.0, (60, 48, 36, 24, 14))
    found = [
        detection("ascending_triangle", "AAPL", "1m", "bullish", "confirmed", 8, **shape),
        detection("head_and_shoulders", "AAPL", "1d", "bearish", "forming", 3, **daily),
        detection("CDLENGULFING", "IBM", "1d", "bearish", "confirmed", 1, worth=no_edge),
        detection("bull_flag", "GOOG", "1h", "bullish", "forming", 2),
        detection("double_top", "MSFT", "1d", "bearish", "failed", 9, worth=few),
        detection("rising_wedge", "FB", "5m", "bearish", "target_reached", 20, worth=edge),
        detection("rectangle", "BTC/USDT", "15m", "neutral", "expired", 12),
    ]  # fmt: skip
    found += [
        detection("CDLHAMMER", "AAPL", "1m", "bullish", "confirmed", age, worth=few)
        for age in (5, 15, 45)
    ]
    return found


def catalogue() -> list[PatternDefinition]:
    """Return the definition of each of them."""
    return [
        PatternDefinition.model_validate({
            "id": name, "name": text,
            "kind": PatternKind.CANDLESTICK if name.startswith("CDL") else PatternKind.CHART,
            "directions": ["bullish", "bearish"], "bars": "2 to 120",
            "definition": f"{text}: two highs within level_tolerance and two lows that rise.",
            "source": "Bulkowski, Encyclopedia of Chart Patterns, 2nd ed., p. 600",
            "settings": {} if name.startswith("CDL") else {"level_tolerance": 0.02},
            "picture": f"catalogue/{name}.svg",
        })
        for name, text in NAMES.items()
    ]  # fmt: skip


PICTURE = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 120 60">'
    "<script>globalThis.hacked=1</script>"
    '<polyline points="5,40 30,12 45,34 70,12 85,28 115,6" fill="none" '
    'stroke="currentColor"/></svg>'
)


def worth_rows() -> list[WorthRow]:
    """Return the table of `/patterns/confidence`."""
    rows = []
    for found in detections():
        for value in found.worth:
            row: dict[str, Any] = {
                "symbol": None,
                "worth": value.model_dump(),
                "direction": found.direction,
            }
            row |= {"pattern": found.pattern, "name": found.name, "kind": found.kind}
            rows.append(WorthRow.model_validate(row | {"timeframe": found.timeframe}))
    return list({(r.pattern, r.timeframe, r.worth.horizon_bars): r for r in rows}.values())


def reliability() -> list[ReliabilityBin]:
    """Return three points: two of many samples, one of few."""
    points = ((0.45, 0.47, 320), (0.55, 0.53, 810), (0.65, 0.8, 6))
    return [
        ReliabilityBin(
            said_low=said - 0.05, said_high=said + 0.05, said_mean=said, happened=happened,
            interval_low=happened - 0.9 / count**0.5, samples=count,
            interval_high=min(1.0, happened + 0.9 / count**0.5),
        )
        for said, happened, count in points
    ]  # fmt: skip


def signals(found: list[PatternDetection]) -> list[Signal]:
    """Return the confirmed chart patterns as trade ideas."""
    ideas = []
    for item in found:
        if item.state != "confirmed" or None in (item.target, item.invalidation) or not item.worth:
            continue
        entry, stop, target = (
            value or 0.0 for value in (item.breakout_level, item.invalidation, item.target)
        )
        body = item.model_dump() | {"entry": entry, "stop": stop, "agreement": 0.4}
        body |= {"reward_risk": (target - entry) / (entry - stop), "worth": item.worth[1]}
        ideas.append(Signal.model_validate(body))
    return ideas
