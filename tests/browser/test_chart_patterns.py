"""Patterns and indicators on the chart: what the agent says, and nothing before it was known."""

from __future__ import annotations

import re
from typing import Any

from playwright.async_api import Page, expect

from tests.browser.conftest import Tab, settled
from tests.browser.test_patterns import ROWS, TRIANGLE, read
from tests.support import eventually

FRAME = ".desk-candles"
ITEMS = ".desk-patterns-here [data-pattern]"


async def drawn(tab: Tab, query: str = "symbol=AAPL&interval=1m") -> Page:
    """Open a chart and wait until its patterns are drawn."""
    await tab.open(f"/chart?{query}")
    await expect(tab.page.locator(FRAME)).to_have_attribute("data-patterns", re.compile(TRIANGLE))
    return tab.page


async def test_a_click_leads_from_the_table_to_the_pattern_on_the_chart(pattern_tab: Tab) -> None:
    await pattern_tab.open("/patterns")
    page = pattern_tab.page
    runs = await pattern_tab.run_number()
    await page.locator(f"{ROWS}[data-pattern='{TRIANGLE}'] .c-worth").click()

    await expect(page).to_have_url(re.compile(rf"symbol=AAPL&interval=1m.*pattern={TRIANGLE}"))
    frame = page.locator(FRAME)
    await expect(frame).to_have_attribute("data-focus", TRIANGLE)
    triangle = (await read(pattern_tab, "/patterns/AAPL?timeframe=1m"))["patterns"]
    start = next(item["start"] for item in triangle if item["id"] == TRIANGLE)
    first = int((await settled(lambda: frame.get_attribute("data-range")) or "").split(".")[0])
    since = (await frame.get_attribute("data-span") or "").partition(" ")[0]
    bars = await page.evaluate(f"(Date.parse('{start}') - Date.parse('{since}')) / 60_000")
    assert first <= bars <= first + 60
    item = page.locator(f"{ITEMS} >> nth=0")
    await expect(item.get_by_role("button")).to_have_attribute("aria-pressed", "true")
    await expect(item).to_contain_text("target 661.00 · invalid 652.00")
    await expect(item).to_contain_text("Worth 59 %, n 41, base 52 %: no edge")
    # One run for the change of pages, none for anything else.
    assert await pattern_tab.run_number() <= runs + 2


async def test_nothing_is_drawn_before_it_was_known(pattern_tab: Tab) -> None:
    pattern_tab.desk.steer(clock={"paused": True, "now": "2012-09-05T16:10:30+00:00"})
    page = await drawn(pattern_tab)
    await expect(page.locator(FRAME)).to_have_attribute("data-span", re.compile("16:10:00"))
    ahead: dict[str, Any] = {
        "like": TRIANGLE,
        "id": "ahead",
        "known_at": "2012-09-05T16:12:00Z",
        "changes": [],
    }
    known = ahead | {"id": "known", "known_at": "2012-09-05T16:08:00Z"}
    later = {"state": "target_reached", "at": "2012-09-05T16:12:00Z", "price": 1.0}
    known["changes"] = [later]
    known["state"] = "target_reached"
    pattern_tab.desk.steer(patterns={"happen": [ahead, known]})

    frame, state = page.locator(FRAME), page.locator(f"{ITEMS}[data-pattern=known] .status")
    await expect(frame).to_have_attribute("data-patterns", re.compile(r"\bknown\b"))
    await expect(state).to_have_text("forming")
    assert "ahead" not in (await frame.get_attribute("data-patterns") or "")
    # The control: once its bar has closed, it is drawn.
    pattern_tab.desk.steer(clock={"paused": False})
    await expect(frame).to_have_attribute("data-patterns", re.compile(r"\bahead\b"), timeout=15_000)
    await expect(state).to_have_text("target reached")


async def test_what_happens_is_drawn_and_explained_under_the_pointer(pattern_tab: Tab) -> None:
    page = await drawn(pattern_tab)
    runs = await pattern_tab.run_number()
    hostile = "<img src=x onerror='globalThis.hacked = 1'>"
    line: dict[str, Any] = {"role": "upper", "start": "2012-09-05T14:30:00Z", "start_price": 655.0}
    line |= {"end": "2012-09-05T15:59:00Z", "end_price": 655.0}
    new = {"like": TRIANGLE, "id": "new", "name": hostile, "lines": [line], "pivots": []}
    pattern_tab.desk.steer(patterns={"happen": [new]})
    await expect(page.locator(FRAME)).to_have_attribute("data-patterns", re.compile(r"\bnew\b"))

    tip = page.locator(".pattern-tip")
    box = await page.locator(f"{FRAME} .canvas").bounding_box()
    assert box is not None
    for part in range(12, 75):
        await page.mouse.move(box["x"] + box["width"] * 0.62, box["y"] + box["height"] * part / 100)
        if await tip.is_visible() and hostile in await tip.inner_text():
            break
    await expect(tip).to_contain_text(hostile)
    await expect(tip).to_contain_text("no edge")
    assert await page.evaluate("globalThis.hacked ?? null") is None
    assert await pattern_tab.run_number() == runs


