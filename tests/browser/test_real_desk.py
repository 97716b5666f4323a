"""The page on the real desk: `up`, the real agent, real daily history."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.browser.conftest import Tab, logged_in
from tests.dashboard_desk import DashboardDesk, any_port, running
from tests.support import ROOT, eventually, eventually_sync, write_project


class RealDesk(DashboardDesk):
    """A desk started by `up` in a project of its own."""

    def __init__(self, root: Path, settings: Mapping[str, Any] | None = None) -> None:
        super().__init__(root / "var", any_port())
        self.root = root
        self.settings = {"source": "demo", **(settings or {})}
        self.agent_port = any_port()

    def start(self) -> None:
        write_project(self.root, self._agents())
        command = [sys.executable, "-m", "trading_dashboard.cli", "up", "--no-browser"]
        command += ["--project-root", str(self.root), "--port", str(self.port)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
        with (self.root / "up.log").open("wb") as log:
            self.process = subprocess.Popen(
                command, env=environment, stdout=log, stderr=log, text=True
            )
        eventually_sync(self._is_served, 60, what="the page is served")
        eventually_sync(lambda: self.ask("/health"), 60, what="the agent answers")

    def _agents(self) -> dict[str, Any]:
        command = ["python", "-m", "trading_dashboard.agents.market_data", "--port", "{port}"]
        agent = {"url": f"http://localhost:{self.agent_port}", "start_command": command}
        risk = {"url": f"http://localhost:{any_port()}", "enabled": False, "auto_start": False}
        interval = {"health_check_interval": 1, "settings": self.settings}
        return {"agents": {"market_data": agent | interval, "risk_management": risk}}

    def ask(self, path: str) -> Any:
        """Return the agent's own answer, None while there is none."""
        return ask(self.agent_port, path)

    def set_clock(self, **change: Any) -> None:
        """Change the market clock, as the page does."""
        headers = {"authorization": f"Bearer {self.agent_token()}"}
        url = f"http://localhost:{self.agent_port}/clock"
        httpx.post(url, json=change, headers=headers, trust_env=False).raise_for_status()

    def agent_pid(self) -> int:
        """Return the process that listens on the agent's port."""
        assert self.process is not None
        for child in psutil.Process(self.process.pid).children(recursive=True):
            if "trading_dashboard.agents.market_data" in child.cmdline():
                return child.pid
        raise AssertionError("no agent")

    def end(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(20)


class PatternDesk(RealDesk):
    """The real desk with the pattern recognition agent."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.pattern_port = any_port()

    def _agents(self) -> dict[str, Any]:
        configuration = super()._agents()
        name = "trading_dashboard.agents.pattern_recognition"
        configuration["agents"]["pattern_recognition"] = {
            "url": f"http://localhost:{self.pattern_port}",
            "start_command": ["python", "-m", name, "--port", "{port}"],
            "depends_on": ["market_data"],
        }
        return configuration

    def ask_patterns(self, path: str) -> Any:
        """Return the pattern agent's own answer, None while there is none."""
        return ask(self.pattern_port, path)

    def has_read_all(self) -> bool:
        """Return whether every series that is followed has been read."""
        health = self.ask_patterns("/health")
        # While it reads it is healthy, and says how far it is.
        return health is not None and health["status"] == "healthy" and "message" not in health


def ask(port: int, path: str) -> Any:
    """Return what is answered there, None if nothing is or it is an error."""
    try:
        answer = httpx.get(f"http://localhost:{port}{path}", trust_env=False)
    except httpx.HTTPError:
        return None
    return answer.json() if answer.status_code == 200 else None


@pytest.fixture(scope="module")
def real_desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealDesk]:
    """Return the running desk."""
    with running(RealDesk(tmp_path_factory.mktemp("project"))) as desk:
        yield desk


@pytest_asyncio.fixture(loop_scope="package")
async def real_tab(browser: Browser, real_desk: RealDesk) -> AsyncIterator[Tab]:
    """Return a tab of a person who is logged in; its console must stay clean."""
    async with logged_in(browser, real_desk) as tab:
        yield tab


async def test_the_data_view_says_what_the_agent_says(real_tab: Tab, real_desk: RealDesk) -> None:
    await real_tab.page.set_viewport_size({"width": 1440, "height": 1000})
    await real_tab.open("/data")
    report = real_desk.ask("/quality/report")
    rows = real_tab.page.locator(".desk-data-quality tr[data-symbol]")
    await expect(rows).to_have_count(len(report["scores"]))
    for score in report["scores"]:
        row = f".desk-data-quality tr[data-symbol={score['symbol']}]"
        assert await real_tab.text(f"{row} .grade") == score["grade"]
        assert await real_tab.text(f"{row} .rows") == f"{score['rows']:,}"
    source = real_desk.ask("/sources")["sources"][0]
    await expect(real_tab.page.locator("tr[data-source=demo] .licence")).to_have_text(
        source["licence"]
    )
    await expect(real_tab.page.locator(".desk-data-gaps tbody tr")).to_have_count(
        min(50, len(real_desk.ask("/gaps")["gaps"]))
    )
    await expect(real_tab.page.locator(".desk-data-storage .all-rows")).to_have_text(
        f"{real_desk.ask('/storage')['rows']:,}"
    )
    await expect(real_tab.page.locator(".desk-data-replay .mode")).to_contain_text("replay at")


