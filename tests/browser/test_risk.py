"""The Risk view, the gate on every page, the kill switch and the order ticket."""

from __future__ import annotations

import re
from typing import Any

from playwright.async_api import Locator, Page, expect

from tests.browser.conftest import RISK_OFF, Tab, settled
from tests.support import eventually

GATE = ".desk-strip .gate"
TICKET = ".desk-risk-ticket"
HOSTILE = "<img src=x onerror='globalThis.hacked = 1'>"


async def read(tab: Tab, route: str) -> Any:
    """Return what the risk agent answers the page."""
    return await tab.page.evaluate(
        "(path) => fetch(`/api/agents/risk_management${path}`).then((answer) => answer.json())",
        route,
    )


async def opened(tab: Tab, path: str = "/risk") -> Page:
    """Open the view and wait until the gate is known."""
    await tab.open(path)
    await expect(tab.page.locator(GATE)).to_have_text("Gate ACTIVE")
    return tab.page


async def fill_ticket(page: Page, symbol: str, quantity: str) -> Locator:
    """Type an order; returns what the check says."""
    ticket = page.locator(TICKET)
    await ticket.get_by_label("Symbol").fill(symbol)
    await ticket.get_by_label("Quantity").fill(quantity)
    return ticket.locator(".check-result")


async def test_the_account_is_shown_to_the_last_digit(risk_tab: Tab) -> None:
    page = await opened(risk_tab)
    known = await read(risk_tab, "/positions")
    tiles = page.locator(".desk-risk-account")
    # These have more digits than a float can hold.
    whole, cents = known["equity"].split(".")
    await expect(tiles.locator(".value.equity")).to_have_text(f"$ {int(whole):,}.{cents}")
    assert f"{float(known['cash']):.2f}" != "123456789012.35"
    await expect(tiles.locator(".value.cash")).to_have_text("123,456,789,012.34")
    await expect(tiles.locator(".value.day")).to_have_text("▼ −37.50")

    for item in known["positions"]:
        row = page.locator(f"tr[data-position='{item['symbol']}']")
        value = f"{float(item['market_value']):,.2f}".replace("-", "−")
        await expect(row.locator("[data-cell=value]")).to_have_text(value)
    short = page.locator("tr[data-position=IBM]")
    await expect(short.locator("[data-cell=quantity]")).to_have_text("−40.5 short")

    runs = await risk_tab.run_number()
    risk_tab.desk.steer(risk={"prices": {"AAPL": "700.00"}, "stale": ["MSFT"]})
    row = page.locator("tr[data-position=AAPL]")
    await expect(row.locator("[data-cell=value]")).to_have_text("84,000.00")
    await expect(page.locator("tr[data-position=MSFT] .age")).to_have_text("stale 6 m 40 s")
    assert await risk_tab.run_number() == runs


async def test_measures_equal_the_api(risk_tab: Tab) -> None:
    page = await opened(risk_tab)
    card = page.locator(".desk-risk-var")
    await card.get_by_label("Confidence").select_option("0.99")
    answer = await read(risk_tab, "/risk/portfolio?confidence=0.99&horizon_days=1&window=500")
    for row in answer["var"]:
        shown = card.locator(f"tr[data-method={row['method']}]")
        value = row["var"]["value"]
        await expect(shown.locator("[data-cell=var]")).to_have_text(f"{value:,.0f}")
    first = card.locator("tr[data-method=historical]")
    await expect(first.locator("[data-cell=violations]")).to_have_text("4 of 0.6")
    await expect(first.locator("[data-cell=kupiec]")).to_have_text("0.527")
    await expect(first.locator("[data-cell=christoffersen]")).to_have_text("0.036 rejected")
    await expect(first).to_contain_text("yellow, 4 days")
    await expect(card.locator(".violation:is(circle)")).to_have_count(4)
    slow = card.locator("tr[data-method=monte_carlo_normal]")
    await slow.click()
    await expect(slow.locator("[data-cell=violations]")).to_have_text("4 of 0.6")
    await expect(card.locator(".backtest-plot")).to_contain_text("Monte Carlo, normal, 99.0 %")

    sharpe = page.locator("[data-measure='ratio.sharpe']")
    await expect(sharpe.locator(".value")).to_have_text("1.57")
    await sharpe.locator("summary").click()
    await expect(sharpe).to_contain_text("Jorion 2007")
    await expect(page.locator(".correlation-map tr[data-symbol=IBM]")).to_contain_text("−0.12")
    weights = page.locator("tr[data-contribution]")
    assert await weights.evaluate_all("(rows) => rows.map((row) => row.dataset.contribution)") == [
        "AAPL", "IBM", "MSFT",
    ]  # fmt: skip
    limit = page.locator("[data-limit=var]")
    await expect(limit).to_contain_text("warned")
    await expect(limit.locator(".value")).to_have_text("2.62 %")


