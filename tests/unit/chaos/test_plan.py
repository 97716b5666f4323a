"""The faults of a seed: always the same, all kinds, and each of them can be performed."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.storm.faults import BROKEN, Faults
from bench.storm.plan import FIRST_PART, LETHAL, WEIGHTS, draw
from tests.support import write_project
from trading_dashboard.config import load_settings
from trading_dashboard.models.errors import ConfigurationError

NAMES = ("a0", "a1", "a2")


def test_the_same_seed_draws_the_same_faults() -> None:
    assert draw(7, 200, NAMES) == draw(7, 200, NAMES)
    assert draw(7, 200, NAMES) != draw(8, 200, NAMES)


def test_a_thousand_faults_are_of_all_kinds() -> None:
    faults = draw(1, 1000, NAMES)
    assert {fault.kind for fault in faults} == {*WEIGHTS, *LETHAL}
    assert max(f.number for f in faults if f.kind in LETHAL) <= 1000 * FIRST_PART


def test_every_kind_can_be_performed() -> None:
    assert not [kind for kind in WEIGHTS if not hasattr(Faults, f"_{kind}")]


@pytest.mark.parametrize("text", BROKEN)
def test_broken_configurations_are_refused(text: str, tmp_path: Path) -> None:
    """Else a supervisor that reloads it does right in changing something."""
    with pytest.raises(ConfigurationError):
        load_settings(write_project(tmp_path, text))