async def test_closed_daily_bars_on_the_chart_are_the_agents(
    real_tab: Tab, real_desk: RealDesk
) -> None:
    await real_tab.open("/chart?symbol=AAPL&interval=1d")
    await expect(real_tab.page.locator(".desk-candles")).to_have_attribute(
        "data-bars", re.compile(r"[1-9]\d{2,}")
    )
    async with real_tab.page.expect_download() as csv:
        await real_tab.page.get_by_role("button", name="CSV").click()
    lines = (await (await csv.value).path()).read_text("utf-8").splitlines()[1:]
    shown = {line.split(",")[1]: line.split(",") for line in lines}
    history = real_desk.ask("/historical/AAPL?interval=1d&limit=500")

    # The bar in progress is one of the chart's; a session may have closed in between.
    closed = [bar for bar in history["data"] if min(shown) <= bar["timestamp"] < max(shown)]
    assert len(closed) >= 497
    for bar in closed:
        row = shown[bar["timestamp"]]
        assert [float(value) for value in row[2:6]] == [
            bar["open"], bar["high"], bar["low"], bar["close"]
        ]  # fmt: skip
        assert (int(row[6]), row[9]) == (bar["volume"], "demo")


async def test_patterns_on_screen_are_the_agents(browser: Browser, tmp_path: Path) -> None:
    with running(PatternDesk(tmp_path)) as desk:
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


def missing(desk: PatternDesk, name: str, text: str) -> list[str]:
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


async def test_all_symbols_move(real_tab: Tab) -> None:
    await real_tab.open()
    for symbol in ("AAPL", "FB", "GOOG", "IBM", "MSFT"):
        last = real_tab.page.locator(f"tr[data-symbol={symbol}] .last")
        await expect(last).to_have_text(re.compile(r"^\d+\.\d\d$"))
    last = real_tab.page.locator("tr[data-symbol=AAPL] .last")
    await expect(last).not_to_have_text(await last.inner_text())
    await expect(real_tab.page.locator(".gate")).to_have_text(
        "Gate HALTED · risk_management disabled"
    )


async def test_a_killed_agent_is_shown_and_comes_back_by_itself(
    real_tab: Tab, real_desk: RealDesk
) -> None:
    await real_tab.open("/chart?symbol=AAPL&interval=1m")
    await expect(real_tab.page.locator(".legend")).to_contain_text("forming")
    before = real_desk.agent_pid()
    os.kill(before, signal.SIGKILL)

    await expect(real_tab.page.locator(".chart-banner")).to_be_visible(timeout=15_000)
    await expect(real_tab.page.locator(".chart-banner")).to_be_hidden(timeout=30_000)
    assert real_desk.agent_pid() != before
    await real_tab.page.get_by_role("link", name="Agents").click()
    row = real_tab.page.locator("tr[data-agent=market_data]")
    await expect(row).to_contain_text("running")
    assert await real_tab.mounts("chartMounts") == 1
    # The browser itself reports what the page asked for while the agent was gone.
    real_tab.complaints = [text for text in real_tab.complaints if "502" not in text]


async def test_stop_and_start_reach_the_supervisor(real_tab: Tab, real_desk: RealDesk) -> None:
    await real_tab.open("/agents")
    row = real_tab.page.locator("tr[data-agent=market_data]")
    await expect(row).to_contain_text("healthy")
    await row.get_by_role("button", name="Stop market_data").click()
    await expect(row).to_contain_text("stopped", timeout=20_000)
    assert real_desk.ask("/health") is None

    await row.get_by_role("button", name="Start market_data").click()
    await expect(row).to_contain_text("healthy", timeout=30_000)
    assert real_desk.ask("/health") is not None
    await expect(real_tab.page.locator(".desk-log .line").first).to_be_visible()


async def test_a_symbol_before_its_listing_is_explained(real_tab: Tab) -> None:
    await real_tab.open()
    await real_tab.page.locator(".desk-strip .replay").click()
    await real_tab.page.get_by_label("Jump to date").fill("2012-03-01")
    await real_tab.page.get_by_role("button", name="Jump").click()
    await expect(real_tab.page.locator(".replay")).to_contain_text("2012-03-01 09:")
    await real_tab.open("/chart?symbol=FB&interval=1d")

    notice = real_tab.page.locator(".desk-candles .notice")
    await expect(notice).to_contain_text("The market clock stands at 2012-03-01")
    await real_tab.page.locator(".desk-strip .replay").click()
    await real_tab.page.get_by_label("Jump to date").fill("2012-09-05")
    await real_tab.page.get_by_role("button", name="Jump").click()
    await expect(notice).to_be_hidden(timeout=15_000)
    # The browser itself reports the 404s.
    real_tab.complaints = [text for text in real_tab.complaints if "404" not in text]


async def test_the_desk_ends_with_the_page_open(browser: Browser, tmp_path: Path) -> None:
    with running(RealDesk(tmp_path)) as desk:
        page = await (await browser.new_context()).new_page()
        await page.goto(desk.login_url())
        await expect(page.locator(".desk-watchlist .last").first).to_have_text(re.compile(r"\d"))

    await expect(page.locator(".desk-banner")).to_be_visible(timeout=15_000)
    await eventually(lambda: desk.ask("/health") is None)
    await page.context.close()
