"""The table of agents: it says what the API says, and its buttons act."""

from __future__ import annotations

import re

from playwright.async_api import Locator, expect

from tests.browser.conftest import Tab
from tests.support import eventually

DEPENDENT = {"status": "running", "health": "healthy", "enabled": True, "pid": 4800}


async def posts_since(tab: Tab, before: int, count: int) -> list[str]:
    await eventually(lambda: len(tab.desk.steer()["posts"]) >= before + count)
    known: list[str] = tab.desk.steer()["posts"]
    return known[before:]


def dialog(tab: Tab) -> Locator:
    return tab.page.get_by_role("dialog")


async def test_disabled_agents_are_shown_as_such(tab: Tab) -> None:
    await tab.open("/agents")
    row = tab.page.locator("tr[data-agent=risk_management]")

    await expect(row).to_contain_text("disabled")
    await expect(row.locator(".acts button:visible")).to_have_count(0)
    await expect(tab.page.locator(".desk-agents")).to_contain_text("disabled in config/agents.yaml")


async def test_the_dashboards_own_row_has_no_buttons(tab: Tab) -> None:
    await tab.open("/agents")
    row = tab.page.locator("tr[data-agent=dashboard]")

    await expect(row).to_contain_text("running")
    await expect(row.locator(".acts button:visible")).to_have_count(0)


async def test_start_stop_and_restart_act(tab: Tab) -> None:
    await tab.open("/agents")
    row = tab.page.locator("tr[data-agent=market_data]")
    before = len(tab.desk.steer()["posts"])

    await row.get_by_role("button", name="Stop market_data").click()
    await expect(row).to_contain_text("stopped")
    await row.get_by_role("button", name="Start market_data").click()
    await expect(row).to_contain_text("running")
    await row.get_by_role("button", name="Restart market_data").click()
    await tab.page.get_by_role("dialog").get_by_role("button", name="Restart").click()
    await eventually(lambda: len(tab.desk.steer()["posts"]) == before + 3)

    posts = tab.desk.steer()["posts"][before:]
    assert posts == ["stop market_data", "start market_data", "restart market_data"]


async def test_stopping_all_asks_first(tab: Tab) -> None:
    await tab.open("/agents")
    before = len(tab.desk.steer()["posts"])

    await tab.page.get_by_role("button", name="Stop all").click()
    await tab.page.get_by_role("button", name="Keep running").click()
    assert len(tab.desk.steer()["posts"]) == before
    await tab.page.get_by_role("button", name="Stop all").click()
    await tab.page.get_by_role("button", name="Stop every agent").click()
    await eventually(lambda: tab.desk.steer()["posts"][before:] == ["stop-all"])


async def test_a_refusal_is_shown_in_its_row(tab: Tab) -> None:
    await tab.open("/agents")
    tab.desk.steer(refusal="Port 8000 is held by nginx (pid 12).")
    await tab.page.get_by_role("button", name="Stop market_data").click()

    note = tab.page.locator(".desk-agents [role=alert]")
    await expect(note).to_have_text("Port 8000 is held by nginx (pid 12).")
    # The browser itself reports the refused request.
    tab.complaints = [text for text in tab.complaints if "409" not in text]


async def test_an_error_stands_under_its_agent_with_the_next_step(tab: Tab) -> None:
    await tab.open("/agents")
    message = (
        "Gave up after 5 restarts in 60 s. Set NEWS_API_KEY in config/agents.yaml, then Start."
    )
    failed = {"status": "error", "pid": None, "health": "unknown", "error_message": message}
    tab.desk.steer(agents={"market_data": failed})

    await expect(tab.page.locator(".note.bad")).to_contain_text(message)
    await expect(tab.page.locator(".note.bad")).to_contain_text("var/log/market_data.log")
    await expect(tab.page.get_by_role("button", name="Start market_data")).to_be_visible()


