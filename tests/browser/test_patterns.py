"""The Patterns view: what the agent says, live, in words, and in every state of the agent."""

from __future__ import annotations

import re
from typing import Any

from playwright.async_api import Page, expect

from tests.browser.conftest import PATTERNS_OFF, PATTERNS_UP, Tab, settled

SCANNER = ".desk-patterns"
ROWS = f"{SCANNER} tr[data-pattern]"
TRIANGLE = "aapl-1m-ascending_triangle-8"


async def read(tab: Tab, route: str) -> Any:
    """Return what the pattern agent answers the page."""
    return await tab.page.evaluate(
        "(path) => fetch(`/api/agents/pattern_recognition${path}`).then((answer) => answer.json())",
        route,
    )


async def opened(tab: Tab) -> Page:
    """Open the view and let it show both kinds."""
    await tab.open("/patterns")
    await expect(tab.page.locator(ROWS)).to_have_count(6)
    await tab.page.locator(f"{SCANNER} [data-kind='']").click()
    await expect(tab.page.locator(ROWS)).to_have_count(10)
    return tab.page


async def shown(page: Page, pattern: str) -> dict[str, str]:
    """Return the cells of a row, by their columns."""
    cells: dict[str, str] = await page.locator(f"{SCANNER} tr[data-pattern='{pattern}']").evaluate(
        "(row) => Object.fromEntries([...row.children].map((cell) => "
        "[[...cell.classList].find((name) => name.startsWith('c-')).slice(2), cell.textContent]))"
    )
    return cells


async def test_the_scanner_says_what_the_api_says(pattern_tab: Tab) -> None:
    page = await opened(pattern_tab)
    known = (await read(pattern_tab, "/patterns/AAPL?timeframe=1m"))["patterns"]
    triangle = next(item for item in known if item["id"] == TRIANGLE)
    worth = triangle["worth"][1]

    row = await shown(page, TRIANGLE)
    assert row == {
        "symbol": "AAPL", "timeframe": "1m", "name": triangle["name"], "direction": "▲ bullish",
        "state": "confirmed", "known": "11:52", "confirmed": "11:54",
        "confidence": f"{worth['confidence']:.0%}".replace("%", " %"),
        "worth": f"{worth['hit_rate'] * 100:.0f} %, n {worth['samples']}, base 52 %: no edge",
        "strength": "72 %", "target": f"{triangle['target']:.2f}",
        "invalidation": f"{triangle['invalidation']:.2f}",
    }  # fmt: skip
    few = await shown(page, "msft-1d-double_top-9")
    assert (few["confidence"], few["worth"]) == ("too few", "too few samples (7)")
    await expect(page.locator(f"{SCANNER} .count")).to_have_text(
        "10 · 2 forming · 5 confirmed · 1 target reached · 1 failed · 1 expired"
    )
    await expect(page.locator(f"{SCANNER} .age")).to_contain_text("live")


async def test_what_happens_appears_without_a_rerun(pattern_tab: Tab) -> None:
    page = await opened(pattern_tab)
    runs = await pattern_tab.run_number()
    hostile = "<img src=x onerror='globalThis.hacked = 1'>"
    flag = "goog-1h-bull_flag-2"
    changed = {"like": flag, "state": "confirmed"}
    new = {"like": TRIANGLE, "id": "new", "symbol": "IBM", "name": hostile}
    pattern_tab.desk.steer(patterns={"happen": [changed, new]})

    await expect(page.locator(f"{ROWS}[data-pattern=new]")).to_contain_text(hostile)
    await expect(page.locator(f"{SCANNER} tr[data-pattern='{flag}']")).to_contain_text("confirmed")
    await expect(page.locator(ROWS)).to_have_count(11)
    assert await pattern_tab.run_number() == runs
    # Neither the name of a pattern nor the script in the puppet's pictures has been run.
    await page.locator(".desk-catalogue").scroll_into_view_if_needed()
    await expect(page.locator(".desk-catalogue .picture svg polyline").first).to_be_attached()
    assert await page.evaluate("globalThis.hacked ?? null") is None


async def test_a_worth_that_is_learnt_later_is_asked_for(pattern_tab: Tab) -> None:
    pattern_tab.desk.steer(patterns={"unlearnt": [TRIANGLE]})
    await pattern_tab.open("/patterns")
    cell = pattern_tab.page.locator(f"{ROWS}[data-pattern='{TRIANGLE}'] .c-worth")
    await expect(cell).to_have_text("not known yet")
    pattern_tab.desk.steer(patterns={"calm": True})

    await expect(cell).to_contain_text("no edge", timeout=10_000)


