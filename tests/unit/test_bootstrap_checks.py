"""`run_tests.py`: what it selects, counts and says."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bootstrap import checks
from bootstrap.checks import CHECKS, Check, main
from bootstrap.environment import Environment

Run = Callable[..., int]

_TESTS = """
import pytest
def test_good(): pass
def test_bad(): assert {bad}
@pytest.mark.skip(reason="no")
def test_skipped(): pass
"""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that runs `run_tests.py` with small checks, in this environment."""

    def run(*arguments: str, tests_are_good: bool = True, lint_is_good: bool = True) -> int:
        file = tmp_path / "test_sample.py"
        file.write_text(_TESTS.format(bad=tests_are_good))
        pytest_arguments = ("-m", "pytest", "-q", "-c", "/dev/null", "-p", "no:cacheprovider")
        sample = (
            Check("lint", "lint", ("-c", f"raise SystemExit({int(not lint_is_good)})")),
            Check("unit", "unit", (*pytest_arguments, str(file)), is_pytest=True),
        )
        environment = Environment(tmp_path)
        environment.python = Path(sys.executable)
        # What these samples do not need takes most of a second of each.
        monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        monkeypatch.setattr(checks, "CHECKS", sample)
        monkeypatch.setattr(checks, "ensure_or_exit", lambda _: environment)
        return main(arguments)

    return run


def _order(*arguments: str) -> list[str]:
    options = checks._parser().parse_args(arguments)
    return [check.name for check in checks._selected(options)]


def test_everything_runs_in_order() -> None:
    lint = ["format", "lint", "types", "imports", "repository"]
    assert _order() == [*lint, "unit", "integration", "browser"]
    assert _order("--lint") == lint
    assert _order("--browser", "--unit") == ["unit", "browser"]
    assert _order("-k", "clock") == ["unit", "integration", "browser"]
    assert {check.part for check in CHECKS} == set(checks._PARTS)


def test_bytecode_is_kept_and_output_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    variables = checks._variables()
    assert "PYTHONDONTWRITEBYTECODE" not in variables
    assert variables["PYTHONUNBUFFERED"] == "1"
    assert variables["PATH"] == os.environ["PATH"]


def test_all_good(run: Run, capfd: pytest.CaptureFixture[str]) -> None:
    assert run() == 0
    summary = capfd.readouterr().out.split("── summary ──")[1].splitlines()
    assert summary[1].startswith("ok      lint ")
    assert summary[2].startswith("ok      unit ")
    assert summary[2].endswith("  2 passed, 1 skipped")
    assert summary[-1].startswith("===== 2 passed, 1 skipped in ")
    assert summary[-1].endswith("s =====")


def test_a_failed_test_fails_the_run(run: Run, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(tests_are_good=False) == 1
    out = capfd.readouterr().out
    assert "FAILED  unit " in out
    assert "===== 1 failed, 1 passed, 1 skipped in " in out


def test_a_failed_lint_fails_the_run_and_the_tests_run_all_the_same(
    run: Run, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(lint_is_good=False) == 1
    out = capfd.readouterr().out
    assert "FAILED  lint " in out
    assert "ok      unit " in out


def test_names_select(run: Run, capfd: pytest.CaptureFixture[str]) -> None:
    assert run("-k", "good") == 0
    assert "===== 1 passed in " in capfd.readouterr().out
    assert run("-k", "nothing_of_that_name") == 1
    assert "No test matched." in capfd.readouterr().out


def test_pytest_arguments_are_passed_on(run: Run, capfd: pytest.CaptureFixture[str]) -> None:
    assert run("--unit", "--", "--collect-only") == 0
    assert "test_sample.py::test_good" in capfd.readouterr().out


def test_a_suite_without_tests_is_a_failure(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("--unit", "--", "--deselect", "test_sample.py", "-k", "nothing") == 1
