"""Hosts, origins and cookies: pure decisions of the guard."""

from __future__ import annotations

import pytest
from starlette.datastructures import Headers

from trading_dashboard.dashboard.guard import host_name, is_origin_allowed, session_cookie


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("localhost:8501", "localhost"),
        ("LOCALHOST", "localhost"),
        ("localhost.", "localhost"),
        ("[::1]:8501", "::1"),
        ("127.0.0.1", "127.0.0.1"),
        ("user@localhost", None),
        ("localhost/path", None),
        ("localhost:port", None),
        ("localhost:99999", None),
        ("", None),
        ("löcalhost", None),
    ],
)
def test_a_host_is_a_name_and_a_port_and_nothing_else(value: str, name: str | None) -> None:
    assert host_name(value) == name


@pytest.mark.parametrize(
    ("origin", "is_allowed"),
    [
        ("http://localhost:8501", True),
        ("https://localhost:8501", True),
        ("http://localhost:3000", False),
        ("http://localhost", False),
        ("http://evil.example", False),
        ("http://localhost:8501.evil.example", False),
        ("null", False),
        ("", False),
    ],
)
def test_only_the_own_origin_is_allowed(origin: str, is_allowed: bool) -> None:
    headers = Headers({"host": "localhost:8501", "origin": origin})

    assert is_origin_allowed(headers, is_required=True) is is_allowed
    assert is_origin_allowed(headers, is_required=False) is is_allowed


def test_a_websocket_needs_an_origin_and_a_request_does_not() -> None:
    headers = Headers({"host": "localhost:8501"})

    assert not is_origin_allowed(headers, is_required=True)
    assert is_origin_allowed(headers, is_required=False)


@pytest.mark.parametrize(
    ("site", "mode", "is_allowed"),
    [
        ("same-origin", "cors", True),
        ("none", "navigate", True),
        ("cross-site", "navigate", True),
        ("same-site", "no-cors", False),
        ("cross-site", "no-cors", False),
    ],
)
def test_another_page_may_link_here_but_not_fetch(site: str, mode: str, is_allowed: bool) -> None:
    headers = Headers({"host": "localhost:8501", "sec-fetch-site": site, "sec-fetch-mode": mode})

    assert is_origin_allowed(headers, is_required=False) is is_allowed


def test_the_session_cookie_is_found_among_foreign_ones() -> None:
    headers = Headers({"cookie": 'odd="a b"; {}=1; td_session_8501=value; x'})

    assert session_cookie(headers, "td_session_8501") == "value"
    assert session_cookie(headers, "td_session_8502") is None
