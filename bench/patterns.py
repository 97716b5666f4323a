"""Chart patterns: how well planted ones are found, what random walks look like, and how fast.

Prints, for each pattern and level of noise, the recall and precision over planted series; the
confirmed patterns per 1,000 bars of geometric random walks; and the time of one symbol of 2,500
bars beside open-source detectors, for the patterns both know: by the compiled kernel, where there
is one, and without it. The others are installed from PyPI into a temporary folder, each series is
new to them, and what they are asked for is only named below: they tell labels or lines, neither
lives nor pivots with the bar they were known at. One that cannot be installed is said so.

    .venv/bin/python -m bench.patterns [--seeds 100] [--walks 20] [--no-peers]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.planted_patterns import BASE, DAY, DRAWINGS, score
from trading_dashboard.agents.pattern_recognition.bars import Bars
from trading_dashboard.agents.pattern_recognition.detections import ShapeDetection
from trading_dashboard.agents.pattern_recognition.shapes import batch
from trading_dashboard.agents.pattern_recognition.shapes.detect import detect_shapes, search
from trading_dashboard.agents.pattern_recognition.shapes.settings import ShapeSettings

SETTINGS = ShapeSettings()
NOISES = (0.002, 0.005, 0.01, 0.015, 0.02)
BAR_NOISE, BAR = 0.01, 0.9
FIRST_SEED = 100_000
"""Far from the seeds the thresholds were chosen with."""
LENGTH = 2_500
SYMBOLS, CORES = 5_000, 2
SERIES = 24
PEERS = Path(__file__).parent / "contest" / "pattern_peers.py"
# Package, and which of our patterns it knows, too.
KNOWN: dict[str, list[str]] = {
    "ta-patterns": sorted(set(DRAWINGS) - {"breakaway_gap", "runaway_gap", "exhaustion_gap"}),
    "auto-chart-patterns": sorted(
        set(DRAWINGS)
        - {"breakaway_gap", "runaway_gap", "exhaustion_gap"}
        - {"cup_and_handle", "inverse_cup_and_handle"}
    ),
    "m-patternpy": [
        "double_bottom",
        "double_top",
        "head_and_shoulders",
        "inverse_head_and_shoulders",
        "ascending_triangle",
        "descending_triangle",
    ],
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, default=100, help="planted series of each pattern")
    parser.add_argument("--walks", type=int, default=20, help="random walks of 2,500 bars")
    parser.add_argument("--no-peers", action="store_true", help="install nothing")
    options = parser.parse_args()
    is_good = planted(range(FIRST_SEED, FIRST_SEED + options.seeds))
    random_walks(options.walks)
    speed(has_peers=not options.no_peers)
    return 0 if is_good else 1


def detect(bars: Bars) -> list[ShapeDetection]:
    return detect_shapes(bars, SETTINGS)


def planted(seeds: range) -> bool:
    """Print recall and precision by noise; return whether each is good enough at 1 %."""
    print(f"Planted patterns: recall / precision over {len(seeds)} series, by noise")
    print(f"{'':28}" + "".join(f"{noise * 100:>13.1f} %" for noise in NOISES))
    worst = 1.0
    for pattern in sorted(DRAWINGS):
        cells = []
        for noise in NOISES:
            total = score(pattern, seeds, noise, detect)
            cells.append(f"{total.recall:.2f} / {total.precision:.2f}")
            if noise == BAR_NOISE:
                worst = min(worst, total.recall, total.precision)
        print(f"{pattern:28}" + "".join(f"{cell:>15}" for cell in cells), flush=True)
    print(f"worst at 1 %: {worst:.2f}, wanted {BAR:.2f}\n")
    return worst >= BAR


def walk(seed: int, volatility: float) -> Bars:
    """Return a geometric random walk of 2,500 bars that open where they closed."""
    source = np.random.default_rng([seed, 7])
    close = BASE * np.exp(np.cumsum(source.normal(0, volatility, LENGTH)))
    opened = np.concatenate(([BASE], close[:-1])) * np.exp(
        source.normal(0, 0.3 * volatility, LENGTH)
    )
    reach = np.exp(abs(source.normal(0, 0.4 * volatility, (2, LENGTH))))
    high, low = np.maximum(opened, close) * reach[0], np.minimum(opened, close) / reach[1]
    volume = source.lognormal(12, 0.3, LENGTH)
    return Bars(np.arange(LENGTH, dtype=np.int64) * DAY, opened, high, low, close, volume)


def random_walks(count: int) -> None:
    """Print how many patterns are confirmed where there is nothing to find."""
    for volatility in (0.01, 0.02):
        seen: Counter[str] = Counter()
        for seed in range(count):
            found = detect(walk(seed, volatility))
            seen.update(one.pattern for one in found if one.confirmed_at is not None)
        bars = count * LENGTH / 1_000
        print(f"Random walks, {volatility:.0%} a bar: confirmed per 1,000 bars")
        for pattern in sorted(DRAWINGS):
            print(f"{pattern:28}{seen[pattern] / bars:8.2f}")
        print(f"{'all':28}{sum(seen.values()) / bars:8.2f}\n")


def speed(*, has_peers: bool) -> None:
    """Print the time of one symbol, ours and others', for the patterns both know."""
    series = [walk(1_000 + seed, 0.015) for seed in range(SERIES)]
    print(search())
    every, in_python = best(series, None), best(series, None, batch.detect_shapes)
    minutes = every * SYMBOLS / CORES / 60
    print(
        f"All {len(DRAWINGS)} patterns, {LENGTH} bars: {every * 1000:.2f} ms a symbol of CPU, "
        f"in Python {in_python * 1000:.2f} ms;"
    )
    print(f"{SYMBOLS} symbols on {CORES} cores: {minutes:.2f} minutes\n")
    if not has_peers:
        return
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        np.save(place / "series.npy", np.array([columns(bars) for bars in series]))
        for package, patterns in KNOWN.items():
            theirs = time_of_peer(package, place)
            ours = best(series, patterns) * 1000
            in_python = best(series, patterns, batch.detect_shapes) * 1000
            if isinstance(theirs, str):
                print(f"{package}: {theirs}")
                continue
            print(
                f"{package}: {theirs:.1f} ms, ours {ours:.2f} ms for the same "
                f"{len(patterns)} patterns: {theirs / ours:.1f} times "
                f"(in Python {in_python:.2f} ms: {theirs / in_python:.1f} times)"
            )


