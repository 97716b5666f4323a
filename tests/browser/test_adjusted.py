"""The chart around splits and dividends, on the real agent: adjusted as of the clock, live too."""

from __future__ import annotations

import csv
import re
from collections.abc import AsyncIterator, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Route, expect

from tests.browser.conftest import Tab, logged_in, settled
from tests.browser.real_desk import RealDesk
from tests.dashboard_desk import running
from tests.support import eventually

BEFORE_SPLIT = "2005-02-25T20:59:20+00:00"
"""Forty seconds before the last close at which AAPL costs twice as much."""
AFTER_SPLIT = "2005-03-01T17:00:00+00:00"
NUMBERS = ("open", "high", "low", "close", "adjusted_close", "volume")

LARGEST_STEP = """() => {
  const canvases = [...document.querySelectorAll('.desk-candles .canvas canvas')];
  const canvas = canvases.sort((a, b) => b.width * b.height - a.width * a.height)[0];
  const { width, height } = canvas;
  const copy = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
  copy.drawImage(canvas, 0, 0);
  const { data } = copy.getImageData(0, 0, width, height);
  const probe = document.body.appendChild(document.createElement('i'));
  const colours = ['--up', '--down'].map((name) => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color.match(/\\d+/g).slice(0, 3).map(Number);
  });
  probe.remove();
  const isCandle = (x, y) => colours.some(
    (colour) => colour.every((part, i) => data[(y * width + x) * 4 + i] === part));
  const counts = Array.from({ length: height }, (_, y) => {
    let count = 0;
    for (let x = 0; x < width; x += 1) if (isCandle(x, y)) count += 1;
    return count / width;
  });
  // A full row with little above and below is the line of the last price.
  const isThin = (y) => (counts[y - 3] ?? 0) < 0.05 && (counts[y + 3] ?? 0) < 0.05;
  const isLine = (y) => counts[y] > 0.25 && isThin(y);
  const rows = [...counts.keys()].filter((y) => !isLine(y));
  let before = null;
  let step = 0;
  let columns = 0;
  for (let x = 0; x < width; x += 1) {
    const drawn = rows.filter((y) => isCandle(x, y));
    if (drawn.length === 0) continue;
    const here = { top: drawn[0], bottom: drawn.at(-1) };
    if (before) step = Math.max(step, here.top - before.bottom, before.top - here.bottom);
    before = here;
    columns += 1;
  }
  return { step: step / height, columns };
}"""
"""How far, in heights of the chart, one candle on the canvas stands from the next."""

WATCH_LEGEND = """() => {
  const legend = document.querySelector('.desk-candles .legend');
  globalThis.legends = [];
  new MutationObserver(() => globalThis.legends.push(legend.textContent))
    .observe(legend, { subtree: true, childList: true, characterData: true });
}"""
RECORD_TEXTS = """(() => {
  globalThis.texts = [];
  const draw = CanvasRenderingContext2D.prototype.fillText;
  CanvasRenderingContext2D.prototype.fillText = function (text, ...where) {
    globalThis.texts.push(String(text));
    return draw.call(this, text, ...where);
  };
})()"""
GUARD = "price < 0 ? '' : "
PRICE_LABEL = re.compile(r"-?\d+\.\d\d")
FALL = re.compile(r"−[345]\d\.\d\d %")


class ReplayDesk(RealDesk):
    """The real desk with a clock that obeys."""

    def _agents(self) -> dict[str, Any]:
        # Facebook and Google are not listed yet: the browser would report the 404s.
        return super()._agents() | {"dashboard": {"watchlist": ["AAPL", "IBM", "MSFT"]}}


@pytest.fixture(scope="module")
def replay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReplayDesk]:
    """Return a desk whose replay begins two sessions before Apple's split of 2005."""
    project = tmp_path_factory.mktemp("project")
    with running(ReplayDesk(project, {"replay_start": "2005-02-24"})) as desk:
        yield desk


@pytest_asyncio.fixture(loop_scope="package")
async def tab(browser: Browser, replay: ReplayDesk) -> AsyncIterator[Tab]:
    """Return a tab of a person who is logged in; its console must stay clean."""
    async with logged_in(browser, replay) as tab:
        yield tab


