"""What moves: ticks cost no rerun, nothing is silently old, what was missed is filled in."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

from playwright.async_api import Browser, Page, expect

from tests.browser.conftest import Tab, settled, watch
from tests.dashboard_desk import DashboardDesk, any_port, running_desk
from tests.support import eventually

COUNT_UPDATES = "globalThis.updates = 0; globalThis.deskProbe = () => { globalThis.updates += 1; }"


async def chart_range(page: Page) -> str:
    return await page.locator(".desk-candles").get_attribute("data-range") or ""


async def bars_loaded(tab: Tab) -> None:
    frame = tab.page.locator(".desk-candles")
    await expect(frame).to_have_attribute("data-bars", re.compile(r"[1-9]\d*"), timeout=15_000)


async def span(tab: Tab) -> tuple[datetime, datetime]:
    """Return the times of the first and the last bar drawn."""
    text = await tab.page.locator(".desk-candles").get_attribute("data-span")
    assert text, "no bars are drawn"
    first, _, last = text.partition(" ")
    return datetime.fromisoformat(first), datetime.fromisoformat(last)


async def csv_times(tab: Tab) -> list[datetime]:
    """Save the bars and return their times. Not to be polled.

    Chromium drops the eleventh file that a page hands out within a second, without a word.
    """
    async with tab.page.expect_download() as csv:
        await tab.page.get_by_role("button", name="CSV").click()
    path: Path = await (await csv.value).path()
    lines = path.read_text("utf-8").splitlines()[1:]
    return [datetime.fromisoformat(line.split(",")[1]) for line in lines]


async def test_200_updates_cost_no_rerun_and_no_remount_and_keep_the_zoom(tab: Tab) -> None:
    await tab.open("/chart?symbol=AAPL&interval=1m")
    await bars_loaded(tab)
    box = await tab.page.locator(".desk-candles .canvas").bounding_box()
    assert box is not None
    await tab.page.mouse.move(box["x"] + 300, box["y"] + 200)
    await tab.page.mouse.down()
    await tab.page.mouse.move(box["x"] + 800, box["y"] + 200, steps=5)
    await tab.page.mouse.up()
    await tab.page.mouse.wheel(0, -300)
    await tab.page.evaluate(COUNT_UPDATES)
    await eventually(lambda: tab.page.evaluate("updates >= 5"))
    before = (await chart_range(tab.page), await tab.run_number())

    tab.desk.steer(market={"ticks_per_second": 50.0})
    await eventually(lambda: tab.page.evaluate("updates >= 205"), 30)

    assert (await chart_range(tab.page), await tab.run_number()) == before
    assert (await tab.mounts("chartMounts"), await tab.mounts("stripMounts")) == (1, 1)
    assert [len(wanted) for wanted in tab.desk.steer()["wanted"]] == [1]


async def visible_bars(tab: Tab) -> float:
    start, _, end = (await chart_range(tab.page)).partition(" ")
    return float(end) - float(start)


async def test_the_zoom_outlives_the_interval_and_the_page(tab: Tab) -> None:
    await tab.open("/chart?symbol=AAPL&interval=1m")
    await bars_loaded(tab)
    box = await tab.page.locator(".desk-candles .canvas").bounding_box()
    assert box is not None
    at_first = await visible_bars(tab)
    await tab.page.mouse.move(box["x"] + 700, box["y"] + 200)
    await eventually(lambda: zoomed_in(tab, at_first), interval=0.2)
    zoomed = await settled(lambda: visible_bars(tab))

    await tab.page.get_by_role("button", name="Interval 5m").click()
    await expect(tab.page.locator(".legend")).to_contain_text("forming")
    assert abs(await visible_bars(tab) - zoomed) < 3
    await tab.page.get_by_role("link", name="Agents", exact=True).click()
    await expect(tab.page.locator(".desk-agents")).to_be_visible()
    await tab.page.get_by_role("link", name="Chart", exact=True).click()
    await bars_loaded(tab)
    await expect(tab.page.locator(".legend")).to_contain_text("forming")
    assert abs(await visible_bars(tab) - zoomed) < 3


async def zoomed_in(tab: Tab, at_first: float) -> bool:
    """Turn the wheel by one notch, which shows a tenth less; return whether that is enough."""
    await tab.page.mouse.wheel(0, -600)
    return await visible_bars(tab) < at_first * 0.7


async def test_a_click_on_the_watchlist_opens_the_chart_in_the_same_page(tab: Tab) -> None:
    await tab.open()
    await tab.page.locator("tr[data-symbol=IBM] .last").click()
    await bars_loaded(tab)

    await expect(tab.page.get_by_label("Symbol")).to_have_value("IBM")
    assert "symbol=IBM" in tab.page.url
    assert await tab.mounts("stripMounts") == 1


async def test_sockets_survive_the_change_of_pages(tab: Tab) -> None:
    await tab.open()
    for name in ("Chart", "Agents", "Overview", "Chart", "Overview"):
        await tab.page.get_by_role("link", name=name, exact=True).click()
        await expect(tab.page).to_have_title(f"{name} · Trading Dashboard")
    await expect(tab.page.locator(".desk-watchlist")).to_be_visible()

    assert tab.desk.steer()["sockets"] == {"market": 1, "control": 1}
    assert await tab.mounts("stripMounts") == 1


async def test_the_url_names_symbol_and_interval_and_can_be_shared(tab: Tab) -> None:
    await tab.open("/chart?symbol=GOOG&interval=1h")
    await bars_loaded(tab)
    runs = await tab.run_number()
    await expect(tab.page.get_by_label("Symbol")).to_have_value("GOOG")
    await expect(tab.page.get_by_role("button", name="Interval 1h")).to_have_class(re.compile("on"))

    await tab.page.get_by_role("button", name="Interval 1d").click()
    await tab.page.get_by_label("Symbol").fill("msft")
    await tab.page.keyboard.press("Enter")
    await expect(tab.page).to_have_url(re.compile(r"symbol=MSFT&interval=1d"))
    await bars_loaded(tab)
    assert await tab.run_number() == runs


async def test_every_interval_shows_bars(tab: Tab) -> None:
    await tab.open("/chart?symbol=AAPL&interval=1s")
    for interval in (
        "1s",
        "5s",
        "15s",
        "30s",
        "1m",
        "2m",
        "5m",
        "15m",
        "30m",
        "1h",
        "4h",
        "1w",
        "1M",
    ):
        await tab.page.get_by_role("button", name=f"Interval {interval}", exact=True).click()
        await expect(tab.page.locator(".legend")).to_contain_text("forming")
        await expect(tab.page.locator(".desk-candles .notice")).to_be_hidden()


async def test_scrolling_back_reads_older_bars_and_stays_where_it_is(tab: Tab) -> None:
    await tab.open("/chart?symbol=AAPL&interval=1d")
    await bars_loaded(tab)
    first, _ = await span(tab)
    box = await tab.page.locator(".desk-candles .canvas").bounding_box()
    assert box is not None

    async def older() -> bool:
        assert box is not None
        await tab.page.mouse.move(box["x"] + 100, box["y"] + 200)
        await tab.page.mouse.down()
        await tab.page.mouse.move(box["x"] + 850, box["y"] + 200, steps=4)
        await tab.page.mouse.up()
        return (await span(tab))[0] < first

    await eventually(older, 30, interval=0.2)
    times = await csv_times(tab)
    assert times == sorted(set(times))
    assert times[0] < first


async def test_an_unknown_symbol_offers_near_ones(tab: Tab) -> None:
    await tab.open("/chart?symbol=APPL")
    notice = tab.page.locator(".desk-candles .notice")

    await expect(notice).to_contain_text("Symbol 'APPL' is not known.")
    await notice.get_by_role("button", name="AAPL").click()
    await bars_loaded(tab)
    await expect(tab.page).to_have_url(re.compile("symbol=AAPL"))
    # The browser itself reports the 404.
    tab.complaints = [text for text in tab.complaints if "404" not in text]


async def test_a_jump_of_the_clock_reads_everything_anew(tab: Tab) -> None:
    await tab.open("/chart?symbol=AAPL&interval=1m")
    await bars_loaded(tab)
    await tab.page.locator(".desk-strip .replay").click()
    await tab.page.get_by_label("Jump to date").fill("2005-03-01")
    await tab.page.get_by_role("button", name="Jump").click()

    async def is_there() -> bool:
        return (await span(tab))[1].date().isoformat() == "2005-03-01"

    await eventually(is_there)
    times = await csv_times(tab)
    assert times == sorted(set(times))
    assert times[-1].date().isoformat() == "2005-03-01"


async def test_silence_is_shown_and_prices_are_greyed(tab: Tab) -> None:
    await tab.open()
    await expect(tab.page.locator(".desk-watchlist.is-stale")).to_have_count(0)
    tab.desk.steer(market={"silent": True})

    note = tab.page.locator(".desk-watchlist .condition")
    await expect(note).to_have_text(re.compile(r"No data for \d+ s"), timeout=10_000)
    await expect(tab.page.locator(".desk-watchlist.is-stale")).to_have_count(1)
    await expect(tab.page.locator(".desk-strip .data.warn")).to_contain_text("No data for")
    tab.desk.steer(market={"silent": False})
    await expect(tab.page.locator(".desk-watchlist.is-stale")).to_have_count(0)


async def test_the_age_of_the_data_stays_true_where_no_symbol_is_shown(tab: Tab) -> None:
    await tab.open()
    await expect(tab.page.locator(".desk-strip .data")).to_contain_text("< 1 s")
    tab.desk.steer(market={"ticks_per_second": 200.0})
    await tab.page.get_by_role("link", name="Agents", exact=True).click()
    await expect(tab.page.locator(".desk-agents")).to_be_visible()
    # A tick that came after its symbol was left would be counted as the newest from here on.
    await tab.page.wait_for_timeout(3000)
    # On a busy machine it may be a second for a moment; counted so, it would never be less again.
    await expect(tab.page.locator(".desk-strip .data")).to_contain_text("< 1 s")


async def test_an_agent_that_calls_its_data_stale_is_believed(tab: Tab) -> None:
    await tab.open()
    tab.desk.steer(agents={"market_data": {"data_state": "stale", "data_age_seconds": 42.0}})

    await expect(tab.page.locator(".desk-watchlist .condition")).to_contain_text(
        "market_data reports stale data (42 s)"
    )
    await expect(tab.page.locator(".desk-watchlist.is-stale")).to_have_count(1)


async def test_what_was_missed_is_filled_in_after_a_reconnect(tab: Tab) -> None:
    await tab.open("/chart?symbol=AAPL&interval=1m")
    await bars_loaded(tab)
    tab.desk.steer(market={"down": True}, drop=["market"])
    banner = tab.page.locator(".chart-banner")
    await expect(banner).to_contain_text(re.compile("lost, no data for .*, retry in"))
    missed_from = (await csv_times(tab))[-1]
    clock = tab.desk.steer()["clock"]["now"]
    waiting = datetime.fromisoformat(clock) + timedelta(minutes=3)
    await eventually(lambda: datetime.fromisoformat(tab.desk.steer()["clock"]["now"]) > waiting)

    tab.desk.steer(market={"down": False})
    await expect(banner).to_be_hidden(timeout=20_000)
    await tab.page.evaluate(COUNT_UPDATES)
    await eventually(lambda: tab.page.evaluate("updates > 3"))
    times = await csv_times(tab)

    steps = {after - before for before, after in pairwise(times)}
    assert times[-1] > missed_from + timedelta(minutes=2)
    assert steps == {timedelta(minutes=1)}
    assert await tab.mounts("chartMounts") == 1


async def test_a_starting_agent_is_shown_with_its_progress(tab: Tab) -> None:
    await tab.open()
    tab.desk.steer(
        market={"down": True},
        drop=["market"],
        agents={"market_data": {"status": "starting", "health": "unknown", "pid": 4713}},
    )

    await expect(tab.page.locator(".desk-watchlist .condition")).to_contain_text(
        "market_data is starting"
    )
    await expect(tab.page.locator(".desk-agent-panel")).to_contain_text("starting for")
    await expect(tab.page.locator(".desk-strip .agents.warn")).to_have_text("Agents 0/1")


async def test_a_lost_supervisor_is_shown_at_once(browser: Browser, tmp_path: Path) -> None:
    with running_desk(tmp_path / "var", any_port()) as desk:
        tab = await logged_in(browser, desk)
        desk.end_puppet()

        banner = tab.page.locator(".desk-banner")
        await expect(banner).to_contain_text("The supervisor is gone", timeout=15_000)
        await expect(banner).to_contain_text("Retrying in")
        await expect(tab.page.locator(".gate")).to_contain_text("HALTED")
        await expect(tab.page.locator(".desk-watchlist.is-stale")).to_have_count(1)
        await expect(tab.page.locator(".desk-agent-panel.is-stale")).to_have_count(1)
        await tab.page.context.close()


async def test_bars_dropped_for_a_slow_reader_are_read_again(tab: Tab) -> None:
    await tab.open("/chart?symbol=AAPL&interval=1m")
    await bars_loaded(tab)
    tab.desk.steer(market={"silent": True}, clock={"speed": 600})
    later = (await span(tab))[1] + timedelta(minutes=5)
    await eventually(lambda: datetime.fromisoformat(tab.desk.steer()["clock"]["now"]) > later)
    tab.desk.steer(clock={"speed": 60}, market={"conflated": 4, "silent": False})

    async def is_whole() -> bool:
        first, last = await span(tab)
        bars = await tab.page.locator(".desk-candles").get_attribute("data-bars")
        return last >= later and (last - first) / timedelta(minutes=1) + 1 == int(bars or 0)

    await eventually(is_whole)
    times = await csv_times(tab)
    assert times[-1] >= later
    assert {after - before for before, after in pairwise(times)} == {timedelta(minutes=1)}
    await expect(tab.page.locator(".legend")).to_contain_text("forming")


async def test_the_chart_forgets_its_oldest_bars(tab: Tab) -> None:
    await tab.open("/chart?symbol=AAPL&interval=1m")
    await bars_loaded(tab)
    outcome = await tab.page.evaluate(
        """async () => {
          const scripts = performance.getEntriesByType('resource').map((entry) => entry.name);
          const { BarSeries } = await import(scripts.find((name) => /bar_series/.test(name)));
          const series = new BarSeries('1m', 'America/New_York');
          const at = (minute) => ({ timestamp: new Date(minute * 60000).toISOString(), close: 1 });
          for (const minute of [0, 1, 2, 5, 6, 7]) series.push(at(minute));
          const filled = series.fill([0, 1, 2, 3, 4, 5, 6, 7, 8].map(at));
          const gone = series.trim(3);
          const times = series.bars.map((bar) => bar.timestamp.slice(14, 16));
          return [filled, gone, times, series.byTime.size];
        }"""
    )

    assert outcome == [2, 5, ["05", "06", "07"], 3]


async def test_a_lost_dashboard_is_shown_and_everything_comes_back(
    browser: Browser, tmp_path: Path
) -> None:
    with running_desk(tmp_path / "var", any_port()) as desk:
        tab = await logged_in(browser, desk)
        assert desk.process is not None
        desk.process.kill()
        desk.process.wait(10)

        banner = tab.page.locator(".desk-banner")
        await expect(banner).to_contain_text("The dashboard does not answer", timeout=15_000)
        await expect(tab.page.locator("[role=dialog]:visible")).to_have_count(0)
        assert desk.process.stdout is not None
        desk.process.stdout.close()
        desk.start_dashboard()
        await expect(banner).to_be_hidden(timeout=20_000)
        await expect(tab.page.locator(".desk-watchlist.is-stale")).to_have_count(0)
        await tab.page.context.close()


async def test_an_ended_session_is_said_calmly_and_a_new_login_revives_the_page(
    browser: Browser, tmp_path: Path
) -> None:
    with running_desk(tmp_path / "var", any_port()) as desk:
        tab = await logged_in(browser, desk)
        key = desk.state / "run" / "login.key"
        key.write_bytes(b"k" * 32)
        assert desk.process is not None
        desk.process.kill()
        desk.process.wait(10)
        assert desk.process.stdout is not None
        desk.process.stdout.close()
        desk.start_dashboard()

        banner = tab.page.locator(".desk-banner")
        await expect(banner).to_contain_text("Your session has ended", timeout=20_000)
        await tab.page.wait_for_timeout(3_000)
        await expect(tab.page.locator("[role=dialog]:visible")).to_have_count(0)
        other = await tab.page.context.new_page()
        await other.goto(desk.login_url())
        await expect(banner).to_be_hidden(timeout=20_000)
        await expect(tab.page.locator(".desk-watchlist .last").first).to_have_text(
            re.compile(r"\d")
        )
        await tab.page.get_by_role("link", name="Agents", exact=True).click()
        await expect(tab.page.locator(".desk-agents")).to_be_visible()
        await tab.page.context.close()


async def logged_in(browser: Browser, desk: DashboardDesk) -> Tab:
    tab = Tab(await (await browser.new_context()).new_page(), desk)
    watch(tab)
    await tab.page.goto(desk.login_url())
    await tab.page.wait_for_selector(".desk-strip", timeout=30_000)
    await expect(tab.page.locator(".desk-watchlist .last").first).to_have_text(re.compile(r"\d"))
    return tab
