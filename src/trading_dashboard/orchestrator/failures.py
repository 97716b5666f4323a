"""The sentences a failed agent is shown with: what failed, what was observed, what to do next.

Owns wording only. Everything here returns a `Failure`, which becomes `AgentInfo.error_*`.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from dataclasses import dataclass

from trading_dashboard.config.settings import AgentSettings, DependencyRestartSettings
from trading_dashboard.models.agents import AgentInfo
from trading_dashboard.models.errors import AgentStartFailed, NotManaged
from trading_dashboard.models.events import LogLine
from trading_dashboard.orchestrator.output.structured import message_of
from trading_dashboard.orchestrator.probe_plans import ProbePlan
from trading_dashboard.orchestrator.restart_policy import CrashLoop
from trading_dashboard.orchestrator.runtime import ExitStatus, PortOwner, Runtime

DEPENDENCY_FAILED = "dependency_failed"
LAST_LINES = 3
MAX_LINE_CHARACTERS = 200
PASSING = frozenset(
    {errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ETXTBSY, errno.EINTR}
)
"""Reasons for a failed spawn that lie in the moment, not in the configuration."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an agent is not running.

    Attributes:
        code: Stable, as in `models.errors`.
        short: One clause for event lists and restart messages.
        message: The whole story with the next step.
    """

    code: str
    short: str
    message: str


class ProcessFailures:
    """The failures of one agent's process; each names the agent's log."""

    def __init__(self, settings: AgentSettings, runtime: Runtime) -> None:
        self._settings = settings
        self._name = settings.name
        self._runtime = runtime

    def exited(self, status: ExitStatus, after_seconds: float, was_healthy: bool) -> Failure:
        """The process ended although nobody asked it to."""
        when = f"after {_duration(after_seconds)}"
        if not was_healthy:
            when += ", before its health endpoint answered"
        lines = self._runtime.logs(self._name, 20)
        return Failure(
            code="agent_exited" if was_healthy else "agent_start_failed",
            short=f"{_how(status)} {when}",
            message=f"Agent '{self._name}' {_how(status)} {when}. {_last(lines)}{self._log()}",
        )

    def port_taken(self, owner: PortOwner) -> Failure:
        """The process lives, but somebody else answers on its port."""
        who = _holder(owner)
        return Failure(
            code="port_in_use",
            short=f"{who} answers on port {owner.port} in its place",
            message=f"Agent '{self._name}' was started, but {who} answers on port {owner.port} in "
            f"its place. Stop that program, or see why '{self._name}' does not listen there. "
            f"{_last(self._runtime.logs(self._name, 20))}{self._log()}",
        )

    def startup_timed_out(self, asked: str, last: str | None) -> Failure:
        """The process lives but what was asked never came out well."""
        timeout = f"{self._settings.startup_timeout:g} s"
        answer = f"Last answer: {last}. " if last else ""
        return Failure(
            code="agent_start_failed",
            short=f"not healthy within {timeout}",
            message=f"Agent '{self._name}' was not healthy {timeout} after its start"
            f" ({asked}). {answer}If it needs longer, raise"
            f" agents.{self._name}.startup_timeout. {self._log()}",
        )

    def unresponsive(self, failures: int, last: str | None) -> Failure:
        """The process lives but its health endpoint stopped answering."""
        reason = f": {last}" if last else ""
        return Failure(
            code="agent_unresponsive",
            short=f"{failures} health requests in a row failed{reason}",
            message=f"Agent '{self._name}' did not answer {failures} health requests in a row"
            f"{reason}. {self._log()}",
        )

    def memory_limit(self, held_bytes: int, limit_bytes: int) -> Failure:
        """The process tree holds more memory than it may."""
        held, limit = _mebibytes(held_bytes), _mebibytes(limit_bytes)
        return Failure(
            code="memory_limit",
            short=f"it holds {held}, more than its limit of {limit}",
            message=f"Agent '{self._name}' held {held} of memory, more than "
            f"agents.{self._name}.restart.memory_limit_bytes allows ({limit}), and was restarted. "
            f"If it needs that much, raise the limit. {self._log()}",
        )

    def final_exit(self, failure: Failure, code: int) -> Failure:
        """The process ended with a code that says that a restart does not help."""
        return Failure(
            code=failure.code,
            short=f"{failure.short}, which is final",
            message=f"{_sentence(failure.message)} It is not restarted: code {code} is one of "
            f"agents.{self._name}.restart.final_exit_codes. Mend the cause, then start it again.",
        )

    def liveness_failed(self, probe: ProbePlan, failures: int, last: str | None) -> Failure:
        """The process lives but its liveness probe says that it is beyond help."""
        reason = f": {last}" if last else ""
        times = "its liveness probe failed" + (f" {failures} times in a row" * (failures > 1))
        return Failure(
            code="agent_unresponsive",
            short=f"{times}{reason}",
            message=f"Agent '{self._name}' was ended: {times} ({probe.target}){reason}. "
            f"{self._log()}",
        )

    def _log(self) -> str:
        return f"Full log: {self._runtime.log_path(self._name)}"


def may_pass(error: AgentStartFailed) -> bool:
    """Return whether the system lacked something that it may have again in a moment."""
    return isinstance(error.__cause__, OSError) and error.__cause__.errno in PASSING


def gave_up(agent: str, cause: Failure, loop: CrashLoop) -> Failure:
    """The restart budget is spent."""
    times = "1 restart" if loop.restarts == 1 else f"{loop.restarts} restarts"
    return Failure(
        code="crash_loop",
        short=f"gave up after {times} in {loop.window_seconds:g} s: {cause.short}",
        message=f"Gave up after {times} in {loop.window_seconds:g} s. {_sentence(cause.message)} "
        f"Mend the cause, then start '{agent}' again.",
    )


def no_restart(agent: str, cause: Failure) -> Failure:
    """The configuration says that this agent is not restarted."""
    return Failure(
        code=cause.code,
        short=cause.short,
        message=f"{_sentence(cause.message)} agents.{agent}.restart.policy is 'never': start it "
        "by hand.",
    )


def port_in_use(agent: str, owner: PortOwner, answer: str | None) -> Failure:
    """Something that is no healthy agent holds the port."""
    who = _holder(owner)
    tried = f"; asked for its health: {answer}" if answer else ""
    return Failure(
        code="port_in_use",
        short=f"port {owner.port} is held by {who}",
        message=f"Agent '{agent}' cannot start: port {owner.port} is held by {who}{tried}. "
        f"Stop that program or change agents.{agent}.url, then start '{agent}' again.",
    )


def dependency_unavailable(agent: str, dependency: str, state: str) -> Failure:
    """A dependency will not come up by itself."""
    return Failure(
        code="dependency_unavailable",
        short=f"'{dependency}' is {state}",
        message=f"Agent '{agent}' needs '{dependency}', which is {state}. "
        f"It starts by itself as soon as '{dependency}' is running.",
    )


def dependency_failed(agent: str, names: Sequence[str], mode: str) -> Failure:
    """Something a running agent depends on failed, and the agent is configured to follow."""
    who = " and ".join(f"'{name}'" for name in names)
    return Failure(
        code=DEPENDENCY_FAILED,
        short=f"{who} failed" if mode == "wait" else f"{who} failed and is back",
        message=f"Agent '{agent}' depends on {who}, which failed, and was ended to come back with "
        f"it: agents.{agent}.on_dependency_failure is '{mode}'.",
    )


def left_as_it_is(agent: str, cause: Failure, policy: DependencyRestartSettings) -> str:
    """Return why an agent did not follow what it depends on."""
    return (
        f"{cause.short}, but '{agent}' was left as it is: {policy.max_restarts} restarts of this "
        f"kind in {policy.window_seconds:g} s are allowed (supervision.dependency_restarts). "
        f"Mend what fails, then restart '{agent}'."
    )


def not_in_maintenance(agent: str, cause: Failure) -> Failure:
    """An agent in maintenance is not restarted."""
    return Failure(
        code=cause.code,
        short=f"{cause.short}, in maintenance",
        message=f"{_sentence(cause.message)} It is in maintenance and therefore not restarted: "
        f"start '{agent}' by hand, or end its maintenance.",
    )


def data_stale(agent: str, why: str) -> Failure:
    """Its data is too old, and the configuration says that a restart may help."""
    return Failure(
        code="data_stale",
        short=f"stale data: {why}",
        message=f"Agent '{agent}' runs, but {why}. It is restarted because of "
        f"agents.{agent}.data.when_stale; if that does not help, look at its data source.",
    )


def external_gone(agent: str, port: int) -> Failure:
    """An adopted agent stopped answering; it is not ours to restart."""
    return Failure(
        code="external_gone",
        short="the external process stopped answering",
        message=f"The program on port {port} that served as '{agent}' was started by someone else "
        f"and stopped answering. Start it again there, or start '{agent}' here.",
    )


def not_managed(info: AgentInfo) -> NotManaged:
    """Someone wants to stop what the supervisor did not start."""
    return NotManaged(
        f"Agent '{info.name}' was started by someone else (pid {info.pid}) and is only watched.",
        subject=info.name,
        observed=info.pid,
        next_step="Stop it where it was started, then start it here.",
    )


def internal(agent: str, error: Exception) -> Failure:
    """A bug of ours; never hidden."""
    return Failure(
        code="internal_error",
        short=f"internal error: {type(error).__name__}",
        message=f"Supervising '{agent}' failed with {type(error).__name__}: {error}. "
        "The traceback is in var/log/supervisor.log; please report it. Start the agent again.",
    )


def _holder(owner: PortOwner) -> str:
    who = "another program" if owner.pid is None else f"pid {owner.pid}"
    return f"{who} ({owner.command[:MAX_LINE_CHARACTERS]})" if owner.command else who


def _how(status: ExitStatus) -> str:
    if status.returncode >= 0:
        return f"exited with code {status.returncode}"
    return f"was ended by {status}"


def _mebibytes(count: int) -> str:
    return f"{count / 2**20:.0f} MiB"


def _duration(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def _last(lines: Sequence[LogLine]) -> str:
    """Return what the newest process wrote last; the supervisor's own lines mark its start."""
    texts: list[str] = []
    for line in reversed(lines):
        if line.stream == "supervisor":
            if "-> starting" in line.text:
                break
        elif text := message_of(line.text.strip()):
            texts.insert(0, text[:MAX_LINE_CHARACTERS])
    if not texts:
        return "It wrote nothing. "
    return _sentence("Last lines: " + " | ".join(texts[-LAST_LINES:])) + " "


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."
