"""What an agent is told when it starts: by the supervisor's environment, by options, or by neither.

Owns reading and checking both; an agent runs the same way under the supervisor and by itself.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, cast, get_args

from pydantic import BaseModel, ValidationError

from trading_dashboard.models.errors import ConfigurationError, Mistake
from trading_dashboard.models.settings import Environment

PREFIX = "TRADING_DASHBOARD_"
SETTINGS_VARIABLE = f"{PREFIX}AGENT_SETTINGS"
URLS_VARIABLE = f"{PREFIX}AGENT_URLS"
LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "[::1]")

Settings = TypeVar("Settings", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentEnvironment:
    """Where and how this process of an agent runs.

    Attributes:
        name: The agent's name.
        host, port: Where to serve; port 0 takes any free one.
        settings: The agent's own settings, not yet checked; see `checked_settings`.
        environment: `development` or `production`.
        data_directory: Where the agent may write; made when it is needed.
        token_file: The operator token's file; None makes one in the data directory.
        allowed_hosts: Host names requests may be addressed to, besides loopback and `host`.
        is_supervised: A supervisor started this process.
        agent_urls: Where the agents this one depends on serve, by name.
    """

    name: str
    host: str = "127.0.0.1"
    port: int = 0
    settings: Mapping[str, Any] = field(default_factory=dict)
    environment: Environment = "development"
    data_directory: Path
    token_file: Path | None = None
    allowed_hosts: tuple[str, ...] = ()
    is_supervised: bool = False
    agent_urls: Mapping[str, str] = field(default_factory=dict)

    @property
    def operator_token_file(self) -> Path:
        """Return the operator token's file, given or of our own."""
        return self.token_file or self.data_directory / "operator.token"


def read_environment(
    name: str,
    default_port: int,
    arguments: Sequence[str] | None = None,
    environ: Mapping[str, str] | None = None,
) -> AgentEnvironment:
    """Return what options and environment say; options win.

    Raises:
        ConfigurationError: With every mistake found.
    """
    env = os.environ if environ is None else environ
    options = _parser(name, default_port).parse_args(arguments)
    mistakes: list[Mistake] = []
    settings = _object(env, SETTINGS_VARIABLE, '{"source": "demo"}', mistakes)
    urls = _object(env, URLS_VARIABLE, '{"market_data": "http://localhost:8000"}', mistakes)
    environment = options.environment or env.get(f"{PREFIX}ENVIRONMENT", "development")
    if environment not in get_args(Environment):
        mistakes.append(
            _mistake(f"{PREFIX}ENVIRONMENT", "environment", environment, "is not known.",
                     f"Use one of {', '.join(get_args(Environment))}.")
        )  # fmt: skip
    port = options.port
    if port is None:
        port = _port(env, default_port, mistakes)
    if mistakes:
        raise ConfigurationError(mistakes)
    data = options.data_directory or env.get(f"{PREFIX}DATA_DIRECTORY")
    token_file = options.token_file or env.get(f"{PREFIX}AGENT_TOKEN_FILE")
    return AgentEnvironment(
        name=env.get(f"{PREFIX}AGENT") or name,
        host=options.host,
        port=port,
        settings=settings,
        environment=cast("Environment", environment),
        data_directory=Path(data) if data else _project_root() / "var" / "data" / name,
        token_file=Path(token_file) if token_file else None,
        allowed_hosts=tuple(options.allow_host),
        is_supervised=f"{PREFIX}RUN_ID" in env,
        agent_urls={agent: str(url) for agent, url in urls.items()},
    )


def checked_settings(model: type[Settings], environment: AgentEnvironment) -> Settings:
    """Return the agent's settings as `model`.

    Raises:
        ConfigurationError: With every mistake, each naming the setting as it is configured.
    """
    try:
        return model.model_validate(dict(environment.settings))
    except ValidationError as error:
        known = ", ".join(model.model_fields)
        mistakes = [
            Mistake(
                file=SETTINGS_VARIABLE,
                line=None,
                key=".".join(("agents", environment.name, "settings", *map(str, item["loc"]))),
                value=repr(item["input"])[:100],
                problem=f"{item['msg']}.",
                remedy=f"Known settings: {known}.",
            )
            for item in error.errors()
        ]
        raise ConfigurationError(mistakes) from None


def _parser(name: str, default_port: int) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"{name}", description=f"Run the agent {name} in this terminal."
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to serve on (%(default)s)")
    parser.add_argument("--port", type=int, help=f"port to serve on, 0 for any ({default_port})")
    parser.add_argument("--data-directory", help="where to keep data")
    parser.add_argument("--token-file", help="file that holds the operator token")
    parser.add_argument("--environment", help="development or production")
    parser.add_argument(
        "--allow-host", action="append", default=[], help="another host name to answer to"
    )
    return parser


def _object(
    env: Mapping[str, str], variable: str, such_as: str, mistakes: list[Mistake]
) -> dict[str, Any]:
    """Return a variable's JSON object, empty if there is none."""
    text = env.get(variable, "").strip()
    if not text:
        return {}
    try:
        found = json.loads(text)
    except ValueError as error:
        found = error
    if isinstance(found, dict):
        return found
    key = variable.removeprefix(f"{PREFIX}AGENT_").lower()
    remedy = f"Use something like {such_as}."
    mistakes.append(_mistake(variable, key, text[:100], "is not a JSON object.", remedy))
    return {}


def _port(env: Mapping[str, str], default: int, mistakes: list[Mistake]) -> int:
    text = env.get(f"{PREFIX}AGENT_PORT", str(default))
    if text.isascii() and text.isdigit() and int(text) <= 65_535:
        return int(text)
    mistakes.append(
        _mistake(f"{PREFIX}AGENT_PORT", "port", text, "is not a port.", "Use 0 to 65535.")
    )
    return default


def _mistake(file: str, key: str, value: str, problem: str, remedy: str) -> Mistake:
    return Mistake(file=file, line=None, key=key, value=repr(value), problem=problem, remedy=remedy)


def _project_root() -> Path:
    """Return the nearest folder above that holds our configuration, else the current one."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "config" / "agents.yaml").is_file():
            return folder
    return here
