"""The locks hold exactly what pyproject.toml asks for, with hashes and without addresses.

All offline: what is resolved is compared with what is asked for, nothing is resolved anew.
"""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from importlib import metadata
from typing import Any

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support import ROOT

# In pieces, so that this file is no finding of its own.
_HOSTS = tuple(
    "".join(pieces)
    for pieces in (
        ("pypi", ".org"),
        ("pypi", ".python.org"),
        ("python", "hosted.org"),
        ("registry", ".npmjs"),
        ("registry", ".yarnpkg"),
        ("--index", "-url"),
        ("--extra-index", "-url"),
        ("index", "-url ="),
    )
)
_PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^ ;\\]+)(?: ; (?P<marker>.+?))? \\$")
_LOCKS = ("runtime", "dev", "build", "uv")


def _pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def _pins(lock: str) -> dict[str, set[str]]:
    """Return the versions of each package; several only where markers tell them apart."""
    pins: dict[str, set[str]] = {}
    for line in _lines(lock):
        if found := _PIN.match(line):
            pins.setdefault(canonicalize_name(found["name"]), set()).add(found["version"])
    return pins


def _lines(lock: str) -> list[str]:
    return (ROOT / "requirements" / f"{lock}.lock").read_text(encoding="utf-8").splitlines()


def _group(name: str) -> list[str]:
    group: list[str] = []
    for entry in _pyproject()["dependency-groups"][name]:
        group += [entry] if isinstance(entry, str) else _group(entry["include-group"])
    return group


def _wanted(lock: str) -> list[str]:
    project = _pyproject()
    runtime: list[str] = project["project"]["dependencies"]
    wanted: dict[str, list[str]] = {
        "runtime": runtime,
        "dev": runtime + _group("dev"),
        "build": project["build-system"]["requires"] + _group("build"),
        "uv": _group("uv"),
    }
    return wanted[lock]


def _mismatches(wanted: list[str], pins: dict[str, set[str]]) -> list[str]:
    """Return the requirements that no pin, or a pin of a wrong version, answers."""
    return [
        text
        for text in wanted
        for requirement in [Requirement(text)]
        if not (versions := pins.get(canonicalize_name(requirement.name)))
        or not all(requirement.specifier.contains(version, True) for version in versions)
    ]


@pytest.mark.parametrize("lock", _LOCKS)
def test_each_requirement_is_locked_to_a_version_it_allows(lock: str) -> None:
    assert not _mismatches(_wanted(lock), _pins(lock)), "run: make lock"


def test_a_requirement_that_outgrew_its_lock_is_noticed() -> None:
    pins = {"alpha": {"1.0"}, "beta": {"2.0"}}
    assert _mismatches(["alpha>=1", "beta<3"], pins) == []
    assert _mismatches(["alpha>=1.1", "beta", "gamma"], pins) == ["alpha>=1.1", "gamma"]


@pytest.mark.parametrize("lock", ["runtime", "dev"])
def test_what_locked_packages_need_is_locked_too(lock: str) -> None:
    pins = _pins(lock)
    environment = {key: str(value) for key, value in default_environment().items()}
    needed = []
    for name in pins:
        try:
            requirements = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue  # for another platform
        for text in requirements:
            marker = Requirement(text).marker
            if marker is None or marker.evaluate({**environment, "extra": ""}):
                needed.append(text)
    assert not _mismatches(needed, pins), "run: make lock"


@pytest.mark.parametrize("lock", _LOCKS)
def test_each_pin_has_hashes(lock: str) -> None:
    lines = [line for line in _lines(lock) if not line.lstrip().startswith("#")]
    assert lines
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if line.startswith(" "):
            assert re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}( \\)?", line), line
        else:
            assert _PIN.match(line), line
            assert following.startswith("    --hash=sha256:"), line


def test_the_development_lock_contains_the_runtime_lock() -> None:
    runtime, dev = _pins("runtime"), _pins("dev")
    assert {name: dev.get(name) for name in runtime} == runtime


def test_the_development_environment_is_the_locked_one() -> None:
    for name, versions in _pins("dev").items():
        try:
            assert metadata.version(name) in versions, name
        except metadata.PackageNotFoundError:
            assert any("; " in line for line in _lines("dev") if line.startswith(f"{name}=="))


def test_npm_packages_have_integrity_and_no_address() -> None:
    packages = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    wanted = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))["dependencies"]
    assert packages[""]["dependencies"] == wanted
    for path, package in packages.items():
        assert "resolved" not in package
        assert not path or package["integrity"].startswith("sha512-"), path
    for name, version in wanted.items():
        assert packages[f"node_modules/{name}"]["version"] == version


def test_no_file_names_an_index_host() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    findings = []
    for name in filter(None, listed.stdout.decode().split("\0")):
        path = ROOT / name
        if path.is_file():
            text = path.read_bytes().decode("utf-8", "replace").lower()
            findings += [f"{name}: {host}" for host in _HOSTS if host in text]
    assert not findings
