"""The import contracts bite: each forbidden direction, tried on a copy, is reported."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import ROOT

_ROOT = "trading_dashboard"
_FORBIDDEN = [
    # The vocabulary imports nothing of ours and does no I/O.
    *[("models", other) for other in ("config", "orchestrator", "clients", "agents", "cli")],
    ("models", "httpx"),
    *[("config", other) for other in ("orchestrator", "clients", "control_api", "dashboard")],
    *[("orchestrator", other) for other in ("clients", "control_api", "agents", "dashboard")],
    *[("orchestrator", web) for web in ("fastapi", "starlette", "uvicorn", "streamlit")],
    *[("clients", other) for other in ("config", "orchestrator", "control_api", "fastapi")],
    *[("control_api", other) for other in ("clients", "agents", "dashboard", "streamlit")],
    *[("agents.kit", other) for other in ("clients", "orchestrator", "agents.market_data")],
    *[("agents.market_data", other) for other in ("orchestrator", "dashboard", "control_api")],
    ("agents.market_data", "agents.pattern_recognition"),
    ("agents.pattern_recognition", "agents.market_data"),
    ("agents.risk_management", "agents.market_data"),
    ("agents.pattern_recognition", "agents.risk_management"),
    *[("dashboard", other) for other in ("orchestrator", "control_api", "agents.kit")],
    # Nobody imports the cli.
    *[(package, "cli") for package in ("config", "orchestrator", "clients", "control_api")],
    *[(package, "cli") for package in ("agents.kit", "agents.market_data", "dashboard")],
    ("agents.pattern_recognition", "orchestrator"),
]
_AGENTS = ("market_data", "pattern_recognition", "risk_management")
_EXTERNAL = {"httpx", "fastapi", "starlette", "uvicorn", "streamlit"}
_ALLOWED = [
    ("config", "models"),
    ("orchestrator", "config"),
    ("clients", "models"),
    ("control_api", "orchestrator"),
    ("control_api", "starlette"),
    ("agents.kit", "fastapi"),
    ("agents.market_data", "agents.kit"),
    ("agents.market_data", "clients"),
    ("dashboard", "clients"),
    ("dashboard", "streamlit"),
    ("cli", "orchestrator"),
    ("cli", "dashboard"),
]


def _lint(folder: Path, imports: list[tuple[str, str]], *extra: str) -> str:
    """Add the imports to a skeleton of the packages; return what import-linter says of it."""
    packages = {name for pair in imports for name in pair if name not in _EXTERNAL} | set(extra)
    existing = {
        str(path.parent.relative_to(ROOT / "src" / _ROOT)).replace("/", ".")
        for path in (ROOT / "src" / _ROOT).glob("*/__init__.py")
    } | {"agents.kit", *(f"agents.{name}" for name in _AGENTS)}
    for package in packages | existing:
        directory = folder / _ROOT
        for part in (".", *package.split(".")):
            directory /= part
            directory.mkdir(parents=True, exist_ok=True)
            (directory / "__init__.py").touch()
    for number, (importer, imported) in enumerate(imports):
        directory = folder / _ROOT / importer.replace(".", "/")
        module = imported if imported in _EXTERNAL else f"{_ROOT}.{imported}.target"
        if imported not in _EXTERNAL:
            (folder / _ROOT / imported.replace(".", "/") / "target.py").touch()
        (directory / f"probe{number}.py").write_text(f"import {module}\n")
    shutil.copy(ROOT / "pyproject.toml", folder)
    done = subprocess.run(
        [
            sys.executable,
            "-P",
            "-c",
            "from importlinter.cli import lint_imports_command; lint_imports_command()",
            "--no-cache",
        ],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What import-linter says when every forbidden import is there."""
    return _lint(tmp_path_factory.mktemp("forbidden"), _FORBIDDEN)


@pytest.mark.parametrize(("importer", "imported"), _FORBIDDEN)
def test_forbidden(report: str, importer: str, imported: str) -> None:
    number = _FORBIDDEN.index((importer, imported))
    # Nobody imports a probe, so where one is named, its own import is what is reported.
    assert f"{_ROOT}.{importer}.probe{number} -> " in report, report


def test_what_the_table_allows_is_allowed(tmp_path: Path) -> None:
    report = _lint(tmp_path, _ALLOWED)
    assert " 0 broken." in report, report


def test_the_web_is_not_reached_by_a_detour(tmp_path: Path) -> None:
    _lint(tmp_path, [("orchestrator", "models")])
    (tmp_path / _ROOT / "models/target.py").write_text("import fastapi\n")
    report = _lint(tmp_path, [])
    chain = report[report.index("orchestrator is not allowed to import fastapi") :]
    assert f"{_ROOT}.orchestrator.probe0 -> {_ROOT}.models.target" in chain
    assert f"{_ROOT}.models.target -> fastapi" in chain


def test_a_new_package_needs_its_place(tmp_path: Path) -> None:
    report = _lint(tmp_path, [], "reporting", "agents.news")
    assert f"{_ROOT}.reporting" in report
    assert f"{_ROOT}.agents.news" in report
