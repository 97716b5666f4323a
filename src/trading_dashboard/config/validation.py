"""From the merged tree to settings, with every mistake in words.

Owns unknown keys, types and bounds; pydantic checks, this explains. Rules that concern more than
one value are `consistency`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from trading_dashboard.config.masking import MASK, holds_secrets, shown
from trading_dashboard.config.origins import (
    Branch,
    Items,
    KeyPath,
    Node,
    Scalar,
    find,
    mistake_at,
    plain,
)
from trading_dashboard.config.schema import (
    bounds,
    did_you_mean,
    keys_of,
    mapping_keys_of,
    nearest,
    section_of,
)
from trading_dashboard.config.settings import AgentSettings, ProbesSettings, Settings
from trading_dashboard.models.errors import Mistake

RESERVED_NAMES = ("dashboard", "guardian", "supervisor")
MAX_AGENTS = 500

_MISSING = {
    "url": "Say where the agent serves, such as url: http://localhost:8000.",
}

_PLAIN_NUMBER = re.compile(r"^[-+]?[0-9]{1,20}(\.[0-9]{1,20})?$")
_EXPONENT = re.compile(r"^[-+]?[0-9.]+[eE][-+]?[0-9]+$")

_Model = TypeVar("_Model", bound=BaseModel)


def fill_empty_sections(tree: Branch) -> Branch:
    """Return a layer in which a section left empty, such as ``agents:``, is an empty mapping."""
    for key, child in tree.children.items():
        tree.children[key] = _empty_as_branch(child) if key in keys_of(Settings) else child
    agents = tree.children.get("agents")
    if isinstance(agents, Branch):
        for name, child in agents.children.items():
            agent = agents.children[name] = _empty_as_branch(child)
            if isinstance(agent, Branch):
                _fill_sections(agent, mapping_keys_of(AgentSettings))
                probes = agent.children.get("probes")
                if isinstance(probes, Branch):
                    _fill_sections(probes, keys_of(ProbesSettings))
    return tree


def _fill_sections(branch: Branch, keys: Iterable[str]) -> None:
    for key in keys:
        if key in branch.children:
            branch.children[key] = _empty_as_branch(branch.children[key])


def _empty_as_branch(node: Node) -> Node:
    is_empty = isinstance(node, Scalar) and node.value is None
    return Branch({}, node.origin) if is_empty else node


def validate_top(tree: Branch, mistakes: list[Mistake]) -> None:
    """Report unknown sections and sections that are not mappings."""
    known = keys_of(Settings)
    for key, node in tree.children.items():
        if key in ("environment", "project_root"):
            remedy = (
                "Choose it with --env or TRADING_DASHBOARD_ENV."
                if key == "environment"
                else ("It is the folder that holds config/.")
            )
            mistakes.append(mistake_at(tree, (key,), "is not set in a file.", remedy))
        elif key not in known:
            remedy = did_you_mean(key, known)
            mistakes.append(mistake_at(tree, (key,), "is not a known section.", remedy))
        elif not isinstance(node, Branch):
            mistakes.append(_not_a_mapping(tree, (key,)))


def validate_agents(tree: Branch, mistakes: list[Mistake]) -> dict[str, AgentSettings]:
    """Return the agents as far as they can be read; mistakes are reported, not repaired.

    An agent with a wrong value is returned with that value's default, so that what else is wrong
    with it can be reported too. The caller never uses it for anything but that.
    """
    agents: dict[str, AgentSettings] = {}
    section = tree.children.get("agents")
    if not isinstance(section, Branch):
        return agents
    if len(section.children) > MAX_AGENTS:
        remedy = f"Use at most {MAX_AGENTS}."
        mistakes.append(mistake_at(tree, ("agents",), "holds too many agents.", remedy))
        return agents
    for name, node in section.children.items():
        path: KeyPath = ("agents", name)
        if not isinstance(node, Branch):
            mistakes.append(_not_a_mapping(tree, path))
        elif name in RESERVED_NAMES:
            remedy = "Give the agent another name."
            mistakes.append(mistake_at(tree, path, "is a name of the desk's own.", remedy))
        elif agent := validate(AgentSettings, tree, path, mistakes, {"name": name}):
            agents[name] = agent
    return agents


def validate(
    model: type[_Model],
    tree: Branch,
    path: KeyPath,
    mistakes: list[Mistake],
    fixed: Mapping[str, Any] | None = None,
) -> _Model | None:
    """Return the section at a path as a model.

    Args:
        model: What the section must be.
        tree: The merged layers.
        path: Where the section stands; it may be missing.
        mistakes: Grows by every mistake.
        fixed: Values that are not written but known, such as an agent's name.

    Returns:
        The model, with defaults in place of wrong values; None if even that is impossible.
    """
    node, _, existing = find(tree, path)
    data = plain(node) if existing == path else {}
    if not isinstance(data, dict):
        return None  # reported with the sections
    for key in fixed or ():
        if key in data:
            remedy = "Remove it; the name is the key above." if key == "name" else "Remove it."
            mistakes.append(mistake_at(tree, (*path, key), "is not set here.", remedy))
    data |= fixed or {}
    try:
        return _parse(model, data)
    except ValidationError as error:
        errors = error.errors(include_url=False, include_input=False)
    for details in _without_echoes(errors):
        node, _, _ = find(tree, (*path, *details["loc"]))
        if not (isinstance(node, Scalar) and node.is_broken):
            mistakes.append(_explain(model, tree, path, details))
        _remove(data, details["loc"])
    try:
        return _parse(model, data)
    except ValidationError:
        return None


def _parse(model: type[_Model], data: Mapping[str, Any]) -> _Model:
    """Validate as JSON: there strict means no "5" for 5, yet lists may become tuples."""
    return model.model_validate_json(json.dumps(data), strict=True)


def _without_echoes(errors: list[ErrorDetails]) -> list[ErrorDetails]:
    """Return one error per place."""
    by_place = {error["loc"]: error for error in reversed(errors)}
    return list(reversed(by_place.values()))


def _remove(data: Any, loc: tuple[int | str, ...]) -> None:
    """Remove the value at a location; of a list, the whole list."""
    for depth, part in enumerate(loc):
        if not isinstance(data, dict) or part not in data:
            return
        child = data[part]
        if depth == len(loc) - 1 or not isinstance(child, dict):
            del data[part]
            return
        data = child


def _not_a_mapping(tree: Branch, path: KeyPath) -> Mistake:
    return mistake_at(tree, path, *_MAPPING)


def _explain(model: type[BaseModel], tree: Branch, path: KeyPath, error: ErrorDetails) -> Mistake:
    loc = tuple(part for part in error["loc"] if part != "[key]")
    if loc == ("name",):
        remedy = "Use lower-case letters, digits and underscores; begin with a letter; at most 64."
        return mistake_at(tree, path, "is not a name an agent can have.", remedy)
    full = (*path, *loc)
    node, _, existing = find(tree, full)
    if error["type"] == "extra_forbidden":
        known = keys_of(_model_at(model, loc[:-1]))
        remedy = did_you_mean(str(loc[-1]), known)
        return mistake_at(tree, full, "is not a known key.", remedy)
    if error["type"] == "missing" or existing != full:
        remedy = _MISSING.get(str(loc[-1]) if loc else "", "Add it.")
        return mistake_at(tree, full, "is missing.", remedy)
    if isinstance(node, Scalar) and node.value is None:
        return mistake_at(tree, full, "is empty.", "Give it a value, or remove the line.")
    if holds_secrets(full) and isinstance(node, Scalar):
        value = MASK if isinstance(node.value, str) else node.value
        node = replace(node, value=value, written=MASK)
    problem, remedy = _in_words(model, node, error)
    return mistake_at(tree, full, problem, remedy)


def _model_at(model: type[BaseModel], loc: tuple[int | str, ...]) -> type[BaseModel]:
    for part in loc:
        field = model.model_fields.get(str(part))
        model = (section_of(field.annotation) if field else None) or model
    return model


def _bounds_at(model: type[BaseModel], loc: tuple[int | str, ...]) -> str:
    field = _model_at(model, loc[:-1]).model_fields.get(str(loc[-1])) if loc else None
    return bounds(field) if field is not None else ""


def _a_number(node: Node) -> tuple[str, str]:
    text = node.value if isinstance(node, Scalar) else None
    if isinstance(text, str) and _PLAIN_NUMBER.match(text):
        return "is text, because of its quotes.", f"Write {text} without quotes."
    if isinstance(text, str) and _EXPONENT.match(text):
        return "is text for YAML.", "Write the number without an exponent."
    return "is not a number.", "Write a number."


def _a_whole_number(node: Node) -> tuple[str, str]:
    text = node.value if isinstance(node, Scalar) else None
    if isinstance(text, str) and _PLAIN_NUMBER.match(text) and "." not in text:
        return _a_number(node)
    return "is not a whole number.", "Write a whole number."


def _a_text(node: Node) -> tuple[str, str]:
    if isinstance(node, Scalar):
        kind = "true or false" if isinstance(node.value, bool) else "a number"
        quoted = "it" if node.written == MASK else f'"{shown(node.written)}"'
        return f"is read by YAML as {kind}.", f"Write {quoted} in quotes."
    kind = "a list" if isinstance(node, Items) else "a mapping"
    return f"is {kind}, where one text is needed.", "Write one value."


def _a_list(node: Node) -> tuple[str, str]:
    if isinstance(node, Scalar) and isinstance(node.value, str):
        items = ", ".join(f'"{word}"' for word in shown(node.value).split()[:6])
        return "is one text, where a list is needed.", f"Write it as a list, such as [{items}]."
    return "is not a list.", 'Write a list, such as ["a", "b"].'


def _in_words(model: type[BaseModel], node: Node, error: ErrorDetails) -> tuple[str, str]:
    """Return (problem, remedy) for a wrong value that is there."""
    kind, context = error["type"], error.get("ctx", {})
    if kind in _BOUND_ERRORS:
        limits = _bounds_at(model, error["loc"]) or error["msg"]
        return "is out of bounds.", f"It must be {limits}."
    if kind == "literal_error":
        expected = str(context.get("expected", "")).replace("'", "")
        value = str(node.value) if isinstance(node, Scalar) else ""
        match = nearest(value, expected.replace(" or ", ", ").split(", "))
        meant = f" Did you mean {match}?" if match and match != expected else ""
        return "is not one of the possible values.", f"Use {expected}.{meant}"
    if kind == "string_pattern_mismatch" and context.get("pattern") == "^/":
        return "does not begin with a slash.", "Write it as a path, such as /health."
    if kind == "string_pattern_mismatch" and "[1-5]" in context.get("pattern", ""):
        return "is not a status or a range of them.", 'Write it as 401 or "200-299".'
    explain = _EXPLANATIONS.get(kind)
    if explain is not None:
        return explain(node)
    return _FIXED.get(kind, (f"{error['msg']}.", "Correct the value."))


_BOUND_ERRORS = frozenset({"greater_than", "greater_than_equal", "less_than", "less_than_equal"})
_TRUTH = ("is neither true nor false.", "Write true or false, without quotes.")
_MAPPING = ("is not a mapping.", "Write its keys below it, one `key: value` a line, indented.")
_DATE = ("is not a date.", "Write a date such as 2012-09-04.")
_FIXED: Mapping[str, tuple[str, str]] = {
    "bool_type": _TRUTH,
    "bool_parsing": _TRUTH,
    "dict_type": _MAPPING,
    "model_type": _MAPPING,
    "model_attributes_type": _MAPPING,
    "string_too_short": ("is empty.", "Give it a text, or remove the line."),
    "string_too_long": ("is too long.", "Use at most 1000 characters."),
    "too_long": ("is too long.", "Keep it to 20 or fewer."),
    "date_type": _DATE,
    "date_parsing": _DATE,
    "date_from_datetime_parsing": _DATE,
    "date_from_datetime_inexact": _DATE,
}
_EXPLANATIONS: Mapping[str, Callable[[Node], tuple[str, str]]] = {
    "float_type": _a_number,
    "float_parsing": _a_number,
    "int_type": _a_whole_number,
    "int_parsing": _a_whole_number,
    "int_parsing_size": _a_whole_number,
    "int_from_float": _a_whole_number,
    "string_type": _a_text,
    "path_type": _a_text,
    "tuple_type": _a_list,
    "list_type": _a_list,
}
