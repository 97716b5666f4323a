"""The agents' page on a real supervisor whose agents are killed underneath it."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import urllib.request
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.browser.conftest import Tab, logged_in
from tests.browser.real_desk import RealDesk
from tests.dashboard_desk import any_port, running
from tests.support import PUPPETS, eventually

NAMES = ("feed", "strategy", "router", "report")
DEPENDS = {"strategy": ["feed"], "router": ["strategy"]}
KILLS = 12


class TinyDesk(RealDesk):
    """Four agents that only answer /health; nothing is adapted for the tests but their number."""

    def _agents(self) -> dict[str, Any]:
        command = ["python", str(PUPPETS / "healthy.py"), "{port}"]
        ports = {name: any_port() for name in NAMES}
        self.agent_port = ports["feed"]
        common: dict[str, Any] = {"start_command": command, "health_check_interval": 1}
        common |= {"restart": {"max_restarts": 100, "max_delay_seconds": 0.2}}
        agents = {
            name: common
            | {"url": f"http://localhost:{ports[name]}", "depends_on": DEPENDS.get(name, [])}
            for name in NAMES
        }
        off = {"enabled": False, "auto_start": False}
        for name in ("market_data", "pattern_recognition", "risk_management"):
            agents[name] = {"url": f"http://localhost:{any_port()}"} | off
        return {"agents": agents}

    def ask(self, path: str) -> Any:
        return self.control("status")["agents"]["feed"]["status"] == "running"

    def control(self, path: str) -> Any:
        """Return what the control API says."""
        url = json.loads((self.state / "run" / "lease.json").read_text("utf-8"))["control_url"]
        headers = {"authorization": f"Bearer {self.control_token()}"}
        with urllib.request.urlopen(
            urllib.request.Request(f"{url}/v1/{path}", headers=headers), timeout=10
        ) as answer:
            return json.loads(answer.read())

    def agents(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = self.control("status")["agents"]
        return found

    def are_all_up(self) -> bool:
        agents = self.agents()
        return all(agents[name]["health"] == "healthy" for name in NAMES)


@pytest.fixture(scope="module")
def tiny_desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TinyDesk]:
    """Return a real desk with four tiny agents."""
    with running(TinyDesk(tmp_path_factory.mktemp("project"))) as desk:
        yield desk


@pytest_asyncio.fixture(loop_scope="package")
async def tiny_tab(browser: Browser, tiny_desk: TinyDesk) -> AsyncIterator[Tab]:
    """Return a tab on its agents; its console must stay clean."""
    await eventually(tiny_desk.are_all_up, 30)
    async with logged_in(browser, tiny_desk) as tab:
        await tab.open("/agents")
        await expect(tab.page.locator("tr[data-agent=feed]")).to_contain_text("healthy")
        yield tab


async def cells(tab: Tab, name: str) -> dict[str, str]:
    row = tab.page.locator(f"tr[data-agent={name}]")
    labels = {"pid": "Pid", "restarts": "Restarts"}
    found = {
        key: await row.locator(f"[data-label={label}]").inner_text()
        for key, label in labels.items()
    }
    return found | {"status": await row.locator(".status").inner_text()}


def said(agent: dict[str, Any]) -> dict[str, str]:
    return {key: str(agent[key]) for key in ("pid", "restarts", "status")}


def is_replaced(desk: TinyDesk, name: str, pid: int | None) -> bool:
    return bool(desk.agents()[name]["pid"] != pid)


async def is_right(tab: Tab, desk: TinyDesk, name: str) -> bool:
    return await cells(tab, name) == said(desk.agents()[name])


async def test_the_page_stays_right_while_agents_are_killed(
    tiny_tab: Tab, tiny_desk: TinyDesk
) -> None:
    tab, choose = tiny_tab, random.Random(7)
    runs = await tab.run_number()
    await tab.page.locator("tr[data-agent=strategy] .name").click()
    before = {name: tiny_desk.agents()[name]["restarts"] for name in NAMES}
    killed: list[str] = []
    for _ in range(KILLS):
        name = choose.choice(NAMES)
        pid = tiny_desk.agents()[name]["pid"]
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
            killed.append(name)
        await eventually(partial(is_replaced, tiny_desk, name, pid), 20)

    await eventually(tiny_desk.are_all_up, 40)
    after = tiny_desk.agents()
    for name in NAMES:
        assert after[name]["restarts"] - before[name] == killed.count(name)

    for name in NAMES:
        await eventually(partial(is_right, tab, tiny_desk, name), 10, what=f"{name} on screen")
    strategy = tab.page.locator(".desk-agent-detail .fact", has_text="Pid").locator("dd")
    await expect(strategy).to_have_text(str(after["strategy"]["pid"]))
    await history_is_right(tab, tiny_desk, len(killed))
    assert await tab.run_number() == runs
    await expect(tab.page.locator(".desk-graph .node.ok")).to_have_count(len(NAMES))


async def history_is_right(tab: Tab, desk: TinyDesk, kills: int) -> None:
    incidents = desk.control("incidents")["incidents"]
    # One that is killed again before it was well has one incident with two restarts.
    assert sum(item["restarts"] for item in incidents if item["kind"] == "failed") >= kills
    rows = tab.page.locator(".desk-incidents tbody tr")
    await expect(rows).to_have_count(min(50, len(incidents)), timeout=10_000)
    await expect(rows.first).to_contain_text(incidents[0]["agent"])
    await expect(rows.first).to_contain_text("recovered after")

    async def is_newest_event_shown() -> bool:
        newest = desk.control("events?limit=100")["events"]
        shown = await tab.page.locator(".desk-event-table tbody tr").count()
        first = await tab.page.locator(".desk-event-table tbody tr").first.inner_text()
        return shown == len(newest) and str(newest[-1]["agent"] or "desk") in first

    await eventually(is_newest_event_shown, 10)
    bar = tab.page.locator(".state-row[data-of=feed] i.failed, .state-row i.busy")
    assert await bar.count() > 0


async def test_stop_restart_and_start_all_reach_the_supervisor(
    tiny_tab: Tab, tiny_desk: TinyDesk
) -> None:
    tab = tiny_tab
    pid = tiny_desk.agents()["report"]["pid"]
    await tab.page.get_by_role("button", name="Restart report").click()
    await tab.page.get_by_role("dialog").get_by_role("button", name="Restart report").click()
    await eventually(lambda: tiny_desk.agents()["report"]["pid"] not in (pid, None), 20)
    await expect(tab.page.locator("tr[data-agent=report]")).to_contain_text("healthy")

    await tab.page.get_by_role("button", name="Stop feed").click()
    question = tab.page.get_by_role("dialog")
    await expect(question.locator("li")).to_have_text(["strategy", "router"])
    await question.get_by_role("button", name="Stop feed").click()
    await expect(tab.page.locator("tr[data-agent=feed]")).to_contain_text("stopped", timeout=20_000)
    assert tiny_desk.agents()["feed"]["pid"] is None

    await tab.page.get_by_role("button", name="Stop all").click()
    await tab.page.get_by_role("dialog").get_by_role("button", name="Stop every agent").click()
    await expect(tab.page.locator(".desk-agents h3")).to_contain_text("0 of 4 up", timeout=20_000)
    await tab.page.get_by_role("button", name="Start all").click()
    await expect(tab.page.locator(".desk-agents h3")).to_contain_text("4 of 4 up", timeout=30_000)
    assert tiny_desk.are_all_up()


async def test_log_lines_of_a_killed_agent_go_on(tiny_tab: Tab, tiny_desk: TinyDesk) -> None:
    tab = tiny_tab
    await tab.page.locator("tr[data-agent=router] .name").click()
    await tab.page.get_by_role("button", name="Show the log of router").click()
    await tab.page.get_by_label("Search the log").fill("ready")
    lines = tab.page.locator(".desk-log .line")
    await expect(lines.last.locator("mark")).to_have_text("ready")
    before = await lines.count()
    os.kill(tiny_desk.agents()["router"]["pid"], signal.SIGKILL)
    await expect(lines).to_have_count(before + 1, timeout=15_000)
    async with tab.page.expect_download() as file:
        await tab.page.get_by_role("button", name="Download", exact=True).click()
    assert re.search("ready", Path(await (await file.value).path()).read_text("utf-8"))


async def test_mistakes_in_the_files_are_shown_and_change_nothing(
    tiny_tab: Tab, tiny_desk: TinyDesk
) -> None:
    tab = tiny_tab
    file = tiny_desk.root / "config" / "agents.yaml"
    right = file.read_text("utf-8")
    pid = tiny_desk.agents()["report"]["pid"]
    file.write_text(right.replace("  report:\n", "  report:\n    stop_timeout: soon\n"), "utf-8")
    await expect(tab.page.locator(".notice-box")).to_contain_text("1 mistake", timeout=15_000)
    await tab.page.get_by_role("button", name="Reload…").click()
    await expect(tab.page.get_by_role("dialog")).to_contain_text("agents.report.stop_timeout")
    await tab.page.keyboard.press("Escape")

    file.write_text(right, "utf-8")
    await expect(tab.page.locator(".notice-box")).to_be_hidden(timeout=15_000)
    assert tiny_desk.agents()["report"]["pid"] == pid
    tab.complaints = [text for text in tab.complaints if "422" not in text]


async def test_the_emergency_stop_kills_everything(tiny_tab: Tab, tiny_desk: TinyDesk) -> None:
    tab = tiny_tab
    await tab.page.get_by_role("button", name="Emergency stop").click()
    dialog = tab.page.get_by_role("dialog")
    await expect(dialog).to_contain_text("Kills 4 agents at once")
    await dialog.get_by_label("or type STOP").fill("STOP")
    # "0 of 4 up" is said as soon as they are being killed; that they are dead, with the answer.
    async with tab.page.expect_response("**/api/control/emergency-stop") as asked:
        await tab.page.keyboard.press("Enter")
    answer = await (await asked.value).json()
    assert all(answer["results"].values()), answer
    assert set(answer["results"]) >= set(NAMES)
    assert [tiny_desk.agents()[name]["pid"] for name in NAMES] == [None] * 4
    await expect(tab.page.locator(".desk-agents h3")).to_contain_text("0 of 4 up", timeout=20_000)

    await tab.page.get_by_role("button", name="Start all").click()
    await expect(tab.page.locator(".desk-agents h3")).to_contain_text("4 of 4 up", timeout=30_000)


async def test_maintenance_holds_the_supervisor_back(tiny_tab: Tab, tiny_desk: TinyDesk) -> None:
    tab = tiny_tab
    await tab.page.locator("tr[data-agent=report] .name").click()
    await tab.page.get_by_role("button", name="Maintenance of report").click()
    await tab.page.get_by_label("Reason").fill("new line")
    await tab.page.get_by_role("button", name="Begin maintenance").click()
    detail = tab.page.locator(".desk-agent-detail")
    await expect(detail.locator(".message")).to_contain_text("new line", timeout=10_000)
    said = tiny_desk.agents()["report"]["maintenance"]
    assert (said["reason"], said["by"]) == ("new line", "dashboard")

    os.kill(tiny_desk.agents()["report"]["pid"], signal.SIGKILL)
    await eventually(lambda: tiny_desk.agents()["report"]["pid"] is None)
    await expect(tab.page.locator("tr[data-agent=report] [data-label=Pid]")).to_have_text("–")
    await detail.get_by_role("button", name="End maintenance of report").click()
    await expect(detail.locator(".tag")).to_be_hidden(timeout=10_000)
    await expect(tab.page.locator("tr[data-agent=report]")).to_contain_text("healthy")
