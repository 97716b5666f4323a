"""The set-up lock: one holder, the others are told who it is."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from bootstrap.lock import exclusive
from tests.support import eventually_sync


def test_the_second_waits_and_is_told_who_holds_it(tmp_path: Path) -> None:
    told: list[str] = []
    entered = threading.Event()

    def second() -> None:
        with exclusive(tmp_path / "lock", told.append):
            entered.set()

    thread = threading.Thread(target=second)
    with exclusive(tmp_path / "lock", told.append):
        thread.start()
        eventually_sync(lambda: told)
        assert not entered.is_set()
    thread.join(10)
    assert entered.is_set()
    assert told == [str(os.getpid())]


def test_a_free_lock_is_taken_at_once(tmp_path: Path) -> None:
    told: list[str] = []
    for _ in range(3):
        with exclusive(tmp_path / "lock", told.append):
            assert (tmp_path / "lock").read_text() == str(os.getpid())
    assert told == []
