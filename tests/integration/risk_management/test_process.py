"""A risk agent beside a real market data agent: killed amid fills, raced, and left alone."""

from __future__ import annotations

import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

import httpx

from tests.integration.market_data.conftest import AgentProcess, StartAgent
from tests.integration.risk_management.conftest import StartRisk, wait_for_gate
from tests.support import eventually_sync
from trading_dashboard.agents.risk_management.store.store import AccountStore

ROOMY = {"max_price_age_seconds": 3_600}


def trade_token(agent: AgentProcess) -> dict[str, str]:
    token = (agent.data / "trade.token").read_text()
    return {"Authorization": f"Bearer {token}"}


def order(number: int, **more: Any) -> dict[str, Any]:
    side = "buy" if number % 2 == 0 else "sell"
    body = {"symbol": "IBM", "side": side, "quantity": "1", "client_order_id": f"n{number}"}
    return body | more


def turn_off(agent: AgentProcess, *kinds: str) -> None:
    """Turn limits off that are not under test."""
    for kind in kinds:
        change = {"kind": kind, "soft": None, "hard": None, "reason": "not under test"}
        url = f"{agent.url}/risk/limits"
        answer = httpx.put(url, json=change, headers=agent.operator, trust_env=False)
        assert answer.status_code == 200, answer.text


class Trader:
    """Places orders as fast as it can, and notes what was acknowledged."""

    def __init__(self, agent: AgentProcess) -> None:
        self.acknowledged: dict[str, str] = {}
        self._agent = agent
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        headers = trade_token(self._agent)
        with httpx.Client(base_url=self._agent.url, headers=headers, trust_env=False) as client:
            number = 0
            while not self._stop.is_set():
                try:
                    answer = client.post("/orders", json=order(number))
                except httpx.TransportError:
                    return
                assert answer.status_code == 201, answer.text
                self.acknowledged[f"n{number}"] = answer.json()["id"]
                number += 1


def test_a_kill_amid_fills_loses_nothing_acknowledged(
    start_agent: StartAgent, start_risk: StartRisk, tmp_path: Path
) -> None:
    market = start_agent()
    agent = start_risk(market, gate=ROOMY)
    turn_off(agent, "orders_per_minute")
    with Trader(agent) as trader:
        eventually_sync(lambda: agent.get("/fills?limit=1").json()["total"] >= 40, 30)
        agent.end(signal.SIGKILL)
    assert len(trader.acknowledged) > 40
    with AccountStore.open(None, tmp_path / "risk") as store:
        assert store.check() == []  # journal, copies and digests agree
        kept = {one.client_order_id: one.id for one in _all_orders(store)}
        told = sum((fill.quantity for fill in store.fills(limit=1_000).fills), Decimal(0))
        book = store.load()
    assert trader.acknowledged.items() <= kept.items()
    assert told == sum(one.filled_quantity for one in book.orders.values())
    # It goes on: the same id is the same order, and what was left working is filled.
    agent = start_risk(market, gate=ROOMY)
    newest = len(trader.acknowledged) - 1
    answer = httpx.post(
        f"{agent.url}/orders", json=order(newest), headers=trade_token(agent), trust_env=False
    )
    assert (answer.status_code, answer.json()["id"]) == (200, trader.acknowledged[f"n{newest}"])
    eventually_sync(lambda: not agent.get("/orders?status=working").json()["orders"], 20)
    assert agent.end() == 0


def _all_orders(store: AccountStore) -> list[Any]:
    found: list[Any] = []
    before: str | None = None
    while True:
        page = store.orders(before, 1_000)
        found += page.orders
        before = page.next_before
        if before is None:
            return found


def test_a_race_for_cash_then_the_gate_closes_with_market_data(
    start_agent: StartAgent, start_risk: StartRisk, data: Path
) -> None:
    market = start_agent()
    agent = start_risk(market)
    assert _place_eight_that_fit_alone_only(market, agent) == [201, *[409] * 7]
    market.end(signal.SIGKILL)
    told = wait_for_gate(agent, "reducing", 5)
    assert told["causes"][0]["kind"] == "upstream_unhealthy"
    refused = agent.post("/gate/reopen", {"reason": "too early"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "reopening_refused")
    buy = httpx.post(
        f"{agent.url}/orders", json=order(0, client_order_id="late"), headers=trade_token(agent),
        trust_env=False,
    )  # fmt: skip
    assert buy.json()["error"]["code"] == "order_denied"
    market = start_agent(port=market.port, directory=data)

    def is_over() -> bool:
        return not any(cause["lasts"] for cause in agent.get("/gate").json()["causes"])

    eventually_sync(is_over, 30)
    assert agent.get("/gate").json()["state"] == "reducing"  # nobody but a person opens it
    opened = agent.post("/gate/reopen", {"reason": "it is back"})
    assert (opened.status_code, opened.json()["state"]) == (200, "active")


def _place_eight_that_fit_alone_only(market: AgentProcess, agent: AgentProcess) -> list[int]:
    """Return the outcomes of eight orders at once, each for most of the cash."""
    price = Decimal(str(market.get("/price/IBM").json()["price"]))
    quantity = int(Decimal(60_000) / price)  # of 100,000
    turn_off(agent, "symbol", "var", "concentration", "gross", "net", "order_volume")
    headers = trade_token(agent)
    # Far enough below the market not to be filled, near enough to be no slip.
    limit = (price * Decimal("0.97")).quantize(Decimal("0.01"))
    body = {"type": "limit", "limit_price": str(limit), "quantity": str(quantity)}

    def place(number: int) -> int:
        url = f"{agent.url}/orders"
        ticket = order(number * 2, **body)
        return httpx.post(url, json=ticket, headers=headers, trust_env=False).status_code

    with ThreadPoolExecutor(8) as pool:
        return sorted(pool.map(place, range(8)))


def test_without_a_supervisors_word_it_halts(
    start_agent: StartAgent, start_risk: StartRisk
) -> None:
    market = start_agent()
    agent = start_risk(market, is_open=False, supervised=True)
    renewal = {"run_id": "test", "ttl_seconds": 0.5, "agents": {"market_data": "healthy"}}
    assert agent.get("/gate").json()["state"] == "halted"

    def is_open() -> bool:
        return bool(agent.post("/gate/lease", renewal).json()["state"] == "active")

    eventually_sync(is_open, 20)
    told = wait_for_gate(agent, "halted", 5)
    assert told["causes"][0]["kind"] == "lease_lapsed"
    stranger = httpx.post(f"{agent.url}/gate/lease", json=renewal, trust_env=False)
    assert stranger.status_code == 401
    trader = httpx.post(
        f"{agent.url}/gate/reopen", json={"reason": "mine"}, headers=trade_token(agent),
        trust_env=False,
    )  # fmt: skip
    assert trader.status_code == 403
