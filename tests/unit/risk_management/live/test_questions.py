"""Back-tests of all methods in one request: shared, bounded, and ended with who asked."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from typing import Any

import pytest
from fastapi import Request

from tests.support import eventually
from tests.unit.risk_management.live.conftest import Running
from trading_dashboard.agents.risk_management.agent import RiskAgent
from trading_dashboard.agents.risk_management.api.answers import LEFT, computed
from trading_dashboard.agents.risk_management.live import questions as questions_module
from trading_dashboard.agents.risk_management.live.heavy import Heavy
from trading_dashboard.agents.risk_management.live.questions import Questions
from trading_dashboard.models.risk.errors import RiskUnavailable
from trading_dashboard.models.risk.measures import VarMethod


class HeldHeavy(Heavy):
    """Notes what is asked; answers as long as it may."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Hashable] = []
        self.may_answer = asyncio.Event()

    async def ask(self, key: Hashable, *_: Any, **__: Any) -> bytes:
        self.asked.append(key)
        await self.may_answer.wait()
        return b"{}"


def questions_of(agent: RiskAgent, heavy: Heavy) -> Questions:
    return Questions(
        agent.account, agent.telling, agent.history, heavy, agent.curve, agent.settings
    )


def request(left: asyncio.Event) -> Request:
    async def receive() -> dict[str, Any]:
        await left.wait()
        return {"type": "http.disconnect"}

    return Request({"type": "http"}, receive)


async def test_who_leaves_ends_what_was_asked_for_and_an_equal_question_is_shared(
    running: Running,
) -> None:
    async with running() as agent:
        heavy, left = HeldHeavy(), asyncio.Event()
        questions = questions_of(agent, heavy)
        asking = asyncio.create_task(
            computed(request(left), questions.backtest("AAPL", None, None, None))
        )
        await eventually(lambda: heavy.asked)
        left.set()
        assert (await asking).status_code == LEFT
        heavy.may_answer.set()
        await asyncio.sleep(0)
        assert len(heavy.asked) == 1  # the seven others are not begun
        stays = asyncio.Event()  # the control, twice
        for _ in range(2):
            answer = await computed(request(stays), questions.backtest("AAPL", None, None, None))
            assert answer.status_code == 200
        assert (len(heavy.asked), len(set(heavy.asked))) == (1 + 2 * len(VarMethod), len(VarMethod))


async def test_a_request_takes_so_long_and_says_how_far_it_came(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(questions_module, "ALL_METHODS_SECONDS", 0.01)
    async with running() as agent:
        questions = questions_of(agent, HeldHeavy())
        with pytest.raises(RiskUnavailable) as late:
            await computed(request(asyncio.Event()), questions.backtest("AAPL", None, None, None))
        assert late.value.observed == f"0 of {len(VarMethod)} methods are done"
