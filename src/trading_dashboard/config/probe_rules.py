"""Rules that concern more than one value of a probe: which keys go with which kind and role.

Types and bounds are checked before (`validation`); rules of the agent as a whole are `consistency`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from trading_dashboard.config.origins import Branch, Items, KeyPath, Scalar, find, mistake_at
from trading_dashboard.config.settings import ProbeSettings, ProbesSettings
from trading_dashboard.models.errors import Mistake

_KEYS_OF_KIND: Mapping[str, frozenset[str]] = {
    "http": frozenset({"path", "port", "expected_status", "expected_body", "timeout_seconds"}),
    "tcp": frozenset({"port", "timeout_seconds"}),
    "command": frozenset({"command", "timeout_seconds"}),
    "log": frozenset({"pattern", "within_seconds"}),
}
_SPECIAL = frozenset().union(*_KEYS_OF_KIND.values())


def check_probes(tree: Branch, agent: KeyPath, probes: ProbesSettings) -> Iterator[Mistake]:
    """Yield what is wrong with an agent's probes beyond types and bounds."""
    for role in ProbesSettings.model_fields:
        probe: ProbeSettings | None = getattr(probes, role)
        path = (*agent, "probes", role)
        node, _, existing = find(tree, path)
        if probe is None or existing != path or not isinstance(node, Branch):
            continue
        yield from _check_keys(tree, path, node, probe.kind)
        yield from _check_needs(tree, path, probe)
        yield from _check_ranges(tree, path, probe)
        if role == "startup" and "failure_threshold" in node.children:
            remedy = f"Remove it; {agent[-1]}'s startup_timeout says when a start has failed."
            problem = "does not count during a start."
            yield mistake_at(tree, (*path, "failure_threshold"), problem, remedy)


def _check_keys(tree: Branch, path: KeyPath, node: Branch, kind: str) -> Iterator[Mistake]:
    for key, value in node.children.items():
        if isinstance(value, Scalar) and value.value is None and not value.is_broken:
            remedy = "Give it a value, or remove the line."
            yield mistake_at(tree, (*path, key), "is empty.", remedy)
        elif key in _SPECIAL - _KEYS_OF_KIND[kind]:
            kinds = " or ".join(name for name, keys in _KEYS_OF_KIND.items() if key in keys)
            remedy = f"Remove it, or write kind: {kinds}."
            yield mistake_at(tree, (*path, key), f"means nothing to a {kind} probe.", remedy)


def _check_needs(tree: Branch, path: KeyPath, probe: ProbeSettings) -> Iterator[Mistake]:
    if probe.kind == "command" and not probe.command and not _is_wrong(tree, (*path, "command")):
        remedy = 'Say what to run, such as command: ["python", "check.py"].'
        yield mistake_at(tree, (*path, "command"), "is missing, and the kind is command.", remedy)
    elif probe.command and not probe.command[0].strip():
        remedy = "Begin with the program to run."
        yield mistake_at(tree, (*path, "command", 0), "is empty.", remedy)
    if probe.kind == "log" and probe.pattern is None and not _is_wrong(tree, (*path, "pattern")):
        remedy = 'Say which text to look for, such as pattern: "connected".'
        yield mistake_at(tree, (*path, "pattern"), "is missing, and the kind is log.", remedy)


def _check_ranges(tree: Branch, path: KeyPath, probe: ProbeSettings) -> Iterator[Mistake]:
    for index, text in enumerate(probe.expected_status):
        first, _, last = text.partition("-")
        if last and int(last) < int(first):
            place = (*path, "expected_status", index)
            yield mistake_at(tree, place, "ends before it begins.", f'Write "{last}-{first}".')


def _is_wrong(tree: Branch, path: KeyPath) -> bool:
    """Return whether a value is there, so that its mistake was reported with the types."""
    node, _, existing = find(tree, path)
    return existing == path and not (isinstance(node, Items) and not node.items)
