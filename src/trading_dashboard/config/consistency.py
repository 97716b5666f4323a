"""Rules that concern more than one value.

Owns addresses, ports, folders, dependencies, commands and the embedded agents' own settings.
Types and bounds are checked before (`validation`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from pydantic import BaseModel

from trading_dashboard.config.commands import embedded_module
from trading_dashboard.config.hours import check_data, check_schedule
from trading_dashboard.config.masking import shown
from trading_dashboard.config.origins import (
    Branch,
    Items,
    KeyPath,
    find,
    mistake_at,
)
from trading_dashboard.config.probe_rules import check_probes
from trading_dashboard.config.restarts import check_restart
from trading_dashboard.config.schema import did_you_mean, nearest
from trading_dashboard.config.settings import AgentSettings
from trading_dashboard.config.validation import validate
from trading_dashboard.config.variables import RESERVED_PREFIX
from trading_dashboard.models.errors import Mistake
from trading_dashboard.models.pattern_settings import PatternSettings
from trading_dashboard.models.risk.settings import RiskSettings
from trading_dashboard.models.settings import MarketDataSettings

EMBEDDED_SETTINGS: Mapping[str, type[BaseModel]] = {
    "market_data": MarketDataSettings,
    "pattern_recognition": PatternSettings,
    "risk_management": RiskSettings,
}

_LOOPBACK = re.compile(r"^(localhost|127(\.\d{1,3}){3}|::1|0\.0\.0\.0|::)$", re.IGNORECASE)
_SLIP = 0.85
_VARIABLE_NAME = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*$")


def check_agents(
    tree: Branch, agents: Mapping[str, AgentSettings], project_root: Path, mistakes: list[Mistake]
) -> None:
    """Report what is wrong with single agents beyond types and bounds."""
    for name, agent in agents.items():
        path: KeyPath = ("agents", name)
        mistakes.extend(_check_url(tree, path, agent.url))
        mistakes.extend(_check_lease(tree, path, agent))
        mistakes.extend(_check_env(tree, path, agent.env))
        mistakes.extend(check_restart(tree, (*path, "restart"), agent.restart))
        mistakes.extend(check_data(tree, path, agent.data))
        mistakes.extend(check_schedule(tree, path, agent.schedule))
        mistakes.extend(check_probes(tree, path, agent.probes))
        if agent.enabled:
            mistakes.extend(_check_command(tree, path, agent))
            mistakes.extend(_check_folder(tree, path, project_root / agent.working_directory))
        model = EMBEDDED_SETTINGS.get(embedded_module(agent.start_command) or "")
        if model is not None:
            validate(model, tree, (*path, "settings"), mistakes)


def check_misspelt_agents(
    tree: Branch,
    base_names: Sequence[str],
    agents: Mapping[str, AgentSettings],
    mistakes: list[Mistake],
) -> None:
    """Name the agent that is likely meant where one outside agents.yaml is incomplete."""
    section = tree.children.get("agents")
    for name in section.children if isinstance(section, Branch) else ():
        is_complete = name in agents and bool(agents[name].start_command)
        meant = None if is_complete or name in base_names else nearest(name, base_names)
        if meant:
            _name_the_meant(tree, name, meant, mistakes)


def _name_the_meant(tree: Branch, name: str, meant: str, mistakes: list[Mistake]) -> None:
    """Add the likely name to an agent's mistakes, or report that nothing else shows the slip."""
    has_mistakes = False
    for index, mistake in enumerate(mistakes):
        if mistake.key in (f"agents.{name}.url", f"agents.{name}.start_command"):
            remedy = f"If agents.{meant} is meant, correct the name. {mistake.remedy}"
            mistakes[index] = replace(mistake, remedy=remedy)
            has_mistakes = True
    if not has_mistakes and _is_slip(tree, name, meant):
        problem = "is not in agents.yaml, and has no start_command."
        remedy = f"If agents.{meant} is meant, correct the name; else give it a start_command."
        mistakes.append(mistake_at(tree, ("agents", name), problem, remedy))


def _is_slip(tree: Branch, name: str, meant: str) -> bool:
    """Return whether a disabled agent's name is most likely another's, misspelt."""
    section = tree.children["agents"]
    assert isinstance(section, Branch)  # noqa: S101 - both were found in it
    # strategy_2 is no slip for strategy_1, and who writes both names means both.
    is_numbered = name.rstrip("0123456789") == meant.rstrip("0123456789")
    is_beside = section.key_origin(name).name == section.key_origin(meant).name
    return not is_numbered and not is_beside and nearest(name, [meant], _SLIP) == meant


def check_ports(
    tree: Branch,
    agents: Mapping[str, AgentSettings],
    own_ports: Mapping[KeyPath, int],
    mistakes: list[Mistake],
) -> None:
    """Report enabled agents that would need one port, the desk's own ports included."""
    taken: dict[tuple[str, int], KeyPath] = {}
    for path, port in own_ports.items():
        if port:
            _claim(tree, taken, ("loopback", port), path, mistakes)
    for name, agent in agents.items():
        url = _split(agent.url)
        if agent.enabled and url is not None and url.hostname and _port(url):
            host = "loopback" if _LOOPBACK.match(url.hostname) else url.hostname.lower()
            key = (host, _port(url) or 0)
            _claim(tree, taken, key, ("agents", name, "url"), mistakes)


