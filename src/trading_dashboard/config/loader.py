"""Loading the configuration: defaults, files, environment variables, options, in this order.

Owns the sequence and the promise that every mistake is reported at once. How files are read, what
values must be and how they must fit together is `documents`, `validation` and `consistency`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from trading_dashboard.config.commands import embedded_module
from trading_dashboard.config.consistency import (
    check_agents,
    check_dependencies,
    check_misspelt_agents,
    check_ports,
)
from trading_dashboard.config.documents import read_document
from trading_dashboard.config.masking import shown
from trading_dashboard.config.origins import (
    Branch,
    KeyPath,
    LoadedSettings,
    LoadRequest,
    Origin,
    OriginKind,
    default_origins,
    dotted,
    leaves,
    merge,
)
from trading_dashboard.config.places import Places, locate
from trading_dashboard.config.schema import did_you_mean, sections_of
from trading_dashboard.config.settings import (
    AgentSettings,
    ControlApiSettings,
    DashboardSettings,
    Settings,
)
from trading_dashboard.config.validation import (
    fill_empty_sections,
    validate,
    validate_agents,
    validate_top,
)
from trading_dashboard.config.variables import read_overrides, read_variables
from trading_dashboard.models.errors import ConfigurationError, Mistake

DEMO_SOURCE = "demo"
LIVE_SOURCE = "live"


def load_settings(
    project_root: Path | None = None,
    *,
    config_path: str | Path | None = None,
    environment: str | None = None,
    environ: Mapping[str, str] | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> LoadedSettings:
    """Return the effective settings and where each value came from.

    Args:
        project_root: The folder that holds ``config/``; searched upwards from the current folder
            if not given.
        config_path: A project folder, a ``config`` folder, or one YAML file that is used as the
            environment's file on top of the ``agents.yaml`` beside or above it.
        environment: ``development`` or ``production``; else TRADING_DASHBOARD_ENV decides.
        environ: Environment variables; the process's own if not given.
        overrides: Options, by dotted key such as ``dashboard.port``; None values are ignored.

    Raises:
        ConfigurationError: With every mistake there is.
    """
    return _load(
        LoadRequest(
            project_root=project_root,
            config_path=config_path,
            environment=environment,
            environ=dict(os.environ if environ is None else environ),
            overrides=overrides,
        )
    )


def load_again(loaded: LoadedSettings) -> LoadedSettings:
    """Return the settings as the files say now, for the same request.

    Raises:
        ConfigurationError: With every mistake there is.
    """
    return _load(loaded.request)


def _load(request: LoadRequest) -> LoadedSettings:
    mistakes: list[Mistake] = []
    environ = request.environ or {}
    places = locate(request, mistakes)
    tree, base_names = _merge_layers(places, environ, request.overrides or {}, mistakes)
    settings = _check(tree, places, base_names, mistakes)
    if mistakes or settings is None:
        raise ConfigurationError(_ordered(mistakes, places))
    written = {dotted(key): origin for key, origin in leaves(tree)}
    return LoadedSettings(
        settings=settings,
        origins=default_origins(settings, written),
        files=tuple(name for _, name in places.files),
        request=_to_repeat(request, places),
        watched=places.watched,
    )


def _to_repeat(request: LoadRequest, places: Places) -> LoadRequest:
    """Return the request for the next time: it must not end up in another project."""
    if request.config_path is not None:
        return replace(request, is_own=True)
    return replace(request, project_root=places.project_root, is_own=not places.is_built_in)


def check_startable(loaded: LoadedSettings, only: Sequence[str] | None = None) -> None:
    """Check what forbids a start although the configuration is valid.

    Args:
        loaded: What `load_settings` returned.
        only: The agents a person asked for, None for all.

    Raises:
        ConfigurationError: An unknown or disabled agent was asked for, or the environment does
            not allow a setting.
    """
    agents = loaded.settings.agents
    mistakes = [mistake for name in only or () if (mistake := _check_wanted(name, agents))]
    if loaded.settings.environment == "production":
        mistakes += [
            _replay_refused(loaded, agent) for agent in agents.values() if _is_replay(agent)
        ]
    if mistakes:
        raise ConfigurationError(mistakes)


def _merge_layers(
    places: Places,
    environ: Mapping[str, str],
    overrides: Mapping[str, Any],
    mistakes: list[Mistake],
) -> tuple[Branch, tuple[str, ...]]:
    """Return the merged layers, and the names of the agents that agents.yaml knows."""
    tree = Branch({}, Origin(OriginKind.FILE, "config/agents.yaml"))
    base_names: tuple[str, ...] = ()
    for index, (path, name) in enumerate(places.files):
        tree = merge(tree, fill_empty_sections(read_document(path, name, mistakes)))
        if index == 0:
            base_names = _agent_names(tree)
    given = {key: value for key, value in overrides.items() if value is not None}
    known = _agent_names(tree)
    for layer in (read_variables(environ, mistakes), read_overrides(given, mistakes)):
        tree = merge(tree, _only_known_agents(fill_empty_sections(layer), known, mistakes))
    return tree, base_names


def _agent_names(tree: Branch) -> tuple[str, ...]:
    section = tree.children.get("agents")
    return tuple(section.children) if isinstance(section, Branch) else ()


def _only_known_agents(layer: Branch, known: Sequence[str], mistakes: list[Mistake]) -> Branch:
    """Return the layer without agents that no file configures; they are misspelt."""
    section = layer.children.get("agents")
    if isinstance(section, Branch):
        for name in [name for name in section.children if name not in known]:
            for path, origin in leaves(section.children.pop(name), ("agents", name)):
                mistakes.append(
                    Mistake(
                        file=origin.shown_name,
                        line=None,
                        key=shown(dotted(path)),
                        value=shown(name),
                        problem="is not a configured agent.",
                        remedy=did_you_mean(name, known),
                    )
                )
    return layer


def _check(
    tree: Branch, places: Places, base_names: Sequence[str], mistakes: list[Mistake]
) -> Settings | None:
    validate_top(tree, mistakes)
    agents = validate_agents(tree, mistakes)
    sections = {
        key: validate(model, tree, (key,), mistakes) for key, model in sections_of(Settings).items()
    }
    own_ports: dict[KeyPath, int] = {}
    match sections["dashboard"]:
        case DashboardSettings(enabled=True, port=port):
            own_ports["dashboard", "port"] = port
    match sections["control_api"]:
        case ControlApiSettings(port=port):
            own_ports["control_api", "port"] = port
    check_agents(tree, agents, places.project_root, mistakes)
    check_misspelt_agents(tree, base_names, agents, mistakes)
    check_ports(tree, agents, own_ports, mistakes)
    check_dependencies(tree, agents, mistakes)
    if None in sections.values():
        return None
    return Settings.model_validate(
        {
            "environment": places.environment,
            "project_root": places.project_root,
            "agents": _completed(agents, places),
            **sections,
        }
    )


def _completed(agents: Mapping[str, AgentSettings], places: Places) -> dict[str, AgentSettings]:
    """Return the agents with what follows from the whole: folders, and others' addresses."""
    urls = {name: agent.url for name, agent in agents.items()}
    return {
        name: _absolute(agent, places).with_dependency_urls(urls) for name, agent in agents.items()
    }