async def test_numbers_have_their_names_on_a_narrow_screen(tab: Tab) -> None:
    await tab.page.set_viewport_size({"width": 420, "height": 860})
    await tab.open("/agents")
    await expect(tab.page.locator("tr[data-agent=market_data]")).to_contain_text("healthy")
    labels = await tab.page.evaluate(
        """[...document.querySelectorAll('tr[data-agent=market_data] td[data-label]')]
             .map((cell) => getComputedStyle(cell, '::before').content)"""
    )

    names = ("Data", "Pid", "Up", "Restarts", "CPU", "Memory")
    assert labels == [f'"{name} "' for name in names]


async def test_the_keyboard_stays_in_the_row_it_acted_on(tab: Tab) -> None:
    await tab.open("/agents")
    await tab.page.get_by_role("button", name="Stop market_data").focus()
    await tab.page.keyboard.press("Enter")
    start = tab.page.get_by_role("button", name="Start market_data")
    await expect(start).to_be_visible()

    await expect(start).to_be_focused()


async def test_stopping_one_that_others_depend_on_names_them(tab: Tab) -> None:
    tab.desk.steer(agents={"strategy": DEPENDENT | {"depends_on": ["market_data"]}})
    await tab.open("/agents")
    before = len(tab.desk.steer()["posts"])

    await tab.page.get_by_role("button", name="Stop market_data").click()
    await expect(dialog(tab)).to_contain_text("Stop market_data?")
    await expect(dialog(tab).locator("li")).to_have_text(["strategy"])
    await expect(dialog(tab).get_by_role("button", name="Keep running")).to_be_focused()
    await tab.page.keyboard.press("Escape")
    await expect(tab.page.get_by_role("button", name="Stop market_data")).to_be_focused()
    assert len(tab.desk.steer()["posts"]) == before
    await tab.page.keyboard.press("Enter")
    await dialog(tab).get_by_role("button", name="Stop market_data").click()
    assert await posts_since(tab, before, 1) == ["stop market_data"]


async def test_the_emergency_stop_is_held_or_typed_never_clicked(tab: Tab) -> None:
    await tab.open("/agents")
    before = len(tab.desk.steer()["posts"])
    open_it = tab.page.get_by_role("button", name="Emergency stop")

    await open_it.click()
    hold = dialog(tab).get_by_role("button", name="Hold to stop everything")
    await hold.click()
    await expect(dialog(tab)).to_be_visible()
    assert len(tab.desk.steer()["posts"]) == before
    await hold.hover()
    await tab.page.mouse.down()
    await expect(dialog(tab)).to_be_hidden()
    await tab.page.mouse.up()
    assert await posts_since(tab, before, 1) == ["emergency-stop"]
    await expect(tab.page.locator("tr[data-agent=market_data]")).to_contain_text("stopped")

    await open_it.click()
    await dialog(tab).get_by_label("or type STOP").fill("stop")
    await tab.page.keyboard.press("Enter")
    assert await posts_since(tab, before, 2) == ["emergency-stop", "emergency-stop"]


async def test_a_command_under_way_is_shown_and_cannot_be_given_twice(tab: Tab) -> None:
    await tab.open("/agents")
    tab.desk.steer(delay_seconds=2.0)
    row = tab.page.locator("tr[data-agent=market_data]")
    stop = row.get_by_role("button", name="Stop market_data")
    await stop.click()

    await expect(tab.page.locator(".desk-agents .note:visible").first).to_contain_text("Stopping")
    await expect(stop).to_have_attribute("aria-disabled", "true")
    await expect(row).to_contain_text("stopped")


async def test_a_read_only_desk_says_so(tab: Tab) -> None:
    await tab.open("/agents")
    tab.desk.steer(refusal="The token only allows looking.", status_of_refusal=403)
    await tab.page.get_by_role("button", name="Stop market_data").click()

    note = tab.page.locator(".desk-agents [role=alert]")
    await expect(note).to_have_text("The token only allows looking.")
    tab.complaints = [text for text in tab.complaints if "403" not in text]