async def test_the_kill_switch_is_verified_and_undone_with_a_reason(risk_tab: Tab) -> None:
    page = await opened(risk_tab, "/")
    await page.get_by_role("button", name="Kill switch").click()
    dialog = page.get_by_role("dialog", name="Halt all trading?")
    await dialog.get_by_role("button", name="Halt trading now").click()
    await expect(dialog).to_contain_text("Verified: a probe order was denied (gate_halted)")
    await expect(page.locator(GATE)).to_have_text("Gate HALTED · kill switch")
    risk_tab.desk.steer(risk={"is_unverified": True})
    await dialog.get_by_role("button", name="Pull again").click()
    await expect(dialog).to_contain_text("Not verified: a probe order was not denied")
    await dialog.get_by_role("button", name="Close").click()

    await page.locator(GATE).click()
    card = page.locator(".desk-risk-gate")
    await expect(card.locator("[data-cause=kill_switch]")).to_contain_text("ended")
    resume = card.get_by_role("button", name="Resume trading")
    risk_tab.desk.steer(risk={"close": [{"kind": "stale_data", "closes_to": "reducing"}]})
    await card.get_by_label("Reason for resuming").fill("checked by hand")
    await expect(card).to_contain_text("Not possible while a cause lasts: stale data")
    await expect(resume).to_have_attribute("aria-disabled", "true")
    risk_tab.desk.steer(risk={"end_causes": True})
    await resume.click()
    await expect(page.locator(GATE)).to_have_text("Gate ACTIVE")
    await expect(page.locator("tr[data-kind=gate_reopened]")).to_contain_text("checked by hand")


async def test_what_is_not_known_is_halted_at_once(risk_tab: Tab) -> None:
    desk = risk_tab.desk
    page = await opened(risk_tab)
    gate = page.locator(GATE)
    desk.steer(risk={"close": [{"kind": "stale_data", "subject": "AAPL", "closes_to": "reducing"}]})
    await expect(gate).to_have_text("Gate REDUCING · stale data: AAPL")
    desk.steer(risk={"calm": True})
    await expect(gate).to_have_text("Gate ACTIVE")

    desk.steer(risk={"down": True, "drop": True})
    halted = re.compile("Gate HALTED · risk_management not reachable")
    await expect(gate).to_have_text(halted, timeout=1_500)
    card = page.locator(".desk-risk-gate")
    await expect(card).to_contain_text("Not known")
    await expect(card.get_by_role("button", name="Resume trading")).to_have_attribute(
        "aria-disabled", "true"
    )
    await expect(page.locator(".desk-risk-positions")).to_contain_text("not current")
    desk.steer(risk={"down": False})
    await expect(gate).to_have_text("Gate ACTIVE")
    desk.steer(risk={"silent": True})
    silent = re.compile("Gate HALTED · risk_management silent for")
    await expect(gate).to_have_text(silent, timeout=4_500)
    desk.steer(risk={"silent": False})
    await expect(gate).to_have_text("Gate ACTIVE")
    # A message that is missing may have been the one that closed the gate.
    desk.steer(risk={"skip": True})
    await expect(gate).to_have_text("Gate ACTIVE")

    desk.steer(agents={"risk_management": {"status": "backoff"}})
    await expect(gate).to_have_text("Gate HALTED · risk_management backoff", timeout=1_500)
    desk.steer(agents={"risk_management": RISK_OFF})
    await expect(gate).to_have_text("Gate HALTED · risk_management disabled")
    # The browser itself writes of every answer that is an error.
    risk_tab.complaints[:] = [text for text in risk_tab.complaints if "503" not in text]


