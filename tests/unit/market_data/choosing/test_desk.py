"""The desk: who answers, from what, how fresh, and what is asked only once."""

from __future__ import annotations

import asyncio
from collections import deque

import pytest

from tests.unit.market_data.choosing.fakes import (
    Desk,
    FakeSource,
    can,
    instrument,
)
from tests.unit.market_data.choosing.virtual import MIDNIGHT, loop_time
from trading_dashboard.agents.market_data.choosing.answers import NoSourceAnswers, SourceAnswer
from trading_dashboard.agents.market_data.choosing.flights import Flights
from trading_dashboard.agents.market_data.choosing.policy import Limits, Policy
from trading_dashboard.agents.market_data.choosing.states import LiveState
from trading_dashboard.agents.market_data.sources.contract import (
    AssetClass,
    NotOffered,
    SourceFailure,
    SourceGarbled,
    SourceLimited,
    SourceUnreachable,
    UnknownToSource,
)

DAY = 86_400_000_000
OLD = MIDNIGHT - 30 * DAY


def source_of(answer: object) -> str:
    assert isinstance(answer, SourceAnswer), answer
    return answer.source


def code_of(answer: object) -> str:
    assert isinstance(answer, SourceFailure), answer
    return answer.code


async def test_the_preferred_source_of_the_asset_class_answers() -> None:
    one, two = FakeSource("one"), FakeSource("two")
    async with Desk(one, two, priorities={AssetClass.EQUITY: ["two", "one"]}) as desk:
        answer = await desk.history("AAPL", "1d", OLD, OLD + DAY)
        assert (answer.source, answer.value.bars.source, answer.failed) == ("two", "two", ())
        assert source_of((await desk.quotes(["AAPL"]))["AAPL"]) == "two"
        assert desk.serving("AAPL") == "two"
    assert not one.asked("history")


async def test_a_failing_source_is_passed_over_and_that_is_told() -> None:
    one, two = FakeSource("one", failure=SourceUnreachable("no route")), FakeSource("two")
    made = Desk(one, two)
    async with made as desk:
        answer = await desk.history("AAPL", "1d", OLD, OLD + DAY)
        assert answer.source == "two"
        assert [(each.source, each.code) for each in answer.failed] == [
            ("one", "source_unreachable")
        ]
        assert len(one.asked("history")) == Policy().attempts
        one.failure = None
        assert (await desk.history("AAPL", "1m", OLD, OLD + DAY)).source == "one"
    assert made.kinds() == ["failed_over", "recovered"]
    over, back = made.events
    assert (over.source, over.other, over.cause) == ("one", "two", "source_unreachable")
    assert (back.start, tuple(back.symbols)) == (over.start, ("AAPL",))


async def test_nothing_unreal_stands_in_for_a_real_source() -> None:
    real = FakeSource("real", failure=SourceUnreachable("down"))
    demo = FakeSource("demo", capabilities=can(is_real=False))
    async with Desk(real, demo, priorities={AssetClass.EQUITY: ["real", "demo"]}) as desk:
        with pytest.raises(NoSourceAnswers):
            await desk.history("AAPL", "1d", OLD, OLD + DAY)
        assert code_of((await desk.quotes(["AAPL"]))["AAPL"]) == "no_source_answers"
        with pytest.raises(SourceFailure):
            await desk.instrument("TSLA")
        with pytest.raises(SourceFailure):
            await desk.find("AA", 5)
        assert desk.serving("AAPL") == "real"
    assert [call[1] for call in demo.calls] == ["close"]


async def test_that_is_because_it_is_not_real() -> None:
    # The control arm: the same desk with a second source that says it is real.
    real = FakeSource("real", failure=SourceUnreachable("down"))
    other = FakeSource("demo")
    async with Desk(real, other) as desk:
        assert (await desk.history("AAPL", "1d", OLD, OLD + DAY)).source == "demo"


async def test_nobody_stands_in_for_the_demo_and_a_source_that_lacks_the_interval() -> None:
    demo = FakeSource("demo", capabilities=can(is_real=False), failure=SourceUnreachable("down"))
    real = FakeSource("real")
    async with Desk(demo, real) as desk:
        with pytest.raises(NoSourceAnswers):
            await desk.history("AAPL", "1d", OLD, OLD + DAY)
    lacking = FakeSource("lacking", capabilities=can(intervals=("1d",)))
    unreal = FakeSource("unreal", capabilities=can(is_real=False))
    async with Desk(lacking, unreal) as desk:
        with pytest.raises(NoSourceAnswers):
            await desk.history("AAPL", "1m", OLD, OLD + DAY)


