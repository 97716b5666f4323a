"""Running the tools that install, and finding uv.

Owns the subprocesses of a set-up: what they print is shown as it comes (less the noise), kept in a
log, and turned into one sentence when they fail. Knows nothing of what is installed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from bootstrap.failures import AGAIN, SetupFailed, from_output

_OPTIONS = ("--require-hashes", "--require-build-hashes", "--build-constraints")
"""What `uv pip install` must know; an older uv on PATH is passed over."""

# Settings of somebody's other projects that would bend the installation: another target, other
# versions, no hash checks. Indexes, mirrors, proxies and caches are the user's and stay.
_FOREIGN = (
    *("VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONHOME", "PYTHONPATH", "PIP_TARGET", "PIP_PREFIX"),
    *("PIP_USER", "PIP_CONSTRAINT", "PIP_REQUIRE_VIRTUALENV", "UV_SYSTEM_PYTHON", "UV_PYTHON"),
    *("UV_CONSTRAINT", "UV_OVERRIDE", "UV_EXCLUDE", "UV_BUILD_CONSTRAINT", "UV_NO_BINARY"),
    *("UV_NO_VERIFY_HASHES", "UV_NO_BUILD_ISOLATION", "UV_TARGET", "UV_PREFIX", "UV_EXCLUDE_NEWER"),
)
_FAILING = ("error", "  × ", "npm error", "warning: retrying")
_NOISE = (
    " + ",
    " - ",
    " ~ ",
    "warning: Failed to hardlink",
    "warning: The `--require-build",
    "Using Python",
    "WARNING: ",
    "Resolved ",
)


def show(text: str) -> None:
    """Tell the user; standard output is left to the program that is started in the end."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


class Tools:
    """Runs tools for one set-up.

    Args:
        log: Where everything they print is kept.
        lock: File descriptor of the set-up lock; children hold it too, so that one which outlives
            this process is waited for.
    """

    def __init__(self, log: Path, lock: int) -> None:
        self._log = log
        self._lock = lock

    def run(self, command: Sequence[str], step: str) -> None:
        """Run a tool and show its progress.

        Raises:
            SetupFailed: It could not run or did not succeed.
        """
        output: list[str] = []
        child = self._start(command)
        try:
            self._relay(child, command, output)
        except BaseException:
            child.terminate()
            child.wait()
            raise
        if child.wait() != 0:
            raise from_output("".join(output[-400:]), step, str(self._log))

    def _relay(
        self, child: subprocess.Popen[str], command: Sequence[str], output: list[str]
    ) -> None:
        """Pass on what the child prints until it closes its output."""
        is_failing = False
        with self._log.open("a", encoding="utf-8") as log:
            log.write(f"$ {' '.join(command)}\n")
            for line in child.stdout or ():
                log.write(line)
                output.append(line)
                # From the first word of an error on, the user gets our one sentence instead.
                is_failing = is_failing or line.lower().startswith(_FAILING)
                if line.strip() and not is_failing and not line.startswith(_NOISE):
                    show(f"      {line.rstrip()}")

    def answers(self, command: Sequence[str]) -> str:
        """Return what a quick command prints, or an empty string if it fails."""
        try:
            child = self._start(command)
        except SetupFailed:
            return ""
        try:
            output, _ = child.communicate(timeout=60)
        except BaseException as error:
            child.kill()
            child.wait()
            if isinstance(error, subprocess.TimeoutExpired):
                return ""
            raise
        return output if child.returncode == 0 else ""

    def _start(self, command: Sequence[str]) -> subprocess.Popen[str]:
        environ = {name: value for name, value in os.environ.items() if name not in _FOREIGN}
        environ["UV_PYTHON_DOWNLOADS"] = "never"
        try:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                encoding="utf-8",
                errors="replace",
                env=environ,
                pass_fds=() if os.name == "nt" else (self._lock,),
            )
        except OSError as error:
            raise SetupFailed(
                f"{command[0]} cannot be run ({error}): mend that, {AGAIN}."
            ) from None


def base_python() -> str:
    """Return this interpreter itself, not the environment it may have been started from."""
    return str(getattr(sys, "_base_executable", None) or sys.executable)


def find_uv(tools: Tools, directory: Path, python: Path, lock_file: Path) -> str:
    """Return a uv that knows what is needed: from PATH, else fetched by pip into `directory`.

    Args:
        tools: Runs what must be run.
        directory: Inside the environment but outside its site-packages, so that making these
            equal to the lock does not remove uv while it works.
        python: The environment's interpreter; lends its pip if this one has none.
        lock_file: Names uv's version and hashes.

    Raises:
        SetupFailed: There is none and no way to get one.
    """
    own = directory / ("bin/uv.exe" if os.name == "nt" else "bin/uv")
    for candidate in (_uv_on_path(python.parent), str(own) if own.exists() else None):
        if candidate and _is_usable(tools, candidate):
            return candidate
    shutil.rmtree(directory, ignore_errors=True)
    options = ["--disable-pip-version-check", "--no-input", "--quiet", "--retries=2"]
    show("      Fetching uv, the installer")
    tools.run(
        [
            *(_find_pip(tools, python), "-m", "pip", "install", *options),
            *("--require-hashes", "--no-deps", "--only-binary=:all:", "--no-compile"),
            *("--target", str(directory), "--requirement", str(lock_file)),
        ],
        "Fetching uv, the installer,",
    )
    return str(own)


def _uv_on_path(scripts: Path) -> str | None:
    """Return the uv on PATH, passing over the environment's own: it may be about to be removed."""
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    others = [folder for folder in folders if folder and Path(folder) != scripts]
    return shutil.which("uv", path=os.pathsep.join(others))


def _is_usable(tools: Tools, uv: str) -> bool:
    text = tools.answers([uv, "pip", "install", "--help"])
    return all(option in text for option in _OPTIONS)


def _find_pip(tools: Tools, python: Path) -> str:
    """Return an interpreter that has pip."""
    if tools.answers([base_python(), "-m", "pip", "--version"]):
        return base_python()
    tools.answers([str(python), "-m", "ensurepip"])
    if tools.answers([str(python), "-m", "pip", "--version"]):
        return str(python)
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    raise SetupFailed(
        "This Python has neither pip nor ensurepip, and there is no uv: install one of them "
        f"(Debian, Ubuntu: apt install python{version}-venv), {AGAIN}."
    )
