"""`run_dashboard.py` from nothing: it sets up, notices what is wrong, repairs it."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.tiny_checkout import TinyCheckout, said
from tests.support import eventually_sync


@pytest.fixture
def checkout(tmp_path: Path) -> TinyCheckout:
    return TinyCheckout(tmp_path)


@pytest.fixture
def standing(checkout: TinyCheckout) -> TinyCheckout:
    """A checkout that is set up already."""
    said(checkout.run())
    checkout.installations()
    return checkout


def test_first_start_sets_up_and_passes_the_options_on(checkout: TinyCheckout) -> None:
    done = checkout.run("--env", "production", "--only", "a", "b", "--port", "0", "--no-browser")
    answer = said(done)
    options = "--env production --only a --only b --port 0 --no-browser"
    assert answer["arguments"] == ["up", "--project-root", str(checkout.root), *options.split()]
    assert answer["python"] == str(checkout.root / ".venv/bin/python")
    assert answer["cwd"] == str(checkout.folder)
    assert answer["pebble"] == "1.0"
    assert "First start" in done.stderr
    assert [f"[{step}/3]" in done.stderr for step in (1, 2, 3)] == [True, True, True]
    assert not (checkout.site_packages / "flint").exists()


def test_a_file_in_the_current_folder_passes_for_no_module_of_ours(standing: TinyCheckout) -> None:
    (standing.folder / "trading_dashboard.py").write_text("raise SystemExit('wrong one')")
    assert said(standing.run())["arguments"]


def test_a_standing_environment_is_not_touched(
    standing: TinyCheckout, record_property: Callable[[str, object], None]
) -> None:
    started = time.perf_counter()
    done = standing.run()
    record_property("milliseconds_of_two_interpreters", (time.perf_counter() - started) * 1000)
    assert said(done)["pebble"] == "1.0"
    assert done.stderr == ""
    assert not standing.calls.exists()


def test_the_script_becomes_the_command(standing: TinyCheckout) -> None:
    child = standing.start()
    output, _ = child.communicate(timeout=30)
    assert json.loads(output)["pid"] == child.pid


def test_help_needs_no_environment(checkout: TinyCheckout) -> None:
    for script in ("run_dashboard.py", "run_tests.py"):
        done = subprocess.run(
            checkout.command("--help", script=script), capture_output=True, text=True, check=True
        )
        assert f"usage: {script}" in done.stdout
    assert not (checkout.root / ".venv").exists()


def test_an_installation_killed_in_the_middle_is_waited_for_and_repaired(
    checkout: TinyCheckout,
) -> None:
    checkout.hang.touch()
    first = checkout.start()
    eventually_sync(checkout.hanging.exists)
    first.kill()
    first.communicate()
    # Its uv lives on and still writes: nobody else may install meanwhile.
    second = checkout.start()
    assert second.stderr is not None
    waiting = second.stderr.readline()
    checkout.hang.unlink()
    output, log = second.communicate(timeout=30)
    assert f"Another start (process {first.pid}) is setting up this checkout" in waiting
    assert "anew, because an earlier set-up did not finish" in log
    assert json.loads(output)["pebble"] == "1.0"


def test_killed_at_any_moment_the_next_start_repairs(checkout: TinyCheckout) -> None:
    moments = random.Random(7)
    for _ in range(6):
        child = checkout.start()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(moments.uniform(0.05, 1.2))
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.communicate()
        assert said(checkout.run())["pebble"] == "1.0"
        assert sorted(path.name for path in checkout.root.glob(".venv.old-*")) == []
        shutil.rmtree(checkout.root / ".venv")


def test_ctrl_c_says_how_to_go_on(checkout: TinyCheckout) -> None:
    checkout.hang.touch()
    child = checkout.start()
    eventually_sync(checkout.hanging.exists)
    os.killpg(child.pid, signal.SIGINT)
    interrupted(checkout, child)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_kill_ends_the_installer_too(checkout: TinyCheckout, number: signal.Signals) -> None:
    checkout.hang.touch()
    # As a script's shell starts what runs in the background.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        child = checkout.start()
    finally:
        signal.signal(signal.SIGINT, before)
    eventually_sync(checkout.hanging.exists)
    child.send_signal(number)
    # The installer would hang as long as the file is there, and hold on to the output.
    interrupted(checkout, child)


def interrupted(checkout: TinyCheckout, child: subprocess.Popen[str]) -> None:
    _, log = child.communicate(timeout=30)
    assert child.returncode == 130
    assert "Set-up interrupted. Run the same command again to finish it." in log
    assert "Traceback" not in log
    checkout.hang.unlink()
    assert said(checkout.run())["pebble"] == "1.0"


def test_two_first_starts_install_once(checkout: TinyCheckout) -> None:
    checkout.hang.touch()
    first = checkout.start()
    eventually_sync(checkout.hanging.exists)
    second = checkout.start()
    assert second.stderr is not None
    assert f"(process {first.pid}) is setting up" in second.stderr.readline()
    checkout.hang.unlink()
    for child in (first, second):
        output, _ = child.communicate(timeout=30)
        assert json.loads(output)["pebble"] == "1.0"
    assert checkout.installations() == 1


def test_a_moved_checkout_is_set_up_anew(standing: TinyCheckout) -> None:
    moved = standing.folder / "elsewhere"
    standing.root.rename(moved)
    standing.root = moved
    done = standing.run()
    assert said(done)["python"] == str(moved / ".venv/bin/python")
    assert "the checkout was moved" in done.stderr


@pytest.mark.parametrize("content", ["", '{"format": 1, "sta', "[]"])
def test_a_truncated_record_is_renewed(standing: TinyCheckout, content: str) -> None:
    (standing.root / ".venv/trading-dashboard.json").write_text(content)
    done = standing.run()
    assert said(done)["pebble"] == "1.0"
    assert "there is no record of what is in it" in done.stderr
    assert said(standing.run())
    assert standing.installations() == 1


@pytest.mark.parametrize("victim", ["pebble", "pebble/grains.py", "trading_dashboard.pth"])
def test_what_was_deleted_comes_back(standing: TinyCheckout, victim: str) -> None:
    path = standing.site_packages / victim
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    done = standing.run()
    assert said(done)["pebble"] == "1.0"
    assert f"files of {Path(victim).parts[0]} are missing" in done.stderr
    assert path.exists()


def test_an_environment_without_its_interpreter_is_made_anew(standing: TinyCheckout) -> None:
    (standing.root / ".venv/bin/python").unlink()
    done = standing.run()
    assert said(done)["pebble"] == "1.0"
    assert "its Python is gone or was replaced" in done.stderr


def test_another_python_version_makes_it_anew(standing: TinyCheckout) -> None:
    record = standing.root / ".venv/trading-dashboard.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), "python": "3.10"}))
    done = standing.run()
    assert said(done)
    assert "it has Python 3.10 and this is Python 3." in done.stderr


def test_a_changed_lock_is_installed_on_top(standing: TinyCheckout) -> None:
    standing.lock(pebble="2.0", flint="1.0")
    stranger = standing.site_packages / "stranger.txt"
    stranger.touch()
    done = standing.run()
    assert said(done)["pebble"] == "2.0"
    assert "Updating the environment, because requirements/runtime.lock changed" in done.stderr
    assert stranger.exists()


def test_a_changed_project_file_is_noticed(standing: TinyCheckout) -> None:
    with (standing.root / "pyproject.toml").open("a") as file:
        file.write('description = "new"\n')
    done = standing.run()
    assert said(done)
    assert "because pyproject.toml changed" in done.stderr
    assert said(standing.run())
    assert standing.installations() == 1


def test_a_development_environment_serves_and_is_never_reduced(standing: TinyCheckout) -> None:
    done = standing.set_up("dev")
    assert "the development tools are not in it yet" in done.stderr
    assert standing.installations() == 1
    assert said(standing.run())
    assert standing.installations() == 0
    standing.lock(pebble="2.0", flint="2.0")
    assert said(standing.run())["pebble"] == "2.0"
    assert (standing.site_packages / "flint-2.0.dist-info").exists()


def test_a_foreign_environment_is_taken_over(checkout: TinyCheckout) -> None:
    directory = checkout.root / ".venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", directory], check=True)
    assert said(checkout.run())["pebble"] == "1.0"


def test_a_symbolic_link_is_replaced_and_its_target_left_alone(standing: TinyCheckout) -> None:
    target = standing.folder / "elsewhere"
    (standing.root / ".venv").rename(target)
    (standing.root / ".venv").symlink_to(target)
    shutil.rmtree(standing.root / ".venv/bin")
    assert said(standing.run())["pebble"] == "1.0"
    assert (target / "pyvenv.cfg").exists()