async def test_filters_and_heads_choose_and_sort(pattern_tab: Tab) -> None:
    page = await opened(pattern_tab)
    filters = page.locator(f"{SCANNER} .filters")
    await filters.get_by_label("Minimum confidence").select_option("60")
    await expect(page.locator(ROWS)).to_have_count(1)
    await expect(page.locator(ROWS)).to_contain_text("Rising wedge")
    await filters.get_by_role("button", name="Clear").click()
    await filters.locator("[data-kind=candlestick]").click()
    await expect(page.locator(ROWS)).to_have_count(4)
    await filters.get_by_label("Symbol").fill("ib")
    await expect(page.locator(ROWS)).to_have_count(1)
    await expect(page.locator(ROWS)).to_contain_text("Engulfing")
    await filters.get_by_label("Symbol").fill("nothing")
    await expect(page.locator(f"{SCANNER} .note")).to_contain_text("No pattern passes the filter")
    await filters.get_by_role("button", name="Clear").click()
    await filters.locator("[data-kind='']").click()

    await page.locator(f"{SCANNER} .head[data-sort=symbol]").click()
    symbols = await settled(page.locator(f"{ROWS} th").all_inner_texts)
    assert symbols == sorted(symbols)
    await page.locator(f"{SCANNER} .head[data-sort=confidence]").click()
    await expect(page.locator(ROWS).first).to_contain_text("Rising wedge")


async def test_thousands_of_rows_are_a_few_in_the_page(pattern_tab: Tab) -> None:
    # As many as the agent tells at once: 5 MB.
    pattern_tab.desk.steer(patterns={"many": [2000]})
    await pattern_tab.open("/patterns")
    page = pattern_tab.page
    await expect(page.locator(f"{SCANNER} .count")).to_contain_text("2,006")
    await page.locator(f"{SCANNER} .head[data-sort=strength]").click()
    await expect(page.locator(f"{ROWS} .c-strength").first).to_have_text("99 %")
    assert await page.locator(ROWS).count() < 80

    scroll = f"document.querySelector('{SCANNER} .windowed-scroll')"
    await page.evaluate(f"{scroll}.scrollTop = 1e6")
    await expect(page.locator(f"{ROWS} .c-strength").last).to_have_text("0 %")
    assert await page.locator(ROWS).count() < 80
    # What one reads at stays where it is when something comes in above.
    await page.evaluate(f"{scroll}.scrollTop = 30_000")
    first = f"{SCANNER} tr[data-pattern]:nth-child(12)"
    before = await settled(lambda: page.locator(first).get_attribute("data-pattern"))
    new = [{"like": TRIANGLE, "id": f"new-{n}", "strength": 1.0} for n in range(30)]
    pattern_tab.desk.steer(patterns={"happen": new})
    await expect(page.locator(f"{SCANNER} .count")).to_contain_text("2,036")
    assert await settled(lambda: page.locator(first).get_attribute("data-pattern")) == before


async def test_each_state_of_the_agent_is_explained(pattern_tab: Tab) -> None:
    desk = pattern_tab.desk
    page = await opened(pattern_tab)
    age = page.locator(f"{SCANNER} .age")
    desk.steer(patterns={"stale": True, "reason": "market_data does not answer"})
    await expect(age).to_contain_text("Stale: market_data does not answer. It goes on by itself")
    await expect(page.locator(SCANNER)).to_have_class(re.compile("is-stale"))
    for card in (".desk-data-signals", ".desk-worth"):
        await expect(page.locator(f"{card} .age")).to_contain_text("stale: market data is away")
        await expect(page.locator(card)).to_have_class(re.compile("is-stale"))
    desk.steer(patterns={"stale": False})
    await expect(age).to_contain_text("live")
    await expect(page.locator(".desk-worth .age")).not_to_contain_text("stale")
    desk.steer(patterns={"silent": True})
    await expect(age).to_contain_text("Nothing heard of pattern_recognition", timeout=8_000)
    desk.steer(patterns={"silent": False})

    desk.steer(agents={"pattern_recognition": {"status": "stopped"}})
    await expect(age).to_contain_text(
        "pattern_recognition is stopped. Start it on the Agents page."
    )
    desk.steer(agents={"pattern_recognition": PATTERNS_OFF})
    await expect(age).to_contain_text("disabled in config/agents.yaml")
    await expect(page.locator(".desk-scan .message")).to_contain_text("disabled in config")
    desk.steer(patterns={"is_empty": True}, agents={"pattern_recognition": PATTERNS_UP})
    await expect(page.locator(f"{SCANNER} .note")).to_contain_text("No pattern is open")


