"""Questions to the book: pages of what was found, and what they cost."""

from __future__ import annotations

import pytest

from tests.unit.pattern_recognition.live.walks import BASIS, walk
from trading_dashboard.agents.pattern_recognition.live import asking
from trading_dashboard.agents.pattern_recognition.live.asking import Choice
from trading_dashboard.agents.pattern_recognition.live.found import Body, Finding
from trading_dashboard.agents.pattern_recognition.live.tracker import Tracker
from trading_dashboard.models.pattern_thresholds.shapes import ShapeSettings

CHOICES = [
    Choice(),
    Choice(patterns=frozenset({"CDLDOJI", "double_top"})),
    Choice(kinds=frozenset({"candlestick"}), directions=frozenset({"bullish", "neutral"})),
    Choice(states=frozenset({"failed"})),
]


@pytest.fixture(scope="module")
def trackers() -> list[Tracker]:
    made = [
        Tracker((name, "1m"), walk(size, size), BASIS, ShapeSettings())
        for name, size in (("A", 900), ("B", 700), ("NONE", 0))
    ]
    for tracker in made:
        tracker.look()
        tracker.look_for_candles()
    return made


@pytest.mark.parametrize("selection", CHOICES)
def test_pages_together_are_everything_once(trackers: list[Tracker], selection: Choice) -> None:
    every = list(asking.newest_of_all(trackers, selection))
    paged: list[Body] = []
    while True:
        shown, total = asking.page(trackers, selection, len(paged), 150)
        assert total == len(every) > 0
        paged += shown
        if not shown:
            break
    assert paged == every


def test_a_page_writes_out_what_it_shows_and_no_more(
    trackers: list[Tracker], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 500 symbols, each candlestick written out would hold up what is live for a minute."""
    written = []
    found = Tracker.candle_found

    def noted(tracker: Tracker, place: int) -> Finding:
        written.append(place)
        return found(tracker, place)

    monkeypatch.setattr(Tracker, "candle_found", noted)
    shown, total = asking.page(trackers, Choice(), 20, 10)
    assert len(shown) == 10
    assert len(written) < 40 < total