async def test_a_pinned_source_alone_is_asked() -> None:
    one, two = FakeSource("one", failure=SourceUnreachable("down")), FakeSource("two")
    async with Desk(one, two) as desk:
        with pytest.raises(NoSourceAnswers) as caught:
            await desk.history("AAPL", "1d", OLD, OLD + DAY, source="one")
        assert [each.source for each in caught.value.failed] == ["one"]
        assert code_of((await desk.quotes(["AAPL"], source="one"))["AAPL"]) == "no_source_answers"
        assert source_of((await desk.quotes(["AAPL"], source="two"))["AAPL"]) == "two"
        assert code_of((await desk.quotes(["AAPL"], source="x"))["AAPL"]) == "unknown_source"


async def test_identical_questions_under_way_are_one() -> None:
    one = FakeSource("one", delay=1.0)
    async with Desk(one) as desk:
        asking = [desk.history("AAPL", "1d", OLD, OLD + DAY) for _ in range(20)]
        answers = await asyncio.gather(*asking)
        assert {answer.source for answer in answers} == {"one"}
        assert len(one.asked("history")) == 1
        await asyncio.gather(*(desk.quotes(["AAPL", "MSFT"]) for _ in range(20)))
        await asyncio.gather(desk.quotes(["IBM", "AAPL"]), desk.quotes(["IBM"]))
        assert one.asked("quotes") == [("AAPL", "MSFT"), ("IBM",)]
        await asyncio.gather(*(desk.find("A", 5) for _ in range(20)))
        assert len(one.asked("find")) == 1


async def test_without_sharing_each_question_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    # The control arm of the above.
    monkeypatch.setattr(Flights, "find", lambda self, key: None)
    one = FakeSource("one", delay=1.0)
    async with Desk(one, limits={"one": Limits(max_concurrent=50)}) as desk:
        await asyncio.gather(*(desk.history("AAPL", "1d", OLD, OLD + DAY) for _ in range(20)))
    assert len(one.asked("history")) == 20


async def test_one_asker_leaving_does_not_disturb_the_others() -> None:
    one = FakeSource("one", delay=1.0)
    async with Desk(one) as desk:
        for ask in (
            lambda: desk.history("AAPL", "1d", OLD, OLD + DAY),
            lambda: desk.quotes(["AAPL", "MSFT"]),
        ):
            leaves, stays = asyncio.create_task(ask()), asyncio.create_task(ask())
            await asyncio.sleep(0.5)
            leaves.cancel()
            await asyncio.wait([leaves])
            assert leaves.cancelled()
            assert await stays


async def test_a_question_nobody_waits_for_is_cancelled() -> None:
    one = FakeSource("one", delay=5.0)
    async with Desk(one) as desk:
        for ask in (desk.history("AAPL", "1d", OLD, OLD + DAY), desk.quotes(["AAPL"])):
            alone = asyncio.create_task(ask)
            await asyncio.sleep(0.5)
            alone.cancel()
            await asyncio.wait([alone])
            await asyncio.sleep(0)
            assert len(desk._flights) == 0


async def test_closing_ends_what_is_under_way_with_a_failure() -> None:
    made = Desk(FakeSource("one", delay=5.0))
    await made.desk.open()
    asking = asyncio.create_task(made.desk.history("AAPL", "1d", OLD, OLD + DAY))
    await asyncio.sleep(0.1)
    await made.desk.close()
    with pytest.raises(SourceUnreachable, match="being closed"):
        await asking


async def test_quotes_come_in_batches_and_are_given_again_for_a_second() -> None:
    one = FakeSource("one", capabilities=can(max_quotes=2))
    async with Desk(one) as desk:
        answers = await desk.quotes(["AAPL", "MSFT", "IBM", "AAPL"])
        assert list(map(len, one.asked("quotes"))) == [2, 1]
        assert not any(answer.is_cached for answer in answers.values())  # type: ignore[union-attr]
        await asyncio.sleep(0.4)
        again = (await desk.quotes(["IBM"]))["IBM"]
        assert isinstance(again, SourceAnswer)
        assert again.is_cached
        assert again.age_seconds == pytest.approx(0.4)
        await asyncio.sleep(0.7)
        fresh = (await desk.quotes(["IBM"]))["IBM"]
        assert isinstance(fresh, SourceAnswer)
        assert (fresh.is_cached, fresh.age_seconds) == (False, 0.0)


