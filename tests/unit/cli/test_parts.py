"""Login links, formatting, the terminal, and that the documentation knows every command."""

from __future__ import annotations

import fcntl
import io
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import typer.main

from tests.support import ROOT
from trading_dashboard.cli.exit_codes import ExitCode
from trading_dashboard.cli.formatting import (
    agent_outcome,
    delay_words,
    duration,
    status_lines,
)
from trading_dashboard.cli.login import run_login
from trading_dashboard.cli.main import app
from trading_dashboard.cli.narration import Narrator
from trading_dashboard.cli.reporting import exit_code_of
from trading_dashboard.cli.run_files import remove_run_secrets, write_run_secrets
from trading_dashboard.cli.terminal import CLOSE_SECONDS, MAX_PENDING, Terminal
from trading_dashboard.clients import lease as lease_module
from trading_dashboard.clients.lease import Lease, is_alive, read_lease
from trading_dashboard.models.agents import AgentInfo
from trading_dashboard.models.control import StatusAnswer, TokenRole, VerbAnswer
from trading_dashboard.models.errors import (
    AlreadySupervised,
    ConfigurationError,
    LeaseDamaged,
    NotSupervised,
    UnknownAgent,
)
from trading_dashboard.models.events import Event, EventKind
from trading_dashboard.models.login import verify_login_token
from trading_dashboard.models.states import AgentStatus, Management
from trading_dashboard.orchestrator.events import Update
from trading_dashboard.orchestrator.processes.platforms.choice import choose


def own_lease(**fields: object) -> dict[str, object]:
    stat = Path("/proc/self/stat").read_text("ascii")
    boot_id = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    ticks = int(stat.rpartition(")")[2].split()[19])
    mine = {"run_id": "r", "pid": os.getpid(), "start_ticks": ticks, "boot_id": boot_id}
    return {**mine, **fields}


def write_lease(root: Path, **fields: object) -> None:
    folder = root / "var" / "run"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "lease.json").write_text(json.dumps(own_lease(**fields)), "utf-8")


