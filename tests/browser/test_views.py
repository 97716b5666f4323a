"""Each view renders, says what the APIs say, and acts."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Locator, expect

from tests.browser.conftest import Tab, settled, watch
from tests.dashboard_desk import DashboardDesk
from tests.support import eventually

LINES_ARE_DRAWN = """[...document.querySelectorAll('.sparkline polyline')]
  .every((line) => (line.getAttribute('points') ?? '').split(' ').length > 20)"""


async def test_the_overview_shows_live_prices_of_every_symbol(tab: Tab) -> None:
    await tab.open()
    rows = tab.page.locator(".desk-watchlist tbody tr")
    await expect(rows).to_have_count(5)
    first = await tab.text("tr[data-symbol=AAPL] .last")

    await expect(tab.page.locator("tr[data-symbol=AAPL] .last")).not_to_have_text(first)
    assert re.fullmatch(
        r"[▲▼]? ?[+−]?\d+\.\d\d %", await tab.text("tr[data-symbol=IBM] td >> nth=1")
    )


async def test_numbers_equal_the_api(tab: Tab) -> None:
    tab.desk.steer(clock={"paused": True})
    await tab.open("/chart?symbol=AAPL&interval=1m")
    price = await tab.page.evaluate(
        "fetch('/api/agents/market_data/price/AAPL').then((answer) => answer.json())"
    )

    await expect(tab.page.locator(".desk-chart .last")).to_contain_text(f"{price['price']:,.2f}")
    assert await tab.text(".bidask") == f"{price['bid']:,.2f} × {price['ask']:,.2f}"
    assert await tab.text(".previous") == f"{price['previous_close']:,.2f}"


async def test_the_gate_is_closed_while_nobody_guards_it(tab: Tab) -> None:
    await tab.open()
    await expect(tab.page.locator(".gate")).to_have_text("Gate HALTED · risk_management disabled")


async def test_the_strip_says_replay_and_simulated_and_the_time_in_new_york(tab: Tab) -> None:
    await tab.open()
    pill = tab.page.locator(".desk-strip .replay")
    await expect(pill).to_contain_text("REPLAY 60× · SIMULATED")
    before = await pill.inner_text()

    assert re.search(r"Wed 2012-09-0\d \d\d:\d\d:\d\d New York", before)
    await expect(pill).not_to_have_text(before)
    await expect(tab.page.locator(".session")).to_contain_text("XNYS open, closes in")
    await expect(tab.page.locator(".desk-strip .agents")).to_have_text("Agents 1/1")


async def test_what_happens_is_listed(tab: Tab) -> None:
    await tab.open()
    stopped = {"status": "stopped", "pid": None, "health": "unknown"}
    tab.desk.steer(agents={"market_data": stopped})

    events = tab.page.locator(".desk-events tr").first
    await expect(events).to_contain_text("market_data running → stopped")


async def test_the_replay_obeys(tab: Tab) -> None:
    await tab.open()
    await tab.page.locator(".desk-strip .replay").click()
    dialog = tab.page.get_by_role("dialog", name="Replay controls")

    await dialog.get_by_role("button", name="10×", exact=True).click()
    await expect(tab.page.locator(".replay")).to_contain_text("REPLAY 10×")
    await dialog.get_by_role("button", name="Pause").click()
    await expect(tab.page.locator(".replay")).to_contain_text("paused")
    await dialog.get_by_role("button", name="Resume").click()
    await dialog.get_by_label("Jump to date").fill("2012-11-14")
    await dialog.get_by_role("button", name="Jump").click()
    await expect(tab.page.locator(".replay")).to_contain_text("Wed 2012-11-14 09:3")
    await tab.page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()


async def test_files_carry_the_bars(tab: Tab, tmp_path: Path) -> None:
    await tab.open("/chart?symbol=MSFT&interval=1d")
    await expect(tab.page.locator(".desk-candles")).to_have_attribute(
        "data-bars", re.compile(r"\d+")
    )

    async with tab.page.expect_download() as csv:
        await tab.page.get_by_role("button", name="CSV").click()
    table = (await (await csv.value).path()).read_text("utf-8").splitlines()
    async with tab.page.expect_download() as png:
        await tab.page.get_by_role("button", name="PNG").click()
    picture = (await (await png.value).path()).read_bytes()

    assert table[0].startswith("symbol,timestamp,open,high,low,close,volume")
    assert len(table) > 500
    assert all(line.startswith("MSFT,") and line.endswith(",puppet,splits") for line in table[1:])
    assert picture.startswith(b"\x89PNG")
    assert (await csv.value).suggested_filename.startswith("MSFT-1d-split-adjusted-")


async def test_the_line_of_thirty_days_has_its_own_colour(tab: Tab) -> None:
    await tab.open()
    await eventually(lambda: tab.page.evaluate(LINES_ARE_DRAWN))
    lines = await tab.page.evaluate(
        """[...document.querySelectorAll('.sparkline')].map((svg) => {
             const points = svg.firstElementChild.getAttribute('points').split(' ');
             const heights = points.map((point) => Number(point.split(',')[1]));
             return [svg.classList.contains('up'), heights.at(-1) < heights[0]];
           })"""
    )

    assert len(lines) == 5
    assert [is_green for is_green, _ in lines] == [rises for _, rises in lines]


async def test_marking_a_price_does_not_open_the_chart(tab: Tab) -> None:
    await tab.open()
    tab.desk.steer(clock={"paused": True})
    cell = tab.page.locator("tr[data-symbol=AAPL] .volume")
    box = await cell.bounding_box()
    assert box is not None
    await tab.page.mouse.move(box["x"] + 4, box["y"] + 12)
    await tab.page.mouse.down()
    await tab.page.mouse.move(box["x"] + box["width"] - 2, box["y"] + 12, steps=4)
    await tab.page.mouse.up()

    assert (await tab.page.evaluate("getSelection().toString()")).strip()
    await tab.page.wait_for_timeout(500)
    await expect(tab.page.locator(".desk-watchlist")).to_be_visible()


async def boxes(*found: Locator) -> list[Any]:
    return [await one.bounding_box() for one in found]


async def test_a_long_error_leaves_the_overview_readable(tab: Tab) -> None:
    await tab.open()
    message = "Gave up. " + "no_break_anywhere" * 60
    failed = {"status": "error", "pid": None, "health": "unknown", "error_message": message}
    tab.desk.steer(agents={"market_data": failed})
    detail = tab.page.locator(".desk-agent-panel tr[data-agent=market_data] .detail")
    await expect(detail).to_contain_text("Gave up.")

    first_row = tab.page.locator(".desk-agent-panel tr").first
    for width in (1440, 1024, 420):
        await tab.page.set_viewport_size({"width": width, "height": 900})
        text, row = await settled(lambda: boxes(detail, first_row))
        assert text["width"] > 140
        assert row["height"] < 90


async def test_a_finished_replay_offers_no_pause(tab: Tab) -> None:
    await tab.open()
    tab.desk.steer(market={"finished": True})
    await expect(tab.page.locator(".replay")).to_contain_text("60× finished")
    await tab.page.locator(".desk-strip .replay").click()
    dialog = tab.page.get_by_role("dialog", name="Replay controls")

    await expect(dialog.get_by_role("button", name="Pause")).to_have_attribute(
        "aria-disabled", "true"
    )
    await expect(dialog).to_contain_text("The replay has reached its end.")


async def test_the_last_seconds_of_a_session_are_counted(tab: Tab) -> None:
    await tab.open()
    tab.desk.steer(clock={"paused": True, "now": "2012-09-05T19:59:56+00:00"})

    await expect(tab.page.locator(".session")).to_have_text("XNYS open, closes in 4 s")


async def test_the_theme_is_remembered(tab: Tab) -> None:
    await tab.open()
    root = tab.page.locator("html")
    await expect(root).to_have_attribute("data-theme", "dark")
    await tab.page.get_by_role("button", name="Switch to the light theme").click()
    await expect(root).to_have_attribute("data-theme", "light")
    await tab.page.reload()
    await tab.page.wait_for_selector(".desk-strip")
    await expect(root).to_have_attribute("data-theme", "light")


async def test_a_narrow_screen_shows_everything_without_scrolling_sideways(tab: Tab) -> None:
    await tab.page.set_viewport_size({"width": 420, "height": 860})
    measure = "document.querySelector('.stMain').scrollWidth"
    for path in ("/", "/chart", "/data", "/patterns", "/agents"):
        await tab.open(path)
        width = await settled(lambda: tab.page.evaluate(measure))
        assert width <= 420, path
        await expect(tab.page.get_by_role("link", name="Agents")).to_be_visible()


async def test_the_keyboard_is_enough(tab: Tab) -> None:
    await tab.open()
    link = tab.page.get_by_role("link", name="Chart", exact=True)
    await link.focus()
    await tab.page.keyboard.press("Enter")
    await expect(tab.page.locator(".desk-candles")).to_be_visible()
    button = tab.page.get_by_role("button", name="Interval 5m")
    await button.focus()
    await tab.page.keyboard.press("Enter")
    await expect(button).to_have_attribute("aria-pressed", "true")


async def test_every_control_has_a_name(tab: Tab) -> None:
    for path in ("/", "/chart", "/data", "/patterns", "/agents"):
        await tab.open(path)
        nameless = await tab.page.evaluate(
            """[...document.querySelectorAll('button, input, select, a')].filter((node) =>
                 node.offsetParent && !(node.innerText || '').trim()
                 && !node.getAttribute('aria-label') && !node.getAttribute('title'))
               .map((node) => node.outerHTML.slice(0, 120))"""
        )
        assert [html for html in nameless if "tradingview" not in html.lower()] == []


async def test_the_login_link_works_once_in_a_browser(
    browser: Browser, calm_desk: DashboardDesk
) -> None:
    link = calm_desk.login_url()
    one, other = await browser.new_context(), await browser.new_context()
    tab = Tab(await one.new_page(), calm_desk)
    watch(tab)
    await tab.page.goto(link)
    await tab.page.wait_for_selector(".desk-strip", timeout=30_000)
    stranger = await other.new_page()
    await stranger.goto(link)

    assert tab.page.url == f"{calm_desk.url}/"
    await expect(stranger.locator("h1")).to_have_text("Log in to your trading desk")
    assert tab.complaints == []
    await one.close()
    await other.close()