async def test_a_lost_connection_shows_and_what_was_missed_is_there(pattern_tab: Tab) -> None:
    page = await opened(pattern_tab)
    age = page.locator(f"{SCANNER} .age")
    pattern_tab.desk.steer(patterns={"down": True, "drop": True})
    await expect(age).to_contain_text("Connection to pattern_recognition lost, retry in")
    pattern_tab.desk.steer(patterns={"happen": [{"like": TRIANGLE, "id": "missed"}]})
    pattern_tab.desk.steer(patterns={"down": False})

    await expect(page.locator(f"{ROWS}[data-pattern=missed]")).to_be_visible(timeout=15_000)
    await expect(age).to_contain_text("live")
    # The browser itself writes of every answer that is an error.
    pattern_tab.complaints[:] = [text for text in pattern_tab.complaints if "503" not in text]


async def test_a_scan_is_ordered_followed_and_cancelled(pattern_tab: Tab) -> None:
    page = await opened(pattern_tab)
    card = page.locator(".desk-scan")
    await card.get_by_label("Symbols to scan").fill("aapl, msft fb")
    await card.get_by_role("button", name="Scan").click()
    await expect(card.locator(".message")).to_contain_text("Complete: 3 of 3 symbols")
    await expect(card.locator("tr[data-pattern]")).to_have_count(5)
    await expect(card.locator(".scan-errors")).to_contain_text("1 symbol was left out")
    # Of a time that has not come when the clock was set back.
    pattern_tab.desk.steer(patterns={"reset": "clock_jump"})
    await expect(card.locator(".message")).to_contain_text("Market data began anew (clock_jump)")
    await expect(card.locator("tr[data-pattern]")).to_have_count(0)

    pattern_tab.desk.steer(patterns={"scan_seconds": 60})
    await card.get_by_role("button", name="Scan").click()
    await expect(card.locator("progress")).to_be_visible()
    await card.get_by_role("button", name="Cancel").click()
    await expect(card.locator(".message")).to_contain_text("Cancelled: 0 of 3 symbols")


async def test_worth_and_signals_equal_the_api(pattern_tab: Tab) -> None:
    page = await opened(pattern_tab)
    answer = await read(pattern_tab, "/patterns/confidence?horizon=10")
    rows = page.locator(".desk-worth tbody tr:not(.spacer)")
    await expect(rows).to_have_count(len(answer["rows"]))
    edge = next(row for row in answer["rows"] if row["worth"]["verdict"] == "edge")
    row = page.locator(".desk-worth tr", has_text=edge["name"])
    await expect(row.locator(".c-samples")).to_have_text(str(edge["worth"]["samples"]))
    await expect(row.locator(".c-confidence")).to_have_text("64 %")
    await expect(row.locator(".c-verdict")).to_have_text("edge")
    bins = page.locator(".desk-reliability .bins li")
    await expect(bins).to_have_count(len(answer["reliability"]))
    await expect(bins.last).to_contain_text("n 6, too few to say")
    await expect(page.locator(".desk-reliability circle")).to_have_count(3)

    signal = (await read(pattern_tab, "/signals"))["signals"][0]
    card = page.locator(f".desk-data-signals tr[data-signal='{signal['id']}']")
    for name, value in (("entry", "entry"), ("stop", "stop"), ("target", "target")):
        await expect(card.locator(f".{name}")).to_have_text(f"{signal[value]:.2f}")
    await expect(card.locator(".ratio")).to_have_text(f"{signal['reward_risk']:.2f}")
    await page.get_by_label("Minimum reward to risk").select_option("3")
    await expect(page.locator(".desk-data-signals .note")).to_contain_text("No confirmed pattern")


async def test_the_overview_shows_the_newest_and_opens_the_chart(pattern_tab: Tab) -> None:
    await pattern_tab.open("/")
    rows = pattern_tab.page.locator(".desk-newest tr[data-pattern]")
    await expect(rows).to_have_count(6)
    pattern_tab.desk.steer(patterns={"happen": [{
        "like": "goog-1h-bull_flag-2", "state": "confirmed",
        "changes": [{"state": "confirmed", "at": "2012-09-05T16:00:00Z", "price": 1.0}],
    }]})  # fmt: skip
    await expect(rows.first).to_contain_text("Bull flag")
    await rows.nth(2).click()
    await expect(pattern_tab.page).to_have_url(re.compile(r"/chart\?.*pattern="))


async def test_a_narrow_screen_needs_no_scrolling_sideways(pattern_tab: Tab) -> None:
    await pattern_tab.page.set_viewport_size({"width": 420, "height": 860})
    page = await opened(pattern_tab)
    wide = "[...document.querySelectorAll('.stMain, .scroll-both')]"
    wide += ".filter((n) => n.scrollWidth > n.clientWidth + 1).map((n) => n.className)"
    assert await settled(lambda: page.evaluate(wide)) == []