async def open_chart(tab: Tab, query: str) -> None:
    await tab.open(f"/chart?{query}")
    frame = tab.page.locator(".desk-candles")
    await expect(frame).to_have_attribute("data-bars", re.compile(r"[1-9]\d*"), timeout=15_000)


async def shown(tab: Tab) -> list[dict[str, str]]:
    async with tab.page.expect_download() as download:
        await tab.page.get_by_role("button", name="CSV").click()
    path: Path = await (await download.value).path()
    with path.open(encoding="utf-8", newline="") as table:
        return list(csv.DictReader(table))


async def assert_numbers_are_the_agents(tab: Tab, desk: ReplayDesk, asked: str) -> None:
    """Compare every bar of the chart, the forming one too; the clock must be paused."""
    symbol, interval, adjusted = asked.split()
    rows = await shown(tab)
    query = f"interval={interval}&adjusted={adjusted}&include_partial=true&limit={len(rows)}"
    bars = desk.ask(f"/historical/{symbol}?{query}")["data"]

    assert [row["timestamp"] for row in rows] == [bar["timestamp"] for bar in bars]
    for row, bar in zip(rows, bars, strict=True):
        assert [float(row[name]) for name in NUMBERS] == [bar[name] for name in NUMBERS], row
        assert row["adjusted"] == adjusted


async def chart_range(tab: Tab) -> tuple[float, float]:
    text = await tab.page.locator(".desk-candles").get_attribute("data-range") or ""
    start, _, end = text.partition(" ")
    return float(start), float(end)


async def zoom_in(tab: Tab, *, away: bool) -> tuple[float, float]:
    """Zoom as a person does; with `away` the newest bars are out of view."""
    box = await tab.page.locator(".desk-candles .canvas").bounding_box()
    assert box is not None
    before = await chart_range(tab)
    x = box["x"] + (600 if away else box["width"] - 120)
    await tab.page.mouse.move(x, box["y"] + 200)
    await tab.page.mouse.wheel(0, -300)
    if away:
        await tab.page.mouse.down()
        await tab.page.mouse.move(x + 300, box["y"] + 200, steps=5)
        await tab.page.mouse.up()

    async def is_zoomed() -> bool:
        return await chart_range(tab) != before

    await eventually(is_zoomed)
    return await settled(lambda: chart_range(tab))


async def cross(tab: Tab, desk: ReplayDesk, rereads: int, speed: int = 60) -> None:
    """Let the clock run until the page has read its bars anew, and pause it."""
    desk.set_clock(speed=speed, paused=False)
    frame = tab.page.locator(".desk-candles")
    await expect(frame).to_have_attribute("data-rereads", str(rereads), timeout=45_000)
    await pause(tab, desk)


async def pause(tab: Tab, desk: ReplayDesk) -> None:
    """Pause the clock, and wait until the page has drawn all that was on its way."""
    desk.set_clock(paused=True)
    await expect(tab.page.locator(".replay")).to_contain_text("paused", timeout=10_000)
    frame = tab.page.locator(".desk-candles")
    await settled(frame.inner_text)


def largest_gap(rows: list[dict[str, str]]) -> float:
    """Return how far, in parts of the price, one bar opened from the close before."""
    pairs = pairwise(rows)
    return max(abs(float(b["open"]) / float(a["close"]) - 1) for a, b in pairs)


async def largest_step(tab: Tab) -> float:
    found = await settled(lambda: tab.page.evaluate(LARGEST_STEP))
    assert found["columns"] > 100
    return float(found["step"])


