"""How much of an answer the gateway lets through: an agent's is bounded, a log file comes whole."""

from __future__ import annotations

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from trading_dashboard.dashboard.gateway.http_proxy import MAX_RESPONSE_BYTES, BodyTooLarge, forward
from trading_dashboard.dashboard.gateway.upstreams import Target

LONG = MAX_RESPONSE_BYTES + 1


async def fetched(*, is_control: bool) -> int:
    """Return how many bytes of a long answer arrive."""

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=b"x" * LONG, headers={"content-type": "text/plain"})

    async def nothing() -> None:
        return None

    target = Target(httpx.URL("http://upstream/file"), is_control=is_control)

    async def route(request: Request) -> Response:
        async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as upstream:
            return await forward(upstream, request, target, nothing)

    app = Starlette(routes=[Route("/", route)])
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        return len((await client.get("/")).content)


async def test_a_whole_log_file_comes_through() -> None:
    assert await fetched(is_control=True) == LONG


async def test_an_answer_of_an_agent_is_bounded() -> None:
    with pytest.raises(BodyTooLarge):
        await fetched(is_control=False)
