"""Scores: counted from what was found, unknown where nothing was; and agreement of sources."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from tests.support import ROOT
from tests.unit.market_data.quality.provider_ticks import DAY, FIRST_DAY, OPEN, weekdays
from trading_dashboard.agents.market_data.quality.agreement import agreement
from trading_dashboard.agents.market_data.quality.bar_gate import BarContext, BarGate
from trading_dashboard.agents.market_data.quality.gaps import Series, completeness
from trading_dashboard.agents.market_data.quality.reasons import LOWERS, WORDS, Reason, ScorePart
from trading_dashboard.agents.market_data.quality.scorer import Scorer, note_key
from trading_dashboard.agents.market_data.quality.scores import (
    WEIGHTS,
    SeriesCounts,
    grade_of,
    score,
)
from trading_dashboard.agents.market_data.quality.tick_gate import TickGate
from trading_dashboard.agents.market_data.records import MICROSECONDS, Bars, Ticks
from trading_dashboard.models.market_quality import QUALITY_GRADES, SeriesQuality

DOCS = (ROOT / "docs" / "market-data" / "quality.md").read_text("utf-8")
SESSIONS = weekdays()
NOON = FIRST_DAY * DAY + OPEN + 3600 * MICROSECONDS
PARTS = [part.value for part in ScorePart]


class Clock:
    def __init__(self) -> None:
        self.now = NOON / MICROSECONDS

    def __call__(self) -> float:
        return self.now


def ticks(prices: list[float], delay: float = 0.01, first: int = 0) -> Ticks:
    at = NOON + (first + np.arange(len(prices), dtype=np.int64)) * MICROSECONDS
    return Ticks(
        source="s",
        symbols=("A",),
        symbol=np.zeros(len(prices), dtype=np.int32),
        at=at,
        price=np.array(prices),
        size=np.ones(len(prices)),
        received=at + int(delay * MICROSECONDS),
    )


def bars(closes: list[float], source: str = "s") -> Bars:
    rows = [
        (int(day) * DAY, close, close, close, close, 5.0)
        for day, close in zip(SESSIONS.day.tolist(), closes, strict=False)
    ]
    return Bars.of(source, "A", "1d", rows)


def only(scorer: Scorer) -> dict[str, Any]:
    (body,) = scorer.quality("A")
    SeriesQuality.model_validate(body)
    return body


def test_nothing_counted_is_nothing_said() -> None:
    assert Scorer().quality("A") == []
    assert Scorer().report() == []
    assert Scorer().total("s", "A") is None
    assert score(SeriesCounts()).total is None
    assert set(score(SeriesCounts()).parts.values()) == {None}


def test_each_part_by_its_formula() -> None:
    counts = SeriesCounts(
        received=1000, invalid=10, inaccurate=20, inconsistent=30, doubled=4, repeated=6,
        untimely=2, timed=97, late=7, newest_expected=1, newest_missing=1,
        expected=200, present=150, compared=50, disagreeing=10,
    )  # fmt: skip
    found = score(counts)
    assert found.parts == pytest.approx(
        {
            ScorePart.VALIDITY: 99.0,
            ScorePart.ACCURACY: 98.0,
            ScorePart.CONSISTENCY: 97.0 * 0.8,
            ScorePart.UNIQUENESS: 99.0,
            ScorePart.TIMELINESS: 90.0,
            ScorePart.COMPLETENESS: 75.0,
        }
    )
    weighted = sum(WEIGHTS[part] * (value or 0) for part, value in found.parts.items())
    assert found.total == pytest.approx(weighted / 100)
    assert sum(WEIGHTS.values()) == 100


def test_an_unknown_part_neither_raises_nor_lowers() -> None:
    found = score(SeriesCounts(expected=10, present=9))
    assert (found.total, found.known) == (90.0, 25.0)
    assert found.parts[ScorePart.VALIDITY] is None


def test_grades() -> None:
    assert [grade_of(least) for least, _ in QUALITY_GRADES] == [name for _, name in QUALITY_GRADES]
    assert (grade_of(99.49), grade_of(79.9), grade_of(100)) == ("A", "F", "A+")


def test_ticks_are_counted_as_they_came() -> None:
    scorer, gate = Scorer(clock=Clock()), TickGate(lambda _: SESSIONS)
    for batch in (
        ticks([100.0] * 5),
        ticks([float("nan"), 1000.0, 100.0], first=5),
        ticks([100.0], first=7),  # again
        ticks([100.0, 100.0], delay=90.0, first=10),
    ):
        scorer.note_ticks(batch, gate.check(batch))
    body = only(scorer)
    assert scorer.total("s", "A") == scorer.total("s", "A") == body["score"]
    assert (body["rows"], body["rejected"]) == (11, 3)
    assert {row["reason"]: row["rows"] for row in body["reasons"]} == {
        "not_finite": 1, "outlier": 1, "duplicate": 1,
    }  # fmt: skip
    assert body["validity"] == body["accuracy"] == body["uniqueness"] == pytest.approx(90.91)
    assert body["timeliness"] == pytest.approx(75.0)
    assert body["completeness"] is None
    assert body["known"] == 75.0


def test_bars_completeness_and_agreement_are_counted_and_replaced() -> None:
    scorer = Scorer(clock=Clock())
    mine = bars([100.0] * 10)
    scorer.note_bars(BarGate().check(mine, BarContext(now=2**60, sessions=SESSIONS)))
    series = Series(source="s", symbol="A", interval="1d")
    period = (FIRST_DAY * DAY, (FIRST_DAY + 12) * DAY)
    for have, value in ((mine.start[:8], 80.0), (mine.start, 100.0)):
        found = completeness(series, have, SESSIONS, period, now=0)
        scorer.note_completeness(series, found)
        assert only(scorer)["completeness"] == value
    found = completeness(series, mine.start[:9], SESSIONS, period, now=0)
    scorer.note_completeness(series, found)
    assert (only(scorer)["timeliness"], only(scorer)["gaps"]) == (0.0, 1)
    compared = agreement(mine, bars([100.0] * 4 + [102.0] + [100.2] * 5, "other"))
    scorer.note_agreement(compared)
    scorer.note_agreement(compared)
    mine_body, other_body = scorer.report()
    assert (mine_body["consistency"], mine_body["compared"]) == (90.0, 10)
    assert (other_body["consistency"], other_body["validity"]) == (90.0, None)


def test_the_window_rolls() -> None:
    clock = Clock()
    scorer, gate = Scorer(window_days=3, clock=clock), TickGate(lambda _: SESSIONS)
    batch = ticks([100.0] * 5)
    scorer.note_ticks(batch, gate.check(batch))
    clock.now += 2 * 86_400
    assert only(scorer)["rows"] == 5
    clock.now += 86_400
    assert scorer.quality("A") == []


def test_counts_survive_a_restart_and_damage_is_refused() -> None:
    clock = Clock()
    scorer, gate = Scorer(clock=clock), TickGate(lambda _: SESSIONS)
    batch = ticks([100.0, float("inf"), 100.0, 100.0])
    scorer.note_ticks(batch, gate.check(batch))
    notes = scorer.changed_notes()
    assert scorer.changed_notes() == {}
    again = Scorer(clock=clock)
    assert again.restore("s", "A", notes[note_key("s", "A")])
    assert only(again) == only(scorer)
    assert again.changed_notes() == {}
    assert not again.restore("s", "A", notes[note_key("s", "A")])
    for text in ("", "[]", "{}", '{"days":{"x":{}},"looks":{}}', "[" * 100_000,
                 '{"days":{"1":{"received":-5,"reasons":{}}},"looks":{}}',
                 '{"days":{"1":{"__class__":1,"reasons":{}}},"looks":{}}'):  # fmt: skip
        assert not Scorer().restore("s", "B", text)
    json.loads(notes[note_key("s", "A")])


def test_an_unreadable_batch_is_nobodys() -> None:
    scorer, gate = Scorer(), TickGate(lambda _: SESSIONS)
    whole = ticks([1.0])
    broken = Ticks(
        source="s", symbols=("A",), symbol=np.array([0.5]), at=whole.at,
        price=whole.price, size=whole.size, received=whole.received,
    )  # fmt: skip
    scorer.note_ticks(broken, gate.check(broken))
    assert scorer.report() == []


# Agreement.


def test_sources_are_compared_over_common_bars() -> None:
    mine, theirs = bars([100.0] * 10), bars([100.0] * 4 + [102.0, 90.0] + [100.4] * 6, "other")
    found = agreement(mine, theirs)
    assert (found.common, found.disagreeing, found.share) == (10, 2, 0.2)
    assert found.starts.tolist() == [int(SESSIONS.day[4]) * DAY, int(SESSIONS.day[5]) * DAY]
    assert found.largest == pytest.approx(10 / 95)
    assert found.median == pytest.approx((2 / 101 + 10 / 95) / 2)


def test_nothing_in_common_is_unknown_and_a_mixture_is_refused() -> None:
    none = agreement(bars([]), bars([1.0], "other"))
    assert (none.common, none.share, none.median, none.largest) == (0, None, None, None)
    with pytest.raises(ValueError, match="both series"):
        agreement(bars([1.0]), bars([1.0]))
    with pytest.raises(ValueError, match="same symbol"):
        agreement(bars([1.0]), Bars.of("other", "B", "1d", ()))


# The documentation.


def test_every_reason_part_and_grade_is_documented() -> None:
    assert set(LOWERS) == set(WORDS) == set(Reason)
    for reason in Reason:
        assert f"| `{reason.value}` | {LOWERS[reason].value} |" in DOCS
    for part in PARTS:
        assert f"| {part} | {WEIGHTS[ScorePart(part)]:.0f} |" in DOCS
    for least, name in QUALITY_GRADES:
        assert f"{name} from {least:g}" in DOCS
