"""Type-check everything for this system, and the product for those it is not run on, all at once.

Owns which systems those are. One check takes one core, so together they take the time of two. Each
has a cache of its own: mypy throws a cache away that was made for another system.
"""

from __future__ import annotations

import signal
import subprocess
import sys

PLATFORMS = ("win32", "darwin")
_SETTINGS = "bootstrap/platform_types.ini"


def main() -> int:
    """Return 0 if the types are right on all of them."""
    # Ended from outside, it ends what it started, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    running: dict[str, subprocess.Popen[str]] = {}
    is_good = True
    try:
        running["everything"] = _mypy()
        running.update((platform, _start(platform)) for platform in PLATFORMS)
        for name, process in running.items():
            output, _ = process.communicate()
            sys.stdout.write(f"{name}: {output}")
            is_good = process.returncode == 0 and is_good
    finally:
        for process in running.values():
            process.kill()
    return 0 if is_good else 1


def _start(platform: str) -> subprocess.Popen[str]:
    cache = f".mypy_cache/{platform}"
    return _mypy("--config-file", _SETTINGS, "--platform", platform, "--cache-dir", cache, "src")


def _mypy(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "mypy", *arguments]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8"
    )


if __name__ == "__main__":
    sys.exit(main())
