"""Who gets in: over HTTP and WebSocket, to our routes and to Streamlit's own.

Each refusal has its control arm: the same request with the one thing put right is let in.
"""

from __future__ import annotations

from collections.abc import Mapping

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

from tests.dashboard_desk import DashboardDesk

GUARDED = (
    "/", "/chart", "/agents", "/assets/js/hub.js", "/assets/desk.css", "/api/session",
    "/api/control/status", "/api/agents/market_data/symbols", "/_stcore/health",
    "/_stcore/host-config", "/_stcore/metrics", "/_stcore/bidi-components/x/y.js",
    "/static/manifest.json",
)  # fmt: skip
SOCKETS = ("/_stcore/stream", "/api/control/ws", "/api/agents/market_data/stream")


def handshake(desk: DashboardDesk, path: str, headers: Mapping[str, str]) -> int:
    """Return the status of a WebSocket handshake: 101 if it succeeds."""
    sent = {"Origin": desk.url, **headers}
    origin = sent.pop("Origin")
    protocols = [Subprotocol("streamlit")] if path.startswith("/_stcore") else None
    try:
        with connect(
            f"ws://localhost:{desk.port}{path}",
            additional_headers=sent,
            origin=Origin(origin) if origin else None,
            subprotocols=protocols,
            proxy=None,
        ):
            return 101
    except InvalidStatus as refusal:
        return refusal.response.status_code


def cookie(desk: DashboardDesk, person: httpx.Client) -> dict[str, str]:
    return {"Cookie": f"{desk.cookie_name}={person.cookies[desk.cookie_name]}"}


@pytest.mark.parametrize("path", GUARDED)
def test_nothing_is_served_without_a_session(
    desk: DashboardDesk, visitor: httpx.Client, path: str
) -> None:
    refused = visitor.get(path)
    visitor.get(desk.login_url())
    served = visitor.get(path)

    assert refused.status_code == 401
    assert refused.json()["error"]["code"] == "unauthorized"
    assert served.status_code != 401


@pytest.mark.parametrize("path", SOCKETS)
def test_no_socket_opens_without_a_session(
    desk: DashboardDesk, person: httpx.Client, path: str
) -> None:
    assert handshake(desk, path, {}) == 403
    assert handshake(desk, path, {"Cookie": f"{desk.cookie_name}=forged.value"}) == 403
    assert handshake(desk, path, cookie(desk, person)) == 101


@pytest.mark.parametrize("path", SOCKETS)
@pytest.mark.parametrize("origin", ["http://evil.example", "http://localhost:1", "null", ""])
def test_no_socket_opens_for_another_origin(
    desk: DashboardDesk, person: httpx.Client, path: str, origin: str
) -> None:
    session = cookie(desk, person)

    assert handshake(desk, path, {**session, "Origin": origin}) == 403
    assert handshake(desk, path, session) == 101


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "169.254.1.1"])
def test_another_host_name_is_refused(desk: DashboardDesk, person: httpx.Client, host: str) -> None:
    refused = person.get("/", headers={"host": f"{host}:{desk.port}"})
    served = person.get("/", headers={"host": f"localhost:{desk.port}"})

    assert (refused.status_code, served.status_code) == (403, 200)
    assert refused.json()["error"]["code"] == "forbidden"


def test_health_is_open_but_not_to_another_host(visitor: httpx.Client) -> None:
    assert visitor.get("/health").json()["status"] == "healthy"
    assert visitor.get("/health", headers={"host": "evil.example"}).status_code == 403


def test_requests_of_another_origin_are_refused(person: httpx.Client, desk: DashboardDesk) -> None:
    def status(origin: str) -> int:
        return person.get("/api/session", headers={"origin": origin}).status_code

    assert status("http://localhost:3000") == 403
    assert status(desk.url) == 200


def test_a_change_needs_the_csrf_value(person: httpx.Client, csrf: dict[str, str]) -> None:
    path = "/api/agents/market_data/clock"

    assert person.post(path, json={"speed": 60}).status_code == 403
    assert person.post(path, json={"speed": 60}, headers={"x-csrf-token": "x"}).status_code == 403
    assert person.post(path, json={"speed": 60}, headers=csrf).status_code == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_streamlits_own_changes_need_it_as_well(person: httpx.Client, method: str) -> None:
    refused = person.request(method, "/_stcore/upload_file/a/b")

    assert refused.status_code == 403
    assert "X-CSRF-Token" in refused.json()["error"]["message"]


def test_a_link_works_once(desk: DashboardDesk, visitor: httpx.Client) -> None:
    link = desk.login_url()
    first = visitor.get(link)
    with httpx.Client(trust_env=False) as somebody_else:
        second = somebody_else.get(link, headers={"accept": "text/html"})

    assert (first.status_code, first.headers["location"]) == (303, "/")
    assert second.status_code == 401
    assert "used before" in second.text
    assert "set-cookie" not in second.headers


def test_a_link_followed_again_by_its_owner_leads_to_the_page(
    desk: DashboardDesk, visitor: httpx.Client
) -> None:
    link = desk.login_url()

    assert visitor.get(link).status_code == 303
    assert visitor.get(link).status_code == 303


def test_an_expired_link_is_refused(desk: DashboardDesk, visitor: httpx.Client) -> None:
    assert visitor.get(desk.login_url(ttl_seconds=-1)).status_code == 401


def test_looking_at_a_link_does_not_use_it(desk: DashboardDesk, visitor: httpx.Client) -> None:
    link = desk.login_url()

    assert visitor.head(link).status_code == 405
    assert visitor.get(link).status_code == 303


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(
    desk: DashboardDesk, visitor: httpx.Client
) -> None:
    value = visitor.get(desk.login_url()).headers["set-cookie"].lower()

    assert "httponly" in value
    assert "samesite=strict" in value


def test_a_link_from_another_site_arrives_without_a_redirect(
    desk: DashboardDesk, visitor: httpx.Client
) -> None:
    answer = visitor.get(desk.login_url(), headers={"sec-fetch-site": "cross-site"})

    assert answer.status_code == 200
    assert 'http-equiv="refresh"' in answer.text
    assert visitor.get("/").status_code == 200


def test_whoever_is_signed_out_is_told_the_way_in(visitor: httpx.Client) -> None:
    answer = visitor.get("/", headers={"accept": "text/html"})

    assert answer.status_code == 401
    assert "trading-dashboard login" in answer.text


@pytest.mark.parametrize("path", ["/", "/api/session", "/assets/js/hub.js", "/nowhere"])
def test_every_answer_carries_the_security_headers(person: httpx.Client, path: str) -> None:
    headers = person.get(path).headers

    assert "script-src 'self';" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


def test_assets_stay_in_their_folder(person: httpx.Client) -> None:
    for path in (b"/assets/../main.py", b"/assets/%2e%2e/main.py", b"/assets/js", b"/main.py"):
        request = person.build_request("GET", person.base_url)
        request.url = request.url.copy_with(raw_path=path)
        assert person.send(request).status_code in (400, 404)
    assert person.get("/assets/vendor/lightweight-charts.mjs").status_code == 200


def test_an_unknown_page_is_said_to_be_one(person: httpx.Client) -> None:
    for path in ("/nowhere", "/deep/down/there", "/chart/", "/docs"):
        answer = person.get(path, headers={"accept": "text/html"})

        assert answer.status_code == 404, path
        assert "There is no such page on this desk." in answer.text
