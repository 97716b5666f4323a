"""What is told of candlesticks: many bodies made from few templates, none of them shared."""

from __future__ import annotations

from trading_dashboard.agents.pattern_recognition.candles.catalogue import CANDLES
from trading_dashboard.agents.pattern_recognition.live.found import candle_body, candle_id
from trading_dashboard.agents.pattern_recognition.live.label import Label
from trading_dashboard.models.patterns import PatternDetection

MINUTE = 60_000_000
LABEL = Label("replay", replay=True, intraday="simulated")
OTHER = Label("yahoo", replay=False, intraday="real")


def test_what_is_told_of_a_candlestick() -> None:
    for number, kind in enumerate(CANDLES):
        body = candle_body(("IBM", "1m"), number, (0, MINUTE), -1, 0.123456789, LABEL)
        told = PatternDetection.model_validate({**body, "worth": []})
        assert (told.pattern, told.name, told.strength) == (kind.id, kind.name, 0.123457)
        assert (told.direction, told.symbol, told.timeframe) == ("bearish", "IBM", "1m")
        assert told.id == candle_id(("IBM", "1m"), kind.id, MINUTE)
        assert told.start.minute == 0
        assert told.end.minute == told.known_at.minute == 1
        assert told.confirmed_at == told.end
        assert (told.source, told.replay, told.intraday) == ("replay", True, "simulated")


def test_bodies_share_nothing() -> None:
    first = candle_body(("IBM", "1m"), 3, (0, MINUTE), 1, 0.5, LABEL)
    before = {**first}
    second = candle_body(("MSFT", "5m"), 3, (MINUTE, 5 * MINUTE), 1, 0.7, OTHER)
    for name in ("pivots", "lines", "changes"):
        second[name].append("something")
    second["state"] = "failed"
    assert first == before
    assert candle_body(("IBM", "1m"), 3, (0, MINUTE), 1, 0.5, LABEL) == before
