"""Whatever goes wrong in whatever order, no order passes while the gate must be closed.

The control arms take one protection away and are caught. `bench/gate.py` runs a thousand sequences.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from tests.unit.risk_management.gate.sequences import Sequence, forgetful, without
from trading_dashboard.agents.risk_management.gate.keeper import Gatekeeper

SEEDS = 40
TRIES = 40
"""Sequences within which each control arm must be caught."""


def test_no_order_passes_while_the_gate_must_be_closed() -> None:
    seen: Counter[str] = Counter()
    for seed in range(SEEDS):
        sequence = Sequence(seed)
        sequence.run()
        assert sequence.violations == [], f"seed {seed}"
        seen += sequence.counts
    # It was no quiet world, and no gate that is simply shut.
    assert min(seen[name] for name in ("let through", "reduced", "denied", "reopened")) > 100
    assert min(seen[f"looks {state}"] for state in ("active", "reducing", "halted")) > 1000


@pytest.mark.parametrize(
    ("name", "sabotage"),
    [
        ("stale data", without("stale_data")),
        ("upstream", without("upstream_unhealthy")),
        ("limits", without("limit_breached")),
        ("lease", without("lease_lapsed")),
        ("clocks", without("clock_trouble")),
        ("store", without("store_unwritable")),
        ("the latch", forgetful),
    ],
)
def test_each_protection_that_is_taken_away_is_missed(
    name: str, sabotage: Callable[[Gatekeeper], None]
) -> None:
    for seed in range(TRIES):
        sequence = Sequence(seed, sabotage)
        sequence.run()
        if any("stays closed" not in violation for violation in sequence.violations):
            return
    pytest.fail(f"{name}: {TRIES} sequences without it, and nothing was noticed")
