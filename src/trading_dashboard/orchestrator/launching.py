"""What an agent is started with: its resolved command and the environment it is given.

Owns the names of the variables an agent can read (documented in `docs/agents-api.md`) and the
agent's own operator token. Secrets go through files and the environment, never the command line.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path

from trading_dashboard.config.commands import resolve_command
from trading_dashboard.config.settings import AgentSettings, Settings
from trading_dashboard.orchestrator.addresses import host_and_port
from trading_dashboard.orchestrator.runtime import Launch

TOKEN_BYTES = 32


def build_launch(
    settings: Settings,
    agent: AgentSettings,
    generation: int,
    extra_env: Mapping[str, str],
    interpreter: str = sys.executable,
) -> Launch:
    """Return everything needed to start the agent's next process."""
    return Launch(
        agent=agent.name,
        generation=generation,
        command=resolve_command(agent, interpreter),
        working_directory=agent.working_directory,
        env={**_environment(settings, agent), **agent.env, **extra_env},
    )


def agent_token_path(state_directory: Path, agent: str) -> Path:
    """Return the file that holds the agent's operator token."""
    return state_directory / "run" / "agents" / f"{agent}.token"


def write_agent_token(state_directory: Path, agent: str) -> Path:
    """Write a new operator token for the agent, readable by its owner only, and return its path."""
    path = agent_token_path(state_directory, agent)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_suffix(".new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(TOKEN_BYTES))
    temporary.replace(path)
    return path


def _environment(settings: Settings, agent: AgentSettings) -> dict[str, str]:
    _, port = host_and_port(agent.url)
    data_directory = settings.state_directory / "data" / agent.name
    return {
        "TRADING_DASHBOARD_AGENT_PORT": str(port),
        "TRADING_DASHBOARD_AGENT_SETTINGS": json.dumps(agent.settings, default=str),
        "TRADING_DASHBOARD_AGENT_TOKEN_FILE": str(
            agent_token_path(settings.state_directory, agent.name)
        ),
        "TRADING_DASHBOARD_AGENT_URLS": json.dumps(agent.dependency_urls),
        "TRADING_DASHBOARD_DATA_DIRECTORY": str(data_directory),
        "TRADING_DASHBOARD_ENVIRONMENT": settings.environment,
        "PYTHONUNBUFFERED": "1",
    }
