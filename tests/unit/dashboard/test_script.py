"""The entry script: it draws every view, and imports nothing heavy to do so."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.support import ROOT

SCRIPT = ROOT / "src" / "trading_dashboard" / "dashboard" / "main.py"
RUN = """
import json, sys
from streamlit.testing.v1 import AppTest
from trading_dashboard.dashboard.views import VIEWS
app = AppTest.from_file({script!r}, default_timeout=30)
runs = []
for _ in range(2):
    app.run()
    runs.append(app.session_state["desk_run"])
heavy = [name for name in ("numpy", "pandas", "pyarrow", "altair") if name in sys.modules]
errors = [error.message for error in app.exception]
print(json.dumps({{"errors": errors, "heavy": heavy, "runs": runs}}))
"""


@pytest.fixture(scope="module")
def outcome() -> dict[str, list[object]]:
    """Return what two runs of the script in a fresh interpreter came to."""
    done = subprocess.run(
        [sys.executable, "-c", RUN.format(script=str(SCRIPT))],
        capture_output=True,
        text=True,
        timeout=50,
        check=True,
        env={"PYTHONPATH": str(ROOT / "src"), "PATH": ""},
    )
    result: dict[str, list[object]] = json.loads(done.stdout.splitlines()[-1])
    return result


def test_the_script_runs_without_a_supervisor(outcome: dict[str, list[object]]) -> None:
    assert outcome["errors"] == []
    assert outcome["runs"] == [1, 2]


def test_the_script_imports_nothing_heavy(outcome: dict[str, list[object]]) -> None:
    assert outcome["heavy"] == []
