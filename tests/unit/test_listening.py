"""Our listeners name their protocol, so that asyncio turns Nagle off on what they accept."""

import socket

from trading_dashboard.control_api.listening import bind_loopback
from trading_dashboard.dashboard.server import _listen


def test_small_answers_are_not_held_back() -> None:
    for listen in (bind_loopback, _listen):
        with listen(0) as listener:
            assert listener.proto == socket.IPPROTO_TCP
            assert listener.getsockname()[0] == "127.0.0.1"
