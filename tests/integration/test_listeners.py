"""The quick answer to who listens on a port, given by the kernel."""

from __future__ import annotations

import os
import socket
import sys

import pytest

from trading_dashboard.orchestrator.processes.listeners import listens

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it never says yes")


@pytest.mark.parametrize(
    ("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]
)
def test_a_process_is_said_to_listen_on_its_own_port_only(
    family: socket.AddressFamily, host: str
) -> None:
    with socket.create_server((host, 0), family=family) as server:
        port = server.getsockname()[1]
        assert listens(os.getpid(), port)
        assert not listens(os.getppid(), port)
    assert not listens(os.getpid(), port)


def test_a_connection_is_no_listener() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
    ):
        assert not listens(os.getpid(), client.getsockname()[1])


def test_nothing_is_said_of_a_process_that_is_gone() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert not listens(2**22 + 1, server.getsockname()[1])
