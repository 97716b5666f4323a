"""Running totals against the same sums done plainly, in any order of arrival."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from trading_dashboard.agents.pattern_recognition.worth.cell import (
    MILLION,
    Cell,
    NewRows,
    totals_of,
)

HORIZON = 5


def outcomes(seed: int, count: int = 200, over: int = 120) -> NewRows:
    rng = np.random.default_rng(seed)
    start = np.sort(rng.integers(0, over, count))
    return NewRows(
        end=start + HORIZON,
        start=start,
        hit=rng.integers(0, 2, count),
        base=rng.integers(400_000, 600_000, count),
        move=rng.integers(-3 * MILLION, 3 * MILLION, count),
    )


def plainly(rows: NewRows, moment: int) -> tuple[float, ...]:
    """Return samples, hits, base, move, blocks and variance, one outcome at a time."""
    which = [i for i in np.argsort(rows.end, kind="stable") if rows.end[i] < moment]
    excess: list[float] = []
    first_end = -1
    for i in which:
        earliest = min(rows.start[j] for j in which if rows.end[j] == rows.end[i])
        if not excess or (earliest >= first_end and rows.end[i] != first_end):
            excess.append(0.0)
            first_end = rows.end[i]
        excess[-1] += float(rows.hit[i] - rows.base[i] / MILLION)
    squares = sum(one**2 for one in excess)
    products = sum(a * b for a, b in itertools.pairwise(excess))
    rate = float(np.mean(rows.base[which]) / MILLION)
    least = len(which) * rate * (1 - rate)
    return (
        len(which),
        rows.hit[which].sum(),
        rows.base[which].sum() / MILLION,
        rows.move[which].sum() / MILLION,
        len(excess),
        max(squares, squares + 2 * products, least),
    )


@pytest.mark.parametrize("seed", range(4))
def test_totals_of_every_moment_are_the_plain_sums(seed: int) -> None:
    rows = outcomes(seed)
    cell = Cell()
    cell.add(rows)
    for moment in range(8, 130, 7):
        count = cell.rows_before(moment)
        totals = totals_of([cell], [count])
        found = [
            float(getattr(totals, name)[0])
            for name in ("samples", "hits", "base", "move", "blocks", "variance")
        ]
        np.testing.assert_allclose(found, plainly(rows, moment), rtol=1e-9)
        many = cell.totals(np.array([0, count]))
        assert float(many.samples[0]) == float(many.variance[0]) == float(many.blocks[0]) == 0
        assert float(many.variance[1]) == float(totals.variance[0])
        known = np.sort(rows.move[rows.end < moment])
        assert cell.median(len(known)) == pytest.approx(float(np.median(known)) / MILLION, abs=1e-6)


def test_the_order_of_arrival_leaves_no_trace() -> None:
    rows = outcomes(9)
    together, shuffled = Cell(), Cell()
    together.add(rows)
    order = np.random.default_rng(1).permutation(len(rows.end))
    for part in np.array_split(order, 60):
        shuffled.add(rows.take(part))
        shuffled.median(shuffled.samples)
    for name in ("rows", "blocks", "squares", "moves"):
        np.testing.assert_array_equal(getattr(together, name).data, getattr(shuffled, name).data)
    assert together.median(150) == shuffled.median(150)
    assert shuffled.median(0) is None


def test_outcomes_that_come_together_count_as_few() -> None:
    rng = np.random.default_rng(5)
    start = np.repeat(np.arange(0, 600, 10), 50)
    hit = np.repeat(rng.integers(0, 2, 60), 50)
    same = np.full(len(start), 500_000)
    cell = Cell()
    cell.add(NewRows(start + HORIZON, start, hit, same, same))
    totals = totals_of([cell], [len(cell)])
    assert totals.blocks[0] == 60
    # 60 tosses of a coin worth 50 each, not 3,000 tosses.
    assert totals.variance[0] == pytest.approx(60 * 25**2, rel=0.35)
