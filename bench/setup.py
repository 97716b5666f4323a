"""How long a set-up takes: from nothing, with warm caches, and when everything stands.

Works on a clone of this checkout in a temporary folder with a cache of its own, so the first figure
includes every download and needs a network. The last is what each start pays, beside an empty
interpreter.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHON = getattr(sys, "_base_executable", sys.executable)
ROUNDS = 20


def main() -> None:
    """Print one line per measurement."""
    with tempfile.TemporaryDirectory(prefix="trading-dashboard-bench-") as folder:
        checkout = Path(folder) / "checkout"
        subprocess.run(["git", "clone", "-q", str(ROOT), str(checkout)], check=True)
        environ = {
            **os.environ,
            "UV_CACHE_DIR": f"{folder}/uv",
            "PIP_CACHE_DIR": f"{folder}/pip",
            "npm_config_cache": f"{folder}/npm",
        }
        bootstrap = [PYTHON, "-m", "bootstrap", "runtime"]
        print(f"first set-up, empty caches   {_timed(bootstrap, checkout, environ):8.2f} s")
        shutil.rmtree(checkout / ".venv")
        print(f"set-up, warm caches          {_timed(bootstrap, checkout, environ):8.2f} s")
        ready = _median(bootstrap, checkout, environ)
        empty = _median([PYTHON, "-c", "pass"], checkout, environ)
        print(f"everything stands            {ready * 1000:8.1f} ms (median of {ROUNDS})")
        print(f"python -c pass               {empty * 1000:8.1f} ms (median of {ROUNDS})")
        print(f"what a start pays            {(ready - empty) * 1000:8.1f} ms")


def _timed(command: list[str], cwd: Path, environ: dict[str, str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, cwd=cwd, env=environ, check=True, stderr=subprocess.DEVNULL)
    return time.perf_counter() - started


def _median(command: list[str], cwd: Path, environ: dict[str, str]) -> float:
    return statistics.median(_timed(command, cwd, environ) for _ in range(ROUNDS))


if __name__ == "__main__":
    main()