def columns(bars: Bars) -> list[np.ndarray[tuple[int], np.dtype[np.float64]]]:
    return [bars.open, bars.high, bars.low, bars.close, bars.volume]


def best(
    series: list[Bars],
    patterns: list[str] | None,
    search_for: Callable[..., list[ShapeDetection]] = detect_shapes,
) -> float:
    """Return the median CPU seconds of one series; as with peers, the first counts nowhere."""
    took = []
    for bars in series:
        began = time.process_time()
        search_for(bars, SETTINGS, patterns)
        took.append(time.process_time() - began)
    return float(np.median(took[1:]))


def time_of_peer(package: str, place: Path) -> float | str:
    """Return a peer's median milliseconds for one series, or why there are none."""
    folder = place / package
    python = folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    uv = [sys.executable, "-m", "uv"]
    steps = (
        [*uv, "venv", "--quiet", "--python", sys.executable, str(folder)],
        [*uv, "pip", "install", "--quiet", "--python", str(python), package, "pandas<3"],
    )
    try:
        for step in steps:
            subprocess.run(step, check=True, capture_output=True, text=True, timeout=180)
        told = subprocess.run(
            [str(python), str(PEERS), package, str(place / "series.npy")],
            check=True,
            capture_output=True,
            text=True,
            timeout=300,
        )
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", None) or str(error)
        return f"not measured: {said.strip().splitlines()[-1][:200]}"
    return float(np.median(json.loads(told.stdout)))


if __name__ == "__main__":
    sys.exit(main())