async def test_what_rests_is_calm(tab: Tab) -> None:
    hours = {"is_open": False, "next_start_at": "2026-11-23T14:15:00Z", "next_stop_at": None}
    hours |= {"overridden_until": None, "text": "idle until Mon 14:15 UTC"}
    resting = {"status": "stopped", "enabled": True, "schedule": hours}
    tab.desk.steer(agents={"strategy": resting})
    await tab.open("/agents")
    row = tab.page.locator("tr[data-agent=strategy]")

    await expect(row).to_contain_text("idle")
    await expect(row.locator(".dot.off")).to_be_visible()
    await expect(tab.page.locator(".desk-agents")).to_contain_text("Idle until Mon 14:15 UTC")
    await expect(tab.page.locator(".desk-agents .bad")).to_have_count(0)


async def test_what_begins_to_fail_is_told_before_anything_is_done(tab: Tab) -> None:
    probe = {"role": "liveness", "kind": "http", "is_passing": True, "message": "no answer",
             "latency_seconds": None, "checked_at": None, "failures": 1}  # fmt: skip
    tab.desk.steer(agents={"strategy": DEPENDENT | {"probes": [probe]}})
    tab.desk.steer(agents={"router": DEPENDENT | {"data_state": "stale"}})
    await tab.open("/agents")
    notes = tab.page.locator(".desk-agents")

    await expect(notes).to_contain_text("Liveness probe failed 1×: no answer")
    await expect(tab.page.locator("tr[data-agent=router] .dot.warn")).to_be_visible()
    tab.desk.steer(agents={"strategy": {"probes": [probe | {"failures": 0}]}})
    await expect(notes).not_to_contain_text("Liveness probe failed")
    await expect(tab.page.locator("tr[data-agent=strategy] .dot.ok")).to_be_visible()


async def test_data_nobody_was_told_of_for_long_is_not_called_fresh(tab: Tab) -> None:
    told = {"data_age_seconds": 0.2, "data_told_age_seconds": 0.2, "data_is_ageing": True}
    tab.desk.steer(agents={"market_data": told | {"data_holds_seconds": 4.0}})
    await tab.open("/agents")
    cell = tab.page.locator("tr[data-agent=market_data] td").nth(2)

    await expect(cell).to_contain_text(re.compile(r"fresh [123]"))  # it ages with no new word
    await expect(cell).to_have_text(re.compile(r"last known 0\.2 s, [4-9](\.\d)? s ago"))
    await expect(cell).to_have_class(re.compile("warn"))
    tab.desk.steer(agents={"market_data": told | {"data_holds_seconds": 1e9}})
    await expect(cell).to_contain_text("fresh")


async def test_limits_held_restarts_and_maintenance_are_in_the_row(tab: Tab) -> None:
    maintenance = {
        "since": "2026-11-22T10:00:00Z",
        "until": None,
        "reason": "new line",
        "by": "cli",
    }
    memory = {"memory_bytes": 480 * 2**20, "memory_limit_bytes": 512 * 2**20}
    tab.desk.steer(agents={"strategy": DEPENDENT | memory | {"maintenance": maintenance}})
    tab.desk.steer(agents={"router": DEPENDENT | {"held_restart": "until 21:05, after the close"}})
    await tab.open("/agents")
    row = tab.page.locator("tr[data-agent=strategy]")

    await expect(row.locator(".warn")).to_have_text("480 of 512 MiB")
    await expect(row.locator(".tag")).to_have_text("maintenance")
    notes = tab.page.locator(".desk-agents")
    await expect(notes).to_contain_text("In maintenance until somebody ends it, by cli: new line.")
    await expect(notes).to_contain_text("Restart held: until 21:05, after the close")


