"""History that cannot be had now is asked for again, and an order is judged once it is there."""

from __future__ import annotations

import pytest

from tests.support import eventually
from tests.unit.risk_management.live.conftest import Running
from tests.unit.risk_management.live.fake_market import FakeMarket
from tests.unit.risk_management.live.placing import ME, bought, ticket
from trading_dashboard.agents.risk_management.live import history as history_module
from trading_dashboard.agents.risk_management.live import limitkeeping as limits_module
from trading_dashboard.models.risk.errors import OrderDenied
from trading_dashboard.models.risk.gate import CheckCode


async def test_what_was_missing_is_asked_for_again(
    running: Running, market: FakeMarket, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (history_module, limits_module):
        monkeypatch.setattr(module, "POSTPONED_SECONDS", 0.1)
    market.has_no_history.add("IBM")
    async with running() as agent:
        with pytest.raises(OrderDenied) as denied:
            await agent.desk.place(ticket(symbol="IBM"), ME)
        codes = [finding["code"] for finding in denied.value.details]
        assert CheckCode.LIMIT_VAR in codes  # what cannot be told is as good as breached
        await bought(agent, market)
        market.has_no_history.clear()
        await eventually(lambda: agent.desk.check(ticket(symbol="IBM")).allowed)


async def test_a_new_session_reads_the_newest_closed_day(
    running: Running, market: FakeMarket
) -> None:
    async with running() as agent:
        before = (await agent.history.of(["AAPL"])).version
        assert (await agent.history.of(["AAPL"])).version == before
        market.next_session()
        await eventually(lambda: agent.account.as_of == market.now)
        await eventually(lambda: agent.history.has("AAPL"))  # nobody asked for it
        assert (await agent.history.of(["AAPL"])).version > before
