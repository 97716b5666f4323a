"""The history's routes over real sockets: what they answer, and whatever they are asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from tests.integration.control_api.fakes import TOKEN, Desk, serve
from tests.support import ROOT
from trading_dashboard.clients.control import ControlApiError, ControlClient
from trading_dashboard.config.settings import HistorySettings
from trading_dashboard.control_api.app import create_api
from trading_dashboard.control_api.metrics import NAMES
from trading_dashboard.control_api.supervision import Supervision
from trading_dashboard.control_api.tokens import Tokens
from trading_dashboard.models.errors import HistoryUnavailable, InvalidPeriod, Unauthorized
from trading_dashboard.models.events import EventKind, LogFigures
from trading_dashboard.models.states import AgentStatus
from trading_dashboard.orchestrator.events import EventHub
from trading_dashboard.orchestrator.history.event_history import EventHistory

Ask = Callable[[str, list[tuple[str, str]]], httpx.Response]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    history = EventHistory(tmp_path, "r1", HistorySettings())
    async with serve(history=history) as served:
        history.open(served.manager.events)
        yield served
        await history.aclose()


@pytest.fixture
async def client(desk: Desk) -> AsyncIterator[ControlClient]:
    async with ControlClient(desk.url, TOKEN) as control:
        yield control


async def test_an_event_can_be_asked_for_as_soon_as_it_has_happened(
    client: ControlClient, desk: Desk
) -> None:
    await client.start("first")
    desk.manager.events.publish(EventKind.AGENT_CHANGED, desk.manager.infos["first"])
    (event,) = (await client.events()).events
    assert (event.agent, event.kind, event.run_id) == ("first", "transition", "r1")
    assert (event.status, event.health) == ("running", "healthy")
    assert (await client.events(kinds=["operator_acted"])).events == []
    assert (await client.events(agent="gone")).events == []
    later = datetime.now(UTC) + timedelta(hours=1)
    assert (await client.events(since=later)).events == []
    assert (await client.events(until=later)).events == [event]


async def test_availability_and_incidents_are_answered(client: ControlClient, desk: Desk) -> None:
    for status in (AgentStatus.RUNNING, AgentStatus.BACKOFF, AgentStatus.RUNNING):
        desk.manager.set("first", status)
    availability = await client.availability()
    assert len(availability.days) == 7
    assert set(availability.total) == {"first"}
    (incident,) = (await client.incidents(agent="first")).incidents
    assert (incident.kind, incident.outcome) == ("failed", "recovered")


async def test_periods_that_make_no_sense_are_refused(client: ControlClient) -> None:
    now = datetime.now(UTC)
    earlier = now - timedelta(days=1)
    with pytest.raises(InvalidPeriod):
        await client.events(since=now, until=earlier)
    with pytest.raises(InvalidPeriod):
        await client.incidents(since=now, until=earlier)
    with pytest.raises(InvalidPeriod):
        await client.availability(first=now.date(), last=earlier.date())
    with pytest.raises(InvalidPeriod):
        await client.availability(first=now.date() - timedelta(days=366), last=now.date())
    with pytest.raises(ControlApiError) as naive:
        await client.events(since=datetime(2026, 1, 1))  # noqa: DTZ001 - what is refused
    assert naive.value.api_code == "invalid_request"


async def test_a_supervisor_without_a_history_says_so() -> None:
    async with serve() as bare, ControlClient(bare.url, TOKEN) as client:
        with pytest.raises(HistoryUnavailable):
            await client.events()
        assert "trading_dashboard_agent_status" in await client.metrics()


async def test_figures_are_prometheus_text_and_documented(
    client: ControlClient, desk: Desk
) -> None:
    await client.start("first")
    figures = LogFigures(written_bytes=7, dropped_bytes=5, dropped_lines=3, unfiled_lines=2)
    desk.manager.written["first"] = figures
    text = await client.metrics()
    samples = {
        (sample.name, sample.labels.get("agent"), sample.labels.get("status")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert samples["trading_dashboard_agent_status", "first", "running"] == 1
    assert samples["trading_dashboard_agent_status", "first", "stopped"] == 0
    assert samples["trading_dashboard_agent_restarts_total", "first", None] == 0
    prefix = "trading_dashboard_agent_log_"
    counted = ("bytes", "dropped_bytes", "dropped_lines", "unfiled_lines")
    assert [samples[f"{prefix}{name}_total", "first", None] for name in counted] == [7, 5, 3, 2]
    documented = (ROOT / "docs" / "control-api.md").read_text("utf-8")
    for name in NAMES:
        assert f"# TYPE {name} " in text
        assert f"`{name}`" in documented


async def test_figures_need_the_token(desk: Desk) -> None:
    async with ControlClient(desk.url, "another") as stranger:
        with pytest.raises(Unauthorized):
            await stranger.metrics()


_names = st.sampled_from(
    ["since", "until", "agent", "kind", "before", "limit", "first", "last", "x"]
)
_values = st.one_of(
    st.text(st.characters(codec="utf-8"), max_size=80),
    st.integers().map(str),
    st.floats().map(str),
    st.datetimes(timezones=st.timezones()).map(lambda time: time.isoformat()),
    st.dates().map(lambda day: day.isoformat()),
    st.sampled_from([kind.value for kind in EventKind]),
)


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    path=st.sampled_from(["events", "availability", "incidents"]),
    params=st.lists(st.tuples(_names, _values), max_size=5),
)
@example(path="incidents", params=[("until", "0001-01-01T00:00:00+14:00")])
@example(path="incidents", params=[("since", "9999-12-31T23:59:59-14:00")])
@example(path="events", params=[("since", "0001-01-01T00:00:00+14:00")])
@example(path="events", params=[("since", "1e308")])
@example(path="availability", params=[("last", "0001-01-01")])
@example(path="availability", params=[("first", "9999-12-31"), ("last", "9999-12-31")])
@example(path="events", params=[("before", str(2**63)), ("agent", "\0")])
def test_whatever_is_asked_is_answered_or_refused(
    path: str, params: list[tuple[str, str]], ask: Ask
) -> None:
    response = ask(path, params)
    assert response.status_code in (200, 422), response.text
    if response.status_code == 422:
        error: dict[str, Any] = response.json()["error"]
        assert error["code"] in ("invalid_request", "invalid_period")


@pytest.fixture
def ask(tmp_path: Path) -> Iterator[Ask]:
    """Return a function that asks one history, without sockets."""
    history = EventHistory(tmp_path, "r1", HistorySettings())
    hub = EventHub(dict)
    history.open(hub)
    hub.publish(EventKind.SUPERVISOR_STARTED)
    manager: Any = None
    supervision = Supervision(
        agents=manager, describe=lambda: manager, request_shutdown=lambda _: None, history=history
    )
    transport = httpx.ASGITransport(create_api(supervision, Tokens({})))
    client = httpx.AsyncClient(transport=transport, base_url="http://localhost")
    with asyncio.Runner() as runner:
        yield lambda path, params: runner.run(client.get(f"/v1/{path}?{urlencode(params)}"))
        runner.run(client.aclose())
        runner.run(history.aclose())
