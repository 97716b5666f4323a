"""A checkout so small that it is set up in a second, without a network.

The scripts and `bootstrap/` are the real ones; the project, its two dependencies (`pebble` for the
runtime, `flint` for development) and its build backend are a few lines each.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from tests.support import ROOT

# Stands in for the cli: says what it was started with.
_CLI = """
import json, os, sys
import pebble
print(json.dumps({
    "arguments": sys.argv[1:], "python": sys.executable, "cwd": os.getcwd(),
    "path": sys.path, "pebble": pebble.VERSION, "pid": os.getpid(),
}))
"""

_BACKEND = """
import os, zipfile

def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    name = "trading_dashboard-1.0-py3-none-any.whl"
    info = "trading_dashboard-1.0.dist-info"
    files = {
        "trading_dashboard.pth": os.path.abspath("src"),
        info + "/METADATA": "Metadata-Version: 2.1\\nName: trading-dashboard\\nVersion: 1.0\\n",
        info + "/WHEEL": (
            "Wheel-Version: 1.0\\nGenerator: t\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
        ),
    }
    files[info + "/RECORD"] = "".join(f"{file},,\\n" for file in [*files, info + "/RECORD"])
    with zipfile.ZipFile(os.path.join(wheel_directory, name), "w") as wheel:
        for file, content in files.items():
            wheel.writestr(file, content)
    return name
"""

_PYPROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "trading-dashboard"
version = "1.0"
requires-python = ">=3.11"
"""

# First on PATH: counts what is asked of uv, and can be told to hang in the middle of it: as long as
# a file is there, which it looks for again and again.
_UV = """#!{python} -S
import os, sys, time
with open({calls!r}, "a") as calls:
    calls.write(" ".join(sys.argv[1:3] + sys.argv[-1:]) + "\\n")
if "sync" in sys.argv and "--help" not in sys.argv:
    while os.path.exists({hang!r}):
        open({hanging!r}, "w").close()
        time.sleep(0.02)
os.execv({uv!r}, [{uv!r}, *sys.argv[1:]])
"""


def find_uv() -> str:
    """Return the uv of the development environment."""
    found = shutil.which(
        "uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    )
    assert found, "uv is part of the development environment"
    return found


class TinyCheckout:
    """One such checkout, its index of wheels and its private uv cache, all below `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = folder / "checkout"
        self.wheels = folder / "wheels"
        self.calls = folder / "calls"
        self.hang = folder / "hang"
        self.hanging = folder / "hanging"
        self.bin = folder / "bin"
        for each in (self.root / "requirements", self.wheels, self.bin):
            each.mkdir(parents=True)
        shutil.copytree(
            ROOT / "bootstrap",
            self.root / "bootstrap",
            ignore=shutil.ignore_patterns("__pycache__"),
        )
        for name in ("run_dashboard.py", "run_tests.py"):
            shutil.copy(ROOT / name, self.root / name)
        package = self.root / "src/trading_dashboard/cli"
        package.mkdir(parents=True)
        (package.parent / "__init__.py").touch()
        (package / "__init__.py").touch()
        (package / "__main__.py").write_text(_CLI)
        (self.root / "pyproject.toml").write_text(_PYPROJECT)
        (self.root / "backend.py").write_text(_BACKEND)
        (self.root / "requirements/build.lock").touch()
        (self.root / "requirements/uv.lock").touch()
        self.lock(pebble="1.0", flint="1.0")
        self._write_uv()

    def lock(self, *, pebble: str, flint: str) -> None:
        """Make wheels of these versions and lock them."""
        runtime = f"pebble=={pebble} --hash=sha256:{self._wheel('pebble', pebble)}\n"
        dev = f"flint=={flint} --hash=sha256:{self._wheel('flint', flint)}\n"
        (self.root / "requirements/runtime.lock").write_text(runtime)
        (self.root / "requirements/dev.lock").write_text(runtime + dev)

    @property
    def site_packages(self) -> Path:
        version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
        return self.root / ".venv/lib" / version / "site-packages"

    @property
    def environ(self) -> dict[str, str]:
        """Return the environment for its processes: offline, with the counting uv."""
        return {
            **os.environ,
            "PATH": f"{self.bin}{os.pathsep}{os.environ['PATH']}",
            "UV_OFFLINE": "1",
            "UV_NO_INDEX": "1",
            "UV_FIND_LINKS": str(self.wheels),
            "UV_CACHE_DIR": str(self.folder / "cache"),
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def command(self, *arguments: str, script: str = "run_dashboard.py") -> list[str]:
        return [sys.executable, str(self.root / script), *arguments]

    def start(self, *arguments: str, **options: object) -> subprocess.Popen[str]:
        """Start `run_dashboard.py`, in a session of its own."""
        return subprocess.Popen(
            self.command(*arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environ,
            cwd=self.folder,
            start_new_session=True,
        )

    def run(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run `run_dashboard.py` to its end, from outside the checkout."""
        return self._run(self.command(*arguments), environ)

    def set_up(self, profile: str) -> subprocess.CompletedProcess[str]:
        """Run the set-up alone."""
        return self._run([sys.executable, "-m", "bootstrap", profile], {}, self.root)

    def _run(
        self, command: list[str], environ: dict[str, str], cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env={**self.environ, **environ},
            cwd=cwd or self.folder,
            check=False,
            timeout=50,
        )

    def installations(self) -> int:
        """Return how often uv was asked to install since the last time."""
        lines = self.calls.read_text().splitlines() if self.calls.exists() else []
        self.calls.unlink(missing_ok=True)
        return sum(line.startswith("pip sync") for line in lines)

    def _write_uv(self) -> None:
        script = self.bin / "uv"
        script.write_text(
            _UV.format(
                python=getattr(sys, "_base_executable", sys.executable),
                calls=str(self.calls),
                hang=str(self.hang),
                hanging=str(self.hanging),
                uv=find_uv(),
            )
        )
        script.chmod(0o755)

    def _wheel(self, name: str, version: str) -> str:
        """Make a wheel of a package with two files and return its digest."""
        path = self.wheels / f"{name}-{version}-py3-none-any.whl"
        info = f"{name}-{version}.dist-info"
        files = {
            f"{name}/__init__.py": f"VERSION = {version!r}\n",
            f"{name}/grains.py": "GRAINS = 7\n",
            f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
            f"{info}/WHEEL": (
                "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
            ),
        }
        files[f"{info}/RECORD"] = "".join(f"{file},,\n" for file in [*files, f"{info}/RECORD"])
        if not path.exists():
            with zipfile.ZipFile(path, "w") as wheel:
                for file, content in files.items():
                    wheel.writestr(file, content)
        return hashlib.sha256(path.read_bytes()).hexdigest()


def said(done: subprocess.CompletedProcess[str]) -> dict[str, object]:
    """Return what the stand-in for the cli printed."""
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert isinstance(answer, dict)
    return answer
