"""The manager with real processes: what a user sees when agents crash, hang, collide and leave."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import venv
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support import PUPPETS, eventually, write_project
from trading_dashboard.config import load_settings
from trading_dashboard.models.agents import AgentInfo
from trading_dashboard.models.errors import AlreadySupervised, NotManaged, SupervisorShuttingDown
from trading_dashboard.models.states import AgentStatus, Management
from trading_dashboard.orchestrator import AgentManager


def puppet(name: str, port: int, **more: Any) -> dict[str, Any]:
    """Return the configuration of an agent that is a puppet, asked often and forgiven little."""
    return {
        "url": f"http://127.0.0.1:{port}",
        "start_command": ["python", str(PUPPETS / f"{name}.py"), "{port}"],
        "health_check_interval": 0.1,
        "timeout": 0.5,
        "stop_timeout": 2,
        "restart": {"first_delay_seconds": 0.05, "max_delay_seconds": 0.05},
        **more,
    }


@contextlib.asynccontextmanager
async def manager(root: Path, agents: Mapping[str, Any]) -> AsyncIterator[AgentManager]:
    write_project(root, {"agents": dict(agents)})
    made = AgentManager(loaded=load_settings(root, environ={}))
    try:
        yield made
    finally:
        await made.aclose()


async def info(made: AgentManager, name: str = "a") -> AgentInfo:
    found = await made.get_agent_status(name)
    assert found is not None
    return found


async def becomes(made: AgentManager, is_so: Callable[[AgentInfo], bool]) -> AgentInfo:
    async def reached() -> AgentInfo | None:
        found = await info(made)
        return found if is_so(found) else None

    found = await eventually(reached, deadline=20)
    assert found is not None
    return found


@contextlib.contextmanager
def stranger(command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program that nobody supervises."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


async def test_start_means_healthy_and_stop_means_gone(tmp_path: Path, free_port: int) -> None:
    async with manager(tmp_path, {"a": puppet("healthy", free_port)}) as made:
        assert await made.start_agent("a")
        running = await info(made)
        assert running.pid is not None
        assert psutil.pid_exists(running.pid)
        assert await made.stop_all_agents() == {"a": True}
        assert not psutil.pid_exists(running.pid)


async def test_kill_9_of_an_agent_brings_a_new_process(tmp_path: Path, free_port: int) -> None:
    async with manager(tmp_path, {"a": puppet("healthy", free_port)}) as made:
        await made.start_agent("a")
        old = await info(made)
        assert old.pid is not None
        os.kill(old.pid, signal.SIGKILL)
        back = await becomes(made, lambda i: i.restarts == 1 and i.status is AgentStatus.RUNNING)
        assert back.pid != old.pid
        assert back.last_exit == "signal 9 (SIGKILL)"


async def test_a_hung_agent_is_noticed_and_replaced(tmp_path: Path, free_port: int) -> None:
    agents = {"a": puppet("healthy", free_port, failure_threshold=2, stop_timeout=0.2)}
    async with manager(tmp_path, agents) as made:
        await made.start_agent("a")
        old = await info(made)
        assert old.pid is not None
        os.kill(old.pid, signal.SIGSTOP)
        back = await becomes(made, lambda i: i.restarts == 1 and i.status is AgentStatus.RUNNING)
        assert back.pid != old.pid
        assert not psutil.pid_exists(old.pid)


async def test_a_crash_shows_the_last_lines_it_wrote(tmp_path: Path, free_port: int) -> None:
    script = "import sys; print('KeyError: API_KEY', file=sys.stderr); sys.exit(3)"
    broken = puppet("healthy", free_port, start_command=["python", "-c", script])
    broken["restart"] = {"max_restarts": 0}
    async with manager(tmp_path, {"a": broken}) as made:
        assert not await made.start_agent("a")
        failed = await info(made)
        assert failed.status is AgentStatus.ERROR
        assert "exited with code 3" in (failed.error_message or "")
        assert "KeyError: API_KEY" in (failed.error_message or "")


async def test_a_missing_program_says_so_at_once(tmp_path: Path, free_port: int) -> None:
    agents = {"a": puppet("healthy", free_port, start_command=["no-such-program-anywhere"])}
    async with manager(tmp_path, agents) as made:
        assert not await made.start_agent("a")
        failed = await info(made)
        assert failed.status is AgentStatus.ERROR
        assert "no-such-program-anywhere" in (failed.error_message or "")


async def test_a_healthy_stranger_is_adopted_watched_and_left_alone(
    tmp_path: Path, free_port: int
) -> None:
    port = free_port
    with stranger([sys.executable, str(PUPPETS / "healthy.py"), str(port)]) as process:
        async with manager(tmp_path, {"a": puppet("healthy", port)}) as made:
            assert await made.start_agent("a")
            found = await info(made)
            assert (found.management, found.pid) == (Management.EXTERNAL, process.pid)
            with pytest.raises(NotManaged):
                await made.stop_agent("a")
        assert process.poll() is None, "an external agent was ended with the desk"


async def test_a_port_held_by_something_else_names_it(tmp_path: Path, free_port: int) -> None:
    port = free_port
    thief = (
        "import socket, time; s = socket.socket(); s.bind(('127.0.0.1', int(__import__('sys')"
        ".argv[1]))); s.listen(); print('ready', flush=True); time.sleep(600)"
    )
    with stranger([sys.executable, "-c", thief, str(port)]) as process:
        async with manager(tmp_path, {"a": puppet("healthy", port)}) as made:
            assert not await made.start_agent("a")
            failed = await info(made)
        assert failed.error_code == "port_in_use"
        assert f"port {port} is held by pid {process.pid}" in (failed.error_message or "")
        assert process.poll() is None


async def test_a_thief_that_comes_between_check_and_bind_is_not_taken_for_the_agent(
    tmp_path: Path, free_port: int
) -> None:
    port = free_port
    lives_without_serving = puppet("never_ready", port, stop_timeout=0.2)
    async with manager(tmp_path, {"a": lives_without_serving}) as made:
        starting = asyncio.create_task(made.start_agent("a"))
        own = (await becomes(made, lambda i: i.pid is not None)).pid
        assert own is not None
        with stranger([sys.executable, str(PUPPETS / "healthy.py"), str(port)]) as thief:
            assert await starting
            found = await info(made)
            assert (found.management, found.pid) == (Management.EXTERNAL, thief.pid)
            assert not psutil.pid_exists(own)


async def test_two_supervisors_never_fight_over_one_project(tmp_path: Path, free_port: int) -> None:
    async with manager(tmp_path, {"a": puppet("healthy", free_port)}) as first:
        await first.start_agent("a")
        second = AgentManager(loaded=load_settings(tmp_path, environ={}))
        with pytest.raises(AlreadySupervised):
            await second.start_agent("a")
        assert (await info(first)).status is AgentStatus.RUNNING


async def test_a_foreign_agent_runs_on_its_own_environment(tmp_path: Path, free_port: int) -> None:
    folder = tmp_path / "foreign"
    venv.create(folder / ".venv", with_pip=False, symlinks=True)
    (folder / "run_api.py").write_text(
        textwrap.dedent("""
            import http.server, sys

            class Handler(http.server.BaseHTTPRequestHandler):
                def do_GET(self):
                    self.send_response(200)
                    self.end_headers()
                    self.wfile.write(sys.prefix.encode())

            http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
        """)
    )
    port = free_port
    agents = {
        "a": puppet(
            "healthy",
            port,
            start_command=["python", "run_api.py", "{port}"],
            working_directory="foreign",
        )
    }
    async with manager(tmp_path, agents) as made:
        assert await made.start_agent("a")
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.0\r\n\r\n")
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
    assert answer.endswith(str(folder / ".venv").encode())


async def test_the_process_is_exposed_and_looking_at_it_harms_nothing(
    tmp_path: Path, free_port: int
) -> None:
    async with manager(tmp_path, {"a": puppet("healthy", free_port)}) as made:
        await made.start_agent("a")
        running = await info(made)
        assert running.process.poll() is None
        assert running.process.pid == running.pid
        os.kill(running.process.pid, signal.SIGKILL)
        await eventually(lambda: running.process.poll() is not None)
        await becomes(made, lambda i: i.restarts == 1 and i.status is AgentStatus.RUNNING)


def test_as_a_library_from_the_project_root(tmp_path: Path, free_port: int) -> None:
    write_project(tmp_path, {"agents": {"market_data": puppet("healthy", free_port)}})
    program = textwrap.dedent("""
        import asyncio
        from trading_dashboard.orchestrator import AgentManager, AgentStatus

        async def main():
            manager = AgentManager()
            assert await manager.start_agent("market_data") is True
            info = await manager.get_agent_status("market_data")
            assert info.status is AgentStatus.RUNNING
            print(await manager.stop_all_agents())

        asyncio.run(main())
    """)
    result = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert (result.returncode, result.stdout.strip()) == (0, "{'market_data': True}"), result.stderr


def test_what_ended_with_its_loop_is_not_shown_as_running(tmp_path: Path, free_port: int) -> None:
    write_project(tmp_path, {"agents": {"a": puppet("healthy", free_port)}})
    made = AgentManager(loaded=load_settings(tmp_path, environ={}))
    assert asyncio.run(made.start_agent("a"))
    ended = asyncio.run(made.get_agent_status("a"))
    assert ended is not None
    assert (ended.status, ended.pid) == (AgentStatus.STOPPED, None)


async def test_a_closed_manager_says_that_a_new_one_is_needed(
    tmp_path: Path, free_port: int
) -> None:
    async with manager(tmp_path, {"a": puppet("healthy", free_port)}) as made:
        await made.start_agent("a")
        await made.aclose()
        with pytest.raises(SupervisorShuttingDown, match="Make a new AgentManager"):
            await made.start_agent("a")
