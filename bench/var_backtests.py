"""Back-tests of every VaR on real prices, 2000 to 2013, as they come out.

One day ahead, each day from the 500 before it, at 95 % and 99 %: every method, each symbol of the
demo's data set, and a portfolio of equal weights. Nothing is chosen or tuned by what is printed.
Counts of five methods are recomputed in a plain loop written apart from the product; for the rest,
violations are counted again from the VaR told and the returns. Times are those of both confidences.

    .venv/bin/python -m bench.var_backtests [--window 500] [--symbols IBM MSFT] [--methods normal]
"""

from __future__ import annotations

import argparse
import time
from itertools import groupby
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from tests.unit.risk_management.plain_var import PLAIN, count_violations
from trading_dashboard.agents.market_data.demo.dataset import read_rows
from trading_dashboard.agents.risk_management.backtests.estimators import WalkSettings
from trading_dashboard.agents.risk_management.backtests.walk import Walk, judge, walk
from trading_dashboard.agents.risk_management.measures.returns import ReturnPanel
from trading_dashboard.agents.risk_management.measures.var import VarSettings
from trading_dashboard.models.risk.errors import NotEnoughData
from trading_dashboard.models.risk.measures import BacktestTest, VarBacktest, VarMethod

CONFIDENCES = [0.95, 0.99]
PORTFOLIO = "equal weights"
GARCH = "filtered, GARCH"
Floats = NDArray[np.float64]
Variant = tuple[str, VarMethod, WalkSettings]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--window", type=int, default=500)
    parser.add_argument("--symbols", nargs="*", help="also 'equal weights'; all if missing")
    parser.add_argument("--methods", nargs="*", help="all if missing")
    options = parser.parse_args()
    panel = real_panel()
    chosen = [one for one in variants() if not options.methods or one[0] in options.methods]
    failed = 0
    for subject in options.symbols or (*panel.symbols, PORTFOLIO):
        table, dates, weights = subject_of(panel, subject)
        print(f"\n{subject}: {len(table):,} daily returns, {dates[0]} to {dates[-1]}")
        print(heading())
        for variant in chosen:
            try:
                failed += report(subject, variant, table, dates, weights, options.window)
            except NotEnoughData as error:
                print(f"  {error.message} Here are {error.observed}.")
                break
    print(f"\ncounts that differ from the recomputation: {failed}")
    return min(failed, 1)


def variants() -> list[Variant]:
    """Return every method, and GARCH as a filter, by the name it is printed with."""
    named = [(method.value, method, WalkSettings()) for method in VarMethod]
    garch = WalkSettings(var=VarSettings(filter="garch"))
    return [*named, (GARCH, VarMethod.FILTERED_HISTORICAL, garch)]


def real_panel() -> ReturnPanel:
    """Return the daily returns the demo replays, adjusted; a flawed row has no price."""
    closes: dict[str, dict[str, float]] = {}
    for symbol, rows in groupby(read_rows(), attrgetter("symbol")):
        closes[symbol] = {row.session: np.nan if row.flaws else row.adjusted_close for row in rows}
    sessions = sorted(set().union(*closes.values()))
    table = [[closes[symbol].get(session, np.nan) for symbol in closes] for session in sessions]
    return ReturnPanel.from_closes(tuple(closes), np.array(sessions, "datetime64[D]"), table)


def subject_of(panel: ReturnPanel, subject: str) -> tuple[Floats, NDArray[np.datetime64], Floats]:
    """Return returns, dates and weights; of the portfolio, days on which all of it was listed.

    A symbol that was listed in the last year of the data would leave no day to test, so the
    portfolio is without it.
    """
    known = np.isfinite(panel.returns)
    if subject == PORTFOLIO:
        columns = np.flatnonzero(known.sum(axis=0) > 1_000)
    else:
        columns = np.array([panel.symbols.index(subject)])
    rows = known[:, columns].all(axis=1)
    table = panel.returns[rows][:, columns]
    return table, panel.dates[rows], np.full(len(columns), 1 / len(columns))


def report(
    subject: str,
    variant: Variant,
    table: Floats,
    dates: NDArray[np.datetime64],
    weights: Floats,
    window: int,
) -> int:
    """Print a method's back-tests; return how many counts differ from the recomputation."""
    name, method, settings = variant
    began = time.perf_counter()
    walked = walk(table, dates, method, CONFIDENCES, window, weights=weights, settings=settings)
    seconds = time.perf_counter() - began
    failed = 0
    for column, confidence in enumerate(CONFIDENCES):
        verdict = judge(walked, column, subject, method, confidence, window)
        is_plain = method in PLAIN and name != GARCH
        again = (
            count_violations((table @ weights).tolist(), window, confidence, PLAIN[method])
            if is_plain
            else recounted(walked, column)
        )
        failed += again != verdict.violations
        shown = f"{'=' if again == verdict.violations else 'DIFFERS'}{' loop' if is_plain else ''}"
        print(f"{name:<22}{row_of(verdict)} {shown:<8}{seconds:>6.1f} s")
        for note in verdict.notes:
            print(f"{'':<22}   {note}")
    return failed


def recounted(walked: Walk, column: int) -> int:
    """Count violations again, day by day."""
    count = 0
    for come, said in zip(walked.returns.tolist(), walked.var[:, column].tolist(), strict=True):
        if said == said and come < -said:  # noqa: PLR0124 - NaN is no VaR
            count += 1
    return count


def heading() -> str:
    return (
        f"{'method':<22}{'level':>6}{'days':>6}{'expected':>9}{'came':>6}"
        f"{'Kupiec p':>14}{'indep. p':>14}{'both p':>14} {'light':<10} {'recount':<8}{'time':>8}"
    )


def row_of(verdict: VarBacktest) -> str:
    light = f"{verdict.traffic_light or '–'} {verdict.traffic_violations or 0}"
    tests = "".join(f"{shown(test):>14}" for test in verdict.tests)
    return (
        f"{verdict.confidence:>6.0%}{verdict.days:>6}{verdict.expected:>9.1f}"
        f"{verdict.violations:>6}{tests} {light:<10}"
    )


def shown(test: BacktestTest) -> str:
    if test.p_value is None:
        return "–"
    return f"{test.p_value:.4f}{' fails' if test.rejected else '      '}"


if __name__ == "__main__":
    raise SystemExit(main())