async def test_a_split_is_no_cliff_unless_asked_for(tab: Tab, replay: ReplayDesk) -> None:
    replay.set_clock(now=AFTER_SPLIT, paused=True)
    await open_chart(tab, "symbol=AAPL&interval=1d")
    legend = tab.page.locator(".legend .adjusted")
    frame = tab.page.locator(".desk-candles")

    await expect(tab.page).to_have_url(re.compile(r"symbol=AAPL&interval=1d&adjusted=splits$"))
    await expect(legend).to_have_text("adjusted for splits")
    await assert_numbers_are_the_agents(tab, replay, "AAPL 1d splits")
    assert await largest_step(tab) < 0.2

    view = await chart_range(tab)
    await tab.page.get_by_role("button", name="Adjusted: none").focus()
    await tab.page.keyboard.press("Enter")
    await expect(frame).to_have_attribute("data-adjusted", "none")
    await expect(tab.page).to_have_url(re.compile(r"adjusted=none$"))
    await expect(legend).to_have_text("not adjusted")
    await assert_numbers_are_the_agents(tab, replay, "AAPL 1d none")
    assert await largest_step(tab) > 0.3
    # Another width of the price axis may show a bar more or less on the left.
    assert await chart_range(tab) == pytest.approx(view, abs=3)

    await tab.page.get_by_role("button", name="Adjusted: splits").click()
    await expect(frame).to_have_attribute("data-adjusted", "splits")
    assert await largest_step(tab) < 0.2
    assert await chart_range(tab) == pytest.approx(view, abs=3)
    assert await tab.mounts("chartMounts") == 1


@pytest.mark.parametrize("is_guarded", [True, False], ids=["guarded", "control-arm"])
async def test_the_axis_names_no_price_below_zero(
    tab: Tab, replay: ReplayDesk, is_guarded: bool
) -> None:
    async def unguarded(route: Route) -> None:
        answer = await route.fetch()
        script = await answer.text()
        assert GUARD in script
        await route.fulfill(response=answer, body=script.replace(GUARD, ""))

    if not is_guarded:
        await tab.page.route("**/candle_pane.js*", unguarded)
    await tab.page.add_init_script(RECORD_TEXTS)
    replay.set_clock(now=AFTER_SPLIT, paused=True)
    # From 7 to 45 dollars: below the lowest candle the axis goes on under the volume.
    await open_chart(tab, "symbol=AAPL&interval=1M&adjusted=splits")

    async def labels() -> set[str]:
        texts: list[str] = await tab.page.evaluate("texts")
        return {text for text in texts if PRICE_LABEL.fullmatch(text)}

    async def reaches_zero() -> bool:
        return "0.00" in await labels()

    await eventually(reaches_zero)
    assert any(label.startswith("-") for label in await labels()) is not is_guarded


async def test_the_choice_survives_reload_pages_and_symbols(tab: Tab, replay: ReplayDesk) -> None:
    replay.set_clock(now=AFTER_SPLIT, paused=True)
    await open_chart(tab, "symbol=MSFT&interval=1d")
    runs = await tab.run_number()
    button = tab.page.get_by_role("button", name="Adjusted: all")
    await button.click()
    legend = tab.page.locator(".legend .adjusted")
    await expect(legend).to_have_text("adjusted for splits and dividends")
    assert await tab.run_number() == runs
    await assert_numbers_are_the_agents(tab, replay, "MSFT 1d all")

    await tab.page.reload()
    await expect(legend).to_have_text("adjusted for splits and dividends")
    await tab.page.get_by_role("link", name="Agents", exact=True).click()
    await expect(tab.page.locator(".desk-agents")).to_be_visible()
    await tab.page.get_by_role("link", name="Chart", exact=True).click()
    await expect(legend).to_have_text("adjusted for splits and dividends")
    await expect(button).to_have_attribute("aria-pressed", "true")
    await tab.page.get_by_label("Symbol").fill("IBM")
    await tab.page.keyboard.press("Enter")
    await expect(tab.page).to_have_url(re.compile(r"symbol=IBM&interval=1d&adjusted=all$"))
    await expect(tab.page.locator(".legend")).to_contain_text("forming")
    await assert_numbers_are_the_agents(tab, replay, "IBM 1d all")

    await open_chart(tab, "symbol=AAPL&interval=1d&adjusted=none")
    await expect(legend).to_have_text("not adjusted")
    await open_chart(tab, "symbol=AAPL&interval=1d&adjusted=nonsense")
    await expect(tab.page).to_have_url(re.compile(r"adjusted=none$"))


