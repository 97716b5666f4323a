"""What the Overview and the chart say of how far their prices can be trusted."""

from __future__ import annotations

import re

from playwright.async_api import expect

from tests.browser.conftest import Tab
from tests.browser.test_data_view import read
from tests.support import eventually


async def test_the_watchlist_says_grade_source_session_and_age(tab: Tab) -> None:
    await tab.open()
    row = tab.page.locator("tr[data-symbol=IBM]")
    score = (await read(tab, "/quality/IBM"))["scores"][0]
    price = await read(tab, "/price/IBM")

    await expect(row.locator(".grade")).to_have_text(score["grade"])
    await expect(row.locator(".source")).to_have_text(price["source"])
    await expect(row.locator(".traded")).to_have_text(price["session"][5:])
    await expect(row.locator(".age")).to_have_text("< 1 s")


async def test_the_quote_says_grade_and_session(tab: Tab) -> None:
    await tab.open("/chart?symbol=GOOG&interval=1m")
    await expect(tab.page.locator(".desk-quote .quality")).to_have_text("98.6 B")
    await expect(tab.page.locator(".desk-quote .traded")).to_have_text("2012-09-05, open")
    await tab.page.get_by_label("Symbol").fill("ibm")
    await tab.page.keyboard.press("Enter")
    await expect(tab.page.locator(".desk-quote .quality")).to_have_text("98.6 F")


async def test_gaps_are_shaded_and_explained(tab: Tab) -> None:
    tab.desk.steer(clock={"paused": True})
    await tab.open("/chart?symbol=AAPL&interval=1m")
    frame = tab.page.locator(".desk-candles")
    await expect(frame).to_have_attribute("data-gaps", "1 1")
    legend = tab.page.locator(".gap-legend")
    await expect(legend).to_contain_text("Gaps ▨ 1 not filled · ▢ 1 filled")

    box = await frame.bounding_box()
    assert box is not None
    seen: set[str] = set()

    async def both_are_told() -> bool:
        for step in range(0, int(box["width"]) - 70, 12):
            await tab.page.mouse.move(box["x"] + step, box["y"] + 300)
            seen.add(await legend.locator(".hovered").inner_text())
        return len(seen - {""}) == 2

    await eventually(both_are_told, 20, what="both gaps are explained")
    assert seen - {""} == {
        "source was silent · 2012-09-05 11:20 for 12 m 0 s · filled 2012-09-05 11:40",
        "agent was down · 2012-09-05 10:45 for 9 m 0 s · not filled after 3 attempts",
    }


async def test_a_symbol_without_gaps_has_no_shading(tab: Tab) -> None:
    await tab.open("/chart?symbol=MSFT&interval=1m")
    await expect(tab.page.locator(".desk-candles")).to_have_attribute("data-gaps", "0 0")
    await expect(tab.page.locator(".gap-legend")).to_be_hidden()


async def test_the_chart_finds_any_symbol(tab: Tab) -> None:
    await tab.open("/chart?symbol=AAPL&interval=1m")
    field = tab.page.get_by_label("Symbol")
    await field.fill("bitco")
    await expect(tab.page.locator("#desk-symbols option")).to_have_count(1)
    option = tab.page.locator("#desk-symbols option")
    assert await option.get_attribute("value") == "BTC/USDT"
    assert await option.inner_text() == "Bitcoin in Tether · NYSE"

    await field.fill("btc/usdt")
    await tab.page.keyboard.press("Enter")
    await expect(tab.page.locator(".desk-chart .last")).to_have_text(re.compile(r"1[01]\.\d\d .*"))
    assert "symbol=BTC%2FUSDT" in tab.page.url
    await tab.page.reload()
    await expect(tab.page.get_by_label("Symbol")).to_have_value("BTC/USDT")