async def test_another_adjustment_hides_them_and_says_why(pattern_tab: Tab) -> None:
    page = await drawn(pattern_tab, "symbol=AAPL&interval=1m&indicators=sma:20")
    await expect(page.locator(FRAME)).to_have_attribute("data-indicators", "SMA 20")
    await page.get_by_role("button", name="Adjusted: none").click()
    await expect(page.locator(FRAME)).to_have_attribute("data-patterns", "")
    await expect(page.locator(".desk-patterns-here")).to_contain_text("adjusted for splits")
    await expect(page.locator(".indicator-legend")).to_contain_text("adjusted for splits")

    await page.get_by_role("button", name="Adjusted: splits").click()
    await expect(page.locator(FRAME)).to_have_attribute("data-patterns", TRIANGLE)
    await page.get_by_role("button", name="Patterns", exact=True).click()
    await expect(page.locator(FRAME)).to_have_attribute("data-patterns", "")
    await page.get_by_role("button", name="Interval 30s").click()
    await expect(page.locator(".desk-patterns-here")).to_contain_text("bars of a minute")

    # What the agent does not follow live it is asked for.
    pattern_tab.desk.steer(patterns={"unfollowed": ["AAPL"]})
    await pattern_tab.open("/chart?symbol=AAPL&interval=1m")
    await page.get_by_role("button", name="Patterns", exact=True).click()
    await expect(page.locator(FRAME)).to_have_attribute("data-patterns", TRIANGLE)


async def test_indicators_are_the_agents_numbers_and_follow_the_bars(pattern_tab: Tab) -> None:
    page = await drawn(pattern_tab)
    await page.get_by_role("button", name="+ indicator").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Indicator", exact=True).select_option("bollinger")
    await dialog.get_by_label("period").fill("0")
    await dialog.get_by_role("button", name="Add").click()
    await expect(dialog).to_be_visible()  # out of bounds
    await dialog.get_by_label("period").fill("10")
    await dialog.get_by_role("button", name="Add").click()
    values = page.locator("[data-indicator=bollinger] .v")
    await expect(values).to_contain_text("upper")
    await page.mouse.move(4, 4)  # away from the chart: the newest bar's values
    pattern_tab.desk.steer(clock={"paused": True})

    query = "/indicators/AAPL?name=bollinger&timeframe=1m&limit=50&period=10&width=2"
    lines = (await read(pattern_tab, query))["lines"]
    # Paused just after a close, before a tick told of it, the chart stands at the bar before.
    expected = [[round(line["values"][at], 2) for line in lines] for at in (-1, -2)]

    async def is_told() -> bool:
        """The chart may be told of a close before the agent: it asks again a second later."""
        text = await values.inner_text()
        return [float(number) for number in re.findall(r"\d+\.\d+", text)] in expected

    await eventually(is_told, 20)
    said = await values.inner_text()
    pattern_tab.desk.steer(clock={"paused": False})
    await expect(values).not_to_have_text(said, timeout=10_000)
    await expect(page).to_have_url(re.compile("indicators=bollinger%3A10%3A2"))
    await page.goto(f"{pattern_tab.desk.url}/chart")
    await expect(values).to_contain_text("upper")
    await page.get_by_role("button", name="BOLLINGER 10 2").click()
    await page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    await expect(page.locator(FRAME)).to_have_attribute("data-indicators", "")


async def test_levels_stand_beside_the_chart(pattern_tab: Tab) -> None:
    pattern_tab.desk.steer(clock={"paused": True})
    page = await drawn(pattern_tab)
    answer: Any = await read(pattern_tab, "/levels/AAPL?timeframe=1m")
    prices = sorted((level["price"] for level in answer["levels"]), reverse=True)
    shown = page.locator(".desk-levels .price")
    await expect(shown).to_have_text([f"{price:.2f}" for price in prices])
    await expect(page.locator(".desk-levels .atr")).to_have_text("1.50")
