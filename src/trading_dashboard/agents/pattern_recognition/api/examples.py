"""Answers as the OpenAPI document shows them."""

from __future__ import annotations

from typing import Any

from trading_dashboard.agents.pattern_recognition.api.answers import LABEL

WORTH: dict[str, Any] = {
    "horizon_bars": 10, "as_of": "2012-08-29T00:00:00Z", "samples": 61, "hits": 38,
    "hit_rate": 0.623, "interval_low": 0.497, "interval_high": 0.734, "base_rate": 0.541,
    "base_samples": 9800, "mean_move_atr": 0.31, "median_move_atr": 0.22, "p_value": 0.19,
    "p_adjusted": 1.0, "confidence": 0.56, "verdict": "no_edge", "scope": "all_symbols",
    "effective_samples": 58.2,
}  # fmt: skip
DETECTION: dict[str, Any] = {
    "id": "5b0f9c52a7d3e811", "symbol": "AAPL", "timeframe": "1d", "pattern": "ascending_triangle",
    "name": "Ascending triangle", "kind": "chart", "direction": "bullish", "strength": 0.82,
    "state": "confirmed", "start": "2012-06-15T00:00:00Z", "end": "2012-08-13T00:00:00Z",
    "known_at": "2012-08-02T00:00:00Z", "confirmed_at": "2012-08-13T00:00:00Z",
    "pivots": [{"time": "2012-06-19T00:00:00Z", "price": 590.0, "kind": "high"}],
    "lines": [
        {"role": "upper", "start": "2012-06-19T00:00:00Z", "start_price": 619.9,
         "end": "2012-08-02T00:00:00Z", "end_price": 619.9}
    ],
    "fit": 0.91, "volume_ratio": 1.4, "volume_confirms": True, "breakout_level": 619.9,
    "target": 671.2, "invalidation": 598.4,
    "changes": [{"state": "confirmed", "at": "2012-08-13T00:00:00Z", "price": 630.0}],
    "worth": [WORTH], **LABEL,
}  # fmt: skip
PATTERNS: dict[str, Any] = {
    "symbol": "AAPL", "timeframe": "1d", "as_of": "2012-08-31T00:00:00Z", "bars": 2000,
    "patterns": [DETECTION], "stale": False, "note": None, **LABEL,
}  # fmt: skip
HISTORY: dict[str, Any] = {
    "rows": [{"detection": DETECTION, "outcomes": {"5": 0.8, "10": 1.9, "20": None}}],
    "total": 72, "next_offset": 1, **LABEL,
}  # fmt: skip
CONFIDENCE: dict[str, Any] = {
    "as_of": "2012-08-31T00:00:00Z",
    "rows": [
        {"pattern": "ascending_triangle", "name": "Ascending triangle", "kind": "chart",
         "direction": "bullish", "timeframe": "1d", "symbol": None, "worth": WORTH}
    ],
    "tests": 212,
    "reliability": [
        {"said_low": 0.55, "said_high": 0.6, "said_mean": 0.573, "happened": 0.569,
         "interval_low": 0.55, "interval_high": 0.587, "samples": 2810}
    ],
    "brier": 0.248, "brier_base": 0.249, **LABEL,
}  # fmt: skip
SCAN: dict[str, Any] = {
    "id": "9f86d081884c7d65", "state": "running", "symbols": 500, "done": 150, "found": 12,
    "errors": {}, "started_at": "2026-01-05T14:31:00Z", "seconds": 1.2, "message": None,
}  # fmt: skip
SIGNALS: dict[str, Any] = {
    "as_of": "2012-08-31T00:00:00Z",
    "signals": [
        {"id": "5b0f9c52a7d3e811", "symbol": "AAPL", "timeframe": "1d",
         "pattern": "ascending_triangle", "name": "Ascending triangle", "direction": "bullish",
         "confirmed_at": "2012-08-13T00:00:00Z", "entry": 630.0, "stop": 598.4, "target": 671.2,
         "reward_risk": 1.3, "worth": WORTH, "agreement": 0.6, "note": None, **LABEL}
    ],
    **LABEL,
}  # fmt: skip
LEVELS: dict[str, Any] = {
    "symbol": "AAPL", "timeframe": "1d", "as_of": "2012-08-31T00:00:00Z", "close": 665.24,
    "atr": 9.1,
    "levels": [
        {"price": 619.3, "low": 617.0, "high": 621.1, "kind": "support", "touches": 4,
         "last_touch": "2012-08-10T00:00:00Z", "strength": 0.7, "distance_atr": -5.0}
    ],
    **LABEL,
}  # fmt: skip
CONTEXT: dict[str, Any] = {
    "symbol": "AAPL", "as_of": "2012-09-04T14:30:00Z",
    "timeframes": [
        {"timeframe": "1d", "as_of": "2012-08-31T00:00:00Z", "bars": 300, "trend": "up",
         "trend_strength": 0.31, "volatility": "low", "volatility_percentile": 12.0,
         "regime": "up, low volatility", "note": None}
    ],
    "agreement": 0.6, "agreeing": 5, "known": 8, "words": "5 of 8 timeframes point up.", **LABEL,
}  # fmt: skip
INDICATOR: dict[str, Any] = {
    "symbol": "AAPL", "timeframe": "1d", "indicator": "rsi", "parameters": {"period": 14},
    "as_of": "2012-08-31T00:00:00Z", "timestamps": ["2012-08-31T00:00:00Z"],
    "lines": [
        {"name": "rsi", "pane": "own", "style": "line", "values": [61.3], "displacement": 0}
    ],
    **LABEL,
}  # fmt: skip
INDICATORS: dict[str, Any] = {
    "indicators": [
        {"id": "rsi", "name": "Relative strength index", "group": "momentum", "pane": "own",
         "parameters": [{"name": "period", "default": 14, "minimum": 2, "maximum": 500,
                         "is_integer": True, "description": "Bars."}],
         "source": "Wilder 1978", "definition": "", "lines": ["rsi"]}
    ]
}  # fmt: skip
CATALOGUE: dict[str, Any] = {
    "patterns": [
        {"id": "ascending_triangle", "name": "Ascending triangle", "kind": "chart",
         "directions": ["bullish"], "definition": "Highs on a level, lows that rise.",
         "source": "Bulkowski 2005, chapter 48", "bars": "12 to 250",
         "settings": {"line_tolerance": 0.12}, "picture": "/catalogue/ascending_triangle.svg"}
    ]
}  # fmt: skip
