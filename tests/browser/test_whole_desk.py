"""The page on the real desk with every agent: trading, its gate, and what patterns are told."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.async_api import Browser, expect

from tests.browser.conftest import Tab, logged_in
from tests.browser.real_desk import RealDesk, ask
from tests.dashboard_desk import any_port, running
from tests.support import eventually

GATE = ".desk-strip .gate"
HOSTILE = "<img src=x onerror='globalThis.hacked = 1'>"


class WholeDesk(RealDesk):
    """The real desk with every agent of ours."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.pattern_port = any_port()
        self.risk_port = any_port()

    def _agents(self) -> dict[str, Any]:
        configuration = super()._agents()
        ports = {"pattern_recognition": self.pattern_port, "risk_management": self.risk_port}
        for name, port in ports.items():
            module = f"trading_dashboard.agents.{name}"
            configuration["agents"][name] = {
                "url": f"http://localhost:{port}",
                "start_command": ["python", "-m", module, "--port", "{port}"],
                "depends_on": ["market_data"],
                "lease": name == "risk_management",
            }
        return configuration

    def ask_risk(self, path: str, question: Mapping[str, Any] | None = None) -> Any:
        """Return the risk agent's own answer, to a POST if there is a question."""
        url = f"http://localhost:{self.risk_port}{path}"
        if question is None:
            return httpx.get(url, trust_env=False).raise_for_status().json()
        answer = httpx.post(url, json=question, trust_env=False, timeout=60)
        return answer.raise_for_status().json()

    def ask_patterns(self, path: str) -> Any:
        """Return the pattern agent's own answer, None while there is none."""
        return ask(self.pattern_port, path)

    def has_read_all(self) -> bool:
        """Return whether every series that is followed has been read."""
        health = self.ask_patterns("/health")
        # While it reads it is healthy, and says how far it is.
        return health is not None and health["status"] == "healthy" and "message" not in health


@pytest.fixture(scope="module")
def whole_desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholeDesk]:
    """Return the running desk with all agents."""
    with running(WholeDesk(tmp_path_factory.mktemp("whole"))) as desk:
        yield desk


async def test_an_account_is_traded_halted_and_resumed(
    browser: Browser, whole_desk: WholeDesk
) -> None:
    async with logged_in(browser, whole_desk) as tab:
        await tab.open("/risk")
        await expect(tab.page.locator(GATE)).to_have_text("Gate ACTIVE", timeout=40_000)
        await a_filled_order_is_held(tab, whole_desk)
        # What is compared below has to stand still.
        whole_desk.set_clock(paused=True)
        await the_screen_holds_what_the_api_holds(tab, whole_desk)
        await a_pulled_kill_switch_halts_everywhere(tab, whole_desk)
        await questions_are_answered_as_by_the_api(tab, whole_desk)
        await money_and_positions_come_in(tab, whole_desk)


async def a_filled_order_is_held(tab: Tab, desk: WholeDesk) -> None:
    held = {it["symbol"]: it["quantity"] for it in desk.ask_risk("/positions")["positions"]}
    ticket = tab.page.locator(".desk-risk-ticket")
    await ticket.get_by_label("Symbol").fill("AAPL")
    await ticket.get_by_label("Quantity").fill("3")
    await expect(ticket.locator(".check-result")).to_contain_text("Allowed")
    await ticket.locator(".place").click()
    await expect(ticket.locator(".life")).to_contain_text("filled 3 at", timeout=30_000)
    then = str(int(held["AAPL"]) + 3)
    row = tab.page.locator("tr[data-position=AAPL]")
    await expect(row.locator("[data-cell=quantity]")).to_have_text(then)


async def the_screen_holds_what_the_api_holds(tab: Tab, desk: WholeDesk) -> None:
    async def differences() -> list[str]:
        known = desk.ask_risk("/positions")
        expected = {".desk-risk-account .value.equity": f"$ {written(known['equity'])}"}
        expected[".desk-risk-account .value.cash"] = written(known["cash"])
        for item in known["positions"]:
            cell = f"tr[data-position={item['symbol']}] [data-cell=value]"
            expected[cell] = written(item["market_value"])
        return [at for at, text in expected.items() if await tab.text(at) != text]

    await eventually(lambda: equal_to([], differences), 20, what="screen and API agree")


