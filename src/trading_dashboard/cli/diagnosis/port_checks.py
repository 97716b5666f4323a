"""Checks of the ports the desk needs: free, held by this desk, or held by whom."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urlsplit

from trading_dashboard.cli.diagnosis.findings import Finding, Patient, ok, problem, warning
from trading_dashboard.cli.diagnosis.project import answers
from trading_dashboard.clients.lease import Lease
from trading_dashboard.config.settings import Settings
from trading_dashboard.orchestrator.processes import ports
from trading_dashboard.orchestrator.processes.leftovers import Leftovers
from trading_dashboard.orchestrator.processes.process_tree import (
    RunMarker,
    parse_marker,
    read_environ,
    read_stat,
)

LOOPBACK = "127.0.0.1"
MAX_ANCESTORS = 50


class Wanted(NamedTuple):
    """One port the desk needs.

    Attributes:
        health_url: Where an agent of somebody else's would answer; None for the desk's own parts.
        setting: Where the port is set.
    """

    name: str
    host: str
    port: int
    health_url: str | None
    setting: str


def check_ports(patient: Patient) -> list[Finding]:
    """Check the port of each enabled agent, of the dashboard, and of the control API."""
    if patient.loaded is None:
        step = "Correct the configuration first."
        return [warning("ports", "Not looked at: the configuration has mistakes.", step)]
    return [_check(wanted, patient) for wanted in _wanted(patient.loaded.settings, patient.lease)]


def _wanted(settings: Settings, lease: Lease | None) -> Iterator[Wanted]:
    for name, agent in settings.agents.items():
        if agent.enabled:
            address = urlsplit(agent.url)
            url = f"{agent.url.rstrip('/')}{agent.health_endpoint}"
            yield Wanted(name, address.hostname or "", address.port or 0, url, f"agents.{name}.url")
    dashboard, control = _own_ports(settings, lease)
    if dashboard:
        yield Wanted("dashboard", LOOPBACK, dashboard, None, "dashboard.port")
    if control:
        yield Wanted("control API", LOOPBACK, control, None, "control_api.port")


def _own_ports(settings: Settings, lease: Lease | None) -> tuple[int | None, int | None]:
    """Return the ports of the dashboard and the control API, None without one.

    A desk that serves was perhaps started with other ports than are configured, or took any.
    """
    if lease is not None and lease.control_url is not None:
        return _port_of(lease.dashboard_url), _port_of(lease.control_url)
    dashboard = settings.dashboard.port if settings.dashboard.enabled else None
    return dashboard, settings.control_api.port


def _port_of(url: str | None) -> int | None:
    return urlsplit(url).port if url else None


def _check(wanted: Wanted, patient: Patient) -> Finding:
    check, where = f"port {wanted.port}", f"{wanted.name}, {wanted.host}:{wanted.port}"
    if not ports.is_local(wanted.host):
        return ok(check, f"{where}: on another machine, not looked at.")
    if ports.is_port_free(wanted.host, wanted.port):
        return ok(check, f"{where}: free.")
    pid = ports.listening_pid(wanted.port)
    if pid is None:
        return _foreign(wanted, check, f"{where}: held by a process that the system does not name")
    who = f"pid {pid} ({(ports.command_of(pid) or 'unknown command')[:120]})"
    lease = patient.lease
    if lease is not None and (pid == lease.pid or _is_of_run(pid, lease.run_id)):
        return ok(check, f"{where}: held by this desk, pid {pid}.")
    run_id = lease.run_id if lease else ""
    leftovers = Leftovers(patient.state_directory, run_id)
    if not (lease is None and patient.is_locked) and leftovers.marker_of(pid) is not None:
        step = "Nothing was ended; `trading-dashboard up` ends it before it starts."
        return warning(check, f"{where}: held by {who}, left by an earlier run.", step)
    return _foreign(wanted, check, f"{where}: held by {who}")


def _foreign(wanted: Wanted, check: str, message: str) -> Finding:
    if wanted.health_url is not None and answers(wanted.health_url):
        step = f"If that is not meant to be {wanted.name}, stop it or change {wanted.setting}."
        text = f"{message}, which answers as a healthy agent: it would be watched, never stopped."
        return warning(check, text, step)
    step = f"Stop that program, or change {wanted.setting}."
    return problem(check, f"{message}.", step)


def _is_of_run(pid: int, run_id: str) -> bool:
    """Return whether a process, or one it descends from, was started by a run."""
    for _ in range(MAX_ANCESTORS):
        marker: RunMarker | None = parse_marker(read_environ(pid) or b"")
        if marker is not None:
            return marker.run_id == run_id
        process = read_stat(pid)
        if process is None or process.parent <= 1:
            return False
        pid = process.parent
    return False
