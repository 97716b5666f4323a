"""Settings from environment variables and from options.

Owns the two upper layers: `TRADING_DASHBOARD__SECTION__KEY=value` and what the caller overrides.
A variable's value is read as its setting's type asks: text as it stands, anything else as YAML.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from trading_dashboard.config.documents import (
    MAX_DEPTH,
    MAX_NUMBER_BITS,
    NOT_TEXT,
    parse_value,
)
from trading_dashboard.config.masking import MASK, holds_secrets, is_secret, shown
from trading_dashboard.config.origins import (
    Branch,
    Items,
    KeyPath,
    Node,
    Origin,
    OriginKind,
    Scalar,
    dotted,
    merge,
)
from trading_dashboard.config.places import ENVIRONMENT_VARIABLE
from trading_dashboard.config.schema import (
    annotation_at,
    did_you_mean,
    is_text,
    keys_at,
    nearest,
)
from trading_dashboard.models.errors import Mistake

PREFIX = "TRADING_DASHBOARD__"
RESERVED_PREFIX = "TRADING_DASHBOARD_"
GIVEN_TO_AGENTS = frozenset(
    RESERVED_PREFIX + name
    for name in (
        "RUN_ID", "AGENT", "GENERATION", "AGENT_PORT", "AGENT_SETTINGS", "AGENT_TOKEN_FILE",
        "AGENT_URLS", "DATA_DIRECTORY", "STATE_DIRECTORY", "ENVIRONMENT", "ERRAND",
    )
)  # fmt: skip
"""Variables the supervisor sets for agents; loading settings inside an agent passes over them."""

OPTION_NAMES = {"dashboard.port": "--port", "dashboard.open_browser": "--no-browser"}
MAX_VALUE_CHARACTERS = 64 * 1024


def read_variables(environ: Mapping[str, str], mistakes: list[Mistake]) -> Branch:
    """Return the layer of environment variables."""
    tree = Branch({}, Origin(OriginKind.VARIABLE, "environment"))
    for name in sorted(environ, key=lambda name: (name.count("__"), name)):
        if name.upper().startswith(PREFIX):
            layer = _read_variable(name, environ[name], mistakes)
            tree = merge(tree, layer) if layer else tree
        elif name.upper().startswith(RESERVED_PREFIX):
            _check_reserved(name, environ, mistakes)
    return tree


def read_overrides(overrides: Mapping[str, Any], mistakes: list[Mistake]) -> Branch:
    """Return the layer of options. Keys are dotted (``dashboard.port``), or mappings are nested."""
    tree = Branch({}, Origin(OriginKind.OPTION, "options"))
    for path, value in _flat(overrides, ()):
        origin = Origin(OriginKind.OPTION, OPTION_NAMES.get(dotted(path), f"option {dotted(path)}"))
        if annotation_at(path) is None:
            mistakes.append(
                _unknown(path, origin, str(value) if _can_be_written(value) else "(not read)")
            )
            continue
        if not _can_be_written(value):
            problem = "is not a value that a file could hold."
            mistakes.append(_mistake(path, origin, "(not read)", problem, "Check the value."))
            continue
        tree = merge(tree, _branch(path, _from_python(value, origin), origin))
    return tree


def variable_name(path: Sequence[str | int]) -> str:
    """Return the environment variable that sets the value at a path."""
    return PREFIX + "__".join(
        str(part) if "env" in path[2:index] else str(part).upper()
        for index, part in enumerate(path)
    )


def _read_variable(name: str, value: str, mistakes: list[Mistake]) -> Branch | None:
    origin = Origin(OriginKind.VARIABLE, name)
    path = _path_of(name)
    annotation = annotation_at(path) if path and all(path) else None
    if annotation is None or not name.startswith(PREFIX):
        mistakes.append(_unknown(path, origin, value))
        return None
    if len(value) > MAX_VALUE_CHARACTERS or NOT_TEXT.search(value):
        problem = f"is longer than {MAX_VALUE_CHARACTERS} characters or not UTF-8."
        mistakes.append(_mistake(path, origin, "(not read)", problem, "Check the value."))
        return None
    if is_text(annotation):
        return _branch(path, Scalar(value, value, origin), origin)
    before = len(mistakes)
    node = parse_value(value, origin, path, mistakes)
    return _branch(path, node, origin) if len(mistakes) == before else None


def _path_of(name: str) -> tuple[str, ...]:
    """Return the setting's path; below an agent's `env` names keep their case."""
    parts = name[len(PREFIX) :].split("__")
    lowered = [part.lower() for part in parts]
    if lowered[0] == "agents" and lowered[2:3] == ["env"] and len(parts) > 3:
        return (*lowered[:3], "__".join(parts[3:]))
    return tuple(lowered)


def _unknown(path: KeyPath, origin: Origin, value: str) -> Mistake:
    known: KeyPath = ()
    for part in path:
        if not part or annotation_at([str(p) for p in (*known, part)]) is None:
            break
        known = (*known, part)
    wrong = str(path[len(known)]) if len(path) > len(known) else ""
    choices = keys_at([str(part) for part in known])
    if origin.kind is OriginKind.OPTION:
        remedy = did_you_mean(wrong, choices)
    else:
        match = nearest(wrong, choices) or (wrong if wrong in choices else None)
        if match or known == path:
            path_meant = (*known, match, *path[len(known) + 1 :]) if match else path
            remedy = f"Did you mean {variable_name(path_meant)}?"
        else:
            remedy = f"After {variable_name(known).rstrip('_')}__ may stand: {_upper(choices)}."
    return _mistake(path, origin, value, "is not a setting.", remedy)


def _upper(names: Sequence[str]) -> str:
    return ", ".join(name.upper() for name in names) or "nothing"


def _check_reserved(name: str, environ: Mapping[str, str], mistakes: list[Mistake]) -> None:
    """Report variables that were meant for us but that nothing would read."""
    inside_agent = RESERVED_PREFIX + "AGENT" in environ
    if name == ENVIRONMENT_VARIABLE or (name in GIVEN_TO_AGENTS and inside_agent):
        return
    tail = name[len(RESERVED_PREFIX) :].lower()
    meant = None
    if name.upper() == ENVIRONMENT_VARIABLE or nearest(tail, ["env", "environment"]):
        meant = ENVIRONMENT_VARIABLE
    elif name not in GIVEN_TO_AGENTS:
        sections = [key for key in keys_at(()) if tail.startswith(f"{key}_")]
        # Not what Kubernetes sets for a service of this name: TRADING_DASHBOARD_PORT=tcp://…
        if tail in keys_at(("dashboard",)) and "://" not in environ[name]:
            meant = f"{PREFIX}DASHBOARD__{tail.upper()}"
        elif sections:
            rest = tail.removeprefix(f"{sections[0]}_").strip("_").upper()
            meant = f"{PREFIX}{sections[0].upper()}__{rest}"
    if meant:
        origin, value = Origin(OriginKind.VARIABLE, name), environ[name]
        remedy = f"Did you mean {meant}? Parts are separated by two underscores."
        mistakes.append(_mistake((tail,), origin, value, "is not read by anything.", remedy))


def _mistake(path: KeyPath, origin: Origin, value: str, problem: str, remedy: str) -> Mistake:
    secret = holds_secrets(path) or is_secret((origin.name,)) or _is_env_misspelt(path)
    return Mistake(
        file=shown(origin.name),
        line=None,
        key=shown(dotted(path)),
        value=MASK if secret else shown(value),
        problem=problem,
        remedy=remedy,
    )


def _is_env_misspelt(path: KeyPath) -> bool:
    """Return whether a name that is no setting's may be meant for an agent's `env`."""
    words = [word for part in path for word in str(part).split("_")]
    is_deep = len(path) > 3 and annotation_at([str(part) for part in path]) is None
    return is_deep or "env" in words or words[0] == "agents" != path[0]


def _branch(path: Sequence[str], node: Node, origin: Origin) -> Branch:
    for part in reversed(path):
        node = Branch({part: node}, origin, {part: origin})
    if not isinstance(node, Branch):
        return Branch({}, origin)
    return node


def _flat(
    overrides: Mapping[str, Any], above: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, value in overrides.items():
        path = (*above, *str(key).split("."))
        if isinstance(value, Mapping):
            yield from _flat(value, path)
        else:
            yield path, value


def _can_be_written(value: Any, depth: int = 0) -> bool:
    """Return whether the same value could stand in a file."""
    if isinstance(value, (list, tuple)):
        return depth < MAX_DEPTH and all(_can_be_written(item, depth + 1) for item in value)
    if isinstance(value, int):
        return value.bit_length() <= MAX_NUMBER_BITS
    if isinstance(value, float):
        return math.isfinite(value)
    # A mapping in a list would be taken for its text.
    return not isinstance(value, Mapping) and not NOT_TEXT.search(str(value))


def _from_python(value: Any, origin: Origin) -> Node:
    if isinstance(value, (list, tuple)):
        return Items([_from_python(item, origin) for item in value], origin)
    if value is None or isinstance(value, (str, int, float, bool)):
        return Scalar(value, str(value), origin)
    return Scalar(str(value), str(value), origin)
