"""Checks of the machine: Python, installed packages, disk, clock, browser."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import shutil
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from trading_dashboard import __version__
from trading_dashboard.cli.diagnosis.findings import Finding, Patient, ok, problem, warning
from trading_dashboard.orchestrator.processes.platforms.choice import PLATFORM

CHECKOUT = Path(__file__).parents[4]
OLDEST_PYTHON = (3, 11)
LITTLE_DISK_BYTES = 100 * 2**20
ENOUGH_DISK_BYTES = 2**30
CLOCK_SLACK_SECONDS = 60.0
ZONES = ("America/New_York", "Europe/London", "Asia/Tokyo")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")

_PIN = re.compile(r"([A-Za-z0-9][\w.-]*)==([^\s;\\]+)\s*(;)?")


class Pin(NamedTuple):
    """What a lock says of one package: its versions, and whether only some machines need it."""

    versions: frozenset[str]
    is_conditional: bool


def check_python(_: Patient) -> Finding:
    """Check interpreter and platform."""
    version = platform.python_version()
    seen = f"Python {version} on {platform.system()} {platform.release()}, {platform.machine()}"
    if sys.version_info < OLDEST_PYTHON:
        return problem("python", seen, "Use Python 3.11 or newer.")
    if PLATFORM.notice is not None:
        return warning("python", seen, PLATFORM.notice)
    return ok("python", seen)


def check_environment(_: Patient) -> Finding:
    """Compare what is installed with the lock of the checkout."""
    lock = CHECKOUT / "requirements" / "runtime.lock"
    installed = _installed()
    head = f"trading-dashboard {__version__} in {sys.prefix}"
    if not lock.is_file():
        missing = [name for name in _required() if name not in installed]
        if missing:
            step = "Install the package again with pip."
            return problem("environment", f"{head}: packages are missing.", step, missing)
        return ok("environment", f"{head}: what it needs is installed (no lock to compare with).")
    wrong: list[str] = []
    pins = _pins(lock.read_text(encoding="utf-8"))
    for name, pin in pins.items():
        found, versions = installed.get(name), " or ".join(sorted(pin.versions))
        if found is None and not pin.is_conditional:
            wrong.append(f"{name} {versions} is missing")
        elif found is not None and found not in pin.versions:
            wrong.append(f"{name} is {found}, the lock says {versions}")
    if wrong:
        step = "`python run_dashboard.py` repairs it."
        return problem("environment", f"{head} is not what the lock says.", step, wrong)
    return ok("environment", f"{head}: {len(pins)} packages as locked.")


def check_disk(patient: Patient) -> Finding:
    """Check the space where the desk writes."""
    folder = patient.state_directory
    while not folder.exists():
        folder = folder.parent
    usage = shutil.disk_usage(folder)
    seen = f"{_size(usage.free)} of {_size(usage.total)} are free at {folder}."
    if usage.free < LITTLE_DISK_BYTES:
        return problem("disk", seen, "Free space: logs and data can hardly be written.")
    if sys.platform != "win32":
        counts = os.statvfs(folder)
        if counts.f_files and counts.f_favail < 1000:
            seen = f"Only {counts.f_favail} more files can be made at {folder}."
            return problem("disk", seen, "Remove files: the file system has no room for more.")
    logs = patient.loaded.settings.logs if patient.loaded else None
    agents = len(patient.loaded.settings.agents) + 1 if patient.loaded else 1
    most = logs.max_bytes * (logs.backups + 1) * agents if logs else 0
    if usage.free < max(ENOUGH_DISK_BYTES, most):
        details = [f"The logs may grow to {_size(most)}."] if most else []
        return warning("disk", seen, "Free space, or lower logs.max_bytes.", details)
    return ok("disk", seen)


def check_clock(patient: Patient) -> Finding:
    """Check time zones, and that the wall clock agrees with what was written by it."""
    missing = [name for name in ZONES if not _knows_zone(name)]
    if missing:
        step = "Install time zone data: the system's package tzdata, or `pip install tzdata`."
        return problem("clock", "Time zone data is missing.", step, missing)
    now = time.time()
    built = Path(__file__).stat().st_mtime
    if now < built - CLOCK_SLACK_SECONDS:
        seen = f"It is {_utc(now)}, but this program was installed at {_utc(built)}."
        return problem("clock", seen, "Set the clock; prices and schedules depend on it.")
    ahead = [path for path, at in _written(patient) if at > now + CLOCK_SLACK_SECONDS]
    if ahead:
        step = "Check the clock: it was set back, or these files come from elsewhere."
        return warning("clock", f"It is {_utc(now)}, and files are newer than that.", step, ahead)
    return ok("clock", f"It is {_utc(now)}; {_since_boot()}; time zones are known.")


def check_browser(_: Patient) -> Finding:
    """Look for the Chromium that browser tests drive; nothing else needs it."""
    names = (os.environ.get("CHROMIUM_PATH"), *BROWSERS)
    found = next((path for name in names if name and (path := shutil.which(name))), None)
    if found is not None:
        return ok("browser", f"Browser tests can use {found}.")
    if not (CHECKOUT / "run_tests.py").is_file():
        return ok("browser", "There is no Chromium; only tests would need one.")
    step = "Install Chromium, or name it in CHROMIUM_PATH; only browser tests need it."
    return warning("browser", "There is no Chromium: browser tests are skipped.", step)


def _installed() -> dict[str, str]:
    return {
        _normal(name): distribution.version
        for distribution in importlib.metadata.distributions()
        if (name := distribution.metadata["Name"])
    }


def _required() -> list[str]:
    try:
        found = importlib.metadata.requires("trading-dashboard") or []
    except importlib.metadata.PackageNotFoundError:
        return ["trading-dashboard"]
    plain = [text for text in found if ";" not in text]
    return [_normal(re.split(r"[^\w.-]", text, maxsplit=1)[0]) for text in plain]


def _pins(lock: str) -> dict[str, Pin]:
    """Return what a lock says of each package; some stand there once per kind of machine."""
    pins: dict[str, Pin] = {}
    for match in (_PIN.match(line) for line in lock.splitlines()):
        if match is not None:
            name = _normal(match[1])
            others = pins[name].versions if name in pins else frozenset()
            pins[name] = Pin(others | {match[2]}, match[3] is not None)
    return pins


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _knows_zone(name: str) -> bool:
    try:
        return datetime(2026, 7, 1, tzinfo=ZoneInfo(name)).utcoffset() is not None
    except (ZoneInfoNotFoundError, OSError, ValueError):
        return False


def _written(patient: Patient) -> list[tuple[str, float]]:
    """Return some files of the project with the time they were written last."""
    places = (
        patient.root / "config",
        patient.state_directory / "run",
        patient.state_directory / "log",
    )
    found = []
    for folder in places:
        if folder.is_dir():
            files = [path for path in list(folder.iterdir())[:1000] if path.is_file()]
            found += [(str(path), path.stat().st_mtime) for path in files]
    return found


def _since_boot() -> str:
    awake = time.monotonic()
    text = f"the monotonic clock stands at {awake / 3600:.1f} h"
    if sys.platform == "linux":
        booted = time.clock_gettime(time.CLOCK_BOOTTIME)
        slept = booted - awake
        text = f"booted {booted / 3600:.1f} h ago"
        text += f", suspended for {slept / 3600:.1f} h of it" if slept > 1 else ""
    return text


def _utc(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _size(count: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"
