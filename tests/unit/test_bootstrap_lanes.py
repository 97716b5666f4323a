"""Two lanes of commands: what runs when, what is shown where, and how all ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bootstrap.lanes import Ended, Job, run_jobs

Run = Callable[..., dict[str, Ended]]

_WAIT_FOR = """
import pathlib, sys, time
for _ in range(2000):
    if pathlib.Path({!r}).exists(): sys.exit(0)
    time.sleep(0.01)
sys.exit(1)
"""


def _job(name: str, script: str, *, is_beside: bool = False) -> Job:
    return Job(name, [sys.executable, "-I", "-S", "-c", script], is_beside)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Return a function that runs jobs in an empty folder; their lines go to its output."""

    def run(*jobs: Job, say: Callable[[str], None] | None = None) -> dict[str, Ended]:
        return run_jobs(
            jobs,
            root=tmp_path,
            environment=dict(os.environ),
            folder=tmp_path,
            say=say or (lambda text: print(text, flush=True)),  # noqa: T201
        )

    return run


def test_both_lanes_run_at_once_and_each_in_order(
    run: Run, capfd: pytest.CaptureFixture[str]
) -> None:
    """Each waits for a file that only one of the other lane makes."""
    ended = run(
        _job("first", _WAIT_FOR.format("beside.begun") + "print('said')"),
        _job("unit", "open('beside.begun', 'w'); print('1 passed')", is_beside=True),
        _job("second", "open('second.begun', 'w'); print('seen')"),
        _job("late", _WAIT_FOR.format("second.begun"), is_beside=True),
    )
    assert {name: job.code for name, job in ended.items()} == dict.fromkeys(
        ("first", "unit", "second", "late"), 0
    )
    out = capfd.readouterr().out
    assert out.index("── first ──") < out.index("── second ──")
    assert "Beside the others, told when it has ended: unit, late." in out


def test_what_runs_beside_is_told_whole_and_between_the_others(
    run: Run, capfd: pytest.CaptureFixture[str]
) -> None:
    script = "import sys; print('out'); sys.stdout.flush(); sys.stderr.write('err'); open('b', 'w')"
    ended = run(
        _job("front", _WAIT_FOR.format("b").replace("exit(0)", "exit(print('front said'))")),
        _job("beside", f"{script}; sys.exit(3)", is_beside=True),
    )
    assert (ended["front"].code, ended["beside"].code) == (0, 3)
    told = capfd.readouterr().out
    assert told.endswith("── front ──\nfront said\n\n── beside ──\nout\nerr\n")


def test_what_would_run_beside_nothing_runs_in_front(
    run: Run, capfd: pytest.CaptureFixture[str]
) -> None:
    run(_job("one", "print(1)", is_beside=True), _job("two", "print(2)", is_beside=True))
    assert capfd.readouterr().out == "\n── one ──\n1\n\n── two ──\n2\n"


_GIVES_WAY = """
import os, sys, time
for _ in range(2000):
    if os.nice(0) > {0} or os.nice(0) == 19: sys.exit(0)
    time.sleep(0.01)
sys.exit(1)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="niceness is Unix's")
def test_who_runs_beside_gives_way(run: Run) -> None:
    own = os.nice(0)
    ended = run(
        _job("front", f"import os, sys; sys.exit(os.nice(0) != {own})"),
        _job("beside", _GIVES_WAY.format(own), is_beside=True),
    )
    assert (ended["front"].code, ended["beside"].code) == (0, 0)


def test_an_interrupt_ends_both(run: Run) -> None:
    """That nothing is left is what every test here is watched for."""
    for_ever = "import time; open({!r}, 'w'); time.sleep(600)"

    def say(text: str) -> None:
        if "second" in text:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(
            _job("first", _WAIT_FOR.format("begun")),
            _job("second", ""),
            _job("beside", for_ever.format("begun"), is_beside=True),
            say=say,
        )
