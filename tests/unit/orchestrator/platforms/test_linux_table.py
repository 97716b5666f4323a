"""Linux's process table, read while those in it come and go."""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Callable

import pytest

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
