"""The Data view: its numbers are the API's, and every state of it says what is going on."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Tab, settled
from tests.support import eventually

PARTS = ("completeness", "accuracy", "timeliness", "consistency", "validity", "uniqueness")


async def read(tab: Tab, route: str) -> Any:
    """Return what the agent answers the page."""
    return await tab.page.evaluate(
        "(path) => fetch(`/api/agents/market_data${path}`).then((answer) => answer.json())", route
    )


async def test_sources_say_what_the_api_says(tab: Tab) -> None:
    await tab.open("/data")
    rows = tab.page.locator(".desk-data-sources tr[data-source]")
    await expect(rows).to_have_count(3)
    keyed = (await read(tab, "/sources"))["sources"][1]

    row = ".desk-data-sources tr[data-source=keyed]"
    assert await tab.text(f"{row} .state") == keyed["state"]
    assert await tab.text(f"{row} .breaker") == keyed["breaker"]
    assert await tab.text(f"{row} .quota") == f"{keyed['quota_used']} / {keyed['quota_limit']}"
    assert await tab.text(f"{row} .requests") == str(keyed["requests"])
    assert await tab.text(f"{row} .errors") == str(sum(keyed["errors"].values()))
    assert await tab.text(f"{row} .p50") == f"{keyed['latency_p50_ms']:.0f} ms"
    assert await tab.text(f"{row} .p99") == f"{keyed['latency_p99_ms']:,.0f} ms"
    assert await tab.text(f"{row} .licence") == keyed["licence"]
    await expect(tab.page.locator(f"{row} + .note-row")).to_contain_text(keyed["last_error"])
    assert await tab.text("tr[data-source=exchange] .breaker") == "open, live half open"


async def test_a_part_that_was_not_measured_is_not_a_number(tab: Tab) -> None:
    await tab.open("/data")
    await expect(tab.page.locator(".desk-data-quality tr[data-symbol]")).to_have_count(5)
    for score in (await read(tab, "/quality/report"))["scores"]:
        row = f".desk-data-quality tr[data-symbol={score['symbol']}]"
        assert await tab.text(f"{row} .grade") == score["grade"]
        assert await tab.text(f"{row} .score") == f"{score['score']:.1f}"
        for part in PARTS:
            value = score[part]
            shown = "not measured" if value is None else f"{value:.1f}"
            assert await tab.text(f"{row} .{part}") == shown
        assert await tab.text(f"{row} .rejected") == str(score["rejected"])


async def test_gaps_and_refused_rows_are_listed_with_their_reasons(tab: Tab) -> None:
    await tab.open("/data")
    gaps = tab.page.locator(".desk-data-gaps tbody tr")
    await expect(gaps).to_have_count(len((await read(tab, "/gaps"))["gaps"]))
    await expect(gaps.nth(0)).to_contain_text("source was silent")
    await expect(gaps.nth(0).locator(".filled")).to_have_text("filled 2012-09-05 15:40:11")
    await expect(gaps.nth(1).locator(".filled")).to_have_text("not filled, 3 attempts")

    refused = tab.page.locator(".desk-data-quarantine tbody tr")
    rejected = (await read(tab, "/quarantine"))["rejected"]
    await expect(refused).to_have_count(len(rejected))
    await expect(refused.nth(0).locator(".reason")).to_have_text("high below low")
    await expect(refused.nth(0)).to_contain_text(rejected[0]["detail"])
    await refused.nth(0).locator("summary").click()
    await expect(refused.nth(0).locator("code")).to_have_text(rejected[0]["row"])


async def test_storage_says_files_rows_and_room(tab: Tab) -> None:
    await tab.open("/data")
    card = tab.page.locator(".desk-data-storage")
    stored = await read(tab, "/storage")

    await expect(card.locator(".all-rows")).to_have_text(f"{stored['rows']:,}")
    await expect(card.locator(".free")).to_have_text(f"{stored['free_bytes'] / 2**30:.1f} GiB")
    await expect(card.locator(".files li").first).to_have_text("market_data.duckdb1.5 MiB")
    await expect(card.locator("tr[data-symbol=IBM] .rows")).to_have_text("3,148")


async def test_the_clock_is_told_and_steered(tab: Tab) -> None:
    await tab.open("/data")
    card = tab.page.locator(".desk-data-replay")
    await expect(card.locator(".mode")).to_have_text("replay at 60×, ticks simulated")
    await card.get_by_role("button", name="10×", exact=True).click()
    await expect(card.locator(".mode")).to_contain_text("replay at 10×")
    await card.get_by_role("button", name="Pause").click()

    await expect(card.locator(".mode")).to_contain_text("paused")
    clock = await read(tab, "/clock")
    assert clock["paused"]
    assert clock["speed"] == 10
    await expect(card.locator(".session")).to_have_text(clock["session"])


async def test_a_recording_is_made_stopped_and_deleted(tab: Tab) -> None:
    await tab.open("/data")
    card = tab.page.locator(".desk-data-recordings")
    name = card.get_by_label("Name of the new recording")
    await name.fill("monday")
    await card.get_by_role("button", name="Record", exact=True).click()
    row = card.locator("tr[data-recording=monday]")
    await expect(row.locator(".state")).to_have_text("recording")
    await expect(row).to_contain_text("12,345")
    await expect(row.locator(".size")).to_have_text("1.5 MiB")
    # The same name again is refused in words.
    await name.fill("monday")
    await card.get_by_role("button", name="Record", exact=True).click()
    await expect(card.locator(".message")).to_contain_text("Choose another name.")

    await row.get_by_role("button", name="Stop recording monday").click()
    await expect(row.locator(".state")).to_have_text("complete")
    await row.get_by_role("button", name="Delete recording monday").click()
    await tab.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    await expect(row).to_have_count(0)
    # The browser itself writes of every answer that is an error.
    tab.complaints[:] = [text for text in tab.complaints if "409 (Conflict" not in text]


async def test_a_recording_that_is_played_is_named_and_steered_by_its_place(tab: Tab) -> None:
    tab.desk.steer(market={"played": "monday of ccxt:binance"})
    await tab.open("/data")
    await expect(tab.page.locator(".desk-strip .replay")).to_contain_text(
        "RECORDING monday of ccxt:binance 60×"
    )
    card = tab.page.locator(".desk-data-replay")
    await expect(card.locator(".mode")).to_contain_text("recording monday of ccxt:binance at 60×")
    await card.get_by_role("button", name="max", exact=True).click()
    await expect(card.locator(".mode")).to_contain_text("at max")
    await card.get_by_role("button", name="0.1×", exact=True).click()
    await expect(card.locator(".mode")).to_contain_text("at 0.1×")
    await expect(card.get_by_label("Jump to date")).to_be_hidden()
    await card.get_by_label("Place in the recording").fill("0")
    start = (await read(tab, "/clock"))["start"]
    await eventually(
        lambda: read_now(tab, start), 10, what="the clock is at the recording's beginning"
    )


async def read_now(tab: Tab, start: str) -> bool:
    return str((await read(tab, "/clock"))["now"])[:10] == start[:10]


async def test_the_search_finds_what_has_no_score_yet(tab: Tab) -> None:
    await tab.open("/data")
    rows = tab.page.locator(".desk-data-quality tr[data-symbol]")
    await expect(rows).to_have_count(5)
    search = tab.page.get_by_label("Find a symbol")
    await search.fill("bitcoin")
    await expect(rows).to_have_count(1)
    await expect(rows).to_contain_text("BTC/USDT")
    await expect(rows).to_contain_text("not scored yet")
    assert await rows.locator("a").get_attribute("href") == "/chart?symbol=BTC%2FUSDT"

    await search.fill("nothing like it")
    await expect(tab.page.locator(".desk-data-quality .note")).to_have_text(
        "No enabled source has a symbol like that."
    )
    await search.fill("")
    await expect(rows).to_have_count(5)


async def test_nothing_there_is_said_in_words(tab: Tab) -> None:
    tab.desk.steer(market={"data_empty": True})
    await tab.open("/data")
    for name, words in (
        ("sources", "No source is enabled."),
        ("quality", "No symbol has been scored yet."),
        ("gaps", "No gap: all data that should be there are there."),
        ("quarantine", "No row was refused."),
        ("storage", "Nothing is stored yet."),
        ("recordings", "Nothing is recorded."),
    ):
        await expect(tab.page.locator(f".desk-data-{name} .note")).to_contain_text(words)


@pytest.mark.timeout(90)
async def test_a_failed_answer_says_why_and_keeps_what_was_read(tab: Tab) -> None:
    await tab.open("/data")
    rows = tab.page.locator(".desk-data-sources tr[data-source]")
    await expect(rows).to_have_count(3)
    tab.desk.steer(market={"data_down": True})
    note = tab.page.locator(".desk-data-sources .note[role=status]")
    await expect(note).to_contain_text("The store cannot be read. Check the disk.", timeout=30_000)
    await expect(note).to_contain_text("Shown is what was read last.")
    await expect(tab.page.locator(".desk-data-sources .age")).to_contain_text("read ")
    await expect(rows).to_have_count(3)
    again = tab.page.locator(".desk-data-sources").get_by_role("button", name="Ask now")
    asked = int(tab.desk.steer()["asked"]["/sources"])
    await again.click()
    await eventually(
        lambda: int(tab.desk.steer()["asked"]["/sources"]) > asked, 4, what="asked at once"
    )

    tab.desk.steer(market={"data_down": False})
    # Asked by itself after 10 s; where the machine is slow, after 20 more.
    await expect(note).to_be_hidden(timeout=45_000)
    await expect(again).to_be_hidden()
    # The browser itself writes of every answer that is an error.
    tab.complaints[:] = [text for text in tab.complaints if "500 (Internal" not in text]


async def test_a_hidden_tab_asks_for_nothing(tab: Tab) -> None:
    def asked() -> int:
        return int(tab.desk.steer()["asked"].get("/sources", 0))

    hide = """(state) => {
      Object.defineProperty(document, 'visibilityState', { value: state, configurable: true });
      document.dispatchEvent(new Event('visibilitychange'));
    }"""
    await tab.open("/data")
    await expect(tab.page.locator(".desk-data-sources tr[data-source]")).to_have_count(3)
    shown = asked()
    await eventually(lambda: asked() > shown, 20, what="asked again while it is seen")
    await tab.page.evaluate(hide, "hidden")
    hidden = asked()
    await tab.page.wait_for_timeout(6_000)
    assert asked() <= hidden + 1
    await tab.page.evaluate(hide, "visible")
    await eventually(lambda: asked() > hidden + 1, 20, what="asked again when it is seen again")


async def test_a_narrow_screen_needs_no_scrolling_sideways(tab: Tab) -> None:
    await tab.page.set_viewport_size({"width": 420, "height": 860})
    await tab.open("/data")
    await expect(tab.page.locator(".desk-data-sources tr[data-source]")).to_have_count(3)
    wide = await settled(
        lambda: tab.page.evaluate(
            """[...document.querySelectorAll('.stMain, .desk-data .scroll-both')]
                 .filter((node) => node.scrollWidth > node.clientWidth + 1)
                 .map((node) => node.className)"""
        )
    )
    assert wide == []
    await expect(tab.page.locator("[data-source=keyed] .quota")).to_have_text(
        re.compile(r"25 / 25")
    )


async def test_the_strip_stays_in_view_on_a_long_page(tab: Tab) -> None:
    await tab.page.set_viewport_size({"width": 1440, "height": 600})
    await tab.open("/data")
    await expect(tab.page.locator(".desk-data-quality tr[data-symbol]")).to_have_count(5)
    await tab.page.evaluate("document.querySelector('.stMain').scrollTo(0, 400)")
    top = "document.querySelector('.desk-strip').getBoundingClientRect().top"
    assert await settled(lambda: tab.page.evaluate(top)) == 0
    assert await tab.page.evaluate("document.querySelector('.stMain').scrollTop") > 100
