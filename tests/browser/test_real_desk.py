"""The page on the real desk: `up`, the real agent, real daily history."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.browser.conftest import Tab, logged_in
from tests.browser.real_desk import RealDesk
from tests.dashboard_desk import running
from tests.support import eventually


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
