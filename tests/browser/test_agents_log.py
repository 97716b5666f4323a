"""The live log: searched by the server, followed, paused, bounded, downloaded."""

from __future__ import annotations

import asyncio

from playwright.async_api import expect

from tests.browser.conftest import Tab
from tests.support import eventually


async def test_the_log_follows_filters_and_searches(tab: Tab) -> None:
    await tab.open("/agents")
    lines = tab.page.locator(".desk-log .line")
    await expect(lines).to_have_count(3)

    tab.desk.steer(log=["a new line"])
    await expect(lines).to_have_count(4)
    await tab.page.get_by_label("Lowest level").select_option("error")
    await expect(lines).to_have_count(1)
    await tab.page.get_by_label("Lowest level").select_option("debug")
    await tab.page.get_by_label("Search the log").fill("slow")
    await expect(lines).to_have_count(1)
    await tab.page.get_by_label("Search the log").fill("nothing like it")
    await expect(tab.page.locator(".desk-log .empty")).to_have_text("No line matches the filter.")


async def test_a_paused_log_waits_and_its_page_stays_bounded(tab: Tab) -> None:
    await tab.open("/agents")
    lines = tab.page.locator(".desk-log .line")
    await expect(lines).to_have_count(3)

    await tab.page.get_by_role("button", name="Following").click()
    tab.desk.steer(log=[f"line {number}" for number in range(700)])
    await expect(tab.page.get_by_role("button", name="700 new lines")).to_be_visible()
    await expect(lines).to_have_count(3)
    await tab.page.get_by_role("button", name="700 new lines").click()
    await expect(lines).to_have_count(500)
    await expect(lines.last).to_contain_text("line 699")


async def test_the_server_searches_and_what_was_found_is_marked(tab: Tab) -> None:
    await tab.open("/agents")
    await tab.page.get_by_label("Search the log").fill("SLOW")
    lines = tab.page.locator(".desk-log .line")
    await expect(lines).to_have_count(1)
    await expect(lines.locator("mark")).to_have_text("slow")
    await eventually(lambda: tab.desk.steer()["logs"][0]["grep"] == "SLOW")

    tab.desk.steer(log=["nothing", "still slow and slower"])
    await expect(lines).to_have_count(2)
    await expect(lines.last.locator("mark")).to_have_text(["slow", "slow"])
    await tab.page.get_by_label("Lowest level").select_option("warning")
    await eventually(lambda: tab.desk.steer()["logs"][0]["level"] == "warning")
    await expect(lines).to_have_count(1)
    await expect(lines).to_contain_text("warn")


async def test_scrolling_up_pauses_and_scrolling_down_follows(tab: Tab) -> None:
    await tab.open("/agents")
    lines = tab.page.locator(".desk-log .line")
    await expect(lines).to_have_count(3)
    tab.desk.steer(log=[f"line {number}" for number in range(200)])
    await expect(lines.last).to_contain_text("line 199")
    await tab.page.locator(".desk-log .log").hover()
    await tab.page.mouse.wheel(0, -400)
    await expect(tab.page.get_by_role("button", name="Follow", exact=True)).to_be_visible()

    tab.desk.steer(log=["one more"])
    more = tab.page.get_by_role("button", name="1 new line")
    await expect(more).to_be_visible()
    await tab.page.mouse.wheel(0, 100_000)
    await expect(tab.page.get_by_role("button", name="Following")).to_be_visible()
    await expect(lines.last).to_contain_text("one more")
    await expect(more).to_be_hidden()


async def test_older_lines_come_back_when_scrolled_to(tab: Tab) -> None:
    await tab.open("/agents")
    lines = tab.page.locator(".desk-log .line")
    await expect(lines).to_have_count(3)
    tab.desk.steer(log=[f"line {number}" for number in range(1200)])
    await expect(lines.last).to_contain_text("line 1199")
    await expect(lines).to_have_count(500)
    await tab.page.locator(".desk-log .log").hover()
    await tab.page.mouse.wheel(0, -100_000)
    await expect(lines).to_have_count(1000)


async def test_a_file_is_downloaded_and_so_is_what_is_shown(tab: Tab) -> None:
    await tab.open("/agents")
    await expect(tab.page.locator(".desk-log .line")).to_have_count(3)
    async with tab.page.expect_download() as shown:
        await tab.page.get_by_role("button", name="Download shown").click()
    assert "subscriber 7 is slow" in (await (await shown.value).path()).read_text("utf-8")

    await tab.page.get_by_label("Agent", exact=True).select_option("market_data")
    async with tab.page.expect_download() as whole:
        await tab.page.get_by_role("button", name="Download", exact=True).click()
    assert (await whole.value).suggested_filename == "market_data.log"
    text = (await (await whole.value).path()).read_text("utf-8")
    assert text == "the whole log of market_data\n"


async def test_a_flood_leaves_the_page_usable(tab: Tab) -> None:
    await tab.open("/agents")
    lines = tab.page.locator(".desk-log .line")
    await expect(lines).to_have_count(3)
    flood = asyncio.create_task(asyncio.to_thread(tab.desk.steer, flood=30_000))
    await expect(lines.last).to_contain_text("flood line")

    await tab.page.locator("tr[data-agent=market_data] .name").click()
    await expect(tab.page.locator(".desk-agent-detail")).to_be_visible()
    await flood
    await expect(lines.last).to_contain_text("flood line 29999", timeout=20_000)
    await expect(lines).to_have_count(500)
    tab.desk.steer(agents={"market_data": {"restarts": 7}})
    await expect(tab.page.locator("tr[data-agent=market_data]")).to_contain_text("7")


async def test_log_lines_have_a_socket_of_their_own_while_they_are_read(tab: Tab) -> None:
    """A flood must not delay what the page says about agents: 14 s on one socket, measured."""
    await tab.open("/agents")
    await expect(tab.page.locator(".desk-log .line")).to_have_count(3)
    known = tab.desk.steer()
    assert (known["sockets"]["control"], len(known["logs"])) == (2, 1)

    await tab.page.get_by_label("Lowest level").select_option("error")
    await expect(tab.page.locator(".desk-log .line")).to_have_count(1)
    assert tab.desk.steer()["sockets"]["control"] == 2
    await tab.page.get_by_role("link", name="Overview").click()
    await eventually(lambda: tab.desk.steer()["sockets"]["control"] == 1)
