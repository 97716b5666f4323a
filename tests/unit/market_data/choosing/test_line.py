"""One source as it is asked: retries, refusals, limits, what is told of it."""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from datetime import UTC, datetime

import pytest

from tests.unit.market_data.choosing.fakes import SYMBOLS, Desk, FakeSource, MemoryNotes, can
from tests.unit.market_data.choosing.virtual import MIDNIGHT, loop_time
from trading_dashboard.agents.market_data.choosing.answers import NoSourceAnswers, SourceAnswer
from trading_dashboard.agents.market_data.choosing.desk import SourceDesk
from trading_dashboard.agents.market_data.choosing.policy import Limits, Policy
from trading_dashboard.agents.market_data.choosing.states import SourceState, source_body
from trading_dashboard.agents.market_data.sources.contract import (
    SourceFailure,
    SourceGarbled,
    SourceMissing,
    SourceRefusal,
    SourceUnreachable,
    UnknownToSource,
)
from trading_dashboard.models.market import SourceInfo

DAY = 86_400_000_000
OLD = MIDNIGHT - 30 * DAY


async def codes(desk: SourceDesk, symbol: str = "AAPL") -> list[str]:
    """Return ``[]`` for an answer, else why each source did not."""
    answer = (await desk.quotes([symbol]))[symbol]
    if isinstance(answer, NoSourceAnswers):
        return [each.code for each in answer.failed]
    return [] if isinstance(answer, SourceAnswer) else [answer.code]


def state(desk: SourceDesk) -> SourceState:
    return desk.states()[0]


async def test_what_is_transient_is_asked_again_with_growing_jittered_waits() -> None:
    one = FakeSource("one")
    waits: list[list[float]] = []
    async with Desk(one, policy=Policy(attempts=5, failures_to_open=100)) as desk:
        for symbol in SYMBOLS * 10:
            one.failures = deque([SourceUnreachable("reset")] * 4)
            one.calls.clear()
            assert await codes(desk, symbol) == []
            times = [at for at, _, _ in one.calls]
            waits.append([b - a for a, b in itertools.pairwise(times)])
            await asyncio.sleep(2.0)
    for attempt, ceiling in enumerate((0.5, 1.0, 2.0, 4.0)):
        seen = [each[attempt] for each in waits]
        assert max(seen) <= ceiling + 0.01
        assert max(seen) - min(seen) > ceiling / 3


@pytest.mark.parametrize("failure", [UnknownToSource("no"), SourceRefusal("no")])
async def test_what_is_final_is_not_asked_again(failure: SourceFailure) -> None:
    one = FakeSource("one", failure=failure)
    async with Desk(one) as desk:
        assert await codes(desk) == [failure.code]
    assert len(one.asked("quotes")) == 1


async def test_an_unknown_symbol_never_opens_the_breaker() -> None:
    one = FakeSource("one", failure=UnknownToSource("no"))
    made = Desk(one)
    async with made as desk:
        desk.routing.lines["one"].unknown._seconds = 0.0
        for _ in range(30):
            await codes(desk)
        assert (state(desk).breaker, state(desk).last_error) == ("closed", None)
        assert state(desk).errors == {"unknown_to_source": 30}
    assert made.kinds() == []


async def test_a_refusal_rests_the_source_until_settings_change() -> None:
    one = FakeSource("one", failure=SourceRefusal("the key is wrong"))
    made = Desk(one)
    async with made as desk:
        await codes(desk)
        assert state(desk).state == "refused"
        await asyncio.sleep(3600.0)
        assert await codes(desk) == ["breaker_open"]
        assert len(one.asked("quotes")) == 1
        one.failure = None
        desk.settings_changed("one")
        assert await codes(desk) == []
        assert state(desk).state == "ok"
    assert made.kinds()[0] == "breaker_opened"
    assert made.events[0].cause == "refused"


async def test_a_refusal_of_what_the_plan_lacks_rests_only_that() -> None:
    one = FakeSource("one")
    async with Desk(one) as desk:
        assert await codes(desk) == []
        one.failures = deque([SourceRefusal("not in your plan")])
        with pytest.raises(NoSourceAnswers):
            await desk.history("AAPL", "1m", OLD, OLD + DAY)
        with pytest.raises(NoSourceAnswers, match="refused history 1m"):
            await desk.history("AAPL", "1m", OLD, OLD + DAY)
        assert len(one.asked("history")) == 1
        assert await codes(desk, "MSFT") == []
        assert (await desk.history("AAPL", "1d", OLD, OLD + DAY)).source == "one"
        # What was answered before and is refused now is about the key.
        one.failure = SourceRefusal("revoked")
        await codes(desk, "IBM")
        assert state(desk).state == "refused"


async def test_an_open_breaker_sends_one_trial() -> None:
    one = FakeSource("one", failure=SourceUnreachable("down"))
    async with Desk(one, policy=Policy(attempts=1, quote_seconds=0.0)) as desk:
        for _ in range(5):
            await codes(desk)
        assert state(desk).state == "down"
        assert await codes(desk) == ["breaker_open"]
        await asyncio.sleep(31.0)
        one.failure, one.delay = None, 1.0
        asked = len(one.asked("quotes"))
        answers = await asyncio.gather(*(codes(desk, each) for each in SYMBOLS))
        assert sorted(answers) == [[], ["breaker_open"], ["breaker_open"]]
        assert len(one.asked("quotes")) == asked + 1
        assert await codes(desk, "IBM") == []