async def test_an_order_is_checked_as_typed_and_lives(risk_tab: Tab) -> None:
    desk = risk_tab.desk
    page = await opened(risk_tab)
    place = page.locator(f"{TICKET} .place")
    check = await fill_ticket(page, "goog", "100000")
    await expect(check.locator("[data-code=limit_gross]")).to_contain_text(
        "limit 150.0 % · now 90.0 % · then 172.0 %"
    )
    await expect(place).to_have_attribute("aria-disabled", "true")
    # The answer to the first comes after that to the second, and is not shown.
    desk.steer(risk={"check_delays": [1.2, 0.0]})
    before = len(desk.steer()["checks"])
    await page.locator(TICKET).get_by_label("Quantity").fill("99999")
    await eventually(lambda: len(desk.steer()["checks"]) > before)
    await page.locator(TICKET).get_by_label("Quantity").fill("10")
    await expect(check).to_contain_text("Allowed")
    assert await settled(check.locator(".verdict").inner_text) == "Allowed"
    await expect(check.locator(".notional")).to_have_text("6,810.00")

    await page.locator(TICKET).get_by_label("Type").select_option("limit")
    await page.locator(TICKET).get_by_role("textbox", name="Limit").fill("680.5")
    await expect(place).to_have_text("Place: buy 10 GOOG, limit 680.50")
    await place.click()
    life = page.locator(f"{TICKET} .life")
    await expect(life).to_have_text("buy 10 GOOG, limit 680.50: working")
    orders = page.locator(".desk-risk-orders")
    await expect(orders.locator("tr[data-order]")).to_have_count(1)
    await place.click()
    await expect(orders.locator("tr[data-order]")).to_have_count(2)
    await orders.get_by_role("button", name="Cancel buy GOOG").first.click()
    await expect(life).to_contain_text("cancelled: by hand")
    desk.steer(risk={"fill": True})
    await expect(orders).to_contain_text("No order works")
    await orders.locator("[data-tab=fills]").click()
    await expect(orders.locator("tr[data-fill]")).to_contain_text("681.00")
    await expect(page.locator("tr[data-position=GOOG]")).to_contain_text("10")


async def test_hostile_words_are_only_words(risk_tab: Tab) -> None:
    page = await opened(risk_tab)
    cause = {"kind": "clock_trouble", "message": HOSTILE, "next_step": HOSTILE, "subject": HOSTILE}
    risk_tab.desk.steer(risk={"close": [cause]})
    await expect(page.locator(".desk-risk-gate .causes")).to_contain_text(HOSTILE)
    check = await fill_ticket(page, "<b>x</b>", "1")
    await expect(check).to_contain_text("<B>X</B> is unknown")
    await page.locator(".desk-risk-stress").get_by_label("Single symbols").fill("<i>, 5")
    await page.locator(".desk-risk-stress").get_by_role("button", name="Compute").click()
    await expect(page.locator(".desk-risk-stress")).to_contain_text("Write percents such as")
    assert await page.evaluate("globalThis.hacked ?? null") is None


async def test_a_scenario_by_hand_and_a_changed_limit(risk_tab: Tab) -> None:
    page = await opened(risk_tab)
    card = page.locator(".desk-risk-stress")
    await card.get_by_label("All symbols").fill("−10")
    await card.get_by_role("button", name="Compute").click()
    row = card.locator("tr[data-scenario='shock-0']")
    await expect(row.locator("[data-cell=pnl]")).to_have_text("▼ −5,000")
    await card.get_by_label("Loss in percent").fill("20")
    await card.get_by_role("button", name="What loses that?").click()
    await expect(card.locator("tr[data-scenario=reverse]")).to_contain_text("What loses 20%")

    await page.get_by_role("button", name="Change limit Gross exposure").click()
    dialog = page.get_by_role("dialog", name="Limit: Gross exposure")
    await dialog.get_by_label("Blocks at").fill("80")
    await dialog.get_by_role("button", name="Change").click()
    await expect(dialog).to_contain_text("Say why")
    await dialog.get_by_label("Reason").fill("less room")
    await dialog.get_by_role("button", name="Change").click()
    await expect(page.locator("[data-limit=gross]")).to_contain_text("breached")
    await expect(page.locator("tr[data-kind=limit_changed]")).to_contain_text("less room")


async def test_the_overview_and_a_narrow_screen(risk_tab: Tab) -> None:
    page = await opened(risk_tab, "/")
    known = await read(risk_tab, "/positions")
    card = page.locator(".desk-risk-portfolio")
    whole, cents = known["equity"].split(".")
    await expect(card.locator(".worth")).to_have_text(f"$ {int(whole):,}.{cents}")
    await expect(card.locator("[data-limit=var]")).to_contain_text("2.62 % of 3.00 %")
    await page.set_viewport_size({"width": 420, "height": 860})
    await opened(risk_tab)
    await expect(page.locator(".desk-risk-var tr[data-method]").first).to_be_visible()
    wide = "[...document.querySelectorAll('.stMain, .scroll-both, .card')]"
    wide += ".filter((n) => n.scrollWidth > n.clientWidth + 1).map((n) => n.className)"
    assert await settled(lambda: page.evaluate(wide)) == []
