"""Signals that ask to end, on event loops with and without signal handlers (Windows has none)."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator

import pytest

from tests.support import eventually
from trading_dashboard.agents.kit import signals as kit
from trading_dashboard.cli import signals as cli


@pytest.fixture
def like_windows(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Make loops refuse signal handlers, HUP unknown, and USR1 this system's BREAK."""

    def refuse(*_: object) -> None:
        raise NotImplementedError

    before = {number: signal.getsignal(number) for number in ASKING}
    monkeypatch.setattr(asyncio.SelectorEventLoop, "add_signal_handler", refuse)
    monkeypatch.setattr(signal, "SIGBREAK", signal.SIGUSR1, raising=False)
    monkeypatch.delattr(signal, "SIGHUP")
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


ASKING = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)


@pytest.mark.usefixtures("like_windows")
async def test_desk_hears_break_without_loop_handlers_and_gives_all_back() -> None:
    before = [signal.getsignal(number) for number in ASKING]
    with cli.signal_queue() as queue:
        for number in ASKING:
            signal.raise_signal(number)
            assert await asyncio.wait_for(queue.get(), 10) is number
    assert [signal.getsignal(number) for number in ASKING] == before


@pytest.mark.usefixtures("like_windows")
async def test_agent_ends_on_break_without_loop_handlers() -> None:
    heard: list[signal.Signals] = []
    kit.call_on_stop_signals(asyncio.get_running_loop(), heard.append)
    for count, number in enumerate(ASKING, 1):
        signal.raise_signal(number)
        await eventually(lambda wanted=count: len(heard) == wanted)  # type: ignore[misc]
    assert heard == list(ASKING)


async def test_loop_handlers_are_used_where_there_are_any() -> None:
    heard: list[signal.Signals] = []
    loop = asyncio.get_running_loop()
    kit.call_on_stop_signals(loop, heard.append)
    signal.raise_signal(signal.SIGTERM)
    await eventually(lambda: heard)
    for number in kit.stop_signals():
        assert loop.remove_signal_handler(number)
    assert heard == [signal.SIGTERM]
