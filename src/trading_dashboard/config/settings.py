"""Every setting: type, bounds, default and a help text.

Owns the shape only; where values come from is `config.loader`. Durations are seconds. The
configuration reference in `docs/configuration.md` is checked against these fields by a test.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr

from trading_dashboard.models.settings import Environment


class Section(BaseModel):
    """Base of all sections: unknown keys are mistakes, values never change."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class RestartSettings(Section):
    """When a failed agent may start again."""

    policy: Literal["always", "never"] = Field(
        default="always", description="`never` leaves a failed agent in the error state."
    )
    max_restarts: int = Field(
        default=5, ge=0, le=1000, description="Restarts allowed within the window."
    )
    window_seconds: float = Field(
        default=300.0, gt=0, le=86_400, description="Length of the sliding window."
    )
    first_delay_seconds: float = Field(
        default=0.5, gt=0, le=600, description="Delay before the second restart in a row."
    )
    max_delay_seconds: float = Field(
        default=30.0, gt=0, le=3600, description="Ceiling of the exponential delay."
    )
    stable_after_seconds: float = Field(
        default=60.0, gt=0, le=86_400, description="Uptime after which a failure is a first one."
    )
    when_unhealthy: bool = Field(
        default=True,
        description="Restart an agent whose health endpoint stopped answering. One that answers "
        "and calls itself degraded or unhealthy is never restarted for that.",
    )
    final_exit_codes: tuple[int, ...] = Field(
        default=(),
        description="Exit codes (0 to 255) after which the agent is not restarted: 0 means that it "
        "has finished, any other that it cannot run until somebody mends the cause.",
    )
    memory_limit_bytes: int | None = Field(
        default=None,
        ge=1024 * 1024,
        le=2**40,
        description="Restart the agent when its process tree holds more memory than this, pages "
        "that processes share counted once.",
    )
    not_within: tuple[str, ...] = Field(
        default=(),
        description="Hours in which the supervisor does not restart a process that serves, such as "
        "close-5m/close+1m (of the `calendar`) or 21:55/22:01 (each day, in the `timezone`).",
    )
    calendar: str = Field(
        default="", description="Exchange whose open and close `not_within` means, such as XNYS."
    )
    timezone: str = Field(
        default="UTC",
        description="Of the clock times in `not_within`, such as America/New_York.",
    )


class DependencyRestartSettings(Section):
    """How many restarts may follow from other agents' failures, in the whole desk."""

    max_restarts: int = Field(
        default=20,
        ge=0,
        le=1000,
        description="Restarts allowed within the window, of all agents together.",
    )
    window_seconds: float = Field(
        default=300.0, gt=0, le=86_400, description="Length of the sliding window."
    )


class SupervisionSettings(Section):
    """What concerns all agents together."""

    dependency_restarts: DependencyRestartSettings = Field(
        default_factory=DependencyRestartSettings,
        description="How many restarts may follow from other agents' failures, in the whole desk.",
    )


class DataSettings(Section):
    """How old the newest datum of an agent may be, counted in market time."""

    calendar: str | None = Field(
        default=None,
        description="Exchange calendar of live data, such as XNYS or 24/7: closed sessions, "
        "holidays, half days and breaks do not count. Leave it out for an agent that replays.",
    )
    max_age_seconds: float | None = Field(
        default=None,
        gt=0,
        le=2_592_000,
        description="Older is stale. Without it the agent's own word decides.",
    )
    when_stale: Literal["report", "restart"] = Field(
        default="report",
        description="`restart` restarts the agent under its restart budget, once it has run for "
        "as long as its data may be old.",
    )


class ScheduleSettings(Section):
    """When an agent runs: by an exchange calendar's sessions, or by cron."""

    calendar: str | None = Field(
        default=None, description="Exchange calendar of `start` and `stop`, such as XNYS."
    )
    start: str | None = Field(
        default=None,
        description='With a calendar a moment of each session, such as "open-15m"; else a cron '
        'expression, such as "0 8 * * mon-fri".',
    )
    stop: str | None = Field(
        default=None, description='Likewise, such as "close+30m" or "0 18 * * mon-fri".'
    )
    timezone: str = Field(
        default="UTC", description="Time zone of cron expressions, such as Europe/Berlin."
    )

    @property
    def is_set(self) -> bool:
        """Return whether the agent has hours at all."""
        return self.start is not None and self.stop is not None


def _as_text(value: Any) -> Any:
    """Return 401 as "401": a single status is written as a number."""
    return str(value) if type(value) is int else value


