"""Patterns of three bars."""

from __future__ import annotations

from trading_dashboard.agents.pattern_recognition.candles.kinds import (
    BEAR,
    BOTH,
    BULL,
    CONTINUATION,
    HIKKAKE,
    NISON_CONTINUATION,
    NISON_MORE,
    NISON_STARS,
    REVERSAL,
    CandleKind,
    Clear,
)

THREE_BARS = (
    CandleKind(
        "CDL2CROWS", "Two crows", 3, 3, BEAR, Clear.BODY,
        "A long white body, a black one that gaps above it, then a black one that opens within bar "
        "2's body and closes within bar 1's.",
        REVERSAL,
    ),
    CandleKind(
        "CDL3BLACKCROWS", "Three black crows", 3, 4, BEAR, Clear.BODY,
        "After a white bar, three black bodies with hardly a lower shadow, each opening within the "
        "body before and closing lower; bar 1 closes below the high of the white bar.",
        NISON_MORE,
    ),
    CandleKind(
        "CDL3INSIDE", "Three inside up or down", 3, 3, BOTH, Clear.BODY,
        "A harami, then a close beyond bar 1's open against its colour, which is the direction.",
        REVERSAL,
    ),
    CandleKind(
        "CDL3OUTSIDE", "Three outside up or down", 3, 3, BOTH, Clear.BODY,
        "An engulfing pattern, then a close further in its direction.",
        REVERSAL,
    ),
    CandleKind(
        "CDL3STARSINSOUTH", "Three stars in the south", 3, 3, BULL, Clear.BODY,
        "A long black body with a long lower shadow, a smaller black one that opens within bar 1 "
        "and keeps above its low, then a small black marubozu within bar 2's range.",
        REVERSAL,
    ),
    CandleKind(
        "CDL3WHITESOLDIERS", "Three advancing white soldiers", 3, 3, BULL, Clear.BODY,
        "Three white bodies with hardly an upper shadow, each opening within or near the body "
        "before and closing higher, none much shorter than the one before, the last not short.",
        NISON_MORE,
    ),
    CandleKind(
        "CDLABANDONEDBABY", "Abandoned baby", 3, 3, BOTH, Clear.BODY,
        "A long body, a doji whose whole range gaps away from bar 1 and from bar 3, then a body "
        "of the opposite colour that closes within bar 1's, deeper than `penetration` of it.",
        NISON_STARS, 0.3,
    ),
    CandleKind(
        "CDLADVANCEBLOCK", "Advance block", 3, 3, BEAR, Clear.SMALL_BODY,
        "Three white bodies that close higher and open within or near the body before, and weaken: "
        "bodies get shorter or upper shadows longer.",
        NISON_MORE,
    ),
    CandleKind(
        "CDLEVENINGDOJISTAR", "Evening doji star", 3, 3, BEAR, Clear.BODY,
        "A long white body, a doji that gaps above it, then a black body that closes within bar "
        "1's, deeper than `penetration` of it.",
        NISON_STARS, 0.3,
    ),
    CandleKind(
        "CDLEVENINGSTAR", "Evening star", 3, 3, BEAR, Clear.BODY,
        "A long white body, a short one that gaps above it, then a black body that closes within "
        "bar 1's, deeper than `penetration` of it.",
        NISON_STARS, 0.3,
    ),
    CandleKind(
        "CDLGAPSIDESIDEWHITE", "Side-by-side white lines", 3, 3, BOTH, Clear.BODY,
        "Two white bodies of like size and open that both gap from bar 1; the direction is that of "
        "the gap.",
        NISON_CONTINUATION,
    ),
    CandleKind(
        "CDLHIKKAKE", "Hikkake", 3, 3, BOTH, Clear.BODY,
        "An inside bar, then a bar with lower high and lower low (bullish) or higher high and "
        "higher low (bearish): a break expected to fail. Confirmed, and told again with full "
        "strength, if one of the next three bars closes beyond the inside bar on the other side.",
        HIKKAKE,
    ),
    CandleKind(
        "CDLIDENTICAL3CROWS", "Identical three crows", 3, 3, BEAR, Clear.BODY,
        "Three black bodies with hardly a lower shadow, each closing lower and opening at the "
        "close before.",
        REVERSAL,
    ),
    CandleKind(
        "CDLMORNINGDOJISTAR", "Morning doji star", 3, 3, BULL, Clear.BODY,
        "A long black body, a doji that gaps below it, then a white body that closes within bar "
        "1's, deeper than `penetration` of it.",
        NISON_STARS, 0.3,
    ),
    CandleKind(
        "CDLMORNINGSTAR", "Morning star", 3, 3, BULL, Clear.BODY,
        "A long black body, a short one that gaps below it, then a white body that closes within "
        "bar 1's, deeper than `penetration` of it.",
        NISON_STARS, 0.3,
    ),
    CandleKind(
        "CDLSTALLEDPATTERN", "Stalled pattern", 3, 3, BEAR, Clear.SMALL_BODY,
        "Two long white bodies, the second with hardly an upper shadow and opening within or near "
        "the first, then a short white one that rides on the second's close.",
        NISON_MORE,
    ),
    CandleKind(
        "CDLSTICKSANDWICH", "Stick sandwich", 3, 3, BULL, Clear.BODY,
        "A black body, a white one that trades above bar 1's close, then a black one that closes "
        "where bar 1 did.",
        REVERSAL,
    ),
    CandleKind(
        "CDLTASUKIGAP", "Tasuki gap", 3, 3, BOTH, Clear.BODY,
        "Bar 2 gaps away in its own colour, bar 3 of like size and opposite colour opens within "
        "its body and closes within the gap; the direction is that of the gap.",
        NISON_CONTINUATION,
    ),
    CandleKind(
        "CDLTRISTAR", "Tristar", 3, 3, BOTH, Clear.SMALL_BODY,
        "Three dojis, the second with a gap from the first: bearish if it is above, bullish if "
        "below, and the third is not beyond it.",
        REVERSAL,
    ),
    CandleKind(
        "CDLUNIQUE3RIVER", "Unique three river", 3, 3, BULL, Clear.SMALL_BODY,
        "A long black body, a black harami with a lower low, then a short white body that opens "
        "above bar 2's low.",
        REVERSAL,
    ),
    CandleKind(
        "CDLUPSIDEGAP2CROWS", "Upside gap two crows", 3, 3, BEAR, Clear.BODY,
        "A long white body, a short black one that gaps above it, then a black one that engulfs "
        "bar 2's body and still closes above bar 1's.",
        NISON_MORE,
    ),
    CandleKind(
        "CDLXSIDEGAP3METHODS", "Upside or downside gap three methods", 3, 3, BOTH, Clear.BODY,
        "Two bodies of one colour with a gap between, then one of the other colour that opens "
        "within bar 2's body and closes within bar 1's; the direction is that of the gap.",
        CONTINUATION,
    ),
)  # fmt: skip
