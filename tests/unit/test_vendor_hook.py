"""The build hook: fetches the chart library once, and never leaves half of it."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from hatch_build import FILES, RECORD, VENDOR, VendorError, vendor
from tests.support import ROOT


class FakeNpm:
    """An npm that "fetches" files with a known content."""

    def __init__(self) -> None:
        self.calls: list[Sequence[str]] = []
        self.returncode = 0
        self.is_incomplete = False

    def __call__(self, arguments: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
        self.calls.append(arguments)
        assert (folder / "package.json").exists()
        assert (folder / "package-lock.json").exists()
        for source in list(FILES.values())[: 1 if self.is_incomplete else None]:
            path = folder / "node_modules/lightweight-charts" / source
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"content of {source}")
        return subprocess.CompletedProcess(list(arguments), self.returncode, "", "npm error code E")


@pytest.fixture
def npm() -> FakeNpm:
    return FakeNpm()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("package.json", "package-lock.json"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def test_the_library_its_licence_and_a_record_are_put_in_place(root: Path, npm: FakeNpm) -> None:
    assert vendor(root, npm)
    assert npm.calls[0][:2] == ["ci", "--ignore-scripts"]
    record = json.loads((root / VENDOR / RECORD).read_text())
    locked = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    assert record["integrity"] == locked["node_modules/lightweight-charts"]["integrity"]
    assert sorted(path.name for path in (root / VENDOR).iterdir()) == sorted([*FILES, RECORD])
    assert "standalone.production" in (root / VENDOR / "lightweight-charts.mjs").read_text()


def test_a_second_build_fetches_nothing(root: Path, npm: FakeNpm) -> None:
    vendor(root, npm)
    assert not vendor(root, npm)
    assert len(npm.calls) == 1


@pytest.mark.parametrize("name", [*FILES, RECORD])
@pytest.mark.parametrize("content", [None, "", "{}", "other"])
def test_what_is_missing_or_altered_is_fetched_again(
    root: Path, npm: FakeNpm, name: str, content: str | None
) -> None:
    vendor(root, npm)
    path = root / VENDOR / name
    path.unlink() if content is None else path.write_text(content)
    assert vendor(root, npm)
    assert not vendor(root, npm)


def test_a_newer_lock_is_fetched(root: Path, npm: FakeNpm) -> None:
    vendor(root, npm)
    lock = root / "package-lock.json"
    locked = json.loads(lock.read_text())
    locked["packages"]["node_modules/lightweight-charts"]["integrity"] = "sha512-newer"
    lock.write_text(json.dumps(locked))
    assert vendor(root, npm)


def test_a_failed_npm_fails_the_build_in_its_own_words(root: Path, npm: FakeNpm) -> None:
    npm.returncode = 1
    with pytest.raises(VendorError, match=r"lightweight-charts:\nnpm error code E"):
        vendor(root, npm)
    assert list((root / VENDOR).iterdir()) == []


def test_an_interrupted_build_starts_over(root: Path, npm: FakeNpm) -> None:
    npm.is_incomplete = True
    with pytest.raises(FileNotFoundError):
        vendor(root, npm)
    npm.is_incomplete = False
    assert vendor(root, npm)