StatusRange = Annotated[
    str, BeforeValidator(_as_text), Field(pattern=r"^[1-5][0-9]{2}(-[1-5][0-9]{2})?$")
]
"""A status such as 401, or a range such as 200-299."""


class ProbeSettings(Section):
    """One probe: what is asked, when it passes, and how often in a row that has to be so."""

    kind: Literal["http", "tcp", "command", "log"] = Field(
        default="http",
        description="`http` asks for a page, `tcp` connects, `command` runs a program, `log` looks "
        "for a line the agent wrote.",
    )
    path: str | None = Field(
        default=None, pattern=r"^/", description="http: what is asked for; else `health_endpoint`."
    )
    port: int | None = Field(
        default=None, ge=1, le=65_535, description="http, tcp: another port than that of `url`."
    )
    expected_status: tuple[StatusRange, ...] = Field(
        default=(),
        max_length=20,
        description='http: statuses that pass, such as `["200-299", 401]`; else any 2xx. Liveness '
        "without `path` passes with any status: the agent may answer badly for the sake of others.",
    )
    expected_body: str | None = Field(
        default=None,
        min_length=1,
        max_length=1000,
        description="http: text that must occur within the first 64 KiB; upper and lower case "
        "differ.",
    )
    command: tuple[str, ...] = Field(
        default=(),
        description="command: program and arguments as in `start_command`, run in the agent's "
        "working directory with its environment. Exit code 0 passes.",
    )
    pattern: str | None = Field(
        default=None,
        min_length=1,
        max_length=1000,
        description="log: text that must occur in a line (of a JSON line, in its message).",
    )
    within_seconds: float | None = Field(
        default=None,
        gt=0,
        le=86_400,
        description="log: how old the newest such line may be; else one since the start is enough.",
    )
    interval_seconds: float | None = Field(
        default=None,
        ge=0.1,
        le=3600,
        description="Seconds between probes; else `health_check_interval`, during the start 0.1.",
    )
    timeout_seconds: float | None = Field(
        default=None, gt=0, le=300, description="Deadline of one probe; else `timeout`."
    )
    failure_threshold: int | None = Field(
        default=None, ge=1, le=100, description="Failures in a row; else the agent's."
    )
    success_threshold: int | None = Field(
        default=None, ge=1, le=100, description="Successes in a row; else the agent's."
    )


class ProbesSettings(Section):
    """What decides that an agent has come up, can serve, and is beyond help."""

    startup: ProbeSettings | None = Field(
        default=None,
        description="Decides when a start is over; until then the others are not asked. Without "
        "it the readiness probe does.",
    )
    readiness: ProbeSettings | None = Field(
        default=None,
        description="Decides whether the agent is healthy. Never restarts it. Without it any 2xx "
        "of `health_endpoint`.",
    )
    liveness: ProbeSettings | None = Field(
        default=None,
        description="Restarts the agent when it fails. Without it any answer of `health_endpoint` "
        "is enough; if readiness is not asked over HTTP, nothing is.",
    )


class LogSettings(Section):
    """Log files of agents, under `var/log`."""

    max_bytes: int = Field(
        default=10 * 1024 * 1024, ge=64 * 1024, le=2**31, description="Size of one log file."
    )
    backups: int = Field(default=5, ge=0, le=100, description="Rotated files kept per agent.")
    max_age_days: int = Field(
        default=30, ge=1, le=3650, description="Older rotated files are removed."
    )
    ring_lines: int = Field(
        default=2000, ge=100, le=100_000, description="Lines per agent kept in memory."
    )
    max_line_bytes: int = Field(
        default=16 * 1024, ge=256, le=1024 * 1024, description="Longer lines are cut, and say so."
    )


class HistorySettings(Section):
    """The record of past events, `var/data/supervisor/history.db`."""

    retention_days: int = Field(default=90, ge=1, le=3650, description="Days an event is kept.")
    max_events: int = Field(
        default=1_000_000,
        ge=1000,
        le=100_000_000,
        description="Events kept at most, whatever their age; a million takes about 300 MB.",
    )


