"""Patterns of four and five bars."""

from __future__ import annotations

from trading_dashboard.agents.pattern_recognition.candles.kinds import (
    BOTH,
    BULL,
    CONTINUATION,
    HIKKAKE,
    NISON_CONTINUATION,
    REVERSAL,
    CandleKind,
    Clear,
)

LONGER = (
    CandleKind(
        "CDL3LINESTRIKE", "Three-line strike", 4, 4, BOTH, Clear.BODY,
        "Three bodies of one colour, each opening within or near the body before and closing "
        "further, then one of the other colour that opens beyond bar 3's close and closes beyond "
        "bar 1's open; the direction is that of the three.",
        CONTINUATION,
    ),
    CandleKind(
        "CDLBREAKAWAY", "Breakaway", 5, 5, BOTH, Clear.BODY,
        "A long body, one of the same colour that gaps away, two more that go on in that "
        "direction, then one of the other colour that closes within the gap; its colour is the "
        "direction.",
        REVERSAL,
    ),
    CandleKind(
        "CDLCONCEALBABYSWALL", "Concealing baby swallow", 4, 4, BULL, Clear.BODY,
        "Two black marubozu, a black body that gaps down with an upper shadow into bar 2's, then "
        "a black one that engulfs bar 3 with its shadows.",
        REVERSAL,
    ),
    CandleKind(
        "CDLHIKKAKEMOD", "Modified hikkake", 4, 4, BOTH, Clear.BODY,
        "A hikkake with a narrower bar before its inside bar, which closes near its low (bullish) "
        "or near its high (bearish). Confirmed, and told again with full strength, if one of the "
        "next three bars closes beyond the inside bar on the other side.",
        HIKKAKE,
    ),
    CandleKind(
        "CDLLADDERBOTTOM", "Ladder bottom", 5, 5, BULL, Clear.BODY,
        "Three black bodies with lower opens and closes, a black one with an upper shadow, then a "
        "white one that opens above bar 4's body and closes above its high.",
        REVERSAL,
    ),
    CandleKind(
        "CDLMATHOLD", "Mat hold", 5, 5, BULL, Clear.BODY,
        "A long white body, a short black one that gaps up, two short ones that fall but hold "
        "within bar 1's body, no deeper than `penetration` of it, then a white one that opens "
        "above bar 4's close and closes above the highs of bars 2 to 4.",
        CONTINUATION, 0.5,
    ),
    CandleKind(
        "CDLRISEFALL3METHODS", "Rising or falling three methods", 5, 5, BOTH, Clear.BODY,
        "A long body, three short ones of mostly the other colour that move against it within its "
        "range, then a long one of the first colour that closes beyond bar 1's close; the "
        "direction is that of bar 1.",
        NISON_CONTINUATION,
    ),
)  # fmt: skip
