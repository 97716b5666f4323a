"""The guardian without pidfds and /proc, as on macOS: it goes by the pipe and by `ps` alone."""

from __future__ import annotations

import array
import fcntl
import os
import shutil
import subprocess
import sys
import termios
from pathlib import Path

import psutil
import pytest

from tests.integration.process_bench import is_alive
from tests.support import eventually
from trading_dashboard.orchestrator.processes import guardian

pytestmark = pytest.mark.skipif(shutil.which("ps") is None, reason="needs ps")

AS_ON_MACOS = """
import runpy, sys
sys.platform = "darwin"
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
FORKS = "import os, time; os.fork(); time.sleep(60)"


async def test_it_waits_for_the_end_of_the_pipe_and_then_ends_the_leaders_groups(
    tmp_path: Path,
) -> None:
    leader, stranger = _start(FORKS), _start(FORKS)
    reading, writing = os.pipe()
    whom = (guardian.__file__, "run", "4711", str(os.getpid()), "1")
    arguments = [*whom, "0.2", str(tmp_path / "log")]
    watcher = _start(AS_ON_MACOS, *arguments, stdin=reading)
    os.close(reading)
    try:
        family = await eventually(lambda: _family(leader.pid))
        # Twice: who takes something else for the supervisor's end reads no second message.
        for message in (b"+%d 4711\n" % leader.pid, b"-1\n"):
            os.write(writing, message)
            await eventually(lambda: _unread(writing) == 0)
        assert all(is_alive(process) for process in family)
        os.close(writing)
        writing = -1
        await eventually(lambda: not any(is_alive(process) for process in family))
        await eventually(lambda: watcher.poll() is not None)
        assert stranger.poll() is None
    finally:
        if writing >= 0:
            os.close(writing)
        for pid in (leader.pid, stranger.pid, watcher.pid):
            _kill(pid)
        for process in (leader, stranger, watcher):
            process.wait(10)


def _start(code: str, *arguments: str, stdin: int | None = None) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.Popen(command, stdin=stdin, start_new_session=True)


def _family(pid: int) -> set[psutil.Process]:
    process = psutil.Process(pid)
    children = process.children()
    return {process, *children} if children else set()


def _unread(pipe: int) -> int:
    waiting = array.array("i", [0])
    fcntl.ioctl(pipe, termios.FIONREAD, waiting)
    return waiting[0]


def _kill(pid: int) -> None:
    try:
        found = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return
    for process in found:
        process.kill()
