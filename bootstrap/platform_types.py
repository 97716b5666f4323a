"""Type-check the product for the systems it is not run on here, at the same time.

Owns which systems those are. Each has a cache of its own: mypy throws a cache away that was made
for another system.
"""

from __future__ import annotations

import subprocess
import sys

PLATFORMS = ("win32", "darwin")
_SETTINGS = "bootstrap/platform_types.ini"


def main() -> int:
    """Return 0 if the types are right on all of them."""
    running = {platform: _start(platform) for platform in PLATFORMS}
    is_good = True
    for platform, process in running.items():
        output, _ = process.communicate()
        sys.stdout.write(f"{platform}: {output}")
        is_good = process.returncode == 0 and is_good
    return 0 if is_good else 1


def _start(platform: str) -> subprocess.Popen[str]:
    cache = f".mypy_cache/{platform}"
    options = ["--config-file", _SETTINGS, "--platform", platform, "--cache-dir", cache]
    command = [sys.executable, "-m", "mypy", *options, "src"]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8"
    )


if __name__ == "__main__":
    sys.exit(main())
