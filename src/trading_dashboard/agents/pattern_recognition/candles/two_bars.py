"""Patterns of two bars."""

from __future__ import annotations

from trading_dashboard.agents.pattern_recognition.candles.kinds import (
    BEAR,
    BOTH,
    BULL,
    CONTINUATION,
    NISON_CONTINUATION,
    NISON_MORE,
    NISON_REVERSAL,
    NISON_STARS,
    REVERSAL,
    CandleKind,
    Clear,
)

TWO_BARS = (
    CandleKind(
        "CDLCOUNTERATTACK", "Counterattack", 2, 2, BOTH, Clear.BODY,
        "Two long bodies of opposite colour that close at the same price; the direction is that of "
        "bar 2.",
        NISON_MORE,
    ),
    CandleKind(
        "CDLDARKCLOUDCOVER", "Dark cloud cover", 2, 2, BEAR, Clear.BODY,
        "A long white body, then a black one that opens above the high of bar 1 and closes within "
        "its body, deeper than `penetration` of it.",
        NISON_REVERSAL, 0.5,
    ),
    CandleKind(
        "CDLDOJISTAR", "Doji star", 2, 2, BOTH, Clear.SMALL_BODY,
        "A long body, then a doji that gaps away in its direction: bullish after a black body, "
        "bearish after a white one.",
        NISON_STARS,
    ),
    CandleKind(
        "CDLENGULFING", "Engulfing", 2, 2, BOTH, Clear.BODY,
        "Bar 2's body has the opposite colour and engulfs bar 1's; its colour is the direction. "
        "Where one end of the bodies is equal the strength is lower.",
        NISON_REVERSAL,
    ),
    CandleKind(
        "CDLHARAMI", "Harami", 2, 2, BOTH, Clear.SMALL_BODY,
        "A long body, then a short one within it: bullish after a black body, bearish after a "
        "white one. Where one end of the bodies is equal the strength is lower.",
        NISON_MORE,
    ),
    CandleKind(
        "CDLHARAMICROSS", "Harami cross", 2, 2, BOTH, Clear.SMALL_BODY,
        "A long body, then a doji within it: bullish after a black body, bearish after a white "
        "one. Where one end of the bodies is equal the strength is lower.",
        NISON_MORE,
    ),
    CandleKind(
        "CDLHOMINGPIGEON", "Homing pigeon", 2, 2, BULL, Clear.SMALL_BODY,
        "A long black body, then a short black one within it.",
        REVERSAL,
    ),
    CandleKind(
        "CDLINNECK", "In-neck", 2, 2, BEAR, Clear.BODY,
        "A long black body, then a white one that opens below the low of bar 1 and closes at its "
        "close or slightly above.",
        CONTINUATION,
    ),
    CandleKind(
        "CDLKICKING", "Kicking", 2, 2, BOTH, Clear.BODY,
        "Two marubozu of opposite colour with a gap between them; the direction is that of bar 2.",
        REVERSAL,
    ),
    CandleKind(
        "CDLKICKINGBYLENGTH", "Kicking by length", 2, 2, BOTH, Clear.BODY,
        "Two marubozu of opposite colour with a gap between them; the direction is that of the "
        "longer one.",
        REVERSAL,
    ),
    CandleKind(
        "CDLMATCHINGLOW", "Matching low", 2, 2, BULL, Clear.BODY,
        "Two black bodies that close at the same price.",
        REVERSAL,
    ),
    CandleKind(
        "CDLONNECK", "On-neck", 2, 2, BEAR, Clear.BODY,
        "A long black body, then a white one that opens below the low of bar 1 and closes at that "
        "low.",
        CONTINUATION,
    ),
    CandleKind(
        "CDLPIERCING", "Piercing", 2, 2, BULL, Clear.BODY,
        "A long black body, then a long white one that opens below the low of bar 1 and closes "
        "within its body, above its middle.",
        NISON_REVERSAL,
    ),
    CandleKind(
        "CDLSEPARATINGLINES", "Separating lines", 2, 2, BOTH, Clear.BODY,
        "Two bodies of opposite colour that open at the same price, bar 2 a belt hold; its colour "
        "is the direction.",
        NISON_CONTINUATION,
    ),
    CandleKind(
        "CDLTHRUSTING", "Thrusting", 2, 2, BEAR, Clear.BODY,
        "A long black body, then a white one that opens below the low of bar 1 and closes within "
        "its body, above the in-neck but not above its middle.",
        CONTINUATION,
    ),
)  # fmt: skip
