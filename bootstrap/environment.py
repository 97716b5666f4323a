"""The environment in `.venv`: where it is, what it must match, and whether it stands.

Owns the record (`.venv/trading-dashboard.json`) that says what was installed for which inputs.
Installs nothing. `problem` is on the path of every start: it reads a few small files, lists
site-packages once and starts no process.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any, Literal, NamedTuple

Profile = Literal["runtime", "dev"]

ROOT = Path(__file__).resolve().parent.parent
VENDOR = "src/trading_dashboard/dashboard/assets/vendor/lightweight-charts.mjs"
"""Fetched when the project is installed; not committed."""
KERNEL = "src/trading_dashboard/agents/pattern_recognition/shapes/kernel"
"""Its source is compiled when the project is installed, where there is a compiler."""

_FORMAT = 1
_INPUTS = ("pyproject.toml", "hatch_build.py", "package-lock.json", "requirements/build.lock")
_INSTALLING = "installing"
_READY = "ready"


class Problem(NamedTuple):
    """Why an environment does not stand.

    Attributes:
        reason: For the user, to follow "because".
        is_broken: It has to be made anew; otherwise bringing it up to date will do.
        profile: What it has to become: never less than what it was.
    """

    reason: str
    is_broken: bool
    profile: Profile


class Environment:
    """The environment of one checkout."""

    def __init__(self, root: Path = ROOT) -> None:
        self.root = root
        self.directory = root / ".venv"
        windows = os.name == "nt"
        self.python = self.directory / ("Scripts/python.exe" if windows else "bin/python")
        self.setup_lock = root / ".venv.lock"
        self.setup_log = root / ".venv.log"
        self.uv_directory = self.directory / "uv"
        self._record = self.directory / "trading-dashboard.json"

    def problem(self, profile: Profile) -> Problem | None:
        """Return why the environment cannot serve as `profile`, or None if it can."""
        if not self.directory.is_dir():
            return Problem("there is none yet", True, profile)
        record = self._read_record()
        if record is None:
            return Problem("there is no record of what is in it", not self._works(), profile)
        if "dev" in (profile, record.get("profile")):
            profile = "dev"
        broken = self._broken(record)
        if broken:
            return Problem(broken, True, profile)
        outdated = self._outdated(record, profile)
        return Problem(outdated, False, profile) if outdated else None

    def begin(self, profile: Profile) -> None:
        """Record that an installation is under way: it is half made until `finish`."""
        self._write_record({"format": _FORMAT, "state": _INSTALLING, "profile": profile})

    def finish(self, profile: Profile) -> None:
        """Record that the environment is complete for the present inputs."""
        self._write_record(
            {
                "format": _FORMAT,
                "state": _READY,
                "profile": profile,
                "checkout": str(self.root),
                "python": _version(),
                "interpreter": os.path.realpath(self.python),
                "inputs": self._inputs(profile),
                "files": _count_files(self._site_packages()),
                "has_vendor": (self.root / VENDOR).exists(),
                "has_kernel": self._has_kernel(),
                "has_compiler": _has_compiler(),
            }
        )

    def lock_file(self, profile: Profile) -> Path:
        """Return the lock that `profile` installs."""
        return self.root / "requirements" / f"{profile}.lock"

    def _broken(self, record: dict[str, Any]) -> str | None:
        """Return why only starting over helps, or None."""
        if record.get("state") != _READY:
            return "an earlier set-up did not finish"
        if record.get("format") != _FORMAT:
            return "another version of the set-up made it"
        if record.get("checkout") != str(self.root):
            return "the checkout was moved"
        if record.get("python") != _version():
            return f"it has Python {record.get('python')} and this is Python {_version()}"
        if not self._works() or os.path.realpath(self.python) != record.get("interpreter"):
            return "its Python is gone or was replaced"
        counts = _count_files(self._site_packages())
        for name, count in record.get("files", {}).items():
            if counts.get(name, 0) < count:
                return f"files of {name} are missing"
        return None

    def _outdated(self, record: dict[str, Any], profile: Profile) -> str | None:
        """Return what an installation on top would mend, or None."""
        if profile != record.get("profile"):
            return "the development tools are not in it yet"
        inputs = self._inputs(profile)
        changed = [name for name in inputs if inputs[name] != record.get("inputs", {}).get(name)]
        if changed:
            told = ("the kernel's source" if name.startswith(KERNEL) else name for name in changed)
            return f"{' and '.join(dict.fromkeys(told))} changed"
        if record.get("has_vendor") and not (self.root / VENDOR).exists():
            return f"{VENDOR} is missing"
        if record.get("has_kernel") and not self._has_kernel():
            return f"the compiled kernel in {KERNEL} is missing"
        if record.get("has_compiler") is False and _has_compiler():
            return "there is a C compiler now"
        return None

    def _inputs(self, profile: Profile) -> dict[str, str]:
        """Return a digest of each file that decides what is installed."""
        names = (str(self.lock_file(profile).relative_to(self.root).as_posix()), *_INPUTS)
        sources = sorted((self.root / KERNEL / "source").glob("*.[ch]"))
        compiled = [source.relative_to(self.root).as_posix() for source in sources]
        return {name: _digest(self.root / name) for name in (*names, *compiled)}

    def _has_kernel(self) -> bool:
        """Return whether it was compiled, or there is the note that says why not."""
        return any((self.root / KERNEL).glob("kernel-*"))

    def _works(self) -> bool:
        """Return whether there is an interpreter that knows it is in an environment."""
        return os.access(self.python, os.X_OK) and (self.directory / "pyvenv.cfg").is_file()

    def _site_packages(self) -> Path:
        if os.name == "nt":
            return self.directory / "Lib/site-packages"
        return self.directory / "lib" / f"python{_version()}" / "site-packages"

    def _read_record(self) -> dict[str, Any] | None:
        try:
            record = json.loads(self._record.read_bytes())
        except (OSError, ValueError):
            return None
        return record if isinstance(record, dict) else None

    def _write_record(self, record: dict[str, Any]) -> None:
        """Write it so that a crash leaves either the old one or the new one."""
        draft = self._record.with_suffix(".draft")
        with draft.open("w", encoding="utf-8") as file:
            json.dump(record, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._record)


def _version() -> str:
    return f"{sys.version_info[0]}.{sys.version_info[1]}"


def _has_compiler() -> bool:
    """Return whether the build hook would find one."""
    return bool(os.environ.get("CC")) or any(map(shutil.which, ("cc", "gcc", "clang")))


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        return "missing"


def _count_files(site_packages: Path) -> dict[str, int]:
    """Return how many files each entry of site-packages has; compiled ones come and go."""
    counts: dict[str, int] = {}
    try:
        entries = list(os.scandir(site_packages))
    except FileNotFoundError:
        return counts
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            if entry.name != "__pycache__":
                counts[entry.name] = _count_below(entry.path)
        else:
            counts[entry.name] = 1
    return counts


def _count_below(directory: str) -> int:
    count = 0
    for _, directories, files in os.walk(directory):
        if "__pycache__" in directories:
            directories.remove("__pycache__")
        count += len(files)
    return count