async def test_symbols_of_a_batch_fail_over_one_by_one() -> None:
    one = FakeSource("one", symbols=("AAPL",))
    two = FakeSource("two", capabilities=can(max_quotes=1), symbols=("MSFT",))
    made = Desk(one, two)
    async with made as desk:
        answers = await desk.quotes(["AAPL", "MSFT", "IBM", "NOPE"])
    assert source_of(answers["AAPL"]) == "one"
    assert source_of(answers["MSFT"]) == "two"
    assert [each.code for each in answers["MSFT"].failed] == ["unknown_to_source"]  # type: ignore[union-attr]
    assert code_of(answers["IBM"]) == code_of(answers["NOPE"]) == "unknown_to_source"
    # That a source does not know a symbol is nobody's failure.
    assert made.kinds() == []


async def test_another_currency_is_another_instrument() -> None:
    one, two = FakeSource("one", currency="EUR"), FakeSource("two")
    async with Desk(one, two) as desk:
        answer = (await desk.quotes(["AAPL"]))["AAPL"]
    assert source_of(answer) == "two"
    assert [each.code for each in answer.failed] == ["other_instrument"]  # type: ignore[union-attr]


async def test_bars_of_closed_ranges_are_kept_others_are_not() -> None:
    one = FakeSource("one")
    async with Desk(one) as desk:
        first = await desk.history("AAPL", "1d", OLD, OLD + DAY)
        await asyncio.sleep(5.0)
        again = await desk.history("AAPL", "1d", OLD, OLD + DAY)
        assert (again.is_cached, again.age_seconds, again.at) == (True, 5.0, first.at)
        for _ in range(2):
            await desk.history("AAPL", "1d", OLD, MIDNIGHT)
        assert len(one.asked("history")) == 3


async def test_kept_bars_are_bounded() -> None:
    one = FakeSource("one")
    async with Desk(one, policy=Policy(cached_bars=10)) as desk:
        for day in range(50):
            await desk.history("AAPL", "1d", OLD + day, OLD + DAY)
        assert (len(desk._past), desk._past.weight) == (10, 10)


async def test_series_of_another_source_symbol_or_interval_are_refused() -> None:
    one, two = FakeSource("one"), FakeSource("two")

    async with Desk(one, two) as desk:
        for wrong in ("source", "symbol", "interval"):

            async def history(*asked: object, wrong: str = wrong) -> object:
                past = await FakeSource("one").history("AAPL", "1d", OLD, OLD + DAY)
                object.__setattr__(past.bars, wrong, "other")
                return past

            one.history = history  # type: ignore[assignment]
            assert (await desk.history("AAPL", "1d", OLD, OLD + DAY)).source == "two"
            desk._past.clear()


async def test_what_is_out_of_a_sources_reach_goes_to_the_next() -> None:
    one = FakeSource("one", capabilities=can(history_days={"1m": 7}))
    two = FakeSource("two")
    made = Desk(one, two)
    async with made as desk:
        answer = await desk.history("AAPL", "1m", OLD, OLD + DAY)
        assert (answer.source, answer.failed[0].code) == ("two", "not_offered")
        # Not even counted: what is not sent spends no request of the day.
        assert desk.states()[0].quota_used == desk.states()[0].requests == 0
        assert (await desk.history("AAPL", "1m", MIDNIGHT, MIDNIGHT + DAY)).source == "one"
        assert desk.states()[0].quota_used == desk.states()[0].requests == 1
    assert made.kinds() == []


@pytest.mark.parametrize(("limits", "seconds"), [({}, 5.0), ({"requests_per_minute": 60}, 300.0)])
async def test_what_costs_nothing_is_asked_again_soon(
    limits: dict[str, int], seconds: float
) -> None:
    one = FakeSource("one", symbols=("MSFT",), capabilities=can(**limits))
    async with Desk(one) as desk:
        line = desk.routing.lines["one"]
        with pytest.raises(UnknownToSource):
            await desk.instrument("NOPE")
        now = loop_time()
        assert not line.knows("NOPE", now + seconds - 1)
        assert line.knows("NOPE", now + seconds + 1)


async def test_what_is_live_is_not_unknown_whatever_its_history_lacks() -> None:
    one = FakeSource("one", failure=UnknownToSource("no such bars"))
    async with Desk(one) as desk:
        line = desk.routing.lines["one"]
        desk.attach(Live())
        with pytest.raises(UnknownToSource):
            await desk.history("AAPL", "1d", OLD, OLD + DAY)
        assert line.knows("AAPL", loop_time())
        with pytest.raises(UnknownToSource):
            await desk.history("MSFT", "1d", OLD, OLD + DAY)
        assert not line.knows("MSFT", loop_time())


