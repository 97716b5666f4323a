"""The command `run_tests.py`.

Owns which checks there are, their order and the summary. Each check is a command of the
development environment; all run even if one fails, so that one run tells everything.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as ET

from bootstrap.environment import ROOT, Environment
from bootstrap.installer import ensure_or_exit

_PARTS = ("lint", "unit", "integration", "browser")
_NO_TESTS_COLLECTED = 5
_PYTEST = ("-m", "pytest", "-q")
# It has a script, but no module that can be run.
_LINT_IMPORTS = "from importlinter.cli import lint_imports_command; lint_imports_command()"


class Check(NamedTuple):
    """One command.

    Attributes:
        part: The option that selects it.
        arguments: Of the environment's Python.
        is_pytest: Its tests are counted.
    """

    part: str
    name: str
    arguments: tuple[str, ...]
    is_pytest: bool = False


class Result(NamedTuple):
    """How one check ended; the counts are zero for those that are not pytest."""

    name: str
    is_good: bool
    seconds: float
    passed: int = 0
    failed: int = 0
    skipped: int = 0


CHECKS = (
    Check("lint", "format", ("-m", "ruff", "format", "--check")),
    Check("lint", "lint", ("-m", "ruff", "check")),
    Check("lint", "types", ("-m", "bootstrap.platform_types")),
    Check("lint", "imports", ("-c", _LINT_IMPORTS)),
    Check("lint", "repository", (*_PYTEST, "tests/repository"), is_pytest=True),
    Check("unit", "unit", (*_PYTEST, "-n2", "tests/unit"), is_pytest=True),
    Check(
        "integration",
        "integration",
        (*_PYTEST, "-n5", "--dist=worksteal", "tests/integration"),
        is_pytest=True,
    ),
    # By file: the tests of one share a desk.
    Check(
        "browser", "browser", (*_PYTEST, "-n3", "--dist=loadfile", "tests/browser"), is_pytest=True
    ),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the selected checks; 0 only if all of them are good."""
    options = _parser().parse_args(arguments)
    environment = ensure_or_exit("dev")
    started = time.monotonic()
    try:
        results = [_run(environment, check, options) for check in _selected(options)]
    except KeyboardInterrupt:
        _say("Interrupted.")
        return 130
    return _summarise(results, time.monotonic() - started, expects_tests=bool(options.k))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="run_tests.py",
        description="Check everything, or only what is selected. The first run sets up what is "
        "needed in .venv.",
    )
    parser.add_argument("--lint", action="store_true", help="format, lint, types, contracts, locks")
    parser.add_argument("--unit", action="store_true", help="tests of pure logic")
    parser.add_argument("--integration", action="store_true", help="tests with real processes")
    parser.add_argument("--browser", action="store_true", help="tests with a real Chromium")
    parser.add_argument("-k", metavar="EXPR", help="only tests whose names match, as in pytest")
    parser.add_argument(
        "pytest", nargs="*", metavar="-- PYTEST-ARGUMENT", help="passed on to pytest, such as -- -x"
    )
    return parser


def _selected(options: argparse.Namespace) -> Iterator[Check]:
    parts = [part for part in _PARTS if getattr(options, part)]
    if not parts:
        parts = list(_PARTS[1:] if options.k else _PARTS)
    return (check for check in CHECKS if check.part in parts)


def _run(environment: Environment, check: Check, options: argparse.Namespace) -> Result:
    _say(f"\n── {check.name} ──")
    command = [str(environment.python), *check.arguments]
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="trading-dashboard-tests-") as folder:
        report = Path(folder) / "report.xml"
        if check.is_pytest:
            command += [f"--junitxml={report}", *options.pytest]
            command += ["-k", options.k] if options.k else []
        code = subprocess.call(command, cwd=ROOT, env=_variables())
        is_good = code == 0 or (code == _NO_TESTS_COLLECTED and bool(options.k))
        counts = _counts(report)
    return Result(check.name, is_good, time.monotonic() - started, *counts)


def _variables() -> dict[str, str]:
    """Return the environment variables of the checks.

    Bytecode is kept, whatever the caller's wish: thousands of processes start from the same files,
    and pytest would rewrite every test file again in each of its workers.
    """
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONUNBUFFERED": "1"}


def _counts(report: Path) -> tuple[int, int, int]:
    """Return how many tests passed, failed and were skipped."""
    if not report.exists():
        return 0, 0, 0
    suites = list(ET.parse(report).getroot().iter("testsuite"))  # noqa: S314 - our own pytest wrote it
    total, failures, errors, skipped = (
        sum(int(suite.get(name, "0")) for suite in suites)
        for name in ("tests", "failures", "errors", "skipped")
    )
    return total - failures - errors - skipped, failures + errors, skipped


def _summarise(results: Sequence[Result], seconds: float, *, expects_tests: bool) -> int:
    """Print one line per check and the closing line; return the exit code."""
    _say("\n── summary ──")
    for result in results:
        counts = _closing(result.passed, result.failed, result.skipped)
        tests = f"  {counts}" if result.passed + result.failed + result.skipped else ""
        verdict = "ok    " if result.is_good else "FAILED"
        _say(f"{verdict}  {result.name:<12}{result.seconds:7.1f} s{tests}")
    passed, failed, skipped = (
        sum(getattr(result, name) for result in results) for name in ("passed", "failed", "skipped")
    )
    is_good = all(result.is_good for result in results)
    if expects_tests and passed + failed + skipped == 0:
        _say("No test matched.")
        is_good = False
    _say(f"===== {_closing(passed, failed, skipped)} in {seconds:.2f}s =====")
    return 0 if is_good else 1


def _closing(passed: int, failed: int, skipped: int) -> str:
    words = [f"{failed} failed"] if failed else []
    words.append(f"{passed} passed")
    words += [f"{skipped} skipped"] if skipped else []
    return ", ".join(words)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
