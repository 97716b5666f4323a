"""Processes that shed every sign of where they came from, but for the tag of their run.

Each protection has its control arm: untagged, the same puppets get away. What is started is tagged
from birth, as `up` does it: what a library tags just after its start may have forked before.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.process_bench import is_alive, process_bench
from tests.integration.test_guardian import supervised
from tests.support import eventually, eventually_sync
from trading_dashboard.orchestrator.processes.platforms.choice import PLATFORM

ESCAPES = ["vanishes", "vanishes lies", "vanishes threaded", "never_stays"]
"""Puppets, with words that tell them how."""


@dataclass
class Fugitive:
    """A daemon, or a chain of them, of which only a lock tells whether it lives."""

    lock: Path
    leash: Path

    def command(self, escape: str) -> list[str]:
        """Return the puppet and its arguments."""
        puppet, *words = escape.split()
        return [puppet, str(self.lock), str(self.leash), *words]

    def is_free(self) -> bool:
        """Return whether somebody of it lives."""
        descriptor = os.open(self.lock, os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False


@pytest.fixture
def fugitive(tmp_path: Path) -> Iterator[Fugitive]:
    found = Fugitive(tmp_path / "held", tmp_path / "leash")
    found.leash.touch()
    yield found
    found.leash.unlink()
    eventually_sync(lambda: not found.is_free(), what="the fugitive ends by itself")


@contextlib.contextmanager
def untagged(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Switch the protection off."""
    with monkeypatch.context() as patch:
        patch.setattr(PLATFORM.tags, "put", lambda *_: False)
        yield


@pytest.mark.parametrize("puppet", ESCAPES)
@pytest.mark.parametrize("after", ["", "exits"])
async def test_who_sheds_everything_is_still_ended(
    tmp_path: Path, fugitive: Fugitive, puppet: str, after: str
) -> None:
    async with process_bench(tmp_path, is_dedicated=True) as bench:
        handle = await bench.start(*fugitive.command(f"{puppet} {after}"))
        if after:
            await eventually(lambda: bench.exits)
        assert fugitive.is_free()
        await bench.runtime.stop(handle, 0.2)
        assert not fugitive.is_free()


@pytest.mark.parametrize("puppet", ESCAPES)
async def test_control_untagged_it_gets_away(
    tmp_path: Path, fugitive: Fugitive, puppet: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with untagged(monkeypatch):
        async with process_bench(tmp_path, is_dedicated=True) as bench:
            handle = await bench.start(*fugitive.command(puppet))
            await bench.runtime.stop(handle, 0.2)
            assert fugitive.is_free()
        assert fugitive.is_free()


@pytest.mark.parametrize("puppet", ESCAPES)
def test_the_guardian_finds_it(tmp_path: Path, fugitive: Fugitive, puppet: str) -> None:
    with supervised(tmp_path / "var", " ".join(fugitive.command(puppet))) as run:
        run.process.kill()
        assert fugitive.is_free()
        eventually_sync(lambda: not is_alive(run.guardian), 15)
        assert not fugitive.is_free()


@pytest.mark.parametrize("puppet", ["vanishes", "vanishes lies"])
async def test_when_the_guardian_dies_too_the_next_start_finds_it(
    tmp_path: Path, fugitive: Fugitive, puppet: str
) -> None:
    with supervised(tmp_path / "var", " ".join(fugitive.command(puppet))) as run:
        os.kill(run.process.pid, signal.SIGSTOP)
        run.guardian.kill()
        run.process.kill()
        await eventually(lambda: run.process.poll() is not None)
        # Control arm: up to here nobody has ended it.
        assert fugitive.is_free()
        async with process_bench(tmp_path):
            assert not fugitive.is_free()


@pytest.mark.parametrize("puppet", ESCAPES)
def test_control_an_untagged_one_gets_away_from_the_guardian(
    tmp_path: Path, fugitive: Fugitive, puppet: str
) -> None:
    command = " ".join(fugitive.command(puppet))
    with supervised(tmp_path / "var", "--untagged", command) as run:
        run.process.kill()
        eventually_sync(lambda: not is_alive(run.guardian), 15)
        assert fugitive.is_free()
