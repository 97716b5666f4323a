"""Whose port is it? Free, held, held by a leftover; TIME_WAIT does not count."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.integration.process_bench import process_bench
from tests.support import PUPPETS, eventually
from trading_dashboard.orchestrator.processes.ports import is_port_free
from trading_dashboard.orchestrator.processes.process_tree import RUN_ID, STATE_DIRECTORY


@contextlib.contextmanager
def stranger(port: int) -> Iterator[int]:
    """Serve on the port with a process that nobody supervises; give its pid."""
    command = [sys.executable, str(PUPPETS / "healthy.py"), str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            yield process.pid
        finally:
            process.kill()


def test_a_listener_on_any_address_of_localhost_holds_the_port(free_port: int) -> None:
    assert is_port_free("localhost", free_port)
    for host, family in (("127.0.0.1", socket.AF_INET), ("0.0.0.0", socket.AF_INET)):
        with socket.socket(family) as server:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            server.bind((host, free_port))
            server.listen()
            assert not is_port_free("localhost", free_port)
    assert is_port_free("localhost", free_port)


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6")
def test_a_listener_on_ipv6_alone_holds_localhost_too(free_port: int) -> None:
    with socket.socket(socket.AF_INET6) as server:
        try:
            server.bind(("::1", free_port))
        except OSError:
            pytest.skip("no IPv6 on this machine")
        server.listen()
        assert not is_port_free("localhost", free_port)
        assert is_port_free("127.0.0.1", free_port)


def test_time_wait_does_not_hold_the_port(free_port: int) -> None:
    with socket.create_server(("127.0.0.1", free_port)) as server:
        client = socket.create_connection(("127.0.0.1", free_port))
        accepted, _ = server.accept()
        accepted.close()  # the server's side closes first, so TIME_WAIT is on its port
        client.recv(1)
        client.close()
    # Control arm: a test without SO_REUSEADDR would take it for held.
    with socket.socket() as plain, pytest.raises(OSError, match="in use"):
        plain.bind(("127.0.0.1", free_port))
    assert is_port_free("localhost", free_port)


async def test_owner_is_named(tmp_path: Path, free_port: int) -> None:
    async with process_bench(tmp_path) as bench:
        assert await bench.runtime.port_owner("localhost", free_port) is None
        handle = await bench.start("healthy", str(free_port))
        owner = await bench.runtime.port_owner("localhost", free_port)
        assert owner is not None
        assert (owner.pid, owner.is_leftover) == (handle.pid, False)
        assert "healthy.py" in (owner.command or "")


async def test_leftover_is_recognised_and_removed(tmp_path: Path, free_port: int) -> None:
    async with process_bench(tmp_path) as bench:
        leftover = _serve(
            free_port, {STATE_DIRECTORY: str(bench.runtime.state_directory), RUN_ID: "dead"}
        )
        try:
            owner = await eventually(lambda: bench.runtime.port_owner("localhost", free_port))
            assert owner is not None
            assert owner.is_leftover
            assert await bench.runtime.remove_leftover(owner)
            assert await bench.runtime.port_owner("localhost", free_port) is None
        finally:
            leftover.kill()
            leftover.wait()


def _serve(port: int, marker: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, str(PUPPETS / "healthy.py"), str(port)],
        env={**os.environ, **marker},
        stdout=subprocess.DEVNULL,
    )


async def test_a_server_in_place_of_the_agent_is_told_from_the_agent(
    tmp_path: Path, free_ports: Callable[[], int]
) -> None:
    async with process_bench(tmp_path) as bench:
        port, other = free_ports(), free_ports()
        runtime, agent = bench.runtime, await bench.start("healthy", str(port))
        assert await runtime.port_rival(agent, "localhost", port) is None
        assert await runtime.port_rival(agent, "localhost", other) is None, "nobody is there"
        assert await runtime.serves(agent, "localhost", port)
        assert not await runtime.serves(agent, "localhost", other)
        assert not await runtime.serves(agent, "192.0.2.1", port)
        with stranger(other) as pid:
            await eventually(lambda: not is_port_free("localhost", other))
            rival = await runtime.port_rival(agent, "localhost", other)
            assert rival is not None
            assert rival.pid == pid
            assert not await runtime.serves(agent, "localhost", other)
            # What happens here says nothing about another machine (TEST-NET-1, RFC 5737).
            assert await runtime.port_rival(agent, "192.0.2.1", other) is None


async def test_a_listening_descendant_is_the_agent(tmp_path: Path, free_port: int) -> None:
    server = [sys.executable, str(PUPPETS / "healthy.py"), str(free_port)]
    script = f"import subprocess; subprocess.run({server!r}, start_new_session=True)"
    async with process_bench(tmp_path) as bench:
        launch = replace(bench.launch("healthy"), command=(sys.executable, "-c", script))
        agent = await bench.runtime.start(launch, bench.on_exit)
        await eventually(lambda: not is_port_free("localhost", free_port))
        assert await bench.runtime.port_rival(agent, "localhost", free_port) is None
        assert await bench.runtime.serves(agent, "localhost", free_port)
