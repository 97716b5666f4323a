"""One agent in full, the graph, the timeline and the history: they say what the API says."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from playwright.async_api import expect

from tests.browser.conftest import Tab
from tests.browser.test_agents_table import DEPENDENT, dialog, posts_since
from tests.puppets.fake_history import incident
from tests.puppets.fake_market import stamp

PROBES = [
    {
        "role": "readiness", "kind": "http", "is_passing": False, "message": "answered 503",
        "latency_seconds": 0.0123, "checked_at": "2026-11-22T10:00:00Z", "failures": 3,
    },
    {
        "role": "liveness", "kind": "tcp", "is_passing": None, "message": None,
        "latency_seconds": None, "checked_at": None, "failures": 0,
    },
]  # fmt: skip


def transition(minutes_ago: float, agent: str, before: str, after: str, seq: int) -> dict[str, Any]:
    moment = datetime.now(UTC) - timedelta(minutes=minutes_ago)
    data = {"from": before, "to": after, "reason": "killed by signal 9"}
    event = {"time": stamp(moment), "kind": "transition", "agent": agent, "data": data, "seq": seq}
    return event | {"status": after, "health": "healthy" if after == "running" else "unknown"}


async def test_the_chosen_agent_is_in_the_url_and_shown_in_full(tab: Tab) -> None:
    changes = {"probes": PROBES, "start_command": ["python", "-m", "agent", "--key", "****"]}
    changes |= {"data_allowed_age_seconds": 30.0, "data_age_seconds": 0.4}
    tab.desk.steer(agents={"market_data": changes, "strategy": {"depends_on": ["market_data"]}})
    await tab.open("/agents")
    runs = await tab.run_number()
    await tab.page.get_by_role("button", name="market_data", exact=True).first.click()

    await expect(tab.page).to_have_url(re.compile(r"/agents\?agent=market_data$"))
    detail = tab.page.locator(".desk-agent-detail")
    await expect(detail).to_contain_text("python -m agent --key ****")
    await expect(detail).to_contain_text("fresh 0.4 s of 30 s")
    await expect(detail.locator(".fact", has_text="Needed by")).to_contain_text("strategy")
    probe = detail.locator(".probes tbody tr").first
    await expect(probe).to_contain_text(re.compile("readiness.*failing.*http.*12.3 ms.*3.*503"))
    await expect(detail.locator(".probes tbody tr").last).to_contain_text("no verdict yet")
    assert await tab.run_number() == runs

    await tab.page.set_viewport_size({"width": 420, "height": 900})
    overflow = "(part) => part.scrollWidth - part.clientWidth"
    assert await detail.locator(".probes").evaluate(overflow) <= 0, "nothing is cut off"
    await tab.page.set_viewport_size({"width": 1440, "height": 900})
    await tab.page.reload()
    await expect(detail).to_contain_text("Needed by")
    await tab.page.keyboard.press("Tab")
    await detail.get_by_role("button", name="Close the details").focus()
    await tab.page.keyboard.press("Escape")
    await expect(detail).to_be_hidden()
    await expect(tab.page).to_have_url(re.compile(r"/agents$"))
    await expect(tab.page.locator("tr[data-agent=market_data] .name")).to_be_focused()


async def test_what_cannot_be_done_says_why(tab: Tab) -> None:
    tab.desk.steer(agents={"strategy": DEPENDENT | {"management": "external"}})
    await tab.open("/agents?agent=strategy")
    detail = tab.page.locator(".desk-agent-detail")
    stop = detail.get_by_role("button", name="Stop strategy")

    await expect(stop).to_have_attribute("aria-disabled", "true")
    await expect(stop).to_have_attribute("title", re.compile("Started by someone else"))
    await expect(detail).to_contain_text("Started by someone else: watched, never stopped")
    await tab.open("/agents?agent=nobody")
    await expect(detail).to_contain_text("No agent is called nobody.")


async def test_maintenance_begins_and_ends(tab: Tab) -> None:
    await tab.open("/agents?agent=market_data")
    detail = tab.page.locator(".desk-agent-detail")
    before = len(tab.desk.steer()["posts"])
    await detail.get_by_role("button", name="Maintenance of market_data").click()
    await dialog(tab).get_by_label("For").select_option("4 hours")
    await dialog(tab).get_by_label("Reason").fill("new line")
    await tab.page.keyboard.press("Enter")

    assert await posts_since(tab, before, 2) == [
        "maintenance market_data", "for 240 because new line"
    ]  # fmt: skip
    await expect(detail).to_contain_text("by dashboard: new line")
    await detail.get_by_role("button", name="End maintenance of market_data").click()
    await expect(detail.locator(".tag")).to_be_hidden()


HIDDEN_EDGES = """
() => {
  const boxes = [...document.querySelectorAll('.desk-graph .node')];
  return [...document.querySelectorAll('.desk-graph .edge')].flatMap((edge) => {
    const matrix = edge.getScreenCTM();
    const length = edge.getTotalLength();
    const inside = [];
    for (let at = 1; at < length - 1; at += 2) {
      const { x, y } = edge.getPointAtLength(at).matrixTransform(matrix);
      for (const box of boxes) {
        const { left, right, top, bottom } = box.querySelector('.box').getBoundingClientRect();
        if (x > left + 2 && x < right - 2 && y > top + 2 && y < bottom - 2) inside.push(box.dataset.node);
      }
    }
    return [...new Set(inside)];
  });
}
"""  # noqa: E501


async def test_the_graph_shows_who_depends_on_whom_and_chooses(tab: Tab) -> None:
    chain = {"depends_on": ["market_data"]} | DEPENDENT
    router = DEPENDENT | {"depends_on": ["strategy", "market_data"]}
    tab.desk.steer(agents={"strategy": chain, "router": router, "alone": DEPENDENT})
    await tab.open("/agents")
    graph = tab.page.locator(".desk-graph")
    await expect(graph.locator(".edge")).to_have_count(3)
    assert await tab.page.evaluate(HIDDEN_EDGES) == [], "no edge passes behind an agent"

    places = [
        await graph.locator(f"[data-node={name}]").bounding_box()
        for name in ("market_data", "strategy", "router")
    ]
    assert [place["x"] for place in places if place] == sorted(
        place["x"] for place in places if place
    )
    node = graph.get_by_role("button", name="strategy, running, depends on market_data")
    await node.focus()
    await tab.page.keyboard.press("Enter")
    await expect(tab.page.locator(".desk-agent-detail")).to_contain_text("strategy")
    tab.desk.steer(agents={"strategy": {"status": "error", "error_message": "Gave up."}})
    await expect(graph.locator("[data-node=strategy] text")).to_have_text("strategy · error")
    await expect(graph.locator("li", has_text="router: running")).to_be_attached()
    await expect(graph.locator("[data-node=strategy]")).to_be_focused()


async def test_the_timeline_shows_outages_and_the_apis_figures(tab: Tab) -> None:
    events = [
        {"time": transition(300, "", "", "", 1)["time"], "kind": "supervisor_started", "seq": 1},
        transition(299, "market_data", "starting", "running", 2),
        transition(60, "market_data", "running", "backoff", 3),
        transition(30, "market_data", "starting", "running", 4),
    ]
    tab.desk.steer(history={"is_forgotten": True, "events": events})
    await tab.open("/agents")
    row = tab.page.locator(".state-row[data-of=market_data]")
    await expect(row.locator(".figure")).to_have_text("99.44 % today (UTC)")
    await expect(row.locator("i.failed")).to_have_count(1)
    await expect(row.locator("i.none")).to_have_count(1)

    bar = tab.page.get_by_role("slider", name="States of market_data")
    await bar.focus()
    await tab.page.keyboard.press("Home")
    await expect(tab.page.locator(".readout")).to_contain_text("no desk, or not known")
    for _ in range(3):
        await tab.page.keyboard.press("ArrowRight")
    await expect(tab.page.locator(".readout")).to_contain_text("failed, waiting or given up")
    await expect(bar).to_have_attribute("aria-valuetext", re.compile("for 30 m"))
    await tab.page.get_by_role("button", name="7 days").click()
    await expect(row.locator(".figure")).to_have_text("99.44 % of 7 days")
    await tab.page.get_by_role("button", name="Per day").click()
    table = tab.page.locator(".desk-timeline table")
    await expect(table.locator("tr[data-of=market_data] td")).to_have_text(["99.44 %"] * 8)


async def test_incidents_and_events_are_listed_and_filtered(tab: Tab) -> None:
    tab.desk.steer(
        history={"incidents": [incident("market_data", 5), incident("risk_management", 90)]}
    )
    await tab.open("/agents")
    rows = tab.page.locator(".desk-incidents tbody tr")
    await expect(rows).to_have_count(2)
    await expect(rows.first).to_contain_text(
        re.compile("market_data.*failed.*killed by signal 9.*recovered after 12 s.*1")
    )

    tab.desk.steer(agents={"market_data": {"status": "error", "error_message": "Gave up."}})
    events = tab.page.locator(".desk-event-table tbody tr")
    await expect(events.first).to_contain_text("running → error")
    await tab.page.get_by_label("Kind of event").select_option("Operators")
    await expect(tab.page.locator(".desk-event-table .empty")).to_have_text("No event matches.")
    tab.desk.steer(
        tell=[{"kind": "operator_acted", "data": {"action": "stop_all", "origin": "cli"}}]
    )
    await expect(events).to_have_count(1)
    await expect(events.first).to_contain_text("stop all requested (cli)")


async def test_older_events_are_loaded_on_request(tab: Tab) -> None:
    tab.desk.steer(
        tell=[
            {"kind": "operator_acted", "data": {"action": f"act {number}", "origin": "cli"}}
            for number in range(150)
        ]
    )
    await tab.open("/agents")
    await tab.page.get_by_label("Kind of event").select_option("Operators")
    events = tab.page.locator(".desk-event-table tbody tr")
    await expect(events).to_have_count(100)
    await tab.page.locator(".desk-event-table").get_by_role("button", name="Load older").click()
    await expect(events.nth(149)).to_be_attached()
    await expect(events.first).to_contain_text("act 149")


async def test_a_history_that_cannot_be_read_is_said(tab: Tab) -> None:
    tab.desk.steer(history={"is_down": True})
    await tab.open("/agents")
    text = "The history cannot be read."
    for card in (".desk-timeline .message", ".desk-incidents .empty", ".desk-event-table .empty"):
        await expect(tab.page.locator(card)).to_contain_text(text)
    await expect(tab.page.locator("tr[data-agent=market_data]")).to_contain_text("running")
    tab.complaints = [line for line in tab.complaints if "503" not in line]
