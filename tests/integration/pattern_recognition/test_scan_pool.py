"""The pool with real processes: what its workers do to it, and what is left of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest

from tests.support import ROOT, eventually_sync
from tests.unit.pattern_recognition.scan import tasks
from trading_dashboard.agents.pattern_recognition.bars import Bars
from trading_dashboard.agents.pattern_recognition.scan.mapping import InlineMap, Outcome
from trading_dashboard.agents.pattern_recognition.scan.process_pool import ProcessPool
from trading_dashboard.agents.pattern_recognition.shapes.detect import search
from trading_dashboard.models.errors import ScanUnavailable

SHARED = Path("/dev/shm")


@pytest.fixture
def pool() -> Iterator[ProcessPool]:
    made = ProcessPool(2, chunk_symbols=5)
    yield made
    made.close()


@pytest.fixture
def impatient_pool() -> Iterator[ProcessPool]:
    """One that gives up on a symbol soon, but not before a busy machine has begun with it."""
    made = ProcessPool(2, chunk_symbols=5, chunk_seconds=5.0)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def nothing_left_in_shared_memory() -> Iterator[None]:
    before = set(SHARED.glob("*"))
    yield
    assert set(SHARED.glob("*")) <= before


def by_symbol(outcomes: Iterator[Outcome]) -> dict[str, Outcome]:
    found = list(outcomes)
    assert len({one.symbol for one in found}) == len(found)
    return {one.symbol: one for one in found}


def all_but_s3(found: dict[str, Outcome], count: int) -> str:
    """Return the error of S3; every other symbol must be fine."""
    assert len(found) == count
    assert all(one.value == name for name, one in found.items() if name != "S3")
    error = found["S3"].error
    assert error is not None
    return error


def test_the_pool_says_what_the_callers_thread_says(pool: ProcessPool) -> None:
    series = [*tasks.universe(40, 300), ("empty", Bars.empty())]
    expected = by_symbol(InlineMap().map(tasks.checksum, series))
    assert by_symbol(pool.map(tasks.checksum, iter(series))) == expected
    ran_in = {one.value for one in pool.map(tasks.own_pid, series)}
    assert ran_in == set(pool.pids)
    assert os.getpid() not in ran_in
    # Where the callers' process has the compiled kernel, each of the workers has it.
    searched = {one.value for one in pool.map(tasks.searched_by, series)}
    assert searched == {str(search())}


def test_an_error_of_one_symbol_is_its_own(pool: ProcessPool) -> None:
    error = all_but_s3(by_symbol(pool.map(tasks.raises_on_s3, tasks.universe(20))), 20)
    before = pool.pids
    assert error == "ValueError: its bars"
    unsendable = by_symbol(pool.map(tasks.returns_what_cannot_be_sent, tasks.universe(20)))
    assert "pickle" in all_but_s3(unsendable, 20)
    read_only = by_symbol(pool.map(tasks.writes_into_bars, tasks.universe(20)))
    assert all("read-only" in str(one.error) for one in read_only.values())
    assert pool.pids == before


def test_a_worker_that_dies_costs_one_symbol(pool: ProcessPool, tmp_path: Path) -> None:
    error = all_but_s3(by_symbol(pool.map(tasks.dies_on_s3, tasks.universe(30))), 30)
    assert error == ("The worker was lost on this symbol: the process was killed by signal 9.")
    once = partial(tasks.dies_once, str(tmp_path / "died"))
    found = by_symbol(pool.map(once, tasks.universe(30)))
    assert [one.error for one in found.values()] == [None] * 30


def test_a_worker_killed_while_idle_is_replaced(pool: ProcessPool) -> None:
    list(pool.map(tasks.own_pid, tasks.universe(20)))
    for pid in pool.pids:
        os.kill(pid, signal.SIGKILL)
    found = by_symbol(pool.map(tasks.checksum, tasks.universe(20)))
    assert [one.error for one in found.values()] == [None] * 20


def test_a_task_that_hangs_costs_one_symbol(impatient_pool: ProcessPool) -> None:
    error = all_but_s3(by_symbol(impatient_pool.map(tasks.hangs_on_s3, tasks.universe(20))), 20)
    assert error == "The worker was lost on this symbol: it took longer than 1 s."


def test_cancelling_ends_what_runs(pool: ProcessPool) -> None:
    cancel = threading.Event()
    timer = threading.Timer(0.3, cancel.set)
    timer.start()
    assert list(pool.map(tasks.hangs, tasks.universe(20), cancel)) == []
    timer.join()
    outcomes = pool.map(tasks.checksum, tasks.universe(200))
    next(outcomes)
    outcomes.close()
    assert len(by_symbol(pool.map(tasks.checksum, tasks.universe(20)))) == 20


def test_bars_are_read_only_as_far_as_they_are_needed(pool: ProcessPool) -> None:
    read = 0

    def counted() -> Iterator[tuple[str, Bars]]:
        nonlocal read
        for pair in tasks.universe(500):
            read += 1
            yield pair

    outcomes = pool.map(tasks.checksum, counted())
    next(outcomes)
    assert read <= 30
    outcomes.close()


def test_workers_that_cannot_start_end_the_map(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    broken = ProcessPool(2)
    with pytest.raises(ScanUnavailable, match="before they are ready"):
        list(broken.map(tasks.checksum, tasks.universe(50)))
    broken.close()
    assert broken.pids == []


def test_closing_leaves_no_process_and_opens_again() -> None:
    pool = ProcessPool(2)
    list(pool.map(tasks.checksum, tasks.universe(20)))
    workers = pool.pids
    pool.close()
    assert not any(psutil.pid_exists(pid) for pid in workers)
    assert len(list(pool.map(tasks.checksum, tasks.universe(20)))) == 20
    pool.close()


@pytest.mark.parametrize("is_deaf", [False, True], ids=["as it is", "without the watch"])
def test_killing_the_owner_leaves_nothing(is_deaf: bool) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-m", "tests.integration.pattern_recognition.scan_owner"]
        + ["deaf"] * is_deaf,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert owner.stdout is not None
    with owner.stdout as told:
        workers = [psutil.Process(int(pid)) for pid in told.readline().split()]
    assert len(workers) == 2
    owner.kill()
    owner.wait()
    if is_deaf:
        _, alive = psutil.wait_procs(workers, 1.0)
        assert len(alive) == 2
        for worker in alive:
            worker.kill()
    eventually_sync(lambda: not any(worker.is_running() for worker in workers))


@pytest.mark.skipif(sys.platform == "win32", reason="there is no pool")
def test_an_agent_with_a_thousand_open_descriptors_scans_all_the_same(pool: ProcessPool) -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 1_400:
        pytest.skip(f"only {hard} descriptors may be open")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 1_400), hard))
    held = [os.open(os.devnull, os.O_RDONLY) for _ in range(1_100)]
    try:
        found = by_symbol(pool.map(tasks.own_pid, tasks.universe(20)))
    finally:
        for descriptor in held:
            os.close(descriptor)
        pool.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert [one.error for one in found.values()] == [None] * 20
