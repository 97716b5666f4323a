"""Ending: what a look must have shown before a set of processes is taken to be gone."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from trading_dashboard.orchestrator.processes import scanner as scanning
from trading_dashboard.orchestrator.processes import stopping
from trading_dashboard.orchestrator.processes.platforms.seam import Leader
from trading_dashboard.orchestrator.processes.process_tree import ProcessTable
from trading_dashboard.orchestrator.processes.scanner import Scanner
from trading_dashboard.orchestrator.processes.stopping import CHASE_AFTER_MISSES, TOO_FAST, Ending


class Looks:
    """Looks that find nobody, the first ones in tables that are not whole."""

    def __init__(self, doubtful: int) -> None:
        self.doubtful = doubtful
        self.taken = 0

    def __call__(self) -> ProcessTable:
        self.taken += 1
        return ProcessTable({}, is_whole=self.taken > self.doubtful)


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


class AliveLeader:
    """A leader that has not ended."""

    pid, is_reaped = 0, True

    def poll(self) -> int | None:
        return None

    def wait(self, timeout: float | None = None) -> int:
        raise AssertionError(timeout)

    def reap(self) -> None:
        raise AssertionError


async def end(
    looks: Looks, executor: ThreadPoolExecutor, leader: Leader | None = None, grace: float = 3600.0
) -> tuple[int, list[str]]:
    """Return how often was chased, and what was complained of."""
    chases: list[int] = []
    complaints: list[str] = []

    def chase() -> int:
        chases.append(looks.taken)
        return 0

    scanner = Scanner(executor, 0)
    ending = Ending(
        scanner, lambda *_: {}, grace, leader=leader, chase=chase, complain=complaints.append
    )
    async with asyncio.timeout(10):
        await ending.run()
    await scanner.close()
    return len(chases), complaints


@pytest.mark.parametrize("doubtful", [0, 1, 30])
async def test_nobody_found_in_a_table_that_is_not_whole_is_no_end(
    executor: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch, doubtful: int
) -> None:
    looks = Looks(doubtful)
    monkeypatch.setattr(scanning, "take_snapshot", looks)
    await end(looks, executor)
    assert looks.taken == doubtful + 1


async def test_who_is_too_fast_to_be_asked_is_chased_without_a_grace(
    executor: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = Looks(CHASE_AFTER_MISSES + 2)
    monkeypatch.setattr(scanning, "take_snapshot", looks)
    assert (await end(looks, executor))[0] == 3


async def test_control_one_look_that_is_not_whole_is_no_chase(
    executor: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = Looks(CHASE_AFTER_MISSES - 1)
    monkeypatch.setattr(scanning, "take_snapshot", looks)
    assert (await end(looks, executor))[0] == 0


async def test_a_leader_that_lives_keeps_its_grace(
    executor: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = Looks(CHASE_AFTER_MISSES + 2)
    monkeypatch.setattr(scanning, "take_snapshot", looks)
    assert (await end(looks, executor, AliveLeader()))[0] == 0


async def test_a_doubt_that_lasts_is_complained_of(
    executor: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = Looks(3)
    monkeypatch.setattr(scanning, "take_snapshot", looks)
    monkeypatch.setattr(stopping, "COMPLAIN_SECONDS", -1.0)
    _, complaints = await end(looks, executor)
    assert complaints == [TOO_FAST, TOO_FAST]