async def a_pulled_kill_switch_halts_everywhere(tab: Tab, desk: WholeDesk) -> None:
    page = tab.page
    await page.get_by_role("button", name="Kill switch").click()
    dialog = page.get_by_role("dialog", name="Halt all trading?")
    await dialog.get_by_role("button", name="Halt trading now").click()
    await expect(dialog).to_contain_text("Verified: a probe order was denied (gate_halted)")
    await dialog.get_by_role("button", name="Close").click()
    assert desk.ask_risk("/gate")["state"] == "halted"
    card = page.locator(".desk-risk-gate")
    await expect(card).to_contain_text("HALTED")
    await expect(page.locator(".desk-risk-ticket .check-result")).to_contain_text("gate_halted")
    await expect(page.locator(".desk-risk-ticket .place")).to_have_attribute(
        "aria-disabled", "true"
    )
    for name in ("Overview", "Chart", "Agents", "Risk"):
        # Of the menu: cards have links of the same names.
        menu = page.get_by_test_id("stPageLink-NavLink")
        await menu.filter(has_text=re.compile(f"{name}$")).click()
        await expect(page.locator(GATE)).to_have_text("Gate HALTED · kill switch")
    await card.get_by_label("Reason for resuming").fill("looked at by hand")
    await card.get_by_role("button", name="Resume trading").click()
    await expect(page.locator(GATE)).to_have_text("Gate ACTIVE")
    assert desk.ask_risk("/gate")["trading_allowed"] is True
    await expect(page.locator("tr[data-kind=gate_reopened]").first).to_contain_text(
        "looked at by hand"
    )


async def questions_are_answered_as_by_the_api(tab: Tab, desk: WholeDesk) -> None:
    size = tab.page.locator(".desk-risk-size")
    await size.get_by_label("Symbol", exact=True).fill("IBM")
    await size.get_by_label("At risk").fill("0.5")
    await size.get_by_role("button", name="Compute the size").click()
    asked = {"method": "fixed_fraction", "symbol": "IBM", "risk_fraction": 0.005}
    answer = desk.ask_risk("/sizing", asked)
    row = size.locator("tr[data-size=IBM]")
    await expect(row.locator("[data-cell=quantity]")).to_have_text(
        f"{answer['sizes'][0]['quantity']:,.0f}"
    )
    assert await size.locator(".steps li").all_inner_texts() == answer["steps"]

    own = tab.page.locator(".desk-risk-holdings")
    await own.get_by_label("Holdings").fill("AAPL 10\nIBM 20 shares")
    await own.get_by_role("button", name="Compute the risk").click()
    await expect(own).to_contain_text("Line 2 cannot be read")
    await own.get_by_label("Holdings").fill("AAPL 10\nIBM −20")
    await own.get_by_role("button", name="Compute the risk").click()
    held = [{"symbol": "AAPL", "quantity": 10}, {"symbol": "IBM", "quantity": -20}]
    told = desk.ask_risk("/risk/calculate", {"holdings": held, "methods": ["historical"]})
    value = told["var"][0]["var"]["value"]
    await expect(own.locator("tr[data-own=historical] [data-cell=var]")).to_have_text(
        f"{value:,.0f}", timeout=60_000
    )