def _absolute(agent: AgentSettings, places: Places) -> AgentSettings:
    """Return the agent with an absolute working directory; links stay as they are."""
    folder = os.path.normpath(places.project_root / agent.working_directory)
    return agent.model_copy(update={"working_directory": Path(folder)})


def _ordered(mistakes: Sequence[Mistake], places: Places) -> list[Mistake]:
    """Return the mistakes in reading order, files in the order they are read."""
    rank = {name: index for index, (_, name) in enumerate(places.files)}
    unique = list(dict.fromkeys(mistakes))
    return sorted(unique, key=lambda m: (rank.get(m.file, len(rank)), m.file, m.line or 0))


def _check_wanted(name: str, agents: Mapping[str, AgentSettings]) -> Mistake | None:
    if name not in agents:
        problem, remedy = "is not a configured agent.", did_you_mean(name, list(agents))
    elif not agents[name].enabled:
        problem, remedy = "is disabled.", f"Set agents.{name}.enabled: true to start it."
    else:
        return None
    return Mistake(file="--only", line=None, key="only", value=name, problem=problem, remedy=remedy)


def _is_replay(agent: AgentSettings) -> bool:
    is_embedded = embedded_module(agent.start_command) == "market_data"
    return (
        agent.enabled and is_embedded and agent.settings.get("source", DEMO_SOURCE) != LIVE_SOURCE
    )


def _replay_refused(loaded: LoadedSettings, agent: AgentSettings) -> Mistake:
    key = f"agents.{agent.name}.settings.source"
    origin = loaded.origins.get(key)
    return Mistake(
        file=origin.name if origin else "default",
        line=origin.line if origin else None,
        key=key,
        value=agent.settings.get("source", DEMO_SOURCE),
        problem="is a replay of the past, which production refuses.",
        remedy=f"Set {key}: live, and agents.{agent.name}.settings.priorities to the real sources "
        "to ask, such as `equity: [yahoo]`, in config/environments/production.yaml.",
    )
