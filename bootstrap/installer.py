"""Makes the environment stand: makes it, brings it up to date, repairs it.

Owns the order of the steps. What stands and what does not is `environment`'s to say; a record
written first and last makes sure that an installation killed at any point is noticed.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from importlib.util import find_spec
from pathlib import Path

from bootstrap.environment import Environment, Problem, Profile
from bootstrap.failures import AGAIN, SetupFailed, from_os_error
from bootstrap.lock import exclusive
from bootstrap.uv import Tools, base_python, find_uv, show

# Compiled now: a first start that has to do it takes three times as long.
_SYNC = ("pip", "sync", "--require-hashes", "--compile-bytecode")


def ensure(profile: Profile, environment: Environment | None = None) -> Environment:
    """Return an environment that stands, after making it so if need be.

    Raises:
        SetupFailed: It cannot be made to stand.
    """
    environment = environment or Environment()
    try:
        if environment.problem(profile) is not None:
            _set_up(environment, profile)
    except OSError as error:
        raise from_os_error(error) from error
    return environment


def ensure_or_exit(profile: Profile) -> Environment:
    """Do as `ensure`; what goes wrong is said in one sentence and ends the program."""
    _hear_every_end()
    try:
        return ensure(profile)
    except SetupFailed as failure:
        show(f"Set-up stopped. {failure}")
        sys.exit(1)
    except KeyboardInterrupt:
        show("\nSet-up interrupted. Run the same command again to finish it.")
        sys.exit(130)


def _hear_every_end() -> None:
    """Let a kill or a closed terminal interrupt as Ctrl-C does: tools under way end with us.

    An interrupt is heard even if it was ignored, as shells do for what scripts start in the
    background; a hang-up that was ignored stays so, as `nohup` asks.
    """
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number and (name != "SIGHUP" or signal.getsignal(number) is not signal.SIG_IGN):
            signal.signal(number, signal.default_int_handler)


def _set_up(environment: Environment, profile: Profile) -> None:
    def on_wait(holder: str) -> None:
        show(f"Another start (process {holder}) is setting up this checkout, waiting for it …")

    with exclusive(environment.setup_lock, on_wait) as lock:
        # Whoever held the lock before may have done it all.
        problem = environment.problem(profile)
        if problem is not None:
            started = time.monotonic()
            _announce(environment, problem)
            _Installation(environment, problem, lock).run()
            show(f"Ready after {time.monotonic() - started:.0f} s.")


def _announce(environment: Environment, problem: Problem) -> None:
    if environment.directory.exists():
        verb = "Making the environment anew" if problem.is_broken else "Updating the environment"
        show(f"{verb}, because {problem.reason}.")
    else:
        show(f"First start: setting up {environment.directory} (about 700 MB, about a minute).")


class _Installation:
    """One pass over the steps."""

    def __init__(self, environment: Environment, problem: Problem, lock: int) -> None:
        self._environment = environment
        self._problem = problem
        self._tools = Tools(environment.setup_log, lock)

    def run(self) -> None:
        environment, profile = self._environment, self._problem.profile
        environment.setup_log.write_text("", encoding="utf-8")
        if self._problem.is_broken:
            show(f"[1/3] Making the environment with Python {sys.version.split()[0]}")
            self._make_anew()
        environment.begin(profile)
        uv = find_uv(
            self._tools,
            environment.uv_directory,
            environment.python,
            environment.root / "requirements/uv.lock",
        )
        lock_file = environment.lock_file(profile)
        show(f"[2/3] Installing the packages of requirements/{lock_file.name}")
        python = ("--python", str(environment.python))
        self._tools.run(
            [uv, *_SYNC, *python, str(lock_file)],
            "Installing the packages",
        )
        show("[3/3] Installing Trading Dashboard itself")
        self._install_project(uv, python)
        environment.finish(profile)

    def _make_anew(self) -> None:
        """Put an empty environment in place of what is there; a uv fetched before is kept."""
        environment = self._environment
        attic = environment.root / f".venv.old-{os.getpid()}"
        if environment.directory.exists() or environment.directory.is_symlink():
            environment.directory.replace(attic)
        self._make_empty()
        if (attic / environment.uv_directory.name).is_dir():
            (attic / environment.uv_directory.name).replace(environment.uv_directory)
        for leftover in environment.root.glob(".venv.old-*"):
            _remove(leftover)

    def _make_empty(self) -> None:
        directory = str(self._environment.directory)
        if find_spec("venv"):
            # Without pip: uv installs, and not every Python can bring pip along.
            command = [base_python(), "-I", "-m", "venv", "--without-pip", directory]
        elif uv := shutil.which("uv"):
            command = [uv, "venv", "--no-project", "--python", base_python(), directory]
        else:
            version = f"{sys.version_info[0]}.{sys.version_info[1]}"
            raise SetupFailed(
                "This Python has no venv module to make environments with: install it (Debian, "
                f"Ubuntu: apt install python{version}-venv), {AGAIN}."
            )
        self._tools.run(command, "Making the environment")

    def _install_project(self, uv: str, python: tuple[str, str]) -> None:
        root = self._environment.root
        self._tools.run(
            [
                *(uv, "pip", "install", "--no-deps", "--reinstall", *python),
                *("--build-constraints", str(root / "requirements/build.lock")),
                *("--require-build-hashes", "--editable", str(root)),
            ],
            "Installing Trading Dashboard itself",
        )


def _remove(path: Path) -> None:
    if path.is_symlink() or not path.is_dir():
        path.unlink()
    else:
        shutil.rmtree(path, ignore_errors=True)