def check_dependencies(
    tree: Branch, agents: Mapping[str, AgentSettings], mistakes: list[Mistake]
) -> None:
    """Report dependencies that are unknown, disabled or circular."""
    section = tree.children.get("agents")
    known = list(section.children) if isinstance(section, Branch) else []
    for name, agent in agents.items():
        for index, dependency in enumerate(agent.depends_on):
            path: KeyPath = ("agents", name, "depends_on", index)
            if dependency not in known:
                remedy = did_you_mean(dependency, known)
                mistakes.append(mistake_at(tree, path, "is not a configured agent.", remedy))
            elif agent.enabled and dependency in agents and not agents[dependency].enabled:
                problem = f"is disabled, but {name} is enabled and depends on it."
                remedy = f"Set agents.{dependency}.enabled: true, or disable {name}."
                mistakes.append(mistake_at(tree, path, problem, remedy))
            elif dependency in agent.depends_on[:index]:
                mistakes.append(mistake_at(tree, path, "is named twice.", "Keep one of the two."))
    for cycle in _cycles({name: agent.depends_on for name, agent in agents.items()}):
        path = ("agents", cycle[0], "depends_on")
        problem = f"is a cycle: {' -> '.join((*cycle, cycle[0]))}."
        remedy = "Remove one of these dependencies; nothing in a cycle can start first."
        mistakes.append(mistake_at(tree, path, problem, remedy))


def _check_url(tree: Branch, agent: KeyPath, text: str) -> Iterator[Mistake]:
    path = (*agent, "url")
    example = "Write it as http://localhost:8000."
    url = _split(text)
    if url is None or any(c.isspace() or not c.isprintable() for c in text):
        yield mistake_at(tree, path, "is not an address.", example)
        return
    if url.scheme not in ("http", "https"):
        yield mistake_at(tree, path, "does not begin with http:// or https://.", example)
        return
    if not url.hostname:
        yield mistake_at(tree, path, "names no host.", example)
    if not _port(url):
        yield mistake_at(tree, path, "names no port (1 to 65535).", example)
    if "@" in url.netloc:
        remedy = "Remove user and password; give secrets to the agent through env."
        yield mistake_at(tree, path, "holds a user or password.", remedy)
    if url.path.strip("/") or url.query or url.fragment:
        remedy = "Keep scheme, host and port; the path of the health request is health_endpoint."
        yield mistake_at(tree, path, "holds more than scheme, host and port.", remedy)


def _check_lease(tree: Branch, agent: KeyPath, settings: AgentSettings) -> Iterator[Mistake]:
    url = _split(settings.url)
    if settings.lease and url is not None and not _LOOPBACK.match(url.hostname or "localhost"):
        problem = f"sends the agent's token to {url.hostname}, which is not this machine."
        remedy = "Serve on localhost, or set lease: false."
        yield mistake_at(tree, (*agent, "lease"), problem, remedy)


def _split(text: str) -> SplitResult | None:
    try:
        url = urlsplit(text)
        _ = url.hostname
    except ValueError:
        return None
    return url


def _port(url: SplitResult) -> int | None:
    try:
        return url.port
    except ValueError:
        return None


def _check_command(tree: Branch, agent: KeyPath, settings: AgentSettings) -> Iterator[Mistake]:
    path = (*agent, "start_command")
    node, _, existing = find(tree, path)
    is_wrong = existing == path and not (isinstance(node, Items) and not node.items)
    if is_wrong and not settings.start_command:
        return  # reported with the types
    if not settings.start_command:
        remedy = 'Say how to start it, such as start_command: ["python", "run_api.py"].'
        yield mistake_at(tree, path, "is missing, and the agent is enabled.", remedy)
    elif not settings.start_command[0].strip():
        yield mistake_at(tree, (*path, 0), "is empty.", "Begin with the program to run.")


def _check_folder(tree: Branch, agent: KeyPath, folder: Path) -> Iterator[Mistake]:
    if os.path.isdir(folder):  # noqa: PTH112 - `Path` raises for a name that is too long
        return
    place = os.path.normpath(folder)
    is_there = os.path.exists(place)  # noqa: PTH110
    problem = f"is not {'a folder' if is_there else 'there'} ({shown(place)})."
    remedy = "Correct the path (relative to the project root), or set enabled: false."
    yield mistake_at(tree, (*agent, "working_directory"), problem, remedy)


def _check_env(tree: Branch, agent: KeyPath, env: Mapping[str, str]) -> Iterator[Mistake]:
    for name in env:
        path = (*agent, "env", name)
        if not _VARIABLE_NAME.match(name):
            remedy = "Use letters, digits and underscores, and begin with a letter."
            yield mistake_at(tree, path, "is not a name a variable can have.", remedy)
        elif name.startswith(RESERVED_PREFIX):
            remedy = "Remove it; use the agent's settings instead."
            yield mistake_at(tree, path, "is set by the supervisor itself.", remedy)


def _claim(
    tree: Branch,
    taken: dict[tuple[str, int], KeyPath],
    key: tuple[str, int],
    path: KeyPath,
    mistakes: list[Mistake],
) -> None:
    first = taken.setdefault(key, path)
    if first != path:
        _, origin, existing = find(tree, first)
        where = f" ({origin})" if existing == first else ""
        owner = ".".join(str(part) for part in first)
        problem = f"uses port {key[1]}, which {owner}{where} already uses."
        mistakes.append(mistake_at(tree, path, problem, "Give one of the two another port."))


def _cycles(graph: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, ...]]:
    """Yield each cycle found, once, beginning with its first agent in configuration order."""
    done: set[str] = set()
    for start in graph:
        stack: list[tuple[str, Iterator[str]]] = []
        trail: dict[str, None] = {}
        if start not in done:
            stack, trail = [(start, iter(graph[start]))], {start: None}
        while stack:
            name, following = stack[-1]
            step = next(following, None)
            if step is None:
                stack.pop()
                trail.pop(name)
                done.add(name)
            elif step in trail:
                names = list(trail)
                yield tuple(names[names.index(step) :])
            elif step in graph and step not in done:
                trail[step] = None
                stack.append((step, iter(graph[step])))
