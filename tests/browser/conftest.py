"""A real Chromium on a dashboard in front of a puppet desk."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright, expect

from tests.dashboard_desk import DashboardDesk, any_port, running_desk
from tests.support import eventually

T = TypeVar("T")

PATTERNS_UP: dict[str, Any] = {
    "enabled": True, "auto_start": True, "status": "running", "health": "healthy", "pid": 4720,
    "error_message": None,
}  # fmt: skip
PATTERNS_OFF: dict[str, Any] = {
    "enabled": False, "auto_start": False, "status": "stopped", "health": "unknown", "pid": None,
}  # fmt: skip
RISK_UP: dict[str, Any] = PATTERNS_UP | {"pid": 4730}
RISK_OFF: dict[str, Any] = PATTERNS_OFF

CHROMIUM_OPTIONS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
CALM: dict[str, Any] = {
    "silent": False, "down": False, "finished": False, "conflated": 0, "ticks_per_second": 5.0,
    "data_down": False, "data_empty": False, "more_gaps": [], "recordings": {}, "played": None,
}  # fmt: skip
EXPECT_MILLISECONDS = 15_000
"""What is expected of a page is waited for so long: several browsers may share two cores."""
expect.set_options(timeout=EXPECT_MILLISECONDS)

NOON: dict[str, Any] = {"now": "2012-09-05T16:00:00+00:00", "speed": 60, "paused": False}


@dataclass
class Tab:
    """A page of a person who is logged in, and what its console said.

    Attributes:
        page: Playwright's page.
        desk: What it looks at.
        complaints: Errors and warnings of the console, exceptions, violations of the policy.
    """

    page: Page
    desk: DashboardDesk
    complaints: list[str] = field(default_factory=list)

    async def open(self, path: str = "/") -> None:
        """Open a view and wait until its strip stands."""
        await self.page.goto(f"{self.desk.url}{path}")
        await self.page.wait_for_selector(".desk-strip", timeout=30_000)

    async def text(self, selector: str) -> str:
        """Return the text of the first element that matches."""
        return (await self.page.locator(selector).first.inner_text()).strip()

    async def run_number(self) -> int:
        """Return how often the script has run in this session."""
        return int(await self.page.locator(".desk-strip").get_attribute("data-run") or 0)

    async def mounts(self, name: str) -> int:
        """Return how often a component was mounted in this page."""
        return int(await self.page.evaluate(f"document.documentElement.dataset.{name} ?? 0"))


@pytest.fixture(scope="package")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DashboardDesk]:
    """Return a dashboard in front of a puppet desk."""
    state: Path = tmp_path_factory.mktemp("desk") / "var"
    with running_desk(state, any_port()) as running:
        yield running


@pytest.fixture
def calm_desk(desk: DashboardDesk) -> Iterator[DashboardDesk]:
    """Return the desk with everything as at the start, and put it back afterwards."""
    names = ("market_data", "pattern_recognition", "risk_management", "dashboard")
    up: dict[str, Any] = {
        "status": "running", "health": "healthy", "error_message": None, "pid": 4711,
        "management": "managed", "data_state": "fresh", "restarts": 0,
        "maintenance": None, "held_restart": None, "schedule": None, "waiting_for": [],
        "data_is_ageing": False, "data_holds_seconds": 1e9,
    }  # fmt: skip

    def calm() -> None:
        desk.steer(market=CALM, clock=NOON, agents={"market_data": up}, refusal=None, keep=names)
        desk.steer(status_of_refusal=409, delay_seconds=0.0, mistakes=[], reload={"changes": []})
        desk.steer(history={"is_down": False, "incidents": []})

    calm()
    yield desk
    calm()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let all tests of this folder run in one event loop: the browser they share lives in it."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.asyncio(loop_scope="package"), append=False)


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def browser(chromium: str) -> AsyncIterator[Browser]:
    """Return a browser; each test has a profile of its own in it."""
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(
            executable_path=chromium, args=list(CHROMIUM_OPTIONS)
        )
        yield launched
        await launched.close()


@pytest_asyncio.fixture(loop_scope="package")
async def tab(browser: Browser, calm_desk: DashboardDesk) -> AsyncIterator[Tab]:
    """Return a tab of a person who is logged in; its console must stay clean."""
    async with logged_in(browser, calm_desk) as tab:
        yield tab


@pytest_asyncio.fixture(loop_scope="package")
async def pattern_tab(browser: Browser, calm_desk: DashboardDesk) -> AsyncIterator[Tab]:
    """Return such a tab on a desk whose pattern agent runs."""
    calm_desk.steer(agents={"pattern_recognition": PATTERNS_UP}, patterns={"calm": True})
    try:
        async with logged_in(browser, calm_desk) as tab:
            yield tab
    finally:
        calm_desk.steer(agents={"pattern_recognition": PATTERNS_OFF}, patterns={"calm": True})


@pytest_asyncio.fixture(loop_scope="package")
async def risk_tab(browser: Browser, calm_desk: DashboardDesk) -> AsyncIterator[Tab]:
    """Return such a tab on a desk whose risk agent runs."""
    calm_desk.steer(agents={"risk_management": RISK_UP}, risk={"calm": True})
    try:
        async with logged_in(browser, calm_desk) as tab:
            yield tab
    finally:
        calm_desk.steer(agents={"risk_management": RISK_OFF}, risk={"calm": True})


@asynccontextmanager
async def logged_in(browser: Browser, desk: DashboardDesk) -> AsyncIterator[Tab]:
    """Yield a tab, nothing opened, of a person who is logged in; its console must stay clean."""
    context = await browser.new_context(viewport={"width": 1440, "height": 900})
    # The link is followed without drawing a page, which takes a second of every test.
    await context.request.get(desk.login_url())
    tab = Tab(await context.new_page(), desk)
    watch(tab)
    yield tab
    await context.close()
    assert tab.complaints == []


async def settled(read: Callable[[], Awaitable[T]]) -> T:
    """Return what `read` returns once it says the same four times in a row."""
    seen: list[T] = []

    async def is_settled() -> bool:
        seen.append(await read())
        return len(seen) > 3 and all(other == seen[-1] for other in seen[-4:])

    await eventually(is_settled, 20, interval=0.15)
    return seen[-1]


def watch(tab: Tab) -> None:
    """Collect what the page complains about."""

    def on_console(message: Any) -> None:
        if message.type in ("error", "warning"):
            tab.complaints.append(f"{message.type}: {message.text}")

    tab.page.on("console", on_console)
    tab.page.on("pageerror", lambda error: tab.complaints.append(f"exception: {error}"))