async def test_a_source_that_breaks_its_contract_fails_without_its_words() -> None:
    one = FakeSource("one", failure=KeyError("https://host/?apikey=SECRET"))
    async with Desk(one, policy=Policy(attempts=1)) as desk:
        assert await codes(desk) == [SourceGarbled.code]
        assert "KeyError in fakes.py:" in str(state(desk).last_error)
        assert "SECRET" not in str(source_body(state(desk), is_active=True))


async def test_never_more_requests_a_minute_than_allowed() -> None:
    one = FakeSource("one", capabilities=can(max_quotes=1), delay=0.3)
    limits = {"one": Limits(requests_per_minute=5)}
    async with Desk(one, limits=limits, policy=Policy(quote_seconds=0.1)) as desk:
        for _ in range(150):
            await desk.quotes(SYMBOLS)
            await asyncio.sleep(1.0)
    times = [at for at, kind, _ in one.calls if kind == "quotes"]
    assert len(times) > 10
    assert all(later - at >= 60.0 for at, later in zip(times, times[5:], strict=False))


async def test_a_source_without_requests_left_is_passed_over_at_once() -> None:
    one = FakeSource("one", capabilities=can(requests_per_minute=1))
    two = FakeSource("two")
    made = Desk(one, two)
    async with made as desk:
        await desk.quotes(["AAPL"])
        began = loop_time()
        answer = (await desk.quotes(["MSFT"]))["MSFT"]
        assert isinstance(answer, SourceAnswer)
        assert (answer.source, answer.failed[0].code) == ("two", "rate_limited")
        assert loop_time() == began


async def test_the_last_source_is_waited_for() -> None:
    one = FakeSource("one", capabilities=can(requests_per_minute=1))
    async with Desk(one, policy=Policy(deadline_seconds=70.0)) as desk:
        assert await codes(desk, "AAPL") == []
        began = loop_time()
        assert await codes(desk, "MSFT") == []
        assert loop_time() - began == pytest.approx(60.0, abs=0.1)


async def test_the_quota_of_the_day_through_a_restart() -> None:
    notes = MemoryNotes()
    limits = {"one": Limits(requests_per_day=3)}
    first = FakeSource("one")
    async with Desk(first, notes=notes, limits=limits) as desk:
        assert await codes(desk, "AAPL") == await codes(desk, "MSFT") == []
    again = FakeSource("one")
    made = Desk(again, notes=notes, limits=limits)
    async with made as desk:
        assert (state(desk).quota_used, state(desk).quota_limit) == (2, 3)
        assert await codes(desk, "AAPL") == []
        assert await codes(desk, "MSFT") == await codes(desk, "IBM") == ["quota_exhausted"]
        assert state(desk).state == "limited"
        assert len(again.asked("quotes")) == 1
        await asyncio.sleep(14 * 3600.0)
        assert await codes(desk, "MSFT") == []
    exhausted = [event for event in made.events if event.kind == "quota_exhausted"]
    assert [event.end for event in exhausted] == [MIDNIGHT + DAY]


async def test_no_more_requests_at_once_than_allowed() -> None:
    one = FakeSource("one", capabilities=can(max_quotes=1), delay=1.0)
    async with Desk(one, limits={"one": Limits(max_concurrent=1)}) as desk:
        await desk.quotes(SYMBOLS)
    times = [at for at, kind, _ in one.calls if kind == "quotes"]
    assert [b - a for a, b in itertools.pairwise(times)] == [1.0, 1.0]


async def test_a_missing_library_is_said_until_settings_change() -> None:
    one = FakeSource("one")

    async def refuse() -> None:
        raise SourceMissing("install it with: pip install trading-dashboard[yahoo]")

    opens, one.open = one.open, refuse  # type: ignore[method-assign]
    async with Desk(one) as desk:
        assert state(desk).state == "missing"
        assert await codes(desk) == ["source_missing"]
        assert "pip install" in source_body(state(desk), is_active=False)["status"]
        one.open = opens  # type: ignore[method-assign]
        desk.settings_changed("one")
        assert await codes(desk) == []


async def test_the_body_of_a_state_is_a_source_info() -> None:
    one = FakeSource("one", delay=0.2, capabilities=can(requests_per_day=100))
    async with Desk(one) as desk:
        assert state(desk).state == "idle"
        await desk.quotes(["AAPL"])
        one.failures = deque([SourceUnreachable("no route")])
        await asyncio.sleep(2.0)
        await desk.quotes(["AAPL"])
        info = SourceInfo.model_validate(source_body(state(desk), is_active=True))
    assert (info.state, info.breaker, info.live_breaker) == ("ok", "closed", "closed")
    assert (info.requests, info.errors) == (3, {"source_unreachable": 1})
    assert (info.quota_used, info.quota_limit) == (3, 100)
    assert info.quota_resets_at == datetime(2026, 1, 2, tzinfo=UTC)
    assert info.last_error == "no route"
    assert info.latency_p50_ms == pytest.approx(200.0, abs=1.0)
