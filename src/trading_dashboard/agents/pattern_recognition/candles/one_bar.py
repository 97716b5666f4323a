"""Patterns of one bar."""

from __future__ import annotations

from trading_dashboard.agents.pattern_recognition.candles.kinds import (
    BEAR,
    BOTH,
    BULL,
    LINES,
    NISON_DOJI,
    NISON_LINES,
    NISON_MORE,
    NISON_REVERSAL,
    NISON_STARS,
    NONE,
    REVERSAL,
    CandleKind,
    Clear,
)

ONE_BAR = (
    CandleKind(
        "CDLBELTHOLD", "Belt hold", 1, 1, BOTH, Clear.BODY,
        "A long body that opens at its extreme: a white one without a lower shadow is bullish, "
        "a black one without an upper shadow bearish.",
        NISON_MORE,
    ),
    CandleKind(
        "CDLCLOSINGMARUBOZU", "Closing marubozu", 1, 1, BOTH, Clear.BODY,
        "A long body that closes at its extreme: a white one without an upper shadow is bullish, "
        "a black one without a lower shadow bearish.",
        LINES,
    ),
    CandleKind(
        "CDLDOJI", "Doji", 1, 1, NONE, Clear.SMALL_BODY,
        "Open and close are nearly equal: the body is at most a tenth of the average range.",
        NISON_DOJI,
    ),
    CandleKind(
        "CDLDRAGONFLYDOJI", "Dragonfly doji", 1, 1, NONE, Clear.SHADOW,
        "A doji at the top of its bar: no upper shadow and a lower one. What it means depends on "
        "the trend before it.",
        NISON_DOJI,
    ),
    CandleKind(
        "CDLGRAVESTONEDOJI", "Gravestone doji", 1, 1, NONE, Clear.SHADOW,
        "A doji at the bottom of its bar: no lower shadow and an upper one. What it means depends "
        "on the trend before it.",
        NISON_DOJI,
    ),
    CandleKind(
        "CDLHAMMER", "Hammer", 1, 2, BULL, Clear.SHADOW,
        "A short body at the top of its bar, a lower shadow longer than the body, no upper shadow, "
        "and the body at or below the low of the bar before.",
        NISON_REVERSAL,
    ),
    CandleKind(
        "CDLHANGINGMAN", "Hanging man", 1, 2, BEAR, Clear.SHADOW,
        "A hammer's shape with the body at or above the high of the bar before.",
        NISON_REVERSAL,
    ),
    CandleKind(
        "CDLHIGHWAVE", "High-wave candle", 1, 1, NONE, Clear.SMALL_BODY,
        "A short body with very long shadows on both sides: each more than twice the body.",
        NISON_DOJI,
    ),
    CandleKind(
        "CDLINVERTEDHAMMER", "Inverted hammer", 1, 2, BULL, Clear.SHADOW,
        "A short body at the bottom of its bar, a long upper shadow, no lower shadow, and the body "
        "gaps below the body of the bar before.",
        NISON_STARS,
    ),
    CandleKind(
        "CDLLONGLEGGEDDOJI", "Long-legged doji", 1, 1, NONE, Clear.SMALL_BODY,
        "A doji with at least one long shadow.",
        NISON_DOJI,
    ),
    CandleKind(
        "CDLLONGLINE", "Long line candle", 1, 1, BOTH, Clear.BODY,
        "A long body with short shadows on both sides; white is bullish, black bearish.",
        NISON_LINES,
    ),
    CandleKind(
        "CDLMARUBOZU", "Marubozu", 1, 1, BOTH, Clear.BODY,
        "A long body without shadows: white is bullish, black bearish.",
        LINES,
    ),
    CandleKind(
        "CDLRICKSHAWMAN", "Rickshaw man", 1, 1, NONE, Clear.SMALL_BODY,
        "A long-legged doji with both shadows long and the body near the middle of the bar.",
        NISON_DOJI,
    ),
    CandleKind(
        "CDLSHOOTINGSTAR", "Shooting star", 1, 2, BEAR, Clear.SHADOW,
        "A short body at the bottom of its bar, a long upper shadow, no lower shadow, and the body "
        "gaps above the body of the bar before.",
        NISON_STARS,
    ),
    CandleKind(
        "CDLSHORTLINE", "Short line candle", 1, 1, BOTH, Clear.SMALL_BODY,
        "A short body with short shadows on both sides; white counts as bullish, black as bearish.",
        NISON_LINES,
    ),
    CandleKind(
        "CDLSPINNINGTOP", "Spinning top", 1, 1, NONE, Clear.SMALL_BODY,
        "A short body with both shadows longer than it.",
        NISON_LINES,
    ),
    CandleKind(
        "CDLTAKURI", "Takuri line", 1, 1, NONE, Clear.SHADOW,
        "A dragonfly doji with a very long lower shadow: more than twice the body. What it means "
        "depends on the trend before it.",
        REVERSAL,
    ),
)  # fmt: skip
