"""Risk measures: Monte Carlo beside bare numpy, and the time of each measure for 50 holdings.

Monte Carlo is measured for 500 holdings and 100,000 paths, twice: the whole answer (covariance,
repair, draws, VaR, expected shortfall and their errors), which draws the same numbers but sums over
holdings before the product; and the outcomes of every holding. Bare numpy draws as many numbers in
chunks of the same size, multiplies with the same factor and sums. Rounds take turns, the best of
each counts; peak memory is read before bare numpy runs.

    .venv/bin/python -m bench.risk_measures [--holdings 500] [--paths 100000] [--rounds 3]
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable
from functools import partial

import numpy as np

from trading_dashboard.agents.risk_management.measures import ratios, volatility
from trading_dashboard.agents.risk_management.measures.concentration import concentration
from trading_dashboard.agents.risk_management.measures.contributions import (
    CONTRIBUTION_METHODS,
    contributions,
)
from trading_dashboard.agents.risk_management.measures.correlation import (
    ledoit_wolf,
    sample_correlation,
)
from trading_dashboard.agents.risk_management.measures.drawdown import drawdown
from trading_dashboard.agents.risk_management.measures.monte_carlo import (
    CHUNK_BYTES,
    draw_correlated,
)
from trading_dashboard.agents.risk_management.measures.question import PortfolioQuestion
from trading_dashboard.agents.risk_management.measures.report import portfolio_risk
from trading_dashboard.agents.risk_management.measures.returns import Floats, ReturnPanel, expose
from trading_dashboard.agents.risk_management.measures.var import (
    VarSettings,
    series_var,
    value_at_risk,
)
from trading_dashboard.models.risk.measures import VarMethod

BAR_RATIO, BAR_BYTES = 1.5, 2**30
DAYS = 750


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--holdings", type=int, default=500)
    parser.add_argument("--paths", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    monte_carlo(options.holdings, options.paths, options.rounds)
    each_measure(50)
    return 0


def market(holdings: int) -> tuple[ReturnPanel, Floats]:
    """Return fat-tailed daily returns with a common factor, and values of both signs."""
    draws = np.random.default_rng(holdings)
    common = 0.008 * draws.standard_t(4, (DAYS, 1))
    returns = 0.0003 + common + 0.012 * draws.standard_t(5, (DAYS, holdings))
    dates = np.datetime64("2010-01-04") + np.arange(DAYS)
    symbols = tuple(f"S{i}" for i in range(holdings))
    returns = np.maximum(returns, -0.9)
    return ReturnPanel(symbols, dates, returns), draws.normal(20_000, 30_000, holdings)


def monte_carlo(holdings: int, paths: int, rounds: int) -> None:
    panel, values = market(holdings)
    factor = np.asarray(np.linalg.cholesky(np.corrcoef(panel.returns.T)), np.float64)
    scaled = values * panel.returns.std(axis=0, ddof=1)
    jobs: dict[str, Callable[[], object]] = {
        "whole answer": partial(
            value_at_risk, panel, values, VarMethod.MONTE_CARLO_NORMAL, 0.99, paths=paths
        ),
        "outcomes of every holding": partial(outcomes, factor, scaled, paths),
        "bare numpy": partial(bare_numpy, factor, scaled, paths),
    }
    print(f"{holdings} holdings x {paths:,} paths, float64, seeded, best of {rounds} in turns")
    best: dict[str, float] = {}
    peak = 0
    for number in range(rounds):
        for name, job in jobs.items():
            if number == 0 and name == "bare numpy":
                peak = peak_bytes()
            best[name] = min(best.get(name, np.inf), seconds_of(job))
    bare = best["bare numpy"]
    for name, seconds in best.items():
        print(f"  {name:<28}{seconds * 1e3:9.0f} ms   {seconds / bare:5.2f} x bare numpy")
    worst = max(seconds for name, seconds in best.items() if name != "bare numpy") / bare
    print(f"  ratio at most {worst:.2f} (bar {BAR_RATIO}); peak memory of the process with all its")
    print(f"  libraries {peak / 2**20:.0f} MiB (bar {BAR_BYTES / 2**20:.0f} MiB)")
    copula = seconds_of(
        partial(value_at_risk, panel, values, VarMethod.MONTE_CARLO_T_COPULA, 0.99, paths=paths)
    )
    print(f"  {'t copula, fitted and drawn':<28}{copula * 1e3:9.0f} ms   {copula / bare:5.2f} x")


def outcomes(factor: Floats, scaled: Floats, paths: int) -> Floats:
    """Return losses by way of the outcome of every holding."""
    losses = np.empty(paths)
    for chunk, drawn in draw_correlated(factor, paths, np.random.default_rng(0)):
        np.matmul(-scaled, drawn, out=losses[chunk])
    return losses


def bare_numpy(factor: Floats, scaled: Floats, paths: int) -> Floats:
    """Return the same losses as anyone would write them, in chunks of the same size."""
    generator = np.random.default_rng(0)
    rows = CHUNK_BYTES // (8 * len(factor))
    losses = []
    for start in range(0, paths, rows):
        draws = generator.standard_normal((min(rows, paths - start), len(factor)))
        losses.append(-(draws @ factor.T) @ scaled)
    return np.concatenate(losses)


def each_measure(holdings: int) -> None:
    panel, values = market(holdings)
    exposure = expose(panel, values)
    returns = exposure.pnl / 1e6
    print(f"\n{holdings} holdings x {DAYS} days, median of up to 20")
    for method in VarMethod:
        report(f"VaR {method.value}", partial(value_at_risk, panel, values, method, 0.99))
    for method in VarMethod:
        report(f"VaR {method.value}, one series", partial(series_var, returns, method, 0.99))
    garch = VarSettings(filter="garch")
    began = time.perf_counter()
    series_var(returns, VarMethod.FILTERED_HISTORICAL, 0.99, settings=garch)
    print(f"  {'first GARCH, with the import of arch':<44}{time.perf_counter() - began:9.2f} s")
    report(
        "VaR filtered_historical by GARCH, one series",
        partial(series_var, returns, VarMethod.FILTERED_HISTORICAL, 0.99, settings=garch),
    )
    for by in CONTRIBUTION_METHODS:
        report(f"contributions, {by.value}", partial(contributions, exposure, by, 0.99))
    report("sample correlation", partial(sample_correlation, exposure.returns))
    report("Ledoit-Wolf", partial(ledoit_wolf, exposure.returns))
    report("volatility, EWMA", partial(volatility.ewma, returns))
    report("drawdown, CDaR, Ulcer", partial(drawdown, returns))
    report("Sharpe", partial(ratios.sharpe, returns))
    report("concentration", partial(concentration, values))
    question = PortfolioQuestion(panel, values, 1e6, np.ones(holdings))
    report("the whole report", partial(portfolio_risk, question))


def report(name: str, job: Callable[[], object]) -> None:
    began = time.perf_counter()
    times: list[float] = []
    while len(times) < 20 and (not times or time.perf_counter() - began < 2):
        times.append(seconds_of(job))
    print(f"  {name:<44}{np.median(times) * 1e3:9.2f} ms")


def seconds_of(job: Callable[[], object]) -> float:
    began = time.perf_counter()
    job()
    return time.perf_counter() - began


def peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    raise SystemExit(main())