@pytest.mark.parametrize(
    ("interval", "adjusted", "away"),
    [
        ("1d", "splits", True),
        ("1m", "splits", False),
        ("1m", "splits", True),
        ("1h", "all", False),
        ("1M", "splits", False),
        ("1w", "all", True),
    ],
)
async def test_a_split_that_comes_while_one_looks_on(
    tab: Tab, replay: ReplayDesk, interval: str, adjusted: str, away: bool
) -> None:
    replay.set_clock(now=BEFORE_SPLIT, paused=True)
    await open_chart(tab, f"symbol=AAPL&interval={interval}&adjusted={adjusted}")
    await assert_numbers_are_the_agents(tab, replay, f"AAPL {interval} {adjusted}")
    start, end = await zoom_in(tab, away=away)
    newest = len(await shown(tab))
    runs = await tab.run_number()
    await tab.page.mouse.move(5, 600)
    await tab.page.evaluate(WATCH_LEGEND)

    await cross(tab, replay, 1)

    legends = await tab.page.evaluate("legends")
    assert len(legends) > 5
    assert [text for text in legends if FALL.search(text)] == []
    rows = await shown(tab)
    assert float(rows[-1]["close"]) < 50
    await assert_numbers_are_the_agents(tab, replay, f"AAPL {interval} {adjusted}")
    assert largest_gap(rows) < 0.2
    moved = 0 if away else len(rows) - newest
    assert await chart_range(tab) == pytest.approx((start + moved, end + moved), abs=0.02)
    assert (await tab.run_number(), await tab.mounts("chartMounts")) == (runs, 1)


async def test_unadjusted_the_split_shows_as_it_was_traded(tab: Tab, replay: ReplayDesk) -> None:
    replay.set_clock(now=BEFORE_SPLIT, paused=True)
    await open_chart(tab, "symbol=AAPL&interval=1m&adjusted=none")

    await cross(tab, replay, 1)
    await assert_numbers_are_the_agents(tab, replay, "AAPL 1m none")
    assert largest_gap(await shown(tab)) == pytest.approx(0.5, abs=0.05)


async def test_a_dividend_counts_at_the_open_and_exactly_from_the_close(
    tab: Tab, replay: ReplayDesk
) -> None:
    replay.set_clock(now="2004-11-12T20:59:20+00:00", paused=True)
    await open_chart(tab, "symbol=MSFT&interval=1d&adjusted=all")
    await cross(tab, replay, 1)
    await assert_numbers_are_the_agents(tab, replay, "MSFT 1d all")
    provisional = (await shown(tab))[0]["close"]

    await cross(tab, replay, 2, speed=1000)
    await assert_numbers_are_the_agents(tab, replay, "MSFT 1d all")
    assert (await shown(tab))[0]["close"] != provisional


async def test_a_split_during_a_lost_connection_is_seen_afterwards(
    tab: Tab, replay: ReplayDesk
) -> None:
    replay.set_clock(now=BEFORE_SPLIT, paused=True)
    await open_chart(tab, "symbol=AAPL&interval=1d")
    start, end = await zoom_in(tab, away=True)
    await tab.page.context.set_offline(True)
    replay.set_clock(speed=60, paused=False)
    await tab.page.evaluate(
        """async () => {
          const scripts = performance.getEntriesByType('resource').map((entry) => entry.name);
          const { market } = await import(scripts.find((name) => /js\\/hub/.test(name)));
          market.socket.socket?.close();
        }"""
    )
    await eventually(lambda: replay.ask("/clock")["session"] == "2005-02-28", 20)
    await tab.page.context.set_offline(False)
    frame = tab.page.locator(".desk-candles")
    await expect(frame).to_have_attribute("data-rereads", "1", timeout=20_000)
    await pause(tab, replay)

    await assert_numbers_are_the_agents(tab, replay, "AAPL 1d splits")
    assert await chart_range(tab) == pytest.approx((start, end), abs=0.02)
    # The browser itself reports what fails while it is offline.
    tab.complaints = [text for text in tab.complaints if "ERR_INTERNET" not in text]
