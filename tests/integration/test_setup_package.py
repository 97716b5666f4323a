"""The package itself: its wheel, its source distribution, and npm's check of what it fetches.

No network: builds take their requirements from uv's cache, where the set-up has put them, and npm
talks to a registry on loopback.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from hatch_build import (
    FILES,
    KERNEL,
    RECORD,
    VENDOR,
    VendorError,
    find_compiler,
    kernel_library,
    vendor,
)
from tests.integration.tiny_checkout import find_uv
from tests.support import ROOT

_PACKAGED = "trading_dashboard/dashboard/assets/vendor/lightweight-charts"


def _uv(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [find_uv(), *arguments, "--offline"], cwd=cwd, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the source distribution, and the wheel that was built from it."""
    if not (ROOT / VENDOR / RECORD).exists():
        pytest.skip("the project is not installed: python run_tests.py does it")
    folder = tmp_path_factory.mktemp("build")
    source = folder / "checkout"
    ignored = shutil.ignore_patterns(
        "kernel-*", ".venv*", "var", "__pycache__", ".*_cache", ".hypothesis"
    )
    shutil.copytree(ROOT, source, ignore=ignored)
    constraints = ("--build-constraints", str(ROOT / "requirements/build.lock"))
    built = _uv("build", "--sdist", "--wheel", *constraints, "--out-dir", "dist", cwd=source)
    if built.returncode != 0 and "network" in built.stderr:
        pytest.skip("the build requirements are not in uv's cache")
    assert built.returncode == 0, built.stderr
    return source / "dist"


def _wheel(distributions: Path) -> Path:
    return next(distributions.glob("*.whl"))


def test_the_wheel_carries_code_and_assets(distributions: Path) -> None:
    with zipfile.ZipFile(_wheel(distributions)) as wheel:
        names = set(wheel.namelist())
        library = wheel.read(f"{_PACKAGED}.mjs")
        record = json.loads(wheel.read(f"{_PACKAGED}.json"))
        info = next(name.split("/")[0] for name in names if name.endswith(".dist-info/METADATA"))
        metadata = wheel.read(f"{info}/METADATA").decode()
        assert b"trading-dashboard = trading_dashboard.cli" in wheel.read(
            f"{info}/entry_points.txt"
        )
    assert {f"{_PACKAGED}.mjs", f"{_PACKAGED}.LICENSE", f"{info}/licenses/LICENSE"} <= names
    assert record["sha256"]["lightweight-charts.mjs"] == hashlib.sha256(library).hexdigest()
    assert "License-Expression: Apache-2.0" in metadata
    assert all(name.startswith(("trading_dashboard/", info)) for name in names)


def test_the_wheel_carries_the_kernel_and_says_for_which_platform(distributions: Path) -> None:
    library = kernel_library(ROOT / KERNEL)
    packaged = f"{KERNEL.removeprefix('src/')}/{library.name}"
    with zipfile.ZipFile(_wheel(distributions)) as wheel:
        kernels = [name for name in wheel.namelist() if "/kernel/kernel-" in name]
    is_compiled = find_compiler(os.environ) is not None
    assert kernels == ([packaged] if is_compiled else [packaged.removesuffix("so") + "log"])
    assert _wheel(distributions).name.endswith("-py3-none-any.whl") is not is_compiled
    assert "manylinux" not in _wheel(distributions).name


def test_the_wheel_has_every_file_of_the_package(distributions: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "src"], cwd=ROOT, capture_output=True, check=False
    )
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    with zipfile.ZipFile(_wheel(distributions)) as wheel:
        names = set(wheel.namelist())
    tracked = {name.removeprefix("src/") for name in listed.stdout.decode().split("\0") if name}
    present = {name for name in tracked if (ROOT / "src" / name).exists()}
    assert not present - names


def test_the_source_distribution_holds_what_a_build_needs(distributions: Path) -> None:
    with tarfile.open(next(distributions.glob("*.tar.gz"))) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames()}
    assert {
        "hatch_build.py",
        "package.json",
        "package-lock.json",
        "LICENSE",
        "run_dashboard.py",
    } <= names
    assert {f"{KERNEL}/source/detect.c", f"{KERNEL}/source/kernel.h"} <= names
    assert {"requirements/runtime.lock", "config/agents.yaml"} <= names
    assert not [
        name for name in names if name.startswith((".venv", "var/", VENDOR, f"{KERNEL}/kernel-"))
    ]