class AgentSettings(Section):
    """One agent, complete: what is left after all layers are merged."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,63}$", description="The key in `agents`.")
    url: str = Field(description="Where the agent serves, such as http://localhost:8000.")
    timeout: float = Field(
        default=5.0, gt=0, le=300, description="Deadline of one health request, in seconds."
    )
    health_check_interval: float = Field(
        default=10.0, ge=0.1, le=3600, description="Seconds between health requests."
    )
    enabled: bool = Field(default=True, description="A disabled agent is shown, never started.")
    auto_start: bool = Field(default=True, description="Start it with the desk.")
    start_command: tuple[str, ...] = Field(
        default=(),
        description="Program and arguments, no shell. `python` means the working directory's own "
        "virtual environment if it has one, else the interpreter that runs the supervisor. "
        "`{port}` and `{host}` are those of `url`.",
    )
    working_directory: Path = Field(
        default=Path(), description="Relative to the project root; absolute after loading."
    )
    startup_timeout: float = Field(
        default=30.0, gt=0, le=3600, description="Seconds from start to the first healthy answer."
    )
    stop_timeout: float = Field(
        default=10.0, ge=0, le=600, description="Seconds between asking to stop and killing."
    )
    health_endpoint: str = Field(
        default="/health", pattern=r"^/", description="Path of the health request."
    )
    failure_threshold: int = Field(
        default=3, ge=1, le=100, description="Failed health requests in a row before unhealthy."
    )
    success_threshold: int = Field(
        default=1, ge=1, le=100, description="Good health requests in a row before healthy."
    )
    depends_on: tuple[str, ...] = Field(
        default=(), description="Agents that must be healthy before this one starts."
    )
    on_dependency_failure: Literal["ignore", "wait", "restart"] = Field(
        default="ignore",
        description="What a running agent does when one it depends on fails: `ignore` goes on, "
        "`wait` stops and comes back with it, `restart` goes on and restarts once it is back.",
    )
    env: dict[str, str] = Field(
        default_factory=dict, description="Environment variables added to the agent's."
    )
    settings: dict[str, Any] = Field(
        default_factory=dict,
        description="The agent's own settings, handed to it as JSON; checked here for the "
        "embedded agents.",
    )
    lease: bool = Field(
        default=False,
        description="Tell the agent every second that it is looked after, and how those it depends "
        "on are: `POST /gate/lease` with its operator token. For agents that must stop by "
        "themselves when the supervisor does. `url` has to be on this machine.",
    )
    restart: RestartSettings = Field(default_factory=RestartSettings)
    data: DataSettings = Field(default_factory=DataSettings)
    schedule: ScheduleSettings = Field(default_factory=ScheduleSettings)
    probes: ProbesSettings = Field(
        default_factory=ProbesSettings,
        description="How the agent is asked, where one health request does not say it all; below.",
    )
    _dependency_urls: dict[str, str] = PrivateAttr(default_factory=dict)

    @property
    def dependency_urls(self) -> dict[str, str]:
        """Return where the agents of `depends_on` serve, by name: their own `url`."""
        return dict(self._dependency_urls)

    def with_dependency_urls(self, urls: Mapping[str, str]) -> Self:
        """Return the agent with the addresses of those it depends on, found among all agents'."""
        agent = self.model_copy()
        agent._dependency_urls = {name: urls[name] for name in self.depends_on if name in urls}
        return agent


class ControlApiSettings(Section):
    """The supervisor's own HTTP face; loopback only."""

    port: int = Field(
        default=0, ge=0, le=65_535, description="0 takes any free port (`status` shows it)."
    )


class DashboardSettings(Section):
    """The web dashboard."""

    enabled: bool = Field(default=True, description="Start the dashboard with the desk.")
    port: int = Field(default=8501, ge=0, le=65_535, description="0 takes any free port.")
    allowed_hosts: tuple[str, ...] = Field(
        default=("localhost", "127.0.0.1", "[::1]"),
        description="Host names the dashboard answers to.",
    )
    open_browser: bool = Field(default=True, description="Open the browser when it is ready.")
    watchlist: tuple[str, ...] = Field(
        default=("AAPL", "FB", "GOOG", "IBM", "MSFT"), description="Symbols of the watchlist."
    )


class ReloadSettings(Section):
    """What happens when the configuration changes while the desk runs."""

    watch: bool = Field(
        default=True,
        description="Apply a changed file at once. If not, `trading-dashboard reload` does.",
    )


class Settings(Section):
    """The whole effective configuration."""

    environment: Environment = Field(default="development")
    project_root: Path = Field(description="The folder that holds `config/`; absolute.")
    agents: dict[str, AgentSettings] = Field(default_factory=dict)
    control_api: ControlApiSettings = Field(default_factory=ControlApiSettings)
    dashboard: DashboardSettings = Field(default_factory=DashboardSettings)
    logs: LogSettings = Field(default_factory=LogSettings)
    history: HistorySettings = Field(default_factory=HistorySettings)
    supervision: SupervisionSettings = Field(default_factory=SupervisionSettings)
    reload: ReloadSettings = Field(default_factory=ReloadSettings)

    @property
    def state_directory(self) -> Path:
        """Return where everything this desk writes lives: ``var/`` under the project root."""
        return self.project_root / "var"
