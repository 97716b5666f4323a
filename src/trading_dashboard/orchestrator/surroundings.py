"""What an agent's task is given by its manager. Owns nothing; tests put fakes into it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from trading_dashboard.config.settings import AgentSettings
from trading_dashboard.models.agents import AgentInfo
from trading_dashboard.orchestrator.agent_state import Publish
from trading_dashboard.orchestrator.market_time.calendars import Calendars
from trading_dashboard.orchestrator.probes import Prober
from trading_dashboard.orchestrator.runtime import Launch, Runtime
from trading_dashboard.orchestrator.safeguards import Safeguards


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What an agent's task needs from its manager.

    Attributes:
        publish: Announces an event with the agent's new state.
        launch: Builds the launch of a generation, from the settings of the moment.
        dependency: Returns another agent's state and whether it is meant to run.
        is_about_to_follow: Returns whether another agent has yet to restart because something it
            depends on, directly or not, failed.
        safeguards: What keeps restarts within bounds, shared by all agents.
        tell_dependents: Makes the agents that depend on this one look at it again.
        calendars: Tells when exchanges are open.
        clock: The wall clock, in seconds since 1970 UTC.
        interpreter: What `python` means in a command, without a virtual environment.
    """

    runtime: Runtime
    prober: Prober
    publish: Publish
    launch: Callable[[AgentSettings, int], Launch]
    dependency: Callable[[str], tuple[AgentInfo, bool]]
    is_about_to_follow: Callable[[str], bool]
    safeguards: Safeguards
    tell_dependents: Callable[[], None]
    calendars: Calendars
    clock: Callable[[], float] = time.time
    interpreter: str = sys.executable
