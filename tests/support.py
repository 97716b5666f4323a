"""What tests share beyond fixtures: waiting, temporary projects, leaks and blocking calls.

Owns the tools; `conftest.py` turns them into fixtures. Nothing here knows a part of the product.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import inspect
import os
import random
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar, overload

import psutil
import yaml

T = TypeVar("T")

ROOT = Path(__file__).resolve().parent.parent
"""The checkout."""
PUPPETS = Path(__file__).resolve().parent / "puppets"
"""Scripts named by their misbehaviour; start them with `sys.executable`."""
MARKER = "TD_TEST_MARKER"
"""Environment variable every process started by a test inherits; its value names the test."""
CHROMIUM_HINT = (
    "Chromium was not found: install it (Debian: apt-get install chromium chromium-driver) "
    "or name it in CHROMIUM_PATH."
)

# Below the ephemeral ranges of Linux (32768…) and others (49152…): no outgoing connection of
# anybody can take such a port between the moment it is handed out and the moment it is used.
_PORTS = range(20_000, 32_000)
# A prime that does not divide their number: steps of it meet each of them.
_STRIDE = 7_919


@overload
async def eventually(
    predicate: Callable[[], Awaitable[T]],
    deadline: float = ...,
    *,
    interval: float = ...,
    what: str | None = ...,
) -> T: ...
@overload
async def eventually(
    predicate: Callable[[], T],
    deadline: float = ...,
    *,
    interval: float = ...,
    what: str | None = ...,
) -> T: ...
async def eventually(
    predicate: Callable[[], Any],
    deadline: float = 10.0,
    *,
    interval: float = 0.02,
    what: str | None = None,
) -> Any:
    """Return the first truthy result of `predicate`, sync or async.

    An AssertionError raised by it means "not yet".

    Args:
        predicate: Called again and again.
        deadline: Seconds until the wait fails; generous, since it costs nothing when all is well.
        interval: Seconds between calls.
        what: Named in the failure; by default the predicate.
    """
    wait = _Wait(deadline, what or repr(predicate))
    while True:
        result = None
        with wait.attempt():
            found = predicate()
            if inspect.isawaitable(found):
                found = await asyncio.wait_for(found, max(wait.left, 0.001))
            result = found
        if result:
            return result
        wait.check(result)
        await asyncio.sleep(interval)


def eventually_sync(
    predicate: Callable[[], T],
    deadline: float = 10.0,
    *,
    interval: float = 0.02,
    what: str | None = None,
) -> T:
    """Do what `eventually` does, for tests without an event loop."""
    wait = _Wait(deadline, what or repr(predicate))
    while True:
        result: T | None = None
        with wait.attempt():
            result = predicate()
        if result:
            return result
        wait.check(result)
        time.sleep(interval)


class _Wait:
    """The deadline of one wait and what was seen last."""

    def __init__(self, deadline: float, what: str) -> None:
        self._what = what
        self._seconds = deadline
        self._until = time.monotonic() + deadline
        self._failure: BaseException | None = None

    @property
    def left(self) -> float:
        return self._until - time.monotonic()

    @contextlib.contextmanager
    def attempt(self) -> Iterator[None]:
        self._failure = None
        try:
            yield
        except (AssertionError, TimeoutError) as failure:
            self._failure = failure

    def check(self, result: object) -> None:
        if self.left > 0:
            return
        raise AssertionError(
            f"not within {self._seconds:g} s: {self._what}; last result: {result!r}"
        ) from self._failure


class PortClaims:
    """Free ports, each held by nobody else in this or another test worker until released."""

    def __init__(self) -> None:
        self._directory = Path(tempfile.gettempdir()) / f"trading-dashboard-ports-{os.getuid()}"
        self._directory.mkdir(mode=0o700, exist_ok=True)
        self._claims: list[int] = []

    def take(self) -> int:
        """Return a port that can be bound on loopback and on all interfaces."""
        start = random.SystemRandom().randrange(len(_PORTS))
        for step in range(len(_PORTS)):
            port = _PORTS[(start + step * _STRIDE) % len(_PORTS)]
            claim = os.open(self._directory / str(port), os.O_CREAT | os.O_RDWR, 0o600)
            try:
                fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(claim)
                continue
            self._claims.append(claim)
            if _can_bind(port):
                return port
        raise AssertionError("no free port")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        while self._claims:
            os.close(self._claims.pop())


def _can_bind(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("", port))
        except OSError:
            return False
    return True


def write_project(
    root: Path,
    agents: str | Mapping[str, Any] = "agents: {}\n",
    environments: Mapping[str, str | Mapping[str, Any]] | None = None,
) -> Path:
    """Make `root` a project root and return it.

    Args:
        root: Created if need be.
        agents: Content of config/agents.yaml: text, or a mapping that is dumped.
        environments: Content of config/environments/NAME.yaml; an empty development if None.
    """
    files = {"agents.yaml": agents}
    for name, content in (environments or {"development": "agents: {}\n"}).items():
        files[f"environments/{name}.yaml"] = content
    for name, content in files.items():
        path = root / "config" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = content if isinstance(content, str) else yaml.safe_dump(dict(content))
        path.write_text(text, encoding="utf-8")
    return root


def chromium_path() -> str | None:
    """Return the path of a Chromium, or None."""
    names = (os.environ.get("CHROMIUM_PATH"), "chromium", "chromium-browser", "google-chrome")
    return next((found for name in names if name and (found := shutil.which(name))), None)


def is_ci() -> bool:
    """Return whether this runs in CI, where nothing may be skipped silently."""
    return os.environ.get("CI", "").lower() in {"1", "true", "yes"}


class LeakWatch:
    """Notices processes that a test started and left behind, zombies and daemons included.

    What is new counts: a child of this process, and any other process that inherited the marker of
    this test. Processes of wider fixtures were there before.
    """

    def __init__(self, name: str) -> None:
        self.marker = f"{os.getpid()}-{time.monotonic_ns()}-{name}"
        # All of them: a look at the few that are new costs a twentieth of one at every process.
        self._before = set(psutil.pids())

    def survivors(self) -> list[psutil.Process]:
        """Return what is still there."""
        found = []
        for pid in psutil.pids():
            if pid not in self._before:
                with contextlib.suppress(psutil.Error):
                    found.append(psutil.Process(pid))
        return [process for process in found if self._is_ours(process)]

    def assert_none(self, deadline: float = 5.0) -> None:
        """Wait until nothing is left; else end what is left and raise AssertionError."""
        until = time.monotonic() + deadline
        while survivors := self.survivors():
            if time.monotonic() > until:
                described = ", ".join(_describe(process) for process in survivors)
                for process in survivors:
                    _end(process)
                raise AssertionError(f"processes left behind by the test: {described}")
            time.sleep(0.02)

    def _is_ours(self, process: psutil.Process) -> bool:
        with contextlib.suppress(psutil.Error):
            is_child = process.ppid() == os.getpid()
            is_marked = not is_child and _has(process.pid, f"{MARKER}={self.marker}".encode())
            return (is_child or is_marked) and not _belongs_to_interpreter(process)
        return False


def _has(pid: int, entry: bytes) -> bool:
    """Return whether the environment of a process holds `entry` (Linux; elsewhere no)."""
    with contextlib.suppress(OSError):
        return entry in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return False


def _belongs_to_interpreter(process: psutil.Process) -> bool:
    """Return whether multiprocessing keeps this process for the interpreter's whole life."""
    with contextlib.suppress(psutil.Error):
        command = " ".join(process.cmdline())
        return "multiprocessing.resource_tracker" in command or "forkserver" in command
    return False


def _describe(process: psutil.Process) -> str:
    words = [str(process.pid)]
    for ask in (process.status, process.name, lambda: " ".join(process.cmdline())[:200]):
        with contextlib.suppress(psutil.Error):
            words.append(ask())
    return " ".join(words)


def _end(process: psutil.Process) -> None:
    with contextlib.suppress(psutil.Error):
        process.send_signal(signal.SIGKILL)
    with contextlib.suppress(psutil.Error, ChildProcessError):
        process.wait(5)


def blocking_caller() -> str | None:
    """Return where code of ours is about to block a running event loop, else None."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return None
    source = str(ROOT / "src" / "trading_dashboard")
    tests = str(ROOT / "tests")
    frame = sys._getframe(1)
    while frame.f_back is not None:
        frame = frame.f_back
        name = frame.f_code.co_filename
        if name.startswith(source):
            return f"{name}:{frame.f_lineno} in {frame.f_code.co_name}"
        if name.startswith(tests) and not name.endswith(("conftest.py", "support.py")):
            return None
    return None