def test_the_command_works_from_its_wheel(distributions: Path, tmp_path: Path) -> None:
    environment = tmp_path / "environment"
    made = _uv("venv", "--python", sys.executable, str(environment), cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    python = environment / "bin/python"
    wheel = str(_wheel(distributions))
    installed = _uv("pip", "install", "--no-deps", "--python", str(python), wheel, cwd=tmp_path)
    assert installed.returncode == 0, installed.stderr
    # Its dependencies are those of this environment; the package must come from the wheel.
    ours = next(path for path in sys.path if path.endswith("site-packages"))
    env = {**os.environ, "PYTHONPATH": ours, "PYTHONDONTWRITEBYTECODE": "1"}
    where = subprocess.run(
        [python, "-P", "-c", "import trading_dashboard; print(trading_dashboard.__file__)"],
        cwd=tmp_path, env=env, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert where.stdout.startswith(str(environment))
    command = subprocess.run(
        [environment / "bin/trading-dashboard", "--help"],
        cwd=tmp_path, env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert command.returncode == 0, command.stderr
    assert "up" in command.stdout


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[dict[str, bytes]]:
    """An npm registry on loopback; yields the archives it serves, by package name."""
    archives: dict[str, bytes] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.split("/")[1]
            is_archive = self.path.endswith(".tgz")
            body = archives[name] if is_archive else self._description(name)
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _description(self, name: str) -> bytes:
            address = f"http://{self.headers['Host']}"
            version = {
                "name": name,
                "version": "1.0.0",
                "dist": {"tarball": f"{address}/{name}/-/{name}-1.0.0.tgz"},
            }
            return json.dumps({"name": name, "versions": {"1.0.0": version}}).encode()

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("npm_config_registry", f"http://127.0.0.1:{server.server_address[1]}/")
    monkeypatch.setenv("npm_config_fetch_retries", "0")
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "npm-cache"))
    monkeypatch.setenv("npm_config_userconfig", os.devnull)
    yield archives
    server.shutdown()
    thread.join()
    server.server_close()


def _archive() -> bytes:
    buffer = io.BytesIO()
    files = {"package.json": json.dumps({"name": "lightweight-charts", "version": "1.0.0"})}
    files |= {source: f"content of {source}" for source in FILES.values()}
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(f"package/{name}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content.encode()))
    return buffer.getvalue()


def _write_lock(root: Path, integrity: str) -> None:
    name = "lightweight-charts"
    locked = {"version": "1.0.0", "integrity": integrity, "license": "Apache-2.0"}
    project = {"name": "assets", "dependencies": {name: "1.0.0"}}
    packages = {"": project, f"node_modules/{name}": locked}
    lock = {"name": "assets", "lockfileVersion": 3, "requires": True, "packages": packages}
    (root / "package.json").write_text(json.dumps(project))
    (root / "package-lock.json").write_text(json.dumps(lock))


def _run_npm(
    arguments: list[str] | tuple[str, ...], folder: Path
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["npm", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.mark.skipif(shutil.which("npm") is None, reason="no npm on this machine's PATH")
def test_npm_takes_the_locked_archive_and_no_other(
    registry: dict[str, bytes], tmp_path: Path
) -> None:
    archive = _archive()
    registry["lightweight-charts"] = archive
    digest = base64.b64encode(hashlib.sha512(archive).digest()).decode()
    _write_lock(tmp_path, f"sha512-{digest}")
    assert vendor(tmp_path, lambda arguments, folder: _run_npm(list(arguments), folder))
    # Control arm: the same archive under another integrity.
    _write_lock(tmp_path, "sha512-" + base64.b64encode(bytes(64)).decode())
    with pytest.raises(VendorError, match="EINTEGRITY"):
        vendor(tmp_path, lambda arguments, folder: _run_npm(list(arguments), folder))
