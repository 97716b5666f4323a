"""Linux's process table, read while those in it come and go."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support import eventually_sync
from trading_dashboard.orchestrator.processes.platforms import linux_table

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

LINK, NEXT = os.getppid(), os.getpid()
"""Two who live; the first plays one that leaves the second behind and is gone."""


@pytest.fixture
def moved_on(monkeypatch: pytest.MonkeyPatch) -> Callable[[type[OSError]], None]:
    """Return a switch: the link's line can still be read, its limit fails as told."""
    present = {LINK}
    prlimit = resource.prlimit

    def switch(error: type[OSError]) -> None:
        def ask(pid: int, limit: int) -> tuple[int, int]:
            if pid == LINK:
                present.add(NEXT)
                raise error
            return prlimit(pid, limit)

        monkeypatch.setattr(resource, "prlimit", ask)
        monkeypatch.setattr(linux_table, "list_pids", lambda: sorted(present))

    return switch


def test_who_is_gone_before_the_tag_is_read_is_looked_for_again(
    moved_on: Callable[[type[OSError]], None],
) -> None:
    """Half of its row would say that it lives, is nobody's, and has left no one behind."""
    moved_on(ProcessLookupError)
    assert [row.pid for row in linux_table.read_table().rows] == [NEXT]


def test_control_who_only_keeps_its_tag_to_itself_is_there(
    moved_on: Callable[[type[OSError]], None],
) -> None:
    moved_on(PermissionError)
    tags = {row.pid: row.tag for row in linux_table.read_table().rows}
    assert tags.keys() == {LINK, NEXT}
    assert tags[LINK] is None


def test_the_tag_of_nobody_is_none(moved_on: Callable[[type[OSError]], None]) -> None:
    moved_on(ProcessLookupError)
    assert linux_table.read_tag(LINK) is None


@pytest.fixture
def bare() -> Iterator[subprocess.Popen[bytes]]:
    """Run a program without an environment."""
    with subprocess.Popen(["/bin/sleep", "600"], env={}) as process:
        yield process
        process.kill()


def test_who_has_no_environment_is_not_waited_for(bare: subprocess.Popen[bytes]) -> None:
    eventually_sync(lambda: linux_table.read_environ(bare.pid) is None)
    assert Path(f"/proc/{bare.pid}/environ").read_bytes() == b""


def test_control_whose_program_is_being_loaded_is_waited_for(
    bare: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    read = linux_table._read

    def without_place(path: str, limit: int) -> bytes | None:
        data = read(path, limit)
        if data is None or not path.endswith("/stat"):
            return data
        head, _, fields = data.rpartition(b") ")
        words = fields.split()
        words[linux_table._ENVIRONMENT_END] = b"0"
        return head + b") " + b" ".join(words)

    monkeypatch.setattr(linux_table, "_read", without_place)
    assert linux_table.read_environ(bare.pid) == b""


def test_who_keeps_its_environment_to_itself_is_not_waited_for(
    bare: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linux_table, "_read", lambda path, _: None if "environ" in path else b"")
    assert linux_table.read_environ(bare.pid) is None
