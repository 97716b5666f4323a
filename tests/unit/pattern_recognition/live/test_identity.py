"""One pattern has one id: also where its breakout changes the turning points it is drawn by."""

from __future__ import annotations

from tests.unit.pattern_recognition.live.walks import BASIS, KEY, walk
from trading_dashboard.agents.pattern_recognition.live.tracker import Tracker
from trading_dashboard.models.pattern_thresholds.shapes import ShapeSettings

SEED_OF_TWO_REDRAWN = 12


def test_a_breakout_that_moves_turning_points_is_told_of_the_same_id() -> None:
    bars = walk(1_200, SEED_OF_TWO_REDRAWN)
    tracker = Tracker(KEY, bars, BASIS, ShapeSettings())
    findings = tracker.look()
    first = {found.body["id"]: found.body for found in findings if found.is_new}
    redrawn = [
        found.body["id"]
        for found in findings
        if not found.is_new and found.body["pivots"] != first[found.body["id"]]["pivots"]
    ]
    assert len(set(redrawn)) == 2
    marks = [(body["pattern"], body["start"], body["known_at"]) for body in tracker.shapes.values()]
    assert len(set(marks)) == len(marks)