async def test_agents_come_and_go(tab: Tab) -> None:
    await tab.open("/agents")
    tab.desk.steer(agents={"strategy": DEPENDENT})
    await expect(tab.page.locator("tr[data-agent=strategy]")).to_be_visible()
    await expect(tab.page.locator("[data-node=strategy]")).to_be_visible()

    tab.desk.steer(remove=["strategy"])
    await expect(tab.page.locator("tr[data-agent=strategy]")).to_have_count(0)
    await expect(tab.page.locator("[data-node=strategy]")).to_have_count(0)


async def test_a_hundred_agents_can_be_found_and_the_page_stays_quick(tab: Tab) -> None:
    names = [f"agent_{number:03}" for number in range(100)]
    words = ["running", "running", "error", "stopped"]
    tab.desk.steer(
        agents={
            name: DEPENDENT | {"status": words[number % 4], "depends_on": ["market_data"]}
            for number, name in enumerate(names)
        }
    )
    await tab.open("/agents")
    await expect(tab.page.locator("tr[data-agent=agent_099]")).to_be_attached()
    assert await tab.page.locator(".desk-graph .node").count() < 15
    await tab.page.get_by_role("button", name="Show all 10").click()
    await expect(tab.page.locator(".desk-graph .node")).to_have_count(103)

    await tab.page.get_by_label("Find an agent").fill("agent_07")
    await expect(tab.page.locator(".desk-agents tbody tr[data-agent]:visible")).to_have_count(10)
    await tab.page.get_by_label("Find an agent").fill("")
    await tab.page.get_by_role("button", name="In trouble").click()
    rows = tab.page.locator(".desk-agents tbody tr[data-agent]:visible")
    await expect(rows).to_have_count(25)
    runs = await tab.run_number()
    for round_number in range(5):
        tab.desk.steer(agents={name: {"restarts": round_number} for name in names})
    await expect(tab.page.locator("tr[data-agent=agent_002]")).to_contain_text("4")
    assert await tab.run_number() == runs


async def test_a_reload_shows_what_would_change_first(tab: Tab) -> None:
    change = {"key": "agents.market_data.timeout", "before": "5.0", "after": "7.0"}
    change |= {"origin": "config/agents.yaml:7", "agent": "market_data", "effect": "restart"}
    tab.desk.steer(reload={"changes": [change]})
    await tab.open("/agents")
    before = len(tab.desk.steer()["posts"])
    await tab.page.get_by_role("button", name="Reload…").click()

    row = dialog(tab).locator("tbody tr")
    await expect(row).to_contain_text("agents.market_data.timeout")
    await expect(row).to_contain_text("5.0 → 7.0")
    await expect(row).to_contain_text("config/agents.yaml:7")
    await expect(row).to_contain_text("restarts the agent")
    assert await posts_since(tab, before, 1) == ["reload dry_run=True"]
    await dialog(tab).get_by_role("button", name="Reload").click()
    await expect(dialog(tab)).to_be_hidden()
    assert (await posts_since(tab, before, 2))[1] == "reload dry_run=False"
    await expect(tab.page.locator(".desk-agents .message")).to_contain_text("1 change")


async def test_mistakes_in_the_files_are_shown_until_they_are_gone(tab: Tab) -> None:
    mistake = {"file": "config/agents.yaml", "line": 7, "key": "agents.market_data.timeout"}
    mistake |= {"value": "soon", "problem": "Not a number.", "remedy": "Write seconds."}
    tab.desk.steer(mistakes=[mistake])
    await tab.open("/agents")
    banner = tab.page.locator(".notice-box")
    await expect(banner).to_contain_text("The configuration on disk has 1 mistake.")

    await tab.page.get_by_role("button", name="Reload…").click()
    await expect(dialog(tab)).to_contain_text("config/agents.yaml:7")
    await expect(dialog(tab)).to_contain_text("Not a number. Write seconds.")
    await tab.page.keyboard.press("Escape")
    tab.desk.steer(mistakes=[], tell=[{"kind": "configuration_mended", "data": {"origin": "file"}}])
    await expect(banner).to_be_hidden()
    tab.complaints = [text for text in tab.complaints if "422" not in text]
