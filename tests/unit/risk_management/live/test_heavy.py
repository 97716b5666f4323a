"""The process that computes: one answer for the same question, bounds, deaths, deadlines."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psutil
import pytest

from tests.support import eventually
from trading_dashboard.agents.risk_management.live import heavy as heavy_module
from trading_dashboard.agents.risk_management.live.heavy import Heavy
from trading_dashboard.models.risk.errors import InvalidScenario, RiskBusy, RiskUnavailable

HERE = __name__


def echo(data: Any, *arguments: Any) -> tuple[Any, ...]:
    return (data, *arguments)


def pid(_: Any) -> int:
    return os.getpid()


def slow(_: Any, seconds: float) -> int:
    time.sleep(seconds)
    return os.getpid()


def refuse(_: Any) -> None:
    raise InvalidScenario("No such day.", subject="x", observed=3, next_step="Ask for another.")


def fail(_: Any) -> None:
    raise ZeroDivisionError("a fault of ours")


def talk(_: Any) -> str:
    print("what libraries print must not come between")  # noqa: T201
    return "fine"


@asynccontextmanager
async def heavy(**options: Any) -> AsyncIterator[Heavy]:
    one = Heavy(**options)
    running = asyncio.create_task(one.run())
    try:
        yield one
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def ask(
    one: Heavy, name: str, *arguments: Any, key: Any = None, data: Any = (0, None)
) -> Any:
    return await one.ask(key or object(), f"{HERE}:{name}", data, *arguments)


async def test_answers_errors_and_faults_come_back() -> None:
    async with heavy() as one:
        assert await ask(one, "echo", 1, "b", data=(1, {"x": 2})) == ({"x": 2}, 1, "b")
        assert await ask(one, "echo", data=(1, {"not": "sent again"})) == ({"x": 2},)
        assert await ask(one, "talk") == "fine"
        with pytest.raises(InvalidScenario) as refused:
            await ask(one, "refuse")
        assert (refused.value.observed, refused.value.next_step) == (3, "Ask for another.")
        with pytest.raises(RiskUnavailable) as failed:
            await ask(one, "fail")
        assert "a fault of ours" in str(failed.value.observed)
        assert await ask(one, "pid") == one.worker_pid != os.getpid()


async def test_the_same_question_is_computed_once() -> None:
    async with heavy() as one:
        asked = [ask(one, "slow", 0.05, key="same") for _ in range(5)]
        assert len(set(await asyncio.gather(*asked))) == 1
        await ask(one, "slow", 0.05, key="same")  # a moment later, too
        assert one.computed == 1
        for _ in range(2):
            await one.ask("short", f"{HERE}:pid", (0, None), keep_seconds=-1.0)
        assert one.computed == 3


async def test_no_more_than_so_many_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heavy_module, "MAX_WAITING", 2)
    async with heavy() as one:
        tasks = [asyncio.create_task(ask(one, "slow", 0.3, key=key)) for key in range(3)]
        await eventually(lambda: one.waiting == 3 or any(task.done() for task in tasks))
        outcomes = await asyncio.gather(
            *tasks, ask(one, "slow", 0.0, key=9), ask(one, "slow", 0.0, key=10),
            return_exceptions=True,
        )  # fmt: skip
        assert any(isinstance(outcome, RiskBusy) for outcome in outcomes)


async def test_what_nobody_waits_for_any_more_is_not_computed() -> None:
    async with heavy() as one:
        first = asyncio.create_task(ask(one, "slow", 0.3, key=1))
        await eventually(lambda: one.waiting == 1 and one.worker_pid is not None)
        left, shared = (asyncio.create_task(ask(one, "slow", 0.0, key=key)) for key in (2, 3))
        also = asyncio.create_task(ask(one, "slow", 0.0, key=3))
        await eventually(lambda: one.waiting == 3)
        left.cancel()
        shared.cancel()
        assert await also == await first
        assert (one.computed, one.waiting) == (2, 0)


async def test_answers_that_are_over_push_out_none_that_is_kept_for_long() -> None:
    now = 0.0
    async with heavy(monotonic=lambda: now) as one:
        await one.ask("long", f"{HERE}:pid", (0, None), keep_seconds=600.0)
        for number in range(heavy_module.KEPT + 1):
            now += 2.0
            await one.ask(number, f"{HERE}:pid", (0, None))
        done = one.computed
        await one.ask("long", f"{HERE}:pid", (0, None))
        assert one.computed == done


async def test_a_death_costs_one_question_and_a_hang_its_deadline() -> None:
    async with heavy(deadline_seconds=2.0) as one:
        first = await ask(one, "pid")
        asked = asyncio.create_task(ask(one, "slow", 60))
        await eventually(lambda: one.waiting == 1)
        os.kill(first, signal.SIGKILL)
        with pytest.raises(RiskUnavailable):
            await asked
        second = await ask(one, "pid")
        assert second != first
        with pytest.raises(RiskUnavailable):
            await ask(one, "slow", 60)
        assert not psutil.pid_exists(second)


async def test_it_ends_when_nobody_asks() -> None:
    async with heavy(idle_seconds=0.05) as one:
        worker = await ask(one, "pid")
        await eventually(lambda: one.worker_pid is None and not psutil.pid_exists(worker))
        assert await ask(one, "pid") != worker
