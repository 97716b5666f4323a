"""The chaos bench in short, and its control arms: sabotage that it must find."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bench.storm.bystanders import Bystander
from bench.storm.invariants import disturbed
from tests.support import ROOT, eventually_sync

PUPPET = ROOT / "bench" / "storm" / "puppet.py"
SEED = "2776"
"""Its first 70 faults are of 33 kinds; few of them end the supervisor, which takes seconds."""


def storm(*options: str, sabotage: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bench.chaos", *options],
        cwd=ROOT,
        env={**os.environ, "CHAOS_SABOTAGE": sabotage},
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )


@pytest.mark.timeout(200)
def test_a_short_storm_violates_nothing() -> None:
    done = storm("--seed", SEED, "--faults", "70")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.timeout(200)
@pytest.mark.parametrize(
    ("sabotage", "invariant"),
    [
        ("ends_leaders_only", "never (a false stopped|two live generations of an agent)"),
        ("has_no_guardian", "no survivor of an ended or killed supervisor"),
        ("forgets_events", "the history holds what the stream gave"),
        ("skips_numbers", "the stream's numbers have no gap"),
    ],
)
def test_a_sabotaged_supervisor_is_found_out(sabotage: str, invariant: str) -> None:
    module = "tests.integration.sabotaged_supervisor"
    options = ("--seed", SEED, "--faults", "70", "--supervisor", module)
    done = storm(*options, sabotage=sabotage)
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"VIOLATED with seed {SEED}" in done.stdout
    assert re.search(f"^  {invariant}: ", done.stdout, re.MULTILINE), done.stdout


def test_agents_notice_a_twin_themselves(tmp_path: Path, free_port: int) -> None:
    """The lock is let go by the last process of a tree, not by its leader."""
    (tmp_path / "a0.mode").write_text("family good")
    command = [sys.executable, "-I", "-S", str(PUPPET), str(free_port), str(tmp_path), "a0"]
    members, twins = tmp_path / "members.log", tmp_path / "twins.log"

    def listed() -> list[str]:
        return members.read_text().splitlines() if members.exists() else []

    first = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    second = None
    try:
        eventually_sync(lambda: len(listed()) == 3)
        first.kill()
        first.wait()
        second = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        eventually_sync(lambda: twins.exists() and twins.read_text().startswith("a0 0 - pid"))
        eventually_sync(lambda: len(listed()) == 6)
    finally:
        for process in (first, second):
            if process is not None:
                process.kill()
                process.wait()
        for line in listed():
            if line.split()[-1] != "leader":
                os.kill(int(line.split()[3]), signal.SIGKILL)


def test_a_bystander_tells_what_was_done_to_it() -> None:
    bystander = Bystander("somebody", {})
    try:
        assert not list(disturbed(bystander.name, bystander.state, bystander.signals))
        os.kill(bystander.pid, signal.SIGTERM)
        eventually_sync(lambda: bystander.signals == ["signal 15"])
        os.kill(bystander.pid, signal.SIGKILL)
        eventually_sync(lambda: list(disturbed("b", bystander.state, [])) == ["b was ended"])
    finally:
        bystander.close()


def test_a_thief_takes_a_port_and_gives_it_back(free_port: int) -> None:
    first, second = Bystander("first", {}), Bystander("second", {})
    try:
        assert first.ask(f"steal {free_port} silent 0.1") == "stolen"
        assert second.ask(f"steal {free_port} silent 0.1") == "missed"
        assert first.ask("release") == "released"
        assert second.ask(f"steal {free_port} healthy 0.1") == "stolen"
    finally:
        first.close()
        second.close()
