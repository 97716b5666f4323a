"""`status --watch`, `logs --grep` and `--json` beside a real `up`."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.conftest import ProjectFactory
from tests.integration.cli.terminal_session import COMMAND, Up, agent, desk, environment, run
from tests.support import eventually_sync


class Watching:
    """A running `status --watch`, on a pipe or on a terminal of its own."""

    def __init__(self, root: Path, *options: str, on_terminal: bool = False) -> None:
        command = [*COMMAND, "status", "--watch", "--project-root", str(root), *options]
        surroundings = {**environment(), "TERM": "xterm" if on_terminal else "dumb"}
        reading, writing = pty.openpty() if on_terminal else os.pipe()
        if on_terminal:
            fcntl.ioctl(writing, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 180, 0, 0))
        self.process = subprocess.Popen(
            command, env=surroundings, stdout=writing, stderr=subprocess.DEVNULL
        )
        os.close(writing)
        self.seen = b""
        self._reading = reading
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def text(self) -> str:
        return self.seen.decode(errors="replace")

    def wait_for(self, text: str, times: int = 1) -> None:
        eventually_sync(lambda: self.text.count(text) >= times, 30, what=f"{text!r}: {self.text}")

    def end(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(15)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
        self._reader.join(5)
        os.close(self._reading)

    def _read(self) -> None:
        try:
            while data := os.read(self._reading, 65_536):
                self.seen += data
        except OSError:  # a terminal whose last user has gone
            return


@contextmanager
def watching(root: Path, *options: str, on_terminal: bool = False) -> Iterator[Watching]:
    watch = Watching(root, *options, on_terminal=on_terminal)
    try:
        yield watch
    finally:
        watch.close()


def test_lines_tell_changes_and_the_next_supervisor(
    project: ProjectFactory, free_port: int
) -> None:
    root = project(desk({"one": agent(free_port)}))
    with Up(root) as first:
        first.wait_for("1 of 1 are running.")
        with watching(root) as watch:
            watch.wait_for("AGENT")
            assert run("stop", "one", root=root).returncode == 0
            watch.wait_for("one: stopped after")
            first.signal(signal.SIGINT)
            assert first.wait() == 0
            watch.wait_for("The supervisor has ended.")
            with Up(root) as second:
                second.wait_for("1 of 1 are running.")
                watch.wait_for("AGENT", 2)
                assert run("restart", "one", root=root).returncode == 0
                watch.wait_for("one: running after")
                assert "\x1b" not in watch.text
                assert watch.text.count("The supervisor has ended.") == 1
                assert watch.end() == 0
                second.signal(signal.SIGINT)
                assert second.wait() == 0


def test_a_terminal_is_drawn_in_place_and_json_is_the_stream(
    project: ProjectFactory, free_port: int
) -> None:
    root = project(desk({"one": agent(free_port)}))
    with Up(root) as up:
        up.wait_for("1 of 1 are running.")
        with watching(root, on_terminal=True) as live, watching(root, "--json") as programs:
            live.wait_for("running")
            programs.wait_for('"snapshot"')
            assert run("stop", "one", root=root).returncode == 0
            live.wait_for("stopped")
            assert re.search(r"\x1b\[\d*A", live.text), "the cursor went up"
            programs.wait_for('"to":"stopped"')
            kinds = [json.loads(line)["type"] for line in programs.text.splitlines()[:-1]]
            assert kinds[0] == "snapshot"
            assert set(kinds[1:]) <= {"update", "snapshot"}
            up.signal(signal.SIGKILL)
            live.wait_for("The supervisor has ended.")
            assert (live.end(), programs.end()) == (0, 0)


def test_commands_speak_json(project: ProjectFactory, free_port: int) -> None:
    root = project(desk({"one": agent(free_port)}))
    with Up(root, "--json") as up:
        up.wait_for("1 of 1 are running.")
        assert all(set(json.loads(line)) == {"time", "text"} for line in up.text.splitlines())
        answer = run("stop", "one", "on", "--json", root=root)
        told = json.loads(answer.stdout)
        assert (answer.returncode, answer.stderr, told["ok"]) == (1, "", False)
        assert told["results"]["one"]["agent"]["status"] == "stopped"
        assert told["results"]["on"]["error"]["code"] == "unknown_agent"
        refused = json.loads(run("login", "--json", root=root).stdout)
        assert "runs without its dashboard" in refused["error"]["message"]
        ended = json.loads(run("down", "--json", root=root).stdout)
        assert (ended["ok"], ended["pid"]) == (True, up.process.pid)
        assert up.wait() == 0
    nobody = run("status", "--json", root=root)
    assert (nobody.returncode, json.loads(nobody.stdout)["error"]["code"]) == (3, "not_supervised")


def test_logs_are_searched(project: ProjectFactory, free_port: int) -> None:
    root = project(desk({"one": agent(free_port)}))
    with Up(root) as up:
        up.wait_for("1 of 1 are running.")
        every = run("logs", "one", "--json", root=root).stdout.splitlines()
        ready = run("logs", "one", "--json", "--grep", "READY", root=root).stdout.splitlines()
        assert 0 < len(ready) < len(every)
        assert all("ready" in json.loads(line)["text"] for line in ready)
        assert run("logs", "one", "--level", "error", root=root).stdout == ""
        for wrong in (("--level", "loud"), ("--grep", "")):
            assert run("logs", "one", *wrong, root=root).returncode == 2
        command = [*COMMAND, "logs", "one", "-f", "-n", "1", "--grep", "rEady"]
        command += ["--project-root", str(root)]
        following = subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True)
        try:
            assert following.stdout is not None
            assert "ready" in following.stdout.readline()
            assert run("restart", "one", root=root).returncode == 0
            assert "ready" in following.stdout.readline()
        finally:
            following.kill()
            following.communicate(timeout=10)
        up.signal(signal.SIGINT)
        assert up.wait() == 0


def test_the_doctor_knows_its_own_desk_and_ends_nothing(
    project: ProjectFactory, free_port: int
) -> None:
    root = project(desk({"one": agent(free_port)}))
    with Up(root) as up:
        up.wait_for("1 of 1 are running.")
        before = json.loads(run("status", "--json", root=root).stdout)["agents"]["one"]["pid"]
        told = json.loads(run("doctor", "--json", root=root).stdout)
        after = json.loads(run("status", "--json", root=root).stdout)["agents"]["one"]["pid"]
        assert before == after
        checks = {check["check"]: check for check in told["checks"]}
        assert "held by this desk" in checks[f"port {free_port}"]["message"]
        assert f"pid {up.process.pid}" in checks["supervisor"]["message"]
        for name in ("supervisor", "leftovers", "permissions", f"port {free_port}"):
            assert checks[name]["verdict"] == "ok", checks[name]
        up.signal(signal.SIGINT)
        assert up.wait() == 0


def test_the_doctor_names_leftovers_and_ends_none(project: ProjectFactory, free_port: int) -> None:
    root = project(desk({"one": agent(free_port)}))
    marker = {
        "TRADING_DASHBOARD_RUN_ID": "of-a-dead-run",
        "TRADING_DASHBOARD_AGENT": "one",
        "TRADING_DASHBOARD_GENERATION": "1",
        "TRADING_DASHBOARD_STATE_DIRECTORY": str((root / "var").resolve()),
    }
    puppet = [*agent(free_port)["start_command"][1:2], str(free_port)]
    left = subprocess.Popen(
        [COMMAND[0], *puppet], env={**environment(), **marker}, stdout=subprocess.PIPE, text=True
    )
    try:
        assert left.stdout is not None
        assert "ready" in left.stdout.readline()
        answer = run("doctor", "--json", root=root)
        checks = {check["check"]: check for check in json.loads(answer.stdout)["checks"]}
        leftovers, port = checks["leftovers"], checks[f"port {free_port}"]
        assert leftovers["verdict"] == "warning"
        assert leftovers["details"][0].startswith(f"pid {left.pid} of agent one")
        assert f"held by pid {left.pid}" in port["message"]
        assert "left by an earlier run" in port["message"]
        assert left.poll() is None, "it still lives"
        assert not (root / "var").exists()
    finally:
        left.kill()
        left.communicate(timeout=10)


def test_the_doctor_tells_a_stranger_s_agent_from_an_obstacle(
    project: ProjectFactory, free_port: int
) -> None:
    root = project(desk({"one": agent(free_port)}))
    puppet = [*agent(free_port)["start_command"][1:2], str(free_port)]
    stranger = subprocess.Popen(
        [COMMAND[0], *puppet], env=environment(), stdout=subprocess.PIPE, text=True
    )
    try:
        assert stranger.stdout is not None
        assert "ready" in stranger.stdout.readline()
        checks = json.loads(run("doctor", "--json", root=root).stdout)["checks"]
        port = next(check for check in checks if check["check"] == f"port {free_port}")
        assert port["verdict"] == "warning"
        assert "watched, never stopped" in port["message"]
    finally:
        stranger.kill()
        stranger.communicate(timeout=10)
