"""Checks of the project: configuration, who supervises it, leftovers, permissions."""

from __future__ import annotations

import os
import stat
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from datetime import UTC
from itertools import islice
from pathlib import Path

from trading_dashboard.cli.configuration import fine_lines
from trading_dashboard.cli.diagnosis.findings import Finding, Patient, ok, problem, warning
from trading_dashboard.clients.lease import Lease
from trading_dashboard.orchestrator.processes.leftovers import Leftovers
from trading_dashboard.orchestrator.processes.ports import command_of
from trading_dashboard.orchestrator.processes.process_tree import (
    ProcessStat,
    ProcessTable,
    parse_marker,
    read_environ,
    take_snapshot,
)

ANSWER_SECONDS = 3.0
MAX_PATHS = 10_000
OTHERS = stat.S_IRWXG | stat.S_IRWXO


def check_configuration(patient: Patient) -> Finding:
    """Tell every mistake."""
    if patient.mistakes:
        count = len(patient.mistakes)
        step = "Correct them; `trading-dashboard config check` tells them again."
        message = f"{count} mistake{'s' if count > 1 else ''} in the configuration."
        return problem("configuration", message, step, [str(m) for m in patient.mistakes])
    if patient.loaded is None:
        return problem(
            "configuration", "It cannot be loaded.", "See `trading-dashboard config check`."
        )
    first, *details = fine_lines(patient.loaded)
    return ok("configuration", first, [line.strip() for line in details])


def check_lease(patient: Patient) -> Finding:
    """Tell who supervises the project."""
    lease = patient.lease
    if lease is not None:
        who = f"A supervisor runs: pid {lease.pid}, since {_since(lease)}"
        if lease.control_url is None:
            return ok("supervisor", f"{who}; it is starting.")
        trouble = _ask(f"{lease.control_url}/health")
        if trouble is not None:
            step = (
                "Look at var/log/supervisor.log; if it hangs, end it with Ctrl-C in its terminal."
            )
            return problem("supervisor", f"{who}, but it does not answer: {trouble}.", step)
        return ok("supervisor", f"{who}, {lease.control_url}.")
    if patient.is_locked:
        step = "Try again in a moment."
        return warning("supervisor", "A supervisor is starting or stopping.", step)
    if (patient.state_directory / "run" / "lease.json").exists():
        step = "Nothing needs doing: the next `trading-dashboard up` cleans up after it."
        return warning("supervisor", "None runs; the last one ended without a goodbye.", step)
    return ok("supervisor", "None runs, and the last one ended cleanly.")


def check_leftovers(patient: Patient) -> Finding:
    """Name processes that provably belong to a dead run of this project. None is ended."""
    if patient.lease is None and patient.is_locked:
        step = "Try again when the supervisor has started."
        return warning("leftovers", "A supervisor is starting: whose is whose is not known.", step)
    table = _table()
    run_id = patient.lease.run_id if patient.lease else ""
    found = Leftovers(patient.state_directory, run_id).find(table)
    if not found:
        return ok("leftovers", "No process of an earlier run is left.")
    details = [_words(pid, table) for pid in sorted(found)]
    pids = " ".join(str(pid) for pid in sorted(found))
    step = (
        f"They belong to no living supervisor; end them with `kill {pids}`."
        if patient.lease
        else "Nothing was ended; the next `trading-dashboard up` ends them before it starts."
    )
    noun = "process" if len(found) == 1 else "processes"
    return warning("leftovers", f"{len(found)} {noun} of an earlier run still live.", step, details)


def check_permissions(patient: Patient) -> Finding:
    """Check that the desk can write under var/, and that nobody else can read there."""
    top = patient.state_directory
    if not top.exists():
        if os.access(patient.root, os.W_OK):
            return ok("permissions", f"{top} is not there yet and can be made.")
        return problem("permissions", f"{top} cannot be made.", f"Make {patient.root} writable.")
    if not top.is_dir():
        return problem("permissions", f"{top} is no folder.", "Move it away.")
    return _check_paths(top)


def _check_paths(top: Path) -> Finding:
    found = list(islice(_paths(top), MAX_PATHS))
    if closed := [str(path) for path, _ in found if not os.access(path, os.R_OK | os.W_OK)]:
        step = "Give them back to you: `chown -R` and `chmod -R u+rwX`."
        return problem("permissions", "Files cannot be read or written.", step, closed)
    if sys.platform == "win32":
        # Who may look in is inherited from the folder above; modes mean nothing there.
        return ok("permissions", f"{top} can be written.")
    else:  # noqa: RET505 - the type checker looks at one of the two
        return _check_owners(top, found, os.geteuid())


def _check_owners(top: Path, found: list[tuple[Path, os.stat_result]], me: int) -> Finding:
    if foreign := [f"{path}: user {s.st_uid}" for path, s in found if s.st_uid != me]:
        step = "Was the desk started as somebody else? Give them back with `chown -R`."
        return warning("permissions", "Files belong to somebody else.", step, foreign)
    modes = [(path, stat.S_IMODE(s.st_mode)) for path, s in found if s.st_mode & OTHERS]
    if modes:
        step = f"`chmod -R go= {top}` closes them."
        details = [f"{path} has mode {mode:o}" for path, mode in modes]
        return warning("permissions", "Other users of this machine may look in.", step, details)
    return ok("permissions", f"{top} is yours alone.")


def answers(url: str) -> bool:
    """Return whether an address answers with success."""
    return _ask(url) is None


def _paths(top: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Yield what is under a folder, itself first; links are passed over."""
    yield top, top.stat()
    for folder, names, files in os.walk(top):
        for name in (*names, *files):
            path = Path(folder) / name
            try:
                found = path.lstat()
            except OSError:
                continue  # gone meanwhile
            if not stat.S_ISLNK(found.st_mode):
                yield path, found


def _table() -> ProcessTable:
    """Return all processes with their run markers."""
    processes: Mapping[int, ProcessStat] = take_snapshot().processes
    alive = [pid for pid, process in processes.items() if process.is_alive and pid != 1]
    markers = {pid: parse_marker(read_environ(pid) or b"") for pid in alive}
    return ProcessTable(processes, {pid: marker for pid, marker in markers.items() if marker})


def _words(pid: int, table: ProcessTable) -> str:
    marker = table.markers.get(pid)
    agent = f" of agent {marker.agent}" if marker and marker.agent else ""
    return f"pid {pid}{agent}: {(command_of(pid) or 'unknown command')[:120]}"


def _since(lease: Lease) -> str:
    if lease.started_at is None:
        return "an unknown time"
    return f"{lease.started_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _ask(url: str) -> str | None:
    """Return why an address does not answer, or None if it does."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=ANSWER_SECONDS) as answer:
            answer.read(1)
    except urllib.error.HTTPError as error:
        return f"HTTP {error.code}"
    except (OSError, ValueError) as error:
        return str(error)
    return None