class Live:
    """AAPL comes live from `one`."""

    def serving(self, symbol: str) -> str | None:
        return "one" if symbol == "AAPL" else None

    def state(self, source: str) -> LiveState:
        return LiveState()


async def test_the_deadline_is_over_all() -> None:
    slow = [FakeSource(name, delay=100.0) for name in ("one", "two", "three")]
    async with Desk(*slow) as desk:
        began = loop_time()
        with pytest.raises(NoSourceAnswers):
            await desk.history("AAPL", "1d", OLD, OLD + DAY)
        assert loop_time() - began <= Policy().deadline_seconds + 0.1
    assert all(each.asked("history") for each in slow)


async def test_a_search_asks_all_merges_and_hides_nobody() -> None:
    one = FakeSource("one", symbols=("AAPL", "AA", "AAB"))
    two = FakeSource("two", symbols=("AA", "ZAA"))
    broken = FakeSource("broken", failure=SourceGarbled("half an answer"))
    slow = FakeSource("slow", delay=60.0)
    mute = FakeSource("mute", capabilities=can(has_search=False))
    async with Desk(one, two, broken, slow, mute) as desk:
        began = loop_time()
        found = await desk.find("aa", 3)
        assert loop_time() - began < 10.0
        assert [each.symbol for each in found.instruments] == ["AA", "AAPL", "ZAA"]
        assert found.sources["AA"] == ("one", "two")
        assert [each.source for each in found.failed] == ["broken", "slow"]
    assert not mute.asked("find")
    async with Desk(FakeSource("mute", capabilities=can(has_search=False))) as desk:
        with pytest.raises(NotOffered):
            await desk.find("aa", 3)


async def test_instruments_are_learnt_once_and_unknown_ones_not_asked_again() -> None:
    one, two = FakeSource("one", symbols=()), FakeSource("two", symbols=("TSLA",))
    async with Desk(one, two) as desk:
        assert await desk.instrument("TSLA") == instrument("TSLA")
        await desk.instrument("TSLA")
        assert (one.asked("instrument"), two.asked("instrument")) == (["TSLA"], ["TSLA"])
        for _ in range(3):
            with pytest.raises(UnknownToSource):
                await desk.instrument("NOPE")
        assert two.asked("instrument") == ["TSLA", "NOPE"]
        for nonsense in ("", "x" * 65, "a\nb"):
            with pytest.raises(UnknownToSource):
                await desk.instrument(nonsense)
        two.failure = SourceUnreachable("down")
        with pytest.raises(NoSourceAnswers):
            await desk.instrument("ELSE")


async def test_serving_is_whoever_is_well() -> None:
    one, two = FakeSource("one", failure=SourceUnreachable("down")), FakeSource("two")
    made = Desk(one, two, policy=Policy(failures_to_open=3))
    async with made as desk:
        assert desk.serving("AAPL") == "one"
        await desk.quotes(["AAPL"])
        assert desk.serving("AAPL") == "two"
        one.failure = None
        await asyncio.sleep(31.0)
        assert desk.serving("AAPL") == "two"
        await desk.quotes(["AAPL"])
        assert desk.serving("AAPL") == "one"
    assert made.kinds() == ["breaker_opened", "failed_over", "breaker_closed", "recovered"]


async def test_waiting_as_asked_within_patience_else_the_next_source() -> None:
    one, two = FakeSource("one"), FakeSource("two")
    async with Desk(one, two) as desk:
        one.failures = deque([SourceLimited("slow down", retry_after=1.0)])
        began = loop_time()
        assert source_of((await desk.quotes(["AAPL"]))["AAPL"]) == "one"
        assert loop_time() - began == pytest.approx(1.0, abs=0.05)
        one.failures = deque([SourceLimited("slow down", retry_after=100.0)])
        assert source_of((await desk.quotes(["MSFT"]))["MSFT"]) == "two"
        asked = len(one.asked("quotes"))
        await asyncio.sleep(50.0)
        assert source_of((await desk.quotes(["IBM"]))["IBM"]) == "two"
        assert len(one.asked("quotes")) == asked
        await asyncio.sleep(51.0)
        assert source_of((await desk.quotes(["IBM"]))["IBM"]) == "one"