def test_a_login_link_lets_in(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_lease(tmp_path, dashboard_url="http://127.0.0.1:1")
    secrets = write_run_secrets(tmp_path / "var")
    assert run_login(tmp_path) is ExitCode.OK
    link = capsys.readouterr().out.strip()
    assert link.startswith("http://127.0.0.1:1/login?token=")
    token = link.partition("token=")[2]
    assert verify_login_token(secrets.login_key, token, time.time()).expires_at > time.time()


def test_run_secrets_are_new_private_and_removed(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    first, second = write_run_secrets(tmp_path), write_run_secrets(tmp_path)
    made = {*first.tokens.values(), *second.tokens.values()}
    assert len(made) == 2 * len(TokenRole)
    assert first.login_key != second.login_key
    assert not any(token in repr(second) for token in made)
    written = {path.name for path in (tmp_path / "run").iterdir()}
    assert written == {"control.token", "control.read.token", "login.key"}
    for path in (tmp_path / "run").iterdir():
        assert path.stat().st_mode & 0o777 == 0o600
    remove_run_secrets(tmp_path)
    remove_run_secrets(tmp_path)
    assert list((tmp_path / "run").iterdir()) == []


def test_lease_is_checked_where_there_is_no_proc(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(lease_module, "_BOOT_ID", tmp_path / "not there")
    own = choose("darwin").read_stat(os.getpid())
    assert own is not None
    written = Lease(run_id="run", pid=own.pid, start_ticks=own.start_ticks, boot_id="")
    assert is_alive(written)
    assert not is_alive(written.model_copy(update={"start_ticks": own.start_ticks - 1}))
    assert not is_alive(written.model_copy(update={"pid": 2**22 + 1}))
    assert is_alive(written.model_copy(update={"start_ticks": None}))


@pytest.mark.parametrize(
    "changes", [{"start_ticks": 1}, {"boot_id": "another"}, {"pid": 2**22 + 1}]
)
def test_a_lease_of_another_process_is_nobody_s(changes: dict[str, object], tmp_path: Path) -> None:
    write_lease(tmp_path)
    assert read_lease(tmp_path).pid == os.getpid()
    assert not is_alive(Lease.model_validate(own_lease(**changes)))
    write_lease(tmp_path, **changes)
    with pytest.raises(NotSupervised):
        read_lease(tmp_path)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b'{"pid": "x"}'])
def test_a_broken_lease_is_no_supervisor(content: bytes, tmp_path: Path) -> None:
    write_lease(tmp_path)
    (tmp_path / "var" / "run" / "lease.json").write_bytes(content)
    with pytest.raises(NotSupervised):
        read_lease(tmp_path)


@pytest.mark.parametrize("content", [None, b"", b"{"])
def test_a_damaged_lease_of_a_living_supervisor_is_said_so(
    content: bytes | None, tmp_path: Path
) -> None:
    run = tmp_path / "var" / "run"
    run.mkdir(parents=True)
    if content is not None:
        (run / "lease.json").write_bytes(content)
    with (run / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(LeaseDamaged, match=rf"pid {os.getpid()}") as told:
            read_lease(tmp_path)
        assert exit_code_of(told.value) is ExitCode.NOT_SUPERVISED
    # Control arm: without the holder nobody runs.
    with pytest.raises(NotSupervised) as nobody:
        read_lease(tmp_path)
    assert not isinstance(nobody.value, LeaseDamaged)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.44, "0.4 s"),
        (12.9, "12 s"),
        (185, "3 min 5 s"),
        (8040, "2 h 14 min"),
        (90_000, "1 d 1 h"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_errors_have_their_exit_codes() -> None:
    assert exit_code_of(ConfigurationError([])) is ExitCode.USAGE
    assert exit_code_of(NotSupervised("x")) is ExitCode.NOT_SUPERVISED
    assert exit_code_of(AlreadySupervised("x")) is ExitCode.ALREADY_SUPERVISED
    assert exit_code_of(UnknownAgent("x")) is ExitCode.FAILED


def test_a_paused_terminal_blocks_nobody() -> None:
    read_end, write_end = os.pipe()
    with os.fdopen(write_end, "w") as stream:
        terminal = Terminal(stream)
        for _ in range(MAX_PENDING * 2):
            terminal.line("x" * 1_000)
        seen = os.read(read_end, 100)
        assert seen.startswith(b"xxx")
        # Read on to the end: closing the stream writes what the thread left in its buffer.
        reader = threading.Thread(target=read_all, args=(read_end,))
        reader.start()
        terminal.close()
    reader.join()
    os.close(read_end)


def read_all(descriptor: int) -> None:
    while os.read(descriptor, 1 << 20):
        pass


def test_a_terminal_that_has_written_everything_closes_at_once() -> None:
    terminal = Terminal(io.StringIO())
    terminal.line("the end")
    before = time.monotonic()
    terminal.close()
    assert time.monotonic() - before < CLOSE_SECONDS / 2


def test_lines_reach_the_terminal_in_order() -> None:
    stream = io.StringIO()
    terminal = Terminal(stream)
    for number in range(100):
        terminal.line(str(number))
    terminal.close()
    assert stream.getvalue().split() == [str(number) for number in range(100)]
    assert not terminal.is_interactive


RUNNING: dict[str, object] = {
    "name": "one", "path": "/", "url": "http://x:1", "port": 1, "status": "running",
}  # fmt: skip
SUPERVISOR: dict[str, object] = {
    "run_id": "r", "pid": 1, "version": "1", "environment": "development", "project_root": "/",
    "started_at": "2026-03-02T12:00:00Z", "state": "running",
}  # fmt: skip


def update(
    kind: EventKind, status: AgentStatus, data: dict[str, object], **about: object
) -> Update:
    info = AgentInfo.model_validate(
        {"name": "one", "path": "/", "url": "http://x:1", "port": 1, "status": status, **about}
    )
    event = Event(seq=1, time=datetime.now(UTC), kind=kind, agent="one", data=data)
    return Update(event, info)


def test_what_is_told() -> None:
    narrator = Narrator()

    def told(kind: EventKind, status: AgentStatus, /, **about: object) -> str | None:
        data = {"from": "starting", "reason": "exited", "delay_seconds": 0.0, "attempt": 1}
        return narrator.line(update(kind, status, data, **about))

    transition, running = EventKind.TRANSITION, AgentStatus.RUNNING
    assert told(EventKind.AGENT_CHANGED, running) is None
    assert "running after" in str(told(transition, running, pid=7))
    external = told(transition, running, pid=7, management=Management.EXTERNAL)
    assert "run by someone else (pid 7)" in str(external)
    assert told(transition, AgentStatus.ERROR, error_message="No.") == "one: No."
    scheduled = told(EventKind.RESTART_SCHEDULED, AgentStatus.BACKOFF)
    assert scheduled == "one: Exited. Restarting at once (restart 1)."
    health = told(EventKind.HEALTH_CHANGED, running, health="degraded", health_message="No feed.")
    assert health == "one: running, but degraded: No feed."


def test_a_delay_that_is_none_is_not_told_as_a_number() -> None:
    assert [delay_words(seconds) for seconds in (0.0, 0.04, 0.4, 75.0)] == [
        "at once", "at once", "in 0.4 s", "in 1 min 15 s",
    ]  # fmt: skip


def test_an_agent_without_data_is_not_shown_as_unknown() -> None:
    def row(**about: object) -> list[str]:
        agents = {"one": {**RUNNING, **about}}
        answer = StatusAnswer.model_validate({"supervisor": SUPERVISOR, "agents": agents})
        return next(line for line in status_lines(answer) if line.startswith("one ")).split()

    assert row()[3] == "-"
    assert row(data_state="fresh")[3] == "fresh"
    assert row(data_message="its health tells nothing of its data")[3] == "unknown"


def test_a_start_that_ends_by_itself_says_how_it_ended() -> None:
    agent = AgentInfo.model_validate({**RUNNING, "status": "stopped", "last_exit": "exit code 0"})
    ended = VerbAnswer(ok=False, pending=False, agent=agent)
    assert agent_outcome(ended) == "one is stopped: its process has ended, exit code 0."
    assert agent_outcome(ended.model_copy(update={"ok": True})) == "one is stopped."


def test_a_start_that_adopts_says_so() -> None:
    agent = AgentInfo.model_validate({**RUNNING, "pid": 7, "management": "external"})
    adopted = agent_outcome(VerbAnswer(ok=True, pending=False, agent=agent))
    assert adopted.startswith("one is running, pid 7, started by someone else")


def all_commands(group: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each command by what is typed for it."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from all_commands(command, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}", command


def test_the_documentation_knows_every_command_option_and_exit_code() -> None:
    text = (ROOT / "docs" / "cli.md").read_text("utf-8")
    found = dict(all_commands(typer.main.get_command(app)))
    assert set(found) == {
        "up", "status", "start", "stop", "restart", "maintenance", "logs", "events", "incidents",
        "login", "down", "reload", "new agent", "doctor", "config check", "config show",
        "tokens rotate", "data import", "data export", "data backfill", "data check",
    }  # fmt: skip
    for name, command in found.items():
        assert f"### `{name}" in text
        options = [option for parameter in command.params for option in parameter.opts]
        assert "--json" in options
        for option in options:
            assert not option.startswith("-") or f"`{option}" in text, (name, option)
    for code in ExitCode:
        assert f"| {int(code)} |" in text


def test_help_loads_little() -> None:
    probe = (
        "import sys; sys.argv = ['trading-dashboard', 'up', '--help']\n"
        "from trading_dashboard.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert end.code == 0\n"
        "heavy = {'yaml', 'psutil', 'fastapi', 'httpx', 'pandas', 'duckdb', 'pyarrow'}\n"
        "heavy &= set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "--no-browser" in done.stdout
