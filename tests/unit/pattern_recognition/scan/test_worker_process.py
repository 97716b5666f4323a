"""The parent's side of a worker that cannot be started: nothing stays open."""

from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from trading_dashboard.agents.pattern_recognition.scan import worker_process
from trading_dashboard.agents.pattern_recognition.scan.memory import anonymous_file
from trading_dashboard.agents.pattern_recognition.scan.worker_process import WorkerProcess


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.skipif(sys.platform != "linux", reason="descriptors are counted in /proc")
@pytest.mark.parametrize("part", ["fork", "second file"])
def test_a_worker_that_cannot_start_leaves_nothing_open(
    part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []

    def full(*_: Any, **__: Any) -> int:
        if part == "second file" and not made:
            made.append(anonymous_file())
            return made[0]
        raise OSError(errno.EMFILE, "Too many open files")

    if part == "fork":
        monkeypatch.setattr(subprocess, "Popen", full)
    else:
        monkeypatch.setattr(worker_process, "anonymous_file", full)
    before = open_descriptors()
    with pytest.raises(OSError, match="Too many"):
        WorkerProcess(niceness=0)
    assert open_descriptors() == before
