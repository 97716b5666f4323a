"""The page: first candle, tick to screen, and what a tick must not cost.

A puppet desk stamps each tick when it sends it; the page takes the time in the frame in which the
tick is drawn, on the same machine's clock. Beside it runs the floor: a bare page with one
WebSocket straight to the puppet, no gateway, no framework, no chart.

    .venv/bin/python -m bench.dashboard [--seconds 20] [--pages 5]
"""

from __future__ import annotations

import argparse
import math
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil
from playwright.sync_api import Browser, Page, sync_playwright

from tests.dashboard_desk import DashboardDesk, any_port, running_desk
from tests.support import CHROMIUM_HINT, chromium_path

TICKS_PER_SECOND = 50.0
CHROMIUM_OPTIONS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
# The chart asks for its frame before this does, so this runs after the drawing in that frame.
PROBE = """
globalThis.samples = [];
globalThis.deskProbe = (message) => requestAnimationFrame(() => {
  globalThis.samples.push(performance.timeOrigin + performance.now() - message.sent_at);
});
new PerformanceObserver((list) => {
  for (const mark of list.getEntries()) {
    if (mark.name !== 'desk-first-candle') continue;
    requestAnimationFrame(() => requestAnimationFrame(() => {
      globalThis.firstCandle ??= performance.now();
    }));
  }
}).observe({ type: 'mark', buffered: true });
"""
BARE = """(address) => {
  globalThis.samples = [];
  const socket = new WebSocket(address);
  socket.onopen = () => socket.send(JSON.stringify(
    { op: 'subscribe', symbols: ['AAPL'], intervals: ['1m'] }));
  socket.onmessage = (event) => {
    const message = JSON.parse(event.data);
    if (message.type !== 'bar') return;
    document.body.textContent = message.bar.close;
    requestAnimationFrame(() => {
      globalThis.samples.push(performance.timeOrigin + performance.now() - message.sent_at);
    });
  };
}"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=20.0, help="length of the tick run")
    parser.add_argument("--pages", type=int, default=5, help="cold openings of the page")
    options = parser.parse_args()
    path = chromium_path()
    if path is None:
        raise SystemExit(CHROMIUM_HINT)
    with (
        tempfile.TemporaryDirectory() as folder,
        running_desk(Path(folder) / "var", any_port()) as desk,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=path, args=list(CHROMIUM_OPTIONS))
        print_row("idle, nobody looks", **usage_during(desk, 10.0))
        openings(browser, desk, options.pages)
        ticks(browser, desk, options.seconds)
        browser.close()


def openings(browser: Browser, desk: DashboardDesk, count: int) -> None:
    """Print how long a cold page takes to its first painted candle."""
    seconds = []
    for _ in range(count):
        page = open_chart(browser, desk)
        seconds.append(page.evaluate("firstCandle") / 1000)
        page.context.close()
    bare = []
    for _ in range(count):
        page = browser.new_page()
        page.goto(f"{desk.url}/health")
        bare.append(page.evaluate("performance.timing.loadEventEnd - performance.timeOrigin") / 1e3)
        page.context.close()
    median, worst = statistics.median(seconds), max(seconds)
    print_row("open -> first candle", median=f"{median:.2f} s", worst=f"{worst:.2f} s")
    print_row("  floor: an empty answer", median=f"{statistics.median(bare):.3f} s")


def open_chart(browser: Browser, desk: DashboardDesk) -> Page:
    """Return a cold page on the chart, first candle painted."""
    page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    page.add_init_script(PROBE)
    page.request.get(desk.login_url())
    page.goto(f"{desk.url}/chart?symbol=AAPL&interval=1m")
    wait_for(page, "globalThis.firstCandle")
    return page


def ticks(browser: Browser, desk: DashboardDesk, seconds: float) -> None:
    """Print the way of a tick to the screen, ours and the floor, one after the other."""
    desk.steer(market={"ticks_per_second": TICKS_PER_SECOND})
    bare = browser.new_page()
    bare.goto(f"{desk.addresses['market']}/echo")
    bare.evaluate(BARE, f"{desk.addresses['market'].replace('http', 'ws')}/stream")
    floor = collect(bare, seconds)
    bare.context.close()

    page = open_chart(browser, desk)
    look_back(page)
    time.sleep(1)
    before = state(page)
    spent = Usage(desk)
    drawn = collect(page, seconds)
    after = state(page)
    print_row("tick sent -> drawn", **quantiles(drawn, seconds))
    print_row("  floor: a bare page", **quantiles(floor, seconds))
    print_row("reruns", count=after["run"] - before["run"])
    print_row("remounts", count=after["mounts"] - before["mounts"])
    print_row("zoom kept", answer="yes" if after["range"] == before["range"] else "NO")
    print_row("dashboard while drawing", **spent.until_now())
    page.context.close()


def look_back(page: Page) -> None:
    """Scroll into the past and zoom: there the view must stay as it is."""
    page.mouse.move(500, 400)
    page.mouse.down()
    page.mouse.move(900, 400, steps=5)
    page.mouse.up()
    page.mouse.wheel(0, -300)


def wait_for(page: Page, expression: str) -> None:
    """Wait until `expression` is true (the page's policy forbids Playwright's own way)."""
    until = time.monotonic() + 60
    while not page.evaluate(expression):
        if time.monotonic() > until:
            raise SystemExit(f"not within 60 s: {expression}")
        page.wait_for_timeout(10)


def collect(page: Page, seconds: float) -> list[float]:
    """Return the milliseconds from sent to drawn of every tick in that time."""
    wait_for(page, "samples.length > 10")
    page.evaluate("samples.length = 0")
    page.wait_for_timeout(seconds * 1000)
    samples: list[float] = page.evaluate("samples")
    return samples


def state(page: Page) -> dict[str, Any]:
    """Return what a tick must not change."""
    found: dict[str, Any] = page.evaluate(
        """() => ({
          run: Number(document.querySelector('.desk-strip').dataset.run),
          mounts: Number(document.documentElement.dataset.chartMounts)
            + Number(document.documentElement.dataset.stripMounts),
          range: document.querySelector('.desk-candles').dataset.range,
        })"""
    )
    return found


def quantiles(samples: Sequence[float], seconds: float) -> dict[str, str]:
    """Return median, 99th percentile and maximum in words."""
    ordered = sorted(samples)
    return {
        "p50": f"{statistics.median(ordered):.1f} ms",
        "p99": f"{ordered[math.ceil(len(ordered) * 0.99) - 1]:.1f} ms",
        "max": f"{ordered[-1]:.1f} ms",
        "ticks": f"{len(ordered)} ({len(ordered) / seconds:.0f}/s)",
    }


class Usage:
    """CPU and memory of the dashboard's process since this was made."""

    def __init__(self, desk: DashboardDesk) -> None:
        assert desk.process is not None
        self._process = psutil.Process(desk.process.pid)
        self._cpu = sum(self._process.cpu_times()[:2])
        self._since = time.monotonic()

    def until_now(self) -> dict[str, str]:
        """Return percent of one core and resident memory."""
        cpu = sum(self._process.cpu_times()[:2]) - self._cpu
        share = 100 * cpu / (time.monotonic() - self._since)
        memory = self._process.memory_info().rss / 2**20
        return {"cpu": f"{share:.1f} %", "memory": f"{memory:.0f} MiB"}


def usage_during(desk: DashboardDesk, seconds: float) -> dict[str, str]:
    """Return what the dashboard's process uses in that time."""
    spent = Usage(desk)
    time.sleep(seconds)
    return spent.until_now()


def print_row(name: str, **values: object) -> None:
    """Print one figure."""
    print(f"{name:28}" + "  ".join(f"{key} {value}" for key, value in values.items()), flush=True)


if __name__ == "__main__":
    main()
