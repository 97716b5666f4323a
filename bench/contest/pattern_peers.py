"""Run by `bench.patterns` in a peer's own environment: its milliseconds for each series, as JSON.

    python pattern_peers.py PACKAGE series.npy

Each series is handed over as the peer wants it; that is not counted. Every one is new to it, since
some keep what they computed of the same array.
"""

from __future__ import annotations

import importlib
import json
import logging
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

TA_PATTERNS = (
    *("double_top", "double_bottom", "triple_top", "triple_bottom", "hs_top", "hs_bottom"),
    *("ascending_triangle", "descending_triangle", "symmetrical_triangle"),
    *("rectangle_top", "rectangle_bottom", "channel_asc", "channel_desc"),
    *("rising_wedge", "falling_wedge", "flag_bull", "flag_bear", "pennant_bull", "pennant_bear"),
    *("cup_with_handle", "inverted_cup_with_handle"),
)
PATTERNPY = ("detect_head_shoulder", "detect_triangle_pattern", "detect_double_top_bottom")


def ta_patterns(row: Any) -> Callable[[], object]:
    peer = importlib.import_module("ta_patterns.chart_patterns")
    prices = [np.ascontiguousarray(column) for column in row[:4]]
    return lambda: [getattr(peer, name)(*prices) for name in TA_PATTERNS]


def frame(row: Any, *names: str) -> Any:
    pandas = importlib.import_module("pandas")
    days = pandas.date_range("2000-01-03", periods=len(row[0]), freq="D")
    return pandas.DataFrame(dict(zip(names, row, strict=True)), index=days)


def patternpy(row: Any) -> Callable[[], object]:
    peer = importlib.import_module("patternpy.tradingpatterns")
    table = frame(row, "Open", "High", "Low", "Close", "Volume")
    return lambda: [getattr(peer, name)(table) for name in PATTERNPY]


def auto_chart_patterns(row: Any) -> Callable[[], object]:
    zigzags = importlib.import_module("auto_chart_patterns.zigzag")
    lines = importlib.import_module("auto_chart_patterns.trendline_patterns")
    flags = importlib.import_module("auto_chart_patterns.flag_pennant_patterns")
    turns = importlib.import_module("auto_chart_patterns.reversal_patterns")
    table = frame(row, "open", "high", "low", "close", "volume")

    def scan() -> object:
        zigzag = zigzags.Zigzag(backcandles=5, forwardcandles=5, pivot_limit=2_000)
        zigzag.calculate(table)
        found: list[Any] = []
        for offset in range(len(zigzag.zigzag_pivots)):
            for count in (5, 6):
                lines.find_trend_lines(
                    zigzag, offset, lines.TrendLineProperties(number_of_pivots=count), found
                )
            turns.find_reversal_patterns(zigzag, offset, turns.ReversalPatternProperties(), found)
            flags.find_flags_and_pennants(
                zigzag, offset, flags.FlagPennantProperties(number_of_pivots=4), found
            )
        return found

    return scan


PEERS: dict[str, Callable[[Any], Callable[[], object]]] = {
    "ta-patterns": ta_patterns,
    "m-patternpy": patternpy,
    "auto-chart-patterns": auto_chart_patterns,
}


def main() -> int:
    package, path = sys.argv[1:]
    warnings.simplefilter("ignore")
    logging.disable()
    took = []
    for row in np.load(path):
        run = PEERS[package](row)
        began = time.process_time()
        run()
        took.append((time.process_time() - began) * 1_000)
    print(json.dumps(took[1:]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
