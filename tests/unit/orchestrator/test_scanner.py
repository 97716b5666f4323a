"""Scanner: many who ask share few readings, and nobody gets one from before the question."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support import eventually
from trading_dashboard.orchestrator.processes import scanner as module
from trading_dashboard.orchestrator.processes.process_tree import (
    ProcessStat,
    ProcessTable,
    RunMarker,
)
from trading_dashboard.orchestrator.processes.scanner import UNREADABLE_TRIES, Scanner


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


async def test_questions_during_a_reading_share_the_next(
    executor: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    readings: list[ProcessTable] = []
    may_end = threading.Event()

    def read() -> ProcessTable:
        readings.append(ProcessTable({}))
        may_end.wait(10)
        return readings[-1]

    monkeypatch.setattr(module, "take_snapshot", read)
    scanner = Scanner(executor, 0)
    first = asyncio.create_task(scanner.scan())
    await eventually(lambda: readings)
    later = [asyncio.create_task(scanner.scan()) for _ in range(100)]
    await asyncio.sleep(0)
    may_end.set()
    await asyncio.gather(first, *later)
    assert len(readings) == 2
    await scanner.close()


async def test_empty_environment_is_asked_for_again_before_it_is_believed(
    executor: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    loading = ProcessStat(100, 5, "S", 1, 100, 100, 0, 0)
    asked: list[int] = []

    def read_environ(pid: int) -> bytes:
        asked.append(pid)
        return b"" if len(asked) < 2 else b"TRADING_DASHBOARD_RUN_ID=run"

    monkeypatch.setattr(module, "take_snapshot", lambda: ProcessTable({100: loading}))
    monkeypatch.setattr(module, "read_environ", read_environ)
    scanner = Scanner(executor, 0)
    assert (await scanner.scan()).undetermined == {100}
    found = await scanner.scan()
    assert (found.undetermined, found.markers[100].run_id) == (frozenset(), "run")
    await scanner.scan()
    assert len(asked) == 2


async def test_environment_that_stays_empty_is_believed(
    executor: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = ProcessStat(100, 5, "S", 1, 100, 100, 0, 0)
    monkeypatch.setattr(module, "take_snapshot", lambda: ProcessTable({100: bare}))
    monkeypatch.setattr(module, "read_environ", lambda _: b"")
    scanner = Scanner(executor, 0)
    for _ in range(UNREADABLE_TRIES):
        assert (await scanner.scan()).undetermined == {100}
    assert (await scanner.scan()).undetermined == frozenset()


async def test_who_is_older_is_not_asked(
    executor: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = ProcessStat(100, 4, "S", 1, 100, 100, 0, 0)
    monkeypatch.setattr(module, "take_snapshot", lambda: ProcessTable({100: older}))
    monkeypatch.setattr(module, "read_environ", lambda _: b"TRADING_DASHBOARD_RUN_ID=run")
    assert (await Scanner(executor, 5).scan()).markers == {}


async def test_a_cancelled_reading_does_not_stand_in_the_way_of_the_next(
    executor: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "take_snapshot", lambda: ProcessTable({}))
    scanner = Scanner(executor, 0)
    before = asyncio.all_tasks()
    asking = asyncio.create_task(scanner.scan())
    await asyncio.sleep(0)
    for task in asyncio.all_tasks() - before - {asking}:
        task.cancel()  # as `asyncio.run` does with everything when its loop ends
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert (await scanner.scan()).processes == {}


@pytest.mark.parametrize("tag", [7, None], ids=["tagged", "control"])
async def test_what_a_process_says_in_its_environment_does_not_outweigh_its_tag(
    executor: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch, tag: int | None
) -> None:
    ours = RunMarker("run", "agent", 1, "/var")
    liar = ProcessStat(100, 5, "S", 1, 100, 100, 0, 0, tag)
    monkeypatch.setattr(module, "take_snapshot", lambda: ProcessTable({100: liar}))
    monkeypatch.setattr(module, "read_environ", lambda _: b"TRADING_DASHBOARD_RUN_ID=another")
    scanner = Scanner(executor, 0, lambda tag: ours if tag == 7 else None)
    found = (await scanner.scan()).markers[100]
    assert found == (ours if tag else RunMarker("another", "", 0, ""))


async def test_a_tag_that_tells_the_run_alone_is_believed_before_another_run(
    executor: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    liar = ProcessStat(100, 5, "S", 1, 100, 100, 0, 0, 7)
    monkeypatch.setattr(module, "take_snapshot", lambda: ProcessTable({100: liar}))
    monkeypatch.setattr(module, "read_environ", lambda _: b"TRADING_DASHBOARD_RUN_ID=another")
    earlier = RunMarker("earlier", "", 0, "/var")
    assert (await Scanner(executor, 0, lambda _: earlier).scan()).markers[100] == earlier


async def test_a_tag_that_tells_the_run_alone_leaves_the_rest_to_the_environment(
    executor: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    marker = RunMarker("run", "agent", 1, "/var")
    environ = b"\0".join(f"{key}={value}".encode() for key, value in marker.as_env().items())
    process = ProcessStat(100, 5, "S", 1, 100, 100, 0, 0, 7)
    monkeypatch.setattr(module, "take_snapshot", lambda: ProcessTable({100: process}))
    monkeypatch.setattr(module, "read_environ", lambda _: environ)
    scanner = Scanner(executor, 0, lambda _: RunMarker("run", "", 0, "/var"))
    assert (await scanner.scan()).markers[100] == marker