async def money_and_positions_come_in(tab: Tab, desk: WholeDesk) -> None:
    page, account = tab.page, tab.page.locator(".desk-risk-account")
    before = desk.ask_risk("/positions")
    async with page.expect_download() as file:
        await account.get_by_role("button", name="Export CSV").click()
    exported = (await (await file.value).path()).read_text("utf-8").splitlines()[1:]
    assert len(exported) == len(before["positions"])

    await account.get_by_role("button", name="Cash…").click()
    cash = page.get_by_role("dialog", name="Cash")
    await cash.get_by_label("Amount").fill("1,250.50")
    await cash.get_by_role("button", name="Pay in $ 1,250.50").click()
    await expect(cash).to_contain_text("Say why.")
    await cash.get_by_label("Reason").fill("more room")
    await cash.get_by_role("button", name="Pay in $ 1,250.50").click()
    now = written(str(Decimal(before["cash"]) + Decimal("1250.50")))
    await expect(account.locator(".value.cash")).to_have_text(now)

    await account.get_by_role("button", name="Import…").click()
    dialog = page.get_by_role("dialog", name="Import positions")
    text = dialog.get_by_label("Positions as text")
    await text.fill(f"symbol,quantity,average_cost\nAAPL,5,600\nIBM,{HOSTILE},1")
    await expect(dialog.locator(".problems tbody tr")).to_contain_text(HOSTILE)
    assert await page.evaluate("globalThis.hacked ?? null") is None
    go = dialog.get_by_role("button", name="Import")
    await expect(go).to_have_attribute("aria-disabled", "true")
    await text.fill("symbol,quantity,average_cost\nAAPL,5,600\nFB,7,18")
    held = next(it["quantity"] for it in before["positions"] if it["symbol"] == "AAPL")
    await expect(dialog.locator("tr[data-change=AAPL]")).to_contain_text(f"replaces {held}")
    await expect(dialog.locator("tr[data-change=FB]")).to_contain_text("new")
    await go.click()
    await expect(page.locator("tr[data-position=AAPL] [data-cell=quantity]")).to_have_text("5")

    await account.get_by_role("button", name="Clear sample").click()
    await expect(account.locator(".sample")).to_be_hidden()
    left = [it["symbol"] for it in desk.ask_risk("/positions")["positions"]]
    await expect(page.locator("tr[data-position]")).to_have_count(len(left))


def written(value: str) -> str:
    """Return money as the page writes it."""
    return f"{Decimal(value):,.2f}".replace("-", "−")


async def test_patterns_on_screen_are_the_agents(browser: Browser, whole_desk: WholeDesk) -> None:
    desk = whole_desk
    await eventually(desk.has_read_all, 60, what="every series has been read")
    desk.set_clock(paused=True)
    async with logged_in(browser, desk) as tab:
        await tab.open("/patterns")
        rows = tab.page.locator(".desk-patterns tr[data-pattern]")
        await expect(rows.first).to_be_visible()

        async def differences() -> list[str]:
            shown = await rows.evaluate_all(
                "(rows) => rows.map((row) => [row.dataset.pattern, row.innerText])"
            )
            assert shown
            return [it for name, text in shown[:12] for it in missing(desk, name, text)]

        # Worths are learnt while this goes on.
        await eventually(lambda: equal_to([], differences), 40, what="screen and API agree")
        name = await rows.first.get_attribute("data-pattern")
        await tab.page.locator(f"tr[data-pattern='{name}'] .c-state").click()
        frame = tab.page.locator(".desk-candles")
        await expect(frame).to_have_attribute("data-focus", str(name))


async def equal_to(expected: Any, read: Callable[[], Awaitable[Any]]) -> bool:
    return bool(await read() == expected)


def missing(desk: WholeDesk, name: str, text: str) -> list[str]:
    """Return what the API says of a detection and its row on the screen does not."""
    symbol, timeframe = text.split()[:2]
    query = f"/patterns/{symbol}?timeframe={timeframe}&kind=chart&limit=500"
    known = {it["id"]: it for it in desk.ask_patterns(query)["patterns"]}
    detection = known[name]
    lacking = [word for word in words_of(detection) if word not in text]
    prices = [float(it) for it in re.findall(r"\d+\.\d\d", text)]
    told = [it for it in (detection["target"], detection["invalidation"]) if it is not None]
    lacking += [str(it) for it in told if min(abs(price - it) for price in prices) > 0.0051]
    return lacking


def words_of(detection: dict[str, Any]) -> list[str]:
    """Return what a row of the table says of a detection."""
    words = [detection["name"], detection["direction"], detection["state"].replace("_", " ")]
    for worth in detection["worth"]:
        if worth["horizon_bars"] == 10:
            is_few = worth["verdict"] == "too_few"
            words.append(f"({worth['samples']:,})" if is_few else f"n {worth['samples']:,}")
    return words
