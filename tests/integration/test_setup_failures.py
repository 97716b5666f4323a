"""A set-up that cannot succeed: one sentence with the next step, exit code 1, no traceback."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.integration.tiny_checkout import TinyCheckout, find_uv, said
from tests.support import ROOT

_CAN_MOUNT = shutil.which("unshare") is not None and (
    subprocess.run(["unshare", "-rm", "true"], check=False, capture_output=True).returncode == 0
)
needs_mount = pytest.mark.skipif(not _CAN_MOUNT, reason="this machine lets nobody mount")


@pytest.fixture
def checkout(tmp_path: Path) -> TinyCheckout:
    return TinyCheckout(tmp_path)


def _sentence(done: subprocess.CompletedProcess[str]) -> str:
    """Return the sentence; there is exactly one and nothing like a traceback."""
    assert done.returncode == 1, done.stderr + done.stdout
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    last = done.stderr.rstrip().splitlines()[-1]
    assert done.stderr.count("Set-up stopped.") == 1
    assert "run the same command again" in last
    return last


def _in_namespace(
    checkout: TinyCheckout, script: str, *arguments: str
) -> subprocess.CompletedProcess[str]:
    """Run a shell script that may mount: its mounts end with it."""
    return subprocess.run(
        ["unshare", "-rm", "sh", "-euc", script, "sh", str(checkout.root), *arguments],
        env=checkout.environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )


def test_without_network(checkout: TinyCheckout) -> None:
    for wheel in checkout.wheels.iterdir():
        wheel.unlink()
    # An index on a port nobody listens on, instead of none.
    done = checkout.run(
        UV_OFFLINE="0", UV_NO_INDEX="0", UV_DEFAULT_INDEX="http://127.0.0.1:9/", UV_HTTP_RETRIES="0"
    )
    assert "The package index cannot be reached" in _sentence(done)


def test_a_package_that_is_not_the_locked_one(checkout: TinyCheckout) -> None:
    lock = checkout.root / "requirements/runtime.lock"
    right = lock.read_text()
    lock.write_text("pebble==1.0 --hash=sha256:" + "0" * 64 + "\n")
    assert "A download is not the file the lock names" in _sentence(checkout.run())
    assert not (checkout.site_packages / "pebble").exists()
    lock.write_text(right)
    assert said(checkout.run())["pebble"] == "1.0"


def test_a_lock_without_hashes_is_refused(checkout: TinyCheckout) -> None:
    (checkout.root / "requirements/runtime.lock").write_text("pebble==1.0\n")
    assert "Installing the packages failed" in _sentence(checkout.run())


def test_a_project_that_does_not_build(checkout: TinyCheckout) -> None:
    (checkout.root / "backend.py").write_text("raise RuntimeError('the hook is broken')")
    assert "Installing Trading Dashboard itself failed" in _sentence(checkout.run())


def test_without_the_venv_module(checkout: TinyCheckout) -> None:
    done = _run_without(checkout, "venv", path=os.devnull)
    assert "has no venv module" in _sentence(done)
    assert "apt install python3." in done.stderr


def test_without_the_venv_module_uv_will_do(checkout: TinyCheckout) -> None:
    done = _run_without(checkout, "venv", path=checkout.environ["PATH"])
    assert said(done)["pebble"] == "1.0"


def _run_without(
    checkout: TinyCheckout, module: str, path: str
) -> subprocess.CompletedProcess[str]:
    """Run the script as on a Python that lacks a module."""
    code = (
        f"import sys, runpy; sys.modules[{module!r}] = None; sys.argv = ['run_dashboard.py']; "
        f"runpy.run_path({str(checkout.root / 'run_dashboard.py')!r}, run_name='__main__')"
    )
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**checkout.environ, "PATH": path},
        cwd=checkout.folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )


def test_an_old_uv_is_passed_over_and_pip_brings_the_right_one(checkout: TinyCheckout) -> None:
    old = checkout.bin / "uv"
    old.write_text("#!/bin/sh\necho 'uv 0.1: pip install [--require-hashes]'\n")
    # Stands in for uv's wheel. pip is real: it checks the hash and looks into that folder.
    digest = _uv_wheel(checkout)
    (checkout.root / "requirements/uv.lock").write_text(f"uv==9.9 --hash=sha256:{digest}\n")
    pip = {
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(checkout.wheels),
        "PIP_CONFIG_FILE": os.devnull,
    }
    done = checkout.run(**pip)
    assert said(done)["pebble"] == "1.0"
    assert "Fetching uv, the installer" in done.stderr
    assert (checkout.root / ".venv/uv/bin/uv").exists()
    # Control arm: the same with another hash.
    shutil.rmtree(checkout.root / ".venv")
    (checkout.root / "requirements/uv.lock").write_text("uv==9.9 --hash=sha256:" + "0" * 64 + "\n")
    assert "A download is not the file the lock names" in _sentence(checkout.run(**pip))


def _uv_wheel(checkout: TinyCheckout) -> str:
    """Put a wheel named uv, whose program hands everything to the real one, beside the others."""
    path = checkout.wheels / "uv-9.9-py3-none-any.whl"
    info = "uv-9.9.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        for name, content in {
            "uv-9.9.data/scripts/uv": f'#!/bin/sh\nexec {find_uv()} "$@"\n',
            f"{info}/METADATA": "Metadata-Version: 2.1\nName: uv\nVersion: 9.9\n",
            f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            f"{info}/RECORD": "",
        }.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = 0o100755 << 16
            wheel.writestr(entry, content)
    return hashlib.sha256(path.read_bytes()).hexdigest()


_READ_ONLY = """
mount --bind "$1" "$1"
mount -o remount,ro,bind "$1"
exec "$2" "$1/run_dashboard.py"
"""


@needs_mount
def test_in_a_folder_that_cannot_be_written(checkout: TinyCheckout) -> None:
    assert "not writable" in _sentence(_in_namespace(checkout, _READ_ONLY, sys.executable))


@needs_mount
def test_a_standing_environment_starts_from_a_read_only_folder(checkout: TinyCheckout) -> None:
    said(checkout.run())
    assert said(_in_namespace(checkout, _READ_ONLY, sys.executable))["pebble"] == "1.0"


_FULL_DISK = """
mkdir "$1-small"
mount -t tmpfs -o size=8m tmpfs "$1-small"
cp -a "$1/." "$1-small"
used=$(df -k --output=used "$1-small" | tail -n 1)
mount -o remount,size=$((used + $3))k "$1-small"
exec "$2" "$1-small/run_dashboard.py"
"""


@needs_mount
@pytest.mark.parametrize("free_kilobytes", [0, 4, 40, 80])
def test_on_a_full_disk(checkout: TinyCheckout, free_kilobytes: int) -> None:
    done = _in_namespace(checkout, _FULL_DISK, sys.executable, str(free_kilobytes))
    assert "The disk is full" in _sentence(done)


@pytest.mark.parametrize("version", ["2.7", "3.6", "3.10"])
@pytest.mark.parametrize("script", ["run_dashboard.py", "run_tests.py"])
def test_an_old_python_says_what_it_lacks(version: str, script: str) -> None:
    found = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
    python = str(found[0]) if found else shutil.which(f"python{version}")
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYENV")}
    if python is None or subprocess.call([python, "-c", ""], env=environ):
        pytest.skip(f"no Python {version} here")
    done = subprocess.run(
        [python, str(ROOT / script)], capture_output=True, text=True, check=False, env=environ
    )
    assert done.returncode == 1
    assert done.stderr == (
        f"Trading Dashboard needs Python 3.11 or newer and this is Python {version}: install one "
        f"and start it with that, such as: python3.11 {script}\n"
    )
