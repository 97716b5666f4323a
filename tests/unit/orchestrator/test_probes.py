"""A health request against servers that behave, and against those that do not."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tests.unit.orchestrator.raw_server import answer, server
from trading_dashboard.models.states import DataState, Health
from trading_dashboard.orchestrator import probes
from trading_dashboard.orchestrator.probes import HttpProber, judge


def report(**fields: Any) -> bytes:
    return json.dumps(fields).encode()


async def test_a_plain_200_is_healthy() -> None:
    async with server(answer("200 OK", b"fine")) as url:
        outcome = await HttpProber().probe(url, 5)
    assert (outcome.ok, outcome.health, outcome.message) == (True, Health.HEALTHY, None)


async def test_nobody_listening_is_silence() -> None:
    async with server(answer("200 OK")) as url:
        pass
    outcome = await HttpProber().probe(url, 5)
    assert (outcome.answered, outcome.ok, outcome.message) == (False, False, "connection refused")


async def test_localhost_finds_a_server_on_either_family() -> None:
    async with server(answer("200 OK")) as url:
        outcome = await HttpProber().probe(url.replace("127.0.0.1", "localhost"), 5)
    assert outcome.ok


async def test_a_hanging_server_is_cut_off() -> None:
    async def hang(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)

    async with server(hang) as url:
        outcome = await HttpProber().probe(url, 0.2)
    assert (outcome.answered, outcome.message) == (False, "no answer within 0.2 s")


async def test_a_dripping_server_is_cut_off_although_each_read_succeeds() -> None:
    async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        for _number in range(1000):
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.02)

    async with server(drip) as url:
        outcome = await HttpProber().probe(url, 0.3)
    assert (outcome.answered, outcome.message) == (False, "no answer within 0.3 s")


async def test_a_huge_body_is_not_read_to_its_end() -> None:
    sent = 0

    async def flood(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
        while True:
            writer.write(chunk)
            await writer.drain()
            sent += 65536

    async with server(flood) as url:
        outcome = await HttpProber().probe(url, 10)
    assert outcome.ok
    assert sent < 64 * 1024 * 1024


async def test_redirects_are_not_followed() -> None:
    async with server(answer("200 OK")) as target:
        redirect = answer("302 Found", headers=f"Location: {target}\r\n")
        async with server(redirect) as url:
            outcome = await HttpProber().probe(url, 5)
    assert (outcome.answered, outcome.ok, outcome.message) == (True, False, "/health answered 302")


async def test_something_that_is_not_http_is_silence() -> None:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail ready\r\n")

    async with server(greet) as url:
        outcome = await HttpProber().probe(url, 5)
    assert (outcome.answered, outcome.message) == (False, "the answer was not HTTP")


async def test_a_connection_that_breaks_off_is_silence() -> None:
    async def leave(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    async with server(leave) as url:
        outcome = await HttpProber().probe(url, 5)
    assert not outcome.answered


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with server(answer("200 OK")) as url:
        outcome = await HttpProber().probe(url, 5)
    assert outcome.ok


async def test_a_failure_while_the_machine_slept_is_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    slept = iter([0.0, 120.0])
    monkeypatch.setattr(probes, "suspended_seconds", lambda: next(slept))
    async with server(answer("200 OK")) as url:
        pass
    assert (await HttpProber().probe(url, 5)).suspended


@pytest.mark.parametrize(
    ("word", "health"),
    [
        ("healthy", Health.HEALTHY),
        ("OK", Health.HEALTHY),
        ("something else", Health.HEALTHY),
        ("degraded", Health.DEGRADED),
        ("warn", Health.DEGRADED),
        ("unhealthy", Health.UNHEALTHY),
        ("Down", Health.UNHEALTHY),
    ],
)
def test_the_agents_own_word_counts(word: str, health: Health) -> None:
    outcome = judge(200, report(status=word, message="because"), 0.001)
    assert (outcome.ok, outcome.health) == (True, health)
    assert outcome.message == (None if health is Health.HEALTHY else "because")


def test_a_503_is_not_ok_whatever_the_body_says() -> None:
    outcome = judge(503, report(status="healthy"), 0.001)
    assert (outcome.answered, outcome.ok, outcome.health) == (True, False, Health.UNHEALTHY)
    assert outcome.message == "/health answered 503 and says 'healthy'"


def test_checks_that_are_not_well_are_named() -> None:
    checks = {"store": {"status": "healthy"}, "feed": {"status": "down", "message": "no route"}}
    assert judge(200, report(status="degraded", checks=checks), 0.001).message == "feed: no route"


def test_data_freshness_is_taken_over() -> None:
    body = report(status="healthy", data={"state": "stale", "age_seconds": 12.5, "source": "x"})
    outcome = judge(200, body, 0.001)
    assert outcome.data is not None
    assert (outcome.data.state, outcome.data.age_seconds) == (DataState.STALE, 12.5)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[1, 2]",
        b'"healthy"',
        b"{" * 5000,
        b"[" * 100_000,
        b"\xff\xfe",
        report(status=1),
        report(status=None),
        report(stat="healthy"),
    ],
)
def test_a_body_that_is_no_report_says_nothing(body: bytes) -> None:
    outcome = judge(200, body, 0.001)
    assert (outcome.ok, outcome.health, outcome.data) == (True, Health.HEALTHY, None)


def test_other_meanings_of_our_field_names_do_not_hide_the_status() -> None:
    body = report(status="degraded", checks=["a"], data="x" * 100, started_at="yesterday")
    outcome = judge(200, body, 0.001)
    assert (outcome.ok, outcome.health) == (True, Health.DEGRADED)


@pytest.mark.parametrize(
    "body",
    [
        rb'{"status": "unhealthy\ud800"}',
        rb'{"status": "degraded", "checks": {"a": {"status": "down", "message": "\ud800"}}}',
        rb'{"status": "ok", "data": {"state": "fresh", "age_seconds": 1e400}}',
        rb'{"status": "ok", "data": {"state": "fresh", "age_seconds": NaN}}',
    ],
)
def test_what_cannot_be_sent_on_is_not_taken_over(body: bytes) -> None:
    outcome = judge(200, body, 0.0)
    assert outcome.ok
    (outcome.message or "").encode()
    assert outcome.data is None or outcome.data.age_seconds is None


def test_a_nan_beside_it_does_not_silence_the_agents_word() -> None:
    assert judge(200, b'{"status": "unhealthy", "spread": NaN}', 0.0).health is Health.UNHEALTHY


async def test_an_address_that_cannot_be_asked_is_silence_too() -> None:
    outcome = await HttpProber().probe("http://127.0.0.1:1/gesund\u00e4", 1)
    assert (outcome.answered, outcome.ok) == (False, False)
    assert "cannot be asked" in (outcome.message or "")
